//! Programs with OpenAI's own libraries, in Python and JavaScript, run against Orbit as they are.
//!
//! They need the libraries, which `./test openai` installs; so they are not among the tests that run without.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::fixtures::photo;
use crate::harness::{Folder, Launch, Server};

const LANGUAGES: [&str; 2] = ["Python", "JavaScript"];

/// Runs a program and reads what it printed.
fn run(language: &str, server: &Server, words: &[&str]) -> Vec<Value> {
    try_run(language, server, words).unwrap_or_else(|complaints| {
        panic!("{language} {words:?}: {complaints} (tests/openai/install.sh installs its library)")
    })
}

/// The same; what it complained of where it failed.
fn try_run(language: &str, server: &Server, words: &[&str]) -> Result<Vec<Value>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (interpreter, program) = match language {
        "Python" => (root.join("target/openai/venv/bin/python"), root.join("tests/openai/program.py")),
        _ => ("node".into(), root.join("target/openai/program.mjs")),
    };
    let output = Command::new(&interpreter)
        .arg(&program)
        .args(words)
        .env("OPENAI_BASE_URL", format!("http://{}/v1", server.address))
        .env("OPENAI_API_KEY", "sk-not-needed-on-loopback")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run tests/openai/install.sh first", interpreter.display()));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (printed, complaints) = (text(output.stdout), text(output.stderr));
    match output.status.success() {
        true => Ok(printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        false => Err(complaints),
    }
}

/// The body of what lies under a URL of the server, which a first view has from memory.
fn first_view(server: &Server, url: &Value) -> Vec<u8> {
    let base = format!("http://{}", server.address);
    let path = url.as_str().and_then(|url| url.strip_prefix(&base)).expect("an address of the server's own");
    let answer = server.client.get(path).expect(200);
    assert_eq!((answer.header("x-cache"), answer.header("content-type")), ("HIT", "image/webp"));
    answer.body
}

#[test]
#[ignore = "it needs OpenAI's libraries: `./test openai`"]
fn pictures_come_by_url_and_as_bytes() {
    for language in LANGUAGES {
        let folder = Folder::new();
        let server = Launch::serve(&folder).start();
        let got = run(language, &server, &["generate"]);
        assert_eq!(got.len(), 3, "{language}: {got:?}");
        for image in &got[..2] {
            assert!(image["bytes"].as_u64().unwrap() > 1000 && !first_view(&server, &image["url"]).is_empty());
            assert!(image["placeholder"].as_str().unwrap().starts_with('#'));
        }
        assert_eq!(got[2]["url"], Value::Null, "only the bytes were wanted");
        assert!(got[2]["bytes"].as_u64().unwrap() > 1000);
    }
}

#[test]
#[ignore = "it needs OpenAI's libraries: `./test openai`"]
fn previews_are_streamed_and_then_the_picture() {
    for language in LANGUAGES {
        let folder = Folder::new();
        let server = Launch::serve(&folder).start();
        let got = run(language, &server, &["stream"]);
        let kinds: Vec<(&str, &Value)> = got.iter().map(|it| (it["type"].as_str().unwrap(), &it["index"])).collect();
        let partial = "image_generation.partial_image";
        assert_eq!(
            kinds,
            [(partial, &json!(0)), (partial, &json!(1)), ("image_generation.completed", &Value::Null)],
            "{language}"
        );
        assert!(got.iter().all(|it| it["bytes"].as_u64().unwrap() > 100), "{got:?}");
    }
}

#[test]
#[ignore = "it needs OpenAI's libraries: `./test openai`"]
fn what_is_wrong_is_told_as_the_libraries_tell_it() {
    for language in LANGUAGES {
        let folder = Folder::new();
        let server = Launch::serve(&folder).start();
        let got = run(language, &server, &["fail"]);
        assert_eq!((&got[0]["status"], &got[1]["param"]), (&json!(400), &json!("n")), "{language}: {got:?}");
        assert!(got[0]["message"].as_str().unwrap().contains("16 to 4096 pixels"), "{got:?}");
        assert_eq!(got[2]["models"], json!(["orbit-demo"]));
    }
}

#[test]
#[ignore = "it needs OpenAI's libraries: `./test openai`"]
fn an_edit_that_nobody_can_do_is_refused_and_not_tried_again() {
    for language in LANGUAGES {
        let folder = Folder::new();
        let server = Launch::serve(&folder).start();
        let picture = folder.path().join("cup.png");
        std::fs::write(&picture, photo("coffee.png")).unwrap();
        let reason = try_run(language, &server, &["edit", picture.to_str().unwrap()]).unwrap_err();
        assert!(reason.contains("edits nothing"), "{language}: {reason}");
    }
}
