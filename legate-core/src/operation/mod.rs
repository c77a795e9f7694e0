//! The operation stream: everything a front end asks for, in program order, as plain data.

pub(crate) mod fingerprint;
pub mod hash;
mod indirect;
mod launch;
mod task;
pub mod text;
pub mod wire;

pub use indirect::{Direction, Indirect};
pub use launch::{Cut, Launch, Operand, Privilege};
pub use task::{
    Binding, Composer, Cost, Hands, OperandView, Parallelism, Part, ReductionOp, Registry, Task, TaskArgs, TaskContext,
    TaskError,
};

use crate::error::Provenance;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId};
use crate::store::Store;
use std::sync::Arc;

/// A step of the program.
#[allow(clippy::large_enum_variant, reason = "nearly all operations of a stream are launches")]
#[derive(Clone, Debug)]
pub enum Operation {
    /// A field comes into being, with no values and no memory.
    Create(Create),
    /// Host bytes become the values of a whole field (row-major). Every shard that issues or replays the operation has the bytes.
    Attach(Attach),
    /// A task over a domain.
    Launch(Launch),
    /// A whole field's values, in row-major order, become those of a field of another shape.
    Reshape(Reshape),
    /// Rows are copied that an index names.
    Indirect(Indirect),
    /// The values of a store are wanted by the front end, row-major.
    Fetch(Fetch),
    /// Everything before ends before anything after begins.
    Fence(OpId),
}

impl Operation {
    /// Calls with each field that the operation names, in a fixed order.
    pub(crate) fn for_each_field(&self, mut call: impl FnMut(FieldId)) {
        match self {
            Operation::Create(create) => call(create.field),
            Operation::Attach(attach) => call(attach.field),
            Operation::Launch(launch) => launch.operands.iter().for_each(|operand| call(operand.field)),
            Operation::Reshape(reshape) => [reshape.src, reshape.dst].into_iter().for_each(call),
            Operation::Indirect(copy) => {
                [&copy.table, &copy.index, &copy.values].into_iter().for_each(|store| call(store.field));
            }
            Operation::Fetch(fetch) => call(fetch.src.field),
            Operation::Fence(_) => {}
        }
    }
}

/// See [`Operation::Create`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Create {
    /// Its name.
    pub field: FieldId,
    /// Its index space; starts at the origin.
    pub bounds: Rect,
    /// Bytes of one element.
    pub size: u32,
    /// Alignment of one element.
    pub align: u32,
}

/// See [`Operation::Attach`].
#[derive(Clone, Debug)]
pub struct Attach {
    /// Program order.
    pub id: OpId,
    /// The field that is overwritten.
    pub field: FieldId,
    /// All its values, row-major.
    pub bytes: Arc<crate::exec::HostBuffer>,
    /// The user's line.
    pub provenance: Provenance,
}

/// See [`Operation::Reshape`].
#[derive(Clone, Debug)]
pub struct Reshape {
    /// Program order.
    pub id: OpId,
    /// Where from.
    pub src: FieldId,
    /// Where to: as many points, the same element size. Gets all its values from `src`.
    pub dst: FieldId,
    /// The user's line.
    pub provenance: Provenance,
}

/// See [`Operation::Fetch`].
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Program order.
    pub id: OpId,
    /// What is wanted.
    pub src: Store,
    /// The user's line.
    pub provenance: Provenance,
}
