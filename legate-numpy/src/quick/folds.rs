//! Reductions of a small vector to one value, and dot products: the same steps as in [`crate::reduction`] and [`crate::product`], over rows.

use super::{locked, made, row, row_in_c_order};
use crate::array::NdArray;
use crate::promote::{Weak, promote_types};
use crate::reduction::{ReduceOptions, Reduction, accumulator};
use crate::session::Session;
use crate::variance::mean_type;
use legate_core::exec::HostBuffer;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::engine::row::{self as kernels, Input};
use legate_kernels::engine::row_met;
use legate_kernels::ops::{self, BinaryOp, ReduceOp, UnaryOp};

impl Session {
    /// A reduction of a whole small vector at hand, with no options but `ddof`; `None` if it should be had by [`Session::reduce`].
    pub fn reduce_small(&self, reduction: Reduction, a: &NdArray, ddof: f64) -> Option<Scalar> {
        if a.ndim() != 1 || a.size() == 0 || a.dtype().is_time() || !self.is_small(a.size(), a.nbytes()) {
            return None;
        }
        let result = match reduction {
            Reduction::Mean | Reduction::Var | Reduction::Std => mean_type(a.dtype()),
            Reduction::ArgMin | Reduction::ArgMax => a.dtype(),
            _ => accumulator(elements_op(reduction)?, a.dtype(), &ReduceOptions::default()),
        };
        let dtype = result.computed();
        let spread = matches!(reduction, Reduction::Var | Reduction::Std);
        if (spread && (dtype.kind() == Kind::Complex || a.nbytes() as u64 >= self.moments_bytes()))
            || elements_op(reduction).is_some_and(|op| op.result(dtype).is_none())
        {
            return None;
        }
        let backing = locked(a)?;
        let elements = row(a, &backing, dtype)?;
        let bytes = elements.bytes()?;
        let n = a.size();
        self.note_at_once(n as u64, || label(reduction));
        row_met::begin();
        let sum = |row: &[u8]| divided(kernels::fold(ReduceOp::Add, dtype, row), n as f64);
        let value = match reduction {
            Reduction::ArgMin | Reduction::ArgMax => {
                let place = kernels::extreme(dtype, bytes, reduction == Reduction::ArgMax)?;
                Some(Scalar::new(place as i64))
            }
            Reduction::Mean => sum(bytes),
            Reduction::Var | Reduction::Std => {
                let squares = squares(dtype, bytes, &sum(bytes)?);
                let sum = kernels::fold(ReduceOp::Add, dtype, squares.as_slice());
                let variance = divided(sum, (n as f64 - ddof).max(0.0))?;
                if reduction == Reduction::Var { Some(variance) } else { ops::unary(UnaryOp::Sqrt, variance) }
            }
            _ => Some(kernels::fold(elements_op(reduction)?, dtype, bytes)),
        };
        if !is_order(reduction) && self.wants(row_met::raised()) {
            return None; // whatever was met is told by the general way
        }
        if result == dtype { value } else { value.map(|value| rounded(value, dtype, result)) }
    }

    /// A fold of a small matrix at hand along one axis; `None` if it should be had by [`Session::reduce`]. Only folds whose order is plain: of rows of one
    /// block, and of a few rows joined in turn (see [`mod@legate_kernels::reduce`]).
    pub fn reduce_axis_small(&self, reduction: Reduction, a: &NdArray, axis: i64) -> Option<NdArray> {
        const BLOCK: i64 = 1024;
        const ROWS: i64 = 16;
        let &[rows, columns] = a.shape() else { return None };
        if matches!(reduction, Reduction::ArgMin | Reduction::ArgMax) {
            return match axis {
                1 | -1 => self.extremes_small(reduction, a),
                0 | -2 => self.extremes_small(reduction, &a.with_view(a.view.reversed())),
                _ => None,
            };
        }
        let by_row = match axis {
            1 | -1 if (1..=BLOCK).contains(&columns) && rows > 0 => true,
            0 | -2 if (1..=ROWS).contains(&rows) && columns > 1 => false,
            _ => return None,
        };
        let op = elements_op(reduction)?;
        let delivered = accumulator(op, a.dtype(), &ReduceOptions::default());
        let dtype = delivered.computed();
        if op.result(dtype).is_none() || !self.is_small(a.size(), a.nbytes()) {
            return None;
        }
        let backing = locked(a)?;
        let elements = row(a, &backing, dtype)?;
        let bytes = elements.bytes()?;
        let (size, width) = (dtype.size(), columns as usize * dtype.size());
        let kept = if by_row { rows } else { columns };
        let mut result = HostBuffer::unwritten(kept as usize * size);
        row_met::begin();
        if by_row {
            for (place, row) in result.as_mut_slice().chunks_exact_mut(size).zip(bytes.chunks_exact(width)) {
                place.copy_from_slice(kernels::fold(op, dtype, row).as_bytes());
            }
        } else {
            result.as_mut_slice().copy_from_slice(&bytes[..width]);
            for row in bytes.chunks_exact(width).skip(1) {
                let inputs = [Input::Old, Input::Row(row)];
                kernels::binary(op.binary(), dtype, dtype, columns as usize, result.as_mut_slice(), inputs);
            }
        }
        if !is_order(reduction) && self.wants(row_met::raised()) {
            return None;
        }
        drop(backing);
        self.note_at_once(a.size() as u64, || label(reduction));
        if delivered != dtype {
            let mut rounded = HostBuffer::unwritten(kept as usize * delivered.size());
            kernels::cast(dtype, delivered, kept as usize, rounded.as_mut_slice(), Input::Row(result.as_slice()));
            result = rounded;
        }
        Some(made(&[kept], delivered, result))
    }

