//! The order in which reductions fold.
//!
//! It is a function of the shape of the whole domain and of the folded dimensions, and of nothing else: not of strides, threads, chunks,
//! ranks or the ISA. So a sum has the same bits however it was cut.
//!
//! **Blocks.** Look at the innermost domain dimension that is longer than one point.
//! - If it is folded, a block is up to 1024 folded elements: a segment of 1024 along the innermost folded dimension, or, where that is shorter, as
//!   many whole rows as fit (a multiple of 64 elements if possible). A block in domain order is folded in 64 *lanes*: lane `l` adds up the elements `l`,
//!   `l + 64`, `l + 128`, … one after the other. The lanes (as many as there are elements, if they are fewer) are folded by *halving*: of `n`, with `m`
//!   the largest power of two below `n`, lane `i` takes lane `i + m`, until one is left.
//! - If it is kept, a block is up to 16 rows, folded one after the other, for each kept element by itself.
//!
//! **Trees.** The *canonical tree* over `0..n` joins `[0, m)` and `[m, n)` with `m` the largest power of two below `n`, recursively
//! (equivalently: node `[i·2^h, (i+1)·2^h)`, clipped to `n`, joins its two halves). The blocks of a leaf are joined by it, and so are the leaves.
//!
//! **Leaves.** The outermost folded dimension is the one that chunks may cut, at multiples of [`Leaf::granule`]; one granule is
//! a leaf. A chunk that is a node of the tree over leaves folds its leaves by the tree from its own start, and whoever
//! joins chunks follows the same tree.
//!
//! **Error.** Sixteen elements, a lane of a block or the rows of one, are added in order; above that an element of a float sum passes through about `log2(n)`
//! additions. That is the error bound of a pairwise sum but for at most 11 roundings. See N. Higham, "The accuracy of floating point summation" (1993).
//!
//! **Why lanes.** They are accumulators in registers: memory is read from front to back, and a chain of operations can end in them.

mod fold;

pub(crate) use fold::{BLOCK, Folding, LANES};

/// How a domain may be cut along the dimension that its reductions fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The outermost folded dimension with more than one point: the only folded dimension that may be cut. `None` if there is none.
    pub cut_dim: Option<usize>,
    /// Points of `cut_dim` in one leaf of the canonical tree.
    pub granule: u64,
}

/// Where a domain of this shape may be cut when the dimensions in `dims` (bit `d`: dimension `d`) are folded.
///
/// ```
/// use legate_kernels::reduce::leaf;
/// assert_eq!(leaf(&[1_000_000], 0b1).granule, 1024);
/// assert_eq!(leaf(&[5000, 4000], 0b11).granule, 1); // a sum of everything: one row of 4000
/// assert_eq!(leaf(&[5000, 10], 0b11).granule, 96); // rows of 10: 96 of them
/// assert_eq!(leaf(&[5000, 4000], 0b01).granule, 16); // sums of columns: 16 rows
/// ```
pub fn leaf(domain: &[i64], dims: u64) -> Leaf {
    let folding = Folding::new(domain, dims);
    Leaf { cut_dim: folding.cut_dim, granule: folding.granule as u64 }
}
