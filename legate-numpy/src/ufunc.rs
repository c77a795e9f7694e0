//! Element-wise functions: NumPy's ufuncs.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result, ShapeText};
use crate::issue::Body;
use crate::order::{Layout, Order};
use crate::promote::{Weak, can_cast, converted};
use crate::resolve::{self, ArgType, BinaryLoop};
use crate::session::Session;
use crate::shape::broadcast_shapes;
use legate_core::geometry::Point;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{B8, DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, UnaryOp};
use legate_kernels::program::ValueId;
use smallvec::SmallVec;

/// An argument of an element-wise function.
#[derive(Clone, Debug)]
pub enum Operand {
    /// An array (or a NumPy scalar made into a 0-d array).
    Array(NdArray),
    /// A Python scalar.
    Weak(Weak),
    /// A NumPy scalar: strong in promotion.
    Scalar(Scalar),
}

impl From<&NdArray> for Operand {
    fn from(a: &NdArray) -> Operand {
        Operand::Array(a.clone())
    }
}
impl From<NdArray> for Operand {
    fn from(a: NdArray) -> Operand {
        Operand::Array(a)
    }
}
impl From<Weak> for Operand {
    fn from(w: Weak) -> Operand {
        Operand::Weak(w)
    }
}
impl From<Scalar> for Operand {
    fn from(s: Scalar) -> Operand {
        Operand::Scalar(s)
    }
}
impl From<f64> for Operand {
    fn from(v: f64) -> Operand {
        Operand::Weak(Weak::Float(v))
    }
}
impl From<i64> for Operand {
    fn from(v: i64) -> Operand {
        Operand::Weak(Weak::Int(i128::from(v)))
    }
}

impl Operand {
    /// Extents; none for scalars.
    pub fn shape(&self) -> &[i64] {
        self.array().map_or(&[], NdArray::shape)
    }

    /// The array, if it is one.
    pub fn array(&self) -> Option<&NdArray> {
        match self {
            Operand::Array(a) => Some(a),
            _ => None,
        }
    }

    pub(crate) fn arg_type(&self) -> Result<ArgType> {
        Ok(match self {
            Operand::Array(a) => ArgType::Strong(a.dtype()),
            Operand::Scalar(s) => ArgType::Strong(s.dtype()),
            // A Python bool is as strong as an array of bool.
            Operand::Weak(Weak::Bool(_)) => ArgType::Strong(DType::Bool),
            Operand::Weak(w) => ArgType::Weak(w.kind(), w.default_dtype()?),
        })
    }

    /// The type it has by itself.
    ///
    /// # Errors
    /// As [`Weak::default_dtype`].
    pub fn dtype(&self) -> Result<DType> {
        match self {
            Operand::Array(a) => Ok(a.dtype()),
            Operand::Scalar(s) => Ok(s.dtype()),
            Operand::Weak(w) => w.default_dtype(),
        }
    }
}

/// The row of the kernels' tables behind a ufunc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kernel {
    Unary(UnaryOp),
    Binary(BinaryOp),
}

impl Kernel {
    /// The name of its row.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kernel::Unary(op) => op.name(),
            Kernel::Binary(op) => op.name(),
        }
    }
}

/// A ufunc of NumPy that is native here: one or two inputs, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ufunc(Kernel);

/// NumPy's second names.
const ALIASES: &[(&str, &str)] = &[
    ("abs", "absolute"),
    ("acos", "arccos"),
    ("acosh", "arccosh"),
    ("asin", "arcsin"),
    ("asinh", "arcsinh"),
    ("atan", "arctan"),
    ("atan2", "arctan2"),
    ("atanh", "arctanh"),
    ("bitwise_invert", "invert"),
    ("bitwise_left_shift", "left_shift"),
    ("bitwise_not", "invert"),
    ("bitwise_right_shift", "right_shift"),
    ("conj", "conjugate"),
    ("mod", "remainder"),
    ("pow", "power"),
    ("true_divide", "divide"),
];

/// Rows of the kernels' tables that are no ufuncs of NumPy.
const INTERNAL_UNARY: &[UnaryOp] = &[
    UnaryOp::Real,
    UnaryOp::Imag,
    UnaryOp::Erf,
    UnaryOp::ModfFraction,
    UnaryOp::FrexpMantissa,
    UnaryOp::FrexpExponent,
];
const INTERNAL_BINARY: &[BinaryOp] = &[BinaryOp::Complex, BinaryOp::Ldexp];

