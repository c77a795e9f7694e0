//! Values between NumPy's memory and ours. All access to NumPy's C structures is here.

use crate::dtype::descriptor;
use crate::error::{Attempt, Failure};
use crate::session::session;
use legate_core::exec::HostBuffer;
use legate_numpy::{DType, NdArray, Scalar};
use numpy::npyffi::{
    self, NPY_ARRAY_BEHAVED, NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_OWNDATA, NPY_ARRAY_WRITEABLE, npy_intp,
};
use numpy::{PY_ARRAY_API, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyType};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

/// Owns host memory on behalf of a NumPy array (its `base`).
#[pyclass(frozen, module = "legate._native", name = "HostMemory")]
struct HostMemory {
    #[expect(dead_code, reason = "held so that the memory outlives the NumPy array over it")]
    buffer: Arc<HostBuffer>,
}

/// A read-only NumPy array over `buffer`: the values are not copied.
pub(crate) fn snapshot<'py>(
    py: Python<'py>,
    buffer: Arc<HostBuffer>,
    shape: &[i64],
    dtype: DType,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let elements: i64 = shape.iter().product();
    assert!(buffer.as_slice().len() >= elements as usize * dtype.size(), "a host buffer holds its array");
    let data = buffer.as_slice().as_ptr();
    let owner = Bound::new(py, HostMemory { buffer })?;
    let mut dims: Vec<npy_intp> = shape.iter().map(|&n| n as npy_intp).collect();
    let descr = descriptor(py, dtype)?.clone();
    // SAFETY: `data` points to at least as many bytes as the shape needs (asserted), aligned to 64; `owner` keeps them alive and becomes
    // the array's base; the flags make the array read-only, so nothing is written through the shared buffer. NewFromDescr
    // steals the descriptor and SetBaseObject steals the owner, which is why both are given up by `into_ptr`.
    unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            npyffi::get_type_object(py, npyffi::NpyTypes::PyArray_Type),
            descr.into_ptr().cast(),
            dims.len() as i32,
            dims.as_mut_ptr(),
            std::ptr::null_mut(),
            data.cast_mut().cast::<c_void>(),
            NPY_ARRAY_C_CONTIGUOUS,
            std::ptr::null_mut(),
        );
        let array = Bound::from_owned_ptr_or_err(py, array)?.cast_into_unchecked::<PyUntypedArray>();
        if PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_array_ptr(), owner.into_ptr()) != 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(array)
    }
}

/// The NumPy scalar of this value: `np.float64(1.5)`.
pub(crate) fn scalar<'py>(py: Python<'py>, value: &Scalar) -> PyResult<Bound<'py, PyAny>> {
    if let Some(value) = value.get::<f64>() {
        return float64(py, value);
    }
    if let Some(value) = value.get::<i64>() {
        return int64(py, value);
    }
    let descr = descriptor(py, value.dtype())?;
    // SAFETY: PyArray_Scalar copies `itemsize` bytes of the element from the pointer, which are there: a `Scalar` holds one element of its type.
    unsafe {
        let object = PY_ARRAY_API.PyArray_Scalar(
            py,
            value.as_bytes().as_ptr().cast_mut().cast::<c_void>(),
            descr.as_ptr().cast(),
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, object)
    }
}

/// A NumPy scalar with a value of 8 bytes, as NumPy's `arrayscalars.h` has it.
#[repr(C)]
struct ScalarObject<T> {
    head: ffi::PyObject,
    value: T,
}

/// `np.float64(value)`, without a descriptor.
fn float64(py: Python<'_>, value: f64) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.get_or_try_init(py, || Ok::<_, PyErr>(descriptor(py, DType::F64)?.typeobj().unbind()))?;
    // SAFETY: the class is NumPy's for values of this type.
    unsafe { new_scalar(py, class, value) }
}

/// `np.int64(value)`, without a descriptor.
fn int64(py: Python<'_>, value: i64) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.get_or_try_init(py, || Ok::<_, PyErr>(descriptor(py, DType::I64)?.typeobj().unbind()))?;
    // SAFETY: as above.
    unsafe { new_scalar(py, class, value) }
}

