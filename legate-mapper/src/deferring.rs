//! A decorator that computes nothing at once: every operation goes through the runtime.

use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use std::sync::Arc;

/// Answers as another mapper does, except that nothing is computed inline: to test the runtime with small arrays, or to see all of a program
/// in a trace.
pub struct DeferringMapper(Arc<dyn Mapper>);

impl DeferringMapper {
    /// Around `inner`.
    pub fn new(inner: Arc<dyn Mapper>) -> DeferringMapper {
        DeferringMapper(inner)
    }
}

impl Mapper for DeferringMapper {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn inline(&self, _points: u64, _bytes: u64, _machine: &MachineView) -> bool {
        false
    }

    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        self.0.launch(launch, machine)
    }

    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        self.0.field(shape, element_bytes, machine)
    }

    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
        self.0.chunks(points, cost_ns, bytes, machine)
    }

    fn tunable(&self, name: &str) -> Option<i64> {
        self.0.tunable(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;
    use crate::{DefaultMapper, Thresholds};

    #[test]
    fn only_inline_is_answered_otherwise() {
        let inner = DefaultMapper::with(Thresholds::default(), [("a".to_owned(), 3)].into());
        let mapper = DeferringMapper::new(Arc::new(inner.clone()));
        assert!(inner.inline(1, 8, &machine(2)) && !mapper.inline(1, 8, &machine(2)));
        assert_eq!(mapper.field(&[1 << 20], 8, &machine(2)), inner.field(&[1 << 20], 8, &machine(2)));
        assert_eq!((mapper.name(), mapper.tunable("a")), ("default", Some(3)));
    }
}
