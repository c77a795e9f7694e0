//! Reductions: associative operations with which [`crate::reduce`] folds.

use super::{BinaryOp, Loop};
use crate::dtype::{B8, DType, Element, Kind, Scalar};
use crate::{dispatch_dtype, ops};
use serde::{Deserialize, Serialize};

macro_rules! reduce_ops {
    ($($(#[$doc:meta])* $Op:ident)*) => {
        /// An operation that folds a dimension, named after the NumPy function whose `reduce` it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ReduceOp { $($(#[$doc])* $Op),* }

        impl ReduceOp {
            /// Every operation, in the order of the table.
            pub const ALL: &[ReduceOp] = &[$(ReduceOp::$Op),*];

            /// The operation that joins two partial results.
            pub const fn binary(self) -> BinaryOp {
                match self { $(ReduceOp::$Op => BinaryOp::$Op),* }
            }
        }
    };
}

reduce_ops! {
    /// The sum.
    Add
    /// The product.
    Multiply
    /// The smallest; NaN if there is one.
    Minimum
    /// The largest; NaN if there is one.
    Maximum
    /// The smallest, NaNs left out.
    Fmin
    /// The largest, NaNs left out.
    Fmax
    /// Whether all hold.
    LogicalAnd
    /// Whether any holds.
    LogicalOr
    /// Whether an odd number hold.
    LogicalXor
    /// The common bits.
    BitwiseAnd
    /// The bits of any.
    BitwiseOr
    /// The bits set an odd number of times.
    BitwiseXor
}

impl ReduceOp {
    /// NumPy's name of it: `"add"`.
    pub const fn name(self) -> &'static str {
        self.binary().name()
    }

    /// The operation of this name.
    pub fn from_name(name: &str) -> Option<ReduceOp> {
        ReduceOp::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// Its loops: a fold keeps the type, so both types of each are equal. Logical folds take bools only (cast first).
    pub fn loops(self) -> impl Iterator<Item = Loop> {
        self.binary().loops().iter().copied().filter(|(input, output)| input == output)
    }

    /// The type of a fold of elements of type `input`; `None` if there is no such loop.
    pub fn result(self, input: DType) -> Option<DType> {
        self.binary().result(input).filter(|output| *output == input)
    }

    /// The result of folding nothing; `None` if NumPy refuses it (`zero-size array to reduction operation`).
    pub fn identity(self, dtype: DType) -> Option<Scalar> {
        match self {
            ReduceOp::Add | ReduceOp::LogicalOr | ReduceOp::LogicalXor => Some(Scalar::zero(dtype)),
            ReduceOp::BitwiseOr | ReduceOp::BitwiseXor => Some(Scalar::zero(dtype)),
            ReduceOp::Multiply | ReduceOp::LogicalAnd => Some(one(dtype)),
            ReduceOp::BitwiseAnd => ops::unary(ops::UnaryOp::Invert, Scalar::zero(dtype)),
            ReduceOp::Minimum | ReduceOp::Maximum | ReduceOp::Fmin | ReduceOp::Fmax => None,
        }
    }

    /// `left[i] = left[i] ⊕ right[i]` for buffers of whole elements; `left` comes earlier in the domain.
    ///
    /// # Panics
    /// If the buffers differ in length or hold part of an element, or there is no loop for `dtype`.
    pub fn combine(self, dtype: DType, left: &mut [u8], right: &[u8]) {
        assert_eq!(left.len(), right.len(), "partial results of one reduction have one size");
        assert_eq!(left.len() % dtype.size(), 0, "partial results are whole elements");
        self.binary().visit(dtype, Combine { left, right }).expect("the reduction has a loop for its type");
    }
}

fn one(dtype: DType) -> Scalar {
    match dtype.kind() {
        Kind::Bool => Scalar::new(B8(1)),
        _ => dispatch_dtype!(dtype, T => Scalar::new(<T as crate::cast::Convert<B8>>::convert(B8(1)))),
    }
}

struct Combine<'a> {
    left: &'a mut [u8],
    right: &'a [u8],
}

impl ops::BinaryVisitor for Combine<'_> {
    type Output = ();
    fn visit<T: Element, F: ops::BinaryFn<T>>(self) {
        for (l, r) in self.left.chunks_exact_mut(size_of::<T>()).zip(self.right.chunks_exact(size_of::<T>())) {
            let joined = F::apply(bytemuck::pod_read_unaligned(l), bytemuck::pod_read_unaligned(r));
            l.copy_from_slice(bytemuck::bytes_of(&joined));
        }
    }
}
