//! Limit: the least that an HTTP server can do, so that every other server's cost has something to be measured by.
//!
//! Each thread has a listener of its own on the one port (`SO_REUSEPORT`) and an edge-triggered epoll loop: read, look for
//! the end of a head, answer with one `writev` of bytes made at the start. No path, no field and no method is looked at.
//! `hit-cost` starts it as a process of its own (`orbit-bench limit`), so that its time is counted as any server's.

use std::io::{ErrorKind, IoSlice, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread;

use anyhow::{Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

const BACKLOG: i32 = 4096;
/// The epoll datum of the listener; a connection's is its descriptor.
const LISTENER: u64 = u64::MAX;
/// What makes a read worth it; anything else is room to write on.
const READABLE: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::HUP).union(EventFlags::ERR);

/// How `limit` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The port on the loopback address; 0 picks one, which the first line of output names.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The length of every answer's body.
    #[arg(long)]
    bytes: usize,
    /// Loops, each on a thread of its own.
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// Answers until the process is ended.
#[expect(clippy::print_stdout, reason = "the first line names the address, as Orbit's does")]
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let answer = Answer::new(arguments.bytes);
    let mut listeners = vec![listen(arguments.port)?];
    let address = listeners[0].local_addr()?;
    for _ in 1..arguments.threads {
        listeners.push(listen(address.port())?);
    }
    println!("listening on http://{address}");
    thread::scope(|scope| {
        let loops: Vec<_> = listeners.into_iter().map(|listener| scope.spawn(|| serve(listener, &answer))).collect();
        loops.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| bail!("a loop panicked")))
    })
}

/// The one answer, whole.
#[derive(Debug)]
struct Answer {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Answer {
    fn new(bytes: usize) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: image/webp\r\nContent-Length: {bytes}\r\n\r\n");
        Self { head: head.into_bytes(), body: vec![b'x'; bytes] }
    }

    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// What is left of it after `sent` bytes.
    fn rest(&self, sent: usize) -> [IoSlice<'_>; 2] {
        let of_body = sent.saturating_sub(self.head.len()).min(self.body.len());
        [IoSlice::new(&self.head[sent.min(self.head.len())..]), IoSlice::new(&self.body[of_body..])]
    }
}

/// A client, and how far its requests and our answer are.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    head_end: HeadEnd,
    /// Requests read and not wholly answered.
    owed: usize,
    /// Bytes of the current answer that the kernel has.
    sent: usize,
}

impl Connection {
    /// Reads and writes what can be; `false` where the client is gone.
    fn advance(&mut self, readable: bool, answer: &Answer, buffer: &mut [u8]) -> bool {
        if readable && !self.read(buffer) {
            return false;
        }
        self.write(answer)
    }

    fn read(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.owed += self.head_end.count(&buffer[..count]);
                    // A short read has emptied the socket: what comes later is a new event.
                    if count < buffer.len() {
                        return true;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    fn write(&mut self, answer: &Answer) -> bool {
        while self.owed > 0 {
            match self.stream.write_vectored(&answer.rest(self.sent)) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return false,
            }
            // A short write has filled the socket: room in it is a new event.
            if self.sent < answer.len() {
                return true;
            }
            self.sent = 0;
            self.owed -= 1;
        }
        true
    }
}

/// How many bytes of the empty line that ends a head came last.
#[derive(Debug, Default)]
struct HeadEnd(u8);

impl HeadEnd {
    /// Counts the heads that end in these bytes.
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut heads = 0;
        for &byte in bytes {
            self.0 = match (self.0, byte) {
                (0 | 2, b'\r') | (1, b'\n') => self.0 + 1,
                (3, b'\n') => {
                    heads += 1;
                    0
                }
                (_, b'\r') => 1,
                _ => 0,
            };
        }
        heads
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_socket_reuseport(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// One loop over all clients of one listener.
fn serve(listener: TcpListener, answer: &Answer) -> Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 4096];
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let (key, flags) = (event.data.u64(), event.flags);
            if key == LISTENER {
                accept(&listener, &epoll, &mut connections)?;
                continue;
            }
            let Some(slot) = connections.get_mut(key as usize) else { continue };
            let readable = flags.intersects(READABLE);
            if slot.as_mut().is_some_and(|connection| !connection.advance(readable, answer, &mut buffer)) {
                *slot = None;
            }
        }
    }
}

/// Takes every client that waits.
fn accept(listener: &TcpListener, epoll: &impl std::os::fd::AsFd, into: &mut Vec<Option<Connection>>) -> Result<()> {
    // A failed accept is the client's trouble, and is asked for again if it waits still.
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let key = stream.as_raw_fd() as usize;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &stream, EventData::new_u64(key as u64), flags)?;
        if into.len() <= key {
            into.resize_with(key + 1, || None);
        }
        into[key] = Some(Connection { stream, head_end: HeadEnd::default(), owed: 0, sent: 0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_counted_however_they_are_cut() {
        let two = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(HeadEnd::default().count(two), 2);
        for cut in 0..two.len() {
            let mut end = HeadEnd::default();
            assert_eq!(end.count(&two[..cut]) + end.count(&two[cut..]), 2, "cut at {cut}");
        }
        assert_eq!(HeadEnd::default().count(b"a\r\n\rb\n\r\n"), 0);
    }

    #[test]
    fn the_rest_of_an_answer_goes_on_where_it_stopped() {
        let answer = Answer::new(10);
        let whole = [answer.head.clone(), answer.body.clone()].concat();
        for sent in 0..whole.len() {
            assert_eq!(answer.rest(sent).concat_bytes(), whole[sent..], "after {sent}");
        }
    }

    #[test]
    fn two_requests_in_one_write_get_two_answers() {
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener, &Answer::new(300_000)));
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answers = vec![0; 2 * Answer::new(300_000).len()];
        client.read_exact(&mut answers).unwrap();
        assert!(answers.starts_with(b"HTTP/1.1 200 OK\r\n") && answers.ends_with(b"x"));
    }

    trait ConcatBytes {
        fn concat_bytes(&self) -> Vec<u8>;
    }

    impl ConcatBytes for [IoSlice<'_>; 2] {
        fn concat_bytes(&self) -> Vec<u8> {
            self.iter().flat_map(|slice| slice.iter().copied()).collect()
        }
    }
}
