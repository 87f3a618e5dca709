//! The laws of a job queue, for every backend to run: `job_queue_laws!(open)` in its tests.

use std::sync::Arc;

use orbit_model::{Concept, EventId, ImageId, JobFailure, JobId, JobRequest, JobState, QueuedJob, Slot};

use crate::fixtures::{at, id};
use crate::{Error, JobQueue};

macro_rules! job_queue_laws {
    ($open:path) => {
        $crate::fixtures::laws!($crate::queue::conformance, $open:
            a_job_is_read_as_it_was_added_and_set,
            a_name_is_given_once,
            a_job_needs_an_id_and_a_slot_for_each_concept,
            an_image_that_no_job_has_cannot_be_set,
            an_image_is_found_by_its_id,
            unfinished_jobs_come_in_the_order_in_which_they_were_accepted,
            prompts_are_kept_until_the_job_has_ended,
            trimming_forgets_ended_jobs_but_the_last,
            images_set_at_once_are_all_set,
        );
    };
}
pub(crate) use job_queue_laws;

type Shared = Arc<dyn JobQueue>;

/// A job of `images` images that are named after it.
pub(crate) fn job(name: &str, images: usize) -> QueuedJob {
    let concept = |index| Concept {
        prompt: format!("draw {name} number {index}"),
        style: Some("hero".to_owned()),
        title: None,
        model: Some("demo".to_owned()),
        size: Some("64x32".to_owned()),
        seed: Some(index as u64),
    };
    QueuedJob {
        job: job_id(name),
        request: JobRequest::new("thread".parse().unwrap(), (0..images).map(concept).collect()),
        ids: (0..images).map(|index| image_id(name, index)).collect(),
        after: EventId { millis: 1_764_000_000_000, sequence: 3 },
        created_at: at(7),
        slots: vec![Slot::default(); images],
    }
}

pub(crate) fn job_id(name: &str) -> JobId {
    name.parse().unwrap()
}

fn image_id(job: &str, index: usize) -> ImageId {
    id(&format!("{job}-{index}"))
}

pub(crate) fn slot(state: JobState) -> Slot {
    Slot { state, attempts: 1, failure: None }
}

fn failed() -> Slot {
    let failure = JobFailure { code: "timeout".to_owned(), message: "It took too long.".to_owned() };
    Slot { state: JobState::Failed, attempts: 3, failure: Some(failure) }
}

async fn names(queue: &Shared) -> Vec<String> {
    queue.unfinished().await.unwrap().iter().map(|job| job.job.to_string()).collect()
}

pub(crate) async fn a_job_is_read_as_it_was_added_and_set(queue: Shared) {
    let mut fox = job("fox", 3);
    assert_eq!(queue.get(&fox.job).await.unwrap(), None);
    queue.add(&fox).await.unwrap();
    queue.add(&job("hen", 1)).await.unwrap();
    assert_eq!(queue.get(&fox.job).await.unwrap(), Some(fox.clone()));
    for (index, slot) in [(2, slot(JobState::Running)), (0, failed()), (2, slot(JobState::Done))] {
        queue.set(&fox.job, index, &slot).await.unwrap();
        fox.slots[index] = slot;
        assert_eq!(queue.get(&fox.job).await.unwrap(), Some(fox.clone()));
    }
    assert_eq!(queue.get(&job_id("hen")).await.unwrap(), Some(job("hen", 1)));
}

pub(crate) async fn a_name_is_given_once(queue: Shared) {
    queue.add(&job("fox", 2)).await.unwrap();
    assert!(matches!(queue.add(&job("fox", 1)).await, Err(Error::Conflict(_))));
    assert_eq!(queue.get(&job_id("fox")).await.unwrap(), Some(job("fox", 2)));
}

pub(crate) async fn a_job_needs_an_id_and_a_slot_for_each_concept(queue: Shared) {
    let (mut ids, mut slots) = (job("fox", 2), job("fox", 2));
    ids.ids.pop();
    slots.slots.pop();
    for job in [ids, slots] {
        assert!(matches!(queue.add(&job).await, Err(Error::Invalid(_))));
    }
    assert_eq!(queue.get(&job_id("fox")).await.unwrap(), None);
}

pub(crate) async fn an_image_that_no_job_has_cannot_be_set(queue: Shared) {
    queue.add(&job("fox", 2)).await.unwrap();
    for (name, index) in [("fox", 2), ("fox", usize::MAX), ("hen", 0)] {
        let set = queue.set(&job_id(name), index, &slot(JobState::Done)).await;
        assert!(matches!(set, Err(Error::NotFound)), "{name} {index}");
    }
    assert_eq!(queue.get(&job_id("fox")).await.unwrap(), Some(job("fox", 2)));
}

