//! Promotion: NEP 50, as NumPy 2 has it. Array types are strong; Python scalars are weak, they have a kind but no precision.

use crate::error::{Casting, Error, Result};
use legate_kernels::cast::cast;
use legate_kernels::dtype::{B8, C64, C128, DType, Kind, Scalar};

/// A Python scalar: it has a kind but no precision of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weak {
    /// `True`: as strong as an array of bool.
    Bool(bool),
    /// An `int` (callers keep integers beyond 128 bits away).
    Int(i128),
    /// A `float`.
    Float(f64),
    /// A `complex`.
    Complex(f64, f64),
}

impl Weak {
    /// The type NumPy gives it where nothing else has a say: bool, int64 (uint64 if only that fits), float64, complex128.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an integer beyond 64 bits (NumPy makes an object of it).
    pub fn default_dtype(self) -> Result<DType> {
        match self {
            Weak::Bool(_) => Ok(DType::Bool),
            Weak::Int(v) if i64::try_from(v).is_ok() => Ok(DType::I64),
            Weak::Int(v) if u64::try_from(v).is_ok() => Ok(DType::U64),
            Weak::Int(_) => Err(Error::Unsupported("an integer beyond 64 bits".into())),
            Weak::Float(_) => Ok(DType::F64),
            Weak::Complex(..) => Ok(DType::C128),
        }
    }

    /// The family it belongs to.
    pub fn kind(self) -> Kind {
        match self {
            Weak::Bool(_) => Kind::Bool,
            Weak::Int(_) => Kind::Signed,
            Weak::Float(_) => Kind::Float,
            Weak::Complex(..) => Kind::Complex,
        }
    }

    /// The value as an element of `dtype`, as NumPy stores a Python scalar in an array.
    ///
    /// # Errors
    /// [`Error::IntegerOutOfBounds`] if an integer does not fit, and Python's own errors for floats that are no integer.
    pub fn to_scalar(self, dtype: DType) -> Result<Scalar> {
        match (self, dtype.kind()) {
            (_, Kind::Time) => Err(Error::Unsupported("a number as a time".into())),
            (_, Kind::Bool) => Ok(Scalar::new(B8(u8::from(self.is_truthy())))),
            (Weak::Bool(v), _) => Weak::Int(i128::from(v)).to_scalar(dtype),
            (Weak::Int(v), Kind::Signed | Kind::Unsigned) => integer(v, dtype),
            (Weak::Float(v), Kind::Signed | Kind::Unsigned) => integer(truncated(v)?, dtype),
            (Weak::Complex(..), Kind::Signed | Kind::Unsigned) => Err(Error::Type(
                "int() argument must be a string, a bytes-like object or a real number, not 'complex'".into(),
            )),
            (Weak::Complex(..), Kind::Float) => {
                Err(Error::Type("float() argument must be a string or a real number, not 'complex'".into()))
            }
            (Weak::Int(v), _) => Ok(float(v as f64, 0.0, dtype)),
            (Weak::Float(v), _) => Ok(float(v, 0.0, dtype)),
            (Weak::Complex(re, im), Kind::Complex) => Ok(float(re, im, dtype)),
        }
    }

    /// Python's `bool(value)`.
    pub fn is_truthy(self) -> bool {
        match self {
            Weak::Bool(v) => v,
            Weak::Int(v) => v != 0,
            Weak::Float(v) => v != 0.0,
            Weak::Complex(re, im) => re != 0.0 || im != 0.0,
        }
    }
}

fn truncated(v: f64) -> Result<i128> {
    if v.is_nan() {
        return Err(Error::Value("cannot convert float NaN to integer".into()));
    }
    if v.is_infinite() {
        return Err(Error::Overflow("cannot convert float infinity to integer".into()));
    }
    Ok(v as i128)
}

/// The integer `v` in an integer type.
fn integer(v: i128, dtype: DType) -> Result<Scalar> {
    fn fit<T: legate_kernels::dtype::Element + TryFrom<i128>>(v: i128) -> Result<Scalar> {
        T::try_from(v).map(Scalar::new).map_err(|_| Error::IntegerOutOfBounds { value: v.to_string(), dtype: T::DTYPE })
    }
    match dtype {
        DType::I8 => fit::<i8>(v),
        DType::U8 => fit::<u8>(v),
        DType::I16 => fit::<i16>(v),
        DType::U16 => fit::<u16>(v),
        DType::I32 => fit::<i32>(v),
        DType::U32 => fit::<u32>(v),
        DType::I64 => fit::<i64>(v),
        DType::U64 => fit::<u64>(v),
        _ => unreachable!("only called for integer types"),
    }
}

