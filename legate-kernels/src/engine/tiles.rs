//! One tile after the other: where each value of a plan lies, and the kernels in order.
//!
//! A tile is a box of points, the same for all tiles of a run but for its length along one dimension. A load or store whose elements lie one after the
//! other throughout the box is *flat*: its slot is operand memory itself. Others go through scratch memory. Kernels compute whole strips, so a
//! tile that is not made of whole strips goes through scratch memory altogether, where there is room to compute too much.

use super::ahead;
use super::chain::{self, Joint, Source};
use super::fold_chain::FoldedChain;
use super::fold_columns::Rows;
use super::kernel::{Kernel, STRIP};
use super::nest::{Dim, Dims, Offsets, shift};
use super::panel::Panels;
use super::plan::{Call, Fold, Input, Plan, SlotId, Step};
use super::strided::{Row, copy_box, fill_index, transpose};
use super::watch::Watch;
use crate::operand::RawOperand;
use smallvec::SmallVec;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Of links that do not choose.
const NO_MASK: *const u8 = std::ptr::null();

/// What a run found out about its operands' memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// Bit `i` set (63: or later): load `i` reads what a store writes, and is copied before any kernel runs.
    pub(super) copied: u64,
    /// Bit `i` set (63: or later): store `i` is written past the caches.
    pub(super) streamed: u64,
    /// Operands are fetched for the next tile while one is computed.
    pub(super) fetched_ahead: bool,
}

/// Memory that is a run's alone, and who watches what is met.
#[derive(Clone, Copy)]
pub(super) struct Scratch<'a> {
    /// Of the plan's size.
    pub(super) arena: *mut u8,
    /// Room for a tile, if somebody watches.
    pub(super) spare: *mut u8,
    pub(super) watch: Option<&'a Watch>,
}

/// What one stream does at each tile.
struct Stream {
    /// Address of the chunk's first point; for coordinates, the chunk's first coordinate in disguise.
    base: *mut u8,
    flat: bool,
    /// The offset and the number of points of the last gather, if it may be used again.
    gathered: Option<(isize, usize)>,
}

/// The state of a run over tiles of one box.
pub(super) struct Tiles<'a> {
    plan: &'a Plan,
    arena: *mut u8,
    streams: SmallVec<[Stream; 8]>,
    /// Bit `i` set: load `i` reads what a store writes, so it is copied before any kernel runs.
    copied: u64,
    /// Bit `i` set: store `i` is written past the caches where it can be.
    streamed: u64,
    /// The same for the current tile.
    streamed_now: u64,
    /// Operands are fetched for the next tile while one is computed.
    fetches_ahead: bool,
    /// The box. The extent of the varying dimension is that of the current tile.
    dims: Dims<'a>,
    varying: usize,
    /// Points of the box for each point of the varying dimension.
    per_unit: usize,
    /// Loads that are gathered for several tiles at once, and which of them the current one is.
    panels: Panels,
    panel_row: usize,
    /// Where the values of each slot are in the current tile.
    slots: SmallVec<[*mut u8; 24]>,
    /// The same for the inputs of all chains.
    joints: SmallVec<[Joint; 8]>,
    /// Where the values of each fold are after a tile has been computed.
    fold_sources: SmallVec<[*const u8; 2]>,
    /// Looks at what the steps meet, if anybody wants to know.
    watch: Option<&'a Watch>,
    /// A tile for results that would overwrite what they are made of, while that may be looked at.
    spare: *mut u8,
}

