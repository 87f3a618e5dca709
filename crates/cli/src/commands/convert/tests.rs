//! What the flags ask for, and when nothing is begun.

use std::fs;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    convert: Convert,
}

fn line(words: &[&str]) -> Convert {
    Line::try_parse_from([&["convert", "-o", "out", "in"], words].concat()).unwrap().convert
}

fn pairs(names: &[PathBuf], out: &std::path::Path, force: bool) -> Result<Vec<(String, PathBuf)>, Failure> {
    let pairs = plan::plan(names, out, &Variant::default(), force)?;
    Ok(pairs.into_iter().map(|pair| (pair.name, pair.to)).collect())
}

#[test]
fn flags_mean_what_they_mean_in_a_url() {
    let words = [
        "--w",
        "640",
        "--h",
        "480",
        "--fit",
        "contain",
        "--dpr",
        "2",
        "--q",
        "auto",
        "--fm",
        "avif",
        "--anim",
        "--enlarge",
        "--max-bytes",
        "9000",
        "--gamut",
        "wide",
    ];
    let url = "w=640&h=480&fit=contain&dpr=2&q=auto&fm=avif&anim=1&enlarge=1&max_bytes=9000&gamut=wide";
    assert_eq!(line(&words).options.variant().unwrap().to_string(), url);
    assert_eq!(line(&[]).options.variant().unwrap(), Variant::default());
}

#[test]
fn flags_are_refused_in_the_words_of_a_url() {
    for (words, query) in [(["--w", "0"], "w=0"), (["--fm", "gif"], "fm=gif"), (["--q", "1&w=5"], "q=1%26w%3D5")] {
        let refused = line(&words).options.variant().unwrap_err();
        assert_eq!(refused.exit(), Exit::Usage);
        assert_eq!(refused.to_string(), VariantQuery::parse(query).unwrap_err().to_string());
    }
    assert_eq!(line(&["--fm", "auto"]).options.variant().unwrap_err().exit(), Exit::Usage);
}

#[test]
fn folders_keep_their_shape_and_what_was_made_is_not_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("deep/er")).unwrap();
    fs::create_dir_all(at("out")).unwrap();
    for name in ["b.JPG", "a.b.png", "deep/er/c.gif", "out/old.png", "notes.txt"] {
        fs::write(at(name), b"x").unwrap();
    }
    let expected = [("a.b.png", "a.b.webp"), ("b.JPG", "b.webp"), ("deep/er/c.gif", "deep/er/c.webp")];
    let expected = expected.map(|(name, to)| (name.to_owned(), at("out").join(to)));
    assert_eq!(pairs(&[folder.path().to_owned()], &at("out"), false).unwrap(), expected);
}

#[test]
fn nothing_is_begun_that_would_cost_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("out")).unwrap();
    for name in ["a.png", "a.jpg", "b.webp", "c.png", "out/c.webp"] {
        fs::write(at(name), b"x").unwrap();
    }
    let both = pairs(&[at("a.png"), at("a.jpg")], &at("out"), true).unwrap_err();
    assert!(both.exit() == Exit::Usage && both.to_string().contains("would both become"), "{both}");
    let own = pairs(&[at("b.webp")], folder.path(), true).unwrap_err();
    assert!(own.exit() == Exit::Usage && own.to_string().contains("written over"), "{own}");
    assert_eq!(pairs(&[at("c.png")], &at("out"), false).unwrap_err().exit(), Exit::Conflict);
    assert!(pairs(&[at("c.png")], &at("out"), true).is_ok());
    assert_eq!(pairs(&[at("none.png")], &at("out"), true).unwrap_err().exit(), Exit::NotFound);
    assert_eq!(pairs(&[at("out")], &at("new"), true).unwrap().len(), 1);
}

#[test]
fn memory_is_shared_and_one_that_needs_more_than_all_runs_alone() {
    let budget = Budget::default();
    let room = budget.take(u64::MAX);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| drop(budget.take(1)));
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(room);
        waiting.join().unwrap();
    });
    drop((budget.take(1 << 20), budget.take(1 << 20)));
}
