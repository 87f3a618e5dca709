//! Lab: what the `pixels-*` commands share: pictures, encoders, scores, and the cores that they are measured on.
//!
//! 1. `gallery`: the twelve pictures.
//! 2. `worker`: a library of others, running for long and asked over its standard input.
//! 3. `encoder`: one way from a picture's bytes to a file's, ours or another's.
//! 4. `judge`: how close a file comes to the picture.
//! 5. `rate`: bytes against scores, between and beyond the settings that were measured.
//!
//! What is timed runs on one core and nothing beside it; what is only looked at runs on all.

pub(crate) mod encoder;
pub(crate) mod gallery;
pub(crate) mod judge;
pub(crate) mod rate;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use gallery::Picture;
use worker::{Cost, Library, Worker};

/// Where something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// One after the other on one core, which workers share: for times.
    One,
    /// A picture a core: for everything else.
    All,
}

/// The workers of one thread, each started when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Lab {
    workers: BTreeMap<Library, Worker>,
}

impl Lab {
    /// The worker of a library.
    pub(crate) fn worker(&mut self, library: Library) -> Result<&mut Worker> {
        match self.workers.entry(library) {
            Entry::Occupied(running) => Ok(running.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Worker::start(library)?)),
        }
    }
}

/// Measures every picture; the results are in the order of the pictures.
pub(crate) fn each<T: Send>(
    pictures: &[Picture],
    cores: Cores,
    measure: impl Fn(&mut Lab, &Picture) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let all = allowed()?;
    let used = if cores == Cores::One { all.get(all.len() - 1..) } else { all.get(..) };
    let next = AtomicUsize::new(0);
    let work = |core: usize| {
        pin(core)?;
        let mut lab = Lab::default();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(picture) = pictures.get(index) else { return Ok(done) };
            done.push((index, measure(&mut lab, picture).with_context(|| picture.name.clone())?));
        }
    };
    let mut results = Vec::with_capacity(pictures.len());
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = used.unwrap_or_default().iter().map(|&core| scope.spawn(move || work(core))).collect();
        for thread in threads {
            let done: Result<Vec<_>> = joined(thread);
            results.extend(done?);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// What a thread came to; it panics where the thread did.
pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The medians of so many turns, after one that is not counted, and what the last one made.
pub(crate) fn timed<T>(turns: u32, work: impl Fn() -> Result<T>) -> Result<(T, Cost)> {
    let mut made = work()?;
    let mut costs = Vec::new();
    for _ in 0..turns {
        let (since, spent) = (Instant::now(), cpu_ms());
        made = work()?;
        costs.push(Cost { ms: since.elapsed().as_secs_f64() * 1000.0, cpu_ms: cpu_ms() - spent });
    }
    Ok((made, Cost::median(&costs)))
}

/// What all threads of this process have used up.
fn cpu_ms() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
}

/// The mean; nothing has none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

/// The cores that this process may use.
fn allowed() -> Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect();
    if cores.is_empty() { Err(anyhow!("this process may use no core")) } else { Ok(cores) }
}

/// Keeps this thread, and what it starts from now on, on one core.
fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(count: usize) -> Vec<Picture> {
        (0..count).map(|n| Picture::named(&n.to_string())).collect()
    }

    #[test]
    fn results_come_in_the_order_of_the_pictures() {
        for cores in [Cores::One, Cores::All] {
            let names = each(&pictures(20), cores, |_, picture| Ok(picture.name.clone())).unwrap();
            assert_eq!(names, pictures(20).into_iter().map(|picture| picture.name).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_fails_names_its_picture() {
        let error = each(
            &pictures(3),
            Cores::All,
            |_, picture| {
                if picture.name == "1" { Err(anyhow!("torn")) } else { Ok(()) }
            },
        );
        assert_eq!(error.unwrap_err().to_string(), "1");
    }

    #[test]
    fn on_one_core_nothing_runs_beside_it() {
        let cores = each(&pictures(3), Cores::One, |_, _| Ok(allowed()?.len())).unwrap();
        assert_eq!(cores, [1, 1, 1]);
    }

    #[test]
    fn nothing_has_no_mean() {
        assert!((mean([1.0, 2.0, 6.0].into_iter()) - 3.0).abs() < 1e-9);
        assert!(mean(std::iter::empty()).is_nan());
    }
}
