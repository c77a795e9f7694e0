//! Element-wise functions: NumPy's ufuncs, `where`, `clip`, casts and assignment.

use crate::array::NdArray;
use crate::error::{Casting, Result};
use crate::promote::Weak;
use crate::session::Session;
use legate_kernels::dtype::{DType, Scalar};

/// An argument of an element-wise function.
#[derive(Clone, Debug)]
pub enum Operand {
    /// An array (or a NumPy scalar made into a 0-d array).
    Array(NdArray),
    /// A Python scalar.
    Weak(Weak),
    /// A NumPy scalar: strong in promotion.
    Scalar(Scalar),
}

impl From<&NdArray> for Operand {
    fn from(a: &NdArray) -> Operand {
        Operand::Array(a.clone())
    }
}
impl From<NdArray> for Operand {
    fn from(a: NdArray) -> Operand {
        Operand::Array(a)
    }
}
impl From<Weak> for Operand {
    fn from(w: Weak) -> Operand {
        Operand::Weak(w)
    }
}
impl From<Scalar> for Operand {
    fn from(s: Scalar) -> Operand {
        Operand::Scalar(s)
    }
}
impl From<f64> for Operand {
    fn from(v: f64) -> Operand {
        Operand::Weak(Weak::Float(v))
    }
}
impl From<i64> for Operand {
    fn from(v: i64) -> Operand {
        Operand::Weak(Weak::Int(i128::from(v)))
    }
}

/// A ufunc of NumPy that is native here: one or two inputs, one output.
#[derive(Clone, Copy)]
pub struct Ufunc(&'static UfuncRow);

pub(crate) struct UfuncRow {
    pub(crate) name: &'static str,
    pub(crate) inputs: usize,
}

impl Ufunc {
    /// The ufunc that NumPy calls so (aliases included: `abs`, `divide`, `bitwise_invert`).
    pub fn lookup(name: &str) -> Option<Ufunc> {
        let _ = name;
        todo!()
    }
    /// Every native ufunc.
    pub fn all() -> impl Iterator<Item = Ufunc> {
        std::iter::empty()
    }
    /// NumPy's `__name__`.
    pub fn name(self) -> &'static str {
        self.0.name
    }
    /// Number of inputs.
    pub fn inputs(self) -> usize {
        self.0.inputs
    }
}

/// The keywords of a ufunc call.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions<'a> {
    /// Where the result goes.
    pub out: Option<&'a NdArray>,
    /// A bool array: where false, `out` keeps its value (without `out`: unspecified).
    pub where_: Option<&'a NdArray>,
    /// The type to compute in (NumPy's `dtype=`).
    pub dtype: Option<DType>,
    /// How freely inputs and output may be cast.
    pub casting: Casting,
}

impl Session {
    /// Calls a ufunc.
    ///
    /// # Errors
    /// NumPy's for shapes, types and casts; [`crate::Error::Unsupported`] where NumPy would compute in a type that is not native (float16).
    pub fn call(&self, ufunc: Ufunc, inputs: &[Operand], options: &CallOptions<'_>) -> Result<NdArray> {
        let _ = (ufunc, inputs, options);
        todo!()
    }
    /// `np.where(condition, x, y)`.
    ///
    /// # Errors
    /// Shapes that do not broadcast; integers out of bounds.
    pub fn select(&self, condition: &Operand, x: &Operand, y: &Operand) -> Result<NdArray> {
        let _ = (condition, x, y);
        todo!()
    }
    /// `np.clip(a, lo, hi, out=out)`.
    ///
    /// # Errors
    /// As a ufunc.
    pub fn clip(
        &self,
        a: &Operand,
        lo: Option<&Operand>,
        hi: Option<&Operand>,
        out: Option<&NdArray>,
    ) -> Result<NdArray> {
        let _ = (a, lo, hi, out);
        todo!()
    }
    /// A C-ordered copy.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn copy(&self, a: &NdArray) -> Result<NdArray> {
        let _ = a;
        todo!()
    }
    /// `a.astype(dtype, casting=casting, copy=copy)`.
    ///
    /// # Errors
    /// [`crate::Error::ArrayCast`].
    pub fn astype(&self, a: &NdArray, dtype: DType, casting: Casting, copy: bool) -> Result<NdArray> {
        let _ = (a, dtype, casting, copy);
        todo!()
    }
    /// `dst[...] = src`: broadcasts, casts as `unsafe` allows (Python integers must fit).
    ///
    /// # Errors
    /// [`crate::Error::ReadOnly`], [`crate::Error::BroadcastInto`], [`crate::Error::IntegerOutOfBounds`].
    pub fn assign(&self, dst: &NdArray, src: &Operand) -> Result<()> {
        let _ = (dst, src);
        todo!()
    }
    /// `np.copyto(dst, src, casting=casting, where=where_)`.
    ///
    /// # Errors
    /// As [`Session::assign`], and [`crate::Error::ArrayCast`].
    pub fn copyto(&self, dst: &NdArray, src: &Operand, casting: Casting, where_: Option<&NdArray>) -> Result<()> {
        let _ = (dst, src, casting, where_);
        todo!()
    }
}
