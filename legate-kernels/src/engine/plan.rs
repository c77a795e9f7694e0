//! From a program to a plan: kernels, and a place for each value.
//!
//! A value lives in a *slot*. Slots of loads and stores stand for operand memory when it is contiguous, and for a tile of scratch memory
//! otherwise; which of the two is decided when the program runs ([`super::tiles`]). Constants have a tile that is filled once per run. All
//! other values share scratch tiles by linear scan. A kernel never writes a slot that it reads, for kernels promise the compiler that
//! their operands do not overlap; but a chain may.

use super::chain::{self, ChainKernel, FoldLoop, Link, Operation, Source};
use super::fold_kernel::FoldKernel;
use super::kernel::{self, Found, Kernel};
use super::links::Links;
use crate::dtype::{DType, Kind, Scalar};
use crate::exceptions::{Exceptions, values};
use crate::isa::Isa;
use crate::ops::{BinaryOp, ReduceOp, UnaryOp};
use crate::program::{Instr, OperandId, Program, ValueId};
use std::ops::Range;

/// Index of a slot.
pub(super) type SlotId = u16;

/// Bytes of one tile of the widest values of a program: small enough that all tiles in use stay in the first-level cache, large enough that
/// calling kernels costs little.
const TILE_BYTES: usize = 8192;

/// One kernel call for each tile.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) call: Call,
    pub(super) dst: SlotId,
    /// The store whose operand `dst` stands for.
    pub(super) store: Option<usize>,
    /// The type of what it computes.
    pub(super) dtype: DType,
    /// Of a kernel: what it may meet. Of a chain, its inputs say so.
    pub(super) watched: Option<Watched>,
}

/// A step that may meet floating-point exceptions ([`super::watch`]).
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    /// Which of the program.
    pub(super) value: ValueId,
    pub(super) can: Exceptions,
    /// It raises the CPU's flags if it meets anything.
    pub(super) by_flags: bool,
    pub(super) what: What,
}

/// An operation on elements of a type.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Unary(UnaryOp, DType),
    Binary(BinaryOp, DType),
    Cast(DType, DType),
}

impl What {
    fn can(self) -> Exceptions {
        match self {
            What::Unary(op, dtype) => values::of_unary_op(op, dtype),
            What::Binary(op, dtype) => values::of_binary_op(op, dtype),
            What::Cast(from, to) => values::of_cast(from, to),
        }
    }

    /// Whether its loops are correctly rounded operations of the CPU and nothing else.
    pub(super) fn raises_flags(self) -> bool {
        match self {
            What::Unary(op, dtype) => {
                matches!(op, UnaryOp::Sqrt | UnaryOp::Square | UnaryOp::Reciprocal) && dtype.kind() == Kind::Float
            }
            What::Binary(op, dtype) => {
                let is_plain = matches!(op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply);
                is_plain || op == BinaryOp::Divide && dtype.kind() == Kind::Float
            }
            What::Cast(from, to) => (from, to) == (DType::F64, DType::F32),
        }
    }
}

/// What a step calls.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Kernel {
        kernel: Kernel,
        /// The kernel runs over whole strips and may compute padding.
        strips: bool,
        args: [SlotId; 3],
    },
    /// A chain through these of the plan's inputs, the first being where it begins.
    Chain { kernel: ChainKernel, inputs: Range<usize> },
}

/// An input of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) link: Link,
    pub(super) source: Source,
    /// Of no meaning for links of one argument.
    pub(super) slot: SlotId,
    /// For links that choose.
    pub(super) mask: Option<SlotId>,
    /// The step of the program that the link is, and what it may meet; of no meaning for the first input.
    pub(super) made: ValueId,
    pub(super) can: Exceptions,
    /// The CPU's flags that it may raise, those that mean nothing among them.
    pub(super) raises: Exceptions,
}

/// Stands for the last reader of what is read when all steps are done.
const AFTER_ALL: usize = usize::MAX;

/// Where a value lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Bytes of one element.
    pub(super) size: usize,
    /// Where its scratch tile begins in the arena.
    pub(super) scratch: usize,
}

