//! Planning costs neighbours, not machines.
