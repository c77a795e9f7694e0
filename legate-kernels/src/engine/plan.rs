//! From a program to a plan: kernels, and a place for each value.
//!
//! A value lives in a *slot*. Slots of loads and stores stand for operand memory when it is contiguous, and for a tile of scratch memory
//! otherwise; which of the two is decided when the program runs ([`super::tiles`]). Constants have a tile that is filled once per run. All
//! other values share scratch tiles by linear scan. A kernel never writes a slot that it reads: kernels promise the compiler that their
//! operands do not overlap.

use super::fold_kernel::{FoldKernel, WORKSPACE};
use super::kernel::{self, Found, Kernel};
use super::pair::{self, Pair};
use crate::dtype::{DType, Scalar};
use crate::isa::{Isa, Level};
use crate::ops::{BinaryOp, ReduceOp};
use crate::program::{Instr, OperandId, Program, ValueId};

/// Index of a slot.
pub(super) type SlotId = u16;

/// Bytes of one tile of the widest values of a program: small enough that all tiles in use stay in the first-level cache, large enough that
/// calling kernels costs little.
const TILE_BYTES: usize = 8192;

/// One kernel call for each tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) kernel: Kernel,
    /// The kernel runs over whole strips and may compute padding.
    pub(super) strips: bool,
    pub(super) dst: SlotId,
    pub(super) args: [SlotId; 3],
}

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
}

/// A program made ready for one ISA level.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) slots: Vec<Slot>,
    pub(super) steps: Vec<Step>,
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
        let partners = partners(program, &types, isa);
        let mut lowering = Lowering {
            types,
            last_use: last_uses(program, &partners),
            partners,
            slot_of: vec![0; program.instrs.len()],
            is_scratch: vec![false; program.instrs.len()],
            free: Vec::new(),
            plan: Plan {
                slots: Vec::new(),
                steps: Vec::new(),
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
            // A tile holds a whole block of a fold. The workspace of folds comes first in the arena.
            lowering.plan.tile = crate::reduce::BLOCK;
            lowering.plan.arena = WORKSPACE + 64;
        }
        for step in 0..program.instrs.len() {
            lowering.lower(program, step, isa);
            lowering.release(program, step);
        }
        lowering.plan
    }
}

/// The step that computes each value's partner too: a value that is used once, by an operation with which it makes a [`Pair`].
fn partners(program: &Program, types: &[DType], isa: Isa) -> Vec<Option<usize>> {
    let mut partners = vec![None; program.instrs.len()];
    let mut uses = vec![0; program.instrs.len()];
    program.instrs.iter().flat_map(Instr::args).for_each(|arg| uses[arg as usize] += 1);
    let mut has_partner = vec![false; program.instrs.len()];
    let member = |step: usize| match program.instrs[step] {
        Instr::Binary { op, .. } => pair::is_member(op, types[step]),
        _ => false,
    };
    if isa.level() == Level::Portable {
        return partners;
    }
    for step in (0..program.instrs.len()).filter(|step| member(*step)) {
        let free = |arg: &ValueId| member(*arg as usize) && uses[*arg as usize] == 1 && !has_partner[*arg as usize];
        if let Some(arg) = program.instrs[step].args().find(free) {
            partners[arg as usize] = Some(step);
            has_partner[step] = true;
        }
    }
    partners
}

