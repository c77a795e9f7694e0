//! Which instructions this process may use.
