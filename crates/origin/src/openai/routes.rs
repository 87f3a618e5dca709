//! `POST /v1/images/generations`, `POST /v1/images/edits`, `GET /v1/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::answer;
use super::error::Refusal;
use super::request::Order;
use super::stream::{self, Telling};
use crate::Origin;
use crate::jobs::Batch;

pub(crate) async fn generations(State(origin): State<Origin>, request: Request) -> Result<Response, Refusal> {
    let headers = request.headers().clone();
    let fields: Map<String, Value> = origin.read_json(request, "the request").await?;
    origin.order(Order::read(fields, Vec::new())?, &headers, "image_generation").await
}

pub(crate) async fn edits(State(origin): State<Origin>, request: Request) -> Result<Response, Refusal> {
    let headers = request.headers().clone();
    let order = Order::read_form(request, origin.config()).await?;
    origin.order(order, &headers, "image_edit").await
}

/// The models that there are, as programs list them.
pub(crate) async fn models(State(origin): State<Origin>) -> Json<Value> {
    let model = |name: &str| json!({ "id": name, "object": "model", "created": 0, "owned_by": "orbit" });
    let models: Vec<_> = origin.0.parts.models.names().map(model).collect();
    Json(json!({ "object": "list", "data": models }))
}

/// Somebody who waits for a job; when the last one leaves before its end, it is cancelled.
pub(super) struct Waiter {
    pub(super) batch: Arc<Batch>,
}

impl Waiter {
    fn new(batch: Arc<Batch>) -> Self {
        batch.waiters.enter();
        Self { batch }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.batch.waiters.leave() && self.batch.brief.waited_for {
            self.batch.cancelled.cancel();
        }
    }
}

impl Origin {
    async fn order(&self, order: Order, headers: &HeaderMap, kind: &'static str) -> Result<Response, Refusal> {
        let Order { request, brief, shown, stream } = order;
        let waiter = Waiter::new(self.accept(request, brief).await?);
        let (base, job) = (answer::base(self, headers), waiter.batch.id.to_string());
        let mut response = if stream {
            stream::answer(Telling { origin: self.clone(), waiter, shown, base, kind })
        } else {
            Json(answer::all(self, &waiter.batch, (shown, &base)).await?).into_response()
        };
        if let Ok(job) = HeaderValue::try_from(job) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), job);
        }
        Ok(response)
    }
}
