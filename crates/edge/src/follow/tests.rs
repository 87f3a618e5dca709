//! The edge in front of an origin that says what the test has it say: what it asks, and what it serves meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::{Request, Response};
use orbit_model::clock::Manual;
use orbit_model::{Access, PurgeRequest};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::{Config, Disk, Upstream};

const FIRST: &str = "00c0ffee00c0ffee.1-0";
const SECOND: &str = "00c0ffee00c0ffee.2-0";

#[derive(Debug, Default)]
struct Origin {
    /// What it answers to questions about its log; without more it is silent.
    answers: Mutex<VecDeque<(u16, String)>>,
    more: Notify,
    asked: Mutex<Vec<String>>,
    fetched: Mutex<Vec<String>>,
    is_down: Mutex<bool>,
}

#[async_trait::async_trait]
impl Upstream for Origin {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
        let uri = request.uri().to_string();
        if uri.starts_with("/edges/") {
            self.asked.lock().push(uri);
            loop {
                let answer = self.answers.lock().pop_front();
                if let Some((status, body)) = answer {
                    return Ok(Response::builder().status(status).body(Body::from(body)).unwrap());
                }
                self.more.notified().await;
            }
        }
        if *self.is_down.lock() {
            return Err(orbit_cache::Error::Unavailable("down".to_owned()));
        }
        self.fetched.lock().push(uri);
        let is_known = request.headers().get("if-none-match").is_some_and(|etag| etag == "\"1\"");
        let answer = Response::builder().header("etag", "\"1\"").header("cache-control", "max-age=3600");
        let (status, body) = if is_known { (304, "") } else { (200, "a fox") };
        Ok(answer.status(status).body(Body::from(body)).unwrap())
    }
}

struct Scene {
    origin: Arc<Origin>,
    edge: Edge,
    clock: Manual,
}

impl Scene {
    fn new() -> Self {
        Self::with(Config::default(), false)
    }

    fn on(disk: &TempDir) -> Self {
        let disk = Disk { dir: disk.path().to_owned(), max_bytes: 1 << 20 };
        Self::with(Config { disk: Some(disk), ..Config::default() }, false)
    }

    fn with(config: Config, is_strict: bool) -> Self {
        let origin = Arc::new(Origin::default());
        let clock = Manual::new("2026-11-23T20:30:14Z".parse().unwrap());
        let following = Following { name: "north".to_owned(), token: Some("secret".to_owned()), is_strict };
        let config = Config { follow: Some(following), ..config };
        let upstream = Arc::clone(&origin) as Arc<dyn Upstream>;
        let edge = Edge::new(config, upstream, Access::loopback_only(), Arc::new(clock.clone())).unwrap();
        Self { origin, edge, clock }
    }

    fn says(&self, status: u16, body: &str) {
        self.origin.answers.lock().push_back((status, body.to_owned()));
        self.origin.more.notify_one();
    }

    fn bulletin(&self, position: &str, change: impl FnOnce(&mut Bulletin)) {
        let position = position.parse().unwrap();
        let mut bulletin = Bulletin { position, lease_ms: 5_000, reset: false, purges: Vec::new(), fills: Vec::new() };
        change(&mut bulletin);
        self.says(200, &serde_json::to_string(&bulletin).unwrap());
    }

    /// Starts to follow, and waits until the upstream was asked so often.
    async fn asked(&self, times: usize) {
        for _ in 0..10_000 {
            if self.origin.asked.lock().len() >= times {
                return;
            }
            // The clock stands still, and moves on when nothing else is left to do.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("asked {} times in place of {times}", self.origin.asked.lock().len());
    }

    fn follow(&self) {
        let edge = self.edge.clone();
        tokio::spawn(async move { edge.follow().await });
    }

    /// Both clocks go on.
    async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::task::yield_now().await;
    }

