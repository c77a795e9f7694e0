//! Reductions: along any axes, with NumPy's accumulator types, and the same bits for any number of ranks and threads.

use crate::array::{Backing, NdArray, Part};
use crate::assign::check_output;
use crate::error::{Casting, Error, Result};
use crate::issue::Body;
use crate::order::Order;
use crate::promote::{converted, promote_types};
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use crate::ufunc::{CallOptions, Operand, Ufunc};
use crate::view::{View, normalize_axes};
use legate_core::geometry::Point;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};
use legate_kernels::program::ValueId;
use smallvec::SmallVec;

/// From this many lines on the runtime cuts a search for extremes between them; the kernel cuts each of fewer.
const MANY_LINES: i64 = 64;

/// A reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are NumPy's")]
pub enum Reduction {
    Sum,
    Prod,
    Min,
    Max,
    Any,
    All,
    Mean,
    Var,
    Std,
    ArgMin,
    ArgMax,
    CountNonzero,
    Ptp,
}

/// The keywords of a reduction.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReduceOptions<'a> {
    /// Which axes are folded; `None`: all.
    pub axis: Option<&'a [i64]>,
    /// Keep folded axes with extent 1.
    pub keepdims: bool,
    /// The type to compute in.
    pub dtype: Option<DType>,
    /// Where the result goes.
    pub out: Option<&'a NdArray>,
    /// Where the fold begins.
    pub initial: Option<&'a Operand>,
    /// Elements to fold: a bool array.
    pub where_: Option<&'a NdArray>,
    /// Var and Std: the divisor is `n - ddof`.
    pub ddof: f64,
}

impl ReduceOptions<'_> {
    /// Whether they say no more than to fold all of a vector.
    fn is_plain(&self, a: &NdArray) -> bool {
        a.ndim() == 1
            && matches!(self.axis, None | Some([0 | -1]))
            && !self.keepdims
            && self.dtype.is_none()
            && self.out.is_none()
            && self.initial.is_none()
            && self.where_.is_none()
    }
}

