//! TLS, and the time that is left after it.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;
use crate::server::tls::Files;

fn serving(limits: &Limits, files: Files) -> Serving {
    let tls = Arc::new(Tls::open(files).unwrap());
    Serving::new(Arc::new(Scripted), Some(tls), limits, CancellationToken::new())
}

/// One who trusts only this certificate.
fn client(files: &Files) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[tokio::test]
async fn a_handshake_takes_nothing_of_the_time_for_the_first_header() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let limits = Limits::default();
    let patience = Patience::new(limits.header_timeout, limits.idle_timeout, limits.stall_timeout);
    let (serving, client) = (serving(&limits, files.clone()), client(&files));
    let looks = Arc::new(Looks::default());
    let pulse = Pulse::new(Arc::clone(&looks));
    let late = || {
        while pulse.verdict(patience) == Order::Go {
            looks.advance();
        }
    };

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    late();
    let shaking = client.connect(ServerName::try_from("localhost").unwrap(), stream);
    let (begun, shaken) = tokio::join!(serving.begin(accepted, &pulse), shaking);
    let (_, multiplexed) = begun.unwrap();
    assert_eq!((multiplexed, pulse.verdict(patience)), (false, Order::Go));
    drop(shaken.unwrap());
    late();
    assert_eq!(pulse.verdict(patience), Order::End, "it is awaited no longer than any");
}
