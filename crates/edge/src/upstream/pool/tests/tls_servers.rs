//! `https://` upstreams: who is believed to be one.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate an authority has given it for a name.
async fn serve(authority: &Authority, name: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    format!("https://127.0.0.1:{port}")
}

async fn ask_trusting(url: &str, ca: Option<PathBuf>) -> Result<StatusCode, String> {
    let pool = Pool::new(&Upstreams { ca, ..Upstreams::one(url) }).unwrap();
    get(&pool).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_server_of_a_private_authority_is_believed_where_that_one_is_named() {
    let authority = authority();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(authority.pem().as_bytes()).unwrap();
    let ca = Some(file.path().to_owned());
    let url = serve(&authority, "127.0.0.1").await;
    assert_eq!(ask_trusting(&url, ca.clone()).await, Ok(StatusCode::OK));

    let unknown = ask_trusting(&url, None).await.unwrap_err();
    assert!(unknown.contains("UnknownIssuer") && unknown.contains("name that one's PEM file as CA"), "{unknown}");

    let other_name = serve(&authority, "another.example").await;
    let error = ask_trusting(&other_name, ca).await.unwrap_err();
    assert!(error.contains("not valid for name") && !error.contains("PEM file"), "{error}");
}

#[tokio::test]
async fn plain_http_at_an_https_address_is_an_error_that_says_so() {
    let plain = Scripted::start().await;
    plain.set(Mode::Nonsense);
    let url = plain.url().replace("http:", "https:");
    let error = ask_trusting(&url, None).await.unwrap_err();
    assert!(error.contains("Connect"), "{error}");
}
