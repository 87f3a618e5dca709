//! The laws of a log of purges, for every backend to run: `purge_log_laws!(open)` in its tests.

use std::sync::Arc;
use std::time::Duration;

use orbit_model::{Notice, Position, PurgeRequest};

use super::{Appended, Attendance, Attending, Follower, PurgeLog};
use crate::fixtures::id;

macro_rules! purge_log_laws {
    ($open:path) => {
        $crate::fixtures::laws!($crate::purges::conformance, $open:
            purges_are_read_in_order_from_any_place,
            whoever_has_no_place_is_told_where_the_log_ends_and_that_all_must_be_asked_about,
            a_place_of_another_log_is_no_place,
            a_part_of_what_came_says_that_there_is_more,
            a_fill_is_told_in_its_turn,
            an_edge_is_known_with_its_place_and_its_lease,
            a_lease_is_never_shortened,
            two_edges_of_one_name_are_two,
            an_edge_that_leaves_is_forgotten,
            there_is_news_of_notices_and_of_edges,
            every_reader_sees_every_purge_once_while_many_append,
        );
    };
}
pub(crate) use purge_log_laws;

type Shared = Arc<dyn PurgeLog>;

const LEASE: Duration = Duration::from_secs(600);

pub(crate) fn purge(number: usize) -> Notice {
    Notice::Purge(PurgeRequest { ids: vec![id(&format!("image-{number}"))], ..PurgeRequest::default() })
}

fn follower(name: &str, session: &str) -> Follower {
    Follower { name: name.to_owned(), session: session.to_owned() }
}

pub(crate) async fn append(log: &dyn PurgeLog, notice: Notice) -> Position {
    match log.append(notice).await.unwrap() {
        Appended::At(position) => position,
        Appended::Kept => panic!("the log was reached"),
    }
}

async fn end(log: &dyn PurgeLog) -> Position {
    log.read_after(None, 1).await.unwrap().position
}

pub(crate) async fn read(log: &dyn PurgeLog, after: Position) -> Vec<Notice> {
    let reading = log.read_after(Some(after), usize::MAX).await.unwrap();
    assert!(!reading.reset && reading.is_whole);
    reading.notices
}

async fn attend(log: &dyn PurgeLog, follower: &Follower, done: Option<Position>, lease: Option<Duration>) {
    log.attend(follower, Attendance { done, filled: None, lease }).await.unwrap();
}

pub(crate) async fn purges_are_read_in_order_from_any_place(log: Shared) {
    let mut places = vec![end(&*log).await];
    for number in 0..4 {
        places.push(append(&*log, purge(number)).await);
    }
    for (number, place) in places.iter().enumerate() {
        assert_eq!(read(&*log, *place).await, (number..4).map(purge).collect::<Vec<_>>());
        assert!(places[number..].iter().all(|later| later.covers(*place)));
        assert!(places[..number].iter().all(|earlier| !earlier.covers(*place)));
    }
    assert_eq!(end(&*log).await, places[4]);
}

pub(crate) async fn whoever_has_no_place_is_told_where_the_log_ends_and_that_all_must_be_asked_about(log: Shared) {
    append(&*log, purge(0)).await;
    let last = append(&*log, purge(1)).await;
    let reading = log.read_after(None, 10).await.unwrap();
    assert_eq!((reading.position, reading.reset, reading.notices, reading.is_whole), (last, true, Vec::new(), true));
}

pub(crate) async fn a_place_of_another_log_is_no_place(log: Shared) {
    let last = append(&*log, purge(0)).await;
    let foreign = Position { epoch: last.epoch ^ 1, ..last };
    let mut ahead = last;
    ahead.place.millis += 1_000_000;
    for place in [foreign, ahead] {
        let reading = log.read_after(Some(place), 10).await.unwrap();
        assert_eq!((reading.position, reading.reset, reading.notices), (last, true, Vec::new()), "{place}");
    }
}

pub(crate) async fn a_part_of_what_came_says_that_there_is_more(log: Shared) {
    let mut place = end(&*log).await;
    for number in 0..5 {
        append(&*log, purge(number)).await;
    }
    let mut seen = Vec::new();
    for is_whole in [false, false, true] {
        let reading = log.read_after(Some(place), 2).await.unwrap();
        assert_eq!(reading.is_whole, is_whole);
        seen.extend(reading.notices);
        place = reading.position;
    }
    assert_eq!(seen, (0..5).map(purge).collect::<Vec<_>>());
    assert_eq!(read(&*log, place).await, []);
}

