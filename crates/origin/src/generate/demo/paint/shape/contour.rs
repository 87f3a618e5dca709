//! Level sets of a height field: the sheets of a paper cut, the lines of a map. The field is sampled once on a grid;
//! each contour then costs an interpolation a pixel.

use std::rc::Rc;

use super::super::geometry::{Bounds, Frame, Point};
use super::super::noise::lerp;
use super::{Columns, Shape};

/// Heights on a grid over the frame and a margin around it.
pub(in super::super) struct Field {
    heights: Vec<f32>,
    /// The length over which the height changes by one: what turns a difference of heights into a distance.
    lengths: Vec<f32>,
    columns: usize,
    lines: usize,
}

impl Field {
    /// Grid steps in a unit: fine enough that the straight pieces of a contour are a few pixels long.
    const DENSITY: f32 = 96.0;
    /// How far the grid goes beyond the frame, so that a shifted contour still finds heights there.
    const MARGIN: f32 = 0.05;
    /// The gentlest slope that is told from level ground.
    const LEVEL: f32 = 0.05;

    /// The field whose height at a point is `height`.
    pub(in super::super) fn new(frame: Frame, height: impl Fn(Point) -> f32) -> Self {
        let steps = |length: f32| ((length + 2.0 * Self::MARGIN) * Self::DENSITY) as usize + 2;
        let (columns, lines) = (steps(frame.width), steps(frame.height));
        let place = |index: usize, offset: f32| (index as f32 + offset) / Self::DENSITY - Self::MARGIN;
        let heights: Vec<f32> = (0..columns * lines)
            .map(|index| height(Point::new(place(index % columns, 0.0), place(index / columns, 0.0))))
            .collect();
        let length = |index: usize| {
            let neighbour = |step: usize| heights.get(index + step).or_else(|| heights.get(index.wrapping_sub(step)));
            let rise = |step| neighbour(step).map_or(0.0, |other| (other - heights[index]) * Self::DENSITY);
            1.0 / Point::new(rise(1), rise(columns)).length().max(Self::LEVEL)
        };
        let lengths = (0..heights.len()).map(length).collect();
        Self { heights, lengths, columns, lines }
    }

    /// The heights that cut the field into `parts` of equal area, from low to high.
    pub(in super::super) fn levels(&self, parts: usize) -> Vec<f32> {
        let mut sorted = self.heights.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let step = (sorted.len() / parts.max(1)).max(1);
        sorted.into_iter().step_by(step).take(parts).skip(1).collect()
    }
}

/// Where a field is higher than a level, or the line around that.
pub(in super::super) struct Contour {
    /// The heights, shared by all the contours of a picture.
    pub(in super::super) field: Rc<Field>,
    /// The height at the edge.
    pub(in super::super) level: f32,
    /// How far the shape is moved from where the field has it.
    pub(in super::super) shift: Point,
    /// Half the width of the line, where only the line is wanted.
    pub(in super::super) line: Option<f32>,
}

impl Contour {
    /// The signed distance of a point at `height`, where the height changes by one over `length`.
    fn distance(&self, height: f32, length: f32) -> f32 {
        let distance = (self.level - height) * length;
        self.line.map_or(distance, |half| distance.abs() - half)
    }
}

impl Shape for Contour {
    fn bounds(&self) -> Bounds {
        Bounds::EVERYWHERE
    }

    fn measure(&self, y: f32, columns: Columns, distances: &mut [f32]) {
        let field = &*self.field;
        let place = ((y - self.shift.y + Field::MARGIN) * Field::DENSITY).clamp(0.0, (field.lines - 2) as f32 + 0.999);
        let (start, down) = (place as usize * field.columns, place - place.floor());
        let node = |column: usize| {
            let (upper, lower) = (start + column, start + column + field.columns);
            let height = lerp(field.heights[upper], field.heights[lower], down);
            self.distance(height, lerp(field.lengths[upper], field.lengths[lower], down))
        };
        let first = (columns.first - self.shift.x + Field::MARGIN) * Field::DENSITY;
        let step = columns.step * Field::DENSITY;
        let last = field.columns - 2;
        let mut index = 0;
        // One cell of the grid at a time: the distance runs straight from its left side to its right.
        while index < distances.len() {
            let place = (first + index as f32 * step).max(0.0);
            let cell = (place as usize).min(last);
            let across = place - cell as f32;
            let count = if cell == last { distances.len() } else { ((1.0 - across) / step) as usize + 1 };
            let (left, right) = (node(cell), node(cell + 1));
            let (base, rise) = (lerp(left, right, across), (right - left) * step);
            let end = distances.len().min(index + count);
            for (offset, slot) in distances[index..end].iter_mut().enumerate() {
                *slot = base + rise * offset as f32;
            }
            index = end;
        }
    }
}
