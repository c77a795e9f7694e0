//! Logical regions: one per shape, so that arrays of one shape share an index space. Regions are numbered in the order in which their shapes first come up, which is
//! the same on every shard.

use crate::geometry::{Point, Rect};
use crate::id::RegionId;
use std::collections::BTreeMap;

/// All regions of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forest {
    by_shape: BTreeMap<Point, RegionId>,
    bounds: Vec<Rect>,
}

impl Forest {
    /// No regions yet.
    pub fn new() -> Forest {
        Forest::default()
    }
    /// The region of an index space, made if there is none yet.
    ///
    /// # Control replication
    /// Ids depend on the order of calls: every shard makes the same ones.
    pub fn region(&mut self, bounds: &Rect) -> RegionId {
        debug_assert!(bounds.lo.iter().all(|x| *x == 0), "index spaces of fields start at the origin");
        if let Some(region) = self.by_shape.get(&bounds.hi) {
            return *region;
        }
        let region = RegionId(self.bounds.len() as u32);
        self.bounds.push(bounds.clone());
        self.by_shape.insert(bounds.hi.clone(), region);
        region
    }
    /// A region's index space.
    ///
    /// # Panics
    /// If this forest did not make it.
    pub fn bounds(&self, region: RegionId) -> &Rect {
        &self.bounds[region.0 as usize]
    }
    /// Number of regions.
    pub fn len(&self) -> usize {
        self.bounds.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shapes_are_one_region() {
        let mut forest = Forest::new();
        let shapes: [&[i64]; 5] = [&[3, 4], &[4, 3], &[], &[3, 4], &[3, 4, 1]];
        let regions = shapes.map(|shape| forest.region(&Rect::from_shape(shape)).0);
        assert_eq!(regions, [0, 1, 2, 0, 3]);
        assert_eq!(forest.bounds(RegionId(1)), &Rect::from_shape(&[4, 3]));
        assert_eq!(forest.len(), 4);
    }
}
