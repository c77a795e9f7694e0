//! The transforms that make a view of a store. Each is an access map from the new view to the old one; views of views compose and stay one map.

use super::{Access, Coordinate, Store};
use crate::error::{Error, Result};
use crate::geometry::{Point, Rect};
use smallvec::SmallVec;

/// One step from a store to a view of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transform {
    /// Point `p` of the view is point `start + step·p` along `dim`. The step may be negative, not zero.
    Slice {
        /// Along which dimension.
        dim: usize,
        /// The first point.
        start: i64,
        /// The distance between points.
        step: i64,
        /// How many points.
        extent: i64,
    },
    /// Dimension `d` of the view is dimension `order[d]` of the store.
    Transpose {
        /// A permutation.
        order: SmallVec<[usize; 4]>,
    },
    /// A new dimension before `dim`, along which all is repeated.
    Promote {
        /// Where it comes, at most the rank.
        dim: usize,
        /// Its extent.
        extent: i64,
    },
    /// One point along `dim`; the dimension goes.
    Project {
        /// Which dimension.
        dim: usize,
        /// Which point.
        index: i64,
    },
    /// A dimension of one point is repeated.
    Broadcast {
        /// Which dimension.
        dim: usize,
        /// Its new extent.
        extent: i64,
    },
    /// The points whose coordinates along two dimensions differ by `offset` (`second - first`); the dimensions go, the diagonal becomes the last.
    Diagonal {
        /// The two dimensions.
        dims: (usize, usize),
        /// 0 for the main diagonal.
        offset: i64,
    },
    /// One dimension becomes several, row-major.
    Delinearize {
        /// Which dimension.
        dim: usize,
        /// Its new extents.
        shape: Point,
    },
    /// `dim` and the dimension after it become one, row-major. Only where the view stays a map: the first's steps are the second's times its extent.
    Linearize {
        /// The first of the two.
        dim: usize,
    },
}

impl Store {
    /// All of a field.
    pub fn whole(field: crate::id::FieldId, shape: &[i64]) -> Store {
        Store { field, shape: shape.into(), access: Access::identity(shape.len()) }
    }
    /// A view of this store. No values move.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the store has no such dimensions or points, or the view has no affine map
    /// ([`Transform::Linearize`] of what does not lie in a row).
    pub fn transform(&self, transform: &Transform) -> Result<Store> {
        if let Transform::Linearize { dim } = transform {
            return self.linearize(*dim);
        }
        let (shape, inner) = self.inner(transform).ok_or_else(|| self.refused(transform))?;
        Ok(Store { field: self.field, access: self.access.compose(&inner), shape })
    }

    fn refused(&self, transform: &Transform) -> Error {
        Error::Invalid(format!("{transform:?} of a store of shape {:?}", self.shape.as_slice()))
    }

