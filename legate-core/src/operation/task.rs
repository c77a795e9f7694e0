//! What a library registers: tasks, the composers that fuse them, reduction operators.

use crate::error::Error;
use crate::geometry::Rect;
use crate::id::{ReductionId, TaskId};
use smallvec::SmallVec;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The arguments of one launch of a task, opaque to core. Immutable: they are shared by all shards of a process.
pub trait TaskArgs: Any + Send + Sync + fmt::Debug {
    /// For the task to get its own type back.
    fn as_any(&self) -> &dyn Any;
    /// Appends the canonical bytes: equal for equal arguments. They are hashed, sent and decoded by [`Task::decode`].
    fn encode(&self, out: &mut Vec<u8>);
    /// Whether a task would do the same with the other arguments. A quicker way than to compare the canonical bytes, where there is one.
    fn is_same(&self, other: &dyn TaskArgs) -> bool {
        let bytes = |args: &dyn TaskArgs| {
            let mut bytes = Vec::new();
            args.encode(&mut bytes);
            bytes
        };
        let mut own = Vec::new();
        self.encode(&mut own);
        own == bytes(other)
    }
    /// A number that is equal for arguments that are the same, the same on every machine, and mostly different for others. Quicker than to hash the canonical
    /// bytes, where there is a way.
    fn fingerprint(&self) -> u64 {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }
}

/// How a point task uses the cores of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallelism {
    /// The runtime cuts it into chunks (as [`crate::operation::Cut`] allows) and runs them on all cores.
    Chunks,
    /// It is called once for its rectangle and uses [`TaskContext::for_chunks`] itself.
    Whole,
}

/// An estimate that decides where and how a task runs, never what it computes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Nanoseconds of computing per domain point on one core, memory traffic left out.
    pub ns_per_point: f64,
}

/// A task: a body and what the runtime may ask about it.
pub trait Task: Send + Sync {
    /// For messages and profiles.
    fn name(&self) -> &str;

    /// The inverse of [`TaskArgs::encode`].
    ///
    /// # Errors
    /// [`Error::Decode`] if the bytes do not describe arguments of this task.
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error>;

    /// Computes the points of `ctx.rect()`. Called at the same time for disjoint rectangles.
    ///
    /// # Errors
    /// Poisons the results of the whole launch.
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError>;

    /// An estimate of the work.
    fn cost(&self, args: &dyn TaskArgs) -> Cost {
        let _ = args;
        Cost { ns_per_point: 1.0 }
    }

    /// Who cuts the rectangle for the cores.
    fn parallelism(&self) -> Parallelism {
        Parallelism::Chunks
    }

    /// Whether the runtime may call it for a few rows of the domain at a time, other tasks' calls for the same rows in between. A failure of one of them then
    /// poisons the results of all: say yes only if it does not fail on values.
    fn runs_in_row_blocks(&self, args: &dyn TaskArgs) -> bool {
        let _ = args;
        false
    }

    /// Whether operand `written` may have the same elements as operand `read`, point by point: true only if at each point the values of `read` are used
    /// as they were before the call, wherever the task has written by then.
    fn may_overwrite(&self, args: &dyn TaskArgs, read: usize, written: usize) -> bool {
        let _ = (args, read, written);
        false
    }

    /// The composer that can join this task's launches with their neighbours; tasks of one composer (same
    /// [`Composer::name`]) fuse, whichever library they come from.
    fn composer(&self) -> Option<Arc<dyn Composer>> {
        None
    }

    /// A label of these arguments for profiles: `"add,multiply"`.
    fn label(&self, args: &dyn TaskArgs) -> String {
        let _ = args;
        self.name().to_owned()
    }
}

/// What a body says when it cannot go on.
#[derive(Debug)]
pub struct TaskError(pub String);

/// Joins the bodies of point-wise launches over one domain into one body. Core has decided that they may be joined.
pub trait Composer: Send + Sync {
    /// Names the common language of the bodies.
    fn name(&self) -> &str;

    /// The task and arguments that do `parts` one after the other at each point.
    /// `operands` is how many operands the joined launch has.
    fn compose(&self, parts: &[Part<'_>], operands: usize) -> (TaskId, Arc<dyn TaskArgs>);

    /// Whether a body of this size may still grow (register pressure, numbering limits).
    fn accepts(&self, parts: &[&dyn TaskArgs]) -> bool {
        let _ = parts;
        true
    }
}

/// One body of a fused group.
pub struct Part<'a> {
    /// Its task.
    pub task: TaskId,
    /// Its arguments.
    pub args: &'a dyn TaskArgs,
    /// What its operands are in the joined launch, one each.
    pub bindings: SmallVec<[Binding; 4]>,
}

/// Where an operand of a part lives in the joined launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Operand `k` of the joined launch, in memory.
    Operand(usize),
    /// Written by this part at this point, read by later parts under the same number as [`Binding::Local`], and never stored.
    Local(usize),
    /// Written by this part to operand `operand` of the joined launch *and* read by later parts as `Local(local)`. Only for writing parts.
    Both {
        /// In memory.
        operand: usize,
        /// Also passed on in a register.
        local: usize,
    },
}

/// A reduction operator on elements, for joining partial results of chunks and shards.
pub trait ReductionOp: Send + Sync {
    /// For messages.
    fn name(&self) -> &str;
    /// `left[i] = left[i] ⊕ right[i]` for buffers of equal length holding whole elements. `left` comes earlier in the domain.
    fn combine(&self, left: &mut [u8], right: &[u8]);
    /// The result of an empty domain, one element; `None` if there is none (the front end must have refused it).
    fn identity(&self) -> Option<&[u8]>;
}

