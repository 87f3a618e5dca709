//! What an edge asks its upstream, and what the answer means.
//!
//! An answer that is no bulletin means that there is no log, unless it says that the server is in trouble or that it wants a token.
//! Nothing of this counts for or against an upstream: clients' requests do.

use std::time::Duration;

use axum::body::Body;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use orbit_model::{Bulletin, Position};

use super::Follower;
use crate::Edge;

/// For how long the upstream may hold a question back until there is something to tell.
pub(super) const WAIT: Duration = Duration::from_secs(5);
/// How long an answer may take where it is not known how long leases are, and how much longer than that it may otherwise.
const PATIENCE: Duration = Duration::from_secs(6);
const SLACK: Duration = Duration::from_secs(1);
/// The largest bulletin, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// What an upstream says of its log.
#[derive(Debug)]
pub(super) enum Heard {
    /// What it tells its edges.
    Bulletin(Bulletin),
    /// It has none.
    Without(String),
    /// It has one, and not for this edge.
    Refused(String),
    /// No answer, or none that says anything.
    Nothing(String),
}

impl Edge {
    pub(super) async fn ask_for_purges(&self, follower: &Follower, wait: Duration) -> Heard {
        let after = follower.position().map(|position| format!("&after={position}")).unwrap_or_default();
        let rest = format!("purges?session={}&wait={}{after}", follower.session, wait.as_secs());
        let lease = follower.state.lock().lease;
        // The upstream answers well before the lease is half over.
        let patience = if lease.is_zero() { PATIENCE } else { lease / 2 + SLACK };
        let exchange = async {
            let response = self.say(follower, Method::GET, &rest).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
            Ok::<_, String>((status, body.map_err(|error| error.to_string())?.to_bytes()))
        };
        let (status, body) = match tokio::time::timeout(patience, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(reason)) => return Heard::Nothing(reason),
            Err(_) => return Heard::Nothing("no answer in time".to_owned()),
        };
        match status {
            StatusCode::OK => match serde_json::from_slice(&body) {
                Ok(bulletin) => Heard::Bulletin(bulletin),
                Err(_) => Heard::Without("it answered something else".to_owned()),
            },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Heard::Refused(format!("it answered {status}")),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Heard::Nothing(format!("it answered {status}"))
            }
            StatusCode::NOT_IMPLEMENTED => Heard::Without(format!("it answered {status}")),
            status if status.is_server_error() => Heard::Nothing(format!("it answered {status}")),
            status => Heard::Without(format!("it answered {status}")),
        }
    }

    pub(super) async fn say_filled(&self, follower: &Follower, through: Position) {
        let rest = format!("filled?session={}&through={through}", follower.session);
        // Nobody waits for long.
        let _ = tokio::time::timeout(SLACK, self.say(follower, Method::POST, &rest)).await;
    }

    pub(super) async fn say_goodbye(&self, follower: &Follower) {
        let rest = format!("?session={}", follower.session);
        let _ = self.say(follower, Method::DELETE, &rest).await;
    }

    async fn say(&self, follower: &Follower, method: Method, rest: &str) -> Result<Response<Body>, String> {
        let parting = if rest.starts_with('?') { "" } else { "/" };
        let path = format!("/edges/{}{parting}{rest}", follower.following.name);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|error| format!("{path}: {error}"))?;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("orbit-edge (purges)"));
        if let Some(token) = &follower.following.token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_invalid| "the token is no header's value")?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        self.upstream.send_aside(request).await.map_err(|error| error.to_string())
    }
}
