//! From a mapper's wish to a legal mapping: how a group is spread over shards, and where its fields are before and after.
//!
//! *Owner-computes.* A launch that writes part of a field runs where the field's points are. One that overwrites whole fields may run anywhere and
//! takes the fields along. What cannot be had both ways (two partial writes with different owners, a view that
//! cannot be followed) is replicated: slow, rare, right.

use super::group::Group;
use super::version::{FieldState, States};
use crate::geometry::Point;
use crate::id::{FieldId, ShardId};
use crate::mapping::{LaunchInfo, LaunchMapping, MachineView, Mapper, OperandInfo};
use crate::operation::{Cut, Operand, Operation, Privilege, Registry};
use crate::region::{Distribution, Partition, Sharding, Tiling};
use smallvec::SmallVec;

/// How a group runs. The same on every shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// How the launch's points are spread: a distribution of its domain.
    pub spread: Distribution,
    /// Fields that get (other) owners before the launch.
    pub prepare: Vec<(FieldId, Distribution)>,
    /// For each operand the distribution that the launch gives to its field, if it gives it one.
    pub after: SmallVec<[Option<Distribution>; 4]>,
}

/// Maps a group. `window` are the operations that its members index.
pub fn map_group(
    group: &Group,
    window: &[Operation],
    states: &States,
    registry: &Registry,
    mapper: &dyn Mapper,
    machine: &MachineView,
) -> Mapping {
    if states.shards() == 1 {
        return Mapping { spread: Distribution::Replicated, prepare: Vec::new(), after: SmallVec::new() };
    }
    map_as(group, group.label(window, registry), group.cost_ns(window, registry), states, mapper, machine)
}

/// Maps a group of which the mapper is told this name and cost.
pub(super) fn map_as(
    group: &Group,
    name: String,
    cost_ns: f64,
    states: &States,
    mapper: &dyn Mapper,
    machine: &MachineView,
) -> Mapping {
    if states.shards() == 1 {
        return Mapping { spread: Distribution::Replicated, prepare: Vec::new(), after: SmallVec::new() };
    }
    let question = Question { group, states, mapper, machine };
    let wish = mapper.launch(&question.info(name, cost_ns), machine);
    question.legal(&wish)
}

struct Question<'a> {
    group: &'a Group,
    states: &'a States,
    mapper: &'a dyn Mapper,
    machine: &'a MachineView,
}

/// Why a spread was refused.
struct Conflict;