    /// The view's shape, and the map from its points to this store's.
    fn inner(&self, transform: &Transform) -> Option<(Point, Access)> {
        let rank = self.shape.len();
        let extent = |dim: usize| self.shape.get(dim).copied();
        let mut shape = self.shape.clone();
        match transform {
            Transform::Slice { dim, start, step, extent: count } => {
                let last = start + step * (count - 1);
                let inside = |x: i64| (0..extent(*dim).unwrap_or(0)).contains(&x);
                let empty = *count == 0 && *dim < rank;
                if *step == 0 || *count < 0 || !(empty || (inside(*start) && inside(last))) {
                    return None;
                }
                shape[*dim] = *count;
                let mut access = Access::identity(rank);
                access.coords[*dim] = Coordinate::strided(*start, *step, *dim);
                Some((shape, access))
            }
            Transform::Transpose { order } => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if !sorted.iter().copied().eq(0..rank) {
                    return None;
                }
                let shape = order.iter().map(|d| self.shape[*d]).collect();
                let mut access = Access::identity(rank);
                for (new, old) in order.iter().enumerate() {
                    access.coords[*old] = Coordinate::strided(0, 1, new);
                }
                Some((shape, access))
            }
            Transform::Promote { dim, extent } => {
                if *dim > rank || *extent < 0 {
                    return None;
                }
                shape.insert(*dim, *extent);
                Some((shape, skipping(rank + 1, &[*dim])))
            }
            Transform::Project { dim, index } => {
                if !(0..extent(*dim)?).contains(index) {
                    return None;
                }
                shape.remove(*dim);
                Some((shape, inserting(rank - 1, *dim, Coordinate::constant(*index))))
            }
            Transform::Broadcast { dim, extent: count } => {
                if extent(*dim)? != 1 || *count < 0 {
                    return None;
                }
                shape[*dim] = *count;
                let mut access = Access::identity(rank);
                access.coords[*dim] = Coordinate::constant(0);
                Some((shape, access))
            }
            Transform::Diagonal { dims: (first, second), offset } => {
                let (rows, columns) = (extent(*first)?, extent(*second)?);
                if first == second {
                    return None;
                }
                // Rows max(0, -offset).., columns max(0, offset)..
                let (row, column) = ((-offset).max(0), (*offset).max(0));
                let count = (rows - row).min(columns - column).max(0);
                let others: SmallVec<[usize; 4]> = (0..rank).filter(|d| d != first && d != second).collect();
                let mut shape: Point = others.iter().map(|d| self.shape[*d]).collect();
                shape.push(count);
                let mut access = Access::constant(rank - 1, &self.shape);
                for (new, old) in others.iter().enumerate() {
                    access.coords[*old] = Coordinate::strided(0, 1, new);
                }
                access.coords[*first] = Coordinate::strided(row, 1, rank - 2);
                access.coords[*second] = Coordinate::strided(column, 1, rank - 2);
                Some((shape, access))
            }
            Transform::Delinearize { dim, shape: split } => {
                if extent(*dim)? != split.iter().product::<i64>() || split.iter().any(|n| *n < 0) {
                    return None;
                }
                shape.remove(*dim);
                shape.insert_many(*dim, split.iter().copied());
                let line = Access::row_major(&Rect::from_shape(split)).coords[0].clone();
                let terms: SmallVec<[(i64, usize); 4]> =
                    line.terms.iter().map(|t| (t.stride, t.dim as usize + dim)).collect();
                let mut access = skipping(shape.len(), &(*dim..dim + split.len()).collect::<Vec<_>>());
                access.coords.insert(*dim, Coordinate::sum(0, &terms));
                Some((shape, access))
            }
            Transform::Linearize { .. } => None,
        }
    }

    fn linearize(&self, dim: usize) -> Result<Store> {
        let refused = || self.refused(&Transform::Linearize { dim });
        let (Some(outer), Some(inner)) = (self.shape.get(dim).copied(), self.shape.get(dim + 1).copied()) else {
            return Err(refused());
        };
        let stride = |c: &Coordinate, d: usize| c.terms.iter().find(|t| t.dim as usize == d).map_or(0, |t| t.stride);
        let in_row = |c: &Coordinate| stride(c, dim) == stride(c, dim + 1) * inner;
        let mut shape = self.shape.clone();
        shape.remove(dim);
        shape[dim] = outer * inner;
        let access = if inner == 1 {
            self.access.compose(&inserting(shape.len(), dim + 1, Coordinate::constant(0)))
        } else if outer == 1 || shape[dim] == 0 || self.access.coords.iter().all(in_row) {
            // The second dimension's steps lead on into the next row.
            self.access.compose(&inserting(shape.len(), dim, Coordinate::constant(0)))
        } else {
            return Err(refused());
        };
        Ok(Store { field: self.field, shape, access })
    }
}

/// From a view of `rank` dimensions to a store that has all of them but some.
fn skipping(rank: usize, without: &[usize]) -> Access {
    let mut access = Access::identity(rank);
    let mut d = 0;
    access.coords.retain(|_| {
        d += 1;
        !without.contains(&(d - 1))
    });
    access
}

