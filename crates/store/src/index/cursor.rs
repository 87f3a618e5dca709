//! The cursor of a list: the place of the last row of a page, in base 64, opaque to clients.
//!
//! It names a place in the order and no offset, so it stays good while rows come and go. It is input from outside and
//! is checked as such.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use orbit_model::{ImageId, Manifest};

use crate::Error;
use crate::index::order_key;

/// A place in the order of lists; rows after it are older, or as old with a lesser name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Microseconds since 1970.
    pub(crate) micros: i64,
    /// The image there; `None` stands before all images of that time.
    pub(crate) id: Option<ImageId>,
}

impl Position {
    /// Before the newest row.
    pub(crate) const START: Self = Self { micros: i64::MAX, id: None };

    /// The place of an image.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self { micros: order_key(manifest.created_at), id: Some(manifest.id.clone()) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_ref().map_or("", ImageId::as_str);
        f.write_str(&BASE64URL_NOPAD.encode(format!("{}.{id}", self.micros).as_bytes()))
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let decode = || {
            let text = String::from_utf8(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()?;
            let (micros, id) = text.split_once('.')?;
            Some(Self { micros: micros.parse().ok()?, id: Some(id.parse().ok()?) })
        };
        decode().ok_or_else(|| Error::Invalid("the cursor must be the next_cursor of an earlier page".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_being_written_and_read(micros: i64, id in "[A-Za-z0-9][A-Za-z0-9_-]{0,127}") {
            let position = Position { micros, id: Some(id.parse().unwrap()) };
            prop_assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }

        #[test]
        fn any_text_names_a_place_or_is_refused(text: String) {
            match text.parse::<Position>() {
                Ok(position) => prop_assert!(position.id.is_some()),
                Err(error) => prop_assert!(matches!(error, Error::Invalid(_))),
            }
        }
    }

    #[test]
    fn cursors_that_were_tampered_with_are_refused() {
        for plain in ["", ".", "5", "5.", "x.fox", "5.../fox", "99999999999999999999.fox"] {
            let text = BASE64URL_NOPAD.encode(plain.as_bytes());
            assert!(text.parse::<Position>().is_err(), "{plain}");
        }
        assert!("NS5mb3g=".parse::<Position>().is_err(), "padding");
    }
}