impl<'a> Tiles<'a> {
    /// Tiles of a box of at most `longest` points along the varying dimension.
    ///
    /// # Safety
    /// The arena of `scratch` has the plan's size, its spare that of a tile, and both are initialised and the caller's alone for the lifetime of the result; the operands and the chunk
    /// keep the contract of [`super::Compiled::run`]; `copied` names all loads whose operand a store writes, except where that store may overwrite it.
    pub(super) unsafe fn new(
        plan: &'a Plan,
        scratch: Scratch<'a>,
        operands: &[RawOperand],
        lo: &[i64],
        places: Places,
        dims: &[Dim<'a>],
        varying: usize,
    ) -> Tiles<'a> {
        let Scratch { arena, spare, watch } = scratch;
        let mut streams: SmallVec<[Stream; 8]> = SmallVec::new();
        let mut push = |base: *mut u8| streams.push(Stream { base, flat: false, gathered: None });
        plan.loads.iter().for_each(|load| push(operands[load.operand as usize].ptr));
        plan.indices.iter().for_each(|(_, d)| push(std::ptr::without_provenance_mut(lo[*d as usize] as usize)));
        plan.stores.iter().for_each(|store| push(operands[store.operand as usize].ptr));
        plan.folds.iter().for_each(|fold| push(operands[fold.operand as usize].ptr));
        let mut tiles = Tiles {
            plan,
            arena,
            streams,
            copied: places.copied,
            streamed: places.streamed,
            streamed_now: 0,
            fetches_ahead: places.fetched_ahead,
            dims: SmallVec::from_slice(dims),
            varying,
            per_unit: dims.iter().enumerate().filter(|(d, _)| *d != varying).map(|(_, dim)| dim.extent).product(),
            panels: Panels::new(),
            panel_row: 0,
            slots: plan.slots.iter().map(|slot| arena.wrapping_add(slot.scratch)).collect(),
            joints: SmallVec::new(),
            fold_sources: plan.folds.iter().map(|_| std::ptr::null()).collect(),
            watch,
            spare,
        };
        tiles.joints = plan.inputs.iter().map(|input| tiles.joint(input)).collect();
        tiles.find_flat_streams();
        // SAFETY: the arena has the plan's size.
        unsafe { tiles.fill_constants() };
        tiles
    }

    fn first_store(&self) -> usize {
        self.plan.loads.len() + self.plan.indices.len()
    }

    fn find_flat_streams(&mut self) {
        let plan = self.plan;
        let first_store = self.first_store();
        plan.loads.iter().enumerate().for_each(|(i, load)| self.find_flat(i, load.slot));
        plan.stores.iter().enumerate().for_each(|(i, store)| self.find_flat(first_store + i, store.slot));
    }

    /// Whether no scratch memory is used but for the end of a row: all operands are contiguous and the plan is one chain. Then a tile may be of any size.
    pub(super) fn is_direct(&self) -> bool {
        let operands = self.plan.loads.len() + self.plan.stores.len();
        matches!(&self.plan.steps[..], [Step { call: Call::Chain { .. }, store: Some(_), .. }])
            && self.streams.len() == operands
            && self.plan.stores.len() == 1
            && self.copied == 0
            && self.dims.len() == 1
            && self.streams.iter().all(|stream| stream.flat)
            && !self.is_guarded(&self.plan.steps[0], false)
    }

    /// Whether a chain computes to spare memory: its result lies where one of its inputs does, which may have to be looked at, as it always may if there is
    /// padding.
    fn is_guarded(&self, step: &Step, is_padded: bool) -> bool {
        let (Some(watch), Call::Chain { inputs, .. }) = (self.watch, &step.call) else { return false };
        let overwrites = |joint: &Joint| joint.is_at(self.slots[step.dst as usize]);
        let in_place = step.store.is_some_and(|store| {
            let place = self.streams[self.first_store() + store].base;
            self.streams[..self.plan.loads.len()].iter().any(|load| load.base == place)
        });
        (in_place || self.joints[inputs.clone()].iter().any(overwrites))
            && watch.doubts(&self.plan.inputs[inputs.clone()], is_padded)
    }