/// From a view of `rank` dimensions to a store with one more at `dim`.
fn inserting(rank: usize, dim: usize, coordinate: Coordinate) -> Access {
    let mut access = Access::identity(rank);
    access.coords.insert(dim, coordinate);
    access
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::tests::points;
    use crate::id::FieldId;
    use proptest::prelude::*;

    /// A view as the list of field points that its points name, row-major: what each transform says in its own words.
    #[derive(Clone, Debug)]
    struct Listed {
        shape: Vec<i64>,
        names: Vec<Point>,
    }

    impl Listed {
        fn at(&self, p: &[i64]) -> Point {
            let index = p.iter().zip(&self.shape).fold(0, |k, (x, n)| k * n + x);
            self.names[index as usize].clone()
        }
        fn build(shape: Vec<i64>, name: impl Fn(&[i64]) -> Point) -> Listed {
            let names = points(&Rect::from_shape(&shape)).iter().map(|p| name(p)).collect();
            Listed { shape, names }
        }
        fn transform(&self, transform: &Transform) -> Listed {
            let mut shape = self.shape.clone();
            match transform.clone() {
                Transform::Slice { dim, start, step, extent } => {
                    shape[dim] = extent;
                    Listed::build(shape, |p| {
                        let mut q = p.to_vec();
                        q[dim] = start + step * p[dim];
                        self.at(&q)
                    })
                }
                Transform::Transpose { order } => {
                    let shape = order.iter().map(|d| self.shape[*d]).collect();
                    Listed::build(shape, |p| {
                        let mut q = vec![0; p.len()];
                        order.iter().zip(p).for_each(|(d, x)| q[*d] = *x);
                        self.at(&q)
                    })
                }
                Transform::Promote { dim, extent } => {
                    shape.insert(dim, extent);
                    Listed::build(shape, |p| {
                        let mut q = p.to_vec();
                        q.remove(dim);
                        self.at(&q)
                    })
                }
                Transform::Project { dim, index } => {
                    shape.remove(dim);
                    Listed::build(shape, |p| {
                        let mut q = p.to_vec();
                        q.insert(dim, index);
                        self.at(&q)
                    })
                }
                Transform::Broadcast { dim, extent } => {
                    shape[dim] = extent;
                    Listed::build(shape, |p| {
                        let mut q = p.to_vec();
                        q[dim] = 0;
                        self.at(&q)
                    })
                }
                Transform::Diagonal { dims: (first, second), offset } => {
                    // Every pair on the diagonal, in order.
                    let on: Vec<(i64, i64)> = (0..self.shape[first])
                        .flat_map(|r| (0..self.shape[second]).map(move |c| (r, c)))
                        .filter(|(r, c)| c - r == offset)
                        .collect();
                    let mut shape: Vec<i64> =
                        (0..shape.len()).filter(|d| *d != first && *d != second).map(|d| shape[d]).collect();
                    shape.push(on.len() as i64);
                    Listed::build(shape, |p| {
                        let (row, column) = on[p[p.len() - 1] as usize];
                        let mut rest = p.iter();
                        let q: Vec<i64> = (0..self.shape.len())
                            .map(|d| match d {
                                _ if d == first => row,
                                _ if d == second => column,
                                _ => *rest.next().unwrap(),
                            })
                            .collect();
                        self.at(&q)
                    })
                }
                Transform::Delinearize { dim, shape: split } => {
                    shape.remove(dim);
                    shape.splice(dim..dim, split.iter().copied());
                    Listed { shape, names: self.names.clone() }
                }
                Transform::Linearize { dim } => {
                    let inner = shape.remove(dim + 1);
                    shape[dim] *= inner;
                    Listed { shape, names: self.names.clone() }
                }
            }
        }
    }

    fn transform() -> impl Strategy<Value = Transform> {
        let dim = || 0usize..4;
        prop_oneof![
            (dim(), 0i64..6, -3i64..4, 0i64..5).prop_map(|(dim, start, step, extent)| Transform::Slice {
                dim,
                start,
                step,
                extent
            }),
            Just((0usize..4).collect::<Vec<_>>())
                .prop_shuffle()
                .prop_flat_map(|order| (Just(order), 0usize..5))
                .prop_map(|(order, n)| Transform::Transpose { order: order.into_iter().filter(|d| *d < n).collect() }),
            (dim(), 0i64..4).prop_map(|(dim, extent)| Transform::Promote { dim, extent }),
            (dim(), 0i64..4).prop_map(|(dim, index)| Transform::Project { dim, index }),
            (dim(), 0i64..4).prop_map(|(dim, extent)| Transform::Broadcast { dim, extent }),
            (dim(), dim(), -2i64..3).prop_map(|(a, b, offset)| Transform::Diagonal { dims: (a, b), offset }),
            (dim(), proptest::collection::vec(1i64..4, 0..3))
                .prop_map(|(dim, shape)| Transform::Delinearize { dim, shape: shape.into() }),
            dim().prop_map(|dim| Transform::Linearize { dim }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn stacks_of_transforms_name_the_right_points(
            shape in proptest::collection::vec(1i64..7, 0..4),
            stack in proptest::collection::vec(transform(), 0..12),
        ) {
            let field = Rect::from_shape(&shape);
            let mut store = Store::whole(FieldId(0), &shape);
            let mut listed = Listed { shape: shape.clone(), names: points(&field) };
            for step in &stack {
                // What does not apply to the view as it is now is refused, and the next one is tried.
                let Ok(view) = store.transform(step) else { continue };
                listed = listed.transform(step);
                store = view;
                prop_assert_eq!(store.shape.as_slice(), listed.shape.as_slice());
                let view = Rect::from_shape(&store.shape);
                prop_assert!(store.access.in_bounds(&view, &field));
                for p in points(&view) {
                    prop_assert_eq!(store.access.apply(&p), listed.at(&p), "{:?}", step);
                }
            }
        }
    }

    #[test]
    fn what_lies_in_a_row_is_linear_and_the_rest_is_refused() {
        let matrix = Store::whole(FieldId(0), &[12])
            .transform(&Transform::Delinearize { dim: 0, shape: [3, 4].as_slice().into() });
        let matrix = matrix.unwrap();
        let line = matrix.transform(&Transform::Linearize { dim: 0 }).unwrap();
        assert_eq!(line, Store::whole(FieldId(0), &[12]));
        let turned = matrix.transform(&Transform::Transpose { order: [1, 0].into_iter().collect() }).unwrap();
        assert!(matches!(turned.transform(&Transform::Linearize { dim: 0 }), Err(Error::Invalid(_))));
        let split = Store::whole(FieldId(0), &[3, 4]);
        assert!(split.transform(&Transform::Linearize { dim: 0 }).is_err(), "two dimensions of a field are no row");
    }

    #[test]
    fn views_that_do_not_exist_are_refused() {
        let store = Store::whole(FieldId(0), &[3, 4]);
        let refused = [
            Transform::Slice { dim: 0, start: 0, step: 1, extent: 4 },
            Transform::Slice { dim: 0, start: 0, step: 0, extent: 2 },
            Transform::Slice { dim: 2, start: 0, step: 1, extent: 0 },
            Transform::Transpose { order: [0, 0].into_iter().collect() },
            Transform::Project { dim: 1, index: 4 },
            Transform::Broadcast { dim: 0, extent: 5 },
            Transform::Diagonal { dims: (0, 0), offset: 0 },
            Transform::Delinearize { dim: 1, shape: [3, 2].as_slice().into() },
            Transform::Linearize { dim: 1 },
        ];
        for transform in refused {
            assert!(store.transform(&transform).is_err(), "{transform:?}");
        }
    }
}
