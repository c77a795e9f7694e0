//! Which loop a ufunc runs: NumPy's type resolution over the kernels' tables.

use crate::error::{Casting, Error, Result};
use crate::promote::{can_cast, promote_types, promote_weak};
use legate_kernels::dtype::{DType, Kind};
use legate_kernels::ops::{BinaryOp, Loop, UnaryOp};

/// The type of an argument, as far as resolution looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgType {
    /// An array's or a NumPy scalar's.
    Strong(DType),
    /// A Python scalar's kind, and the type it has where nothing else has a say.
    Weak(Kind, DType),
}

/// How a loop with two inputs is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryLoop {
    /// Both inputs are cast to this type.
    Same(DType),
    /// Comparison of a signed integer with a uint64 by value; the flag says that the first is the signed one.
    MixedSigns(bool),
}

/// The loop of a ufunc with one input: the type it is cast to, and the result's.
///
/// # Errors
/// [`Error::NoLoop`].
pub(crate) fn unary(op: UnaryOp, arg: DType) -> Result<Loop> {
    refuse_times(op.name(), &[arg])?;
    let exact = op.loops().iter().copied().find(|l| l.0 == arg);
    // NumPy looks no further than the argument's own type for these.
    let exact_only = matches!(op, UnaryOp::Negative | UnaryOp::Positive | UnaryOp::Sign);
    let found = exact.or_else(|| search(op.loops(), &[arg]).filter(|_| !exact_only));
    found.ok_or_else(|| no_loop(op.name(), arg))
}

/// The loop of a ufunc with two inputs, and the result's type.
///
/// # Errors
/// As [`unary`].
pub(crate) fn binary(op: BinaryOp, args: [ArgType; 2]) -> Result<(BinaryLoop, DType)> {
    let common = common_type(args);
    let types = args.map(|arg| strong_beside(arg, common));
    refuse_times(op.name(), &types)?;
    let same = |l: Loop| Ok((BinaryLoop::Same(l.0), l.1));
    match op {
        BinaryOp::LogicalAnd | BinaryOp::LogicalOr | BinaryOp::LogicalXor if args[0] != args[1] => {
            return same((DType::Bool, DType::Bool));
        }
        _ if is_comparison(op) && is_signed_with_u64(types) => {
            return Ok((BinaryLoop::MixedSigns(types[0] != DType::U64), DType::Bool));
        }
        // Integers are divided in double precision, whatever their size.
        BinaryOp::Divide if matches!(common.kind(), Kind::Bool | Kind::Signed | Kind::Unsigned) => {
            return same((DType::F64, DType::F64));
        }
        BinaryOp::Subtract if common == DType::Bool => {
            let text = "numpy boolean subtract, the `-` operator, is not supported, use the bitwise_xor, the `^` operator, or the logical_xor function instead.";
            return Err(Error::Type(text.into()));
        }
        _ => {}
    }
    // NumPy looks no further than the common type for these.
    let exact_only = matches!(op, BinaryOp::Gcd | BinaryOp::Lcm);
    let exact = op.loops().iter().copied().find(|l| l.0 == common);
    let found = exact.or_else(|| search(op.loops(), &types).filter(|_| !exact_only));
    let found = found.ok_or_else(|| no_loop(op.name(), common))?;
    same(found)
}

/// Times have no loops: see [`crate::times`].
fn refuse_times(name: &str, types: &[DType]) -> Result<()> {
    match types.iter().any(|dtype| dtype.is_time()) {
        true => Err(Error::Unsupported(format!("{name} of times"))),
        false => Ok(()),
    }
}

/// A signed integer beside a uint64: no integer type holds both.
fn is_signed_with_u64(types: [DType; 2]) -> bool {
    let signed = |d: DType| d.kind() == Kind::Signed;
    (signed(types[0]) && types[1] == DType::U64) || (types[0] == DType::U64 && signed(types[1]))
}

/// Whether the result is a bool that says how two values compare.
pub(crate) fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Greater | GreaterEqual | Less | LessEqual | Equal | NotEqual)
}

