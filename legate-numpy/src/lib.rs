//! numpy