    /// Whether what is folded is read where it lies: nothing is computed, and the operands are contiguous.
    pub(super) fn folds_operands(&self) -> bool {
        let plan = self.plan;
        let is_read = |slot: SlotId| {
            let load = plan.loads.iter().position(|load| load.slot == slot);
            load.is_some_and(|i| self.streams[i].flat && self.copied >> i.min(63) & 1 == 0)
        };
        plan.steps.is_empty() && plan.stores.is_empty() && plan.folds.iter().all(|fold| is_read(fold.slot))
    }

    /// Whether everything that is folded is read where it lies, or is a chain of what is. Then no scratch memory is used, and a tile may be of any size.
    pub(super) fn folds_in_place(&self) -> bool {
        let plan = self.plan;
        let place = |slot: SlotId| plan.loads.iter().position(|load| load.slot == slot);
        let is_flat = |slot: SlotId| place(slot).is_some_and(|i| self.streams[i].flat);
        let is_read = |input: &Input| match input.source {
            Source::Constant => true,
            Source::Elements => is_flat(input.slot) || place(input.slot).is_some_and(|i| self.is_uniform(i)),
            Source::I32 | Source::F32 | Source::I64 => is_flat(input.slot),
        };
        let is_in_place = |fold: &Fold| match fold.chain {
            Some((step, _)) => self.inputs(step).iter().all(is_read),
            None => is_flat(fold.slot),
        };
        plan.stores.is_empty()
            && self.copied == 0
            && plan.steps.len() == plan.folds.iter().filter(|fold| fold.chain.is_some()).count()
            && plan.folds.iter().all(is_in_place)
    }

    /// Whether a stream stays where it is throughout a tile.
    fn is_uniform(&self, stream: usize) -> bool {
        self.dims.iter().all(|dim| dim.steps[stream] == 0)
    }

    /// The inputs of the chain that is a step of the plan.
    fn inputs(&self, step: usize) -> &[Input] {
        match &self.plan.steps[step].call {
            Call::Chain { inputs, .. } => &self.plan.inputs[inputs.clone()],
            Call::Kernel { .. } => &[],
        }
    }

    /// Folds every `run` of the points of a tile of `length` points along the varying dimension, the streams being at `offsets`: to `results`, as
    /// [`super::fold_kernel::FoldKernel::runs`] does.
    ///
    /// # Safety
    /// The points are in the chunk, and [`Tiles::folds_in_place`].
    pub(super) unsafe fn fold_in_place(
        &self,
        f: usize,
        offsets: &Offsets,
        length: usize,
        results: &mut [u8],
        [run, block]: [usize; 2],
    ) {
        let plan = self.plan;
        let (fold, points) = (&plan.folds[f], length * self.per_unit);
        let place = |slot: SlotId| {
            let load = plan.loads.iter().position(|load| load.slot == slot);
            load.map(|i| (i, self.streams[i].base.wrapping_offset(offsets[i]).cast_const()))
        };
        let joint = |input: &Input| match place(input.slot) {
            Some((i, at)) if input.source == Source::Elements && self.is_uniform(i) => {
                Joint::new(input.link, Source::Constant, at, NO_MASK)
            }
            Some((_, at)) => Joint::new(input.link, input.source, at, NO_MASK),
            None => Joint::new(input.link, input.source, self.slots[input.slot as usize].cast_const(), NO_MASK),
        };
        // SAFETY: the elements of the tile's points lie one after the other, or there is one for all, and are the caller's to read. The plan was made for an
        // ISA level that this CPU has.
        unsafe {
            match fold.chain {
                Some((step, lanes)) => {
                    let Call::Chain { kernel, .. } = plan.steps[step].call else { unreachable!("a chain is folded") };
                    let joints: SmallVec<[Joint; 1 + chain::LONGEST]> = self.inputs(step).iter().map(joint).collect();
                    self.watch.inspect(|watch| watch.end_fold());
                    FoldedChain { fold, lanes, walk: kernel.walk, first: joints[0], joints: &joints[1..] }
                        .runs(results, points, run, block);
                    // Whether the chain or the fold has raised a flag, only the chain's values tell.
                    self.watch.inspect(|watch| watch.end_folded_chain(fold.dtype, self.inputs(step), &joints, points));
                }
                None => {
                    let at = place(fold.slot).expect("it folds an operand").1;
                    let values = std::slice::from_raw_parts(at, points * fold.dtype.size());
                    fold.kernel.runs(results, values, run, block);
                }
            }
        }
    }

