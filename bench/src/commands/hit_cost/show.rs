//! Show: the tables of `hit-cost` from its rows: one of all sizes, and one for each.

use serde::Serialize;

use super::{CONNECTIONS, Row, SIZES};
use crate::measure::{Sample, median};
use crate::table::{Table, figure};

/// The server that the others are divided by.
pub(super) const LIMIT: &str = "bare epoll loop (the limit)";

/// Medians of one row, for those who read JSON.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    server: &'a str,
    bytes: usize,
    connections: u32,
    cpu_us: f64,
    /// CPU divided by that of the limit.
    of_limit: f64,
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    /// The most that others kept busy in any round.
    others_cores: f64,
    rounds: &'a [Sample],
}

/// Every number behind the tables.
pub(super) fn figures(rows: &[Row]) -> impl Serialize {
    rows.iter().map(|row| of_row(rows, row)).collect::<Vec<_>>()
}

fn of_row<'a>(rows: &[Row], row: &'a Row) -> Figures<'a> {
    Figures {
        server: row.server,
        bytes: row.bytes,
        connections: row.connections,
        cpu_us: row.median(cpu),
        of_limit: row.median(cpu) / cpu_of(rows, LIMIT, row.bytes, row.connections),
        requests_per_second: row.median(|sample| sample.seen.per_second()),
        p50_us: row.median(|sample| sample.seen.p50_us),
        p99_us: row.median(|sample| sample.seen.p99_us),
        others_cores: row.rounds.iter().map(|sample| sample.others_cores).fold(0.0, f64::max),
        rounds: &row.rounds,
    }
}

/// The CPU of a hit at every size, then everything at each size.
pub(super) fn tables(rows: &[Row]) -> [(&'static str, Table); 4] {
    let [small, middle, large] = &SIZES;
    let of_size = |size: &super::Size| (size.marker, of_size(rows, size.bytes));
    [("hit-cost", all(rows)), of_size(small), of_size(middle), of_size(large)]
}

/// How much of the machine others used meanwhile, in one line.
pub(super) fn noise(rows: &[Row]) -> String {
    let others: Vec<f64> = rows.iter().flat_map(|row| &row.rounds).map(|sample| sample.others_cores).collect();
    let most = others.iter().copied().fold(0.0, f64::max);
    format!("others kept {:.2} cores busy at the median, {most:.2} at the most", median(others.into_iter()))
}

fn all(rows: &[Row]) -> Table {
    let mut columns = vec!["CPU us a request".to_owned()];
    for size in &SIZES {
        columns.extend([size.name.to_owned(), "of the limit".to_owned()]);
    }
    let mut table = Table { columns, rows: Vec::new() };
    let few = CONNECTIONS[0];
    for server in servers(rows) {
        let mut cells = vec![server.to_owned()];
        for size in &SIZES {
            let cpu = cpu_of(rows, server, size.bytes, few);
            cells.extend([figure(cpu), ratio(cpu / cpu_of(rows, LIMIT, size.bytes, few))]);
        }
        table.push(cells);
    }
    table
}

fn of_size(rows: &[Row], bytes: usize) -> Table {
    let mut table = Table::new(&[
        "server",
        "32 clients: CPU us",
        "of the limit",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "1,000 clients: requests/s",
        "p50 ms",
        "p99 ms",
    ]);
    for server in servers(rows) {
        let mut cells = vec![server.to_owned()];
        for connections in CONNECTIONS {
            let Some(row) = find(rows, server, bytes, connections) else { continue };
            if connections == CONNECTIONS[0] {
                let cpu = row.median(cpu);
                cells.extend([figure(cpu), ratio(cpu / cpu_of(rows, LIMIT, bytes, connections))]);
            }
            cells.push(figure(row.median(|sample| sample.seen.per_second())));
            cells.push(figure(row.median(|sample| sample.seen.p50_us / 1000.0)));
            cells.push(figure(row.median(|sample| sample.seen.p99_us / 1000.0)));
        }
        table.push(cells);
    }
    table
}

/// The servers in the order in which they were asked.
fn servers(rows: &[Row]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for row in rows {
        if !names.contains(&row.server) {
            names.push(row.server);
        }
    }
    names
}

fn find<'a>(rows: &'a [Row], server: &str, bytes: usize, connections: u32) -> Option<&'a Row> {
    rows.iter().find(|row| row.server == server && row.bytes == bytes && row.connections == connections)
}

fn cpu_of(rows: &[Row], server: &str, bytes: usize, connections: u32) -> f64 {
    find(rows, server, bytes, connections).map_or(f64::NAN, |row| row.median(cpu))
}

fn cpu(sample: &Sample) -> f64 {
    sample.cpu_us
}

fn ratio(value: f64) -> String {
    format!("{value:.2} x")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Seen;

    fn row(server: &'static str, cpu_us: [f64; 3]) -> Row {
        let seen = Seen {
            requests: 100,
            duration_us: 1_000_000,
            bytes: 1,
            p50_us: 100.0,
            p99_us: 900.0,
            refused: 0,
            broken: 0,
            late: 0,
            next_id: 0,
        };
        let rounds = cpu_us.map(|cpu_us| Sample { seen, cpu_us, others_cores: 0.1 }).into();
        Row { server, bytes: SIZES[0].bytes, connections: CONNECTIONS[0], rounds }
    }

    #[test]
    fn costs_are_medians_divided_by_the_limit_s() {
        let rows = [row(LIMIT, [10.0, 8.0, 30.0]), row("orbit edge", [12.0, 13.0, 99.0])];
        let table = all(&rows);
        assert_eq!(table.rows[0][..3], [LIMIT, "10.0", "1.00 x"].map(String::from));
        assert_eq!(table.rows[1][..3], ["orbit edge", "13.0", "1.30 x"].map(String::from));
    }
}
