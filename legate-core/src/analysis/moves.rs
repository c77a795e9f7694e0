//! Values that move without a launch: redistribution, fetching, reshaping, attaching.

use super::collective::Collective;
use super::pieces::{Part, Reader, Reading};
use super::plan::{FetchPlan, MovePlan, Recipient, ReshapePlan, Round, Transfer, none};
use super::version::{Held, States};
use crate::geometry::{Point, Rect};
use crate::id::{FieldId, ShardId};
use crate::mapping::{FieldMapping, MachineView, Mapper};
use crate::region::{Distribution, Partition, Tiling};
use crate::store::{Access, Store};
use smallvec::SmallVec;
use std::ops::Range;

impl States {
    /// Gives a field new owners; its values stay. A field without values just gets them.
    pub fn plan_redistribute(&mut self, field: FieldId, to: &Distribution, me: ShardId) -> MovePlan {
        let identity = Access::identity(self.get(field).bounds.rank());
        let domain = self.get(field).bounds.clone();
        let mut plan = self.copy(field, &identity, &domain, to, me);
        plan.to = Some(to.clone());
        plan.main = to.extent(&domain, me, self.shards());
        let state = self.get_mut(field);
        state.distribution = Some(to.clone());
        state.held.clear();
        plan
    }

    /// Gives a field owners if it has none: values that were never written must be somewhere when they are read.
    fn appoint(&mut self, field: FieldId, owners: &Distribution, me: ShardId) -> Option<MovePlan> {
        self.get(field).distribution.is_none().then(|| self.plan_redistribute(field, owners, me))
    }

    /// Copies what a launch over `domain`, spread like `to`, would read through `access` into the main instances.
    pub(super) fn copy(
        &self,
        field: FieldId,
        access: &Access,
        domain: &Rect,
        to: &Distribution,
        me: ShardId,
    ) -> MovePlan {
        let state = self.get(field);
        let mut plan = MovePlan { field, to: None, main: none(&state.bounds), rounds: Vec::new() };
        let Some(owners) = &state.distribution else { return plan };
        for (_, piece) in to.pieces(domain, me, self.shards()) {
            plan.main = plan.main.bounding(&access.image(&piece));
        }
        let image = access.image(domain);
        if *to == Distribution::Replicated
            && !domain.is_empty()
            && let Some(collective) = Collective::of(owners, &image, state.size, self.shards())
        {
            if !state.all_hold(&image) {
                plan.rounds = collective.rounds(field, &image, me, self.shards());
            }
            return plan;
        }
        let readers = SmallVec::from_elem(Reader { operand: 0, access, keep: true }, 1);
        let reading = Reading { state, owners, domain, spread: to, readers, shards: self.shards() };
        if !reading.is_local() {
            let transfer = |part: Part| Transfer { peer: part.peer, field, rect: part.rect };
            let sends = reading.sends(me).into_iter().map(transfer).collect();
            let recvs = reading.recvs(me).into_iter().map(transfer).collect();
            plan.rounds.push(Round { sends, recvs });
        }
        plan
    }

    /// The pieces of a field that are a shard's own: each point is one shard's, and what all shards have is the first one's.
    pub fn owned(&self, field: FieldId, shard: ShardId) -> Vec<Rect> {
        let state = self.get(field);
        let first = Distribution::Single(ShardId(0));
        let owners = match &state.distribution {
            None | Some(Distribution::Replicated) => &first,
            Some(owners) => owners,
        };
        owners.pieces(&state.bounds, shard, self.shards()).into_iter().map(|(_, piece)| piece).collect()
    }

    /// The values of a view for the front end. Owners stay as they are. A field that was never written becomes the recipients'.
    pub fn plan_fetch(&mut self, src: &Store, to: Recipient, me: ShardId) -> FetchPlan {
        let shards = self.shards();
        let view = Rect::from_shape(&src.shape);
        let receives = to == Recipient::All || to == Recipient::One(me);
        let mut plan = FetchPlan { prepare: None, receives, local: Vec::new(), sends: Vec::new(), recvs: Vec::new() };
        if view.is_empty() {
            return plan;
        }
        let target = match to {
            Recipient::All => Distribution::Replicated,
            Recipient::One(shard) => Distribution::Single(shard),
        };
        plan.prepare = self.appoint(src.field, &target, me);
        let owners = match self.get(src.field).distribution.as_ref().expect("it has owners") {
            Distribution::Tiled { partition, sharding } => {
                let pulled = partition.pull_back(&src.access, &view);
                pulled.exact.then(|| Distribution::tiled(pulled.partition, *sharding, shards))
            }
            other => Some(other.clone()),
        };
        let everyone = (0..shards).map(ShardId).filter(|s| to == Recipient::All || to == Recipient::One(*s));
        let image = src.access.image(&view);
        let state = self.get(src.field);
        let held = match to {
            Recipient::All => state.all_hold(&image),
            Recipient::One(shard) => state.holds(&image, shard, shards),
        };
        let wide = matches!(owners, Some(Distribution::Single(_))) && to == Recipient::All && shards > 2;
        match owners {
            Some(Distribution::Replicated) => plan.local.extend(receives.then_some(view)),
            _ if held => plan.local.extend(receives.then_some(view)),
            Some(owners) if !wide => scatter(&mut plan, src.field, &view, &owners, everyone, me, shards),
            _ => {
                // Pieces are no rectangles of the view, or one shard would have to tell all others: the points' box goes to the recipients first.
                plan.prepare = Some(self.copy(src.field, &src.access, &view, &target, me));
                self.get_mut(src.field).remember(Held { at: target, domain: view.clone(), access: src.access.clone() });
                plan.local.extend(receives.then_some(view));
            }
        }
        plan
    }

