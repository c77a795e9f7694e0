//! Methods of ufuncs: `reduce`, `accumulate`, `reduceat`, for every ufunc of two inputs.
//!
//! Operations that are associative fold as [`crate::reduction`] does, sums and products run as in [`crate::scan`]. All others go along a line in NumPy's order, one element
//! after the other: lines are independent, so they are what is cut.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::reduction::{Axes, ReduceOptions, scalar_of};
use crate::routine::Call;
use crate::scan::ScanOp;
use crate::session::Session;
use crate::tasks::Routine;
use crate::ufunc::{Kernel, Operand, Ufunc};
use crate::view::{normalize_axis, volume};
use legate_core::geometry::Point;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, ReduceOp};
use smallvec::SmallVec;

/// What an element of a line takes, roughly: each waits for the one before it.
const NS_PER_ELEMENT: f64 = 2.0;

/// Where a fold begins.
#[derive(Clone, Copy, Debug, Default)]
pub enum Initial<'a> {
    /// With the identity, if there is one.
    #[default]
    Identity,
    /// With the first element (NumPy's `initial=None`).
    First,
    /// With this value.
    Value(&'a Operand),
}

/// The keywords of a ufunc's `reduce`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FoldOptions<'a> {
    /// Which axes are folded; `None`: all.
    pub axis: Option<&'a [i64]>,
    /// Keep folded axes with extent 1.
    pub keepdims: bool,
    /// Where the fold begins.
    pub initial: Initial<'a>,
    /// Elements to fold: a bool array.
    pub where_: Option<&'a NdArray>,
}

impl Ufunc {
    /// Whether there is a loop that takes two elements of `dtype` and gives another one: what folds need.
    pub fn keeps(self, dtype: DType) -> bool {
        matches!(self.kernel(), Kernel::Binary(op) if op.result(dtype) == Some(dtype))
    }

    /// The result of folding nothing.
    pub fn identity(self, dtype: DType) -> Option<Scalar> {
        use BinaryOp::{Gcd, Hypot, Logaddexp, Logaddexp2};
        let Kernel::Binary(op) = self.kernel() else { return None };
        match (op, self.fold()) {
            (_, Some(fold)) => fold.identity(dtype.computed()).map(|value| cast(value, dtype)),
            (Hypot | Gcd, None) => Some(Scalar::zero(dtype)),
            (Logaddexp | Logaddexp2, None) => Some(cast(Scalar::new(f64::NEG_INFINITY), dtype)),
            _ => None,
        }
    }

    /// Whether several axes may be folded at once, in any order.
    pub fn is_reorderable(self) -> bool {
        use BinaryOp::{Gcd, Hypot, Logaddexp, Logaddexp2};
        self.fold().is_some() || matches!(self.kernel(), Kernel::Binary(Hypot | Gcd | Logaddexp | Logaddexp2))
    }

    fn fold(self) -> Option<ReduceOp> {
        ReduceOp::from_name(self.name())
    }
}

impl Session {
    /// A ufunc's `reduce`, in elements of `dtype`, which [`Ufunc::keeps`].
    ///
    /// # Errors
    /// NumPy's for axes, empty arrays and masks without an identity; for integers to negative powers.
    ///
    /// # Panics
    /// If the ufunc has no such loop.
    pub fn ufunc_reduce(&self, ufunc: Ufunc, a: &NdArray, dtype: DType, options: &FoldOptions<'_>) -> Result<NdArray> {
        let Kernel::Binary(op) = ufunc.kernel() else { panic!("{} has one input", ufunc.name()) };
        assert!(ufunc.keeps(dtype), "{} has no loop that keeps {dtype}", ufunc.name());
        let plain = ReduceOptions { axis: options.axis, keepdims: options.keepdims, ..ReduceOptions::default() };
        let axes = Axes::new(a, &plain)?;
        if axes.folded.len() > 1 && !ufunc.is_reorderable() {
            let text = format!(
                "reduction operation '{}' is not reorderable, so at most one axis may be specified",
                ufunc.name()
            );
            return Err(Error::Value(text));
        }
        let initial = self.initial_value(ufunc, dtype, options.initial)?;
        if options.where_.is_some() && initial.is_none() {
            let text = format!(
                "reduction operation '{}' does not have an identity, so to use a where mask one has to specify 'initial'",
                ufunc.name()
            );
            return Err(Error::Value(text));
        }
        if axes.count(a) == 0 && axes.result_size(a) > 0 && initial.is_none() {
            return Err(Error::EmptyReduction { ufunc: ufunc.name() });
        }
        if let Some(fold) = ufunc.fold() {
            let initial = match options.initial {
                Initial::Value(value) => Some(value),
                _ => None,
            };
            let options = ReduceOptions { dtype: Some(dtype), initial, where_: options.where_, ..plain };
            return self.fold(fold, a, &axes, &options);
        }
        let result = self.fold_in_order(op, a, dtype, &axes, initial, options.where_)?;
        self.deliver(result, ufunc.name(), &axes, &plain)
    }

