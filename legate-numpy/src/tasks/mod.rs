//! The tasks that this library registers, and their names in a session's registry.

mod bridge;
mod cache;
mod fail;
mod linalg;
mod program;
mod random;
mod reduction;
mod routine;

pub(crate) use bridge::run_routine_on_host;
pub(crate) use cache::ProgramCache;
pub(crate) use fail::FailArgs;
pub(crate) use linalg::{PRODUCT, ProductArgs, ProductKind, met_by_product, ns_per_point};
pub(crate) use program::{ProgramArgs, label};
pub(crate) use random::RandomArgs;
pub(crate) use routine::{Routine, RoutineArgs};

use crate::exceptions::Incidents;
use legate_core::id::{ReductionId, TaskId};
use legate_core::operation::{Parallelism, Registry};
use legate_kernels::dtype::DType;
use legate_kernels::ops::ReduceOp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the registry calls this library's tasks and reduction operators. Registered in one order, so the same on all shards.
#[derive(Clone, Debug)]
pub(crate) struct Tasks {
    /// Runs a kernel program.
    pub(crate) program: TaskId,
    /// Fills an array from a random stream.
    pub(crate) random: TaskId,
    /// Multiplies matrices.
    pub(crate) product: TaskId,
    /// Runs a routine on chunks.
    pub(crate) routine: TaskId,
    /// Runs a routine that uses all cores itself.
    pub(crate) whole_routine: TaskId,
    /// Test hook: panics.
    pub(crate) fail: TaskId,
    reductions: BTreeMap<(ReduceOp, DType), ReductionId>,
}

impl Tasks {
    /// Registers everything.
    pub(crate) fn register(registry: &mut Registry, cache: &Arc<ProgramCache>, incidents: &Arc<Incidents>) -> Tasks {
        let mut reductions = BTreeMap::new();
        for &op in ReduceOp::ALL {
            for dtype in DType::ALL {
                if let Some(task) = reduction::Fold::new(op, dtype) {
                    reductions.insert((op, dtype), registry.register_reduction(Arc::new(task)));
                }
            }
        }
        let program = program::register(registry, cache, incidents);
        let random = registry.register_task(Arc::new(random::RandomFill));
        let product = registry.register_task(Arc::new(linalg::Product::new(incidents)));
        let routine = registry.register_task(Arc::new(routine::RunRoutine::new(Parallelism::Chunks, incidents)));
        let whole_routine = registry.register_task(Arc::new(routine::RunRoutine::new(Parallelism::Whole, incidents)));
        let fail = registry.register_task(Arc::new(fail::Fail));
        Tasks { program, random, product, routine, whole_routine, fail, reductions }
    }

    /// The operator that joins partial results of `op` on elements of `dtype`.
    ///
    /// # Panics
    /// If the kernels have no such fold: the caller chose the accumulator's type from their table.
    pub(crate) fn reduction(&self, op: ReduceOp, dtype: DType) -> ReductionId {
        *self.reductions.get(&(op, dtype)).expect("folds are of types that the kernels have a loop for")
    }
}
