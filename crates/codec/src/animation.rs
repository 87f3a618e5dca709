//! Animations that keep their frames: GIF and animated WebP in, animated WebP out.
//!
//! 1. `gif`, `webp`: the frames, counted and measured before any is decoded, then decoded one at a time.
//! 2. `canvas`: each laid onto what the ones before it left.
//! 3. The steps of [`crate::transform()`]: upright, in sRGB, resized.
//! 4. `write`: encoded against the one before, by libwebp; always in sRGB. Label and signature are those of
//!    [`crate::transform()`].
//!
//! No more than one frame of the source is held at a time, however many there are. [`crate::Stop`] is asked between them.

mod canvas;
mod gif;
mod webp;
mod write;

use orbit_model::variant::{Gamut, Quality as Asked};
use orbit_model::{Format, Variant};

use self::canvas::Canvas;
use crate::decode::Decoded;
use crate::label::Label;
use crate::pixels::Pixels;
use crate::probe::{self, Probe};
use crate::provenance::Descent;
use crate::steps::orient::Orientation;
use crate::steps::resize::{self, geometry::Geometry};
use crate::transform::{Rendered, Terms};
use crate::{Error, Limits, Quality, ingest, quality};

/// What comes out of a source that moves.
struct Moving<'a> {
    frames: Box<dyn Iterator<Item = Result<Frame, Error>> + 'a>,
    /// How often it plays; 0 is without end.
    loops: u16,
    icc: Option<Vec<u8>>,
    orientation: Orientation,
}

/// A part of the canvas, and how it comes and goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    left: u32,
    top: u32,
    /// RGBA.
    pixels: Pixels,
    /// Whether it is laid over what was there, and does not take its place.
    blends: bool,
    after: After,
    milliseconds: u32,
}

/// What becomes of a frame's place before the next one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Keep,
    Clear,
    /// It shows again what it showed before the frame.
    Restore,
}

/// Whether the bytes hold more than one frame, none of them cut off.
pub(crate) fn is_animated(bytes: &[u8], probe: Probe) -> bool {
    match probe.format {
        Format::Gif => probe::gif::frames(bytes).nth(1).is_some(),
        Format::Webp => probe::riff::frames(bytes).nth(1).is_some_and(|frame| frame.is_ok()),
        Format::Png | Format::Jpeg | Format::Avif => false,
    }
}

/// Derives an animated rendition of a resolved variant.
pub(crate) fn transform(bytes: &[u8], variant: &Variant, probe: Probe, terms: &Terms) -> Result<Rendered, Error> {
    terms.stop.check()?;
    let source = Source { bytes, variant, probe, terms };
    source.check()?;
    let most = match variant.quality {
        Some(Asked::Fixed(value)) => Quality::new(value).unwrap_or_default(),
        Some(Asked::Auto) | None => source.quality_by_eye()?,
    };
    let label = Label { mark: terms.mark, gamut: Gamut::Srgb };
    let descent = Descent { source: bytes, format: probe.format, geometry: Some(source.geometry()?) };
    let (bytes, quality) = match variant.max_bytes {
        None => (source.render(most)?, most),
        Some(max_bytes) => {
            let beside = label.max_bytes() + descent.max_bytes(Format::Webp, terms)?;
            quality::within(max_bytes.saturating_sub(beside), most, |quality| source.render(quality))?
        }
    };
    let bytes = descent.sign(label.write(bytes, Format::Webp)?, Format::Webp, terms)?;
    let (width, height) = probe::riff::size(&bytes)
        .ok_or_else(|| Error::Internal(String::from("the animation that was written has no size")))?;
    Ok(Rendered { format: Some(Format::Webp), width, height, quality: quality.get(), bytes })
}

/// An animation, and what is to be made of it.
struct Source<'a> {
    bytes: &'a [u8],
    variant: &'a Variant,
    probe: Probe,
    terms: &'a Terms,
}

impl Source<'_> {
    /// Holds number and size of the frames against the limits, from their headers.
    fn check(&self) -> Result<(), Error> {
        let canvas = (self.probe.width, self.probe.height);
        match self.probe.format {
            Format::Gif => self.terms.limits.check_frames(canvas, probe::gif::frames(self.bytes)),
            _ => {
                let whole = probe::riff::frames(self.bytes).map_while(Result::ok);
                self.terms.limits.check_frames(canvas, whole.map(|frame| (frame.width, frame.height)))
            }
        }
    }

    fn open(&self) -> Result<Moving<'_>, Error> {
        match self.probe.format {
            Format::Gif => gif::open(self.bytes, self.probe, &self.terms.limits),
            _ => Ok(webp::open(self.bytes, self.probe, &self.terms.limits)),
        }
    }

    /// How each frame is laid out.
    fn geometry(&self) -> Result<Geometry, Error> {
        let upright = self.open()?.orientation.upright((self.probe.width, self.probe.height));
        Geometry::new(upright, self.variant, &Limits::default())
    }

    /// Hands over each frame as it shows, finished, with its milliseconds; `each` says whether to go on.
    fn show(&self, moving: Moving<'_>, mut each: impl FnMut(Pixels, u32) -> Result<bool, Error>) -> Result<(), Error> {
        let Moving { frames, icc, orientation, .. } = moving;
        let mut canvas = Canvas::new(self.probe.width, self.probe.height)?;
        for frame in frames {
            let frame = frame?;
            self.terms.stop.check()?;
            let pixels = canvas.lay(&frame).clone();
            let shown = ingest::upright(Decoded { pixels, icc: icc.clone(), orientation });
            let resized = resize::resize(shown, self.variant)?;
            self.terms.stop.check()?;
            if !each(resized, frame.milliseconds)? {
                break;
            }
        }
        Ok(())
    }

    fn render(&self, quality: Quality) -> Result<Vec<u8>, Error> {
        let moving = self.open()?;
        let mut writer = write::Writer::new(quality, self.terms.effort, moving.loops);
        self.show(moving, |pixels, milliseconds| writer.add(&pixels, milliseconds).map(|()| true))?;
        writer.finish()
    }

    /// The quality that the first frame needs holds for all.
    fn quality_by_eye(&self) -> Result<Quality, Error> {
        let mut found = Quality::default();
        self.show(self.open()?, |pixels, _| {
            (_, found) = quality::by_eye(&pixels, Format::Webp, None, self.terms)?;
            Ok(false)
        })?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