/// A value that is read from an operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) slot: SlotId,
    pub(super) operand: OperandId,
    /// The last step that reads it.
    last_reader: usize,
}

/// A value known beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constant {
    pub(super) slot: SlotId,
    pub(super) value: Scalar,
    /// Some kernel reads it element by element. Others read only the first.
    pub(super) fills_tile: bool,
}

/// A value that is written to an operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    pub(super) slot: SlotId,
    pub(super) operand: OperandId,
    /// The value may be computed in place: its slot stands for the operand's memory.
    pub(super) in_place: bool,
    /// The step that computes it in place, if its destination may be what it reads.
    overwriting: Option<usize>,
    /// The value is read from its slot afterwards.
    is_read: bool,
}

impl Store {
    /// Whether it may write the memory that `load` reads.
    pub(super) fn may_overwrite(&self, load: &Load) -> bool {
        // What is not computed in place is written when all steps are done.
        let written = if self.in_place { self.overwriting } else { Some(AFTER_ALL - 1) };
        written.is_some_and(|step| load.last_reader <= step)
    }

    /// Whether it can be written past the caches, where nobody looks for it soon.
    pub(super) fn can_stream(&self) -> bool {
        self.overwriting.is_some() && !self.is_read
    }
}

/// A value that is folded into an operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    pub(super) op: ReduceOp,
    pub(super) dtype: DType,
    pub(super) kernel: FoldKernel,
    pub(super) slot: SlotId,
    pub(super) operand: OperandId,
    /// Where the values of a block are collected. It is `slot` itself if the value is computed for this fold.
    pub(super) buffer: SlotId,
    /// If the value is the end of a chain that nobody else needs: that step, and a loop that folds it as it is computed.
    pub(super) chain: Option<(usize, FoldLoop)>,
    /// The step of the program, and what it may meet.
    pub(super) reduce: ValueId,
    pub(super) can: Exceptions,
}

/// A program made ready for one ISA level.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) slots: Vec<Slot>,
    pub(super) steps: Vec<Step>,
    /// Of all chains.
    pub(super) inputs: Vec<Input>,
    /// Which of them may lie elsewhere in the next tile: in operands, or in buffers of folds.
    pub(super) moving: Vec<usize>,
    pub(super) loads: Vec<Load>,
    pub(super) indices: Vec<(SlotId, u8)>,
    pub(super) constants: Vec<Constant>,
    pub(super) stores: Vec<Store>,
    pub(super) folds: Vec<Fold>,
    /// The domain dimensions that are folded; all folds of a plan agree.
    pub(super) folded_dims: u64,
    /// Points of one tile, a multiple of the strip.
    pub(super) tile: usize,
    /// Bytes of scratch memory.
    pub(super) arena: usize,
}

impl Plan {
    /// The plan of a program that is well-formed, names each operand in at most one load and one store, and folds over one set of dimensions.
    pub(super) fn new(program: &Program, isa: Isa) -> Plan {
        let types: Vec<DType> = program.value_dtypes().into_iter().map(|t| t.unwrap_or(DType::Bool)).collect();
        let widest = types.iter().map(|t| t.size()).max().unwrap_or(1);
        let links = Links::new(program, &types, isa);
        let mut lowering = Lowering {
            last_use: last_uses(program, &links),
            types,
            links,
            isa,
            slot_of: vec![0; program.instrs.len()],
            is_scratch: vec![false; program.instrs.len()],
            free: Vec::new(),
            plan: Plan {
                slots: Vec::new(),
                steps: Vec::new(),
                inputs: Vec::new(),
                moving: Vec::new(),
                loads: Vec::new(),
                indices: Vec::new(),
                constants: Vec::new(),
                stores: Vec::new(),
                folds: Vec::new(),
                folded_dims: 0,
                tile: TILE_BYTES / widest,
                arena: 0,
            },
            destinations: destinations(program),
        };
        if program.instrs.iter().any(|i| matches!(i, Instr::Reduce { .. })) {
            // A tile holds a whole block of a fold.
            lowering.plan.tile = crate::reduce::BLOCK;
        }
        for step in 0..program.instrs.len() {
            lowering.lower(program, step);
        }
        lowering.plan.find_read_stores();
        lowering.plan.find_moving_inputs();
        lowering.plan
    }
}

