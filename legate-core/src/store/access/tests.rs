use super::*;
use crate::geometry::tests::points;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn access(domain_rank: usize, field_rank: usize) -> impl Strategy<Value = Access> {
    let term = (prop_oneof![Just(1i64), Just(-1), -4i64..5], 0..domain_rank.max(1));
    proptest::collection::vec((-3i64..4, proptest::collection::vec(term, 0..3)), field_rank).prop_map(move |coords| {
        let coords = coords.into_iter().map(|(offset, terms)| {
            let mut c = Coordinate::constant(offset);
            terms.into_iter().filter(|_| domain_rank > 0).for_each(|(stride, dim)| c.add(stride, dim));
            c
        });
        Access { domain_rank: domain_rank as u8, coords: coords.collect() }
    })
}

fn shape(rank: usize) -> impl Strategy<Value = Rect> {
    proptest::collection::vec(0i64..5, rank).prop_map(|s| Rect::from_shape(&s))
}

fn access_and_domain() -> impl Strategy<Value = (Access, Rect)> {
    (0usize..4, 0usize..4).prop_flat_map(|(d, f)| (access(d, f), shape(d)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn images_are_those_of_points((access, domain) in access_and_domain()) {
        let image: Vec<Point> = points(&domain).iter().map(|p| access.apply(p)).collect();
        let different: BTreeSet<Point> = image.iter().cloned().collect();
        let boxed = access.image(&domain);
        if domain.is_empty() {
            prop_assert!(boxed.is_empty() || access.field_rank() == 0);
            return Ok(());
        }
        for d in 0..access.field_rank() {
            prop_assert_eq!(Some(boxed.lo[d]), image.iter().map(|p| p[d]).min());
            prop_assert_eq!(Some(boxed.hi[d] - 1), image.iter().map(|p| p[d]).max());
        }
        // Claims may be shy, never wrong.
        prop_assert!(!access.is_injective(&domain) || different.len() == image.len());
        prop_assert!(!access.is_dense(&domain) || different.len() as u64 == boxed.volume());
        prop_assert_eq!(access.covers(&domain, &boxed), access.is_dense(&domain));
        // And they are not shy for the accesses that programs use: at most one term per coordinate.
        if access.coords.iter().all(|c| c.terms.len() <= 1) {
            prop_assert_eq!(access.is_injective(&domain), different.len() == image.len());
            prop_assert_eq!(access.is_dense(&domain), different.len() as u64 == boxed.volume());
        }
    }

    #[test]
    fn preimages_hold_all_points(((access, domain), rect) in (0usize..4, 0usize..4).prop_flat_map(|(d, f)| {
        ((access(d, f), shape(d)), crate::geometry::tests::rect_of_rank(f))
    })) {
        let found = access.preimage(&rect, &domain);
        let inside = |p: &Point| rect.contains(&Rect::new(access.apply(p), access.apply(p).iter().map(|x| x + 1).collect::<Point>()));
        for p in points(&domain) {
            if inside(&p) {
                prop_assert!(points(&found).contains(&p));
            }
        }
        prop_assert!(domain.contains(&found));
        if access.coords.iter().all(|c| c.terms.len() <= 1) && domain.rank() > 0 {
            prop_assert!(points(&found).iter().all(inside));
        }
    }

    #[test]
    fn composition_is_one_map_after_the_other((outer, inner, domain) in (0usize..4, 0usize..4, 0usize..4).prop_flat_map(|(d, e, f)| {
        (access(e, f), access(d, e), shape(d))
    })) {
        let both = outer.compose(&inner);
        for p in points(&domain) {
            prop_assert_eq!(both.apply(&p), outer.apply(&inner.apply(&p)));
        }
    }

    #[test]
    fn inverses_undo((access, domain) in access_and_domain()) {
        if let Some(back) = access.inverse() {
            prop_assert!(access.is_injective(&domain));
            for p in points(&domain) {
                prop_assert_eq!(back.apply(&access.apply(&p)), p);
            }
        }
    }

    #[test]
    fn disjoint_images_share_no_point(((a, da), (b, db)) in (0usize..3, 0usize..3, 0usize..3).prop_flat_map(|(d, e, f)| {
        ((access(d, f), shape(d)), (access(e, f), shape(e)))
    })) {
        let image = |x: &Access, d: &Rect| points(d).iter().map(|p| x.apply(p)).collect::<BTreeSet<_>>();
        if a.is_disjoint(&da, &b, &db) {
            prop_assert!(image(&a, &da).is_disjoint(&image(&b, &db)));
        }
    }

    /// Any stack of basic indexing on a C-ordered array, kept as NumPy keeps it, is decoded again.
    #[test]
    fn numpy_views_are_decoded((access, domain) in access_and_domain(), slack in 0i64..3) {
        if domain.is_empty() {
            return Ok(());
        }
        let mut access = access;
        let image = access.image(&domain);
        for (c, lo) in access.coords.iter_mut().zip(&image.lo) {
            c.offset -= lo;
        }
        // Points of dimensions of extent 1 are all zero, and so are their strides in the decoded map.
        let base: Vec<i64> = image.shape().iter().map(|n| n + slack).collect();
        let mut steps = vec![1isize; base.len()];
        for d in (1..base.len()).rev() {
            steps[d - 1] = steps[d] * base[d] as isize;
        }
        let strides: Vec<i64> = access.strides(&steps).iter().map(|s| *s as i64).collect();
        let origin: i64 = access.coords.iter().zip(&steps).map(|(c, s)| c.offset * *s as i64).sum();
        let decoded = Access::from_strides(&base, origin, &domain.shape(), &strides).expect("it came from an affine map");
        for p in points(&domain) {
            prop_assert_eq!(decoded.apply(&p), access.apply(&p));
        }
    }
}

#[test]
fn a_merging_view_has_no_affine_map() {
    assert_eq!(Access::from_strides(&[3, 4], 0, &[12], &[1]), None);
    assert_eq!(Access::from_strides(&[3, 4], 8, &[4], &[1]).map(|a| a.apply(&[3])), Some(Point::from_slice(&[2, 3])));
    assert_eq!(Access::from_strides(&[3, 4], 11, &[2], &[1]), None, "past the end");
}

#[test]
fn interleaved_slices_are_disjoint() {
    let slice = |offset| Access { domain_rank: 1, coords: [Coordinate::strided(offset, 2, 0)].into_iter().collect() };
    let domain = Rect::from_shape(&[5]);
    assert!(slice(0).is_disjoint(&domain, &slice(1), &domain));
    assert!(!slice(0).is_disjoint(&domain, &slice(2), &domain));
}
