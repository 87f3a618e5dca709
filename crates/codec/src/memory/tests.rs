//! Estimates against the peak of a process that does nothing but the one piece of work.

use std::process::Command;

use super::*;
use crate::pixels::{Layout, Pixels};
use crate::transform::Effort;
use crate::{Limits, Quality as Level, Stop, Terms, encode, encode_png, probe, refine, transform};

/// The case that a child measures.
const CASE: &str = "ORBIT_MEMORY_CASE";
const SIDE: u32 = 600;

/// Source, and what is made of it: `ingest`, `refine` or a variant.
const CASES: [(&str, &str); 10] = [
    ("png", "ingest"),
    ("jpeg", "ingest"),
    ("webp", "ingest"),
    ("gif", "ingest"),
    ("jpeg", "refine"),
    ("png", "w=300"),
    ("jpeg", "w=900&enlarge=1&q=50"),
    ("jpeg", "fm=avif&w=300"),
    ("png", "fm=png"),
    ("jpeg", "fm=jpeg&q=100"),
];

/// What no encoder can make small.
fn noise(layout: Layout) -> Pixels {
    Pixels::noise(SIDE, SIDE, layout)
}

fn source(format: &str) -> Vec<u8> {
    match format {
        "png" => encode_png(SIDE, SIDE, &noise(Layout::Rgba).samples).unwrap(),
        "jpeg" => encode::jpeg::encode(&noise(Layout::Rgb), Level::BEST, Effort::Best).unwrap(),
        "webp" => encode::webp::encode(&noise(Layout::Rgba), Level::BEST, Effort::First, &Stop::never()).unwrap(),
        _ => {
            let mut bytes = Vec::new();
            let side = u16::try_from(SIDE).unwrap();
            let mut pixels = noise(Layout::Rgba).samples;
            let frame = gif::Frame::from_rgba_speed(side, side, &mut pixels, 30);
            gif::Encoder::new(&mut bytes, side, side, &[]).unwrap().write_frame(&frame).unwrap();
            bytes
        }
    }
}

/// The highest that the process's resident memory ever was since it was last asked to forget.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn work(bytes: &[u8], what: &str) {
    let terms = Terms { effort: Effort::Best, ..Terms::default() };
    match what {
        "ingest" => drop(encode(bytes, Level::default(), &Terms::default()).unwrap()),
        "refine" => drop(refine(bytes, Level::default(), u64::MAX, &terms).unwrap()),
        variant => drop(transform(bytes, &variant.parse().unwrap(), &terms).unwrap()),
    }
}

fn estimated(bytes: &[u8], what: &str) -> u64 {
    let probe = probe(bytes, &Limits::default()).unwrap();
    match what {
        "ingest" => estimate(&probe, None),
        "refine" => estimate_refined(&probe),
        variant => estimate(&probe, Some(&variant.parse().unwrap())),
    }
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn one_case_says_its_peak() {
    let Ok(case) = std::env::var(CASE) else { return };
    let (format, what) = case.split_once(' ').unwrap();
    let bytes = std::fs::read(std::env::var("ORBIT_MEMORY_SOURCE").unwrap()).unwrap();
    let before = peak_bytes();
    work(&bytes, what);
    println!("peak {} estimate {} {format}", peak_bytes() - before, estimated(&bytes, what));
}

#[test]
fn no_work_takes_more_memory_than_is_estimated() {
    let folder = std::env::temp_dir().join(format!("orbit-memory-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (format, what) in CASES {
        let path = folder.join(format);
        if !path.exists() {
            std::fs::write(&path, source(format)).unwrap();
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "memory::tests::one_case_says_its_peak", "--ignored", "--nocapture"])
            .env(CASE, format!("{format} {what}"))
            .env("ORBIT_MEMORY_SOURCE", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        let number = |name: &str| -> u64 {
            let (_, rest) = said.split_once(name).unwrap_or_else(|| panic!("{format} {what}: {said}"));
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        let (peak, estimate) = (number("peak "), number("estimate "));
        println!("{format} {what}: {:.1} of {:.1} MB", peak as f64 / 1e6, estimate as f64 / 1e6);
        assert!(peak <= estimate, "{format} {what} takes {peak} bytes, and {estimate} were estimated");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn fewer_pixels_and_less_work_are_estimated_lower() {
    let probe = Probe { format: Format::Png, width: 4000, height: 3000 };
    let of = |variant: &str| estimate(&probe, Some(&variant.parse().unwrap()));
    assert!(of("w=400") < of("w=2000"));
    assert!(of("w=3000&fm=webp") < of("w=3000&fm=avif"));
    assert!(of("w=400&dpr=2") == of("w=800"));
    assert!(of("w=16000") < of("w=16000&enlarge=1"));
    assert!(estimate(&probe, None) < estimate_refined(&probe));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let probe = Probe { format: Format::Png, width: u32::MAX, height: u32::MAX };
    assert_eq!(estimate(&probe, None), u64::MAX);
    assert!(estimate(&probe, Some(&"w=16383&fm=avif&q=auto".parse().unwrap())) > 1 << 60);
}