    fn find_flat(&mut self, stream: usize, slot: SlotId) {
        let mut expected = self.plan.slots[slot as usize].size as isize;
        self.streams[stream].flat = self.varying == 0
            && self.dims.iter().rev().all(|dim| {
                let follows = dim.extent == 1 || dim.steps[stream] == expected;
                expected *= dim.extent as isize;
                follows
            });
    }

    /// # Safety
    /// The arena has the plan's size.
    unsafe fn fill_constants(&mut self) {
        let longest = self.per_unit * self.dims[self.varying].extent;
        let extent = longest.next_multiple_of(STRIP).min(self.plan.tile);
        for constant in &self.plan.constants {
            let bytes = constant.value.as_bytes();
            let row = Row { extent: if constant.fills_tile { extent } else { 1 }, to: bytes.len() as isize, from: 0 };
            // SAFETY: a slot's scratch tile holds `plan.tile` elements of its size.
            unsafe { copy_box(self.slots[constant.slot as usize], bytes.as_ptr(), bytes.len(), std::iter::once(row)) };
        }
    }

    /// The scratch tile of a slot.
    fn scratch(&self, slot: SlotId) -> *mut u8 {
        self.arena.wrapping_add(self.plan.slots[slot as usize].scratch)
    }

    /// From now on these loads come out of panels.
    ///
    /// # Safety
    /// The arena has room for them.
    pub(super) unsafe fn use_panels(&mut self, panels: Panels) {
        self.panels = panels;
    }

    /// Gathers the panels for the next `rows` tiles, which are segments of `row`, the streams being at `offsets`.
    ///
    /// # Safety
    /// As for [`Tiles::compute`], for all of these tiles; there are at most [`super::panel::ROWS`].
    pub(super) unsafe fn gather_panels(&mut self, offsets: &Offsets, rows: usize, row: Dim<'_>) {
        for panel in &self.panels {
            let size = self.plan.slots[self.plan.loads[panel.load].slot as usize].size;
            let from = self.streams[panel.load].base.wrapping_offset(offsets[panel.load]);
            let to = self.arena.wrapping_add(panel.start);
            // SAFETY: the elements of the tiles' points are the caller's to read, those of one row beside those of the next; the panel has room for
            // `panel::ROWS` rows, each of a tile.
            unsafe { transpose(to, self.plan.tile * size, from, row.steps[panel.load], [rows, row.extent], size) };
        }
    }

    /// Computes a tile that is row `k` of the panels.
    ///
    /// # Safety
    /// As for [`Tiles::compute`]; the panels were gathered for this tile.
    pub(super) unsafe fn compute_row(&mut self, k: usize, offsets: &mut Offsets, length: usize) {
        self.panel_row = k;
        // SAFETY: the caller's promise.
        unsafe { self.compute(offsets, length) }
    }

