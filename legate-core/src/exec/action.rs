//! The simple kinds of work: copies, and things done once.

use super::copy::Copy;
use super::work::Work;
use crate::error::{Provenance, TaskFailure};
use crate::operation::Hands;
use crate::profile::About;

/// What a node is called in profiles and failures.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) category: &'static str,
    pub(crate) name: &'static str,
    pub(crate) provenance: Provenance,
}

impl Name {
    pub(crate) fn new(category: &'static str, name: &'static str, provenance: &Provenance) -> Name {
        Name { category, name, provenance: provenance.clone() }
    }
    pub(super) fn about(&self, bytes: usize) -> About {
        let (name, provenance) = (self.name.to_owned(), self.provenance.clone());
        About { category: self.category, name, provenance, bytes: bytes as u64, ..About::default() }
    }
}

/// Moves elements within a shard.
pub(crate) struct CopyWork {
    name: Name,
    // `None`: one side has no memory; the node is poisoned and does not run.
    copy: Option<Copy>,
    chunks: usize,
}

impl CopyWork {
    pub(crate) fn new(name: Name, copy: Option<Copy>) -> Box<CopyWork> {
        let chunks = copy.as_ref().map_or(1, Copy::parts);
        Box::new(CopyWork { name, copy, chunks })
    }
    fn bytes(&self) -> usize {
        self.copy.as_ref().map_or(0, Copy::bytes)
    }
}

impl Work for CopyWork {
    fn chunks(&self) -> usize {
        self.chunks
    }
    fn run(&self, chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        let copy = self.copy.as_ref().expect("a node without memory is poisoned");
        copy.run(chunk, self.chunks);
        Ok(())
    }
    fn about(&self) -> About {
        self.name.about(self.bytes() / self.chunks)
    }
    fn cost_ns(&self) -> f64 {
        copy_cost_ns(self.bytes())
    }
}

/// Estimated nanoseconds for moving this many bytes on one core.
pub(crate) fn copy_cost_ns(bytes: usize) -> f64 {
    100.0 + bytes as f64 * 0.1
}

type Run = Box<dyn Fn() -> Result<(), TaskFailure> + Send + Sync>;
type Poisoned = Box<dyn Fn(&TaskFailure) + Send + Sync>;

/// Something done once, with what is done instead when it cannot be.
pub(crate) struct Action {
    name: Name,
    bytes: usize,
    run: Run,
    poisoned: Option<Poisoned>,
}

impl Action {
    /// `bytes`: how many it moves, for the estimate of its cost.
    pub(crate) fn new(
        name: Name,
        bytes: usize,
        run: impl Fn() -> Result<(), TaskFailure> + Send + Sync + 'static,
    ) -> Action {
        Action { name, bytes, run: Box::new(run), poisoned: None }
    }
    pub(crate) fn or_else(mut self, poisoned: impl Fn(&TaskFailure) + Send + Sync + 'static) -> Action {
        self.poisoned = Some(Box::new(poisoned));
        self
    }
}

impl Work for Action {
    fn run(&self, _chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        (self.run)()
    }
    fn poisoned(&self, failure: &TaskFailure) {
        if let Some(poisoned) = &self.poisoned {
            poisoned(failure);
        }
    }
    fn about(&self) -> About {
        self.name.about(self.bytes)
    }
    fn cost_ns(&self) -> f64 {
        copy_cost_ns(self.bytes)
    }
}
