//! What the steps of a run have met ([`crate::exceptions`]).
//!
//! After each step the CPU's flags are read, which costs little beside a tile. A loop that is correctly rounded has met nothing if they are clear. If one is
//! raised, the values say whether it was raised for the padding of a tile, and in a chain, which link raised it: the chain is
//! computed again, link by link, from its inputs, which is why a chain that may have overwritten one is given a tile of its own before.
//! Of each step a condition is told once in a run, so what is met everywhere costs no more than what is met once.
//!
//! What is raised between steps was raised by folds.

use super::chain::{Joint, Operation, Source};
use super::plan::{Input, Plan, Watched, What};
use super::row;
use crate::dtype::{DType, Scalar};
use crate::exceptions::{self, Exceptions, values};
use std::cell::Cell;

/// Points that are computed again at a time.
const PIECE: usize = 4096;

/// What a run looks for and has found.
pub(super) struct Watch {
    wanted: Exceptions,
    /// For each step of the program.
    met: Vec<Cell<Exceptions>>,
    /// By folds.
    folded: Cell<Exceptions>,
}

impl Watch {
    /// Looks for what is `wanted` in a run of a program of so many steps, which begins now.
    pub(super) fn new(wanted: Exceptions, steps: usize) -> Watch {
        exceptions::clear();
        Watch { wanted, met: vec![Cell::default(); steps], folded: Cell::default() }
    }

    /// What each step has met, of those that have met something.
    pub(super) fn finish(self, plan: &Plan) -> impl Iterator<Item = (usize, Exceptions)> {
        self.end_fold();
        let are_plain = plan.folds.iter().all(|fold| !fold.can.is_empty());
        for fold in plan.folds.iter().filter(|_| are_plain) {
            self.note(fold.reduce as usize, self.folded.get() & fold.can);
        }
        self.met.into_iter().map(Cell::into_inner).enumerate().filter(|(_, met)| !met.is_empty())
    }

    /// What has been raised since the last step was by folds.
    pub(super) fn end_fold(&self) {
        let raised = take();
        self.folded.set(self.folded.get() | raised);
    }

    /// After a kernel: `args` and `result` hold the tile's elements, without padding.
    pub(super) fn end_kernel(&self, watched: Option<&Watched>, args: [&[u8]; 2], (result, made): (&[u8], DType)) {
        let raised = take();
        let Some(Watched { value, can, by_flags, what }) = watched else { return };
        let open = self.open(*value as usize, *can);
        if open.is_empty() || *by_flags && (open & raised).is_empty() {
            return;
        }
        if open.contains(Exceptions::UNDERFLOW) || !values::are_finite(made, result) {
            let met = match *what {
                What::Unary(op, dtype) => values::unary(op, dtype, args[0], result),
                What::Binary(op, dtype) => values::binary(op, dtype, args[0], args[1], result),
                What::Cast(from, to) => values::cast(from, to, args[0], result),
            };
            self.note(*value as usize, met & open);
        }
        // Looking at values compares them, which raises flags for NaN.
        exceptions::clear();
    }

    /// Whether a chain is computed again if it raises a flag: several of its links may have, or padding.
    pub(super) fn doubts(&self, inputs: &[Input], is_padded: bool) -> bool {
        let is_open = inputs[1..].iter().any(|input| !self.open(input.made as usize, input.can).is_empty());
        let raising = inputs[1..].iter().filter(|input| !(input.raises & self.wanted).is_empty());
        is_open && raising.count() > usize::from(!is_padded)
    }

    /// After a chain of elements of `dtype` over `n` points; `padded` if it was computed for more. What it did not meet is returned.
    ///
    /// # Safety
    /// The inputs have these elements, unless no chain is in doubt and there is no padding.
    pub(super) unsafe fn end_chain(
        &self,
        dtype: DType,
        inputs: &[Input],
        joints: &[Joint],
        n: usize,
        padded: bool,
    ) -> Exceptions {
        let raised = take();
        if raised.is_empty() {
            return raised;
        }
        let open = |input: &Input| self.open(input.made as usize, input.can) & raised;
        if inputs[1..].iter().any(|input| !open(input).is_empty()) {
            let mut raising = inputs[1..].iter().filter(|input| !(input.raises & self.wanted).is_empty());
            match (raising.next(), raising.next()) {
                (Some(input), None) if !padded => self.note(input.made as usize, open(input)),
                // SAFETY: the caller's promise.
                _ => unsafe { self.compute_again(dtype, inputs, joints, n) },
            }
        }
        let explained = inputs[1..].iter().map(|input| self.met[input.made as usize].get());
        raised & !explained.fold(Exceptions::NONE, |all, met| all | met)
    }

