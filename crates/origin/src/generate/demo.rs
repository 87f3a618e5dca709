//! The demo generator: pictures made by a procedure from the prompt's hash.
//!
//! It is no AI model and knows nothing of what a prompt means; it is there so that everything around generation can be seen and
//! tested without a model, a key or a network. The same prompt, seed and size give the same picture.

mod paint;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use self::paint::{Canvas, paint};
use super::{Error, Generator, Request};

/// Draws by procedure.
#[derive(Debug, Clone)]
pub struct Demo {
    /// How long a picture takes at the least, as a model would.
    delay: Duration,
    /// One permit a core; it goes with the painting onto its thread, because that goes on when the caller leaves.
    easels: Arc<Semaphore>,
}

impl Demo {
    /// The name of the "model".
    pub const MODEL: &'static str = "orbit-demo";

    /// A generator that waits for `delay` before each picture.
    #[must_use]
    pub fn new(delay: Duration) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { delay, easels: Arc::new(Semaphore::new(cores)) }
    }
}

#[async_trait]
impl Generator for Demo {
    fn model(&self) -> &str {
        Self::MODEL
    }

    async fn generate(&self, request: Request) -> Result<Bytes, Error> {
        tokio::time::sleep(self.delay).await;
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
    let Request { concept, width, height, seed } = request;
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

    fn request(prompt: &str, seed: u64) -> Request {
        let concept =
            Concept { prompt: prompt.to_owned(), style: None, title: None, model: None, size: None, seed: None };
        Request { concept, width: 64, height: 48, seed }
    }

    #[tokio::test]
    async fn the_same_prompt_and_seed_draw_the_same_picture() {
        let demo = Demo::new(Duration::ZERO);
        let fox = demo.generate(request("a fox", 1)).await.unwrap();
        assert_eq!(demo.generate(request("a fox", 1)).await.unwrap(), fox);
        assert_ne!(demo.generate(request("a fox", 2)).await.unwrap(), fox);
        assert_ne!(demo.generate(request("a dog", 1)).await.unwrap(), fox);
        let probe = orbit_codec::probe(&fox, &orbit_codec::Limits::default()).unwrap();
        assert_eq!((probe.width, probe.height), (64, 48));
    }
}
