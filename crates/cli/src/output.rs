//! What reaches the terminal: the one place that writes to standard output and standard error.
//!
//! Every command calls it. Results go to standard output and all talk on the way there goes to standard error, so a
//! pipe gets results only. A reader that leaves early (`orbit ls | head`) ends the command quietly. Text that came
//! from elsewhere passes [`plain`] first, so no title can move the cursor or colour the screen.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::client::Failure;

/// The reader of standard output has left; nothing is wrong.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of standard output has left")
    }
}

impl std::error::Error for Closed {}

/// Writes one line to standard output.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    write(&[text.as_bytes(), b"\n"])
}

/// Writes a value to standard output as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write(&[&text])
}

/// Copies bytes as they are to standard output and tells how many there were.
pub(crate) fn copy(from: &mut impl io::Read) -> anyhow::Result<u64> {
    let mut chunk = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        let length = from.read(&mut chunk)?;
        if length == 0 {
            return Ok(total);
        }
        write(&[chunk.get(..length).unwrap_or_default()])?;
        total += length as u64;
    }
}

/// Writes rows under a header to standard output; the columns in `right` are aligned to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> anyhow::Result<()> {
    line(&table_text(header, rows, right))
}

fn table_text(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if !header.is_empty() {
        table.set_header(header);
    }
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| plain(cell).into_owned()).collect::<Vec<_>>()));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Writes one line to standard error. If even that fails there is nobody left to tell.
pub(crate) fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    let _unheard = stderr.write_all(text.as_bytes()).and_then(|()| stderr.write_all(b"\n"));
}

/// Names an error and what to do about it on standard error, and gives the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<Closed>() {
        return ExitCode::SUCCESS;
    }
    note(&format!("error: {}", plain(&format!("{error:#}"))));
    let Some(failure) = error.downcast_ref::<Failure>() else {
        return ExitCode::FAILURE;
    };
    if let Some(advice) = failure.advice() {
        note(&format!("  {}", plain(advice)));
    }
    failure.exit().into()
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Asks a question on the terminal and tells whether the answer was yes; without a terminal, `None`.
pub(crate) fn confirm(question: &str) -> anyhow::Result<Option<bool>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")))
}

/// A progress bar on standard error; invisible where that is no terminal.
pub(crate) fn progress(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Text without control characters and without marks that turn the direction of writing.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_odd = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.contains(is_odd) { Cow::Owned(text.replace(is_odd, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A size for people, as in `50.0 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// By how much something has shrunk, in words.
pub(crate) fn saved(before: u64, after: u64) -> String {
    if before == 0 {
        return "-".to_owned();
    }
    let percent = 100.0 * (1.0 - after as f64 / before as f64);
    if percent >= 0.0 { format!("{percent:.0}% saved") } else { format!("{:.0}% larger", -percent) }
}

fn write(parts: &[&[u8]]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = parts.iter().try_for_each(|part| stdout.write_all(part)).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => anyhow::Error::new(Closed),
        _ => anyhow::Error::new(error).context("cannot write to standard output"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Exit;

    #[test]
    fn a_reader_that_leaves_early_is_no_failure() {
        assert_eq!(report(&anyhow::Error::new(Closed)), ExitCode::SUCCESS);
    }

    #[test]
    fn the_exit_code_of_a_failure_survives_added_context() {
        let error = anyhow::Error::new(Failure::new(Exit::Conflict, "taken")).context("fox.png");
        assert_eq!(report(&error), ExitCode::from(4));
        assert_eq!(report(&anyhow::anyhow!("other")), ExitCode::from(1));
    }

    #[test]
    fn what_is_saved_reads_as_a_percentage() {
        for (before, after, expected) in
            [(1000, 250, "75% saved"), (1000, 1000, "0% saved"), (100, 150, "50% larger"), (0, 0, "-")]
        {
            assert_eq!(saved(before, after), expected);
        }
    }

    #[test]
    fn text_from_elsewhere_can_not_steer_the_terminal() {
        assert_eq!(plain("\u{1b}[2Jfox\r\n\u{202e}"), "\u{fffd}[2Jfox\u{fffd}\u{fffd}\u{fffd}");
        assert!(matches!(plain("füchse, 狐"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_table_aligns_numbers_to_the_right_and_ends_lines_without_spaces() {
        let rows = vec![vec!["a".to_owned(), "5".to_owned()], vec!["bcd".to_owned(), "1000".to_owned()]];
        assert_eq!(table_text(&["id", "bytes"], &rows, &[1]), "id   bytes\na        5\nbcd   1000");
    }
}
