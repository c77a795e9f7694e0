//! Keys: unsigned integers in the order of the elements.

use super::vectors::{self, Vectors};
use crate::dtype::{B8, Element, F16};
use crate::isa::Isa;

/// An element type with NumPy's order of sorting: NaN comes last.
pub trait Sortable: Element {
    /// The key's type, of the element's size.
    type Key: Item;
    /// Larger elements have larger keys; the element can be had back (but for the sign of a NaN).
    fn to_key(self) -> Self::Key;
    /// The element of a key.
    fn from_key(key: Self::Key) -> Self;
    /// The key with which equal elements are told to be equal: zeros of both signs have the same, and all NaNs.
    fn to_rank(self) -> u64;
}

/// What is moved about while sorting: compared as a whole, and grouped by a number of 64 bits in the same order.
pub trait Item: Copy + Ord + Send + Sync + bytemuck::Pod {
    /// Its leading part.
    fn key(self) -> u64;
    /// Vectorised steps for sorting such items, where there are any: equal items are alike then.
    #[doc(hidden)]
    fn vectors(_: Isa) -> Option<Vectors<Self>> {
        None
    }
}

macro_rules! items {
    ($($t:ty $(, $vectors:path)?;)*) => {$(
        impl Item for $t {
            #[inline(always)]
            fn key(self) -> u64 {
                u64::from(self)
            }
            $(fn vectors(isa: Isa) -> Option<Vectors<$t>> {
                $vectors(isa)
            })?
        }
    )*};
}
items! {
    u8;
    u16;
    u32, vectors::of_u32;
    u64, vectors::of_u64;
}

/// An element of an argsort: what it is compared by, and where it was. Distinct places make all items distinct, so any sort is stable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Placed {
    /// See [`Sortable::to_rank`].
    pub rank: u64,
    /// Row-major number in the line.
    pub place: u64,
}

impl Item for Placed {
    #[inline(always)]
    fn key(self) -> u64 {
        self.rank
    }
}

macro_rules! integers {
    ($($t:ty, $key:ty, $flip:expr;)*) => {$(
        impl Sortable for $t {
            type Key = $key;
            #[inline(always)]
            fn to_key(self) -> $key {
                self as $key ^ $flip
            }
            #[inline(always)]
            fn from_key(key: $key) -> $t {
                (key ^ $flip) as $t
            }
            #[inline(always)]
            fn to_rank(self) -> u64 {
                u64::from(self.to_key())
            }
        }
    )*};
}
integers! {
    i8, u8, 1 << 7;
    i16, u16, 1 << 15;
    i32, u32, 1 << 31;
    i64, u64, 1 << 63;
    u8, u8, 0;
    u16, u16, 0;
    u32, u32, 0;
    u64, u64, 0;
}

impl Sortable for B8 {
    type Key = u8;
    #[inline(always)]
    fn to_key(self) -> u8 {
        self.0
    }
    #[inline(always)]
    fn from_key(key: u8) -> B8 {
        B8(key)
    }
    #[inline(always)]
    fn to_rank(self) -> u64 {
        u64::from(self.0)
    }
}

macro_rules! floats {
    ($($t:ty, $key:ty;)*) => {$(
        impl Sortable for $t {
            type Key = $key;
            #[inline(always)]
            fn to_key(self) -> $key {
                const SIGN: $key = 1 << (<$key>::BITS - 1);
                let bits = self.to_bits();
                // Without a branch, which signs at random would make dear. All ones for negative numbers, which lie in reverse below the
                // others; a NaN goes to the end whatever its sign.
                let reverse = (bits >> (<$key>::BITS - 1)) & <$key>::from(bits & !SIGN <= <$t>::INFINITY.to_bits());
                let mask = reverse.wrapping_neg();
                (bits ^ mask) | (SIGN & !mask)
            }
            #[inline(always)]
            fn from_key(key: $key) -> $t {
                const SIGN: $key = 1 << (<$key>::BITS - 1);
                let mask = (key >> (<$key>::BITS - 1)).wrapping_sub(1);
                <$t>::from_bits(key ^ (mask | SIGN))
            }
            #[inline(always)]
            fn to_rank(self) -> u64 {
                // The sum has no negative zero.
                u64::from(if self.is_nan() { <$t>::NAN.to_key() } else { (self + <$t>::default()).to_key() })
            }
        }
    )*};
}
floats! {
    F16, u16;
    f32, u32;
    f64, u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_elements() {
        let floats = [f64::NEG_INFINITY, -1.5, -5e-324, -0.0, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
        assert!(floats.windows(2).all(|w| w[0].to_key() < w[1].to_key()));
        assert!(floats.iter().all(|&x| f64::from_key(x.to_key()).to_bits() == x.to_bits()));
        assert!((-f64::NAN).to_key() > f64::INFINITY.to_key());
        assert_eq!((-f64::NAN).to_rank(), f64::NAN.to_rank());
        assert_eq!((-0.0f64).to_rank(), 0.0f64.to_rank());
        let ints = [i32::MIN, -1, 0, 1, i32::MAX];
        assert!(ints.windows(2).all(|w| w[0].to_key() < w[1].to_key()));
        assert!(ints.iter().all(|&x| i32::from_key(x.to_key()) == x));
    }
}
