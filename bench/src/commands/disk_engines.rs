//! `disk-engines`: our disk tier beside foyer's, with what an edge meets: a restart, a kill, a full disk, a broken file.
//!
//! Every step is a process of its own (`worker`), with the same entries of 60 KB. What is measured: 1. writing, 2. a restart
//! and reading, from the page cache and not, 3. what is there after a kill one second after the last write, 4. flipped
//! bytes and cut files, 5. a start over the bound, 6. a full disk, 7. removals, and a kill right after them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::commands::{publish, say};
use crate::results::Measurement;
use crate::table::{Table, figure};

mod engine;
pub(crate) mod worker;

use engine::{BODY, Kind};
use worker::{Seen, Step};

/// How far apart bytes are flipped: one in about ten entries is hit, in bytes.
const FLIP_EVERY: u64 = 10 * BODY as u64 + 1237;
/// How long a step may take: one that never ends is an answer too.
const PATIENCE: Duration = Duration::from_secs(30);
/// The size of the disk that becomes full, in MiB.
const SMALL_DISK_MIB: u64 = 64;

/// How `disk-engines` is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many entries of 60 KB.
    #[arg(long, default_value_t = 10_000)]
    entries: u64,
    /// Where the folders are made; a real disk, not memory.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// 500 entries, nothing saved.
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Serialize)]
struct Run {
    engine: Kind,
    written: Seen,
    from_page_cache: Seen,
    from_disk: Seen,
    after_kill: Seen,
    after_flips: Option<Seen>,
    flips: u64,
    after_cuts: Option<Seen>,
    over_bound: Option<Seen>,
    over_bound_used_mib: f64,
    full_disk: Option<Seen>,
    removed_came_back: u64,
    by_tag: Option<u64>,
}

/// Measures each engine, prints and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let entries = if arguments.quick { 500 } else { arguments.entries };
    let mut builder = tempfile::Builder::new();
    let scratch = builder.prefix("orbit-bench-disk-");
    let scratch = match &arguments.dir {
        Some(dir) => scratch.tempdir_in(dir)?,
        None => scratch.tempdir()?,
    };
    let mut runs = Vec::new();
    for kind in Kind::ALL {
        runs.push(measure(kind, scratch.path(), entries)?);
    }
    let tables = [("disk-engines-speed", speed(&runs)), ("disk-engines-trouble", trouble(&runs, entries))];
    publish(&Measurement::new("disk-engines", tables, &runs)?, arguments.quick)
}

fn measure(kind: Kind, scratch: &Path, entries: u64) -> Result<Run> {
    say(&format!("{}: writing, restarting, reading", kind.name()));
    let site =
        Site { kind, dir: scratch.join(kind.name()), max_bytes: 2 * entries * BODY as u64 + (128 << 20), entries };
    let written = site.step(Step::Write)?;
    let from_page_cache = site.step(Step::Read)?;
    site.leave_page_cache()?;
    let from_disk = site.step(Step::Read)?;
    say(&format!("{}: a kill", kind.name()));
    site.empty()?;
    let (_, writer) = site.start(Step::Write)?;
    std::thread::sleep(Duration::from_secs(1));
    kill(writer)?;
    let after_kill = site.step(Step::Read)?;
    say(&format!("{}: removals", kind.name()));
    let (_, remover) = site.start(Step::Delete)?;
    kill(remover)?;
    let before = after_kill.hits;
    let removed_came_back = site.step(Step::Read)?.hits.saturating_sub(before.saturating_sub(entries / 10));
    let by_tag = site.step(Step::DeleteByTag)?.tagged;
    say(&format!("{}: a smaller bound, broken files, a full disk", kind.name()));
    site.empty()?;
    site.step(Step::Write)?;
    let flips = site.flip()?;
    let after_flips = site.step(Step::Read).ok();
    site.empty()?;
    site.step(Step::Write)?;
    site.cut()?;
    let after_cuts = site.step(Step::Read).ok();
    site.empty()?;
    site.step(Step::Write)?;
    let smaller = Site { max_bytes: entries * BODY as u64 / 4, ..site.clone() };
    let over_bound = smaller.step(Step::Read).ok();
    let over_bound_used_mib = used(&site.dir)? as f64 / f64::from(1 << 20);
    site.empty()?;
    let full_disk = full_disk(&site)?;
    Ok(Run {
        engine: kind,
        written,
        from_page_cache,
        from_disk,
        after_kill,
        after_flips,
        flips,
        after_cuts,
        over_bound,
        over_bound_used_mib,
        full_disk,
        removed_came_back,
        by_tag,
    })
}