impl Ufunc {
    /// The ufunc that NumPy calls so (aliases included: `abs`, `true_divide`, `bitwise_invert`).
    pub fn lookup(name: &str) -> Option<Ufunc> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
        Ufunc::all().find(|ufunc| ufunc.name() == name)
    }

    /// Output `output` of a ufunc whose inputs are not all of one type, or that has two outputs, as a ufunc of its own: `ldexp`, `modf`, `frexp`.
    pub fn part(name: &str, output: usize) -> Option<Ufunc> {
        Some(match (name, output) {
            ("ldexp", 0) => Ufunc(Kernel::Binary(BinaryOp::Ldexp)),
            ("modf", 0) => Ufunc(Kernel::Unary(UnaryOp::ModfFraction)),
            ("modf", 1) => Ufunc(Kernel::Unary(UnaryOp::Trunc)),
            ("frexp", 0) => Ufunc(Kernel::Unary(UnaryOp::FrexpMantissa)),
            ("frexp", 1) => Ufunc(Kernel::Unary(UnaryOp::FrexpExponent)),
            _ => return None,
        })
    }

    /// Every native ufunc.
    pub fn all() -> impl Iterator<Item = Ufunc> {
        let unary = UnaryOp::ALL.iter().filter(|op| !INTERNAL_UNARY.contains(op)).map(|op| Ufunc(Kernel::Unary(*op)));
        unary
            .chain(BinaryOp::ALL.iter().filter(|op| !INTERNAL_BINARY.contains(op)).map(|op| Ufunc(Kernel::Binary(*op))))
    }

    /// Every name under which NumPy has a native ufunc.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Ufunc::all().map(Ufunc::name).chain(ALIASES.iter().map(|(alias, _)| *alias))
    }

    /// NumPy's `__name__`.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Number of inputs.
    pub fn inputs(self) -> usize {
        match self.0 {
            Kernel::Unary(_) => 1,
            Kernel::Binary(_) => 2,
        }
    }

    /// The type of the result of the loop that takes elements of `input`; `None` if there is no such loop.
    pub fn loop_of(self, input: DType) -> Option<DType> {
        match self.0 {
            Kernel::Unary(op) => op.result(input),
            Kernel::Binary(op) => op.result(input),
        }
    }

    pub(crate) fn kernel(self) -> Kernel {
        self.0
    }
}

/// The keywords of a ufunc call.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions<'a> {
    /// Where the result goes.
    pub out: Option<&'a NdArray>,
    /// A bool array: where false, `out` keeps its value (without `out`: unspecified).
    pub where_: Option<&'a NdArray>,
    /// The type to compute in (NumPy's `dtype=`).
    pub dtype: Option<DType>,
    /// How freely inputs and output may be cast.
    pub casting: Casting,
    /// The type that inputs are cast to, whatever `casting` says: the caller has chosen the loop.
    pub input: Option<DType>,
    /// How a new result lies in memory: row-major, column-major, else as the operands do.
    pub layout: Option<Layout>,
}

impl CallOptions<'_> {
    /// A new result; `order` is how the operands lie.
    fn unwritten(&self, order: &Order, shape: &[i64], dtype: DType) -> NdArray {
        match self.layout {
            Some(layout @ (Layout::C | Layout::F)) => Order::in_layout(layout, shape, None).unwritten(dtype),
            _ => order.unwritten(dtype),
        }
    }
}

/// A resolved loop.
#[derive(Clone, Copy, Debug)]
enum Chosen {
    Unary(UnaryOp, DType),
    Binary(BinaryOp, BinaryLoop),
}

