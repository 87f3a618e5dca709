//! Connections that change their protocol (RFC 9110 section 7.8), as WebSockets do (RFC 6455).
//!
//! A request that asks for it is passed on with `Connection: upgrade` and `Upgrade`, which would else be dropped as
//! hop-by-hop. Once the upstream has answered 101 the two connections are joined, byte for byte both ways, in a task
//! that ends with either of them or when the edge stops. Nothing of it is ever cached or shared.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use orbit_cache::policy::hop_by_hop;
use tokio_util::sync::CancellationToken;

use crate::{Edge, Error, Upstream};

/// The protocols that a request asks to change to, where it is one that is passed on so.
///
/// HTTP/2 in clear text (`h2c`) is not: behind it the upstream would answer requests that the edge never sees.
pub(crate) fn wanted<B: http_body::Body>(request: &Request<B>) -> Option<HeaderValue> {
    let plain = request.method() == Method::GET && request.body().is_end_stream();
    if !plain || request.version() != Version::HTTP_11 || !names_upgrade(request.headers()) {
        return None;
    }
    let mut lines = request.headers().get_all(UPGRADE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let mut protocols = line.to_str().ok()?.split(',').map(str::trim);
    let http =
        |protocol: &str| ["h2c", "h2", "http"].iter().any(|http| protocol_name(protocol).eq_ignore_ascii_case(http));
    (!line.is_empty() && !protocols.any(http)).then(|| line.clone())
}

/// A protocol without its version.
fn protocol_name(protocol: &str) -> &str {
    protocol.split('/').next().unwrap_or_default().trim()
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

impl Edge {
    /// Passes a request on that asks for `protocol`, and joins the connections where the upstream agrees.
    pub(super) async fn upgrade(
        &self,
        server: &dyn Upstream,
        mut request: Request<Body>,
        protocol: HeaderValue,
    ) -> Result<Response, Error> {
        let client = hyper::upgrade::on(&mut request);
        put(request.headers_mut(), Some(protocol));
        let mut response = server.send(request).await?;
        let agreed = response.headers().get(UPGRADE).cloned();
        hop_by_hop::remove(response.headers_mut());
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self.ending_with_us(response));
        }
        put(response.headers_mut(), agreed);
        let upstream = hyper::upgrade::on(&mut response);
        tokio::spawn(join(client, upstream, self.stopping.clone()));
        Ok(response)
    }
}

fn put(headers: &mut HeaderMap, protocol: Option<HeaderValue>) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
}

/// Carries bytes both ways until either side ends, or the edge stops.
async fn join(client: OnUpgrade, upstream: OnUpgrade, stopping: CancellationToken) {
    let carried = stopping.run_until_cancelled(async {
        let (client, upstream) = tokio::try_join!(client, upstream).map_err(std::io::Error::other)?;
        tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(upstream)).await
    });
    match carried.await {
        Some(Ok((up, down))) => tracing::debug!(target: "orbit::edge", up, down, "an upgraded connection ended"),
        Some(Err(error)) => tracing::debug!(target: "orbit::edge", %error, "an upgraded connection broke off"),
        None => tracing::debug!(target: "orbit::edge", "an upgraded connection ends with this edge"),
    }
}