/// Writes to a disk that holds half of it, then reads; `None` where none can be mounted, or the engine broke off.
fn full_disk(site: &Site) -> Result<Option<Seen>> {
    fs::create_dir_all(&site.dir)?;
    let size = format!("size={SMALL_DISK_MIB}m");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &size, "orbit-bench"]).arg(&site.dir).stderr(Stdio::null());
    if !mount.status().is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let entries = 2 * (SMALL_DISK_MIB << 20) / BODY as u64;
    let small = Site { entries, ..site.clone() };
    // Read by a process of its own: what was whole before the disk was full must still be.
    let read = small.step(Step::Write).and_then(|_| small.step(Step::Read));
    let unmounted = Command::new("umount").arg(&site.dir).status().context("umount")?;
    anyhow::ensure!(unmounted.success(), "{} is still mounted", site.dir.display());
    Ok(read.ok())
}

/// One engine's folder.
#[derive(Clone, Debug)]
struct Site {
    kind: Kind,
    dir: PathBuf,
    max_bytes: u64,
    entries: u64,
}

impl Site {
    /// Starts a worker and waits for what it saw; it then waits itself.
    fn start(&self, step: Step) -> Result<(Seen, Child)> {
        use clap::ValueEnum as _;
        let step = step.to_possible_value().context("a step has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["disk-engines-worker", "--engine", self.kind.name(), "--step", step.get_name(), "--dir"]);
        command.arg(&self.dir).arg("--max-bytes").arg(self.max_bytes.to_string());
        command.arg("--entries").arg(self.entries.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("a worker has an output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // A worker that ends without a word is known by its empty line.
            let _ = BufReader::new(out).read_line(&mut line).map(|_| sender.send(line));
        });
        let line = receiver.recv_timeout(PATIENCE).unwrap_or_default();
        match serde_json::from_str(&line) {
            Ok(seen) => Ok((seen, child)),
            Err(error) => {
                kill(child)?;
                Err(error).with_context(|| format!("{} broke off or went on for {PATIENCE:?}", self.kind.name()))
            }
        }
    }

    /// Does a step and lets the worker end in good order.
    fn step(&self, step: Step) -> Result<Seen> {
        let (mut seen, mut child) = self.start(step)?;
        drop(child.stdin.take());
        let since = Instant::now();
        while child.try_wait()?.is_none() {
            if since.elapsed() > PATIENCE {
                kill(child)?;
                seen.was_stuck = true;
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(seen)
    }

    fn empty(&self) -> Result<()> {
        fs::remove_dir_all(&self.dir).with_context(|| self.dir.display().to_string())
    }

    /// Flips one bit at equal distances through all files, and tells how many.
    fn flip(&self) -> Result<u64> {
        let (mut at, mut flips) = (FLIP_EVERY, 0);
        for (path, _) in files(&self.dir)? {
            let file = fs::File::options().read(true).write(true).open(&path)?;
            let len = file.metadata()?.len();
            while at < len {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at)?;
                if byte != [0] {
                    file.write_all_at(&[byte[0] ^ 0x10], at)?;
                    flips += 1;
                }
                at += FLIP_EVERY;
            }
            at -= len;
        }
        Ok(flips)
    }

    /// Cuts every tenth file with bytes in it in half.
    fn cut(&self) -> Result<()> {
        for (path, len) in files(&self.dir)?.into_iter().filter(|(_, len)| *len > 0).step_by(10) {
            fs::File::options().write(true).open(path)?.set_len(len / 2)?;
        }
        Ok(())
    }

    /// Makes the kernel forget what it holds of the files.
    fn leave_page_cache(&self) -> Result<()> {
        for (path, _) in files(&self.dir)? {
            let file = fs::File::open(path)?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
        Ok(())
    }
}

fn kill(mut child: Child) -> Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// All files below a folder with their lengths, in the order of their names.
fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.metadata()?;
            if kind.is_dir() {
                left.push(entry.path());
            } else {
                found.push((entry.path(), kind.len()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What the files below a folder take on the disk, in bytes.
fn used(folder: &Path) -> Result<u64> {
    files(folder)?.iter().map(|(path, _)| Ok(fs::metadata(path)?.blocks() * 512)).sum()
}

fn speed(runs: &[Run]) -> Table {
    let mut table = Table::new(&[
        "engine",
        "write MB/s",
        "CPU us a write",
        "open ms",
        "first entry ms",
        "all known ms",
        "read p50 us",
        "p99 us",
        "CPU us a read",
        "cold p50 us",
        "p99 us",
    ]);
    for run in runs {
        let each = |seconds: f64, count: u64| figure(seconds * 1e6 / count.max(1) as f64);
        let (written, warm, cold) = (&run.written, &run.from_page_cache, &run.from_disk);
        let entries = warm.hits + warm.misses + warm.wrong + warm.errors;
        table.push(vec![
            run.engine.name().to_owned(),
            figure(entries as f64 * BODY as f64 / 1e6 / written.seconds),
            each(written.cpu_seconds, entries),
            figure(cold.open_ms),
            figure(cold.first_ms),
            figure(cold.started_ms),
            figure(warm.p50_us),
            figure(warm.p99_us),
            each(warm.cpu_seconds, entries),
            figure(cold.p50_us),
            figure(cold.p99_us),
        ]);
    }
    table
}

fn trouble(runs: &[Run], entries: u64) -> Table {
    let names: Vec<&str> = std::iter::once("what happens").chain(runs.iter().map(|run| run.engine.name())).collect();
    let mut table = Table::new(&names);
    let share = |hits: u64, of: u64| format!("{}%", figure(100.0 * hits as f64 / of.max(1) as f64));
    let seen = |seen: &Option<Seen>| match seen {
        None => "no answer".to_owned(),
        Some(seen) => {
            let all = seen.hits + seen.misses + seen.wrong + seen.errors;
            format!("{} kept, {} wrong, {} errors", share(seen.hits, all), seen.wrong, seen.errors)
        }
    };
    let mut row = |what: String, cell: &dyn Fn(&Run) -> String| {
        table.push(std::iter::once(what).chain(runs.iter().map(cell)).collect());
    };
    row("a restart in good order".to_owned(), &|run| share(run.from_page_cache.hits, entries));
    row("a kill 1 s after the last write".to_owned(), &|run| share(run.after_kill.hits, entries));
    row(format!("one bit flipped every {FLIP_EVERY} bytes"), &|run| seen(&run.after_flips));
    row("every tenth file cut in half".to_owned(), &|run| seen(&run.after_cuts));
    row("a start with a quarter of the room: kept".to_owned(), &|run| seen(&run.over_bound));
    row("the same: until open, ms".to_owned(), &|run| figure(run.over_bound.map_or(f64::NAN, |seen| seen.open_ms)));
    row("the same: used afterwards, MiB".to_owned(), &|run| figure(run.over_bound_used_mib));
    row("the same: ends when told to".to_owned(), &|run| match run.over_bound {
        Some(Seen { was_stuck: false, .. }) => "yes".to_owned(),
        _ => "no".to_owned(),
    });
    row(format!("a disk of {SMALL_DISK_MIB} MiB, full"), &|run| seen(&run.full_disk));
    row("removed, killed, there again".to_owned(), &|run| share(run.removed_came_back, entries / 10));
    row("removal by tag".to_owned(), &|run| run.by_tag.map_or("none".to_owned(), |count| format!("{count} entries")));
    table
}
