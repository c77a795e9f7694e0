//! What one shard does for a mapped launch, a redistribution, a fetch or a reshape: its own points, what it sends, what it receives.
//!
//! **Matching.** The `k`-th transfer that shard `a`'s plan sends to `b` is the `k`-th that `b`'s plan for the same operation receives from `a`,
//! with the same field and rectangle; first come the moves of `prepare`, round by round, then the plan's own.
//!
//! **Instances.** A field that is read before it was ever written gets owners by a [`MovePlan`] without transfers: its instances are made then, and
//! its values are whatever is in them.

use super::collective::Collective;
use super::group::Group;
use super::join;
use super::map::Mapping;
use super::pieces::{Part, Reader, Reading};
use super::version::{Held, States};
use crate::geometry::Rect;
use crate::id::{Color, FieldId, ReductionId, ShardId};
use crate::operation::{Cut, Operand, Privilege};
use crate::region::Distribution;
use crate::store::Access;
use smallvec::SmallVec;
use std::ops::Range;

/// Values of a rectangle of a field that go from one shard's main instance to another shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The other end.
    pub peer: ShardId,
    /// Whose values.
    pub field: FieldId,
    /// Which points. In a [`FetchPlan`]: points of the view.
    pub rect: Rect,
}

/// A transfer for one operand of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperandTransfer {
    /// The group's operand. The receiver puts the values where its [`Place`] says.
    pub operand: usize,
    /// What goes where.
    pub transfer: Transfer,
}

/// One piece of a launch that this shard computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointPlan {
    /// Its color in the launch's partition.
    pub color: Color,
    /// Its points of the domain; not empty.
    pub rect: Rect,
    /// For each operand the bounding box of what the piece touches.
    pub images: Vec<Rect>,
}

/// Where on this shard an operand's values lie while the launch runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the field's main instance, which must cover at least this rectangle (possibly empty: the shard has no points).
    /// Received values go there and stay valid until the field is written.
    Main(Rect),
    /// In an instance of its own that covers `rect` and is dropped after the launch: received values go there, and the values of `local` are copied
    /// there from the main instance.
    Temporary {
        /// What it covers.
        rect: Rect,
        /// What this shard has itself.
        local: Vec<Rect>,
    },
}

/// What this shard does for one mapped group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchPlan {
    /// Redistributions that come first, in order.
    pub prepare: Vec<MovePlan>,
    /// This shard's pieces.
    pub points: Vec<PointPlan>,
    /// Values that others need. Sent as they are before the launch writes anything.
    pub sends: Vec<OperandTransfer>,
    /// Values that this shard needs.
    pub recvs: Vec<OperandTransfer>,
    /// One per operand.
    pub places: Vec<Place>,
    /// The operands of [`Group::fresh`].
    pub fresh: Vec<Fresh>,
    /// Joining of partial results, if a `Cut::Tree` dimension is cut between shards.
    pub join: Option<JoinPlan>,
}

/// An operand that is written to a new main instance, while others read the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The group's operand.
    pub operand: usize,
    /// What this shard owns of the field and the launch does not write: copied from the old instance. Copies of others' points are not
    /// kept: a write ends them.
    pub keep: Vec<Rect>,
}

/// A field's values change owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovePlan {
    /// Which field.
    pub field: FieldId,
    /// The new owners. `None`: a copy only, owners stay; [`FieldState::held`](super::version::FieldState) remembers it.
    pub to: Option<Distribution>,
    /// The main instance must cover this afterwards (new own pieces), besides what it covers now.
    pub main: Rect,
    /// What goes in and out of the main instance, in order: a round may pass on what earlier ones brought.
    pub rounds: Vec<Round>,
}

/// A part of a [`MovePlan`]: a shard sends, then receives. So no shard waits for one that waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Out of the main instance.
    pub sends: Vec<Transfer>,
    /// Into the main instance.
    pub recvs: Vec<Transfer>,
}

/// Partial results of a `Cut::Tree` dimension, joined over shards.
///
/// Each shard starts with the maximal canonical nodes ([`crate::geometry::tree`]) of its own pieces' items, one partial result (the image of the piece in the
/// operand's field) for each. It then does `steps` in order. Each message carries *all* nodes that the sender holds, joined as far as they are
/// siblings, for all `operands`: what they are is written in the message (which nodes, which rectangles). After the last step all shards have the root for every point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinPlan {
    /// The group's operands with `Privilege::Reduce`, and their operators.
    pub operands: Vec<(usize, ReductionId)>,
    /// The domain dimension that is folded as a tree.
    pub dim: usize,
    /// Points per item.
    pub granule: u64,
    /// Items of the whole domain: the leaves of the canonical tree.
    pub items: u64,
    /// What this shard does, in order.
    pub steps: Vec<JoinStep>,
}

