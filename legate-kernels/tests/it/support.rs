//! Arrays in all sorts of memory, and running a program on them twice: by the engine and by the oracle.

use legate_kernels::cast::cast;
use legate_kernels::dtype::{B8, C64, C128, DType, Kind, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::exceptions::Exceptions;
use legate_kernels::isa::Isa;
use legate_kernels::operand::RawOperand;
use legate_kernels::oracle;
use legate_kernels::program::{Binding, Joined, Program};
use smallvec::SmallVec;

/// A view into memory of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) bytes: Vec<u8>,
    /// Of the first point, in bytes.
    pub(crate) offset: usize,
    /// In bytes.
    pub(crate) strides: Vec<isize>,
}

/// The floating-point exceptions that tests look for. Underflow is not among them: what is tiny and exact has not underflowed, which only the CPU's flags tell.
pub(crate) const WANTED: Exceptions = Exceptions::from_bits(1 | 2 | 8);

/// How an array lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    Contiguous,
    /// Every third element of the last dimension.
    Strided,
    /// Last element first, in each dimension.
    Reversed,
    /// One element for all points.
    Broadcast,
    /// One row for all rows.
    BroadcastRows,
    /// One column for all columns.
    BroadcastColumns,
    /// First dimension fastest.
    Transposed,
    /// At an odd address.
    Unaligned,
    /// Rows with gaps between them.
    Padded,
}

impl Layout {
    pub(crate) const ALL: [Layout; 9] = [
        Layout::Contiguous,
        Layout::Strided,
        Layout::Reversed,
        Layout::Broadcast,
        Layout::BroadcastRows,
        Layout::BroadcastColumns,
        Layout::Transposed,
        Layout::Unaligned,
        Layout::Padded,
    ];

    /// Whether each point has an element of its own.
    pub(crate) fn is_injective(self) -> bool {
        !matches!(self, Layout::Broadcast | Layout::BroadcastRows | Layout::BroadcastColumns)
    }
}

impl Array {
    /// An array of a shape whose elements are `values`, again and again.
    pub(crate) fn new(dtype: DType, shape: &[usize], layout: Layout, values: &[Scalar]) -> Array {
        let size = dtype.size() as isize;
        let rank = shape.len();
        let mut strides = vec![0isize; rank];
        let mut step = size;
        let order: Vec<usize> =
            if layout == Layout::Transposed { (0..rank).collect() } else { (0..rank).rev().collect() };
        for d in order {
            strides[d] = step;
            let extent = shape[d].max(1) as isize;
            step *= match layout {
                Layout::Strided if d == rank - 1 => {
                    strides[d] *= 3;
                    3 * extent
                }
                Layout::Padded if d == rank - 1 => extent + 5,
                _ => extent,
            };
        }
        for (d, stride) in strides.iter_mut().enumerate() {
            let is_row = d + 1 < rank;
            let dropped = match layout {
                Layout::Broadcast => true,
                Layout::BroadcastRows => is_row,
                Layout::BroadcastColumns => !is_row,
                _ => false,
            };
            if dropped {
                *stride = 0;
            }
            if layout == Layout::Reversed {
                *stride = -*stride;
            }
        }
        let offset = if layout == Layout::Unaligned { 1 } else { 0 };
        let mut bytes = vec![0xA5u8; step as usize + size as usize + offset];
        bytes.reserve_exact(64);
        bytes.resize(bytes.len() + 64, 0xA5);
        // At a cache line, as the runtime's buffers are, until the array is cloned.
        let mut offset = offset + bytes.as_ptr().align_offset(64);
        // Every slot of the memory gets a value, so that any view sees values and not filler.
        for (i, slot) in bytes[offset..].chunks_exact_mut(size as usize).enumerate() {
            slot.copy_from_slice(values[i % values.len()].as_bytes());
        }
        let back: isize =
            strides.iter().zip(shape).map(|(s, n)| if *s < 0 { -s * (*n as isize - 1).max(0) } else { 0 }).sum();
        offset += back as usize;
        Array { bytes, offset, strides }
    }

    /// An output: zeros in some layout.
    pub(crate) fn zeros(dtype: DType, shape: &[usize], layout: Layout) -> Array {
        Array::new(dtype, shape, layout, &[Scalar::zero(dtype)])
    }

