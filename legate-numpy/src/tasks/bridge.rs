//! The only unsafe code of this crate: operands of a running task become operands of a kernel.
//!
//! # Claim
//! What core promises a task body about its operands ([`legate_core::operation::TaskContext`], "Claim") is what the kernels ask for: each element of the
//! chunk is in live memory, initialised where it is read, and touched by nobody else where it is written. Operands of one launch are either
//! the same elements or none in common, because `Body::run` copies everything else first.
#![allow(unsafe_code, reason = "kernels work on raw operands; see the claim above")]

use super::linalg::{ProductArgs, ProductKind};
use super::routine::Routine;
use legate_core::exec::HostBuffer;
use legate_core::operation::{OperandView, TaskContext, TaskError};
use legate_kernels::accumulate::accumulate_at;
use legate_kernels::along::{self, Along};
use legate_kernels::bits;
use legate_kernels::dtype::DType;
use legate_kernels::engine::{Compiled, Met};
use legate_kernels::exceptions::{Exceptions, Flags, is_nan};
use legate_kernels::extreme::arg_extreme;
use legate_kernels::gather::{OutOfBounds, gather, scatter};
use legate_kernels::host::HostOperand;
use legate_kernels::linalg::{
    Arithmetic, RawMatrix, Real, gemm, gemm_tall, gemv_cols, gemv_rows, solve, solve_scratch_bytes,
};
use legate_kernels::moments::moments;
use legate_kernels::operand::RawOperand;
use legate_kernels::parallel::Threads;
use legate_kernels::random::{Stream, fill_rect_f64};
use legate_kernels::scan::scan;
use legate_kernels::search::search;
use legate_kernels::select::{RawVector, compress, count_blocks};
use legate_kernels::sort;
use legate_kernels::{dispatch_computed, dispatch_dtype, dispatch_ordered};
use smallvec::{SmallVec, smallvec};

fn raw(view: &OperandView) -> RawOperand {
    RawOperand { ptr: view.ptr, strides: SmallVec::from_slice(&view.strides) }
}

/// Runs a program on the chunk of a running task, and says which steps have met what of that which is wanted.
pub(super) fn run_program(compiled: &Compiled, ctx: &TaskContext<'_>, wanted: Exceptions) -> Met {
    let operands: SmallVec<[RawOperand; 8]> = ctx.operands().iter().map(raw).collect();
    let domain = ctx.domain().shape();
    let rect = ctx.rect();
    let extent: SmallVec<[usize; 4]> = (0..rect.rank()).map(|d| rect.extent(d) as usize).collect();
    // SAFETY: the operands are those of the program, in its order, lying as the context says; by the claim above they may be used so for
    // the duration of the call.
    unsafe { compiled.run_watched(&domain, &rect.lo, &extent, &operands, wanted) }
}

/// Fills the only operand of a running task with the values of a stream.
pub(super) fn fill_random(stream: &Stream, ctx: &TaskContext<'_>) {
    let out = &ctx.operands()[0];
    let rect = ctx.rect();
    // SAFETY: the operand's elements over the chunk are aligned doubles that only this call touches, by the claim above.
    with_threads(ctx, None, |threads| unsafe {
        fill_rect_f64(stream, &ctx.domain().shape(), (&rect.lo, &rect.hi), out.ptr, &out.strides, threads);
    });
}

/// Multiplies the operands of a running task: two factors and the result.
pub(super) fn multiply(args: &ProductArgs, ctx: &TaskContext<'_>) {
    dispatch_computed!(args.dtype, T => multiply_as::<T>(args.kind, ctx));
}

/// Whether a running product has written a NaN.
pub(super) fn product_has_nan(args: &ProductArgs, ctx: &TaskContext<'_>) -> bool {
    let [_, _, c] = ctx.operands() else { panic!("a product has three operands") };
    let (rect, size) = (ctx.rect(), args.dtype.size());
    // A fold is written once for all points along the dimensions that it does not use.
    let extent = |d: usize| if c.strides[d] == 0 { 1 } else { rect.extent(d) as isize };
    let mut places = vec![0_isize];
    for d in 0..rect.rank() {
        places = places.iter().flat_map(|place| (0..extent(d)).map(move |k| place + k * c.strides[d])).collect();
    }
    // SAFETY: places within the chunk's elements of the result, which this task has written and nobody else touches, by the claim above.
    places.into_iter().any(|place| is_nan(args.dtype, unsafe { std::slice::from_raw_parts(c.ptr.offset(place), size) }))
}

