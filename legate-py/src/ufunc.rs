//! NumPy's ufuncs as objects: native where legate-numpy has a form, else a front for NumPy's.

use crate::array::Array;
use crate::convert;
use crate::error::{Attempt, Failure};
use crate::fallback;
use crate::freelist::is_plain;
use crate::functions::arguments::mask_of;
use crate::functions::counter::Counter;
use crate::functions::quick::plain;
use crate::functions::reductions::store;
use crate::host;
use crate::outcome;
use crate::scalars;
use crate::session::{issue, session, started};
use crate::vectorcall::{self, Call, Callable, Entry, Given};
use legate_numpy::{
    CallOptions, Casting, DType, IndexItem, NdArray, Operand, ReduceOptions, Reduction, Scalar, Session, Ufunc,
};
use parking_lot::Mutex;
use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use smallvec::SmallVec;
use std::collections::BTreeMap;

type Object<'py> = Bound<'py, PyAny>;
type Operands = SmallVec<[Operand; 2]>;

// A universal function. (A comment, not documentation: that would hide the `__doc__` that each ufunc has.)
#[pyclass(frozen, module = "legate.numpy", name = "ufunc", weakref)]
pub(crate) struct UfuncObject {
    /// NumPy's `__name__`.
    name: String,
    native: Option<NativeForm>,
    /// NumPy's ufunc of this name.
    numpy: Py<PyAny>,
    inputs: usize,
    calls: &'static Counter,
    entry: Entry,
}

impl Callable for UfuncObject {
    /// Calls with numbers and arrays, and `out=` with one of ours.
    fn quick<'py>(&self, py: Python<'py>, call: &Call<'_, 'py>) -> PyResult<Option<Object<'py>>> {
        let Some(NativeForm::Elementwise(ufunc)) = self.native else { return Ok(None) };
        let given = call.values.len();
        let out = match call.names {
            None if given == self.inputs => None,
            Some(names) if given == self.inputs + 1 && names.len() == 1 => {
                if !names.get_borrowed_item(0)?.is(intern!(py, "out")) {
                    return Ok(None);
                }
                let Some(out) = plain(call.values[self.inputs]) else { return Ok(None) };
                scalars::note_write();
                Some(out)
            }
            _ => return Ok(None),
        };
        let target = out.as_ref().map(|out| out.get().nd());
        let values = &call.values[..self.inputs];
        if out.is_none() && !values.iter().any(|value| is_plain(value)) {
            let value = of_numbers(ufunc, values);
            if let Some(value) = value {
                self.calls.tick();
                return host::scalar(py, &value).map(Some);
            }
        }
        let small = || match *values {
            [ref x] => started()?.call_small(ufunc, &[convert::arg(x)?], target),
            [ref x, ref y] => started()?.call_small(ufunc, &[convert::arg(x)?, convert::arg(y)?], target),
            _ => None,
        };
        let Some(result) = small() else { return Ok(None) };
        self.calls.tick();
        if let Some(out) = out {
            return Ok(Some(out.to_owned().into_any()));
        }
        let value = outcome::small_value(py, result)?;
        let model = call.values.iter().find_map(|value| value.cast::<Array>().ok());
        model.map_or_else(|| Ok(value.clone()), |model| outcome::like(&model, value.clone())).map(Some)
    }

    fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// A plain call of NumPy's ufunc with our arrays, by the short way if that covers it. It is what a NumPy scalar to the left of an operator makes of the
/// two: `x.mean() * x` calls `numpy.multiply`.
pub(crate) fn quick_for_numpy<'py>(
    function: &Object<'py>,
    inputs: &Bound<'py, PyTuple>,
) -> PyResult<Option<Object<'py>>> {
    static OURS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let py = inputs.py();
    let values: SmallVec<[Borrowed<'_, 'py, PyAny>; 3]> = inputs.iter_borrowed().collect();
    // Arrays of subclasses may have something to say about it.
    if values.iter().any(|value| value.is_instance_of::<Array>() && plain(*value).is_none()) {
        return Ok(None);
    }
    let known = OURS.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let ours = match known.get_item(function)? {
        Some(ours) => ours,
        None => {
            let ours = py.import("legate._protocols")?.getattr("ufunc_named")?.call1((function,))?;
            known.set_item(function, &ours)?;
            ours
        }
    };
    ours.cast::<UfuncObject>()?.get().quick(py, &Call { values: &values, names: None })
}