    fn initial_value(&self, ufunc: Ufunc, dtype: DType, initial: Initial<'_>) -> Result<Option<Scalar>> {
        match initial {
            Initial::Identity => Ok(ufunc.identity(dtype)),
            Initial::First => Ok(None),
            Initial::Value(value) => scalar_of(self, value, dtype).map(Some),
        }
    }

    /// Axis after axis, the last one first. With extent 1 along the folded axes.
    fn fold_in_order(
        &self,
        op: BinaryOp,
        a: &NdArray,
        dtype: DType,
        axes: &Axes,
        initial: Option<Scalar>,
        mask: Option<&NdArray>,
    ) -> Result<NdArray> {
        let mask = mask.map(|mask| stretched(mask, a)).transpose()?;
        let a = self.astype(a, dtype, Casting::Unsafe, false)?;
        let Some((&last, rest)) = axes.folded.split_last() else {
            // Nothing is folded: a line of one element each.
            let (a, mask) = (a.expand_dims(&[-1])?, mask.map(|mask| mask.expand_dims(&[-1])).transpose()?);
            let result = self.fold_line(op, &a, a.ndim() - 1, initial, mask.as_ref())?;
            return Ok(result.with_view(result.view.without_axis(result.ndim() - 1)));
        };
        let mut result = self.fold_line(op, &a, last, initial, mask.as_ref())?;
        for &axis in rest.iter().rev() {
            result = self.fold_line(op, &result, axis, initial, None)?;
        }
        Ok(result)
    }

    /// The folds of the lines along `axis`, which keeps extent 1. An empty line is the initial value.
    fn fold_line(
        &self,
        op: BinaryOp,
        a: &NdArray,
        axis: usize,
        initial: Option<Scalar>,
        mask: Option<&NdArray>,
    ) -> Result<NdArray> {
        let mut shape: Point = a.shape().into();
        shape[axis] = 1;
        if let (0, Some(initial)) = (a.shape()[axis], initial) {
            return Ok(self.constant(&shape, initial));
        }
        self.check_line_exponents(op, a, axis, initial.is_some())?;
        let out = NdArray::unwritten(&shape, a.dtype());
        let dims: SmallVec<[usize; 4]> = (0..a.ndim()).collect();
        let kept: SmallVec<[usize; 4]> = dims.iter().copied().filter(|&d| d != axis).collect();
        let routine = Routine::Along { op, dtype: a.dtype(), axis, each: false, initial };
        let mut call = Call::new(self, routine, a.shape(), &[axis]).costing(a.size(), NS_PER_ELEMENT).read(a, &dims)?;
        if let Some(mask) = mask {
            call = call.read(mask, &dims)?;
        }
        call.write(&out.with_view(out.view.without_axis(axis)), &kept).run()?;
        Ok(out)
    }

    /// A ufunc's `accumulate` along `axis`, in elements of `dtype`, which [`Ufunc::keeps`].
    ///
    /// # Errors
    /// [`Error::AxisOutOfBounds`]; for integers to negative powers.
    ///
    /// # Panics
    /// If the ufunc has no such loop.
    pub fn ufunc_accumulate(&self, ufunc: Ufunc, a: &NdArray, dtype: DType, axis: i64) -> Result<NdArray> {
        let Kernel::Binary(op) = ufunc.kernel() else { panic!("{} has one input", ufunc.name()) };
        assert!(ufunc.keeps(dtype), "{} has no loop that keeps {dtype}", ufunc.name());
        let axis = normalize_axis(axis, a.ndim())?;
        let a = self.astype(a, dtype, Casting::Unsafe, false)?;
        let scan = match op {
            BinaryOp::Add => Some(ScanOp::Add),
            BinaryOp::Multiply => Some(ScanOp::Multiply),
            _ => None,
        };
        if let Some(scan) = scan {
            return self.accumulate(scan, &a, Some(axis as i64), Some(dtype));
        }
        self.check_line_exponents(op, &a, axis, false)?;
        let out = NdArray::unwritten(a.shape(), dtype);
        let dims: SmallVec<[usize; 4]> = (0..a.ndim()).collect();
        Call::new(self, Routine::Along { op, dtype, axis, each: true, initial: None }, a.shape(), &[axis])
            .costing(a.size(), NS_PER_ELEMENT)
            .read(&a, &dims)?
            .write(&out, &dims)
            .run()?;
        Ok(out)
    }