    /// Computes a tile of `length` points along the varying dimension, the streams being at `offsets`. Values to be folded are
    /// left where [`Tiles::values`] finds them.
    ///
    /// # Safety
    /// The points are in the chunk; the tile has at most `plan.tile` points, unless [`Tiles::is_direct`].
    pub(super) unsafe fn compute(&mut self, offsets: &mut Offsets, length: usize) {
        let points = length * self.per_unit;
        debug_assert!(points <= self.plan.tile || self.is_direct());
        // Where there is nothing to compute, as in the sum of an array, nothing is computed too much.
        let has_kernels = !(self.plan.steps.is_empty() && self.plan.stores.is_empty());
        let seamless = points.is_multiple_of(STRIP) || !has_kernels;
        if seamless || self.dims.len() > 1 || points < STRIP {
            // SAFETY: the caller's promise.
            unsafe { self.compute_part(offsets, length, points, 0, seamless) };
            for (source, fold) in self.fold_sources.iter_mut().zip(&self.plan.folds) {
                *source = self.slots[fold.slot as usize];
            }
            return;
        }
        let whole = points / STRIP * STRIP;
        let steps = self.dims[0].steps;
        // SAFETY: both parts are parts of the caller's tile.
        unsafe {
            self.compute_part(offsets, whole, whole, 0, true);
            self.collect(whole, 0);
            shift(offsets, steps, whole as isize);
            self.compute_part(offsets, points - whole, points - whole, whole, false);
            self.collect(points - whole, whole);
        }
        shift(offsets, steps, -(whole as isize));
        for (f, fold) in self.plan.folds.iter().enumerate() {
            self.fold_sources[f] = self.scratch(fold.buffer);
        }
    }

    /// The values of fold `f` in the tile that was computed last.
    ///
    /// # Safety
    /// That tile had `points` points.
    pub(super) unsafe fn values(&self, f: usize, points: usize) -> &[u8] {
        let len = points * self.plan.folds[f].dtype.size();
        // SAFETY: `compute` left a tile's values there, in scratch memory or in an operand that nobody writes.
        unsafe { std::slice::from_raw_parts(self.fold_sources[f], len) }
    }

    /// What fold `f` reads where the streams are at `offsets`: rows of the box, `count` of them along `dim`.
    ///
    /// # Safety
    /// All of these points are in the chunk, and [`Tiles::folds_operands`].
    pub(super) unsafe fn rows(&self, f: usize, offsets: &Offsets, dim: Dim<'_>, count: usize, points: usize) -> Rows {
        let fold = &self.plan.folds[f];
        let load = self.plan.loads.iter().position(|load| load.slot == fold.slot).expect("it folds an operand");
        let at = self.streams[load].base.wrapping_offset(offsets[load]);
        // SAFETY: the elements of the chunk's points are the caller's to read, and those of a row of the box lie one after the other.
        unsafe { Rows::new(at, dim.steps[load], count, points * fold.dtype.size()) }
    }

    /// Where the first contiguous load goes on after the tile of so many points that was computed last.
    pub(super) fn ahead(&self, points: usize) -> *const u8 {
        let load = self.plan.loads.iter().zip(&self.streams).find(|(_, stream)| stream.flat);
        let slot = load.map_or(0, |(load, _)| load.slot) as usize;
        self.slots[slot].wrapping_add(points * self.plan.slots[slot].size).cast_const()
    }

    /// Copies the values of a part to the buffers of the folds for which they were not computed.
    ///
    /// # Safety
    /// The part was just computed; it ends inside a tile.
    unsafe fn collect(&mut self, points: usize, at: usize) {
        for fold in self.plan.folds.iter().filter(|fold| fold.buffer != fold.slot) {
            let size = fold.dtype.size();
            let to = self.scratch(fold.buffer).wrapping_add(at * size);
            // SAFETY: the slot holds the part's values, and the buffer, which is not that slot, has room for a tile.
            unsafe { std::ptr::copy_nonoverlapping(self.slots[fold.slot as usize], to, points * size) };
        }
    }

    /// Computes the part of a tile that begins `at` points after its start.
    ///
    /// # Safety
    /// As for [`Tiles::compute`].
    unsafe fn compute_part(&mut self, offsets: &Offsets, length: usize, points: usize, at: usize, seamless: bool) {
        self.dims[self.varying].extent = length;
        // SAFETY: the caller's promise, for each stage.
        unsafe {
            self.place_inputs(offsets, points, at, seamless);
            self.place_outputs(offsets, at, seamless);
            for k in &self.plan.moving {
                self.joints[*k] = self.joint(&self.plan.inputs[*k]);
            }
            self.run_kernels(points);
            self.write_outputs(offsets, seamless);
        }
    }

