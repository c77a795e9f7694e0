use super::*;
use crate::geometry::tests::points;
use crate::id::ShardId;
use crate::region::{Distribution, Sharding};
use crate::store::Coordinate;
use proptest::prelude::*;

/// A field with a partition that has been through views: tiles of an outer space pulled back through some access.
fn partition_of(shape: Vec<i64>) -> impl Strategy<Value = Partition> {
    let rank = shape.len();
    let side = (1i64..6, -4i64..5, prop_oneof![Just(1i64), Just(-1), Just(2), Just(-3)], 0..=rank, 1i64..4);
    proptest::collection::vec(side, 0..3).prop_map(move |sides| {
        let domain = Rect::from_shape(&shape);
        let mut access = Access::constant(shape.len(), &vec![0; sides.len()]);
        for (c, (_, offset, stride, dim, _)) in access.coords.iter_mut().zip(&sides) {
            *c = if *dim < shape.len() {
                Coordinate::strided(*offset, *stride, *dim)
            } else {
                Coordinate::constant(*offset)
            };
        }
        let image = if domain.is_empty() { Rect::from_shape(&vec![1; sides.len()]) } else { access.image(&domain) };
        let bounds = Rect::new(
            image.lo.iter().map(|x| x - 1).collect::<Point>(),
            image.hi.iter().map(|x| x + 2).collect::<Point>(),
        );
        let tiling = Tiling { bounds, tile: sides.iter().map(|s| s.0).collect() };
        let pulled = Partition::tiles(&tiling).pull_back(&access, &domain);
        assert!(pulled.exact, "one term per coordinate is always exact");
        sides.iter().fold(
            pulled.partition,
            |p, (_, _, _, dim, granule)| {
                if *dim < shape.len() { p.with_granule(*dim, *granule) } else { p }
            },
        )
    })
}

fn shape() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(1i64..7, 1..4)
}

fn access_into(field_rank: usize, domain_rank: usize) -> impl Strategy<Value = Access> {
    let term = (-3i64..4, 0..domain_rank.max(1));
    proptest::collection::vec((-3i64..4, proptest::collection::vec(term, 0..3)), field_rank).prop_map(move |coords| {
        let mut access = Access::constant(domain_rank, &coords.iter().map(|c| c.0).collect::<Vec<_>>());
        for (c, (_, terms)) in access.coords.iter_mut().zip(coords) {
            terms.into_iter().filter(|t| domain_rank > 0 && t.0 != 0).for_each(|(stride, dim)| {
                let sum = Access {
                    domain_rank: domain_rank as u8,
                    coords: [c.clone(), Coordinate::strided(0, stride, dim)].into_iter().collect(),
                };
                // Adding through composition keeps the terms sorted and joined.
                let plus = Access {
                    domain_rank: 2,
                    coords: std::iter::once(Coordinate {
                        offset: 0,
                        terms: [(0u8, 1i64), (1, 1)]
                            .map(|(dim, stride)| crate::store::Term { dim, stride })
                            .into_iter()
                            .collect(),
                    })
                    .collect(),
                };
                *c = plus.compose(&sum).coords[0].clone();
            });
        }
        access
    })
}