    async fn get(&self) -> (u16, String, String) {
        let request = Request::get("/api/images/fox").header("host", "localhost").body(Body::empty()).unwrap();
        let (parts, body) = self.edge.handle(request).await.into_parts();
        let cache = parts.headers.get("x-cache").map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = to_bytes(Body::new(body), 1 << 20).await.unwrap();
        (parts.status.as_u16(), cache, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn outcome(&self) -> String {
        let (status, cache, _) = self.get().await;
        format!("{status} {cache}").trim_end().to_owned()
    }

    fn fetches(&self) -> usize {
        self.origin.fetched.lock().len()
    }

    fn state(&self) -> String {
        self.edge.follow_stats().unwrap().state
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_without_a_log_is_asked_once_a_minute_and_nothing_else_is_different() {
    for (status, body) in [(404, ""), (405, ""), (200, "<html>"), (400, "{}"), (302, ""), (501, "")] {
        let scene = Scene::new();
        scene.says(status, body);
        scene.edge.prepare().await;
        assert_eq!(scene.state(), "off", "{status}");
        assert_eq!((scene.outcome().await, scene.outcome().await), ("200 MISS".to_owned(), "200 HIT".to_owned()));
        *scene.origin.is_down.lock() = true;
        scene.pass(3_000).await;
        assert_eq!(scene.outcome().await, "200 HIT");
        scene.follow();
        tokio::task::yield_now().await;
        scene.pass(59).await;
        assert_eq!(scene.origin.asked.lock().len(), 1);
        scene.pass(2).await;
        scene.asked(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_that_is_in_trouble_has_is_not_known() {
    let scene = Scene::new();
    scene.says(503, "");
    scene.edge.prepare().await;
    assert_eq!(scene.state(), "unknown");
    assert_eq!((scene.outcome().await, scene.outcome().await), ("200 MISS".to_owned(), "200 HIT".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_silent_holds_up_the_start_for_a_second() {
    let scene = Scene::new();
    let before = Instant::now();
    scene.edge.prepare().await;
    assert_eq!((Instant::now() - before, scene.state().as_str()), (FIRST_WORD, "unknown"));
}

#[tokio::test(start_paused = true)]
async fn each_question_says_what_is_done_and_each_answer_lends_a_lease() {
    let scene = Scene::new();
    scene.bulletin(FIRST, |bulletin| bulletin.reset = true);
    scene.edge.prepare().await;
    assert_eq!(scene.state(), "following");
    scene.pass(1).await;
    assert_eq!((scene.outcome().await, scene.outcome().await), ("200 MISS".to_owned(), "200 HIT".to_owned()));
    scene.follow();
    scene.asked(2).await;
    let fox = PurgeRequest { ids: vec!["fox".parse().unwrap()], ..PurgeRequest::default() };
    scene.bulletin(SECOND, |bulletin| bulletin.purges = vec![fox]);
    scene.asked(3).await;
    assert_eq!(scene.outcome().await, "200 MISS", "it was gone before the next question was asked");
    let asked = scene.origin.asked.lock().clone();
    assert!(asked[0].starts_with("/edges/north/purges?session=") && !asked[0].contains("after="), "{asked:?}");
    assert!(asked[1].ends_with(&format!("&wait=5&after={FIRST}")) && asked[2].ends_with(&format!("&after={SECOND}")));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_runs_out_ends_the_leave_to_serve_copies_until_there_is_another() {
    let scene = Scene::new();
    scene.bulletin(FIRST, |bulletin| bulletin.reset = true);
    scene.edge.prepare().await;
    scene.pass(1).await;
    scene.outcome().await;
    scene.follow();
    scene.asked(2).await;
    scene.pass(3).await;
    assert_eq!((scene.outcome().await.as_str(), scene.state().as_str()), ("200 HIT", "following"));
    scene.pass(1).await;
    assert_eq!(scene.state(), "cut_off");
    let fetches = scene.fetches();
    assert!(scene.outcome().await.starts_with("200"));
    assert_eq!(scene.fetches(), fetches + 1, "it was asked about");
    *scene.origin.is_down.lock() = true;
    assert_eq!(scene.outcome().await, "502");
    let asked = scene.origin.asked.lock().len();
    scene.bulletin(FIRST, |_| {});
    scene.asked(asked + 1).await;
    assert_eq!((scene.outcome().await.as_str(), scene.state().as_str()), ("200 HIT", "following"));
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_ends_a_lease_too() {
    let scene = Scene::new();
    scene.bulletin(FIRST, |bulletin| bulletin.reset = true);
    scene.edge.prepare().await;
    scene.clock.advance(Duration::from_millis(1));
    scene.outcome().await;
    *scene.origin.is_down.lock() = true;
    assert_eq!(scene.outcome().await, "200 HIT");
    // The process was stopped for a while, and nothing in it has run yet.
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(scene.outcome().await, "502");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_that_there_is_more_lends_nothing() {
    let scene = Scene::with(Config::default(), true);
    scene.bulletin(FIRST, |bulletin| bulletin.lease_ms = 0);
    scene.edge.prepare().await;
    scene.outcome().await;
    *scene.origin.is_down.lock() = true;
    assert_eq!((scene.outcome().await.as_str(), scene.state().as_str()), ("502", "cut_off"));
    scene.bulletin(SECOND, |_| {});
    scene.follow();
    scene.asked(3).await;
    assert_eq!(scene.outcome().await, "200 HIT");
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_all_that_was_kept_is_asked_about() {
    let scene = Scene::new();
    scene.bulletin(FIRST, |_| {});
    scene.edge.prepare().await;
    scene.outcome().await;
    scene.follow();
    scene.bulletin(SECOND, |bulletin| bulletin.reset = true);
    scene.asked(3).await;
    scene.clock.advance(Duration::from_millis(1));
    let fetches = scene.fetches();
    assert!(scene.outcome().await.starts_with("200"));
    assert_eq!((scene.fetches(), scene.outcome().await.as_str()), (fetches + 1, "200 HIT"));
}

#[tokio::test]
async fn an_edge_with_a_disk_that_followed_a_log_waits_for_it_at_its_next_start() {
    let disk = tempfile::tempdir().unwrap();
    let scene = Scene::on(&disk);
    scene.bulletin(FIRST, |bulletin| bulletin.reset = true);
    scene.edge.prepare().await;
    drop(scene);
    let scene = Scene::on(&disk);
    assert_eq!(scene.state(), "cut_off");
    scene.says(404, "");
    scene.edge.prepare().await;
    assert_eq!(scene.state(), "cut_off", "that it has none now is no reason to serve what it had");
    scene.bulletin(SECOND, |_| {});
    scene.edge.prepare().await;
    assert_eq!(scene.state(), "following");
    assert!(scene.origin.asked.lock()[1].ends_with(&format!("&after={FIRST}")));
}

#[tokio::test(start_paused = true)]
async fn what_will_be_asked_for_is_taken_in_and_said_to_be_there() {
    let scene = Scene::new();
    scene.bulletin(FIRST, |bulletin| bulletin.fills = vec!["/api/images/fox".to_owned()]);
    scene.says(204, "");
    scene.edge.prepare().await;
    scene.asked(2).await;
    assert!(scene.origin.asked.lock()[1].starts_with("/edges/north/filled?session="));
    assert_eq!(scene.outcome().await, "200 HIT");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_refused_says_so_and_keeps_copies_as_before() {
    let scene = Scene::new();
    scene.says(401, "");
    scene.edge.prepare().await;
    assert_eq!(scene.state(), "refused");
    assert_eq!((scene.outcome().await, scene.outcome().await), ("200 MISS".to_owned(), "200 HIT".to_owned()));
    assert!(!format!("{:?}", scene.edge).contains("secret"));
}