fn multiply_as<T: Arithmetic>(kind: ProductKind, ctx: &TaskContext<'_>) {
    let [a, b, c] = ctx.operands() else { panic!("a product has three operands") };
    let extent = |d: usize| ctx.rect().extent(d) as usize;
    let extents = || [extent(0), extent(1), extent(2)];
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
            ProductKind::Gemm => gemm(extents(), matrix(a, 0, 2), matrix(b, 2, 1), matrix(c, 0, 1)),
            // What there is to share has been cut into chunks.
            ProductKind::GemmTall => {
                gemm_tall(extents(), matrix(a, 0, 2), matrix(b, 2, 1), matrix(c, 0, 1), Threads::ALONE)
            }
        }
    }
}

/// Calls `call` with the threads that a running task may use.
fn with_threads<R>(ctx: &TaskContext<'_>, flags: Option<&Flags>, call: impl FnOnce(Threads<'_>) -> R) -> R {
    let run = |pieces: usize, body: &(dyn Fn(usize) + Sync)| match flags {
        Some(flags) => ctx.for_chunks(pieces, &|k| flags.over(|| body(k))),
        None => ctx.for_chunks(pieces, body),
    };
    call(Threads::new(ctx.threads(), &run))
}

/// Runs a routine on the chunk of a running task. `flags`: gathers what the threads raise that it shares its work with.
pub(super) fn run_routine_of(routine: Routine, ctx: &TaskContext<'_>, flags: Option<&Flags>) -> Result<(), TaskError> {
    let operands: SmallVec<[RawOperand; 8]> = ctx.operands().iter().map(raw).collect();
    let (domain, rect) = (ctx.domain().shape(), ctx.rect());
    // SAFETY: the operands are those of the routine, in its order, lying as the context says; by the claim above they may be used so for
    // the duration of the call.
    let done = with_threads(ctx, flags, |threads| unsafe {
        run_routine(routine, &domain, (&rect.lo, &rect.hi), &operands, threads)
    });
    done.map_err(TaskError)
}

