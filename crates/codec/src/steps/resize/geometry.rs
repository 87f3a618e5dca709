//! Where the pixels of a rendition come from: sizes and rectangles, and not one pixel.
//!
//! [`crate::transform()`] works it out from the size of the upright image before anything is decoded, so that a JPEG need not be
//! decoded whole and that nothing is allocated which is over a limit.

use orbit_model::Variant;
use orbit_model::variant::{Fit, MAX_SIDE};

use crate::{Error, Limits};

/// Width and height in pixels.
pub(crate) type Size = (u32, u32);

/// A part of an image, in its pixels; it lies within the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How an image becomes a rendition: a part of it is scaled and laid into the middle of a canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Geometry {
    /// The size of the image that all the rest is about.
    pub(super) image: Size,
    /// The part of the image that is shown.
    pub(super) part: Rectangle,
    /// What that part is scaled to; no side is larger than the canvas's.
    pub(super) scaled: Size,
    /// The size of the result.
    pub(super) canvas: Size,
}

impl Geometry {
    /// The geometry of a resolved variant of an upright image.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the result is over a limit.
    pub(crate) fn new(image: Size, variant: &Variant, limits: &Limits) -> Result<Self, Error> {
        let geometry = match (variant.width, variant.height) {
            (None, None) => Self::whole(image, image),
            (Some(width), Some(height)) => {
                let fit = variant.fit.unwrap_or_default();
                Self::in_box(image, (width.max(1), height.max(1)), fit, variant.enlarge)
            }
            (width, height) => {
                let (width, height) = (width.unwrap_or(u32::MAX).max(1), height.unwrap_or(u32::MAX).max(1));
                Self::whole(image, inside(image, (width, height), variant.enlarge))
            }
        };
        geometry.check(limits)?;
        Ok(geometry)
    }

    fn whole(image: Size, scaled: Size) -> Self {
        let part = Rectangle { left: 0.0, top: 0.0, width: image.0.into(), height: image.1.into() };
        Self { image, part, scaled, canvas: scaled }
    }

    fn in_box(image: Size, bounds: Size, fit: Fit, enlarge: bool) -> Self {
        match fit {
            Fit::Inside => Self::whole(image, inside(image, bounds, enlarge)),
            Fit::Contain => Self { canvas: bounds, ..Self::whole(image, inside(image, bounds, enlarge)) },
            // A box that sticks out of the image shrinks until it does not, and keeps its shape.
            Fit::Cover if enlarge => Self::covering(image, bounds),
            Fit::Cover => Self::covering(image, inside(bounds, image, false)),
        }
    }

    /// The largest part of the image that has the box's shape, around the middle.
    fn covering(image: Size, bounds: Size) -> Self {
        let (width, height) = (f64::from(image.0), f64::from(image.1));
        let scale = (width / f64::from(bounds.0)).min(height / f64::from(bounds.1));
        let part = (f64::from(bounds.0) * scale, f64::from(bounds.1) * scale);
        let (part_width, part_height) = (part.0.min(width), part.1.min(height));
        let (mut left, mut top) = ((width - part_width) / 2.0, (height - part_height) / 2.0);
        // Where nothing is scaled, half a pixel would only blur.
        if scale == 1.0 {
            (left, top) = (left.floor(), top.floor());
        }
        let part = Rectangle { left, top, width: part_width, height: part_height };
        Self { image, part, scaled: bounds, canvas: bounds }
    }

    fn check(&self, limits: &Limits) -> Result<(), Error> {
        let (width, height) = self.canvas;
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > MAX_SIDE.min(limits.max_side) || pixels > limits.max_pixels {
            let reason = format!("it would become {width} x {height} pixels, which is over the limit; ask for fewer");
            return Err(Error::TooLarge(reason));
        }
        Ok(())
    }

    /// How many pixels of the image, along one side, become one of the result; below 1 where it is enlarged.
    pub(crate) fn factor(&self) -> f64 {
        (self.part.width / f64::from(self.scaled.0)).min(self.part.height / f64::from(self.scaled.1))
    }

    /// Whether the result is the image itself.
    pub(super) fn changes_nothing(&self) -> bool {
        *self == Self::whole(self.image, self.image)
    }

    /// What it does to an image, in the words of C2PA's actions.
    pub(crate) fn changes(self) -> Vec<&'static str> {
        let whole = Self::whole(self.image, self.scaled).part;
        let scaled = (f64::from(self.scaled.0), f64::from(self.scaled.1)) != (self.part.width, self.part.height);
        let changes = [
            (self.part != whole, "c2pa.cropped"),
            (scaled, "c2pa.resized"),
            // The canvas around it is no part of the image.
            (self.canvas != self.scaled, "c2pa.edited"),
        ];
        changes.into_iter().filter_map(|(done, name)| done.then_some(name)).collect()
    }

    /// The same result from an image that was decoded at another size.
    pub(super) fn of(self, decoded: Size) -> Self {
        if decoded == self.image {
            return self;
        }
        let across = f64::from(decoded.0) / f64::from(self.image.0);
        let down = f64::from(decoded.1) / f64::from(self.image.1);
        let (left, top) = (self.part.left * across, self.part.top * down);
        // Rounding must not carry the part over the edge.
        let width = (self.part.width * across).min(f64::from(decoded.0) - left);
        let height = (self.part.height * down).min(f64::from(decoded.1) - top);
        Self { image: decoded, part: Rectangle { left, top, width, height }, ..self }
    }
}

/// The largest size of the image's shape that fits into the box; without `enlarge` no larger than the image.
fn inside(image: Size, bounds: Size, enlarge: bool) -> Size {
    let across = f64::from(bounds.0) / f64::from(image.0);
    let down = f64::from(bounds.1) / f64::from(image.1);
    let mut scale = across.min(down);
    if !enlarge {
        scale = scale.min(1.0);
    }
    let side = |side: u32, most: u32| ((f64::from(side) * scale).round().max(1.0) as u32).min(most);
    (side(image.0, bounds.0), side(image.1, bounds.1))
}

#[cfg(test)]
mod tests;
