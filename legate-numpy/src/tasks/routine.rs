//! The task of routines: kernels that are no element-wise programs (scans, selections, gathers).

use super::bridge;
use legate_core::Error;
use legate_core::operation::{Cost, Parallelism, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::ops::BinaryOp;
use legate_kernels::scan::ScanOp;
use legate_kernels::select::Selected;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::sync::Arc;

/// What is computed. Operands in order; each names the dimensions of the domain that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Routine {
    /// Running sums or products along dimension `axis`: input, output, both over the domain.
    Scan { op: ScanOp, dtype: DType, axis: usize },
    /// An operation along dimension `axis`, one element after the other: input, perhaps a mask, output, all over the domain (the output without `axis` if only the last
    /// result is kept).
    Along { op: BinaryOp, dtype: DType, axis: usize, each: bool, initial: Option<Scalar> },
    /// Folds of segments: domain (outer, segments, inner, n); source (0, 3, 2), where segments begin (1) and end (1), out (0, 1, 2).
    Segments { op: BinaryOp, dtype: DType },
    /// Elements in ascending order along dimension `axis`, or the `places` (int64) that they come from: input, output, both over the domain.
    Sort { dtype: DType, axis: usize, places: bool },
    /// The place of the extreme of each line: domain (lines, n); input (0, 1), output (0), an int64.
    ArgExtreme { dtype: DType, largest: bool },
    /// Means, and squares around them: domain (lines, n, columns); input (0, 1, 2); means, what is left around them, squares (0, 2), all doubles.
    Moments { dtype: DType },
    /// Solves linear equations: domain (n, n, columns, 1); matrix (0, 1), right-hand sides (0, 2), solutions (1, 2), and whether the matrix is singular
    /// (3), an int64.
    Solve { dtype: DType },
    /// Where values belong in a sorted vector: domain (needles, n); sorted (1), needles (0), places (0), int64.
    Search { dtype: DType, after: bool },
    /// Ones in each block of a mask: domain (blocks, n); mask (1), counts (0).
    CountBlocks,
    /// Elements that a mask selects: domain (selected, n, blocks); mask (1), ones before each block (2), values (1), result (0).
    /// There are no values for positions.
    Compress(Selected),
    /// `out[o, k, i] = source[o, index[k], i]`, elements of `size` bytes: domain (outer, indices, inner, n); source (0, 3, 2), index (1), out (0, 1, 2).
    Gather { size: usize },
    /// `target[o, index[k], i] = values[k, o, i]`: domain (outer, n, inner, indices); target (0, 1, 2), index (3), values (3, 0, 2).
    Scatter { size: usize },
    /// `target[o, index[k], i] = op(target[o, index[k], i], values[k, o, i])`, in the order of the indices: as [`Routine::Scatter`].
    Accumulate { op: BinaryOp, dtype: DType },
}

/// A routine, and an estimate of what a point of its domain takes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct RoutineArgs {
    pub(crate) routine: Routine,
    pub(crate) ns_per_point: f64,
}

impl TaskArgs for RoutineArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(postcard::to_allocvec(self).expect("a routine is plain data"));
    }
}

/// Runs routines. Registered twice: for those that the runtime cuts for the cores, and for those that use all cores themselves.
pub(super) struct RunRoutine(pub(super) Parallelism);

impl Task for RunRoutine {
    fn name(&self) -> &str {
        match self.0 {
            Parallelism::Chunks => "routine",
            Parallelism::Whole => "whole_routine",
        }
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let args: RoutineArgs = postcard::from_bytes(bytes).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Arc::new(args))
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        bridge::run_routine_of(ctx.args::<RoutineArgs>().routine, ctx)
    }
    fn cost(&self, args: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: own(args).ns_per_point }
    }
    fn parallelism(&self) -> Parallelism {
        self.0
    }
    fn label(&self, args: &dyn TaskArgs) -> String {
        let name = match own(args).routine {
            Routine::Scan { op: ScanOp::Add, .. } => "cumsum",
            Routine::Scan { op: ScanOp::Multiply, .. } => "cumprod",
            Routine::Along { op, each: true, .. } => return format!("{}.accumulate", op.name()),
            Routine::Along { op, each: false, .. } => return format!("{}.reduce", op.name()),
            Routine::Segments { op, .. } => return format!("{}.reduceat", op.name()),
            Routine::Sort { places: false, .. } => "sort",
            Routine::Sort { places: true, .. } => "argsort",
            Routine::ArgExtreme { largest: false, .. } => "argmin",
            Routine::ArgExtreme { largest: true, .. } => "argmax",
            Routine::Moments { .. } => "moments",
            Routine::Solve { .. } => "solve",
            Routine::Search { .. } => "searchsorted",
            Routine::CountBlocks => "count_blocks",
            Routine::Compress(_) => "compress",
            Routine::Gather { .. } => "gather",
            Routine::Scatter { .. } => "scatter",
            Routine::Accumulate { .. } => "ufunc_at",
        };
        name.to_owned()
    }
}

fn own(args: &dyn TaskArgs) -> &RoutineArgs {
    args.as_any().downcast_ref().expect("a routine's task is launched with a routine")
}