/// Runs a routine over a whole domain, on host bytes.
///
/// # Panics
/// If an operand reaches outside of its bytes.
///
/// # Errors
/// What the routine refuses.
pub(crate) fn run_routine_on_host(
    routine: Routine,
    domain: &[i64],
    operands: &mut [(HostOperand<'_>, DType)],
) -> Result<(), String> {
    let raws: SmallVec<[RawOperand; 8]> = operands
        .iter_mut()
        .map(|(operand, dtype)| operand.raw_within(domain, dtype.size()).expect("views lie in their bases"))
        .collect();
    let lo: SmallVec<[i64; 4]> = SmallVec::from_elem(0, domain.len());
    // SAFETY: the operands are those of the routine, in its order; over the domain they lie in bytes that are borrowed for the duration of the call,
    // those that are written exclusively.
    unsafe { run_routine(routine, domain, (&lo, domain), &raws, Threads::ALONE) }
}

/// # Safety
/// The operands are the routine's, in its order, with a stride for each dimension of the domain. Their elements over the box `lo..hi` are valid and aligned;
/// those that the routine writes are nobody else's.
unsafe fn run_routine(
    routine: Routine,
    domain: &[i64],
    (lo, hi): (&[i64], &[i64]),
    operands: &[RawOperand],
    threads: Threads<'_>,
) -> Result<(), String> {
    let extents: SmallVec<[usize; 4]> = lo.iter().zip(hi).map(|(lo, hi)| (hi - lo) as usize).collect();
    let begin = |d: usize| lo[d] as usize;
    let vector = RawVector::along;
    // SAFETY: the caller's word.
    unsafe {
        match (routine, operands) {
            (Routine::Scan { op, dtype, axis }, [input, output]) => {
                dispatch_dtype!(dtype, T => scan::<T>(op, axis, &extents, input, output, threads));
                Ok(())
            }
            (Routine::Along { op, dtype, axis, each, initial }, [input, rest @ ..]) => {
                let (mask, output) = match rest {
                    [mask, output] => (Some(mask), output),
                    [output] => (None, output),
                    _ => unreachable!("a walk has two operands or three"),
                };
                along::along(Along { op, dtype, axis, each, initial }, &extents, input, mask, output);
                Ok(())
            }
            (Routine::Segments { op, dtype }, [source, starts, ends, out]) => {
                let s = &source.strides;
                let source = RawOperand { ptr: source.ptr, strides: smallvec![s[0], s[3], s[2]] };
                let extents3 = [extents[0], extents[1], extents[2]];
                along::segments((op, dtype), extents3, extents[3], &source, [starts, ends], out);
                Ok(())
            }
            (Routine::Sort { dtype, axis, places }, [input, output]) => {
                let mut scratch = HostBuffer::try_zeroed(sort::scratch_bytes(extents[axis], dtype.size(), places))
                    .map_err(|e| e.to_string())?;
                let scratch = scratch.as_mut_slice();
                dispatch_ordered!(dtype, T => match places {
                    false => sort::sort::<T>(axis, &extents, input, output, scratch, threads),
                    true => sort::argsort::<T>(axis, &extents, input, output, scratch, threads),
                });
                Ok(())
            }
            (Routine::ArgExtreme { dtype, largest }, [input, output]) => {
                let extents = [extents[0], extents[1]];
                dispatch_ordered!(dtype, T => match largest {
                    false => arg_extreme::<T, false>(extents, input, output, threads),
                    true => arg_extreme::<T, true>(extents, input, output, threads),
                });
                Ok(())
            }
            (Routine::Moments { dtype }, [input, means, rests, squares]) => {
                moments(dtype, [extents[0], extents[1], extents[2]], input, [means, rests, squares]);
                Ok(())
            }
            (Routine::Solve { dtype: DType::F32 }, [a, b, x, singular]) => {
                solve_system::<f32>(&extents, [a, b, x], singular, threads)
            }
            (Routine::Solve { dtype: DType::F64 }, [a, b, x, singular]) => {
                solve_system::<f64>(&extents, [a, b, x], singular, threads)
            }
            (Routine::Search { dtype, after }, [sorted, needles, places]) => {
                let (sorted, needles, places) = (vector(sorted, 1), vector(needles, 0), vector(places, 0));
                dispatch_ordered!(dtype, T => search::<T>(after, extents[1], sorted, extents[0], needles, places));
                Ok(())
            }
            (Routine::CountBlocks, [mask, counts]) => {
                count_blocks(begin(0), hi[0] as usize, extents[1], vector(mask, 1), vector(counts, 0));
                Ok(())
            }
            (Routine::Compress(selected), [mask, before, rest @ ..]) => {
                let (values, out) = match rest {
                    [values, out] => (values, out),
                    // Positions have no values; the mask stands in for them.
                    [out] => (mask, out),
                    _ => unreachable!("a selection has three operands or four"),
                };
                let (mask, before, values) = (vector(mask, 1), vector(before, 2), vector(values, 1));
                compress(selected, (begin(0), hi[0] as usize), extents[1], mask, before, values, vector(out, 0));
                Ok(())
            }
            (Routine::Gather { size }, [source, index, out]) => {
                let s = &source.strides;
                let source = RawOperand { ptr: source.ptr, strides: smallvec![s[0], s[3], s[2]] };
                gather(size, [extents[0], extents[1], extents[2]], extents[3], &source, vector(index, 1), out)
                    .map_err(out_of_bounds)
            }
            (Routine::Scatter { size }, [target, index, values]) => {
                let v = &values.strides;
                let values = RawOperand { ptr: values.ptr, strides: smallvec![v[3], v[0], v[2]] };
                let extents = [extents[0], extents[1], extents[2], extents[3]];
                let range = (begin(1), domain[1] as usize);
                scatter(size, extents, range, target, vector(index, 3), &values, threads).map_err(out_of_bounds)
            }
            (Routine::Accumulate { op, dtype }, [target, index, values]) => {
                let v = &values.strides;
                let values = RawOperand { ptr: values.ptr, strides: smallvec![v[3], v[0], v[2]] };
                let extents = [extents[0], extents[1], extents[2], extents[3]];
                let range = (begin(1), domain[1] as usize);
                accumulate_at((op, dtype), extents, range, target, vector(index, 3), &values).map_err(out_of_bounds)
            }
            (Routine::PackBits(order), [apart, packed]) => {
                bits::pack(order, [extents[0], extents[1]], apart, packed);
                Ok(())
            }
            (Routine::UnpackBits(order), [packed, apart]) => {
                bits::unpack(order, [extents[0], extents[1]], packed, apart);
                Ok(())
            }
            (routine, operands) => panic!("{routine:?} with {} operands", operands.len()),
        }
    }
}

/// # Safety
/// As [`run_routine`], for [`Routine::Solve`].
unsafe fn solve_system<T: Real>(
    extents: &[usize],
    [a, b, x]: [&RawOperand; 3],
    singular: &RawOperand,
    threads: Threads<'_>,
) -> Result<(), String> {
    let (n, columns) = (extents[0], extents[2]);
    let matrix = |operand: &RawOperand, row: usize, column: usize| {
        RawMatrix::<T>::new(operand.ptr, [operand.strides[row], operand.strides[column]])
    };
    let bytes = solve_scratch_bytes(n, columns, size_of::<T>());
    let mut scratch = HostBuffer::try_zeroed(bytes).map_err(|e| e.to_string())?;
    let matrices = (matrix(a, 0, 1), matrix(b, 0, 2), matrix(x, 1, 2));
    // SAFETY: the caller's word.
    unsafe {
        let solved = solve(n, columns, matrices, scratch.as_mut_slice(), threads);
        singular.ptr.cast::<i64>().write(i64::from(solved.is_err()));
    }
    Ok(())
}

fn out_of_bounds(index: OutOfBounds) -> String {
    format!("index {} is out of bounds", index.0)
}
