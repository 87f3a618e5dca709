//! Several nodes on one board: each job is taken by one, and those of a node that is gone by another.

use std::time::Duration;

use orbit_model::{Digest, JobState, QueuedJob};

use super::{Board, Hold, Offer, Taken};
use crate::Error;
use crate::fixtures::id;
use crate::fixtures::redis::{RedisCluster, RedisServer};
use crate::queue::conformance::{job, job_id, job_queue_laws, slot};
use crate::redis::events::tests::Node;
use crate::redis::{Leases, SharedQueue};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);
/// So short that it has run out when it is looked at again.
const SHORT: Duration = Duration::from_millis(1);

struct Member {
    board: Board,
    node: Node,
}

async fn member(url: &str, lease: Duration) -> Member {
    let node = Node::start(url).await;
    Member { board: Board::new(node.connection.clone(), node.events.clone(), lease), node }
}

fn fingerprint(job: &QueuedJob) -> Digest {
    job.request.fingerprint()
}

async fn offer(board: &Board, job: &QueuedJob) -> Offer {
    board.offer(job, &fingerprint(job)).await.unwrap()
}

/// Takes whatever comes next.
async fn take(board: &Board) -> Taken {
    loop {
        if let Some(taken) = board.take().await.unwrap() {
            return taken;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn open_queue() -> (SharedQueue, (Member, RedisServer)) {
    let redis = RedisServer::start();
    let member = member(&redis.url(), LONG).await;
    (SharedQueue::new(member.node.journal.clone(), member.board.clone()), (member, redis))
}

mod queue {
    //! The laws of the job queue.
    use super::{job_queue_laws, open_queue};

    job_queue_laws!(open_queue);
}

#[tokio::test]
async fn a_job_is_taken_by_one_node_and_found_at_all() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    assert_eq!(b.board.take().await.unwrap(), None);
    let fox = job("fox", 2);
    assert_eq!(offer(&a.board, &fox).await, Offer::Added);
    let taken = take(&b.board).await;
    assert_eq!((&taken.job, taken.is_first, taken.is_cancelled), (&fox, true, false));
    assert_eq!(a.board.take().await.unwrap(), None);
    assert_eq!(b.board.take().await.unwrap(), None);
    let done = slot(JobState::Done);
    assert_eq!(b.board.note(&taken.claim, &[(1, done.clone())]).await.unwrap(), Hold::Held);
    let posted = a.board.look(&fox.job).await.unwrap().unwrap();
    assert_eq!((&posted.job.slots[1], posted.is_begun), (&done, true));
    assert_eq!(a.board.find_image(&fox.ids[1]).await.unwrap(), Some((fox.job.clone(), 1)));
    assert_eq!(a.board.find_image(&id("cat")).await.unwrap(), None);
}

#[tokio::test]
async fn many_jobs_go_to_several_nodes_and_each_to_one() {
    let redis = RedisServer::start();
    let members =
        [member(&redis.url(), LONG).await, member(&redis.url(), LONG).await, member(&redis.url(), LONG).await];
    for number in 0..60 {
        offer(&members[number % 3].board, &job(&format!("job-{number}"), 1)).await;
    }
    let take_all = |board: Board| async move {
        let mut names = Vec::new();
        while let Some(taken) = board.take().await.unwrap() {
            names.push(taken.job.job.to_string());
        }
        names
    };
    let takers: Vec<_> = members.iter().map(|member| tokio::spawn(take_all(member.board.clone()))).collect();
    let mut names = Vec::new();
    for taker in takers {
        names.extend(taker.await.unwrap());
    }
    assert_eq!(names.len(), 60);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 60, "none twice");
}

#[tokio::test]
async fn equal_requests_in_flight_join_at_whichever_node() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    let fox = job("fox", 1);
    let again = QueuedJob { job: job_id("again"), ids: vec![id("again-0")], ..fox.clone() };
    offer(&a.board, &fox).await;
    assert_eq!(offer(&b.board, &again).await, Offer::Joined(Box::new(fox.clone())));
    assert_eq!(b.board.look(&again.job).await.unwrap(), None, "nothing is left of it");
    let taken = take(&b.board).await;
    assert_eq!(b.board.take().await.unwrap(), None);
    b.board.note(&taken.claim, &[(0, slot(JobState::Done))]).await.unwrap();
    b.board.end(&taken.claim, &fingerprint(&fox)).await.unwrap();
    assert_eq!(a.board.find_done(&fingerprint(&fox)).await.unwrap().unwrap().job, fox.job);
    assert_eq!(offer(&b.board, &again).await, Offer::Added, "what has ended is not joined");
    a.board.cancel(&again.job).await.unwrap();
    let third = QueuedJob { job: job_id("third"), ..fox };
    assert_eq!(offer(&a.board, &third).await, Offer::Added, "nor what is cancelled");
}

