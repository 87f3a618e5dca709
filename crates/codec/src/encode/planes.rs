//! RGB to the planes of a lossy WebP or an AVIF: brightness for every pixel, colour for every four (BT.601).
//!
//! Four pixels share their colour, so that beside an edge each has some of the other side's, and is too bright or too dark
//! by it. What a viewer will see is known here: so each pixel's brightness is corrected by what its light is off, once, with
//! the square of a sample for its light. libwebp's `sharp_yuv` does the same in several rounds of tables, for 50 ms of a
//! megapixel where this takes 3; either raises SSIMULACRA2 by more than a point at the same bytes.
//!
//! Of WebP opaque pixels only: libwebp writes into planes that have alpha. docs/decisions/pixels.md has the measurements.

/// How a sample of a plane is stored.
pub(super) trait Stored: Copy + Default {
    /// What black and white are stored as.
    const RANGE: (f32, f32);
    /// What is added for a step of brightness, of 255.
    const LUMA: f32;
    /// What no colour is stored as.
    const NEUTRAL: f32;
    /// What is added for a step of colour, of 255.
    const CHROMA: f32;

    /// The nearest whole number of a small positive one: after adding 1.5 * 2^23 it is what the lowest bits hold, which costs
    /// less than a cast that must know what to do with any other.
    fn rounded(value: f32) -> Self;

    fn value(self) -> f32;
}

/// Eight bits, of which some are left free at both ends, as WebP has it.
impl Stored for u8 {
    const RANGE: (f32, f32) = (16.0, 235.0);
    const LUMA: f32 = 219.0 / 255.0;
    const NEUTRAL: f32 = 128.0;
    const CHROMA: f32 = 224.0 / 255.0;

    fn rounded(value: f32) -> Self {
        (value + 12_582_912.0).to_bits() as Self
    }

    fn value(self) -> f32 {
        f32::from(self)
    }
}

/// Ten bits, all of them used, as we write AVIF.
impl Stored for u16 {
    const RANGE: (f32, f32) = (0.0, 1023.0);
    const LUMA: f32 = 1023.0 / 255.0;
    const NEUTRAL: f32 = 512.0;
    const CHROMA: f32 = 1023.0 / 255.0;

    fn rounded(value: f32) -> Self {
        // Pure red and pure blue are half a step beyond the last.
        (min(value, 1023.0) + 12_582_912.0).to_bits() as Self
    }

    fn value(self) -> f32 {
        f32::from(self)
    }
}

/// The planes of one image, without padding; both of colour have half the width and half the height, rounded up.
#[derive(Debug)]
pub(super) struct Planes<S> {
    pub(super) width: usize,
    pub(super) y: Vec<S>,
    pub(super) u: Vec<S>,
    pub(super) v: Vec<S>,
}

impl<S: Stored> Planes<S> {
    /// Converts `N` bytes a pixel, of which the first three are red, green and blue.
    pub(super) fn new<const N: usize>(samples: &[u8], width: u32) -> Self {
        let width = width as usize;
        let rows: Vec<&[[u8; N]]> = samples.as_chunks().0.chunks_exact(width).collect();
        let (across, down) = (width.div_ceil(2), rows.len().div_ceil(2));
        let mut planes = Self {
            width,
            y: vec![S::default(); width * rows.len()],
            u: vec![S::default(); across * down],
            v: vec![S::default(); across * down],
        };
        // The pair of rows that is read, and the one above it, which waits for the colours below it.
        let (mut pair, mut above) = (Pair::new(across), Pair::new(across));
        let mut around = Around::new(across);
        let mut sums = [(); 3].map(|()| vec![0.0; across]);
        for (at, two) in rows.chunks(2).enumerate() {
            std::mem::swap(&mut pair, &mut above);
            pair.top.read(two[0]);
            pair.bottom.read(two[two.len() - 1]);
            let row = at * across..(at + 1) * across;
            pair.colours(&mut sums, (&mut planes.u[row.clone()], &mut planes.v[row]));
            if at > 0 {
                planes.correct(&above, at - 1, &mut around);
            }
        }
        planes.correct(&pair, down - 1, &mut around);
        planes
    }

