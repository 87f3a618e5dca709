//! Variants: which of them an edge keeps, which it refuses, and what takes them away.

use super::*;

/// Asks for these and says how many of them were hits.
async fn hits(edge: &Edge, uris: &[&str]) -> usize {
    let mut hits = 0;
    for uri in uris {
        let (status, headers, body) = send(edge, request("GET", uri)).await;
        assert_eq!(status, StatusCode::OK, "{uri}: {body}");
        hits += usize::from(text(&headers, "x-cache") == "HIT");
    }
    hits
}

fn purge(edge: &Edge, request: &str) -> u64 {
    let removed = edge.purge(&serde_json::from_str(request).unwrap());
    removed.iter().map(|removed| removed.entries).sum()
}

const FOXES: [&str; 5] = [
    "/api/images/fox",
    "/api/images/fox?w=640",
    "/api/images/fox?w=640&fm=auto",
    "/api/images/fox.webp",
    "/api/images/fox.webp?w=640",
];
const OTHERS: [&str; 3] = ["/api/images/foxes?w=640", "/api/images/owl", "/api/images/owl?w=640"];

/// An edge that has all of these.
async fn filled() -> Edge {
    let edge = Script::default().edge();
    assert_eq!(hits(&edge, &[&FOXES[..], &OTHERS].concat()).await, 0);
    assert_eq!(hits(&edge, &[&FOXES[..], &OTHERS].concat()).await, FOXES.len() + OTHERS.len());
    edge
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_without_asking() {
    let script = Script::default();
    let edge = script.edge();
    let (status, headers, body) = send(&edge, request("GET", "/api/images/fox?w=0")).await;
    assert_eq!((status, text(&headers, "cache-control")), (StatusCode::BAD_REQUEST, "no-store"));
    let problem: orbit_model::Problem = serde_json::from_str(&body).unwrap();
    let said = orbit_model::VariantQuery::parse("w=0").unwrap_err().to_string();
    assert_eq!((problem.code.as_str(), problem.detail), ("invalid", said));
    let (status, ..) = send(&edge, request("OPTIONS", "/api/images/fox?w=0")).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "which reads nothing");
    assert_eq!(script.asked(), 0);
}

#[tokio::test]
async fn a_purge_of_an_image_takes_all_its_variants() {
    let edge = filled().await;
    assert_eq!(purge(&edge, r#"{"ids":["fox"],"soft":true}"#), FOXES.len() as u64);
    assert_eq!(purge(&edge, r#"{"ids":["fox"]}"#), FOXES.len() as u64);
    assert_eq!((hits(&edge, &FOXES).await, hits(&edge, &OTHERS).await), (0, OTHERS.len()));
}

#[tokio::test]
async fn a_purge_of_a_path_takes_its_variants_and_one_with_a_query_takes_that_variant() {
    let edge = filled().await;
    assert_eq!(purge(&edge, r#"{"paths":["/api/images/fox?fm=auto&x=1&w=640"]}"#), 1);
    assert_eq!(purge(&edge, r#"{"paths":["/api/images/fox?w=0"]}"#), 0);
    assert_eq!(purge(&edge, r#"{"paths":["/api/images/fox"]}"#), 2);
    assert_eq!((hits(&edge, &FOXES).await, hits(&edge, &OTHERS).await), (2, OTHERS.len()));
}

#[tokio::test]
async fn a_write_to_an_image_takes_all_its_variants() {
    let edge = filled().await;
    let (status, ..) = send(&edge, request("DELETE", "/images/fox?w=0")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((hits(&edge, &FOXES).await, hits(&edge, &OTHERS).await), (0, OTHERS.len()));
}

#[tokio::test]
async fn in_profile_rfc_a_url_with_a_query_is_a_resource_of_its_own() {
    let config = Config { profile: Profile::Rfc, ..Config::default() };
    let clock = Arc::new(Manual::new("2026-11-23T20:30:14Z".parse().unwrap()));
    let edge = Edge::new(config, Script::default().upstream(), Access::loopback_only(), clock).unwrap();
    let uris = ["/images/fox", "/images/fox?w=0", "/images/fox?w=1"];
    assert_eq!((hits(&edge, &uris).await, hits(&edge, &uris).await), (0, 3));
    assert_eq!(purge(&edge, r#"{"paths":["localhost/images/fox"]}"#), 1);
    assert_eq!(hits(&edge, &uris).await, 2);
    send(&edge, request("DELETE", "/images/fox?w=1")).await;
    assert_eq!(hits(&edge, &uris).await, 2);
}

#[tokio::test]
async fn what_next_image_asks_for_is_the_variant_under_its_own_name() {
    let edge = Script::default().edge();
    let uris = ["/_next/image?url=%2Fapi%2Fimages%2Ffox&w=640&q=75", "/api/images/fox?fm=auto&q=75&w=640"];
    assert_eq!(hits(&edge, &uris).await, 1);
    let (status, headers, body) = send(&edge, request("HEAD", uris[0])).await;
    assert_eq!((status, text(&headers, "x-cache"), body.as_str()), (StatusCode::OK, "HIT", ""));
    for (query, said) in [
        ("?url=%2Flogo.png&w=640&q=75", "\"url\" parameter is not allowed"),
        ("?url=%2Fapi%2Fimages%2Ffox&q=75", "\"w\" parameter (width) is required"),
        ("", "\"url\" parameter is required"),
    ] {
        let (status, headers, body) = send(&edge, request("GET", &format!("/_next/image{query}"))).await;
        assert_eq!((status, body.as_str()), (StatusCode::BAD_REQUEST, said));
        assert_eq!(text(&headers, "content-type"), "text/plain; charset=utf-8");
    }
}

#[tokio::test]
async fn next_image_has_no_pictures_where_no_map_leads_to_images() {
    let config = Config { maps: vec!["/img/=/images/".parse().unwrap()], ..Config::default() };
    let clock = Arc::new(Manual::new("2026-11-23T20:30:14Z".parse().unwrap()));
    let script = Script::default();
    let edge = Edge::new(config, script.upstream(), Access::loopback_only(), clock).unwrap();
    let (status, ..) = send(&edge, request("GET", "/_next/image?url=%2Fapi%2Fimages%2Ffox&w=640&q=75")).await;
    assert_eq!((status, script.asked()), (StatusCode::NOT_FOUND, 0), "it was passed on as it is");
}
