//! Stalled: a subscriber that asks for its thread's events and never reads one, made to be in the server's way.
//!
//! Kernels take megabytes before a writer feels that nobody reads. So it has the smallest buffer there is, and the thread is filled
//! with jobs until the server's side of the connection takes no more, as the kernel itself says.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::net::TcpSocket;

use crate::exchange::{self, Exchange};

/// Images of a job: the event of its end tells of them all.
const IMAGES: usize = 100;
/// Jobs after which it is given up.
const MOST_JOBS: usize = 60;

/// The reader that never reads.
#[derive(Debug)]
pub(super) struct Stalled {
    exchange: Exchange,
    server: SocketAddr,
}

impl Stalled {
    /// Subscribes to the thread and has jobs drawn in it until the connection is full.
    pub(super) async fn fill(server: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(1)?;
        let mut exchange = Exchange::new(socket.connect(server).await?);
        exchange.send(&exchange::request("GET", "/threads/fan/events?after=$")).await?;
        let stalled = Self { exchange, server };
        let mut listener = exchange::open_one(server).await?;
        listener.listen(&exchange::request("GET", "/threads/fan/events?after=$")).await?;
        let mut asking = exchange::open_one(server).await?;
        let mut held = 0;
        for job in 0..MOST_JOBS {
            draw(&mut asking, &mut listener, job).await?;
            let now = stalled.held_bytes()?;
            if now > 0 && now == held {
                return Ok(stalled);
            }
            held = now;
        }
        bail!("{MOST_JOBS} jobs did not fill a connection that nobody reads: the kernel holds {held} bytes")
    }

    /// What the kernel holds at the server's side and could not hand over.
    pub(super) fn held_bytes(&self) -> Result<u64> {
        let text = fs::read_to_string("/proc/net/tcp")?;
        let held = unsent(&text, self.server.port(), self.exchange.port()?);
        held.context("the server has cut the reader off that never reads")
    }
}

/// Has a job's images drawn, and waits for its end.
async fn draw(asking: &mut Exchange, listener: &mut Exchange, job: usize) -> Result<()> {
    // Words as long as they may be make the events long.
    let words = "long ".repeat(39);
    let concept = |image: usize| json!({ "prompt": format!("image {image} of {job}: picture 0"), "title": words, "style": words, "size": "64x64" });
    let concepts: Vec<_> = (0..IMAGES).map(concept).collect();
    asking.send(&exchange::post("/generations", &json!({ "thread_id": "fan", "concepts": concepts }))).await?;
    let (head, body) = asking.answer().await?;
    if head.status != 202 {
        bail!("a job was answered with {}: {}", head.status, String::from_utf8_lossy(&body));
    }
    while let Some(told) = listener.next_event().await? {
        match told.name.as_str() {
            "concepts_generated" => return Ok(()),
            "concept_failed" => bail!("a concept failed: {}", told.data),
            _ => {}
        }
    }
    bail!("the thread's stream ended")
}

/// Bytes in the send queue of the socket with this local and this remote port, as `/proc/net/tcp` tells it in hexadecimal.
fn unsent(table: &str, local: u16, remote: u16) -> Option<u64> {
    let port = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, from, to, _, queues, ..] = fields.as_slice() else { return None };
        if (port(from)?, port(to)?) != (local, remote) {
            return None;
        }
        u64::from_str_radix(queues.split_once(':')?.0, 16).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_send_queue_is_found_by_both_ports() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
             1: 0100007F:1F90 0100007F:D431 01 0027A0C0:00000000 01:00000014 00000000     0\n\
             2: 0100007F:D431 0100007F:1F90 01 00000000:00000900 00:00000000 00000000     0\n";
        assert_eq!(unsent(table, 8080, 54321), Some(0x27_A0C0));
        assert_eq!(unsent(table, 54321, 8080), Some(0));
        assert_eq!(unsent(table, 8080, 1), None);
    }
}
