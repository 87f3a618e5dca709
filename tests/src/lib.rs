//! Starts the real binary and tests what comes out of it: headers and bytes, never its insides.
//!
//! One file a behaviour, each test a sentence; `harness` starts, asks and stops. All of it is one test binary.
//!
//! - in and out: `upload`, `serve`, `list`, `edge_alone`, `generate`
//! - away, and never again: `purge`
//! - when things end badly: `crash`, `shutdown`, `limits`
//! - how clients connect, and those who dawdle: `connections`, `tls`
//! - who may: `access`
//! - the command line: `cli`

#[cfg(test)]
mod access;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod edge_alone;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod list;
#[cfg(test)]
mod purge;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod upload;