/// The value of a ufunc where no argument is an array.
fn of_numbers(ufunc: Ufunc, values: Given<'_, '_>) -> Option<Scalar> {
    match *values {
        [ref x] => started()?.call_scalars(ufunc, &[convert::arg(x)?]),
        [ref x, ref y] => started()?.call_scalars(ufunc, &[convert::arg(x)?, convert::arg(y)?]),
        _ => None,
    }
}

/// What computes it here.
#[derive(Clone, Copy)]
enum NativeForm {
    Elementwise(Ufunc),
    /// Floor division and remainder at once.
    Divmod(Ufunc, Ufunc),
    Matmul,
}

impl NativeForm {
    fn lookup(name: &str) -> Option<NativeForm> {
        match name {
            "matmul" => Some(NativeForm::Matmul),
            "divmod" => Some(NativeForm::Divmod(Ufunc::lookup("floor_divide")?, Ufunc::lookup("remainder")?)),
            _ => Ufunc::lookup(name).map(NativeForm::Elementwise),
        }
    }
}

/// Counters of the native ufuncs. They live as long as the process, as ufuncs do.
static COUNTERS: Mutex<BTreeMap<String, &'static Counter>> = Mutex::new(BTreeMap::new());

fn counter(name: &str) -> &'static Counter {
    COUNTERS.lock().entry(name.to_owned()).or_insert_with(|| Box::leak(Box::default()))
}

/// Calls of each native ufunc.
pub(crate) fn calls() -> Vec<(String, u64)> {
    COUNTERS.lock().iter().map(|(name, counter)| (name.clone(), counter.calls())).collect()
}

/// The keywords of a ufunc call that native forms know.
#[derive(Default)]
struct Keywords<'py> {
    out: SmallVec<[Option<Bound<'py, Array>>; 1]>,
    mask: Option<NdArray>,
    dtype: Option<DType>,
    casting: Casting,
}

impl<'py> Keywords<'py> {
    fn parse(kwargs: Option<&Bound<'py, PyDict>>) -> Attempt<Keywords<'py>> {
        let mut keywords = Keywords::default();
        for (key, value) in kwargs.iter().flat_map(|k| k.iter()) {
            match key.cast::<PyString>().map_err(PyErr::from)?.to_str()? {
                _ if value.is_none() => {}
                "out" => keywords.out = outputs(&value)?,
                "where" => keywords.mask = mask_of(&value)?,
                "dtype" => keywords.dtype = Some(crate::dtype::parse(&value)?),
                "casting" => {
                    keywords.casting = Casting::parse(value.cast::<PyString>().map_err(PyErr::from)?.to_str()?)?
                }
                "order" | "subok" => {} // of no consequence: results are row-major, and subclasses are kept
                _ => return Err(Failure::Unsupported),
            }
        }
        Ok(keywords)
    }

    fn first_out(&self) -> Option<&Bound<'py, Array>> {
        self.out.first().and_then(Option::as_ref)
    }

    fn options(&self) -> CallOptions<'_> {
        CallOptions {
            out: self.first_out().map(|o| o.get().nd()),
            where_: self.mask.as_ref(),
            dtype: self.dtype,
            casting: self.casting,
        }
    }
}

/// `out=`: one array or a tuple with one for each output, `None` for a new one.
fn outputs<'py>(out: &Object<'py>) -> Attempt<SmallVec<[Option<Bound<'py, Array>>; 1]>> {
    scalars::note_write();
    let one = |out: &Object<'py>| match out.is_none() {
        true => Ok(None),
        false => out.cast::<Array>().map(|a| Some(a.clone())).map_err(|_| Failure::Unsupported),
    };
    match out.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().map(|out| one(&out)).collect(),
        Err(_) => Ok(SmallVec::from_iter([one(out)?])),
    }
}

