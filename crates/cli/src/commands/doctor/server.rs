//! Checks of the server as a whole: does it answer, can it serve, who is it, does it stream events.

use serde_json::Value;
use ureq::http::StatusCode;

use super::{Finding, ask};
use crate::client::{Client, header, unique_suffix};

/// Which parts of the way of an image the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Origin and edge.
    Serve,
    /// The origin alone.
    Origin,
    /// The edge alone; the origin is behind it.
    Edge,
}

/// The check without which no other makes sense.
pub(super) const ALIVE: &str = "server";

pub(super) fn alive(client: &Client) -> Finding {
    let check = ALIVE;
    match ask(client, client.get("/healthz")) {
        Ok(answer) if answer.status() == StatusCode::OK => Finding::ok(check, format!("{} answers", client.base())),
        Ok(answer) => Finding::failed(
            check,
            format!("{} answers /healthz with {}", client.base(), answer.status()),
            "Something else listens there. Start `orbit serve`, or name its address with --url.",
        ),
        Err(failure) => Finding::broken(check, &failure),
    }
}

pub(super) fn ready(client: &Client) -> Finding {
    let check = "ready";
    match ask(client, client.get("/readyz")) {
        Ok(answer) if answer.status() == StatusCode::OK => Finding::ok(check, "it can serve"),
        Ok(answer) => Finding::failed(
            check,
            format!("/readyz answers {}", answer.status()),
            "The server's log names the part that is missing: the data folder, or the upstream of an edge.",
        ),
        Err(failure) => Finding::broken(check, &failure),
    }
}

/// Role and version; where the server does not tell, it is taken for a whole one.
pub(super) fn identity(client: &Client) -> (Finding, Role) {
    let check = "version";
    let ours = env!("CARGO_PKG_VERSION");
    let stats: Value = match ask(client, client.get("/stats")).and_then(|answer| client.json(Ok(answer))) {
        Ok(stats) => stats,
        Err(failure) => return (Finding::broken(check, &failure), Role::Serve),
    };
    let text = |name: &str| stats.get(name).and_then(Value::as_str).unwrap_or("unknown");
    let role = match text("role") {
        "origin" => Role::Origin,
        "edge" => Role::Edge,
        _ => Role::Serve,
    };
    let detail = format!("role {}, version {}", text("role"), text("version"));
    if text("version") == ours {
        return (Finding::ok(check, detail), role);
    }
    let advice = format!("This command is version {ours}: use the same one on both sides.");
    (Finding::warning(check, detail, advice), role)
}

pub(super) fn events(client: &Client) -> Finding {
    let check = "events";
    let path = format!("/threads/orbit-doctor-{}/events?after=$", unique_suffix());
    match ask(client, client.get(&path).header("Accept", "text/event-stream")) {
        Ok(answer) => {
            let (status, media_type) = (answer.status(), header(&answer, "content-type"));
            if status == StatusCode::OK && media_type.starts_with("text/event-stream") {
                return Finding::ok(check, "the event stream opens at once");
            }
            let detail = format!("the event stream answers {status} with type {media_type:?}");
            Finding::failed(check, detail, "A proxy between here and the server must pass /threads/ through.")
        }
        Err(failure) => Finding::failed(
            check,
            failure.to_string(),
            "A proxy between here and the server may be holding the stream back: switch its buffering off.",
        ),
    }
}
