//! The picture that frames are laid onto, and what each leaves behind.
//!
//! GIF and WebP differ in words only: a frame has a place, blends or replaces, and is kept, cleared or undone before the
//! next one comes (GIF89a, section 23; RFC 9649, section 2.7.1.1). Bare canvas is transparent, as browsers have it, whatever
//! background colour the file names.

use super::{After, Frame};
use crate::Error;
use crate::pixels::{Layout, Pixels};

const RGBA: usize = 4;

pub(super) struct Canvas {
    pixels: Pixels,
    undo: Undo,
}

/// What is to be done before the next frame is laid.
enum Undo {
    Nothing,
    Clear(Place),
    Restore(Place, Vec<u8>),
}

/// The part of a frame that lies on the canvas.
#[derive(Debug, Clone, Copy)]
struct Place {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Result<Self, Error> {
        Ok(Self { pixels: Pixels::zeroed(width, height, Layout::Rgba)?, undo: Undo::Nothing })
    }

    /// Lays a frame and gives what shows then.
    pub(super) fn lay(&mut self, frame: &Frame) -> &Pixels {
        match std::mem::replace(&mut self.undo, Undo::Nothing) {
            Undo::Nothing => {}
            Undo::Clear(place) => self.rows(place).for_each(|row| row.fill(0)),
            Undo::Restore(place, before) => {
                let before = before.chunks_exact((place.width * RGBA).max(1));
                self.rows(place).zip(before).for_each(|(row, before)| row.copy_from_slice(before));
            }
        }
        let place = self.place(frame);
        self.undo = match frame.after {
            After::Keep => Undo::Nothing,
            After::Clear => Undo::Clear(place),
            After::Restore => Undo::Restore(place, self.rows(place).flat_map(|row| row.to_vec()).collect()),
        };
        let rows = frame.pixels.samples.chunks_exact((frame.pixels.width as usize * RGBA).max(1));
        for (to, from) in self.rows(place).zip(rows) {
            let from = &from[..to.len()];
            if frame.blends {
                let pixels = to.as_chunks_mut::<RGBA>().0.iter_mut().zip(from.as_chunks::<RGBA>().0);
                pixels.for_each(|(to, from)| *to = over(*from, *to));
            } else {
                to.copy_from_slice(from);
            }
        }
        &self.pixels
    }

    fn place(&self, frame: &Frame) -> Place {
        let clip = |start: u32, length: u32, end: u32| {
            (start.min(end) as usize, length.min(end.saturating_sub(start)) as usize)
        };
        let (left, width) = clip(frame.left, frame.pixels.width, self.pixels.width);
        let (top, height) = clip(frame.top, frame.pixels.height, self.pixels.height);
        Place { left, top, width, height }
    }

    fn rows(&mut self, place: Place) -> impl Iterator<Item = &mut [u8]> {
        let stride = self.pixels.width as usize * RGBA;
        let rows = self.pixels.samples.chunks_exact_mut(stride).skip(place.top).take(place.height);
        rows.map(move |row| &mut row[place.left * RGBA..][..place.width * RGBA])
    }
}

/// One pixel over another, both with straight alpha.
fn over(from: [u8; RGBA], to: [u8; RGBA]) -> [u8; RGBA] {
    let (above, below) = (u32::from(from[3]), u32::from(to[3]));
    match (above, below) {
        (255, _) | (_, 0) => return from,
        (0, _) => return to,
        _ => {}
    }
    // In 255ths of 255ths, so that nothing is rounded before the end.
    let (above, below) = (above * 255, below * (255 - above));
    let alpha = above + below;
    let mix = |index: usize| {
        let sum = u32::from(from[index]) * above + u32::from(to[index]) * below;
        u8::try_from((sum + alpha / 2) / alpha).unwrap_or(u8::MAX)
    };
    [mix(0), mix(1), mix(2), u8::try_from((alpha + 127) / 255).unwrap_or(u8::MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const BARE: [u8; 4] = [0; 4];

    fn frame(left: u32, width: u32, colour: [u8; 4], after: After) -> Frame {
        let pixels = Pixels { width, height: 1, layout: Layout::Rgba, samples: colour.repeat(width as usize) };
        Frame { left, top: 0, pixels, blends: true, after, milliseconds: 0 }
    }

    fn shows(canvas: &mut Canvas, frame: &Frame, expected: [[u8; 4]; 3]) {
        assert_eq!(canvas.lay(frame).samples.as_chunks::<4>().0, expected);
    }

    #[test]
    fn a_frame_is_kept_cleared_or_undone_as_it_says() {
        let mut canvas = Canvas::new(3, 1).unwrap();
        shows(&mut canvas, &frame(0, 3, RED, After::Keep), [RED; 3]);
        shows(&mut canvas, &frame(1, 1, BLUE, After::Restore), [RED, BLUE, RED]);
        shows(&mut canvas, &frame(0, 1, BLUE, After::Clear), [BLUE, RED, RED]);
        shows(&mut canvas, &frame(2, 1, BARE, After::Keep), [BARE, RED, RED]);
    }

    #[test]
    fn what_lies_outside_the_canvas_is_cut_off() {
        let mut canvas = Canvas::new(3, 1).unwrap();
        shows(&mut canvas, &frame(2, 9, RED, After::Restore), [BARE, BARE, RED]);
        shows(&mut canvas, &frame(3, 9, RED, After::Restore), [BARE; 3]);
        shows(&mut canvas, &frame(u32::MAX, 1, RED, After::Clear), [BARE; 3]);
    }

    #[test]
    fn a_frame_that_does_not_blend_takes_its_place() {
        let mut canvas = Canvas::new(3, 1).unwrap();
        canvas.lay(&frame(0, 3, RED, After::Keep));
        let bare = Frame { blends: false, ..frame(1, 1, BARE, After::Keep) };
        shows(&mut canvas, &bare, [RED, BARE, RED]);
    }

    #[test]
    fn half_over_half_is_three_quarters() {
        assert_eq!(over([255, 0, 0, 128], [0, 0, 255, 128]), [170, 0, 85, 192]);
        assert_eq!(over([255, 0, 0, 128], BLUE), [128, 0, 127, 255]);
        assert_eq!(over([9, 9, 9, 0], BLUE), BLUE);
    }
}