impl Plan {
    fn is_chain_without_masks(&self, step: &Step) -> bool {
        match &step.call {
            Call::Chain { inputs, .. } => self.inputs[inputs.clone()].iter().all(|input| input.mask.is_none()),
            Call::Kernel { .. } => false,
        }
    }

    fn find_moving_inputs(&mut self) {
        let loads = self.loads.iter().map(|load| load.slot);
        let stores = self.stores.iter().map(|store| store.slot);
        let moving: Vec<SlotId> = loads.chain(stores).chain(self.folds.iter().map(|fold| fold.slot)).collect();
        let moves = |slot: SlotId| moving.contains(&slot);
        let inputs = self.inputs.iter().enumerate();
        self.moving = inputs.filter(|(_, i)| moves(i.slot) || i.mask.is_some_and(moves)).map(|(k, _)| k).collect();
    }

    fn find_read_stores(&mut self) {
        let mut read = vec![0; self.slots.len()];
        for step in &self.steps {
            match &step.call {
                Call::Kernel { args, .. } => args.iter().for_each(|slot| read[*slot as usize] += 1),
                Call::Chain { inputs, .. } => {
                    let slots = self.inputs[inputs.clone()].iter().flat_map(|input| [Some(input.slot), input.mask]);
                    slots.flatten().for_each(|slot| read[slot as usize] += 1);
                }
            }
        }
        self.folds.iter().for_each(|fold| read[fold.slot as usize] += 1);
        self.stores.iter().filter(|store| !store.in_place).for_each(|store| read[store.slot as usize] += 1);
        self.stores.iter_mut().for_each(|store| store.is_read = read[store.slot as usize] > 0);
    }
}

/// The last step that uses each value. What a chain uses, it uses at its last link.
fn last_uses(program: &Program, links: &Links) -> Vec<usize> {
    let mut last: Vec<usize> = (0..program.instrs.len()).collect();
    for (step, instr) in program.instrs.iter().enumerate() {
        let used = links.computed_by(step);
        instr.args().for_each(|arg| last[arg as usize] = last[arg as usize].max(used));
    }
    last
}

/// For each value that is computed and then stored or folded, the first step that does so.
fn destinations(program: &Program) -> Vec<Option<usize>> {
    let mut destinations = vec![None; program.instrs.len()];
    for (step, instr) in program.instrs.iter().enumerate().rev() {
        if let Instr::Store { value, .. } | Instr::Reduce { value, .. } = instr {
            let computed =
                !matches!(program.instrs[*value as usize], Instr::Load { .. } | Instr::Const(_) | Instr::Index { .. });
            destinations[*value as usize] = computed.then_some(step);
        }
    }
    destinations
}

struct Lowering {
    types: Vec<DType>,
    isa: Isa,
    last_use: Vec<usize>,
    links: Links,
    /// The slot of each value.
    slot_of: Vec<SlotId>,
    /// Whether the slot of each value may be used again.
    is_scratch: Vec<bool>,
    /// Scratch slots whose value nobody needs any more.
    free: Vec<SlotId>,
    plan: Plan,
    destinations: Vec<Option<usize>>,
}

