//! The laws of an image index, for every backend to run: `image_index_laws!(open)` in its tests.
//!
//! Lists are compared with sorting everything in memory; sums with adding everything up.

use std::cmp::Reverse;
use std::sync::Arc;

use orbit_model::{ImageId, Manifest};

use crate::fixtures::{id, image};
use crate::{Error, ImageIndex, Query, Totals};

macro_rules! image_index_laws {
    ($open:path) => {
        $crate::fixtures::laws!($crate::index::conformance, $open:
            a_row_says_what_was_settled_last,
            an_intent_stays_until_it_is_settled,
            an_image_is_found_by_its_source,
            lists_in_pages_are_newest_first_and_complete,
            times_finer_than_a_manifest_keeps_hide_no_image,
            lists_are_narrowed_by_thread_and_style,
            rows_that_come_and_go_between_pages_hide_and_repeat_no_others,
            a_cursor_that_is_none_of_ours_is_refused,
            totals_are_the_sums_of_what_is_listed,
            a_rebuild_removes_the_rows_that_were_not_settled_in_it,
        );
    };
}
pub(crate) use image_index_laws;

type Shared = Arc<dyn ImageIndex>;

async fn settle(index: &Shared, manifest: &Manifest) -> bool {
    index.settle(&manifest.id, Some(manifest)).await.unwrap()
}

/// All pages of a list, `limit` at a time.
async fn pages(index: &Shared, query: Query) -> Vec<ImageId> {
    let (mut ids, mut query) = (Vec::new(), query);
    loop {
        let page = index.list(&query).await.unwrap();
        assert!(page.manifests.len() <= query.limit);
        ids.extend(page.manifests.into_iter().map(|manifest| manifest.id));
        if page.next_cursor.is_none() {
            return ids;
        }
        query.cursor = page.next_cursor;
    }
}

/// Forty images in three threads and two styles, four at each of ten times, in no order.
fn crowd() -> Vec<Manifest> {
    let numbers = (0..40).map(|number| number * 7 % 40);
    numbers
        .map(|number| {
            let image = image(&format!("image-{number}"), "x").at(number / 4);
            let image = image.in_thread(["a", "b", "c"][number as usize % 3]);
            image.of_style(["hero", "card"][number as usize % 2]).manifest
        })
        .collect()
}

fn newest_first(mut manifests: Vec<Manifest>) -> Vec<ImageId> {
    manifests.sort_by_key(|manifest| Reverse((manifest.created_at, manifest.id.clone())));
    manifests.into_iter().map(|manifest| manifest.id).collect()
}

pub(crate) async fn a_row_says_what_was_settled_last(index: Shared) {
    let first = image("fox", "a fox").manifest;
    let second = image("fox", "another fox").in_thread("a").of_style("hero").at(5).manifest;
    assert_eq!(index.get(&first.id).await.unwrap(), None);
    assert!(!settle(&index, &first).await);
    assert_eq!(index.get(&first.id).await.unwrap(), Some(first.clone()));
    assert!(settle(&index, &second).await);
    assert_eq!(index.get(&first.id).await.unwrap(), Some(second.clone()));
    assert_eq!(index.list(&Query::default()).await.unwrap().manifests, [second]);
    assert!(index.settle(&first.id, None).await.unwrap());
    assert!(!index.settle(&first.id, None).await.unwrap());
    assert_eq!(index.get(&first.id).await.unwrap(), None);
    assert_eq!(index.list(&Query::default()).await.unwrap().manifests, []);
}

pub(crate) async fn an_intent_stays_until_it_is_settled(index: Shared) {
    assert_eq!(index.intents().await.unwrap(), []);
    for name in ["fox", "hen", "fox"] {
        index.intend(&id(name)).await.unwrap();
    }
    assert_eq!(index.intents().await.unwrap(), [id("fox"), id("hen")]);
    assert_eq!(index.get(&id("fox")).await.unwrap(), None);
    settle(&index, &image("fox", "a fox").manifest).await;
    assert_eq!(index.intents().await.unwrap(), [id("hen")]);
    index.settle(&id("hen"), None).await.unwrap();
    assert_eq!(index.intents().await.unwrap(), []);
}

pub(crate) async fn an_image_is_found_by_its_source(index: Shared) {
    let (fox, twin) = (image("fox", "a fox").at(5).manifest, image("twin", "a fox").at(3).manifest);
    let source = fox.source.digest;
    assert_eq!(index.find_source(&source).await.unwrap(), None);
    for manifest in [&fox, &twin, &image("hen", "a hen").at(9).manifest] {
        settle(&index, manifest).await;
    }
    assert_eq!(index.find_source(&source).await.unwrap(), Some(id("fox")), "the one that was stored last");
    settle(&index, &image("fox", "another fox").manifest).await;
    assert_eq!(index.find_source(&source).await.unwrap(), Some(id("twin")));
    index.settle(&twin.id, None).await.unwrap();
    assert_eq!(index.find_source(&source).await.unwrap(), None);
}

