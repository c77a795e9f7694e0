//! Running sums and products along one dimension.
//!
//! # Order
//! A sum is taken in blocks of [`SCAN_BLOCK`] elements of the line: inside a block from its first element on, one after the other; the blocks' last
//! values are added up in order; an element is the sum of the blocks before its own, plus its place's sum in the block. So the bits
//! depend on the line alone, not on threads, cuts or strides; lines of one block have the bits of a plain loop; and the bound of the
//! rounding error is that of `SCAN_BLOCK + n / SCAN_BLOCK` additions where a plain loop has `n`.
//!
//! Products are a plain loop: partial products of blocks may overflow or vanish where the running product does neither.
//!
//! Cost: one read and one write of each element; a single long line is read twice, once for the blocks' sums, and cut over the threads.

use crate::dispatch::run_on;
use crate::isa::Isa;
use crate::linalg::Arithmetic;
use crate::operand::RawOperand;
use crate::parallel::{Shared, Threads};
use serde::{Deserialize, Serialize};

/// Elements of a line that are summed one after the other.
pub const SCAN_BLOCK: usize = 1024;
/// Blocks that are summed at the same time, so that the additions of one need not wait for each other.
const CHAINS: usize = 4;
/// Lines that are scanned beside each other where the scanned dimension is not the contiguous one.
const SHEET: usize = 256;
/// Lines shorter than this many blocks stay on one thread.
const LONG_LINE: usize = 64;
/// Blocks that one thread takes in a go.
const RUN: usize = 32;
/// Blocks of a long line that are read twice before the next ones are touched: they are in cache the second time.
const WINDOW: usize = 2048;

/// What is accumulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScanOp {
    /// `cumsum`.
    Add,
    /// `cumprod`.
    Multiply,
}

/// `output[…, i, …] = input[…, 0, …] ∘ … ∘ input[…, i, …]` along dimension `axis` of a box of these extents. A long line is cut over the
/// threads; boxes of many lines are for the caller to cut.
///
/// # Safety
/// Over the box the elements of `input` are valid for reading and those of `output` for writing, aligned; the two are the same elements or
/// have none in common; nobody else touches `output` or writes `input` meanwhile; the elements of `output` are distinct.
pub unsafe fn scan<T: Arithmetic>(
    op: ScanOp,
    axis: usize,
    extents: &[usize],
    input: &RawOperand,
    output: &RawOperand,
    threads: Threads<'_>,
) {
    if extents.contains(&0) {
        return;
    }
    let size = size_of::<T>() as isize;
    let lies_flat = |d: usize| input.strides[d] == size && output.strides[d] == size;
    let sheet = (0..extents.len()).find(|&d| d != axis && extents[d] > 1 && lies_flat(d));
    let walked: Vec<usize> = (0..extents.len()).filter(|&d| d != axis && Some(d) != sheet).collect();
    let lines = Lines { n: extents[axis], input: input.strides[axis], output: output.strides[axis] };
    let mut index = vec![0; walked.len()];
    loop {
        let offset =
            |strides: &[isize]| walked.iter().zip(&index).map(|(&d, &i)| strides[d] * i as isize).sum::<isize>();
        let from = input.ptr.wrapping_offset(offset(&input.strides));
        let to = output.ptr.wrapping_offset(offset(&output.strides));
        // SAFETY: the lines that begin at this point of the walked dimensions, and (a sheet) along a dimension of adjacent elements.
        unsafe {
            match sheet {
                Some(d) => scan_sheet::<T>(op, lines, extents[d], from, to),
                None => scan_line::<T>(op, lines, from, to, threads),
            }
        }
        let Some(d) = (0..index.len()).rev().find(|&d| index[d] + 1 < extents[walked[d]]) else { return };
        index[d] += 1;
        index[d + 1..].fill(0);
    }
}

/// Length of lines, and bytes between neighbours.
#[derive(Clone, Copy)]
struct Lines {
    n: usize,
    input: isize,
    output: isize,
}

