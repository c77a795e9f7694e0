//! The task that runs kernel programs, and the composer that fuses its launches.

use super::bridge;
use super::cache::ProgramCache;
use legate_core::Error;
use legate_core::id::TaskId;
use legate_core::operation::{self, Composer, Cost, Part, Registry, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::engine::Compiled;
use legate_kernels::program::{Binding, Instr, Joined, Program};
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// Steps of a fused program beyond which nothing more is joined: its scratch would leave the first-level cache.
const MOST_STEPS: usize = 400;

/// A kernel program and, once it has run here, its compiled form.
#[derive(Debug)]
pub(crate) struct ProgramArgs {
    program: Program,
    rank: usize,
    compiled: OnceLock<Arc<Compiled>>,
    cache: Arc<ProgramCache>,
}

impl ProgramArgs {
    /// For domains of `rank` dimensions.
    pub(crate) fn new(program: Program, rank: usize, cache: &Arc<ProgramCache>) -> ProgramArgs {
        ProgramArgs { program, rank, compiled: OnceLock::new(), cache: Arc::clone(cache) }
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| self.cache.compiled(&self.program, self.rank))
    }
}

impl TaskArgs for ProgramArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.rank as u8);
        self.program.encode(out);
    }
    fn is_same(&self, other: &dyn TaskArgs) -> bool {
        let other = other.as_any().downcast_ref::<ProgramArgs>();
        other.is_some_and(|other| self.rank == other.rank && self.program == other.program)
    }
    fn fingerprint(&self) -> u64 {
        ProgramCache::hash(&self.program, self.rank)
    }
}

/// Registers the task with its composer.
pub(super) fn register(registry: &mut Registry, cache: &Arc<ProgramCache>) -> TaskId {
    let task = Arc::new(ProgramTask { composer: OnceLock::new(), cache: Arc::clone(cache) });
    let id = registry.register_task(task.clone());
    let composer: Arc<dyn Composer> = Arc::new(Programs { task: id, cache: Arc::clone(cache) });
    task.composer.set(composer).unwrap_or_else(|_| unreachable!("set once, here"));
    id
}

struct ProgramTask {
    /// Knows the task's id, which the registry gives.
    composer: OnceLock<Arc<dyn Composer>>,
    cache: Arc<ProgramCache>,
}

impl Task for ProgramTask {
    fn name(&self) -> &str {
        "program"
    }

    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let refused = |e: &dyn std::fmt::Display| Error::Decode(e.to_string());
        let (&rank, bytes) = bytes.split_first().ok_or_else(|| refused(&"no bytes"))?;
        let (program, rest) = Program::decode(bytes).map_err(|e| refused(&e))?;
        if !rest.is_empty() {
            return Err(refused(&"bytes after the program"));
        }
        program.validate(rank as usize).map_err(|e| refused(&e))?;
        Ok(Arc::new(ProgramArgs::new(program, rank as usize, &self.cache)))
    }

    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        bridge::run_program(ctx.args::<ProgramArgs>().compiled(), ctx);
        Ok(())
    }

    fn cost(&self, args: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: own(args).compiled().cost_ns_per_point() }
    }

    fn runs_in_row_blocks(&self, _args: &dyn TaskArgs) -> bool {
        true
    }

    fn may_overwrite(&self, args: &dyn TaskArgs, read: usize, written: usize) -> bool {
        own(args).compiled().may_overwrite(read, written)
    }

    fn composer(&self) -> Option<Arc<dyn Composer>> {
        self.composer.get().cloned()
    }

    fn label(&self, args: &dyn TaskArgs) -> String {
        label(&own(args).program)
    }
}

fn own(args: &dyn TaskArgs) -> &ProgramArgs {
    args.as_any().downcast_ref().expect("a launch carries the arguments of its own task")
}

/// The operations of a program by name: `"add,multiply,sum"`.
pub(crate) fn label(program: &Program) -> String {
    let name = |instr: &Instr| match instr {
        Instr::Unary { op, .. } => Some(op.name().to_owned()),
        Instr::Binary { op, .. } => Some(op.name().to_owned()),
        Instr::Select { .. } => Some("where".to_owned()),
        Instr::Reduce { op, .. } => Some(format!("{}.reduce", op.binary().name())),
        _ => None,
    };
    let names: Vec<String> = program.instrs.iter().filter_map(name).collect();
    match names.is_empty() {
        false => names.join(","),
        true if program.instrs.iter().any(|i| matches!(i, Instr::Load { .. })) => "copy".to_owned(),
        true => "fill".to_owned(),
    }
}

/// Joins kernel programs, whichever library they come from.
struct Programs {
    task: TaskId,
    cache: Arc<ProgramCache>,
}

impl Composer for Programs {
    fn name(&self) -> &str {
        "legate kernel programs"
    }

    fn compose(&self, parts: &[Part<'_>], operands: usize) -> (TaskId, Arc<dyn TaskArgs>) {
        let mut joined = Joined::new(operands as u16);
        for part in parts {
            let bindings: Vec<Binding> = part.bindings.iter().map(binding).collect();
            joined
                .append(&own(part.args).program, &bindings)
                .expect("core binds what is read to what has been written");
        }
        let rank = parts.first().map_or(0, |part| own(part.args).rank);
        (self.task, Arc::new(ProgramArgs::new(joined.finish(), rank, &self.cache)))
    }

    fn accepts(&self, parts: &[&dyn TaskArgs]) -> bool {
        parts.iter().map(|args| own(*args).program.instrs.len()).sum::<usize>() <= MOST_STEPS
    }
}

/// Core's words for where an operand lives, in the kernels' words.
fn binding(binding: &operation::Binding) -> Binding {
    match *binding {
        operation::Binding::Operand(operand) => Binding::Operand(operand as u16),
        operation::Binding::Local(local) => Binding::Local(local as u16),
        operation::Binding::Both { operand, local } => Binding::Both { operand: operand as u16, local: local as u16 },
    }
}
