//! PngSuite: every kind of PNG there is, through every verb and format; those that are broken on purpose are refused.

use super::*;

/// Each picture with its name without `.png`, in the order of the alphabet.
fn pictures() -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(fixtures("pngsuite")).unwrap().map(|entry| entry.unwrap().path());
    let pictures = entries.filter(|path| path.extension().is_some_and(|extension| extension == "png"));
    pictures
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect()
}

fn whole() -> impl Iterator<Item = (String, Vec<u8>)> {
    pictures().into_iter().filter(|(name, _)| !name.starts_with('x'))
}

#[test]
fn every_whole_picture_becomes_every_format() {
    assert_eq!(whole().count(), 162);
    for (name, bytes) in whole() {
        let encoded = encode_default(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(probe(&encoded.webp, &Limits::default()).unwrap().width, encoded.width, "{name}");
        for query in ["", "w=16", "fm=jpeg", "fm=png&w=16&h=16", "fm=avif&w=16", "fm=thumbhash", "anim=1&w=8"] {
            let rendered = transform(&bytes, &query.parse().unwrap(), &Terms::default());
            let rendered = rendered.unwrap_or_else(|error| panic!("{name} as {query:?}: {error}"));
            assert!(!rendered.bytes.is_empty(), "{name} as {query:?}");
        }
    }
}

#[test]
fn every_picture_that_is_broken_on_purpose_is_refused() {
    let broken: Vec<_> = pictures().into_iter().filter(|(name, _)| name.starts_with('x')).collect();
    assert_eq!(broken.len(), 14);
    for (name, bytes) in broken {
        let refused = encode_default(&bytes).map(|encoded| encoded.webp.len());
        assert!(matches!(refused, Err(Error::Invalid(_) | Error::Unsupported(_))), "{name}: {refused:?}");
        for query in ["fm=jpeg", "fm=png", "fm=avif", "fm=thumbhash", "anim=1"] {
            assert!(transform(&bytes, &query.parse().unwrap(), &Terms::default()).is_err(), "{name} as {query}");
        }
    }
}

/// What differs in these files is how they are stored, and not what they show.
#[test]
fn a_picture_shows_the_same_however_it_is_stored() {
    let pictures = pictures();
    let groups = [
        vec!["basi0g01", "basn0g01"],
        vec!["basi0g16", "basn0g16"],
        vec!["basi2c16", "basn2c16"],
        vec!["basi3p02", "basn3p02"],
        vec!["basi4a08", "basn4a08"],
        vec!["basi6a16", "basn6a16"],
        vec!["oi1n2c16", "oi2n2c16", "oi4n2c16", "oi9n2c16"],
        vec!["z00n2c08", "z03n2c08", "z06n2c08", "z09n2c08"],
        vec!["cm0n0g04", "cm7n0g04", "cm9n0g04"],
    ];
    let odd_sizes =
        (1..=9).map(|side| [format!("s0{side}i3p0{}", 1 + side / 5), format!("s0{side}n3p0{}", 1 + side / 5)]);
    let groups =
        groups.into_iter().map(|group| group.into_iter().map(str::to_owned).collect()).chain(odd_sizes.map(Vec::from));
    for group in groups {
        let shown: Vec<_> = group.iter().map(|name| read(&pictures[name]).unwrap()).collect();
        assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{group:?}");
    }
}