#[pymethods]
impl UfuncObject {
    /// The ufunc that stands for NumPy's `function`.
    #[new]
    #[pyo3(text_signature = None)]
    pub(crate) fn new(function: &Bound<'_, PyAny>) -> PyResult<UfuncObject> {
        let name: String = function.getattr("__name__")?.extract()?;
        let native = NativeForm::lookup(&name).filter(|_| is_numpys_own(function, &name));
        let calls = match native {
            Some(_) => counter(&name),
            None => Box::leak(Box::default()),
        };
        let inputs = function.getattr("nin")?.extract()?;
        Ok(UfuncObject {
            native,
            numpy: function.clone().unbind(),
            inputs,
            calls,
            name,
            entry: Entry::of::<UfuncObject>(),
        })
    }

    /// Lets calls take the short way. Called once, with the first ufunc.
    fn _enable(slf: &Bound<'_, Self>) {
        vectorcall::enable(slf);
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().attempt(args, kwargs).or_else(|f| slf.get().or_numpy(f, "__call__", args, kwargs))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn reduce<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().attempt_reduce(args, kwargs).or_else(|f| slf.get().or_numpy(f, "reduce", args, kwargs))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn outer<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().attempt_outer(args, kwargs).or_else(|f| slf.get().or_numpy(f, "outer", args, kwargs))
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn accumulate<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().or_numpy(Failure::Unsupported, "accumulate", args, kwargs)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn reduceat<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().or_numpy(Failure::Unsupported, "reduceat", args, kwargs)
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn at<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let attempt = || -> Attempt<Object<'py>> {
            let (Some(NativeForm::Elementwise(ufunc)), [target, key, values]) =
                (slf.get().native, &*args.iter().collect::<SmallVec<[_; 3]>>())
            else {
                return Err(Failure::Unsupported);
            };
            if kwargs.is_some_and(|kwargs| !kwargs.is_empty()) {
                return Err(Failure::Unsupported);
            }
            crate::index::accumulate_at(ufunc, target, key, values)?;
            Ok(args.py().None().into_bound(args.py()))
        };
        attempt().or_else(|failure| slf.get().or_numpy(failure, "at", args, kwargs))
    }

    /// NumPy's ufunc of this name.
    #[getter]
    pub(crate) fn numpy(&self, py: Python<'_>) -> Py<PyAny> {
        self.numpy.clone_ref(py)
    }

    /// Whether there is a native form.
    #[getter]
    fn is_native(&self) -> bool {
        self.native.is_some()
    }

    #[getter]
    fn __name__(&self) -> &str {
        &self.name
    }

    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.numpy.bind(py).getattr("__doc__")
    }

    /// `nin`, `nout`, `nargs`, `types`, `ntypes`, `identity`, `signature`, `resolve_dtypes`: NumPy's.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.numpy.bind(py).getattr(name)
    }

    fn __repr__(&self) -> String {
        format!("<ufunc '{}'>", self.name)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let lookup = py.import("legate._protocols")?.getattr("ufunc_named")?;
        Ok((lookup, (&self.numpy,)).into_pyobject(py)?.into_any())
    }
}

/// Ufuncs made by users (`np.frompyfunc`) may have the names of NumPy's.
fn is_numpys_own(function: &Object<'_>, name: &str) -> bool {
    let numpy = function.py().import("numpy").and_then(|numpy| numpy.getattr(name));
    numpy.is_ok_and(|own| own.is(function))
}

