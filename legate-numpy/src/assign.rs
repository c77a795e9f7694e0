//! Copies, casts, assignment, and the element-wise functions that are no ufuncs: `where`, `clip`.

use crate::array::{Backing, NdArray};
use crate::error::{Casting, Error, Result};
use crate::issue::Body;
use crate::order::{Layout, Order};
use crate::promote::{Weak, can_cast, converted, result_type};
use crate::session::Session;
use crate::shape::broadcast_shapes;
use crate::ufunc::{CallOptions, Operand, Ufunc, operand};
use legate_kernels::dtype::{DType, Scalar};
use smallvec::SmallVec;

impl Session {
    /// `np.where(condition, x, y)`.
    ///
    /// # Errors
    /// Shapes that do not broadcast; integers out of bounds.
    pub fn select(&self, condition: &Operand, x: &Operand, y: &Operand) -> Result<NdArray> {
        if let Operand::Array(mask) = condition
            && let Some(result) = self.select_small(mask, x.into(), y.into())
        {
            return Ok(result);
        }
        let dtype = common_type(&[x, y])?;
        let operands = [condition, x, y];
        let shape = broadcast_shapes(&operands.map(Operand::shape))?;
        let order = Order::of(&shape, operands.into_iter().filter_map(Operand::array));
        let mut body = Body::new(self, order.domain());
        let condition = operand(&mut body, &order, condition, DType::Bool)?;
        let (x, y) = (operand(&mut body, &order, x, dtype)?, operand(&mut body, &order, y, dtype)?);
        let chosen = body.program.select(condition, x, y);
        let out = order.unwritten(dtype);
        body.finish(&order, &out, chosen, None)?;
        Ok(out)
    }

    /// `np.clip(a, lo, hi, out=out)`.
    ///
    /// # Errors
    /// As a ufunc; [`Error::Value`] without any bound.
    pub fn clip(
        &self,
        a: &Operand,
        lo: Option<&Operand>,
        hi: Option<&Operand>,
        out: Option<&NdArray>,
    ) -> Result<NdArray> {
        let options = CallOptions { out, ..CallOptions::default() };
        let ufunc = |name| Ufunc::lookup(name).expect("maximum and minimum are native");
        match (lo, hi) {
            (None, None) => self.call(ufunc("positive"), std::slice::from_ref(a), &options),
            (Some(lo), None) => self.call(ufunc("maximum"), &[a.clone(), lo.clone()], &options),
            (None, Some(hi)) => self.call(ufunc("minimum"), &[a.clone(), hi.clone()], &options),
            (Some(lo), Some(hi)) => self.clip_both(a, lo, hi, out),
        }
    }

    fn clip_both(&self, a: &Operand, lo: &Operand, hi: &Operand, out: Option<&NdArray>) -> Result<NdArray> {
        use legate_kernels::ops::BinaryOp::{Maximum, Minimum};
        let operands = [a, lo, hi];
        let dtype = common_type(&operands)?;
        if dtype.is_time() {
            let raised = self.clip(a, Some(lo), None, None)?;
            return self.clip(&raised.into(), None, Some(hi), out);
        }
        if out.is_none()
            && let Some(clipped) = self.clip_small(dtype, a, lo, hi)
        {
            return Ok(clipped);
        }
        let mut shapes: SmallVec<[&[i64]; 4]> = operands.iter().map(|o| o.shape()).collect();
        shapes.extend(out.map(NdArray::shape));
        let shape = broadcast_shapes(&shapes)?;
        check_output("clip", dtype, out, &shape)?;
        let order = Order::of(&shape, operands.iter().filter_map(|o| o.array()).chain(out));
        let mut body = Body::new(self, order.domain());
        let value = operand(&mut body, &order, a, dtype)?;
        let (lo, hi) = (operand(&mut body, &order, lo, dtype)?, operand(&mut body, &order, hi, dtype)?);
        let raised = body.program.binary(Maximum, value, lo);
        let clipped = body.program.binary(Minimum, raised, hi);
        let out = out.cloned().unwrap_or_else(|| order.unwritten(dtype));
        body.finish(&order, &out, clipped, None)?;
        Ok(out)
    }

