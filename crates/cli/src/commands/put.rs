//! `orbit put`: sends files, folders and standard input, several at a time.
//!
//! Steps: gather what is named (`inputs`), upload it from a few threads, tell of each image as its answer comes, and
//! add it up at the end. One file that fails does not stop the others; a server that is away or refuses stops them
//! all. What the server makes of an image is not known here.

pub(super) mod inputs;
mod upload;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use indicatif::ProgressBar;
use orbit_model::{ImageId, Metadata, ThreadId};

use self::inputs::Input;
use self::upload::{Stored, Upload};
use crate::client::{Client, Connection, Exit, Failure};
use crate::output;

/// Upload images: files, folders, or `-` for standard input
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// Image files, folders (searched for png, jpg, jpeg, webp and gif), or `-` for standard input
    #[arg(required = true, value_name = "FILES")]
    files: Vec<String>,
    /// Store it under this id; for one file
    #[arg(long)]
    id: Option<ImageId>,
    /// The thread that the images belong to
    #[arg(long)]
    thread: Option<ThreadId>,
    /// A word for their kind, as in `hero`
    #[arg(long)]
    style: Option<String>,
    /// A name for people
    #[arg(long)]
    title: Option<String>,
    /// The prompt that they were made from; shown only to holders of the token
    #[arg(long)]
    prompt: Option<String>,
    /// The model that made them
    #[arg(long)]
    model: Option<String>,
    /// Say that a machine made them
    #[arg(long)]
    generated: bool,
    /// Replace the image under --id if its `ETag` is this one; `*` for any
    #[arg(long, value_name = "ETAG", requires = "id")]
    if_match: Option<String>,
    /// How many uploads run at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Print a JSON array of metadata
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Put {
    /// Uploads everything that is named.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let inputs = inputs::gather(&self.files)?;
        if self.id.is_some() && inputs.len() != 1 {
            let found = format!("--id names one image, and there are {} files", inputs.len());
            return Err(Failure::new(Exit::Usage, found).with_advice("Leave out --id: ids are made for you.").into());
        }
        let client = self.connection.client();
        let bar = if inputs.len() > 1 { output::progress(inputs.len()) } else { ProgressBar::hidden() };
        let tally = self.upload_all(&client, &inputs, &bar)?;
        bar.finish_and_clear();
        if self.json {
            output::json(&tally.images())?;
        } else if tally.stored.len() > 1 {
            output::line("")?;
            output::table(&Tally::HEADER, &[tally.row()], &[0, 1, 2, 3, 4, 5])?;
        }
        tally.conclude(inputs.len())
    }

    fn upload_all(&self, client: &Client, inputs: &[Input], bar: &ProgressBar) -> anyhow::Result<Tally> {
        let queue = Mutex::new(inputs.iter().enumerate());
        let stopped = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        let upload = self.upload();
        std::thread::scope(|scope| {
            for _ in 0..usize::from(self.jobs).min(inputs.len()) {
                let (sender, queue, stopped, upload) = (sender.clone(), &queue, &stopped, &upload);
                scope.spawn(move || {
                    while let Some((index, input)) = next(queue, stopped) {
                        let result = upload.send(client, input);
                        if result.as_ref().is_err_and(stops_all) {
                            stopped.store(true, Ordering::Relaxed);
                        }
                        if sender.send((index, result)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let told = self.collect(&receiver, inputs, bar);
            // If standard output is gone, so is the reason to go on.
            stopped.store(true, Ordering::Relaxed);
            told
        })
    }

    fn collect(
        &self,
        receiver: &mpsc::Receiver<(usize, Result<Stored, Failure>)>,
        inputs: &[Input],
        bar: &ProgressBar,
    ) -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        for (index, result) in receiver {
            bar.inc(1);
            match result {
                Ok(stored) => {
                    if !self.json {
                        bar.suspend(|| output::line(&stored.sentence()))?;
                    }
                    tally.stored.push((index, stored));
                }
                Err(failure) => {
                    if inputs.len() > 1 {
                        let name = inputs.get(index).map(Input::name).unwrap_or_default();
                        bar.suspend(|| output::note(&output::plain(&format!("{name}: {failure}"))));
                    }
                    tally.failures.push(failure);
                }
            }
        }
        Ok(tally)
    }

    fn upload(&self) -> Upload {
        let labels = [
            ("thread_id", self.thread.as_ref().map(|thread| thread.as_str().to_owned())),
            ("style", self.style.clone()),
            ("title", self.title.clone()),
            ("prompt", self.prompt.clone()),
            ("model", self.model.clone()),
            ("generated", self.generated.then(|| "true".to_owned())),
        ];
        let labels = labels.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Upload { id: self.id.clone(), if_match: self.if_match.clone(), labels }
    }
}

/// Whether the other files would meet the same failure.
fn stops_all(failure: &Failure) -> bool {
    matches!(failure.exit(), Exit::Unreachable | Exit::Refused)
}

fn next<I: Iterator>(queue: &Mutex<I>, stopped: &AtomicBool) -> Option<I::Item> {
    if stopped.load(Ordering::Relaxed) {
        return None;
    }
    queue.lock().ok()?.next()
}

/// What came of all uploads.
#[derive(Debug, Default)]
struct Tally {
    /// With the place of its input.
    stored: Vec<(usize, Stored)>,
    failures: Vec<Failure>,
}

impl Tally {
    const HEADER: [&'static str; 6] = ["new", "there already", "failed", "before", "after", "saved"];

    fn row(&self) -> Vec<String> {
        let new = self.stored.iter().filter(|(_, stored)| stored.new).count();
        let before = self.stored.iter().map(|(_, stored)| stored.before).sum();
        let after = self.stored.iter().map(|(_, stored)| stored.image.bytes).sum();
        vec![
            new.to_string(),
            (self.stored.len() - new).to_string(),
            self.failures.len().to_string(),
            output::size(before),
            output::size(after),
            output::saved(before, after),
        ]
    }

    /// The metadata in the order of the inputs.
    fn images(&self) -> Vec<&Metadata> {
        let mut stored: Vec<_> = self.stored.iter().collect();
        stored.sort_by_key(|(index, _)| *index);
        stored.into_iter().map(|(_, stored)| &stored.image).collect()
    }

    /// Turns failures into the end of the command: one that stopped everything, or is all there is, speaks for itself.
    fn conclude(mut self, inputs: usize) -> anyhow::Result<ExitCode> {
        let fatal = self.failures.iter().position(stops_all);
        match fatal.or((inputs == 1 && self.failures.len() == 1).then_some(0)) {
            Some(index) => Err(self.failures.swap_remove(index).into()),
            None if self.failures.is_empty() => Ok(ExitCode::SUCCESS),
            None => {
                output::note(&format!("error: {} of {inputs} files were not stored", self.failures.len()));
                Ok(Exit::Failed.into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
