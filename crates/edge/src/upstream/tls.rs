//! Whom an edge trusts to be an `https://` upstream: the public authorities, and those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::Error;

/// What TLS connections to upstreams are opened with.
///
/// # Errors
/// [`Error::Invalid`] where the file cannot be read or has no certificates in it.
pub(super) fn client_config(ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca {
        add(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Error::Invalid(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let refuse = |reason: String| {
        let file = path.display();
        Error::Invalid(format!("the CA file {file} {reason}; give a PEM file of certificates"))
    };
    let unread = |error: rustls_pki_types::pem::Error| refuse(format!("cannot be read: {error}"));
    let mut any = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(unread)? {
        let certificate = certificate.map_err(unread)?;
        roots.add(certificate).map_err(|error| refuse(format!("has a certificate that is none: {error}")))?;
        any = true;
    }
    if any { Ok(()) } else { Err(refuse("has no certificate".to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_ca_file_without_certificates_is_refused_by_name() {
        let missing = client_config(Some(Path::new("/nowhere/ca.pem"))).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/ca.pem cannot be read"), "{missing}");
        let mut empty = tempfile::NamedTempFile::new().unwrap();
        empty.write_all(b"not PEM at all\n").unwrap();
        let error = client_config(Some(empty.path())).unwrap_err().to_string();
        assert!(error.contains("has no certificate; give a PEM file"), "{error}");
    }
}
