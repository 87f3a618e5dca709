//! What a generator wrote into an upload: lifted at ingest, kept beside the image, and told to its owner alone.
//!
//! `GET /images/{id}/recipe` has all of it; the prompt and the seed are labels too, where the uploader gave none. No rendition
//! has any of it, since the codec writes pixels and its own mark only.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, Uri};
use orbit_model::{BlobName, Digest, ImageId, Labels, Manifest, PrivateFile, Recipe};
use serde::Serialize;

use crate::pool::Place;
use crate::routes::Segment;
use crate::upload::labels::MAX_PROMPT;
use crate::{Error, Origin, error};

/// What lifting takes beside the file: its texts as they were, as JSON, and as values.
const MEMORY_BYTES: u64 = 16 << 20;

/// A recipe as it is stored.
#[derive(Debug)]
pub(crate) struct Lifted {
    pub(crate) named: PrivateFile,
    pub(crate) json: Bytes,
}

/// A recipe as its owner reads it.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    recipe: Recipe,
    seed: Option<u64>,
}

pub(crate) async fn get(
    State(origin): State<Origin>,
    Segment(id): Segment,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    // Before anything is looked up: the refusal must not tell which images have one.
    if let Err(refusal) = origin.0.parts.access.check(&uri, &headers) {
        return Ok(error::refused(refusal));
    }
    if !origin.trusts(&uri, &headers) {
        return Err(Error::NotFound("recipe"));
    }
    let id: ImageId = id.parse().ok().ok_or(Error::NotFound("image"))?;
    let told = match origin.recipe_of(&id).await {
        // Replaced between the manifest and the file: the second look finds the new ones.
        Err(orbit_store::Error::Corrupt { .. }) => origin.recipe_of(&id).await?,
        told => told?,
    };
    let told = told.ok_or(Error::NotFound("recipe"))?;
    Ok(([(CACHE_CONTROL, "no-store, private")], Json(told)).into_response())
}

impl Origin {
    async fn recipe_of(&self, id: &ImageId) -> Result<Option<Told>, orbit_store::Error> {
        let Manifest { recipe, labels, .. } = self.store().manifest(id).await?;
        let Some(PrivateFile { file, bytes, .. }) = recipe else { return Ok(None) };
        let json = self.store().blob(id, &file, bytes).await?;
        let recipe = Recipe::from_json(&json).map_err(|error| orbit_store::Error::Internal(error.into()))?;
        Ok(Some(Told { recipe, seed: labels.seed }))
    }

    /// Lifts what a generator wrote into a file, and gives the labels that it has and the uploader did not name.
    pub(crate) async fn lift(
        &self,
        source: Bytes,
        labels: Labels,
        place: &Place,
    ) -> Result<(Option<Lifted>, Labels), Error> {
        let time = self.config().transform_timeout;
        self.0.pool.run(place, MEMORY_BYTES, time, move || lift(&source, labels)).await
    }
}

fn lift(source: &[u8], labels: Labels) -> (Option<Lifted>, Labels) {
    let recipe = orbit_codec::recipe(source);
    if recipe.is_empty() {
        return (None, labels);
    }
    let json = Bytes::from(recipe.to_json());
    let digest = Digest::of(&json);
    let named = PrivateFile { file: BlobName::for_json("recipe", &digest), bytes: json.len() as u64, digest };
    // A prompt that the uploader gave has its own seed, or none that we know of.
    let (prompt, seed) = recipe.asked();
    let seed = if labels.prompt.is_some() { labels.seed } else { labels.seed.or(seed) };
    // A longer one is no label; the recipe has all of it.
    let prompt = labels.prompt.or(prompt.filter(|prompt| prompt.len() <= MAX_PROMPT));
    (Some(Lifted { named, json }), Labels { prompt, seed, ..labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_gives_only_the_labels_that_nobody_gave() {
        let grey =
            std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/trouble/grey.png")).unwrap();
        assert!(matches!(lift(&grey, Labels::default()), (None, labels) if labels == Labels::default()));
        let texts = [("parameters", "a fox\nNegative prompt: blur\nSteps: 20, Seed: 7")];
        let png = orbit_codec::with_text(grey, &texts).unwrap();
        let named =
            |prompt: Option<&str>, seed| Labels { prompt: prompt.map(str::to_owned), seed, ..Labels::default() };
        for (given, expected) in [
            (named(None, None), named(Some("a fox"), Some(7))),
            (named(Some("a hen"), None), named(Some("a hen"), None)),
            (named(None, Some(9)), named(Some("a fox"), Some(9))),
            (named(Some("a hen"), Some(9)), named(Some("a hen"), Some(9))),
        ] {
            let (lifted, labels) = lift(&png, given);
            assert_eq!(labels, expected);
            let lifted = lifted.unwrap();
            assert_eq!(Recipe::from_json(&lifted.json).unwrap().parameters.as_deref(), Some(texts[0].1));
            assert_eq!(lifted.named.bytes, lifted.json.len() as u64);
        }
    }
}
