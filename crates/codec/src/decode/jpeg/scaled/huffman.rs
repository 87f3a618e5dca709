//! Bits and Huffman codes of a scan (ITU-T T.81, annexes C and F).
//!
//! A code of up to ten bits is one look into a table. Nothing here fails with a reason: `None` hands the file to the decoder
//! that reads everything.

const FAST_BITS: u32 = 10;
const EVERY_BYTE: u64 = 0x0101_0101_0101_0101;

/// The codes of one table.
pub(super) struct Table {
    /// Length in the upper byte, symbol in the lower; 0 where the code is longer.
    fast: Box<[u16; 1 << FAST_BITS]>,
    symbols: [u8; 256],
    /// By length, the first code of the next length, moved up to 16 bits.
    ends: [u32; 17],
    /// By length, what turns a code into the index of its symbol.
    offsets: [i32; 17],
}

impl Table {
    /// The table of a DHT segment: how many codes each length has, and their symbols; with what is left of the segment.
    pub(super) fn read(segment: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = segment.split_first_chunk::<16>()?;
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let (listed, rest) = rest.split_at_checked(total)?;
        let mut symbols = [0; 256];
        symbols.get_mut(..total)?.copy_from_slice(listed);
        let mut table = Self { fast: Box::new([0; 1 << FAST_BITS]), symbols, ends: [0; 17], offsets: [0; 17] };
        let (mut code, mut index) = (0_u32, 0);
        for (length, count) in (1..=16).zip(counts) {
            table.offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..*count {
                table.enter(code, length, symbols[index]);
                (code, index) = (code + 1, index + 1);
            }
            if code > 1 << length {
                return None; // more codes than there are
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some((table, rest))
    }

    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        let Some(spare) = FAST_BITS.checked_sub(length) else { return };
        let first = (code << spare) as usize;
        let entries = self.fast.get_mut(first..first + (1 << spare));
        entries.into_iter().flatten().for_each(|entry| *entry = (length as u16) << 8 | u16::from(symbol));
    }

    /// Takes a code of at most 16 bits, which have to be there.
    #[inline]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let next = bits.peek16();
        let entry = self.fast[(next >> (16 - FAST_BITS)) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry >> 8));
            return Some(entry as u8);
        }
        let length = (FAST_BITS + 1..=16).find(|length| next < self.ends[*length as usize])?;
        bits.skip(length);
        let index = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        self.symbols.get(usize::try_from(index).ok()?).copied()
    }
}

/// The bits of a scan, without its stuffing, up to the next marker; behind it there are zeros.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the top.
    buffer: u64,
    count: u32,
    /// Bytes of zeros that were made up behind the end.
    made_up: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, count: 0, made_up: 0 }
    }

    /// Makes sure of 32 bits, enough for a code and its value.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        let next = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        if let Some(next) = next.map(|next| u64::from_be_bytes(*next)) {
            // FF opens a marker or is stuffed: none among eight bytes is the usual case.
            if (!next).wrapping_sub(EVERY_BYTE) & next & (EVERY_BYTE << 7) == 0 {
                self.buffer |= next >> self.count;
                let taken = (63 - self.count) / 8;
                self.at += taken as usize;
                self.count += taken * 8;
                return;
            }
        }
        self.refill_slowly();
    }

    fn refill_slowly(&mut self) {
        while self.count <= 56 {
            let byte = match self.bytes.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([byte, ..]) if *byte != 0xff => {
                    self.at += 1;
                    *byte
                }
                _ => {
                    self.made_up = self.made_up.saturating_add(1);
                    0
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    #[inline]
    fn peek16(&self) -> u32 {
        (self.buffer >> 48) as u32
    }

    #[inline]
    pub(super) fn skip(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count = self.count.saturating_sub(bits);
    }

    /// A value of so many bits, at most 15, of which the lower half of the range means negative (T.81, F.2.2.1).
    #[inline]
    pub(super) fn value(&mut self, size: u32) -> i32 {
        let raw = (self.buffer >> 1 >> (63 - size)) as i32;
        self.skip(size);
        if raw < 1 << size >> 1 { raw - (1 << size) + 1 } else { raw }
    }

    /// Whether more bits were taken than there are.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.count < self.made_up.saturating_mul(8)
    }

    /// Steps over the restart marker that has to be next.
    pub(super) fn restart(&mut self, number: u8) -> Option<()> {
        let rest = self.bytes.get(self.at..)?.strip_prefix(&[0xff, 0xd0 | number])?;
        *self = Self::new(rest);
        Some(())
    }
}
