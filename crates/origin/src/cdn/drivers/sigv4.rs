//! AWS Signature Version 4 for one kind of request: a POST without a query whose body is at hand.
//!
//! The procedure is "Create a signed AWS API request" of the IAM User Guide; the test signs what AWS's own example signs.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Request};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::super::driver::Secret;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What AWS knows a caller by; the secrets never go to a log.
#[derive(Debug, Clone)]
pub struct AwsKeys {
    id: String,
    secret: Secret,
    session: Option<Secret>,
}

impl AwsKeys {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, of temporary keys, `AWS_SESSION_TOKEN`; `None` where one of the first two is
    /// empty.
    #[must_use]
    pub fn new(id: &str, secret: &str, session: Option<&str>) -> Option<Self> {
        let (id, secret) = (id.trim().to_owned(), Secret::new(secret)?);
        (!id.is_empty()).then(|| Self { id, secret, session: session.and_then(Secret::new) })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// Signs a request by all the fields that it has so far; `host` must be among them.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    keys: &AwsKeys,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), String> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let value =
        |text: &str| HeaderValue::try_from(text).ok().ok_or_else(|| "the AWS keys have odd characters".to_owned());
    request.headers_mut().insert(DATE, value(&time)?);
    if let Some(session) = &keys.session {
        let mut token = value(session.text())?;
        token.set_sensitive(true);
        request.headers_mut().insert(TOKEN, token);
    }
    let (date, _) = time.split_at(8);
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let (canonical, signed) = canonical(request);
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
    let mut key = mac(format!("AWS4{}", keys.secret.text()).as_bytes(), date)?;
    for step in [region, service, "aws4_request"] {
        key = mac(&key, step)?;
    }
    let signature = HEXLOWER.encode(&mac(&key, &text)?);
    let text =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", keys.id);
    let mut authorization = value(&text)?;
    authorization.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, authorization);
    Ok(())
}

/// The request in the one form that both sides hash, and the names of its fields.
fn canonical(request: &Request<Bytes>) -> (String, String) {
    let mut fields: Vec<(&str, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).trim().to_owned()))
        .collect();
    fields.sort_unstable();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let (method, path, query) = (request.method(), request.uri().path(), request.uri().query().unwrap_or_default());
    (format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", hash(request.body())), names)
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| error.to_string())?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the AWS General Reference: ListUsers of IAM on 2015-08-30.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let keys = AwsKeys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None).unwrap();
        let mut request = Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .header("host", "iam.amazonaws.com")
            .body(Bytes::new())
            .unwrap();
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        sign(&mut request, &keys, "us-east-1", "iam", now).unwrap();
        assert_eq!(
            request.headers()["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn a_session_token_is_sent_and_signed_and_no_secret_is_shown() {
        let keys = AwsKeys::new("AKID", "hunter2", Some("session-hunter3")).unwrap();
        let mut request = Request::post("https://x.example/").header("host", "x.example").body(Bytes::new()).unwrap();
        sign(&mut request, &keys, "us-east-1", "cloudfront", Timestamp::UNIX_EPOCH).unwrap();
        let headers = request.headers();
        assert_eq!(headers["x-amz-security-token"], "session-hunter3");
        assert!(headers["authorization"].to_str().unwrap().contains("host;x-amz-date;x-amz-security-token"));
        let shown = format!("{keys:?} {headers:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(AwsKeys::new("", "x", None).is_none() && AwsKeys::new("x", " ", None).is_none());
    }
}
