//! Fetches from a server of the test's own: what it answers, and what is made of it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A server that gives each connection the same answer and closes it.
async fn server(answer: impl Into<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.into();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/a.png")
}

fn fetcher() -> Fetcher {
    let config = Config { allow: vec!["127.0.0.1".parse().unwrap()], max_bytes: 10, ..Config::default() };
    Fetcher::new(config).unwrap()
}

async fn fetch(answer: &str) -> Result<Bytes, Error> {
    let url = server(format!("HTTP/1.1 {answer}")).await;
    fetcher().fetch(&url).await
}

#[tokio::test]
async fn a_body_comes_whole_and_within_its_limit() {
    assert_eq!(fetch("200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap().as_ref(), b"hi");
    assert_eq!(fetch("200 OK\r\n\r\nhi").await.unwrap().as_ref(), b"hi");
    for over in
        ["content-length: 11\r\n\r\n", "\r\nmore than ten", "transfer-encoding: chunked\r\n\r\nb\r\n01234567890\r\n"]
    {
        assert!(matches!(fetch(&format!("200 OK\r\n{over}")).await, Err(Error::TooLarge(_))), "{over}");
    }
}

#[tokio::test]
async fn what_the_server_does_wrong_is_no_fault_of_ours() {
    for wrong in [
        "404 No\r\n\r\nhi",
        "200 OK\r\ncontent-length: 9\r\n\r\nhi",
        "200 OK\r\ncontent-encoding: gzip\r\n\r\nhi",
        "302 Found\r\n\r\n",
        "x",
    ] {
        let error = fetch(wrong).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{wrong:?}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_three_times_at_the_most_and_never_inside() {
    let goal = server("HTTP/1.1 200 OK\r\n\r\nhi").await;
    assert_eq!(fetch(&format!("302 Found\r\nlocation: {goal}\r\n\r\n")).await.unwrap().as_ref(), b"hi");
    for bad in ["/a.png", "http://127.0.0.2/", "http://localhost:1/", "data:image/png;base64,aGk", "file:///etc/passwd"]
    {
        let error = fetch(&format!("302 Found\r\nlocation: {bad}\r\n\r\n")).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let fetcher = Fetcher { timeout: Duration::from_millis(20), ..fetcher() };
    assert!(matches!(fetcher.fetch(&url).await, Err(Error::Unavailable(_))));
}
