//! Quotients and powers of integers, as vector loops.
//!
//! No CPU divides integers in vectors, but all divide floats. The quotient of two integers below `2^d`, rounded to a float of `d + 1` digits, is not rounded across an
//! integer: it is at least a `2^-d`th part of itself away from the next. So its floor is the floor of the quotient. Integers of 64 bits have that many digits
//! only if they are below 2^52; others are divided one at a time.

use crate::math::select;

/// The division of integers; by 0 it gives 0.
pub(super) trait Quotient: Copy {
    /// `⌊self / y⌋`, unless the arguments are far.
    fn near_floor_divide(self, y: Self) -> Self;
    /// `self / y` without its fraction, unless the arguments are far.
    fn near_divide(self, y: Self) -> Self;
    /// Whether an argument has too many digits for a float.
    fn is_quotient_far(self, y: Self) -> bool;
    /// `⌊self / y⌋`.
    fn far_floor_divide(self, y: Self) -> Self;
    /// 0 under this condition.
    fn zero_if(self, condition: bool) -> Self;
}

/// The integer of a float that is one, of fewer digits than the format has by two.
trait Whole {
    type Bits;
    fn whole(self) -> Self::Bits;
}

macro_rules! whole {
    ($F:ident, $U:ident) => {
        impl Whole for $F {
            type Bits = $U;
            #[inline(always)]
            fn whole(self) -> $U {
                // 1.5 times the first number whose neighbours are 1 apart: a sum with it has the integer in its low bits.
                const ROUNDER: $F = 1.5 / $F::EPSILON;
                (self + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits())
            }
        }
    };
}
whole!(f32, u32);
whole!(f64, u64);

macro_rules! quotient {
    ($($T:ident in $F:ident, $x:ident is far if $is_far:expr;)*) => {$(
        impl Quotient for $T {
            #[inline(always)]
            fn near_floor_divide(self, y: $T) -> $T {
                ((self as $F / y as $F).floor().whole() as $T).zero_if(y == 0)
            }
            #[inline(always)]
            fn near_divide(self, y: $T) -> $T {
                ((self as $F / y as $F).trunc().whole() as $T).zero_if(y == 0)
            }
            #[inline(always)]
            fn is_quotient_far(self, y: $T) -> bool {
                let is_far = {
                    #[inline(always)]
                    |$x: $T| $is_far
                };
                is_far(self) | is_far(y)
            }
            #[inline(always)]
            fn far_floor_divide(self, y: $T) -> $T {
                if y == 0 {
                    return 0;
                }
                let (quotient, rest) = (self.wrapping_div(y), self.wrapping_rem(y));
                #[allow(unused_comparisons, reason = "numbers without sign have no other")]
                let is_below = rest != 0 && (rest < 0) != (y < 0);
                if is_below { quotient.wrapping_sub(1) } else { quotient }
            }
            #[inline(always)]
            fn zero_if(self, condition: bool) -> $T {
                select(condition, 0, self)
            }
        }
    )*};
}
quotient! {
    i8 in f32, _x is far if false;
    u8 in f32, _x is far if false;
    i16 in f32, _x is far if false;
    u16 in f32, _x is far if false;
    i32 in f64, _x is far if false;
    u32 in f64, _x is far if false;
    i64 in f64, x is far if x.wrapping_add(1 << 51) as u64 >= 1 << 52;
    u64 in f64, x is far if x >= 1 << 51;
}

/// Integer powers, wrapping.
pub(super) trait Power: Copy {
    /// `self ** y` for exponents that are not large.
    fn small_power(self, y: Self) -> Self;
    /// Whether the exponent is negative or has more than [`BITS`] bits.
    fn is_power_large(self, y: Self) -> bool;
    /// `self ** y`; negative exponents truncate towards zero.
    fn any_power(self, y: Self) -> Self;
}

/// Bits of an exponent that is worked off without asking.
const BITS: u32 = 6;

