//! `orbit convert`: a folder in, a folder out, and no server anywhere.

use std::fs;
use std::path::Path;

use crate::harness::fixtures::{PHOTOS, photo, photos, trouble};
use crate::harness::{Folder, Output, orbit};

fn convert(words: &[&str]) -> Output {
    orbit(&[&["convert"], words].concat(), &[], &[])
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Names of all files under a folder, in the order of the alphabet.
fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, base: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, base, found);
            } else {
                found.push(path.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

#[test]
fn one_command_converts_a_folder() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let done = convert(&[text(&photos()), "-o", text(&out)]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let expected = PHOTOS.map(|(name, ..)| Path::new(name).with_extension("webp").to_str().unwrap().to_owned());
    assert_eq!(files(&out), expected);
    for (name, width, height) in PHOTOS {
        let made = fs::read(out.join(name).with_extension("webp")).unwrap();
        assert!(made.starts_with(b"RIFF") && made.len() < photo(name).len(), "{name}");
        assert!(done.text().contains(&format!("{width}x{height}")), "{name}: {}", done.text());
    }
    let table = done.text();
    assert!(table.starts_with("file") && table.contains("8 files") && table.contains("% saved"), "{table}");
}

#[test]
fn options_are_those_of_a_url_and_json_tells_what_came_of_each() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    let file = photos().join("coffee.png");
    for (fm, starts, extension) in [
        ("jpeg", &[0xff, 0xd8, 0xff][..], "jpg"),
        ("png", b"\x89PNG", "png"),
        ("avif", b"\0\0\0", "avif"),
        ("webp", b"RIFF", "webp"),
    ] {
        let done = convert(&[text(&file), "-o", text(&out), "--w", "120", "--fm", fm, "--json"]).json();
        let made = fs::read(out.join("coffee").with_extension(extension)).unwrap();
        assert!(made.starts_with(starts), "{fm}");
        let expected = serde_json::json!({ "width": 120, "height": 80, "source_format": "png", "format": fm });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&done[0][name], value, "{name} of {done}");
        }
        assert_eq!((&done[0]["after"], &done[0]["from"]), (&made.len().into(), &text(&file).into()));
    }
    for (words, said) in
        [(["--w", "0"], "w: it must be"), (["--fm", "gif"], "fm: it must be"), (["--fm", "auto"], "fm: auto")]
    {
        let refused = convert(&[&[text(&file), "-o", text(&out)][..], &words].concat());
        assert!(refused.code == Some(2) && refused.stderr.contains(said), "{refused:?}");
    }
}

#[test]
fn folders_inside_are_kept_and_frames_are_where_asked() {
    let folder = Folder::new();
    let (source, out) = (folder.path().join("in"), folder.path().join("in/out"));
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::write(source.join("a/b/moving.gif"), trouble("animated.gif")).unwrap();
    fs::write(source.join("still.png"), trouble("grey.png")).unwrap();
    fs::write(source.join("notes.txt"), "none").unwrap();
    let done = convert(&[text(&source), "-o", text(&out), "--anim", "--jobs", "1"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(files(&out), ["a/b/moving.webp", "still.webp"]);
    let moving = fs::read(out.join("a/b/moving.webp")).unwrap();
    assert!(moving.windows(4).filter(|kind| *kind == b"ANMF").count() > 1);
    let again = convert(&[text(&source), "-o", text(&out), "--force"]);
    assert_eq!((again.code, files(&out).len()), (Some(0), 2), "what was made is no source: {again:?}");
}

#[test]
fn one_file_that_fails_is_named_and_stops_no_other() {
    let folder = Folder::new();
    let (source, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(&source).unwrap();
    for name in ["truncated.png", "huge_65535x65535.png", "html_named.webp", "grey.png", "baseline.jpg"] {
        fs::write(source.join(name), trouble(name)).unwrap();
    }
    let done = convert(&[text(&source), "-o", text(&out)]);
    assert_eq!(done.code, Some(1), "{done:?}");
    assert_eq!(files(&out), ["baseline.webp", "grey.webp"], "whole files alone are seen");
    for said in
        ["truncated.png: invalid", "huge_65535x65535.png: image too large", "html_named.webp: unsupported", "3 of 5"]
    {
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    let told = convert(&[text(&source), "-o", text(&out), "--force", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told.as_array().unwrap().iter().filter(|entry| entry["error"].is_string()).count(), 3, "{told}");
}

#[test]
fn nothing_is_written_over_without_a_word() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("out")).unwrap();
    fs::write(at("a.png"), trouble("grey.png")).unwrap();
    fs::write(at("a.jpg"), trouble("grey.jpg")).unwrap();
    fs::write(at("b.webp"), trouble("lossy.webp")).unwrap();
    fs::write(at("out/b.webp"), "mine").unwrap();
    let (png, jpg, webp, out) = (at("a.png"), at("a.jpg"), at("b.webp"), at("out"));
    for (words, code, said) in [
        (&[text(&png), text(&jpg), "-o", text(&out)][..], 2, "would both become"),
        (&[text(&png), text(&webp), "-o", text(folder.path()), "--force"], 2, "written over"),
        (&[text(&png), text(&webp), "-o", text(&out)], 4, "is there already"),
        (&[text(&at("none.png")), "-o", text(&out)], 3, "none.png"),
        (&[text(&png)], 2, "--out"),
    ] {
        let refused = convert(words);
        assert!(refused.code == Some(code) && refused.stderr.contains(said), "{words:?}: {refused:?}");
    }
    assert_eq!(files(&out), ["b.webp"], "said before work begins");
    assert_eq!(fs::read(at("out/b.webp")).unwrap(), b"mine");
    assert_eq!(fs::read(&webp).unwrap(), trouble("lossy.webp"));
    assert_eq!(convert(&[text(&png), text(&webp), "-o", text(&out), "--force"]).code, Some(0));
    assert!(fs::read(at("out/b.webp")).unwrap().starts_with(b"RIFF"));
}
