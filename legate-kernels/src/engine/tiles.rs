//! One tile after the other: where each value of a plan lies, and the kernels in order.
//!
//! A tile is a box of points, the same for all tiles of a run but for its length along one dimension. A load or store whose elements lie one after the
//! other throughout the box is *flat*: its slot is operand memory itself. Others go through scratch memory. Kernels compute whole strips, so a
//! tile that is not made of whole strips goes through scratch memory altogether, where there is room to compute too much.

use super::kernel::{Kernel, STRIP};
use super::nest::{Dim, Offsets, shift};
use super::plan::{Plan, Slot};
use super::strided::{BoxStrides, contiguous, copy_box, fill_index};
use crate::operand::RawOperand;
use smallvec::SmallVec;

/// What one stream does at each tile.
struct Stream {
    /// Address of the chunk's first point; for coordinates, the chunk's first coordinate in disguise.
    base: *mut u8,
    /// Along each dimension of the box.
    strides: BoxStrides,
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
    /// Extents of the box.
    extents: SmallVec<[usize; 6]>,
    /// The dimension of the box along which tiles differ in length.
    varying: usize,
    /// Where the values of each slot are in the current tile.
    slots: SmallVec<[*mut u8; 24]>,
}

impl<'a> Tiles<'a> {
    /// # Safety
    /// `arena` has the plan's size and is initialised and the caller's alone for the lifetime of the result; the operands and the chunk
    /// keep the contract of [`super::Compiled::run`]; `copied` names all loads whose operand a store writes.
    pub(super) unsafe fn new(
        plan: &'a Plan,
        arena: *mut u8,
        operands: &[RawOperand],
        lo: &[i64],
        copied: u64,
        dims: &[Dim],
        varying: usize,
    ) -> Tiles<'a> {
        let memory = |operand: u16| operands[operand as usize].ptr;
        let bases = plan.loads.iter().map(|load| memory(load.operand));
        let bases = bases
            .chain(plan.indices.iter().map(|(_, dim)| std::ptr::without_provenance_mut(lo[*dim as usize] as usize)));
        let bases = bases.chain(plan.stores.iter().map(|store| memory(store.operand)));
        let bases = bases.chain(plan.folds.iter().map(|fold| memory(fold.operand)));
        let streams = bases.enumerate().map(|(i, base)| Stream {
            base,
            strides: dims.iter().map(|dim| dim.steps[i]).collect(),
            flat: false,
            gathered: None,
        });
        let slots = plan.slots.iter().map(|slot| arena.wrapping_add(slot.scratch)).collect();
        let extents = dims.iter().map(|dim| dim.extent).collect();
        let mut tiles = Tiles { plan, arena, streams: streams.collect(), copied, extents, varying, slots };
        tiles.find_flat_streams();
        // SAFETY: the arena has the plan's size.
        unsafe { tiles.fill_constants() };
        tiles
    }

    fn find_flat_streams(&mut self) {
        let plan = self.plan;
        let loads = plan.loads.iter().map(|load| load.slot).enumerate();
        let first_store = plan.loads.len() + plan.indices.len();
        let stores = plan.stores.iter().map(|store| store.slot).enumerate().map(|(i, slot)| (first_store + i, slot));
        for (i, slot) in loads.chain(stores) {
            let mut expected = plan.slots[slot as usize].size as isize;
            self.streams[i].flat = self.varying == 0
                && self.streams[i].strides.iter().zip(&self.extents).rev().all(|(stride, extent)| {
                    let follows = *extent == 1 || *stride == expected;
                    expected *= *extent as isize;
                    follows
                });
        }
    }

    /// # Safety
    /// The arena has the plan's size.
    unsafe fn fill_constants(&mut self) {
        let points: usize = self.extents.iter().product::<usize>().next_multiple_of(STRIP).min(self.plan.tile);
        for (slot, value) in &self.plan.constants {
            let bytes = value.as_bytes();
            // SAFETY: a slot's scratch tile holds `plan.tile` elements of its size.
            unsafe {
                copy_box(
                    self.slots[*slot as usize],
                    &[bytes.len() as isize],
                    bytes.as_ptr(),
                    &[0],
                    &[points],
                    bytes.len(),
                )
            };
        }
    }

    /// The scratch tile of a slot.
    pub(super) fn scratch(&self, slot: u16) -> *mut u8 {
        self.arena.wrapping_add(self.plan.slots[slot as usize].scratch)
    }

    /// Points of the box for each point of the dimension along which tiles differ.
    pub(super) fn points_per_unit(&self) -> usize {
        self.extents.iter().enumerate().filter(|(d, _)| *d != self.varying).map(|(_, n)| n).product()
    }

    /// Whether a tile of one load and nothing to compute, as in the sum of an array, can be left where it is.
    fn has_no_kernels(&self) -> bool {
        self.plan.steps.is_empty() && self.plan.stores.is_empty()
    }

    /// Computes a tile of `length` points along the varying dimension, the streams being at `offsets`. Values to be folded are
    /// left in the buffers of the folds; the result says where the values of each fold lie.
    ///
    /// # Safety
    /// The points are in the chunk; the tile has at most `plan.tile` points.
    pub(super) unsafe fn compute(&mut self, offsets: &mut Offsets, length: usize) -> SmallVec<[*const u8; 2]> {
        let points = length * self.points_per_unit();
        debug_assert!(points <= self.plan.tile);
        let seamless = points.is_multiple_of(STRIP) || self.has_no_kernels();
        if seamless || self.extents.len() > 1 || points < STRIP {
            // SAFETY: the caller's promise.
            unsafe { self.compute_part(offsets, length, points, 0, seamless) };
            return self.plan.folds.iter().map(|fold| self.slots[fold.slot as usize].cast_const()).collect();
        }
        let whole = points / STRIP * STRIP;
        let step: Offsets = self.streams.iter().map(|stream| stream.strides[0]).collect();
        // SAFETY: both parts are parts of the caller's tile.
        unsafe { self.compute_part(offsets, whole, whole, 0, true) };
        self.collect(whole, 0);
        shift(offsets, &step, whole as isize);
        // SAFETY: as above.
        unsafe { self.compute_part(offsets, points - whole, points - whole, whole, false) };
        self.collect(points - whole, whole);
        shift(offsets, &step, -(whole as isize));
        self.plan.folds.iter().map(|fold| self.scratch(fold.buffer).cast_const()).collect()
    }

    /// Copies the values of a part to the buffers of the folds for which they were not computed.
    fn collect(&mut self, points: usize, at: usize) {
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
        self.extents[self.varying] = length;
        // SAFETY: the caller's promise, for each stage.
        unsafe {
            self.place_inputs(offsets, points, seamless);
            self.place_outputs(offsets, at, seamless);
            self.run_kernels(points);
            self.write_outputs(offsets, seamless);
        }
    }

    /// # Safety
    /// As for [`Tiles::compute`].
    unsafe fn place_inputs(&mut self, offsets: &Offsets, points: usize, seamless: bool) {
        let plan = self.plan;
        for (i, load) in plan.loads.iter().enumerate() {
            let is_copied = self.copied >> i.min(63) & 1 == 1;
            let scratch = self.scratch(load.slot);
            let stream = &mut self.streams[i];
            let from = stream.base.wrapping_offset(offsets[i]);
            if stream.flat && seamless && !is_copied {
                self.slots[load.slot as usize] = from;
                continue;
            }
            self.slots[load.slot as usize] = scratch;
            let known =
                stream.gathered.is_some_and(|(offset, n)| offset == offsets[i] && n >= points && self.varying == 0);
            if is_copied || !known {
                let size = plan.slots[load.slot as usize].size;
                // SAFETY: the elements of the tile's points are the caller's to read; the scratch tile has room for a tile.
                unsafe {
                    copy_box(scratch, &contiguous(&self.extents, size), from, &stream.strides, &self.extents, size)
                };
                stream.gathered = Some((offsets[i], points));
            }
        }
        for (i, (slot, _)) in plan.indices.iter().enumerate() {
            let i = plan.loads.len() + i;
            let start = self.streams[i].base.addr() as i64 + offsets[i] as i64;
            // SAFETY: the scratch tile has room for a tile of `i64`.
            unsafe { fill_index(self.scratch(*slot).cast(), start, &self.streams[i].strides, &self.extents) };
        }
    }

    /// # Safety
    /// As for [`Tiles::compute`].
    unsafe fn place_outputs(&mut self, offsets: &Offsets, at: usize, seamless: bool) {
        let plan = self.plan;
        let first_store = plan.loads.len() + plan.indices.len();
        for (i, store) in plan.stores.iter().enumerate().filter(|(_, store)| store.in_place) {
            let stream = &self.streams[first_store + i];
            let direct = stream.flat && seamless;
            let to =
                if direct { stream.base.wrapping_offset(offsets[first_store + i]) } else { self.scratch(store.slot) };
            self.slots[store.slot as usize] = to;
        }
        for fold in plan.folds.iter().filter(|fold| fold.buffer == fold.slot) {
            self.slots[fold.slot as usize] = self.scratch(fold.buffer).wrapping_add(at * fold.dtype.size());
        }
    }

    /// # Safety
    /// Inputs and outputs have been placed for a tile of so many points.
    unsafe fn run_kernels(&self, points: usize) {
        let padded = points.next_multiple_of(STRIP);
        for step in &self.plan.steps {
            let n = if step.strips { padded } else { points };
            let slot = |id: u16| -> (*mut u8, usize) {
                let Slot { size, .. } = self.plan.slots[id as usize];
                (self.slots[id as usize], n * size)
            };
            let read = |id: u16| {
                let (ptr, len) = slot(id);
                // SAFETY: the slot stands for a scratch tile, which has room for padding, or for operand memory of a tile of whole strips;
                // both are initialised, and the only slot that is written during the kernel is another one.
                unsafe { std::slice::from_raw_parts(ptr.cast_const(), len) }
            };
            let (dst, len) = slot(step.dst);
            // SAFETY: as for `read`; the destination is no argument of the step, and operand memory that is written is nowhere else read in place.
            let dst = unsafe { std::slice::from_raw_parts_mut(dst, len) };
            let [a, b, c] = step.args;
            // SAFETY: the plan was made for an ISA level that this CPU has.
            unsafe {
                match step.kernel {
                    Kernel::Unary(kernel) => kernel(dst, read(a)),
                    Kernel::Binary(kernel) => kernel(dst, read(a), read(b)),
                    Kernel::Ternary(kernel) => kernel(dst, read(a), read(b), read(c)),
                }
            }
        }
    }

    /// # Safety
    /// As for [`Tiles::compute`], after the kernels have run.
    unsafe fn write_outputs(&mut self, offsets: &Offsets, seamless: bool) {
        let plan = self.plan;
        let first_store = plan.loads.len() + plan.indices.len();
        for (i, store) in plan.stores.iter().enumerate() {
            let stream = &self.streams[first_store + i];
            if store.in_place && stream.flat && seamless {
                continue;
            }
            let size = plan.slots[store.slot as usize].size;
            let to = stream.base.wrapping_offset(offsets[first_store + i]);
            let from = self.slots[store.slot as usize];
            // SAFETY: the elements of the tile's points are the caller's to write; the slot holds the tile's values.
            unsafe { copy_box(to, &stream.strides, from, &contiguous(&self.extents, size), &self.extents, size) };
        }
    }

    /// Writes `results`, one value after the other, to the operand of fold `fold` for a box of kept points.
    ///
    /// # Safety
    /// The operand has an element for each point of the box, the caller's to write, and `results` has as many values.
    pub(super) unsafe fn write_results(
        &self,
        fold: usize,
        offsets: &Offsets,
        results: *const u8,
        kept: &[Dim],
        extents: &[usize],
    ) {
        let i = self.streams.len() - self.plan.folds.len() + fold;
        let size = self.plan.folds[fold].dtype.size();
        let to = self.streams[i].base.wrapping_offset(offsets[i]);
        let strides: BoxStrides = kept.iter().map(|dim| dim.steps[i]).collect();
        // SAFETY: the caller's promise.
        unsafe { copy_box(to, &strides, results, &contiguous(extents, size), extents, size) };
    }
}
