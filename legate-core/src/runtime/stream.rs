//! The issuing end of the operation stream: names and numbers in program order, the window, and when it is full.

use super::fetched::FetchSlot;
use super::shard::Window;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId};
use crate::operation::{Create, Operation};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A window is handed on when it has this many operations that do something (the mapper may say another number, `"window"`).
const WINDOW_OPERATIONS: usize = 64;
/// Or when the fields made in it take this share of the memory: they might all have to be there at once.
const WINDOW_MEMORY_SHARE: u64 = 8;

/// What is issued and not handed on.
///
/// # Control replication
/// When a window ends depends on the operations alone: their number, the sizes of the fields they make, and the fetches.
pub(super) struct Stream {
    next_op: u64,
    next_field: u64,
    /// Fields with handles.
    fields: BTreeMap<FieldId, Create>,
    window: Window,
    made_bytes: u64,
    /// Operations of the window, those left out that make a field.
    waiting: usize,
    most_operations: usize,
    most_bytes: u64,
}

impl Stream {
    /// `memory_bytes`: of one shard; `window`: the mapper's wish.
    pub(super) fn new(memory_bytes: u64, window: Option<i64>) -> Stream {
        Stream {
            next_op: 0,
            next_field: 0,
            fields: BTreeMap::new(),
            window: Window::default(),
            made_bytes: 0,
            waiting: 0,
            most_operations: window.map_or(WINDOW_OPERATIONS, |wish| wish.max(1) as usize),
            most_bytes: memory_bytes / WINDOW_MEMORY_SHARE,
        }
    }

    /// The next number in program order.
    pub(super) fn number(&mut self) -> OpId {
        self.next_op += 1;
        OpId(self.next_op)
    }

    /// How many operations were numbered so far.
    pub(super) fn issued(&self) -> u64 {
        self.next_op
    }

    /// A new field.
    pub(super) fn create(&mut self, shape: &[i64], size: u32, align: u32) -> FieldId {
        self.next_field += 1;
        let field = FieldId(self.next_field);
        let create = Create { field, bounds: Rect::from_shape(shape), size, align };
        self.fields.insert(field, create.clone());
        self.made_bytes = self.made_bytes.saturating_add(bytes(&create));
        self.window.operations.push(Operation::Create(create));
        field
    }

    /// What is known of a field.
    pub(super) fn field(&self, field: FieldId) -> Option<&Create> {
        self.fields.get(&field)
    }

    pub(super) fn push(&mut self, operation: Operation) {
        self.waiting += 1;
        self.window.operations.push(operation);
    }

    /// A fetch's values will be left here.
    pub(super) fn push_slot(&mut self, slot: Arc<FetchSlot>) {
        self.window.slots.push(slot);
    }

    /// Whether the window is to be handed on.
    pub(super) fn is_full(&self) -> bool {
        self.waiting >= self.most_operations || self.made_bytes > self.most_bytes
    }

    /// The window, to be handed on; `None` if it is empty. `dead`: fields that lost their last handle.
    pub(super) fn take(&mut self, mut dead: Vec<FieldId>) -> Option<Window> {
        dead.sort_unstable();
        dead.iter().for_each(|field| {
            self.fields.remove(field);
        });
        if self.window.operations.is_empty() && dead.is_empty() {
            return None;
        }
        (self.made_bytes, self.waiting) = (0, 0);
        let mut window = std::mem::take(&mut self.window);
        window.dead = dead;
        Some(window)
    }
}

fn bytes(create: &Create) -> u64 {
    create.bounds.volume().saturating_mul(u64::from(create.size))
}