impl Question<'_> {
    fn state(&self, operand: &Operand) -> &FieldState {
        self.states.get(operand.field)
    }
    /// Whether the launch replaces all values of the operand's field.
    fn overwrites(&self, operand: &Operand) -> bool {
        operand.privilege.writes() && operand.access.covers(&self.group.domain, &self.state(operand).bounds)
    }

    fn info(&self, name: String, cost_ns: f64) -> LaunchInfo {
        let group = self.group;
        let operands = group.operands.iter().map(|operand| {
            let state = self.state(operand);
            OperandInfo {
                field_shape: state.bounds.shape(),
                element_bytes: state.size,
                privilege: operand.privilege,
                access: operand.access.clone(),
                image: operand.access.image(&group.domain),
                covers: operand.access.covers(&group.domain, &state.bounds),
                distribution: state.distribution.clone(),
            }
        });
        LaunchInfo {
            name,
            domain: group.domain.clone(),
            cuts: group.cuts.clone(),
            operands: operands.collect(),
            cost_ns,
        }
    }

    fn legal(&self, wish: &LaunchMapping) -> Mapping {
        if self.group.domain.is_empty() {
            return self.empty();
        }
        let mut prepare = self.unwritten();
        let spread = match self.forced(wish, &mut prepare) {
            Some(Ok(forced)) => Ok(forced),
            Some(Err(conflict)) => Err(conflict),
            None => Ok(self.wished(wish)),
        };
        spread
            .and_then(|spread| Ok((self.after(&spread)?, spread)))
            .map(|(after, spread)| Mapping { spread, prepare, after })
            .unwrap_or_else(|Conflict| self.replicated())
    }

    /// No points: nothing is computed, but the fold of nothing has a value.
    fn empty(&self) -> Mapping {
        let folds = |o: &Operand| matches!(o.privilege, Privilege::Reduce(_)).then_some(Distribution::Replicated);
        Mapping {
            spread: Distribution::Replicated,
            prepare: Vec::new(),
            after: self.group.operands.iter().map(folds).collect(),
        }
    }

    /// Every shard computes everything; what is written in part is brought to all of them first.
    fn replicated(&self) -> Mapping {
        let mut prepare: Vec<(FieldId, Distribution)> = self.unwritten();
        for operand in self.group.operands.iter().filter(|o| o.privilege.writes() && !self.overwrites(o)) {
            prepare.retain(|(field, _)| *field != operand.field);
            if self.state(operand).distribution != Some(Distribution::Replicated) {
                prepare.push((operand.field, Distribution::Replicated));
            }
        }
        let after = |o: &Operand| self.overwrites(o).then_some(Distribution::Replicated);
        let after = self.group.operands.iter().map(after).collect();
        Mapping { spread: Distribution::Replicated, prepare, after }
    }

    /// Fields that are read before they were ever written: their values are anyone's, but somebody must own them.
    fn unwritten(&self) -> Vec<(FieldId, Distribution)> {
        let mut found: Vec<(FieldId, Distribution)> = Vec::new();
        for operand in &self.group.operands {
            let needed = operand.privilege.reads() || !self.overwrites(operand);
            if needed && self.state(operand).distribution.is_none() && found.iter().all(|(f, _)| *f != operand.field) {
                found.push((operand.field, self.states.first_distribution(operand.field, self.mapper, self.machine)));
            }
        }
        found
    }

    /// The spread that partial writes ask for, if there are any.
    fn forced(
        &self,
        wish: &LaunchMapping,
        prepare: &mut Vec<(FieldId, Distribution)>,
    ) -> Option<Result<Distribution, Conflict>> {
        let mut forced: Option<Distribution> = None;
        for operand in self.group.operands.iter().filter(|o| o.privilege.writes() && !self.overwrites(o)) {
            let prepared = prepare.iter().find(|(f, _)| *f == operand.field).map(|(_, d)| d.clone());
            let owners = prepared.or_else(|| self.state(operand).distribution.clone());
            let mut owners = owners.expect("fields without owners were given some");
            if owners == Distribution::Replicated && *wish != LaunchMapping::Replicate {
                // Every shard has it all: to own a part of it costs nothing.
                owners = self.states.first_distribution(operand.field, self.mapper, self.machine);
                if owners != Distribution::Replicated {
                    prepare.push((operand.field, owners.clone()));
                }
            }
            let spread = match self.follow_exactly(operand, &owners) {
                Ok(spread) => spread,
                Err(conflict) => return Some(Err(conflict)),
            };
            if forced.as_ref().is_some_and(|other| *other != spread) {
                return Some(Err(Conflict));
            }
            forced = Some(spread);
        }
        forced.map(Ok)
    }

    /// The launch runs where the operand's points are.
    fn follow_exactly(&self, operand: &Operand, owners: &Distribution) -> Result<Distribution, Conflict> {
        let Distribution::Tiled { partition, sharding } = owners else { return Ok(owners.clone()) };
        let pulled = partition.pull_back(&operand.access, &self.group.domain);
        if !pulled.exact || !allow(&self.group.cuts, &pulled.partition) {
            return Err(Conflict);
        }
        Ok(Distribution::tiled(pulled.partition, *sharding, self.states.shards()))
    }

    /// The mapper's wish, with cuts moved to where they are allowed.
    fn wished(&self, wish: &LaunchMapping) -> Distribution {
        let shards = self.states.shards();
        match wish {
            LaunchMapping::Replicate => Distribution::Replicated,
            LaunchMapping::Single(shard) => Distribution::Single(ShardId(shard.0 % shards)),
            LaunchMapping::Follow(k) => self.followed(*k),
            LaunchMapping::Tile { tile, sharding } => {
                let extent = |d: usize| tile.get(d).copied().unwrap_or(i64::MAX).max(1);
                self.tiled((0..self.group.domain.rank()).map(extent).collect(), *sharding)
            }
        }
    }
    fn followed(&self, operand: usize) -> Distribution {
        let Some(operand) = self.group.operands.get(operand) else { return Distribution::Replicated };
        match &self.state(operand).distribution {
            None => self.even(),
            Some(Distribution::Tiled { partition, sharding }) => {
                let pulled = partition.pull_back(&operand.access, &self.group.domain).partition;
                let could_cut = (0..self.group.domain.rank()).any(|d| pulled.cuts(d));
                match self.legalised(pulled, *sharding) {
                    // All its cuts are forbidden: cut elsewhere rather than leave the work to one shard.
                    Distribution::Single(_) if could_cut => self.even(),
                    spread => spread,
                }
            }
            Some(whole) => whole.clone(),
        }
    }
    fn tiled(&self, tile: Point, sharding: Sharding) -> Distribution {
        self.legalised(Partition::tiles(&Tiling { bounds: self.group.domain.clone(), tile }), sharding)
    }
    fn legalised(&self, mut partition: Partition, sharding: Sharding) -> Distribution {
        for (d, cut) in self.group.cuts.iter().enumerate() {
            partition = match cut {
                Cut::Free => partition,
                Cut::Never => partition.without_cuts(d),
                Cut::Granule(granule) | Cut::Tree { granule } => partition.with_granule(d, *granule as i64),
            };
        }
        Distribution::tiled(partition, sharding, self.states.shards())
    }
    /// Equal blocks along the first dimension that may be cut and is long enough to give each shard something, else the longest.
    fn even(&self) -> Distribution {
        let (domain, shards) = (&self.group.domain, i64::from(self.states.shards()));
        let items = |d: usize| match self.group.cuts[d] {
            Cut::Never => 1,
            Cut::Free => domain.extent(d),
            Cut::Granule(granule) | Cut::Tree { granule } => domain.extent(d).div_euclid(granule as i64).max(1),
        };
        let first = (0..domain.rank()).find(|d| items(*d) >= shards);
        let Some(dim) = first.or_else(|| (0..domain.rank()).max_by_key(|d| items(*d))) else {
            return Distribution::Replicated;
        };
        let mut tile = domain.shape();
        tile[dim] = crate::geometry::div_ceil(domain.extent(dim), shards);
        self.tiled(tile, Sharding::Block)
    }

    /// What the written fields' distributions become.
    fn after(&self, spread: &Distribution) -> Result<SmallVec<[Option<Distribution>; 4]>, Conflict> {
        let after = |operand: &Operand| {
            if !self.overwrites(operand) {
                return Ok(None);
            }
            let Distribution::Tiled { partition, sharding } = spread else { return Ok(Some(spread.clone())) };
            if self.joined(operand, partition) {
                return Ok(Some(Distribution::Replicated));
            }
            let forward = partition.push_forward(&operand.access, &self.state(operand).bounds).ok_or(Conflict)?;
            Ok(Some(Distribution::tiled(forward, *sharding, self.states.shards())))
        };
        self.group.operands.iter().map(after).collect()
    }
    /// Whether an operand's value comes from partial results of several pieces.
    fn joined(&self, operand: &Operand, partition: &Partition) -> bool {
        let tree =
            |(d, cut): (usize, &Cut)| matches!(cut, Cut::Tree { .. }) && partition.cuts(d) && !operand.access.uses(d);
        matches!(operand.privilege, Privilege::Reduce(_)) && self.group.cuts.iter().enumerate().any(tree)
    }
}

/// Whether a launch with these cuts may be cut so. (A fold into a part of a field is never cut along what it folds: it follows the field.)
pub(super) fn allow(cuts: &[Cut], partition: &Partition) -> bool {
    cuts.iter().enumerate().all(|(d, cut)| match cut {
        Cut::Free => true,
        Cut::Never => !partition.cuts(d),
        Cut::Granule(granule) | Cut::Tree { granule } => partition.has_granule(d, *granule as i64),
    })
}