    /// Where the extreme of each row of a matrix is.
    fn extremes_small(&self, reduction: Reduction, a: &NdArray) -> Option<NdArray> {
        let (&[rows, columns], dtype) = (a.shape(), a.dtype()) else { return None };
        if a.size() == 0 || !self.is_small(a.size(), a.nbytes()) {
            return None;
        }
        let backing = locked(a)?;
        let elements = row_in_c_order(a, &backing, dtype)?;
        let bytes = elements.bytes()?;
        let mut places = HostBuffer::unwritten(rows as usize * 8);
        let lines = bytes.chunks_exact(columns as usize * dtype.size());
        for (place, line) in places.as_mut_slice().as_chunks_mut::<8>().0.iter_mut().zip(lines) {
            *place = (kernels::extreme(dtype, line, reduction == Reduction::ArgMax)? as i64).to_ne_bytes();
        }
        drop(backing);
        self.note_at_once(a.size() as u64, || label(reduction));
        Some(made(&[rows], DType::I64, places))
    }

    /// The dot product of two small vectors at hand; `None` if it should be had by [`Session::dot`].
    pub fn dot_small(&self, x: &NdArray, y: &NdArray) -> Option<Scalar> {
        let dtype = x.dtype().computed();
        // Truth values have a product of their own.
        let fits = dtype != DType::Bool
            && !dtype.is_time()
            && x.ndim() == 1
            && y.shape() == x.shape()
            && y.dtype() == x.dtype()
            && x.size() > 0;
        if !fits || !self.is_small(x.size(), x.nbytes() + y.nbytes()) {
            return None;
        }
        let first = locked(x)?;
        let left = row(x, &first, dtype)?;
        let second = if x.shares_base(y) { None } else { Some(locked(y)?) };
        let right = row(y, second.as_deref().unwrap_or(&first), dtype)?;
        let n = x.size() as usize;
        let mut products = HostBuffer::unwritten(n * dtype.size());
        let inputs = [left.input(), right.input()];
        row_met::begin();
        kernels::binary(BinaryOp::Multiply, dtype, dtype, n, products.as_mut_slice(), inputs);
        let sum = kernels::fold(ReduceOp::Add, dtype, products.as_slice());
        if self.wants(row_met::raised()) {
            return None;
        }
        self.note_at_once(n as u64, || "dot".to_owned());
        Some(rounded(sum, dtype, x.dtype()))
    }
}

/// Whether it compares elements and computes nothing: comparisons of NaN raise flags that mean nothing.
fn is_order(reduction: Reduction) -> bool {
    use Reduction::{ArgMax, ArgMin, Max, Min};
    matches!(reduction, Max | Min | ArgMax | ArgMin)
}

/// `(x - mean)²`, element by element.
fn squares(dtype: DType, x: &[u8], mean: &Scalar) -> HostBuffer {
    let n = x.len() / dtype.size();
    let (mut difference, mut squares) = (HostBuffer::unwritten(x.len()), HostBuffer::unwritten(x.len()));
    let inputs = [Input::Row(x), Input::One(mean)];
    kernels::binary(BinaryOp::Subtract, dtype, dtype, n, difference.as_mut_slice(), inputs);
    let inputs = [Input::Row(difference.as_slice()); 2];
    kernels::binary(BinaryOp::Multiply, dtype, dtype, n, squares.as_mut_slice(), inputs);
    squares
}

/// What was computed in one type, in the type that is asked for.
fn rounded(value: Scalar, computed: DType, dtype: DType) -> Scalar {
    if value.dtype() == computed && computed != dtype { cast(value, dtype) } else { value }
}

/// What a report calls it.
fn label(reduction: Reduction) -> String {
    match elements_op(reduction) {
        Some(op) => format!("{}.reduce", op.binary().name()),
        None => format!("{reduction:?}").to_lowercase(),
    }
}

/// The operation of a reduction that folds the elements themselves.
fn elements_op(reduction: Reduction) -> Option<ReduceOp> {
    Some(match reduction {
        Reduction::Sum => ReduceOp::Add,
        Reduction::Prod => ReduceOp::Multiply,
        Reduction::Min => ReduceOp::Minimum,
        Reduction::Max => ReduceOp::Maximum,
        Reduction::Any => ReduceOp::LogicalOr,
        Reduction::All => ReduceOp::LogicalAnd,
        _ => return None,
    })
}

/// `sum / n` in double precision, in the type of `sum`.
fn divided(sum: Scalar, n: f64) -> Option<Scalar> {
    let wide = promote_types(sum.dtype(), DType::F64);
    let quotient = ops::binary(BinaryOp::Divide, cast(sum, wide), Weak::Float(n).to_scalar(wide).ok()?)?;
    Some(cast(quotient, sum.dtype()))
}