proptest! {
    #[test]
    fn each_point_has_one_color(p in shape().prop_flat_map(partition_of)) {
        let mut colors: Vec<(Point, Color)> = Vec::new();
        for color in (0..p.color_count()).map(Color) {
            let piece = p.piece(color);
            prop_assert!(p.domain().contains(&piece));
            colors.extend(points(&piece).into_iter().map(|x| (x, color)));
        }
        colors.sort();
        let expected: Vec<_> = points(p.domain()).into_iter().map(|x| { let c = p.color_of(&x); (x, c) }).collect();
        prop_assert_eq!(colors, expected);
    }

    #[test]
    fn colors_meeting_are_all_that_meet((p, rect) in shape().prop_flat_map(|s| {
        let rank = s.len();
        (partition_of(s), crate::geometry::tests::rect_of_rank(rank))
    })) {
        let found: Vec<Color> = p.colors_meeting(&rect).iter().collect();
        prop_assert_eq!(found.len() as u64, p.colors_meeting(&rect).count());
        prop_assert!(found.is_sorted());
        for color in (0..p.color_count()).map(Color) {
            prop_assert_eq!(found.contains(&color), p.colors_meeting(&rect).contains(color));
            prop_assert!(!p.piece(color).overlaps(&rect) || found.contains(&color));
        }
    }

    #[test]
    fn cuts_tells_whether_a_dimension_matters(p in shape().prop_flat_map(partition_of)) {
        for d in 0..p.domain().rank() {
            let matters = points(p.domain()).iter().any(|x| {
                let mut y = x.clone();
                y[d] = p.domain().lo[d];
                p.color_of(x) != p.color_of(&y)
            });
            prop_assert_eq!(p.cuts(d), matters);
            prop_assert!(!p.without_cuts(d).cuts(d));
        }
    }

    #[test]
    fn granules_move_boundaries_up(p in shape().prop_flat_map(partition_of), d in 0usize..4, g in 1i64..5) {
        let d = d % p.domain().rank();
        let q = p.with_granule(d, g);
        for x in points(p.domain()) {
            let mut down = x.clone();
            down[d] -= x[d] % g;
            prop_assert_eq!(q.color_of(&x), p.color_of(&down));
        }
        if p.has_granule(d, g) {
            prop_assert!(points(p.domain()).iter().all(|x| p.color_of(x) == q.color_of(x)));
        }
    }

    #[test]
    fn pulling_back_follows_the_field((p, shape, access) in (shape(), shape()).prop_flat_map(|(field, domain)| {
        let access = access_into(field.len(), domain.len());
        (partition_of(field), Just(domain), access)
    })) {
        let domain = Rect::from_shape(&shape);
        let pulled = p.pull_back(&access, &domain);
        let inside = access.in_bounds(&domain, p.domain());
        let colors: Vec<_> = points(&domain).iter().map(|x| pulled.partition.color_of(x)).collect();
        if pulled.exact && inside {
            let expected: Vec<_> = points(&domain).iter().map(|x| p.color_of(&access.apply(x))).collect();
            prop_assert_eq!(colors, expected);
        }
        // A coordinate with one moving term can always be followed.
        let moving = |c: &Coordinate| c.terms.iter().filter(|t| domain.extent(t.dim as usize) > 1).count();
        prop_assert!(pulled.exact || access.coords.iter().any(|c| moving(c) > 1));
    }

    #[test]
    fn pushing_forward_gives_the_writers_color(
        (p, extra) in shape().prop_flat_map(partition_of).prop_flat_map(|p| (Just(p), any::<(u8, u8, u8)>())),
    ) {
        // A covering access: the dimensions of the domain in some order, some reversed, neighbours merged row-major.
        let shape = p.domain().shape();
        let mut order: Vec<usize> = (0..shape.len()).collect();
        if !order.is_empty() {
            let r = extra.0 as usize % order.len();
            order.rotate_left(r);
        }
        let mut access = Access::constant(shape.len(), &[]);
        let mut merge = extra.1;
        for d in order {
            let reversed = extra.2 >> d & 1 == 1;
            let own = if reversed { Coordinate::strided(shape[d] - 1, -1, d) } else { Coordinate::strided(0, 1, d) };
            if merge & 1 == 1 && let Some(last) = access.coords.pop() {
                let both = Access { domain_rank: shape.len() as u8, coords: [last, own].into_iter().collect() };
                let row_major = Coordinate { offset: 0, terms: [(0u8, shape[d]), (1, 1)].map(|(dim, stride)| crate::store::Term { dim, stride }).into_iter().collect() };
                let join = Access { domain_rank: 2, coords: std::iter::once(row_major).collect() };
                access.coords.push(join.compose(&both).coords[0].clone());
            } else {
                access.coords.push(own);
            }
            merge >>= 1;
        }
        let bounds = access.image(p.domain());
        prop_assert!(access.is_exact(p.domain()) && access.covers(p.domain(), &bounds));
        let forward = p.push_forward(&access, &bounds);
        if let Some(q) = &forward {
            for x in points(p.domain()) {
                prop_assert_eq!(q.color_of(&access.apply(&x)), p.color_of(&x));
            }
        }
        let slowest_only = access.coords.iter().all(|c| {
            let cut = |t: &crate::store::Term| p.cuts(t.dim as usize);
            let slowest = c.terms.iter().filter(|t| p.domain().extent(t.dim as usize) > 1).max_by_key(|t| t.stride.abs());
            c.terms.iter().all(|t| !cut(t) || Some(t) == slowest)
        });
        prop_assert_eq!(forward.is_some(), slowest_only);
    }

    #[test]
    fn shards_share_out_all_colors(colors in 1u64..40, shards in 1u32..12, start in 0u32..20, block: bool) {
        let sharding = if block { Sharding::Block } else { Sharding::Cyclic { start } };
        let mut all = Vec::new();
        for shard in (0..shards).map(ShardId) {
            let own = sharding.colors_of(shard, colors, shards);
            prop_assert_eq!(own.len(), own.clone().count());
            prop_assert!((own.len() as u64).abs_diff(colors / u64::from(shards)) <= 1);
            for color in own {
                prop_assert_eq!(sharding.owner(color, colors, shards), shard);
                all.push(color.0);
            }
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..colors).collect::<Vec<_>>());
    }
}

