//! What a node of the execution graph does.

use crate::error::TaskFailure;
use crate::operation::Hands;
use crate::profile::About;

/// The work of one node. Called by the executor: each chunk once, in any order and at the same time; then `finish` once,
/// after all of them. Or, if a true dependence or a chunk failed, `poisoned` once.
pub(crate) trait Work: Send + Sync {
    /// Into how many chunks it is cut; at least 1.
    fn chunks(&self) -> usize {
        1
    }
    /// Does one of them. It may use `hands` itself.
    fn run(&self, chunk: usize, hands: &dyn Hands) -> Result<(), TaskFailure>;
    /// Ends it.
    fn finish(&self) -> Result<(), TaskFailure> {
        Ok(())
    }
    /// Tells those who wait outside of the graph (peers, front end) that there will be no result.
    fn poisoned(&self, failure: &TaskFailure) {
        let _ = failure;
    }
    /// For profiles, and for the report if it panics.
    fn about(&self) -> About;
    /// Nanoseconds on one core, estimated: decides who runs it, never what it does.
    fn cost_ns(&self) -> f64;
}
