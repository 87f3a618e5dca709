//! Traces: requests in the order in which they came, to replay against caches.
//!
//! A trace is CSV with the header `time,id,size`, one request a line, plain or packed with gzip or xz: what hit-ratio work
//! uses, and what others can make of their own access logs. `commands::hit_ratio` reads them; `replay` asks the caches.

pub(crate) mod replay;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// What was asked for: a dense number, in order of first sight.
    pub(crate) id: u32,
    /// How many bytes it has, at least one.
    pub(crate) size: u32,
}

/// A whole trace.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The file's name without its endings.
    pub(crate) name: String,
    pub(crate) requests: Vec<Request>,
    /// How many objects there are.
    pub(crate) objects: usize,
    /// The bytes of all objects, each counted once.
    pub(crate) working_set: u64,
    /// The bytes of the largest object.
    pub(crate) largest: u32,
}

impl Trace {
    /// Reads a file; its name tells how it is packed.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let named = || path.display().to_string();
        let file = File::open(path).with_context(named)?;
        let unpacked: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
            Some("xz") => Box::new(liblzma::read::XzDecoder::new(file)),
            _ => Box::new(file),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split('.').next().unwrap_or_default();
        Self::parse(name, BufReader::new(unpacked)).with_context(named)
    }

    fn parse(name: &str, mut lines: impl BufRead) -> Result<Self> {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        ensure!(line.trim_end() == "time,id,size", "a trace starts with the line time,id,size");
        let mut trace = Self { name: name.to_owned(), requests: Vec::new(), objects: 0, working_set: 0, largest: 0 };
        let mut known: HashMap<u64, Request> = HashMap::new();
        for number in 2.. {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                break;
            }
            let (id, size) = parse_line(&line).with_context(|| format!("line {number}: {}", line.trim_end()))?;
            let next = u32::try_from(known.len())?;
            let request = *known.entry(id).or_insert(Request { id: next, size });
            trace.requests.push(request);
        }
        if trace.requests.is_empty() {
            bail!("the trace has no requests");
        }
        trace.objects = known.len();
        trace.working_set = known.values().map(|request| u64::from(request.size)).sum();
        trace.largest = known.values().map(|request| request.size).max().unwrap_or(0);
        Ok(trace)
    }
}

/// The id and the size; an object keeps the size that it was first seen with.
fn parse_line(line: &str) -> Result<(u64, u32)> {
    let mut cells = line.trim_end().split(',');
    let (Some(_), Some(id), Some(size), None) = (cells.next(), cells.next(), cells.next(), cells.next()) else {
        bail!("a line has three cells");
    };
    let id = id.parse().context("an id is a whole number")?;
    let size: u32 = size.parse().context("a size is a number of bytes under 4 GiB")?;
    Ok((id, size.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_counts_each_object_once_in_its_working_set() {
        let text = "time,id,size\n0.5,70,100\n1,9,50\n2,70,100\n";
        let trace = Trace::parse("sample", text.as_bytes()).unwrap();
        let ids: Vec<u32> = trace.requests.iter().map(|request| request.id).collect();
        assert_eq!(ids, [0, 1, 0]);
        assert_eq!((trace.objects, trace.working_set, trace.largest), (2, 150, 100));
    }

    #[test]
    fn a_file_is_unpacked_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.csv.gz");
        let mut packed = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"time,id,size\n0,1,10\n").unwrap();
        packed.finish().unwrap();
        let trace = Trace::read(&path).unwrap();
        assert_eq!((trace.name.as_str(), trace.requests.len()), ("web", 1));
    }

    #[test]
    fn what_is_no_trace_is_refused_with_its_line() {
        for text in ["", "id,size\n1,2\n", "time,id,size\n", "time,id,size\n1,2\n", "time,id,size\n1,x,3\n"] {
            assert!(Trace::parse("bad", text.as_bytes()).is_err(), "{text:?}");
        }
        let error = Trace::parse("bad", "time,id,size\n0,1,1\n0,1\n".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
