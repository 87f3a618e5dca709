//! AVIF: an item of its own for XMP, and a colour property (ISO/IEC 23008-12 and 23000-22).
//!
//! No library at hand does either to a finished file. What our encoder writes is small and always the same: `ftyp`, one
//! `meta` of version 0 throughout, one `mdat`. So `meta` is taken apart into its boxes, they are edited, and the
//! positions in `iloc`, which count from the file's start, move by what `meta` has grown. XMP goes behind the pixels.

mod boxes;

use orbit_model::Format;

use self::boxes::{Meta, count_up, full_box, plain_box, split_box, take, take_u16, take_u32};
use super::unlike;
use crate::Error;

/// Colour information that takes precedence over that of the AV1 stream: Display P3's primaries and sRGB's curve (ITU-T
/// H.273), the matrix of BT.601 that our encoder uses, full range.
const DISPLAY_P3: &[u8] = b"nclx\0\x0c\0\x0d\0\x06\x80";
/// Behind an item's identity: not protected, of a media type, without a name, the type, not encoded.
const XMP_ITEM: &[u8] = b"\0\0mime\0application/rdf+xml\0\0";

pub(super) fn label(bytes: &[u8], xmp: Option<&str>, display_p3: bool) -> Result<Vec<u8>, Error> {
    rewrite(bytes, xmp.unwrap_or_default().as_bytes(), display_p3)
        .ok_or_else(|| unlike(Format::Avif, "its boxes are not as expected"))
}

fn rewrite(bytes: &[u8], xmp: &[u8], display_p3: bool) -> Option<Vec<u8>> {
    let (ftyp, rest) = split_box(bytes, b"ftyp")?;
    let (meta, rest) = split_box(rest, b"meta")?;
    let (mdat, rest) = split_box(rest, b"mdat")?;
    if !rest.is_empty() {
        return None;
    }
    let mut edited = Meta::parse(meta)?;
    let image = primary_item(&edited)?;
    if display_p3 {
        add_property(&mut edited, image, &plain_box(b"colr", DISPLAY_P3)?)?;
    }
    if !xmp.is_empty() {
        let at = u32::try_from(bytes.len()).ok()?;
        add_item(&mut edited, image, at, u32::try_from(xmp.len()).ok()?)?;
    }
    let grown = u32::try_from(edited.bytes()?.len().checked_sub(meta.len())?).ok()?;
    move_positions(edited.content(b"iloc")?, grown)?;
    let mdat = plain_box(b"mdat", &[mdat, xmp].concat())?;
    Some([plain_box(b"ftyp", ftyp)?, plain_box(b"meta", &edited.bytes()?)?, mdat].concat())
}

/// The item that is shown (`pitm`, version 0).
fn primary_item(meta: &Meta) -> Option<u16> {
    let mut rest = meta.get(b"pitm")?.strip_prefix(&[0; 4])?;
    take_u16(&mut rest)
}

/// Adds an XMP item that describes the image: its entry in `iinf`, its place in `iloc`, its reference in `iref`.
fn add_item(meta: &mut Meta, image: u16, at: u32, length: u32) -> Option<()> {
    let item = 1 + largest_item(meta.get(b"iloc")?)?.max(image);
    let [id, image] = [item, image].map(u16::to_be_bytes);

    let items = meta.content(b"iinf")?;
    count_up(items, 4)?;
    items.extend(full_box(b"infe", 2, &[&id[..], XMP_ITEM].concat())?);

    let places = meta.content(b"iloc")?;
    count_up(places, 6)?;
    // In this file, in one piece.
    places.extend_from_slice(&[&id[..], &[0, 0, 0, 1], &at.to_be_bytes(), &length.to_be_bytes()].concat());

    if meta.get(b"iref").is_none() {
        meta.insert(b"iref", vec![0; 4]);
    }
    let references = meta.content(b"iref").filter(|references| references.starts_with(&[0; 4]))?;
    references.extend(plain_box(b"cdsc", &[&id[..], &[0, 1], &image].concat())?);
    Some(())
}

/// Adds a property to `ipco`, and to the image's list in `ipma`.
fn add_property(meta: &mut Meta, image: u16, property: &[u8]) -> Option<()> {
    let properties = meta.content(b"iprp")?;
    let (list, associations) = split_box(properties, b"ipco")?;
    let (associations, rest) = split_box(associations, b"ipma")?;
    let mut kinds = Vec::new();
    let mut boxes = list;
    while !boxes.is_empty() {
        let (kind, _) = take(&mut boxes)?;
        kinds.push(kind);
    }
    if !rest.is_empty() || kinds.contains(b"colr") {
        return None;
    }
    let index = u8::try_from(kinds.len() + 1).ok().filter(|index| *index < 0x80)?;
    let list = plain_box(b"ipco", &[list, property].concat())?;
    let associations = plain_box(b"ipma", &associate(associations, image, index)?)?;
    *properties = [list, associations].concat();
    Some(())
}

/// `ipma` of version 0 with one association more (ISO/IEC 14496-12, section 8.11.14).
fn associate(ipma: &[u8], image: u16, property: u8) -> Option<Vec<u8>> {
    let mut rest = ipma.strip_prefix(&[0; 4])?;
    let entries = take_u32(&mut rest)?;
    let mut associated = ipma[..8].to_vec();
    for _ in 0..entries {
        let item = take_u16(&mut rest)?;
        let (count, properties) = rest.split_first()?;
        let (properties, next) = properties.split_at_checked(usize::from(*count))?;
        let more: &[u8] = if item == image { &[property] } else { &[] };
        associated.extend_from_slice(&item.to_be_bytes());
        associated.push(count.checked_add(u8::try_from(more.len()).ok()?)?);
        associated.extend_from_slice(properties);
        associated.extend_from_slice(more);
        rest = next;
    }
    rest.is_empty().then_some(associated)
}

/// The largest number of an item that has a place.
fn largest_item(iloc: &[u8]) -> Option<u16> {
    let mut largest = 0;
    let mut iloc = iloc.to_vec();
    each_place(&mut iloc, |item, _| {
        largest = largest.max(item);
        Some(())
    })?;
    (largest < u16::MAX).then_some(largest)
}

/// Moves every piece of every item behind `meta`, which has grown.
fn move_positions(iloc: &mut [u8], by: u32) -> Option<()> {
    each_place(iloc, |_, position| {
        *position = u32::from_be_bytes(*position).checked_add(by)?.to_be_bytes();
        Some(())
    })
}

/// Visits `iloc` of version 0 with positions and lengths of four bytes and no base (ISO/IEC 14496-12, section 8.11.3).
fn each_place(iloc: &mut [u8], mut visit: impl FnMut(u16, &mut [u8; 4]) -> Option<()>) -> Option<()> {
    let (head, mut rest) = iloc.split_at_mut_checked(8)?;
    let [0, 0, 0, 0, 0x44, 0, high, low] = *head else { return None };
    for _ in 0..u16::from_be_bytes([high, low]) {
        let (place, pieces) = rest.split_first_chunk_mut::<6>()?;
        let [item_high, item_low, 0, 0, count_high, count_low] = *place else { return None };
        rest = pieces;
        for _ in 0..u16::from_be_bytes([count_high, count_low]) {
            let (position, next) = rest.split_first_chunk_mut()?;
            visit(u16::from_be_bytes([item_high, item_low]), position)?;
            rest = next.get_mut(4..)?;
        }
    }
    rest.is_empty().then_some(())
}
