//! Reading and writing what a key with arrays chooses, in any mixture with slices and new axes ([`crate::key`] says where dimensions go).
//!
//! All dimensions that arrays index are seen as one: the strides of a view tell how far a step along each of them leads, so the arrays combine into one index along a
//! dimension whose stride is their common divisor ([`Along`]). No copy of the indexed array is made for that, whatever view it is; a view of such a dimension may leave
//! its field's shape, which is then linearised ([`crate::decode`]). What is chosen is read by the gather, and written by the scatter, of rows along that dimension.

mod along;
#[cfg(test)]
mod tests;

use crate::array::{NdArray, Part};
use crate::assign::common_type;
use crate::choice::Interrupted;
use crate::error::{Casting, Error, Result, ShapeText};
use crate::issue::Body;
use crate::key::{KeyEntry, Layout};
use crate::order::Order;
use crate::routine::Call;
use crate::session::Session;
use crate::shape::broadcast_shapes;
use crate::tasks::Routine;
use crate::ufunc::{Kernel, Operand, Ufunc};
use crate::view::{View, volume};
use along::{Along, Rows, along, step};
use legate_core::geometry::Point;
use legate_kernels::accumulate::accumulates;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::ops::BinaryOp;
use smallvec::SmallVec;

/// An array of a key: places along dimensions of the view, which it numbers row-major.
#[derive(Clone)]
struct Choice {
    index: NdArray,
    /// The first of them.
    axis: usize,
    /// The dimension of the indexed array that it is.
    source: usize,
    /// How many: 1 for integers, those of a mask, none for a bool.
    rank: usize,
    /// Whether some places may be counted from the end.
    signed: bool,
}

/// How values come to what is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// In the place of what is there.
    Over,
    /// Combined with it, one after the other.
    By(BinaryOp),
}

impl Written {
    fn routine(self, bits: &NdArray) -> Routine {
        match self {
            Written::Over => Routine::Scatter { size: bits.itemsize() },
            Written::By(op) => Routine::Accumulate { op, dtype: bits.dtype() },
        }
    }
}

/// What a key chooses of an array.
#[derive(Clone)]
struct Chosen {
    view: View,
    choices: SmallVec<[Choice; 2]>,
    /// What the arrays broadcast to.
    joint: Point,
    /// Dimensions of the view that no array indexes, ascending.
    rest: SmallVec<[usize; 4]>,
    /// How many of these come before the joint ones in the result.
    before: usize,
}

impl Chosen {
    fn rest_shape(&self) -> Point {
        self.rest.iter().map(|&d| self.view.shape[d]).collect()
    }

    /// The same of another array of this shape.
    fn within(&self, view: &View) -> Chosen {
        debug_assert_eq!(self.view.shape, view.shape);
        Chosen { view: view.clone(), ..self.clone() }
    }

    /// Extents of the result.
    fn shape(&self) -> Point {
        let rest = self.rest_shape();
        let (before, after) = rest.split_at(self.before);
        before.iter().chain(&self.joint).chain(after).copied().collect()
    }

    /// For each dimension of the result where it is if the joint ones come first.
    fn joint_first(&self) -> SmallVec<[usize; 4]> {
        let (joint, rest) = (self.joint.len(), self.rest.len());
        let after = joint + self.before..joint + rest;
        (joint..joint + self.before).chain(0..joint).chain(after).collect()
    }
}