    /// A fold's output: C order over the kept dimensions.
    pub(crate) fn folded(dtype: DType, shape: &[usize], dims: u64) -> Array {
        let kept: Vec<usize> = shape.iter().enumerate().map(|(d, n)| if dims >> d & 1 == 1 { 1 } else { *n }).collect();
        let mut array = Array::zeros(dtype, &kept, Layout::Contiguous);
        (0..shape.len()).filter(|d| dims >> d & 1 == 1).for_each(|d| array.strides[d] = 0);
        array
    }

    /// The view from the point `lo` on.
    pub(crate) fn raw(&mut self, lo: &[usize]) -> RawOperand {
        let offset: isize = self.strides.iter().zip(lo).map(|(s, l)| s * *l as isize).sum();
        let strides: SmallVec<[isize; 4]> = self.strides.iter().copied().collect();
        RawOperand { ptr: self.bytes.as_mut_ptr().wrapping_add(self.offset).wrapping_offset(offset), strides }
    }

    /// The element of a point.
    pub(crate) fn get(&self, dtype: DType, point: &[usize]) -> Scalar {
        let offset: isize = self.strides.iter().zip(point).map(|(s, p)| s * *p as isize).sum();
        let start = self.offset.wrapping_add_signed(offset);
        Scalar::from_bytes(dtype, &self.bytes[start..start + dtype.size()])
    }
}

/// Runs the program by the engine over the whole domain.
pub(crate) fn run_engine(program: &Program, isa: Isa, shape: &[usize], arrays: &mut [Array]) {
    let compiled = Compiled::with_isa(program, shape.len(), isa).unwrap();
    let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let zero = vec![0usize; shape.len()];
    let raw: Vec<RawOperand> = arrays.iter_mut().map(|a| a.raw(&zero)).collect();
    // SAFETY: each array owns its memory, and its view stays inside.
    unsafe { compiled.run(&domain, &vec![0; shape.len()], shape, &raw) };
}

/// Runs the program by the oracle over the whole domain.
pub(crate) fn run_oracle(program: &Program, shape: &[usize], arrays: &mut [Array]) {
    let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let zero = vec![0usize; shape.len()];
    let raw: Vec<RawOperand> = arrays.iter_mut().map(|a| a.raw(&zero)).collect();
    // SAFETY: each array owns its memory, and its view stays inside.
    unsafe { oracle::run(program, &domain, &vec![0; shape.len()], shape, &raw) };
}

/// What the steps of a program have met, by the engine, on a machine with so large a cache. `wanted`: what is looked for.
pub(crate) fn met_by_engine(
    program: &Program,
    (isa, cache): (Isa, u64),
    shape: &[usize],
    arrays: &mut [Array],
    wanted: Exceptions,
) -> Vec<(usize, Exceptions)> {
    let compiled = Compiled::with_isa(program, shape.len(), isa).unwrap().with_cache(cache);
    let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let zero = vec![0usize; shape.len()];
    let raw: Vec<RawOperand> = arrays.iter_mut().map(|a| a.raw(&zero)).collect();
    // SAFETY: each array owns its memory, and its view stays inside.
    let met = unsafe { compiled.run_watched(&domain, &vec![0; shape.len()], shape, &raw, wanted) };
    met.iter().map(|(step, met)| (*step as usize, *met)).collect()
}

/// The same by the oracle.
pub(crate) fn met_by_oracle(
    program: &Program,
    shape: &[usize],
    arrays: &mut [Array],
    wanted: Exceptions,
) -> Vec<(usize, Exceptions)> {
    let domain: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    let zero = vec![0usize; shape.len()];
    let raw: Vec<RawOperand> = arrays.iter_mut().map(|a| a.raw(&zero)).collect();
    // SAFETY: each array owns its memory, and its view stays inside.
    let met = unsafe { oracle::run_watched(program, &domain, &vec![0; shape.len()], shape, &raw) };
    met.iter().map(|met| *met & wanted).enumerate().filter(|(_, met)| !met.is_empty()).collect()
}

/// The program as the engine normalises it: no step twice, none that nobody needs.
pub(crate) fn normalised(program: &Program) -> Program {
    let bindings: Vec<Binding> = (0..program.operands).map(Binding::Operand).collect();
    let mut joined = Joined::new(program.operands);
    joined.append(program, &bindings).unwrap();
    joined.finish()
}