impl Lowering {
    fn lower(&mut self, program: &Program, step: usize) {
        let of = |id: ValueId| self.types[id as usize];
        let isa = self.isa;
        if self.links.computed_by(step) != step {
            return;
        }
        if self.links.ends_chain(step) {
            return self.chain(program, step);
        }
        match program.instrs[step] {
            Instr::Load { operand, .. } => {
                let slot = self.new_slot(self.types[step].size());
                self.slot_of[step] = slot;
                self.plan.loads.push(Load { slot, operand, last_reader: 0 });
            }
            Instr::Const(value) => {
                let slot = self.new_slot(value.dtype().size());
                self.slot_of[step] = slot;
                self.plan.constants.push(Constant { slot, value, fills_tile: false });
            }
            Instr::Index { dim } => {
                let slot = self.new_slot(DType::I64.size());
                self.slot_of[step] = slot;
                self.plan.indices.push((slot, dim));
            }
            Instr::Unary { op, arg } => {
                self.compute(step, kernel::unary(op, of(arg), isa), &[arg], Some(What::Unary(op, of(arg))));
            }
            Instr::Binary { op, args } => self.binary(program, step, op, args),
            Instr::Select { cond, args: [x, y] } => {
                self.compute(step, kernel::select(of(x).size(), isa), &[cond, x, y], None);
            }
            Instr::Cast { to, arg } => {
                self.compute(step, kernel::cast(of(arg), to, isa), &[arg], Some(What::Cast(of(arg), to)));
            }
            Instr::Bitcast { to, arg } => self.compute(step, kernel::copy(to.size()), &[arg], None),
            Instr::Store { operand, value } => self.store(step, operand, value),
            Instr::Reduce { op, operand, value, dims } => {
                self.plan.folded_dims = dims;
                let dtype = of(value);
                self.read_after_all(value);
                let slot = self.slot_of[value as usize];
                let buffer =
                    if self.destinations[value as usize] == Some(step) { slot } else { self.new_slot(dtype.size()) };
                let kernel = FoldKernel::new(op, dtype, isa);
                let writer = self
                    .plan
                    .steps
                    .iter()
                    .position(|step| step.dst == slot && self.plan.is_chain_without_masks(step) && buffer == slot);
                let chain = writer.zip(chain::folded(op, dtype, isa));
                let (reduce, can) = (step as ValueId, What::Binary(op.binary(), dtype).can());
                self.plan.folds.push(Fold { op, dtype, kernel, slot, operand, buffer, chain, reduce, can });
            }
        }
    }

    fn store(&mut self, step: usize, operand: OperandId, value: ValueId) {
        let slot = self.slot_of[value as usize];
        let in_place = self.destinations[value as usize] == Some(step);
        let mut overwriting = None;
        if in_place {
            let writer = self.plan.steps.iter().rposition(|step| step.dst == slot).expect("the value was computed");
            self.plan.steps[writer].store = Some(self.plan.stores.len());
            overwriting = matches!(self.plan.steps[writer].call, Call::Chain { .. }).then_some(writer);
        }
        self.read_after_all(value);
        self.plan.stores.push(Store { slot, operand, in_place, overwriting, is_read: false });
    }

    fn binary(&mut self, program: &Program, step: usize, op: BinaryOp, args: [ValueId; 2]) {
        let dtype = self.types[args[0] as usize];
        let is_constant = |arg: ValueId| matches!(program.instrs[arg as usize], Instr::Const(_));
        let splat = match args.map(is_constant) {
            [_, true] => kernel::binary_with_constant(op, dtype, self.isa, false).map(|found| (found, [args[0]])),
            [true, false] => kernel::binary_with_constant(op, dtype, self.isa, true).map(|found| (found, [args[1]])),
            _ => None,
        };
        match splat {
            Some((found, vectors)) => self.compute_on(step, found, &args, &vectors, Some(What::Binary(op, dtype))),
            None => self.compute(step, kernel::binary(op, dtype, self.isa), &args, Some(What::Binary(op, dtype))),
        }
    }

    /// One loop for the chain that this step ends.
    fn chain(&mut self, program: &Program, step: usize) {
        let inputs = self.links.inputs(program, &self.types, self.isa, step);
        let links: Vec<(Link, Source)> = inputs[1..].iter().map(|input| (input.link, input.source)).collect();
        let kernel = ChainKernel::new(self.types[step], self.isa, inputs[0].source, &links)
            .expect("chains are made where they have loops");
        let start = self.plan.inputs.len();
        for input in &inputs {
            let slot = input.value.map_or(0, |value| self.slot_of[value as usize]);
            let mask = input.mask.map(|value| self.slot_of[value as usize]);
            let can = match input.link.operation() {
                Operation::Unary(op) => values::of_unary_op(op, self.types[step]),
                Operation::Binary(op, _) => values::of_binary_op(op, self.types[step]),
                Operation::Choose(_) => Exceptions::NONE,
            };
            self.plan.inputs.push(Input {
                link: input.link,
                source: input.source,
                slot,
                mask,
                made: input.made,
                can,
                raises: can | input.link.noise(),
            });
        }
        let values = || inputs.iter().flat_map(|input| [input.value, input.mask]).flatten();
        values().for_each(|value| self.read(value));
        // The result may take the place of what nobody needs any more.
        self.release(step, values());
        self.push_step(step, Call::Chain { kernel, inputs: start..self.plan.inputs.len() }, None);
    }