impl Session {
    /// `a[key]` for a key with an entry that is no basic one: a new array, laid out as NumPy lays it out. Waits for masks and integers, not for `a`.
    ///
    /// # Errors
    /// [`Error::TooManyIndices`], [`Error::TwoEllipses`], [`Error::ZeroStep`], [`Error::IndexOutOfBounds`]; [`Error::Index`] for masks whose shapes do not fit and for arrays
    /// that do not broadcast; as [`Session::to_host`].
    pub fn get_chosen(&self, a: &NdArray, key: &[KeyEntry], interrupted: Interrupted<'_>) -> Result<NdArray> {
        match key {
            [KeyEntry::Mask(mask)] if mask.shape() == a.shape() => return self.select_by_mask(a, mask, interrupted),
            [KeyEntry::Integers(index)] => {
                if let Some(chosen) = self.gather_small(a, index) {
                    return Ok(chosen);
                }
            }
            _ => {}
        }
        let chosen = self.chosen_of(Layout::of(&a.view, key)?, key, interrupted)?;
        self.check_places(&chosen, interrupted)?;
        let bits = as_bits(a);
        let along = along(&chosen);
        match Rows::of(&bits, &chosen, &along) {
            _ if chosen.shape().contains(&0) => self.empty(&chosen.shape(), a.dtype()),
            Some(rows) => self.gather_rows_of(a, &bits, &chosen, &along, &rows),
            // Rows of odd shape: either all elements are named one by one, or the array is copied, whichever is shorter.
            None if volume(&chosen.shape()) <= volume(&chosen.view.shape) => {
                let flat = self.one_by_one(&chosen)?;
                let flat_along = self::along(&flat);
                let rows = Rows::of(&bits, &flat, &flat_along).expect("nothing is left beside the chosen dimension");
                let result = self.gather_rows_of(a, &bits, &flat, &flat_along, &rows)?;
                Ok(result.with_view(result.view.permuted(&chosen.joint_first())))
            }
            None => {
                let copy = self.copy(&a.with_view(chosen.view.clone()))?;
                let chosen = chosen.within(&copy.view);
                let along = self::along(&chosen);
                match Rows::of(&copy, &chosen, &along) {
                    Some(rows) => self.gather_rows_of(&copy, &copy, &chosen, &along, &rows),
                    None => {
                        let flat = self.one_by_one(&chosen)?;
                        let along = self::along(&flat);
                        let rows = Rows::of(&copy, &flat, &along).expect("nothing is left beside the chosen dimension");
                        let result = self.gather_rows_of(&copy, &copy, &flat, &along, &rows)?;
                        Ok(result.with_view(result.view.permuted(&chosen.joint_first())))
                    }
                }
            }
        }
    }

    /// `a[key] = values` for such a key. Where several places are one, the last one wins. Waits for masks and integers, if there is more than one mask to select by.
    ///
    /// # Errors
    /// As [`Session::get_chosen`]; [`Error::ReadOnly`]; [`Error::Value`] and [`Error::Type`] in NumPy's words for values that do not fit.
    pub fn set_chosen(
        &self,
        a: &NdArray,
        key: &[KeyEntry],
        values: &Operand,
        interrupted: Interrupted<'_>,
    ) -> Result<()> {
        match key {
            [KeyEntry::Mask(mask)] if mask.shape() == a.shape() => {
                return self.assign_by_mask(a, mask, values, interrupted);
            }
            [KeyEntry::Integers(index)] if self.scatter_small(a, index, values.into()) => return Ok(()),
            _ => {}
        }
        let layout = Layout::of(&a.view, key)?;
        if a.is_readonly() {
            return Err(Error::ReadOnly);
        }
        if self.set_where(a, key, &layout, values)? {
            return Ok(());
        }
        if let Operand::Weak(value) = values {
            value.to_scalar(a.dtype())?; // refused before the arrays are looked at
        }
        let chosen = self.chosen_of(layout, key, interrupted)?;
        let values = self.values_for(values, a.dtype(), &chosen.shape())?;
        self.check_places(&chosen, interrupted)?;
        self.write_chosen(a, &chosen, &values, Written::Over)
    }