impl Session {
    /// Folds an array.
    ///
    /// # Errors
    /// Axes out of bounds or repeated; [`Error::EmptyReduction`], [`Error::EmptyArg`]; an `out` that does not fit.
    pub fn reduce(&self, reduction: Reduction, a: &NdArray, options: &ReduceOptions<'_>) -> Result<NdArray> {
        if options.is_plain(a)
            && let Some(value) = self.reduce_small(reduction, a, options.ddof)
        {
            return Ok(self.scalar(value));
        }
        let axes = Axes::new(a, options)?;
        let has_times = |options: &ReduceOptions<'_>| {
            options.dtype.is_some_and(DType::is_time) || options.out.is_some_and(|out| out.dtype().is_time())
        };
        if a.dtype().is_time() || has_times(options) {
            return self.reduce_times(reduction, a, options);
        }
        match reduction {
            Reduction::Sum => self.fold(ReduceOp::Add, a, &axes, options),
            Reduction::Prod => self.fold(ReduceOp::Multiply, a, &axes, options),
            Reduction::Min => self.fold(ReduceOp::Minimum, a, &axes, options),
            Reduction::Max => self.fold(ReduceOp::Maximum, a, &axes, options),
            Reduction::Any => self.fold(ReduceOp::LogicalOr, a, &axes, options),
            Reduction::All => self.fold(ReduceOp::LogicalAnd, a, &axes, options),
            Reduction::CountNonzero => self.count_nonzero(a, &axes, options),
            Reduction::Mean => self.mean(a, &axes, options),
            Reduction::Var => self.var(a, &axes, options, false),
            Reduction::Std => self.var(a, &axes, options, true),
            Reduction::ArgMin => self.arg_extreme(ReduceOp::Minimum, "argmin", a, &axes, options),
            Reduction::ArgMax => self.arg_extreme(ReduceOp::Maximum, "argmax", a, &axes, options),
            Reduction::Ptp => self.ptp(a, options),
        }
    }

    /// The smallest element, waited for.
    pub(crate) fn least(&self, a: &NdArray) -> Result<Scalar> {
        let least = self.reduce(Reduction::Min, a, &ReduceOptions::default())?;
        self.waiting(|interrupted| self.item(&least, interrupted))
    }

    /// A ufunc's `reduce`.
    pub(crate) fn fold(&self, op: ReduceOp, a: &NdArray, axes: &Axes, options: &ReduceOptions<'_>) -> Result<NdArray> {
        let delivered = accumulator(op, a.dtype(), options);
        let dtype = delivered.computed();
        if op.result(dtype).is_none() {
            return Err(Error::NoLoop { ufunc: op.name().to_owned(), casting: Casting::Safe });
        }
        let initial = options.initial.map(|initial| scalar_of(self, initial, delivered)).transpose()?;
        let initial = initial.map(|value| cast(value, dtype));
        let identity = op.identity(dtype);
        if axes.count(a) == 0 && axes.result_size(a) > 0 {
            let value = initial.or(identity).ok_or(Error::EmptyReduction { ufunc: op.name() })?;
            let value = cast(value, delivered);
            return self.deliver(self.constant(&axes.result_shape(a), value), op.name(), axes, options);
        }
        if options.where_.is_some() && initial.or(identity).is_none() {
            let text = format!(
                "reduction operation '{}' does not have an identity, so to use a where mask one has to specify 'initial'",
                op.name()
            );
            return Err(Error::Value(text));
        }
        if let Some(mask) = options.where_.filter(|mask| mask.view.broadcast(a.shape()).is_none()) {
            return Err(Error::Broadcast { shapes: vec![a.shape().into(), mask.shape().into()] });
        }
        let order = axes.order(a, options.where_);
        let mut body = Body::new(self, order.domain());
        let mut value = body.load_as(&order.view_of(a), dtype);
        if let Some(mask) = options.where_ {
            let mask = body.load(&order.view_of(mask));
            let neutral = body.program.constant(identity.or(initial).expect("checked above"));
            value = body.program.select(mask, value, neutral);
        }
        let result = self.fold_value(body, &order, axes, op, value, a, options.direct_output(dtype))?;
        let result = match initial {
            Some(initial) => self.combine(op, initial, &result)?,
            None => result,
        };
        self.deliver(self.of_type(result, delivered)?, op.name(), axes, options)
    }

    /// `op(initial, a)`, element by element.
    fn combine(&self, op: ReduceOp, initial: Scalar, a: &NdArray) -> Result<NdArray> {
        let mut body = Body::new(self, a.shape());
        let out = NdArray::unwritten(a.shape(), a.dtype());
        let (initial, value) = (body.program.constant(initial), body.load(a));
        let joined = body.program.binary(op.binary(), initial, value);
        body.store(&out, joined);
        body.run()?;
        Ok(out)
    }

    /// Folds a value of a body along `axes` and runs the body: the result, with extent 1 along the axes. Goes straight to `out` if that is given.
    #[allow(clippy::too_many_arguments, reason = "the parts of one fold")]
    pub(crate) fn fold_value(
        &self,
        mut body: Body<'_>,
        order: &Order,
        axes: &Axes,
        op: ReduceOp,
        value: ValueId,
        a: &NdArray,
        out: Option<&NdArray>,
    ) -> Result<NdArray> {
        let dtype = body.program.value_dtype(value).expect("a value has a type");
        let shape = axes.result_shape(a);
        let out = match out {
            Some(out) if out.shape() == axes.delivered_shape(&shape) && !out.may_share_memory(a) => {
                out.with_view(axes.undelivered(&out.view))
            }
            _ => NdArray::unwritten(&shape, dtype),
        };
        let dims = axes.folded.iter().fold(0u64, |dims, &axis| dims | 1 << order.dim(axis));
        body.fold(op, &order.view_of(&out), value, dims);
        body.run()?;
        Ok(out)
    }

    /// The result with the axes that were asked for, in `out` if there is one.
    pub(crate) fn deliver(
        &self,
        result: NdArray,
        name: &str,
        axes: &Axes,
        options: &ReduceOptions<'_>,
    ) -> Result<NdArray> {
        let view = axes.delivered(&result.view);
        let result = result.with_view(view);
        let Some(out) = options.out else { return Ok(result) };
        if out.shares_base(&result) {
            return Ok(out.clone());
        }
        check_output(name, result.dtype(), Some(out), result.shape())?;
        self.copyto(out, &Operand::Array(result), Casting::Unsafe, None)?;
        Ok(out.clone())
    }

    pub(crate) fn constant(&self, shape: &[i64], value: Scalar) -> NdArray {
        NdArray::new(shape, value.dtype(), Backing { fill: Some(value), ..Backing::default() })
    }

    fn count_nonzero(&self, a: &NdArray, axes: &Axes, options: &ReduceOptions<'_>) -> Result<NdArray> {
        let order = axes.order(a, None);
        if a.size() == 0 {
            return self.deliver(self.constant(&axes.result_shape(a), Scalar::new(0i64)), "add", axes, options);
        }
        let mut body = Body::new(self, order.domain());
        let truth = body.load_as(&order.view_of(a), DType::Bool);
        let ones = body.program.cast(DType::I64, truth);
        let result = self.fold_value(body, &order, axes, ReduceOp::Add, ones, a, None)?;
        self.deliver(result, "add", axes, options)
    }

    fn ptp(&self, a: &NdArray, options: &ReduceOptions<'_>) -> Result<NdArray> {
        let plain = ReduceOptions { out: None, ..*options };
        let highest = self.reduce(Reduction::Max, a, &plain)?;
        let lowest = self.reduce(Reduction::Min, a, &plain)?;
        let subtract = Ufunc::lookup("subtract").expect("subtract is native");
        let call = CallOptions { out: options.out, ..CallOptions::default() };
        self.call(subtract, &[highest.into(), lowest.into()], &call)
    }
}

