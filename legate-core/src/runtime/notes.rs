//! What tasks have to say besides the values that they write.

use std::fmt::Debug;

/// What a library's tasks on this rank have to say besides values: warnings, say. The runtime brings it together at each fence, where ranks meet, so that all front ends hear the same. What it
/// means is the library's.
pub trait Notes: Debug + Send + Sync {
    /// What this rank has to say since it was asked last; empty if nothing. Asked when everything issued is done.
    fn bring(&self) -> Vec<u8>;

    /// What the ranks have brought to a fence, in the order of their numbers, without those that had nothing to say: the same on all ranks.
    fn hear(&self, said: &[Vec<u8>]);
}