    /// `ufunc.at(a, key, values)`: each chosen element is combined with its value, in the order of the key, so that one that is chosen twice meets both values. Waits for masks
    /// and integers.
    ///
    /// # Errors
    /// As [`Session::set_chosen`]; [`Error::Unsupported`] for ufuncs that are not binary or would make another type of the elements.
    pub fn ufunc_at(
        &self,
        ufunc: Ufunc,
        a: &NdArray,
        key: &[KeyEntry],
        values: &Operand,
        interrupted: Interrupted<'_>,
    ) -> Result<()> {
        let refused = || Error::Unsupported("this ufunc with these types, element by element".into());
        let Kernel::Binary(op) = ufunc.kernel() else { return Err(refused()) };
        let same = common_type(&[&Operand::from(a), values])? == a.dtype();
        if !same || !accumulates(op, a.dtype()) || matches!(a.part, Part::Bits(_)) {
            return Err(refused());
        }
        if a.is_readonly() {
            return Err(Error::ReadOnly);
        }
        let chosen = self.chosen_of(Layout::of(&a.view, key)?, key, interrupted)?;
        let values = self.values_for(values, a.dtype(), &chosen.shape())?;
        self.check_places(&chosen, interrupted)?;
        self.write_chosen(a, &chosen, &values, Written::By(op))
    }

    /// Writes values to the elements of these row-major numbers, which are in bounds; of several for one the last wins.
    pub(crate) fn assign_by_positions(&self, a: &NdArray, positions: NdArray, values: &Operand) -> Result<()> {
        if a.ndim() == 0 {
            let vector = a.with_view(a.view.with_new_axis(0));
            return self.assign_by_positions(&vector, positions, values);
        }
        let joint = Point::from_slice(positions.shape());
        let choice = Choice { index: positions, axis: 0, source: 0, rank: a.ndim(), signed: true };
        let (choices, rest) = (SmallVec::from_iter([choice]), SmallVec::new());
        let values = self.values_for(values, a.dtype(), &joint)?;
        self.write_chosen(a, &Chosen { view: a.view.clone(), choices, joint, rest, before: 0 }, &values, Written::Over)
    }

    /// Writes values of the result's shape.
    fn write_chosen(&self, a: &NdArray, chosen: &Chosen, values: &NdArray, how: Written) -> Result<()> {
        if values.size() == 0 {
            return Ok(());
        }
        if !a.is_part() {
            return self.scatter_chosen(&as_bits(a), chosen, values, how);
        }
        // Halves of complex elements cannot be written by themselves: those among which the chosen ones are, are written together.
        let part = a.with_view(chosen.view.clone());
        let copy = self.copy(&part)?;
        self.scatter_chosen(&copy, &chosen.within(&copy.view), values, how)?;
        self.assign(&part, &Operand::from(copy))
    }

    /// `a[mask] = value` where the value is the same whatever the mask selects: an element-wise operation, which waits for nothing. Whether it was that.
    fn set_where(&self, a: &NdArray, key: &[KeyEntry], layout: &Layout, values: &Operand) -> Result<bool> {
        let [place] = layout.places[..] else { return Ok(false) };
        let KeyEntry::Mask(mask) = &key[place.entry] else { return Ok(false) };
        let taken = place.axis..place.axis + mask.ndim();
        let after = if layout.before == place.axis { layout.view.rank() - taken.end } else { return Ok(false) };
        let target = a.with_view(layout.view.clone());
        let spread = |a: &NdArray| a.ndim() <= after && a.view.broadcast(&layout.view.shape[taken.end..]).is_some();
        if mask.shape() != &target.shape()[taken.clone()] || values.array().is_some_and(|a| !spread(a)) {
            return Ok(false);
        }
        let mut view = mask.view.clone();
        for _ in 0..after {
            view = view.with_new_axis(view.rank());
        }
        self.copyto(&target, values, Casting::Unsafe, Some(&mask.with_view(view)))?;
        Ok(true)
    }

