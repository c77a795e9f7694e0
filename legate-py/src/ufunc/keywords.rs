//! The keywords of a ufunc call.

use crate::array::Array;
use crate::convert::{self, is_plain_numpy};
use crate::error::{Attempt, Failure};
use crate::host;
use crate::scalars;
use legate_numpy::{CallOptions, Casting, DType, Layout, NdArray, Operand};
use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};
use smallvec::SmallVec;

type Object<'py> = Bound<'py, PyAny>;

/// An output that the caller gave.
pub(super) enum Given<'py> {
    Ours(Bound<'py, Array>),
    /// A NumPy array: the result is computed in `stand_in`, which begins with its values, and put there.
    Numpys {
        array: Bound<'py, PyUntypedArray>,
        stand_in: NdArray,
    },
}

impl<'py> Given<'py> {
    /// # Errors
    /// [`Failure::Unsupported`] for arrays that are not native, [`Failure::Misused`] for what is none.
    pub(super) fn of(object: &Object<'py>) -> Attempt<Given<'py>> {
        if let Ok(array) = object.cast::<Array>() {
            return Ok(Given::Ours(array.clone()));
        }
        match object.cast::<PyUntypedArray>() {
            Ok(array) if is_plain_numpy(array) => {
                Ok(Given::Numpys { array: array.clone(), stand_in: host::adopt(array)? })
            }
            Ok(_) => Err(Failure::Unsupported),
            Err(_) => Err(Failure::Misused),
        }
    }

    /// The array that is written.
    pub(super) fn nd(&self) -> &NdArray {
        match self {
            Given::Ours(array) => array.get().nd(),
            Given::Numpys { stand_in, .. } => stand_in,
        }
    }

    /// What the call returns, now that it is computed.
    pub(super) fn done(self) -> Attempt<Object<'py>> {
        match self {
            Given::Ours(array) => Ok(array.into_any()),
            Given::Numpys { array, stand_in } => {
                let py = array.py();
                let values = crate::outcome::bytes(py, &stand_in)?;
                let values = host::snapshot(py, values, stand_in.shape(), stand_in.dtype())?;
                static COPYTO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                COPYTO.import(py, "numpy", "copyto")?.call1((&array, values))?;
                Ok(array.into_any())
            }
        }
    }
}

/// The keywords of a call, as far as they have a meaning without knowing the loop.
#[derive(Default)]
pub(super) struct Keywords<'py> {
    /// None, or one for each output.
    pub(super) out: SmallVec<[Option<Given<'py>>; 2]>,
    pub(super) mask: Option<NdArray>,
    /// Whether there is a `where=`, be it `True`.
    pub(super) names_mask: bool,
    pub(super) casting: Casting,
    order: Option<Layout>,
    /// Whether arrays of subclasses make results of their class.
    pub(super) no_subclass: bool,
    pub(super) dtype: Option<Object<'py>>,
    pub(super) signature: Option<Object<'py>>,
    pub(super) axes: Option<Object<'py>>,
    pub(super) axis: Option<Object<'py>>,
    pub(super) keepdims: Option<Object<'py>>,
}