/// Lines that begin at `width` adjacent elements, some at a time.
///
/// # Safety
/// As [`scan`], for these lines.
unsafe fn scan_sheet<T: Arithmetic>(op: ScanOp, lines: Lines, width: usize, input: *mut u8, output: *mut u8) {
    run_on(Isa::best(), {
        #[inline(always)]
        || {
            for first in (0..width).step_by(SHEET) {
                let skipped = first * size_of::<T>();
                let (input, output) = (input.wrapping_add(skipped), output.wrapping_add(skipped));
                let count = SHEET.min(width - first);
                // SAFETY: the caller's word for these of its lines.
                unsafe {
                    match op {
                        ScanOp::Add => sum_rows::<T>(lines, count, input.cast(), output.cast()),
                        ScanOp::Multiply => multiply_rows::<T>(lines, count, input.cast(), output.cast()),
                    }
                }
            }
        }
    });
}

/// Running sums of up to [`SHEET`] lines at once: row by row.
///
/// # Safety
/// As [`scan`], for these lines.
#[inline(always)]
unsafe fn sum_rows<T: Arithmetic>(lines: Lines, count: usize, input: *mut T, output: *mut T) {
    let (mut before, mut sums) = ([T::ZERO; SHEET], [T::ZERO; SHEET]);
    for i in 0..lines.n {
        let from = input.wrapping_byte_offset(i as isize * lines.input);
        let to = output.wrapping_byte_offset(i as isize * lines.output);
        let (in_block, block) = (i % SCAN_BLOCK, i / SCAN_BLOCK);
        for l in 0..count {
            // SAFETY: element `i` of line `l`.
            let x = unsafe { from.add(l).read() };
            sums[l] = if in_block == 0 { x } else { sums[l].plus(x) };
            let y = if block == 0 { sums[l] } else { before[l].plus(sums[l]) };
            // SAFETY: as above.
            unsafe { to.add(l).write(y) };
            if in_block + 1 == SCAN_BLOCK {
                before[l] = y;
            }
        }
    }
}

/// Running products of up to [`SHEET`] lines at once.
///
/// # Safety
/// As [`scan`], for these lines.
#[inline(always)]
unsafe fn multiply_rows<T: Arithmetic>(lines: Lines, count: usize, input: *mut T, output: *mut T) {
    let mut products = [T::ZERO; SHEET];
    for i in 0..lines.n {
        let from = input.wrapping_byte_offset(i as isize * lines.input);
        let to = output.wrapping_byte_offset(i as isize * lines.output);
        for (l, product) in products[..count].iter_mut().enumerate() {
            // SAFETY: element `i` of line `l`.
            unsafe {
                let x = from.add(l).read();
                *product = if i == 0 { x } else { product.times(x) };
                to.add(l).write(*product);
            }
        }
    }
}

/// One line.
///
/// # Safety
/// As [`scan`], for this line.
unsafe fn scan_line<T: Arithmetic>(op: ScanOp, lines: Lines, input: *mut u8, output: *mut u8, threads: Threads<'_>) {
    let line = Line::<T> { lines, input: Shared::new(input.cast()), output: Shared::new(output.cast()) };
    // SAFETY: the caller's word.
    unsafe {
        match op {
            ScanOp::Add => line.sum(threads),
            ScanOp::Multiply => line.multiply(),
        }
    }
}

#[derive(Clone, Copy)]
struct Line<T> {
    lines: Lines,
    input: Shared<T>,
    output: Shared<T>,
}

impl<T: Arithmetic> Line<T> {
    fn from(&self, i: usize) -> *const T {
        self.input.get().wrapping_byte_offset(i as isize * self.lines.input)
    }
    fn to(&self, i: usize) -> *mut T {
        self.output.get().wrapping_byte_offset(i as isize * self.lines.output)
    }

    /// # Safety
    /// As [`scan`], for this line.
    unsafe fn multiply(self) {
        let mut product = T::ZERO;
        for i in 0..self.lines.n {
            // SAFETY: element `i` of the line.
            unsafe {
                let x = self.from(i).read();
                product = if i == 0 { x } else { product.times(x) };
                self.to(i).write(product);
            }
        }
    }

    /// # Safety
    /// As [`scan`], for this line.
    unsafe fn sum(self, threads: Threads<'_>) {
        let blocks = self.lines.n.div_ceil(SCAN_BLOCK);
        if blocks < LONG_LINE || threads.count() == 1 {
            let mut before = None;
            for block in 0..blocks {
                // SAFETY: the caller's word.
                let [sum] = unsafe { self.chains::<1>(block, |i, _, sum| self.to(i).write(joined(before, sum))) };
                before = Some(joined(before, sum));
            }
            return;
        }
        let mut before = None;
        for first in (0..blocks).step_by(WINDOW) {
            let last = blocks.min(first + WINDOW);
            // SAFETY: the caller's word; nobody writes while the sums are taken.
            let sums = unsafe { self.block_sums(first, last, threads) };
            let befores: Vec<Option<T>> = sums.iter().map(|&sum| before.replace(joined(before, sum))).collect();
            // SAFETY: the caller's word.
            unsafe { self.write(first, &befores, threads) };
        }
    }

