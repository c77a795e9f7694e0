//! Superinstructions: two sums, differences or products of floats in one loop.
//!
//! `t = x ± y` or `x · y`, then `t ± z`, `z - t` or `t · z`, each rounded by itself: the bits are those of two loops, but `t` stays in a register. Cheap
//! operations spend their time on loads and stores, so this halves it. Constants are read once and spread over a vector.

use super::kernel::{Found, Kernel, Ternary, shells, whole_strips};
use super::packed::{Packed, elements, elements_mut};
use crate::dtype::DType;
use crate::isa::{Isa, Level};
use crate::math::Real;
use crate::ops::BinaryOp;

/// Two operations to be done in one loop: `first(x, y)`, then `second` of that and `z`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) first: BinaryOp,
    /// `y` is a constant.
    pub(super) splat_y: bool,
    pub(super) second: BinaryOp,
    /// The second operation is `second(z, first(x, y))`.
    pub(super) reversed: bool,
    /// `z` is a constant.
    pub(super) splat_z: bool,
}

/// Whether pairs are made of this operation.
pub(super) fn is_member(op: BinaryOp, dtype: DType) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply) && matches!(dtype, DType::F32 | DType::F64)
}

/// Whether the arguments of the operation may change places.
pub(super) fn commutes(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Add | BinaryOp::Multiply)
}

impl Pair {
    /// The loop for elements of type `dtype`: `dst = pair(x, y, z)`. `None` if there is none, as on the portable level.
    pub(super) fn find(self, dtype: DType, isa: Isa) -> Option<Found> {
        if isa.level() == Level::Portable {
            return None;
        }
        let kernel = match dtype {
            DType::F32 => self.with_type::<f32>(isa),
            DType::F64 => self.with_type::<f64>(isa),
            _ => None,
        };
        kernel.map(|kernel| Found { kernel: Kernel::Ternary(kernel), strips: true })
    }

    fn with_type<T: Real>(self, isa: Isa) -> Option<Ternary> {
        match self.first {
            BinaryOp::Add => self.with_first::<T, Plus>(isa),
            BinaryOp::Subtract => self.with_first::<T, Minus>(isa),
            BinaryOp::Multiply => self.with_first::<T, Times>(isa),
            _ => None,
        }
    }

    fn with_first<T: Real, P: Arithmetic>(self, isa: Isa) -> Option<Ternary> {
        match (self.second, self.reversed) {
            (BinaryOp::Add, _) => Some(self.with_second::<T, P, Plus>(isa)),
            (BinaryOp::Multiply, _) => Some(self.with_second::<T, P, Times>(isa)),
            (BinaryOp::Subtract, false) => Some(self.with_second::<T, P, Minus>(isa)),
            (BinaryOp::Subtract, true) => Some(self.with_second::<T, P, From>(isa)),
            _ => None,
        }
    }

    fn with_second<T: Real, P: Arithmetic, Q: Arithmetic>(self, isa: Isa) -> Ternary {
        match (self.splat_y, self.splat_z) {
            (false, false) => pair::<T, P, Q, No, No>(isa),
            (false, true) => pair::<T, P, Q, No, Yes>(isa),
            (true, false) => pair::<T, P, Q, Yes, No>(isa),
            (true, true) => pair::<T, P, Q, Yes, Yes>(isa),
        }
    }
}

/// One of the operations, as a type.
trait Arithmetic: 'static {
    fn apply<T: Real>(x: T, y: T) -> T;
}

macro_rules! arithmetic {
    ($($(#[$doc:meta])* $Name:ident |$x:ident, $y:ident| $body:expr;)*) => {$(
        $(#[$doc])*
        struct $Name;
        impl Arithmetic for $Name {
            #[inline(always)]
            fn apply<T: Real>($x: T, $y: T) -> T { $body }
        }
    )*};
}
arithmetic! {
    Plus |x, y| x + y;
    Minus |x, y| x - y;
    /// The difference with its terms exchanged.
    From |x, y| y - x;
    Times |x, y| x * y;
}

/// Yes or no, as a type.
pub(super) trait Flag: 'static {
    const VALUE: bool;
}
pub(super) struct Yes;
pub(super) struct No;
impl Flag for Yes {
    const VALUE: bool = true;
}
impl Flag for No {
    const VALUE: bool = false;
}

shells!(fn pair<T: Real, P: Arithmetic, Q: Arithmetic, Y: Flag, Z: Flag>(dst: &mut [u8], x: &[u8], y: &[u8], z: &[u8]) = pair_body as Ternary);

#[inline(always)]
fn pair_body<T: Real, P: Arithmetic, Q: Arithmetic, Y: Flag, Z: Flag>(dst: &mut [u8], x: &[u8], y: &[u8], z: &[u8]) {
    let (dst, x, y, z) = (elements_mut::<T>(dst), elements::<T>(x), elements::<T>(y), elements::<T>(z));
    let n = whole_strips(dst.len().min(x.len()).min(y.len()).min(z.len()));
    if n == 0 {
        return;
    }
    let (constant_y, constant_z) = (y[0].get(), z[0].get());
    for i in 0..n {
        let first = P::apply(x[i].get(), if Y::VALUE { constant_y } else { y[i].get() });
        dst[i] = Packed::new(Q::apply(first, if Z::VALUE { constant_z } else { z[i].get() }));
    }
}
