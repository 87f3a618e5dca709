//! What the tests of this crate share: images as the origin would bring them, and the macro that runs a suite of laws.
//!
//! A suite is a module of functions that take any backend of a trait; `laws!` makes a test of each for one backend.

pub(crate) mod redis;
pub(crate) mod s3;

use bytes::Bytes;
use jiff::Timestamp;
use orbit_model::{BlobName, Digest, Format, ImageId, Labels, Manifest, Placeholder, PrivateFile, Rendition, Source};

use crate::{Committed, Error, Expect, Store};

/// Makes a test of each law; `open` gives an empty backend and whatever must live as long as it.
macro_rules! laws {
    ($suite:path, $open:path: $($law:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $law() {
            use $suite as suite;
            let (backend, _guard) = $open().await;
            suite::$law(std::sync::Arc::new(backend)).await;
        })*
    };
}
pub(crate) use laws;

pub(crate) mod bucket;

/// An image and what is stored of it.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) manifest: Manifest,
    pub(crate) blobs: Vec<(BlobName, Bytes)>,
}

/// An image named `name` whose bytes are made of `content`; the same content gives the same bytes.
pub(crate) fn image(name: &str, content: &str) -> Image {
    let source = Bytes::from(format!("source of {content}"));
    let served = Bytes::from(format!("webp of {content}, which is longer"));
    let (source_digest, digest) = (Digest::of(&source), Digest::of(&served));
    let source_file = BlobName::for_content("source", &source_digest, Format::Png);
    let file = BlobName::for_content("image", &digest, Format::Webp);
    let manifest = Manifest {
        revision: 1,
        version: Manifest::VERSION,
        id: id(name),
        labels: Labels::default(),
        created_at: at(0),
        source: Source {
            file: source_file.clone(),
            format: Format::Png,
            bytes: source.len() as u64,
            digest: source_digest,
            evicted: false,
        },
        recipe: None,
        image: Rendition {
            file: file.clone(),
            format: Format::Webp,
            quality: 85,
            width: 2,
            height: 1,
            bytes: served.len() as u64,
            digest,
        },
        placeholder: Placeholder { thumbhash: String::new(), data_url: String::new(), color: "#000000".to_owned() },
        refined: false,
        variants: Vec::new(),
        used_at: None,
    };
    Image { manifest, blobs: vec![(source_file, source), (file, served)] }
}

impl Image {
    pub(crate) fn in_thread(mut self, thread: &str) -> Self {
        self.manifest.labels.thread_id = Some(thread.parse().unwrap());
        self
    }

    pub(crate) fn of_style(mut self, style: &str) -> Self {
        self.manifest.labels.style = Some(style.to_owned());
        self
    }

    pub(crate) fn with_recipe(mut self, recipe: &'static str) -> Self {
        let json = Bytes::from(recipe);
        let digest = Digest::of(&json);
        let file = BlobName::for_json("recipe", &digest);
        self.manifest.recipe = Some(PrivateFile { file: file.clone(), bytes: json.len() as u64, digest });
        self.blobs.push((file, json));
        self
    }

    pub(crate) fn at(mut self, seconds: i64) -> Self {
        self.manifest.created_at = at(seconds);
        self
    }

    pub(crate) fn served(&self) -> Bytes {
        self.blobs[1].1.clone()
    }

    pub(crate) async fn commit(&self, store: &Store, expect: Expect) -> Result<Committed, Error> {
        store.commit(self.manifest.clone(), self.blobs.clone(), expect).await
    }
}

pub(crate) fn id(name: &str) -> ImageId {
    name.parse().unwrap()
}

/// `seconds` after some moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_764_000_000 + seconds).unwrap()
}
