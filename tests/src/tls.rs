//! HTTPS: which protocols are spoken, that a new certificate needs no restart, and that a bad one changes nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::harness::{DEADLINE, Launch, Raw, Server, eventually, get_by_http2, orbit};

/// A certificate for localhost and its key, in a folder of their own.
pub(crate) struct Pair {
    folder: tempfile::TempDir,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self { folder: tempfile::tempdir().unwrap() };
        pair.renew();
        pair
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Puts another pair in place of the one that is there.
    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.certificate(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
    }

    fn words(&self) -> [String; 4] {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        ["--tls-cert".to_owned(), path(self.certificate()), "--tls-key".to_owned(), path(self.key())]
    }

    fn launch(&self) -> Launch {
        Launch::edge("http://127.0.0.1:9").words(&self.words().each_ref().map(String::as_str))
    }

    /// Connects as one who trusts only the certificate that lies there now.
    fn connect(&self, server: &Server, protocols: &[&str]) -> std::io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.certificate()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|&name| name.into()).collect();
        let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(server.address)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }
}

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Asks for the server's health on an open connection.
fn ask(stream: &mut Secure) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn refused(words: &[&str]) -> String {
    let all = [&["edge", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"], words].concat();
    let output = orbit(&all, &[], &[]);
    assert_eq!(output.code, Some(1), "{output:?}");
    output.stderr
}

#[test]
fn the_client_chooses_the_protocol() {
    let pair = Pair::new();
    let server = pair.launch().start();
    let by_http2 = pair.connect(&server, &["h2", "http/1.1"]).unwrap();
    assert_eq!(by_http2.conn.alpn_protocol(), Some(&b"h2"[..]));
    assert!(get_by_http2(by_http2, "/healthz").0);
    for protocols in [&["http/1.1"][..], &[]] {
        let mut stream = pair.connect(&server, protocols).unwrap();
        assert!(ask(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    let plain = Raw::connect(server.address).get(b"/healthz");
    assert!(plain.is_none(), "plain HTTP on the port of HTTPS");
    server.stop();
}

#[test]
fn a_new_certificate_is_shown_after_a_hangup_and_open_connections_go_on() {
    let pair = Pair::new();
    let server = pair.launch().start();
    let mut before = pair.connect(&server, &[]).unwrap();
    pair.renew();
    server.signal(Signal::HUP);
    let mut after = eventually("the new certificate", || pair.connect(&server, &[]).ok());
    assert!(ask(&mut before).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask(&mut after).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_new_certificate_is_noticed_without_being_told() {
    let pair = Pair::new();
    let server = pair.launch().start();
    pair.renew();
    eventually("the new certificate", || pair.connect(&server, &[]).ok());
}

#[test]
fn a_broken_certificate_changes_nothing_and_is_logged() {
    let pair = Pair::new();
    let server = pair.launch().start();
    let good = std::fs::read(pair.certificate()).unwrap();
    std::fs::write(pair.certificate(), "broken").unwrap();
    server.signal(Signal::HUP);
    eventually("an error in the log", || server.log().contains("the certificate stays as it was").then_some(()));
    std::fs::write(pair.certificate(), good).unwrap();
    assert!(ask(&mut pair.connect(&server, &[]).unwrap()).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_certificate_and_its_key_belong_together() {
    let (pair, other) = (Pair::new(), Pair::new());
    let [cert_flag, cert, key_flag, key] = &pair.words();
    assert!(refused(&[cert_flag, cert]).contains("--tls-key"));
    assert!(refused(&[key_flag, key]).contains("--tls-cert"));
    let stranger = &other.words()[3];
    let error = refused(&[cert_flag, cert, key_flag, stranger]);
    assert!(error.contains(cert.as_str()) && error.contains(stranger.as_str()), "{error}");
    let error = refused(&[cert_flag, "/nonexistent/cert.pem", key_flag, key]);
    assert!(error.contains("/nonexistent/cert.pem"), "{error}");
    let error = refused(&[cert_flag, key, key_flag, key]);
    assert!(error.contains("holds no certificate in PEM"), "{error}");
}

#[test]
fn who_does_not_shake_hands_is_cut_off() {
    let pair = Pair::new();
    let server = pair.launch().words(&["--header-timeout", "1s"]).start();
    let mut silent = Raw::connect(server.address);
    let mut halfway = Raw::connect(server.address);
    halfway.send([0x16, 3, 1, 2, 0]);
    assert_eq!((silent.rest().len(), halfway.rest().len()), (0, 0));
    pair.connect(&server, &[]).unwrap();
}