/// What both are promoted to.
fn common_type(args: [ArgType; 2]) -> DType {
    match args {
        [ArgType::Strong(a), ArgType::Strong(b)] => promote_types(a, b),
        [ArgType::Strong(a), ArgType::Weak(kind, _)] | [ArgType::Weak(kind, _), ArgType::Strong(a)] => {
            promote_weak(a, kind)
        }
        [ArgType::Weak(_, a), ArgType::Weak(_, b)] => promote_types(a, b),
    }
}

/// The type with which an argument looks for a loop.
fn strong_beside(arg: ArgType, common: DType) -> DType {
    match arg {
        ArgType::Strong(dtype) => dtype,
        ArgType::Weak(..) => common,
    }
}

/// The first loop that all arguments are safely cast to.
fn search(loops: &[Loop], args: &[DType]) -> Option<Loop> {
    loops.iter().copied().find(|l| args.iter().all(|a| can_cast(*a, l.0, Casting::Safe)))
}

fn no_loop(name: &str, arg: DType) -> Error {
    if name == "negative" && arg == DType::Bool {
        let text = "The numpy boolean negative, the `-` operator, is not supported, use the `~` operator or the logical_not function instead.";
        return Error::Type(text.into());
    }
    Error::NoLoop { ufunc: name.to_owned(), casting: Casting::Safe }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ufunc::{Kernel, Ufunc};

    const ORDER: &str = "?bBhHiIlLefdFD";
    const WEAK: [(Kind, DType); 3] =
        [(Kind::Signed, DType::I64), (Kind::Float, DType::F64), (Kind::Complex, DType::C128)];

    fn letter(dtype: DType) -> char {
        ORDER.chars().nth(dtype.number().unwrap()).unwrap()
    }

    fn arg(i: usize) -> ArgType {
        DType::ALL.get(i).map_or_else(
            || {
                let (kind, dtype) = WEAK[i - DType::ALL.len()];
                ArgType::Weak(kind, dtype)
            },
            |dtype| ArgType::Strong(*dtype),
        )
    }

    /// In the notation of the table.
    fn written(resolved: Result<(String, DType)>, inputs: usize) -> String {
        match resolved {
            Ok((inputs, out)) => format!("{inputs}{}", letter(out)),
            Err(_) => "!".repeat(inputs + 1),
        }
    }

    #[test]
    fn loops_are_those_that_numpy_chooses() {
        let mut first = std::collections::BTreeMap::new();
        let mut seen = 0;
        for line in include_str!("../tests/data/resolve.txt").lines().filter(|l| !l.starts_with('#')) {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            let ufunc = Ufunc::lookup(name).unwrap_or_else(|| panic!("{name} is not native"));
            let words: Vec<&str> = words.collect();
            match ufunc.kernel() {
                Kernel::Unary(op) => {
                    for (dtype, expected) in DType::ALL.into_iter().zip(words) {
                        let ours = written(unary(op, dtype).map(|(i, o)| (letter(i).to_string(), o)), 1);
                        assert_eq!(ours, expected, "{name}({dtype})");
                        seen += 1;
                    }
                }
                Kernel::Binary(op) => {
                    let row: &mut usize = first.entry(name.to_owned()).or_default();
                    for (column, expected) in words.into_iter().enumerate().filter(|(_, e)| *e != "...") {
                        let ours = binary(op, [arg(*row), arg(column)]).map(|(found, out)| match found {
                            BinaryLoop::Same(d) => (letter(d).to_string().repeat(2), out),
                            BinaryLoop::MixedSigns(signed_first) => {
                                (if signed_first { "qQ" } else { "Qq" }.to_owned(), out)
                            }
                        });
                        let ours = written(ours, 2);
                        assert_eq!(ours, expected, "{name}({:?}, {:?})", arg(*row), arg(column));
                        seen += 1;
                    }
                    *row += 1;
                }
            }
        }
        assert!(seen > 9000, "the table was read: {seen}");
    }
}
