//! The backend against a server of the test's own, which answers each request the same and keeps it.

use std::sync::Arc;

use orbit_model::Concept;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::Input;
use super::*;
use crate::fetch;

const KEY: &str = "sk-very-secret";

/// A server, and the requests that it has got.
struct Server {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let (answer, asked) = (answer.into(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !is_whole(&request) {
                    if matches!(stream.read_buf(&mut request).await, Ok(0) | Err(_)) {
                        break;
                    }
                }
                kept.lock().push(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(&answer).await;
            }
        });
        Self { base, asked }
    }

    fn backend(&self) -> OpenAi {
        let key = Some(Key::new(KEY));
        let (models, timeout) = (vec!["m".to_owned()], Duration::from_secs(20));
        let config = Config { base_url: self.base.clone(), key, models, timeout, max_bytes: 1000 };
        OpenAi::new(config, &fetcher(&[])).unwrap()
    }

    fn last(&self) -> String {
        self.asked.lock().last().cloned().unwrap()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn fetcher(allow: &[&str]) -> Fetcher {
    let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
    Fetcher::new(fetch::Config { allow, ..fetch::Config::default() }).unwrap()
}

fn request() -> Request {
    let concept = Concept {
        prompt: "a fox".to_owned(),
        style: None,
        title: None,
        model: Some("m".to_owned()),
        size: None,
        seed: Some(7),
    };
    let extra = Map::from_iter([("quality".to_owned(), json!("low")), ("n".to_owned(), json!(9))]);
    Request { concept, width: 64, height: 48, seed: 7, previews: 0, inputs: Vec::new(), extra }
}

async fn draw(answer: &str) -> Result<Picture, Error> {
    let server = Server::start(format!("HTTP/1.1 {answer}")).await;
    server.backend().generate(request(), mpsc::channel(1).0).await
}

#[tokio::test]
async fn the_request_has_the_concept_and_what_the_caller_handed_on() {
    let server =
        Server::start("HTTP/1.1 200 OK\r\n\r\n{\"data\":[{\"b64_json\":\"aGk/\",\"revised_prompt\":\"a red fox\"}]}")
            .await;
    let picture = server.backend().generate(request(), mpsc::channel(1).0).await.unwrap();
    assert_eq!(picture, Picture { bytes: Bytes::from_static(b"hi?"), revised_prompt: Some("a red fox".to_owned()) });
    let asked = server.last();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/images/generations HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("Bearer {KEY}")) && head.contains(server.base.split('/').nth(2).unwrap()), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({ "model": "m", "prompt": "a fox", "n": 1, "seed": 7, "quality": "low" }));
}

