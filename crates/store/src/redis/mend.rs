//! The thread that mends: it makes the links, drives their sockets, and watches over the one that calls use.
//!
//! The first try comes at once, the next after a short pause that grows while Redis stays away, so that it is taken back
//! within half a second and is not stormed when it returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{RedisError, RedisResult};
use tokio::sync::oneshot;

use super::connection::{ANSWER_TIMEOUT, Shared, State};
use super::link::Link;

/// The pause after the first try that failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long one try may take: a cluster is asked for its servers, and sentinels for their master.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the link is pinged.
const PING_INTERVAL: Duration = Duration::from_millis(500);
/// How long a link must have held for the next outage to begin with the shortest pause.
const STEADY: Duration = Duration::from_secs(5);

/// Mends until the last handle is gone.
pub(super) async fn run(shared: Arc<Shared>, ended: oneshot::Receiver<()>) {
    tokio::select! {
        _ = ended => {}
        () = mend(&shared) => {}
    }
}

async fn mend(shared: &Shared) {
    let (mut generation, mut pause) = (0, Duration::ZERO);
    loop {
        tokio::time::sleep(pause).await;
        match connect(shared).await {
            Ok(link) => {
                generation += 1;
                let since = Instant::now();
                shared.state.send_replace(State::Up { generation, link: link.clone() });
                watch(shared, generation, link).await;
                if since.elapsed() >= STEADY {
                    pause = Duration::ZERO;
                    continue;
                }
            }
            Err(error) => shared.state.send_modify(|state| {
                if let State::Down { reason, .. } = state {
                    *reason = error.to_string().into();
                }
            }),
        }
        pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
}

/// Makes a link that answers.
async fn connect(shared: &Shared) -> RedisResult<Link> {
    let connecting = async {
        let mut link = shared.address.connect(ANSWER_TIMEOUT).await?;
        ping(&mut link).await.map(|()| link)
    };
    let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    tokio::time::timeout(TRY_TIMEOUT, connecting).await.map_err(late)?
}

/// Pings until the breaker is open.
async fn watch(shared: &Shared, generation: u64, mut link: Link) {
    let mut state = shared.state.subscribe();
    loop {
        tokio::select! {
            // Whoever opened it, this is where it is mended.
            _ = state.wait_for(|state| matches!(state, State::Down { .. })) => return,
            () = tokio::time::sleep(PING_INTERVAL) => {}
        }
        if let Err(error) = ping(&mut link).await {
            shared.open(generation, &error.to_string());
        }
    }
}

/// Asks for a key and not by `PING`: the server that has it must answer, and a cluster that is not whole says so.
async fn ping(link: &mut Link) -> RedisResult<()> {
    let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let mut question = redis::cmd("EXISTS");
    let answer = question.arg("{orbit}:ping").query_async::<u64>(link);
    tokio::time::timeout(ANSWER_TIMEOUT, answer).await.map_err(late)?.map(|_| ())
}