    /// # Safety
    /// As for [`Tiles::compute`].
    unsafe fn place_inputs(&mut self, offsets: &Offsets, points: usize, at: usize, seamless: bool) {
        let plan = self.plan;
        for (i, load) in plan.loads.iter().enumerate() {
            let is_copied = self.copied >> i.min(63) & 1 == 1;
            let scratch = self.scratch(load.slot);
            if let Some(panel) = self.panels.iter().find(|panel| panel.load == i) {
                let element = self.panel_row * plan.tile + at;
                let size = plan.slots[load.slot as usize].size;
                self.slots[load.slot as usize] = self.arena.wrapping_add(panel.start + element * size);
                continue;
            }
            let stream = &mut self.streams[i];
            let from = stream.base.wrapping_offset(offsets[i]);
            if stream.flat && seamless && !is_copied {
                self.slots[load.slot as usize] = from;
                continue;
            }
            self.slots[load.slot as usize] = scratch;
            let is_known = stream.gathered.is_some_and(|(offset, n)| offset == offsets[i] && n >= points);
            if is_copied || !is_known || self.varying != 0 {
                stream.gathered = Some((offsets[i], points));
                let size = plan.slots[load.slot as usize].size;
                // SAFETY: the elements of the tile's points are the caller's to read; the scratch tile has room for a tile.
                unsafe { copy_box(scratch, from, size, gather(&self.dims, i, points, size)) };
            }
        }
        for (k, (slot, _)) in plan.indices.iter().enumerate() {
            let i = plan.loads.len() + k;
            let start = self.streams[i].base.addr() as i64 + offsets[i] as i64;
            let dims: SmallVec<[(usize, i64); 4]> =
                self.dims.iter().map(|dim| (dim.extent, dim.steps[i] as i64)).collect();
            // SAFETY: the scratch tile has room for a tile of `i64`, and begins at a cache line.
            unsafe { fill_index(self.scratch(*slot).cast(), start, &dims) };
        }
    }

    /// # Safety
    /// As for [`Tiles::compute`].
    unsafe fn place_outputs(&mut self, offsets: &Offsets, at: usize, seamless: bool) {
        let plan = self.plan;
        let first_store = self.first_store();
        self.streamed_now = 0;
        for (i, store) in plan.stores.iter().enumerate().filter(|(_, store)| store.in_place) {
            let stream = &self.streams[first_store + i];
            let direct = stream.flat && seamless;
            let memory = stream.base.wrapping_offset(offsets[first_store + i]);
            self.slots[store.slot as usize] = if direct { memory } else { self.scratch(store.slot) };
            if direct && memory.addr().is_multiple_of(LINE) {
                self.streamed_now |= self.streamed & 1 << i.min(63);
            }
        }
        for fold in plan.folds.iter().filter(|fold| fold.buffer == fold.slot) {
            self.slots[fold.slot as usize] = self.scratch(fold.buffer).wrapping_add(at * fold.dtype.size());
        }
    }

    /// # Safety
    /// Inputs and outputs have been placed for a tile of so many points.
    unsafe fn run_kernels(&self, points: usize) {
        let padded = points.next_multiple_of(STRIP);
        let shares = ahead::Shares::new(self.plan.steps.len());
        if let Some(watch) = self.watch {
            watch.end_fold();
        }
        for (k, step) in self.plan.steps.iter().enumerate() {
            if self.fetches_ahead {
                self.fetch_ahead(shares, k, points);
            }
            // SAFETY: the plan was made for an ISA level that this CPU has; the rest is the caller's promise.
            unsafe {
                match &step.call {
                    Call::Kernel { kernel, strips, args } => {
                        self.run_kernel(*kernel, step.dst, *args, if *strips { padded } else { points });
                        if let Some(watch) = self.watch {
                            let [x, y, _] = args.map(|slot| self.elements(slot, points));
                            let result = (self.elements(step.dst, points), step.dtype);
                            watch.end_kernel(step.watched.as_ref(), [x, y], result);
                        }
                    }
                    Call::Chain { kernel, inputs } => {
                        let streams = step.store.is_some_and(|store| self.streamed_now >> store.min(63) & 1 == 1);
                        let run = if streams { kernel.stream } else { kernel.store };
                        let joints = &self.joints[inputs.clone()];
                        if let Some(watch) = self.watch {
                            self.run_watched_chain(
                                watch,
                                run,
                                step,
                                (joints, &self.plan.inputs[inputs.clone()]),
                                points,
                            );
                        } else {
                            self.run_chain(run, self.slots[step.dst as usize], joints, padded);
                        }
                    }
                }
            }
        }
    }