pub(crate) async fn an_image_is_found_by_its_id(queue: Shared) {
    let (fox, mut hen) = (job("fox", 3), job("hen", 2));
    hen.ids[1] = fox.ids[0].clone();
    queue.add(&fox).await.unwrap();
    assert_eq!(queue.find_image(&fox.ids[0]).await.unwrap(), Some((job_id("fox"), 0)));
    queue.add(&hen).await.unwrap();
    assert_eq!(queue.find_image(&fox.ids[0]).await.unwrap(), Some((job_id("hen"), 1)), "the last job");
    assert_eq!(queue.find_image(&fox.ids[2]).await.unwrap(), Some((job_id("fox"), 2)));
    assert_eq!(queue.find_image(&id("cat")).await.unwrap(), None);
}

pub(crate) async fn unfinished_jobs_come_in_the_order_in_which_they_were_accepted(queue: Shared) {
    assert_eq!(names(&queue).await, [""; 0]);
    for name in ["fox", "cat", "hen"] {
        queue.add(&job(name, 2)).await.unwrap();
    }
    queue.add(&QueuedJob { slots: vec![slot(JobState::Done)], ..job("ended", 1) }).await.unwrap();
    assert_eq!(names(&queue).await, ["fox", "cat", "hen"]);
    for (index, slot) in [slot(JobState::Cancelled), failed()].iter().enumerate() {
        assert_eq!(names(&queue).await, ["fox", "cat", "hen"]);
        queue.set(&job_id("cat"), index, slot).await.unwrap();
    }
    assert_eq!(names(&queue).await, ["fox", "hen"]);
    queue.set(&job_id("fox"), 1, &slot(JobState::Done)).await.unwrap();
    let unfinished = queue.unfinished().await.unwrap();
    assert_eq!(unfinished[0].slots, [Slot::default(), slot(JobState::Done)]);
    assert_eq!(unfinished[1], job("hen", 2));
    queue.set(&job_id("cat"), 0, &Slot::default()).await.unwrap();
    assert_eq!(names(&queue).await, ["fox", "cat", "hen"], "queued again");
}

pub(crate) async fn prompts_are_kept_until_the_job_has_ended(queue: Shared) {
    let fox = job("fox", 2);
    queue.add(&fox).await.unwrap();
    queue.set(&fox.job, 0, &slot(JobState::Done)).await.unwrap();
    assert_eq!(queue.get(&fox.job).await.unwrap().unwrap().request, fox.request, "an equal request may still join");
    queue.set(&fox.job, 1, &failed()).await.unwrap();
    let mut request = fox.request;
    request.forget_prompts();
    assert_eq!(queue.get(&fox.job).await.unwrap().unwrap().request, request);
}

pub(crate) async fn trimming_forgets_ended_jobs_but_the_last(queue: Shared) {
    for number in 0..6 {
        queue.add(&job(&format!("job-{number}"), 1)).await.unwrap();
        if number != 2 {
            queue.set(&job_id(&format!("job-{number}")), 0, &slot(JobState::Done)).await.unwrap();
        }
    }
    let ended: Vec<_> = queue.ended(3).await.unwrap().into_iter().map(|job| job.job.to_string()).collect();
    assert_eq!(ended, ["job-3", "job-4", "job-5"]);
    assert_eq!(queue.trim(9).await.unwrap(), 0);
    assert_eq!(queue.trim(2).await.unwrap(), 3);
    assert_eq!(queue.trim(2).await.unwrap(), 0);
    for (number, stays) in [(0, false), (1, false), (2, true), (3, false), (4, true), (5, true)] {
        let name = job_id(&format!("job-{number}"));
        assert_eq!(queue.get(&name).await.unwrap().is_some(), stays, "{name}");
        let image = queue.find_image(&image_id(name.as_str(), 0)).await.unwrap();
        assert_eq!(image.is_some(), stays, "the image of {name}");
    }
    assert_eq!(queue.trim(0).await.unwrap(), 2);
    assert_eq!(names(&queue).await, ["job-2"]);
    queue.add(&job("job-0", 1)).await.unwrap();
    assert_eq!(names(&queue).await, ["job-2", "job-0"], "a forgotten name may be given again");
}

pub(crate) async fn images_set_at_once_are_all_set(queue: Shared) {
    queue.add(&job("fox", 16)).await.unwrap();
    let sets: Vec<_> = (0..16)
        .map(|index| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.set(&job_id("fox"), index, &slot(JobState::Done)).await })
        })
        .collect();
    for set in sets {
        set.await.unwrap().unwrap();
    }
    assert_eq!(names(&queue).await, [""; 0]);
    assert!(queue.get(&job_id("fox")).await.unwrap().unwrap().slots.iter().all(|it| *it == slot(JobState::Done)));
}
