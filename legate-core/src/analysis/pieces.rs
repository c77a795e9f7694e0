//! The arithmetic of communication: which rectangles of a field go from its owners to the shards that read it.
//!
//! Both ends call `parts` for a pair of an owner's piece and a reader's piece, so they agree without a word. What differs is how they find the pairs: a
//! reader walks the owners' pieces that meet its needs, an owner walks the readers' pieces whose needs meet what it has. Either finds every pair
//! with something to move; the order (owner's color, reader's color, operand) makes the lists match one by one.

use super::version::FieldState;
use crate::geometry::Rect;
use crate::id::{Color, ShardId};
use crate::region::{Distribution, Partition, Sharding};
use crate::store::Access;
use smallvec::SmallVec;

/// One way in which a launch reads a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The group's operand.
    pub(super) operand: usize,
    pub(super) access: &'a Access,
    /// Whether what is received goes to the main instance.
    pub(super) keep: bool,
}

/// The reads of one field by one launch.
pub(super) struct Reading<'a> {
    /// The field before the launch.
    pub(super) state: &'a FieldState,
    /// Its owners.
    pub(super) owners: &'a Distribution,
    /// The launch's points, and how they are spread.
    pub(super) domain: &'a Rect,
    pub(super) spread: &'a Distribution,
    /// In the order of operands.
    pub(super) readers: SmallVec<[Reader<'a>; 4]>,
    pub(super) shards: u32,
}

/// A rectangle that goes from the owner of a piece to the shard that runs a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) peer: ShardId,
    pub(super) operand: usize,
    pub(super) rect: Rect,
    owner_color: Color,
    reader_color: Color,
}

/// Copies of this many bytes are kept wherever they lie.
const SMALL_BYTES: u64 = 64 << 10;

/// The pieces that one end meets: color, rectangle, and who is there.
type Met = SmallVec<[(Color, Rect, ShardId); 4]>;

