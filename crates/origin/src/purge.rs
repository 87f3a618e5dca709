//! `DELETE /images/{id}` and `POST /purge`: gone from everywhere when the answer is sent.
//!
//! 1. The names become ids: threads and the tags `thread:` and `style:` by the index.
//! 2. The truth goes first: index and files. A fill that begins after this finds nothing.
//! 3. Then the copies: a fill that began before is not kept ([`crate::Copies`]); edges of their own are told, and waited for
//!    ([`crate::edges`]).
//! 4. Then the threads are told, and the receipt is written.
//!
//! A soft purge leaves the truth and only marks copies as stale.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Request, State};
use jiff::Timestamp;
use orbit_model::{Event, ImageId, ImagePurged, PurgeRequest, Receipt, Removed, ThreadId};

use crate::edges::Told;
use crate::routes::Segment;
use crate::{Error, Origin};

/// Images that are taken from the store in one step of a purge of everything.
const BATCH: usize = 500;

pub(crate) async fn delete(State(origin): State<Origin>, Segment(id): Segment) -> Result<Json<Receipt>, Error> {
    let id = ImageId::from_segment(&id).ok().ok_or(Error::NotFound("image"))?;
    let receipt = origin.purge(PurgeRequest { ids: vec![id], ..PurgeRequest::default() }).await?;
    if receipt.images.is_empty() {
        return Err(Error::NotFound("image"));
    }
    Ok(Json(receipt))
}

pub(crate) async fn post(State(origin): State<Origin>, request: Request) -> Result<Json<Receipt>, Error> {
    let request: PurgeRequest = origin.read_json(request, "the purge request").await?;
    if request.is_empty() {
        return Err(Error::Invalid("name what to purge: ids, threads, tags or all".to_owned()));
    }
    origin.purge(request).await.map(Json)
}

/// What has been removed so far.
#[derive(Debug, Default)]
struct Tally {
    images: Vec<ImageId>,
    missing: Vec<ImageId>,
    events: Vec<Event>,
    rows: u64,
    files: u64,
    bytes: u64,
}

impl Tally {
    fn into_receipt(self, soft: bool, copies: Purged, at: Timestamp) -> Receipt {
        let truth = |tier: &str, entries, bytes| Removed { tier: tier.to_owned(), entries, bytes, failed: None };
        let mut removed = Vec::new();
        if !soft {
            removed.push(truth("index", self.rows, None));
            removed.push(truth("files", self.files, Some(self.bytes)));
        }
        removed.extend(copies.removed);
        let Told { edges, pending } = copies.told;
        Receipt { images: self.images, missing: self.missing, removed, edges, pending, soft, at }
    }
}

/// What became of the copies.
#[derive(Debug)]
struct Purged {
    /// In this process.
    removed: Vec<Removed>,
    /// At edges of their own.
    told: Told,
}

impl Origin {
    /// Removes what a request names from every tier and returns the receipt; goes on to the end though the client leaves.
    pub(crate) async fn purge(&self, request: PurgeRequest) -> Result<Receipt, Error> {
        let origin = self.clone();
        self.detached(async move { origin.purge_everywhere(request).await }).await
    }

    async fn purge_everywhere(&self, mut request: PurgeRequest) -> Result<Receipt, Error> {
        let mut tally = Tally::default();
        let removed = self.remove_named(&request, &mut tally).await;
        // The copies and the threads are told of what is gone, even if the rest could not be removed. Copies may outlive
        // an image that is missing here: they are dropped by name too.
        request.ids = tally.images.iter().chain(&tally.missing).cloned().collect();
        if !request.soft {
            self.hide_previews(&request.ids).await;
        }
        let soft = request.soft;
        let copies = self.drop_copies(request).await;
        for event in std::mem::take(&mut tally.events) {
            self.tell(event).await;
        }
        removed?;
        let copies = copies?;
        tracing::info!(target: "orbit::origin", images = tally.images.len(), soft, "purged");
        Ok(tally.into_receipt(soft, copies, self.now()))
    }

