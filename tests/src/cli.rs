//! The command line: every command against a real server, its JSON, its exit codes, and what it says when it can't.

use serde_json::Value;

use crate::harness::fixtures::{PHOTOS, photo, photos, tiny};
use crate::harness::{Folder, Launch, Output, Server, orbit};

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Launch::serve(&folder).start();
    (folder, server)
}

/// Runs a client command against a server.
fn run(server: &Server, words: &[&str]) -> Output {
    orbit(words, &[("ORBIT_URL", &server.url())], &[])
}

fn ids(images: &Value) -> Vec<String> {
    images.as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn help_names_every_command() {
    let help = orbit(&["--help"], &[], &[]);
    assert_eq!(help.code, Some(0));
    for command in [
        "serve", "origin", "edge", "demo", "put", "get", "export", "ls", "meta", "generate", "purge", "reindex",
        "stats", "doctor", "config", "convert",
    ] {
        assert!(help.text().contains(&format!("\n  {command} ")), "{command}: {}", help.text());
        let own = orbit(&[command, "--help"], &[], &[]);
        assert!(own.code == Some(0) && own.text().contains("Usage: orbit"), "{command}");
    }
    assert_eq!(orbit(&[], &[], &[]).code, Some(2), "nothing to do");
    assert!(orbit(&["--version"], &[], &[]).text().starts_with("orbit 0."));
}

#[test]
fn files_folders_and_standard_input_are_put_and_listed() {
    let (_folder, server) = start();
    let rocket = photos().join("rocket.jpg");
    let one = run(
        &server,
        &["put", rocket.to_str().unwrap(), "--thread", "t", "--style", "photo", "--title", "Rocket", "--json"],
    )
    .json();
    assert_eq!((&one[0]["thread_id"], &one[0]["style"], &one[0]["width"]), (&"t".into(), &"photo".into(), &640.into()));
    let all = run(&server, &["put", photos().to_str().unwrap(), "--json"]).json();
    assert_eq!(all.as_array().unwrap().len(), PHOTOS.len());
    let stdin = orbit(&["put", "-", "--id", "from-stdin", "--url", &server.url(), "--json"], &[], &tiny(0)).json();
    assert_eq!(ids(&stdin), ["from-stdin"]);
    let plain = run(&server, &["put", photos().to_str().unwrap()]);
    assert!(plain.code == Some(0) && plain.text().contains("%"), "{plain:?}");
    let listed = run(&server, &["ls", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), PHOTOS.len() + 2);
    assert_eq!(ids(&run(&server, &["ls", "--thread", "t", "--json"]).json()), ids(&one));
    assert_eq!(run(&server, &["ls", "--limit", "3", "--json"]).json().as_array().unwrap().len(), 3);
    assert!(run(&server, &["ls"]).text().contains("from-stdin"));
}

#[test]
fn an_image_is_got_and_described() {
    let (folder, server) = start();
    server.client.put("/images/fox?title=Fox", &photo("chelsea.png")).expect(201);
    let file = folder.path().join("out.webp");
    let got = run(&server, &["get", "fox", "-o", file.to_str().unwrap(), "--json"]).json();
    let bytes = server.client.get("/images/fox").body;
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert_eq!((&got["x_cache"], &got["bytes"]), (&"MISS".into(), &bytes.len().into()));
    assert_eq!(run(&server, &["get", "fox.webp", "-o", "-"]).stdout, bytes);
    let head = run(&server, &["get", "fox", "--head"]);
    assert!(head.text().contains("x-cache: HIT") && head.text().starts_with("200"), "{}", head.text());
    assert_eq!(run(&server, &["meta", "fox", "--json"]).json(), server.client.get("/images/fox/meta").json());
    assert!(run(&server, &["meta", "fox"]).text().contains("451"));
}

#[test]
fn generated_images_are_printed_as_one_array() {
    let (_folder, server) = start();
    let words = ["generate", "a recycling mascot", "--count", "4", "--size", "64x64", "--thread", "t", "--json"];
    let images = run(&server, &words).json();
    assert_eq!(images.as_array().unwrap().len(), 4);
    for image in images.as_array().unwrap() {
        server.client.get(image["url"].as_str().unwrap()).expect(200);
        assert_eq!((&image["thread_id"], &image["width"]), (&"t".into(), &64.into()));
    }
    let digests: std::collections::BTreeSet<&str> =
        images.as_array().unwrap().iter().map(|image| image["digest"].as_str().unwrap()).collect();
    assert_eq!(digests.len(), 4, "four different pictures");
    let refused = run(&server, &["generate", "x", "--size", "huge", "--json"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("WxH"), "{refused:?}");
}

#[test]
fn a_purge_prints_its_receipt() {
    let (folder, server) = start();
    for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
        server.client.put(&format!("/images/{id}?thread_id=t{number}"), &tiny(number as u64)).expect(201);
    }
    assert_eq!(run(&server, &["purge", "a", "--json"]).json()["images"], serde_json::json!(["a"]));
    assert_eq!(run(&server, &["purge", "a"]).code, Some(3), "it is not there any more");
    assert_eq!(run(&server, &["purge", "--thread", "t1"]).code, Some(0));
    let unsure = run(&server, &["purge", "--all"]);
    assert!(unsure.code == Some(2) && unsure.stderr.contains("--yes"), "{unsure:?}");
    assert_eq!(folder.images().len(), 1);
    assert_eq!(run(&server, &["purge", "--all", "--yes"]).code, Some(0));
    assert!(folder.images().is_empty());
}

#[test]
fn stats_and_config_tell_what_is() {
    let (folder, server) = start();
    server.client.put("/images/fox", &tiny(0)).expect(201);
    assert_eq!(run(&server, &["stats", "--json"]).json()["store"]["images"], 1);
    assert!(run(&server, &["stats"]).text().contains("images"));
    let file = folder.path().join("orbit.toml");
    std::fs::write(&file, "memory = \"1GiB\"\nmax_queued = 7\nthreads = 3").unwrap();
    let environment = [("ORBIT_CONFIG", file.to_str().unwrap()), ("ORBIT_TOKEN", "s3cret"), ("ORBIT_THREADS", "2")];
    let settings = orbit(&["config", "--json"], &environment, &[]).json();
    let find = |name: &str| settings.as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap();
    for (name, value, source) in [
        ("memory", "1GiB", "file"),
        ("max-queued", "7", "file"),
        ("threads", "2", "environment"),
        ("quality", "85", "default"),
    ] {
        assert_eq!((&find(name)["value"], &find(name)["source"]), (&value.into(), &source.into()), "{name}");
    }
    let table = orbit(&["config"], &environment, &[]).text();
    assert!(!table.contains("s3cret") && table.contains("(hidden)"), "{table}");
}

#[test]
fn a_doctor_finds_a_whole_server_well_and_a_missing_one_missing() {
    let (folder, server) = start();
    let folder_name = folder.path().to_str().unwrap();
    let findings = run(&server, &["doctor", "--data-dir", folder_name, "--json"]).json();
    let findings = findings.as_array().unwrap();
    assert!(findings.len() > 8, "{findings:?}");
    for finding in findings {
        assert_eq!(finding["state"], "ok", "{finding}");
    }
    assert!(folder.images().is_empty(), "its tiny image is gone again");
    let url = server.url();
    server.stop();
    let alone = orbit(&["doctor", "--url", &url, "--data-dir", folder_name], &[], &[]);
    assert_eq!(alone.code, Some(5), "{alone:?}");
    let all = alone.text() + &alone.stderr;
    assert!(all.contains("nothing listens") && all.contains("orbit serve"), "{all}");
}

#[test]
fn a_lost_index_is_made_again_from_the_manifests() {
    let (folder, server) = start();
    for number in 0..30 {
        server.client.upload(&format!("/images?thread_id=t{}", number % 2), &tiny(number)).expect(201);
    }
    let before = run(&server, &["ls", "--all", "--json"]).json();
    let busy = orbit(&["reindex", "--data-dir", folder.path().to_str().unwrap()], &[], &[]);
    assert!(busy.code == Some(1) && busy.stderr.contains("another process"), "{busy:?}");
    server.stop();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("index.sqlite") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let result = orbit(&["reindex", "--data-dir", folder.path().to_str().unwrap(), "--json"], &[], &[]).json();
    assert_eq!(result, serde_json::json!({ "images": 30, "removed": 0, "corrupt": [] }));
    let again = Launch::serve(&folder).start();
    assert_eq!(run(&again, &["ls", "--all", "--json"]).json(), before);
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let (folder, server) = start();
    let text = folder.path().join("text.png");
    std::fs::write(&text, "no image").unwrap();
    let file = photos().join("chelsea.png");
    let (file, text) = (file.to_str().unwrap(), text.to_str().unwrap());
    server.client.put("/images/taken", &tiny(0)).expect(201);
    for (words, code) in [
        (&["put", text][..], 1),
        (&["put", text, file], 1),
        (&["put"], 2),
        (&["put", file, file, "--id", "x"], 2),
        (&["get", "../etc/passwd"], 2),
        (&["put", "/no/such/file"], 3),
        (&["get", "none", "-o", "-"], 3),
        (&["meta", "none"], 3),
        (&["put", file, "--id", "taken"], 4),
        (&["ls", "--url", "http://127.0.0.1:9"], 5),
        (&["generate", "x", "--url", "http://127.0.0.1:9"], 5),
        (&["nonsense"], 2),
    ] {
        let output = run(&server, words);
        assert_eq!(output.code, Some(code), "{words:?}: {output:?}");
        assert!(output.stderr.starts_with("error: ") || output.stderr.contains("error: "), "{words:?}: {output:?}");
    }
    let other = Folder::new();
    let guarded = Launch::serve(&other).token("s3cret").start();
    let output = run(&guarded, &["put", file]);
    assert!(output.code == Some(6) && output.stderr.contains("ORBIT_TOKEN"), "{output:?}");
    let token = [("ORBIT_TOKEN", "s3cret"), ("ORBIT_URL", &*guarded.url())];
    assert_eq!(orbit(&["put", file], &token, &[]).code, Some(0));
}

#[test]
fn a_setting_that_is_none_ends_the_start() {
    let folder = Folder::new();
    let refused = Launch::serve(&folder).variable("ORBIT_COLOUR", "red").refused();
    assert!(refused.stderr.contains("ORBIT_COLOUR") && refused.stderr.contains("ORBIT_DATA_DIR"), "{}", refused.stderr);
    let file = folder.path().join("orbit.toml");
    for (text, named) in [
        ("colour = \"red\"", "`colour`"),
        ("quality = 0", "quality"),
        ("memory = ", "orbit.toml"),
        ("memory = [1]", "memory"),
    ] {
        std::fs::write(&file, text).unwrap();
        let refused = Launch::serve(&folder).words(&["--config", file.to_str().unwrap()]).refused();
        assert!(refused.stderr.contains(named), "{text}: {}", refused.stderr);
    }
    let refused = Launch::serve(&folder).words(&["--config", "/no/such/file.toml"]).refused();
    assert!(refused.stderr.contains("/no/such/file.toml"), "{}", refused.stderr);
    std::fs::write(&file, "quality = 10").unwrap();
    let server = Launch::serve(&folder).words(&["--config", file.to_str().unwrap()]).start();
    server.client.put("/images/fox", &photo("chelsea.png")).expect(201);
    assert_eq!(folder.manifest("fox").image.quality, 10);
}

#[test]
fn a_certificate_without_its_key_and_one_that_is_none_are_refused() {
    let folder = Folder::new();
    let file = folder.path().join("pair.pem");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let refused = Launch::serve(&folder).words(&["--c2pa-cert", file, "--c2pa-key", file]).refused();
    assert!(refused.stderr.contains("-----BEGIN CERTIFICATE-----"), "{refused:?}");
    let refused = Launch::serve(&folder).words(&["--c2pa-cert", file]).refused();
    assert!(refused.stderr.contains("--c2pa-key"), "{refused:?}");
}
