//! The tile engine: runs a program over cache-sized tiles, with one SIMD loop per instruction or chain of them.
//!
//! **Why an interpreter.** A tile holds 8 KiB of each value. Calling a kernel costs about a nanosecond, a tile of cheap work a hundred, so interpreting
//! costs a few percent, and a program need not be compiled to machine code. All intermediate values of a tile stay in the first-level
//! cache: a chain of operations passes over memory once.
//!
//! **How a run goes.** [`plan`] has chosen a kernel ([`kernel`]) for each step, joined cheap steps to chains ([`links`], [`chain`]) and found a slot for each value. A run orders and joins the loops over the
//! domain ([`nest`]), cuts them into tiles, and computes one tile after the other ([`tiles`]); strided operands are gathered and scattered
//! ([`strided`], [`panel`]). Reductions walk the domain in the order that [`mod@crate::reduce`] defines ([`fold`], [`fold_rows`], [`fold_chain`]), so a sum is folded in the same pass
//! that computes what it adds.
//!
//! **Same bits.** Every kernel computes each element by the same scalar body on each ISA level: vector instructions round as scalar ones do, and no
//! product is contracted with a sum that the program did not contract.

mod ahead;
mod arena;
mod chain;
mod cost;
mod fold;
mod fold_chain;
mod fold_columns;
mod fold_kernel;
mod fold_lanes;
mod fold_rows;
mod kernel;
mod links;
mod nest;
mod packed;
mod panel;
mod plan;
pub mod row;
mod row_half;
pub mod row_met;
mod split;
mod strided;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod vector;
mod watch;

pub(crate) use ahead::fetch;

use crate::exceptions::Exceptions;
use crate::isa::Isa;
use crate::operand::RawOperand;
use crate::program::{Binding, Instr, Joined, OperandId, Program, ProgramError, ValueId};
use nest::{Dim, Dims, Offsets, Steps};
use plan::{Plan, SlotId, Store};
use smallvec::{SmallVec, smallvec};
use split::Split;
use strided::{Row, copy_box};
use tiles::{Places, Scratch, Tiles};
use watch::Watch;

/// Points of a tile that uses no scratch memory: a multiple of the strip, and a power of two.
const DIRECT_TILE: usize = 16 << 10;
/// Bytes of the largest elements.
const LARGEST: usize = 16;

/// Steps of a program and the exceptions that they have met.
pub type Met = SmallVec<[(ValueId, Exceptions); 2]>;

/// A program made ready to run.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// As it was given.
    program: Program,
    rank: usize,
    isa: Isa,
    plan: Plan,
    /// The step of the program that each step of the plan's comes from.
    origins: Vec<ValueId>,
    /// What is folded over other dimensions, by programs of their own.
    split: Split,
    later: Vec<Compiled>,
    /// Pairs of operands the first of which is written before the second is read or written. They must not be one place.
    ordered: Vec<(OperandId, OperandId)>,
    cost_ns_per_point: f64,
    cache_bytes: u64,
}

impl Compiled {
    /// Makes `program` ready for domains of `rank` dimensions, with the best instructions of this CPU.
    ///
    /// # Errors
    /// If the program is not well-formed ([`Program::validate`]).
    pub fn new(program: &Program, rank: usize) -> Result<Compiled, ProgramError> {
        Compiled::with_isa(program, rank, Isa::best())
    }

    /// The same with the instructions of a given level. The results have the same bits.
    ///
    /// # Errors
    /// If the program is not well-formed.
    pub fn with_isa(program: &Program, rank: usize, isa: Isa) -> Result<Compiled, ProgramError> {
        program.validate(rank)?;
        let (lowered, origins) = program.without_halves();
        let (normal, origins) = normalised(&lowered, &origins);
        let split = Split::new(normal);
        let plan = Plan::new(&split.main, isa);
        let later = split.later.iter().map(|part| Compiled::with_isa(part, rank, isa)).collect::<Result<_, _>>()?;
        let cost_ns_per_point = cost::ns_per_point(&split.main);
        Ok(Compiled {
            program: program.clone(),
            rank,
            isa,
            plan,
            origins,
            split,
            later,
            ordered: ordered(program),
            cost_ns_per_point,
            cache_bytes: u64::MAX,
        })
    }

    /// The same on a machine with a last-level cache of so many bytes: results that it could not hold are written past it. If nothing is said, all are
    /// expected to stay in the cache.
    #[must_use]
    pub fn with_cache(self, bytes: u64) -> Compiled {
        Compiled { cache_bytes: bytes, ..self }
    }

