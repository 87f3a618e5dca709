//! What a purge takes and what it leaves, with what it reads and writes for that.

use std::fs::File;
use std::io::Write;

use super::*;
use crate::tier::{Bounds, Memory};

/// A medium that notes what is opened on it, be it to read or to sync.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<PathBuf>>);

impl Medium for Noting {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Write>> {
        Plain.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.0.lock().push(path.to_owned());
        Plain.open(path)
    }
}

impl Noting {
    /// What was opened since the last call.
    fn opened(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.0.lock())
    }
}

#[test]
fn a_purge_takes_what_waits_what_is_written_and_what_no_scan_has_met() {
    let purges: [Purge<'_>; 4] = [Purge::Key(&key(1)), Purge::Path(&key(1)), Purge::Tag("thread-1"), Purge::All];
    for what in purges {
        for (state, written, restarted) in [("waiting", false, false), ("written", true, false), ("old", true, true)] {
            let dir = TempDir::new().unwrap();
            let mut disk = still(&dir, 1 << 20);
            disk.put(&key(1), tagged("a, thread-1"), &|| true);
            if written {
                work(&disk);
            }
            if restarted {
                drop(disk);
                disk = still(&dir, 1 << 20);
            }
            disk.purge(what, false);
            assert!(files(&dir).is_empty(), "{what:?}, {state}");
            work(&disk);
            assert!(find(&disk, 1).is_none(), "{what:?}, {state}");
            drop(disk);
            assert!(find(&still(&dir, 1 << 20), 1).is_none(), "{what:?}, {state}, after a restart");
        }
    }
}

#[test]
fn a_purge_of_a_path_takes_variants_that_wait_are_written_are_evicted_or_that_no_scan_has_met() {
    let variant = |width: usize| CacheKey::new(format!("{}?w={width}", key(1)));
    for (state, written, restarted) in [("waiting", false, false), ("written", true, false), ("old", true, true)] {
        let dir = TempDir::new().unwrap();
        let mut disk = still(&dir, 6 * 4096);
        for width in 0..6 {
            disk.put(&variant(width), tagged("a"), &|| true);
        }
        if written {
            work(&disk);
        }
        put(&disk, 2, 10);
        if written {
            work(&disk);
        }
        disk.put(&variant(6), tagged("a"), &|| true);
        if restarted {
            work(&disk);
            drop(disk);
            disk = still(&dir, 6 * 4096);
        }
        assert_eq!(disk.purge(Purge::Path(&key(1)), false).entries, 5, "{state}");
        disk.shared.shelf.lock().assert_sound();
        let left = files(&dir);
        assert!(left.iter().all(|file| *file == path(&disk, 2)), "{state}: {left:?}");
        work(&disk);
        drop(disk);
        let disk = still(&dir, 1 << 20);
        assert!((0..7).all(|width| disk.stored(&variant(width)).is_empty()), "{state}, after a restart");
        assert!(find(&disk, 2).is_some(), "{state}");
    }
}

#[test]
fn the_variants_of_a_path_lie_in_one_shard_under_names_of_their_own() {
    let names: Vec<Name> =
        ["/a", "/a?w=1", "/a?w=2", "/b", "/b?w=1"].map(|key| Name::new(&CacheKey::new(key), &Vary::default())).into();
    let sides: Vec<bool> = names.iter().map(|name| Name::of_path(names[0].key).contains(name)).collect();
    assert_eq!(sides, [true, true, true, false, false]);
    let distinct: std::collections::BTreeSet<Name> = names.iter().copied().collect();
    assert_eq!((distinct.len(), names[1].shard(), names[2].shard()), (5, names[0].shard(), names[0].shard()));
    let whole = blake3::hash(b"/a").to_hex();
    assert!(names[0].to_string().starts_with(&whole[..32]), "a key without a query has the name that it always had");
}

#[test]
fn a_purge_by_tag_leaves_the_others() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    for name in 0..10 {
        disk.put(&key(name), tagged(if name < 4 { "a, both" } else { "b, both" }), &|| true);
    }
    work(&disk);
    assert_eq!(disk.purge(Purge::Tag("a"), false), Dropped { entries: 4, bytes: 4 * 4096 });
    assert_eq!((0..10).filter(|name| find(&disk, *name).is_some()).count(), 6);
    assert_eq!(disk.purge(Purge::Tag("both"), false).entries, 6);
}

