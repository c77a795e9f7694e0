//! The array classes. `Array` has everything but in-place operators; `ndarray` adds those; `deferred_scalar` is what stands
//! for a NumPy scalar whose value is still to come, and has none: `s += 1` makes a new scalar, as with NumPy's.

use crate::convert;
use crate::dtype::descriptor;
use crate::error::{Attempt, Failure};
use crate::host;
use crate::outcome;
use crate::scalars::{self, Reads};
use legate_numpy::{Layout, NdArray};
use numpy::{PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use std::sync::OnceLock;

/// An array; the base of `ndarray` and of `deferred_scalar`.
#[pyclass(frozen, subclass, weakref, module = "legate._native", name = "Array")]
pub(crate) struct Array {
    state: State,
    /// The object whose memory this is a view of (NumPy's `base`).
    base: Option<Py<PyAny>>,
    /// Made by the first element read that could not be answered at once.
    reads: OnceLock<Box<Reads>>,
}

/// The array as it was made, and what assigning to `shape` or `flags` has made of it since. A chain that only grows, so that
/// readers can borrow without a lock; it has one link in nearly all arrays.
struct State {
    nd: NdArray,
    next: OnceLock<Box<State>>,
}

/// NumPy's `ndarray`.
#[pyclass(frozen, subclass, extends = Array, module = "legate.numpy", name = "ndarray")]
pub(crate) struct NdArrayObject;

/// A 0-d array that behaves as a NumPy scalar.
#[pyclass(frozen, extends = Array, module = "legate.numpy", name = "deferred_scalar")]
pub(crate) struct DeferredScalar;

impl Array {
    pub(crate) fn new(nd: NdArray, base: Option<Py<PyAny>>) -> Array {
        Array { state: State { nd, next: OnceLock::new() }, base, reads: OnceLock::new() }
    }

    /// The array.
    pub(crate) fn nd(&self) -> &NdArray {
        &self.last().nd
    }

    pub(crate) fn base(&self) -> Option<&Py<PyAny>> {
        self.base.as_ref()
    }

    pub(crate) fn reads(&self) -> &Reads {
        self.reads.get_or_init(Box::default)
    }

    /// Lets this object be another view from now on.
    pub(crate) fn replace(&self, nd: NdArray) {
        scalars::note_write();
        let mut link = Box::new(State { nd, next: OnceLock::new() });
        // Another thread may add a link at the same time: go on to the new end.
        while let Err(back) = self.last().next.set(link) {
            link = back;
        }
    }

    fn last(&self) -> &State {
        let mut state = &self.state;
        while let Some(next) = state.next.get() {
            state = next;
        }
        state
    }
}

/// `nd` of `object`, seen as an instance of `class`, a subclass of `ndarray`; `model` is what its `__array_finalize__` gets.
pub(crate) fn view_as<'py>(
    object: &Bound<'py, PyAny>,
    class: &Bound<'py, PyType>,
    model: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let base_new = py.get_type::<NdArrayObject>().getattr("__new__")?;
    let instance = base_new.call1((class, AsView { of: object.clone().unbind() }))?;
    if !class.getattr("__array_finalize__")?.is_none() {
        instance.call_method1("__array_finalize__", (model.unwrap_or(object),))?;
    }
    Ok(instance)
}

/// Given to `ndarray.__new__` in the place of a shape: be a view of this.
#[pyclass(frozen, module = "legate._native")]
struct AsView {
    of: Py<PyAny>,
}

