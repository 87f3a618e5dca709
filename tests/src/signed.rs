//! Signed renditions: the image and every variant name their source in a manifest that a reader of C2PA trusts.

use std::io::Cursor;
use std::path::PathBuf;

use c2pa::{Context, Reader, ValidationState};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::harness::fixtures::{photo, trouble};
use crate::harness::{Folder, Launch, Server, eventually, orbit};
use crate::marks::{QUERIES, SOURCE_TYPE, exiftool};

/// A certificate and its key in files, and the authority that it is from.
struct Chain {
    folder: tempfile::TempDir,
    authority: String,
}

impl Chain {
    fn new() -> Self {
        let named = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::OrganizationName, name);
            params.use_authority_key_identifier_extension = true;
            params
        };
        let mut authority = named("authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let mut signer = named("signer");
        signer.is_ca = IsCa::ExplicitNoCa;
        signer.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        signer.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        let key = KeyPair::generate().unwrap();
        let certificate = signer.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let chain = Self { folder: tempfile::tempdir().unwrap(), authority: authority_pem };
        std::fs::write(chain.file("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(chain.file("key.pem"), key.serialize_pem()).unwrap();
        chain
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, folder: &Folder) -> Server {
        let file = |name: &str| self.file(name).to_str().unwrap().to_owned();
        let launch = Launch::serve(folder).variable("ORBIT_C2PA_CERT", &file("cert.pem"));
        launch.variable("ORBIT_C2PA_KEY", &file("key.pem")).start()
    }

    /// The active manifest, which must be trusted.
    fn read(&self, bytes: &[u8], media_type: &str) -> Value {
        let settings = serde_json::json!({ "trust": { "trust_anchors": self.authority } });
        let context = Context::new().with_settings(settings.to_string()).unwrap();
        let reader = Reader::from_context(context).with_stream(media_type, Cursor::new(bytes)).unwrap();
        assert_eq!(reader.validation_state(), ValidationState::Trusted, "{}", reader.json());
        let said: Value = serde_json::from_str(&reader.json()).unwrap();
        said["manifests"][said["active_manifest"].as_str().unwrap()].clone()
    }
}

#[test]
fn the_image_and_every_variant_are_trusted_and_name_the_source_which_stays_as_it_came() {
    let (chain, folder) = (Chain::new(), Folder::new());
    let server = chain.start(&folder);
    let source = trouble("canaries.png");
    server.client.put("/images/made?generated=true", &source).expect(201);
    assert_eq!(folder.source("made"), source, "the source is kept byte for byte");
    let digest = c2pa::hash_stream_by_alg("sha256", &mut Cursor::new(&source), None, true).unwrap();
    let digest = digest.iter().fold("nih:sha-256;".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    for query in QUERIES {
        let answer = server.client.get_with(&format!("/api/images/made{query}"), &[("accept", "image/avif,*/*")]);
        let answer = answer.expect(200);
        let manifest = chain.read(&answer.body, answer.header("content-type"));
        assert!(manifest.to_string().contains(SOURCE_TYPE), "{query}: {manifest}");
        assert_eq!(manifest["ingredients"][0]["relationship"], "parentOf", "{query}");
        assert_eq!(manifest["ingredients"][0]["instance_id"], digest, "{query}");
        let said = exiftool(&answer.body);
        assert_eq!(said["XMP:DigitalSourceType"], SOURCE_TYPE, "{query}: {said}");
        assert!(!said.to_string().contains("CANARY"), "{query}: {said}");
    }
}

#[test]
fn the_second_pass_is_signed_and_has_an_etag_of_its_own() {
    let (chain, folder) = (Chain::new(), Folder::new());
    let file = |name: &str| chain.file(name).to_str().unwrap().to_owned();
    let words = ["--refine", "idle", "--c2pa-cert", &file("cert.pem"), "--c2pa-key", &file("key.pem")];
    let server = Launch::serve(&folder).words(&words).start();
    server.client.put("/images/cat", &photo("chelsea.png")).expect(201);
    let first = server.client.get("/images/cat").expect(200);
    chain.read(&first.body, "image/webp");
    let second = eventually("the second pass", || {
        let now = server.client.get("/images/cat").expect(200);
        (now.header("etag") != first.header("etag")).then_some(now)
    });
    assert!(second.body.len() < first.body.len());
    let manifest = chain.read(&second.body, "image/webp");
    assert!(!manifest.to_string().contains("digitalSourceType"), "nobody has said that a machine made it: {manifest}");
}

#[test]
fn convert_signs_too() {
    let (chain, folder) = (Chain::new(), tempfile::tempdir().unwrap());
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    let picture = path(folder.path().join("cat.png"));
    std::fs::write(&picture, photo("chelsea.png")).unwrap();
    let (cert, key, out) = (path(chain.file("cert.pem")), path(chain.file("key.pem")), path(folder.path().join("out")));
    let words = ["convert", &picture, "-o", &out, "--w", "64", "--c2pa-cert", &cert, "--c2pa-key", &key];
    let said = orbit(&words, &[], b"");
    assert_eq!(said.code, Some(0), "{said:?}");
    chain.read(&std::fs::read(folder.path().join("out/cat.webp")).unwrap(), "image/webp");
}

#[test]
fn a_certificate_that_does_not_belong_to_the_key_ends_the_start() {
    let (chain, other, folder) = (Chain::new(), Chain::new(), Folder::new());
    let (cert, key) = (chain.file("cert.pem"), other.file("key.pem"));
    let words = ["--c2pa-cert", cert.to_str().unwrap(), "--c2pa-key", key.to_str().unwrap()];
    let refused = Launch::serve(&folder).words(&words).refused();
    assert!(refused.stderr.contains("belongs to the key"), "{refused:?}");
    let secret = std::fs::read_to_string(&key).unwrap();
    assert!(secret.lines().all(|line| line.starts_with('-') || !refused.stderr.contains(line)), "{refused:?}");
}
