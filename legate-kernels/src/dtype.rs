//! Element types and single values of them.
//!
//! Layout is NumPy's: native byte order, bool is one byte holding 0 or 1, complex is (real, imaginary).

use num_complex::Complex;
use serde::{Deserialize, Serialize};

pub use half::f16 as F16;

/// The complex numbers of two `f32`.
pub type C64 = Complex<f32>;
/// The complex numbers of two `f64`.
pub type C128 = Complex<f64>;

/// An element type. The order is that of NumPy's ufunc loops, which its promotion follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub enum DType {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    F32,
    F64,
    C64,
    C128,
    /// NumPy's `datetime64`: ticks since 1970 in 64 bits. Kernels move and compare bits of it; what computes does so with `I64`.
    Datetime(Unit),
    /// NumPy's `timedelta64`: ticks.
    Timedelta(Unit),
}

/// What family an element type belongs to (NumPy's `dtype.kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Bool,
    Signed,
    Unsigned,
    Float,
    Complex,
    /// Points in time and lengths of time.
    Time,
}

/// The length of a tick, in NumPy's order from coarse to fine. Multiples of them (`25s`) are not native.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Milli,
    Micro,
    Nano,
    Pico,
    Femto,
    Atto,
    Generic,
}

impl Unit {
    /// Every unit, in order.
    pub const ALL: [Unit; 14] = {
        use Unit::*;
        [Year, Month, Week, Day, Hour, Minute, Second, Milli, Micro, Nano, Pico, Femto, Atto, Generic]
    };

    /// How many of the next finer unit it has; `None` where that is no fixed number, or there is none.
    pub const fn in_next(self) -> Option<i64> {
        match self {
            Unit::Year => Some(12),
            Unit::Month | Unit::Atto | Unit::Generic => None,
            Unit::Week => Some(7),
            Unit::Day => Some(24),
            Unit::Hour | Unit::Minute => Some(60),
            _ => Some(1000),
        }
    }
}

impl DType {
    /// Every numeric type, in order: those that loops compute with. Their numbers are their places here.
    pub const ALL: [DType; 14] = {
        use DType::*;
        [Bool, I8, U8, I16, U16, I32, U32, I64, U64, F16, F32, F64, C64, C128]
    };

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 | DType::F16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 | DType::C64 => 8,
            DType::Datetime(_) | DType::Timedelta(_) => 8,
            DType::C128 => 16,
        }
    }

    /// Alignment of one element in bytes.
    pub const fn align(self) -> usize {
        match self {
            DType::C64 => 4,
            DType::C128 => 8,
            other => other.size(),
        }
    }

    /// The family.
    pub const fn kind(self) -> Kind {
        match self {
            DType::Bool => Kind::Bool,
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => Kind::Signed,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Kind::Unsigned,
            DType::F16 | DType::F32 | DType::F64 => Kind::Float,
            DType::C64 | DType::C128 => Kind::Complex,
            DType::Datetime(_) | DType::Timedelta(_) => Kind::Time,
        }
    }

    /// NumPy's name: `"float64"`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::I8 => "int8",
            DType::U8 => "uint8",
            DType::I16 => "int16",
            DType::U16 => "uint16",
            DType::I32 => "int32",
            DType::U32 => "uint32",
            DType::I64 => "int64",
            DType::U64 => "uint64",
            DType::F16 => "float16",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
            DType::Datetime(unit) => datetime_name(unit),
            DType::Timedelta(unit) => timedelta_name(unit),
        }
    }

    /// NumPy's one-letter code on 64-bit Linux: `'d'`.
    pub const fn char(self) -> char {
        match self {
            DType::Bool => '?',
            DType::I8 => 'b',
            DType::U8 => 'B',
            DType::I16 => 'h',
            DType::U16 => 'H',
            DType::I32 => 'i',
            DType::U32 => 'I',
            DType::I64 => 'l',
            DType::U64 => 'L',
            DType::F16 => 'e',
            DType::F32 => 'f',
            DType::F64 => 'd',
            DType::C64 => 'F',
            DType::C128 => 'D',
            DType::Datetime(_) => 'M',
            DType::Timedelta(_) => 'm',
        }
    }

    /// The type in which loops compute with such elements: float32 for float16, itself for all others.
    pub const fn computed(self) -> DType {
        match self {
            DType::F16 => DType::F32,
            other => other,
        }
    }

    /// The type of the real and imaginary parts; the type itself if it is not complex.
    pub const fn real(self) -> DType {
        match self {
            DType::C64 => DType::F32,
            DType::C128 => DType::F64,
            other => other,
        }
    }
}

