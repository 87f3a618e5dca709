//! Images that are only made up: manifests by their number, as long as real ones, and files that nobody writes.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use orbit_model::{BlobName, Digest, Format, ImageId, Labels, Manifest, Placeholder, Rendition, Source};
use orbit_store::{BlobStore, Deleted, Error, File, PutMode};

/// How many images a thread has.
pub(super) const PER_THREAD: u64 = 100;

/// A blob store in which images 0 to `count` lie, as far as their manifests go.
#[derive(Debug)]
pub(super) struct MadeUp {
    count: u64,
}

impl MadeUp {
    pub(super) fn new(count: u64) -> Self {
        Self { count }
    }
}

#[async_trait]
impl BlobStore for MadeUp {
    async fn put(&self, _: &ImageId, _: File<'_>, _: Bytes, _: PutMode<'_>) -> Result<(), Error> {
        Ok(())
    }

    async fn get(&self, id: &ImageId, file: File<'_>) -> Result<Bytes, Error> {
        let number = number_of(id).filter(|number| *number < self.count && file == File::Manifest);
        Ok(manifest(number.ok_or(Error::NotFound)?).to_json().into())
    }

    async fn discard(&self, _: &ImageId, _: &[&BlobName]) -> Result<(), Error> {
        Ok(())
    }

    async fn retain(&self, _: &ImageId, _: &[&BlobName]) -> Result<Deleted, Error> {
        Ok(Deleted::default())
    }

    async fn delete_image(&self, _: &ImageId) -> Result<Deleted, Error> {
        Ok(Deleted::default())
    }

    async fn list(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<ImageId>, Error> {
        let first = after.and_then(number_of).map_or(0, |number| number + 1);
        Ok((first..self.count).take(limit).map(id).collect())
    }
}

#[expect(clippy::expect_used, reason = "a name that this file makes itself")]
fn id(number: u64) -> ImageId {
    format!("hero_recycling-mascot_{number:012}").parse().expect("a valid id")
}

fn number_of(id: &ImageId) -> Option<u64> {
    id.as_str().rsplit('_').next()?.parse().ok()
}

/// The manifest of an image; neighbours share a thread.
#[expect(clippy::expect_used, reason = "names that this file makes itself")]
pub(super) fn manifest(number: u64) -> Manifest {
    let digest = Digest::of(&number.to_le_bytes());
    Manifest {
        version: Manifest::VERSION,
        revision: 1,
        id: id(number),
        labels: Labels {
            thread_id: Some(format!("thread-{:08}", number / PER_THREAD).parse().expect("a valid thread")),
            style: Some(["hero", "card", "icon", "banner"][(number % 4) as usize].to_owned()),
            title: Some("A recycling mascot".to_owned()),
            prompt: Some("a friendly recycling mascot for a city's poster, flat colours, green and white".to_owned()),
            model: Some("demo".to_owned()),
            generated: true,
            ..Labels::default()
        },
        created_at: Timestamp::from_millisecond(1_700_000_000_000 + number as i64 * 1_000).expect("a valid time"),
        source: Source {
            file: BlobName::for_content("source", &digest, Format::Png),
            format: Format::Png,
            bytes: 1_400_000,
            digest,
            evicted: false,
        },
        recipe: None,
        image: Rendition {
            file: BlobName::for_content("image", &digest, Format::Webp),
            format: Format::Webp,
            quality: 85,
            width: 1024,
            height: 1024,
            bytes: 94_000,
            digest,
        },
        refined: true,
        placeholder: Placeholder {
            thumbhash: "3OcRJYB4d3h/iIeHeEh3eIhw+j2w".to_owned(),
            data_url: format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(40)),
            color: "#406080".to_owned(),
        },
        variants: Vec::new(),
        used_at: None,
    }
}

/// An image to upload, with the little that it is made of.
pub(super) fn upload(number: u64) -> (Manifest, Vec<(BlobName, Bytes)>) {
    let manifest = manifest(number);
    let blobs = manifest.files().map(|file| (file.clone(), Bytes::from_static(b"made up"))).collect();
    (manifest, blobs)
}