    /// The sums of the blocks `first..last`.
    ///
    /// # Safety
    /// The elements of these blocks of `input` may be read.
    unsafe fn block_sums(self, first: usize, last: usize, threads: Threads<'_>) -> Vec<T> {
        let mut sums = vec![T::ZERO; last - first];
        let target = Shared::new(sums.as_mut_ptr());
        // SAFETY: the caller's word; each block has a place of its own in `sums`.
        let keep = |block: usize, sum: T| unsafe { target.get().add(block - first).write(sum) };
        self.for_groups(
            threads,
            first,
            last,
            |block| {
                // SAFETY: the caller's word.
                let sums = unsafe { self.chains::<CHAINS>(block, |_, _, _| {}) };
                sums.into_iter().enumerate().for_each(|(k, sum)| keep(block + k, sum));
            },
            |block| {
                // SAFETY: the caller's word.
                let [sum] = unsafe { self.chains::<1>(block, |_, _, _| {}) };
                keep(block, sum);
            },
        );
        sums
    }

    /// Writes blocks from `first` on, one for each of `befores`: what comes before it.
    ///
    /// # Safety
    /// As [`scan`], for these blocks.
    unsafe fn write(self, first: usize, befores: &[Option<T>], threads: Threads<'_>) {
        let before = |block: usize| befores[block - first];
        self.for_groups(
            threads,
            first,
            first + befores.len(),
            |block| {
                // Only the line's first block has nothing before it.
                match before(block) {
                    // SAFETY: the caller's word.
                    None => (block..block + CHAINS).for_each(|block| unsafe { self.write_block(block, before(block)) }),
                    Some(_) => {
                        let carries: [T; CHAINS] = std::array::from_fn(|k| before(block + k).unwrap_or(T::ZERO));
                        // SAFETY: the caller's word.
                        unsafe {
                            self.chains::<CHAINS>(block, |i, k, sum| self.to(i).write(carries[k].plus(sum)));
                        }
                    }
                }
            },
            // SAFETY: the caller's word.
            |block| unsafe { self.write_block(block, before(block)) },
        );
    }

    /// # Safety
    /// As [`scan`], for this block.
    unsafe fn write_block(self, block: usize, before: Option<T>) {
        // SAFETY: the caller's word.
        unsafe { self.chains::<1>(block, |i, _, sum| self.to(i).write(joined(before, sum))) };
    }

    /// Calls `group` for the first of each [`CHAINS`] full blocks of `first..last`, and `single` for the others, on all threads.
    fn for_groups(
        self,
        threads: Threads<'_>,
        first: usize,
        last: usize,
        group: impl Fn(usize) + Sync,
        single: impl Fn(usize) + Sync,
    ) {
        let full = self.lines.n / SCAN_BLOCK;
        threads.for_each((last - first).div_ceil(RUN), |run| {
            let (mut block, to) = (first + run * RUN, last.min(first + (run + 1) * RUN));
            while block < to {
                if block + CHAINS <= to.min(full) {
                    group(block);
                    block += CHAINS;
                } else {
                    single(block);
                    block += 1;
                }
            }
        });
    }

    /// Sums the blocks `block..block + N`, all of them full if there are several, beside each other. `see` is called with each element's number, which of
    /// the blocks it is in, and its sum there. Gives the blocks' sums.
    ///
    /// # Safety
    /// The elements of these blocks of `input` may be read, and `see` called.
    #[inline(always)]
    unsafe fn chains<const N: usize>(self, block: usize, see: impl Fn(usize, usize, T)) -> [T; N] {
        let first = block * SCAN_BLOCK;
        let len = SCAN_BLOCK.min(self.lines.n - first);
        // SAFETY: the first element of a block.
        let mut sums = std::array::from_fn(|k| unsafe { self.from(first + k * SCAN_BLOCK).read() });
        (0..N).for_each(|k| see(first + k * SCAN_BLOCK, k, sums[k]));
        for i in 1..len {
            for (k, sum) in sums.iter_mut().enumerate() {
                let at = first + k * SCAN_BLOCK + i;
                // SAFETY: an element of the block.
                *sum = sum.plus(unsafe { self.from(at).read() });
                see(at, k, *sum);
            }
        }
        sums
    }
}