impl Reading<'_> {
    /// Whether every reader finds everything it needs at home, as a look at the partitions tells. O(rank).
    pub(super) fn is_local(&self) -> bool {
        let Distribution::Tiled { partition, sharding } = self.owners else {
            return matches!(self.owners, Distribution::Replicated) || self.owners == self.spread;
        };
        self.readers.iter().all(|reader| {
            let pulled = partition.pull_back(reader.access, self.domain);
            pulled.exact
                && match self.spread {
                    Distribution::Tiled { partition, sharding: s } => *partition == pulled.partition && s == sharding,
                    _ => Distribution::tiled(pulled.partition, *sharding, self.shards) == *self.spread,
                }
        })
    }

    /// Whether what a read brings is to stay in the main instances: they would not grow much, or are small anyway. Judged from three shards that are the same for
    /// everybody, so that everybody judges alike.
    pub(super) fn keeps(&self, access: &Access) -> bool {
        let slack = SMALL_BYTES / u64::from(self.state.size.max(1));
        [0, self.shards / 2, self.shards - 1].into_iter().map(ShardId).all(|shard| {
            let own = self.owners.extent(&self.state.bounds, shard, self.shards);
            let pieces = self.spread.pieces(self.domain, shard, self.shards);
            let both = pieces.iter().fold(own.clone(), |all, (_, piece)| all.bounding(&access.image(piece)));
            both.volume() <= 2 * own.volume() + slack
        })
    }

    /// What `me` sends. O(own pieces + pieces that read them).
    pub(super) fn sends(&self, me: ShardId) -> Vec<Part> {
        let mut found = Vec::new();
        if matches!(self.owners, Distribution::Replicated) {
            return found;
        }
        for (owner_color, tile) in self.owners.pieces(&self.state.bounds, me, self.shards) {
            for (reader_color, piece, peer) in self.readers_of(&tile, me) {
                self.parts((owner_color, &tile), (reader_color, &piece), peer, peer, &mut found);
            }
        }
        found
    }

    /// What `me` receives. O(own pieces + pieces that they read from).
    pub(super) fn recvs(&self, me: ShardId) -> Vec<Part> {
        let mut found = Vec::new();
        if matches!(self.owners, Distribution::Replicated) {
            return found;
        }
        for (reader_color, piece) in self.spread.pieces(self.domain, me, self.shards) {
            for (owner_color, tile, peer) in self.owners_for(&piece) {
                if peer != me {
                    self.parts((owner_color, &tile), (reader_color, &piece), peer, me, &mut found);
                }
            }
        }
        found.sort_by_key(|part| (part.owner_color, part.reader_color));
        found
    }

    /// Which parts of `need` `me` has in its main instance: own points and held copies.
    pub(super) fn local_parts(&self, me: ShardId, reader: &Reader<'_>) -> Vec<Rect> {
        let mut found = Vec::new();
        for (_, piece) in self.spread.pieces(self.domain, me, self.shards) {
            let need = reader.access.image(&piece);
            for (_, tile, owner) in self.owners_for(&piece) {
                let part = tile.intersect(&need);
                if !part.is_empty() && (owner == me || self.state.holds(&part, me, self.shards)) {
                    found.push(part);
                }
            }
        }
        found
    }

    /// The rectangles of one pair, in order. `reader` is the receiving shard. What an earlier operand brings to the main instance is not sent again.
    fn parts(&self, from: (Color, &Rect), to: (Color, &Rect), peer: ShardId, reader: ShardId, found: &mut Vec<Part>) {
        let mut kept: SmallVec<[Rect; 4]> = SmallVec::new();
        for r in &self.readers {
            let need = r.access.image(to.1).intersect(from.1);
            if need.is_empty() || self.state.holds(&need, reader, self.shards) {
                continue;
            }
            let mut rest: SmallVec<[Rect; 4]> = SmallVec::from_elem(need.clone(), 1);
            if r.keep {
                for known in &kept {
                    rest = rest.iter().flat_map(|rect| rect.subtract(known)).collect();
                }
                kept.push(need);
            }
            found.extend(rest.into_iter().map(|rect| Part {
                peer,
                operand: r.operand,
                rect,
                owner_color: from.0,
                reader_color: to.0,
            }));
        }
    }

    /// The owners' pieces that meet what a piece of the launch needs, ascending.
    fn owners_for(&self, piece: &Rect) -> Met {
        match self.owners {
            Distribution::Replicated => Met::new(),
            Distribution::Single(owner) => Met::from_elem((Color(0), self.state.bounds.clone(), *owner), 1),
            Distribution::Tiled { partition, sharding } => {
                let boxes = self.readers.iter().map(|r| partition.colors_meeting(&r.access.image(piece)));
                self.met(partition, *sharding, boxes.flat_map(|b| b.iter().collect::<SmallVec<[Color; 4]>>()).collect())
            }
        }
    }

    /// The launch's pieces, of other shards, that may need points of an owner's piece, ascending.
    fn readers_of(&self, tile: &Rect, me: ShardId) -> Met {
        let mut met = match self.spread {
            Distribution::Replicated => (0..self.shards).map(|s| (Color(0), self.domain.clone(), ShardId(s))).collect(),
            Distribution::Single(reader) => Met::from_elem((Color(0), self.domain.clone(), *reader), 1),
            Distribution::Tiled { partition, sharding } => {
                let colors = self.readers.iter().flat_map(|r| self.candidates(partition, r.access, tile));
                self.met(partition, *sharding, colors.collect())
            }
        };
        met.retain(|(_, _, shard)| *shard != me);
        met
    }

    /// The colors of the launch whose pieces' images' bounding boxes may meet `tile`. A box may meet a tile in which there is no point of the image (strides, diagonals): so
    /// each coordinate is asked for itself, and the tile is widened by the gaps between its values.
    fn candidates(&self, partition: &Partition, access: &Access, tile: &Rect) -> SmallVec<[Color; 4]> {
        let mut colors = partition.colors_meeting(self.domain);
        for (k, coordinate) in access.coords.iter().enumerate() {
            let slack = coordinate.gap() - 1;
            let slab = access.preimage_of(k, tile.lo[k] - slack, tile.hi[k] + slack, self.domain);
            colors = colors.intersect(&partition.colors_meeting(&slab));
        }
        colors.iter().collect()
    }

    fn met(&self, partition: &Partition, sharding: Sharding, mut colors: SmallVec<[Color; 8]>) -> Met {
        if self.readers.len() > 1 {
            colors.sort_unstable();
            colors.dedup();
        }
        let count = partition.color_count();
        let pieces = colors.into_iter().map(|c| (c, partition.piece(c), sharding.owner(c, count, self.shards)));
        pieces.filter(|(_, piece, _)| !piece.is_empty()).collect()
    }
}
