//! JPEG at a half, a quarter or an eighth of its size: of each block, only the coefficients that make a difference.
//!
//! 1. `frame`: the headers, and whether it is of the kind that is read here.
//! 2. `huffman`: all coefficients have to be read, but few of them are kept.
//! 3. `inverse`: fewer pixels a block. Colour that is stored at half the size needs no enlarging.
//!
//! What is left out would be averaged as samples and not as light (see [`crate::steps::resize`]); where it is so much that it
//! shows, this gives up, as it does at whatever is unusual or damaged: `None` hands the file to the decoder that reads
//! everything and knows what to say of the rest.

mod frame;
mod huffman;
mod inverse;

use self::frame::{Component, Frame};
use self::huffman::{Bits, Table};
use self::inverse::{Block, BlockSize, Inverse, Waves};
use crate::pixels::{Layout, Pixels};
use crate::steps::resize::VISIBLE_LEVELS;

/// The natural place of each coefficient in the order in which they are stored (T.81, figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// Decodes to `eighths` (1, 2 or 4) of the size, rounded up; `None` where that is not for this decoder.
pub(super) fn decode(bytes: &[u8], size: (u32, u32), eighths: usize) -> Option<Pixels> {
    let frame = Frame::read(bytes)?;
    if (frame.width, frame.height) != (size.0 as usize, size.1 as usize) {
        return None;
    }
    let layout = if frame.components.len() == 1 { Layout::Grey } else { Layout::Rgb };
    let scaled = |side: usize| u32::try_from((side * eighths).div_ceil(8)).ok();
    let mut pixels = Pixels::zeroed(scaled(frame.width)?, scaled(frame.height)?, layout).ok()?;
    Scan::new(&frame, eighths)?.run(&mut pixels)?;
    Some(pixels)
}

/// One component while it is read: a row of units as pixels.
struct Plane<'a> {
    component: Component,
    block: BlockSize,
    inverse: Inverse,
    /// By the stored order: what a coefficient is multiplied by.
    quantizer: [f32; 64],
    /// By the stored order: whether a coefficient is kept.
    kept: [bool; 64],
    dc: &'a Table,
    ac: &'a Table,
    previous: i32,
    stride: usize,
    samples: Vec<u8>,
}

struct Scan<'a> {
    bits: Bits<'a>,
    restart: usize,
    units_across: usize,
    units_down: usize,
    planes: Vec<Plane<'a>>,
    waves: Waves,
    /// How much, squared and summed, the mean of the samples differs from that of the light in what is left out.
    hidden: f32,
    most_hidden: f32,
}

impl<'a> Scan<'a> {
    fn new(frame: &'a Frame<'a>, eighths: usize) -> Option<Self> {
        let across = frame.components.iter().map(|it| it.across).max()?;
        let down = frame.components.iter().map(|it| it.down).max()?;
        let units_across = frame.width.div_ceil(8 * across);
        let units_down = frame.height.div_ceil(8 * down);
        let plane = |component: &Component| {
            let block = (eighths * across / component.across, eighths * down / component.down);
            let stride = units_across * component.across * block.0;
            let quantizer = (*frame.quantizers.get(component.quantizer)?)?.map(f32::from);
            let kept = ZIGZAG.map(|at| usize::from(at % 8) < block.0 && usize::from(at / 8) < block.1);
            Some(Plane {
                component: *component,
                block,
                inverse: inverse::inverse(block)?,
                quantizer,
                kept,
                dc: frame.dc.get(component.dc)?.as_ref()?,
                ac: frame.ac.get(component.ac)?.as_ref()?,
                previous: 0,
                stride,
                samples: vec![0; stride * component.down * block.1],
            })
        };
        let planes: Vec<_> = frame.components.iter().map(plane).collect::<Option<_>>()?;
        // The first component has the light, and must not be stored smaller than the others.
        let first = planes.first().filter(|first| first.block == (eighths, eighths))?;
        let blocks = units_across * units_down * first.component.across * first.component.down;
        let most_hidden = VISIBLE_LEVELS as f32 * VISIBLE_LEVELS as f32 * blocks as f32;
        let bits = Bits::new(frame.scan);
        let (restart, waves) = (frame.restart, Waves::new());
        Some(Self { bits, restart, units_across, units_down, planes, waves, hidden: 0.0, most_hidden })
    }

