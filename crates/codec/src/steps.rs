//! What is done to pixels between reading and writing them.
//!
//! Each step takes pixels and gives pixels; [`crate::encode()`] says the order.

pub(crate) mod colour;
pub(crate) mod orient;