    /// What it was made from.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// An estimate of the computing time per domain point on one core, memory traffic left out.
    pub fn cost_ns_per_point(&self) -> f64 {
        self.cost_ns_per_point
    }

    /// Whether operand `written` may be the place of operand `read` (the same pointer and strides) and the values be those that they are if it is not: whether
    /// nothing is loaded from the one after something was stored to the other.
    pub fn may_overwrite(&self, read: usize, written: usize) -> bool {
        !self.ordered.contains(&(written as OperandId, read as OperandId))
    }

    /// Runs it over one chunk of a domain of shape `domain`: the points `lo .. lo + extent`.
    ///
    /// What is folded is overwritten with the fold of the chunk. If the chunk holds no point along a folded dimension, that is the
    /// identity of the operation; where there is none (`minimum`), the operand is left alone.
    ///
    /// # Safety
    /// Operand `k` of the program is `operands[k]`. For every point of the chunk, the element that each operand has there must be
    /// inside one live allocation, initialised, and neither written (if loaded) nor touched (if written) by anyone
    /// else during the call. Two operands either do not overlap or are identical (same pointer and strides, same element size).
    /// A folded operand's strides along the folded dimensions are 0.
    ///
    /// # Panics
    /// If the number of operands or a rank is wrong.
    pub unsafe fn run(&self, domain: &[i64], lo: &[i64], extent: &[usize], operands: &[RawOperand]) {
        // SAFETY: the same contract.
        unsafe { self.run_watched(domain, lo, extent, operands, Exceptions::NONE) };
    }

    /// The same, and which steps of the program have met any of the floating-point exceptions that are `wanted` ([`crate::exceptions`]): each step once, in order.
    /// Where two conditions are met by one chain of operations at many places, the second may be missed only if it raises no other flag than the first.
    ///
    /// # Safety
    /// As for [`Compiled::run`].
    ///
    /// # Panics
    /// As for [`Compiled::run`].
    pub unsafe fn run_watched(
        &self,
        domain: &[i64],
        lo: &[i64],
        extent: &[usize],
        operands: &[RawOperand],
        wanted: Exceptions,
    ) -> Met {
        assert!(
            domain.len() == self.rank && lo.len() == self.rank && extent.len() == self.rank,
            "the chunk has the program's rank"
        );
        assert!(operands.len() >= self.program.operands as usize, "every operand of the program is given");
        assert!(
            operands.iter().all(|operand| operand.strides.len() == self.rank),
            "an operand has a stride for each dimension"
        );
        let Some(places) = self.places(domain, operands) else {
            let (untangled, origins) = self.untangled(operands);
            // SAFETY: the same contract; the joined program names one operand for each place.
            let mut met = unsafe { untangled.run_watched(domain, lo, extent, operands, wanted) };
            met.iter_mut().for_each(|(step, _)| *step = origins[*step as usize]);
            return met;
        };
        let temporaries = self.split.temporaries(extent, operands);
        let watch = (!wanted.is_empty()).then(|| Watch::new(wanted, self.split.main.instrs.len()));
        let mut met = Met::new();
        // SAFETY: the caller's contract; temporaries are live arrays of the chunk's shape that nobody else knows; the arena
        // has the plan's size.
        unsafe {
            let panels = if self.rank < 2 { 0 } else { panel::arena_bytes(&self.plan, operands) };
            let own = (self.plan.arena + panels).next_multiple_of(64);
            arena::with_arena(own + watch.as_ref().map_or(0, |_| self.plan.tile * LARGEST), |arena| {
                let operands = temporaries.operands(operands);
                let steps = Steps::new(&self.plan, operands, self.rank);
                let scratch = Scratch { arena, spare: arena.wrapping_add(own), watch: watch.as_ref() };
                Run { plan: &self.plan, domain, lo, extent, operands, places, scratch, steps }.run();
            });
            if let Some(watch) = watch {
                met.extend(watch.finish(&self.plan).map(|(step, met)| (self.origins[step], met)));
            }
            if places.streamed != 0 {
                chain::fence();
            }
            for (later, fold) in self.later.iter().zip(&self.split.folds) {
                let folded = later.run_watched(domain, lo, extent, temporaries.operands(operands), wanted);
                met.extend(folded.into_iter().map(|(_, met)| (self.origins[*fold], met)));
            }
        }
        met.sort_unstable_by_key(|(step, _)| *step);
        met.dedup_by(|(step, more), (first, met)| {
            let is_same = step == first;
            if is_same {
                *met |= *more;
            }
            is_same
        });
        met
    }

