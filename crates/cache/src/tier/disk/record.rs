//! The record: one entry as the bytes of one file, so that what is not whole is known for what it is.
//!
//! ```text
//! 0   magic and version    8 bytes
//! 8   length of the head   4, little endian as all numbers
//! 12  length of the body   8
//! 20  CRC-32 of the head, of both lengths and of the body's CRC   4
//! 24  CRC-32 of the body   4
//! 28  the mark of a soft purge: 0x00 or 0xff, the one byte that is ever changed in place; then 3 of padding
//! 32  head: key, status, time, freshness, selecting fields, header fields; then the body, to the end of the file
//! ```
//!
//! The file system is trusted with nothing: a file that is cut, longer, changed or another's is no record. Pure functions;
//! `folder` does the reading and writing.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use orbit_model::CacheKey;

use crate::policy::freshness::Freshness;
use crate::policy::vary::Vary;
use crate::{Entry, Head};

/// The version is part of it: what another version wrote is foreign.
const MAGIC: [u8; 8] = *b"orbit\0d1";
/// The longest head, so that a foreign file cannot make us take gigabytes of memory, in bytes.
pub(super) const MAX_HEAD: usize = 16 << 20;
/// The length of all that stands before the head, in bytes.
pub(super) const PREAMBLE: usize = 32;
/// Where the mark of a soft purge stands.
pub(super) const MARK_AT: u64 = 28;
/// The mark of an entry that a soft purge made stale.
pub(super) const SOFT_PURGED: u8 = 0xff;
const UNMARKED: u8 = 0x00;

/// What stands before the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preamble {
    /// Bytes of the head.
    pub(super) head_len: usize,
    /// Bytes of the body.
    pub(super) body_len: u64,
    /// Whether a soft purge made the entry stale.
    pub(super) is_soft_purged: bool,
    head_crc: u32,
    body_crc: u32,
}

impl Preamble {
    /// Reads it; `None` where these bytes begin no record.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = Reader(bytes.get(..PREAMBLE)?);
        if rest.array()? != MAGIC {
            return None;
        }
        let head_len = usize::try_from(u32::from_le_bytes(rest.array()?)).ok().filter(|len| *len <= MAX_HEAD)?;
        let body_len = u64::from_le_bytes(rest.array()?);
        let head_crc = u32::from_le_bytes(rest.array()?);
        let body_crc = u32::from_le_bytes(rest.array()?);
        let is_soft_purged = match rest.array()? {
            [UNMARKED, 0, 0, 0] => false,
            [SOFT_PURGED, 0, 0, 0] => true,
            _ => return None,
        };
        Some(Self { head_len, body_len, is_soft_purged, head_crc, body_crc })
    }

    /// The length of the whole file.
    pub(super) fn file_len(&self) -> Option<u64> {
        self.body_len.checked_add((PREAMBLE + self.head_len) as u64)
    }

    /// Reads the head that follows; `None` where it is not the one that was written.
    pub(super) fn read_head(&self, head: &[u8]) -> Option<(CacheKey, Head)> {
        if head.len() != self.head_len || head_crc(head, self.body_len, self.body_crc) != self.head_crc {
            return None;
        }
        let (key, head) = decode_head(head)?;
        if self.is_soft_purged {
            head.soft_purge();
        }
        Some((key, head))
    }
}

/// What stands before `head` and `body` in their file.
pub(super) fn preamble(head: &[u8], body: &[u8], is_soft_purged: bool) -> [u8; PREAMBLE] {
    let body_len = body.len() as u64;
    let body_crc = crc32fast::hash(body);
    let head_len = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&head_len.to_le_bytes());
    bytes[12..20].copy_from_slice(&body_len.to_le_bytes());
    bytes[20..24].copy_from_slice(&head_crc(head, body_len, body_crc).to_le_bytes());
    bytes[24..28].copy_from_slice(&body_crc.to_le_bytes());
    bytes[28] = if is_soft_purged { SOFT_PURGED } else { UNMARKED };
    bytes
}

/// Reads a whole file; `None` where it is no record, or not the one that was written.
pub(super) fn decode(file: &Bytes) -> Option<(CacheKey, Entry)> {
    let preamble = Preamble::read(file)?;
    if preamble.file_len()? != file.len() as u64 {
        return None;
    }
    let body_at = PREAMBLE + preamble.head_len;
    let (key, head) = preamble.read_head(&file[PREAMBLE..body_at])?;
    let body = file.slice(body_at..);
    (crc32fast::hash(&body) == preamble.body_crc).then(|| (key, Entry { head: head.into(), body }))
}

fn head_crc(head: &[u8], body_len: u64, body_crc: u32) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&(head.len() as u64).to_le_bytes());
    crc.update(&body_len.to_le_bytes());
    crc.update(&body_crc.to_le_bytes());
    crc.update(head);
    crc.finalize()
}