/// A step of a [`JoinPlan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinStep {
    /// Receive nodes and join them with one's own.
    GatherFrom(ShardId),
    /// Send all nodes.
    GatherTo(ShardId),
    /// Receive the finished results.
    SpreadFrom(ShardId),
    /// Send all nodes, and keep them: the finished results, or what the other end of an exchange lacks.
    SpreadTo(ShardId),
}

/// Who gets fetched values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// Every shard.
    All,
    /// One shard.
    One(ShardId),
}

/// How the values of a view come together, row-major, in a fresh dense buffer of the view's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPlan {
    /// Comes first, where the view cannot be cut along the field's pieces, or has no owners yet.
    pub prepare: Option<MovePlan>,
    /// Whether this shard gets the values.
    pub receives: bool,
    /// Rectangles *of the view* whose values this shard owns and wants itself.
    pub local: Vec<Rect>,
    /// Rectangles *of the view*, read from the main instance through the view's access.
    pub sends: Vec<Transfer>,
    /// Rectangles *of the view*, into the buffer.
    pub recvs: Vec<Transfer>,
}

/// How the values of `src` become those of `dst` in row-major order. All ranges are row-major element indices, the same in both shapes;
/// [`linear_rects`](crate::geometry::linear_rects) turns them into rectangles of either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReshapePlan {
    /// Comes first, where `src`'s pieces are not whole rows, or it has no owners yet.
    pub prepare: Option<MovePlan>,
    /// Every shard's own ranges of `src` and `dst` are equal: the instance may simply be taken over if `src` is dead and covers just that.
    pub in_place: bool,
    /// Main instance of `dst` must cover this.
    pub main: Rect,
    /// Ranges that stay on this shard.
    pub local: Vec<Range<u64>>,
    /// Ranges for others.
    pub sends: Vec<(ShardId, Range<u64>)>,
    /// Ranges from others.
    pub recvs: Vec<(ShardId, Range<u64>)>,
}

impl States {
    /// What shard `me` does for a mapped group; moves the states past it.
    ///
    /// # Control replication
    /// The states after the call, and who sends what to whom, are the same whichever shard plans.
    pub fn plan_launch(&mut self, group: &Group, mapping: &Mapping, me: ShardId) -> LaunchPlan {
        if self.shards() == 1 {
            return self.plan_alone(group, me);
        }
        let mut plan = LaunchPlan::default();
        plan.prepare.extend(mapping.prepare.iter().map(|(field, to)| self.plan_redistribute(*field, to, me)));
        let pieces = mapping.spread.pieces(&group.domain, me, self.shards());
        plan.points = pieces.into_iter().map(|(color, rect)| point(group, color, rect)).collect();
        self.plan_reads(group, &mapping.spread, me, &mut plan);
        plan.join = self.join(group, &mapping.spread, me);
        self.after_writes(group, mapping);
        plan.fresh = group.fresh.iter().map(|k| self.fresh(group, *k, me)).collect();
        plan
    }

    /// One shard has everything, in instances that cover whole fields: no arithmetic.
    fn plan_alone(&mut self, group: &Group, me: ShardId) -> LaunchPlan {
        let mut plan = LaunchPlan::default();
        if !group.domain.is_empty() {
            plan.points.push(point(group, Color(0), group.domain.clone()));
        }
        for operand in &group.operands {
            let state = self.get_mut(operand.field);
            plan.places.push(Place::Main(state.bounds.clone()));
            if operand.privilege.writes() {
                state.distribution = Some(Distribution::Replicated);
            }
        }
        plan.fresh = group.fresh.iter().map(|k| self.fresh(group, *k, me)).collect();
        plan
    }

    /// Of what `me` owns after a launch, what is left as it was. (What the launch writes is written by its owners.)
    fn fresh(&self, group: &Group, operand: usize, me: ShardId) -> Fresh {
        let Operand { field, access, .. } = &group.operands[operand];
        let (state, written) = (self.get(*field), access.image(&group.domain));
        let owned = state.distribution.iter().flat_map(|owners| owners.pieces(&state.bounds, me, self.shards()));
        Fresh { operand, keep: owned.flat_map(|(_, piece)| piece.subtract(&written)).collect() }
    }

    /// Fills in transfers and places, and remembers the copies that stay.
    fn plan_reads(&mut self, group: &Group, spread: &Distribution, me: ShardId, plan: &mut LaunchPlan) {
        let images = |k: usize, bounds: &Rect| {
            plan.points.iter().fold(none(bounds), |all, point| all.bounding(&point.images[k]))
        };
        plan.places = (0..group.operands.len())
            .map(|k| Place::Main(images(k, &self.get(group.operands[k].field).bounds)))
            .collect();
        if group.domain.is_empty() {
            return;
        }
        for field in fields_read(group) {
            let copies = self.plan_field_reads(group, field, spread, me, plan);
            copies.into_iter().for_each(|held| self.get_mut(field).remember(held));
        }
    }

