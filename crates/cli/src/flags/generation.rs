//! Flags of who draws, and the generators that are made of them.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{ArgAction, Args};
use orbit_origin::generate::{Command, Demo, OpenAi, command, openai};
use orbit_origin::{Fetcher, Generator, Models};

/// The variables that a command model sees of the server's own.
const HANDED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];

/// Who draws.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Generation")]
#[group(skip)]
pub(crate) struct Generation {
    /// A server that speaks the OpenAI Images interface, as in https://api.openai.com/v1; its key is OPENAI_API_KEY
    #[arg(long, env = "ORBIT_OPENAI_BASE_URL", value_name = "URL")]
    pub(crate) openai_base_url: Option<String>,
    /// Models of that server, the usual one first; without any, every name is handed on to it
    #[arg(long = "openai-model", env = "ORBIT_OPENAI_MODELS", value_delimiter = ',', value_name = "NAME")]
    pub(crate) openai_models: Vec<String>,
    /// A program that draws, which reads a request as JSON and writes an image; more than one by repeating it, one a line in the environment
    #[arg(
        long = "command-model",
        env = "ORBIT_COMMAND_MODELS",
        value_delimiter = '\n',
        value_parser = command_model,
        value_name = "NAME=PROGRAM ARG.."
    )]
    pub(crate) command_models: Vec<(String, Vec<String>)>,
    /// How long a picture may take
    #[arg(long, env = "ORBIT_GENERATION_TIMEOUT", default_value = "120s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) generation_timeout: Duration,
    /// Concepts that are drawn at once
    #[arg(long, env = "ORBIT_GENERATION_WORKERS", default_value_t = 4, value_name = "N")]
    pub(crate) generation_workers: usize,
    /// Whether the demo generator draws beside others, where orbit-demo is asked for; without others it always does
    #[arg(
        long,
        env = "ORBIT_DEMO_MODEL",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        value_name = "BOOL"
    )]
    pub(crate) demo_model: bool,
    /// How long the demo generator takes for a picture at the least
    #[arg(long, env = "ORBIT_DEMO_DELAY", default_value = "400ms", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) demo_delay: Duration,
}

impl Generation {
    /// The same without any generator but the demo's.
    pub(crate) fn demo_only(&self) -> Self {
        Self { openai_base_url: None, openai_models: Vec::new(), command_models: Vec::new(), ..self.clone() }
    }

    /// The generators, in the order in which models are looked for: the openai backend, programs, the demo.
    pub(crate) fn models(&self, fetcher: &Fetcher, max_bytes: u64) -> Result<Models> {
        let mut all: Vec<Arc<dyn Generator>> = Vec::new();
        if let Some(base_url) = &self.openai_base_url {
            all.push(Arc::new(self.openai(base_url, fetcher, max_bytes)?));
        } else if !self.openai_models.is_empty() {
            bail!("--openai-model needs its server: give --openai-base-url (ORBIT_OPENAI_BASE_URL) too");
        }
        for (model, words) in &self.command_models {
            let (model, words, timeout) = (model.clone(), words.clone(), self.generation_timeout);
            let config = command::Config { model, words, environment: environment(), timeout, max_bytes };
            all.push(Arc::new(Command::new(config)?));
        }
        let demo = Demo::new(self.demo_delay);
        if all.is_empty() {
            all.push(Arc::new(demo));
        } else if self.demo_model {
            all.push(Arc::new(demo.by_name_only()));
        }
        Models::new(all).context("the generators")
    }

    fn openai(&self, base_url: &str, fetcher: &Fetcher, max_bytes: u64) -> Result<OpenAi> {
        let key = match std::env::var("OPENAI_API_KEY") {
            Ok(key) => Some(openai::Key::new(&key)),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => bail!("OPENAI_API_KEY is no key: it is no text"),
        };
        let (base_url, models) = (base_url.to_owned(), self.openai_models.clone());
        let config = openai::Config { base_url, key, models, timeout: self.generation_timeout, max_bytes };
        OpenAi::new(config, fetcher).context("the openai backend (--openai-base-url)")
    }
}

fn environment() -> Vec<(OsString, OsString)> {
    HANDED_ON.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?))).collect()
}

fn command_model(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, words) = text.split_once('=').ok_or("write NAME=PROGRAM ARG.., as in fox=/usr/bin/draw-fox --fast")?;
    let words = shlex::split(words).ok_or("a quotation mark is not closed, or a \\ stands at the end")?;
    let name = name.trim();
    if name.is_empty() || words.is_empty() {
        return Err("a command model needs a name and a program".to_owned());
    }
    Ok((name.to_owned(), words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_would_and_nothing_else_of_a_shell_happens() {
        let words = |all: &[&str]| all.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let (name, split) = command_model("fox=draw --say 'a b' $HOME *").unwrap();
        assert_eq!((&*name, split), ("fox", words(&["draw", "--say", "a b", "$HOME", "*"])));
        for wrong in ["", "draw", "=draw", "fox=", "fox='draw"] {
            command_model(wrong).expect_err(wrong);
        }
    }
}
