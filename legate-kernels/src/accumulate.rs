//! `ufunc.at`: elements at places that an index names are combined with values, one after the other.

use crate::dtype::{DType, Element};
use crate::gather::{OutOfBounds, place};
use crate::operand::RawOperand;
use crate::ops::{BinaryFn, BinaryOp, BinaryVisitor};
use crate::select::RawVector;

/// Whether there is a loop of `op` that takes and gives elements of `dtype`, computed as they are.
pub fn accumulates(op: BinaryOp, dtype: DType) -> bool {
    op.result(dtype) == Some(dtype) && op.visit(dtype, Exists).is_some()
}

struct Exists;

impl BinaryVisitor for Exists {
    type Output = ();
    fn visit<T: Element, F: BinaryFn<T>>(self) {}
}

/// `target[o, index[k], i] = op(target[o, index[k], i], values[k, o, i])` for all `k` in order, where the row lies in `first .. first + rows` of the `n` rows there are;
/// `target` begins at the first of them. So the order in which an element is met is that of the index, whatever the cutting.
///
/// `extents = [outer, rows, inner, indices]`; strides: of `target` (outer, row, inner), of `values` (index, outer, inner). Elements are of type `dtype`.
///
/// # Errors
/// An index that is out of bounds; parts of `target` have been written then.
///
/// # Panics
/// Unless [`accumulates`].
///
/// # Safety
/// The elements of the operands are valid for reading (`target`: and writing), aligned; nobody else touches `target` or writes the others meanwhile. `index` are `i64`s.
pub unsafe fn accumulate_at(
    (op, dtype): (BinaryOp, DType),
    extents: [usize; 4],
    range: (usize, usize),
    target: &RawOperand,
    index: RawVector,
    values: &RawOperand,
) -> Result<(), OutOfBounds> {
    assert!(accumulates(op, dtype), "{op:?} makes no {dtype:?} of two");
    let (target_at, values_at) = ((target.ptr, three(target)), (values.ptr, three(values)));
    let walk = Walk { extents, range, target: target_at, index, values: values_at };
    op.visit(dtype, walk).expect("the loop was found above")
}

fn three(operand: &RawOperand) -> [isize; 3] {
    [operand.strides[0], operand.strides[1], operand.strides[2]]
}

/// The arguments of [`accumulate_at`]; made there only, so what its caller promises holds.
struct Walk {
    extents: [usize; 4],
    range: (usize, usize),
    target: (*mut u8, [isize; 3]),
    index: RawVector,
    values: (*mut u8, [isize; 3]),
}

impl BinaryVisitor for Walk {
    type Output = Result<(), OutOfBounds>;

    fn visit<T: Element, F: BinaryFn<T>>(self) -> Self::Output {
        if (self.extents[0], self.extents[2]) == (1, 1) {
            return self.single_elements::<T, F>();
        }
        let ([outer, rows, inner, indices], (first, n)) = (self.extents, self.range);
        let ((target, [t_outer, t_row, t_inner]), (values, [v_index, v_outer, v_inner])) = (self.target, self.values);
        for k in 0..indices {
            // SAFETY: `accumulate_at`: index `k`.
            let row = place(unsafe { self.index.at::<i64>(k).read() }, n)?.wrapping_sub(first);
            if row >= rows {
                continue;
            }
            let to = target.wrapping_offset(row as isize * t_row);
            let from = values.wrapping_offset(k as isize * v_index);
            for o in 0..outer as isize {
                for i in 0..inner as isize {
                    let to = to.wrapping_offset(o * t_outer + i * t_inner);
                    let from = from.wrapping_offset(o * v_outer + i * v_inner).cast::<T>();
                    // SAFETY: `accumulate_at`: an element of the target's and one of the values'. Results have the type of the elements: `accumulates`.
                    unsafe { to.cast::<F::Out>().write(F::apply(to.cast::<T>().read(), from.read())) };
                }
            }
        }
        Ok(())
    }
}

impl Walk {
    /// The walk where a row is an element: the loops over rows would cost more than what is done in them.
    fn single_elements<T: Element, F: BinaryFn<T>>(self) -> Result<(), OutOfBounds> {
        let ([_, rows, _, indices], (first, n)) = (self.extents, self.range);
        let ((target, [_, t_row, _]), (values, [v_index, ..])) = (self.target, self.values);
        for k in 0..indices {
            // SAFETY: `accumulate_at`: index `k`.
            let row = place(unsafe { self.index.at::<i64>(k).read() }, n)?.wrapping_sub(first);
            if row < rows {
                let to = target.wrapping_offset(row as isize * t_row);
                let from = values.wrapping_offset(k as isize * v_index).cast::<T>();
                // SAFETY: `accumulate_at`: an element of the target's and one of the values'. Results have the type of the elements: `accumulates`.
                unsafe { to.cast::<F::Out>().write(F::apply(to.cast::<T>().read(), from.read())) };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Scalar;
    use crate::ops;
    use smallvec::smallvec;

    #[test]
    fn each_element_meets_its_values_in_order_whatever_the_pieces() {
        let (n, m) = (7usize, 100i64);
        let mut index: Vec<i64> = (0..m).map(|k| k * k % 14 - 7).collect();
        let mut values: Vec<f64> = (0..m).map(|k| 1.0 + (k % 5) as f64).collect();
        for op in [BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Divide, BinaryOp::Maximum, BinaryOp::Power] {
            let mut wanted = vec![2.0f64; n];
            for (i, v) in index.iter().zip(&values) {
                let row = i.rem_euclid(n as i64) as usize;
                wanted[row] = ops::binary(op, Scalar::new(wanted[row]), Scalar::new(*v)).unwrap().get().unwrap();
            }
            for pieces in [1, 3] {
                let mut target = vec![2.0f64; n];
                for piece in 0..pieces {
                    let (from, to) = (n * piece / pieces, n * (piece + 1) / pieces);
                    let rows = RawOperand { ptr: target[from..].as_mut_ptr().cast(), strides: smallvec![0, 8, 0] };
                    let given = RawOperand { ptr: values.as_mut_ptr().cast(), strides: smallvec![8, 0, 0] };
                    let index = RawVector { ptr: index.as_mut_ptr().cast(), stride: 8 };
                    let extents = [1, to - from, 1, m as usize];
                    // SAFETY: `m` indices and values, and the rows of this piece.
                    unsafe { accumulate_at((op, DType::F64), extents, (from, n), &rows, index, &given) }.unwrap();
                }
                assert!(target.iter().zip(&wanted).all(|(a, b)| a.to_bits() == b.to_bits()), "{op:?}, {pieces} pieces");
            }
        }
        assert!(!accumulates(BinaryOp::Divide, DType::I64) && !accumulates(BinaryOp::Less, DType::F64));
    }
}