    /// How loads and stores meet in memory. `None`: a place is written twice, or read after it was written, under different numbers.
    fn places(&self, domain: &[i64], operands: &[RawOperand]) -> Option<Places> {
        let is_one_place = |a: OperandId, b: OperandId| a == b || operands[a as usize].ptr == operands[b as usize].ptr;
        if self.ordered.iter().any(|(a, b)| is_one_place(*a, *b)) {
            return None;
        }
        let operand_bytes = self.operand_bytes(domain, operands);
        let exceeds_cache = self.cache_bytes < u64::MAX && operand_bytes > self.cache_bytes;
        let mut places =
            Places { fetched_ahead: ahead::pays(self.cost_ns_per_point, operand_bytes), ..Places::default() };
        // Operands beyond the program's are temporaries, which nobody else knows.
        let given = |store: &Store| store.operand < self.program.operands;
        for (k, store) in self.plan.stores.iter().enumerate().filter(|(_, store)| given(store)) {
            let mut is_read = false;
            for (i, load) in self.plan.loads.iter().enumerate() {
                if is_one_place(load.operand, store.operand) {
                    is_read = true;
                    if !store.may_overwrite(load) {
                        places.copied |= 1 << i.min(63);
                    }
                }
            }
            if exceeds_cache && !is_read && store.can_stream() && self.is_large(domain, store) {
                places.streamed |= 1 << k.min(63);
            }
        }
        Some(places)
    }

    /// Whether a result would take more than half of the last-level cache. The caches are the launch's, so its whole domain counts, not the chunk.
    fn is_large(&self, domain: &[i64], store: &Store) -> bool {
        volume(domain).saturating_mul(self.plan.slots[store.slot as usize].size as u64) > self.cache_bytes / 2
    }

    /// Bytes of all operands together, in the launch's whole domain.
    fn operand_bytes(&self, domain: &[i64], operands: &[RawOperand]) -> u64 {
        let image = |slot: SlotId, operand: OperandId| {
            let strides = &operands[operand as usize].strides;
            let points = domain.iter().zip(strides).filter(|(_, stride)| **stride != 0).map(|(n, _)| *n as u64);
            points.fold(self.plan.slots[slot as usize].size as u64, u64::saturating_mul)
        };
        let loads = self.plan.loads.iter().filter(|load| load.operand < self.program.operands);
        let stores = self.plan.stores.iter().filter(|store| store.operand < self.program.operands);
        let loads = loads.map(|load| image(load.slot, load.operand));
        loads.chain(stores.map(|store| image(store.slot, store.operand))).fold(0, u64::saturating_add)
    }

    /// The program with one operand number for each place.
    fn untangled(&self, operands: &[RawOperand]) -> (Compiled, Vec<ValueId>) {
        let first = |k: usize| (0..k).find(|j| operands[*j].ptr == operands[k].ptr).unwrap_or(k);
        let bindings: Vec<Binding> =
            (0..self.program.operands as usize).map(|k| Binding::Operand(first(k) as OperandId)).collect();
        let mut joined = Joined::new(self.program.operands);
        joined.append_from(&self.program, &bindings, |step| step as ValueId).expect("operands are in memory");
        let (program, origins) = joined.finish_traced();
        (Compiled::with_isa(&program, self.rank, self.isa).expect("a valid program with fewer operands"), origins)
    }
}

fn volume(domain: &[i64]) -> u64 {
    domain.iter().fold(1, |points, n| points.saturating_mul(*n as u64))
}

/// With one load and one store for each operand, and no step twice; and the origin of each step.
fn normalised(program: &Program, origins: &[ValueId]) -> (Program, Vec<ValueId>) {
    let bindings: Vec<Binding> = (0..program.operands).map(Binding::Operand).collect();
    let mut joined = Joined::new(program.operands);
    joined.append_from(program, &bindings, |step| origins[step]).expect("operands are in memory");
    joined.finish_traced()
}

