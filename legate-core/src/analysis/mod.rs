//! The pure middle of the pipeline: from a window of operations to what each shard does and tells the others.
//!
//! [`fuse`] groups launches, [`map`] spreads a group over shards, [`plan`] says what moves and who computes what, [`indirect`] the same for copies that an index steers, [`rows`] which groups share their rows, [`version`] remembers where
//! the values are, [`dependence`] orders what touches the same memory. All of it is functions on plain data: every shard evaluates them
//! alike, and the two ends of each message come out of the same arithmetic. What came out for a window is remembered, and used again when a window of the
//! same pattern comes (`replay`).
//!
//! The calls of one window, in order:
//!
//! ```text
//! fuse::steps(&[Operation], &States, &Registry, fuse: bool) -> Vec<Step>   Step::Group(Group) | Step::Single(index); states know all fields of the window
//! map::map_group(&Group, &[Operation], &States, &Registry, &dyn Mapper, &MachineView) -> Mapping
//! States::plan_launch(&mut self, &Group, &Mapping, me: ShardId) -> LaunchPlan
//! States::plan_attach(&mut self, FieldId, &dyn Mapper, &MachineView, me) -> Vec<Rect>      own pieces of the bytes
//! States::plan_fetch(&mut self, &Store, Recipient, me) -> FetchPlan
//! States::plan_reshape(&mut self, src: FieldId, dst: FieldId, me) -> ReshapePlan
//! States::plan_indirect(&mut self, &Indirect, &dyn Mapper, &MachineView, me) -> IndirectPlan
//! States::plan_redistribute(&mut self, FieldId, &Distribution, me) -> MovePlan
//! Group::bind(&self, live: impl Fn(FieldId) -> bool) -> Bound              which operands exist in memory, Composer bindings
//! Group::compose(&self, &Bound, &[Operation], &Registry) -> (TaskId, Arc<dyn TaskArgs>)
//! ```

mod collective;
pub mod dependence;
pub mod fuse;
pub mod group;
pub mod indirect;
mod join;
pub mod map;
mod moves;
pub mod oracle;
mod pieces;
pub mod plan;
pub(crate) mod replay;
pub mod rows;
pub mod stream;
pub mod version;

#[cfg(test)]
mod scale;
