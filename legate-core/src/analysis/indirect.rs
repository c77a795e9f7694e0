//! Copies that an index steers, between shards.
//!
//! The list (index and values) is spread over shards as a launch over its points would be; the rows of the table have owners by arithmetic. Which row a point
//! means is known only where the index is. So the plan says who *may* have something to tell whom, all pairs of a shard with points and a shard with rows, and what they
//! tell each other says how much it is: a gather asks the owners for rows and gets them, a scatter sends rows to the owners.
//!
//! **Order.** The points of a scatter go to shards in blocks that ascend with the shards. An owner that takes the messages in the order of their senders takes
//! the points in order, and the last of several with one row wins, as on one shard.

use super::group::Group;
use super::map::{Mapping, map_as};
use super::plan::{LaunchPlan, MovePlan};
use super::version::{Held, States};
use crate::geometry::{Rect, div_ceil};
use crate::id::ShardId;
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Cut, Direction, Indirect, Operand, Privilege};
use crate::region::{Distribution, Partition, Sharding, Tiling};
use smallvec::{SmallVec, smallvec};
use std::ops::Range;

/// What one shard does for an indirect copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndirectPlan {
    /// The table gets owners first, or moves, where it is cut in another way than by rows.
    pub prepare: Vec<MovePlan>,
    /// The list, as a group without members: operand [`INDEX`] is read, operand [`VALUES`] is read or written.
    pub list: Group,
    /// The shard's points of the list, and what brings their operands.
    pub launch: LaunchPlan,
    /// Who has which rows.
    pub rows: Rows,
    /// Who tells whom.
    pub exchange: Exchange,
}

/// The operand of a list that is its index.
pub const INDEX: usize = 0;
/// The operand of a list that is its values.
pub const VALUES: usize = 1;

/// The messages of one shard for an indirect copy. In each list shards ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Whether owners have to be asked for rows: not where every shard has all of the index.
    pub asks: bool,
    /// Others that have rows, if this shard has points.
    pub owners: Vec<ShardId>,
    /// Others that have points, if this shard has rows.
    pub clients: Vec<ShardId>,
}

/// Ranges of rows and their owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Of all rows.
    count: i64,
    /// Where ranges begin, ascending; each ends where the next begins.
    starts: Vec<i64>,
    /// For each range its place in `owners`.
    places: Vec<u32>,
    /// Ascending.
    owners: Vec<ShardId>,
}

impl Rows {
    /// All on one shard.
    fn on(owner: ShardId, count: i64) -> Rows {
        Rows { count, starts: vec![0], places: vec![0], owners: vec![owner] }
    }
    /// The first dimension of a box of points that are distributed so; `None` if another one is cut too. Cost: the pieces.
    fn of(points: &Rect, owners: &Distribution, shards: u32) -> Option<Rows> {
        let count = points.extent(0);
        let Distribution::Tiled { partition, sharding } = owners else {
            return owners.owner(crate::id::Color(0), shards).map(|owner| Rows::on(owner, count));
        };
        if (1..points.rank()).any(|d| partition.cuts(d)) {
            return None;
        }
        let colors = partition.color_count();
        let owned = partition.colors_meeting(points);
        let owned = owned.iter().map(|color| (partition.piece(color), sharding.owner(color, colors, shards)));
        let mut ranges: Vec<(i64, ShardId)> =
            owned.filter(|(piece, _)| !piece.is_empty()).map(|(piece, owner)| (piece.lo[0], owner)).collect();
        ranges.sort_unstable_by_key(|(start, _)| *start);
        ranges.dedup_by_key(|(_, owner)| *owner);
        let mut all: Vec<ShardId> = ranges.iter().map(|(_, owner)| *owner).collect();
        all.sort_unstable();
        all.dedup();
        let place = |owner| all.binary_search(&owner).expect("it is among all owners") as u32;
        let places = ranges.iter().map(|(_, owner)| place(*owner)).collect();
        Some(Rows { count, starts: ranges.into_iter().map(|(start, _)| start).collect(), places, owners: all })
    }
    /// How many there are.
    pub fn count(&self) -> i64 {
        self.count
    }
    /// Those that have some, ascending.
    pub fn owners(&self) -> &[ShardId] {
        &self.owners
    }
    /// The place of a shard among the owners.
    pub fn place_of(&self, shard: ShardId) -> Option<usize> {
        self.owners.binary_search(&shard).ok()
    }
    /// The place of a row's owner among the owners. Cost: the logarithm of the number of ranges.
    pub fn place(&self, row: i64) -> usize {
        match &self.starts[..] {
            [_] => 0,
            starts => self.places[starts.partition_point(|start| *start <= row) - 1] as usize,
        }
    }
    /// The ranges of a shard, ascending.
    pub fn ranges(&self, shard: ShardId) -> impl Iterator<Item = Range<i64>> + '_ {
        let ends = self.starts[1..].iter().copied().chain([self.count]);
        let place = self.place_of(shard).map(|place| place as u32);
        let ranges = self.starts.iter().zip(ends).zip(&self.places);
        ranges.filter(move |(_, owner)| place == Some(**owner)).map(|((start, end), _)| *start..end)
    }
    /// Whether owners ascend with the rows.
    fn ascend(&self) -> bool {
        self.places.is_sorted()
    }
}