/// A new instance of a scalar class.
///
/// # Safety
/// `class` is NumPy's class of scalars whose value is a `T`.
unsafe fn new_scalar<'py, T>(py: Python<'py>, class: &Py<PyType>, value: T) -> PyResult<Bound<'py, PyAny>> {
    let class: *mut ffi::PyTypeObject = class.as_ptr().cast();
    // SAFETY: `tp_alloc`, which every type has, gives a new instance, all zero, or null with an exception set. By the caller's promise its value is
    // where NumPy's header says; nobody else has it yet.
    unsafe {
        let alloc = (*class).tp_alloc.expect("every type has an allocator");
        let object = Bound::from_owned_ptr_or_err(py, alloc(class, 0))?;
        (*object.as_ptr().cast::<ScalarObject<T>>()).value = value;
        Ok(object)
    }
}

/// The value of a NumPy scalar of a native type (`np.float64(1.5)`); `None` for any other object.
pub(crate) fn from_scalar(object: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    let Some(dtype) = scalar_dtype(object)? else { return Ok(None) };
    if dtype == DType::F64
        && let Ok(float) = object.cast::<PyFloat>()
    {
        return Ok(Some(Scalar::new(float.value())));
    }
    let mut bytes = [0u8; 16];
    // SAFETY: the object's type is one of NumPy's scalar types, whose element has `dtype.size() <= 16` bytes: that many are written.
    unsafe { PY_ARRAY_API.PyArray_ScalarAsCtype(object.py(), object.as_ptr(), bytes.as_mut_ptr().cast::<c_void>()) };
    Ok(Some(Scalar::from_bytes(dtype, &bytes[..dtype.size()])))
}

static SCALAR_TYPES: PyOnceLock<Vec<(Py<PyType>, DType)>> = PyOnceLock::new();

/// NumPy's scalar types, the frequent ones first. `long long` is a type of its own.
fn scalar_types(py: Python<'_>) -> PyResult<&Vec<(Py<PyType>, DType)>> {
    use DType::*;
    SCALAR_TYPES.get_or_try_init(py, || {
        let numpy = py.import("numpy")?;
        let order = [F64, I64, Bool, F32, I32, C128, U8, C64, U64, U32, I16, U16, I8, F16];
        let mut types = Vec::new();
        for dtype in order {
            types.push((descriptor(py, dtype)?.typeobj().unbind(), dtype));
        }
        for (name, dtype) in [("longlong", I64), ("ulonglong", U64)] {
            types.push((numpy.getattr(name)?.cast_into::<PyType>()?.unbind(), dtype));
        }
        Ok(types)
    })
}

fn scalar_dtype(object: &Bound<'_, PyAny>) -> PyResult<Option<DType>> {
    let class = object.get_type_ptr();
    Ok(scalar_types(object.py())?.iter().find(|(t, _)| t.as_ptr() == class.cast()).map(|(_, dtype)| *dtype))
}

/// The native type whose scalars are of this class.
pub(crate) fn dtype_of_scalars(class: &Bound<'_, PyType>) -> PyResult<Option<DType>> {
    Ok(scalar_types(class.py())?.iter().find(|(t, _)| t.is(class)).map(|(_, dtype)| *dtype))
}

/// An array with a copy of a NumPy array's values. Read-only if that one is.
///
/// # Errors
/// [`Failure::Unsupported`] if its dtype is not native.
pub(crate) fn adopt(array: &Bound<'_, PyUntypedArray>) -> Attempt<NdArray> {
    let dtype = crate::dtype::native(&array.dtype()).ok_or(Failure::Unsupported)?;
    let py = array.py();
    if !array.is_c_contiguous() && array.is_fortran_contiguous() {
        // Column-major stays column-major.
        let transposed = array.call_method0("transpose")?.cast_into::<PyUntypedArray>().map_err(PyErr::from)?;
        return Ok(adopt(&transposed)?.transpose(None)?);
    }
    let contiguous = contiguous(array)?;
    let shape: Vec<i64> = array.shape().iter().map(|&n| n as i64).collect();
    let len = array.len() * dtype.size();
    let session = session(py)?;
    // SAFETY: `contiguous` is C-contiguous with `len` bytes of elements, and it is alive; nobody writes to it while the thread is attached and
    // no Python code runs, which holds until `from_host` has copied the bytes.
    let bytes = unsafe {
        let data = (*contiguous.as_array_ptr()).fields.data;
        if len == 0 { &[][..] } else { std::slice::from_raw_parts(data.cast::<u8>(), len) }
    };
    Ok(session.from_host(bytes, &shape, dtype)?)
}

/// From this many bytes on an array's memory is taken over rather than copied: below, a copy is cheap, and recycled memory the better place.
const WORTH_TAKING: usize = 64 << 10;