/// The pairs of different operands of which the first is written before the second is read or written.
fn ordered(program: &Program) -> Vec<(OperandId, OperandId)> {
    let mut pairs = Vec::new();
    let mut written: Vec<OperandId> = Vec::new();
    for instr in &program.instrs {
        if let Instr::Load { operand, .. } | Instr::Store { operand, .. } = instr {
            pairs.extend(written.iter().filter(|w| *w != operand).map(|w| (*w, *operand)));
        }
        if let Instr::Store { operand, .. } = instr {
            written.push(*operand);
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// One run of a plan.
struct Run<'a> {
    plan: &'a Plan,
    domain: &'a [i64],
    lo: &'a [i64],
    extent: &'a [usize],
    operands: &'a [RawOperand],
    places: Places,
    scratch: Scratch<'a>,
    steps: Steps,
}

impl Run<'_> {
    /// # Safety
    /// As for [`Compiled::run`].
    unsafe fn run(&self) {
        // SAFETY: the caller's contract.
        unsafe {
            if self.extent.contains(&0) {
                self.write_identities();
            } else if self.plan.folds.is_empty() {
                self.map();
            } else {
                fold::run(self);
            }
        }
    }

    /// Runs a plan without folds.
    ///
    /// # Safety
    /// As for [`Compiled::run`]; there is at least one point.
    unsafe fn map(&self) {
        let mut dims = nest::simplify(self.loops(0..self.extent.len()));
        if dims.is_empty() {
            dims.push(self.point_loop());
        }
        let cut = nest::cut(&dims, self.plan.tile);
        let (outer, tile) = dims.split_at(cut.dim);
        // SAFETY: the caller's contract.
        let mut tiles = unsafe { self.tiles(tile, 0) };
        if let ([outer @ .., column], [row]) = (outer, tile) {
            let panels = panel::find(self.plan, *column, *row);
            if !panels.is_empty() {
                // SAFETY: the caller's contract; the arena was made large enough for every load that may cross the grain.
                unsafe {
                    tiles.use_panels(panels);
                    return panel::compute(&mut tiles, outer, *column, *row, cut.segment, &mut self.offsets());
                }
            }
        }
        // The pause between two tiles is felt where nothing but memory is waited for.
        let segment = if tiles.is_direct() { cut.segment.max(DIRECT_TILE) } else { cut.segment };
        nest::walk_tiles(outer, tile[0], segment, &mut self.offsets(), &mut |offsets, length| {
            // SAFETY: the walk stays in the chunk; a segment has at most a tile of points, or any number where no scratch memory is used.
            unsafe { tiles.compute(offsets, length) };
        });
    }

    /// What is left to do if there is no point: folds over nothing.
    ///
    /// # Safety
    /// As for [`Compiled::run`].
    unsafe fn write_identities(&self) {
        for fold in &self.plan.folds {
            let kept = || (0..self.extent.len()).filter(|d| self.plan.folded_dims >> d & 1 == 0);
            let operand = &self.operands[fold.operand as usize];
            let Some(identity) = fold.op.identity(fold.dtype) else { continue };
            if kept().all(|d| self.extent[d] > 0) {
                let bytes = identity.as_bytes();
                let rows = kept().map(|d| Row { extent: self.extent[d], to: operand.strides[d], from: 0 });
                // SAFETY: the operand has an element for each kept point, the caller's to write.
                unsafe { copy_box(operand.ptr, bytes.as_ptr(), bytes.len(), rows) };
            }
        }
    }

    /// The dimensions in `chosen` that are longer than one point in the chunk.
    fn loops(&self, chosen: impl Iterator<Item = usize>) -> Dims<'_> {
        chosen.filter(|d| self.extent[*d] != 1).map(|d| self.whole_loop(d)).collect()
    }

    /// The loop of one dimension, however long.
    fn whole_loop(&self, d: usize) -> Dim<'_> {
        Dim { extent: self.extent[d], steps: self.steps.along(d) }
    }

    /// A loop over one point.
    fn point_loop(&self) -> Dim<'_> {
        Dim { extent: 1, steps: self.steps.along(self.extent.len()) }
    }

    /// The first point of the chunk.
    fn offsets(&self) -> Offsets {
        smallvec![0; self.steps.streams()]
    }

    /// Tiles of a box.
    ///
    /// # Safety
    /// As for [`Compiled::run`].
    unsafe fn tiles<'b>(&'b self, dims: &[Dim<'b>], varying: usize) -> Tiles<'b> {
        // SAFETY: the caller's promise; `places` names every load that a store must not overwrite.
        unsafe { Tiles::new(self.plan, self.scratch, self.operands, self.lo, self.places, dims, varying) }
    }
}