#[tokio::test]
async fn with_inputs_it_is_an_edit_as_a_form() {
    let server = Server::start("HTTP/1.1 200 OK\r\n\r\n{\"data\":[{\"b64_json\":\"aGk/\"}]}").await;
    let input = |field: &str| Input {
        field: field.to_owned(),
        file_name: "a\"b.png".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: Bytes::from_static(b"bytes of a picture"),
    };
    let request = Request { inputs: vec![input("image[]"), input("mask")], previews: 2, ..request() };
    server.backend().generate(request, mpsc::channel(1).0).await.unwrap();
    let asked = server.last();
    assert!(asked.starts_with("POST /v1/images/edits HTTP/1.1\r\n"), "{asked}");
    let boundary = asked.split("boundary=").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(asked.matches(&format!("--{boundary}")).count(), 10, "8 fields and files, and the end: {asked}");
    for part in [
        "name=\"prompt\"\r\n\r\na fox\r\n",
        "name=\"n\"\r\n\r\n1\r\n",
        "name=\"partial_images\"\r\n\r\n2\r\n",
        "name=\"stream\"\r\n\r\ntrue\r\n",
        "name=\"image[]\"; filename=\"a%22b.png\"\r\nContent-Type: image/png\r\n\r\nbytes of a picture\r\n",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
}

#[tokio::test]
async fn a_stream_brings_previews_and_then_the_picture() {
    let partial = |index, text| {
        format!(
            "event: image_generation.partial_image\ndata: {{\"type\":\"image_generation.partial_image\",\"partial_image_index\":{index},\"b64_json\":\"{text}\"}}\n\n"
        )
    };
    let last = "data: {\"type\":\"image_edit.completed\",\"b64_json\":\"aGk/\"}\n\n";
    let body =
        format!(": hello\n\n{}{}{}{last}data: [DONE]\n\n", partial(0, "AAAA"), partial(1, "%"), partial(1, "AQID"));
    let server = Server::start(format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}")).await;
    let (previews, mut shown) = mpsc::channel(4);
    let picture = server.backend().generate(Request { previews: 2, ..request() }, previews).await.unwrap();
    assert_eq!(picture.bytes.as_ref(), b"hi?");
    assert_eq!(shown.recv().await, Some(Preview { index: 0, bytes: Bytes::from_static(&[0, 0, 0]) }));
    assert_eq!(shown.recv().await, Some(Preview { index: 1, bytes: Bytes::from_static(&[1, 2, 3]) }));
    assert_eq!(shown.recv().await, None);
    let cut = format!("200 OK\r\ncontent-type: text/event-stream\r\n\r\n{}", partial(0, "AAAA"));
    assert!(matches!(draw(&cut).await, Err(Error::Failed(_))));
    let error = "200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"type\":\"error\",\"error\":{\"message\":\"out of paint\"}}\n\n";
    assert_eq!(draw(error).await, Err(Error::Failed("out of paint".to_owned())));
}

#[tokio::test]
async fn refusals_say_who_is_at_fault() {
    let error = |status: &str, message: &str| format!("{status}\r\n\r\n{{\"error\":{{\"message\":\"{message}\"}}}}");
    assert_eq!(draw(&error("400 Bad", "no foxes")).await, Err(Error::Refused("no foxes".to_owned())));
    assert_eq!(
        draw("422 Bad\r\n\r\nwhat").await,
        Err(Error::Refused("the backend answered with status 422".to_owned()))
    );
    for status in ["401 No", "403 No"] {
        let Err(Error::Refused(text)) = draw(&error(status, &format!("bad key {KEY}"))).await else {
            panic!("{status}")
        };
        assert!(text.contains("check OPENAI_API_KEY") && !text.contains(KEY), "{text}");
    }
    assert_eq!(draw(&error("400 Bad", &format!("odd: {KEY}"))).await, Err(Error::Refused("odd: (hidden)".to_owned())));
    assert_eq!(draw(&error("500 Bad", "oh")).await, Err(Error::Failed("oh".to_owned())));
    assert!(matches!(draw("302 Found\r\nlocation: /x\r\n\r\n").await, Err(Error::Failed(_))));
}

#[tokio::test]
async fn a_busy_backend_says_when_to_come_again() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:50:07 GMT\r\n";
    for (head, after) in
        [("429 Many\r\nretry-after: 7\r\n", Some(7)), ("503 No\r\n", None), (&format!("503 No\r\n{date}"), Some(30))]
    {
        let message = "slow down".to_owned();
        let busy = Error::Busy { message, retry_after: after.map(Duration::from_secs) };
        assert_eq!(draw(&format!("{head}\r\n{{\"error\":\"slow down\"}}")).await, Err(busy), "{head}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_picture_is_a_failure() {
    let giant = format!("200 OK\r\n\r\n{{\"data\":[{{\"b64_json\":\"{}\"}}]}}", "A".repeat(4000));
    for wrong in [
        "200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":[",
        "200 OK\r\ncontent-length: 99999999999\r\n\r\n{",
        "200 OK\r\n\r\n{\"data\":[{\"b64_json\":\"%%%\"}]}",
        "200 OK\r\n\r\n{\"data\":[{\"b64_json\":\"\"}]}",
        "200 OK\r\n\r\n{\"data\":[{}]}",
        "200 OK\r\n\r\n{\"data\":[]}",
        "200 OK\r\n\r\nnot json",
        "200 OK\r\n\r\n{\"data\":[{\"url\":\"http://169.254.169.254/latest\"}]}",
        "200 OK\r\n\r\n{\"data\":[{\"url\":\"file:///etc/passwd\"}]}",
        "500 Bad\r\n\r\n",
        "",
        &giant,
    ] {
        let error = draw(wrong).await.unwrap_err();
        assert!(matches!(error, Error::Failed(_)), "{wrong:.80}: {error:?}");
    }
}

#[tokio::test]
async fn a_url_of_the_backend_itself_is_fetched_and_one_of_its_neighbour_is_not() {
    let neighbour = Server::start("HTTP/1.1 200 OK\r\n\r\nhi?").await;
    let url = |base: &str| format!("200 OK\r\n\r\n{{\"data\":[{{\"url\":\"{base}/a.png\"}}]}}");
    assert!(matches!(draw(&url(&neighbour.base)).await, Err(Error::Failed(_))));
    assert!(neighbour.asked.lock().is_empty());
    assert_eq!(
        draw("200 OK\r\n\r\n{\"data\":[{\"url\":\"data:image/png;base64,aGk/\"}]}").await.unwrap().bytes.as_ref(),
        b"hi?"
    );
}

#[tokio::test]
async fn a_backend_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let timeout = Duration::from_millis(20);
    let config = Config { base_url, key: None, models: Vec::new(), timeout, max_bytes: 1000 };
    let backend = OpenAi::new(config, &fetcher(&[])).unwrap();
    assert!(backend.takes_any_model());
    assert_eq!(backend.generate(request(), mpsc::channel(1).0).await, Err(Error::Timeout(timeout)));
}

#[test]
fn a_server_elsewhere_needs_a_key_and_no_key_is_ever_shown() {
    let new = |base: &str, key: Option<&str>, allow: &[&str]| {
        let (key, timeout) = (key.map(Key::new), Duration::from_secs(1));
        OpenAi::new(
            Config { base_url: base.to_owned(), key, models: Vec::new(), timeout, max_bytes: 1 },
            &fetcher(allow),
        )
    };
    let error = new("https://api.openai.com/v1", None, &[]).unwrap_err().to_string();
    assert!(error.contains("OPENAI_API_KEY"), "{error}");
    new("https://api.openai.com/v1", Some(" "), &[]).unwrap_err();
    new("http://10.0.0.5:8188/v1", None, &[]).unwrap_err();
    new("http://10.0.0.5:8188/v1", None, &["10.0.0.0/8"]).unwrap();
    for here in ["http://localhost:8188", "http://127.0.0.1/v1/", "http://[::1]:8188/v1"] {
        new(here, None, &[]).unwrap();
    }
    for bad in ["", "api.openai.com", "ftp://a/", "https://user:pass@a/v1", "https://a/v1?key=1"] {
        new(bad, Some(KEY), &[]).unwrap_err();
    }
    let shown = format!("{:?}", new("https://api.openai.com/v1/", Some(KEY), &[]).unwrap());
    assert!(!shown.contains(KEY), "{shown}");
    let error = new("https://a", Some("sk-\u{1}"), &[]).unwrap_err();
    assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
}
