//! The engine against the oracle, on every ISA level of this machine.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod accuracy;
mod all_ops;
mod chains;
mod numpy_values;
mod programs;
mod reductions;
mod reference;
mod support;
mod ulps;