pub(crate) async fn a_fill_is_told_in_its_turn(log: Shared) {
    let start = end(&*log).await;
    let fill = Notice::Fill(vec!["/api/images/fox?w=256".to_owned()]);
    let purged = append(&*log, purge(0)).await;
    let filled = append(&*log, fill.clone()).await;
    append(&*log, purge(1)).await;
    assert!(filled.covers(purged) && !purged.covers(filled));
    assert_eq!(read(&*log, start).await, [purge(0), fill.clone(), purge(1)]);
    assert_eq!(read(&*log, purged).await, [fill, purge(1)]);
    assert_eq!(read(&*log, filled).await, [purge(1)]);
}

pub(crate) async fn an_edge_is_known_with_its_place_and_its_lease(log: Shared) {
    assert_eq!(log.edges().await.unwrap(), []);
    let (near, far) = (follower("near", "1"), follower("far", "2"));
    attend(&*log, &near, None, Some(LEASE)).await;
    let place = append(&*log, purge(0)).await;
    attend(&*log, &near, Some(place), Some(LEASE)).await;
    attend(&*log, &far, None, None).await;
    let filled = Attendance { done: None, filled: Some(place), lease: None };
    log.attend(&near, filled).await.unwrap();
    let edges = log.edges().await.unwrap();
    let known: Vec<_> = edges.iter().map(|edge| (&edge.follower, edge.done, edge.filled)).collect();
    assert_eq!(known, [(&far, None, None), (&near, Some(place), Some(place))], "in the order of their names");
    assert!(edges[0].lease.is_zero() && edges[1].lease > LEASE / 2 && edges[1].lease <= LEASE);
}

pub(crate) async fn a_lease_is_never_shortened(log: Shared) {
    let edge = follower("edge", "1");
    attend(&*log, &edge, None, Some(LEASE)).await;
    attend(&*log, &edge, None, Some(Duration::from_secs(1))).await;
    assert!(log.edges().await.unwrap()[0].lease > LEASE / 2);
}

pub(crate) async fn two_edges_of_one_name_are_two(log: Shared) {
    let (first, second) = (follower("edge", "1"), follower("edge", "2"));
    let place = append(&*log, purge(0)).await;
    attend(&*log, &first, Some(place), Some(LEASE)).await;
    attend(&*log, &second, None, Some(LEASE)).await;
    let done: Vec<_> = log.edges().await.unwrap().into_iter().map(|edge| edge.done).collect();
    assert_eq!(done, [Some(place), None]);
}

pub(crate) async fn an_edge_that_leaves_is_forgotten(log: Shared) {
    let (stays, goes) = (follower("stays", "1"), follower("goes", "2"));
    for edge in [&stays, &goes] {
        attend(&*log, edge, None, Some(LEASE)).await;
    }
    log.leave(&goes).await.unwrap();
    let left: Vec<_> = log.edges().await.unwrap().into_iter().map(|Attending { follower, .. }| follower).collect();
    assert_eq!(left, [stays]);
}

pub(crate) async fn there_is_news_of_notices_and_of_edges(log: Shared) {
    let mut news = log.news();
    news.borrow_and_update();
    let place = append(&*log, purge(0)).await;
    news.changed().await.unwrap();
    news.borrow_and_update();
    attend(&*log, &follower("edge", "1"), Some(place), Some(LEASE)).await;
    news.changed().await.unwrap();
}

pub(crate) async fn every_reader_sees_every_purge_once_while_many_append(log: Shared) {
    const WRITERS: usize = 4;
    const EACH: usize = 25;
    let mut place = end(&*log).await;
    let mut news = log.news();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            for number in 0..EACH {
                append(&*log, purge(writer * EACH + number)).await;
            }
        });
    }
    let mut seen = Vec::new();
    while seen.len() < WRITERS * EACH {
        news.borrow_and_update();
        let reading = log.read_after(Some(place), 7).await.unwrap();
        place = reading.position;
        if reading.notices.is_empty() {
            news.changed().await.unwrap();
        }
        seen.extend(reading.notices);
    }
    let mut names: Vec<String> = seen.iter().map(|notice| format!("{notice:?}")).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), seen.len()), (WRITERS * EACH, WRITERS * EACH));
}
