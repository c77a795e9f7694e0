//! Tasks that have names and arguments, and are never run.

use legate_core::error::{Error, Result};
use legate_core::id::TaskId;
use legate_core::operation::{Composer, Part, ReductionOp, Registry, Task, TaskArgs, TaskContext, TaskError};
use std::sync::Arc;

/// Arguments that are just bytes.
#[derive(Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl TaskArgs for Bytes {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

struct Named {
    name: &'static str,
    composer: Option<&'static str>,
}

struct Chain(&'static str);

impl Composer for Chain {
    fn name(&self) -> &str {
        self.0
    }
    fn compose(&self, parts: &[Part<'_>], _: usize) -> (TaskId, Arc<dyn TaskArgs>) {
        (parts[0].task, Arc::new(Bytes(Vec::new())))
    }
}

impl Task for Named {
    fn name(&self) -> &str {
        self.name
    }
    /// Arguments begin with anything but `ff`.
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>> {
        match bytes.first() {
            Some(0xff) => Err(Error::Decode("arguments begin with ff".into())),
            _ => Ok(Arc::new(Bytes(bytes.to_vec()))),
        }
    }
    fn run(&self, _: &TaskContext<'_>) -> Result<(), TaskError> {
        Err(TaskError("these tasks are only analysed".into()))
    }
    fn composer(&self) -> Option<Arc<dyn Composer>> {
        self.composer.map(|name| -> Arc<dyn Composer> { Arc::new(Chain(name)) })
    }
}

struct Sum(&'static str);

impl ReductionOp for Sum {
    fn name(&self) -> &str {
        self.0
    }
    fn combine(&self, _: &mut [u8], _: &[u8]) {}
    fn identity(&self) -> Option<&[u8]> {
        None
    }
}

/// Point-wise tasks of one language, one of another, one that does not compose; two reductions.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    for name in ["fill", "add", "multiply", "subtract", "copy", "abs", "sum"] {
        registry.register_task(Arc::new(Named { name, composer: Some("programs") }));
    }
    registry.register_task(Arc::new(Named { name: "spmv", composer: Some("sparse") }));
    registry.register_task(Arc::new(Named { name: "matmul", composer: None }));
    registry.register_task(Arc::new(Named { name: "a \"strange\" name", composer: None }));
    registry.register_reduction(Arc::new(Sum("sum")));
    registry.register_reduction(Arc::new(Sum("not so plain")));
    registry
}
