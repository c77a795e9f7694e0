//! Logical regions and their partitions.

mod distribution;
mod floor;
pub(crate) mod partition;

pub use distribution::{Colors, Distribution, Sharding};
pub use partition::{ColorBox, Partition, PulledBack, Tiling};
