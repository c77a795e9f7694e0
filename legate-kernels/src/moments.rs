//! Means, and squares around them, of many lines in one read: what a variance of something large is made of.
//!
//! A *line* is `n` points of `columns` elements, each column by itself. A line is read twice, but from the first-level cache the second time: first for its mean
//! `m` (rounded to a double), then for `r = Σ(x - m)`, which is what the rounding left, and `s = Σ(x - m)² - r²/n`. So the exact mean is `m + r/n`, to twice
//! the digits of a double, and whoever joins lines need not subtract large sums of squares. See T. Chan, G. Golub, R. LeVeque, "Algorithms for computing
//! the sample variance" (1983).
//!
//! **Order.** All sums are of doubles, whatever the elements are. `32 / columns` points of a line (one, if there are more columns) lie side by side in *lanes*;
//! each lane adds up its elements from front to back, and the lanes of a column are halved as in [`mod@crate::reduce`]. That is a function of `n` and `columns`
//! alone: not of strides, threads or the ISA.

use crate::cast::{Convert, ConvertTo};
use crate::dispatch::run_on;
use crate::dispatch_real;
use crate::dtype::{DType, Element};
use crate::engine::fetch;
use crate::isa::Isa;
use crate::operand::RawOperand;

/// Elements that are added up side by side.
const LANES: usize = 32;
type Lanes = [f64; LANES];

/// For `extents = [lines, n, columns]`: the mean of each column of each line, the sum of what is left around it, and that of its squares, less what the mean's
/// rounding added. All results are doubles, and have no stride along a line. `n` is not 0; elements are real.
///
/// # Safety
/// The elements of `input` over the box are valid for reading, those of the results for writing, aligned; nobody else touches the results or
/// writes `input` meanwhile.
pub unsafe fn moments(dtype: DType, extents: [usize; 3], input: &RawOperand, results: [&RawOperand; 3]) {
    // SAFETY: the caller's word.
    dispatch_real!(dtype, T => unsafe { moments_on::<T>(Isa::best(), extents, input, results) });
}

/// # Safety
/// As for [`moments`].
unsafe fn moments_on<T: Element>(isa: Isa, extents: [usize; 3], input: &RawOperand, results: [&RawOperand; 3])
where
    f64: Convert<T>,
{
    run_on(isa, {
        #[inline(always)]
        || {
            let [lines, n, columns] = extents;
            let mut copied = Vec::new();
            for line in 0..lines {
                // Columns do not know of each other, so the last strip may begin in the one before.
                for strip in (0..columns).step_by(LANES).map(|start| start.min(columns.saturating_sub(LANES))) {
                    let at = |k: usize, column: usize| {
                        let [outer, point, inner] = [0, 1, 2].map(|d| input.strides[d]);
                        let offset = line as isize * outer + k as isize * point + (strip + column) as isize * inner;
                        input.ptr.wrapping_offset(offset).cast_const()
                    };
                    let width = columns.min(LANES);
                    // SAFETY: elements of the box, and the places of the strip's results.
                    unsafe {
                        let block = Block::<T>::new([n, width], input, at, &mut copied);
                        let next = if strip + width < columns { at(0, width) } else { at(n, 0) };
                        for (column, found) in block.moments(next).into_iter().enumerate().take(width) {
                            for (result, value) in results.iter().zip(found) {
                                let [outer, inner] = [0, 2].map(|d| result.strides[d]);
                                let offset = line as isize * outer + (strip + column) as isize * inner;
                                result.ptr.wrapping_offset(offset).cast::<f64>().write(value);
                            }
                        }
                    }
                }
            }
        }
    });
}

/// Some columns of a line, in rows of lanes.
struct Block<T> {
    start: *const u8,
    /// Bytes from row to row.
    pitch: isize,
    /// Rows that all lanes may be read of. Those beyond `width` are of no meaning.
    rows: usize,
    /// What is left, row by row, and how many elements of each there are.
    rest: [([T; LANES], usize); 2],
    /// Points of the line, and elements of each.
    n: usize,
    columns: usize,
}

