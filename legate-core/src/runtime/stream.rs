//! The issuing end of the operation stream: names and numbers in program order, the window, and when it is full.

use super::LaunchRequest;
use super::ahead::Lead;
use super::fetched::FetchSlot;
use super::rounds::Rounds;
use super::shard::Window;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId};
use crate::operation::fingerprint::fingerprint;
use crate::operation::{Create, Operation, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A window is handed on when it has this many operations that do something (the mapper may say another number, `"window"`).
///
/// More than an iteration of most programs: where a window ends, temporaries that the next one reads are written to memory. Issuing so many takes
/// well under a millisecond, for which the workers wait at the start of a program.
const WINDOW_OPERATIONS: usize = 256;

/// What is issued and not handed on.
///
/// A full window of a loop ends where a round begins, its last whole round left behind ([`Rounds`]); where no line of the program tells, a window that
/// consists of rounds ends with the last whole one. What is left begins the next window. So the windows of a loop are all alike, and what was worked out for one serves the others.
///
/// It is also handed on when the fields made in it would fill the memory. Most of them never have any (fusion keeps temporaries in
/// registers), and for the others nodes wait until earlier ones give theirs back.
///
/// # Control replication
/// When a window ends depends on the operations alone: their number, what they do, the sizes of the fields they make, and the fetches.
pub(super) struct Stream {
    next_op: u64,
    next_field: u64,
    /// Fields with handles.
    fields: BTreeMap<FieldId, Box<Create>>,
    window: Window,
    made_bytes: u64,
    /// Operations of the window, those left out that make a field.
    waiting: usize,
    most_operations: usize,
    most_bytes: u64,
    rounds: Rounds,
    pub(super) lead: Lead,
}

impl Stream {
    /// `memory_bytes`: of all shards; `window`: the mapper's wish.
    pub(super) fn new(memory_bytes: u64, window: Option<i64>) -> Stream {
        Stream {
            next_op: 0,
            next_field: 0,
            fields: BTreeMap::new(),
            window: Window::default(),
            made_bytes: 0,
            waiting: 0,
            most_operations: window.map_or(WINDOW_OPERATIONS, |wish| wish.max(1) as usize),
            most_bytes: memory_bytes,
            rounds: Rounds::default(),
            lead: Lead::default(),
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
        self.fields.insert(field, Box::new(create.clone()));
        self.made_bytes = self.made_bytes.saturating_add(bytes(&create));
        self.enter(Operation::Create(create));
        field
    }

    /// What is known of a field.
    pub(super) fn field(&self, field: FieldId) -> Option<&Create> {
        self.fields.get(&field).map(|create| &**create)
    }

    pub(super) fn push(&mut self, operation: Operation) {
        self.waiting += 1;
        self.enter(operation);
    }

    fn enter(&mut self, operation: Operation) {
        self.window.fingerprints.push(fingerprint(&operation));
        self.see(self.window.operations.len(), &operation);
        self.window.operations.push(operation);
    }

    fn see(&mut self, position: usize, operation: &Operation) {
        if let Operation::Launch(launch) = operation {
            self.rounds.see(launch, position);
        }
    }

    /// A launch is about to be pushed.
    pub(super) fn run_ahead(&mut self, request: &LaunchRequest, domain: &Rect, registry: &Registry) {
        let fields = &self.fields;
        let element = |field| fields.get(&field).map_or(0, |create| u64::from(create.size));
        self.lead.add(request, domain, registry, element);
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
        (self.made_bytes, self.waiting, self.rounds) = (0, 0, Rounds::default());
        self.lead.handed_on();
        let mut window = std::mem::take(&mut self.window);
        window.dead = dead;
        Some(window)
    }

    /// The rounds of a loop at the beginning of a full window; all of it, if it is no loop. `dead`: fields that lost their last handle; those that what is
    /// left names stay in it.
    pub(super) fn take_rounds(&mut self, dead: &mut Vec<FieldId>) -> Option<Window> {
        let length = self.window.operations.len();
        let cut = self.rounds.last_whole().unwrap_or_else(|| whole_rounds(&self.window.fingerprints));
        if cut == length {
            return self.take(std::mem::take(dead));
        }
        let operations = self.window.operations.split_off(cut);
        let fingerprints = self.window.fingerprints.split_off(cut);
        let mut named: Vec<FieldId> = Vec::new();
        operations.iter().for_each(|operation| operation.for_each_field(|field| named.push(field)));
        named.sort_unstable();
        let gone = std::mem::take(dead);
        let (later, now): (Vec<FieldId>, _) = gone.into_iter().partition(|f| named.binary_search(f).is_ok());
        *dead = later;
        let window = self.take(now);
        self.waiting = operations.iter().filter(|operation| !matches!(operation, Operation::Create(_))).count();
        let made = operations.iter().filter_map(|operation| match operation {
            Operation::Create(create) => Some(bytes(create)),
            _ => None,
        });
        self.made_bytes = made.fold(0, u64::saturating_add);
        operations.iter().enumerate().for_each(|(position, operation)| self.see(position, operation));
        self.window = Window { operations, fingerprints, ..Window::default() };
        window
    }
}

/// How many operations make the whole rounds of a window that is periodic; all of them, if it is not.
fn whole_rounds(fingerprints: &[u64]) -> usize {
    let (length, period) = (fingerprints.len(), period(fingerprints));
    if length < 2 * period { length } else { length - length % period }
}

/// The least `p` such that each number equals the one `p` places before it.
fn period(numbers: &[u64]) -> usize {
    // The length of the longest proper prefix of `numbers[..=k]` that is also its suffix: Knuth, Morris and Pratt's table.
    let mut borders: Vec<usize> = vec![0; numbers.len()];
    for k in 1..numbers.len() {
        let mut border = borders[k - 1];
        while border > 0 && numbers[border] != numbers[k] {
            border = borders[border - 1];
        }
        borders[k] = border + usize::from(numbers[border] == numbers[k]);
    }
    (numbers.len() - borders.last().copied().unwrap_or(0)).max(1)
}

fn bytes(create: &Create) -> u64 {
    create.bounds.volume().saturating_mul(u64::from(create.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_of_a_sequence() {
        for (numbers, expected) in [
            (&[1, 2, 3, 1, 2, 3, 1][..], 3),
            (&[1, 1, 1, 1], 1),
            (&[1, 1, 2, 1, 1, 2], 3),
            (&[1, 2, 3, 4], 4),
            (&[9, 1, 2, 1, 2, 1, 2], 7),
            (&[], 1),
        ] {
            assert_eq!(period(numbers), expected, "{numbers:?}");
        }
    }

    /// A fetch of one element: an operation that makes nothing.
    fn fetch(stream: &mut Stream, field: FieldId, at: i64) {
        let coordinate = crate::store::Coordinate { offset: at, terms: Default::default() };
        let access = crate::store::Access { domain_rank: 0, coords: [coordinate].into_iter().collect() };
        let src = crate::store::Store { field, shape: Default::default(), access };
        let (id, provenance) = (stream.number(), Default::default());
        stream.push(Operation::Fetch(crate::operation::Fetch { id, src, provenance }));
    }

    #[test]
    fn full_windows_of_a_loop_are_alike_and_keep_what_is_named_later() {
        let mut stream = Stream::new(1 << 30, Some(7));
        let mut windows = Vec::new();
        let mut dead = Vec::new();
        for _ in 0..9 {
            let field = stream.create(&[3], 8, 8);
            for at in 0..3 {
                fetch(&mut stream, field, at);
                if stream.is_full() {
                    windows.push(stream.take_rounds(&mut dead).unwrap());
                }
            }
            dead.push(field);
        }
        // Seven fetches are two rounds of three, and one that is left.
        assert_eq!(windows.len(), 4);
        for (k, window) in windows.iter().enumerate() {
            assert_eq!(window.operations.len(), 8);
            assert_eq!(window.fingerprints, windows[0].fingerprints);
            assert_eq!(window.dead, [FieldId(2 * k as u64 + 1), FieldId(2 * k as u64 + 2)]);
        }
        assert_eq!(stream.take(dead).unwrap().operations.len(), 4);
    }
}
