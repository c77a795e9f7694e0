//! Floats and registers of floats, as functions that live by their tables see them.
//!
//! Most functions are bodies of one element that the compiler turns into vector loops ([`super::float`]). It cannot do so well with a table: there it
//! loads from as many addresses as a register has elements, where AVX-512 has one instruction that chooses among sixteen numbers in registers. So such functions
//! are written over [`Lanes`]: `f64` and `f32` themselves, which is the scalar body, and the registers of [`super::registers`]. All operations round
//! as scalar ones do, so all have the same bits.

use super::float::select;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Elements of a table.
pub(super) const NODES: usize = 16;

/// The numbers of a format. Bits are given as 64-bit integers.
pub(super) trait Format: Copy + 'static {
    /// Digits of the fraction.
    const FRACTION: u32;
    /// The bits of the exponent.
    const EXPONENT: u64;
    const SIGN: u64;
    const ONE: u64;
    /// The smallest normal number.
    const NORMAL: u64;
    const INFINITY: u64;
    const NAN: Self;
    const ZERO: Self;
    const MINUS_ONE: Self;
    /// 1.5 times the first number whose neighbours are 1 apart: a sum with it is rounded to an integer, which is in its low bits.
    const ROUNDER: Self;
    /// The first number whose neighbours are 1 apart: its low bits are an integer, which is a float when it is taken away.
    const TO_FLOAT: u64;
    /// The same number, and the exponent's bias.
    const TO_EXPONENT: Self;
    /// A power of two that makes subnormal numbers normal, and minus its exponent.
    const UP: Self;
    const UP_EXPONENT: Self;
}

macro_rules! format {
    ($F:ident, fraction $fraction:literal) => {
        impl Format for $F {
            const FRACTION: u32 = $fraction;
            const EXPONENT: u64 = $F::INFINITY.to_bits() as u64;
            const SIGN: u64 = (-0.0 as $F).to_bits() as u64;
            const ONE: u64 = (1.0 as $F).to_bits() as u64;
            const NORMAL: u64 = $F::MIN_POSITIVE.to_bits() as u64;
            const INFINITY: u64 = $F::INFINITY.to_bits() as u64;
            const NAN: $F = $F::NAN;
            const ZERO: $F = 0.0;
            const MINUS_ONE: $F = -1.0;
            const ROUNDER: $F = 1.5 / $F::EPSILON;
            const TO_FLOAT: u64 = (1.0 / $F::EPSILON).to_bits() as u64;
            const TO_EXPONENT: $F = 1.0 / $F::EPSILON + ($F::MAX_EXP - 1) as $F;
            const UP: $F = 4.0 / $F::EPSILON;
            const UP_EXPONENT: $F = -($fraction + 2) as $F;
        }
    };
}
format!(f32, fraction 23);
format!(f64, fraction 52);

/// Two tables, and both of them interleaved.
pub(super) struct Pairs<F: 'static> {
    pub(super) first: [F; NODES],
    pub(super) second: [F; NODES],
    pub(super) both: [[F; 2]; NODES],
}

impl<F: Copy> Pairs<F> {
    pub(super) const fn new(first: [F; NODES], second: [F; NODES]) -> Pairs<F> {
        let mut both = [[first[0]; 2]; NODES];
        let mut i = 0;
        while i < NODES {
            both[i] = [first[i], second[i]];
            i += 1;
        }
        Pairs { first, second, both }
    }
}

/// A float, or a register of them.
pub(super) trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    type Element: Format;
    /// As many integers of the same size.
    type Bits: Copy;
    /// As many truth values.
    type Mask: Copy;
    fn splat(x: Self::Element) -> Self;
    fn mul_add(self, y: Self, z: Self) -> Self;
    fn abs(self) -> Self;
    /// Without its fraction.
    fn trunc(self) -> Self;
    /// Itself, or `limit` if that is smaller. NaN stays.
    fn at_most(self, limit: Self) -> Self;
    /// Itself, or `limit` if that is larger. NaN stays.
    fn at_least(self, limit: Self) -> Self;
    fn is_below(self, y: Self) -> Self::Mask;
    fn is_equal(self, y: Self) -> Self::Mask;
    fn choose(mask: Self::Mask, yes: Self, no: Self) -> Self;
    fn either(x: Self::Mask, y: Self::Mask) -> Self::Mask;
    fn any(mask: Self::Mask) -> bool;
    fn to_bits(self) -> Self::Bits;
    fn of_bits(bits: Self::Bits) -> Self;
    /// The integer in all lanes, cut to the elements' size.
    fn integer(n: u64) -> Self::Bits;
    fn plus(x: Self::Bits, y: Self::Bits) -> Self::Bits;
    fn minus(x: Self::Bits, y: Self::Bits) -> Self::Bits;
    fn and(x: Self::Bits, y: Self::Bits) -> Self::Bits;
    fn or(x: Self::Bits, y: Self::Bits) -> Self::Bits;
    fn xor(x: Self::Bits, y: Self::Bits) -> Self::Bits;
    fn shift_left(x: Self::Bits, n: u32) -> Self::Bits;
    /// Filled with zeros.
    fn shift_right(x: Self::Bits, n: u32) -> Self::Bits;
    /// Whether `x < y`, without sign.
    fn is_lower(x: Self::Bits, y: Self::Bits) -> Self::Mask;
    /// Where the mask is set, the function of as many arguments.
    fn patched<const N: usize>(
        self,
        mask: Self::Mask,
        x: [Self; N],
        f: fn([Self::Element; N]) -> Self::Element,
    ) -> Self;
    /// The elements of the table whose indices are in the low four bits.
    fn look_up(table: &'static [Self::Element; NODES], index: Self::Bits) -> Self;
    /// Those of two tables.
    #[inline(always)]
    fn look_up_pair(pairs: &'static Pairs<Self::Element>, index: Self::Bits) -> (Self, Self) {
        (Self::look_up(&pairs.first, index), Self::look_up(&pairs.second, index))
    }
}

