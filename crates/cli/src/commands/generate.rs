//! `orbit generate`: asks for images and shows each one's address the moment it can be loaded.
//!
//! Steps: make concepts of the prompts, post them as one job, follow the job's events (`follow`), tell how it ended.
//! The job belongs to the server: if this command ends early, the images come all the same.

pub(crate) mod follow;

use std::process::ExitCode;

use anyhow::Context;
use orbit_model::{Concept, Job, JobRequest, Metadata, ThreadId};

use self::follow::{Follow, News};
use crate::client::{Client, Connection, Exit, Failure, unique_number, unique_suffix};
use crate::output;

/// Generate images from prompts
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// What to draw; each prompt is a concept of its own
    #[arg(required = true, value_name = "PROMPT")]
    prompts: Vec<String>,
    /// How many images of each prompt
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// The thread that the images belong to [default: a new one]
    #[arg(long)]
    thread: Option<ThreadId>,
    /// A word for their kind, as in `hero`
    #[arg(long)]
    style: Option<String>,
    /// A name for people
    #[arg(long)]
    title: Option<String>,
    /// The model to draw with
    #[arg(long)]
    model: Option<String>,
    /// Pixels, as in 1024x1024
    #[arg(long, value_name = "WxH")]
    size: Option<String>,
    /// The same seed draws the same picture again; copies count up from it [default: the generator's choice]
    #[arg(long)]
    seed: Option<u64>,
    /// Wait for the images; this is the default
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Only say which job was accepted
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
    /// Print one JSON array of metadata at the end; with --no-wait, the job
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Generate {
    /// Posts the job and, unless told otherwise, follows it to its end.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client();
        let job: Job = client.json(client.post("/generations").send_json(&self.request()?))?;
        if self.no_wait {
            self.print_accepted(&client, &job)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut follow = Follow::new(&client, &job);
        self.watch(&client, &job, &mut follow).with_context(|| format!("following {}", job.job))?;
        let (images, failed) = follow.finish();
        if self.json {
            output::json(&images)?;
        }
        if failed == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        Err(Failure::new(Exit::Failed, format!("{failed} of {} images did not come", job.total)).into())
    }

    fn request(&self) -> anyhow::Result<JobRequest> {
        let thread_id = match &self.thread {
            Some(thread) => thread.clone(),
            None => format!("cli-{}", unique_suffix()).parse()?,
        };
        // A generator may draw the same picture for the same words: copies are told apart by their seeds.
        let seed = self.seed.or_else(|| (self.count > 1).then(|| unique_number() >> 32));
        let seeds = (0..u64::from(self.count)).map(|copy| seed.map(|seed| seed.wrapping_add(copy)));
        let concepts = self.prompts.iter().flat_map(|prompt| seeds.clone().map(|seed| self.concept(prompt, seed)));
        Ok(JobRequest::new(thread_id, concepts.collect()))
    }

    fn concept(&self, prompt: &str, seed: Option<u64>) -> Concept {
        Concept {
            prompt: prompt.to_owned(),
            style: self.style.clone(),
            title: self.title.clone(),
            model: self.model.clone(),
            size: self.size.clone(),
            seed,
        }
    }

    fn print_accepted(&self, client: &Client, job: &Job) -> anyhow::Result<()> {
        if self.json {
            return output::json(job);
        }
        output::line(&output::plain(&whole_url(client, &job.url)))?;
        for image in &job.images {
            output::line(&output::plain(&format!("  {}", whole_url(client, &image.url))))?;
        }
        Ok(())
    }

    fn watch(&self, client: &Client, job: &Job, follow: &mut Follow<'_>) -> anyhow::Result<()> {
        let bar = output::progress(job.total);
        bar.set_message(output::plain(job.thread_id.as_str()).into_owned());
        while let Some(news) = follow.next()? {
            bar.inc(1);
            let place = bar.position();
            match news {
                News::Image(_) if self.json => {}
                News::Image(image) => {
                    let line = sentence(client, &image);
                    bar.suspend(|| output::line(&output::plain(&format!("{place}/{}  {line}", job.total))))?;
                }
                News::Failed { index, message } => {
                    let line = format!("{place}/{}  image {} failed: {message}", job.total, index + 1);
                    bar.suspend(|| output::note(&output::plain(&line)));
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn sentence(client: &Client, image: &Metadata) -> String {
    let (url, size) = (whole_url(client, &image.url), output::size(image.bytes));
    format!("{url}  {}x{}  {size}", image.width, image.height)
}

fn whole_url(client: &Client, url: &str) -> String {
    if url.starts_with('/') { client.url(url) } else { url.to_owned() }
}

#[cfg(test)]
mod tests;
