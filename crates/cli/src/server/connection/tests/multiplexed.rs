//! HTTP/2: clients who keep a connection busy with everything but requests and answers.

use http_body::Body as _;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioTimer;

use super::*;

/// How long who is not cut off is watched.
const LONG: Duration = Duration::from_secs(3600);
/// How much room a client has for a body.
const ROOM: u32 = 32 << 10;
const DATA: u8 = 0;
const PING: u8 = 6;

/// A client that sends a PING every ten seconds and has `room` for so much of a body, and the connection's end.
async fn connect(room: u32) -> (SendRequest<Body>, Pin<Box<JoinHandle<()>>>) {
    let Client { stream, ended, .. } = Client::connect(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(10)).keep_alive_while_idle(true);
    builder.initial_stream_window_size(room).initial_connection_window_size(2 * ROOM);
    let (client, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    (client, ended)
}

async fn get(client: &mut SendRequest<Body>, path: &str) -> Incoming {
    let request = Request::get(format!("http://x{path}")).body(Body::empty()).unwrap();
    client.send_request(request).await.unwrap().into_body()
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, stream];
    [&head, payload].concat()
}

/// The beginning of an upload to `/echo`.
fn upload() -> Vec<u8> {
    // `:method: POST` and `:scheme: http` are indexed; the path and authority are literals.
    let fields = b"\x83\x86\x04\x05/echo\x01\x01x";
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame(4, 0, 0, b""), &*frame(1, 4, 1, fields)].concat()
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_room_for_an_answer_in_one_piece_is_cut_off() {
    for path in ["/big", "/small"] {
        let (mut client, ended) = connect(0).await;
        let _unread = get(&mut client, path).await;
        tokio::time::timeout(LONG, ended).await.expect("the end of it").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn other_requests_without_room_for_their_answers_do_not_help_it() {
    let (mut client, ended) = connect(0).await;
    let mut unread = Vec::new();
    for _ in 0..3 {
        unread.push(get(&mut client, "/small").await);
        tokio::time::sleep(Duration::from_secs(14)).await;
    }
    assert!(ended.is_finished(), "the first has waited for longer than it may");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_it_all_by_http_2_as_well() {
    let (mut client, _ended) = connect(ROOM).await;
    let mut body = get(&mut client, "/big").await;
    let mut read = 0;
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        read += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(read, 10 * PIPE);
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_there_are_only_pings_is_idle() {
    let (mut client, ended) = connect(ROOM).await;
    drop(get(&mut client, "/small").await);
    tokio::time::timeout(LONG, ended).await.expect("the end of it").unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_small_answer_is_not_kept_for_pings() {
    let (mut client, ended) = connect(1).await;
    let _unread = get(&mut client, "/small").await;
    tokio::time::timeout(LONG, ended).await.expect("the end of it").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_uploader_is_heard_and_one_who_only_pings_is_cut_off() {
    let mut client = Client::connect(true);
    let (piece, said) = (frame(DATA, 0, 1, b"slow"), b"slow".len());
    let (head, said) = piece.split_at(piece.len() - said);
    client.send(upload()).await.send(head).await;
    for byte in said {
        tokio::time::sleep(Duration::from_secs(20)).await;
        client.send([*byte]).await;
    }
    client.until("slow").await;
    let pings = async {
        while client.stream.write_all(&frame(PING, 0, 0, b"anybody?")).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    };
    tokio::time::timeout(LONG, pings).await.expect("the end of it");
    client.ended.await.unwrap();
}
