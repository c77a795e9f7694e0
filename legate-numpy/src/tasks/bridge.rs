//! The only unsafe code of this crate: operands of a running task become operands of a kernel.
//!
//! # Claim
//! What core promises a task body about its operands ([`legate_core::operation::TaskContext`], "Claim") is what the kernels ask for: each element of the
//! chunk is in live memory, initialised where it is read, and touched by nobody else where it is written. Operands of one launch are either
//! the same elements or none in common, because `Body::run` copies everything else first.
#![allow(unsafe_code, reason = "kernels work on raw operands; see the claim above")]

use super::linalg::{ProductArgs, ProductKind};
use legate_core::operation::{OperandView, TaskContext};
use legate_kernels::dispatch_dtype;
use legate_kernels::engine::Compiled;
use legate_kernels::linalg::{Arithmetic, RawMatrix, gemm, gemv_cols, gemv_rows};
use legate_kernels::operand::RawOperand;
use legate_kernels::random::{Stream, fill_rect_f64};
use smallvec::SmallVec;

fn raw(view: &OperandView) -> RawOperand {
    RawOperand { ptr: view.ptr, strides: SmallVec::from_slice(&view.strides) }
}

/// Runs a program on the chunk of a running task.
pub(super) fn run_program(compiled: &Compiled, ctx: &TaskContext<'_>) {
    let operands: SmallVec<[RawOperand; 8]> = ctx.operands().iter().map(raw).collect();
    let domain = ctx.domain().shape();
    let rect = ctx.rect();
    let extent: SmallVec<[usize; 4]> = (0..rect.rank()).map(|d| rect.extent(d) as usize).collect();
    // SAFETY: the operands are those of the program, in its order, lying as the context says; by the claim above they may be used so for
    // the duration of the call.
    unsafe { compiled.run(&domain, &rect.lo, &extent, &operands) }
}

/// Fills the only operand of a running task with the values of a stream.
pub(super) fn fill_random(stream: &Stream, ctx: &TaskContext<'_>) {
    let out = &ctx.operands()[0];
    let rect = ctx.rect();
    // SAFETY: the operand's elements over the chunk are aligned doubles that only this call touches, by the claim above.
    unsafe { fill_rect_f64(stream, &ctx.domain().shape(), &rect.lo, &rect.hi, out.ptr, &out.strides) }
}

/// Multiplies the operands of a running task: two factors and the result.
pub(super) fn multiply(args: ProductArgs, ctx: &TaskContext<'_>) {
    dispatch_dtype!(args.dtype, T => multiply_as::<T>(args.kind, ctx));
}

fn multiply_as<T: Arithmetic>(kind: ProductKind, ctx: &TaskContext<'_>) {
    let [a, b, c] = ctx.operands() else { panic!("a product has three operands") };
    let extent = |d: usize| ctx.rect().extent(d) as usize;
    let matrix = |view: &OperandView, row: usize, column: usize| {
        RawMatrix::<T>::new(view.ptr, [view.strides[row], view.strides[column]])
    };
    let vector = |view: &OperandView, dim: usize| RawMatrix::<T>::vector(view.ptr, view.strides[dim]);
    // SAFETY: the strides along the domain's dimensions lead through the elements of the chunk, which by the claim above may be read
    // (the factors) and are nobody else's (the result). The result is no factor: it is a new array.
    unsafe {
        match kind {
            ProductKind::GemvRows => gemv_rows(extent(0), extent(1), matrix(a, 0, 1), vector(b, 1), vector(c, 0)),
            ProductKind::GemvCols => gemv_cols(extent(0), extent(1), matrix(a, 0, 1), vector(b, 0), vector(c, 1)),
            ProductKind::Gemm => {
                gemm([extent(0), extent(1), extent(2)], matrix(a, 0, 2), matrix(b, 2, 1), matrix(c, 0, 1))
            }
        }
    }
}
