//! Ranks that each run the program, among each other: whether they still run the same one, and where they meet.
//!
//! With each window goes a message of some 30 bytes to both neighbours, which compare it with what they have seen themselves when they have come as far; nobody waits. If any
//! two ranks differ, then some neighbours do. These send each other their recent past, name the first differing operation with both lines, and tell all.

use super::notes::Notes;
use super::shard::Window;
use crate::error::{FailureKind, Provenance, Result, TaskFailure};
use crate::exec::HostBuffer;
use crate::id::ShardId;
use crate::operation::hash::{Entry, StreamHash, first_difference};
use crate::transport::meeting::{Meeting, Said};
use crate::transport::{Channel, Payload, Transport};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// This rank, among the others.
pub(super) struct Joined {
    transport: Arc<dyn Transport>,
    witness: Arc<Witness>,
    meetings: AtomicU64,
    notes: Option<Arc<dyn Notes>>,
}

impl Joined {
    pub(super) fn new(transport: Arc<dyn Transport>, notes: Option<Arc<dyn Notes>>) -> Joined {
        let (me, ranks) = (transport.rank().0, transport.shards());
        let mut neighbours = vec![ShardId((me + 1) % ranks), ShardId((me + ranks - 1) % ranks)];
        neighbours.dedup();
        neighbours.retain(|rank| rank.0 != me);
        Joined::with_neighbours(transport, neighbours, notes)
    }

    /// Of ranks that do not each run the program, so that there is nothing to compare.
    pub(super) fn without_witness(transport: Arc<dyn Transport>, notes: Option<Arc<dyn Notes>>) -> Joined {
        Joined::with_neighbours(transport, Vec::new(), notes)
    }

    fn with_neighbours(
        transport: Arc<dyn Transport>,
        neighbours: Vec<ShardId>,
        notes: Option<Arc<dyn Notes>>,
    ) -> Joined {
        let witness = Witness { transport: transport.clone(), neighbours, state: Mutex::default() };
        Joined { transport, witness: Arc::new(witness), meetings: AtomicU64::new(0), notes }
    }

    pub(super) fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// The window is handed on.
    pub(super) fn saw(&self, window: &Window) {
        Witness::saw(&self.witness, window);
    }

    /// Comes where all ranks meet, and brings what this one has to say. Who does not wait there keeps nobody.
    pub(super) fn come(&self) -> Arc<Meeting<Said>> {
        let said = self.notes.iter().map(|notes| (self.transport.rank().0, notes.bring()));
        let said: Said = said.filter(|(_, said)| !said.is_empty()).collect();
        let meeting = self.meetings.fetch_add(1, Ordering::Relaxed);
        Meeting::begin(self.transport.clone(), Channel::Meeting, meeting, said)
    }

    /// Waits for the others at a meeting, and hears what they say.
    pub(super) fn meet(&self, meeting: &Meeting<Said>, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let said: Vec<Vec<u8>> = meeting.wait(interrupted)?.into_values().collect();
        if let (Some(notes), false) = (&self.notes, said.is_empty()) {
            notes.hear(&said);
        }
        Ok(())
    }
}

struct Witness {
    transport: Arc<dyn Transport>,
    neighbours: Vec<ShardId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stream: StreamHash,
    windows: u64,
    /// Of each window whose comparisons are not all made: the stream's length and hash at its end, and how many are left.
    open: BTreeMap<u64, (Digest, usize)>,
    parted: bool,
}

/// Operations so far, and their hash.
type Digest = (u64, u128);

impl Witness {
    fn saw(self: &Arc<Witness>, window: &Window) {
        // A window of deaths only is this rank's own: garbage is collected when it is.
        if self.neighbours.is_empty() || window.operations.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        window.operations.iter().for_each(|operation| state.stream.push(operation));
        let (digest, number) = (state.stream.digest(), state.windows);
        state.windows += 1;
        state.open.insert(number, (digest, self.neighbours.len()));
        drop(state);
        for peer in self.neighbours.iter().copied() {
            let channel = Channel::Witness.number(number);
            self.transport.send(peer, channel, Ok(encode(&digest)));
            let witness = self.clone();
            let compare = move |payload: Payload| {
                // A lost peer is told of elsewhere. One that cannot be understood does not run this program.
                if let Ok(bytes) = payload {
                    witness.compare(peer, number, postcard::from_bytes(bytes.as_slice()).unwrap_or_default());
                }
            };
            self.transport.receive(peer, channel, Box::new(compare));
        }
    }

    fn compare(self: &Arc<Witness>, peer: ShardId, number: u64, theirs: Digest) {
        let mut state = self.state.lock();
        let Some((ours, left)) = state.open.get_mut(&number) else { return };
        let agrees = *ours == theirs;
        *left -= 1;
        if *left == 0 {
            state.open.remove(&number);
        }
        if agrees || std::mem::replace(&mut state.parted, true) {
            return;
        }
        let past: Vec<Entry> = state.stream.recent().cloned().collect();
        drop(state);
        let channel = Channel::Past.number(0);
        self.transport.send(peer, channel, Ok(encode(&past)));
        let witness = self.clone();
        let name = move |payload: Payload| {
            // Without an answer the run is over already.
            if let Ok(bytes) = payload {
                let theirs: Vec<Entry> = postcard::from_bytes(bytes.as_slice()).unwrap_or_default();
                let me = witness.transport.rank();
                witness.transport.announce(&divergence((me, &past), (peer, &theirs)));
            }
        };
        self.transport.receive(peer, channel, Box::new(name));
    }
}

fn encode<T: serde::Serialize>(value: &T) -> Arc<HostBuffer> {
    Arc::new(HostBuffer::from_slice(&postcard::to_allocvec(value).expect("numbers and text can be encoded")))
}

/// How two ranks' streams part, by what both remember of them; the lower rank is named first, so that both say the same.
pub(super) fn divergence(one: (ShardId, &[Entry]), other: (ShardId, &[Entry])) -> TaskFailure {
    let ((first, ours), (second, theirs)) = if one.0 < other.0 { (one, other) } else { (other, one) };
    let both = format!("ranks {first} and {second} run different programs");
    let (place, own, other) = match first_difference(ours, theirs) {
        Some((own, other)) => (own.position, line_from(ours, own.position), line_from(theirs, other.position)),
        None => {
            let end = |past: &[Entry]| past.last().map_or(0, |entry| entry.position + 1);
            let place = end(ours).min(end(theirs));
            (place, line_from(ours, place), line_from(theirs, place))
        }
    };
    let message = match (&own, &other) {
        (Some(own), Some(other)) => format!("{both}: operation {place} was issued at {own} and at {other}"),
        (Some(line), None) | (None, Some(line)) => format!("{both}: only one has issued operation {place}, at {line}"),
        (None, None) => format!("{both}, and have for longer than is remembered"),
    };
    let line = own.or(other).unwrap_or_default();
    TaskFailure::new("replication", &line, FailureKind::Divergence, message)
}

/// The line that issued an operation; that of the next one which a line has issued, if the runtime put it in (the making of a field).
fn line_from(past: &[Entry], position: u64) -> Option<Provenance> {
    past.iter()
        .filter(|entry| entry.position >= position)
        .map(|entry| &entry.provenance)
        .find(|line| **line != Provenance::default())
        .cloned()
}