    /// The values of `src` become those of `dst`, in row-major order. A field that was never written is taken to be on shard 0.
    pub fn plan_reshape(&mut self, src: FieldId, dst: FieldId, me: ShardId) -> ReshapePlan {
        let shards = self.shards();
        let (from, to) = (self.get(src).bounds.clone(), self.get(dst).bounds.clone());
        assert_eq!(from.volume(), to.volume(), "reshape keeps the number of points");
        let mut plan = ReshapePlan {
            prepare: None,
            in_place: true,
            main: none(&to),
            local: Vec::new(),
            sends: Vec::new(),
            recvs: Vec::new(),
        };
        let linear = Access::row_major(&from);
        let line = Rect::from_shape(&[from.volume() as i64]);
        plan.prepare = self.appoint(src, &Distribution::Single(ShardId(0)), me);
        let (flat, target) = match self.get(src).distribution.clone().expect("it has owners") {
            Distribution::Tiled { partition, sharding } => {
                let flat = partition.push_forward(&linear, &line).unwrap_or_else(|| {
                    let rows = even_rows(&from, partition.color_count());
                    let to = Distribution::tiled(rows.clone(), sharding, shards);
                    plan.prepare = Some(self.plan_redistribute(src, &to, me));
                    rows.push_forward(&linear, &line).expect("rows are the slowest dimension")
                });
                let pulled = flat.pull_back(&Access::row_major(&to), &to);
                plan.in_place = pulled.exact;
                (Distribution::tiled(flat, sharding, shards), Distribution::tiled(pulled.partition, sharding, shards))
            }
            other => (other.clone(), other),
        };
        if !plan.in_place {
            exchange(&mut plan, &flat, &target, &to, me, shards);
        } else {
            let pieces = target.pieces(&to, me, shards);
            plan.local = pieces.iter().map(|(_, piece)| linear_range(&to, piece)).collect();
        }
        plan.main = target.extent(&to, me, shards);
        let state = self.get_mut(dst);
        state.distribution = Some(target);
        state.held.clear();
        plan
    }

    /// Host bytes that every shard has become a field's values: which rectangles of them this shard is to take.
    pub fn plan_attach(
        &mut self,
        field: FieldId,
        mapper: &dyn Mapper,
        machine: &MachineView,
        me: ShardId,
    ) -> Vec<Rect> {
        let distribution = self.first_distribution(field, mapper, machine);
        let shards = self.shards();
        let state = self.get_mut(field);
        let pieces = distribution.pieces(&state.bounds, me, shards).into_iter().map(|(_, piece)| piece).collect();
        state.distribution = Some(distribution);
        state.held.clear();
        pieces
    }

    /// Where a field goes whose first values do not come from a launch that writes it wholly: the mapper says.
    pub(super) fn first_distribution(
        &self,
        field: FieldId,
        mapper: &dyn Mapper,
        machine: &MachineView,
    ) -> Distribution {
        let state = self.get(field);
        if self.shards() == 1 || state.bounds.is_empty() {
            return Distribution::Replicated;
        }
        match mapper.field(&state.bounds.shape(), state.size, machine) {
            FieldMapping::Replicate => Distribution::Replicated,
            FieldMapping::Tile { tile, sharding } => {
                let tile = (0..state.bounds.rank()).map(|d| tile.get(d).copied().unwrap_or(i64::MAX).max(1)).collect();
                let partition = Partition::tiles(&Tiling { bounds: state.bounds.clone(), tile });
                Distribution::tiled(partition, sharding, self.shards())
            }
        }
    }
}

