//! Jobs against a scripted server: what is asked for, and that every image is told once, however the stream behaves.

use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::client::scripted::{Scripted, client, metadata};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    generate: Generate,
}

fn generate(words: &[&str]) -> Generate {
    Line::try_parse_from([&["generate"], words].concat()).unwrap().generate
}

fn job(state: &str, images: &[(&str, &str)]) -> Value {
    let list = images.iter().enumerate().map(
        |(index, (id, state))| json!({"index": index, "id": id, "url": format!("/api/images/{id}"), "state": state}),
    );
    json!({
        "job": "job_1", "url": "/generations/job_1", "thread_id": "t", "state": state, "total": images.len(),
        "completed": 0, "failed": 0, "images": list.collect::<Vec<_>>(), "events": "/threads/t/events?after=1-0",
    })
}

fn progress(place: usize, job: &str, index: usize, id: &str) -> String {
    let data = json!({
        "thread_id": "t", "job": job, "index": index, "total": 2, "completed": 1, "image": metadata(id, 9),
    });
    format!("id: 1-{place}\nevent: concept_progress\ndata: {data}\n\n")
}

/// Answers of a server whose job is in `state` whenever it is asked, and whose stream has these connections.
fn server(job: Value, connections: Vec<String>) -> Scripted {
    let mut connections = connections.into_iter();
    Scripted::start(move |request| {
        let path = request.target.split('?').next().unwrap();
        match path {
            "/generations" | "/generations/job_1" => Scripted::answer("200 OK", "application/json", &job.to_string()),
            "/threads/t/events" => Scripted::stream(&connections.next().unwrap_or_default()),
            other => {
                let id = other.trim_start_matches("/images/").trim_end_matches("/meta");
                Scripted::answer("200 OK", "application/json", &metadata(id, 9).to_string())
            }
        }
    })
}

fn follow(server: &Scripted, job: Value) -> (Vec<String>, Vec<String>, usize) {
    let client = client(server);
    let mut follow = Follow::new(&client, &serde_json::from_value(job).unwrap());
    let mut told = Vec::new();
    while let Some(news) = follow.next().unwrap() {
        told.push(match news {
            News::Image(image) => image.id.to_string(),
            News::Failed { index, message } => format!("{index}: {message}"),
        });
    }
    let (images, failed) = follow.finish();
    (told, images.iter().map(|image| image.id.to_string()).collect(), failed)
}

#[test]
fn copies_count_up_from_the_seed_and_prompts_are_concepts() {
    let request = generate(&["fox", "owl", "--count", "2", "--seed", "7", "--style", "hero"]).request().unwrap();
    let concepts: Vec<_> =
        request.concepts.iter().map(|concept| (concept.prompt.as_str(), concept.seed.unwrap())).collect();
    assert_eq!(concepts, [("fox", 7), ("fox", 8), ("owl", 7), ("owl", 8)]);
    assert!(request.concepts.iter().all(|concept| concept.style.as_deref() == Some("hero")));
    assert!(request.thread_id.as_str().starts_with("cli-"));
}

#[test]
fn copies_without_a_seed_differ_and_a_single_image_leaves_the_seed_to_the_generator() {
    let seeds = |words: &[&str]| -> Vec<_> {
        generate(words).request().unwrap().concepts.iter().map(|concept| concept.seed).collect()
    };
    let copies = seeds(&["fox", "--count", "2"]);
    assert!(copies[0].is_some() && copies[0] != copies[1], "{copies:?}");
    assert_eq!(seeds(&["fox", "owl"]), [None, None]);
}

#[test]
fn two_runs_have_two_threads() {
    let thread = || generate(&["fox"]).request().unwrap().thread_id;
    assert_ne!(thread(), thread());
}

#[test]
fn images_are_told_as_they_come_and_given_in_order() {
    let running = job("running", &[("a", "queued"), ("b", "queued")]);
    let stream = [progress(1, "other", 0, "x"), progress(2, "job_1", 1, "b"), progress(3, "job_1", 0, "a")].concat();
    let server = server(running.clone(), vec![stream]);
    let (told, images, failed) = follow(&server, running);
    assert_eq!(told, ["b", "a"]);
    assert_eq!((images, failed), (vec!["a".to_owned(), "b".to_owned()], 0));
}

#[test]
fn what_a_stream_repeats_after_a_cut_is_told_once() {
    let running = job("running", &[("a", "queued"), ("b", "queued")]);
    let first = format!("retry: 0\n{}data: cut", progress(1, "job_1", 0, "a"));
    let second = [progress(1, "job_1", 0, "a"), progress(2, "job_1", 1, "b")].concat();
    let server = server(running.clone(), vec![first, second]);
    let (told, _, failed) = follow(&server, running);
    assert_eq!((told, failed), (vec!["a".to_owned(), "b".to_owned()], 0));
    let cursors: Vec<_> =
        server.requests().iter().filter_map(|r| r.header("last-event-id").map(str::to_owned)).collect();
    assert_eq!(cursors, ["1-1"]);
}

#[test]
fn a_job_that_ended_without_a_word_is_asked() {
    let ended = job("cancelled", &[("a", "done"), ("b", "cancelled")]);
    let server = server(ended, vec![": heartbeat\n\n".to_owned()]);
    let (told, images, failed) = follow(&server, job("queued", &[("a", "queued"), ("b", "queued")]));
    assert_eq!(told, ["a", "1: cancelled"]);
    assert_eq!((images, failed), (vec!["a".to_owned()], 1));
}

#[test]
fn an_image_that_fails_makes_the_command_fail_after_the_others_came() {
    let running = job("running", &[("a", "queued"), ("b", "queued")]);
    let data = json!({
        "thread_id": "t", "job": "job_1", "index": 1, "total": 2, "completed": 2, "code": "internal", "message": "oh",
    });
    let stream = format!("{}event: concept_failed\ndata: {data}\n\n", progress(1, "job_1", 0, "a"));
    let (told, _, failed) = follow(&server(running.clone(), vec![stream.clone()]), running.clone());
    assert_eq!((told, failed), (vec!["a".to_owned(), "1: oh (internal)".to_owned()], 1));

    let server = server(running, vec![stream]);
    let error = generate(&["fox", "--json", "--url", server.url()]).run().unwrap_err();
    assert_eq!(error.to_string(), "1 of 2 images did not come");
}

#[test]
fn no_wait_opens_no_stream() {
    let server = server(job("queued", &[("a", "queued")]), Vec::new());
    let code = generate(&["fox", "--wait", "--no-wait", "--url", server.url()]).run().unwrap();
    assert_eq!(code, ExitCode::SUCCESS);
    assert_eq!(server.requests().len(), 1);
}
