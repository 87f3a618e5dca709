//! Labels as uploads bring them: in the query, as form fields or in JSON; every value is bounded.

use orbit_model::Labels;
use serde::Deserialize;

use crate::Error;

/// The longest style, title or model, in bytes, whoever gives it.
pub(crate) const MAX_SHORT: usize = 200;
/// The longest prompt, in bytes; labels are in every list.
pub(crate) const MAX_PROMPT: usize = 32 << 10;

/// What an upload says of its image, before it is checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    thread_id: Option<String>,
    style: Option<String>,
    title: Option<String>,
    prompt: Option<String>,
    model: Option<String>,
    seed: Option<u64>,
    generated: Option<bool>,
}

impl Given {
    /// Sets a field by its name; `false` where there is no such field.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<bool, Error> {
        match name {
            "thread_id" => self.thread_id = Some(value),
            "style" => self.style = Some(value),
            "title" => self.title = Some(value),
            "prompt" => self.prompt = Some(value),
            "model" => self.model = Some(value),
            "seed" => {
                let seed = value.parse().ok();
                self.seed = Some(seed.ok_or_else(|| Error::Invalid("`seed` must be a whole number".to_owned()))?);
            }
            "generated" => {
                let flag = value.parse().ok();
                self.generated =
                    Some(flag.ok_or_else(|| Error::Invalid("`generated` must be true or false".to_owned()))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The fields of `self`, and those of `other` where `self` has none.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            thread_id: self.thread_id.or(other.thread_id),
            style: self.style.or(other.style),
            title: self.title.or(other.title),
            prompt: self.prompt.or(other.prompt),
            model: self.model.or(other.model),
            seed: self.seed.or(other.seed),
            generated: self.generated.or(other.generated),
        }
    }

    /// Checks every field; an empty one counts as absent.
    pub(super) fn check(self) -> Result<Labels, Error> {
        let thread_id = self.thread_id.filter(|id| !id.is_empty());
        Ok(Labels {
            thread_id: thread_id.map(|id| id.parse()).transpose()?,
            style: bounded("style", self.style, MAX_SHORT)?,
            title: bounded("title", self.title, MAX_SHORT)?,
            prompt: bounded("prompt", self.prompt, MAX_PROMPT)?,
            model: bounded("model", self.model, MAX_SHORT)?,
            seed: self.seed,
            generated: self.generated.unwrap_or(false),
        })
    }
}

fn bounded(name: &str, value: Option<String>, max: usize) -> Result<Option<String>, Error> {
    match value {
        Some(text) if text.len() > max => Err(Error::Invalid(format!("`{name}` may be at most {max} bytes long"))),
        Some(text) if text.is_empty() => Ok(None),
        value => Ok(value),
    }
}
