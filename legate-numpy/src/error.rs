//! What can go wrong, one variant per cause, with NumPy's exception type and NumPy's words.

use legate_core::TaskFailure;
use legate_kernels::dtype::DType;
use std::fmt;

/// This crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The Python exception that a cause is raised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Python's")]
pub enum ExceptionKind {
    ValueError,
    TypeError,
    IndexError,
    /// `numpy.exceptions.AxisError` (a ValueError and an IndexError).
    AxisError,
    /// A ufunc's casting error: a TypeError.
    UFuncTypeError,
    OverflowError,
    ZeroDivisionError,
    /// `numpy.linalg.LinAlgError` (a ValueError).
    LinAlgError,
    MemoryError,
    RuntimeError,
    KeyboardInterrupt,
    /// Not an error of the user: this build has no native form, canonical NumPy should be asked.
    Fallback,
}

/// A shape in NumPy's notation for messages: `(3,)`, `(2,3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeText(pub Vec<i64>);

impl From<&[i64]> for ShapeText {
    fn from(shape: &[i64]) -> ShapeText {
        ShapeText(shape.to_vec())
    }
}

impl fmt::Display for ShapeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, extent) in self.0.iter().enumerate() {
            write!(f, "{}{extent}", if i == 0 { "" } else { "," })?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

/// `(3,) (4,) `: each shape followed by a blank, as NumPy writes lists of shapes.
struct Shapes<'a>(&'a [ShapeText]);

impl fmt::Display for Shapes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|s| write!(f, "{s} "))
    }
}

/// How freely a value may change its type: NumPy's `casting=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Casting {
    /// No conversion.
    No,
    /// Byte order only; here the same as `No`.
    Equiv,
    /// Only conversions that keep every value.
    Safe,
    /// Safe ones, and within a kind (float64 to float32).
    #[default]
    SameKind,
    /// Any.
    Unsafe,
}

impl Casting {
    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            Casting::No => "no",
            Casting::Equiv => "equiv",
            Casting::Safe => "safe",
            Casting::SameKind => "same_kind",
            Casting::Unsafe => "unsafe",
        }
    }

    /// The rule of this name.
    ///
    /// # Errors
    /// [`Error::Value`] in NumPy's words.
    pub fn parse(name: &str) -> Result<Casting> {
        use Casting::*;
        [No, Equiv, Safe, SameKind, Unsafe].into_iter().find(|c| c.name() == name).ok_or_else(|| {
            Error::Value(format!("casting must be one of 'no', 'equiv', 'safe', 'same_kind', 'unsafe' (got '{name}')"))
        })
    }
}

