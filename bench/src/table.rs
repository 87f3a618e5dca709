//! Table: columns and rows of text, as Markdown for the docs and aligned for the terminal.
//!
//! Every command makes its tables; `results` keeps them, `figures` puts them into the docs.

use serde::{Deserialize, Serialize};

/// A table; its first column holds words, the others figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The cells of each row, as many as there are columns.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as Markdown, aligned as source too, with a newline at the end.
    pub(crate) fn markdown(&self) -> String {
        let widths = self.widths();
        let mut rule = vec!["-".repeat(widths.first().copied().unwrap_or(3))];
        rule.extend(widths.iter().skip(1).map(|width| format!("{}:", "-".repeat(width - 1))));
        let lines = [&self.columns, &rule].into_iter().chain(&self.rows);
        lines.map(|cells| format!("| {} |\n", aligned(cells, &widths).join(" | "))).collect()
    }

    /// The table for a terminal.
    pub(crate) fn plain(&self) -> String {
        let widths = self.widths();
        let lines = std::iter::once(&self.columns).chain(&self.rows);
        lines.map(|cells| format!("{}\n", aligned(cells, &widths).join("  ").trim_end())).collect()
    }

    fn widths(&self) -> Vec<usize> {
        let width = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let longest = cells.chain(self.columns.get(index)).map(|cell| cell.chars().count()).max();
            longest.unwrap_or(0).max(3)
        };
        (0..self.columns.len()).map(width).collect()
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> Vec<String> {
    let pad = |(index, (cell, &width)): (usize, (&String, &usize))| {
        if index == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    };
    cells.iter().zip(widths).enumerate().map(pad).collect()
}

/// A figure with three digits that count, and thousands set apart.
pub(crate) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    let whole = text.split('.').next().unwrap_or(&text).len();
    let mut out = String::with_capacity(text.len() + whole / 3);
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_and_set_thousands_apart() {
        let cases = [(0.052, "0.05"), (9.99, "9.99"), (9.999, "10.0"), (45.23, "45.2"), (843.4, "843")];
        for (value, text) in cases.into_iter().chain([(8346.0, "8,346"), (1_234_567.0, "1,234,567")]) {
            assert_eq!(figure(value), text);
        }
        assert_eq!(figure(f64::NAN), "-");
    }

    #[test]
    fn markdown_aligns_words_left_and_figures_right() {
        let mut table = Table::new(&["path", "ms"]);
        table.push(vec!["hit".into(), "0.05".into()]);
        assert_eq!(table.markdown(), "| path |   ms |\n| ---- | ---: |\n| hit  | 0.05 |\n");
        assert_eq!(table.plain(), "path    ms\nhit   0.05\n");
    }
}
