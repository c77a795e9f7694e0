//! Values for chosen elements, repeated as often as need be: `put`, `place`, `putmask`.

use crate::array::NdArray;
use crate::choice::{BoundsMode, Interrupted};
use crate::error::{Casting, Error, Result};
use crate::promote::{Weak, can_cast};
use crate::session::Session;
use crate::ufunc::Operand;
use legate_kernels::dtype::{DType, Scalar};

impl Session {
    /// `np.put(a, index, values, mode)`: the index counts elements row-major; the last of several values for one wins. Waits for the index, unless `mode` makes any good.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::IndexOutOfBounds`]; [`Error::Index`] for any index into nothing; as [`Session::to_host`].
    pub fn put(
        &self,
        a: &NdArray,
        index: &NdArray,
        values: &NdArray,
        mode: BoundsMode,
        interrupted: Interrupted<'_>,
    ) -> Result<()> {
        if a.is_readonly() {
            return Err(Error::ReadOnlyOf("put: output array"));
        }
        let index = self.ravel(&self.as_index(index)?)?;
        if index.size() == 0 || values.size() == 0 {
            return Ok(());
        }
        if a.size() == 0 {
            return Err(Error::Index("cannot replace elements of an empty array".into()));
        }
        let index = self.bounded(&index, a.size(), 0, mode, interrupted)?;
        let values = self.repeated(values, a.dtype(), index.size())?;
        self.assign_by_positions(a, index, &Operand::from(values))
    }

    /// `np.place(a, mask, values)`: the first elements that the mask selects get the values, the next ones the same again. Waits for the mask.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; [`Error::Value`] for a mask of another size, and without values; [`Error::ArrayCast`]; as [`Session::to_host`].
    pub fn place(&self, a: &NdArray, mask: &NdArray, values: &NdArray, interrupted: Interrupted<'_>) -> Result<()> {
        if mask.size() != a.size() {
            return Err(Error::Value("place: mask and data must be the same size".into()));
        }
        if !can_cast(values.dtype(), a.dtype(), Casting::Safe) {
            return Err(Error::ArrayCast { from: values.dtype(), to: a.dtype(), casting: Casting::Safe });
        }
        if a.is_readonly() {
            return Err(Error::ReadOnlyOf("place: output array"));
        }
        let mask = self.astype(mask, DType::Bool, Casting::Unsafe, false)?;
        let positions = self.flat_positions(&self.ravel(&mask)?, interrupted)?;
        match (positions.size(), values.size()) {
            (0, _) => Ok(()),
            (_, 0) => Err(Error::Value("Cannot insert from an empty array!".into())),
            (m, _) => {
                let values = self.repeated(values, a.dtype(), m)?;
                self.assign_by_positions(a, positions, &Operand::from(values))
            }
        }
    }

    /// `np.putmask(a, mask, values)`: where the mask selects, the element gets the value of its row-major number, values being repeated. Blocks: no.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; [`Error::Value`] for a mask of another size.
    pub fn putmask(&self, a: &NdArray, mask: &NdArray, values: &NdArray) -> Result<()> {
        if mask.size() != a.size() {
            return Err(Error::Value("putmask: mask and data must be the same size".into()));
        }
        if a.is_readonly() {
            return Err(Error::ReadOnlyOf("putmask: output array"));
        }
        let mask = self.reshape(&self.astype(mask, DType::Bool, Casting::Unsafe, false)?, a.shape())?;
        if values.size() == 0 || a.size() == 0 {
            return Ok(());
        }
        let values = match values.shape() == a.shape() {
            true => values.clone(),
            false => self.reshape(&self.repeated(values, a.dtype(), a.size())?, a.shape())?,
        };
        self.copyto(a, &Operand::from(values), Casting::Unsafe, Some(&mask))
    }

    /// Elements of `dtype`, row-major, `count` of them, from the first one again after the last one; there is one at least.
    fn repeated(&self, values: &NdArray, dtype: DType, count: i64) -> Result<NdArray> {
        let values = self.ravel(&self.astype(values, dtype, Casting::Unsafe, false)?)?;
        let n = values.size();
        if n == 1 {
            let view = values.view.broadcast(&[count]).expect("one element stretches");
            return Ok(values.with_view(view));
        }
        if n >= count {
            return Ok(values.with_view(values.view.sliced(0, 0, 1, count)));
        }
        let whole = |n: i64| Weak::Int(i128::from(n));
        let numbers = self.arange(whole(0), whole(count), whole(1), Some(DType::I64))?;
        let places = self.apply2("remainder", &numbers, Scalar::new(n))?;
        self.gather(&values, &places, 0)
    }
}