    /// Waits for the masks of the key.
    fn chosen_of(&self, layout: Layout, key: &[KeyEntry], interrupted: Interrupted<'_>) -> Result<Chosen> {
        let mut choices: SmallVec<[Choice; 2]> = SmallVec::new();
        for place in &layout.places {
            let (index, rank, signed) = match &key[place.entry] {
                KeyEntry::Integers(index) => (self.as_index(index)?, 1, true),
                KeyEntry::Mask(mask) => (self.flat_positions(mask, interrupted)?, mask.ndim(), false),
                KeyEntry::Flag(flag) => (self.zeros(&[i64::from(*flag)], DType::I64)?, 0, false),
                KeyEntry::Basic(_) => unreachable!("basic entries are applied already"),
            };
            choices.push(Choice { index, axis: place.axis, source: place.source, rank, signed });
        }
        let joint = joint_shape(&choices)?;
        let taken = |d: &usize| choices.iter().any(|c| (c.axis..c.axis + c.rank).contains(d));
        let rest = (0..layout.view.rank()).filter(|d| !taken(d)).collect();
        Ok(Chosen { view: layout.view, choices, joint, rest, before: layout.before })
    }

    /// Refuses integers that are out of bounds. They are not looked at where broadcasting leaves nothing of them.
    fn check_places(&self, chosen: &Chosen, interrupted: Interrupted<'_>) -> Result<()> {
        let looked_at = |choice: &&Choice| choice.signed && volume(&chosen.joint) > 0;
        chosen.choices.iter().filter(looked_at).try_for_each(|choice| {
            self.check_bounds(&choice.index, chosen.view.shape[choice.axis], choice.source, interrupted)
        })
    }

    /// The choice with every dimension of the view indexed, those that are slices too: their places vary along dimensions behind the joint ones.
    fn one_by_one(&self, chosen: &Chosen) -> Result<Chosen> {
        let mut choices: SmallVec<[Choice; 2]> = SmallVec::new();
        let behind = chosen.rest.len();
        for choice in &chosen.choices {
            let index = (0..behind).fold(choice.index.view.clone(), |view, _| view.with_new_axis(view.rank()));
            let index = choice.index.with_view(index);
            choices.push(Choice { index, ..choice.clone() });
        }
        for (k, &axis) in chosen.rest.iter().enumerate() {
            let places = self.generate_places(chosen.view.shape[axis])?;
            let index = (k + 1..behind).fold(places.view.clone(), |view, _| view.with_new_axis(view.rank()));
            choices.push(Choice { index: places.with_view(index), axis, source: 0, rank: 1, signed: false });
        }
        let joint = chosen.joint.iter().copied().chain(chosen.rest_shape()).collect();
        Ok(Chosen { view: chosen.view.clone(), choices, joint, rest: SmallVec::new(), before: 0 })
    }

    /// `0, 1, …` below `n`.
    fn generate_places(&self, n: i64) -> Result<NdArray> {
        let whole = |n: i64| crate::promote::Weak::Int(i128::from(n));
        self.arange(whole(0), whole(n), whole(1), Some(DType::I64))
    }

    /// The places along the one dimension, over the joint ones in `order`: a vector. They count from the end only where one array says them all.
    fn combined(&self, chosen: &Chosen, along: &Along, order: &Order) -> Result<NdArray> {
        let spread = |index: &NdArray| {
            let view = index.view.broadcast(&chosen.joint).expect("the arrays broadcast");
            order.view_of(&index.with_view(view))
        };
        match along.terms[..] {
            [] => self.zeros(&[volume(&chosen.joint)], DType::I64),
            [term] => self.ravel(&spread(&chosen.choices[term.choice].index)),
            _ => {
                let out = NdArray::unwritten(order.domain(), DType::I64);
                let mut body = Body::new(self, order.domain());
                let mut sum = body.program.constant(Scalar::new(along.shift));
                for term in &along.terms {
                    let choice = &chosen.choices[term.choice];
                    let extent: i64 = chosen.view.shape[choice.axis..choice.axis + choice.rank].iter().product();
                    let place = body.load(&spread(&choice.index));
                    let step = step(&mut body, place, term, (choice.signed, extent), along.stride);
                    sum = body.program.binary(BinaryOp::Add, sum, step);
                }
                body.store(&out, sum);
                body.run()?;
                self.ravel(&out)
            }
        }
    }

