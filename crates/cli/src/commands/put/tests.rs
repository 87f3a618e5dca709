//! Uploads against a scripted server: what is sent, what is told, and how the command ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use clap::Parser;
use ureq::http::StatusCode;

use super::*;
use crate::client::scripted::{Request, Scripted, client, metadata, problem};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    put: Put,
}

fn put(server: &Scripted, words: &[&str]) -> Put {
    Line::try_parse_from([&["put", "--url", server.url()], words].concat()).unwrap().put
}

fn store(request: &Request) -> Vec<u8> {
    match request.body.as_slice() {
        b"bad" => problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", "no image"),
        body => Scripted::answer("201 Created", "application/json", &metadata(&text(body), 1).to_string()),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn file(folder: &Path, name: &str, content: &[u8]) -> String {
    fs::write(folder.join(name), content).unwrap();
    folder.join(name).display().to_string()
}

fn exit_of(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| output::report(&error))
}

#[test]
fn labels_travel_in_the_query_and_an_id_makes_it_a_put() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "fox.png", b"\x89PNG fox");
    let server = Scripted::start(|_| Scripted::answer("200 OK", "application/json", &metadata("fox", 1).to_string()));
    let words = ["--id", "fox", "--thread", "t:1", "--title", "a & b", "--generated", "--if-match", "*", &path];
    assert_eq!(exit_of(put(&server, &words).run()), ExitCode::SUCCESS);
    let request = server.requests().remove(0);
    assert_eq!(request.method, "PUT");
    assert_eq!(request.target, "/images/fox?thread_id=t%3A1&title=a%20%26%20b&generated=true");
    assert_eq!(request.header("if-match"), Some("*"));
    assert_eq!(request.header("content-type"), Some("image/png"));
    assert_eq!(request.body, b"\x89PNG fox");
}

#[test]
fn a_large_body_asks_for_leave_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "large.png", &vec![7; 1 << 20]);
    let server = Scripted::start(|_| Scripted::answer("200 OK", "application/json", &metadata("fox", 1).to_string()));
    assert_eq!(exit_of(put(&server, &[&path]).run()), ExitCode::SUCCESS);
    let request = server.requests().remove(0);
    assert_eq!(request.header("expect"), Some("100-continue"));
    assert_eq!(request.body.len(), 1 << 20);
}

#[test]
fn a_server_that_stops_reading_fails_that_file_and_is_not_taken_for_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "huge.png", &vec![7; 16 << 20]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        head.find(|line| line.as_ref().unwrap().is_empty());
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    });
    let error = Line::parse_from(["put", "--url", &url, &path]).put.run().unwrap_err();
    server.join().unwrap();
    assert_eq!(error.to_string(), "the server did not take all of its 16.0 MiB");
    assert_eq!(output::report(&error), ExitCode::from(1));
}

#[test]
fn one_file_that_fails_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a", "bad", "b", "c", "d"].map(|name| file(folder.path(), name, name.as_bytes()));
    let server = Scripted::start(store);
    let put = put(&server, &names.each_ref().map(String::as_str));
    let inputs = inputs::gather(&put.files).unwrap();
    let tally = put.upload_all(&client(&server), &inputs, &ProgressBar::hidden()).unwrap();
    let ids: Vec<_> = tally.images().iter().map(|image| image.id.to_string()).collect();
    assert_eq!(ids, ["a", "b", "c", "d"], "in the order of the command line");
    assert_eq!(tally.row(), ["4", "0", "1", "4 B", "4 B", "0% saved"]);
    assert_eq!(exit_of(tally.conclude(5)), ExitCode::from(1));
}

#[test]
fn the_only_file_gives_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "fox.png", b"fox");
    let server = Scripted::start(|_| problem(StatusCode::CONFLICT, "conflict", "other bytes"));
    assert_eq!(exit_of(put(&server, &["--id", "fox", &path]).run()), ExitCode::from(4));
}

#[test]
fn a_server_that_refuses_is_not_asked_for_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..20).map(|n| file(folder.path(), &n.to_string(), b"x")).collect();
    let server = Scripted::start(|_| problem(StatusCode::UNAUTHORIZED, "unauthorized", "a token is needed"));
    let words: Vec<_> = ["--jobs", "1"].into_iter().chain(names.iter().map(String::as_str)).collect();
    assert_eq!(exit_of(put(&server, &words).run()), ExitCode::from(6));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_busy_server_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "fox", b"fox");
    let mut count = 0;
    let server = Scripted::start(move |request| {
        count += 1;
        if count < 3 {
            let busy = String::from_utf8(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "full")).unwrap();
            return busy.replacen("\r\n", "\r\nRetry-After: 0\r\n", 1).into_bytes();
        }
        store(request)
    });
    assert_eq!(exit_of(put(&server, &[&path]).run()), ExitCode::SUCCESS);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn several_files_do_not_fit_one_id() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (file(folder.path(), "a", b"a"), file(folder.path(), "b", b"b"));
    let server = Scripted::start(store);
    assert_eq!(exit_of(put(&server, &["--id", "x", &a, &b]).run()), ExitCode::from(2));
    assert!(server.requests().is_empty());
}
