//! Host bytes become a field.

use super::Shard;
use crate::analysis::dependence::Usage;
use crate::exec::action::{CopyWork, Name};
use crate::exec::copy::{Copy, Side};
use crate::exec::instance::PhysicalInstance;
use crate::geometry::Rect;
use crate::operation::Attach;

impl Shard {
    /// `pieces`: this shard's own. All of the field: the buffer itself becomes the instance, and nothing is copied until it is written.
    pub(super) fn attach(&mut self, attach: &Attach, pieces: &[Rect]) {
        let Attach { field, bytes, provenance, .. } = attach;
        let (bounds, element) = self.field(*field);
        let bounds = bounds.clone();
        if matches!(pieces, [piece] if *piece == bounds) {
            let id = self.graph.instance_id();
            let instance = PhysicalInstance::adopt(id, &bounds, element, bytes.clone());
            return self.install(*field, instance, provenance);
        }
        let covered = pieces.iter().fold(bounds.intersect(&empty(&bounds)), |all, piece| all.bounding(piece));
        self.cover(*field, &covered, true, provenance);
        self.unshare(*field, true, provenance);
        for piece in pieces {
            let main = self.main(*field).expect("its pieces were just covered").clone();
            let mut uses = self.graph.uses();
            self.graph.record(&mut uses, &main, piece, Usage::Discard);
            let source = Side::dense(bytes, &bounds.shape(), &piece.lo, element);
            let target = main.memory().ok().map(|memory| Side::instance(memory, main.at(piece)));
            let copy = target.map(|target| Copy::new(&piece.shape(), element, target, source));
            self.graph.submit(uses, CopyWork::new(Name::new("copy", "attach", provenance), copy));
        }
    }
}

/// No points of `bounds`.
fn empty(bounds: &Rect) -> Rect {
    Rect { lo: bounds.lo.clone(), hi: bounds.lo.clone() }
}
