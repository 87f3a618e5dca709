//! What the edge keeps on a disk: it outlives the process however that ends, a damaged file is a miss and is removed, and a
//! disk that takes no more stops the writing but not the serving.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Launch, Reply, Scripted, Server, bytes, eventually};

const FOX: &str = "/api/images/fox";
const LENGTH: usize = 40_000;

/// An origin whose images have their own numbers as bytes, and a folder.
fn start() -> (Scripted, TempDir) {
    let origin = Scripted::start();
    origin.on("/images/fox", fox());
    origin.on("/purge", Reply::status(404));
    origin.otherwise(|asked| Reply::ok(image(asked.path())).control("max-age=3600"));
    (origin, tempfile::tempdir().unwrap())
}

fn fox() -> Reply {
    Reply::ok(bytes(1, LENGTH)).control("max-age=3600").etag("\"1\"").header("cache-tag", "red animals")
}

/// The bytes of `/images/i7`.
fn image(path: &str) -> Vec<u8> {
    bytes(path.trim_start_matches("/images/i").parse().unwrap(), LENGTH)
}

/// An edge that keeps this much on the disk, and nothing in memory.
fn launch(origin: &Scripted, folder: &TempDir, size: &str) -> Launch {
    let words = ["--memory", "0", "--disk", size, "--disk-dir", folder.path().to_str().unwrap()];
    Launch::edge(&origin.url()).words(&words)
}

/// Reads a path until it comes from the disk.
fn kept(edge: &Server, path: &str) {
    eventually("the image to be on the disk", || {
        let answer = edge.client.get(path).expect(200);
        answer.header("cache-status").contains("detail=disk").then_some(())
    });
}

/// Waits until this many images have files of their own: what only waits to be written may be lost with the process.
fn written(folder: &TempDir, count: usize) {
    eventually("the images to be written", || (files(folder.path()).len() >= count).then_some(()));
}

/// All files under a folder that are as long as a body, and so may hold one; not those that are being written or swept.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.metadata() {
            Ok(_) if ["tmp", "trash"].iter().any(|name| entry.file_name() == *name) => {}
            Ok(about) if about.is_dir() => found.extend(files(&entry.path())),
            Ok(about) if about.len() >= LENGTH as u64 => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// What all files under a folder take, in bytes.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        // Gone since it was listed.
        Err(_) => 0,
    });
    sizes.sum()
}

#[test]
fn what_was_written_outlives_a_kill() {
    let (origin, folder) = start();
    let edge = launch(&origin, &folder, "64MiB").start();
    edge.client.get(FOX).expect(200);
    written(&folder, 1);
    edge.kill();
    let edge = launch(&origin, &folder, "64MiB").start();
    let hit = edge.client.get(FOX).expect(200);
    assert_eq!((hit.header("x-cache"), hit.header("etag")), ("HIT", "\"1\""));
    assert!(hit.header("cache-status").ends_with("; detail=disk"), "{}", hit.header("cache-status"));
    assert!(hit.body == bytes(1, LENGTH));
    let part = edge.client.get_with(FOX, &[("range", "bytes=-10")]).expect(206);
    assert_eq!(part.body, bytes(1, LENGTH)[LENGTH - 10..]);
    edge.client.get_with(FOX, &[("if-none-match", "\"1\"")]).expect(304);
    assert_eq!(origin.count("/images/fox"), 1);
}

#[test]
fn after_a_restart_the_first_look_is_at_the_disk_and_the_next_at_memory() {
    let (origin, folder) = start();
    let words = ["--disk", "64MiB", "--disk-dir", folder.path().to_str().unwrap()];
    let both = || Launch::edge(&origin.url()).words(&words).start();
    let edge = both();
    edge.client.get(FOX).expect(200);
    edge.stop();
    let edge = both();
    for detail in ["disk", "memory"] {
        let status = edge.client.get(FOX).expect(200).header("cache-status").to_owned();
        assert!(status.ends_with(&format!("; detail={detail}")), "{status}");
    }
    assert_eq!(origin.count("/images/fox"), 1);
}

#[test]
fn killed_at_any_moment_it_serves_whole_images_or_asks_again() {
    let (origin, folder) = start();
    for round in 0..10 {
        let edge = launch(&origin, &folder, "64MiB").start();
        for number in 0..=round * 3 {
            let path = format!("/images/i{number}");
            assert!(edge.client.get(&format!("/api{path}")).expect(200).body == image(&path), "{path}");
        }
        edge.kill();
    }
    let asked = origin.all().len();
    let edge = launch(&origin, &folder, "64MiB").start();
    for number in 0..28 {
        kept(&edge, &format!("/api/images/i{number}"));
    }
    assert!(origin.all().len() < asked + 28, "something outlived the kills");
}

#[test]
fn a_start_over_a_smaller_bound_keeps_to_it() {
    let (origin, folder) = start();
    let edge = launch(&origin, &folder, "64MiB").start();
    for number in 0..100 {
        kept(&edge, &format!("/api/images/i{number}"));
    }
    edge.stop();
    assert!(size(folder.path()) > 3 << 20);
    let edge = launch(&origin, &folder, "1MiB").start();
    edge.client.get("/api/images/i100").expect(200);
    // What an entry costs besides its bytes may be counted or not.
    eventually("the folder to be as small as it must", || (size(folder.path()) < 3 << 19).then_some(()));
    for number in 0..100 {
        let path = format!("/images/i{number}");
        assert!(edge.client.get(&format!("/api{path}")).expect(200).body == image(&path), "{path}");
    }
    eventually("the folder to be as small as it must", || (size(folder.path()) < 3 << 19).then_some(()));
}

