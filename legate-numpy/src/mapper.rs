//! This library's own policy, on top of any mapper: products follow the matrix.

use legate_core::mapping::{Ahead, FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use std::sync::Arc;

/// Answers what NumPy's operations know better, and asks the mapper beneath for all else.
#[derive(Clone)]
pub struct NumpyMapper {
    below: Arc<dyn Mapper>,
}

impl NumpyMapper {
    /// On top of `below`.
    pub fn new(below: Arc<dyn Mapper>) -> NumpyMapper {
        NumpyMapper { below }
    }
}

impl Mapper for NumpyMapper {
    fn name(&self) -> &str {
        self.below.name()
    }
    fn inline(&self, points: u64, bytes: u64, machine: &MachineView) -> bool {
        self.below.inline(points, bytes, machine)
    }
    fn catch_up(&self, ahead: &Ahead, machine: &MachineView) -> bool {
        self.below.catch_up(ahead, machine)
    }
    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        self.below.launch(launch, machine)
    }
    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        self.below.field(shape, element_bytes, machine)
    }
    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
        self.below.chunks(points, cost_ns, bytes, machine)
    }
    fn tunable(&self, name: &str) -> Option<i64> {
        self.below.tunable(name)
    }
}
