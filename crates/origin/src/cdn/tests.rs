//! CDNs as scripted servers: what they are asked, what becomes of their answers, and what survives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use orbit_model::clock::Manual;
use orbit_model::{LetterState, PurgeRequest, Removed, tags};
use orbit_store::Letters;
use parking_lot::Mutex;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{AwsKeys, Cdns, Config, Secret, Secrets};
use crate::Fetcher;
use crate::fetch;

/// A server that answers from a script, then with 200, and keeps what it was asked.
#[derive(Debug, Clone)]
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<VecDeque<String>>>,
}

impl Server {
    async fn start(script: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = Arc::new(Mutex::new(script.iter().map(|&answer| answer.to_owned()).collect()));
        let server = Self { address, asked: Arc::default(), script };
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.answer(stream).await;
            }
        });
        server
    }

    async fn answer(&self, mut stream: TcpStream) {
        let mut text = Vec::new();
        while !is_whole(&text) {
            if stream.read_buf(&mut text).await.unwrap() == 0 {
                return;
            }
        }
        self.asked.lock().push(String::from_utf8(text).unwrap());
        let answer = self.script.lock().pop_front().unwrap_or_else(|| "200 OK".to_owned());
        let (status, rest) = answer.split_once('\n').unwrap_or((&answer, ""));
        let (field, body) = rest.split_once('\n').unwrap_or((rest, ""));
        let field = if field.is_empty() { String::new() } else { format!("{field}\r\n") };
        let length = body.len();
        let text = format!("HTTP/1.1 {status}\r\n{field}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
        let _ = stream.write_all(text.as_bytes()).await;
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    fn last(&self) -> String {
        self.asked().pop().unwrap_or_default()
    }
}

fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn config(url: &str) -> Config {
    let secrets = Secrets {
        fastly: Secret::new("fastly-hunter2"),
        cloudflare: Secret::new("cloudflare-hunter2"),
        aws: AwsKeys::new("AKIDEXAMPLE", "aws-hunter2", None),
    };
    let public_base_url = "https://cdn.example.com".to_owned();
    let (urls, again_after) = (vec![url.to_owned()], Duration::ZERO);
    Config { urls, secrets, public_base_url, again_after, wait: Duration::from_secs(5) }
}

async fn open(config: Config, folder: &TempDir) -> Cdns {
    let outbox = Letters::open(&folder.path().join("outbox.sqlite")).await.unwrap();
    let clock = Arc::new(Manual::new(Timestamp::from_second(1_800_000_000).unwrap()));
    let fetcher = Fetcher::new(fetch::Config::default()).unwrap();
    Cdns::open(config, outbox, &fetcher, clock).await.unwrap()
}

/// Opened and tended.
async fn start(config: Config, folder: &TempDir) -> Cdns {
    let cdns = open(config, folder).await;
    let tended = cdns.clone();
    tokio::spawn(async move { tended.tend().await });
    cdns
}

fn fox() -> PurgeRequest {
    PurgeRequest { ids: vec!["fox".parse().unwrap()], ..PurgeRequest::default() }
}

fn all() -> PurgeRequest {
    PurgeRequest { all: true, ..PurgeRequest::default() }
}

fn thread() -> PurgeRequest {
    PurgeRequest { threads: vec!["t:1".parse().unwrap()], tags: vec!["style:pop art".to_owned()], ..fox() }
}

/// The only part of a receipt.
fn only(removed: Vec<Removed>) -> Removed {
    let [one] = <[Removed; 1]>::try_from(removed).unwrap();
    one
}

#[tokio::test]
async fn fastly_is_told_surrogate_keys() {
    let (server, folder) = (Server::start(&[]).await, TempDir::new().unwrap());
    let cdns = start(config(&format!("fastly://SU1Z0?api=http://{}", server.address)), &folder).await;
    let removed = only(cdns.purge(&thread()).await);
    assert_eq!((removed.tier.as_str(), removed.entries, removed.failed), ("cdn:fastly", 3, None));
    let asked = server.last();
    assert!(asked.starts_with("POST /service/SU1Z0/purge HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("fastly-key: fastly-hunter2\r\n") && !asked.contains("soft-purge"), "{asked}");
    let body = json!({ "surrogate_keys": ["fox", tags::of_style("pop art"), "thread:t:1"] });
    assert!(asked.ends_with(&body.to_string()), "{asked}");
    only(cdns.purge(&PurgeRequest { soft: true, ..fox() }).await);
    assert!(server.last().contains("fastly-soft-purge: 1\r\n"));
    only(cdns.purge(&all()).await);
    assert!(server.last().starts_with("POST /service/SU1Z0/purge_all HTTP/1.1\r\n"));
    only(cdns.purge(&PurgeRequest { soft: true, all: true, ..fox() }).await);
    assert!(server.last().ends_with(r#"{"surrogate_keys":["fox"]}"#), "everything is marked as stale by its names");
    assert!(cdns.unconfirmed().await.unwrap().is_empty());
}

#[tokio::test]
async fn cloudflare_is_told_tags_and_counts_only_success() {
    let yes = "200 OK\n\n{\"success\":true,\"errors\":[]}";
    let no = "200 OK\nretry-after: 0\n{\"success\":false,\"errors\":[{\"code\":1,\"message\":\"not now\"}]}";
    let (server, folder) = (Server::start(&[yes, no, yes, yes]).await, TempDir::new().unwrap());
    let cdns = start(config(&format!("cloudflare://023e?api=http://{}/client/v4", server.address)), &folder).await;
    assert_eq!(only(cdns.purge(&thread()).await).failed, None);
    let asked = server.last();
    assert!(asked.starts_with("POST /client/v4/zones/023e/purge_cache HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer cloudflare-hunter2\r\n"), "{asked}");
    let body = json!({ "tags": ["fox", tags::of_style("pop art"), "thread:t:1"] });
    assert!(asked.ends_with(&body.to_string()), "{asked}");
    let removed = only(cdns.purge(&all()).await);
    assert_eq!((removed.failed, server.asked().len()), (None, 3), "told again until it says yes");
    assert!(server.last().ends_with(r#"{"purge_everything":true}"#));
    assert_eq!(cdns.purge(&PurgeRequest { soft: true, ..fox() }).await, [], "it cannot mark as stale");
}

#[tokio::test]
async fn cloudflare_by_files_is_told_urls_a_hundred_at_a_time() {
    let (server, folder) = (Server::start(&[]).await, TempDir::new().unwrap());
    server.script.lock().extend((0..9).map(|_| "200 OK\n\n{\"success\":true}".to_owned()));
    let url = format!("cloudflare://z?by=files&api=http://{}", server.address);
    let cdns = start(config(&url), &folder).await;
    let ids = (0..60).map(|number| format!("fox-{number}").parse().unwrap()).collect();
    only(cdns.purge(&PurgeRequest { ids, ..PurgeRequest::default() }).await);
    let asked = server.asked();
    let counts: Vec<usize> =
        asked.iter().map(|text| text.matches("https://cdn.example.com/api/images/").count()).collect();
    assert_eq!(counts, [100, 20]);
    assert!(asked[0].contains(r#"{"files":["https://cdn.example.com/api/images/fox-0.webp","#), "{}", asked[0]);
}

#[tokio::test]
async fn cloudfront_is_told_paths_in_a_signed_request() {
    let busy = "400 Bad Request\nretry-after: 0\n<Code>TooManyInvalidationsInProgress</Code>";
    let (server, folder) = (Server::start(&[busy, "201 Created"]).await, TempDir::new().unwrap());
    let cdns = start(config(&format!("cloudfront://EDFDV?api=http://{}", server.address)), &folder).await;
    assert_eq!(only(cdns.purge(&fox()).await).failed, None);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "what is too much passes");
    let body = |text: &str| text.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&asked[0]), body(&asked[1]), "the same purge has the same reference");
    assert!(asked[0].starts_with("POST /2020-05-31/distribution/EDFDV/invalidation HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/us-east-1/cloudfront/"));
    assert!(asked[0].contains("<Paths><Quantity>1</Quantity><Items><Path>/api/images/fox*</Path></Items></Paths>"));
    assert!(!asked[0].contains("aws-hunter2"));
    let ids = (0..16).map(|number| format!("fox-{number}").parse().unwrap()).collect();
    only(cdns.purge(&PurgeRequest { ids, ..PurgeRequest::default() }).await);
    assert_eq!(server.asked().len(), 4, "fifteen paths a request");
    only(cdns.purge(&all()).await);
    assert!(server.last().contains("<Path>/api/images/*</Path>"));
}

#[tokio::test]
async fn caches_of_ones_own_are_told_by_methods() {
    let (server, folder) = (Server::start(&["200 OK\nn-gone: 7"]).await, TempDir::new().unwrap());
    let urls = ["varnish+xkey", "ban", "purge"].map(|kind| format!("{kind}://{}", server.address));
    let cdns = start(Config { urls: urls[..1].to_vec(), ..config("") }, &folder).await;
    assert_eq!(only(cdns.purge(&thread()).await).entries, 7, "as many as the cache counted");
    let asked = server.last();
    assert!(asked.starts_with("PURGE / HTTP/1.1\r\n"), "{asked}");
    let field = format!("xkey-purge: fox {} thread:t:1\r\n", tags::of_style("pop art"));
    assert!(asked.contains(&field), "{asked}");
    only(cdns.purge(&PurgeRequest { soft: true, ..fox() }).await);
    assert!(server.last().contains("xkey-softpurge: fox\r\n"));
    let cdns = start(Config { urls: urls[1..2].to_vec(), ..config("") }, &TempDir::new().unwrap()).await;
    only(cdns.purge(&fox()).await);
    assert!(server.last().starts_with("BAN / HTTP/1.1\r\nx-cache-tags: (^|,)(fox)(,|$)\r\n"), "{}", server.last());
    let cdns = start(Config { urls: urls[2..].to_vec(), ..config("") }, &TempDir::new().unwrap()).await;
    server.script.lock().push_back("404 Not Found".to_owned());
    assert_eq!(only(cdns.purge(&fox()).await).failed, None, "what is not there is gone");
    assert!(server.last().starts_with("PURGE /api/images/fox.webp HTTP/1.1\r\n"), "{}", server.last());
    let failed = only(cdns.purge(&all()).await).failed.unwrap();
    assert!(failed.contains("cannot be told to drop everything"), "{failed}");
}

#[tokio::test]
async fn what_fails_in_passing_is_told_again_and_a_refusal_waits_for_an_operator() {
    let script = ["503 Busy\nretry-after: 0", "403 Forbidden\n\nbad token fastly-hunter2"];
    let (server, folder) = (Server::start(&script).await, TempDir::new().unwrap());
    let cdns = start(config(&format!("fastly://S?api=http://{}", server.address)), &folder).await;
    let removed = only(cdns.purge(&fox()).await);
    let why = removed.failed.unwrap();
    assert!(why.starts_with("it answered 403: bad token (hidden)") && why.contains("POST /cdn/failed"), "{why}");
    let letters = cdns.unconfirmed().await.unwrap();
    assert_eq!((letters.len(), letters[0].state, letters[0].attempts), (1, LetterState::Failed, 2));
    assert_eq!(letters[0].to, "fastly://S");
    assert!(cdns.retry(&[99]).await.unwrap().len() == 1, "of another number");
    assert!(cdns.retry(&[]).await.unwrap().is_empty(), "told once more");
    assert_eq!(server.asked().len(), 3);
    assert!(!cdns.forget(1).await.unwrap());
}

#[tokio::test]
async fn a_purge_does_not_wait_for_a_cdn_that_wants_to_be_left_alone() {
    let (server, folder) = (Server::start(&["429 Slow\nretry-after: 60"]).await, TempDir::new().unwrap());
    let cdns = start(config(&format!("fastly://S?api=http://{}", server.address)), &folder).await;
    let first = only(cdns.purge(&fox()).await).failed.unwrap();
    assert!(first.starts_with("it answered 429; it is told again"), "{first}");
    let second = only(cdns.purge(&thread()).await).failed.unwrap();
    assert_eq!((second, server.asked().len()), (first, 1), "the second waits with it, unasked");
    assert_eq!(cdns.unconfirmed().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_not_confirmed_survives_a_restart() {
    let (server, folder) = (Server::start(&[]).await, TempDir::new().unwrap());
    let config = config(&format!("fastly://S?api=http://{}", server.address));
    // Nobody tends it: as if the process had ended in between.
    let cdns = open(Config { wait: Duration::ZERO, ..config.clone() }, &folder).await;
    let failed = only(cdns.purge(&fox()).await).failed.unwrap();
    assert!(failed.contains("has not answered yet"), "{failed}");
    drop(cdns);
    let cdns = start(config, &folder).await;
    assert!(cdns.retry(&[]).await.unwrap().is_empty());
    assert!(server.last().contains("\"fox\""), "{}", server.last());
}

#[tokio::test]
async fn a_letter_for_a_cdn_that_is_gone_stays_until_it_is_forgotten() {
    let folder = TempDir::new().unwrap();
    let cdns = open(Config { wait: Duration::ZERO, ..config("ban://127.0.0.1:9") }, &folder).await;
    only(cdns.purge(&fox()).await);
    drop(cdns);
    let cdns = start(config("ban://127.0.0.1:10"), &folder).await;
    assert_eq!(cdns.retry(&[]).await.unwrap().len(), 1);
    assert!(cdns.forget(1).await.unwrap());
    assert!(cdns.unconfirmed().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_comes_together_goes_together_and_one_that_is_refused_fails_alone() {
    let refused = "400 Bad Request";
    let (server, folder) = (Server::start(&[refused]).await, TempDir::new().unwrap());
    let config = config(&format!("fastly://S?api=http://{}", server.address));
    let cdns = open(Config { wait: Duration::ZERO, ..config.clone() }, &folder).await;
    let owl = PurgeRequest { ids: vec!["owl".parse().unwrap()], ..PurgeRequest::default() };
    cdns.purge(&fox()).await;
    cdns.purge(&owl).await;
    drop(cdns);
    server.script.lock().push_back(refused.to_owned());
    let cdns = start(config, &folder).await;
    let failed = loop {
        let letters = cdns.unconfirmed().await.unwrap();
        if letters.iter().all(|letter| letter.state == LetterState::Failed) {
            break letters;
        }
    };
    let asked = server.asked();
    for (asked, named) in asked.iter().zip([r#"["fox","owl"]"#, r#"["fox"]"#, r#"["owl"]"#]) {
        assert!(asked.contains(named), "{asked}");
    }
    assert_eq!((asked.len(), failed.len(), failed[0].id), (3, 1, 1), "{failed:?}");
}

#[tokio::test]
async fn a_confirmed_purge_is_told_once_more_for_what_was_on_its_way() {
    let (server, folder) = (Server::start(&[]).await, TempDir::new().unwrap());
    let config = config(&format!("varnish+xkey://{}", server.address));
    let cdns = start(Config { again_after: Duration::from_millis(1), ..config }, &folder).await;
    assert_eq!(only(cdns.purge(&fox()).await).failed, None);
    while server.asked().len() < 2 {
        tokio::task::yield_now().await;
    }
    let asked = server.asked();
    assert_eq!(asked[0], asked[1]);
    assert!(cdns.unconfirmed().await.unwrap().is_empty(), "what was confirmed is no failure");
}
