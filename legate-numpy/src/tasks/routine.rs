//! The task of routines: kernels that are no element-wise programs (scans, selections, gathers).

use super::bridge;
use crate::exceptions::{Asked, Incidents, Watch};
use legate_core::Error;
use legate_core::operation::{Cost, Parallelism, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::bits::BitOrder;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::exceptions::Flags;
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
    /// Bytes of bits: domain (lines, bytes, 8); bits (0, 1, 2), bytes (0, 1).
    PackBits(BitOrder),
    /// The bits of bytes: as [`Routine::PackBits`], the bytes first.
    UnpackBits(BitOrder),
}

impl Routine {
    /// NumPy's name for it, if it computes with floats by operations that are correctly rounded, so that the CPU's flags say what it meets. Others are not watched.
    pub(crate) fn watched_as(&self) -> Option<&'static str> {
        use BinaryOp::{Add, Divide, Multiply, Subtract};
        let (function, op, dtype) = match *self {
            Routine::Scan { op: ScanOp::Add, dtype, .. } => ("accumulate", Add, dtype),
            Routine::Scan { op: ScanOp::Multiply, dtype, .. } => ("accumulate", Multiply, dtype),
            Routine::Along { op, dtype, each, .. } => (if each { "accumulate" } else { "reduce" }, op, dtype),
            Routine::Segments { op, dtype } => ("reduceat", op, dtype),
            Routine::Accumulate { op, dtype } => (op.name(), op, dtype),
            Routine::Moments { dtype } => ("subtract", Subtract, dtype),
            _ => return None,
        };
        let is_exact = matches!(op, Add | Subtract | Multiply | Divide);
        (is_exact && matches!(dtype.kind(), Kind::Float | Kind::Complex)).then_some(function)
    }
}

/// A routine, an estimate of what a point of its domain takes, and who wants to know what it meets.
#[derive(Clone, Debug)]
pub(crate) struct RoutineArgs {
    pub(crate) routine: Routine,
    pub(crate) ns_per_point: f64,
    pub(crate) watch: Option<Arc<Watch>>,
}

impl TaskArgs for RoutineArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        let asked = self.watch.as_ref().map(|watch| &watch.asked);
        let data = (self.routine, self.ns_per_point, asked);
        out.extend(postcard::to_allocvec(&data).expect("a routine is plain data"));
    }
}

/// Runs routines. Registered twice: for those that the runtime cuts for the cores, and for those that use all cores themselves.
pub(super) struct RunRoutine {
    parallelism: Parallelism,
    incidents: Arc<Incidents>,
}

impl RunRoutine {
    pub(super) fn new(parallelism: Parallelism, incidents: &Arc<Incidents>) -> RunRoutine {
        RunRoutine { parallelism, incidents: Arc::clone(incidents) }
    }
}

impl Task for RunRoutine {
    fn name(&self) -> &str {
        match self.parallelism {
            Parallelism::Chunks => "routine",
            Parallelism::Whole => "whole_routine",
        }
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let (routine, ns_per_point, asked): (Routine, f64, Option<Asked>) =
            postcard::from_bytes(bytes).map_err(|e| Error::Decode(e.to_string()))?;
        let watch = asked.map(|asked| Arc::new(Watch::new(asked, &self.incidents)));
        Ok(Arc::new(RoutineArgs { routine, ns_per_point, watch }))
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        let args = ctx.args::<RoutineArgs>();
        let (Some(watch), Some(function)) = (&args.watch, args.routine.watched_as()) else {
            return bridge::run_routine_of(args.routine, ctx, None);
        };
        let flags = Flags::default();
        flags.over(|| bridge::run_routine_of(args.routine, ctx, Some(&flags)))?;
        watch.note(function, flags.raised());
        Ok(())
    }
    fn cost(&self, args: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: own(args).ns_per_point }
    }
    fn parallelism(&self) -> Parallelism {
        self.parallelism
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
            Routine::PackBits(_) => "packbits",
            Routine::UnpackBits(_) => "unpackbits",
        };
        name.to_owned()
    }
}

fn own(args: &dyn TaskArgs) -> &RoutineArgs {
    args.as_any().downcast_ref().expect("a routine's task is launched with a routine")
}
