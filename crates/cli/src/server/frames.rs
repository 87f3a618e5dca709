//! Which of the bytes of an HTTP/2 connection are part of a request or an answer.
//!
//! PINGs, settings and window updates cost a client nothing and may come for ever: by them alone no connection is alive.
//! Frames are told apart by their heads only (RFC 9113 section 4.1), wherever the bytes are cut. [`super::socket`] asks;
//! whether frames make sense is hyper's affair.

/// The bytes of a frame before its payload.
const HEAD: usize = 9;
/// What a client's connection preface begins with, in bytes; frames follow.
const PREFACE: usize = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// The kinds of frames that count.
    kinds: &'static [u8],
    head: [u8; HEAD],
    /// How much of the next head is known.
    known: usize,
    /// How much of the payload, or of the preface, is to come.
    left: usize,
    counts: bool,
}

impl Frames {
    /// What a client sends: requests and their bodies count.
    pub(super) fn of_client() -> Self {
        Self { left: PREFACE, ..Self::new(&[DATA, HEADERS, CONTINUATION]) }
    }

    /// What we send: only bodies count, for which the client must make room. A header is taken by everybody.
    pub(super) fn of_server() -> Self {
        Self::new(&[DATA])
    }

    fn new(kinds: &'static [u8]) -> Self {
        Self { kinds, head: [0; HEAD], known: 0, left: 0, counts: false }
    }

    /// Takes the next bytes, and says whether any of them count.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut any = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let length = self.left.min(bytes.len());
                any |= self.counts;
                self.left -= length;
                bytes = &bytes[length..];
                continue;
            }
            let length = (HEAD - self.known).min(bytes.len());
            self.head[self.known..self.known + length].copy_from_slice(&bytes[..length]);
            self.known += length;
            bytes = &bytes[length..];
            if self.known == HEAD {
                let [a, b, c, kind, ..] = self.head;
                self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                self.counts = self.kinds.contains(&kind);
                self.known = 0;
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 1];
        frame.extend(vec![DATA; length.into()]);
        frame
    }

    #[test]
    fn the_payload_of_a_body_counts_and_what_http_2_says_of_itself_does_not() {
        let mut ours = Frames::of_server();
        for (kind, length, counts) in
            [(4, 6, false), (PING, 8, false), (DATA, 5, true), (DATA, 0, false), (HEADERS, 5, false)]
        {
            assert_eq!(ours.pass(&frame(kind, length)), counts, "{kind} {length}");
        }
        let mut theirs = Frames::of_client();
        assert!(!theirs.pass(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        for (kind, counts) in
            [(4, false), (HEADERS, true), (CONTINUATION, true), (8, false), (DATA, true), (PING, false)]
        {
            assert_eq!(theirs.pass(&frame(kind, 4)), counts, "{kind}");
        }
    }

    #[test]
    fn it_does_not_matter_where_the_bytes_are_cut() {
        let bytes = [frame(PING, 8), frame(DATA, 3), frame(PING, 8)].concat();
        let counts = |length: usize| {
            let mut frames = Frames::of_server();
            bytes.chunks(length).map(|piece| frames.pass(piece)).collect::<Vec<_>>()
        };
        let payload = 17 + 9;
        let expected: Vec<_> = (0..bytes.len()).map(|at| (payload..payload + 3).contains(&at)).collect();
        assert_eq!(counts(1), expected);
        for length in 2..=bytes.len() {
            assert!(counts(length).iter().any(|&any| any), "{length}");
        }
    }

    #[test]
    fn a_long_frame_is_as_long_as_it_says() {
        let mut frames = Frames::of_server();
        assert!(!frames.pass(&[1, 0, 1, DATA, 0, 0, 0, 0, 1]));
        assert!(frames.pass(&[0; 0x1_0000]));
        assert!(frames.pass(&[0]));
        assert!(!frames.pass(&frame(PING, 8)));
    }
}
