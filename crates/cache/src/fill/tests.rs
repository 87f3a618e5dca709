//! What readers of a fill may count on.

use futures_util::FutureExt as _;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn fill(length: Option<u64>) -> Arc<Fill> {
    Arc::new(Fill::new(length, Arc::default()))
}

async fn read(mut reader: Reader) -> Result<String, Error> {
    let mut text = String::new();
    while let Some(piece) = std::future::poll_fn(|cx| reader.poll(cx)).await {
        text.push_str(std::str::from_utf8(&piece?).unwrap());
    }
    Ok(text)
}

#[tokio::test]
async fn a_reader_who_comes_late_begins_at_the_first_byte() {
    let fill = fill(None);
    let early = Reader::join(&fill).unwrap();
    fill.push(Bytes::from_static(b"one "));
    fill.push(Bytes::from_static(b"two"));
    let late = Reader::join(&fill).unwrap();
    fill.end(Ok(()));
    assert_eq!((read(early).await.unwrap(), read(late).await.unwrap()), ("one two".to_owned(), "one two".to_owned()));
    assert_eq!(fill.whole(), "one two");
}

#[tokio::test]
async fn a_part_is_cut_from_the_pieces_as_they_come() {
    let fill = fill(Some(10));
    for piece in ["01", "234", "5", "6789"] {
        fill.push(Bytes::from_static(piece.as_bytes()));
    }
    for (part, expected) in [(0..10, "0123456789"), (0..1, "0"), (3..7, "3456"), (9..10, "9"), (2..5, "234")] {
        let reader = Reader::join(&fill).unwrap().slice(&part);
        assert_eq!(reader.length(), Some(part.end - part.start));
        assert_eq!(read(reader).await.unwrap(), expected, "before the end: {part:?}");
    }
}

#[tokio::test]
async fn what_breaks_off_is_told_to_every_reader() {
    let fill = fill(None);
    let reader = Reader::join(&fill).unwrap();
    fill.push(Bytes::from_static(b"half"));
    fill.end(Err(Error::Timeout));
    assert_eq!(read(reader).await, Err(Error::Timeout));
}

#[tokio::test]
async fn a_passage_waits_for_its_slowest_reader_and_keeps_no_more_than_that_one_needs() {
    let held = Arc::new(AtomicU64::new(0));
    let fill = Arc::new(Fill::new(None, Arc::clone(&held)));
    let mut slow = Reader::join(&fill).unwrap();
    let piece = Bytes::from(vec![7; usize::try_from(PASSAGE_BYTES).unwrap()]);
    fill.push(piece.clone());
    fill.pass();
    assert!(Reader::join(&fill).is_none(), "the first bytes may be gone");
    assert!(fill.room(PATIENCE).now_or_never().is_none(), "the reader has not read");
    assert!(std::future::poll_fn(|cx| slow.poll(cx)).await.unwrap().is_ok());
    fill.room(PATIENCE).await;
    assert_eq!(held.load(Ordering::Relaxed), 0);
    fill.push(piece);
    drop(slow);
    fill.room(PATIENCE).await;
    assert_eq!((fill.readers(), held.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn what_a_fill_holds_is_given_back_with_it() {
    let held = Arc::new(AtomicU64::new(0));
    let fill = Arc::new(Fill::new(Some(5), Arc::clone(&held)));
    let reader = Reader::join(&fill).unwrap();
    fill.push(Bytes::from_static(b"123"));
    assert_eq!((held.load(Ordering::Relaxed), fill.missing(), fill.readers()), (3, Some(2), 1));
    drop(reader);
    fill.deserted().await;
    drop(fill);
    assert_eq!(held.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn who_reads_on_after_the_end_takes_the_whole_and_holds_no_pieces() {
    let held = Arc::new(AtomicU64::new(0));
    let fill = Arc::new(Fill::new(None, Arc::clone(&held)));
    let mut begun = Reader::join(&fill).unwrap();
    let part = Reader::join(&fill).unwrap().slice(&(2..6));
    fill.push(Bytes::from_static(b"one "));
    fill.push(Bytes::from_static(b"two"));
    let first = std::future::poll_fn(|cx| begun.poll(cx)).await.unwrap().unwrap();
    let whole = fill.whole();
    fill.finish(whole.clone());
    assert_eq!((first, held.load(Ordering::Relaxed)), (Bytes::from_static(b"one "), 0));
    let rest = std::future::poll_fn(|cx| begun.poll(cx)).await.unwrap().unwrap();
    assert_eq!(rest.as_ptr(), whole[4..].as_ptr());
    assert_eq!((read(begun).await.unwrap(), read(part).await.unwrap()), (String::new(), "e tw".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_is_too_slow_for_the_others_is_cut_off() {
    let fill = fill(None);
    let (mut quick, mut slow) = (Reader::join(&fill).unwrap(), Reader::join(&fill).unwrap());
    fill.pass();
    fill.push(Bytes::from(vec![0; usize::try_from(PASSAGE_BYTES).unwrap()]));
    assert!(std::future::poll_fn(|cx| quick.poll(cx)).await.unwrap().is_ok());
    fill.room(PATIENCE).await;
    assert!(matches!(std::future::poll_fn(|cx| slow.poll(cx)).await, Some(Err(Error::Unavailable(_)))));
    fill.push(Bytes::from_static(b"more"));
    fill.end(Ok(()));
    assert_eq!(read(quick).await.unwrap(), "more");
}

#[tokio::test(start_paused = true)]
async fn who_reads_alone_may_take_its_time() {
    let fill = fill(None);
    let mut only = Reader::join(&fill).unwrap();
    fill.pass();
    fill.push(Bytes::from(vec![0; usize::try_from(PASSAGE_BYTES).unwrap()]));
    assert!(tokio::time::timeout(10 * PATIENCE, fill.room(PATIENCE)).await.is_err());
    assert!(std::future::poll_fn(|cx| only.poll(cx)).await.unwrap().is_ok());
    fill.room(PATIENCE).await;
}