impl States {
    /// What shard `me` does for an indirect copy; moves the states past it.
    ///
    /// # Control replication
    /// The states after the call, and who exchanges messages with whom, are the same whichever shard plans.
    pub fn plan_indirect(
        &mut self,
        copy: &Indirect,
        mapper: &dyn Mapper,
        machine: &MachineView,
        me: ShardId,
    ) -> IndirectPlan {
        let (rows, prepare) = self.plan_table(copy, mapper, machine, me);
        let list = list(copy);
        let mapping = self.spread_list(copy, &list, rows.is_some(), mapper, machine);
        let launch = self.plan_launch(&list, &mapping, me);
        let exchange = match &rows {
            Some(rows) => self.exchange(copy, &list, &mapping.spread, rows, me),
            None => Exchange::default(),
        };
        if copy.direction == Direction::Scatter {
            let state = self.get_mut(copy.table.field);
            state.held.clear();
            if rows.is_none() {
                state.distribution = Some(Distribution::Replicated);
            }
        }
        let rows = rows.unwrap_or_else(|| Rows::on(me, copy.table.shape[0]));
        IndirectPlan { prepare, list, launch, rows, exchange }
    }

    /// Who has the table's rows, and what sees to it. `None`: every shard has all of them.
    fn plan_table(
        &mut self,
        copy: &Indirect,
        mapper: &dyn Mapper,
        machine: &MachineView,
        me: ShardId,
    ) -> (Option<Rows>, Vec<MovePlan>) {
        let (field, view, shards) = (copy.table.field, Rect::from_shape(&copy.table.shape), self.shards());
        if shards == 1 {
            return (None, Vec::new());
        }
        let scatters = copy.direction == Direction::Scatter;
        let state = self.get(field);
        // Where every shard has it all, to own a part of it costs nothing, and a part of it is all that each need write.
        let appoint =
            state.distribution.is_none() || (scatters && state.distribution == Some(Distribution::Replicated));
        let mut prepare = Vec::new();
        if appoint {
            let owners = self.first_distribution(field, mapper, machine);
            prepare.push(self.plan_redistribute(field, &owners, me));
        }
        let state = self.get(field);
        let owners = state.distribution.clone().expect("it was given owners");
        if owners == Distribution::Replicated || (!scatters && state.all_hold(&copy.table.access.image(&view))) {
            return (None, prepare);
        }
        if let Some(rows) = self.rows(copy, &owners) {
            return (Some(rows), prepare);
        }
        let by_rows = blocks(&state.bounds, shards);
        let rows = self.rows(copy, &by_rows);
        let to = if rows.is_some() { by_rows } else { Distribution::Replicated };
        if rows.is_some() || scatters {
            prepare.push(self.plan_redistribute(field, &to, me));
            return (rows, prepare);
        }
        prepare.push(self.copy(field, &copy.table.access, &view, &to, me));
        self.get_mut(field).remember(Held { at: to, domain: view, access: copy.table.access.clone() });
        (None, prepare)
    }

