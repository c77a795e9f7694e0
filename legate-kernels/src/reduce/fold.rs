//! The shape of a fold: blocks and leaves.

/// Elements of a block whose innermost dimension is folded.
pub(crate) const BLOCK: usize = 1024;
/// Elements of a block that are folded side by side. Blocks hold a multiple of this many if they can.
pub(crate) const LANES: usize = 64;
/// Rows of a block whose innermost dimension is kept.
pub(crate) const ROWS: usize = 16;

/// How one domain shape is folded along some dimensions. See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folding {
    /// Whether the innermost dimension is folded: blocks are halved. Otherwise they are folded row by row.
    pub(crate) halving: bool,
    /// The outermost folded dimension that is longer than one point.
    pub(crate) cut_dim: Option<usize>,
    /// Points of `cut_dim` in a leaf.
    pub(crate) granule: usize,
    /// The folded dimension that blocks cut into segments; folded dimensions inside it are whole in a block.
    pub(crate) block_dim: Option<usize>,
    /// Points of `block_dim` in a block.
    pub(crate) segment: usize,
}

impl Folding {
    pub(crate) fn new(domain: &[i64], dims: u64) -> Folding {
        let long = |d: &usize| domain[*d] > 1;
        let is_folded = |d: usize| dims >> d & 1 == 1;
        let halving = (0..domain.len()).rev().find(long).is_none_or(is_folded);
        let capacity = if halving { BLOCK } else { ROWS };

        let cut_dim = (0..domain.len()).filter(long).find(|d| is_folded(*d));
        let mut whole = 1;
        let mut block_dim = cut_dim;
        for d in (0..domain.len()).rev().filter(|d| is_folded(*d) && long(d)) {
            let extent = domain[d] as usize;
            if extent.saturating_mul(whole) > capacity {
                block_dim = Some(d);
                break;
            }
            if Some(d) != cut_dim {
                whole *= extent;
            }
        }
        let segment = (capacity / whole).max(1);
        // Blocks of a multiple of 64 elements, where that costs little: the engine computes in strips of 64.
        let step = LANES / gcd(whole, LANES);
        let segment = if halving && segment > step { segment / step * step } else { segment };
        let granule = if block_dim == cut_dim { segment } else { 1 };
        Folding { halving, cut_dim, granule, block_dim, segment }
    }
}

fn gcd(x: usize, y: usize) -> usize {
    if y == 0 { x } else { gcd(y, x % y) }
}