impl<T: Element> Block<T>
where
    f64: Convert<T>,
{
    /// `columns` is at most the number of lanes. What is not adjacent is copied.
    ///
    /// # Safety
    /// `at(k, column)` are the places of the block's elements, which are valid for reading while the result lives; so long `copied` is left alone.
    #[inline(always)]
    unsafe fn new(
        [n, columns]: [usize; 2],
        input: &RawOperand,
        at: impl Fn(usize, usize) -> *const u8,
        copied: &mut Vec<T>,
    ) -> Block<T> {
        let size = size_of::<T>() as isize;
        let [point, inner] = [input.strides[1], input.strides[2]];
        let width = LANES / columns * columns;
        let is_dense = point == size * columns as isize || n == 1;
        let in_place = (inner == size || columns == 1) && (is_dense || columns == LANES);
        let mut block =
            Block { start: at(0, 0), pitch: point, rows: n, rest: [([T::zeroed(); LANES], 0); 2], n, columns };
        if in_place && columns == LANES {
            return block;
        }
        if !in_place {
            copied.clear();
            for k in 0..n {
                // SAFETY: an element of the block.
                copied.extend((0..columns).map(|column| unsafe { at(k, column).cast::<T>().read() }));
            }
            block.start = copied.as_ptr().cast();
        }
        let elements = n * columns;
        block.pitch = size * width as isize;
        block.rows = if elements < LANES { 0 } else { (elements - LANES) / width + 1 };
        let mut done = block.rows * width;
        for (row, count) in &mut block.rest {
            *count = width.min(elements - done);
            // SAFETY: adjacent elements of the block, no more than a row has.
            unsafe {
                let from = block.start.cast::<T>().wrapping_add(done);
                std::ptr::copy_nonoverlapping(from, row.as_mut_ptr(), *count);
            }
            done += *count;
        }
        debug_assert_eq!(done, elements);
        block
    }

    /// Mean, rest and squares of each column. Meanwhile what lies at `next` is fetched.
    ///
    /// # Safety
    /// The block's elements are valid for reading.
    #[inline(always)]
    unsafe fn moments(&self, next: *const u8) -> [[f64; 3]; LANES] {
        let n = self.n as f64;
        // SAFETY: the caller's word.
        let means = self.joined(unsafe { self.sums() }).map(|sum| sum / n);
        let mut lanes = means;
        (self.columns..LANES).for_each(|l| lanes[l] = lanes[l - self.columns]);
        // SAFETY: the caller's word.
        let [rests, squares] = unsafe { self.around(&lanes, next) }.map(|lanes| self.joined(lanes));
        std::array::from_fn(|column| {
            let (rest, squares) = (rests[column], squares[column] - rests[column] * rests[column] / n);
            [means[column], rest, if squares < 0.0 { 0.0 } else { squares }]
        })
    }

    /// # Safety
    /// `k` is one of the rows, and as for [`Block::moments`].
    #[inline(always)]
    unsafe fn row(&self, k: usize) -> [T; LANES] {
        let at = self.start.wrapping_offset(k as isize * self.pitch);
        // SAFETY: the caller's word.
        unsafe { at.cast::<[T; LANES]>().read_unaligned() }
    }

    /// # Safety
    /// As for [`Block::moments`].
    #[inline(always)]
    unsafe fn sums(&self) -> Lanes {
        let mut sums = [0.0; LANES];
        for k in 0..self.rows {
            // SAFETY: the caller's word.
            let row = unsafe { self.row(k) };
            for l in 0..LANES {
                sums[l] += row[l].convert_to::<f64>();
            }
        }
        for (row, count) in &self.rest {
            for l in 0..*count {
                sums[l] += row[l].convert_to::<f64>();
            }
        }
        sums
    }

    /// Sums of differences to `means`, and of their squares.
    ///
    /// # Safety
    /// As for [`Block::moments`].
    #[inline(always)]
    unsafe fn around(&self, means: &Lanes, next: *const u8) -> [Lanes; 2] {
        let (mut rests, mut squares) = ([0.0; LANES], [0.0; LANES]);
        for k in 0..self.rows {
            fetch(next.wrapping_offset(k as isize * self.pitch), LANES * size_of::<T>());
            // SAFETY: the caller's word.
            let row = unsafe { self.row(k) };
            for l in 0..LANES {
                let d = row[l].convert_to::<f64>() - means[l];
                rests[l] += d;
                squares[l] += d * d;
            }
        }
        for (row, count) in &self.rest {
            for l in 0..*count {
                let d = row[l].convert_to::<f64>() - means[l];
                rests[l] += d;
                squares[l] += d * d;
            }
        }
        [rests, squares]
    }

    /// The lanes of each column, halved until one is left: of `n`, lane `i` takes lane `i + m`, with `m` the largest power of two below `n`.
    #[inline(always)]
    fn joined(&self, mut lanes: Lanes) -> Lanes {
        let mut left = LANES / self.columns;
        while left > 1 {
            let middle = left.next_power_of_two() / 2 * self.columns;
            for l in middle..left * self.columns {
                lanes[l - middle] += lanes[l];
            }
            left = middle / self.columns;
        }
        lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smallvec::smallvec;

    /// The elements of one column of a line, by the definition.
    fn expected(column: &[f64], columns: usize) -> [f64; 3] {
        let lanes = (LANES / columns.min(LANES)).max(1);
        let sum = |f: &dyn Fn(f64) -> f64| {
            let lane = |l: usize| column.iter().skip(l).step_by(lanes).fold(0.0, |sum, x| sum + f(*x));
            let mut sums: Vec<f64> = (0..lanes).map(lane).collect();
            while sums.len() > 1 {
                let right = sums.split_off(sums.len().next_power_of_two() / 2);
                sums.iter_mut().zip(right).for_each(|(l, r)| *l += r);
            }
            sums[0]
        };
        let n = column.len() as f64;
        let mean = sum(&|x| x) / n;
        let (rest, squares) = (sum(&|x| x - mean), sum(&|x| (x - mean) * (x - mean)));
        let squares = squares - rest * rest / n;
        [mean, rest, if squares < 0.0 { 0.0 } else { squares }]
    }

    /// Compares all levels with the definition, for elements with `gap` others between them and `margin` ones after each point.
    fn check<T: Element>([lines, n, columns]: [usize; 3], gap: usize, margin: usize, element: impl Fn(usize) -> T)
    where
        f64: Convert<T>,
    {
        let size = size_of::<T>() as isize;
        let (inner, point) = (1 + gap, columns * (1 + gap) + margin);
        let mut data: Vec<T> = (0..lines * n * point).map(element).collect();
        let value = |line: usize, k: usize, column: usize| -> f64 {
            data[(line * n + k) * point + column * inner].convert_to::<f64>()
        };
        let wanted: Vec<[u64; 3]> = (0..lines * columns)
            .map(|i| {
                let column: Vec<f64> = (0..n).map(|k| value(i / columns, k, i % columns)).collect();
                expected(&column, columns).map(|x| if x.is_nan() { 0 } else { x.to_bits() })
            })
            .collect();
        let strides = [(n * point) as isize, point as isize, inner as isize].map(|s| s * size);
        let input =
            RawOperand { ptr: data.as_mut_ptr().cast(), strides: smallvec![strides[0], strides[1], strides[2]] };
        for isa in Isa::available() {
            let mut found = vec![[0.0f64; 3]; lines * columns];
            let start = found.as_mut_ptr().cast::<f64>();
            let results = [0, 1, 2].map(|which| RawOperand {
                ptr: start.wrapping_add(which).cast(),
                strides: smallvec![24 * columns as isize, 0, 24],
            });
            // SAFETY: the elements and the places of the results, three to a column.
            unsafe { moments_on::<T>(isa, [lines, n, columns], &input, results.each_ref()) };
            let bits = |values: [f64; 3]| values.map(|x| if x.is_nan() { 0 } else { x.to_bits() });
            let found: Vec<[u64; 3]> = found.into_iter().map(bits).collect();
            assert_eq!(found, wanted, "{lines} x {n} x {columns}, gap {gap}, margin {margin}, {}", isa.name());
        }
    }

    proptest! {
        #[test]
        fn moments_are_those_of_the_definition(
            lines in 1usize..4,
            n in 1usize..300,
            columns in prop_oneof![Just(1usize), 2usize..40, 60usize..70],
            gap in 0usize..2,
            margin in 0usize..3,
            offset in prop_oneof![Just(0.0), Just(1e9)],
        ) {
            let noise = |i: usize| ((i * 7919) % 10_007) as f64 * 0.001;
            check::<f64>([lines, n, columns], gap, margin, |i| offset + noise(i));
            check::<f32>([lines, n, columns], gap, margin, |i| (offset + noise(i)) as f32);
            check::<i16>([lines, n, columns], gap, margin, |i| (i * 7919) as i16);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_in_its_column() {
        for columns in [1, 3, 32, 50] {
            check::<f64>([2, 70, columns], 0, 0, |i| if i == 40 { f64::NAN } else { i as f64 });
            check::<f64>([2, 70, columns], 0, 0, |i| if i == 40 { f64::INFINITY } else { i as f64 });
        }
    }

    #[test]
    fn equal_elements_do_not_vary() {
        let (mut data, mut found) = ([0.1f64; 1000], [1.0f64; 3]);
        let input = RawOperand { ptr: data.as_mut_ptr().cast(), strides: smallvec![0, 8, 0] };
        let start = found.as_mut_ptr();
        let results =
            [0, 1, 2].map(|which| RawOperand { ptr: start.wrapping_add(which).cast(), strides: smallvec![0; 3] });
        // SAFETY: a thousand elements and three places.
        unsafe { moments(DType::F64, [1, 1000, 1], &input, results.each_ref()) };
        let [mean, rest, squares] = found;
        assert_eq!(mean + rest / 1000.0, 0.1);
        assert!((0.0..1e-40).contains(&squares), "{squares}");
    }
}