/// Doubles.
pub(super) trait Doubles: Lanes<Element = f64> {
    /// Rounded to single precision and back.
    fn rounded_to_single(self) -> Self;
}

/// Floats of single precision.
pub(super) trait Singles: Lanes<Element = f32> {
    type Doubles: Doubles;
    /// The function, computed in double precision and rounded.
    fn in_doubles<F: DoubleFn<N>, const N: usize>(x: [Self; N]) -> Self;
}

/// A function of `N` doubles.
pub(super) trait DoubleFn<const N: usize>: 'static {
    fn apply<L: Doubles>(x: [L; N]) -> L;
}

/// A function of `N` floats of single precision.
pub(super) trait SingleFn<const N: usize>: 'static {
    fn apply<L: Singles>(x: [L; N]) -> L;
}

/// `x` with the sign of `sign`, for `x` that has none.
#[inline(always)]
pub(super) fn signed<L: Lanes>(x: L, sign: L) -> L {
    L::of_bits(L::or(x.to_bits(), L::and(sign.to_bits(), L::integer(L::Element::SIGN))))
}

/// `c[0] + c[1] x + c[2] x² + …`, in groups of four terms that do not wait for each other.
#[inline(always)]
pub(super) fn polynomial<L: Lanes>(x: L, c: &'static [L::Element]) -> L {
    let x2 = x * x;
    let x4 = x2 * x2;
    let mut i = (c.len() - 1) / 4 * 4;
    let mut sum = four_terms(x, x2, c, i);
    while i > 0 {
        i -= 4;
        sum = sum.mul_add(x4, four_terms(x, x2, c, i));
    }
    sum
}

/// `c[i] + … + c[i + 3] x³`, as far as there are coefficients.
#[inline(always)]
fn four_terms<L: Lanes>(x: L, x2: L, c: &'static [L::Element], i: usize) -> L {
    if i + 2 < c.len() { two_terms(x, c, i + 2).mul_add(x2, two_terms(x, c, i)) } else { two_terms(x, c, i) }
}

#[inline(always)]
fn two_terms<L: Lanes>(x: L, c: &'static [L::Element], i: usize) -> L {
    if i + 1 < c.len() { L::splat(c[i + 1]).mul_add(x, L::splat(c[i])) } else { L::splat(c[i]) }
}

macro_rules! methods {
    ($($name:ident $(<$N:ident: $I:ty>)? ($($arg:tt)*) -> $R:ty { $value:expr })*) => {$(
        #[inline(always)]
        fn $name $(<const $N: $I>)? ($($arg)*) -> $R { $value }
    )*};
}

macro_rules! scalar {
    ($F:ident, $U:ident) => {
        impl Lanes for $F {
            type Element = $F;
            type Bits = $U;
            type Mask = bool;
            methods! {
                splat(x: $F) -> $F { x }
                mul_add(self, y: $F, z: $F) -> $F { <$F>::mul_add(self, y, z) }
                abs(self) -> $F { <$F>::abs(self) }
                trunc(self) -> $F { <$F>::trunc(self) }
                at_most(self, limit: $F) -> $F { select(limit < self, limit, self) }
                at_least(self, limit: $F) -> $F { select(limit > self, limit, self) }
                is_below(self, y: $F) -> bool { self < y }
                is_equal(self, y: $F) -> bool { self == y }
                choose(mask: bool, yes: $F, no: $F) -> $F { select(mask, yes, no) }
                either(x: bool, y: bool) -> bool { x | y }
                any(mask: bool) -> bool { mask }
                to_bits(self) -> $U { <$F>::to_bits(self) }
                of_bits(bits: $U) -> $F { <$F>::from_bits(bits) }
                integer(n: u64) -> $U { n as $U }
                plus(x: $U, y: $U) -> $U { x.wrapping_add(y) }
                minus(x: $U, y: $U) -> $U { x.wrapping_sub(y) }
                and(x: $U, y: $U) -> $U { x & y }
                or(x: $U, y: $U) -> $U { x | y }
                xor(x: $U, y: $U) -> $U { x ^ y }
                shift_left(x: $U, n: u32) -> $U { x << n }
                shift_right(x: $U, n: u32) -> $U { x >> n }
                is_lower(x: $U, y: $U) -> bool { x < y }
                patched<N: usize>(self, mask: bool, x: [$F; N], f: fn([$F; N]) -> $F) -> $F { if mask { f(x) } else { self } }
                look_up(table: &'static [$F; NODES], index: $U) -> $F { table[index as usize % NODES] }
            }
        }
    };
}
scalar!(f32, u32);
scalar!(f64, u64);
impl Doubles for f64 {
    #[inline(always)]
    fn rounded_to_single(self) -> f64 {
        f64::from(self as f32)
    }
}
impl Singles for f32 {
    type Doubles = f64;
    #[inline(always)]
    fn in_doubles<F: DoubleFn<N>, const N: usize>(x: [f32; N]) -> f32 {
        F::apply(x.map(f64::from)) as f32
    }
}