/// Damages every file that may hold the image, while no process looks, and expects the right bytes.
fn survives(damage: impl Fn(&Path)) {
    let (origin, folder) = start();
    let edge = launch(&origin, &folder, "64MiB").start();
    kept(&edge, FOX);
    edge.stop();
    let damaged = files(folder.path());
    assert!(!damaged.is_empty());
    for file in &damaged {
        damage(file);
    }
    let before: Vec<Vec<u8>> = damaged.iter().map(|file| fs::read(file).unwrap_or_default()).collect();
    let edge = launch(&origin, &folder, "64MiB").start();
    let answer = edge.client.get(FOX).expect(200);
    assert_eq!((answer.header("x-cache"), origin.count("/images/fox")), ("MISS", 2));
    assert!(answer.body == bytes(1, LENGTH));
    kept(&edge, FOX);
    for (file, before) in damaged.iter().zip(before) {
        assert!(fs::read(file).ok() != Some(before), "{} is as damaged as it was", file.display());
    }
}

#[test]
fn a_file_with_other_bytes_is_a_miss_and_is_replaced() {
    survives(|file| {
        let mut content = fs::read(file).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(file, content).unwrap();
    });
}

#[test]
fn a_file_that_was_cut_off_is_a_miss_and_is_replaced() {
    survives(|file| {
        let content = fs::read(file).unwrap();
        fs::write(file, &content[..content.len() / 2]).unwrap();
    });
}

#[test]
fn an_empty_file_is_a_miss_and_is_replaced() {
    survives(|file| fs::write(file, "").unwrap());
}

#[test]
fn a_file_that_is_none_of_ours_is_a_miss_and_is_replaced() {
    survives(|file| fs::write(file, bytes(99, LENGTH)).unwrap());
}

#[test]
fn a_disk_that_takes_no_more_stops_no_serving() {
    let (origin, folder) = start();
    // Files may grow to 16 KiB, less than a body: every write of one fails in its middle.
    let edge = launch(&origin, &folder, "64MiB").file_limit(32).start();
    for _ in 0..2 {
        for number in 0..20 {
            let path = format!("/images/i{number}");
            assert!(edge.client.get(&format!("/api{path}")).expect(200).body == image(&path), "{path}");
        }
    }
    assert_eq!(edge.client.get("/healthz").expect(200).text(), "ok\n");
    edge.stop();
    let edge = launch(&origin, &folder, "64MiB").start();
    let before = origin.count("/images/i0");
    assert!(edge.client.get("/api/images/i0").expect(200).body == image("/images/i0"));
    assert_eq!(origin.count("/images/i0"), before + 1, "nothing half-written was kept");
}

#[test]
fn a_folder_that_is_taken_away_stops_no_serving() {
    let (origin, folder) = start();
    let edge = launch(&origin, &folder, "64MiB").start();
    kept(&edge, FOX);
    let moved = folder.path().with_extension("moved");
    fs::rename(folder.path(), &moved).unwrap();
    // In its place stands what no file can be made in, even by root.
    fs::write(folder.path(), "").unwrap();
    for number in 0..20 {
        let path = format!("/images/i{number}");
        assert!(edge.client.get(&format!("/api{path}")).expect(200).body == image(&path), "{path}");
    }
    assert!(edge.client.get(FOX).expect(200).body == bytes(1, LENGTH));
    drop(edge);
    fs::remove_file(folder.path()).unwrap();
    fs::rename(&moved, folder.path()).unwrap();
}

#[test]
fn a_purge_is_not_undone_by_a_restart() {
    let (origin, folder) = start();
    for request in [
        json!({ "ids": ["fox"] }),
        json!({ "tags": ["animals"] }),
        json!({ "all": true }),
        json!({ "ids": ["fox"], "soft": true }),
    ] {
        let edge = launch(&origin, &folder, "64MiB").start();
        kept(&edge, FOX);
        written(&folder, 1);
        edge.client.post_json("/purge", &request).expect(200);
        edge.kill();
        let edge = launch(&origin, &folder, "64MiB").start();
        let answer = edge.client.get(FOX).expect(200);
        assert_ne!(answer.header("x-cache"), "HIT", "{request}");
    }
}

#[test]
fn a_tag_is_known_after_a_restart() {
    let (origin, folder) = start();
    let edge = launch(&origin, &folder, "64MiB").start();
    kept(&edge, FOX);
    kept(&edge, "/api/images/i1");
    written(&folder, 2);
    edge.kill();
    let edge = launch(&origin, &folder, "64MiB").start();
    let receipt = edge.client.post_json("/purge", &json!({ "tags": ["red"] })).expect(200).json();
    let removed = receipt["removed"].as_array().unwrap();
    let disk = removed.iter().find(|removed| removed["tier"] == "disk").unwrap_or_else(|| panic!("{receipt}"));
    assert_eq!(disk["entries"], 1, "{receipt}");
    assert_eq!(edge.client.get(FOX).expect(200).header("x-cache"), "MISS");
    assert_eq!(edge.client.get("/api/images/i1").expect(200).header("x-cache"), "HIT");
}

#[test]
fn what_may_not_be_stored_never_touches_the_disk() {
    let (origin, folder) = start();
    origin.on("/images/fox", fox().control("no-store"));
    let edge = launch(&origin, &folder, "64MiB").start();
    for _ in 0..3 {
        edge.client.get(FOX).expect(200);
    }
    edge.stop();
    let canary = &bytes(1, LENGTH)[..64];
    for file in files(folder.path()) {
        let content = fs::read(&file).unwrap();
        assert!(!content.windows(64).any(|window| window == canary), "{}", file.display());
    }
}
