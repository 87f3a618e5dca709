//! An edge and its origin on machines of their own, with a wire between them that is cut, mended and slow: packets are lost and
//! nobody says so, which no process that ends or sleeps shows.

use std::thread;

use crate::harness::fixtures::{photo, tiny};
use crate::harness::{Answer, Folder, Launch, Server, Wire};
use crate::purge_log::{confirmed, get, wait_for, warm};

/// An origin at the near end and an edge at the far one.
struct Apart {
    origin: Server,
    edge: Server,
    wire: Wire,
    _folder: Folder,
}

impl Apart {
    fn start() -> Self {
        let (wire, folder) = (Wire::lay(), Folder::new());
        let listen = format!("{}:0", wire.near.address);
        let origin = Launch::origin(&folder).token("secret").words(&["--edge-lease", "3s", "--listen", &listen]);
        let origin = wire.near.within(|| origin.start());
        let words = ["--edge-name", "far", "--upstream-timeout", "2s"];
        let edge = Launch::edge(&origin.url()).token("secret").words(&words);
        let edge = wire.far.within(|| edge.start());
        Self { origin, edge, wire, _folder: folder }
    }

    fn at_origin<T: Send>(&self, ask: impl FnOnce(&Server) -> T + Send) -> T {
        self.wire.near.within(|| ask(&self.origin))
    }

    fn at_edge<T: Send>(&self, ask: impl FnOnce(&Server) -> T + Send) -> T {
        self.wire.far.within(|| ask(&self.edge))
    }

    fn upload(&self, id: &str, bytes: &[u8]) {
        let put = |origin: &Server| origin.client.bearing("secret").put(&format!("/images/{id}"), bytes);
        self.at_origin(put).expect(201);
    }

    fn view(&self, id: &str) -> Answer {
        self.at_edge(|edge| get(edge, id))
    }
}

#[test]
fn behind_a_cut_wire_nothing_is_served_that_may_be_gone_and_all_the_rest_again_when_it_is_mended() {
    let apart = Apart::start();
    for (number, id) in ["fox", "owl"].into_iter().enumerate() {
        apart.upload(id, &tiny(number as u64));
        apart.at_edge(|edge| warm(edge, id));
    }
    apart.wire.cut();
    let delete = |origin: &Server| origin.client.bearing("secret").delete("/images/fox");
    let receipt = apart.at_origin(delete).expect(200).json();
    assert_eq!(confirmed(&receipt), [("far", false)], "its lease has run out by now");
    for id in ["fox", "owl"] {
        let answer = apart.view(id);
        assert!(answer.status == 502 || answer.status == 504, "{answer:?}");
    }
    apart.wire.mend();
    apart.at_edge(|edge| wait_for(edge, "following"));
    apart.view("fox").expect_problem(404, "not_found");
    assert_eq!(apart.view("owl").expect(200).header("x-cache"), "HIT", "a copy is as good as before");
}

#[test]
fn who_asks_over_a_cut_wire_is_answered_in_time_and_well_when_it_is_mended() {
    let apart = Apart::start();
    apart.upload("fox", &tiny(1));
    apart.wire.cut();
    let answer = apart.view("fox");
    assert!(answer.status == 502 || answer.status == 504, "{answer:?}");
    answer.expect_any_problem();
    apart.wire.mend();
    apart.at_edge(|edge| wait_for(edge, "following"));
    apart.view("fox").expect(200);
}

#[test]
fn a_slow_wire_carries_an_image_once_however_many_want_it() {
    let apart = Apart::start();
    apart.upload("cat", &photo("chelsea.png"));
    let whole = apart.at_origin(|origin| origin.client.get("/images/cat")).expect(200);
    apart.wire.slow_down("1mbit");
    let answers: Vec<Answer> = thread::scope(|scope| {
        let crowd: Vec<_> = (0..8).map(|_| scope.spawn(|| apart.view("cat"))).collect();
        crowd.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in answers {
        assert!(answer.expect(200).body == whole.body);
    }
    let stats = apart.at_edge(|edge| edge.client.get("/stats")).expect(200).json();
    assert_eq!(stats["edge"]["misses"], 1, "{stats}");
}
