//! Show: the rows as tables for the docs, and as bars for the plot.

use super::path::Path;
use super::{Row, SIZES};
use crate::measure::{Sample, median};
use crate::plot::{Bar, Panel};
use crate::table::{Table, figure};

impl Row {
    fn median(&self, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.rounds.iter().map(value))
    }
}

fn p50_ms(sample: &Sample) -> f64 {
    sample.seen.p50_us / 1000.0
}

fn find<'a>(rows: &'a [Row], path: Path, size: &str, connections: u32) -> Option<&'a Row> {
    rows.iter().find(|row| row.path == path && row.size == size && row.connections == connections)
}

/// How many times less of `value` a path needs than the one that it replaces.
fn times(rows: &[Row], path: Path, size: &str, measure: Measure) -> Option<String> {
    let ours = find(rows, path, size, measure.connections)?;
    let theirs = find(rows, path.replaces()?, size, measure.connections)?;
    Some(format!("{} x", figure(theirs.median(measure.value) / ours.median(measure.value))))
}

/// A figure that paths are compared by.
#[derive(Clone, Copy)]
struct Measure {
    connections: u32,
    value: fn(&Sample) -> f64,
}

/// One client, so that nothing waits in line.
const LATENCY: Measure = Measure { connections: 1, value: p50_ms };
/// Many clients, so that the servers never idle between two requests.
const CPU: Measure = Measure { connections: 16, value: |sample| sample.cpu_us };

/// One size: each path with one client and with sixteen, and how many times better than what it replaces.
pub(super) fn table(rows: &[Row], size: &str) -> Table {
    let mut table = Table::new(&[
        "path",
        "answer",
        "p50 ms",
        "p99 ms",
        "requests/s",
        "CPU us",
        "16 clients: p50 ms",
        "p99 ms",
        "requests/s",
        "CPU us",
        "less latency",
        "less CPU",
    ]);
    for path in Path::ALL {
        let [Some(one), Some(many)] = [1, 16].map(|connections| find(rows, path, size, connections)) else {
            continue;
        };
        let mut cells = vec![path.label().to_owned(), one.status.to_string()];
        for row in [one, many] {
            cells.extend([
                figure(row.median(p50_ms)),
                figure(row.median(|sample| sample.seen.p99_us / 1000.0)),
                figure(row.median(|sample| sample.seen.per_second())),
                figure(row.median(CPU.value)),
            ]);
        }
        cells.extend([LATENCY, CPU].map(|measure| times(rows, path, size, measure).unwrap_or_default()));
        table.push(cells);
    }
    table
}

/// One size in short: only the paths that are compared, and by what.
pub(super) fn short_table(rows: &[Row], size: &str) -> Table {
    let latency = format!("{size}: p50 ms, 1 client");
    let mut table = Table::new(&["path", &latency, "CPU us, 16 clients", "less latency", "less CPU"]);
    let is_compared =
        |path: &Path| path.replaces().is_some() || Path::ALL.iter().any(|it| it.replaces() == Some(*path));
    for path in Path::ALL.into_iter().filter(is_compared) {
        let measures = [LATENCY, CPU];
        let [Some(one), Some(many)] = measures.map(|measure| find(rows, path, size, measure.connections)) else {
            continue;
        };
        let mut cells =
            vec![path.label().to_owned(), figure(one.median(LATENCY.value)), figure(many.median(CPU.value))];
        cells.extend(measures.map(|measure| times(rows, path, size, measure).unwrap_or_default()));
        table.push(cells);
    }
    table
}

/// For each size, the median latency of one client and the CPU of one request among sixteen.
pub(super) fn panels(rows: &[Row]) -> Vec<Panel> {
    let panel = |title: String, size: &str, measure: Measure| {
        let bar = |path: Path| {
            let value = find(rows, path, size, measure.connections)?.median(measure.value);
            let ours = path.label().starts_with("orbit");
            Some(Bar { label: path.label().to_owned(), value, ours })
        };
        Panel { title, bars: Path::ALL.into_iter().filter_map(bar).collect() }
    };
    let of_size = |size: &super::Size| {
        let latency = format!("{}: median latency of one client, ms (logarithmic)", size.name);
        let cpu = format!("{}: CPU of one request, microseconds (logarithmic)", size.name);
        [panel(latency, size.name, LATENCY), panel(cpu, size.name, CPU)]
    };
    SIZES.iter().flat_map(of_size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Seen;

    fn row(path: Path, connections: u32, p50_us: f64, cpu_us: f64) -> Row {
        let seen = Seen {
            requests: 10,
            duration_us: 1_000_000,
            bytes: 1,
            p50_us,
            p99_us: 2.0 * p50_us,
            refused: 0,
            broken: 0,
            late: 0,
            next_id: 10,
        };
        let rounds = vec![Sample { seen, cpu_us, others_cores: 0.0 }];
        Row { path, size: "60 KB".into(), image_bytes: 60_000, connections, status: 200, rounds }
    }

    #[test]
    fn a_ratio_compares_orbit_with_what_it_replaces() {
        let mut rows = Vec::new();
        for (path, factor) in [(Path::NextCold, 1.0), (Path::NextHit, 0.5), (Path::ServeCold, 0.05)] {
            rows.extend([1, 16].map(|connections| row(path, connections, 10_000.0 * factor, 8_000.0 * factor)));
        }
        let full = table(&rows, "60 KB");
        assert_eq!(full.rows.len(), 3);
        assert_eq!(full.rows[2][10..], ["20.0 x", "20.0 x"]);
        assert_eq!(full.rows[0][10..], ["", ""]);
        let short = short_table(&rows, "60 KB");
        assert_eq!(short.rows[2], ["orbit serve, cold", "0.50", "400", "20.0 x", "20.0 x"]);
    }
}