/// `re + im·i` in a float or complex type.
fn float(re: f64, im: f64, dtype: DType) -> Scalar {
    match dtype {
        DType::F16 => cast(Scalar::new(re), DType::F16),
        DType::F32 => Scalar::new(re as f32),
        DType::F64 => Scalar::new(re),
        DType::C64 => Scalar::new(C64::new(re as f32, im as f32)),
        DType::C128 => Scalar::new(C128::new(re, im)),
        _ => unreachable!("only called for float and complex types"),
    }
}

/// The smallest type that both are safely cast to (`np.promote_types`). Of a time and another type for which there is none here it is the first time: what would
/// convert between them is refused ([`crate::issue::Body::run`]).
pub fn promote_types(a: DType, b: DType) -> DType {
    if a.is_time() || b.is_time() {
        return crate::times::common_type(a, b).unwrap_or(if a.is_time() { a } else { b });
    }
    let (lo, hi) = if a <= b { (a, b) } else { (b, a) };
    match (lo.kind(), hi.kind()) {
        (low, high) if low == high => hi,
        (Kind::Bool, _) => hi,
        (Kind::Signed | Kind::Unsigned, Kind::Signed | Kind::Unsigned) => promote_signs(lo, hi),
        // A float that holds the integers of the other: float16 up to 8 bits, float32 up to 16.
        (Kind::Signed | Kind::Unsigned, Kind::Float) => {
            let least = match lo.size() {
                1 => DType::F16,
                2 => DType::F32,
                _ => DType::F64,
            };
            least.max(hi)
        }
        (Kind::Signed | Kind::Unsigned, _) => {
            if lo.size() <= 2 {
                hi
            } else {
                DType::C128
            }
        }
        // A float and a complex type.
        _ => {
            if lo == DType::F64 {
                DType::C128
            } else {
                hi
            }
        }
    }
}

/// A signed and an unsigned type, `lo < hi` in type order.
fn promote_signs(lo: DType, hi: DType) -> DType {
    let (signed, unsigned) = if lo.kind() == Kind::Signed { (lo, hi) } else { (hi, lo) };
    if signed.size() > unsigned.size() {
        return signed;
    }
    match unsigned {
        DType::U8 => DType::I16,
        DType::U16 => DType::I32,
        DType::U32 => DType::I64,
        _ => DType::F64,
    }
}

/// NumPy's `np.can_cast(from, to, casting)`.
pub fn can_cast(from: DType, to: DType, casting: Casting) -> bool {
    if from.is_time() || to.is_time() {
        return can_cast_time(from, to, casting);
    }
    match casting {
        Casting::No | Casting::Equiv => from == to,
        Casting::Safe => promote_types(from, to) == to,
        Casting::SameKind => promote_types(from, to) == to || kind_rank(from) <= kind_rank(to),
        Casting::Unsafe => true,
    }
}

/// The same where one is a time. What is not sure is allowed: then the conversion is NumPy's, and so is the refusal.
fn can_cast_time(from: DType, to: DType, casting: Casting) -> bool {
    match casting {
        _ if from == to => true,
        Casting::No | Casting::Equiv => false,
        Casting::Safe if from.is_time() && !to.is_time() => false,
        Casting::Safe => crate::times::common_type(from, to).is_none_or(|common| common == to),
        Casting::SameKind | Casting::Unsafe => true,
    }
}

/// Whether an element of one type becomes one of the other without regard to units of time.
pub(crate) fn converts(from: DType, to: DType) -> bool {
    from == to || !(from.is_time() || to.is_time())
}

/// A value in another type; `None` where that is a matter of times.
pub(crate) fn converted(value: Scalar, dtype: DType) -> Option<Scalar> {
    converts(value.dtype(), dtype).then(|| cast(value, dtype))
}

/// Kinds in the order in which `same_kind` lets values go up.
fn kind_rank(dtype: DType) -> u8 {
    match dtype.kind() {
        Kind::Bool => 0,
        Kind::Unsigned => 1,
        Kind::Signed => 2,
        Kind::Float => 3,
        Kind::Complex => 4,
        Kind::Time => 5,
    }
}

/// The type that `dtype` becomes beside a Python scalar of this kind.
pub fn promote_weak(dtype: DType, weak: Kind) -> DType {
    match (weak, dtype.kind()) {
        (Kind::Time, _) | (_, Kind::Time) => dtype,
        (Kind::Bool, _) => dtype,
        (Kind::Signed | Kind::Unsigned, Kind::Bool) => DType::I64,
        (Kind::Signed | Kind::Unsigned, _) => dtype,
        (Kind::Float, Kind::Float | Kind::Complex) => dtype,
        (Kind::Float, _) => DType::F64,
        (Kind::Complex, Kind::Complex) => dtype,
        (Kind::Complex, _) => {
            if matches!(dtype, DType::F16 | DType::F32) {
                DType::C64
            } else {
                DType::C128
            }
        }
    }
}

