//! Worker: another library that encodes pictures, in a process of its own, from `bench/peers/`.
//!
//! It is started once, asked with lines of JSON and answers with lines of JSON; it takes the times itself, so that neither
//! its start nor the files in between count. It ends with the value that holds it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::measure::median;
use crate::results;

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Library {
    /// Pillow, from PyPI.
    Pillow,
    /// sharp, from npm.
    Sharp,
    /// libvips, Debian's.
    Vips,
}

impl Library {
    /// The name by which it goes in tables.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Pillow => "Pillow",
            Self::Sharp => "sharp",
            Self::Vips => "libvips",
        }
    }

    fn command(self) -> Command {
        let (program, script) = match self {
            Self::Pillow => (installed("venv/bin/python"), "pillow_worker.py"),
            Self::Sharp => (PathBuf::from("node"), "sharp_worker.cjs"),
            Self::Vips => (installed("venv/bin/python"), "vips_worker.py"),
        };
        let mut command = Command::new(program);
        command.arg(results::project().join("bench/peers").join(script));
        command.env("NODE_PATH", installed("node_modules")).env("VIPS_CONCURRENCY", "1");
        command
    }
}

/// What `bench/peers/install.sh` has put there.
pub(crate) fn installed(path: &str) -> PathBuf {
    results::project().join("target/bench-peers").join(path)
}

/// What a worker is asked for: the picture as another file.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Job<'a> {
    /// The picture's file.
    pub(crate) source: &'a Path,
    /// The library's own name of a format; `rgb` for bare pixels.
    pub(crate) format: &'a str,
    /// The library's own quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quality: Option<u8>,
    /// Where it differs from the library's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<u8>,
    /// Pixels from left to right, where it is to be smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    /// How often it is timed, after once that is not.
    pub(crate) turns: u32,
}

/// What something took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Cost {
    /// On the clock.
    pub(crate) ms: f64,
    /// Of a processor, by all threads; others on the machine do not count.
    pub(crate) cpu_ms: f64,
}

impl Cost {
    /// The medians of several turns.
    pub(crate) fn median(turns: &[Self]) -> Self {
        let of = |time: fn(&Self) -> f64| median(turns.iter().map(time));
        Self { ms: of(|cost| cost.ms), cpu_ms: of(|cost| cost.cpu_ms) }
    }
}

/// What an encoder made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// The median of the turns, from a file's bytes to a file's bytes.
    pub(crate) cost: Cost,
}

#[derive(Deserialize)]
struct Greeting {
    name: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    ms: Vec<f64>,
    #[serde(default)]
    cpu_ms: Vec<f64>,
    error: Option<String>,
}

/// A library, running.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The library's name and its version, with those of what it stands on.
    pub(crate) name: String,
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: TempDir,
}

impl Worker {
    /// Starts one.
    pub(crate) fn start(library: Library) -> Result<Self> {
        let label = library.label();
        let mut command = library.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("{label} did not start: run bench/peers/install.sh once"))?;
        let asked = child.stdin.take().context("standard input is not piped")?;
        let answers = BufReader::new(child.stdout.take().context("standard output is not piped")?);
        let folder = tempfile::Builder::new().prefix("orbit-bench-").tempdir()?;
        let mut worker = Self { name: label.to_owned(), child, asked, answers, folder };
        let greeting: Greeting = worker.answer()?;
        worker.name = greeting.name;
        Ok(worker)
    }

    /// Asks for a file and waits for it.
    pub(crate) fn make(&mut self, job: &Job<'_>) -> Result<Made> {
        let out = self.folder.path().join("out");
        let mut line = serde_json::to_value(job)?;
        if let Some(object) = line.as_object_mut() {
            object.insert("out".to_owned(), serde_json::to_value(&out)?);
        }
        writeln!(self.asked, "{line}").with_context(|| self.name.clone())?;
        let answer: Answer = self.answer()?;
        if let Some(error) = answer.error {
            bail!("{}: {error}", self.name);
        }
        let turns = answer.ms.into_iter().zip(answer.cpu_ms).map(|(ms, cpu_ms)| Cost { ms, cpu_ms });
        Ok(Made { bytes: fs::read(out)?, cost: Cost::median(&turns.collect::<Vec<_>>()) })
    }

    /// The bare pixels of a file, red, green and blue.
    pub(crate) fn pixels(&mut self, file: &[u8]) -> Result<Vec<u8>> {
        let source = self.folder.path().join("in");
        fs::write(&source, file)?;
        Ok(self.make(&Job::pixels(&source, None))?.bytes)
    }

    fn answer<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "{} has ended: run bench/peers/install.sh once", self.name);
        serde_json::from_str(&line).with_context(|| format!("{} said: {line}", self.name))
    }
}

impl<'a> Job<'a> {
    /// Asks for the bare pixels of a file, scaled to a width or as they are.
    pub(crate) fn pixels(source: &'a Path, width: Option<u32>) -> Self {
        Self { source, format: "rgb", quality: None, effort: None, width, turns: 0 }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has nothing to lose, and is gone already where this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
