//! From a NumPy view to an affine access of the base's field.