impl DType {
    /// Its place in [`DType::ALL`]; `None` of times.
    pub const fn number(self) -> Option<usize> {
        Some(match self {
            DType::Bool => 0,
            DType::I8 => 1,
            DType::U8 => 2,
            DType::I16 => 3,
            DType::U16 => 4,
            DType::I32 => 5,
            DType::U32 => 6,
            DType::I64 => 7,
            DType::U64 => 8,
            DType::F16 => 9,
            DType::F32 => 10,
            DType::F64 => 11,
            DType::C64 => 12,
            DType::C128 => 13,
            DType::Datetime(_) | DType::Timedelta(_) => return None,
        })
    }

    /// Whether it is a time: no loop computes with it, and no kernel converts it.
    pub const fn is_time(self) -> bool {
        matches!(self, DType::Datetime(_) | DType::Timedelta(_))
    }
}

macro_rules! time_names {
    ($name:ident, $kind:literal) => {
        const fn $name(unit: Unit) -> &'static str {
            match unit {
                Unit::Year => concat!($kind, "[Y]"),
                Unit::Month => concat!($kind, "[M]"),
                Unit::Week => concat!($kind, "[W]"),
                Unit::Day => concat!($kind, "[D]"),
                Unit::Hour => concat!($kind, "[h]"),
                Unit::Minute => concat!($kind, "[m]"),
                Unit::Second => concat!($kind, "[s]"),
                Unit::Milli => concat!($kind, "[ms]"),
                Unit::Micro => concat!($kind, "[us]"),
                Unit::Nano => concat!($kind, "[ns]"),
                Unit::Pico => concat!($kind, "[ps]"),
                Unit::Femto => concat!($kind, "[fs]"),
                Unit::Atto => concat!($kind, "[as]"),
                Unit::Generic => $kind,
            }
        }
    };
}
time_names!(datetime_name, "datetime64");
time_names!(timedelta_name, "timedelta64");

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that is an element type. Sealed: [`DType`] lists them all. `bool` is stored as `u8` in kernels
/// (`Bool` loops run on bytes that are 0 or 1).
pub trait Element: Copy + Send + Sync + PartialEq + std::fmt::Debug + bytemuck::Pod + sealed::Sealed + 'static {
    /// Its name as data.
    const DTYPE: DType;
}

mod sealed {
    pub trait Sealed {}
}

/// One byte of a boolean array, 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bytemuck::Pod, bytemuck::Zeroable, Default)]
#[repr(transparent)]
pub struct B8(pub u8);

impl From<bool> for B8 {
    #[inline(always)]
    fn from(b: bool) -> B8 {
        B8(b as u8)
    }
}

macro_rules! elements {
    ($($t:ty = $d:ident),*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t { const DTYPE: DType = DType::$d; }
    )*};
}
elements!(
    B8 = Bool,
    i8 = I8,
    u8 = U8,
    i16 = I16,
    u16 = U16,
    i32 = I32,
    u32 = U32,
    i64 = I64,
    u64 = U64,
    F16 = F16,
    f32 = F32,
    f64 = F64,
    C64 = C64,
    C128 = C128
);

/// Runs `$body` with `$T` bound to the Rust type of the [`DType`] value `$dtype`.
#[macro_export]
macro_rules! dispatch_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::dtype::{C64, C128, DType};
        match $dtype {
            DType::C64 => {
                type $T = C64;
                $body
            }
            DType::C128 => {
                type $T = C128;
                $body
            }
            ordered => $crate::dispatch_ordered!(ordered, $T => $body),
        }
    }};
}