/// Equal bits, all NaNs being equal: which NaN an operation on NaNs gives is nobody's promise.
pub(crate) fn same(left: Scalar, right: Scalar) -> bool {
    let is_nan = |s: Scalar, part: usize| match s.dtype() {
        DType::F32 => s.get::<f32>().unwrap().is_nan(),
        DType::F64 => s.get::<f64>().unwrap().is_nan(),
        DType::C64 => part_of(s.get::<C64>().unwrap(), part).is_nan(),
        DType::C128 => part_of(s.get::<C128>().unwrap(), part).is_nan(),
        _ => false,
    };
    let half = left.as_bytes().len() / 2;
    let bits = |s: Scalar, part: usize| match (s.dtype().kind(), part) {
        (Kind::Complex, 0) => s.as_bytes()[..half].to_vec(),
        (Kind::Complex, _) => s.as_bytes()[half..].to_vec(),
        _ => s.as_bytes().to_vec(),
    };
    left.dtype() == right.dtype()
        && (0..2).all(|part| (is_nan(left, part) && is_nan(right, part)) || bits(left, part) == bits(right, part))
}

fn part_of<R>(z: num_complex::Complex<R>, part: usize) -> R {
    if part == 0 { z.re } else { z.im }
}

/// All points of a shape, in order.
pub(crate) fn points(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..shape.iter().product::<usize>()).map(|mut i| {
        let mut point = vec![0; shape.len()];
        for d in (0..shape.len()).rev() {
            point[d] = i % shape[d];
            i /= shape[d];
        }
        point
    })
}

/// Panics with the first point at which two arrays differ.
pub(crate) fn assert_same(what: &dyn std::fmt::Debug, dtype: DType, shape: &[usize], got: &Array, expected: &Array) {
    for point in points(shape) {
        let (g, e) = (got.get(dtype, &point), expected.get(dtype, &point));
        assert!(same(g, e), "{what:?} at {point:?}: {g:?} instead of {e:?}");
    }
}

/// Values of a type that are likely to make trouble.
pub(crate) fn nasty(dtype: DType) -> Vec<Scalar> {
    match dtype.kind() {
        Kind::Bool => vec![Scalar::new(B8(0)), Scalar::new(B8(1)), Scalar::new(B8(1))],
        Kind::Complex => {
            let parts = nasty(dtype.real());
            let n = parts.len();
            (0..2 * n).map(|i| complex(parts[i % n], parts[(i * 7 + i / n + 1) % n])).collect()
        }
        Kind::Float => FLOATS.iter().map(|x| cast(Scalar::new(*x), dtype)).collect(),
        Kind::Time => unreachable!("no loop computes with times"),
        Kind::Signed | Kind::Unsigned => INTEGERS.iter().map(|x| cast(Scalar::new(*x), dtype)).collect(),
    }
}

fn complex(re: Scalar, im: Scalar) -> Scalar {
    legate_kernels::ops::binary(legate_kernels::ops::BinaryOp::Complex, re, im).unwrap()
}

const FLOATS: [f64; 37] = [
    0.0,
    1.0,
    -1.0,
    f64::NAN,
    0.5,
    -0.0,
    f64::INFINITY,
    -0.5,
    2.0,
    f64::NEG_INFINITY,
    1.5,
    2.5,
    -2.5,
    3.0e-310,
    1e-300,
    1e300,
    -1e300,
    f64::MAX,
    f64::MIN_POSITIVE,
    f64::EPSILON,
    0.1,
    -0.7,
    std::f64::consts::PI,
    -100.25,
    12345.678,
    1e10,
    -1e19,
    1.8e19,
    709.5,
    -745.2,
    88.6,
    -103.9,
    1e-40,
    0.999_999_999,
    -7.0,
    4_294_967_296.5,
    127.9,
];

const INTEGERS: [i64; 24] = [
    0,
    1,
    -1,
    2,
    3,
    -3,
    7,
    -8,
    i64::MIN,
    i64::MAX,
    i64::MIN + 1,
    127,
    128,
    -128,
    255,
    32767,
    -32768,
    65535,
    2_147_483_647,
    -2_147_483_648,
    4_294_967_295,
    63,
    64,
    1_000_003,
];