impl Session {
    /// Calls a ufunc.
    ///
    /// # Errors
    /// NumPy's for shapes, types and casts; [`Error::Unsupported`] where NumPy would compute in a type that is not native (float16).
    ///
    /// # Panics
    /// If there are not as many inputs as [`Ufunc::inputs`] says.
    pub fn call(&self, ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Result<NdArray> {
        assert_eq!(inputs.len(), ufunc.inputs(), "{} has {} inputs", ufunc.name(), ufunc.inputs());
        if let Some(result) = self.shortcut(ufunc, inputs, options) {
            return Ok(result);
        }
        self.call_generally(ufunc, inputs, options)
    }

    /// The call without the short way.
    fn call_generally(&self, ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Result<NdArray> {
        if crate::times::concerns(inputs, options) {
            return self.call_on_times(ufunc, inputs, options);
        }
        let (chosen, dtype) = resolved(ufunc, inputs, options)?;
        check_casts(ufunc, chosen, dtype, inputs, options)?;
        let shape = call_shape(inputs, options)?;
        if let Some(value) = out_of_range_comparison(chosen, inputs) {
            return self.constant_result(value, &shape, options);
        }
        self.check_exponents(chosen, inputs)?;
        self.compute(chosen, dtype, inputs, &shape, options)
    }

    /// The short way, for calls without keywords other than `out`.
    fn shortcut(&self, ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Option<NdArray> {
        let plain = options.where_.is_none()
            && options.dtype.is_none()
            && options.input.is_none()
            && options.casting == Casting::default()
            && options.layout.is_none();
        if !plain {
            return None;
        }
        match inputs {
            [x] => self.call_small(ufunc, &[x.into()], options.out),
            [x, y] => self.call_small(ufunc, &[x.into(), y.into()], options.out),
            _ => None,
        }
    }

    fn compute(
        &self,
        chosen: Chosen,
        dtype: DType,
        inputs: &[Operand],
        shape: &[i64],
        options: &CallOptions<'_>,
    ) -> Result<NdArray> {
        let arrays = inputs.iter().filter_map(Operand::array).chain(options.where_);
        let order = Order::of(shape, arrays.chain(options.out));
        let out = options.out.cloned().unwrap_or_else(|| options.unwritten(&order, shape, dtype));
        let mut body = Body::new(self, order.domain());
        let result = match chosen {
            Chosen::Unary(op, input) => {
                let x = operand(&mut body, &order, &inputs[0], input)?;
                let x = body.chosen(&order, x, if op == UnaryOp::Arctanh { 0 } else { 1 }, options.where_);
                body.program.unary(op, x)
            }
            Chosen::Binary(op, BinaryLoop::Same(input)) => {
                let x = operand(&mut body, &order, &inputs[0], input)?;
                let y = operand(&mut body, &order, &inputs[1], input)?;
                let (x, y) = match is_two(&body, y) {
                    true => (body.chosen(&order, x, 1, options.where_), y),
                    false => (body.chosen(&order, x, 1, options.where_), body.chosen(&order, y, 1, options.where_)),
                };
                binary_step(&mut body, op, x, y)
            }
            Chosen::Binary(op, BinaryLoop::MixedSigns(signed_first)) => {
                let types = if signed_first { [DType::I64, DType::U64] } else { [DType::U64, DType::I64] };
                let x = operand(&mut body, &order, &inputs[0], types[0])?;
                let y = operand(&mut body, &order, &inputs[1], types[1])?;
                mixed_comparison(&mut body, op, x, y, signed_first)
            }
        };
        body.finish(&order, &out, result, options.where_)?;
        Ok(out)
    }

    /// A result that is one value everywhere.
    fn constant_result(&self, value: Scalar, shape: &[i64], options: &CallOptions<'_>) -> Result<NdArray> {
        let order = Order::of(shape, options.where_.into_iter().chain(options.out));
        let out = options.out.cloned().unwrap_or_else(|| options.unwritten(&order, shape, value.dtype()));
        let mut body = Body::new(self, order.domain());
        let result = body.program.constant(value);
        body.finish(&order, &out, result, options.where_)?;
        Ok(out)
    }

    /// Integers to negative integer powers are refused. Exponents that are still to be computed are waited for.
    fn check_exponents(&self, chosen: Chosen, inputs: &[Operand]) -> Result<()> {
        let Chosen::Binary(BinaryOp::Power, BinaryLoop::Same(dtype)) = chosen else { return Ok(()) };
        if dtype.kind() != Kind::Signed {
            return Ok(());
        }
        if let Operand::Weak(base) = &inputs[0] {
            base.to_scalar(dtype)?; // a base that does not fit is refused first
        }
        let negative = match &inputs[1] {
            Operand::Weak(w) => matches!(w, Weak::Int(v) if *v < 0),
            Operand::Scalar(s) => is_negative(*s),
            Operand::Array(a) => a.size() > 0 && is_negative(self.least(a)?),
        };
        match negative {
            true => Err(Error::Value("Integers to negative integer powers are not allowed.".into())),
            false => Ok(()),
        }
    }
}

pub(crate) fn is_negative(value: Scalar) -> bool {
    cast(value, DType::F64).get::<f64>().is_some_and(|v| v < 0.0)
}

impl Body<'_> {
    /// `value` where `mask` holds, else a number for which operations meet no floating-point exceptions: nobody asks for results there. `value` itself if
    /// nobody wants to know of exceptions.
    fn chosen(&mut self, order: &Order, value: ValueId, else_: i8, mask: Option<&NdArray>) -> ValueId {
        let (Some(mask), true) = (mask, self.is_watched()) else { return value };
        let dtype = self.program.value_dtype(value).expect("a value has a type");
        let mask = self.load(&order.view_of(mask));
        let else_ = self.program.constant(cast(Scalar::new(else_), dtype));
        self.program.select(mask, value, else_)
    }

    /// Stores `result` where `mask` holds. `out` keeps its values elsewhere if the caller gave it (then it is known or has a field); else they are zeros.
    pub(crate) fn finish(
        mut self,
        order: &Order,
        out: &NdArray,
        result: ValueId,
        mask: Option<&NdArray>,
    ) -> Result<()> {
        let out = order.view_of(out);
        let mut result = self.converted(out.dtype(), result);
        if let Some(mask) = mask {
            let mask = self.load(&order.view_of(mask));
            let old =
                if out.is_unwritten() { self.program.constant(Scalar::zero(out.dtype())) } else { self.load(&out) };
            result = self.program.select(mask, result, old);
        }
        self.store(&out, result);
        self.run()
    }
}

/// An argument as elements of `dtype`.
///
/// # Errors
/// [`Error::IntegerOutOfBounds`] for Python integers.
pub(crate) fn operand(body: &mut Body<'_>, order: &Order, operand: &Operand, dtype: DType) -> Result<ValueId> {
    match operand {
        Operand::Array(a) => Ok(body.load_as(&order.view_of(a), dtype)),
        Operand::Scalar(s) => match converted(*s, dtype) {
            Some(value) => Ok(body.program.constant(value)),
            None => Err(Error::Unsupported("a time as another type".into())),
        },
        Operand::Weak(w) => body.weak(*w, dtype),
    }
}

/// One step; squares are multiplications, as NumPy has it.
fn binary_step(body: &mut Body<'_>, op: BinaryOp, x: ValueId, y: ValueId) -> ValueId {
    if op == BinaryOp::Power && is_two(body, y) {
        return body.program.unary(UnaryOp::Square, x);
    }
    body.program.binary(op, x, y)
}

fn is_two(body: &Body<'_>, value: ValueId) -> bool {
    let legate_kernels::program::Instr::Const(value) = body.program.instrs[value as usize] else { return false };
    value == cast(Scalar::new(2i8), value.dtype())
}

/// Compares an int64 with a uint64 by value: a negative number is less than all others, else both are compared as uint64.
fn mixed_comparison(body: &mut Body<'_>, op: BinaryOp, x: ValueId, y: ValueId, signed_first: bool) -> ValueId {
    let signed = if signed_first { x } else { y };
    let zero = body.program.constant(Scalar::zero(DType::I64));
    let negative = body.program.binary(BinaryOp::Less, signed, zero);
    let (x, y) = (body.program.cast(DType::U64, x), body.program.cast(DType::U64, y));
    let by_value = body.program.binary(op, x, y);
    let if_negative = B8(u8::from(match op {
        BinaryOp::NotEqual => true,
        BinaryOp::Less | BinaryOp::LessEqual => signed_first,
        BinaryOp::Greater | BinaryOp::GreaterEqual => !signed_first,
        _ => false,
    }));
    let if_negative = body.program.constant(Scalar::new(if_negative));
    body.program.select(negative, if_negative, by_value)
}

/// The loop and the result's type.
fn resolved(ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Result<(Chosen, DType)> {
    if let Some(input) = options.input {
        return Ok(match ufunc.kernel() {
            Kernel::Unary(op) => (Chosen::Unary(op, input), op.result(input).ok_or_else(|| no_loop(ufunc))?),
            Kernel::Binary(op) => {
                (Chosen::Binary(op, BinaryLoop::Same(input)), op.result(input).ok_or_else(|| no_loop(ufunc))?)
            }
        });
    }
    let natural = match ufunc.kernel() {
        Kernel::Unary(op) => {
            inputs[0].dtype().and_then(|d| resolve::unary(op, d)).map(|(i, o)| (Chosen::Unary(op, i), o))
        }
        Kernel::Binary(op) => {
            let types = [inputs[0].arg_type()?, inputs[1].arg_type()?];
            resolve::binary(op, types).map(|(found, o)| (Chosen::Binary(op, found), o))
        }
    };
    let Some(wanted) = options.dtype else { return natural };
    if let Ok((chosen, dtype)) = natural
        && dtype == wanted
    {
        return Ok((chosen, dtype));
    }
    // `dtype=` fixes the output: the first loop that gives it.
    let loops = match ufunc.kernel() {
        Kernel::Unary(op) => op.loops(),
        Kernel::Binary(op) => op.loops(),
    };
    let found = loops.iter().rev().find(|l| l.1 == wanted).ok_or_else(|| no_loop(ufunc))?;
    Ok(match ufunc.kernel() {
        Kernel::Unary(op) => (Chosen::Unary(op, found.0), wanted),
        Kernel::Binary(op) => (Chosen::Binary(op, BinaryLoop::Same(found.0)), wanted),
    })
}

fn no_loop(ufunc: Ufunc) -> Error {
    Error::Type(format!("No loop matching the specified signature and casting was found for ufunc {}", ufunc.name()))
}

/// Whether inputs and output may be cast as the loop needs.
fn check_casts(
    ufunc: Ufunc,
    chosen: Chosen,
    dtype: DType,
    inputs: &[Operand],
    options: &CallOptions<'_>,
) -> Result<()> {
    let casting = options.casting;
    let refused =
        |side: String, from, to| Err(Error::UfuncCast { ufunc: ufunc.name().to_owned(), side, from, to, casting });
    for (i, input) in inputs.iter().enumerate() {
        let to = match chosen {
            Chosen::Unary(_, to) | Chosen::Binary(_, BinaryLoop::Same(to)) => to,
            Chosen::Binary(..) => continue,
        };
        // Logical functions look at truth, whatever the type.
        let truth = ufunc.name().starts_with("logical_") && casting != Casting::No;
        let free = options.input.is_some()
            || matches!(input, Operand::Weak(_))
            || (truth && dtype == DType::Bool && to == DType::Bool);
        let from = input.dtype()?;
        if !free && !can_cast(from, to, casting) {
            return refused(if inputs.len() == 1 { "input".into() } else { format!("input {i}") }, from, to);
        }
    }
    if let Some(mask) = options.where_
        && mask.dtype() != DType::Bool
    {
        return Err(Error::ArrayCast { from: mask.dtype(), to: DType::Bool, casting: Casting::Safe });
    }
    match options.out {
        Some(out) if out.is_readonly() => Err(Error::ReadOnlyOutput),
        Some(out) if !can_cast(dtype, out.dtype(), casting) => refused("output".into(), dtype, out.dtype()),
        _ => Ok(()),
    }
}

/// The shape that is computed.
fn call_shape(inputs: &[Operand], options: &CallOptions<'_>) -> Result<Point> {
    let mut shapes: SmallVec<[&[i64]; 4]> = inputs.iter().map(Operand::shape).collect();
    shapes.extend(options.where_.map(NdArray::shape));
    let Some(out) = options.out else { return broadcast_shapes(&shapes) };
    shapes.push(out.shape());
    let shape = broadcast_shapes(&shapes)?;
    if *shape != *out.shape() {
        return Err(Error::BroadcastOutput { out: out.shape().into(), shape: ShapeText(shape.to_vec()) });
    }
    Ok(shape)
}

/// Comparing integers with a Python integer that their type cannot hold has one answer for all.
fn out_of_range_comparison(chosen: Chosen, inputs: &[Operand]) -> Option<Scalar> {
    let Chosen::Binary(op, BinaryLoop::Same(dtype)) = chosen else { return None };
    if !resolve::is_comparison(op) || !matches!(dtype.kind(), Kind::Signed | Kind::Unsigned) {
        return None;
    }
    let beyond = |operand: &Operand| match operand {
        Operand::Weak(Weak::Int(v)) if Weak::Int(*v).to_scalar(dtype).is_err() => Some(*v > 0),
        _ => None,
    };
    // Whether the first is greater than the second.
    let greater = match (beyond(&inputs[0]), beyond(&inputs[1])) {
        (Some(above), _) => above,
        (None, Some(above)) => !above,
        (None, None) => return None,
    };
    let holds = match op {
        BinaryOp::Greater | BinaryOp::GreaterEqual => greater,
        BinaryOp::Less | BinaryOp::LessEqual => !greater,
        other => other == BinaryOp::NotEqual,
    };
    Some(Scalar::new(B8(u8::from(holds))))
}