/// The head of an entry under `key`, without the mark of a soft purge.
pub(super) fn encode_head(key: &CacheKey, head: &Head) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    put_text(&mut out, key.as_str().as_bytes());
    out.extend_from_slice(&head.status.as_u16().to_le_bytes());
    out.extend_from_slice(&head.fetched_at.as_second().to_le_bytes());
    out.extend_from_slice(&head.fetched_at.subsec_nanosecond().to_le_bytes());
    // Taken apart by name, so that a new part of freshness cannot be forgotten here.
    let Freshness {
        initial_age,
        lifetime,
        stale_while_revalidate,
        stale_if_error,
        stale_if_disconnected,
        must_revalidate,
    } = head.freshness;
    for duration in [initial_age, lifetime, stale_while_revalidate, stale_if_error, stale_if_disconnected] {
        out.extend_from_slice(&duration.as_secs().to_le_bytes());
        out.extend_from_slice(&duration.subsec_nanos().to_le_bytes());
    }
    out.push(u8::from(must_revalidate));
    put_count(&mut out, head.vary.fields().count());
    for (name, value) in head.vary.fields() {
        put_text(&mut out, name.as_str().as_bytes());
        put_text(&mut out, value);
    }
    put_count(&mut out, head.headers.len());
    for (name, value) in &head.headers {
        put_text(&mut out, name.as_str().as_bytes());
        put_text(&mut out, value.as_bytes());
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_count(out, text.len());
    out.extend_from_slice(text);
}

/// Lengths and counts come from one response's head, which is far below 4 GiB; one that were not would fail its checks.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn decode_head(bytes: &[u8]) -> Option<(CacheKey, Head)> {
    let mut rest = Reader(bytes);
    let key = CacheKey::new(std::str::from_utf8(rest.text()?).ok()?);
    let status = StatusCode::from_u16(u16::from_le_bytes(rest.array()?)).ok()?;
    let (seconds, nanoseconds) = (i64::from_le_bytes(rest.array()?), i32::from_le_bytes(rest.array()?));
    let fetched_at = Timestamp::new(seconds, nanoseconds).ok()?;
    let freshness = Freshness {
        initial_age: rest.duration()?,
        lifetime: rest.duration()?,
        stale_while_revalidate: rest.duration()?,
        stale_if_error: rest.duration()?,
        stale_if_disconnected: rest.duration()?,
        must_revalidate: rest.array::<1>()? != [0],
    };
    let mut vary = Vec::new();
    for _ in 0..rest.count()? {
        vary.push((HeaderName::from_bytes(rest.text()?).ok()?, rest.text()?.into()));
    }
    let mut headers = HeaderMap::new();
    for _ in 0..rest.count()? {
        let name = HeaderName::from_bytes(rest.text()?).ok()?;
        headers.append(name, HeaderValue::from_bytes(rest.text()?).ok()?);
    }
    rest.0.is_empty().then(|| (key, Head::restore(status, headers, Vary::restore(vary), fetched_at, freshness)))
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.count()?;
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn duration(&mut self) -> Option<Duration> {
        let (seconds, nanoseconds) = (u64::from_le_bytes(self.array()?), u32::from_le_bytes(self.array()?));
        (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::Policy;

    fn file(is_soft_purged: bool) -> Vec<u8> {
        let mut request = HeaderMap::new();
        request.insert("accept", HeaderValue::from_static("image/webp, image/*"));
        let response = Response::builder()
            .status(203)
            .header("cache-control", "max-age=60, stale-if-error=7")
            .header("vary", "Accept, Accept-Language")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-odd", HeaderValue::from_bytes(b"caf\xe9").unwrap())
            .header("age", "3")
            .body(Bytes::from_static(b"a picture"))
            .unwrap();
        let now = "2026-11-23T20:30:14.123456789Z".parse().unwrap();
        let entry = Entry::new(response, &request, &Policy::image(), now);
        let head = encode_head(&CacheKey::new("/images/fox?w=64"), &entry.head);
        [&preamble(&head, &entry.body, is_soft_purged)[..], &head, &entry.body].concat()
    }

    #[test]
    fn what_was_written_is_read_again() {
        for is_soft_purged in [false, true] {
            let (key, entry) = decode(&file(is_soft_purged).into()).unwrap();
            assert_eq!(key.as_str(), "/images/fox?w=64");
            assert_eq!(entry.body, "a picture");
            let head = &entry.head;
            assert_eq!((head.status.as_u16(), head.is_soft_purged()), (203, is_soft_purged));
            assert_eq!(head.fetched_at.to_string(), "2026-11-23T20:30:14.123456789Z");
            assert_eq!(head.freshness.lifetime.as_secs(), 60);
            assert_eq!(head.freshness.initial_age.as_secs(), 3);
            assert_eq!(head.freshness.stale_if_error.as_secs(), 7);
            assert_eq!(head.headers.get_all("set-cookie").iter().count(), 2);
            assert_eq!(head.headers["x-odd"].as_bytes(), b"caf\xe9");
            let vary: Vec<_> = head.vary.fields().map(|(name, value)| (name.as_str(), value)).collect();
            assert_eq!(vary, [("accept", &b"image/webp,image/*"[..]), ("accept-language", b"")]);
        }
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let whole = file(false);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                assert!(decode(&flipped.into()).is_none(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn no_part_and_no_more_than_the_whole_is_a_record() {
        let whole = file(false);
        for len in 0..whole.len() {
            assert!(decode(&Bytes::copy_from_slice(&whole[..len])).is_none(), "{len} bytes");
        }
        let longer = [&whole[..], b"x"].concat();
        assert!(decode(&longer.into()).is_none());
    }
}
