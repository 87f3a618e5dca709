//! The frames of a GIF, with the delays and loops that browsers give them.

use gif::{DisposalMethod, Frame as Stored, Repeat};

use super::{After, Frame, Moving};
use crate::pixels::{Layout, Pixels};
use crate::probe::{Probe, gif::frames};
use crate::steps::orient::Orientation;
use crate::{Error, Limits, decode};

/// A shorter delay is one that nobody meant: browsers take [`USUAL_DELAY`] instead, since the days of slow machines.
const SHORTEST_DELAY: u32 = 20;
const USUAL_DELAY: u32 = 100;

/// Opens a GIF for its whole frames: what is cut off at the end of a file is left out, as browsers do.
pub(super) fn open<'a>(bytes: &'a [u8], probe: Probe, limits: &Limits) -> Result<Moving<'a>, Error> {
    let mut decoder = decode::gif::open(bytes, probe, limits)?;
    let loops = match decoder.repeat() {
        Repeat::Infinite => 0,
        // The file says how often it plays again.
        Repeat::Finite(again) => again.saturating_add(1),
    };
    let icc = decoder.icc_profile().map(<[u8]>::to_vec);
    let mut index = 0;
    // Never more frames than were held against the limits.
    let frames = std::iter::from_fn(move || match decoder.read_next_frame() {
        Ok(stored) => {
            index += 1;
            stored.map(|stored| Ok(frame(stored, index == 1)))
        }
        Err(error) => Some(Err(decode::gif::refuse(error))),
    });
    let frames = frames.take(self::frames(bytes).count());
    Ok(Moving { frames: Box::new(frames), loops, icc, orientation: Orientation::default() })
}

fn frame(stored: &Stored<'_>, is_first: bool) -> Frame {
    let milliseconds = u32::from(stored.delay) * 10;
    let after = match stored.dispose {
        DisposalMethod::Any | DisposalMethod::Keep => After::Keep,
        DisposalMethod::Background => After::Clear,
        DisposalMethod::Previous if is_first => After::Clear,
        DisposalMethod::Previous => After::Restore,
    };
    let (width, height) = (stored.width.into(), stored.height.into());
    Frame {
        left: stored.left.into(),
        top: stored.top.into(),
        pixels: Pixels { width, height, layout: Layout::Rgba, samples: stored.buffer.to_vec() },
        blends: true,
        after,
        milliseconds: if milliseconds < SHORTEST_DELAY { USUAL_DELAY } else { milliseconds },
    }
}
