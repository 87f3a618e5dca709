//! Starts the real binary and tests what comes out of it: headers and bytes, never its insides.
//!
//! One file a behaviour, each test a sentence; `harness` starts, asks and stops. All of it is one test binary.
//!
//! - in and out: `upload`, `serve`, `list`, `edge_alone`; by URL `fetch`
//! - what is generated: `generate`, `workflow`, `pending`, `restart`, `once`, `backends_generation`, `openai`; with OpenAI's libraries `openai_programs`
//! - what an image says of itself: `marks`, and to its owner alone: `privacy`; `signed`, with the feature `c2pa` and a binary that has it too
//! - the edge as a cache: `policy`, `parts`, `keys`, `variants_at_edge`, `told`; in a storm `coalesce`; where it is old or the origin fails `stale`
//! - the edge as a proxy: `pass`, `backends`; behind another one `through_nginx`
//! - in a bucket, where several origins keep the same images: `bucket`; from one place to another, and no more than is allowed: `storage`
//! - when things end badly: `crash`, `shutdown`, `limits`, `disk`, `full`
//! - among several origins on one Redis: `nodes`; their index, and when Redis is away: `shared_index`
//! - away, and never again: `purge`, `edge_purge`, `purge_log`, `purge_shared`; from caches of others too: `cdn`
//! - how clients connect, and those who dawdle: `connections`, `tls`
//! - who may: `access`; who looks on: `observe`
//! - the command line: `cli`, `convert`

#[cfg(test)]
mod access;
#[cfg(test)]
mod backends;
#[cfg(test)]
mod backends_generation;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod cdn;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod coalesce;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod edge_alone;
#[cfg(test)]
mod edge_purge;
#[cfg(test)]
mod fetch;
#[cfg(test)]
mod full;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod list;
#[cfg(test)]
mod marks;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod once;
#[cfg(test)]
mod openai;
#[cfg(test)]
mod openai_programs;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod pass;
#[cfg(test)]
mod pending;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod purge;
#[cfg(test)]
mod purge_log;
#[cfg(test)]
mod purge_shared;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod shared_index;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod stale;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod through_nginx;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod told;
#[cfg(test)]
mod upload;
#[cfg(test)]
mod variants;
#[cfg(test)]
mod variants_at_edge;
#[cfg(test)]
mod wires;
#[cfg(test)]
mod workflow;