    /// The first elements of a slot.
    ///
    /// # Safety
    /// As for [`Tiles::run_kernels`], between two steps.
    unsafe fn elements(&self, slot: SlotId, points: usize) -> &[u8] {
        let bytes = points * self.plan.slots[slot as usize].size;
        // SAFETY: the slot stands for a scratch tile or for operand memory of the tile's points; both are initialised, and nothing is written between steps.
        unsafe { std::slice::from_raw_parts(self.slots[slot as usize].cast_const(), bytes) }
    }

    /// # Safety
    /// As for [`Tiles::run_chain`].
    unsafe fn run_watched_chain(
        &self,
        watch: &Watch,
        run: chain::Loop,
        step: &Step,
        (joints, inputs): (&[Joint], &[Input]),
        points: usize,
    ) {
        let padded = points.next_multiple_of(STRIP);
        let dst = self.slots[step.dst as usize];
        let is_guarded = self.is_guarded(step, padded != points);
        let place = if is_guarded { self.spare } else { dst };
        // SAFETY: the caller's promise; the spare tile has room for a tile. The inputs have not been overwritten if they are looked at: where there is doubt or
        // padding the result is in spare memory, or in a place that is no input's.
        unsafe {
            self.run_chain(run, place, joints, padded);
            watch.end_chain(step.dtype, inputs, joints, points, padded != points);
            if is_guarded {
                std::ptr::copy_nonoverlapping(place, dst, padded * step.dtype.size());
            }
        }
    }

    /// Asks for the share of step `k` of what the next tile reads and writes.
    fn fetch_ahead(&self, shares: ahead::Shares, k: usize, points: usize) {
        let next = |slot: SlotId| {
            let bytes = points * self.plan.slots[slot as usize].size;
            (self.slots[slot as usize].wrapping_add(bytes).cast_const(), bytes)
        };
        for (load, _) in self.plan.loads.iter().zip(&self.streams).filter(|(_, stream)| stream.flat) {
            let (start, bytes) = next(load.slot);
            shares.fetch(start, bytes, k, false);
        }
        let stores = self.plan.stores.iter().zip(&self.streams[self.first_store()..]).enumerate();
        for (i, (store, _)) in stores.filter(|(_, (store, stream))| store.in_place && stream.flat) {
            if self.streamed_now >> i.min(63) & 1 == 0 {
                let (start, bytes) = next(store.slot);
                shares.fetch(start, bytes, k, true);
            }
        }
    }

    /// # Safety
    /// As for [`Tiles::run_kernels`], and this CPU has the kernel's instructions.
    unsafe fn run_kernel(&self, kernel: Kernel, dst: SlotId, [a, b, c]: [SlotId; 3], n: usize) {
        let bytes = |id: SlotId| n * self.plan.slots[id as usize].size;
        let read = |id: SlotId| {
            // SAFETY: the slot stands for a scratch tile, which has room for padding, or for operand memory of a tile of whole strips;
            // both are initialised, and the only slot that is written during the kernel is another one.
            unsafe { std::slice::from_raw_parts(self.slots[id as usize].cast_const(), bytes(id)) }
        };
        // SAFETY: as for `read`; the destination is no argument of the step, and operand memory that is written by a kernel is nowhere
        // read in place.
        let dst = unsafe { std::slice::from_raw_parts_mut(self.slots[dst as usize], bytes(dst)) };
        // SAFETY: the caller's promise.
        unsafe {
            match kernel {
                Kernel::Unary(kernel) => kernel(dst, read(a)),
                Kernel::Binary(kernel) => kernel(dst, read(a), read(b)),
                Kernel::Ternary(kernel) => kernel(dst, read(a), read(b), read(c)),
            }
        }
    }

