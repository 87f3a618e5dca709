//! Follows one job from acceptance to end by its thread's events.
//!
//! Each image is told once, whatever the stream repeats after a cut. Whenever the stream is quiet the job itself is
//! asked, so a job that was cancelled, or whose last event is no longer kept, comes to its end here too.

use std::collections::VecDeque;

use orbit_model::{ConceptFailed, Event, Job, JobId, JobState, Metadata};
use serde_json::{Value, json};

use crate::client::{Client, EventStream, Failure, Signal};

/// One image has come, or will not.
#[derive(Debug)]
pub(crate) enum News {
    /// It can be loaded.
    Image(Box<Metadata>),
    /// It will not come.
    Failed {
        /// Its place in the job, from 0.
        index: usize,
        /// Why.
        message: String,
    },
}

/// What is known of one image of the job.
#[derive(Debug, Clone)]
enum Fate {
    Open,
    Stored(Box<Metadata>),
    Failed,
}

/// A job as its events tell it.
pub(crate) struct Follow<'a> {
    client: &'a Client,
    stream: EventStream<'a>,
    job: JobId,
    url: String,
    fates: Vec<Fate>,
    /// Found, but not told yet.
    news: VecDeque<News>,
}

impl<'a> Follow<'a> {
    /// Prepares to follow a job that was just accepted.
    pub(crate) fn new(client: &'a Client, job: &Job) -> Self {
        Self {
            client,
            stream: EventStream::new(client, &job.events),
            job: job.job.clone(),
            url: job.url.clone(),
            fates: vec![Fate::Open; job.total],
            news: VecDeque::new(),
        }
    }

    /// Waits for the next news; `None` when every image is accounted for.
    pub(crate) fn next(&mut self) -> Result<Option<News>, Failure> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(Some(news));
            }
            if !self.is_open() {
                return Ok(None);
            }
            match self.stream.next()? {
                Signal::Event { name, data } => self.take_event(&name, &data)?,
                Signal::Quiet => self.ask_job()?,
            }
        }
    }

    /// The images in the order of the request, and how many did not come.
    pub(crate) fn finish(self) -> (Vec<Metadata>, usize) {
        let total = self.fates.len();
        let stored = self.fates.into_iter().filter_map(|fate| match fate {
            Fate::Stored(image) => Some(*image),
            Fate::Open | Fate::Failed => None,
        });
        let images: Vec<_> = stored.collect();
        let failed = total - images.len();
        (images, failed)
    }

    fn take_event(&mut self, name: &str, data: &str) -> Result<(), Failure> {
        // Events that this version does not know are none of its business.
        let Ok(data) = serde_json::from_str::<Value>(data) else { return Ok(()) };
        let Ok(event) = serde_json::from_value::<Event>(json!({"event": name, "data": data})) else { return Ok(()) };
        match event {
            Event::ConceptProgress(progress) if progress.job == self.job => self.store(progress.index, progress.image),
            Event::ConceptFailed(failed) if failed.job == self.job => {
                let ConceptFailed { index, code, message, .. } = failed;
                self.fail(index, format!("{message} ({code})"));
            }
            // Follows an event for each image: what is still open was not kept for us.
            Event::ConceptsGenerated(end) if end.job == self.job && self.is_open() => return self.ask_job(),
            _ => {}
        }
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.fates.iter().any(|fate| matches!(fate, Fate::Open))
    }

    fn ask_job(&mut self) -> Result<(), Failure> {
        let job: Job = self.client.json(self.client.get(&self.url).call())?;
        if !job.state.is_final() {
            return Ok(());
        }
        for image in job.images {
            if !matches!(self.fates.get(image.index), Some(Fate::Open)) {
                continue;
            }
            if image.state == JobState::Done {
                let path = format!("/images/{}/meta", image.id);
                match self.client.json(self.client.get(&path).call()) {
                    Ok(metadata) => self.store(image.index, metadata),
                    Err(failure) => self.fail(image.index, failure.to_string()),
                }
            } else {
                let why =
                    if image.state == JobState::Cancelled { "cancelled" } else { "the server's log has the cause" };
                self.fail(image.index, why.to_owned());
            }
        }
        Ok(())
    }

    fn store(&mut self, index: usize, image: Metadata) {
        if let Some(fate @ Fate::Open) = self.fates.get_mut(index) {
            *fate = Fate::Stored(Box::new(image.clone()));
            self.news.push_back(News::Image(Box::new(image)));
        }
    }

    fn fail(&mut self, index: usize, message: String) {
        if let Some(fate @ Fate::Open) = self.fates.get_mut(index) {
            *fate = Fate::Failed;
            self.news.push_back(News::Failed { index, message });
        }
    }
}
