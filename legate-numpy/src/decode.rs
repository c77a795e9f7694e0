//! From a NumPy view to an affine access of the base's field.
//!
//! The field behind a base has the base's shape, so most views are affine there ([`Access::from_strides`] says which, and how). Views that merge
//! dimensions (`x.ravel()` of a matrix that is not one row) are not; for them the field must be linear: in one dimension every view is affine.

use crate::view::View;
use legate_core::store::Access;

/// The access from the points of `view` to the points of a field of extents `field`; `None` if it is not affine.
pub(crate) fn decode(view: &View, field: &[i64]) -> Option<Access> {
    Access::from_strides(field, view.offset, &view.shape, &view.strides)
}

/// The access to a one-dimensional field that holds the base's elements in row-major order.
pub(crate) fn decode_linear(view: &View, elements: i64) -> Access {
    decode(view, &[elements]).expect("the bounds of a view lie in its base")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::c_strides;
    use legate_core::geometry::Point;
    use proptest::prelude::*;
    use smallvec::SmallVec;

    /// The point of a row-major array with this element number.
    fn digits(element: i64, shape: &[i64]) -> Point {
        let mut rest = element;
        let mut point: Point = SmallVec::from_elem(0, shape.len());
        for d in (0..shape.len()).rev() {
            point[d] = rest % shape[d];
            rest /= shape[d];
        }
        point
    }

    fn apply(access: &Access, p: &[i64]) -> Vec<i64> {
        access.apply(p).to_vec()
    }

    fn points(shape: &[i64]) -> Vec<Vec<i64>> {
        shape.iter().fold(vec![vec![]], |acc, &n| {
            acc.iter().flat_map(|p| (0..n).map(move |i| [p.clone(), vec![i]].concat())).collect()
        })
    }

    fn element(view: &View, p: &[i64]) -> i64 {
        view.offset + view.strides.iter().zip(p).map(|(s, i)| s * i).sum::<i64>()
    }

    /// Whether some affine map agrees with the view, by solving from single steps and comparing everywhere.
    fn affine_by_enumeration(view: &View, field: &[i64]) -> bool {
        let at = |p: &[i64]| digits(element(view, p), field);
        let zero = vec![0; view.rank()];
        let origin = at(&zero);
        let steps: Vec<Option<Point>> = (0..view.rank())
            .map(|d| {
                (view.shape[d] > 1).then(|| {
                    let mut p = zero.clone();
                    p[d] = 1;
                    at(&p)
                })
            })
            .collect();
        points(&view.shape).iter().all(|p| {
            (0..field.len()).all(|k| {
                let value = origin[k]
                    + steps.iter().zip(p).map(|(s, i)| s.as_ref().map_or(0, |s| (s[k] - origin[k]) * i)).sum::<i64>();
                value == at(p)[k]
            })
        })
    }

    /// A base shape and a random view of it, by random view operations.
    fn views() -> impl Strategy<Value = (Vec<i64>, View)> {
        let shape = proptest::collection::vec(1i64..6, 0..4);
        (shape, proptest::collection::vec((0u8..8, 0usize..4, 0i64..6, prop_oneof![-3i64..=-1, 1i64..=3]), 0..6))
            .prop_map(|(shape, steps)| {
                let mut view = View::whole(&shape);
                for (kind, axis, start, step) in steps {
                    view = one_step(&view, kind, axis, start, step);
                }
                (shape, view)
            })
    }

    fn one_step(view: &View, kind: u8, axis: usize, start: i64, step: i64) -> View {
        let rank = view.rank();
        if kind == 7 {
            return view.with_new_axis(axis.min(rank));
        }
        if rank == 0 {
            return view.clone();
        }
        let axis = axis % rank;
        let other = (axis + 1) % rank;
        let n = view.shape[axis];
        match kind {
            0 | 1 => {
                let start = start.min(n - 1);
                let len = if step > 0 { (n - start + step - 1) / step } else { start / -step + 1 };
                view.sliced(axis, start, step, len)
            }
            2 => view.at(axis, start.min(n - 1)),
            3 => view.permuted(&(0..rank).rev().collect::<Vec<_>>()),
            4 if axis != other => {
                let diagonal = view.diagonal(0, axis, other);
                if diagonal.size() > 0 { diagonal } else { view.clone() }
            }
            5 => view.reshaped(&[view.size()]).unwrap_or_else(|| view.clone()),
            6 if n == 1 => {
                let mut shape = view.shape.clone();
                shape[axis] = 3;
                view.broadcast(&shape).unwrap()
            }
            _ => view.clone(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn decoding_is_exact_and_complete((shape, view) in views()) {
            prop_assert!(view.size() > 0);
            let access = decode(&view, &shape);
            prop_assert_eq!(access.is_some(), affine_by_enumeration(&view, &shape), "{:?} {:?}", shape, view);
            if let Some(access) = access {
                let strides = c_strides(&shape);
                for p in points(&view.shape) {
                    let point = apply(&access, &p);
                    prop_assert!(point.iter().zip(&shape).all(|(c, n)| (0..*n).contains(c)));
                    prop_assert_eq!(point.iter().zip(&strides).map(|(c, s)| c * s).sum::<i64>(), element(&view, &p));
                }
            }
            let linear = decode_linear(&view, shape.iter().product());
            for p in points(&view.shape) {
                prop_assert_eq!(apply(&linear, &p)[0], element(&view, &p));
            }
        }
    }

    #[test]
    fn antidiagonals_are_affine_and_ravels_are_not() {
        let matrix = View::whole(&[3, 4]);
        let anti = matrix.sliced(1, 3, -1, 4).diagonal(0, 0, 1);
        assert!(decode(&anti, &[3, 4]).is_some());
        assert!(decode(&matrix.reshaped(&[12]).unwrap(), &[3, 4]).is_none());
        assert!(decode(&View::whole(&[12]).reshaped(&[3, 4]).unwrap(), &[12]).is_some());
    }
}