    /// Gathers what is chosen of `bits`, into elements of `a`'s type.
    fn gather_rows_of(
        &self,
        a: &NdArray,
        bits: &NdArray,
        chosen: &Chosen,
        along: &Along,
        rows: &Rows,
    ) -> Result<NdArray> {
        let order = joint_order(chosen);
        let index = self.combined(chosen, along, &order)?;
        let shape: Point = order.domain().iter().chain(rows.order.domain()).copied().collect();
        let out = NdArray::unwritten(&shape, a.dtype());
        let ([outer, n, inner], m) = (three(&rows.view.shape), index.size());
        let flat = out.view.reshaped(&[m, outer, inner]).expect("a new array takes any shape of its size");
        let call = Call::new(self, Routine::Gather { size: a.itemsize() }, &[outer, m, inner, n], &[3])
            .costing(outer * m * inner, 3.0)
            .read(&bits.with_view(rows.view.clone()), &[0, 3, 2])?
            .read(&index, &[1])?
            .write(&out.with_view(flat), &[1, 0, 2]);
        let table = bits.with_view(rows.apart.clone());
        let asks = rows.are_outermost() && bits.part == Part::Whole && table.size() > 0;
        match asks.then(|| self.asks_for_rows(&table, m)).flatten() {
            Some(runtime) if !call.is_inline()? => {
                let shape: Point = std::iter::once(m).chain(rows.order.domain().iter().copied()).collect();
                let flat = out.view.reshaped(&shape).expect("a new array takes any shape of its size");
                self.gather_rows(runtime, &out.with_view(flat), &table, &index)?;
            }
            _ => call.run()?,
        }
        Ok(result(&out, chosen, &order, &rows.order))
    }

    /// Writes values of the result's shape to what is chosen of `bits`.
    fn scatter_chosen(&self, bits: &NdArray, chosen: &Chosen, values: &NdArray, how: Written) -> Result<()> {
        let places = along(chosen);
        let rows = Rows::of(bits, chosen, &places).filter(|rows| !rows.view.may_repeat());
        let front = values.with_view(values.view.permuted(&inverse(&chosen.joint_first())));
        let Some(rows) = rows else {
            let flat = self.one_by_one(chosen)?;
            let places = along(&flat);
            let rows = Rows::of(bits, &flat, &places).expect("nothing is left beside the chosen dimension");
            return self.scatter_rows_of(bits, (&flat, &places, &rows), &front, how);
        };
        self.scatter_rows_of(bits, (chosen, &places, &rows), &front, how)
    }

    /// `values`: the joint dimensions in front.
    fn scatter_rows_of(
        &self,
        bits: &NdArray,
        (chosen, along, rows): (&Chosen, &Along, &Rows),
        values: &NdArray,
        how: Written,
    ) -> Result<()> {
        // Of several values for one place the last one in row-major order wins.
        let order = Order::c(&chosen.joint);
        let index = self.combined(chosen, along, &order)?;
        let joint = chosen.joint.len();
        let mut rest: SmallVec<[usize; 4]> = SmallVec::from_elem(0, chosen.rest.len());
        (0..chosen.rest.len()).for_each(|axis| rest[rows.order.dim(axis)] = joint + axis);
        let permutation: SmallVec<[usize; 4]> = (0..joint).chain(rest).collect();
        let values = values.with_view(values.view.permuted(&permutation));
        let ([outer, n, inner], m) = (three(&rows.view.shape), index.size());
        let call = Call::new(self, how.routine(bits), &[outer, n, inner, m], &[3])
            .on_all_cores(true)
            .costing(outer * m * inner, 3.0)
            .update(&bits.with_view(rows.view.clone()), &[0, 1, 2])
            .read(&index, &[3])?
            .read(&self.reshape(&values, &[m, outer, inner])?, &[3, 0, 2])?;
        let table = bits.with_view(rows.apart.clone());
        match self
            .tells_rows(&table)
            .filter(|_| rows.are_outermost() && values.part == Part::Whole && how == Written::Over)
        {
            Some(runtime) if !call.is_inline()? => {
                let shape: Point = std::iter::once(m).chain(rows.order.domain().iter().copied()).collect();
                self.scatter_rows(runtime, &table, &index, &self.reshape(&values, &shape)?)
            }
            _ => call.run(),
        }
    }

