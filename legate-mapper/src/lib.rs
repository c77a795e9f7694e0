//! Mapping policies, and the machine that they map to.
//!
//! legate-core decides what is *right*; where things go is asked of a [`Mapper`](legate_core::mapping::Mapper), whose answers change how
//! fast a program is and never what it computes. The questions are core's (`legate_core::mapping`), this crate has answers:
//!
//! - [`DefaultMapper`]: small things everywhere, large ones in blocks of rows, work where its data is; its numbers are [`Thresholds`].
//! - [`TomlMapper`]: rules and numbers from a [file](policy), before another mapper.
//! - [`RandomMapper`]: legal answers that nobody would give, for tests: no result may depend on them.
//! - [`LoggingMapper`]: around any other, writes each question and answer down.
//! - [`DeferringMapper`]: around any other, computes nothing inline.
//!
//! [`by_name`] makes one of a text that a user gave: `default`, `random:7`, `cluster.toml`. What computer there is, a [`Machine`] tells.
//!
//! # How to write a mapper
//! Start from a policy that is nearly right, and change the answers that are not. Rules:
//!
//! 1. *Pure* questions are answered from their arguments alone: no clock, no random numbers, no counters, no iteration over hash maps, no
//!    environment. Every shard asks its own copy of the mapper, and all must hear the same. (`chunks` is asked on one shard only, and may be
//!    answered from what that shard has seen.)
//! 2. Questions are asked on the path of every operation: answer in less than a microsecond. (A product of large matrices bears some tens.)
//! 3. An answer that the launch does not allow is not an error: the nearest legal one is taken. A program that writes `x[3:5]` writes it
//!    where `x` lies.
//! 4. Test it: the answers' legality and purity are laws in this crate's `laws.rs`; add the mapper to its list. That results do not change
//!    is what core's and legate-numpy's tests with [`RandomMapper`] show for all mappers at once.
//!
//! A policy for a stencil code on a machine whose shards are linked in a square: large matrices are cut into squares, all else is as usual.
//!
//! ```
//! use legate_core::geometry::{Point, Rect};
//! use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
//! use legate_core::operation::Cut;
//! use legate_core::region::Sharding;
//! use legate_mapper::{DefaultMapper, Machine};
//! use std::sync::Arc;
//!
//! #[derive(Default)]
//! struct Squares(DefaultMapper);
//!
//! impl Squares {
//!     /// Tiles that make a grid of `side × side`; `None` where rows will do.
//!     fn tile(shape: &[i64], machine: &MachineView) -> Option<Point> {
//!         let side = i64::from(machine.shards.isqrt());
//!         let is_square = side * side == i64::from(machine.shards);
//!         let is_large = shape.len() == 2 && shape.iter().all(|&extent| extent >= 1000);
//!         (is_square && is_large).then(|| shape.iter().map(|&extent| (extent + side - 1) / side).collect())
//!     }
//! }
//!
//! impl Mapper for Squares {
//!     fn name(&self) -> &str {
//!         "squares"
//!     }
//!     fn inline(&self, points: u64, bytes: u64, machine: &MachineView) -> bool {
//!         self.0.inline(points, bytes, machine)
//!     }
//!     fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
//!         // Only results that have no place yet are dealt anew; everything else goes where the data is.
//!         match self.0.launch(launch, machine) {
//!             LaunchMapping::Tile { tile, sharding } => {
//!                 let tile = Squares::tile(&launch.domain.shape(), machine).unwrap_or(tile);
//!                 LaunchMapping::Tile { tile, sharding }
//!             }
//!             other => other,
//!         }
//!     }
//!     fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
//!         match Squares::tile(shape, machine) {
//!             Some(tile) => FieldMapping::Tile { tile, sharding: Sharding::Block },
//!             None => self.0.field(shape, element_bytes, machine),
//!         }
//!     }
//!     fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
//!         self.0.chunks(points, cost_ns, bytes, machine)
//!     }
//! }
//!
//! // A plug-in gives it a name when it is loaded …
//! legate_mapper::register("squares", |_argument| Ok(Arc::new(Squares::default())))?;
//!
//! // … and a user asks for it.
//! let mapper = legate_mapper::by_name("squares")?;
//! let four_shards = Machine::detect().view(4);
//! let launch = LaunchInfo {
//!     name: "fill".into(),
//!     domain: Rect::from_shape(&[2000, 3000]),
//!     cuts: [Cut::Free; 2].as_slice().into(),
//!     operands: vec![],
//!     cost_ns: 1e6,
//! };
//! let answer = mapper.launch(&launch, &four_shards);
//! assert_eq!(answer, LaunchMapping::Tile { tile: Point::from_slice(&[1000, 1500]), sharding: Sharding::Block });
//! # Ok::<(), legate_mapper::Error>(())
//! ```
// Not `forbid`: one module, `machine::hwloc_library`, calls C.
#![deny(unsafe_code)]

mod bytes;
mod default;
mod deferring;
mod document;
mod error;
mod logging;
pub mod machine;
mod named;
mod pattern;
pub mod policy;
mod products;
mod random;
mod thresholds;

pub use default::DefaultMapper;
pub use deferring::DeferringMapper;
pub use error::{Error, Result};
pub use logging::LoggingMapper;
pub use machine::Machine;
pub use named::{by_name, register};
pub use policy::TomlMapper;
pub use random::RandomMapper;
pub use thresholds::Thresholds;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;
