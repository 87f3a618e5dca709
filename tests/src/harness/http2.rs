//! One request of HTTP/2, written frame by frame (RFC 9113) over whatever stream there is: enough to see that the other side
//! speaks it.

use std::io::{Read, Write};

/// What opens a connection: the preface and settings without a change.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` in the static table of HPACK (RFC 7541 appendix A), as an indexed field.
const OK: u8 = 0x88;

/// Sends a GET and returns whether it was answered 200, and the body.
pub(crate) fn get_by_http2(mut stream: impl Read + Write, path: &str) -> (bool, Vec<u8>) {
    // `:method: GET` and `:scheme: https` are indexed; the path and authority are literals.
    let mut fields = vec![0x82, 0x87];
    for (name, value) in [(4, path), (1, "localhost")] {
        fields.extend([name, u8::try_from(value.len()).unwrap()]);
        fields.extend(value.as_bytes());
    }
    let length = u8::try_from(fields.len()).unwrap();
    stream.write_all(OPENING).unwrap();
    stream.write_all(&[0, 0, length, HEADERS, END_HEADERS | END_STREAM, 0, 0, 0, 1]).unwrap();
    stream.write_all(&fields).unwrap();
    let (mut ok, mut body) = (false, Vec::new());
    loop {
        let (kind, flags, payload) = frame(&mut stream);
        match kind {
            HEADERS => ok = payload.contains(&OK),
            DATA => body.extend(payload),
            _ => continue,
        }
        if flags & END_STREAM != 0 {
            return (ok, body);
        }
    }
}

fn frame(stream: &mut impl Read) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).unwrap();
    (head[3], head[4], payload)
}
