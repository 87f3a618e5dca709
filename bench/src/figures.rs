//! Figures: puts text between `<!-- bench:NAME -->` and `<!-- /bench -->` in Markdown.
//!
//! The command `figures` hands it the docs and the tables; this touches no file.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

const OPEN: &str = "<!-- bench:";
const OPEN_END: &str = " -->";
const CLOSE: &str = "<!-- /bench -->";

/// Replaces what stands between each pair of markers by the block of that name.
///
/// A marker that names no block or isn't closed is an error, so that no old figure stays in the docs unseen.
pub(crate) fn insert(markdown: &str, blocks: &BTreeMap<String, String>) -> Result<String> {
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (name, after) = after.split_once(OPEN_END).context("a bench marker has no end")?;
        let Some((old, after)) = after.split_once(CLOSE) else {
            bail!("the marker bench:{name} has no {CLOSE}");
        };
        if old.contains(OPEN) {
            bail!("the marker bench:{name} has no {CLOSE} before the next one");
        }
        let block = blocks.get(name).with_context(|| format!("no result has a table named {name}"))?;
        out.push_str(before);
        out.push_str(&format!("{OPEN}{name}{OPEN_END}\n{}\n{CLOSE}", block.trim_end()));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks() -> BTreeMap<String, String> {
        BTreeMap::from([("hit".to_owned(), "| new |\n".to_owned()), ("cold".to_owned(), "| cold |\n".to_owned())])
    }

    #[test]
    fn only_what_stands_between_markers_changes() {
        let old = "a\n<!-- bench:hit -->\nold\n<!-- /bench -->\nb <!-- bench:cold --><!-- /bench --> c\n";
        let new =
            "a\n<!-- bench:hit -->\n| new |\n<!-- /bench -->\nb <!-- bench:cold -->\n| cold |\n<!-- /bench --> c\n";
        assert_eq!(insert(old, &blocks()).unwrap(), new);
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let once = insert("<!-- bench:hit --><!-- /bench -->", &blocks()).unwrap();
        assert_eq!(insert(&once, &blocks()).unwrap(), once);
    }

    #[test]
    fn an_unknown_name_or_an_open_marker_is_an_error() {
        for text in [
            "<!-- bench:other --><!-- /bench -->",
            "<!-- bench:hit --> text",
            "<!-- bench:hit --> <!-- bench:cold --> <!-- /bench -->",
            "<!-- bench:hit",
        ] {
            assert!(insert(text, &blocks()).is_err(), "{text}");
        }
    }
}
