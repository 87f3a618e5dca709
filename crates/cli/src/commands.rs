//! One file a command: its flags, and what it does.

pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod edge;
pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod generate;
pub(crate) mod get;
pub(crate) mod ls;
pub(crate) mod meta;
pub(crate) mod origin;
pub(crate) mod purge;
pub(crate) mod put;
pub(crate) mod reindex;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod sync;
