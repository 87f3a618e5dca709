//! Sizes and rectangles of every fit, in tables and for any numbers.

use proptest::prelude::*;

use super::*;

fn geometry(image: Size, query: &str) -> Result<Geometry, Error> {
    let variant: Variant = query.parse().unwrap();
    Geometry::new(image, &variant.resolve(85, orbit_model::Format::Webp), &Limits::default())
}

#[test]
fn a_fit_and_two_sides_give_the_size_and_what_is_seen_of_the_image() {
    let table = [
        // image, query, scaled, canvas, part
        ((1024, 1024), "", (1024, 1024), (1024, 1024), [0.0, 0.0, 1024.0, 1024.0]),
        ((1024, 768), "w=256", (256, 192), (256, 192), [0.0, 0.0, 1024.0, 768.0]),
        ((1024, 768), "w=128&dpr=2", (256, 192), (256, 192), [0.0, 0.0, 1024.0, 768.0]),
        ((1024, 768), "h=192", (256, 192), (256, 192), [0.0, 0.0, 1024.0, 768.0]),
        ((1024, 768), "w=2048", (1024, 768), (1024, 768), [0.0, 0.0, 1024.0, 768.0]),
        ((1024, 768), "h=2048", (1024, 768), (1024, 768), [0.0, 0.0, 1024.0, 768.0]),
        ((1024, 768), "w=2048&enlarge=1", (2048, 1536), (2048, 1536), [0.0, 0.0, 1024.0, 768.0]),
        ((1024, 768), "w=256&h=256", (256, 256), (256, 256), [128.0, 0.0, 768.0, 768.0]),
        ((768, 1024), "w=256&h=256", (256, 256), (256, 256), [0.0, 128.0, 768.0, 768.0]),
        ((1024, 768), "w=512&h=128", (512, 128), (512, 128), [0.0, 256.0, 1024.0, 256.0]),
        ((100, 50), "w=200&h=200", (50, 50), (50, 50), [25.0, 0.0, 50.0, 50.0]),
        ((101, 50), "w=200&h=200", (50, 50), (50, 50), [25.0, 0.0, 50.0, 50.0]),
        ((100, 50), "w=80&h=100", (40, 50), (40, 50), [30.0, 0.0, 40.0, 50.0]),
        ((100, 50), "w=200&h=200&enlarge=1", (200, 200), (200, 200), [25.0, 0.0, 50.0, 50.0]),
        ((1024, 768), "w=256&h=256&fit=contain", (256, 192), (256, 256), [0.0, 0.0, 1024.0, 768.0]),
        ((100, 50), "w=200&h=200&fit=contain", (100, 50), (200, 200), [0.0, 0.0, 100.0, 50.0]),
        ((100, 50), "w=200&h=200&fit=contain&enlarge=1", (200, 100), (200, 200), [0.0, 0.0, 100.0, 50.0]),
        ((1024, 768), "w=256&h=256&fit=inside", (256, 192), (256, 192), [0.0, 0.0, 1024.0, 768.0]),
        ((100, 50), "w=200&h=200&fit=inside", (100, 50), (100, 50), [0.0, 0.0, 100.0, 50.0]),
        ((100, 50), "w=200&h=200&fit=inside&enlarge=1", (200, 100), (200, 100), [0.0, 0.0, 100.0, 50.0]),
        ((1, 16383), "w=16383", (1, 16383), (1, 16383), [0.0, 0.0, 1.0, 16383.0]),
        ((1, 16383), "h=16", (1, 16), (1, 16), [0.0, 0.0, 1.0, 16383.0]),
        ((16383, 1), "w=1&h=16383", (1, 1), (1, 1), [8191.0, 0.0, 1.0, 1.0]),
    ];
    for (image, query, scaled, canvas, [left, top, width, height]) in table {
        let found = geometry(image, query).unwrap_or_else(|error| panic!("{image:?} {query}: {error}"));
        let part = Rectangle { left, top, width, height };
        assert_eq!(found, Geometry { image, part, scaled, canvas }, "{image:?} {query}");
    }
}

#[test]
fn what_would_be_over_a_limit_is_refused_before_it_is_allocated() {
    for (image, query) in [
        ((1, 16383), "w=16383&enlarge=1"),
        ((1000, 1000), "w=16383&enlarge=1"),
        ((10, 10), "w=16383&h=16383&fit=contain"),
        ((10, 10), "w=10000&h=10000&enlarge=1"),
    ] {
        assert!(matches!(geometry(image, query), Err(Error::TooLarge(_))), "{image:?} {query}");
    }
}

#[test]
fn an_image_that_was_decoded_smaller_gives_the_same_result() {
    let whole = geometry((1001, 667), "w=100&h=100").unwrap();
    let half = whole.of((501, 334));
    assert_eq!((half.scaled, half.canvas), ((100, 100), (100, 100)));
    assert!((half.part.left - whole.part.left / 2.0).abs() < 0.5, "{half:?}");
    assert!((half.part.height - 334.0).abs() < 1e-9, "{half:?}");
}

fn any_side() -> impl Strategy<Value = u32> {
    prop_oneof![1..=16_383_u32, 1..=20_u32, Just(16_383)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_result_has_a_size_within_the_limits_and_the_shape_that_was_asked_for(
        image in (any_side(), any_side()),
        width in proptest::option::of(any_side()),
        height in proptest::option::of(any_side()),
        fit in prop_oneof![Just(Fit::Cover), Just(Fit::Contain), Just(Fit::Inside)],
        enlarge: bool,
    ) {
        let variant = Variant { width, height, fit: Some(fit), enlarge, ..Variant::default() };
        let limits = Limits { max_pixels: u64::MAX, max_side: MAX_SIDE, ..Limits::default() };
        let Ok(Geometry { part, scaled, canvas, .. }) = Geometry::new(image, &variant, &limits) else {
            prop_assert!(enlarge, "only what grows can grow too large");
            return Ok(());
        };
        prop_assert!(scaled.0 >= 1 && scaled.1 >= 1 && canvas.0 <= MAX_SIDE && canvas.1 <= MAX_SIDE);
        prop_assert!(scaled.0 <= canvas.0 && scaled.1 <= canvas.1);
        if !enlarge {
            prop_assert!(scaled.0 <= image.0 && scaled.1 <= image.1);
        }
        prop_assert!(part.left >= 0.0 && part.top >= 0.0 && part.width > 0.0 && part.height > 0.0);
        prop_assert!(part.left + part.width <= f64::from(image.0) && part.top + part.height <= f64::from(image.1));
        // The shape is right within a pixel of the result.
        let scale = (f64::from(scaled.0) / part.width).max(f64::from(scaled.1) / part.height);
        let least = (f64::from(scaled.0) / part.width).min(f64::from(scaled.1) / part.height);
        prop_assert!(part.width * (scale - least) <= 1.0 || part.height * (scale - least) <= 1.0);
    }
}
