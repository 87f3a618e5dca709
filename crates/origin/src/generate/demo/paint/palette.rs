//! The palettes: five colours each, chosen by eye to sit well together and checked for contrast. Scenes ask for roles,
//! never for a colour, so that every scene works in every palette.

use super::colour::Rgb;
use super::random::Random;

/// Five colours and their roles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    /// The paper: what most of a picture is.
    pub(super) ground: Rgb,
    /// The strongest contrast to the ground: lines and the nearest land.
    pub(super) ink: Rgb,
    /// The colour that the palette is remembered by.
    pub(super) primary: Rgb,
    /// Its quieter companion.
    pub(super) secondary: Rgb,
    /// The spark: small, and once or twice in a picture.
    pub(super) accent: Rgb,
}

impl Palette {
    /// One of the palettes.
    pub(super) fn choose(random: &mut Random) -> Self {
        random.pick(PALETTES)
    }

    /// True if the ground is darker than the ink.
    pub(super) fn is_dark(&self) -> bool {
        self.ground.luminance() < self.ink.luminance()
    }

    /// The lighter of ground and ink.
    pub(super) fn light(&self) -> Rgb {
        if self.is_dark() { self.ink } else { self.ground }
    }

    /// The darker of ground and ink.
    pub(super) fn dark(&self) -> Rgb {
        if self.is_dark() { self.ground } else { self.ink }
    }

    /// The three colours between ground and ink.
    pub(super) fn hues(&self) -> [Rgb; 3] {
        [self.primary, self.secondary, self.accent]
    }
}

const fn palette(ground: u32, ink: u32, hues: [u32; 3]) -> Palette {
    let [primary, secondary, accent] = hues;
    Palette {
        ground: Rgb::hex(ground),
        ink: Rgb::hex(ink),
        primary: Rgb::hex(primary),
        secondary: Rgb::hex(secondary),
        accent: Rgb::hex(accent),
    }
}

/// Every palette: first those on light paper, then those on dark.
pub(super) const PALETTES: [Palette; 14] = [
    // Desert, Nordic, grove, clay, sea, mid-century, lilac, cobalt, glacier.
    palette(0xf4e3cf, 0x2b2d42, [0xd9593d, 0xe0a05e, 0x3f7d7b]),
    palette(0xe9ebe2, 0x23343e, [0x5f8a8b, 0xa9bfae, 0xcf6a4b]),
    palette(0xf1ead4, 0x2d3a2c, [0x6f8748, 0xc47a4a, 0xdfae3f]),
    palette(0xf7e4dc, 0x47203a, [0xc2506b, 0xe59a8b, 0x4d6d94]),
    palette(0xe4f0ec, 0x0f3345, [0x1f7a8c, 0x82b8bd, 0xf0694c]),
    palette(0xf0e5c9, 0x1f2b33, [0xd8912b, 0x2f7f86, 0xc5452f]),
    palette(0xede6f2, 0x2c2350, [0x7a66b6, 0xdf8fa6, 0xeeab62]),
    palette(0xf6efe3, 0x15225c, [0x2f55c4, 0xef6a4c, 0xf0b145]),
    palette(0xe1eaf1, 0x1b2b4a, [0x4576b2, 0x93b3d4, 0xe7705c]),
    // Midnight, plum, pine, embers, black tea.
    palette(0x14223f, 0xf4ead4, [0xe8714b, 0x4a7fa6, 0xf2b84f]),
    palette(0x261c38, 0xf8e8de, [0xbf4f86, 0x6d5cae, 0xf5a65a]),
    palette(0x112b2d, 0xf1ebd3, [0x3f9180, 0xd9a34b, 0xe4694c]),
    palette(0x3a1b22, 0xf9e6d0, [0xd6573b, 0xe89b55, 0x6fa59c]),
    palette(0x1e1c1c, 0xf3eee2, [0xc9553c, 0x6f938a, 0xd9a441]),
];