macro_rules! power {
    ($($T:ident)*) => {$(
        impl Power for $T {
            #[inline(always)]
            fn small_power(self, y: $T) -> $T {
                let (mut base, mut power): ($T, $T) = (self, 1);
                for bit in 0..BITS {
                    power = select(y >> bit & 1 == 1, power.wrapping_mul(base), power);
                    base = base.wrapping_mul(base);
                }
                power
            }
            #[inline(always)]
            fn is_power_large(self, y: $T) -> bool {
                y >> BITS != 0
            }
            #[inline(always)]
            fn any_power(self, y: $T) -> $T {
                #[allow(unused_comparisons, reason = "numbers without sign are not negative")]
                if y < 0 {
                    // The inverses of 1 and -1 are whole.
                    return match self {
                        1 => 1,
                        x if x == (0 as $T).wrapping_sub(1) => select(y & 1 == 1, x, 1),
                        _ => 0,
                    };
                }
                let (mut base, mut power, mut rest): ($T, $T, $T) = (self, 1, y);
                while rest != 0 {
                    power = select(rest & 1 == 1, power.wrapping_mul(base), power);
                    base = base.wrapping_mul(base);
                    rest >>= 1;
                }
                power
            }
        }
    )*};
}
power!(i8 u8 i16 u16 i32 u32 i64 u64);

#[cfg(test)]
mod tests {
    use super::{Power, Quotient};

    /// Numbers at both ends of the type, about zero, about what a float can hold, and quotients just below an integer.
    macro_rules! check_quotients {
        ($($T:ident)*) => {$({
            let mut values: Vec<$T> = (0..40).map(|i| (i as $T).wrapping_sub(20)).collect();
            for bit in 5..$T::BITS {
                values.extend([-3, -1, 0, 1, 3].map(|d| ((1 as $T) << bit).wrapping_add_signed_or_not(d)));
            }
            for x in &values {
                for y in values.iter().filter(|y| **y != 0) {
                    for x in [*x, x.wrapping_mul(*y), x.wrapping_mul(*y).wrapping_sub(1)] {
                        let (quotient, rest) = (x.wrapping_div(*y), x.wrapping_rem(*y));
                        #[allow(unused_comparisons, reason = "numbers without sign have no other")]
                        let floor = if rest != 0 && (rest < 0) != (*y < 0) { quotient - 1 } else { quotient };
                        assert_eq!(x.far_floor_divide(*y), floor, "{x} by {y}");
                        if !x.is_quotient_far(*y) {
                            assert_eq!(x.near_floor_divide(*y), floor, "{x} by {y}");
                            assert_eq!(x.near_divide(*y), quotient, "{x} by {y}");
                        }
                    }
                }
                assert_eq!((x.near_floor_divide(0), x.near_divide(0), x.far_floor_divide(0)), (0, 0, 0));
            }
        })*};
    }

    /// So that one text serves numbers with and without sign.
    trait Shifted {
        fn wrapping_add_signed_or_not(self, d: i8) -> Self;
    }
    macro_rules! shifted {
        ($($T:ident)*) => { $(impl Shifted for $T {
            fn wrapping_add_signed_or_not(self, d: i8) -> $T { self.wrapping_add(d as $T) }
        })* };
    }
    shifted!(i8 u8 i16 u16 i32 u32 i64 u64);

    #[test]
    fn quotients_of_floats_are_those_of_integers() {
        check_quotients!(i8 u8 i16 u16 i32 u32 i64 u64);
    }

    #[test]
    fn powers_wrap_and_truncate() {
        for x in [-7i32, -1, 0, 1, 2, 3, i32::MIN, i32::MAX] {
            for y in 0..64 {
                assert_eq!(x.small_power(y), x.wrapping_pow(y as u32), "{x} ** {y}");
                assert_eq!(x.any_power(y), x.wrapping_pow(y as u32), "{x} ** {y}");
            }
        }
        assert_eq!([1i64, -1, -1, 2].map(|x| x.any_power(-3)), [1, -1, -1, 0]);
        assert_eq!((-1i64).any_power(-4), 1);
        assert!(3i32.is_power_large(64) && 3i32.is_power_large(-1) && !3i32.is_power_large(63));
    }
}
