//! Logical regions and their partitions.

mod partition;

pub use partition::{Distribution, Partition, Sharding, Tiling};
