//! Work ends when nobody waits for it any more, or when it has taken too long: before it begins, between steps, and at
//! once where libwebp encodes.

use std::thread;
use std::time::Instant;

use super::*;
use crate::pixels::{Layout, Pixels};

/// From the word to the end of the work: a decoder or a step in between runs to its own end.
const AT_ONCE: Duration = Duration::from_millis(1_500);

type Verb = Box<dyn Fn(&[u8], &Terms) -> Result<usize, Error> + Sync>;

fn verbs() -> Vec<(String, Verb)> {
    let rendition = |query: &'static str| -> (String, Verb) {
        let verb = move |bytes: &[u8], terms: &Terms| {
            transform(bytes, &query.parse().unwrap(), terms).map(|rendered| rendered.bytes.len())
        };
        (format!("transform {query}"), Box::new(verb))
    };
    let encoding = |bytes: &[u8], terms: &Terms| encode(bytes, Quality::default(), terms).map(|made| made.webp.len());
    let refining = |bytes: &[u8], terms: &Terms| {
        refine(bytes, Quality::default(), u64::MAX, terms).map(|made| made.map_or(0, |made| made.bytes.len()))
    };
    let mut verbs: Vec<(String, Verb)> =
        vec![("encode".to_owned(), Box::new(encoding)), ("refine".to_owned(), Box::new(refining))];
    let queries = ["", "w=16", "q=auto", "max_bytes=900", "fm=jpeg", "fm=png", "fm=avif", "fm=thumbhash", "anim=1"];
    verbs.extend(queries.map(rendition));
    verbs
}

/// Grain, which takes an encoder longest.
fn noise(side: u32) -> Vec<u8> {
    let mut pixels = Pixels::noise(side, side, Layout::Rgba);
    pixels.samples.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel[3] = 255);
    encode_png(side, side, &pixels.samples).unwrap()
}

#[test]
fn no_verb_begins_what_is_cancelled_or_out_of_time() {
    let cancelled = Stop::never();
    cancelled.cancel();
    for stop in [cancelled, Stop::after(Duration::ZERO)] {
        let terms = Terms { stop, ..Terms::default() };
        for name in ["canaries.png", "animated.gif"] {
            for (verb, run) in verbs() {
                let ended = run(&trouble(name), &terms);
                assert!(matches!(ended, Err(Error::Stopped(_))), "{verb} of {name}: {ended:?}");
            }
        }
    }
}

#[test]
fn a_stop_that_never_comes_changes_nothing() {
    let terms = Terms { stop: Stop::after(Duration::from_secs(3_600)), ..Terms::default() };
    for (verb, run) in verbs() {
        let [with, without] = [&terms, &Terms::default()].map(|terms| run(&trouble("canaries.png"), terms));
        assert_eq!(with, without, "{verb}");
    }
}

#[test]
fn libwebp_ends_at_once_in_the_middle_of_an_image() {
    let png = noise(2_500);
    for (verb, run) in verbs().into_iter().filter(|(verb, _)| ["encode", "refine", "transform "].contains(&&**verb)) {
        let stop = Stop::never();
        let terms = Terms { stop: stop.clone(), ..Terms::default() };
        let ((ended, at), told) = thread::scope(|scope| {
            let work = scope.spawn(|| (run(&png, &terms), Instant::now()));
            thread::sleep(Duration::from_millis(300));
            stop.cancel();
            let told = Instant::now();
            (work.join().unwrap(), told)
        });
        assert!(matches!(ended, Err(Error::Stopped(_))), "{verb}: {ended:?}");
        let took = at.saturating_duration_since(told);
        assert!(took < AT_ONCE, "{verb} went on for {took:?}");
    }
}

/// The watchdog: no rendition takes longer than its caller allows, by much.
#[test]
fn work_that_is_out_of_time_says_so() {
    let png = noise(2_500);
    let start = Instant::now();
    let terms = Terms { stop: Stop::after(Duration::from_millis(300)), ..Terms::default() };
    let Err(Error::Stopped(reason)) = refine(&png, Quality::default(), u64::MAX, &terms) else {
        panic!("noise of six million pixels was refined in {:?}", start.elapsed());
    };
    assert!(reason.contains("longer than it may"), "{reason}");
    assert!(start.elapsed() < Duration::from_millis(300) + AT_ONCE, "{:?}", start.elapsed());
}
