//! One conversion: a file read, converted in memory, and put into its place in one step, so that no reader ever sees half
//! of it.

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use orbit_codec::{Effort, Limits, Signer, Terms};
use orbit_model::{Format, Variant};

use super::budget::Budget;
use super::plan::Pair;

/// Files of one's own are trusted with more than those of strangers.
const MAX_PIXELS: u64 = 100_000_000;
const MAX_BYTES: u64 = 256 << 20;

/// What all conversions of one command have in common.
pub(super) struct Work {
    pub(super) variant: Variant,
    pub(super) signer: Option<Signer>,
    pub(super) best: bool,
    pub(super) force: bool,
}

/// A file that was made.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Converted {
    pub(super) source_format: Format,
    pub(super) format: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) quality: u8,
    /// Bytes of the file that was read.
    pub(super) before: u64,
    /// Bytes of the file that was made.
    pub(super) after: u64,
    /// Milliseconds of the work, without the wait for memory.
    pub(super) ms: u64,
}

impl Work {
    /// Converts one file; the reason where it does not.
    pub(super) fn convert(&self, pair: &Pair, budget: &Budget) -> Result<Converted, String> {
        let limits = Limits { max_pixels: MAX_PIXELS, max_bytes: MAX_BYTES, ..Limits::default() };
        let length = fs::metadata(&pair.from).map_err(|error| error.to_string())?.len();
        if length > MAX_BYTES {
            return Err(format!("image too large: it has {length} bytes, and {MAX_BYTES} are accepted"));
        }
        let bytes = fs::read(&pair.from).map_err(|error| error.to_string())?;
        let probe = orbit_codec::probe(&bytes, &limits).map_err(|error| error.to_string())?;
        let _room = budget.take(orbit_codec::memory::estimate(&probe, Some(&self.variant)));
        let start = Instant::now();
        let effort = if self.best { Effort::Best } else { Effort::First };
        let terms = Terms { limits, effort, signer: self.signer.clone(), ..Terms::default() };
        // A decoder that gives up takes its own file with it, and no other.
        let rendered = catch_unwind(AssertUnwindSafe(|| orbit_codec::transform(&bytes, &self.variant, &terms)));
        let rendered = rendered.map_err(|_panic| "a fault of Orbit's: please report it with the file".to_owned())?;
        let rendered = rendered.map_err(|error| error.to_string())?;
        put(&pair.to, &rendered.bytes, self.force).map_err(|error| format!("{}: {error}", pair.to.display()))?;
        Ok(Converted {
            source_format: probe.format,
            format: rendered.format.map_or_else(|| "thumbhash".to_owned(), |format| format.to_string()),
            width: rendered.width,
            height: rendered.height,
            quality: rendered.quality,
            before: bytes.len() as u64,
            after: rendered.bytes.len() as u64,
            ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// Writes beside the place and moves it there: a name that is there in the meantime is kept, unless `force`.
fn put(path: &Path, bytes: &[u8], force: bool) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".orbit-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    if force {
        file.persist(path)?
    } else {
        file.persist_noclobber(path)?
    };
    Ok(())
}