impl<'py> Keywords<'py> {
    /// Of a ufunc with so many outputs.
    ///
    /// # Errors
    /// [`Failure::Misused`] for keywords and values that NumPy does not know.
    pub(super) fn parse(kwargs: Option<&Bound<'py, PyDict>>, outputs: usize) -> Attempt<Keywords<'py>> {
        let mut keywords = Keywords::default();
        for (key, value) in kwargs.iter().flat_map(|k| k.iter()) {
            let text =
                |value: &Object<'py>| value.cast::<PyString>().map(|t| t.to_string()).map_err(|_| Failure::Misused);
            match text(&key)?.as_str() {
                "out" if value.is_none() => {}
                "out" => keywords.out = outputs_of(&value, outputs)?,
                "where" => (keywords.mask, keywords.names_mask) = (mask_of(&value)?, true),
                "dtype" if value.is_none() => {}
                "dtype" => keywords.dtype = Some(value),
                "sig" | "signature" if keywords.signature.is_none() && !value.is_none() => {
                    keywords.signature = Some(value)
                }
                "casting" => keywords.casting = Casting::parse(&text(&value)?).map_err(|_| Failure::Misused)?,
                "order" if value.is_none() => {}
                "order" => keywords.order = Some(Layout::parse(&text(&value)?).ok_or(Failure::Misused)?),
                "subok" => {
                    keywords.no_subclass = !value.cast::<PyBool>().map_err(|_| Failure::Misused)?.is_true();
                }
                "axes" => keywords.axes = Some(value),
                "axis" => keywords.axis = Some(value),
                "keepdims" => keywords.keepdims = Some(value),
                _ => return Err(Failure::Misused),
            }
        }
        if keywords.dtype.is_some() && keywords.signature.is_some() {
            return Err(Failure::Misused);
        }
        Ok(keywords)
    }

    /// Outputs that were given by position.
    pub(super) fn put_outputs(&mut self, values: &Bound<'py, PyTuple>, outputs: usize) -> Attempt<()> {
        if !self.out.is_empty() || values.len() > outputs {
            return Err(Failure::Misused);
        }
        scalars::note_write();
        self.out = values.iter().map(|value| optional(&value)).collect::<Attempt<_>>()?;
        self.out.resize_with(outputs, || None);
        Ok(())
    }

    pub(super) fn out(&self, output: usize) -> Option<&NdArray> {
        self.out.get(output)?.as_ref().map(Given::nd)
    }

    /// Whether NumPy has to say which loop is meant.
    pub(super) fn names_types(&self) -> bool {
        self.dtype.is_some() || self.signature.is_some()
    }

    /// Refuses what only generalised ufuncs know.
    pub(super) fn without_core(&self) -> Attempt<()> {
        match (&self.axes, &self.axis, &self.keepdims) {
            (None, None, None) => Ok(()),
            _ => Err(Failure::Misused),
        }
    }

    /// The options of a call whose inputs are cast to `input`, if that is known.
    pub(super) fn options(&self, inputs: &[Operand], input: Option<DType>) -> CallOptions<'_> {
        CallOptions {
            out: self.out(0),
            where_: self.mask.as_ref(),
            dtype: None,
            casting: self.casting,
            input,
            layout: self.layout(inputs),
        }
    }

    fn layout(&self, inputs: &[Operand]) -> Option<Layout> {
        let arrays = || inputs.iter().filter_map(Operand::array);
        let is_fortran = || arrays().all(NdArray::is_f_contiguous) && !arrays().all(NdArray::is_c_contiguous);
        match self.order? {
            Layout::A if is_fortran() => Some(Layout::F),
            Layout::A => Some(Layout::C),
            layout => Some(layout),
        }
    }
}

fn optional<'py>(out: &Object<'py>) -> Attempt<Option<Given<'py>>> {
    if out.is_none() { Ok(None) } else { Given::of(out).map(Some) }
}

/// `out=`: one array (if there is one output) or a tuple with one for each, `None` for a new one.
fn outputs_of<'py>(out: &Object<'py>, outputs: usize) -> Attempt<SmallVec<[Option<Given<'py>>; 2]>> {
    scalars::note_write();
    match out.cast::<PyTuple>() {
        Ok(tuple) if tuple.len() == outputs => tuple.iter().map(|out| optional(&out)).collect(),
        Ok(_) => Err(Failure::Misused),
        Err(_) if outputs == 1 => Ok(SmallVec::from_iter([Some(Given::of(out)?)])),
        Err(_) => Err(Failure::Misused),
    }
}

/// `where=`: `None` for a plain `True`. Lists and numbers are made bools, as NumPy does; arrays have to be.
pub(super) fn mask_of(mask: &Object<'_>) -> Attempt<Option<NdArray>> {
    if mask.cast_exact::<PyBool>().is_ok_and(|m| m.is_true()) {
        return Ok(None);
    }
    if convert::as_array(mask).is_none() && mask.cast::<PyUntypedArray>().is_err() {
        let py = mask.py();
        static ARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let made = ARRAY.import(py, "numpy", "array")?.call1((crate::fallback::gather(mask)?, py.get_type::<PyBool>()));
        let made = made.map_err(|_| Failure::Misused)?;
        return Ok(Some(host::adopt(made.cast::<PyUntypedArray>().map_err(PyErr::from)?)?));
    }
    let mask = convert::array(mask)?;
    if mask.dtype() == DType::Bool { Ok(Some(mask)) } else { Err(Failure::Misused) }
}
