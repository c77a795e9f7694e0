//! A distributed runtime in the manner of Legion: logical regions, deferred operations, symbolic communication.
//!
//! A front end makes fields, launches tasks over them and fetches values ([`runtime::Runtime`]). What it asks for becomes a stream of
//! [`operation`]s in program order, plain data that any number of *shards* evaluate alike. A window of it passes through
//!
//! ```text
//! issue → fuse → map → analyse → execute → retire
//! ```
//!
//! and everything before *execute* is a function on plain data.
//!
//! **[`geometry`]**: points, rectangles, the canonical tree of folds.
//!
//! **[`store`]** and **[`region`]**: affine views of fields; partitions and distributions as functions, not lists.
//!
//! **[`operation`]**: the stream, and what libraries register: tasks, the composers that fuse them, reductions.
//!
//! **[`mapping`]**: the questions that a [`mapping::Mapper`] answers. The answers change speed, never results.
//!
//! **[`analysis`]**: fusion, mapping, plans, dependences. The same on every shard, tested by value.
//!
//! **[`exec`]** and **[`transport`]**: memory, instances, the execution graph and who runs it; messages between shards.
//!
//! **[`runtime`]** wires it all together; **[`profile`]** says what it did; **[`error`]** what went wrong.
//!
//! Core knows no element types and no NumPy: a field has a size and an alignment, tasks and reductions have ids.
//!
//! # Examples
//!
//! A library with one task, a mapper that leaves everything where it is, and a program of one launch:
//!
//! ```
//! use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
//! use legate_core::operation::{Cut, Operand, Privilege, Registry, Task, TaskArgs, TaskContext, TaskError};
//! use legate_core::runtime::{ExecutorKind, LaunchRequest, Ranks, Replay, Runtime, RuntimeConfig};
//! use legate_core::store::{Access, Store};
//! use legate_core::{Error, Provenance};
//! use std::{any::Any, sync::Arc};
//!
//! #[derive(Debug)]
//! struct Fill(u8);
//! impl TaskArgs for Fill {
//!     fn as_any(&self) -> &dyn Any {
//!         self
//!     }
//!     fn encode(&self, out: &mut Vec<u8>) {
//!         out.push(self.0);
//!     }
//! }
//! impl Task for Fill {
//!     fn name(&self) -> &str {
//!         "fill"
//!     }
//!     fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
//!         Ok(Arc::new(Fill(bytes[0])))
//!     }
//!     fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
//!         let out = &ctx.operands()[0];
//!         for i in 0..ctx.rect().extent(0) as isize {
//!             // SAFETY: a chunk's operands cover its points (see `TaskContext`).
//!             unsafe { out.ptr.offset(i * out.strides[0]).write(ctx.args::<Fill>().0) }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! struct Stay;
//! impl Mapper for Stay {
//!     fn name(&self) -> &str {
//!         "stay"
//!     }
//!     fn inline(&self, _: u64, _: u64, _: &MachineView) -> bool {
//!         false
//!     }
//!     fn launch(&self, _: &LaunchInfo, _: &MachineView) -> LaunchMapping {
//!         LaunchMapping::Replicate
//!     }
//!     fn field(&self, _: &[i64], _: u32, _: &MachineView) -> FieldMapping {
//!         FieldMapping::Replicate
//!     }
//!     fn chunks(&self, _: u64, _: f64, _: u64, machine: &MachineView) -> u32 {
//!         machine.cores
//!     }
//! }
//!
//! let mut registry = Registry::new();
//! let fill = registry.register_task(Arc::new(Fill(0)));
//! let runtime = Runtime::new(RuntimeConfig {
//!     registry,
//!     mapper: Arc::new(Stay),
//!     cores: 2,
//!     memory_bytes: 1 << 30,
//!     cache_bytes: 1 << 20,
//!     ranks: Ranks::Alone,
//!     executor: ExecutorKind::Parallel,
//!     fuse: true,
//!     replay: Replay::On,
//!     notes: None,
//! })?;
//! let field = runtime.create_field(&[4], 1, 1);
//! let (whole, line) = (Access::identity(1), Provenance { file: "doc".into(), line: 1 });
//! runtime.launch(LaunchRequest {
//!     task: fill,
//!     args: Arc::new(Fill(7)),
//!     shape: [4].into_iter().collect(),
//!     operands: [Operand { field: field.id(), access: whole.clone(), privilege: Privilege::WriteDiscard }].into_iter().collect(),
//!     cuts: [Cut::Free].into_iter().collect(),
//!     provenance: line.clone(),
//! })?;
//! let store = Store { field: field.id(), shape: [4].into_iter().collect(), access: whole };
//! let values = runtime.fetch(&store, &line)?.wait(&|| false)?;
//! assert_eq!(values.as_slice(), [7; 4]);
//! # Ok::<(), Error>(())
//! ```

pub mod analysis;
pub mod error;
#[allow(
    clippy::disallowed_methods,
    reason = "the rim waits and measures; it decides nothing that shards must agree on"
)]
pub mod exec;
pub mod geometry;
pub mod id;
pub mod mapping;
pub mod operation;
#[allow(
    clippy::disallowed_methods,
    reason = "the rim waits and measures; it decides nothing that shards must agree on"
)]
pub mod profile;
pub mod region;
pub mod runtime;
pub mod store;
mod sync;
#[allow(
    clippy::disallowed_methods,
    reason = "the rim waits and measures; it decides nothing that shards must agree on"
)]
pub mod transport;

pub use error::{Error, FailureKind, FailureReport, Provenance, Result, TaskFailure};