#[pymethods]
impl NdArrayObject {
    /// An array of the given shape; its values are arbitrary, or those of `buffer`.
    #[new]
    #[pyo3(signature = (shape = None, dtype = None, buffer = None, offset = 0, strides = None, order = None))]
    fn new(
        py: Python<'_>,
        shape: Option<&Bound<'_, PyAny>>,
        dtype: Option<&Bound<'_, PyAny>>,
        buffer: Option<&Bound<'_, PyAny>>,
        offset: isize,
        strides: Option<&Bound<'_, PyAny>>,
        order: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<NdArrayObject>> {
        let missing = || PyTypeError::new_err("ndarray() missing required argument 'shape' (pos 1)");
        let shape = shape.ok_or_else(missing)?;
        let array = match shape.cast::<AsView>() {
            Ok(view) => {
                let of = view.get().of.bind(py).cast::<Array>()?;
                let owner = of.get().base().map_or_else(|| of.clone().into_any().unbind(), |b| b.clone_ref(py));
                Array::new(of.get().nd().clone(), Some(owner))
            }
            Err(_) => {
                let nd = made(shape, dtype, buffer, offset, strides, order).map_err(|f| f.raise(py))?;
                Array::new(nd, None)
            }
        };
        Ok(PyClassInitializer::from(array).add_subclass(NdArrayObject))
    }
}

/// What the constructor makes.
fn made(
    shape: &Bound<'_, PyAny>,
    dtype: Option<&Bound<'_, PyAny>>,
    buffer: Option<&Bound<'_, PyAny>>,
    offset: isize,
    strides: Option<&Bound<'_, PyAny>>,
    order: Option<&Bound<'_, PyAny>>,
) -> Attempt<NdArray> {
    let py = shape.py();
    if buffer.is_none() && strides.is_none() {
        let dtype = dtype.map_or(Ok(legate_numpy::DType::F64), crate::dtype::parse)?;
        let order = order.map(|order| order.extract::<String>()).transpose()?;
        let layout = Layout::parse(order.as_deref().unwrap_or("C")).ok_or(Failure::Unsupported)?;
        let session = crate::session::session(py)?;
        return Ok(layout.made(&convert::integers(shape)?, None, |extents| session.empty(extents, dtype))?);
    }
    // NumPy knows how to read foreign memory.
    let class = py.get_type::<PyUntypedArray>();
    let dtype = dtype.map_or_else(|| py.None().into_bound(py), Clone::clone);
    let dtype = if dtype.is_none() { py.get_type::<pyo3::types::PyFloat>().into_any() } else { dtype };
    let array = class.call1((shape, dtype, buffer, offset, strides, order))?;
    host::adopt(array.cast::<PyUntypedArray>().map_err(PyErr::from)?)
}

#[pymethods]
impl Array {
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.nd().shape())
    }

    #[deleter(shape)]
    fn delete_shape(&self) -> PyResult<()> {
        Err(PyAttributeError::new_err("Cannot delete array shape"))
    }

    #[setter]
    fn set_shape(slf: &Bound<'_, Self>, shape: &Bound<'_, PyAny>) -> PyResult<()> {
        let attempt = || -> Attempt<()> {
            let nd = slf.get().nd();
            let reshaped = crate::session::session(slf.py())?.reshape(nd, &convert::integers(shape)?)?;
            if !reshaped.shares_base(nd) {
                return Err(PyAttributeError::new_err(
                    "Incompatible shape for in-place modification. Use `.reshape()` to make a copy with the desired shape.",
                )
                .into());
            }
            slf.get().replace(reshaped);
            Ok(())
        };
        attempt().map_err(|f| f.raise(slf.py()))
    }

    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDescr>> {
        descriptor(py, self.nd().dtype()).cloned()
    }

    #[getter]
    fn ndim(&self) -> usize {
        self.nd().ndim()
    }

    #[getter]
    fn size(&self) -> i64 {
        self.nd().size()
    }

    #[getter]
    fn itemsize(&self) -> usize {
        self.nd().itemsize()
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.nd().nbytes()
    }

    #[getter]
    fn strides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.nd().strides_bytes())
    }

    #[deleter(strides)]
    fn delete_strides(&self) -> PyResult<()> {
        Err(PyAttributeError::new_err("Cannot delete array strides"))
    }

    #[setter]
    fn set_strides(slf: &Bound<'_, Self>, strides: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, array) = (slf.py(), slf.get());
        let nd = array.nd();
        let Some(strides) = strides.try_iter().ok().and_then(|_| convert::integers(strides).ok()) else {
            return Err(PyTypeError::new_err("invalid strides"));
        };
        if strides.len() != nd.ndim() {
            let text = format!("strides must be  same length as shape ({})", nd.ndim());
            return Err(PyValueError::new_err(text));
        }
        deprecated(
            py,
            "Setting the strides on a NumPy array has been deprecated in NumPy 2.4.\nAs an alternative, you can create a new view using np.lib.stride_tricks.as_strided.",
        )?;
        let restrided = nd.restrided(nd.offset_bytes(), nd.shape(), &strides);
        let restrided =
            restrided.ok_or_else(|| PyValueError::new_err("strides is not compatible with available memory"))?;
        array.replace(restrided);
        Ok(())
    }

    /// Another view of the memory: shape, strides in bytes, and the first element's offset in bytes; `None` if that leaves the memory, or does
    /// not keep to whole elements.
    fn _restrided<'py>(
        slf: &Bound<'py, Self>,
        shape: Vec<i64>,
        strides: Vec<i64>,
        offset: i64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        slf.get().nd().restrided(offset, &shape, &strides).map(|nd| outcome::view(slf, nd)).transpose()
    }

    #[getter]
    #[pyo3(name = "base")]
    fn base_object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.base.as_ref().map(|b| b.clone_ref(py))
    }

    #[getter]
    fn device(&self) -> &'static str {
        "cpu"
    }

    #[getter(T)]
    fn transposed<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.is_instance_of::<DeferredScalar>() {
            return Ok(slf.clone().into_any());
        }
        let nd = slf.get().nd().transpose(None).map_err(|e| Failure::from(e).raise(slf.py()))?;
        outcome::view(slf, nd)
    }

    #[getter(mT)]
    fn matrix_transposed<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().nd().ndim() < 2 {
            return Err(PyValueError::new_err("matrix transpose with ndim < 2 is undefined"));
        }
        let nd = slf.get().nd().swapaxes(-1, -2).map_err(|e| Failure::from(e).raise(slf.py()))?;
        outcome::view(slf, nd)
    }

    #[getter]
    fn real<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let nd = slf.get().nd();
        let real = nd.real();
        if slf.is_instance_of::<DeferredScalar>() && real.dtype() != nd.dtype() {
            return part_of_scalar(slf.py(), &real);
        }
        if real.dtype() == nd.dtype() { Ok(slf.clone().into_any()) } else { outcome::view(slf, real) }
    }

    #[setter]
    fn set_real(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        assign(slf.py(), &slf.get().nd().real(), value)
    }

    #[getter]
    fn imag<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, nd) = (slf.py(), slf.get().nd());
        match nd.imag() {
            Some(imag) if slf.is_instance_of::<DeferredScalar>() => part_of_scalar(py, &imag),
            None if slf.is_instance_of::<DeferredScalar>() => {
                crate::host::scalar(py, &legate_numpy::Scalar::zero(nd.dtype()))
            }
            Some(imag) => outcome::view(slf, imag),
            None => {
                let session = crate::session::session(py)?;
                let mut zeros = session.zeros(nd.shape(), nd.dtype()).map_err(|e| Failure::from(e).raise(py))?;
                zeros.set_readonly(true);
                outcome::like(slf, outcome::array(py, zeros)?)
            }
        }
    }

    #[setter]
    fn set_imag(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match slf.get().nd().imag() {
            Some(imag) => assign(slf.py(), &imag, value),
            None => Err(PyTypeError::new_err("array does not have imaginary part to set")),
        }
    }

    /// Whether it may be written through, and how it lies in memory: what `flags` shows.
    fn _layout(&self) -> (bool, bool, bool, bool) {
        let nd = self.nd();
        (nd.is_c_contiguous(), nd.is_f_contiguous(), self.base.is_none(), !nd.is_readonly())
    }

    fn _set_writeable(&self, py: Python<'_>, writeable: bool) -> PyResult<()> {
        let nd = self.nd();
        if nd.is_readonly() != writeable {
            return Ok(());
        }
        // A view may be written to if what it is a view of may be, and if no element is in it twice: of two that write it at the same time none is the last.
        let owner =
            self.base.as_ref().map(|base| base.bind(py).cast::<Array>().is_ok_and(|b| !b.get().nd().is_readonly()));
        if writeable && (owner == Some(false) || nd.may_repeat()) {
            return Err(PyValueError::new_err("cannot set WRITEABLE flag to True of this array"));
        }
        let mut changed = nd.clone();
        changed.set_readonly(!writeable);
        self.replace(changed);
        Ok(())
    }

    /// Lets this object be what `other` is (`resize` in place).
    fn _become(&self, other: &Bound<'_, Array>) {
        self.replace(other.get().nd().clone());
    }

    fn _may_overlap(&self, other: &Bound<'_, Array>) -> bool {
        let (one, other) = (self.nd(), other.get().nd());
        // Where elements have different sizes, what lies between the first and the last byte counts.
        one.may_share_memory(other) || (!one.shares_base(other) && one.shares_memory_block(other))
    }

    /// Bytes from the start of the memory that this is a view of: where a NumPy array that lay in memory would have its address.
    fn _offset(&self) -> i64 {
        self.nd().offset_bytes()
    }

    fn _is_ready(&self) -> bool {
        self.nd().is_ready()
    }

    fn _broadcast_to<'py>(slf: &Bound<'py, Self>, shape: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let shape = convert::integers(shape)?;
        let nd = slf.get().nd().broadcast_to(&shape).map_err(|e| Failure::from(e).raise(slf.py()))?;
        outcome::view(slf, nd)
    }

    /// The same bits as elements of another type of the same size: a view; `None` where that cannot be.
    fn _bits_as<'py>(slf: &Bound<'py, Self>, dtype: &Bound<'_, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(dtype) = crate::dtype::parse(dtype) else { return Ok(None) };
        slf.get().nd().bits_as(dtype).map(|nd| outcome::view(slf, nd)).transpose()
    }

    /// The memory as elements of `dtype`, with this shape, strides in bytes and offset in bytes; `None` where that cannot be.
    fn _retyped<'py>(
        slf: &Bound<'py, Self>,
        dtype: &Bound<'_, PyAny>,
        offset: i64,
        shape: Vec<i64>,
        strides: Vec<i64>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Ok(dtype) = crate::dtype::parse(dtype) else { return Ok(None) };
        slf.get().nd().retyped(dtype, offset, &shape, &strides).map(|nd| outcome::view(slf, nd)).transpose()
    }

    /// This array as an instance of `class`; `model`, by default this array, is what its `__array_finalize__` gets.
    #[pyo3(signature = (class, model = None))]
    fn _view_as<'py>(
        slf: &Bound<'py, Self>,
        class: &Bound<'py, PyType>,
        model: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        view_as(slf.as_any(), class, model)
    }

    /// A read-only NumPy array of the values as they are now. Waits for them.
    pub(crate) fn _snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyUntypedArray>> {
        let nd = self.nd();
        let bytes = outcome::bytes(py, nd).map_err(|f| f.raise(py))?;
        host::snapshot(py, bytes, nd.shape(), nd.dtype())
    }

    #[getter]
    fn __array_priority__(&self) -> f64 {
        0.0
    }

    /// Told to instances of subclasses when they are made; does nothing here.
    #[pyo3(signature = (obj, /))]
    fn __array_finalize__(&self, obj: &Bound<'_, PyAny>) {
        let _ = obj;
    }

    #[pyo3(signature = (memo, /))]
    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = memo; // nothing in an array can refer back to it
        Self::__copy__(slf)
    }

    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let session = crate::session::session(py)?;
        let copy = session.copy_like(slf.get().nd()).map_err(|e| Failure::from(e).raise(py))?;
        if slf.is_instance_of::<DeferredScalar>() {
            return outcome::deferred_scalar(py, copy);
        }
        outcome::like(slf, outcome::array(py, copy)?)
    }

    /// Bytes of the object, as NumPy counts them: what describes it, and its elements if they are its own.
    fn __sizeof__(&self) -> usize {
        const FIELDS: usize = 96; // of NumPy's structure
        let nd = self.nd();
        let own = if self.base.is_none() { nd.nbytes().max(nd.itemsize()) } else { 0 };
        FIELDS + 2 * nd.ndim() * size_of::<i64>() + own
    }
}

/// The real or the imaginary part of a deferred scalar, deferred as it is.
fn part_of_scalar<'py>(py: Python<'py>, part: &NdArray) -> PyResult<Bound<'py, PyAny>> {
    let copy = crate::session::session(py)?.copy(part).map_err(|e| Failure::from(e).raise(py))?;
    outcome::value(py, copy).map_err(|failure| failure.raise(py))
}

/// Warns as NumPy does where it will stop doing something.
fn deprecated(py: Python<'_>, text: &str) -> PyResult<()> {
    let text = std::ffi::CString::new(text).expect("no zero byte in it");
    PyErr::warn(py, &py.get_type::<pyo3::exceptions::PyDeprecationWarning>(), &text, 1)
}

/// `target[...] = value`.
pub(crate) fn assign(py: Python<'_>, target: &NdArray, value: &Bound<'_, PyAny>) -> PyResult<()> {
    scalars::note_write();
    let attempt = || -> Attempt<()> {
        let value = convert::operand(value)?;
        Ok(crate::session::session(py)?.assign(target, &value)?)
    };
    attempt().map_err(|f| f.raise(py))
}
