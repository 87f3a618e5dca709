//! The listening socket, and who gets the connections that come.
//!
//! One thread accepts and hands each connection to the thread that has the fewest: left to themselves, the threads that
//! are awake win all the races for a shared socket, and a few busy connections end up on one core. Connections beyond
//! the limit wait in the kernel until another ends.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, TcpKeepalive, Type};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// After how long a silent connection is asked whether anybody is there, and how often from then on.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The most connections where nobody says how many.
const MOST_CONNECTIONS: usize = 65_536;
/// How long to wait when no connection can be accepted.
const REST: Duration = Duration::from_millis(50);
/// How often it is told that the connections are used up.
const TELL: Duration = Duration::from_secs(10);

/// Listens on an address; port 0 takes a free one.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener> {
    let explain =
        || format!("cannot listen on {address}: choose another address with --listen, or port 0 for a free one");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // The port may be bound again at once after a restart; another process that listens still keeps us out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Connections inherit these. A small answer is one packet, and waiting to fill it would only delay it.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    socket.bind(&address.into()).with_context(explain)?;
    socket.listen(BACKLOG).with_context(explain)?;
    Ok(socket.into())
}

/// How many connections there may be: as asked for, or as the process's open files allow, whose limit is raised as far as
/// it goes.
pub(super) fn places(asked: Option<usize>) -> usize {
    let files = raised_open_files();
    asked.unwrap_or_else(|| default_places(files))
}

/// Half of the open files: the other half is for what a connection may need besides, such as one to the upstream.
fn default_places(files: Option<u64>) -> usize {
    let half = files.map_or(MOST_CONNECTIONS, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
    half.clamp(1, MOST_CONNECTIONS)
}

fn raised_open_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// A connection's place among all, and on its thread; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _one: OwnedSemaphorePermit,
    load: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Relaxed);
    }
}

/// A thread that serves connections, as seen by the one that accepts them.
#[derive(Debug)]
pub(super) struct Lane {
    door: UnboundedSender<(TcpStream, Place)>,
    load: Arc<AtomicUsize>,
}

impl Lane {
    pub(super) fn new(door: UnboundedSender<(TcpStream, Place)>) -> Self {
        Self { door, load: Arc::default() }
    }
}

/// Accepts connections until `stop` is cancelled, and hands each to the lane with the fewest.
pub(super) async fn accept(
    listener: TcpListener,
    places: usize,
    lanes: Vec<Lane>,
    stop: CancellationToken,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let free = Arc::new(Semaphore::new(places));
    let mut told = None;
    loop {
        if free.available_permits() == 0 && told.is_none_or(|told: Instant| told.elapsed() > TELL) {
            tracing::warn!(connections = places, "all connections are in use; more wait (--max-connections)");
            told = Some(Instant::now());
        }
        let next = async {
            let one = Arc::clone(&free).acquire_owned().await?;
            let (stream, _) = listener.accept().await?;
            Ok::<_, anyhow::Error>((one, stream.into_std()?))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            accepted = next => accepted,
        };
        match accepted {
            Ok((one, stream)) => hand_over(&lanes, one, stream),
            Err(error) => {
                // Out of file descriptors, most often: let some connections end before the next try.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

fn hand_over(lanes: &[Lane], one: OwnedSemaphorePermit, stream: TcpStream) {
    let Some(lane) = lanes.iter().min_by_key(|lane| lane.load.load(Relaxed)) else { return };
    lane.load.fetch_add(1, Relaxed);
    // A lane that is gone has ended with the process.
    let _ = lane.door.send((stream, Place { _one: one, load: Arc::clone(&lane.load) }));
}

#[cfg(test)]
pub(super) fn any_place() -> Place {
    let one = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    Place { _one: one, load: Arc::new(AtomicUsize::new(1)) }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(default_places(Some(1024)), 512);
        assert_eq!(default_places(Some(1)), 1);
        assert_eq!(default_places(None), MOST_CONNECTIONS);
        assert_eq!(default_places(Some(u64::MAX)), MOST_CONNECTIONS);
    }

    #[tokio::test]
    async fn each_connection_goes_to_the_lane_that_has_the_fewest() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (lanes, mut doors): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| {
                let (door, inside) = unbounded_channel();
                (Lane::new(door), inside)
            })
            .unzip();
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, 7, lanes, stop.clone()));
        let _clients: Vec<_> = (0..6).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut held = Vec::new();
        for door in &mut doors {
            held.push([door.recv().await.unwrap(), door.recv().await.unwrap()]);
        }
        drop(held.remove(1));
        let _seventh = TcpStream::connect(address).unwrap();
        assert!(doors[1].recv().await.is_some(), "the lane that has none");
        stop.cancel();
        accepting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_wait_for_a_place() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (door, mut inside) = unbounded_channel();
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, 1, vec![Lane::new(door)], stop.clone()));
        let _clients: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
        let first = inside.recv().await.unwrap();
        tokio::task::yield_now().await;
        assert!(inside.try_recv().is_err());
        drop(first);
        assert!(inside.recv().await.is_some());
        stop.cancel();
        accepting.await.unwrap().unwrap();
        assert!(inside.recv().await.is_none(), "the lane knows that nothing more comes");
    }

    #[test]
    fn a_port_that_is_taken_stays_with_who_has_it() {
        let first = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err().to_string();
        assert!(error.contains("cannot listen on"), "{error}");
    }
}