#[test]
fn a_view_of_a_tiled_grid_follows_its_tiles() {
    // grid (10, 10) in rows of 4; center = grid[1:-1, 1:-1].
    let grid = Partition::tiles(&Tiling { bounds: Rect::from_shape(&[10, 10]), tile: [4, 10].as_slice().into() });
    let mut center = Access::identity(2);
    center.coords.iter_mut().for_each(|c| c.offset = 1);
    let pulled = grid.pull_back(&center, &Rect::from_shape(&[8, 8]));
    assert!(pulled.exact);
    let rows: Vec<_> =
        (0..3).map(|c| pulled.partition.piece(Color(c)).lo[0]..pulled.partition.piece(Color(c)).hi[0]).collect();
    assert_eq!(rows, [0..3, 3..7, 7..8]);
}

#[test]
fn rows_of_a_flattened_matrix() {
    // Whole rows of a (6, 5) matrix on 3 shards become runs of 10 elements of the flat field, and back.
    let rows = Partition::tiles(&Tiling { bounds: Rect::from_shape(&[6, 5]), tile: [2, 5].as_slice().into() });
    let flatten = Access::from_strides(&[30], 0, &[6, 5], &[5, 1]).expect("a one-dimensional base takes any view");
    let flat = rows.push_forward(&flatten, &Rect::from_shape(&[30])).expect("rows are the slowest dimension");
    assert_eq!(flat, Partition::tiles(&Tiling { bounds: Rect::from_shape(&[30]), tile: [10].as_slice().into() }));
    assert_eq!(flat.pull_back(&flatten, &Rect::from_shape(&[6, 5])), PulledBack { partition: rows, exact: true });
    let columns = Partition::tiles(&Tiling { bounds: Rect::from_shape(&[6, 5]), tile: [6, 2].as_slice().into() });
    assert_eq!(columns.push_forward(&flatten, &Rect::from_shape(&[30])), None);
}

#[test]
fn distributions_know_their_pieces() {
    let bounds = Rect::from_shape(&[10]);
    let tiled = Distribution::Tiled {
        partition: Partition::tiles(&Tiling { bounds: bounds.clone(), tile: [3].as_slice().into() }),
        sharding: Sharding::Block,
    };
    assert_eq!(tiled.extent(&bounds, ShardId(1), 2), Rect::new([6].as_slice(), [10].as_slice()));
    assert_eq!(tiled.pieces(&bounds, ShardId(0), 2).len(), 2);
    assert_eq!(Distribution::Single(ShardId(1)).pieces(&bounds, ShardId(0), 2).len(), 0);
    assert_eq!(Distribution::Replicated.extent(&bounds, ShardId(5), 7), bounds);
}
