//! Test hook: a task that panics.

use legate_core::Error;
use legate_core::operation::{Task, TaskArgs, TaskContext, TaskError};
use std::any::Any;
use std::sync::Arc;

/// What the panic says.
#[derive(Debug)]
pub(crate) struct FailArgs(pub(crate) String);

impl TaskArgs for FailArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

/// Panics.
pub(super) struct Fail;

impl Task for Fail {
    fn name(&self) -> &str {
        "fail"
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let message = String::from_utf8(bytes.to_vec()).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Arc::new(FailArgs(message)))
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        panic!("{}", ctx.args::<FailArgs>().0)
    }
}