/// The last step that uses each value. What a value computed by its partner uses, is used then.
fn last_uses(program: &Program, partners: &[Option<usize>]) -> Vec<usize> {
    let mut last: Vec<usize> = (0..program.instrs.len()).collect();
    for (step, instr) in program.instrs.iter().enumerate() {
        let used = partners[step].unwrap_or(step);
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
    last_use: Vec<usize>,
    partners: Vec<Option<usize>>,
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
    fn lower(&mut self, program: &Program, step: usize, isa: Isa) {
        let of = |id: ValueId| self.types[id as usize];
        match program.instrs[step] {
            Instr::Load { operand, .. } => {
                let slot = self.new_slot(self.types[step].size());
                self.slot_of[step] = slot;
                self.plan.loads.push(Load { slot, operand });
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
            Instr::Unary { op, arg } => self.compute(step, kernel::unary(op, of(arg), isa), &[arg]),
            Instr::Binary { .. } if self.partners[step].is_some() => {} // its partner does it
            Instr::Binary { op, args } => self.binary(program, step, op, args, isa),
            Instr::Select { cond, args: [x, y] } => {
                self.compute(step, kernel::select(of(x).size(), isa), &[cond, x, y])
            }
            Instr::Cast { to, arg } => self.compute(step, kernel::cast(of(arg), to, isa), &[arg]),
            Instr::Bitcast { to, arg } => self.compute(step, kernel::copy(to.size()), &[arg]),
            Instr::Store { operand, value } => {
                let in_place = self.destinations[value as usize] == Some(step);
                self.mark_tiles(&[value]);
                self.plan.stores.push(Store { slot: self.slot_of[value as usize], operand, in_place });
            }
            Instr::Reduce { op, operand, value, dims } => {
                self.plan.folded_dims = dims;
                let dtype = of(value);
                self.mark_tiles(&[value]);
                let slot = self.slot_of[value as usize];
                let buffer =
                    if self.destinations[value as usize] == Some(step) { slot } else { self.new_slot(dtype.size()) };
                let kernel = FoldKernel::new(op, dtype, isa);
                self.plan.folds.push(Fold { op, dtype, kernel, slot, operand, buffer });
            }
        }
    }

    fn binary(&mut self, program: &Program, step: usize, op: BinaryOp, args: [ValueId; 2], isa: Isa) {
        let dtype = self.types[args[0] as usize];
        if let Some(reversed) = args.iter().position(|arg| self.partners[*arg as usize] == Some(step)) {
            return self.pair(program, step, op, args, reversed == 1, isa);
        }
        let is_constant = |arg: ValueId| matches!(program.instrs[arg as usize], Instr::Const(_));
        let splat = match args.map(is_constant) {
            [_, true] => kernel::binary_with_constant(op, dtype, isa, false).map(|found| (found, [args[0]])),
            [true, false] => kernel::binary_with_constant(op, dtype, isa, true).map(|found| (found, [args[1]])),
            _ => None,
        };
        match splat {
            Some((found, vectors)) => self.compute_on(step, found, &args, &vectors),
            None => self.compute(step, kernel::binary(op, dtype, isa), &args),
        }
    }

    /// One loop for this step and the one that made an argument of it.
    fn pair(&mut self, program: &Program, step: usize, second: BinaryOp, args: [ValueId; 2], reversed: bool, isa: Isa) {
        let (inner, z) = if reversed { (args[1], args[0]) } else { (args[0], args[1]) };
        let Instr::Binary { op: first, args: [mut x, mut y] } = program.instrs[inner as usize] else {
            unreachable!("partners are binary operations");
        };
        let is_constant = |arg: ValueId| matches!(program.instrs[arg as usize], Instr::Const(_));
        if is_constant(x) && pair::commutes(first) {
            std::mem::swap(&mut x, &mut y);
        }
        let pair = Pair { first, splat_y: is_constant(y), second, reversed, splat_z: is_constant(z) };
        let found = pair.find(self.types[step], isa).expect("partners make a pair that has a loop");
        let vectors: Vec<ValueId> =
            [(x, false), (y, pair.splat_y), (z, pair.splat_z)].iter().filter(|a| !a.1).map(|a| a.0).collect();
        self.compute_on(step, found, &[x, y, z], &vectors);
    }

    fn compute(&mut self, step: usize, found: Found, args: &[ValueId]) {
        self.compute_on(step, found, args, args);
    }

    /// Adds a kernel call. Of the arguments, `vectors` are read element by element.
    fn compute_on(&mut self, step: usize, found: Found, args: &[ValueId], vectors: &[ValueId]) {
        self.mark_tiles(vectors);

        let size = self.types[step].size();
        // A value with a destination in memory has a slot of its own; others take a scratch slot that is free.
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
        let mut slots = [0; 3];
        args.iter().zip(&mut slots).for_each(|(arg, slot)| *slot = self.slot_of[*arg as usize]);
        self.plan.steps.push(Step { kernel: found.kernel, strips: found.strips, dst, args: slots });
    }

    /// Notes which constants are read element by element.
    fn mark_tiles(&mut self, values: &[ValueId]) {
        for slot in values.iter().map(|v| self.slot_of[*v as usize]) {
            self.plan.constants.iter_mut().filter(|c| c.slot == slot).for_each(|c| c.fills_tile = true);
        }
    }

    /// Frees the scratch slots whose values were used for the last time by this step.
    fn release(&mut self, program: &Program, step: usize) {
        let direct = program.instrs[step].args();
        let of_partner = direct
            .filter(|arg| self.partners[*arg as usize] == Some(step))
            .flat_map(|arg| program.instrs[arg as usize].args());
        for value in program.instrs[step].args().chain(of_partner) {
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
