//! Reductions: associative operations with which [`crate::reduce`] folds.

use super::binary::rows;
use super::{BinaryFn, BinaryOp, Loop, for_family, loops};
use crate::dtype::{B8, DType, Element, Kind, Scalar};
use crate::{dispatch_dtype, ops};
use serde::{Deserialize, Serialize};

/// A row of the table, as a type.
pub(crate) trait FoldRow: 'static {
    /// Whether the fold is worth a loop for each ISA level. Folds that are rarer, or as fast either way, share the portable one.
    const FOR_EACH_ISA: bool;
}

/// Something to be done with the body that joins two partial results.
pub(crate) trait FoldVisitor {
    type Output;
    fn visit<T: Element, F: BinaryFn<T, Out = T> + FoldRow>(self) -> Self::Output;
}

macro_rules! reduce_ops {
    ($($(#[$doc:meta])* $Op:ident $for_each_isa:literal { $($family:ident)* })*) => {
        /// An operation that folds a dimension, named after the NumPy function whose `reduce` it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ReduceOp { $($(#[$doc])* $Op),* }

        $(
            impl FoldRow for rows::$Op {
                const FOR_EACH_ISA: bool = $for_each_isa;
            }
        )*

        impl ReduceOp {
            /// Every operation, in the order of the table.
            pub const ALL: &[ReduceOp] = &[$(ReduceOp::$Op),*];

            /// The operation that joins two partial results.
            pub const fn binary(self) -> BinaryOp {
                match self { $(ReduceOp::$Op => BinaryOp::$Op),* }
            }

            /// Its loops, in NumPy's order: a fold keeps the type, so both types of each are equal. Logical folds take bools only (cast first).
            pub const fn loops(self) -> &'static [Loop] {
                match self { $(ReduceOp::$Op => loops!(@ [] $($family same)*)),* }
            }

            /// Hands the body for elements of type `dtype` to the visitor; `None` if there is no such loop.
            pub(crate) fn visit<V: FoldVisitor>(self, dtype: DType, visitor: V) -> Option<V::Output> {
                match self {
                    $(ReduceOp::$Op => { $(for_family!($family, visit_one!(dtype, visitor, rows::$Op));)* })*
                }
                None
            }
        }
    };
}

macro_rules! visit_one {
    ($T:ty, $dtype:ident, $visitor:ident, $Row:ty) => {
        if $dtype == <$T as Element>::DTYPE {
            return Some($visitor.visit::<$T, $Row>());
        }
    };
}

// The flag is `FOR_EACH_ISA`.
reduce_ops! {
    /// The sum.
    Add true { bool int wide complex }
    /// The product.
    Multiply true { bool int wide complex }
    /// The smallest; NaN if there is one.
    Minimum true { bool int wide complex }
    /// The largest; NaN if there is one.
    Maximum true { bool int wide complex }
    /// The smallest, NaNs left out.
    Fmin false { bool int wide complex }
    /// The largest, NaNs left out.
    Fmax false { bool int wide complex }
    /// Whether all hold.
    LogicalAnd true { bool }
    /// Whether any holds.
    LogicalOr true { bool }
    /// Whether an odd number hold.
    LogicalXor false { bool }
    /// The common bits.
    BitwiseAnd false { bool int }
    /// The bits of any.
    BitwiseOr false { bool int }
    /// The bits set an odd number of times.
    BitwiseXor false { bool int }
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

    /// The type of a fold of elements of type `input`; `None` if there is no such loop.
    pub fn result(self, input: DType) -> Option<DType> {
        self.loops().iter().find(|l| l.0 == input).map(|l| l.1)
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
        self.visit(dtype, Combine { left, right }).expect("the reduction has a loop for its type");
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

impl FoldVisitor for Combine<'_> {
    type Output = ();
    fn visit<T: Element, F: BinaryFn<T, Out = T> + FoldRow>(self) {
        for (l, r) in self.left.chunks_exact_mut(size_of::<T>()).zip(self.right.chunks_exact(size_of::<T>())) {
            let joined = F::apply(bytemuck::pod_read_unaligned(l), bytemuck::pod_read_unaligned(r));
            l.copy_from_slice(bytemuck::bytes_of(&joined));
        }
    }
}
