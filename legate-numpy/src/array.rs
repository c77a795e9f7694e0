//! Arrays: views of bases.
//!
//! A base is C-ordered memory in NumPy's eyes. Its values are host bytes (small arrays whose values are known), or a field of the runtime
//! that operations still to come may be writing, or both while they agree.

use crate::decode::decode;
use crate::retype::{Origin, Retyped};
use crate::view::{View, copied, volume};
use legate_core::exec::HostBuffer;
use legate_core::geometry::{Point, Rect};
use legate_core::runtime::FieldHandle;
use legate_kernels::dtype::{DType, Scalar};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

/// What arrays are views of.
#[derive(Debug)]
pub(crate) struct Base {
    /// Extents as it was made.
    pub(crate) shape: Point,
    /// Element type as it was made.
    pub(crate) dtype: DType,
    /// Where the values are.
    pub(crate) cell: Mutex<Backing>,
    /// The base whose memory this one shows as elements of another size. Boxed: few have one.
    pub(crate) origin: Option<Box<Origin>>,
    /// Bases that show this one's memory so.
    pub(crate) retyped: OnceLock<Box<Retyped>>,
}

/// Where the values of a base are. Those that are there agree; if none is, the base is still to be written (only inside this crate, until
/// the operation that makes it is issued).
#[derive(Debug, Default)]
pub(crate) struct Backing {
    /// All elements have this value: `zeros` takes no memory until something is written.
    pub(crate) fill: Option<Scalar>,
    /// All elements, row-major.
    pub(crate) host: Option<Arc<HostBuffer>>,
    /// A field of the runtime.
    pub(crate) field: Option<BaseField>,
    /// How many launches have written to the field.
    pub(crate) launches: u64,
}

impl Backing {
    /// Whether the values can be had without waiting.
    pub(crate) fn is_known(&self) -> bool {
        self.fill.is_some() || self.host.is_some()
    }

    /// The field has been written: what else had the values is old.
    pub(crate) fn note_launch(&mut self) {
        (self.fill, self.host) = (None, None);
        self.launches += 1;
    }
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
    /// With this backing.
    pub(crate) fn new(shape: &[i64], dtype: DType, backing: Backing) -> Arc<Base> {
        Arc::new(Base { cell: Mutex::new(backing), ..Base::plain(shape, dtype) })
    }
    /// Still to be written, on its own.
    pub(crate) fn plain(shape: &[i64], dtype: DType) -> Base {
        Base { shape: copied(shape), dtype, cell: Mutex::default(), origin: None, retyped: OnceLock::new() }
    }
    /// Number of elements.
    pub(crate) fn size(&self) -> i64 {
        volume(&self.shape)
    }
    /// Bytes of all elements.
    pub(crate) fn nbytes(&self) -> u64 {
        self.size() as u64 * self.dtype.size() as u64
    }
}