/// An array with a NumPy array's values: over its memory if that is large and nobody else can know of it, else as [`adopt`]. `references`: how many
/// references to the array there are if nobody else has it.
///
/// NumPy's array lives as long as the memory is used; if it ends on a thread that is not attached, Python frees it when the next one attaches.
pub(crate) fn take_over(array: Bound<'_, PyUntypedArray>, references: isize) -> Attempt<NdArray> {
    let dtype = crate::dtype::native(&array.dtype()).ok_or(Failure::Unsupported)?;
    let len = array.len() * dtype.size();
    if len < WORTH_TAKING || !array.is_c_contiguous() || !is_unshared(&array, references) {
        return adopt(&array);
    }
    let shape: Vec<i64> = array.shape().iter().map(|&n| n as i64).collect();
    let session = session(array.py())?;
    // SAFETY: the array is C-contiguous and aligned, with `len` bytes, which are its own or its base's, and nobody else has either: `is_unshared`. The
    // owner keeps it alive.
    let buffer = unsafe {
        let data = (*array.as_array_ptr()).fields.data.cast::<u8>();
        let first = NonNull::new(data).expect("an array with elements has memory");
        HostBuffer::foreign(first, len, Box::new(array.unbind()))
    };
    Ok(session.from_buffer(Arc::new(buffer), &shape, dtype)?)
}

/// How many references there are to an object.
pub(crate) fn references(object: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the object is alive and the thread attached.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) as isize }
}

/// Whether these many references are all to the array, and its memory, writeable and aligned, is its own, or that of a base that only it has.
fn is_unshared(array: &Bound<'_, PyUntypedArray>, references: isize) -> bool {
    let has_only = |object: *mut npyffi::PyArrayObject, references: isize, flags: i32| {
        // SAFETY: the object is alive; it is an array when its fields are read, of which NumPy has the structure in its header.
        unsafe {
            npyffi::PyArray_CheckExact(array.py(), object.cast()) != 0
                && ffi::Py_REFCNT(object.cast()) as isize == references
                && (*object).fields.weakreflist.is_null()
                && (*object).fields.flags & flags == flags
        }
    };
    // SAFETY: the pointer is that of a living array object.
    let base: *mut npyffi::PyArrayObject = unsafe { (*array.as_array_ptr()).fields.base.cast() };
    if base.is_null() {
        return has_only(array.as_array_ptr(), references, NPY_ARRAY_BEHAVED | NPY_ARRAY_OWNDATA);
    }
    // A base that owns its memory has no base itself.
    has_only(array.as_array_ptr(), references, NPY_ARRAY_BEHAVED)
        && has_only(base, 1, NPY_ARRAY_WRITEABLE | NPY_ARRAY_OWNDATA)
}

/// The array itself if its elements lie in row-major order and aligned, else such a copy.
fn contiguous<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyUntypedArray>> {
    if array.is_c_contiguous() {
        return Ok(array.clone());
    }
    let copy = array.call_method1("copy", ("C",))?;
    Ok(copy.cast_into::<PyUntypedArray>()?)
}

/// Whether NumPy lets the array's elements be written.
pub(crate) fn is_writeable(array: &Bound<'_, PyUntypedArray>) -> bool {
    // SAFETY: the pointer is that of a living array object.
    unsafe { (*array.as_array_ptr()).fields.flags & NPY_ARRAY_WRITEABLE != 0 }
}

/// A Legate array with the values of a NumPy array; the NumPy array itself if its dtype is not native.
#[pyfunction]
#[pyo3(name = "adopt")]
pub(crate) fn adopt_array<'py>(array: &Bound<'py, PyUntypedArray>) -> PyResult<Bound<'py, PyAny>> {
    wrapped(array.clone(), |array| adopt(&array))
}

/// As [`adopt_array`], by way of [`take_over`].
pub(crate) fn take_over_array(array: Bound<'_, PyUntypedArray>, references: isize) -> PyResult<Bound<'_, PyAny>> {
    wrapped(array, |array| take_over(array, references))
}

fn wrapped<'py>(
    array: Bound<'py, PyUntypedArray>,
    convert: impl FnOnce(Bound<'py, PyUntypedArray>) -> Attempt<NdArray>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = array.py();
    if crate::dtype::native(&array.dtype()).is_none() {
        return Ok(array.into_any());
    }
    let readonly = !is_writeable(&array);
    let mut nd = convert(array).map_err(|failure| failure.raise(py))?;
    nd.set_readonly(readonly);
    crate::outcome::array(py, nd)
}
