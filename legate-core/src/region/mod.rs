//! Logical regions and their partitions.

mod dependent;
mod distribution;
mod floor;
mod forest;
pub(crate) mod partition;

pub use dependent::{DataPartition, Pointers};
pub use distribution::{Colors, Distribution, Sharding};
pub use forest::Forest;
pub use partition::{ColorBox, Partition, PulledBack, Tiling};
