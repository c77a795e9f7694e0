//! What of NumPy's namespace is computed here, for `legate.coverage()`.

/// NumPy's names (without `numpy.`) that are native, apart from the ufuncs ([`crate::Ufunc::all`]).
pub const NATIVE: &[&str] = &[];
