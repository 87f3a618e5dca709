//! Marks: what a machine made says so in every form in which it is served, as exiftool reads it; what was not, does not.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::fixtures::{photo, trouble};
use crate::harness::{Folder, Launch, Server};

pub(crate) const SOURCE_TYPE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// The image, and variants of every format.
pub(crate) const QUERIES: [&str; 7] =
    ["", "?w=128", "?w=128&fm=webp", "?w=128&fm=jpeg", "?w=128&fm=png", "?w=128&fm=avif", "?w=128&fm=auto"];

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

fn upload(server: &Server, query: &str, source: &[u8]) -> String {
    let metadata = server.client.upload(&format!("/images{query}"), source).expect(201).json();
    metadata["id"].as_str().unwrap().to_owned()
}

/// All that exiftool finds in some bytes, by group; a warning of it fails the test.
pub(crate) fn exiftool(bytes: &[u8]) -> Value {
    let mut child = Command::new("exiftool")
        .args(["-j", "-n", "-G", "-a", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("install libimage-exiftool-perl");
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let said: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said[0].get("ExifTool:Warning").or(said[0].get("ExifTool:Error")).is_none(), "{said}");
    said[0].clone()
}

#[test]
fn every_variant_of_a_generated_image_says_that_a_machine_made_it() {
    let (_folder, server) = start();
    for (name, source) in [("chelsea.png", photo("chelsea.png")), ("canaries.png", trouble("canaries.png"))] {
        let id = upload(&server, "?generated=true", &source);
        for prefix in ["/images", "/api/images"] {
            for query in QUERIES {
                let answer = server.client.get_with(&format!("{prefix}/{id}{query}"), &[("accept", "image/avif,*/*")]);
                let said = exiftool(&answer.expect(200).body);
                assert_eq!(said["XMP:DigitalSourceType"], SOURCE_TYPE, "{name} {prefix} {query}: {said}");
                assert!(!said.to_string().contains("CANARY"), "{name} {prefix} {query}: {said}");
            }
        }
    }
}

#[test]
fn an_image_that_no_machine_made_says_nothing() {
    let (_folder, server) = start();
    let id = upload(&server, "", &trouble("canaries.jpg"));
    for query in QUERIES {
        let answer = server.client.get_with(&format!("/api/images/{id}{query}"), &[("accept", "image/avif,*/*")]);
        let said = exiftool(&answer.expect(200).body);
        let groups = said.as_object().unwrap().keys().filter_map(|tag| tag.split_once(':'));
        let strange: Vec<_> =
            groups.filter(|(group, _)| ["XMP", "EXIF", "IPTC", "ICC_Profile"].contains(group)).collect();
        assert!(strange.is_empty() && !said.to_string().contains("CANARY"), "{query}: {said}");
    }
}

#[test]
fn a_wide_variant_says_that_its_colours_are_those_of_display_p3() {
    let (_folder, server) = start();
    let id = upload(&server, "?generated=true", &trouble("display_p3.png"));
    for format in ["webp", "jpeg", "png", "avif"] {
        let said = exiftool(&server.client.get(&format!("/api/images/{id}?gamut=wide&fm={format}")).expect(200).body);
        let named = said["ICC_Profile:ProfileDescription"] == "Display P3" || said["QuickTime:ColorPrimaries"] == 12;
        assert!(named, "{format}: {said}");
        assert_eq!(said["XMP:DigitalSourceType"], SOURCE_TYPE, "{format}: {said}");
    }
}
