use super::*;
use proptest::prelude::*;

/// Every point of a rectangle, row-major: the slow twin that the laws are checked against.
pub(crate) fn points(rect: &Rect) -> Vec<Point> {
    let mut points = vec![Point::new()];
    for d in 0..rect.rank() {
        points = points
            .into_iter()
            .flat_map(|p| (rect.lo[d]..rect.hi[d]).map(move |x| p.iter().copied().chain([x]).collect::<Point>()))
            .collect();
    }
    points
}

pub(crate) fn rect_of_rank(rank: usize) -> impl Strategy<Value = Rect> {
    proptest::collection::vec((-3i64..4, 0i64..5), rank).prop_map(|sides| {
        Rect::new(sides.iter().map(|s| s.0).collect::<Point>(), sides.iter().map(|s| s.0 + s.1).collect::<Point>())
    })
}

fn two_rects() -> impl Strategy<Value = (Rect, Rect)> {
    (0usize..4).prop_flat_map(|rank| (rect_of_rank(rank), rect_of_rank(rank)))
}

proptest! {
    #[test]
    fn set_operations_are_those_of_points((a, b) in two_rects()) {
        let (pa, pb) = (points(&a), points(&b));
        prop_assert_eq!(a.volume() as usize, pa.len());
        prop_assert_eq!(a.is_empty(), pa.is_empty());
        let common: Vec<_> = pa.iter().filter(|p| pb.contains(p)).cloned().collect();
        prop_assert_eq!(points(&a.intersect(&b)), common.clone());
        prop_assert_eq!(a.overlaps(&b), !common.is_empty());
        prop_assert_eq!(a.contains(&b), common.len() == pb.len());
        let mut rest: Vec<_> = a.subtract(&b).iter().flat_map(points).collect();
        rest.sort();
        prop_assert_eq!(rest, pa.iter().filter(|p| !pb.contains(p)).cloned().collect::<Vec<_>>());
        prop_assert!(a.bounding(&b).contains(&a) && a.bounding(&b).contains(&b));
    }

    #[test]
    fn linear_ranges_are_few_rectangles(rect in (0usize..4).prop_flat_map(rect_of_rank), a in 0u64..65, b in 0u64..65) {
        let all = points(&rect);
        let range = a.min(b).min(all.len() as u64)..a.max(b).min(all.len() as u64);
        let rects = linear_rects(&rect, range.clone());
        let found: Vec<_> = rects.iter().flat_map(points).collect();
        prop_assert_eq!(found, all[range.start as usize..range.end as usize].to_vec());
        prop_assert!(rects.len() < (2 * rect.rank()).max(2));
    }
}