    /// A ufunc's `reduceat` along `axis`, in elements of `dtype`, which [`Ufunc::keeps`]. Waits for the indices, which must be in bounds.
    ///
    /// # Errors
    /// [`Error::AxisOutOfBounds`]; [`Error::Index`] for an index that is out of bounds; for integers to negative powers.
    ///
    /// # Panics
    /// If the ufunc has no such loop.
    pub fn ufunc_reduceat(
        &self,
        ufunc: Ufunc,
        a: &NdArray,
        indices: &NdArray,
        dtype: DType,
        axis: i64,
    ) -> Result<NdArray> {
        let Kernel::Binary(op) = ufunc.kernel() else { panic!("{} has one input", ufunc.name()) };
        assert!(ufunc.keeps(dtype), "{} has no loop that keeps {dtype}", ufunc.name());
        let axis = normalize_axis(axis, a.ndim())?;
        let n = a.shape()[axis];
        let starts = self.astype(indices, DType::I64, Casting::Unsafe, true)?;
        self.check_starts(ufunc, &starts, n)?;
        let a = self.astype(a, dtype, Casting::Unsafe, false)?;
        self.check_line_exponents(op, &a, axis, false)?;
        let (outer, inner, m) = (volume(&a.shape()[..axis]), volume(&a.shape()[axis + 1..]), starts.size());
        let mut shape: Point = a.shape().into();
        shape[axis] = m;
        let out = NdArray::unwritten(&shape, dtype);
        let flat = out.view.reshaped(&[outer, m, inner]).expect("a new array takes any shape of its size");
        if out.size() == 0 {
            return Ok(self.constant(&shape, Scalar::zero(dtype)));
        }
        Call::new(self, Routine::Segments { op, dtype }, &[outer, m, inner, n], &[3])
            .costing(a.size(), NS_PER_ELEMENT)
            .read(&self.reshape(&a, &[outer, n, inner])?, &[0, 3, 2])?
            .read(&starts, &[1])?
            .read(&self.ends_of(&starts, n)?, &[1])?
            .write(&out.with_view(flat), &[0, 1, 2])
            .run()?;
        Ok(out)
    }

    /// Where each segment ends: where the next one begins, the last one at `n`.
    fn ends_of(&self, starts: &NdArray, n: i64) -> Result<NdArray> {
        let m = starts.size();
        let ends = self.full(&[m], &Operand::Scalar(Scalar::new(n)), Some(DType::I64))?;
        if m > 1 {
            let next = starts.with_view(starts.view.sliced(0, 1, 1, m - 1));
            self.assign(&ends.with_view(ends.view.sliced(0, 0, 1, m - 1)), &Operand::Array(next))?;
        }
        Ok(ends)
    }

    /// Refuses the first index outside of `0..n`.
    fn check_starts(&self, ufunc: Ufunc, starts: &NdArray, n: i64) -> Result<()> {
        if starts.size() == 0 {
            return Ok(());
        }
        let bytes = self.waiting(|interrupted| self.to_host(starts, interrupted))?;
        let index = |bytes: &[u8]| i64::from_ne_bytes(bytes.try_into().expect("eight bytes at a time"));
        match bytes.as_slice().chunks_exact(8).map(index).find(|index| !(0..n).contains(index)) {
            Some(index) => {
                Err(Error::Index(format!("index {index} out-of-bounds in {}.reduceat [0, {n})", ufunc.name())))
            }
            None => Ok(()),
        }
    }

    /// Integers to negative integer powers are refused. Exponents that are still to be computed are waited for.
    fn check_line_exponents(&self, op: BinaryOp, a: &NdArray, axis: usize, first_too: bool) -> Result<()> {
        if op != BinaryOp::Power || a.dtype().kind() != Kind::Signed {
            return Ok(());
        }
        let skipped = i64::from(!first_too);
        let exponents = a.with_view(a.view.sliced(axis, skipped, 1, (a.shape()[axis] - skipped).max(0)));
        match exponents.size() > 0 && crate::ufunc::is_negative(self.least(&exponents)?) {
            true => Err(Error::Value("Integers to negative integer powers are not allowed.".into())),
            false => Ok(()),
        }
    }
}

/// A mask over the elements of `a`.
fn stretched(mask: &NdArray, a: &NdArray) -> Result<NdArray> {
    let view = mask.view.broadcast(a.shape());
    let view = view.ok_or_else(|| Error::Broadcast { shapes: vec![a.shape().into(), mask.shape().into()] })?;
    Ok(mask.with_view(view))
}