/// Everything that libraries have registered. Filled before the runtime starts; the same on all shards.
#[derive(Default, Clone)]
pub struct Registry {
    tasks: Vec<Arc<dyn Task>>,
    reductions: Vec<Arc<dyn ReductionOp>>,
}

impl Registry {
    /// With core's own tasks only.
    pub fn new() -> Registry {
        Registry::default()
    }
    /// Gives a task its id.
    pub fn register_task(&mut self, task: Arc<dyn Task>) -> TaskId {
        self.tasks.push(task);
        TaskId(self.tasks.len() as u32 - 1)
    }
    /// Gives a reduction operator its id.
    pub fn register_reduction(&mut self, op: Arc<dyn ReductionOp>) -> ReductionId {
        self.reductions.push(op);
        ReductionId(self.reductions.len() as u32 - 1)
    }
    /// A registered task.
    ///
    /// # Panics
    /// If `id` was not made by this registry.
    pub fn task(&self, id: TaskId) -> &Arc<dyn Task> {
        &self.tasks[id.0 as usize]
    }
    /// The task of a name; the first, if several have it.
    pub fn find_task(&self, name: &str) -> Option<TaskId> {
        self.tasks.iter().position(|task| task.name() == name).map(|at| TaskId(at as u32))
    }
    /// The reduction operator of a name; the first, if several have it.
    pub fn find_reduction(&self, name: &str) -> Option<ReductionId> {
        self.reductions.iter().position(|op| op.name() == name).map(|at| ReductionId(at as u32))
    }
    /// Whether this is the id of a registered task.
    pub fn has_task(&self, id: TaskId) -> bool {
        (id.0 as usize) < self.tasks.len()
    }
    /// Whether this is the id of a registered reduction operator.
    pub fn has_reduction(&self, id: ReductionId) -> bool {
        (id.0 as usize) < self.reductions.len()
    }
    /// A registered reduction operator.
    ///
    /// # Panics
    /// If `id` was not made by this registry.
    pub fn reduction(&self, id: ReductionId) -> &Arc<dyn ReductionOp> {
        &self.reductions[id.0 as usize]
    }
}

/// Where one operand of a running chunk lies: the element of domain point `p` is at
/// `ptr + Σ strides[d] · (p[d] - rect.lo[d])`, in bytes. Strides are 0 along dimensions that the access does not use.
#[derive(Clone, Debug)]
pub struct OperandView {
    /// The element of the chunk's first point.
    pub ptr: *mut u8,
    /// One byte stride per domain dimension.
    pub strides: SmallVec<[isize; 4]>,
    /// Whether the body may write through `ptr`.
    pub writable: bool,
}

/// What a running task body sees.
///
/// # Claim
/// For the duration of the call every element of a readable operand's image of `rect` is initialised and written by nobody else, and
/// every element of a writable operand's image is touched by nobody else. Operands have the same elements if the launch says so, or
/// where the task [bears it](Task::may_overwrite). *Why it holds:* the dependence analysis orders launches
/// whose images overlap, and chunks of one launch have disjoint images of what they write. *What checks it:* the analysis oracle and the random-program fuzzer.
pub struct TaskContext<'a> {
    pub(crate) hands: &'a dyn Hands,
    pub(crate) args: &'a dyn TaskArgs,
    pub(crate) domain: &'a Rect,
    pub(crate) rect: Rect,
    pub(crate) operands: &'a [OperandView],
}

impl<'a> TaskContext<'a> {
    /// The launch's arguments.
    ///
    /// # Panics
    /// If they are not of type `T`: the launch named the wrong task.
    pub fn args<T: 'static>(&self) -> &'a T {
        self.args.as_any().downcast_ref().expect("a launch carries the arguments of its own task")
    }
    /// The whole launch domain.
    pub fn domain(&self) -> &'a Rect {
        self.domain
    }
    /// The chunk to compute.
    pub fn rect(&self) -> &Rect {
        &self.rect
    }
    /// Where the operands lie, in the launch's order.
    pub fn operands(&self) -> &'a [OperandView] {
        self.operands
    }
    /// How many threads could take part in [`TaskContext::for_chunks`], this one included. Results must not depend on it.
    pub fn threads(&self) -> usize {
        self.hands.count()
    }
    /// Calls `body` once with each of `0..chunks`, on this thread and on workers that have nothing to do: at the same time and in any
    /// order. Returns when all have ended. May be called inside `body`.
    ///
    /// Costs about 0.2 µs if workers are awake, a few µs if they sleep: worth while for chunks of 10 µs and more.
    ///
    /// # Panics
    /// If a call of `body` does: with its payload.
    pub fn for_chunks(&self, chunks: usize, body: &(dyn Fn(usize) + Sync)) {
        self.hands.for_chunks(chunks, body);
    }
    /// What does [`TaskContext::for_chunks`], to be handed down.
    pub fn hands(&self) -> &'a dyn Hands {
        self.hands
    }
}

/// Threads that a running task may use.
pub trait Hands: Sync {
    /// How many, the caller's own included.
    fn count(&self) -> usize;
    /// See [`TaskContext::for_chunks`].
    fn for_chunks(&self, chunks: usize, body: &(dyn Fn(usize) + Sync));
}