/// Where the extremes are.
impl Session {
    /// The extreme itself first; then the least index that has it. A NaN is the extreme wherever there is one, and the first NaN wins.
    fn arg_extreme(
        &self,
        op: ReduceOp,
        name: &'static str,
        a: &NdArray,
        axes: &Axes,
        options: &ReduceOptions<'_>,
    ) -> Result<NdArray> {
        if axes.count(a) == 0 && axes.result_size(a) > 0 {
            return Err(Error::EmptyArg { function: name });
        }
        if a.size() == 0 {
            return self.deliver(self.constant(&axes.result_shape(a), Scalar::new(0i64)), name, axes, options);
        }
        if let Some(places) = self.places_in_lines(op, a, axes)? {
            return self.deliver(places, name, axes, options);
        }
        let plain = ReduceOptions { axis: options.axis, keepdims: true, ..ReduceOptions::default() };
        let extreme = self.fold(op, a, axes, &plain)?;
        let extreme = extreme.with_view(axes.undelivered(&extreme.view));
        let order = axes.order(a, None);
        let mut body = Body::new(self, order.domain());
        let value = body.load(&order.view_of(a));
        let sought = body.load(&order.view_of(&extreme));
        let hit = body.program.binary(BinaryOp::Equal, value, sought);
        let nan = body.program.unary(UnaryOp::Isnan, value);
        let hit = body.program.binary(BinaryOp::LogicalOr, hit, nan);
        let index = flat_index(&mut body, &order, axes, a.shape());
        let beyond = body.program.constant(Scalar::new(i64::MAX));
        let index = body.program.select(hit, index, beyond);
        let result = self.fold_value(body, &order, axes, ReduceOp::Minimum, index, a, None)?;
        self.deliver(result, name, axes, options)
    }
}

impl Session {
    /// The places of the extremes by a kernel that reads each line once, where trailing axes are folded and one process has all elements: it
    /// would have to bring lines together. With the shape of a result that keeps its folded axes.
    fn places_in_lines(&self, op: ReduceOp, a: &NdArray, axes: &Axes) -> Result<Option<NdArray>> {
        let kept = a.ndim() - axes.folded.len();
        let trailing = axes.folded.iter().copied().eq(kept..a.ndim());
        let here = self.runtime().is_none_or(|runtime| runtime.machine().shards == 1);
        if !trailing || !here || a.dtype().kind() == Kind::Complex {
            return Ok(None);
        }
        let (lines, n) = (a.shape()[..kept].iter().product::<i64>(), axes.count(a));
        let Some(view) = a.view.reshaped(&[lines, n]) else { return Ok(None) };
        let places = NdArray::unwritten(&axes.result_shape(a), DType::I64);
        let of_lines = places.view.reshaped(&[lines]).expect("a new array takes any shape of its size");
        let routine = Routine::ArgExtreme { dtype: a.dtype(), largest: op == ReduceOp::Maximum };
        Call::new(self, routine, &[lines, n], &[1])
            .on_all_cores(lines < MANY_LINES)
            .costing(a.size(), 0.1)
            .read(&a.with_view(view), &[0, 1])?
            .write(&places.with_view(of_lines), &[0])
            .run()?;
        Ok(Some(places))
    }
}

