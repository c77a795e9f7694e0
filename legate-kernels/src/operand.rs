//! Where an operand of a running program lies.

use smallvec::SmallVec;

/// Bytes (or elements) to the next point along each domain dimension.
pub type Strides = SmallVec<[isize; 4]>;

/// Memory of one operand as seen from one chunk of the domain: the element of the chunk's point `p` (counted from the
/// chunk's first point) is at `ptr + Σ strides[d] · p[d]`, in bytes. Elements need not be aligned.
#[derive(Clone, Debug)]
pub struct RawOperand {
    /// The element of the chunk's first point.
    pub ptr: *mut u8,
    /// One byte stride per domain dimension; 0 where the operand is broadcast or folded.
    pub strides: Strides,
}