    /// An input of a chain where it lies now.
    fn joint(&self, input: &Input) -> Joint {
        let place = |slot: SlotId| self.slots[slot as usize].cast_const();
        Joint::new(input.link, input.source, place(input.slot), input.mask.map_or(NO_MASK, place))
    }

    /// # Safety
    /// As for [`Tiles::run_kernels`], and this CPU has the chain's instructions. `joints` are those of the step.
    unsafe fn run_chain(&self, run: chain::Loop, dst: *mut u8, joints: &[Joint], n: usize) {
        // SAFETY: slots have room for the padding of a tile, as in `run_kernel`. Where the destination is the place of an input, it begins where that
        // begins and has elements of its size: a slot of one size, or an operand that is read under the same strides.
        unsafe { run(dst, joints[0], &joints[1..], n) }
    }

    /// # Safety
    /// As for [`Tiles::compute`], after the kernels have run.
    unsafe fn write_outputs(&mut self, offsets: &Offsets, seamless: bool) {
        let plan = self.plan;
        let first_store = self.first_store();
        for (k, store) in plan.stores.iter().enumerate() {
            let i = first_store + k;
            if store.in_place && self.streams[i].flat && seamless {
                continue;
            }
            let size = plan.slots[store.slot as usize].size;
            let to = self.streams[i].base.wrapping_offset(offsets[i]);
            let rows = scatter(&self.dims, i, size);
            // SAFETY: the elements of the tile's points are the caller's to write; the slot holds the tile's values.
            unsafe { copy_box(to, self.slots[store.slot as usize], size, rows) };
        }
    }

    /// Writes results, one value after the other, to the operand of fold `f` for a box of kept points.
    ///
    /// # Safety
    /// The operand has an element for each point of the box, the caller's to write, and `results` has as many values.
    pub(super) unsafe fn write_results(&self, f: usize, offsets: &Offsets, results: &[u8], kept: &[Dim<'_>]) {
        let i = self.streams.len() - self.plan.folds.len() + f;
        let size = self.plan.folds[f].dtype.size();
        debug_assert_eq!(results.len(), size * kept.iter().map(|dim| dim.extent).product::<usize>());
        let to = self.streams[i].base.wrapping_offset(offsets[i]);
        // SAFETY: the caller's promise.
        unsafe { copy_box(to, results.as_ptr(), size, scatter(kept, i, size)) };
    }
}

/// A box of a stream as it is gathered to a tile of `points` elements of `size` bytes.
fn gather<'b>(dims: &'b [Dim<'_>], stream: usize, points: usize, size: usize) -> impl Iterator<Item = Row> + use<'b> {
    let mut to = (points * size) as isize;
    dims.iter().map(move |dim| {
        to /= dim.extent as isize;
        Row { extent: dim.extent, to, from: dim.steps[stream] }
    })
}

/// A box of a stream as it is scattered from a tile of elements of `size` bytes.
fn scatter<'b>(dims: &'b [Dim<'_>], stream: usize, size: usize) -> impl Iterator<Item = Row> + use<'b> {
    let mut from = (size * dims.iter().map(|dim| dim.extent).product::<usize>()) as isize;
    dims.iter().map(move |dim| {
        from /= dim.extent as isize;
        Row { extent: dim.extent, to: dim.steps[stream], from }
    })
}
