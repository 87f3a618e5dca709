//! The body of an upload, in each of the forms that callers send.
//!
//! - `multipart/form-data`: one part with a file name (or named `file`), the labels as fields;
//! - `application/json`: `data` in base64 or as a `data:` URI, or the `url` that it is fetched from, the labels beside it;
//! - anything else: the raw bytes, the labels in the query. The declared type is not believed: the codec looks at the bytes.
//!
//! The size limit counts while the body arrives, and all of it must arrive within the deadline (T-DOS-3).

use axum::RequestExt;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Multipart, Query, Request};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use orbit_model::Labels;
use serde::Deserialize;

use super::labels::Given;
use crate::{Config, Error, Fetcher};

/// What labels and framing may add to the image in a form or in JSON, in bytes.
const SLACK: u64 = 256 << 10;

/// Standard base64, with or without padding, as browsers and libraries write it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An upload that has arrived.
#[derive(Debug)]
pub(super) struct Upload {
    /// The image's bytes as they came.
    pub(super) source: Bytes,
    /// What was said of it.
    pub(super) labels: Labels,
}

/// Reads an upload.
pub(super) async fn read(mut request: Request, config: &Config, fetcher: &Fetcher) -> Result<Upload, Error> {
    let query: Query<Given> = request
        .extract_parts()
        .await
        .map_err(|error: axum::extract::rejection::QueryRejection| Error::Invalid(error.body_text()))?;
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let max = config.limits.max_bytes;
    let limit = match essence.as_str() {
        "multipart/form-data" => max + SLACK,
        "application/json" => max / 3 * 4 + SLACK,
        _ => max,
    };
    // A declared length says so at once; what is sent without one is counted as it comes.
    if request.body().size_hint().lower() > limit {
        return Err(too_large(max));
    }
    let reading = async {
        match essence.as_str() {
            "multipart/form-data" => form(request, limit, max).await,
            "application/json" => json(request.into_body(), limit, max).await,
            _ => Ok((Source::Bytes(collect(request.into_body(), limit, max).await?), Given::default())),
        }
    };
    let arrived = tokio::time::timeout(config.body_timeout, reading).await;
    let (source, given) = arrived.unwrap_or(Err(Error::Timeout))?;
    let labels = given.or(query.0).check()?;
    let source = match source {
        Source::Bytes(bytes) => bytes,
        Source::Url(url) => fetcher.fetch(&url).await?,
    };
    if source.len() as u64 > max {
        return Err(too_large(max));
    }
    Ok(Upload { source, labels })
}

/// An image as it was handed over.
enum Source {
    Bytes(Bytes),
    Url(String),
}

async fn form(request: Request, limit: u64, max: u64) -> Result<(Source, Given), Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let request = request.map(|body| Body::new(Limited::new(body, limit)));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| Error::Invalid(error.body_text()))?;
    let refuse = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(max),
        _ => Error::Invalid(format!("the form: {}", error.body_text())),
    };
    let (mut source, mut given) = (None, Given::default());
    while let Some(field) = form.next_field().await.map_err(refuse)? {
        let name = field.name().unwrap_or_default().to_owned();
        if field.file_name().is_some() || matches!(name.as_str(), "file" | "image") {
            if source.replace(field.bytes().await.map_err(refuse)?).is_some() {
                return Err(Error::Invalid("the form has more than one file; send one image a request".to_owned()));
            }
            continue;
        }
        let value = field.text().await.map_err(refuse)?;
        if !given.set(&name, value)? {
            return Err(Error::Invalid(format!("the form has an unknown field `{name}`")));
        }
    }
    let source =
        source.ok_or_else(|| Error::Invalid("the form has no file; send the image as the field `file`".to_owned()))?;
    Ok((Source::Bytes(source), given))
}

#[derive(Deserialize)]
struct JsonUpload {
    data: Option<String>,
    url: Option<String>,
    #[serde(flatten)]
    given: Given,
}

async fn json(body: Body, limit: u64, max: u64) -> Result<(Source, Given), Error> {
    let bytes = collect(body, limit, max).await?;
    let explain = |what: &str| {
        Error::Invalid(format!(
            "the JSON: {what}; send {{\"data\": \"base64 or data: URI\"}} or {{\"url\": \"https://..\"}}"
        ))
    };
    let upload: JsonUpload = serde_json::from_slice(&bytes).map_err(|error| explain(&error.to_string()))?;
    let source = match (upload.data, upload.url) {
        (Some(data), None) => Source::Bytes(decode(&data)?),
        (None, Some(url)) => Source::Url(url),
        (Some(_), Some(_)) => return Err(explain("it has both `data` and `url`")),
        (None, None) => return Err(explain("it has neither `data` nor `url`")),
    };
    Ok((source, upload.given))
}

/// Decodes base64, bare or in a `data:` URI; white space inside is passed over.
pub(crate) fn decode(data: &str) -> Result<Bytes, Error> {
    let text = match data.strip_prefix("data:") {
        None => data,
        Some(uri) => match uri.split_once(',') {
            Some((head, text)) if head.ends_with(";base64") => text,
            _ => return Err(Error::Invalid("`data` must be base64, or a data: URI with ;base64".to_owned())),
        },
    };
    let compact: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let url_safe = compact.iter().any(|b| matches!(b, b'-' | b'_'));
    let decoded = if url_safe { general_purpose::URL_SAFE_NO_PAD.decode(&compact) } else { BASE64.decode(&compact) };
    decoded.map(Bytes::from).map_err(|error| Error::Invalid(format!("`data` is not base64: {error}")))
}

async fn collect(body: Body, limit: u64, max: u64) -> Result<Bytes, Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(max)),
        Err(error) => Err(Error::Invalid(format!("the body broke off: {error}"))),
    }
}

fn too_large(max: u64) -> Error {
    Error::TooLarge(format!("the image is larger than the limit of {max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_in_the_forms_that_programs_write() {
        for data in ["aGk/", "aGk_", "data:image/png;base64,aGk/", "aG\nk/", " aGk/ "] {
            assert_eq!(decode(data).unwrap().as_ref(), b"hi?", "{data:?}");
        }
        assert_eq!(decode("aGk").unwrap().as_ref(), b"hi");
        for data in ["!", "data:image/png,hi", "data:;base64", "aGk/%"] {
            assert!(matches!(decode(data), Err(Error::Invalid(_))), "{data:?}");
        }
    }
}
