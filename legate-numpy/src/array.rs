//! Arrays: views of bases.
//!
//! A base is C-ordered memory in NumPy's eyes. Its values are host bytes (small arrays whose values are known), or a field of the runtime
//! that operations still to come may be writing, or both while they agree.

use crate::view::{View, c_strides};
use legate_core::exec::HostBuffer;
use legate_core::geometry::Point;
use legate_core::runtime::FieldHandle;
use legate_kernels::dtype::DType;
use parking_lot::Mutex;
use std::sync::Arc;

/// What arrays are views of.
#[derive(Debug)]
pub(crate) struct Base {
    /// Extents as it was made.
    pub(crate) shape: Point,
    /// Element type as it was made.
    pub(crate) dtype: DType,
    /// Where the values are.
    pub(crate) cell: Mutex<Backing>,
}

/// Where the values of a base are. Invariant: at least one of the two is there; if both, they agree.
#[derive(Debug, Default)]
pub(crate) struct Backing {
    /// All elements, row-major.
    pub(crate) host: Option<Arc<HostBuffer>>,
    /// A field of the runtime.
    pub(crate) field: Option<BaseField>,
}

/// The field behind a base.
#[derive(Clone)]
pub(crate) struct BaseField {
    /// Keeps its memory.
    pub(crate) handle: FieldHandle,
    /// Whether the field has one dimension, the base's elements in row-major order (else it has the base's shape).
    pub(crate) linear: bool,
}

impl std::fmt::Debug for BaseField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.handle.id(), if self.linear { " (linear)" } else { "" })
    }
}

impl Base {
    /// With values at hand.
    pub(crate) fn host(shape: &[i64], dtype: DType, bytes: Arc<HostBuffer>) -> Arc<Base> {
        let cell = Mutex::new(Backing { host: Some(bytes), field: None });
        Arc::new(Base { shape: shape.into(), dtype, cell })
    }
    /// With values to come.
    pub(crate) fn field(shape: &[i64], dtype: DType, handle: FieldHandle) -> Arc<Base> {
        let cell = Mutex::new(Backing { host: None, field: Some(BaseField { handle, linear: false }) });
        Arc::new(Base { shape: shape.into(), dtype, cell })
    }
}

/// Which part of a base's elements a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of each.
    Whole,
    /// The real parts of complex elements.
    Real,
    /// Their imaginary parts.
    Imag,
}

/// An array: a view of a base. Cloning shares the base, as `b = a` does in Python.
#[derive(Clone, Debug)]
pub struct NdArray {
    pub(crate) base: Arc<Base>,
    pub(crate) view: View,
    pub(crate) part: Part,
    pub(crate) readonly: bool,
}

impl NdArray {
    /// All of a base.
    pub(crate) fn whole(base: Arc<Base>) -> NdArray {
        let view = View::whole(&base.shape);
        NdArray { base, view, part: Part::Whole, readonly: false }
    }

    /// Another view of the same base.
    pub(crate) fn with_view(&self, view: View) -> NdArray {
        NdArray { base: Arc::clone(&self.base), view, part: self.part, readonly: self.readonly }
    }

    /// Extents.
    pub fn shape(&self) -> &[i64] {
        &self.view.shape
    }
    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.view.rank()
    }
    /// Number of elements.
    pub fn size(&self) -> i64 {
        self.view.size()
    }
    /// Element type.
    pub fn dtype(&self) -> DType {
        match self.part {
            Part::Whole => self.base.dtype,
            Part::Real | Part::Imag => self.base.dtype.real(),
        }
    }
    /// Bytes of one element.
    pub fn itemsize(&self) -> usize {
        self.dtype().size()
    }
    /// Bytes of all elements.
    pub fn nbytes(&self) -> usize {
        self.size() as usize * self.itemsize()
    }
    /// Bytes between neighbours along each dimension, as NumPy shows them.
    pub fn strides_bytes(&self) -> Point {
        let size = self.base.dtype.size() as i64;
        self.view.strides.iter().map(|s| s * size).collect()
    }
    /// NumPy's `flags.c_contiguous`.
    pub fn is_c_contiguous(&self) -> bool {
        self.view.is_c_contiguous() && (self.part == Part::Whole || self.size() <= 1)
    }
    /// NumPy's `flags.f_contiguous`.
    pub fn is_f_contiguous(&self) -> bool {
        self.view.is_f_contiguous() && (self.part == Part::Whole || self.size() <= 1)
    }
    /// Whether it may not be written through.
    pub fn is_readonly(&self) -> bool {
        self.readonly
    }
    /// Forbids or allows writing through this array (other views of the base are as they were).
    pub fn set_readonly(&mut self, readonly: bool) {
        self.readonly = readonly;
    }
    /// Whether the two are views of one base.
    pub fn shares_base(&self, other: &NdArray) -> bool {
        Arc::ptr_eq(&self.base, &other.base)
    }
    /// Whether the two may share an element; never wrongly `false`.
    pub fn may_share_memory(&self, other: &NdArray) -> bool {
        self.shares_base(other) && self.parts_meet(other) && self.view.may_overlap(&other.view)
    }
    /// Whether the two show the same elements of one base in the same order.
    pub fn is_same_view(&self, other: &NdArray) -> bool {
        self.shares_base(other) && self.part == other.part && self.view == other.view
    }
    /// Whether it shows each element of its base once, in order.
    pub(crate) fn covers_base(&self) -> bool {
        self.part == Part::Whole
            && self.view.offset == 0
            && *self.view.shape == *self.base.shape
            && self.view.strides == c_strides(&self.base.shape)
    }
    /// Whether the values are at hand, so that reading them waits for nothing.
    pub fn is_ready(&self) -> bool {
        self.base.cell.lock().host.is_some()
    }

    fn parts_meet(&self, other: &NdArray) -> bool {
        self.part == other.part || self.part == Part::Whole || other.part == Part::Whole
    }

    /// The real part: a view; the array itself if it is not complex.
    pub fn real(&self) -> NdArray {
        match self.base.dtype {
            DType::C64 | DType::C128 if self.part == Part::Whole => NdArray { part: Part::Real, ..self.clone() },
            _ => self.clone(),
        }
    }
    /// The imaginary part of a complex array: a view. `None` if it is not complex (NumPy then gives read-only zeros).
    pub fn imag(&self) -> Option<NdArray> {
        let complex = matches!(self.base.dtype, DType::C64 | DType::C128) && self.part == Part::Whole;
        complex.then(|| NdArray { part: Part::Imag, ..self.clone() })
    }
}
