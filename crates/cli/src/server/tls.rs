//! TLS by rustls: a certificate and its key from two PEM files, and new ones without a restart.
//!
//! The files are looked at every few seconds and on SIGHUP ([`super::signals`]). A pair that cannot be used is logged
//! and changes nothing: the one before goes on. Connections that are open keep what they began with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result};
use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where the certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// The certificate, followed by those that lead to an authority.
    pub(crate) certificate: PathBuf,
    /// The certificate's private key.
    pub(crate) key: PathBuf,
}

/// What tells one version of a file from another: its time and its length.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// A server's side of TLS.
pub(crate) struct Tls {
    files: Files,
    /// Of the files as they were when they were last read, readable or not.
    seen: Mutex<Stamp>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}

impl Tls {
    /// Reads the files; they must be good at the start.
    pub(super) fn open(files: Files) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let seen = Mutex::new(stamp(&files));
        let current = Arc::new(Current(RwLock::new(Arc::new(load(&files, &provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self { files, seen, current, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands with a client.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Reads the files again if they have changed.
    pub(super) fn refresh(&self) {
        if *self.seen.lock() != stamp(&self.files) {
            self.reload();
        }
    }

    /// Reads the files again, changed or not.
    pub(super) fn reload(&self) {
        *self.seen.lock() = stamp(&self.files);
        match load(&self.files, &ring::default_provider()) {
            Ok(key) => {
                *self.current.0.write() = Arc::new(key);
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!("the certificate stays as it was: {error:#}"),
        }
    }
}

/// The certificate that new connections are shown. Written by [`Tls::reload`], read once a handshake.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read()))
    }
}

fn stamp(files: &Files) -> Stamp {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    [of(&files.certificate), of(&files.key)]
}

/// Reads a pair that belongs together.
fn load(Files { certificate, key }: &Files, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let read = |path: &Path, what: &str| std::fs::read(path).with_context(|| format!("the {what} {}", path.display()));
    let explain = |path: &Path, what: &str| {
        format!("{} holds no {what} in PEM, the text form that begins with -----BEGIN", path.display())
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate, "certificate")?)
        .collect::<Result<_, _>>()
        .with_context(|| explain(certificate, "certificate"))?;
    anyhow::ensure!(!chain.is_empty(), explain(certificate, "certificate"));
    let secret = PrivateKeyDer::from_pem_slice(&read(key, "private key")?)
        .map_err(|error| anyhow::anyhow!("{}: {error}", explain(key, "private key")))?;
    CertifiedKey::from_der(chain, secret, provider).with_context(|| {
        format!("the certificate {} cannot be used with the key {}", certificate.display(), key.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a pair of files, and how to write them anew.
    struct Pair {
        _folder: tempfile::TempDir,
        files: Files,
    }

    impl Pair {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let files = Files { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
            let pair = Self { _folder: folder, files };
            pair.renew();
            pair
        }

        fn renew(&self) {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            std::fs::write(&self.files.certificate, made.cert.pem()).unwrap();
            std::fs::write(&self.files.key, made.signing_key.serialize_pem()).unwrap();
        }

        fn refused(&self) -> String {
            format!("{:#}", Tls::open(self.files.clone()).unwrap_err())
        }
    }

    fn shown(tls: &Tls) -> Vec<u8> {
        tls.current.0.read().cert[0].to_vec()
    }

    #[test]
    fn a_good_pair_is_taken_and_a_new_one_replaces_it() {
        let pair = Pair::new();
        let tls = Tls::open(pair.files.clone()).unwrap();
        let first = shown(&tls);
        pair.renew();
        tls.reload();
        assert_ne!(shown(&tls), first);
    }

    #[test]
    fn a_changed_file_is_noticed_and_an_unchanged_one_is_not_read() {
        let pair = Pair::new();
        let tls = Tls::open(pair.files.clone()).unwrap();
        let (first, read) = (shown(&tls), Arc::clone(&tls.current.0.read()));
        tls.refresh();
        assert!(Arc::ptr_eq(&tls.current.0.read(), &read), "what is read is held anew, be it the same");
        pair.renew();
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        std::fs::File::options().write(true).open(&pair.files.key).unwrap().set_modified(later).unwrap();
        tls.refresh();
        assert_ne!(shown(&tls), first);
    }

    #[test]
    fn a_broken_new_pair_changes_nothing() {
        let pair = Pair::new();
        let tls = Tls::open(pair.files.clone()).unwrap();
        let first = shown(&tls);
        for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&pair.files.certificate, broken).unwrap();
            tls.refresh();
            tls.reload();
            assert_eq!(shown(&tls), first);
        }
        std::fs::remove_file(&pair.files.key).unwrap();
        tls.refresh();
        assert_eq!(shown(&tls), first);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let pair = Pair::new();
        let name = |path: &Path| path.display().to_string();
        let (certificate, key) = (name(&pair.files.certificate), name(&pair.files.key));
        let good = std::fs::read(&pair.files.key).unwrap();
        std::fs::write(&pair.files.key, "no key").unwrap();
        assert!(pair.refused().contains(&format!("{key} holds no private key in PEM")), "{}", pair.refused());
        let other = Pair::new();
        std::fs::copy(&other.files.key, &pair.files.key).unwrap();
        let refused = pair.refused();
        assert!(refused.contains(&certificate) && refused.contains(&key), "{refused}");
        std::fs::write(&pair.files.key, good).unwrap();
        std::fs::write(&pair.files.certificate, "no certificate").unwrap();
        assert!(pair.refused().contains(&format!("{certificate} holds no certificate in PEM")), "{}", pair.refused());
        std::fs::remove_file(&pair.files.certificate).unwrap();
        assert!(pair.refused().contains(&format!("the certificate {certificate}")), "{}", pair.refused());
    }
}
