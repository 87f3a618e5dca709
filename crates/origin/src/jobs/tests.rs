//! What the book of jobs promises.

use jiff::Timestamp;
use orbit_model::{Concept, EventId, JobRequest};

use super::*;

fn batch(prompts: &[&str], second: i64) -> Batch {
    let concept = |prompt: &&str| Concept {
        prompt: (*prompt).to_owned(),
        style: Some("hero".to_owned()),
        title: None,
        model: None,
        size: None,
        seed: None,
    };
    let concepts = prompts.iter().map(concept).collect();
    let request = JobRequest::new("t".parse().unwrap(), concepts);
    Batch::new(request, Brief::default(), EventId::default(), Timestamp::from_second(second).unwrap())
}

fn failure() -> JobFailure {
    JobFailure { code: "generator_failed".to_owned(), message: "it has no paper".to_owned() }
}

fn failed() -> Result<Metadata, (JobState, JobFailure)> {
    Err((JobState::Failed, failure()))
}

fn run_to_failure(jobs: &Jobs, batch: &Batch) {
    for index in 0..batch.ids.len() {
        jobs.begin(batch, index);
        jobs.end(batch, index, failed());
    }
}

#[test]
fn an_equal_request_joins_the_one_in_flight_and_not_a_finished_one() {
    let jobs = Jobs::new(1, 10);
    let (first, is_new) = jobs.enter(batch(&["a", "b"], 1)).unwrap();
    assert!(is_new);
    let (joined, is_new) = jobs.enter(batch(&["a", "b"], 2)).unwrap();
    assert_eq!((joined.id.clone(), is_new), (first.id.clone(), false));
    let (other, is_new) = jobs.enter(batch(&["b", "a"], 2)).unwrap();
    assert!(is_new && other.id != first.id);
    run_to_failure(&jobs, &first);
    let (again, is_new) = jobs.enter(batch(&["a", "b"], 3)).unwrap();
    assert!(is_new && again.id != first.id && again.ids != first.ids);
}

#[test]
fn nobody_joins_a_cancelled_job() {
    let jobs = Jobs::new(1, 10);
    let (first, _) = jobs.enter(batch(&["a"], 1)).unwrap();
    first.cancelled.cancel();
    let (second, is_new) = jobs.enter(batch(&["a"], 2)).unwrap();
    assert!(is_new && second.id != first.id);
    run_to_failure(&jobs, &first);
    let (joined, is_new) = jobs.enter(batch(&["a"], 3)).unwrap();
    assert_eq!((&joined.id, is_new), (&second.id, false), "the end of the first does not make room for a third");
}

#[test]
fn a_finished_image_holds_no_prompt() {
    let jobs = Jobs::new(1, 10);
    let (batch, _) = jobs.enter(batch(&["a", "b"], 1)).unwrap();
    jobs.begin(&batch, 0);
    assert_eq!(batch.concept(0).unwrap().prompt, "a");
    jobs.end(&batch, 0, failed());
    assert!(batch.concept(0).is_none() && batch.concept(1).is_some());
}

#[test]
fn an_image_is_found_in_the_last_job_that_has_promised_it() {
    let jobs = Jobs::new(1, 10);
    let seeded = |second| {
        let mut request = JobRequest::new("t".parse().unwrap(), vec![]);
        let (prompt, seed) = ("a".to_owned(), Some(7));
        request.concepts.push(Concept { prompt, style: None, title: None, model: None, size: None, seed });
        Batch::new(request, Brief::default(), EventId::default(), Timestamp::from_second(second).unwrap())
    };
    let (first, _) = jobs.enter(seeded(1)).unwrap();
    run_to_failure(&jobs, &first);
    let (second, is_new) = jobs.enter(seeded(2)).unwrap();
    assert!(is_new && second.id != first.id && second.may_be_stored);
    assert_eq!(second.ids, first.ids, "the same seed is the same picture");
    assert_eq!(jobs.find_image(&first.ids[0]).unwrap().0.id, second.id);
}

#[tokio::test]
async fn all_who_wait_for_an_image_are_woken_by_its_end() {
    let jobs = Jobs::new(1, 10);
    let (batch, _) = jobs.enter(batch(&["a"], 1)).unwrap();
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let batch = Arc::clone(&batch);
                async move { batch.ended(0).await.state }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    run_to_failure(&jobs, &batch);
    for one in waiting {
        assert_eq!(one.await.unwrap(), JobState::Failed);
    }
}

#[test]
fn a_queue_that_is_full_takes_no_part_of_a_job() {
    let jobs = Jobs::new(1, 3);
    jobs.enter(batch(&["a", "b"], 1)).unwrap();
    assert!(matches!(jobs.enter(batch(&["c", "d"], 1)), Err(Error::Busy(_))));
    assert_eq!(jobs.stats().queued, 2);
    jobs.enter(batch(&["e"], 1)).unwrap();
}

#[test]
fn the_end_is_told_once_with_the_last_concept() {
    let jobs = Jobs::new(1, 10);
    let (batch, _) = jobs.enter(batch(&["a", "b", "c"], 1)).unwrap();
    jobs.begin(&batch, 1);
    assert!(jobs.end(&batch, 1, failed()).all.is_none());
    assert_eq!(batch.snapshot("").state, JobState::Running);
    assert!(jobs.end(&batch, 0, Err((JobState::Cancelled, failure()))).all.is_none());
    jobs.begin(&batch, 2);
    assert!(jobs.end(&batch, 2, failed()).all.is_some());
    assert_eq!((jobs.stats().queued, jobs.stats().running), (0, 0));
    let job = batch.snapshot("https://cdn.example");
    assert_eq!((job.state, job.failed, job.completed), (JobState::Cancelled, 2, 0));
    assert_eq!(job.images[0].url, format!("https://cdn.example/api/images/{}", job.images[0].id));
}

#[test]
fn only_so_many_finished_jobs_are_remembered() {
    let jobs = Jobs::new(1, 10);
    let (first, _) = jobs.enter(batch(&["a"], -1)).unwrap();
    run_to_failure(&jobs, &first);
    for second in 0..MAX_REMEMBERED as i64 {
        let (next, _) = jobs.enter(batch(&["a"], second)).unwrap();
        run_to_failure(&jobs, &next);
    }
    assert!(jobs.find(&first.id).is_none());
    assert_eq!(jobs.book.lock().by_id.len(), MAX_REMEMBERED);
}
