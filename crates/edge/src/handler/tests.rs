//! The edge in front of a scripted upstream: what comes out, byte for byte and header for header.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use http::request::Builder;
use orbit_model::clock::Manual;

use axum::body::Body;

use super::*;
use crate::ServiceUpstream;

mod variants;

const BODY: &str = "0123456789";

#[derive(Clone, Default)]
struct Script {
    asked: Arc<AtomicUsize>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Script {
    fn upstream(&self) -> Arc<dyn Upstream> {
        let script = self.clone();
        let image = move |Path(id): Path<String>, headers: HeaderMap| async move {
            script.asked.fetch_add(1, Ordering::SeqCst);
            script.headers.lock().unwrap().push(headers);
            let fields = [
                ("etag", "\"e\""),
                ("cache-control", "public, max-age=3600, immutable"),
                ("content-type", "image/webp"),
            ];
            match id.as_str() {
                "gone" => (StatusCode::NOT_FOUND, fields, "no such image"),
                _ => (StatusCode::OK, fields, BODY),
            }
        };
        let router = Router::new()
            .route("/images/{id}", get(image).delete(|| async { "deleted" }))
            .route("/images", post(|body: String| async move { body }));
        Arc::new(ServiceUpstream::new(router))
    }

    fn edge(&self) -> Edge {
        self.edge_and_clock().0
    }

    fn edge_and_clock(&self) -> (Edge, Manual) {
        let clock = Manual::new("2026-11-23T20:30:14Z".parse().unwrap());
        let access = Access::loopback_only();
        let edge = Edge::new(Config::default(), self.upstream(), access, Arc::new(clock.clone())).unwrap();
        (edge, clock)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn request(method: &str, uri: &str) -> Builder {
    Request::builder().method(method).uri(uri).header("host", "localhost")
}

async fn send(edge: &Edge, request: Builder) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = edge.handle(request.body(Body::empty()).unwrap()).await.into_parts();
    let body = to_bytes(Body::new(body), 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_first_request_is_a_miss_and_the_second_a_hit() {
    let script = Script::default();
    let edge = script.edge();
    let (status, miss, body) = send(&edge, request("GET", "/api/images/fox")).await;
    assert_eq!((status, text(&miss, "x-cache"), body.as_str()), (StatusCode::OK, "MISS", BODY));
    assert_eq!(text(&miss, "cache-status"), "orbit-edge; fwd=uri-miss; fwd-status=200; stored");
    let (status, hit, body) = send(&edge, request("GET", "/api/images/fox")).await;
    assert_eq!((status, text(&hit, "x-cache"), body.as_str()), (StatusCode::OK, "HIT", BODY));
    assert_eq!(text(&hit, "cache-status"), "orbit-edge; hit; ttl=3600; detail=memory");
    assert_eq!((text(&hit, "age"), text(&hit, "content-length"), text(&hit, "etag")), ("0", "10", "\"e\""));
    assert!(text(&hit, "server-timing").starts_with("cache;desc=\"HIT\";dur="));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn conditional_range_and_head_requests_are_answered_from_memory() {
    let script = Script::default();
    let edge = script.edge();
    send(&edge, request("GET", "/api/images/fox")).await;
    let fox = |method| request(method, "/api/images/fox");
    let (status, headers, body) = send(&edge, fox("GET").header("if-none-match", "\"e\"")).await;
    assert_eq!((status, text(&headers, "etag"), body.as_str()), (StatusCode::NOT_MODIFIED, "\"e\"", ""));
    assert_eq!(text(&headers, "cache-control"), "public, max-age=3600, immutable");
    let (status, headers, body) = send(&edge, fox("GET").header("range", "bytes=2-4")).await;
    assert_eq!(
        (status, text(&headers, "content-range"), body.as_str()),
        (StatusCode::PARTIAL_CONTENT, "bytes 2-4/10", "234")
    );
    let (status, headers, _) = send(&edge, fox("GET").header("range", "bytes=10-")).await;
    assert_eq!((status, text(&headers, "content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */10"));
    let (status, headers, body) = send(&edge, fox("HEAD")).await;
    assert_eq!((status, text(&headers, "content-length"), body.as_str()), (StatusCode::OK, "10", ""));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn unknown_parameters_add_no_entry() {
    let script = Script::default();
    let edge = script.edge();
    for n in 0..100 {
        send(&edge, request("GET", &format!("/api/images/fox?x={n}"))).await;
    }
    assert_eq!((script.asked(), edge.cache.usage()[0].1.entries), (1, 1));
}

#[tokio::test]
async fn that_there_is_no_such_image_is_kept_for_a_moment_only() {
    let script = Script::default();
    let (edge, clock) = script.edge_and_clock();
    for (x_cache, asked) in [("MISS", 1), ("HIT", 1), ("MISS", 2)] {
        let (status, headers, body) = send(&edge, request("GET", "/api/images/gone")).await;
        assert_eq!(
            (status, text(&headers, "x-cache"), body.as_str()),
            (StatusCode::NOT_FOUND, x_cache, "no such image")
        );
        assert_eq!(script.asked(), asked);
        clock.advance(Duration::from_secs(3));
    }
}

#[tokio::test]
async fn nothing_of_the_client_but_the_path_reaches_the_upstream_on_a_miss() {
    let script = Script::default();
    let edge = script.edge();
    let client = request("GET", "/api/images/fox")
        .header("x-forwarded-host", "evil")
        .header("range", "bytes=0-1")
        .header("cookie", "a=b");
    send(&edge, client).await;
    let seen = script.headers.lock().unwrap();
    assert_eq!(seen[0].keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["via", "cdn-loop"]);
}

#[tokio::test]
async fn a_request_with_credentials_is_answered_by_the_upstream_alone() {
    let script = Script::default();
    let edge = script.edge();
    for _ in 0..2 {
        let (status, headers, _) =
            send(&edge, request("GET", "/api/images/fox").header("authorization", "Bearer x")).await;
        assert_eq!(
            (status, text(&headers, "cache-status")),
            (StatusCode::OK, "orbit-edge; fwd=bypass; fwd-status=200")
        );
    }
    assert_eq!((script.asked(), edge.cache.usage()[0].1.entries), (2, 0));
}

#[tokio::test]
async fn writes_do_not_go_through_the_public_prefix() {
    let edge = Script::default().edge();
    for method in ["POST", "PUT", "DELETE", "PATCH", "PURGE"] {
        let (status, headers, _) = send(&edge, request(method, "/api/images/fox")).await;
        assert_eq!(
            (status, text(&headers, "allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS"),
            "{method}"
        );
    }
    let (status, headers, _) = send(&edge, request("OPTIONS", "/api/images/fox")).await;
    assert_eq!((status, text(&headers, "access-control-allow-methods")), (StatusCode::NO_CONTENT, "GET, OPTIONS"));
}

#[tokio::test]
async fn a_delete_that_passes_through_takes_the_copy_away() {
    let script = Script::default();
    let edge = script.edge();
    send(&edge, request("GET", "/api/images/fox")).await;
    send(&edge, request("GET", "/api/images/fox.webp")).await;
    let (status, headers, _) = send(&edge, request("DELETE", "/images/fox")).await;
    assert_eq!((status, text(&headers, "cache-status")), (StatusCode::OK, "orbit-edge; fwd=method; fwd-status=200"));
    assert_eq!(edge.cache.usage()[0].1.entries, 0);
}

#[tokio::test]
async fn a_purge_before_an_upstream_that_knows_none_drops_the_copies() {
    let script = Script::default();
    let edge = script.edge();
    send(&edge, request("GET", "/api/images/fox")).await;
    let purge = request("POST", "/purge").body(Body::from(r#"{"ids":["fox"]}"#)).unwrap();
    let response = edge.handle(purge).await;
    let receipt: orbit_model::Receipt =
        serde_json::from_slice(&to_bytes(Body::new(response.into_body()), 9999).await.unwrap()).unwrap();
    assert_eq!((receipt.removed[0].tier.as_str(), receipt.removed[0].entries), ("memory", 1));
    let (_, headers, _) = send(&edge, request("GET", "/api/images/fox")).await;
    assert_eq!(text(&headers, "x-cache"), "MISS");
}

#[tokio::test]
async fn a_purge_from_another_site_is_refused() {
    let edge = Script::default().edge();
    let purge = request("POST", "/purge").header("origin", "https://evil.example");
    let (status, headers, body) = send(&edge, purge).await;
    assert_eq!((status, text(&headers, "content-type")), (StatusCode::FORBIDDEN, "application/problem+json"));
    assert!(body.contains("\"code\":\"forbidden\""));
}

#[tokio::test]
async fn an_edge_that_points_at_itself_is_told_so() {
    #[derive(Debug)]
    struct Mirror(std::sync::OnceLock<Edge>);
    #[async_trait::async_trait]
    impl Upstream for Mirror {
        async fn send(&self, request: Request<Body>) -> Result<Response<Body>, orbit_cache::Error> {
            Ok(self.0.get().unwrap().handle(request).await.map(Body::new))
        }
    }
    let mirror = Arc::new(Mirror(std::sync::OnceLock::new()));
    let clock = Arc::new(Manual::new(jiff::Timestamp::UNIX_EPOCH));
    let edge =
        Edge::new(Config::default(), Arc::clone(&mirror) as Arc<dyn Upstream>, Access::loopback_only(), clock).unwrap();
    mirror.0.set(edge.clone()).unwrap();
    let (status, ..) = send(&edge, request("GET", "/api/images/fox")).await;
    assert_eq!(status, StatusCode::LOOP_DETECTED);
    let (status, ..) = send(&edge, request("GET", "/anything")).await;
    assert_eq!(status, StatusCode::LOOP_DETECTED);
}

#[tokio::test]
async fn every_body_is_its_own() {
    let router = Router::new().route("/images/{id}", get(|Path(id): Path<String>| async move { id.repeat(100) }));
    let clock = Arc::new(Manual::new(jiff::Timestamp::UNIX_EPOCH));
    let edge = Edge::new(
        Config::default(),
        Arc::new(ServiceUpstream::new(router)) as Arc<dyn Upstream>,
        Access::loopback_only(),
        clock,
    )
    .unwrap();
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..64 * 50 {
        let edge = edge.clone();
        clients.spawn(async move {
            let id = format!("image-{}", n % 64);
            let (_, _, body) = send(&edge, request("GET", &format!("/api/images/{id}"))).await;
            assert_eq!(body, id.repeat(100));
        });
    }
    clients.join_all().await;
}
