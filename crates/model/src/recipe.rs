//! What a generator wrote into a file about how it was made: private, kept beside the image as a blob of its own.
//!
//! `codec` lifts it out of what was uploaded; here is what it says, as far as the two common dialects go: the text of the
//! web UIs (`parameters`, or the comment of a JPEG) and ComfyUI's graph (`prompt`). A stranger wrote it, so that whatever is
//! not understood says nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

/// How many nodes of a graph are followed from one to the next.
const MAX_STEPS: usize = 16;

/// The texts that a generator left in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Prompt and settings as text, as the web UIs write them.
    pub parameters: Option<String>,
    /// The graph that was run, as ComfyUI writes it: JSON.
    pub prompt: Option<String>,
    /// The graph as it is edited, as ComfyUI writes it: JSON.
    pub workflow: Option<String>,
    /// Exif's `UserComment`.
    pub user_comment: Option<String>,
}

impl Recipe {
    /// Reads the blob that [`Recipe::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is something else.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::invalid("recipe", error.to_string()))
    }

    /// Writes the recipe as JSON; equal recipes give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Four texts: serialising them into memory has no way to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The text that the image was asked for with, and the number that chose it; each where it is told.
    #[must_use]
    pub fn asked(&self) -> (Option<String>, Option<u64>) {
        let written = self.parameters.as_deref().or(self.user_comment.as_deref()).filter(|text| is_parameters(text));
        if let Some(text) = written {
            return (prompt_of(text), seed_of(text));
        }
        match self.prompt.as_deref().map(serde_json::from_str) {
            Some(Ok(Value::Object(graph))) => of_graph(&graph),
            _ => (None, None),
        }
    }
}

/// Whether a text is that of a web UI, and no remark of somebody else.
fn is_parameters(text: &str) -> bool {
    ["Negative prompt:", "Steps:", "Seed:"].iter().any(|word| text.contains(word))
}

/// What stands before the negative prompt, or before the line of settings where there is none.
fn prompt_of(text: &str) -> Option<String> {
    let ends = |line: &str| ["Negative prompt:", "Steps:", "Seed:"].iter().any(|word| line.starts_with(word));
    let lines: Vec<&str> = text.lines().take_while(|line| !ends(line)).collect();
    let prompt = lines.join("\n").trim().to_owned();
    (!prompt.is_empty()).then_some(prompt)
}

