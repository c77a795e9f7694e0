//! The canonical binary tree over items `0..n`: node `(h, i)` covers items `[i·2^h, (i+1)·2^h)`, clipped to `n`.
//! Its value is the join of its two halves; a half with no items is left out. See ARCHITECTURE.md, "Sums".