pub(crate) async fn lists_in_pages_are_newest_first_and_complete(index: Shared) {
    for manifest in crowd() {
        settle(&index, &manifest).await;
    }
    for limit in [1, 3, 39, 40, 41, 200] {
        let ids = pages(&index, Query { limit, ..Query::default() }).await;
        assert_eq!(ids, newest_first(crowd()), "in pages of {limit}");
    }
    for (limit, length) in [(0, 1), (usize::MAX, 40)] {
        let page = index.list(&Query { limit, ..Query::default() }).await.unwrap();
        assert_eq!(page.manifests.len(), length, "asked for {limit}");
    }
}

pub(crate) async fn times_finer_than_a_manifest_keeps_hide_no_image(index: Shared) {
    for number in 0..20 {
        let mut manifest = image(&format!("image-{number:02}"), "x").at(0).manifest;
        manifest.created_at += jiff::SignedDuration::from_micros(number * 7 % 20 * 100);
        settle(&index, &manifest).await;
    }
    for limit in [1, 3, 19] {
        let mut ids = pages(&index, Query { limit, ..Query::default() }).await;
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 20, "in pages of {limit}");
    }
}

pub(crate) async fn lists_are_narrowed_by_thread_and_style(index: Shared) {
    let outsider = image("outsider", "x").at(3).manifest;
    settle(&index, &outsider).await;
    for manifest in crowd() {
        settle(&index, &manifest).await;
    }
    for (thread, style) in [(Some("a"), None), (None, Some("hero")), (Some("b"), Some("card")), (Some("d"), None)] {
        let fits = |manifest: &Manifest| {
            let labels = &manifest.labels;
            thread.is_none_or(|thread| labels.thread_id.as_ref().is_some_and(|id| id.as_str() == thread))
                && style.is_none_or(|style| labels.style.as_deref() == Some(style))
        };
        let query = Query {
            thread_id: thread.map(|thread| thread.parse().unwrap()),
            style: style.map(str::to_owned),
            limit: 3,
            ..Query::default()
        };
        let expected = newest_first(crowd().into_iter().filter(fits).collect());
        assert_eq!(pages(&index, query).await, expected, "{thread:?} {style:?}");
    }
}

pub(crate) async fn rows_that_come_and_go_between_pages_hide_and_repeat_no_others(index: Shared) {
    for manifest in crowd() {
        settle(&index, &manifest).await;
    }
    let query = Query { limit: 10, ..Query::default() };
    let first = index.list(&query).await.unwrap();
    let last = &first.manifests[9].id;
    index.settle(last, None).await.unwrap();
    settle(&index, &image("newest", "x").at(1_000).manifest).await;
    let rest = pages(&index, Query { cursor: first.next_cursor, ..query }).await;
    assert_eq!(rest, newest_first(crowd())[10..]);
}

pub(crate) async fn a_cursor_that_is_none_of_ours_is_refused(index: Shared) {
    for cursor in ["", "x", "../..", "' OR 1=1 --", "$"] {
        let query = Query { cursor: Some(cursor.to_owned()), ..Query::default() };
        assert!(matches!(index.list(&query).await, Err(Error::Invalid(_))), "{cursor}");
    }
}

pub(crate) async fn totals_are_the_sums_of_what_is_listed(index: Shared) {
    assert_eq!(index.totals().await.unwrap(), Totals::default());
    let (fox, hen) = (image("fox", "a fox").manifest, image("hen", "a very long hen").manifest);
    let longer = image("fox", "a fox that grew longer").manifest;
    let sum = |manifests: &[&Manifest]| Totals {
        images: manifests.len() as u64,
        image_bytes: manifests.iter().map(|manifest| manifest.image.bytes).sum(),
        source_bytes: manifests.iter().map(|manifest| manifest.source.bytes).sum(),
    };
    settle(&index, &fox).await;
    settle(&index, &hen).await;
    assert_eq!(index.totals().await.unwrap(), sum(&[&fox, &hen]));
    settle(&index, &longer).await;
    assert_eq!(index.totals().await.unwrap(), sum(&[&longer, &hen]));
    index.settle(&hen.id, None).await.unwrap();
    index.settle(&hen.id, None).await.unwrap();
    assert_eq!(index.totals().await.unwrap(), sum(&[&longer]));
}

pub(crate) async fn a_rebuild_removes_the_rows_that_were_not_settled_in_it(index: Shared) {
    assert!(!index.is_complete().await.unwrap(), "a new index");
    for name in ["fox", "hen"] {
        settle(&index, &image(name, "x").at(1).manifest).await;
    }
    index.begin_rebuild().await.unwrap();
    assert_eq!(index.list(&Query::default()).await.unwrap().manifests.len(), 2, "lists stay whole meanwhile");
    let hen = image("hen", "x").at(2).manifest;
    settle(&index, &hen).await;
    assert!(!index.is_complete().await.unwrap());
    assert_eq!(index.finish_rebuild().await.unwrap(), 1);
    assert!(index.is_complete().await.unwrap());
    assert_eq!(index.list(&Query::default()).await.unwrap().manifests, std::slice::from_ref(&hen));
    assert_eq!(index.totals().await.unwrap(), Totals::of(&hen));
    index.begin_rebuild().await.unwrap();
    assert!(!index.is_complete().await.unwrap(), "begun again");
}
