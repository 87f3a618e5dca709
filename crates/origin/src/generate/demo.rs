//! The demo generator: pictures made by a procedure from the prompt's hash.
//!
//! It is no AI model and knows nothing of what a prompt means; it is there so that everything around generation can be seen and
//! tested without a model, a key or a network. The same prompt, seed and size give the same picture.

mod paint;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use self::paint::{Canvas, paint};
use super::{Error, Generator, Picture, Preview, Request};

/// Draws by procedure.
#[derive(Debug, Clone)]
pub struct Demo {
    /// How long a picture takes at the least, as a model would.
    delay: Duration,
    /// One permit a core; it goes with the painting onto its thread, because that goes on when the caller leaves.
    easels: Arc<Semaphore>,
    models: [String; 1],
    takes_any: bool,
}

impl Demo {
    /// The name of the "model".
    pub const MODEL: &'static str = "orbit-demo";

    /// A generator that waits for `delay` before each picture.
    #[must_use]
    pub fn new(delay: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { delay, easels: Arc::new(Semaphore::new(cores)), models: [Self::MODEL.to_owned()], takes_any: true }
    }

    /// The same beside real models: it draws where it is asked for by its name, and for no name that nobody else has.
    #[must_use]
    pub fn by_name_only(self) -> Self {
        Self { takes_any: false, ..self }
    }
}

#[async_trait]
impl Generator for Demo {
    fn models(&self) -> &[String] {
        &self.models
    }

    /// Programs that were written for another server are to run without a change.
    fn takes_any_model(&self) -> bool {
        self.takes_any
    }

    async fn generate(&self, request: Request, previews: mpsc::Sender<Preview>) -> Result<Picture, Error> {
        if !request.inputs.is_empty() {
            return Err(Error::Refused("the demo generator draws, and edits nothing".to_owned()));
        }
        // What is shown before is the same picture, coarser.
        let steps = u32::from(request.previews) + 1;
        for index in 0..request.previews {
            tokio::time::sleep(self.delay / steps).await;
            let scale = 1 << (request.previews - index + 1);
            let (width, height) = ((request.width / scale).max(1), (request.height / scale).max(1));
            let bytes = self.paint(Request { width, height, ..request.clone() }).await?;
            // Nobody may look.
            let _ = previews.send(Preview { index, bytes }).await;
        }
        tokio::time::sleep(self.delay / steps).await;
        Ok(Picture { bytes: self.paint(request).await?, revised_prompt: None })
    }
}

impl Demo {
    /// Paints on a thread for blocking work, of which there is one a core.
    async fn paint(&self, request: Request) -> Result<Bytes, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
        let easel = Arc::clone(&self.easels).acquire_owned().await.map_err(|error| failed(&error))?;
        let painting = tokio::task::spawn_blocking(move || {
            let _held = easel;
            draw(&request)
        });
        painting.await.map_err(|error| failed(&error))?
    }
}

fn draw(request: &Request) -> Result<Bytes, Error> {
    let Request { concept, width, height, seed, .. } = request;
    let mut hasher = blake3::Hasher::new();
    hasher.update(concept.prompt.as_bytes());
    hasher.update(&seed.to_le_bytes());
    let canvas = Canvas { width: *width, height: *height };
    let pixels = paint(canvas, hasher.finalize().as_bytes());
    let png = orbit_codec::encode_png(*width, *height, &pixels);
    png.map(Bytes::from).map_err(|error| Error::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use orbit_model::Concept;

    use super::*;

    async fn draw(prompt: &str, seed: u64) -> Bytes {
        let concept =
            Concept { prompt: prompt.to_owned(), style: None, title: None, model: None, size: None, seed: None };
        let (inputs, extra) = (Vec::new(), serde_json::Map::new());
        let request = Request { concept, width: 64, height: 48, seed, previews: 0, inputs, extra };
        let (previews, _) = mpsc::channel(1);
        Demo::new(Duration::ZERO).generate(request, previews).await.unwrap().bytes
    }

    #[tokio::test]
    async fn the_same_prompt_and_seed_draw_the_same_picture() {
        let fox = draw("a fox", 1).await;
        assert_eq!(draw("a fox", 1).await, fox);
        assert_ne!(draw("a fox", 2).await, fox);
        assert_ne!(draw("a dog", 1).await, fox);
        let probe = orbit_codec::probe(&fox, &orbit_codec::Limits::default()).unwrap();
        assert_eq!((probe.width, probe.height), (64, 48));
    }
}
