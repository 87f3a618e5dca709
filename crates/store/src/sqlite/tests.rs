//! What is true of the database file and not of every index: reopening, foreign files, plans. The laws run here too.

use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::Sqlite;
use crate::fixtures::{id, image};
use crate::index::conformance::image_index_laws;
use crate::{Error, ImageIndex, Query, Totals};

async fn open() -> (Sqlite, TempDir) {
    let root = TempDir::new().unwrap();
    (Sqlite::open(&root.path().join("index.sqlite")).await.unwrap(), root)
}

image_index_laws!(open);

#[tokio::test]
async fn rows_intents_and_completeness_outlive_the_process() {
    let (index, root) = open().await;
    let fox = image("fox", "a fox").manifest;
    index.begin_rebuild().await.unwrap();
    index.finish_rebuild().await.unwrap();
    index.settle(&fox.id, Some(&fox)).await.unwrap();
    index.intend(&id("hen")).await.unwrap();
    drop(index);
    let index = Sqlite::open(&root.path().join("index.sqlite")).await.unwrap();
    assert_eq!(index.list(&Query::default()).await.unwrap().manifests, [fox]);
    assert_eq!(index.intents().await.unwrap(), [id("hen")]);
    assert!(index.is_complete().await.unwrap());
}

#[tokio::test]
async fn an_index_of_a_newer_release_is_left_alone() {
    let (index, root) = open().await;
    drop(index);
    let path = root.path().join("index.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    let error = Sqlite::open(&path).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(message) if message.contains("version 3")), "{error}");
    let version: i64 =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 3);
}

#[tokio::test]
async fn an_index_of_an_earlier_release_is_made_again() {
    let (index, root) = open().await;
    let fox = image("fox", "a fox").manifest;
    index.begin_rebuild().await.unwrap();
    index.finish_rebuild().await.unwrap();
    index.settle(&fox.id, Some(&fox)).await.unwrap();
    drop(index);
    let path = root.path().join("index.sqlite");
    let earlier = "DROP INDEX images_by_source; ALTER TABLE images DROP COLUMN source; PRAGMA user_version = 1;";
    Connection::open(&path).unwrap().execute_batch(earlier).unwrap();
    let index = Sqlite::open(&path).await.unwrap();
    assert!(!index.is_complete().await.unwrap(), "so that the store fills it");
    assert_eq!(index.totals().await.unwrap(), Totals::default());
    assert!(!index.settle(&fox.id, Some(&fox)).await.unwrap());
    assert_eq!(index.find_source(&fox.source.digest).await.unwrap(), Some(fox.id));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_called_damaged() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("index.sqlite");
    fs::write(&path, "not a database, and long enough to be looked at ".repeat(100)).unwrap();
    assert!(matches!(Sqlite::open(&path).await, Err(Error::Corrupt { .. })));
}

#[tokio::test]
async fn every_list_walks_the_index_that_fits_and_sorts_nothing() {
    let (_index, root) = open().await;
    let db = Connection::open(root.path().join("index.sqlite")).unwrap();
    let thread = Some("a".parse().unwrap());
    let style = Some("hero".to_owned());
    let queries = [
        (Query::default(), "images_by_time"),
        (Query { thread_id: thread.clone(), ..Query::default() }, "images_by_thread"),
        (Query { style: style.clone(), ..Query::default() }, "images_by_style"),
        (Query { thread_id: thread, style, ..Query::default() }, "images_by_thread"),
    ];
    for (query, index) in queries {
        let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {}", super::rows::list_sql(&query))).unwrap();
        let plan: Vec<String> = statement
            .query_map((None::<i64>, None::<i64>, 0, "", 1), |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let expected = format!("SEARCH images USING INDEX {index} ");
        assert!(plan.len() == 1 && plan[0].starts_with(&expected), "{query:?}: {plan:?}");
    }
}