/// The pieces of a view straight from their owners to the recipients.
fn scatter(
    plan: &mut FetchPlan,
    field: FieldId,
    view: &Rect,
    owners: &Distribution,
    recipients: impl Iterator<Item = ShardId> + Clone,
    me: ShardId,
    shards: u32,
) {
    for (_, piece) in owners.pieces(view, me, shards) {
        for peer in recipients.clone().filter(|peer| *peer != me) {
            plan.sends.push(Transfer { peer, field, rect: piece.clone() });
        }
        plan.local.extend(plan.receives.then_some(piece));
    }
    if !plan.receives {
        return;
    }
    match owners {
        Distribution::Single(owner) if *owner != me => {
            plan.recvs.push(Transfer { peer: *owner, field, rect: view.clone() });
        }
        Distribution::Tiled { partition, .. } => {
            for color in partition.colors_meeting(view).iter() {
                let (piece, peer) = (partition.piece(color), owners.owner(color, shards).unwrap_or(me));
                if !piece.is_empty() && peer != me {
                    plan.recvs.push(Transfer { peer, field, rect: piece });
                }
            }
        }
        _ => {}
    }
}

/// Ranges of a line that change owners: from the pieces of `flat` to the row blocks of `target`. Ranges between two shards go in ascending order.
fn exchange(plan: &mut ReshapePlan, flat: &Distribution, target: &Distribution, to: &Rect, me: ShardId, shards: u32) {
    let total = to.volume();
    let line = Rect::from_shape(&[total as i64]);
    let range = |piece: &Rect| piece.lo[0] as u64..piece.hi[0] as u64;
    let overlap = |a: &Range<u64>, b: &Range<u64>| a.start.max(b.start)..a.end.min(b.end);
    // Target pieces that meet a range: the partition of the target, seen along the line.
    let meeting_rows = |r: &Range<u64>| -> Vec<(ShardId, Range<u64>)> {
        let Distribution::Tiled { partition, .. } = target else {
            return target.owner(crate::id::Color(0), shards).map(|owner| (owner, 0..total)).into_iter().collect();
        };
        let rows = row_box(to, r);
        let pieces = partition
            .colors_meeting(&rows)
            .iter()
            .map(|c| (target.owner(c, shards), partition.piece(c)))
            .collect::<Vec<_>>();
        let known = pieces.into_iter().filter(|(_, piece)| !piece.is_empty());
        known.filter_map(|(owner, piece)| Some((owner?, linear_range(to, &piece)))).collect()
    };
    let meeting_line = |r: &Range<u64>| -> Vec<(ShardId, Range<u64>)> {
        let Distribution::Tiled { partition, .. } = flat else {
            return flat.owner(crate::id::Color(0), shards).map(|owner| (owner, 0..total)).into_iter().collect();
        };
        let rect = Rect::new([r.start as i64].as_slice(), [r.end as i64].as_slice());
        let pieces = partition
            .colors_meeting(&rect)
            .iter()
            .map(|c| (flat.owner(c, shards), partition.piece(c)))
            .collect::<Vec<_>>();
        pieces.into_iter().filter_map(|(owner, piece)| Some((owner?, range(&piece)))).collect()
    };
    for (_, piece) in flat.pieces(&line, me, shards) {
        let own = range(&piece);
        for (peer, theirs) in meeting_rows(&own) {
            let part = overlap(&own, &theirs);
            if part.is_empty() {
                continue;
            }
            if peer == me { plan.local.push(part) } else { plan.sends.push((peer, part)) }
        }
    }
    for (_, piece) in target.pieces(to, me, shards) {
        let own = linear_range(to, &piece);
        for (peer, theirs) in meeting_line(&own) {
            let part = overlap(&own, &theirs);
            if peer != me && !part.is_empty() {
                plan.recvs.push((peer, part));
            }
        }
    }
    plan.sends.sort_by_key(|(_, r)| r.start);
    plan.recvs.sort_by_key(|(_, r)| r.start);
}

/// The row-major elements of a block of whole rows.
fn linear_range(bounds: &Rect, piece: &Rect) -> Range<u64> {
    let linear = Access::row_major(bounds);
    let image = linear.image(piece);
    image.lo[0] as u64..image.hi[0] as u64
}

/// The block of whole rows that holds a range of row-major elements: rows along the first dimension with more than one point.
fn row_box(bounds: &Rect, range: &Range<u64>) -> Rect {
    let mut rows = bounds.clone();
    let Some(dim) = (0..bounds.rank()).find(|d| bounds.extent(*d) > 1) else { return rows };
    let row = bounds.volume() / bounds.extent(dim) as u64;
    rows.lo[dim] = bounds.lo[dim] + (range.start / row) as i64;
    rows.hi[dim] = bounds.lo[dim] + range.end.div_ceil(row) as i64;
    rows
}

/// About `colors` blocks of whole rows.
fn even_rows(bounds: &Rect, colors: u64) -> Partition {
    let mut tile: Point = bounds.shape();
    if let Some(dim) = (0..bounds.rank()).find(|d| bounds.extent(*d) > 1) {
        tile[dim] = (bounds.extent(dim) as u64).div_ceil(colors.max(1)) as i64;
    }
    Partition::tiles(&Tiling { bounds: bounds.clone(), tile })
}
