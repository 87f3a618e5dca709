//! T-COD-2: files that are cut, bent and mixed, the same ones in every run, through every verb: answered, and in time.

use std::time::Instant;

use super::*;

/// What one file may take; the test's own machine may be slow, and has other things to do.
const LONGEST: Duration = Duration::from_secs(2);

/// Every fixture that can be read, wholly or to some part.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(fixtures("trouble")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "expected.json" && !name.starts_with("bomb_"));
    names.sort();
    names.into_iter().map(|name| (name.clone(), trouble(&name))).collect()
}

/// Through ingest, a still rendition and a moving one, none of which may blame us or take long.
fn assert_answered_in_time(name: &str, bytes: &[u8]) {
    let limits = Limits { max_pixels: 1_000_000, max_animation_pixels: 1_000_000, ..Limits::default() };
    let start = Instant::now();
    let answers = [
        encode(bytes, Quality::default(), &within(limits)).map(|encoded| encoded.webp),
        transform(bytes, &"w=24&fm=jpeg".parse().unwrap(), &within(limits)).map(|rendered| rendered.bytes),
        transform(bytes, &"w=24&anim=1".parse().unwrap(), &within(limits)).map(|rendered| rendered.bytes),
    ];
    let took = start.elapsed();
    assert!(took < LONGEST, "{name} took {took:?}");
    for answer in answers {
        match answer {
            Ok(bytes) => assert!(!bytes.is_empty(), "{name} became nothing"),
            Err(Error::Internal(reason)) => panic!("{name} was blamed on us: {reason}"),
            Err(_) => {}
        }
    }
}

#[test]
fn a_file_that_is_cut_at_any_64th_is_answered_in_time() {
    for (name, bytes) in seeds() {
        for part in 0..=64 {
            assert_answered_in_time(&format!("{part}/64 of {name}"), &bytes[..bytes.len() * part / 64]);
        }
    }
}

#[test]
fn a_file_with_bent_bytes_is_answered_in_time() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    for (name, whole) in seeds().into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for round in 0..40 {
            let mut bytes = whole.clone();
            // Headers are where lies cost most.
            let reach = if round % 2 == 0 { bytes.len() } else { bytes.len().min(128) };
            for _ in 0..=next(4) {
                bytes[next(reach)] = u8::try_from(next(256)).unwrap();
            }
            assert_answered_in_time(&format!("{name}, bent for the {round}th time"), &bytes);
        }
    }
}

#[test]
fn halves_of_two_files_are_answered_in_time() {
    let seeds = seeds();
    for (index, (name, head)) in seeds.iter().enumerate() {
        let (other, tail) = &seeds[(index * 7 + 3) % seeds.len()];
        let bytes = [&head[..head.len() / 2], &tail[tail.len() / 2..]].concat();
        assert_answered_in_time(&format!("{name} and {other}"), &bytes);
    }
}