/// The row-major index along the folded axes.
fn flat_index(body: &mut Body<'_>, order: &Order, axes: &Axes, shape: &[i64]) -> ValueId {
    let (mut index, mut step) = (None, 1i64);
    for &axis in axes.folded.iter().rev() {
        let mut term = body.program.index(order.dim(axis) as u8);
        if step != 1 {
            let step = body.program.constant(Scalar::new(step));
            term = body.program.binary(BinaryOp::Multiply, term, step);
        }
        index = Some(index.map_or(term, |sum| body.program.binary(BinaryOp::Add, sum, term)));
        step *= shape[axis];
    }
    index.unwrap_or_else(|| body.program.constant(Scalar::new(0i64)))
}

/// Which axes are folded, and what becomes of them.
#[derive(Debug)]
pub(crate) struct Axes {
    /// Ascending.
    pub(crate) folded: SmallVec<[usize; 4]>,
    keepdims: bool,
}

impl Axes {
    pub(crate) fn new(a: &NdArray, options: &ReduceOptions<'_>) -> Result<Axes> {
        let mut folded = match options.axis {
            Some(axes) => normalize_axes(axes, a.ndim(), "duplicate value in 'axis'")?,
            None => (0..a.ndim()).collect(),
        };
        folded.sort_unstable();
        Ok(Axes { folded, keepdims: options.keepdims })
    }

    /// Elements per result.
    pub(crate) fn count(&self, a: &NdArray) -> i64 {
        self.folded.iter().map(|&axis| a.shape()[axis]).product()
    }

    /// With extent 1 along the folded axes.
    pub(crate) fn result_shape(&self, a: &NdArray) -> Point {
        let mut shape: Point = a.shape().into();
        self.folded.iter().for_each(|&axis| shape[axis] = 1);
        shape
    }

    pub(crate) fn result_size(&self, a: &NdArray) -> i64 {
        self.result_shape(a).iter().product()
    }

    /// As the caller wants it.
    fn delivered(&self, view: &View) -> View {
        if self.keepdims {
            return view.clone();
        }
        self.folded.iter().rev().fold(view.clone(), |view, &axis| view.without_axis(axis))
    }

    fn delivered_shape(&self, shape: &[i64]) -> Vec<i64> {
        let keep = |axis: &usize| self.keepdims || !self.folded.contains(axis);
        (0..shape.len()).filter(keep).map(|axis| shape[axis]).collect()
    }

    /// A delivered view with its folded axes put back, extent 1.
    fn undelivered(&self, view: &View) -> View {
        if self.keepdims {
            return view.clone();
        }
        self.folded.iter().fold(view.clone(), |view, &axis| view.with_new_axis(axis))
    }

    /// The order in which the domain is walked.
    pub(crate) fn order(&self, a: &NdArray, mask: Option<&NdArray>) -> Order {
        Order::of(a.shape(), std::iter::once(a).chain(mask))
    }
}

impl<'a> ReduceOptions<'a> {
    /// The output, if a fold of elements of `dtype` may write to it directly.
    fn direct_output(&self, dtype: DType) -> Option<&'a NdArray> {
        self.out.filter(|out| {
            out.dtype() == dtype && out.part == Part::Whole && !out.is_readonly() && self.initial.is_none()
        })
    }
}

/// The type that a fold computes in: sums and products of small integers are 64 bits wide.
pub(crate) fn accumulator(op: ReduceOp, dtype: DType, options: &ReduceOptions<'_>) -> DType {
    if matches!(op, ReduceOp::LogicalAnd | ReduceOp::LogicalOr) {
        return DType::Bool;
    }
    if let Some(dtype) = options.dtype {
        return dtype;
    }
    match (op, options.out, dtype.kind()) {
        // With an output NumPy computes in what holds both.
        (_, Some(out), _) if op.result(promote_types(dtype, out.dtype()).computed()).is_some() => {
            promote_types(dtype, out.dtype())
        }
        (ReduceOp::Add | ReduceOp::Multiply, _, Kind::Bool | Kind::Signed) => DType::I64,
        (ReduceOp::Add | ReduceOp::Multiply, _, Kind::Unsigned) => DType::U64,
        _ => dtype,
    }
}

fn timely() -> Error {
    Error::Unsupported("a fold of numbers that begins with a time".into())
}

/// The value of an operand that is one scalar.
pub(crate) fn scalar_of(session: &Session, operand: &Operand, dtype: DType) -> Result<Scalar> {
    match operand {
        Operand::Weak(w) => w.to_scalar(dtype),
        Operand::Scalar(s) => converted(*s, dtype).ok_or_else(timely),
        Operand::Array(a) => {
            let value = session.waiting(|interrupted| session.item(a, interrupted))?;
            converted(value, dtype).ok_or_else(timely)
        }
    }
}
