//! The doctor against a small model of a server, healthy and with one fault at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use clap::Parser;
use ureq::http::StatusCode;

use super::*;
use crate::client::scripted::{Request, Scripted, client, problem};

/// What is wrong with the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    OtherVersion,
    NotReady,
    NoCors,
    EdgeForgets,
    NoConditional,
    NoRange,
    NoStream,
    DeleteFails,
    CopyStays,
    NoToken,
}

/// Images by id, each with whether the edge has a copy.
type Images = Arc<Mutex<HashMap<String, bool>>>;

fn model(role: &'static str, fault: Fault) -> (Scripted, Images) {
    let images = Images::default();
    let kept = Arc::clone(&images);
    let server = Scripted::start(move |request| {
        let path = request.target.split('?').next().unwrap();
        match (request.method.as_str(), path) {
            (_, "/readyz") if fault == Fault::NotReady => Scripted::answer("503 Service Unavailable", "text/plain", ""),
            (_, "/healthz" | "/readyz") => Scripted::answer("200 OK", "text/plain", "ok"),
            (_, "/stats") => {
                let version = if fault == Fault::OtherVersion { "0.0.1" } else { env!("CARGO_PKG_VERSION") };
                let stats = serde_json::json!({"role": role, "version": version});
                Scripted::answer("200 OK", "application/json", &stats.to_string())
            }
            ("PUT" | "DELETE", _) if fault == Fault::NoToken => {
                problem(StatusCode::UNAUTHORIZED, "unauthorized", "a token is needed")
            }
            ("PUT", path) => {
                assert!(request.body.starts_with(b"\x89PNG"));
                kept.lock().unwrap().insert(path.replace("/images/", ""), false);
                Scripted::answer("201 Created", "application/json", "{}")
            }
            ("DELETE", path) => {
                let mut images = kept.lock().unwrap();
                if fault != Fault::CopyStays {
                    images.remove(&path.replace("/images/", ""));
                }
                match fault {
                    Fault::DeleteFails => problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "oh"),
                    _ => Scripted::answer("200 OK", "application/json", "{}"),
                }
            }
            (_, path) if path.ends_with("/events") => match fault {
                Fault::NoStream => Scripted::answer("200 OK", "text/html", "<p>"),
                _ => Scripted::stream(": hello\n\n"),
            },
            (_, path) => image(request, path, &kept, fault),
        }
    });
    (server, images)
}

fn image(request: &Request, path: &str, images: &Images, fault: Fault) -> Vec<u8> {
    let (_, id) = path.rsplit_once('/').unwrap();
    let mut images = images.lock().unwrap();
    let Some(copy) = images.get_mut(id) else {
        return problem(StatusCode::NOT_FOUND, "not_found", "no such image");
    };
    let mut headers =
        String::from("ETag: \"tag\"\r\nCache-Control: public, max-age=3600\r\nX-Content-Type-Options: nosniff\r\n");
    if fault != Fault::NoCors {
        headers.push_str("Access-Control-Allow-Origin: *\r\n");
    }
    if path.starts_with("/api/") {
        headers.push_str(if *copy {
            "X-Cache: HIT\r\nAge: 0\r\nCache-Status: orbit-edge; hit\r\n"
        } else {
            "X-Cache: MISS\r\nAge: 0\r\nCache-Status: orbit-edge; fwd=uri-miss\r\n"
        });
        *copy = fault != Fault::EdgeForgets;
    }
    let (status, body) = if request.header("if-none-match") == Some("\"tag\"") && fault != Fault::NoConditional {
        ("304 Not Modified", "")
    } else if request.header("range").is_some() && fault != Fault::NoRange {
        ("206 Partial Content", "RIFF")
    } else {
        ("200 OK", "RIFF....WEBP")
    };
    let answer = String::from_utf8(Scripted::answer(status, "image/webp", body)).unwrap();
    answer.replacen("\r\n", &format!("\r\n{headers}"), 1).into_bytes()
}

fn troubles(role: &'static str, fault: Fault) -> (Vec<(&'static str, State)>, usize) {
    let (server, images) = model(role, fault);
    let findings = examine(&client(&server)).unwrap();
    assert!(findings.iter().all(|finding| (finding.state == State::Ok) == finding.advice.is_none()), "{findings:?}");
    let troubles = findings.iter().filter(|finding| finding.state != State::Ok);
    let troubles = troubles.map(|finding| (finding.check, finding.state)).collect();
    let left = images.lock().unwrap().len();
    (troubles, left)
}

#[test]
fn a_healthy_server_passes_every_check_and_keeps_nothing() {
    let (server, images) = model("serve", Fault::None);
    let findings = examine(&client(&server)).unwrap();
    assert!(findings.iter().all(|finding| finding.state == State::Ok), "{findings:#?}");
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(
        checks,
        [
            "server",
            "ready",
            "version",
            "events",
            "upload",
            "origin",
            "edge, first",
            "edge, again",
            "revalidation",
            "range",
            "removal",
        ]
    );
    assert!(images.lock().unwrap().is_empty());
}

#[test]
fn each_fault_is_found_by_its_check_and_the_image_is_removed_all_the_same() {
    for (fault, check, state) in [
        (Fault::OtherVersion, "version", State::Warning),
        (Fault::NotReady, "ready", State::Failed),
        (Fault::NoCors, "origin", State::Failed),
        (Fault::EdgeForgets, "edge, again", State::Failed),
        (Fault::NoConditional, "revalidation", State::Failed),
        (Fault::NoRange, "range", State::Failed),
        (Fault::NoStream, "events", State::Failed),
        (Fault::DeleteFails, "removal", State::Failed),
        (Fault::NoToken, "upload", State::Failed),
    ] {
        assert_eq!(troubles("serve", fault), (vec![(check, state)], 0), "{fault:?}");
    }
}

#[test]
fn a_copy_that_stays_after_its_removal_is_found() {
    assert_eq!(troubles("serve", Fault::CopyStays), (vec![("removal", State::Failed)], 1));
}

#[test]
fn an_origin_alone_is_not_asked_for_an_edge() {
    let (server, _) = model("origin", Fault::None);
    let findings = examine(&client(&server)).unwrap();
    assert!(findings.iter().all(|finding| finding.state == State::Ok), "{findings:#?}");
    assert!(!server.requests().iter().any(|request| request.target.starts_with("/api/")));
}

#[test]
fn a_failure_makes_the_exit_code_and_a_lone_warning_does_not() {
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        doctor: Doctor,
    }
    let folder = tempfile::tempdir().unwrap();
    for (fault, code) in [(Fault::OtherVersion, 0), (Fault::NoCors, 1)] {
        let (server, _) = model("serve", fault);
        let words = ["doctor", "--json", "--url", server.url(), "--data-dir", folder.path().to_str().unwrap()];
        let doctor = Line::parse_from(words).doctor;
        assert_eq!(doctor.run(|_| true).unwrap(), ExitCode::from(code), "{fault:?}");
    }
}

#[test]
fn without_a_server_there_is_one_finding_that_says_how_to_start_one() {
    let (server, _) = model("serve", Fault::None);
    let client = client(&server);
    drop(server);
    let findings = examine(&client).unwrap();
    assert_eq!(findings.len(), 1);
    assert!(findings[0].advice.as_ref().unwrap().contains("orbit serve"), "{findings:?}");
}
