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

/// One size: each path with one client and with sixteen, and how many times better than what it replaces.
pub(super) fn table(rows: &[Row], size: &str) -> Table {
    let mut table = Table::new(&[
        "path",
        "answer",
        "p50 ms",
        "p99 ms",
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
        let times = |connections: u32, value: &dyn Fn(&Sample) -> f64| {
            let ours = find(rows, path, size, connections)?;
            let theirs = find(rows, path.replaces()?, size, connections)?;
            Some(format!("{} x", figure(theirs.median(value) / ours.median(value))))
        };
        let p99 = |row: &Row| figure(row.median(|sample| sample.seen.p99_us / 1000.0));
        let cpu = |row: &Row| figure(row.median(|sample| sample.cpu_us));
        table.push(vec![
            path.label().to_owned(),
            one.status.to_string(),
            figure(one.median(p50_ms)),
            p99(one),
            cpu(one),
            figure(many.median(p50_ms)),
            p99(many),
            figure(many.median(|sample| sample.seen.per_second())),
            cpu(many),
            times(1, &p50_ms).unwrap_or_default(),
            times(16, &|sample| sample.cpu_us).unwrap_or_default(),
        ]);
    }
    table
}

/// For each size, the median latency of one client and the CPU of one request among sixteen.
pub(super) fn panels(rows: &[Row]) -> Vec<Panel> {
    let panel = |title: String, size: &str, connections: u32, value: &dyn Fn(&Sample) -> f64| {
        let bar = |path: Path| {
            let value = find(rows, path, size, connections)?.median(value);
            let ours = path.label().starts_with("orbit");
            Some(Bar { label: path.label().to_owned(), value, ours })
        };
        Panel { title, bars: Path::ALL.into_iter().filter_map(bar).collect() }
    };
    let of_size = |size: &super::Size| {
        let latency = format!("{}: median latency of one client, ms", size.name);
        let cpu = format!("{}: CPU of one request, microseconds", size.name);
        [panel(latency, size.name, 1, &p50_ms), panel(cpu, size.name, 16, &|sample| sample.cpu_us)]
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
        let table = table(&rows, "60 KB");
        assert_eq!(table.rows.len(), 3);
        assert_eq!(table.rows[2][9..], ["20.0 x", "20.0 x"]);
        assert_eq!(table.rows[0][9..], ["", ""]);
    }
}