    /// After a chain of elements of `dtype` that was folded as it was computed: what it did not meet, the fold did.
    ///
    /// # Safety
    /// The inputs have `n` elements.
    pub(super) unsafe fn end_folded_chain(&self, dtype: DType, inputs: &[Input], joints: &[Joint], n: usize) {
        // SAFETY: the caller's promise.
        let left = unsafe { self.end_chain(dtype, inputs, joints, n, true) };
        self.folded.set(self.folded.get() | left);
    }

    /// # Safety
    /// The inputs have `n` elements.
    unsafe fn compute_again(&self, dtype: DType, inputs: &[Input], joints: &[Joint], n: usize) {
        let size = dtype.size();
        // SAFETY: the caller's promise.
        let all: Vec<_> = joints.iter().map(|joint| unsafe { joint.elements(dtype, n) }).collect();
        for start in (0..n).step_by(PIECE) {
            let count = PIECE.min(n - start);
            let part = |k: usize| Part { dtype, from: all[k].0, bytes: all[k].1 }.elements(start, count);
            let mut so_far = part(0);
            for (k, input) in inputs.iter().enumerate().skip(1) {
                let mut made = vec![0; count * size];
                let met = match input.link.operation() {
                    Operation::Unary(op) => {
                        row::unary(op, dtype, dtype, count, &mut made, row::Input::Row(&so_far));
                        values::unary(op, dtype, &so_far, &made)
                    }
                    Operation::Binary(op, reversed) => {
                        let other = part(k);
                        let (x, y) = if reversed { (&other, &so_far) } else { (&so_far, &other) };
                        row::binary(op, dtype, dtype, count, &mut made, [row::Input::Row(x), row::Input::Row(y)]);
                        values::binary(op, dtype, x, y, &made)
                    }
                    Operation::Choose(reversed) => {
                        let other = part(k);
                        let (x, y) = if reversed { (&other, &so_far) } else { (&so_far, &other) };
                        let mask = all[k].2.expect("a link that chooses has a mask");
                        let mask = row::Input::Row(&mask[start..start + count]);
                        row::select(dtype, count, &mut made, mask, [row::Input::Row(x), row::Input::Row(y)]);
                        Exceptions::NONE
                    }
                };
                self.note(input.made as usize, met & self.wanted);
                so_far = made;
            }
        }
        exceptions::clear();
    }

    /// What the step can still be found to have met.
    fn open(&self, step: usize, can: Exceptions) -> Exceptions {
        can & self.wanted & !self.met[step].get()
    }

    fn note(&self, step: usize, met: Exceptions) {
        self.met[step].set(self.met[step].get() | met & self.wanted);
    }
}

/// The flags since they were taken last.
fn take() -> Exceptions {
    let raised = exceptions::raised();
    if !raised.is_empty() {
        exceptions::clear();
    }
    raised
}

/// What an input of a chain of `dtype` reads.
struct Part<'a> {
    dtype: DType,
    from: Source,
    bytes: &'a [u8],
}

impl Part<'_> {
    /// Elements of the chain's type.
    fn elements(&self, start: usize, count: usize) -> Vec<u8> {
        let read = self.from.dtype(self.dtype);
        let mut elements = vec![0; count * self.dtype.size()];
        match self.from {
            Source::Constant => {
                let value = Scalar::from_bytes(self.dtype, self.bytes);
                elements.chunks_exact_mut(self.dtype.size()).for_each(|place| place.copy_from_slice(value.as_bytes()));
            }
            _ => {
                let bytes = &self.bytes[start * read.size()..(start + count) * read.size()];
                if read == self.dtype {
                    elements.copy_from_slice(bytes);
                } else {
                    row::cast(read, self.dtype, count, &mut elements, row::Input::Row(bytes));
                }
            }
        }
        elements
    }
}
