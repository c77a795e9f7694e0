//! Rows of instances as runs of bytes, and messages of rows.
//!
//! # Claim
//! Who moves a slab has it to itself, or shares it with readers only. *Why it holds:* nodes record what they touch; chunks of a node touch different points of the list, different
//! places of a message, or different rows of the table. Every place is checked when it is asked for.

use crate::exec::HostBuffer;
use crate::exec::copy::{CopyPlan, Strided, dense_strides};
use crate::exec::instance::{Memory, PhysicalInstance};
use crate::geometry::Point;
use crate::store::Access;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;

/// Rows of an instance, seen through an access of which the first domain dimension counts rows; a slab is what a row holds.
#[derive(Clone, Debug)]
pub(crate) struct Slabs {
    /// The first of `rows`.
    at: Strided,
    rows: Range<i64>,
    /// Of a slab.
    shape: Point,
    element: usize,
    // Invariant: all elements of all slabs of `rows` lie in it.
    _memory: Arc<Memory>,
}

impl Slabs {
    /// `rows` of what an instance holds. `None` if it has no memory.
    ///
    /// # Panics
    /// If it does not hold them.
    pub(crate) fn new(instance: &PhysicalInstance, access: &Access, rows: Range<i64>, shape: &[i64]) -> Option<Slabs> {
        let memory = instance.memory().ok()?.clone();
        let (first, all): (Point, Point) = (
            std::iter::once(rows.start).chain(shape.iter().map(|_| 0)).collect(),
            std::iter::once(rows.end - rows.start).chain(shape.iter().copied()).collect(),
        );
        let at = instance.through(access, &first);
        at.assert_within(memory.buffer(), &all, instance.element());
        Some(Slabs { at, rows, shape: shape.into(), element: instance.element(), _memory: memory })
    }

    /// Bytes of one, packed.
    pub(crate) fn slab_bytes(&self) -> usize {
        self.shape.iter().product::<i64>() as usize * self.element
    }

    /// The rows.
    pub(super) fn rows(&self) -> &Range<i64> {
        &self.rows
    }

    /// Bytes from a row to the next.
    pub(super) fn step(&self) -> isize {
        self.at.strides[0]
    }

    /// The first element of a row.
    pub(super) fn slab(&self, row: i64) -> *mut u8 {
        assert!(self.rows.contains(&row), "row {row} of {:?}", self.rows);
        self.at.ptr.wrapping_offset(self.at.strides[0] * (row - self.rows.start) as isize)
    }

    /// Calls with each of some rows and its number, an element of eight bytes.
    pub(super) fn numbers(&self, rows: Range<i64>, mut call: impl FnMut(i64, i64)) {
        assert!(self.rows.start <= rows.start && rows.end <= self.rows.end && self.element == 8);
        for row in rows {
            let at = self.at.ptr.wrapping_offset(self.at.strides[0] * (row - self.rows.start) as isize);
            // SAFETY: a row of `self.rows` (asserted), whose element of eight bytes lies in `_memory`; for writers see the module's claim.
            call(row, unsafe { at.cast::<i64>().read_unaligned() });
        }
    }

    /// How a slab gets from `src` to `dst`; packed where none is given.
    pub(super) fn mover(dst: Option<&Slabs>, src: Option<&Slabs>) -> CopyPlan {
        let some = dst.or(src).expect("one side is in an instance");
        let side = |slabs: Option<&Slabs>| {
            let strides = slabs.map(|slabs| SmallVec::from_slice(&slabs.at.strides[1..]));
            Strided {
                ptr: std::ptr::null_mut(),
                strides: strides.unwrap_or_else(|| dense_strides(&some.shape, some.element)),
            }
        };
        CopyPlan::new(&some.shape, some.element, &side(dst), &side(src))
    }
}

/// Moves one slab.
pub(super) trait Mover {
    /// # Safety
    /// The slab at `src` may be read, the one at `dst` written, and they are apart.
    unsafe fn slab(&self, dst: *mut u8, src: *const u8);
}

