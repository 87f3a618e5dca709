//! A certificate that may sign manifests, and the authority that it is from; made anew for each test.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SignatureAlgorithm,
};

/// All of it in PEM.
pub(super) struct Chain {
    /// The certificate: who trusts its authority has that one's.
    pub(super) certificates: String,
    pub(super) key: String,
    pub(super) authority: String,
    pub(super) authority_key: String,
}

impl Chain {
    pub(super) fn new() -> Self {
        Self::of(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// With keys of this kind.
    pub(super) fn of(algorithm: &'static SignatureAlgorithm) -> Self {
        Self::until(algorithm, 4096)
    }

    /// One whose certificate was good once.
    pub(super) fn expired() -> Self {
        Self::until(&rcgen::PKCS_ECDSA_P256_SHA256, 2001)
    }

    fn until(algorithm: &'static SignatureAlgorithm, year: i32) -> Self {
        let named = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::OrganizationName, "Orbit's tests");
            params.distinguished_name.push(DnType::CommonName, name);
            params.use_authority_key_identifier_extension = true;
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params
        };
        let mut authority = named("authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate_for(algorithm).unwrap();
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let authority_key_pem = authority_key.serialize_pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut signer = named("signer");
        signer.is_ca = IsCa::ExplicitNoCa;
        signer.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        signer.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        signer.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = signer.signed_by(&key, &issuer).unwrap().pem();
        Self {
            certificates: certificate,
            key: key.serialize_pem(),
            authority: authority_pem,
            authority_key: authority_key_pem,
        }
    }
}
