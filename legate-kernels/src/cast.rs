//! Conversions between element types.
//!
//! They are C's, as NumPy's `astype(casting="unsafe")`: floats truncate towards zero, integers keep their low bits, complex numbers
//! lose their imaginary part, anything but zero is true. Where C leaves the result open (a float outside the range of
//! the integer type, NaN), the result here is what x86-64 compilers make of it, on every machine: conversion through a
//! 32-bit integer for types of up to 16 bits and `int32`, through a 64-bit one otherwise, the smallest integer standing for "no value".

use crate::dtype::{B8, C64, C128, DType, Element, F16, Scalar};
use crate::{dispatch_computed, dispatch_dtype, half};

/// `value` as an element of type `to`.
///
/// ```
/// use legate_kernels::{cast::cast, dtype::{DType, Scalar}};
/// assert_eq!(cast(Scalar::new(-1.5f64), DType::I8), Scalar::new(-1i8));
/// assert_eq!(cast(Scalar::new(300i64), DType::U8), Scalar::new(44u8));
/// ```
///
/// # Panics
/// If one is a time and the other another type.
pub fn cast(value: Scalar, to: DType) -> Scalar {
    if value.dtype() == to {
        return value;
    }
    visit(value.dtype(), to, Eval(value))
}

/// `Self::convert(x)` is `x` as a `Self`.
pub(crate) trait Convert<T: Element>: Element {
    fn convert(x: T) -> Self;
}

/// `x.convert_to::<U>()`: the same, read from left to right.
pub(crate) trait ConvertTo: Element {
    #[inline(always)]
    fn convert_to<U: Convert<Self>>(self) -> U {
        U::convert(self)
    }
}
impl<T: Element> ConvertTo for T {}

/// Something to be done with the conversion between two types.
pub(crate) trait CastVisitor {
    type Output;
    fn visit<T: Element, U: Convert<T>>(self) -> Self::Output;
}

/// Hands the conversion of `from` to `to` to the visitor.
pub(crate) fn visit<V: CastVisitor>(from: DType, to: DType, visitor: V) -> V::Output {
    dispatch_dtype!(from, T => dispatch_dtype!(to, U => visitor.visit::<T, U>()))
}

/// As [`visit`], for types other than float16.
pub(crate) fn visit_computed<V: CastVisitor>(from: DType, to: DType, visitor: V) -> V::Output {
    dispatch_computed!(from, T => dispatch_computed!(to, U => visitor.visit::<T, U>()))
}

struct Eval(Scalar);

impl CastVisitor for Eval {
    type Output = Scalar;
    fn visit<T: Element, U: Convert<T>>(self) -> Scalar {
        Scalar::new(U::convert(self.0.get::<T>().expect("the conversion was chosen by the value's type")))
    }
}

/// The integer that `x86-64` makes of a float: out of range and NaN give the smallest integer.
macro_rules! truncate {
    ($x:expr, $F:ty, $I:ty) => {{
        let x: $F = $x;
        // Both bounds are powers of two, exact in either float type.
        let is_inside = x >= <$I>::MIN as $F && x < -(<$I>::MIN as $F);
        // SAFETY: the number converted is 0 or inside the range of the integer type. (Rust's own conversion saturates, which makes slow vectors.)
        let inside: $I = unsafe { (if is_inside { x } else { 0.0 }).to_int_unchecked() };
        if is_inside { inside } else { <$I>::MIN }
    }};
}

macro_rules! to_u64 {
    ($x:expr, $F:ty) => {{
        const HALF: $F = 9_223_372_036_854_775_808.0;
        if $x >= HALF { (truncate!($x - HALF, $F, i64) as u64) ^ (1 << 63) } else { truncate!($x, $F, i64) as u64 }
    }};
}

