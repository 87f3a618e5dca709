//! What goes when the store holds more than it may, and what never does.

use std::time::Duration;

use super::*;
use crate::fixtures::at;
use crate::{Bound, Bounds, Excess, Going};

const DAY: i64 = 86_400;

/// Images `i0`, `i1` … of one size, a day apart, each with a variant.
async fn filled(count: u32) -> (Store, TempDir) {
    let (store, root) = open().await;
    for number in 0..count {
        let one = image(&format!("i{number}"), &format!("number {number:04}")).at(i64::from(number) * DAY);
        commit_new(&store, &one).await;
        let (amended, blobs) = with_variant(&one, "w=64");
        store.amend(&one.manifest.id, blobs, move |_| Ok(amended.clone())).await.unwrap();
    }
    (store, root)
}

/// What an image, its source and its variant take.
async fn sizes(store: &Store) -> (u64, u64, u64) {
    let manifest = store.manifest(&id("i0")).await.unwrap();
    (manifest.image.bytes, manifest.source.bytes, manifest.variant_bytes())
}

/// Lets go of what is too much, as an origin does.
async fn collect(store: &Store, bounds: &Bounds, now: i64) -> Vec<Excess> {
    let excess = store.excess(bounds, at(now)).await.unwrap();
    for one in &excess {
        match one.going {
            Going::Image => drop(store.erase(&one.id).await.unwrap()),
            Going::Parts { .. } => assert_eq!(store.let_go(one).await.unwrap(), one.bytes),
        }
    }
    assert_eq!(store.excess(bounds, at(now)).await.unwrap(), [], "what is left is within the bounds");
    let mut excess = excess;
    excess.sort_by(|one, other| one.id.cmp(&other.id));
    excess
}

fn names(excess: &[Excess]) -> Vec<&str> {
    excess.iter().map(|one| one.id.as_str()).collect()
}

fn bytes(max: u64) -> Bound {
    Bound { max_bytes: Some(max), ..Bound::default() }
}

#[tokio::test]
async fn without_bounds_nothing_goes() {
    let (store, _root) = filled(3).await;
    assert_eq!(store.excess(&Bounds::default(), at(1000 * DAY)).await.unwrap(), []);
}

#[tokio::test]
async fn variants_and_sources_go_by_their_own_bounds_the_oldest_first() {
    let (store, root) = filled(5).await;
    let (_, source, variant) = sizes(&store).await;
    let bounds = Bounds { variants: bytes(2 * variant), sources: bytes(3 * source + 1), ..Bounds::default() };
    let gone = collect(&store, &bounds, 5 * DAY).await;
    assert_eq!(names(&gone), ["i0", "i1", "i2"]);
    assert_eq!(gone[0].going, Going::Parts { variants: true, source: true });
    assert_eq!(gone[2].going, Going::Parts { variants: true, source: false });
    assert_eq!(files_of(&root).len(), 5 * 2 + 2 + 3);
    for number in 0..5 {
        store.read(&id(&format!("i{number}"))).await.unwrap();
    }
    assert!(matches!(store.source(&id("i0")).await, Err(Error::Corrupt { .. })), "it is told that it is not there");
    drop(store);
    let store = reopen(&root).await;
    assert_eq!(store.reindex(|_| ()).await.unwrap().images, 5);
    assert_eq!(store.totals().await.unwrap().source_bytes, 3 * source);
}