    /// The rows of the table's view if its field is owned so, and each row is one shard's.
    fn rows(&self, copy: &Indirect, owners: &Distribution) -> Option<Rows> {
        let (view, shards) = (Rect::from_shape(&copy.table.shape), self.shards());
        let Distribution::Tiled { partition, sharding } = owners else { return Rows::of(&view, owners, shards) };
        let pulled = partition.pull_back(&copy.table.access, &view);
        let seen = Distribution::tiled(pulled.partition, *sharding, shards);
        if pulled.exact { Rows::of(&view, &seen, shards) } else { None }
    }

    /// How the list's points are spread. `owned`: the table's rows are not everybody's.
    fn spread_list(
        &self,
        copy: &Indirect,
        list: &Group,
        owned: bool,
        mapper: &dyn Mapper,
        machine: &MachineView,
    ) -> Mapping {
        let name = match copy.direction {
            Direction::Gather => "gather",
            Direction::Scatter => "scatter",
        };
        let mut mapping = map_as(list, name.to_owned(), 0.0, self, mapper, machine);
        if copy.direction == Direction::Gather || self.shards() == 1 {
            return mapping;
        }
        let ascends = |spread: &Distribution| match spread {
            Distribution::Tiled { .. } => Rows::of(&list.domain, spread, self.shards()).is_some_and(|r| r.ascend()),
            _ => true,
        };
        if !owned {
            // All write all of the table, so all need all that is written.
            mapping.spread = Distribution::Replicated;
        } else if !ascends(&mapping.spread) {
            mapping.spread = blocks(&list.domain, self.shards());
        }
        mapping
    }

    fn exchange(&self, copy: &Indirect, list: &Group, spread: &Distribution, rows: &Rows, me: ShardId) -> Exchange {
        let everywhere = *spread == Distribution::Replicated;
        if everywhere && copy.direction == Direction::Scatter {
            return Exchange::default();
        }
        let shards = self.shards();
        let has_points = |shard: ShardId| !spread.pieces(&list.domain, shard, shards).is_empty();
        let others = |shard: &ShardId| *shard != me;
        let owners = rows.owners().iter().copied().filter(others);
        let clients = (0..shards).map(ShardId).filter(others);
        Exchange {
            asks: !everywhere,
            owners: if has_points(me) { owners.collect() } else { Vec::new() },
            clients: if rows.place_of(me).is_some() {
                clients.filter(|s| has_points(*s)).collect()
            } else {
                Vec::new()
            },
        }
    }
}

/// The list as a group: what brings its operands, and where its results go, is what would be for a launch over it.
fn list(copy: &Indirect) -> Group {
    let domain = Rect::from_shape(&copy.values.shape);
    let mut index = copy.index.access.clone();
    index.domain_rank = domain.rank() as u8;
    let privilege = match copy.direction {
        Direction::Gather => Privilege::WriteDiscard,
        Direction::Scatter => Privilege::ReadOnly,
    };
    let cut = |d: usize| if d == 0 { Cut::Free } else { Cut::Never };
    Group {
        members: SmallVec::new(),
        cuts: (0..domain.rank()).map(cut).collect(),
        operands: smallvec![
            Operand { field: copy.index.field, access: index, privilege: Privilege::ReadOnly },
            Operand { field: copy.values.field, access: copy.values.access.clone(), privilege },
        ],
        domain,
        fresh: SmallVec::new(),
    }
}

/// Equal blocks of rows, ascending with the shards.
fn blocks(bounds: &Rect, shards: u32) -> Distribution {
    let mut tile = bounds.shape();
    if let Some(rows) = tile.first_mut() {
        *rows = div_ceil(*rows, i64::from(shards)).max(1);
    }
    Distribution::tiled(Partition::tiles(&Tiling { bounds: bounds.clone(), tile }), Sharding::Block, shards)
}