/// How a view shows the elements of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// As they are.
    Whole,
    /// The real parts of complex elements.
    Real,
    /// Their imaginary parts.
    Imag,
    /// Their bits read as another type of the same size.
    Bits(DType),
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
    /// All of a new base.
    pub(crate) fn new(shape: &[i64], dtype: DType, backing: Backing) -> NdArray {
        NdArray { base: Base::new(shape, dtype, backing), view: View::whole(shape), part: Part::Whole, readonly: false }
    }

    /// A new array that the operation to be issued next will write.
    pub(crate) fn unwritten(shape: &[i64], dtype: DType) -> NdArray {
        NdArray::new(shape, dtype, Backing::default())
    }

    /// Another view of the same base.
    #[inline]
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
            Part::Bits(dtype) => dtype,
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
    ///
    /// NumPy gives arrays that are made without elements strides of 0.
    pub fn strides_bytes(&self) -> Point {
        let size = if self.base.size() == 0 { 0 } else { self.base.dtype.size() as i64 };
        self.view.strides.iter().map(|s| s * size).collect()
    }
    /// Another view of the base's memory, of this element type: `offset` and `strides` in bytes, from the base's first element. `None` if that leaves the memory or does not
    /// keep to whole elements. Read-only if elements are in it several times.
    pub fn restrided(&self, offset: i64, shape: &[i64], strides: &[i64]) -> Option<NdArray> {
        let size = self.base.dtype.size() as i64;
        let start = offset - (self.offset_bytes() - self.view.offset * size);
        if shape.len() != strides.len() || start % size != 0 || strides.iter().any(|stride| stride % size != 0) {
            return None;
        }
        let strides = strides.iter().map(|stride| stride / size).collect();
        let view = View { offset: start / size, shape: copied(shape), strides };
        let fits = view.bounds().is_none_or(|(lo, hi)| lo >= 0 && hi < self.base.size());
        let readonly = self.readonly || view.may_repeat();
        fits.then(|| NdArray { readonly, ..self.with_view(view) })
    }

    /// Whether an element of the base may be in it several times. Never wrongly `false`.
    pub fn may_repeat(&self) -> bool {
        self.view.may_repeat()
    }

    /// Bytes from the base's first element to this array's, as if the base lay in memory.
    pub fn offset_bytes(&self) -> i64 {
        let imaginary = if self.part == Part::Imag { self.itemsize() as i64 } else { 0 };
        self.view.offset * self.base.dtype.size() as i64 + imaginary
    }
    /// NumPy's `flags.c_contiguous`.
    pub fn is_c_contiguous(&self) -> bool {
        self.view.is_c_contiguous() && (!self.is_part() || self.size() <= 1)
    }
    /// NumPy's `flags.f_contiguous`.
    pub fn is_f_contiguous(&self) -> bool {
        self.view.is_f_contiguous() && (!self.is_part() || self.size() <= 1)
    }
    /// Whether it may not be written through.
    pub fn is_readonly(&self) -> bool {
        self.readonly
    }
    /// Forbids or allows writing through this array (other views of the base are as they were).
    pub fn set_readonly(&mut self, readonly: bool) {
        self.readonly = readonly;
    }
    /// Whether it is all of its base, in order: NumPy's `a.base is None`, as far as arrays made here go.
    pub fn is_whole_base(&self) -> bool {
        self.part == Part::Whole
            && self.view.offset == 0
            && self.view.shape == self.base.shape
            && self.view.is_c_contiguous()
    }
    /// Whether the two are views of one base.
    pub fn shares_base(&self, other: &NdArray) -> bool {
        Arc::ptr_eq(&self.base, &other.base)
    }
    /// Whether the two may share an element; never wrongly `false`.
    pub fn may_share_memory(&self, other: &NdArray) -> bool {
        self.shares_base(other)
            && self.parts_meet(other)
            && self.view.may_overlap(&other.view)
            && !self.lies_apart(other)
    }

    /// Whether the two, as boxes of the base's points, surely have none in common (the left and the right half of a matrix).
    fn lies_apart(&self, other: &NdArray) -> bool {
        let linear = |a: &NdArray| a.base.cell.lock().field.as_ref().is_some_and(|field| field.linear);
        let access = |a: &NdArray| decode(&a.view, &a.base.shape).filter(|_| !linear(a));
        match (access(self), access(other)) {
            (Some(a), Some(b)) => a.is_disjoint(&Rect::from_shape(self.shape()), &b, &Rect::from_shape(other.shape())),
            _ => false,
        }
    }
    /// Whether the values are at hand, so that reading them waits for nothing.
    pub fn is_ready(&self) -> bool {
        self.base.cell.lock().is_known()
    }

    pub(crate) fn is_part(&self) -> bool {
        matches!(self.part, Part::Real | Part::Imag)
    }

    fn parts_meet(&self, other: &NdArray) -> bool {
        self.part == other.part || !self.is_part() || !other.is_part()
    }

    /// Whether it shows each element of its base exactly once, in any order.
    pub(crate) fn covers_base(&self) -> bool {
        !self.is_part() && self.size() == self.base.size() && !self.view.may_repeat()
    }

    /// The real part: a view; the array itself if it is not complex.
    pub fn real(&self) -> NdArray {
        match self.dtype() {
            DType::C64 | DType::C128 if self.part == Part::Whole => NdArray { part: Part::Real, ..self.clone() },
            _ => self.clone(),
        }
    }
    /// The imaginary part of a complex array: a view. `None` if it is not complex (NumPy then gives read-only zeros).
    pub fn imag(&self) -> Option<NdArray> {
        let complex = matches!(self.dtype(), DType::C64 | DType::C128) && self.part == Part::Whole;
        complex.then(|| NdArray { part: Part::Imag, ..self.clone() })
    }
    /// `a.view(dtype)`: the bits as another type of the same size; `None` if the sizes differ or the view shows only parts of elements.
    pub fn bits_as(&self, dtype: DType) -> Option<NdArray> {
        if self.is_part() || dtype.size() != self.base.dtype.size() {
            return None;
        }
        let part = if dtype == self.base.dtype { Part::Whole } else { Part::Bits(dtype) };
        Some(NdArray { part, ..self.clone() })
    }
}
