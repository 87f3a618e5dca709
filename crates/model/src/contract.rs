//! The golden files of `contract/`, read into our types and written back: the wire cannot drift unnoticed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Event, Job, Metadata, MetadataPage, Problem, Receipt};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/../../contract/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).expect(&path)).expect(&path);
    assert!(!cases.is_empty(), "{path}");
    cases
}

fn round_trips<T: DeserializeOwned + Serialize>(golden: &Value, name: &Value) {
    let read: T = serde_json::from_value(golden.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(&serde_json::to_value(read).unwrap(), golden, "{name}");
}

#[test]
fn every_golden_file_round_trips() {
    for case in cases("metadata.json") {
        round_trips::<Metadata>(&case["json"], &case["name"]);
    }
    for case in cases("list.json") {
        round_trips::<MetadataPage>(&case["json"], &case["name"]);
    }
    for case in cases("job.json") {
        round_trips::<Job>(&case["json"], &case["name"]);
    }
    for case in cases("receipt.json") {
        round_trips::<Receipt>(&case["json"], &case["name"]);
    }
    for case in cases("errors.json") {
        round_trips::<Problem>(&case["json"], &case["name"]);
    }
}

#[test]
fn every_golden_event_round_trips_under_its_name() {
    for case in cases("events.json") {
        let tagged = serde_json::json!({"event": case["event"], "data": case["data"]});
        round_trips::<Event>(&tagged, &case["name"]);
        let event: Event = serde_json::from_value(tagged).unwrap();
        assert_eq!(case["event"], event.name());
        assert_eq!(case["data"], serde_json::from_str::<Value>(&event.data()).unwrap());
    }
}