    /// A C-ordered copy.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn copy(&self, a: &NdArray) -> Result<NdArray> {
        self.copy_in(a, a.dtype(), &Order::c(a.shape()))
    }

    /// `np.copy(a, order='K')`: laid out like `a`.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn copy_like(&self, a: &NdArray) -> Result<NdArray> {
        self.copy_in(a, a.dtype(), &Order::of(a.shape(), std::iter::once(a)))
    }

    /// `a.astype(dtype, casting=casting, copy=copy)`, laid out like `a`.
    ///
    /// # Errors
    /// [`Error::ArrayCast`].
    pub fn astype(&self, a: &NdArray, dtype: DType, casting: Casting, copy: bool) -> Result<NdArray> {
        if !can_cast(a.dtype(), dtype, casting) {
            return Err(Error::ArrayCast { from: a.dtype(), to: dtype, casting });
        }
        if !copy && dtype == a.dtype() {
            return Ok(a.clone());
        }
        self.copy_in(a, dtype, &Order::of(a.shape(), std::iter::once(a)))
    }

    /// A copy in another type and layout.
    ///
    /// # Errors
    /// [`Error::ArrayCast`].
    pub fn copy_as(&self, a: &NdArray, dtype: DType, casting: Casting, layout: Layout) -> Result<NdArray> {
        if !can_cast(a.dtype(), dtype, casting) {
            return Err(Error::ArrayCast { from: a.dtype(), to: dtype, casting });
        }
        self.copy_in(a, dtype, &Order::in_layout(layout, a.shape(), Some(a)))
    }

    fn copy_in(&self, a: &NdArray, dtype: DType, order: &Order) -> Result<NdArray> {
        let out = order.unwritten(dtype);
        if let Some(value) = a.known_constant().and_then(|value| converted(value, dtype)) {
            out.base.cell.lock().fill = Some(value);
            return Ok(out);
        }
        if order.is_c()
            && let Some(copy) = self.copy_small(a, dtype)
        {
            return Ok(copy);
        }
        let mut body = Body::new(self, order.domain());
        let value = body.load_as(&order.view_of(a), dtype);
        body.finish(order, &out, value, None)?;
        Ok(out)
    }

    /// A C-ordered copy, made on this thread at once, of an array whose values are at hand.
    pub(crate) fn copy_at_hand(&self, a: &NdArray) -> Result<NdArray> {
        let out = NdArray::unwritten(a.shape(), a.dtype());
        let mut body = Body::new(self, a.shape());
        let value = body.load(a);
        body.store(&out, value);
        body.run_at_once()?;
        Ok(out)
    }

    /// `dst[...] = src`: broadcasts, casts as `unsafe` allows (Python integers must fit).
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::BroadcastInto`], [`Error::IntegerOutOfBounds`].
    pub fn assign(&self, dst: &NdArray, src: &Operand) -> Result<()> {
        self.copyto(dst, src, Casting::Unsafe, None)
    }

    /// `np.copyto(dst, src, casting=casting, where=where_)`.
    ///
    /// # Errors
    /// As [`Session::assign`], and [`Error::ArrayCast`].
    pub fn copyto(&self, dst: &NdArray, src: &Operand, casting: Casting, where_: Option<&NdArray>) -> Result<()> {
        if dst.is_readonly() {
            return Err(Error::ReadOnly);
        }
        check_source(dst, src, casting)?;
        if where_.is_none() && self.assign_small(dst, src.into()) {
            return Ok(());
        }
        let src = without_leading_ones(dst, src)?;
        let constant = match &src {
            Operand::Array(a) => a.known_constant(),
            Operand::Scalar(s) => Some(*s),
            Operand::Weak(w) => Some(w.to_scalar(dst.dtype())?),
        };
        match (constant.and_then(|value| converted(value, dst.dtype())), where_) {
            (Some(value), None) if dst.covers_base() && dst.part == crate::array::Part::Whole => {
                let mut backing = dst.base.cell.lock();
                let launches = backing.launches;
                *backing = Backing { fill: Some(value), launches, ..Backing::default() };
                drop(backing);
                self.write_back(dst)
            }
            _ => self.write(dst, &src, where_),
        }
    }

    fn write(&self, dst: &NdArray, src: &Operand, where_: Option<&NdArray>) -> Result<()> {
        if let Some(mask) = where_ {
            if mask.dtype() != DType::Bool {
                return Err(Error::ArrayCast { from: mask.dtype(), to: DType::Bool, casting: Casting::Safe });
            }
            if mask.view.broadcast(dst.shape()).is_none() {
                return Err(Error::BroadcastInto { from: mask.shape().into(), into: dst.shape().into() });
            }
        }
        let order = Order::of(dst.shape(), std::iter::once(dst).chain(src.array()).chain(where_));
        let mut body = Body::new(self, order.domain());
        let value = operand(&mut body, &order, src, dst.dtype())?;
        body.finish(&order, dst, value, where_)
    }
}

/// Whether `src` may become `dst`'s elements under this rule.
fn check_source(dst: &NdArray, src: &Operand, casting: Casting) -> Result<()> {
    match src {
        Operand::Weak(_) => Ok(()),
        _ if can_cast(src.dtype()?, dst.dtype(), casting) => Ok(()),
        _ => Err(Error::ArrayCast { from: src.dtype()?, to: dst.dtype(), casting }),
    }
}

/// Assignment looks past leading extents of 1 that the destination does not have.
fn without_leading_ones(dst: &NdArray, src: &Operand) -> Result<Operand> {
    let Operand::Array(a) = src else { return Ok(src.clone()) };
    let mut view = a.view.clone();
    while view.rank() > dst.ndim() && view.shape[0] == 1 {
        view = view.without_axis(0);
    }
    match view.broadcast(dst.shape()) {
        Some(_) => Ok(Operand::Array(a.with_view(view))),
        None => Err(Error::BroadcastInto { from: a.shape().into(), into: dst.shape().into() }),
    }
}

/// Whether an output fits what is computed.
///
/// # Errors
/// [`Error::ReadOnlyOutput`], [`Error::BroadcastOutput`], [`Error::UfuncCast`].
pub(crate) fn check_output(name: &str, dtype: DType, out: Option<&NdArray>, shape: &[i64]) -> Result<()> {
    let Some(out) = out else { return Ok(()) };
    if out.is_readonly() {
        return Err(Error::ReadOnlyOutput);
    }
    if out.shape() != shape {
        return Err(Error::BroadcastOutput { out: out.shape().into(), shape: shape.into() });
    }
    if !can_cast(dtype, out.dtype(), Casting::SameKind) {
        let casting = Casting::SameKind;
        return Err(Error::UfuncCast {
            ufunc: name.to_owned(),
            side: "output".into(),
            from: dtype,
            to: out.dtype(),
            casting,
        });
    }
    Ok(())
}

/// `np.result_type` of operands.
pub(crate) fn common_type(operands: &[&Operand]) -> Result<DType> {
    let (mut strong, mut weak): (SmallVec<[DType; 4]>, SmallVec<[Weak; 4]>) = Default::default();
    for operand in operands {
        match operand {
            Operand::Weak(w) => weak.push(*w),
            Operand::Array(a) => strong.push(a.dtype()),
            Operand::Scalar(s) => strong.push(Scalar::dtype(s)),
        }
    }
    result_type(&strong, &weak)
}