    /// Values as elements of `dtype`, stretched to `shape`.
    pub(crate) fn values_for(&self, values: &Operand, dtype: DType, shape: &[i64]) -> Result<NdArray> {
        let array = match values {
            Operand::Array(a) => self.astype(a, dtype, Casting::Unsafe, false)?,
            Operand::Scalar(s) => self.scalar(legate_kernels::cast::cast(*s, dtype)),
            Operand::Weak(w) => self.scalar(w.to_scalar(dtype)?),
        };
        // Leading dimensions of extent 1 are dropped where there are too many.
        let extra = array.ndim().saturating_sub(shape.len());
        let mut view = array.view.clone();
        if array.shape()[..extra].iter().all(|&n| n == 1) {
            (0..extra).for_each(|_| view.fix(0, 0));
        }
        let view = view.broadcast(shape).ok_or_else(|| {
            let (from, into) = (ShapeText::from(array.shape()), ShapeText::from(shape));
            Error::Value(format!(
                "shape mismatch: value array of shape {from} could not be broadcast to indexing result of shape {into}"
            ))
        })?;
        Ok(array.with_view(view))
    }
}

/// The array with the bits of its elements as they are in its base; halves of complex elements stay halves.
fn as_bits(a: &NdArray) -> NdArray {
    if a.is_part() { a.clone() } else { NdArray { part: Part::Whole, ..a.clone() } }
}

fn joint_shape(choices: &[Choice]) -> Result<Point> {
    let shapes: SmallVec<[&[i64]; 4]> = choices.iter().map(|choice| choice.index.shape()).collect();
    broadcast_shapes(&shapes).map_err(|_| {
        // NumPy takes a mask for as many arrays as it has dimensions.
        let shown = choices.iter().flat_map(|c| std::iter::repeat_n(c.index.shape(), c.rank.max(1)));
        let shapes: String = shown.map(|shape| format!("{} ", ShapeText::from(shape))).collect();
        Error::Index(format!("shape mismatch: indexing arrays could not be broadcast together with shapes {shapes}"))
    })
}

/// The order of the joint dimensions in memory: that of the arrays, if elements are chosen, else row-major.
fn joint_order(chosen: &Chosen) -> Order {
    match chosen.rest.is_empty() {
        true => Order::of(&chosen.joint, chosen.choices.iter().map(|choice| &choice.index)),
        false => Order::c(&chosen.joint),
    }
}

/// What was gathered, `[joint…, rest…]` in the orders of memory, in the order of the key.
fn result(out: &NdArray, chosen: &Chosen, joint: &Order, rest: &Order) -> NdArray {
    let count = chosen.joint.len();
    let dims: SmallVec<[usize; 4]> = chosen
        .joint_first()
        .into_iter()
        .map(|d| if d < count { joint.dim(d) } else { count + rest.dim(d - count) })
        .collect();
    out.with_view(out.view.permuted(&dims))
}

fn inverse(permutation: &[usize]) -> SmallVec<[usize; 4]> {
    let mut inverse = SmallVec::from_elem(0, permutation.len());
    permutation.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
    inverse
}

fn three(shape: &[i64]) -> [i64; 3] {
    [shape[0], shape[1], shape[2]]
}