    fn run(mut self, pixels: &mut Pixels) -> Option<()> {
        let rows = self.planes.first().map(|first| first.component.down * first.block.1)?;
        let row_bytes = pixels.width as usize * pixels.layout.channels();
        let mut units = 0;
        for rows in pixels.samples.chunks_mut(row_bytes * rows).take(self.units_down) {
            for column in 0..self.units_across {
                if self.restart > 0 && units > 0 && units % self.restart == 0 {
                    self.bits.restart((units / self.restart - 1) as u8 & 7)?;
                    self.planes.iter_mut().for_each(|plane| plane.previous = 0);
                }
                self.read_unit(column)?;
                units += 1;
            }
            if self.bits.is_overdrawn() || self.hidden > self.most_hidden {
                return None;
            }
            for (y, row) in rows.chunks_exact_mut(row_bytes).enumerate() {
                write_row(&self.planes, y, row);
            }
        }
        Some(())
    }

    fn read_unit(&mut self, column: usize) -> Option<()> {
        for (index, plane) in self.planes.iter_mut().enumerate() {
            let (across, (width, height)) = (plane.component.across, plane.block);
            for at in 0..across * plane.component.down {
                let mut block = Block { coefficients: [0.0; 64], rows: 1, columns: 1 };
                let left_out = plane.read_block(&mut self.bits, &mut block, index == 0)?;
                if index == 0 {
                    self.hidden += hidden(left_out, block.coefficients[0]);
                }
                let left = (column * across + at % across) * width;
                let top = at / across * height * plane.stride;
                (plane.inverse)(&self.waves, &block, &mut plane.samples[top + left..], plane.stride);
            }
        }
        Some(())
    }
}

/// The difference between the two means, squared, of a block whose left out coefficients have so much energy. Light grows with
/// the power 2.2 of the sample, so that the difference is 0.6 of the variance over the mean.
fn hidden(left_out: f32, dc: f32) -> f32 {
    let mean = (dc / 8.0 + 128.0).max(8.0);
    let levels = 0.6 * left_out / 64.0 / mean;
    levels * levels
}

impl Plane<'_> {
    /// Reads a block; gives the energy of what was left out, where that is asked for.
    #[inline]
    fn read_block(&mut self, bits: &mut Bits<'_>, block: &mut Block, weigh: bool) -> Option<f32> {
        bits.refill();
        let size = u32::from(self.dc.symbol(bits)?);
        if size > 11 {
            return None;
        }
        self.previous = self.previous.wrapping_add(bits.value(size));
        block.coefficients[0] = self.previous as f32 * self.quantizer[0];
        let (mut left_out, mut at) = (0.0, 1);
        while at < 64 {
            bits.refill();
            let symbol = self.ac.symbol(bits)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if run < 15 {
                    break;
                }
                at += 16;
                continue;
            }
            at += run;
            let kept = *self.kept.get(at)?;
            if !kept && !weigh {
                bits.skip(size);
                at += 1;
                continue;
            }
            let value = bits.value(size) as f32 * self.quantizer[at];
            if kept {
                let place = usize::from(ZIGZAG[at]);
                block.coefficients[place] = value;
                block.rows = block.rows.max(place / 8 + 1);
                block.columns = block.columns.max(place % 8 + 1);
            } else {
                left_out += value * value;
            }
            at += 1;
        }
        Some(left_out)
    }
}

/// One row of the image from the planes, all of which have it at the same size.
fn write_row(planes: &[Plane<'_>], y: usize, row: &mut [u8]) {
    let line = |plane: usize| planes.get(plane).map_or(&[][..], |it| &it.samples[y * it.stride..][..it.stride]);
    if planes.len() == 1 {
        row.copy_from_slice(&line(0)[..row.len()]);
        return;
    }
    let samples = line(0).iter().zip(line(1)).zip(line(2));
    for (pixel, ((y, cb), cr)) in row.as_chunks_mut().0.iter_mut().zip(samples) {
        *pixel = rgb(i32::from(*y), i32::from(*cb) - 128, i32::from(*cr) - 128);
    }
}

/// ITU-T T.871, section 7, in 16ths of a bit's power.
#[inline]
fn rgb(y: i32, cb: i32, cr: i32) -> [u8; 3] {
    let y = (y << 16) + (1 << 15);
    let channels = [y + 91_881 * cr, y - 22_554 * cb - 46_802 * cr, y + 116_130 * cb];
    channels.map(|channel| (channel >> 16).clamp(0, 255) as u8)
}
