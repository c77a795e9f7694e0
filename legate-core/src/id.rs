//! Names of the runtime's objects: dense counters in program order, so that a name means the same on every shard.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($int:ty) = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub $int);
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, concat!($prefix, "{}"), self.0) }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, concat!($prefix, "{}"), self.0) }
        }
    )*};
}
ids! {
    /// A logical region: one per shape.
    RegionId(u32) = "r";
    /// A field of a region: one per array. Never reused (the memory behind it is).
    FieldId(u64) = "f";
    /// An operation of the stream, numbered in program order.
    OpId(u64) = "op";
    /// A registered task.
    TaskId(u32) = "task";
    /// A registered reduction operator.
    ReductionId(u32) = "red";
    /// An address space that executes.
    ShardId(u32) = "s";
    /// A tile of a partition: linear index into its color space.
    Color(u64) = "c";
}
