//! Previews: pictures that are not finished, shown under a name of their own until the finished one is there.
//!
//! They are copies that may be lost: a few megabytes of memory, the oldest out first. Like everything public they are encoded
//! by us, so that nothing of the backend's file is in them but pixels.

use std::collections::VecDeque;

use bytes::Bytes;
use orbit_codec::{Mark, Quality, Stop, Terms};
use orbit_model::ImageId;
use parking_lot::Mutex;

use crate::Origin;

/// The quality of a preview, which is looked at for a second.
const QUALITY: u8 = 60;

/// The previews of one process.
#[derive(Debug)]
pub(crate) struct Previews {
    /// The oldest first, and the bytes of all; never held over an await.
    shelf: Mutex<(VecDeque<(ImageId, Bytes)>, usize)>,
    max_bytes: usize,
}

impl Previews {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { shelf: Mutex::default(), max_bytes }
    }

    /// The WebP of a preview, by its own name.
    pub(crate) fn get(&self, name: &ImageId) -> Option<Bytes> {
        let shelf = self.shelf.lock();
        shelf.0.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone())
    }

    fn put(&self, name: ImageId, bytes: Bytes) {
        let mut shelf = self.shelf.lock();
        let (previews, held) = &mut *shelf;
        previews.retain(|(known, old)| {
            let stays = *known != name;
            *held -= if stays { 0 } else { old.len() };
            stays
        });
        *held += bytes.len();
        previews.push_back((name, bytes));
        while *held > self.max_bytes
            && let Some((_, oldest)) = previews.pop_front()
        {
            *held -= oldest.len();
        }
    }

    /// Removes what is shown of an image that is purged.
    pub(crate) fn remove(&self, id: &ImageId) {
        let names: Vec<ImageId> = id.previews().collect();
        let mut shelf = self.shelf.lock();
        let (previews, held) = &mut *shelf;
        previews.retain(|(name, bytes)| {
            let stays = !names.contains(name);
            *held -= if stays { 0 } else { bytes.len() };
            stays
        });
    }
}

impl Origin {
    /// Encodes a preview and puts it on the shelf; `None` where it is no picture, or nobody has the time.
    pub(super) async fn keep_preview(&self, id: &ImageId, place: u8, source: Bytes) -> Option<ImageId> {
        let (name, place) = (id.preview(place)?, self.0.pool.try_enter().ok()?);
        let (limits, time) = (self.config().limits, self.config().transform_timeout);
        let mark = Some(Mark::TrainedAlgorithmicMedia);
        let terms = Terms { limits, mark, stop: Stop::after(time), ..Terms::default() };
        let memory = orbit_codec::memory::estimate(&orbit_codec::probe(&source, &limits).ok()?, None);
        let work = move || orbit_codec::encode(&source, Quality::new(QUALITY).unwrap_or_default(), &terms);
        let encoded = self.0.pool.run(&place, memory, time, work).await.ok()?.ok()?;
        let webp = Bytes::from(encoded.webp);
        self.0.previews.put(name.clone(), webp.clone());
        if let Some(nodes) = self.nodes() {
            // Without it, it is shown here alone.
            let _ = nodes.board.show(&name, &webp).await;
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ImageId {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many_bytes() {
        let previews = Previews::new(10);
        for place in 0..3 {
            previews.put(id("a").preview(place).unwrap(), Bytes::from_static(b"abcd"));
        }
        assert_eq!(previews.get(&id("a-preview-0")), None);
        assert_eq!(previews.get(&id("a-preview-2")).unwrap().len(), 4);
        previews.put(id("a-preview-2"), Bytes::from_static(b"new"));
        assert_eq!(previews.get(&id("a-preview-2")).unwrap(), "new");
        assert_eq!(previews.shelf.lock().1, 7);
    }

    #[test]
    fn what_is_purged_is_removed_and_its_neighbours_stay() {
        let previews = Previews::new(100);
        for name in ["a-preview-0", "a-preview-1", "ab-preview-0"] {
            previews.put(id(name), Bytes::from_static(b"abcd"));
        }
        previews.remove(&id("a"));
        assert!(previews.get(&id("a-preview-1")).is_none() && previews.get(&id("ab-preview-0")).is_some());
        assert_eq!(previews.shelf.lock().1, 4);
    }
}