    fn compute(&mut self, step: usize, found: Found, args: &[ValueId], what: Option<What>) {
        self.compute_on(step, found, args, args, what);
    }

    /// Adds a kernel call. Of the arguments, `vectors` are read element by element.
    fn compute_on(&mut self, step: usize, found: Found, args: &[ValueId], vectors: &[ValueId], what: Option<What>) {
        let watched = what.map(|what| (what, what.can())).filter(|(_, can)| !can.is_empty());
        let watched =
            watched.map(|(what, can)| Watched { value: step as ValueId, can, by_flags: what.raises_flags(), what });
        // What is watched is read element by element, should its values be looked at.
        self.mark_tiles(if watched.is_some() { args } else { vectors });
        let mut slots = [0; 3];
        args.iter().zip(&mut slots).for_each(|(arg, slot)| *slot = self.slot_of[*arg as usize]);
        args.iter().for_each(|arg| self.read(*arg));
        self.push_step(step, Call::Kernel { kernel: found.kernel, strips: found.strips, args: slots }, watched);
        self.release(step, args.iter().copied());
    }

    /// Adds a step that computes a value. One with a destination in memory has a slot of its own; others take a scratch slot that is free.
    fn push_step(&mut self, step: usize, call: Call, watched: Option<Watched>) {
        let dtype = self.types[step];
        let size = dtype.size();
        let dst = match self.destinations[step] {
            Some(_) => self.new_slot(size),
            None => {
                self.is_scratch[step] = true;
                let free = self.free.iter().position(|slot| self.plan.slots[*slot as usize].size == size);
                match free {
                    Some(i) => self.free.swap_remove(i),
                    None => self.new_slot(size),
                }
            }
        };
        self.slot_of[step] = dst;
        self.plan.steps.push(Step { call, dst, store: None, dtype, watched });
    }

    /// Notes which constants are read element by element.
    fn mark_tiles(&mut self, values: &[ValueId]) {
        for slot in values.iter().map(|v| self.slot_of[*v as usize]) {
            self.plan.constants.iter_mut().filter(|c| c.slot == slot).for_each(|c| c.fills_tile = true);
        }
    }

    /// Notes that the next step of the plan reads a value.
    fn read(&mut self, value: ValueId) {
        self.read_at(value, self.plan.steps.len());
    }

    /// Notes that a value is stored or folded.
    fn read_after_all(&mut self, value: ValueId) {
        self.mark_tiles(&[value]);
        self.read_at(value, AFTER_ALL);
    }

    fn read_at(&mut self, value: ValueId, step: usize) {
        let slot = self.slot_of[value as usize];
        let load = self.plan.loads.iter_mut().find(|load| load.slot == slot);
        load.into_iter().for_each(|load| load.last_reader = load.last_reader.max(step));
    }

    /// Frees the scratch slots among those of `values` whose values are used for the last time by this step.
    fn release(&mut self, step: usize, values: impl Iterator<Item = ValueId>) {
        for value in values {
            let slot = self.slot_of[value as usize];
            if self.is_scratch[value as usize] && self.last_use[value as usize] == step && !self.free.contains(&slot) {
                self.free.push(slot);
            }
        }
    }

    fn new_slot(&mut self, size: usize) -> SlotId {
        let id =
            SlotId::try_from(self.plan.slots.len()).expect("a program has fewer values than slots can be numbered");
        self.plan.slots.push(Slot { size, scratch: self.plan.arena });
        // One line more than the tile: tiles a power of two apart would compete for the same cache sets.
        self.plan.arena += (self.plan.tile * size).next_multiple_of(64) + 64;
        id
    }
}