#[test]
fn a_purge_takes_the_files_of_evicted_entries_too() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 3 * 4096);
    for name in 0..3 {
        put(&disk, name, 10);
    }
    work(&disk);
    put(&disk, 3, 10);
    assert_eq!((disk.usage().evictions, files(&dir).len()), (1, 3), "evicted, not removed yet");
    for name in 0..3 {
        disk.purge(Purge::Key(&key(name)), false);
    }
    assert!(files(&dir).is_empty());
}

#[test]
fn a_soft_purge_makes_stale_for_good() {
    for what in [Purge::Key(&key(1)), Purge::Path(&key(1)), Purge::Tag("a"), Purge::All] {
        for written in [false, true] {
            let dir = TempDir::new().unwrap();
            let disk = still(&dir, 1 << 20);
            disk.put(&key(1), tagged("a"), &|| true);
            if written {
                work(&disk);
            }
            assert_eq!(disk.purge(what, true).entries, 1);
            assert_eq!(disk.purge(what, true).entries, 0, "a second time changes nothing");
            assert!(find(&disk, 1).unwrap().head.is_soft_purged(), "{what:?}");
            work(&disk);
            drop(disk);
            let disk = still(&dir, 1 << 20);
            assert!(find(&disk, 1).unwrap().head.is_soft_purged(), "{what:?}, after a restart");
            disk.put(&key(1), tagged("a"), &|| true);
            work(&disk);
            assert!(!find(&disk, 1).unwrap().head.is_soft_purged(), "a new response is fresh");
        }
    }
}

#[test]
fn a_soft_purge_of_what_waits_leaves_the_memorys_copy_to_the_memory() {
    let dir = TempDir::new().unwrap();
    let disk = still(&dir, 1 << 20);
    let memory = Memory::new(Bounds { max_bytes: 1 << 20, max_entries: None });
    let entry = tagged("a");
    for tier in [&memory as &dyn Tier, &disk] {
        assert!(tier.put(&key(1), Arc::clone(&entry), &|| true));
    }
    for (round, marked) in [1, 0].into_iter().enumerate() {
        for tier in [&disk as &dyn Tier, &memory] {
            assert_eq!(tier.purge(Purge::Tag("a"), true).entries, marked, "{}, {round}", tier.name());
            assert!(find(tier, 1).unwrap().head.is_soft_purged(), "{}", tier.name());
            assert!(tier.stored(&key(1))[0].head.is_soft_purged(), "{}", tier.name());
        }
    }
    assert_eq!(find(&disk, 1).unwrap().head.headers, entry.head.headers);
    work(&disk);
    drop(disk);
    assert!(find(&still(&dir, 1 << 20), 1).unwrap().head.is_soft_purged(), "after a restart");
}

#[test]
fn a_purge_of_a_key_removes_and_syncs_what_is_its_own_and_nothing_where_there_is_nothing() {
    let dir = TempDir::new().unwrap();
    let medium = Arc::new(Noting::default());
    let config = Config::new(dir.path(), 3 * 4096);
    let disk = Disk::open_on(config, Arc::clone(&medium) as Arc<dyn Medium>).unwrap();
    scan::ensure_all(&disk.shared);
    for name in 0..3 {
        put(&disk, name, 10);
    }
    work(&disk);
    for name in 3..5 {
        put(&disk, name, 10);
    }
    assert_eq!((disk.usage().evictions, files(&dir).len()), (2, 3), "evicted, not removed yet");
    medium.opened();
    for name in [3, 9] {
        disk.purge(Purge::Key(&key(name)), false);
        assert_eq!((files(&dir).len(), medium.opened()), (3, Vec::new()), "{name} has no file");
    }
    for (left, name) in [(2, 0), (1, 2)] {
        disk.purge(Purge::Key(&key(name)), false);
        assert_eq!(medium.opened(), [path(&disk, name).parent().unwrap()]);
        assert_eq!((files(&dir).len(), path(&disk, name).exists()), (left, false));
    }
    assert!(path(&disk, 1).exists(), "another's evicted file is left to the writer");
    work(&disk);
    assert_eq!(files(&dir), [path(&disk, 4)]);
}