/// A slab that is one run of `N` bytes.
pub(super) struct Fixed<const N: usize>;

impl<const N: usize> Mover for Fixed<N> {
    /// # Safety
    /// As the trait says.
    unsafe fn slab(&self, dst: *mut u8, src: *const u8) {
        // SAFETY: the caller's promise; a constant length becomes one move.
        unsafe { std::ptr::copy_nonoverlapping(src, dst, N) }
    }
}

impl Mover for CopyPlan {
    /// # Safety
    /// As the trait says.
    unsafe fn slab(&self, dst: *mut u8, src: *const u8) {
        // SAFETY: the caller's promise.
        unsafe { self.run_at(dst, src) }
    }
}

/// Evaluates an expression with the mover that suits a plan: the loops around it are compiled for each.
macro_rules! with_mover {
    ($plan:expr, $mover:ident => $body:expr) => {{
        use $crate::exec::indirect::slabs::Fixed;
        match $plan.run_bytes() {
            Some(1) => {
                let $mover = &Fixed::<1>;
                $body
            }
            Some(2) => {
                let $mover = &Fixed::<2>;
                $body
            }
            Some(4) => {
                let $mover = &Fixed::<4>;
                $body
            }
            Some(8) => {
                let $mover = &Fixed::<8>;
                $body
            }
            Some(16) => {
                let $mover = &Fixed::<16>;
                $body
            }
            _ => {
                let $mover = $plan;
                $body
            }
        }
    }};
}
pub(super) use with_mover;

/// How messages are laid out: numbers of rows, then packed slabs, as many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Bytes of a row's number; 0: there are none.
    number: usize,
    /// Bytes of a slab; 0: there are none.
    slab: usize,
}

impl Format {
    /// Numbers of some of `rows` rows: four bytes each where they suffice.
    pub(crate) fn numbers(rows: i64) -> Format {
        Format { number: if u32::try_from(rows).is_ok() { 4 } else { 8 }, slab: 0 }
    }
    /// Slabs of so many bytes.
    pub(crate) fn slabs(slab: usize) -> Format {
        Format { number: 0, slab }
    }
    /// Both.
    pub(crate) fn with_slabs(self, slab: usize) -> Format {
        Format { slab, ..self }
    }
    /// Bytes of a message of `count`.
    pub(crate) fn bytes(self, count: usize) -> usize {
        count * (self.number + self.slab)
    }
    /// How many a message has, if it has whole ones.
    pub(super) fn count(self, message: &HostBuffer) -> Option<usize> {
        let one = self.number + self.slab;
        message.len().is_multiple_of(one).then(|| message.len() / one)
    }
    /// The number of the `k`-th row.
    pub(super) fn row(self, message: &HostBuffer, k: usize) -> i64 {
        let bytes = &message.as_slice()[k * self.number..(k + 1) * self.number];
        match bytes.try_into() {
            Ok(four) => i64::from(u32::from_le_bytes(four)),
            Err(_) => i64::from_le_bytes(bytes.try_into().expect("a number has four bytes or eight")),
        }
    }
    /// Writes the number of the `k`-th row.
    ///
    /// # Safety
    /// Nobody else reads or writes it.
    pub(super) unsafe fn put_row(self, message: &HostBuffer, k: usize, row: i64) {
        assert!((k + 1) * self.number <= message.len());
        let at = message.as_ptr().wrapping_add(k * self.number);
        // SAFETY: within the message (asserted), and the caller's alone.
        unsafe {
            match self.number {
                4 => std::ptr::copy_nonoverlapping((row as u32).to_le_bytes().as_ptr(), at, 4),
                _ => std::ptr::copy_nonoverlapping(row.to_le_bytes().as_ptr(), at, 8),
            }
        }
    }
    /// The `k`-th slab of a message of `count`.
    pub(super) fn slab(self, message: &HostBuffer, count: usize, k: usize) -> *mut u8 {
        let at = count * self.number + k * self.slab;
        assert!(at + self.slab <= message.len(), "slab {k} of {count}");
        message.as_ptr().wrapping_add(at)
    }
}
