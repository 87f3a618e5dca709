//! The tables and headers in front of a scan (ITU-T T.81, annex B), for the one kind of JPEG that is decoded scaled.
//!
//! Baseline or extended sequential, Huffman codes, grey or YCbCr, all in one scan: what cameras and most programs write. For
//! anything else it is `None`.

use super::huffman::Table;

/// The scan, and all that is needed to read it.
pub(super) struct Frame<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
    pub(super) quantizers: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
    /// Units of the scan between two restarts; 0 is none.
    pub(super) restart: usize,
    pub(super) scan: &'a [u8],
}

/// A component as frame and scan describe it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    id: u8,
    /// Blocks of one unit of the scan, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) quantizer: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

impl<'a> Frame<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut frame = Self {
            width: 0,
            height: 0,
            components: Vec::new(),
            quantizers: [None; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart: 0,
            scan: &[],
        };
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
        loop {
            let [0xff, marker, high, low, ..] = *rest else { return None };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let segment = rest.get(4..length.checked_add(2)?)?;
            rest = &rest[length + 2..];
            match marker {
                0xc0 | 0xc1 => frame.read_frame(segment)?,
                0xc4 => frame.read_codes(segment)?,
                0xdb => frame.read_quantizers(segment)?,
                0xdd => frame.restart = u16::from_be_bytes(*segment.first_chunk()?).into(),
                0xda => {
                    frame.read_scan(segment)?;
                    frame.scan = rest;
                    return Some(frame);
                }
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let [8, h1, h0, w1, w0, count, components @ ..] = segment else { return None };
        self.width = u16::from_be_bytes([*w1, *w0]).into();
        self.height = u16::from_be_bytes([*h1, *h0]).into();
        let (components, []) = components.as_chunks::<3>() else { return None };
        let known = matches!(count, 1 | 3) && usize::from(*count) == components.len();
        if !known || !self.components.is_empty() || self.width == 0 || self.height == 0 {
            return None;
        }
        for &[id, sampling, quantizer] in components {
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !matches!((across, down, quantizer), (1..=2, 1..=2, 0..=3)) {
                return None;
            }
            self.components.push(Component { id, across, down, quantizer: quantizer.into(), dc: 0, ac: 0 });
        }
        // The only component is never interleaved, so that its unit is one block (T.81, A.2.2).
        if let [only] = &mut *self.components {
            (only.across, only.down) = (1, 1);
        }
        Some(())
    }

    fn read_codes(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let table;
            (table, segment) = Table::read(rest)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15))? = Some(table);
        }
        Some(())
    }

    fn read_quantizers(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind @ 0..=3, rest @ ..] = segment {
            let (table, rest) = rest.split_first_chunk::<64>()?;
            self.quantizers[usize::from(*kind)] = Some(table.map(u16::from));
            segment = rest;
        }
        segment.is_empty().then_some(())
    }

    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let [count, rest @ ..] = segment else { return None };
        let (listed, [0, 63, 0]) = rest.split_at_checked(usize::from(*count) * 2)? else { return None };
        if self.components.is_empty() || usize::from(*count) != self.components.len() {
            return None;
        }
        for (component, listed) in self.components.iter_mut().zip(listed.as_chunks::<2>().0) {
            let &[id, tables] = listed;
            if id != component.id {
                return None;
            }
            (component.dc, component.ac) = (usize::from(tables >> 4) & 3, usize::from(tables & 3));
        }
        Some(())
    }
}