/// `np.result_type` of arrays' types and Python scalars.
///
/// # Errors
/// [`Error::Value`] if there is nothing to promote; [`Error::Unsupported`] for a lone integer beyond 64 bits.
pub fn result_type(strong: &[DType], weak: &[Weak]) -> Result<DType> {
    // A Python bool is as strong as any array.
    let bools = weak.iter().filter(|w| w.kind() == Kind::Bool).map(|_| DType::Bool);
    let strongest = strong.iter().copied().chain(bools).reduce(promote_types);
    if let Some(time) = strong.iter().find(|dtype| dtype.is_time()) {
        let common = strong.iter().try_fold(*time, |a, b| crate::times::common_type(a, *b));
        let common = common.filter(|_| weak.is_empty());
        return common.ok_or_else(|| Error::Unsupported("times beside other types".into()));
    }
    let weakest = weak.iter().copied().filter(|w| w.kind() != Kind::Bool);
    match strongest {
        Some(dtype) => Ok(weakest.map(Weak::kind).max().map_or(dtype, |kind| promote_weak(dtype, kind))),
        None => {
            let types = weakest.map(Weak::default_dtype).collect::<Result<Vec<DType>>>()?;
            types
                .into_iter()
                .reduce(promote_types)
                .ok_or_else(|| Error::Value("at least one array or dtype is required".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "?bBhHiIlLefdFD";

    fn dtype(c: &str) -> DType {
        DType::ALL[ORDER.find(c).unwrap()]
    }

    #[test]
    fn tables_are_numpys() {
        let mut rows = include_str!("../tests/data/promote.txt").lines().filter(|l| !l.starts_with('#'));
        let mut next = |label: &str| -> Vec<String> {
            let mut words = rows.next().unwrap().split(' ').map(str::to_owned);
            assert_eq!(words.next().unwrap(), label);
            words.collect()
        };
        for a in DType::ALL {
            for (b, expected) in DType::ALL.into_iter().zip(next("promote")) {
                assert_eq!(promote_types(a, b), dtype(&expected), "{a} {b}");
            }
        }
        for rule in [Casting::No, Casting::Equiv, Casting::Safe, Casting::SameKind, Casting::Unsafe] {
            for a in DType::ALL {
                for (b, expected) in DType::ALL.into_iter().zip(next(rule.name())) {
                    assert_eq!(can_cast(a, b, rule), expected == "1", "{a} to {b}, {}", rule.name());
                }
            }
        }
        for weak in [Weak::Int(1), Weak::Float(1.0), Weak::Complex(0.0, 1.0)] {
            for (a, expected) in DType::ALL.into_iter().zip(next("weak")) {
                assert_eq!(result_type(&[a], &[weak]).unwrap(), dtype(&expected), "{a} {weak:?}");
            }
        }
    }

    #[test]
    fn integers_must_fit() {
        assert_eq!(Weak::Int(255).to_scalar(DType::U8).unwrap(), Scalar::new(255u8));
        let text = |v: i128, d| Weak::Int(v).to_scalar(d).unwrap_err().to_string();
        assert_eq!(text(300, DType::I8), "Python integer 300 out of bounds for int8");
        assert_eq!(text(-1, DType::U64), "Python integer -1 out of bounds for uint64");
        assert_eq!(Weak::Int(1 << 63).default_dtype().unwrap(), DType::U64);
        assert_eq!(Weak::Float(-2.9).to_scalar(DType::I16).unwrap(), Scalar::new(-2i16));
        assert_eq!(Weak::Int(2).to_scalar(DType::Bool).unwrap(), Scalar::new(B8(1)));
        assert!(Weak::Float(f64::NAN).to_scalar(DType::I16).is_err());
    }

    #[test]
    fn weak_scalars_alone_have_their_default_types() {
        assert_eq!(result_type(&[], &[Weak::Int(1), Weak::Float(1.0)]).unwrap(), DType::F64);
        assert_eq!(result_type(&[], &[Weak::Bool(true), Weak::Int(1)]).unwrap(), DType::I64);
        assert_eq!(result_type(&[], &[Weak::Bool(true)]).unwrap(), DType::Bool);
        assert!(result_type(&[], &[]).is_err());
    }
}