/// As [`dispatch_dtype!`](crate::dispatch_dtype), for the types in which loops compute: all but float16, which is computed in float32
/// (see [`mod@crate::half`]).
///
/// # Panics
/// If `$dtype` is float16.
#[macro_export]
macro_rules! dispatch_computed {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::dtype::{C64, C128, DType};
        match $dtype {
            DType::C64 => {
                type $T = C64;
                $body
            }
            DType::C128 => {
                type $T = C128;
                $body
            }
            real => $crate::dispatch_real!(real, $T => $body),
        }
    }};
}

/// As [`dispatch_dtype!`](crate::dispatch_dtype), for the types that have an order: all but the complex ones.
///
/// # Panics
/// If `$dtype` is complex.
#[macro_export]
macro_rules! dispatch_ordered {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::F16 => {
                type $T = $crate::dtype::F16;
                $body
            }
            real => $crate::dispatch_real!(real, $T => $body),
        }
    };
}

/// As [`dispatch_dtype!`](crate::dispatch_dtype), for the types that have an order and loops that compute.
///
/// # Panics
/// If `$dtype` is complex or float16.
#[macro_export]
macro_rules! dispatch_real {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::dtype::{B8, DType};
        match $dtype {
            DType::Bool => {
                type $T = B8;
                $body
            }
            DType::I8 => {
                type $T = i8;
                $body
            }
            DType::U8 => {
                type $T = u8;
                $body
            }
            DType::I16 => {
                type $T = i16;
                $body
            }
            DType::U16 => {
                type $T = u16;
                $body
            }
            DType::I32 => {
                type $T = i32;
                $body
            }
            DType::U32 => {
                type $T = u32;
                $body
            }
            DType::I64 => {
                type $T = i64;
                $body
            }
            DType::U64 => {
                type $T = u64;
                $body
            }
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            other => unreachable!("no loop computes in {other} here"),
        }
    }};
}

/// One value with its element type: the bytes as they lie in an array, zero-padded to 16.
///
/// Equality and hashing are of bits (so that NaN equals itself and 0.0 differs from -0.0): a `Scalar` names a
/// constant in a program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scalar {
    dtype: DType,
    bytes: [u8; 16],
}

impl Scalar {
    /// The value `v`.
    ///
    /// ```
    /// # use legate_kernels::dtype::{DType, Scalar};
    /// assert_eq!(Scalar::new(1.5f64).dtype(), DType::F64);
    /// ```
    pub fn new<T: Element>(v: T) -> Scalar {
        let mut bytes = [0; 16];
        bytes[..size_of::<T>()].copy_from_slice(bytemuck::bytes_of(&v));
        Scalar { dtype: T::DTYPE, bytes }
    }

    /// The value whose element bytes are `bytes`.
    ///
    /// # Panics
    /// If the length is not the element's size.
    #[inline]
    pub fn from_bytes(dtype: DType, element: &[u8]) -> Scalar {
        assert_eq!(element.len(), dtype.size(), "a scalar of {dtype} has {} bytes", dtype.size());
        let mut bytes = [0; 16];
        if let Ok(word) = <[u8; 8]>::try_from(element) {
            bytes[..8].copy_from_slice(&word); // most elements have 8 bytes: that is one move
            return Scalar { dtype, bytes };
        }
        bytes[..element.len()].copy_from_slice(element);
        Scalar { dtype, bytes }
    }

    /// Zero of the type.
    pub fn zero(dtype: DType) -> Scalar {
        Scalar { dtype, bytes: [0; 16] }
    }

    /// Its element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Its element bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.dtype.size()]
    }

    /// The value, if `T` is its type.
    pub fn get<T: Element>(&self) -> Option<T> {
        (T::DTYPE == self.dtype).then(|| bytemuck::pod_read_unaligned(&self.bytes[..size_of::<T>()]))
    }
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.dtype.is_time() {
            return write!(f, "{}:{}", i64::from_ne_bytes(self.bytes[..8].try_into().expect("8 bytes")), self.dtype);
        }
        dispatch_dtype!(self.dtype, T => write!(f, "{:?}:{}", self.get::<T>().expect("own type"), self.dtype))
    }
}
