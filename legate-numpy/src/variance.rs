//! Means, variances, standard deviations.
//!
//! **Two reads.** The mean, then the mean of `|a - mean|²`. Along rows that fit the cache both happen in one row block.
//!
//! **One read.** What is larger, and folded along what lies outermost in memory, would come from memory twice. It is cut into *lines*, and
//! [`mod@legate_kernels::moments`] gives for each its mean `m`, what is left around that, `r = Σ(a - m)`, and `s = Σ(a - m)² - r²/n`. With a pivot `p` near the mean of all,
//! `e = (m - p) + r/n` is a line's distance from it, and `Σ(a - mean)² = Σ(s + n e²) - (Σ n e)²/N`. The last term is what rounding the pivot costs: nothing large is
//! subtracted from anything large, whatever the mean. All of it is in doubles. Lines do not depend on how the work is cut.

use crate::array::{NdArray, Part};
use crate::error::{Error, Result};
use crate::issue::Body;
use crate::order::Order;
use crate::promote::{Weak, promote_types};
use crate::reduction::{Axes, ReduceOptions};
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use crate::view::View;
use legate_core::geometry::Point;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};
use legate_kernels::program::ValueId;

/// Elements of a line of one column.
const LINE: i64 = 1024;
/// Points of a line, at least.
const POINTS: i64 = 128;
/// Estimated nanoseconds for an element.
const MOMENTS_NS: f64 = 0.15;

impl Session {
    pub(crate) fn mean(&self, a: &NdArray, axes: &Axes, options: &ReduceOptions<'_>) -> Result<NdArray> {
        refuse_masks(options)?;
        let dtype = options.dtype.unwrap_or_else(|| mean_type(a.dtype()));
        let sum = self.sum_as(a, axes, dtype.computed(), |_, value| value)?;
        let mean = self.of_type(self.divided(&sum, axes.count(a) as f64)?, dtype)?;
        self.deliver(mean, "divide", axes, options)
    }

    /// The variance, or its root.
    pub(crate) fn var(&self, a: &NdArray, axes: &Axes, options: &ReduceOptions<'_>, root: bool) -> Result<NdArray> {
        refuse_masks(options)?;
        let delivered = options.dtype.unwrap_or_else(|| mean_type(a.dtype()));
        let dtype = delivered.computed();
        let count = axes.count(a) as f64;
        let (order, squares) = match self.lines(a, axes, dtype) {
            Some((order, lines)) => {
                let squares = NdArray::unwritten(&lines.result, DType::F64);
                self.squares_of_lines(&lines, &squares)?;
                (order, squares)
            }
            None => (Order::c(a.shape()), self.squares_in_two_reads(a, axes, dtype)?),
        };
        let variance = self.divided(&squares, (count - options.ddof).max(0.0))?;
        let result = order.restored(if root { self.root(&variance)? } else { variance });
        let result = self.of_type(result, delivered.real())?;
        self.deliver(result, if root { "sqrt" } else { "divide" }, axes, options)
    }

    /// The sum of `|a - mean|²`.
    fn squares_in_two_reads(&self, a: &NdArray, axes: &Axes, dtype: DType) -> Result<NdArray> {
        let sum = self.sum_as(a, axes, dtype, |_, value| value)?;
        let mean = self.divided(&sum, axes.count(a) as f64)?;
        let order = axes.order(a, None);
        let mean_view = order.view_of(&mean);
        self.sum_as(a, axes, dtype, |body, value| {
            let mean = body.load(&mean_view);
            let difference = body.program.binary(BinaryOp::Subtract, value, mean);
            squared_size(body, difference)
        })
    }

