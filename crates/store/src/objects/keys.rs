//! The keys of objects: where an image lies in a bucket, and whose an object is.
//!
//! Every key is made here, of checked ids and names, which need no escaping.

use object_store::path::Path;
use orbit_model::ImageId;

use crate::blob::shard_of;
use crate::{Error, File};

/// The keys below a prefix.
#[derive(Debug, Clone)]
pub(super) struct Keys(Path);

impl Keys {
    /// All keys begin with `prefix`.
    pub(super) fn below(prefix: Path) -> Self {
        Self(prefix)
    }

    /// What all images lie in.
    pub(super) fn images(&self) -> Path {
        self.0.clone().join("images")
    }

    /// What all files of an image lie in.
    pub(super) fn folder(&self, id: &ImageId) -> Path {
        self.shard(id).join(id.as_str())
    }

    /// A file of an image.
    pub(super) fn file(&self, id: &ImageId, file: File<'_>) -> Path {
        self.folder(id).join(file.as_str())
    }

    /// Behind all files of an image and before those of the next: `0` follows upon `/`.
    pub(super) fn behind(&self, id: &ImageId) -> Path {
        self.shard(id).join(format!("{id}0"))
    }

    /// An object that nobody else uses.
    pub(super) fn probe(&self) -> Result<Path, Error> {
        let number = getrandom::u64().map_err(Error::internal)?;
        Ok(self.0.clone().join(format!("probe-{number:016x}")))
    }

    /// Whose an object is; `None` where it is none of ours.
    pub(super) fn image(&self, key: &Path) -> Option<ImageId> {
        let images = self.images();
        let mut parts = key.prefix_match(&images)?;
        let (shard, id, _file) = (parts.next()?, parts.next()?, parts.next()?);
        let id: ImageId = id.as_ref().parse().ok()?;
        (parts.next().is_none() && shard.as_ref() == shard_name(&id)).then_some(id)
    }

    fn shard(&self, id: &ImageId) -> Path {
        self.images().join(shard_name(id))
    }
}

fn shard_name(id: &ImageId) -> String {
    format!("{:02x}", shard_of(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::id;

    #[test]
    fn keys_are_those_of_the_folders_on_a_disk_and_lead_back() {
        for prefix in ["", "a", "some/where"] {
            let keys = Keys::below(Path::from(prefix));
            let key = keys.file(&id("fox"), File::Manifest);
            assert!(key.as_ref().ends_with(&format!("images/{}/fox/manifest.json", shard_name(&id("fox")))), "{key}");
            assert_eq!(keys.image(&key), Some(id("fox")));
            let other = if prefix == "a" { "b" } else { "a" };
            assert_eq!(Keys::below(Path::from(other)).image(&key), None);
            assert!(
                keys.folder(&id("fox")) < keys.behind(&id("fox"))
                    && keys.file(&id("fox"), File::Manifest) < keys.behind(&id("fox"))
            );
        }
    }

    #[test]
    fn what_lies_elsewhere_is_nobodys() {
        let keys = Keys::below(Path::default());
        let shard = shard_name(&id("fox"));
        let strangers = [
            "probe-1".to_owned(),
            format!("images/{shard}"),
            format!("images/{shard}/fox"),
            "images/zz/fox/a.png".to_owned(),
            format!("images/{shard}/fox/a/b"),
        ];
        for key in strangers {
            assert_eq!(keys.image(&Path::from(key.as_str())), None, "{key}");
        }
    }
}