    /// Writes the brightness of the pair of rows `at`, whose colours and those around it are known.
    fn correct(&mut self, pair: &Pair, at: usize, around: &mut Around<S>) {
        let across = self.width.div_ceil(2);
        let last = self.u.len() / across - 1;
        let rows = self.y.chunks_exact_mut(self.width).skip(2 * at);
        let lines = [(&pair.top, at.saturating_sub(1)), (&pair.bottom, (at + 1).min(last))];
        for (y, (line, far)) in rows.zip(lines) {
            let [near, far] = [at, far].map(|row| row * across..(row + 1) * across);
            around.cb.fill(&self.u[near.clone()], &self.u[far.clone()]);
            around.cr.fill(&self.v[near], &self.v[far]);
            line.even.luma((&around.cb.even, &around.cr.even), &mut around.even);
            line.odd.luma((&around.cb.odd, &around.cr.odd), &mut around.odd);
            let (twos, one) = y.as_chunks_mut::<2>();
            for ((to, even), odd) in twos.iter_mut().zip(&around.even).zip(&around.odd) {
                *to = [*even, *odd];
            }
            one.iter_mut().for_each(|to| *to = around.even[across - 1]);
        }
    }
}

/// Every second pixel of a row, channel by channel, which is how a processor takes many at a time.
#[derive(Debug)]
struct Half {
    red: Vec<u8>,
    green: Vec<u8>,
    blue: Vec<u8>,
}

impl Half {
    fn new(length: usize) -> Self {
        Self { red: vec![0; length], green: vec![0; length], blue: vec![0; length] }
    }

    fn read<const N: usize>(&mut self, pixels: impl Iterator<Item = [u8; N]>) {
        let colours = self.red.iter_mut().zip(&mut self.green).zip(&mut self.blue);
        for (((red, green), blue), pixel) in colours.zip(pixels) {
            (*red, *green, *blue) = (pixel[0], pixel[1], pixel[2]);
        }
    }

    fn end<const N: usize>(&mut self, pixel: &[u8; N]) {
        for (row, &sample) in [&mut self.red, &mut self.green, &mut self.blue].into_iter().zip(pixel) {
            row.last_mut().into_iter().for_each(|last| *last = sample);
        }
    }

    /// The brightness that gives each pixel its light, with the colours that it will be shown in.
    fn luma<S: Stored>(&self, (cb, cr): (&[f32], &[f32]), into: &mut [S]) {
        let pixels = self.red.iter().zip(&self.green).zip(&self.blue).zip(cb.iter().zip(cr));
        for (to, (((&red, &green), &blue), (&cb, &cr))) in into.iter_mut().zip(pixels) {
            let [red, green, blue] = [red, green, blue].map(f32::from);
            let grey = luma(red, green, blue);
            // Shown, the pixel is grey plus [1.402 cr, -0.344 cb - 0.714 cr, 1.772 cb]: the light of that, multiplied out.
            let first = -0.212_68 * cr - 0.118_19 * cb;
            let second = 0.782_632 * cr * cr + 0.311_408 * cb * cb + 0.351_536 * cb * cr;
            let light = 0.2126 * red * red + 0.7152 * green * green + 0.0722 * blue * blue;
            let off = light - (grey * (grey + 2.0 * first) + second);
            // What a step of brightness adds to the light; near black it would be next to nothing.
            let step = 2.0 * max(grey + first, 8.0);
            let stored = S::RANGE.0 + S::LUMA * (grey + off / step);
            *to = S::rounded(min(max(stored, S::RANGE.0), S::RANGE.1));
        }
    }
}

fn luma(red: f32, green: f32, blue: f32) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// A row, its even and its odd pixels apart; a last pixel that has no neighbour is its own.
#[derive(Debug)]
struct Line {
    even: Half,
    odd: Half,
}

