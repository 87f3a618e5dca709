//! The blocks of a GIF (GIF89a, appendix A), without decoding any of them.
//!
//! The probe asks for the logical screen; an animation asks, before it starts, how many frames there are and how large.
//! Memory stays flat: the blocks are only walked over.

const IMAGE: u8 = 0x2c;
const EXTENSION: u8 = 0x21;
/// Signature, version, size of the screen, flags, background, aspect.
const HEADER: usize = 13;
/// Where it starts, how large it is, and its flags.
const DESCRIPTOR: usize = 9;

/// The logical screen, onto which frames are laid (section 18).
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = bytes.get(6..)?.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    Some((u16::from_le_bytes(*width).into(), u16::from_le_bytes(*height).into()))
}

/// The sides of every frame, as its own descriptor says them; ends where the file does, in whatever way.
pub(crate) fn frames(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    let mut rest = after_header(bytes).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (&block, after) = rest.split_first()?;
            match block {
                IMAGE => {
                    let (descriptor, after) = after.split_first_chunk::<DESCRIPTOR>()?;
                    // A table of colours, the width of codes, and the pixels.
                    rest = after_blocks(after.get(table_bytes(descriptor[8]) + 1..)?)?;
                    let side = |at: usize| u32::from(u16::from_le_bytes([descriptor[at], descriptor[at + 1]]));
                    return Some((side(4), side(6)));
                }
                EXTENSION => rest = after_blocks(after.get(1..)?)?,
                // Readers pass over a stray end of blocks; anything else is no GIF any more.
                0 => rest = after,
                _ => return None,
            }
        }
    })
}

fn after_header(bytes: &[u8]) -> Option<&[u8]> {
    let flags = *bytes.get(10)?;
    bytes.get(HEADER + table_bytes(flags)..)
}

/// Bytes of the table of colours that these flags announce (sections 18 and 20).
fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Passes over blocks, each of which says its length, up to and with the empty one.
fn after_blocks(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, after) = bytes.split_first()?;
        if length == 0 {
            return Some(after);
        }
        bytes = after.get(usize::from(length)..)?;
    }
}
