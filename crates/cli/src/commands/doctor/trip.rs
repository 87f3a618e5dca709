//! The round trip of a tiny image, in the order of its life:
//!
//! 1. upload under an id that nobody else has,
//! 2. origin: type, validators, caching, CORS,
//! 3. edge: the first request fills it, the second is a hit, a known copy is not sent again, a part can be had,
//! 4. removal: gone from every tier when the answer is there.
//!
//! The image is removed whatever happens in between.

use ureq::http::{Response, StatusCode};
use ureq::{Body, RequestBuilder, typestate::WithoutBody};

use super::server::Role;
use super::{Finding, TIMEOUT, ask};
use crate::client::{Client, Exit, Failure, header, unique_suffix};

/// Sends a tiny image through every tier that the server has.
pub(super) fn round_trip(client: &Client, role: Role) -> anyhow::Result<Vec<Finding>> {
    let mut image = TinyImage { client, id: format!("orbit-doctor-{}", unique_suffix()), is_there: false };
    if let Some(refused) = image.upload(role)? {
        return Ok(vec![refused]);
    }
    let mut findings = vec![Finding::ok("upload", format!("stored as {}", image.id))];
    let (origin, etag) = image.at_origin();
    findings.push(origin);
    if role != Role::Origin {
        findings.extend([image.at_edge_first(&etag), image.at_edge_again(), image.known_copy(&etag), image.part()]);
    }
    findings.push(image.removal(role));
    Ok(findings)
}

/// An image of 8 x 8 pixels on the server, for as long as this lives.
struct TinyImage<'a> {
    client: &'a Client,
    id: String,
    /// Whether the server has it, or may have it.
    is_there: bool,
}

impl Drop for TinyImage<'_> {
    fn drop(&mut self) {
        if self.is_there {
            // What went wrong is in the findings already.
            let _unheard = self.delete();
        }
    }
}