    /// As [`States::plan_reads`], for one field. The copies that stay are returned.
    fn plan_field_reads(
        &self,
        group: &Group,
        field: FieldId,
        spread: &Distribution,
        me: ShardId,
        plan: &mut LaunchPlan,
    ) -> SmallVec<[Held; 2]> {
        let (state, domain, shards) = (self.get(field), &group.domain, self.shards());
        let mut copies = SmallVec::new();
        let Some(owners) = &state.distribution else { return copies };
        let readers = group.operands.iter().enumerate().filter(|(_, o)| o.field == field && o.privilege.reads());
        let readers = readers.map(|(operand, o)| Reader { operand, access: &o.access, keep: true }).collect();
        let mut reading = Reading { state, owners, domain, spread, readers, shards };
        if reading.is_local() {
            return copies;
        }
        reading.readers.retain(|reader| {
            // What all need is not told to each of them by its owners.
            let image = reader.access.image(domain);
            let told =
                all_need(reader.access, spread, domain) && Collective::of(owners, &image, state.size, shards).is_some();
            if told && !state.all_hold(&image) {
                plan.prepare.push(self.copy(field, reader.access, domain, &Distribution::Replicated, me));
                copies.push(Held {
                    at: Distribution::Replicated,
                    domain: domain.clone(),
                    access: reader.access.clone(),
                });
            }
            !told
        });
        for i in 0..reading.readers.len() {
            let Reader { operand, access, .. } = reading.readers[i];
            // What is read and written is computed in place.
            let in_place = group.operands[operand].privilege == Privilege::ReadWrite;
            reading.readers[i].keep = in_place || reading.keeps(access);
        }
        plan.sends.extend(reading.sends(me).into_iter().map(|part| operand_transfer(field, part)));
        let recvs = reading.recvs(me);
        for reader in &reading.readers {
            if reader.keep {
                copies.push(Held { at: spread.clone(), domain: domain.clone(), access: reader.access.clone() });
            } else if recvs.iter().any(|part| part.operand == reader.operand)
                && let Place::Main(rect) = plan.places[reader.operand].clone()
            {
                let local = reading.local_parts(me, reader);
                plan.places[reader.operand] = Place::Temporary { rect, local };
            }
        }
        plan.recvs.extend(recvs.into_iter().map(|part| operand_transfer(field, part)));
        copies
    }

    /// The joining of partial results, if the pieces of the launch cut its tree dimension.
    fn join(&self, group: &Group, spread: &Distribution, me: ShardId) -> Option<JoinPlan> {
        let Distribution::Tiled { partition, .. } = spread else { return None };
        let (dim, granule) = group.cuts.iter().enumerate().find_map(|(d, cut)| match cut {
            Cut::Tree { granule } if partition.cuts(d) => Some((d, *granule)),
            _ => None,
        })?;
        let folds = group.operands.iter().enumerate().filter_map(|(k, o)| match o.privilege {
            Privilege::Reduce(reduction) if !o.access.uses(dim) => Some((k, reduction)),
            _ => None,
        });
        let operands: Vec<_> = folds.collect();
        let items = (group.domain.extent(dim) as u64).div_ceil(granule);
        let bytes = |o: &Operand| o.access.image(&group.domain).volume() * u64::from(self.get(o.field).size);
        let bytes = operands.iter().map(|(k, _)| bytes(&group.operands[*k])).sum();
        let steps = join::steps(me, self.shards(), bytes);
        (!operands.is_empty()).then_some(JoinPlan { operands, dim, granule, items, steps })
    }

    fn after_writes(&mut self, group: &Group, mapping: &Mapping) {
        for (operand, after) in group.operands.iter().zip(&mapping.after).filter(|(o, _)| o.privilege.writes()) {
            let state = self.get_mut(operand.field);
            state.held.clear();
            if after.is_some() {
                state.distribution.clone_from(after);
            }
        }
    }
}

fn point(group: &Group, color: Color, rect: Rect) -> PointPlan {
    let images = group.operands.iter().map(|o| o.access.image(&rect)).collect();
    PointPlan { color, rect, images }
}

/// No points, of this rank.
pub(super) fn none(bounds: &Rect) -> Rect {
    Rect { lo: bounds.lo.clone(), hi: bounds.lo.clone() }
}

/// Fields that a group reads, once each, by first operand.
fn fields_read(group: &Group) -> SmallVec<[FieldId; 4]> {
    let mut fields = SmallVec::new();
    for operand in group.operands.iter().filter(|o| o.privilege.reads()) {
        if !fields.contains(&operand.field) {
            fields.push(operand.field);
        }
    }
    fields
}

/// Whether every piece of a launch sees the same points.
fn all_need(access: &Access, spread: &Distribution, domain: &Rect) -> bool {
    match spread {
        Distribution::Replicated => true,
        Distribution::Single(_) => false,
        Distribution::Tiled { partition, .. } => (0..domain.rank()).all(|d| !access.uses(d) || !partition.cuts(d)),
    }
}

fn operand_transfer(field: FieldId, part: Part) -> OperandTransfer {
    OperandTransfer { operand: part.operand, transfer: Transfer { peer: part.peer, field, rect: part.rect } }
}