impl UfuncObject {
    /// Raises, or lets NumPy do it where `failure` says that the native form does not cover the call.
    fn or_numpy<'py>(
        &self,
        failure: Failure,
        method: &str,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Object<'py>> {
        let py = args.py();
        match failure {
            Failure::Unsupported => fallback::ufunc(self.numpy.bind(py), method, args, kwargs),
            failure if matches!(self.native, Some(NativeForm::Matmul)) && failure.is_refusal(py) => {
                Err(fallback::refused(self.numpy.bind(py), args, kwargs, failure.raise(py)))
            }
            failure if failure.is_refused_type() => {
                let function = self.numpy.bind(py).getattr(method)?;
                Err(fallback::refused_types(&function, args, kwargs, failure.raise(py)))
            }
            failure => Err(failure.raise(py)),
        }
    }

    fn attempt<'py>(&self, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> Attempt<Object<'py>> {
        let form = self.native.ok_or(Failure::Unsupported)?;
        let mut keywords = Keywords::parse(kwargs)?;
        let given = args.len();
        if given < self.inputs {
            return Err(Failure::Unsupported); // NumPy has the words for it
        }
        if given > self.inputs {
            if !keywords.out.is_empty() {
                return Err(
                    PyTypeError::new_err("cannot specify 'out' as both a positional and keyword argument").into()
                );
            }
            keywords.out = outputs(args.get_slice(self.inputs, given).as_any())?;
        }
        let inputs: Operands =
            args.iter_borrowed().take(self.inputs).map(|arg| convert::operand(&arg)).collect::<Attempt<_>>()?;
        let result = self.compute(args, form, &inputs, &keywords)?;
        self.calls.tick();
        Ok(result)
    }

    fn compute<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        form: NativeForm,
        inputs: &[Operand],
        keywords: &Keywords<'py>,
    ) -> Attempt<Object<'py>> {
        let py = args.py();
        let session = session(py)?;
        let options = keywords.options();
        let call = |ufunc: Ufunc, options: &CallOptions<'_>| {
            let weight = heaviest(inputs);
            match weight {
                Some(array) => issue(py, array, || session.call(ufunc, inputs, options)),
                None => Ok(session.call(ufunc, inputs, options)?),
            }
        };
        match form {
            NativeForm::Elementwise(ufunc) => finish(args, call(ufunc, &options)?, keywords.first_out()),
            NativeForm::Divmod(quotient, remainder) => {
                let outs = [0, 1].map(|i| keywords.out.get(i).and_then(Option::as_ref));
                // Both are computed before either is written: an output may be an input.
                let fresh = CallOptions { out: None, ..options };
                let results = [call(quotient, &fresh)?, call(remainder, &fresh)?];
                let mut pair = Vec::new();
                for (result, out) in results.into_iter().zip(outs) {
                    if let Some(out) = out {
                        session.copyto(out.get().nd(), &Operand::from(&result), options.casting, options.where_)?;
                    }
                    pair.push(finish(args, result, out)?);
                }
                Ok(PyTuple::new(py, pair)?.into_any())
            }
            NativeForm::Matmul => {
                if keywords.dtype.is_some() || keywords.mask.is_some() {
                    return Err(Failure::Unsupported);
                }
                let (a, b) = (as_array(session, &inputs[0])?, as_array(session, &inputs[1])?);
                finish(args, issue(py, &a, || session.matmul(&a, &b, options.out))?, keywords.first_out())
            }
        }
    }

    fn attempt_reduce<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let py = args.py();
        let reduction = match self.name.as_str() {
            _ if self.native.is_none() => return Err(Failure::Unsupported),
            "add" => Reduction::Sum,
            "multiply" => Reduction::Prod,
            "maximum" => Reduction::Max,
            "minimum" => Reduction::Min,
            "logical_and" => Reduction::All,
            "logical_or" => Reduction::Any,
            _ => return Err(Failure::Unsupported),
        };
        let arguments = ReduceArguments::bind(args, kwargs)?;
        let array = convert::array(arguments.array.as_ref().ok_or(Failure::Unsupported)?)?;
        let scalar = array.ndim() == 0 && matches!(arguments.axis.as_deref(), Some([0 | -1]));
        let options = ReduceOptions {
            axis: arguments.axis.as_deref().filter(|_| !scalar),
            keepdims: arguments.keepdims,
            dtype: arguments.dtype,
            out: None,
            initial: arguments.initial.as_ref(),
            where_: arguments.mask.as_ref(),
            ddof: 0.0,
        };
        let session = session(py)?;
        let nd = issue(py, &array, || session.reduce(reduction, &array, &options))?;
        if let Some(out) = &arguments.out {
            store(session, &nd, out.get().nd())?;
        }
        self.calls.tick();
        finish(args, nd, arguments.out.as_ref())
    }

    /// `f.outer(a, b)` is `f` of `a` with as many new axes behind as `b` has dimensions, and `b`.
    fn attempt_outer<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Attempt<Object<'py>> {
        let form = self.native.ok_or(Failure::Unsupported)?;
        if args.len() != 2 || self.inputs != 2 || matches!(form, NativeForm::Matmul) {
            return Err(Failure::Unsupported);
        }
        let keywords = Keywords::parse(kwargs)?;
        let (a, b) = (convert::array(&args.get_item(0)?)?, convert::array(&args.get_item(1)?)?);
        let mut items: Vec<IndexItem> = vec![IndexItem::Ellipsis];
        items.extend(std::iter::repeat_n(IndexItem::NewAxis, b.ndim()));
        let result = self.compute(args, form, &[a.index(&items)?.into(), b.into()], &keywords)?;
        self.calls.tick();
        Ok(result)
    }
}