/// A block's sum after what comes before the block. (Nothing is not zero: zero would take the sign from a negative one.)
#[inline(always)]
fn joined<T: Arithmetic>(before: Option<T>, sum: T) -> T {
    before.map_or(sum, |before| before.plus(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    /// The definition in the module's page.
    fn expected(x: &[f64]) -> Vec<f64> {
        let mut before: Option<f64> = None;
        let mut out = Vec::new();
        for block in x.chunks(SCAN_BLOCK) {
            let mut sum = None;
            for &value in block {
                sum = Some(sum.map_or(value, |sum: f64| sum + value));
                out.push(before.map_or(sum.unwrap(), |before| before + sum.unwrap()));
            }
            before = out.last().copied();
        }
        out
    }

    fn operand<T>(values: &mut [T], strides: [isize; 2]) -> RawOperand {
        let size = size_of::<T>() as isize;
        RawOperand { ptr: values.as_mut_ptr().cast(), strides: smallvec![strides[0] * size, strides[1] * size] }
    }

    fn numbers(n: usize) -> Vec<f64> {
        (0..n as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / 1e15 - 4.0).collect()
    }

    #[test]
    fn lines_have_the_bits_of_the_definition_on_any_threads() {
        for n in [1, 2, 1023, 1024, 1025, 5000, 63 * 1024, 200_000, 2_500_000] {
            let mut x = numbers(n);
            let wanted = expected(&x);
            for threads in [1, 2, 5] {
                let mut y = vec![0.0; n];
                let (from, to) = (operand(&mut x, [0, 1]), operand(&mut y, [0, 1]));
                Threads::scoped(threads, |threads| {
                    // SAFETY: both have `n` elements.
                    unsafe { scan::<f64>(ScanOp::Add, 1, &[1, n], &from, &to, threads) }
                });
                assert!(y == wanted, "{n} on {threads}");
            }
            let in_place = operand(&mut x, [0, 1]);
            // SAFETY: as above.
            unsafe { scan::<f64>(ScanOp::Add, 1, &[1, n], &in_place, &in_place, Threads::ALONE) };
            assert!(x == wanted, "{n} in place");
        }
    }

    #[test]
    fn columns_have_the_bits_of_lines() {
        let (rows, columns) = (3000, 300);
        let mut x = numbers(rows * columns);
        let mut y = vec![0.0; x.len()];
        let (from, to) = (operand(&mut x, [columns as isize, 1]), operand(&mut y, [columns as isize, 1]));
        // SAFETY: both have `rows * columns` elements.
        unsafe { scan::<f64>(ScanOp::Add, 0, &[rows, columns], &from, &to, Threads::ALONE) };
        for c in [0, 1, 255, 256, 299] {
            let line: Vec<f64> = (0..rows).map(|r| x[r * columns + c]).collect();
            let got: Vec<f64> = (0..rows).map(|r| y[r * columns + c]).collect();
            assert!(got == expected(&line), "column {c}");
        }
    }

    #[test]
    fn products_are_plain_loops_and_integers_wrap() {
        let mut x: Vec<i32> = (0..5000).map(|i| i * 7919 + 3).collect();
        let mut y = vec![0; 2500];
        // Every other element, from the end.
        let from = RawOperand { ptr: x[4998..].as_mut_ptr().cast(), strides: smallvec![-8] };
        let to = RawOperand { ptr: y.as_mut_ptr().cast(), strides: smallvec![4] };
        // SAFETY: 2500 elements each.
        unsafe { scan::<i32>(ScanOp::Multiply, 0, &[2500], &from, &to, Threads::ALONE) };
        let products = x.iter().rev().skip(1).step_by(2).scan(1i32, |p, &v| {
            *p = p.wrapping_mul(v);
            Some(*p)
        });
        assert_eq!(y, products.collect::<Vec<_>>());
    }

    #[test]
    fn a_negative_zero_stays_one() {
        let mut x = [-0.0f64; 3];
        let line = operand(&mut x, [0, 1]);
        // SAFETY: three elements.
        unsafe { scan::<f64>(ScanOp::Add, 1, &[1, 3], &line, &line, Threads::ALONE) };
        assert!(x.iter().all(|v| v.is_sign_negative()));
    }
}
