//! A number for what an operation does, whatever fields it does it to: how loops are recognised.
//!
//! Equal operations have equal numbers; unequal ones mostly not. Who needs to be sure compares.

use super::{Direction, Launch, Operation};
use crate::geometry::Rect;
use crate::store::{Access, Store};

/// Mixes words: multiplication by an odd constant (of the golden ratio) and rotation, a few cycles each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mixer(u64);

impl Mixer {
    pub(crate) fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    pub(crate) fn finish(self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
    fn rect(&mut self, rect: &Rect) {
        self.add(rect.rank() as u64);
        rect.hi.iter().for_each(|extent| self.add(*extent as u64));
    }
    fn store(&mut self, store: &Store) {
        self.access(&store.access);
        store.shape.iter().for_each(|extent| self.add(*extent as u64));
    }
    fn access(&mut self, access: &Access) {
        self.add(u64::from(access.domain_rank));
        for coordinate in &access.coords {
            self.add(coordinate.offset as u64);
            for term in &coordinate.terms {
                self.add(term.stride as u64 ^ (u64::from(term.dim) << 56));
            }
        }
    }
}

/// The number of an operation.
pub(crate) fn fingerprint(operation: &Operation) -> u64 {
    let mut mixer = Mixer::default();
    match operation {
        Operation::Create(create) => {
            mixer.add(1);
            mixer.rect(&create.bounds);
            mixer.add(u64::from(create.size) << 32 | u64::from(create.align));
        }
        Operation::Attach(_) => mixer.add(2),
        Operation::Launch(launch) => self::launch(&mut mixer, launch),
        Operation::Reshape(_) => mixer.add(4),
        Operation::Fetch(fetch) => {
            mixer.add(5);
            mixer.store(&fetch.src);
        }
        Operation::Indirect(copy) => {
            mixer.add(7 | u64::from(copy.direction == Direction::Scatter) << 32);
            [&copy.table, &copy.index, &copy.values].into_iter().for_each(|store| mixer.store(store));
        }
        Operation::Fence(_) => mixer.add(6),
    }
    mixer.finish()
}

fn launch(mixer: &mut Mixer, launch: &Launch) {
    mixer.add(3 | u64::from(launch.task.0) << 32);
    mixer.add(launch.args.fingerprint());
    mixer.rect(&launch.domain);
    for operand in &launch.operands {
        mixer.add(operand.privilege.code());
        mixer.access(&operand.access);
    }
}