impl Line {
    fn read<const N: usize>(&mut self, row: &[[u8; N]]) {
        let (twos, one) = row.as_chunks::<2>();
        self.even.read(twos.iter().map(|two| two[0]));
        self.odd.read(twos.iter().map(|two| two[1]));
        if let [one] = one {
            self.even.end(one);
            self.odd.end(one);
        }
    }
}

/// Two rows that share their colours.
#[derive(Debug)]
struct Pair {
    top: Line,
    bottom: Line,
}

impl Pair {
    fn new(across: usize) -> Self {
        let line = || Line { even: Half::new(across), odd: Half::new(across) };
        Self { top: line(), bottom: line() }
    }

    /// Writes a row of each plane of colours: the mean of four pixels.
    fn colours<S: Stored>(&self, sums: &mut [Vec<f32>; 3], (u, v): (&mut [S], &mut [S])) {
        let [reds, greens, blues] = sums;
        self.add(|half| &half.red, reds);
        self.add(|half| &half.green, greens);
        self.add(|half| &half.blue, blues);
        let (cb, cr) = (S::CHROMA / (4.0 * 1.772), S::CHROMA / (4.0 * 1.402));
        // Each is a loop of its own, because a compiler that has to watch more rows than a few gives up.
        for (to, ((&red, &green), &blue)) in u.iter_mut().zip(reds.iter().zip(&*greens).zip(&*blues)) {
            *to = S::rounded(cb * (blue - luma(red, green, blue)) + S::NEUTRAL);
        }
        for (to, ((&red, &green), &blue)) in v.iter_mut().zip(reds.iter().zip(&*greens).zip(&*blues)) {
            *to = S::rounded(cr * (red - luma(red, green, blue)) + S::NEUTRAL);
        }
    }

    /// Adds up a channel of four pixels.
    fn add(&self, channel: fn(&Half) -> &Vec<u8>, sums: &mut [f32]) {
        let [a, b, c, d] = [&self.top.even, &self.top.odd, &self.bottom.even, &self.bottom.odd].map(channel);
        let four = a.iter().zip(b).zip(c.iter().zip(d));
        for (sum, ((&a, &b), (&c, &d))) in sums.iter_mut().zip(four) {
            *sum = f32::from(u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d));
        }
    }
}

/// What is needed around a row of brightness.
struct Around<S> {
    cb: Colours,
    cr: Colours,
    even: Vec<S>,
    odd: Vec<S>,
}

impl<S: Stored> Around<S> {
    fn new(across: usize) -> Self {
        let colours = || Colours { weighed: vec![0.0; across], even: vec![0.0; across], odd: vec![0.0; across] };
        let samples = || vec![S::default(); across];
        Self { cb: colours(), cr: colours(), even: samples(), odd: samples() }
    }
}

/// Colours of a row of pixels as a decoder makes them from a plane: by three quarters of the nearest, both ways.
struct Colours {
    weighed: Vec<f32>,
    even: Vec<f32>,
    odd: Vec<f32>,
}

impl Colours {
    fn fill<S: Stored>(&mut self, near: &[S], far: &[S]) {
        let factor = 1.0 / (16.0 * S::CHROMA);
        for ((to, &near), &far) in self.weighed.iter_mut().zip(near).zip(far) {
            *to = (3.0 * near.value() + far.value() - 4.0 * S::NEUTRAL) * factor;
        }
        let weighed = &self.weighed[..];
        let last = weighed.len() - 1;
        self.even[0] = 4.0 * weighed[0];
        for ((to, &at), &before) in self.even[1..].iter_mut().zip(&weighed[1..]).zip(weighed) {
            *to = 3.0 * at + before;
        }
        for ((to, &at), &after) in self.odd.iter_mut().zip(weighed).zip(&weighed[1..]) {
            *to = 3.0 * at + after;
        }
        self.odd[last] = 4.0 * weighed[last];
    }
}

/// Comparisons that are one instruction each; none of these numbers is ever none.
fn max(left: f32, right: f32) -> f32 {
    if left > right { left } else { right }
}

fn min(left: f32, right: f32) -> f32 {
    if left < right { left } else { right }
}

#[cfg(test)]
mod tests;