#[tokio::test]
async fn too_much_in_all_takes_variants_then_sources_then_images_if_that_is_allowed() {
    let (store, _root) = filled(4).await;
    let (image, source, variant) = sizes(&store).await;
    let all = 4 * (image + source + variant);
    let one = collect(&store, &Bounds { images: bytes(all - 1), ..Bounds::default() }, 4 * DAY).await;
    assert_eq!((names(&one), one[0].going), (vec!["i0"], Going::Parts { variants: true, source: false }));
    let more = Bounds { images: bytes(4 * image + 2 * source), ..Bounds::default() };
    let gone = collect(&store, &more, 4 * DAY).await;
    let sources: Vec<_> = gone.iter().filter(|it| matches!(it.going, Going::Parts { source: true, .. })).collect();
    assert_eq!((gone.len(), sources.len()), (4, 2));
    let least = Bounds { images: bytes(2 * image), ..Bounds::default() };
    let gone = store.excess(&least, at(4 * DAY)).await.unwrap();
    assert!(gone.iter().all(|it| it.going != Going::Image), "it is not allowed");
    let gone = collect(&store, &Bounds { evict_images: true, ..least }, 4 * DAY).await;
    assert_eq!(
        gone.iter().filter(|it| it.going == Going::Image).map(|it| it.id.as_str()).collect::<Vec<_>>(),
        ["i0", "i1"]
    );
    assert_eq!(listed(&store).await, ["i3", "i2"]);
}

#[tokio::test]
async fn what_is_used_stays_and_what_is_not_goes_by_age_and_by_number() {
    let (store, _root) = filled(4).await;
    let used = at(9 * DAY);
    store.amend(&id("i0"), Vec::new(), move |it| Ok(Manifest { used_at: Some(used), ..it })).await.unwrap();
    let age = Bound { max_age: Some(Duration::from_secs(8 * DAY as u64)), ..Bound::default() };
    let gone = collect(&store, &Bounds { sources: age, ..Bounds::default() }, 10 * DAY).await;
    assert_eq!(names(&gone), ["i1"]);
    let number = Bound { max_count: Some(2), ..Bound::default() };
    let gone = collect(&store, &Bounds { images: number, evict_images: true, ..Bounds::default() }, 10 * DAY).await;
    assert_eq!(names(&gone), ["i1", "i2"]);
    assert_eq!(listed(&store).await, ["i3", "i0"]);
}

#[tokio::test]
async fn what_was_used_since_the_decision_stays() {
    let (store, _root) = filled(1).await;
    let bounds = Bounds { variants: bytes(0), sources: bytes(0), ..Bounds::default() };
    let excess = store.excess(&bounds, at(DAY)).await.unwrap();
    let used = at(DAY);
    store.amend(&id("i0"), Vec::new(), move |it| Ok(Manifest { used_at: Some(used), ..it })).await.unwrap();
    assert_eq!(store.let_go(&excess[0]).await.unwrap(), 0);
    store.source(&id("i0")).await.unwrap();
}

#[tokio::test]
async fn bytes_that_two_images_share_stay_for_the_other() {
    let (store, _root) = open().await;
    let fox = image("fox", "a fox");
    commit_new(&store, &fox).await;
    let twin = image("twin", "a fox").at(DAY).manifest;
    store.adopt(twin, &id("fox"), Expect::New).await.unwrap();
    let bounds = Bounds { sources: Bound { max_count: Some(1), ..Bound::default() }, ..Bounds::default() };
    assert_eq!(names(&collect(&store, &bounds, 2 * DAY).await), ["fox"]);
    assert_eq!(store.source(&id("twin")).await.unwrap().1, fox.blobs[0].1);
}

#[tokio::test]
async fn a_million_times_more_is_decided_in_hours_and_not_in_images() {
    let mut one = image("i", "number").manifest;
    let mut sums = super::super::bounds::Sums::default();
    for number in 0..200_000 {
        one.created_at = at(number);
        sums.add(&one);
    }
    let bounds = Bounds { sources: Bound { max_count: Some(1_000), ..Bound::default() }, ..Bounds::default() };
    let mut cuts = super::super::bounds::Cuts::of(&sums, &bounds, at(200_000));
    let mut gone = 0;
    for number in (0..200_000).rev() {
        one.created_at = at(number);
        gone += usize::from(cuts.judge(&one).is_some());
    }
    assert_eq!(gone, 199_000);
}