    /// The sum along the axes of a function of the elements.
    fn sum_as(
        &self,
        a: &NdArray,
        axes: &Axes,
        dtype: DType,
        f: impl Fn(&mut Body<'_>, ValueId) -> ValueId,
    ) -> Result<NdArray> {
        let order = axes.order(a, None);
        let mut body = Body::new(self, order.domain());
        let value = body.load_as(&order.view_of(a), dtype);
        let value = f(&mut body, value);
        if axes.count(a) == 0 || a.size() == 0 {
            let dtype = body.program.value_dtype(value).expect("a value has a type");
            return Ok(self.constant(&axes.result_shape(a), Scalar::zero(dtype)));
        }
        self.fold_value(body, &order, axes, ReduceOp::Add, value, a, None)
    }

    /// `sum / n` in double precision, in the type of `sum`: what NumPy computes with its 64-bit count.
    fn divided(&self, sum: &NdArray, n: f64) -> Result<NdArray> {
        let wide = promote_types(sum.dtype(), DType::F64);
        let out = NdArray::unwritten(sum.shape(), sum.dtype());
        let mut body = Body::new(self, sum.shape());
        let value = body.load_as(sum, wide);
        let n = body.weak(Weak::Float(n), wide)?;
        let quotient = body.program.binary(BinaryOp::Divide, value, n);
        body.store(&out, quotient);
        body.run()?;
        Ok(out)
    }

    fn root(&self, a: &NdArray) -> Result<NdArray> {
        let out = NdArray::unwritten(a.shape(), a.dtype());
        let mut body = Body::new(self, a.shape());
        let value = body.load(a);
        let root = body.program.unary(UnaryOp::Sqrt, value);
        body.store(&out, root);
        body.run()?;
        Ok(out)
    }

    pub(crate) fn of_type(&self, a: NdArray, dtype: DType) -> Result<NdArray> {
        if a.dtype() == dtype {
            return Ok(a);
        }
        let order = Order::of(a.shape(), std::iter::once(&a));
        let out = order.unwritten(dtype);
        let mut body = Body::new(self, order.domain());
        let value = body.load_as(&order.view_of(&a), dtype);
        body.store(&order.view_of(&out), value);
        body.run()?;
        Ok(out)
    }
}

/// An array as lines: `main` has the shape (lines, points, columns); what is left at the end is a shorter one.
struct Lines {
    main: NdArray,
    last: Option<NdArray>,
    /// Of the result: in the order of memory, with extent 1 along folded dimensions.
    result: Point,
}

/// What is known of lines: arrays of shape (lines, columns).
struct Moments {
    points: f64,
    means: NdArray,
    rests: NdArray,
    squares: NdArray,
}

/// One read.
impl Session {
    /// The lines of an array that is to be read once, and the order of memory. It is a matter of shapes and views alone.
    fn lines(&self, a: &NdArray, axes: &Axes, dtype: DType) -> Option<(Order, Lines)> {
        let is_large = a.nbytes() as u64 >= self.moments_bytes() && a.part == Part::Whole;
        let is_own_type = dtype == mean_type(a.dtype()) && dtype.kind() == Kind::Float;
        if !is_large || !is_own_type || a.known_constant().is_some() {
            return None;
        }
        let order = axes.order(a, None);
        let folded: Point = order.domain().into();
        let is_folded = |d: usize| axes.folded.iter().any(|&axis| order.dim(axis) == d);
        let outermost = (0..axes.folded.len()).all(is_folded);
        let (points, columns) = (axes.count(a), a.size() / axes.count(a).max(1));
        let in_line = (LINE / columns.max(1)).max(POINTS);
        if !outermost || points < 2 * in_line {
            return None;
        }
        let view = order.view_of(a).view.reshaped(&[points, columns])?;
        let lines = points / in_line;
        let part = |start: i64, lines: i64, points: i64| -> Option<View> {
            view.sliced(0, start, 1, lines * points).reshaped(&[lines, points, columns])
        };
        let last = points - lines * in_line;
        let result = (0..folded.len()).map(|d| if is_folded(d) { 1 } else { folded[d] }).collect();
        let main = a.with_view(part(0, lines, in_line)?);
        let last = if last > 0 { Some(a.with_view(part(lines * in_line, 1, last)?)) } else { None };
        Some((order, Lines { main, last, result }))
    }

    /// Writes the sum of the squares around the mean of each column to `out`.
    fn squares_of_lines(&self, lines: &Lines, out: &NdArray) -> Result<()> {
        let main = self.moments(&lines.main)?;
        let last = lines.last.as_ref().map(|last| self.moments(last)).transpose()?;
        let pivot = self.pivot(&main, last.as_ref())?;
        // Sums over the lines: of their distances from the pivot, and of the squares around it.
        let columns = main.means.shape()[1];
        let [distances, squares] = [(); 2].map(|()| NdArray::unwritten(&[1, columns], DType::F64));
        let mut body = Body::new(self, main.means.shape());
        let (distance, around) = main.around(&mut body, &pivot);
        body.fold(ReduceOp::Add, &distances, distance, 1);
        body.fold(ReduceOp::Add, &squares, around, 1);
        body.run()?;
        let mut body = Body::new(self, &[1, columns]);
        let (distance, mut sum) = (body.load(&distances), body.load(&squares));
        let mut moved = times(&mut body, distance, main.points);
        let mut count = lines.main.shape()[0] as f64 * main.points;
        if let Some(last) = last {
            let (distance, around) = last.around(&mut body, &pivot);
            let distance = times(&mut body, distance, last.points);
            moved = body.program.binary(BinaryOp::Add, moved, distance);
            sum = body.program.binary(BinaryOp::Add, sum, around);
            count += last.points;
        }
        let moved = body.program.binary(BinaryOp::Multiply, moved, moved);
        let moved = times(&mut body, moved, 1.0 / count);
        let sum = body.program.binary(BinaryOp::Subtract, sum, moved);
        let zero = body.program.constant(Scalar::new(0.0f64));
        let sum = body.program.binary(BinaryOp::Maximum, sum, zero);
        let out = out.with_view(out.view.reshaped(&[1, columns]).expect("a new array takes any shape of its size"));
        body.store(&out, sum);
        body.run()
    }