/// The arguments of `reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True)`.
struct ReduceArguments<'py> {
    array: Option<Object<'py>>,
    axis: Option<Vec<i64>>,
    dtype: Option<DType>,
    out: Option<Bound<'py, Array>>,
    keepdims: bool,
    initial: Option<Operand>,
    mask: Option<NdArray>,
}

impl<'py> ReduceArguments<'py> {
    fn bind(args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> Attempt<ReduceArguments<'py>> {
        const NAMES: [&str; 7] = ["array", "axis", "dtype", "out", "keepdims", "initial", "where"];
        let mut values: [Option<Object<'py>>; 7] = Default::default();
        if args.len() > NAMES.len() {
            return Err(Failure::Unsupported);
        }
        for (slot, value) in values.iter_mut().zip(args.iter()) {
            *slot = Some(value);
        }
        for (key, value) in kwargs.iter().flat_map(|k| k.iter()) {
            let key = key.cast::<PyString>().map_err(PyErr::from)?.to_str()?;
            let slot = NAMES.iter().position(|n| *n == key).ok_or(Failure::Unsupported)?;
            values[slot] = Some(value);
        }
        let [array, axis, dtype, out, keepdims, initial, mask] = values;
        let given = |value: Option<Object<'py>>| value.filter(|v| !v.is_none());
        Ok(ReduceArguments {
            array,
            axis: match axis {
                None => Some(vec![0]),
                Some(axis) if axis.is_none() => None,
                Some(axis) => Some(convert::integers(&axis)?),
            },
            dtype: given(dtype).map(|d| crate::dtype::parse(&d)).transpose()?,
            out: given(out).map(|o| outputs(&o)).transpose()?.and_then(|o| o.into_iter().next().flatten()),
            keepdims: given(keepdims).map(|k| k.is_truthy()).transpose()?.unwrap_or(false),
            initial: given(initial).map(|i| convert::operand(&i)).transpose()?,
            mask: given(mask).map(|m| mask_of(&m)).transpose()?.flatten(),
        })
    }
}

fn heaviest(inputs: &[Operand]) -> Option<&NdArray> {
    let arrays = inputs.iter().filter_map(|o| match o {
        Operand::Array(array) => Some(array),
        _ => None,
    });
    arrays.max_by_key(|a| (!a.is_ready(), a.nbytes()))
}

fn as_array(session: &Session, operand: &Operand) -> Attempt<NdArray> {
    match operand {
        Operand::Array(array) => Ok(array.clone()),
        Operand::Scalar(scalar) => Ok(session.scalar(*scalar)),
        Operand::Weak(weak) => Ok(session.scalar(weak.to_scalar(weak.default_dtype()?)?)),
    }
}

/// `out` if there is one, else the result, of the class of the first argument that is an array of a subclass.
fn finish<'py>(args: &Bound<'py, PyTuple>, result: NdArray, out: Option<&Bound<'py, Array>>) -> Attempt<Object<'py>> {
    if let Some(out) = out {
        return Ok(out.clone().into_any());
    }
    let value = outcome::value(args.py(), result)?;
    for arg in args.iter_borrowed() {
        if let Ok(model) = arg.cast::<Array>() {
            return Ok(outcome::like(&model, value)?);
        }
    }
    Ok(value)
}
