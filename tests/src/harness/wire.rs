//! Two machines and the wire between them: network namespaces, each with a loopback of its own, joined by a pair of virtual cards.
//!
//! A socket belongs to the namespace of the thread that opens it, and a process to that of the thread that starts it; so whatever is
//! done within a machine happens there. Nothing of it is seen from outside, and all of it goes with the test.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The card of each machine.
const CARD: &str = "wire";

/// A wire, and what is at its ends.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) near: Machine,
    pub(crate) far: Machine,
}

/// A machine with one card.
#[derive(Debug)]
pub(crate) struct Machine {
    name: String,
    /// Its address on the wire.
    pub(crate) address: &'static str,
}

impl Wire {
    /// Two machines that reach each other, and nobody else.
    pub(crate) fn lay() -> Self {
        static WIRES: AtomicU32 = AtomicU32::new(0);
        let number = WIRES.fetch_add(1, Ordering::Relaxed);
        let machine =
            |end: &str, address| Machine::new(format!("orbit-{}-{number}-{end}", std::process::id()), address);
        let wire = Self { near: machine("near", "10.77.0.1"), far: machine("far", "10.77.0.2") };
        let (near, far) = (&wire.near.name, &wire.far.name);
        ip(&format!("link add {CARD} netns {near} type veth peer name {CARD} netns {far}"));
        for machine in [&wire.near, &wire.far] {
            ip(&format!("-n {} address add {}/24 dev {CARD}", machine.name, machine.address));
            ip(&format!("-n {} link set {CARD} up", machine.name));
        }
        wire
    }

    /// Cuts it at the near end: what the far one sends is lost, and no word comes back that says so.
    pub(crate) fn cut(&self) {
        ip(&format!("-n {} link set {CARD} down", self.near.name));
    }

    /// Joins it again.
    pub(crate) fn mend(&self) {
        ip(&format!("-n {} link set {CARD} up", self.near.name));
    }

    /// Lets no more through from the near end than this, as `tc` reads it.
    pub(crate) fn slow_down(&self, rate: &str) {
        let line = format!("-n {} qdisc add dev {CARD} root tbf rate {rate} burst 4kb latency 10s", self.near.name);
        run("tc", &line);
    }
}

impl Machine {
    fn new(name: String, address: &'static str) -> Self {
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link set lo up"));
        Self { name, address }
    }

    /// Does something on this machine.
    pub(crate) fn within<T: Send>(&self, something: impl FnOnce() -> T + Send) -> T {
        let there = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let done = thread::scope(|scope| {
            let there = scope.spawn(move || {
                move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                something()
            });
            there.join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(line: &str) {
    run("ip", line);
}

fn run(program: &str, line: &str) {
    let output = Command::new(program).args(line.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; install iproute2 (apt install iproute2)"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program} {line}`, which root may do: {said}");
}
