//! What is done to pixels between reading and writing them.
//!
//! Each step takes pixels and gives pixels; the crate's verbs say the order.

pub(crate) mod colour;
pub(crate) mod orient;
pub(crate) mod resize;
