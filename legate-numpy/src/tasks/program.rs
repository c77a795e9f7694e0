//! The task that runs kernel programs, and the composer that fuses its launches.

use super::bridge;
use super::cache::ProgramCache;
use crate::exceptions::{Asked, Incidents, Watch, function_of};
use legate_core::Error;
use legate_core::id::TaskId;
use legate_core::operation::{self, Composer, Cost, Part, Registry, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::engine::Compiled;
use legate_kernels::exceptions::Exceptions;
use legate_kernels::program::{Binding, Instr, Joined, Program};
use smallvec::SmallVec;
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
    watched: Watched,
}

/// Who wants to know what the steps of a program meet.
#[derive(Debug, Default)]
struct Watched {
    /// One for each operation that was joined and is watched, in program order.
    watches: SmallVec<[Arc<Watch>; 1]>,
    /// Which of them each step belongs to; empty if all belong to the first.
    origins: Vec<u16>,
}

/// Stands for the watch of a step that nobody watches.
const NOBODY: u16 = u16::MAX;

impl Watched {
    /// Which watch a step belongs to.
    fn origin(&self, step: usize) -> u16 {
        if self.watches.is_empty() { NOBODY } else { self.origins.get(step).copied().unwrap_or(0) }
    }

    /// All that anybody wants.
    fn wanted(&self) -> Exceptions {
        self.watches.iter().fold(Exceptions::NONE, |all, watch| all | watch.asked.wanted.exceptions)
    }

    /// Whether the same is wanted for the same lines: a plan that is used again notes what it meets where the operations that it was made of stand.
    fn is_same(&self, other: &Watched) -> bool {
        let alike = |(a, b): (&Arc<Watch>, &Arc<Watch>)| Arc::ptr_eq(a, b) || a.is_same(b);
        self.watches.len() == other.watches.len()
            && self.origins == other.origins
            && self.watches.iter().zip(&other.watches).all(alike)
    }
}

impl ProgramArgs {
    /// For domains of `rank` dimensions.
    pub(crate) fn new(
        program: Program,
        rank: usize,
        cache: &Arc<ProgramCache>,
        watch: Option<Arc<Watch>>,
    ) -> ProgramArgs {
        let watched = Watched { watches: watch.into_iter().collect(), origins: Vec::new() };
        ProgramArgs { program, rank, compiled: OnceLock::new(), cache: Arc::clone(cache), watched }
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
        let asked: Vec<&Asked> = self.watched.watches.iter().map(|watch| &watch.asked).collect();
        out.extend(postcard::to_allocvec(&(asked, &self.watched.origins)).expect("plain data"));
    }
    fn is_same(&self, other: &dyn TaskArgs) -> bool {
        let other = other.as_any().downcast_ref::<ProgramArgs>();
        other.is_some_and(|other| {
            self.rank == other.rank && self.program == other.program && self.watched.is_same(&other.watched)
        })
    }
    fn fingerprint(&self) -> u64 {
        ProgramCache::hash(&self.program, self.rank)
    }
}

/// Registers the task with its composer.
pub(super) fn register(registry: &mut Registry, cache: &Arc<ProgramCache>, incidents: &Arc<Incidents>) -> TaskId {
    let (cache, incidents) = (Arc::clone(cache), Arc::clone(incidents));
    let task = Arc::new(ProgramTask { composer: OnceLock::new(), cache: Arc::clone(&cache), incidents });
    let id = registry.register_task(task.clone());
    let composer: Arc<dyn Composer> = Arc::new(Programs { task: id, cache });
    task.composer.set(composer).unwrap_or_else(|_| unreachable!("set once, here"));
    id
}

struct ProgramTask {
    /// Knows the task's id, which the registry gives.
    composer: OnceLock<Arc<dyn Composer>>,
    cache: Arc<ProgramCache>,
    incidents: Arc<Incidents>,
}

impl Task for ProgramTask {
    fn name(&self) -> &str {
        "program"
    }

    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let refused = |e: &dyn std::fmt::Display| Error::Decode(e.to_string());
        let (&rank, bytes) = bytes.split_first().ok_or_else(|| refused(&"no bytes"))?;
        let (program, rest) = Program::decode(bytes).map_err(|e| refused(&e))?;
        program.validate(rank as usize).map_err(|e| refused(&e))?;
        let (asked, origins): (Vec<Asked>, Vec<u16>) = postcard::from_bytes(rest).map_err(|e| refused(&e))?;
        let watches = asked.into_iter().map(|asked| Arc::new(Watch::new(asked, &self.incidents))).collect();
        let args = ProgramArgs::new(program, rank as usize, &self.cache, None);
        Ok(Arc::new(ProgramArgs { watched: Watched { watches, origins }, ..args }))
    }

    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        let args = ctx.args::<ProgramArgs>();
        for (step, met) in bridge::run_program(args.compiled(), ctx, args.watched.wanted()) {
            let origin = args.watched.origin(step as usize);
            if let Some(watch) = args.watched.watches.get(origin as usize) {
                watch.note(function_of(&args.program.instrs[step as usize]), met);
            }
        }
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
        let mut watches: SmallVec<[Arc<Watch>; 1]> = SmallVec::new();
        for part in parts {
            let bindings: Vec<Binding> = part.bindings.iter().map(binding).collect();
            let (args, before) = (own(part.args), watches.len() as u16);
            let origin = |step: usize| match args.watched.origin(step) {
                NOBODY => NOBODY,
                origin => before + origin,
            };
            joined
                .append_from(&args.program, &bindings, origin)
                .expect("core binds what is read to what has been written");
            watches.extend(args.watched.watches.iter().cloned());
        }
        let (program, origins) = joined.finish_traced();
        let rank = parts.first().map_or(0, |part| own(part.args).rank);
        let args = ProgramArgs::new(program, rank, &self.cache, None);
        let watched = if watches.is_empty() { Watched::default() } else { Watched { watches, origins } };
        (self.task, Arc::new(ProgramArgs { watched, ..args }))
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
