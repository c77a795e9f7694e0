//! Logical regions and their partitions.

mod distribution;
mod floor;
mod partition;

pub use distribution::{Colors, Distribution, Sharding};
pub use partition::{ColorBox, Partition, PulledBack, Tiling};