    fn moments(&self, lines: &NdArray) -> Result<Moments> {
        let &[count, points, columns] = lines.shape() else { unreachable!("lines have three dimensions") };
        let [means, rests, squares] = [(); 3].map(|()| NdArray::unwritten(&[count, columns], DType::F64));
        Call::new(self, Routine::Moments { dtype: lines.dtype() }, &[count, points, columns], &[1, 2])
            .costing(lines.size(), MOMENTS_NS)
            .read(lines, &[0, 1, 2])?
            .write(&means, &[0, 2])
            .write(&rests, &[0, 2])
            .write(&squares, &[0, 2])
            .run()?;
        Ok(Moments { points: points as f64, means, rests, squares })
    }

    /// The mean of each column, about.
    fn pivot(&self, main: &Moments, last: Option<&Moments>) -> Result<NdArray> {
        let &[lines, columns] = main.means.shape() else { unreachable!("moments have two dimensions") };
        let [sums, pivot] = [(); 2].map(|()| NdArray::unwritten(&[1, columns], DType::F64));
        let mut body = Body::new(self, &[lines, columns]);
        let means = body.load(&main.means);
        body.fold(ReduceOp::Add, &sums, means, 1);
        body.run()?;
        let mut body = Body::new(self, &[1, columns]);
        let sum = body.load(&sums);
        let (mut sum, mut weight) = (times(&mut body, sum, main.points), lines as f64 * main.points);
        if let Some(last) = last {
            let mean = body.load(&last.means);
            let share = times(&mut body, mean, last.points);
            sum = body.program.binary(BinaryOp::Add, sum, share);
            weight += last.points;
        }
        let mean = times(&mut body, sum, 1.0 / weight);
        body.store(&pivot, mean);
        body.run()?;
        Ok(pivot)
    }
}

impl Moments {
    /// How far the mean of each line is from the pivot, and the sum of the squares around the pivot.
    fn around(&self, body: &mut Body<'_>, pivot: &NdArray) -> (ValueId, ValueId) {
        let [mean, rest, squares] = [&self.means, &self.rests, &self.squares].map(|a| body.load(a));
        let pivot = body.load(pivot);
        let far = body.program.binary(BinaryOp::Subtract, mean, pivot);
        let near = times(body, rest, 1.0 / self.points);
        let distance = body.program.binary(BinaryOp::Add, far, near);
        let squared = body.program.binary(BinaryOp::Multiply, distance, distance);
        let squared = times(body, squared, self.points);
        (distance, body.program.binary(BinaryOp::Add, squares, squared))
    }
}

fn times(body: &mut Body<'_>, value: ValueId, factor: f64) -> ValueId {
    let factor = body.program.constant(Scalar::new(factor));
    body.program.binary(BinaryOp::Multiply, value, factor)
}

/// `|z|²` without a root.
fn squared_size(body: &mut Body<'_>, z: ValueId) -> ValueId {
    let complex = body.program.value_dtype(z).is_some_and(|d| d.kind() == Kind::Complex);
    if !complex {
        return body.program.binary(BinaryOp::Multiply, z, z);
    }
    let (re, im) = (body.program.unary(UnaryOp::Real, z), body.program.unary(UnaryOp::Imag, z));
    let (re, im) = (body.program.binary(BinaryOp::Multiply, re, re), body.program.binary(BinaryOp::Multiply, im, im));
    body.program.binary(BinaryOp::Add, re, im)
}

/// The type that means are computed in.
pub(crate) fn mean_type(dtype: DType) -> DType {
    match dtype.kind() {
        Kind::Float | Kind::Complex => dtype,
        _ => DType::F64,
    }
}

fn refuse_masks(options: &ReduceOptions<'_>) -> Result<()> {
    match options.where_ {
        Some(_) => Err(Error::Unsupported("where= of mean, var and std".into())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduction::Reduction;

    /// The variance in one read, and in two.
    fn both(values: &[f64], shape: &[i64], dtype: DType, axis: Option<&[i64]>) -> [Vec<f64>; 2] {
        [0, u64::MAX].map(|bytes| {
            let session = Session::eager().reading_once_from(bytes);
            let cast = |x: &f64| legate_kernels::cast::cast(Scalar::new(*x), dtype).as_bytes().to_vec();
            let bytes: Vec<u8> = values.iter().flat_map(cast).collect();
            let a = session.from_host(&bytes, shape, dtype).expect("as many bytes as elements");
            let options = ReduceOptions { axis, ..ReduceOptions::default() };
            let variance = session.reduce(Reduction::Var, &a, &options).expect("numbers vary");
            let value = |bytes: &[u8]| -> f64 {
                let wide = legate_kernels::cast::cast(Scalar::from_bytes(variance.dtype(), bytes), DType::F64);
                wide.get().expect("a double")
            };
            variance.host().as_slice().chunks(variance.dtype().size()).map(value).collect()
        })
    }

    /// From 0 to 1, in no order.
    fn noise(i: usize) -> f64 {
        (i as f64 * 0.618_033_988_749_894_9).fract()
    }

    #[test]
    fn one_read_finds_what_two_find() {
        let cases: [(&[i64], Option<&[i64]>); 8] = [
            (&[4096], None),
            (&[5001], None),
            (&[3000, 1], Some(&[0])),
            (&[1000, 5], Some(&[0])),
            (&[700, 40], Some(&[0])),
            (&[300, 64], Some(&[0])),
            (&[60, 50, 3], Some(&[0, 1])),
            (&[60, 50, 3], None),
        ];
        for (shape, axis) in cases {
            let values: Vec<f64> = (0..shape.iter().product::<i64>() as usize).map(|i| 3.0 + noise(i)).collect();
            let [once, twice] = both(&values, shape, DType::F64, axis);
            assert_eq!(once.len(), twice.len());
            for (x, y) in once.iter().zip(&twice) {
                assert!((x - y).abs() <= 1e-14 * y, "{shape:?}: {x} and {y}");
            }
        }
    }

    /// Whole numbers beside a large offset: their variance is known exactly.
    #[test]
    fn large_means_and_trends_cost_no_digits() {
        let n = 20_011i64;
        for offset in [0i64, 1 << 40, 1 << 50] {
            for trend in [0, 1] {
                let whole = |i: i64| (i * 7919) % 10 + trend * i;
                let (sum, squares) = (0..n).map(whole).fold((0i128, 0i128), |(sum, squares), k| {
                    (sum + i128::from(k), squares + i128::from(k) * i128::from(k))
                });
                let exact = (squares * i128::from(n) - sum * sum) as f64 / (n * n) as f64;
                let values: Vec<f64> = (0..n).map(|i| (offset + whole(i)) as f64).collect();
                let [once, _] = both(&values, &[n], DType::F64, None);
                assert!((once[0] - exact).abs() <= 4e-15 * exact, "{offset} {trend}: {} for {exact}", once[0]);
            }
        }
    }

    #[test]
    fn single_precision_is_added_up_in_double() {
        let values: Vec<f64> = (0..30_000).map(|i| f64::from((1000.0 + noise(i)) as f32)).collect();
        let [single, _] = both(&values, &[30_000], DType::F32, None);
        let [_, double] = both(&values, &[30_000], DType::F64, None);
        assert_eq!(single[0], f64::from(double[0] as f32));
    }

    #[test]
    fn what_is_not_finite_has_no_variance() {
        for odd in [f64::NAN, f64::INFINITY] {
            let mut values: Vec<f64> = (0..9000).map(noise).collect();
            values[7000] = odd;
            let [once, twice] = both(&values, &[3000, 3], DType::F64, Some(&[0]));
            assert!(once[1].is_nan() && twice[1].is_nan());
            assert!(once[0].is_finite() && once[2].is_finite());
        }
    }

    #[test]
    fn equal_numbers_do_not_vary() {
        let [once, _] = both(&[0.1; 5000], &[5000], DType::F64, None);
        assert!((0.0..1e-40).contains(&once[0]), "{}", once[0]);
    }
}
