//! A fused group: launches over one domain that run as one body.

use crate::geometry::Rect;
use crate::operation::{Cut, Launch, Operand, Operation, Registry};
use smallvec::SmallVec;

/// Launches of a window that run as one, and their joined operand table. Pure: the same on every shard.
///
/// Which of the operands are written to memory is decided apart from this, see [`Group::bind`].
#[derive(Clone, Debug)]
pub struct Group {
    /// The members in program order.
    pub members: SmallVec<[Member; 2]>,
    /// The points.
    pub domain: Rect,
    /// One per domain dimension.
    pub cuts: SmallVec<[Cut; 4]>,
    /// Every array that a member touches, once for each pair of a field and an access; privileges are joined (a field that
    /// is first read and then written is `ReadWrite`; one that is first written is `WriteDiscard`, whoever reads it later).
    pub operands: SmallVec<[Operand; 4]>,
}

/// One launch of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Position in the window.
    pub index: usize,
    /// For each operand of the launch, which operand of the group it is.
    pub operands: SmallVec<[usize; 4]>,
}

impl Group {
    /// The group of one launch. `index` is its place in the window.
    pub fn single(launch: &Launch, index: usize) -> Group {
        let operands = (0..launch.operands.len()).collect();
        Group {
            members: SmallVec::from_elem(Member { index, operands }, 1),
            domain: launch.domain.clone(),
            cuts: launch.cuts.clone(),
            operands: launch.operands.clone(),
        }
    }
}

impl Group {
    /// The members' launches.
    pub fn launches<'a>(&'a self, window: &'a [Operation]) -> impl Iterator<Item = &'a Launch> {
        self.members.iter().map(|member| match &window[member.index] {
            Operation::Launch(launch) => launch,
            _ => unreachable!("members of a group are launches"),
        })
    }
    /// What the bodies call themselves, joined.
    pub fn label(&self, window: &[Operation], registry: &Registry) -> String {
        let labels = self.launches(window).map(|l| registry.task(l.task).label(&*l.args));
        labels.collect::<Vec<_>>().join(",")
    }
    /// Estimated nanoseconds on one core.
    pub fn cost_ns(&self, window: &[Operation], registry: &Registry) -> f64 {
        let per_point: f64 = self.launches(window).map(|l| registry.task(l.task).cost(&*l.args).ns_per_point).sum();
        per_point * self.domain.volume() as f64
    }
}
