//! The two operations that matrix products are made of, as NumPy defines them for each element type.

use crate::dtype::{B8, C64, C128, Element, F16};

/// Sums and products of one element type: integers wrap, bool has *or* for sum and *and* for product.
pub trait Arithmetic: Element {
    /// The sum of nothing.
    const ZERO: Self;
    /// `self + other`.
    fn plus(self, other: Self) -> Self;
    /// `self · other`.
    fn times(self, other: Self) -> Self;
    /// `self · factor + sum`, rounded once where the type rounds at all and `FUSED` allows it.
    #[inline(always)]
    fn times_plus<const FUSED: bool>(self, factor: Self, sum: Self) -> Self {
        self.times(factor).plus(sum)
    }
}

macro_rules! integers {
    ($($t:ty)*) => {$(
        impl Arithmetic for $t {
            const ZERO: $t = 0;
            #[inline(always)]
            fn plus(self, other: $t) -> $t { self.wrapping_add(other) }
            #[inline(always)]
            fn times(self, other: $t) -> $t { self.wrapping_mul(other) }
        }
    )*};
}
integers!(i8 u8 i16 u16 i32 u32 i64 u64);

macro_rules! floats {
    ($($t:ty)*) => {$(
        impl Arithmetic for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn plus(self, other: $t) -> $t { self + other }
            #[inline(always)]
            fn times(self, other: $t) -> $t { self * other }
            #[inline(always)]
            fn times_plus<const FUSED: bool>(self, factor: $t, sum: $t) -> $t {
                if FUSED { self.mul_add(factor, sum) } else { self * factor + sum }
            }
        }
    )*};
}
floats!(f32 f64);

macro_rules! complexes {
    ($($t:ty)*) => {$(
        impl Arithmetic for $t {
            const ZERO: $t = <$t>::new(0.0, 0.0);
            #[inline(always)]
            fn plus(self, other: $t) -> $t { self + other }
            #[inline(always)]
            fn times(self, other: $t) -> $t { self * other }
        }
    )*};
}
complexes!(C64 C128);

/// Each step is rounded, as NumPy's running sums are.
impl Arithmetic for F16 {
    const ZERO: F16 = F16::ZERO;
    #[inline(always)]
    fn plus(self, other: F16) -> F16 {
        F16::from_f32(self.to_f32() + other.to_f32())
    }
    #[inline(always)]
    fn times(self, other: F16) -> F16 {
        F16::from_f32(self.to_f32() * other.to_f32())
    }
}

impl Arithmetic for B8 {
    const ZERO: B8 = B8(0);
    #[inline(always)]
    fn plus(self, other: B8) -> B8 {
        B8(self.0 | other.0)
    }
    #[inline(always)]
    fn times(self, other: B8) -> B8 {
        B8(self.0 & other.0)
    }
}