/// What a call could not do, and why.
#[derive(Debug, Clone, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    #[error("operands could not be broadcast together with shapes {}", Shapes(shapes))]
    Broadcast { shapes: Vec<ShapeText> },
    #[error("non-broadcastable output operand with shape {out} doesn't match the broadcast shape {shape}")]
    BroadcastOutput { out: ShapeText, shape: ShapeText },
    #[error("could not broadcast input array from shape {from} into shape {into}")]
    BroadcastInto { from: ShapeText, into: ShapeText },
    #[error(
        "operands could not be broadcast together with remapped shapes [original->remapped]: {from}  and requested shape {to}"
    )]
    BroadcastTo { from: ShapeText, to: ShapeText },
    #[error("cannot reshape array of size {size} into shape {shape}")]
    Reshape { size: i64, shape: ShapeText },
    #[error("axis {axis} is out of bounds for array of dimension {ndim}")]
    AxisOutOfBounds { axis: i64, ndim: usize },
    #[error("{name}: axis {axis} is out of bounds for array of dimension {ndim}")]
    NamedAxisOutOfBounds { name: String, axis: i64, ndim: usize },
    #[error("index {index} is out of bounds for axis {axis} with size {size}")]
    IndexOutOfBounds { index: i64, axis: usize, size: i64 },
    #[error("too many indices for array: array is {ndim}-dimensional, but {given} were indexed")]
    TooManyIndices { ndim: usize, given: usize },
    #[error("an index can only have a single ellipsis ('...')")]
    TwoEllipses,
    #[error("slice step cannot be zero")]
    ZeroStep,
    #[error("assignment destination is read-only")]
    ReadOnly,
    #[error("output array is read-only")]
    ReadOnlyOutput,
    #[error("{0} is read-only")]
    ReadOnlyOf(&'static str),
    #[error("Python integer {value} out of bounds for {dtype}")]
    IntegerOutOfBounds { value: String, dtype: DType },
    #[error("Cannot cast ufunc '{ufunc}' {side} from dtype('{from}') to dtype('{to}') with casting rule '{}'", casting.name())]
    UfuncCast { ufunc: String, side: String, from: DType, to: DType, casting: Casting },
    #[error("Cannot cast array data from dtype('{from}') to dtype('{to}') according to the rule '{}'", casting.name())]
    ArrayCast { from: DType, to: DType, casting: Casting },
    #[error(
        "ufunc '{ufunc}' not supported for the input types, and the inputs could not be safely coerced to any \
         supported types according to the casting rule ''{}''", casting.name()
    )]
    NoLoop { ufunc: String, casting: Casting },
    #[error("zero-size array to reduction operation {ufunc} which has no identity")]
    EmptyReduction { ufunc: &'static str },
    #[error("attempt to get {function} of an empty sequence")]
    EmptyArg { function: &'static str },
    #[error("The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()")]
    AmbiguousTruth,
    #[error(
        "The truth value of an empty array is ambiguous. Use `array.size > 0` to check that an array is not empty."
    )]
    EmptyTruth,
    #[error("can only convert an array of size 1 to a Python scalar")]
    NotScalar,
    #[error("{0}")]
    Value(String),
    #[error("{0}")]
    Type(String),
    #[error("{0}")]
    Index(String),
    #[error("{0}")]
    Overflow(String),
    #[error("{0}")]
    ZeroDivision(String),
    #[error("{0}")]
    LinAlg(String),
    #[error("{0}")]
    Memory(String),
    /// This build has no native form of the request; canonical NumPy should be asked.
    #[error("not native: {0}")]
    Unsupported(String),
    #[error(transparent)]
    Task(TaskFailure),
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The exception to raise.
    pub fn kind(&self) -> ExceptionKind {
        use ExceptionKind as K;
        match self {
            Error::AxisOutOfBounds { .. } | Error::NamedAxisOutOfBounds { .. } => K::AxisError,
            Error::IndexOutOfBounds { .. } | Error::TooManyIndices { .. } | Error::TwoEllipses | Error::Index(_) => {
                K::IndexError
            }
            Error::IntegerOutOfBounds { .. } | Error::Overflow(_) => K::OverflowError,
            Error::UfuncCast { .. } => K::UFuncTypeError,
            Error::ArrayCast { .. } | Error::NoLoop { .. } | Error::Type(_) => K::TypeError,
            Error::ZeroDivision(_) => K::ZeroDivisionError,
            Error::LinAlg(_) => K::LinAlgError,
            Error::Memory(_) => K::MemoryError,
            Error::Unsupported(_) => K::Fallback,
            Error::Task(failure) if failure.0.kind == legate_core::FailureKind::OutOfMemory => K::MemoryError,
            Error::Task(_) => K::RuntimeError,
            Error::Interrupted => K::KeyboardInterrupt,
            _ => K::ValueError,
        }
    }
}

impl From<legate_core::Error> for Error {
    fn from(error: legate_core::Error) -> Error {
        match error {
            legate_core::Error::Task(failure) => Error::Task(failure),
            legate_core::Error::Interrupted => Error::Interrupted,
            // The front end built the request: a contradiction in it is a bug of this crate.
            other => panic!("legate-numpy issued a request that core refuses: {other}"),
        }
    }
}
