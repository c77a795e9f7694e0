//! The extension module `legate._native`: arrays, ufuncs and functions of `legate.numpy` as Python objects.
//!
//! In reading order: **[`session`]** the runtime of the process and waits that Ctrl-C ends; **[`provenance`]** the user's line;
//! **[`error`]** failures as exceptions; **[`dtype`]**, **[`host`]**, **[`convert`]**, **[`lists`]**, **[`outcome`]** values in and out;
//! **[`array`](mod@array)**, **[`operators`]**, **[`index`]**, **[`scalars`]**, **[`protocols`]** the array classes; **[`ufunc`]**, **[`functions`]** and **[`random`]** what is
//! called; **[`fallback`]** the way to NumPy for the rest; **[`explain`]** what was done.
//!
//! What is computed, and NumPy's rules for it, are legate-numpy's business; here Python objects become its arguments, its results become Python
//! objects.

mod array;
mod capi;
mod convert;
mod dtype;
mod error;
mod errstate;
mod explain;
mod fallback;
mod freelist;
mod functions;
mod host;
mod index;
mod lists;
mod operators;
mod outcome;
mod protocols;
mod provenance;
mod random;
mod ranks;
mod scalars;
mod session;
mod settings;
mod ufunc;
mod vectorcall;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use super::array::{Array, DeferredScalar, NdArrayObject};
    #[pymodule_export]
    use super::capi::set_metaclass;
    #[pymodule_export]
    use super::error::{ControlReplicationError, TaskError};
    #[pymodule_export]
    use super::errstate::tell_last;
    #[pymodule_export]
    use super::explain::Recording;
    #[pymodule_export]
    use super::fallback::{call_numpy, fallback_setting, gather, wrap_result};
    #[pymodule_export]
    use super::functions::{calls, functions};
    #[pymodule_export]
    use super::host::adopt_array;
    #[pymodule_export]
    use super::random::{mt19937_sample, normal_sample, pcg64_sample};
    #[pymodule_export]
    use super::ranks::{abort, agree, announce, announced, call_off, called_off, dismiss, follow, join, leave, local};
    #[pymodule_export]
    use super::session::{failing_array, fence, stats, traffic, write_profile};
    #[pymodule_export]
    use super::settings::config;
    #[pymodule_export]
    use super::ufunc::UfuncObject;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let path: String = module.py().import("legate")?.getattr("__path__")?.get_item(0)?.extract()?;
        provenance::set_package(path + std::path::MAIN_SEPARATOR_STR);
        // The first use of NumPy's C functions looks them up by Python code, and panics if a Ctrl-C interrupts it. Here
        // it is part of the import, which a program does not interrupt to go on.
        numpy::npyffi::is_numpy_2(module.py());
        freelist::install(module.py());
        capi::install_length(module.py());
        super::functions::define_methods(module.py())?;
        capi::speak_as_numpy(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