impl TinyImage<'_> {
    fn upload(&mut self, role: Role) -> anyhow::Result<Option<Finding>> {
        let pixels: Vec<u8> = (0..64_u8).flat_map(|at| [at * 4, 128, 255 - at * 4, 255]).collect();
        let png = orbit_codec::encode_png(8, 8, &pixels)?;
        let request = self.client.put(&self.origin_path()).content_type("image/png");
        self.is_there = true;
        let sent = request.config().timeout_global(Some(TIMEOUT)).build().send(&png);
        let Err(failure) = self.client.success(sent) else {
            return Ok(None);
        };
        // An answer means that it was not stored; silence may hide that it was.
        self.is_there = failure.status().is_none();
        let foreign_upstream = role == Role::Edge && matches!(failure.exit(), Exit::NotFound | Exit::Failed);
        Ok(Some(if foreign_upstream {
            let advice = "If the upstream is no Orbit server, that is right; then the round trip can't be checked.";
            Finding::warning("upload", failure.to_string(), advice)
        } else {
            Finding::broken("upload", &failure)
        }))
    }

    /// Judges the origin's answer, and gives its entity tag.
    fn at_origin(&self) -> (Finding, String) {
        let answer = match self.get(&self.origin_path(), |request| request) {
            Ok(answer) => answer,
            Err(failure) => return (Finding::broken("origin", &failure), String::new()),
        };
        let etag = header(&answer, "etag").to_owned();
        let mut faults = Vec::new();
        expect(&mut faults, answer.status() == StatusCode::OK, || format!("status {}", answer.status()));
        expect(&mut faults, etag.starts_with('"'), || format!("no strong ETag but {etag:?}"));
        for (name, wanted) in [
            ("content-type", "image/webp"),
            ("cache-control", "max-age="),
            ("access-control-allow-origin", "*"),
            ("x-content-type-options", "nosniff"),
        ] {
            let value = header(&answer, name);
            expect(&mut faults, value.contains(wanted), || format!("{name} is {value:?}, not {wanted}"));
        }
        let detail = "WebP with ETag, Cache-Control, CORS and nosniff";
        let advice = "Something between here and the origin changes its answers: ask the origin itself with --url.";
        (Finding::judge("origin", &faults, detail, advice), etag)
    }

    fn at_edge_first(&self, etag: &str) -> Finding {
        self.at_edge("edge, first", &["MISS", "COALESCED", "HIT"], |answer, faults| {
            let found = header(answer, "etag");
            expect(faults, found == etag, || format!("ETag {found} differs from the origin's {etag}"));
        })
    }

    fn at_edge_again(&self) -> Finding {
        self.at_edge("edge, again", &["HIT"], |answer, faults| {
            let (age, status) = (header(answer, "age"), header(answer, "cache-status"));
            expect(faults, age.parse::<u64>().is_ok(), || format!("Age is {age:?}"));
            expect(faults, status.contains("hit"), || format!("Cache-Status is {status:?}"));
        })
    }

    fn at_edge(
        &self,
        check: &'static str,
        words: &[&str],
        judge: impl FnOnce(&Response<Body>, &mut Vec<String>),
    ) -> Finding {
        let answer = match self.get(&self.edge_path(), |request| request) {
            Ok(answer) => answer,
            Err(failure) => return Finding::broken(check, &failure),
        };
        let word = header(&answer, "x-cache");
        let mut faults = Vec::new();
        expect(&mut faults, answer.status() == StatusCode::OK, || format!("status {}", answer.status()));
        expect(&mut faults, words.contains(&word), || format!("X-Cache is {word:?}, not {}", words.join(" or ")));
        judge(&answer, &mut faults);
        let advice = "Is /api/images/ of this address served by an Orbit edge with memory to keep images in?";
        Finding::judge(check, &faults, format!("{word}  {}", header(&answer, "server-timing")), advice)
    }

    fn known_copy(&self, etag: &str) -> Finding {
        let check = "revalidation";
        match self.get(&self.edge_path(), |request| request.header("If-None-Match", etag)) {
            Ok(answer) => {
                let mut faults = Vec::new();
                let status = answer.status();
                expect(&mut faults, status == StatusCode::NOT_MODIFIED, || format!("status {status}, not 304"));
                let advice = "A proxy that drops If-None-Match makes every reload send the whole image again.";
                Finding::judge(check, &faults, "304: a known copy is not sent again", advice)
            }
            Err(failure) => Finding::broken(check, &failure),
        }
    }

    fn part(&self) -> Finding {
        let check = "range";
        let answer = self.get(&self.edge_path(), |request| request.header("Range", "bytes=0-3"));
        let (status, body) = match answer.map(|mut answer| (answer.status(), answer.body_mut().read_to_vec())) {
            Ok((status, body)) => (status, body.unwrap_or_default()),
            Err(failure) => return Finding::broken(check, &failure),
        };
        let mut faults = Vec::new();
        expect(&mut faults, status == StatusCode::PARTIAL_CONTENT, || format!("status {status}, not 206"));
        expect(&mut faults, body == b"RIFF", || format!("{} bytes that do not begin a WebP", body.len()));
        Finding::judge(check, &faults, "206: a part can be had", "A proxy may be dropping the Range header.")
    }

    fn removal(&mut self, role: Role) -> Finding {
        let check = "removal";
        if let Err(failure) = self.delete() {
            return Finding::broken(check, &failure);
        }
        self.is_there = false;
        let mut faults = Vec::new();
        let edge = (role != Role::Origin).then(|| self.edge_path());
        for path in [Some(self.origin_path()), edge].into_iter().flatten() {
            match self.get(&path, |request| request) {
                Ok(answer) if answer.status() == StatusCode::NOT_FOUND => {}
                Ok(answer) => faults.push(format!("{path} still answers {}", answer.status())),
                Err(failure) => faults.push(failure.to_string()),
            }
        }
        let advice = "A tier kept a copy after the purge: is there a cache in between that nobody tells?";
        Finding::judge(check, &faults, "gone from every tier at once", advice)
    }

    fn delete(&self) -> Result<(), Failure> {
        let request = self.client.delete(&self.origin_path());
        self.client.success(request.config().timeout_global(Some(TIMEOUT)).build().call()).map(drop)
    }

    /// Asks as a browser would: without a token.
    fn get(
        &self,
        path: &str,
        with: impl FnOnce(RequestBuilder<WithoutBody>) -> RequestBuilder<WithoutBody>,
    ) -> Result<Response<Body>, Failure> {
        ask(self.client, with(self.client.anonymous(path)))
    }

    fn origin_path(&self) -> String {
        format!("/images/{}", self.id)
    }

    fn edge_path(&self) -> String {
        format!("/api/images/{}", self.id)
    }
}

fn expect(faults: &mut Vec<String>, holds: bool, fault: impl FnOnce() -> String) {
    if !holds {
        faults.push(fault());
    }
}