    /// Drops the copies that others have of what is named, and waits until they are gone.
    async fn drop_copies(&self, request: PurgeRequest) -> Result<Purged, Error> {
        let (told, mut removed) = tokio::join!(self.tell_edges(request.clone()), self.0.parts.copies.purge(&request));
        // Behind the edges, for CDNs take their copies from there.
        removed.extend(self.tell_cdns(&request).await);
        Ok(Purged { removed, told: told? })
    }

    /// Drops all copies of an image that is another from now on.
    pub(crate) async fn drop_copies_of(&self, id: &ImageId) -> Result<(), Error> {
        let request = PurgeRequest { ids: vec![id.clone()], ..PurgeRequest::default() };
        self.drop_copies(request).await.map(drop)
    }

    /// Marks all copies of an image as stale, and waits for nobody.
    pub(crate) async fn outdate_copies_of(&self, id: &ImageId) {
        let request = PurgeRequest { ids: vec![id.clone()], soft: true, ..PurgeRequest::default() };
        self.0.parts.copies.purge(&request).await;
        self.tell_edges_behind(request.clone()).await;
        self.tell_cdns_behind(&request).await;
    }

    /// Shows what other nodes have shown of unfinished images no longer.
    async fn hide_previews(&self, ids: &[ImageId]) {
        let Some(nodes) = self.nodes() else { return };
        let names: Vec<ImageId> = ids.iter().flat_map(ImageId::previews).collect();
        if nodes.board.hide(&names).await.is_err() {
            tracing::warn!(target: "orbit::origin", "previews may be shown for two minutes, for Redis cannot be reached");
        }
    }

    /// Removes the truth of what a request names.
    async fn remove_named(&self, request: &PurgeRequest, tally: &mut Tally) -> Result<(), Error> {
        let mut ids: BTreeSet<ImageId> = request.ids.iter().cloned().collect();
        ids.extend(self.named_by_tags(request).await?);
        self.remove(ids, request.soft, tally).await?;
        if request.all {
            self.remove_all(request.soft, tally).await?;
        }
        Ok(())
    }

    /// The images of the named threads, and of tags that name a thread or a style.
    async fn named_by_tags(&self, request: &PurgeRequest) -> Result<Vec<ImageId>, Error> {
        let mut ids = Vec::new();
        let tagged = request.tags.iter().filter_map(|tag| tag.strip_prefix("thread:")).filter_map(|id| id.parse().ok());
        let threads: Vec<ThreadId> = request.threads.iter().cloned().chain(tagged).collect();
        for thread in &threads {
            ids.extend(self.store().ids_of_thread(thread).await?);
        }
        for style in request.tags.iter().filter_map(|tag| tag.strip_prefix("style:")) {
            ids.extend(self.store().ids_of_style(style).await?);
        }
        Ok(ids)
    }

    /// Walks over everything that is stored, a batch at a time; what arrives meanwhile may stay.
    async fn remove_all(&self, soft: bool, tally: &mut Tally) -> Result<(), Error> {
        let mut after = None;
        loop {
            let batch = self.store().ids(after.as_ref(), BATCH).await?;
            let Some(last) = batch.last() else { return Ok(()) };
            after = Some(last.clone());
            self.remove(batch.into_iter().collect(), soft, tally).await?;
        }
    }

    async fn remove(&self, ids: BTreeSet<ImageId>, soft: bool, tally: &mut Tally) -> Result<(), Error> {
        for id in ids {
            if soft {
                match self.store().manifest(&id).await {
                    Ok(_) => tally.images.push(id),
                    Err(orbit_store::Error::NotFound) => tally.missing.push(id),
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            self.0.previews.remove(&id);
            match self.store().erase(&id).await {
                Ok(erased) => {
                    tally.rows += erased.index;
                    tally.files += erased.files;
                    tally.bytes += erased.bytes;
                    let thread_id = erased.manifest.and_then(|manifest| manifest.labels.thread_id);
                    let told = thread_id.map(|thread_id| Event::ImagePurged(ImagePurged { thread_id, id: id.clone() }));
                    tally.events.extend(told);
                    tally.images.push(id);
                }
                Err(orbit_store::Error::NotFound) => tally.missing.push(id),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