/// One conversion between real numbers that are not bools.
macro_rules! real_to_real {
    ($x:ident: f32 => i32) => {
        truncate!($x, f32, i32)
    };
    ($x:ident: f64 => i32) => {
        truncate!($x, f64, i32)
    };
    ($x:ident: f32 => i8) => {
        truncate!($x, f32, i32) as i8
    };
    ($x:ident: f64 => i8) => {
        truncate!($x, f64, i32) as i8
    };
    ($x:ident: f32 => u8) => {
        truncate!($x, f32, i32) as u8
    };
    ($x:ident: f64 => u8) => {
        truncate!($x, f64, i32) as u8
    };
    ($x:ident: f32 => i16) => {
        truncate!($x, f32, i32) as i16
    };
    ($x:ident: f64 => i16) => {
        truncate!($x, f64, i32) as i16
    };
    ($x:ident: f32 => u16) => {
        truncate!($x, f32, i32) as u16
    };
    ($x:ident: f64 => u16) => {
        truncate!($x, f64, i32) as u16
    };
    ($x:ident: f32 => u32) => {
        truncate!($x, f32, i64) as u32
    };
    ($x:ident: f64 => u32) => {
        truncate!($x, f64, i64) as u32
    };
    ($x:ident: f32 => i64) => {
        truncate!($x, f32, i64)
    };
    ($x:ident: f64 => i64) => {
        truncate!($x, f64, i64)
    };
    ($x:ident: f32 => u64) => {
        to_u64!($x, f32)
    };
    ($x:ident: f64 => u64) => {
        to_u64!($x, f64)
    };
    ($x:ident: $T:ident => $U:ident) => {
        $x as $U
    };
}

macro_rules! convert {
    ($($T:ident)*) => { $(convert!(@from $T => i8 u8 i16 u16 i32 u32 i64 u64 f32 f64);)* };
    (@from $T:ident => $($U:ident)*) => {
        $(
            impl Convert<$T> for $U {
                #[inline(always)]
                fn convert(x: $T) -> $U { real_to_real!(x: $T => $U) }
            }
        )*
        impl Convert<$T> for B8 {
            #[inline(always)]
            fn convert(x: $T) -> B8 { B8::from(x != 0 as $T) }
        }
        impl Convert<B8> for $T {
            #[inline(always)]
            fn convert(x: B8) -> $T { x.0 as $T }
        }
        convert!(@complex $T C64 f32);
        convert!(@complex $T C128 f64);
    };
    (@complex $T:ident $C:ident $F:ident) => {
        impl Convert<$T> for $C {
            #[inline(always)]
            fn convert(x: $T) -> $C { $C::new(x as $F, 0.0) }
        }
        impl Convert<$C> for $T {
            #[inline(always)]
            fn convert(x: $C) -> $T { <$T as Convert<$F>>::convert(x.re) }
        }
    };
}
convert!(i8 u8 i16 u16 i32 u32 i64 u64 f32 f64);

/// Conversions of float16 are those of float32, but for those from doubles, which round once.
macro_rules! half_convert {
    ($($T:ty),*) => {$(
        impl Convert<$T> for F16 {
            #[inline(always)]
            fn convert(x: $T) -> F16 { F16::from_f32(<f32 as Convert<$T>>::convert(x)) }
        }
        half_convert!(@to $T);
    )*};
    (@to $($T:ty),*) => {$(
        impl Convert<F16> for $T {
            #[inline(always)]
            fn convert(x: F16) -> $T { <$T as Convert<f32>>::convert(x.to_f32()) }
        }
    )*};
}
half_convert!(B8, i8, u8, i16, u16, i32, u32, i64, u64, f32, C64);
half_convert!(@to f64, C128);

impl Convert<F16> for F16 {
    #[inline(always)]
    fn convert(x: F16) -> F16 {
        x
    }
}

impl Convert<f64> for F16 {
    #[inline(always)]
    fn convert(x: f64) -> F16 {
        half::from_f64(x)
    }
}

impl Convert<C128> for F16 {
    #[inline(always)]
    fn convert(x: C128) -> F16 {
        half::from_f64(x.re)
    }
}

impl Convert<B8> for B8 {
    #[inline(always)]
    fn convert(x: B8) -> B8 {
        x
    }
}

macro_rules! complex_convert {
    ($($C:ident $F:ident),*) => {$(
        impl Convert<C64> for $C {
            #[inline(always)]
            fn convert(x: C64) -> $C { $C::new(x.re as $F, x.im as $F) }
        }
        impl Convert<C128> for $C {
            #[inline(always)]
            fn convert(x: C128) -> $C { $C::new(x.re as $F, x.im as $F) }
        }
        impl Convert<B8> for $C {
            #[inline(always)]
            fn convert(x: B8) -> $C { $C::new(x.0 as $F, 0.0) }
        }
        impl Convert<$C> for B8 {
            #[inline(always)]
            fn convert(x: $C) -> B8 { B8::from(x.re != 0.0 || x.im != 0.0) }
        }
    )*};
}
complex_convert!(C64 f32, C128 f64);
