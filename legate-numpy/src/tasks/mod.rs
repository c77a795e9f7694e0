//! The tasks that this library registers.