#[tokio::test]
async fn prompts_are_forgotten_with_the_end_of_a_job() {
    let redis = RedisServer::start();
    let a = member(&redis.url(), LONG).await;
    let fox = job("fox", 1);
    offer(&a.board, &fox).await;
    let taken = take(&a.board).await;
    a.board.note(&taken.claim, &[(0, slot(JobState::Done))]).await.unwrap();
    a.board.end(&taken.claim, &fingerprint(&fox)).await.unwrap();
    let posted = a.board.look(&fox.job).await.unwrap().unwrap();
    assert!(posted.job.has_ended());
    assert!(!redis.ask(&["HGETALL", "orbit:job:fox"]).contains("draw fox"));
    assert_eq!(
        (redis.ask(&["XLEN", "orbit:jobs"]), redis.ask(&["EXISTS", "orbit:inflight"])),
        ("0".into(), "0".into())
    );
    assert_eq!(a.board.take().await.unwrap(), None);
}

#[tokio::test]
async fn the_jobs_of_a_node_that_is_gone_go_to_another_and_its_late_words_are_void() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), SHORT).await, member(&redis.url(), SHORT).await);
    offer(&a.board, &job("fox", 2)).await;
    let first = take(&a.board).await;
    a.board.note(&first.claim, &[(0, slot(JobState::Done))]).await.unwrap();
    let second = take(&b.board).await;
    assert!(!second.is_first);
    assert_eq!(second.job.slots[0], slot(JobState::Done), "it goes on where the first was");
    assert_eq!(a.board.note(&first.claim, &[(1, slot(JobState::Failed))]).await.unwrap(), Hold::Lost);
    assert_eq!(a.board.hold(&first.claim).await.unwrap(), Hold::Lost);
    a.board.end(&first.claim, &fingerprint(&first.job)).await.unwrap();
    let posted = b.board.look(&first.job.job).await.unwrap().unwrap();
    assert_eq!(posted.job.slots[1], orbit_model::Slot::default());
    assert_eq!(b.board.hold(&second.claim).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn a_node_that_gives_signs_of_life_keeps_its_jobs() {
    let redis = RedisServer::start();
    let lease = Duration::from_secs(1);
    let (a, b) = (member(&redis.url(), lease).await, member(&redis.url(), lease).await);
    offer(&a.board, &job("fox", 1)).await;
    let taken = take(&a.board).await;
    // Three times as long as the lease, by the clock of the server.
    let end = tokio::time::Instant::now() + lease * 3;
    while tokio::time::Instant::now() < end {
        // On a busy machine a word may be late; it is said again in a moment.
        match a.board.hold(&taken.claim).await {
            Err(Error::Unavailable(_)) => {}
            held => assert_eq!(held.unwrap(), Hold::Held),
        }
        match b.board.take().await {
            Err(Error::Unavailable(_)) => {}
            other => assert_eq!(other.unwrap(), None),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_node_that_starts_again_takes_its_own_jobs_at_once() {
    let redis = RedisServer::start();
    let a = member(&redis.url(), LONG).await;
    offer(&a.board, &job("fox", 1)).await;
    take(&a.board).await;
    let again = Board::new(a.node.connection.clone(), a.node.events.clone(), LONG);
    assert!(!take(&again).await.is_first);
}

#[tokio::test]
async fn a_job_whose_entry_was_lost_is_handed_out_again_unless_it_is_held() {
    let redis = RedisServer::start();
    let (gone, live) = (member(&redis.url(), SHORT).await, member(&redis.url(), LONG).await);
    let [lost, held] = ["lost", "held"].map(|prompt| job(prompt, 1));
    offer(&gone.board, &lost).await;
    assert_eq!(take(&gone.board).await.job.job, lost.job);
    offer(&live.board, &held).await;
    assert_eq!(take(&live.board).await.job.job, held.job);
    redis.ask(&["DEL", "orbit:jobs"]);

    for job in [&lost, &held] {
        live.board.hand_out(&job.job).await.unwrap();
    }
    assert_eq!(redis.ask(&["XLEN", "orbit:jobs"]), "1");
    assert_eq!(take(&live.board).await.job.job, lost.job);
}

#[tokio::test]
async fn a_job_that_is_given_back_goes_to_another_at_once() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    offer(&a.board, &job("fox", 1)).await;
    let taken = take(&a.board).await;
    a.board.give_back(&taken.claim).await.unwrap();
    assert_eq!(take(&b.board).await.job, job("fox", 1));
    assert_eq!(a.board.hold(&taken.claim).await.unwrap(), Hold::Lost);
}

#[tokio::test]
async fn a_cancelled_job_says_so_to_who_holds_it_and_to_who_takes_it() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    offer(&a.board, &job("fox", 1)).await;
    offer(&a.board, &job("hen", 1)).await;
    let fox = take(&b.board).await;
    assert!(a.board.cancel(&job_id("fox")).await.unwrap() && a.board.cancel(&job_id("hen")).await.unwrap());
    assert!(!a.board.cancel(&job_id("cat")).await.unwrap());
    assert_eq!(b.board.hold(&fox.claim).await.unwrap(), Hold::Cancelled);
    assert!(take(&b.board).await.is_cancelled);
}

#[tokio::test]
async fn after_a_flush_who_holds_a_job_keeps_it_and_who_accepted_one_hangs_it_up_again() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    let (fox, hen) = (job("fox", 2), job("hen", 1));
    offer(&a.board, &fox).await;
    let held = take(&b.board).await;
    offer(&a.board, &hen).await;
    redis.flush();
    assert_eq!(b.board.hold(&held.claim).await.unwrap(), Hold::Gone);
    let claim = b.board.adopt(&held.job, &fingerprint(&fox)).await.unwrap().unwrap();
    assert!(!a.board.put_back(&fox, &fingerprint(&fox)).await.unwrap(), "it hangs there already");
    assert!(a.board.put_back(&hen, &fingerprint(&hen)).await.unwrap());
    let old = QueuedJob { slots: vec![slot(JobState::Done)], ..job("old", 1) };
    a.board.remember(&old).await.unwrap();
    assert_eq!(b.board.look(&old.job).await.unwrap().unwrap().job, old);
    assert_eq!(take(&a.board).await.job, hen);
    assert_eq!(a.board.take().await.unwrap(), None);
    assert_eq!(b.board.hold(&claim).await.unwrap(), Hold::Held);
    assert_eq!(b.board.hold(&held.claim).await.unwrap(), Hold::Lost, "the fence of before the flush is void");
}

#[tokio::test]
async fn a_job_that_was_accepted_in_an_outage_is_adopted_unless_another_has_it() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    let fox = job("fox", 1);
    let claim = a.board.adopt(&fox, &fingerprint(&fox)).await.unwrap().unwrap();
    assert_eq!(b.board.adopt(&fox, &fingerprint(&fox)).await.unwrap(), None);
    assert_eq!(b.board.take().await.unwrap(), None);
    assert_eq!(a.board.hold(&claim).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn in_an_outage_the_board_says_so_and_the_queue_knows_what_its_journal_does() {
    let mut redis = RedisServer::start();
    let a = member(&redis.url(), LONG).await;
    let queue = SharedQueue::new(a.node.journal.clone(), a.board.clone());
    let fox = job("fox", 1);
    offer(&a.board, &fox).await;
    crate::JobQueue::add(&queue, &fox).await.unwrap();
    assert_eq!(a.board.outage(), None);
    redis.kill();
    a.node.connection.down().await;
    assert!(matches!(a.board.offer(&fox, &fingerprint(&fox)).await, Err(Error::Unavailable(_))));
    assert!(a.board.outage().is_some());
    assert_eq!(crate::JobQueue::get(&queue, &fox.job).await.unwrap(), Some(fox.clone()));
    assert_eq!(crate::JobQueue::find_image(&queue, &fox.ids[0]).await.unwrap(), Some((fox.job, 0)));
}

#[tokio::test]
async fn a_preview_is_shown_at_all_nodes_until_it_is_hidden() {
    let redis = RedisServer::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    let name = id("fox-preview-0");
    a.board.show(&name, b"\x00\xffwebp").await.unwrap();
    assert_eq!(b.board.shown(&name).await.unwrap().unwrap(), b"\x00\xffwebp");
    b.board.hide(std::slice::from_ref(&name)).await.unwrap();
    assert_eq!(a.board.shown(&name).await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_is_held_by_one_and_given_back() {
    let redis = RedisServer::start();
    let (a, b) = (Node::start(&redis.url()).await, Node::start(&redis.url()).await);
    let leases = |node: &Node| Leases::new(node.connection.clone(), node.events.node());
    let (at_a, at_b) = (leases(&a), leases(&b));
    let held = at_a.try_take("derive:fox", LONG).await.unwrap().unwrap();
    assert!(at_b.try_take("derive:fox", LONG).await.unwrap().is_none());
    assert!(at_a.try_take("derive:fox", LONG).await.unwrap().is_none());
    assert!(at_b.try_take("derive:hen", LONG).await.unwrap().is_some());
    drop(held);
    while at_b.try_take("derive:fox", LONG).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cluster_does_as_well() {
    let redis = RedisCluster::start();
    let (a, b) = (member(&redis.url(), LONG).await, member(&redis.url(), LONG).await);
    let fox = job("fox", 3);
    offer(&a.board, &fox).await;
    let taken = take(&b.board).await;
    b.board.hold(&taken.claim).await.unwrap();
    let done = (0..3).map(|index| (index, slot(JobState::Done))).collect::<Vec<_>>();
    b.board.note(&taken.claim, &done).await.unwrap();
    b.board.end(&taken.claim, &fingerprint(&fox)).await.unwrap();
    assert!(a.board.look(&fox.job).await.unwrap().unwrap().job.has_ended());
}