/// The last `Seed: n`: the prompt before it may hold the word too.
fn seed_of(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once("Seed: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The seed and the positive text of the first sampler of a graph, which is a map of nodes by their names.
fn of_graph(graph: &Map<String, Value>) -> (Option<String>, Option<u64>) {
    let samplers = || graph.values().filter(|node| ["seed", "noise_seed"].iter().any(|name| has(node, name)));
    let seed = samplers().find_map(|node| ["seed", "noise_seed"].iter().find_map(|name| node["inputs"][name].as_u64()));
    let led_to = samplers().find_map(|node| text_behind(graph, &node["inputs"]["positive"]));
    let is_text = |node: &&Value| node["class_type"].as_str().is_some_and(|class| class.starts_with("CLIPTextEncode"));
    // Samplers that take their text by way of others: then a graph of one text still says which it is.
    let mut texts = graph.values().filter(is_text);
    let only = texts.next().filter(|_| texts.next().is_none()).and_then(text_in);
    (led_to.or(only), seed)
}

fn has(node: &Value, input: &str) -> bool {
    node["inputs"].get(input).is_some_and(Value::is_u64)
}

/// Follows an input to the text that it begins with: an input is a value, or the name of a node and the number of its output.
fn text_behind(graph: &Map<String, Value>, input: &Value) -> Option<String> {
    let mut input = input;
    for _ in 0..MAX_STEPS {
        let node = graph.get(input.get(0)?.as_str()?)?;
        if let Some(text) = text_in(node) {
            return Some(text);
        }
        let inputs = &node["inputs"];
        input = ["conditioning", "conditioning_1", "positive", "text"].iter().find_map(|name| inputs.get(name))?;
    }
    None
}

fn text_in(node: &Value) -> Option<String> {
    let text = ["text", "text_g", "value", "string"].iter().find_map(|name| node["inputs"][name].as_str())?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(text: &str) -> (Option<String>, Option<u64>) {
        Recipe { parameters: Some(text.to_owned()), ..Recipe::default() }.asked()
    }

    fn run(graph: &Value) -> (Option<String>, Option<u64>) {
        Recipe { prompt: Some(graph.to_string()), ..Recipe::default() }.asked()
    }

    #[test]
    fn the_text_of_a_web_ui_gives_prompt_and_seed() {
        let settings = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 4242424242, Size: 512x512";
        let prompt = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            (format!("a fox\nNegative prompt: blur\n{settings}"), (prompt("a fox"), Some(4_242_424_242))),
            (format!("a fox,\nin snow\n{settings}"), (prompt("a fox,\nin snow"), Some(4_242_424_242))),
            (format!("Seed: 7 of a plant\nNegative prompt: a\n{settings}"), (None, Some(4_242_424_242))),
            (settings.to_owned(), (None, Some(4_242_424_242))),
            ("a fox\nSteps: 20, Seed: -1".to_owned(), (prompt("a fox"), None)),
            ("a fox\nSteps: 20, Seed: 99999999999999999999".to_owned(), (prompt("a fox"), None)),
            ("taken at the lake".to_owned(), (None, None)),
        ] {
            assert_eq!(written(&text), expected, "{text}");
        }
        let comment = Recipe { user_comment: Some(format!("a hen\n{settings}")), ..Recipe::default() };
        assert_eq!(comment.asked(), (prompt("a hen"), Some(4_242_424_242)));
    }

    #[test]
    fn the_graph_of_comfyui_gives_the_text_that_leads_to_the_sampler() {
        let text = |text: &str| json!({ "class_type": "CLIPTextEncode", "inputs": { "text": text, "clip": ["4", 1] } });
        let graph = json!({
            "3": { "class_type": "KSampler", "inputs": { "seed": 77, "positive": ["8", 0], "negative": ["7", 0] } },
            "6": text("a fox"), "7": text("blur"),
            "8": { "class_type": "ControlNetApply", "inputs": { "conditioning": ["6", 0], "strength": 1 } },
        });
        assert_eq!(run(&graph), (Some("a fox".to_owned()), Some(77)));
        let apart = json!({
            "1": { "class_type": "RandomNoise", "inputs": { "noise_seed": u64::MAX } }, "2": text("a hen"),
        });
        assert_eq!(run(&apart), (Some("a hen".to_owned()), Some(u64::MAX)));
        let circle = json!({
            "1": { "inputs": { "seed": 1, "positive": ["2", 0] } },
            "2": { "inputs": { "conditioning": ["2", 0] } },
        });
        assert_eq!(run(&circle), (None, Some(1)));
    }

    #[test]
    fn a_recipe_reads_as_it_was_written() {
        let recipe = Recipe { workflow: Some("{\"a\":\"\u{0}\"}".to_owned()), ..Recipe::default() };
        assert_eq!(Recipe::from_json(&recipe.to_json()).unwrap(), recipe);
        assert!(!recipe.is_empty() && Recipe::default().is_empty());
        assert!(Recipe::from_json(b"[").is_err());
    }

    proptest! {
        #[test]
        fn whatever_it_says_reading_it_ends(text in "\\PC{0,200}", graph in "[\\[\\]{}:,\"a-z0-9 ]{0,200}") {
            let recipe = Recipe { parameters: Some(text.clone()), prompt: Some(graph), ..Recipe::default() };
            let (prompt, _) = recipe.asked();
            prop_assert!(prompt.is_none_or(|prompt| prompt.len() <= text.len()));
        }
    }
}
