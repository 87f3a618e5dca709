//! `orbit convert`: images in, other sizes and formats out, by the server's own codec and with no server.
//!
//! 1. [`Options`]: the flags, read by the parser of URLs, so that they mean and refuse the same.
//! 2. `plan`: which file becomes which, and every reason not to begin.
//! 3. `work`: one file, in memory and then in its place at once.
//! 4. Here: many of them side by side, within [`Budget`]; told in a bar, and in a table at the end.
//!
//! One file that fails does not stop the others.

mod budget;
mod plan;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;

use indicatif::ProgressBar;
use orbit_model::variant::Target;
use orbit_model::{Variant, VariantQuery};
use parking_lot::Mutex;

use self::budget::Budget;
use self::plan::Pair;
use self::work::{Converted, Work};
use crate::client::{Exit, Failure};
use crate::{flags, output};

/// Convert files and folders of images on this machine, without a server
#[derive(Debug, clap::Args)]
pub(crate) struct Convert {
    /// Image files and folders (searched for png, jpg, jpeg, webp and gif)
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// The folder for what is made; folders inside the given ones are kept
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    signing: flags::Signing,
    /// Try harder: smaller files, in several times the time
    #[arg(long)]
    best: bool,
    /// Replace files that are there already; never one that is converted
    #[arg(long)]
    force: bool,
    /// How many files are converted at a time [default: as many as there are cores]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
    /// Print a JSON array of what became of each file
    #[arg(long)]
    json: bool,
}

/// What is asked for, in the words of a URL.
#[derive(Debug, Default, clap::Args)]
struct Options {
    /// Pixels from left to right
    #[arg(long, value_name = "PIXELS")]
    w: Option<String>,
    /// Pixels from top to bottom
    #[arg(long, value_name = "PIXELS")]
    h: Option<String>,
    /// How it takes its place where both are given: cover, contain or inside
    #[arg(long)]
    fit: Option<String>,
    /// Pixels of the screen to one of the page: 1, 1.5, 2 or 3
    #[arg(long)]
    dpr: Option<String>,
    /// How close it stays to the image: 1 to 100, or auto for the least that looks the same
    #[arg(long)]
    q: Option<String>,
    /// What it is written as: webp, avif, jpeg, png or thumbhash [default: webp]
    #[arg(long)]
    fm: Option<String>,
    /// Keep the frames of animations, as WebP
    #[arg(long)]
    anim: bool,
    /// Let it have more pixels than the image
    #[arg(long)]
    enlarge: bool,
    /// The most bytes of each; quality gives way
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<String>,
    /// The colours that it may have: srgb or wide
    #[arg(long)]
    gamut: Option<String>,
}

impl Options {
    /// The variant that a URL with the same words asks for.
    fn variant(&self) -> Result<Variant, Failure> {
        let switch = |on: bool| on.then(|| "1".to_owned());
        let pairs = [
            ("w", self.w.clone()),
            ("h", self.h.clone()),
            ("fit", self.fit.clone()),
            ("dpr", self.dpr.clone()),
            ("q", self.q.clone()),
            ("fm", self.fm.clone()),
            ("anim", switch(self.anim)),
            ("enlarge", switch(self.enlarge)),
            ("max_bytes", self.max_bytes.clone()),
            ("gamut", self.gamut.clone()),
        ];
        let given = pairs.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))));
        let query = VariantQuery::parse(&given.collect::<Vec<_>>().join("&"));
        let variant = query.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?.variant;
        if variant.target == Some(Target::Auto) {
            return Err(Failure::new(Exit::Usage, "fm: auto asks what a browser accepts, and there is none")
                .with_advice("Name a format: webp, avif, jpeg or png."));
        }
        Ok(variant)
    }
}

/// A value as it stands in a URL.
fn escaped(value: &str) -> String {
    let escape =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(escape).collect()
}

impl Convert {
    /// Converts everything that is named.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let variant = self.options.variant()?;
        let pairs = plan::plan(&self.files, &self.out, &variant, self.force)?;
        let bar = if pairs.len() > 1 { output::progress(pairs.len()) } else { ProgressBar::hidden() };
        let signer = self.signing.signer().map_err(|error| Failure::new(Exit::Usage, format!("{error:#}")))?;
        let work = Work { variant, signer, best: self.best, force: self.force };
        let results = self.convert_all(&work, &pairs, &bar);
        bar.finish_and_clear();
        if self.json {
            output::json(&results.iter().zip(&pairs).map(|(result, pair)| entry(result, pair)).collect::<Vec<_>>())?;
        } else {
            table(&results, &pairs)?;
        }
        let failed = results.iter().filter(|result| result.is_err()).count();
        if failed == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        output::note(&format!("error: {failed} of {} files were not converted", pairs.len()));
        Ok(Exit::Failed.into())
    }

    /// What became of each pair, in their order.
    fn convert_all(&self, work: &Work, pairs: &[Pair], bar: &ProgressBar) -> Vec<Result<Converted, String>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.map_or(cores, usize::from).min(pairs.len());
        let queue = Mutex::new(pairs.iter().enumerate());
        let budget = Budget::default();
        let (sender, receiver) = mpsc::channel();
        let mut results: Vec<_> = pairs.iter().map(|_| Err("it was not begun".to_owned())).collect();
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let (sender, queue, budget) = (sender.clone(), &queue, &budget);
                scope.spawn(move || {
                    loop {
                        let next = queue.lock().next();
                        let Some((index, pair)) = next else { return };
                        if sender.send((index, work.convert(pair, budget))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for (index, result) in receiver {
                bar.inc(1);
                if let (Err(reason), Some(pair)) = (&result, pairs.get(index)) {
                    bar.suspend(|| output::note(&output::plain(&format!("{}: {reason}", pair.from.display()))));
                }
                if let Some(place) = results.get_mut(index) {
                    *place = result;
                }
            }
        });
        results
    }
}

const HEADER: [&str; 8] = ["file", "from", "to", "size", "before", "after", "saved", "ms"];

fn table(results: &[Result<Converted, String>], pairs: &[Pair]) -> anyhow::Result<()> {
    let made: Vec<_> =
        results.iter().zip(pairs).filter_map(|(result, pair)| Some((result.as_ref().ok()?, pair))).collect();
    if made.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<Vec<String>> = made.iter().map(|(made, pair)| row(made, &pair.name)).collect();
    if rows.len() > 1 {
        let before = made.iter().map(|(made, _)| made.before).sum();
        let after = made.iter().map(|(made, _)| made.after).sum();
        let sizes = [output::size(before), output::size(after), output::saved(before, after)];
        let blank = [format!("{} files", rows.len()), String::new(), String::new(), String::new()];
        rows.push(blank.into_iter().chain(sizes).chain([String::new()]).collect());
    }
    output::table(&HEADER, &rows, &[3, 4, 5, 6, 7])
}

fn row(made: &Converted, name: &str) -> Vec<String> {
    vec![
        name.to_owned(),
        made.source_format.to_string(),
        made.format.clone(),
        format!("{}x{}", made.width, made.height),
        output::size(made.before),
        output::size(made.after),
        output::saved(made.before, made.after),
        made.ms.to_string(),
    ]
}

fn entry(result: &Result<Converted, String>, pair: &Pair) -> serde_json::Value {
    let mut entry = match result {
        Ok(made) => serde_json::json!(made),
        Err(reason) => serde_json::json!({ "error": reason }),
    };
    entry["from"] = pair.from.display().to_string().into();
    entry["to"] = pair.to.display().to_string().into();
    entry
}

#[cfg(test)]
mod tests;
