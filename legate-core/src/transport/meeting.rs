//! All ranks come together: to wait for each other, to agree on numbers, or to tell each other what they have to say.
//!
//! Each rank hears of all others in log₂ n rounds (the dissemination barrier; Hensgen, Finkel and Manber 1988). What it hears of twice does no harm to a minimum, nor to a list of who has said what.
//! Whoever brings a message takes the next step: a rank that has come, and was called away from its wait, keeps nobody.

use super::{Channel, Payload, Transport};
use crate::error::{Error, FailureKind, Provenance, Result, TaskFailure};
use crate::exec::HostBuffer;
use crate::id::ShardId;
use parking_lot::{Condvar, Mutex};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What ranks bring to a meeting. To join with what was joined before changes nothing.
pub(crate) trait Brought: Serialize + DeserializeOwned + Send + 'static {
    /// What this and the other are together.
    fn join(&mut self, other: Self);
}

/// The least of each number; all ranks bring equally many.
#[derive(Serialize, Deserialize)]
struct Least(Vec<u64>);

impl Brought for Least {
    fn join(&mut self, other: Least) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own = (*own).min(other));
    }
}

/// What each rank says; who has nothing to say is left out.
pub(crate) type Said = BTreeMap<u32, Vec<u8>>;

impl Brought for Said {
    fn join(&mut self, other: Said) {
        self.extend(other);
    }
}

/// A meeting that this rank has come to.
pub(crate) struct Meeting<T> {
    transport: Arc<dyn Transport>,
    channel: Channel,
    /// All ranks use it once.
    number: u64,
    together: Heard<T>,
}

impl<T: Brought> Meeting<T> {
    /// Comes to a meeting, and brings something.
    pub(crate) fn begin(transport: Arc<dyn Transport>, channel: Channel, number: u64, brought: T) -> Arc<Meeting<T>> {
        let meeting = Arc::new(Meeting { transport, channel, number, together: Heard::default() });
        meeting.step(0, brought);
        meeting
    }

    /// The round in which what 2^`round` ranks have brought is told to as many more.
    fn step(self: &Arc<Meeting<T>>, round: u32, mut brought: T) {
        let (me, ranks) = (u64::from(self.transport.rank().0), u64::from(self.transport.shards()));
        if 1 << round >= ranks {
            self.together.hear(Ok(brought));
            return;
        }
        let number = self.channel.number(self.number * u64::from(u64::BITS) + u64::from(round));
        let (to, from) = ((me + (1 << round)) % ranks, (me + ranks - (1 << round)) % ranks);
        let bytes = postcard::to_allocvec(&brought).expect("numbers and bytes can be encoded");
        self.transport.send(ShardId(to as u32), number, Ok(Arc::new(HostBuffer::from_slice(&bytes))));
        let meeting = self.clone();
        let go_on = move |payload: Payload| match payload {
            Ok(theirs) => match postcard::from_bytes(theirs.as_slice()) {
                Ok(theirs) => {
                    brought.join(theirs);
                    meeting.step(round + 1, brought);
                }
                Err(error) => meeting.together.hear(Err(garbled(ShardId(from as u32), &error))),
            },
            Err(failure) => meeting.together.hear(Err(failure)),
        };
        self.transport.receive(ShardId(from as u32), number, Box::new(go_on));
    }

    /// What the ranks have brought, together, once all are here.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Task`] if the run is over.
    pub(crate) fn wait(&self, interrupted: &dyn Fn() -> bool) -> Result<T> {
        self.together.wait(&*self.transport, interrupted)
    }
}

/// A rank runs another version of this library.
fn garbled(from: ShardId, error: &postcard::Error) -> TaskFailure {
    let message = format!("what rank {from} brought cannot be understood: {error}");
    TaskFailure::new("meeting", &Provenance::default(), FailureKind::Transport, message)
}

/// The least of what the ranks bring, before they have a runtime. `meeting`: a number that all ranks use once, counted apart from the runtime's own; all bring equally many numbers.
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::Task`] if the run is over.
pub fn least(
    transport: Arc<dyn Transport>,
    meeting: u64,
    brought: &[u64],
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<u64>> {
    let least = Meeting::begin(transport, Channel::Agreement, meeting, Least(brought.to_vec())).wait(interrupted)?;
    Ok(least.0)
}

/// Waits for a message.
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::Task`] if the run is over.
pub(crate) fn hear(
    transport: &dyn Transport,
    from: ShardId,
    number: u64,
    interrupted: &dyn Fn() -> bool,
) -> Result<Arc<HostBuffer>> {
    let heard = Arc::new(Heard::default());
    let ear = heard.clone();
    transport.receive(from, number, Box::new(move |payload| ear.hear(payload)));
    heard.wait(transport, interrupted)
}

/// Looks for an answer before one sleeps.
const PATIENCE: usize = 200;
/// How often a sleeper asks about interrupts, and whether the run is over.
const POLL: Duration = Duration::from_millis(50);

/// An answer that one waits for.
struct Heard<T> {
    answer: Mutex<Option<Result<T, TaskFailure>>>,
    came: Condvar,
}

impl<T> Default for Heard<T> {
    fn default() -> Heard<T> {
        Heard { answer: Mutex::new(None), came: Condvar::new() }
    }
}

impl<T> Heard<T> {
    fn hear(&self, answer: Result<T, TaskFailure>) {
        *self.answer.lock() = Some(answer);
        self.came.notify_all();
    }

    fn wait(&self, transport: &dyn Transport, interrupted: &dyn Fn() -> bool) -> Result<T> {
        loop {
            // A while with one's own hands, for a sleeping thread takes long to wake.
            for _ in 0..PATIENCE {
                if self.answer.lock().is_some() {
                    break;
                }
                if !transport.progress() {
                    std::thread::yield_now();
                }
            }
            let mut answer = self.answer.lock();
            if answer.is_none() {
                self.came.wait_for(&mut answer, POLL);
            }
            if let Some(answer) = answer.take() {
                return answer.map_err(Error::Task);
            }
            drop(answer);
            if let Some(failure) = transport.failure() {
                return Err(Error::Task(failure));
            }
            if interrupted() {
                return Err(Error::Interrupted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::SimNetwork;

    #[test]
    fn all_ranks_learn_the_least_of_each_number() {
        for ranks in 1..9u32 {
            let network = SimNetwork::new(ranks, 3);
            let bring = |rank: u32| [u64::from(rank * 5 % ranks), u64::from(ranks - rank), 7];
            let learn = |rank: u32| {
                let transport = Arc::new(network.transport(ShardId(rank)));
                least(transport, 0, &bring(rank), &|| false).expect("nobody is lost")
            };
            let learned: Vec<Vec<u64>> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..ranks).map(|rank| scope.spawn(move || learn(rank))).collect();
                all.into_iter().map(|one| one.join().expect("no rank panics")).collect()
            });
            assert!(learned.iter().all(|numbers| *numbers == [0, 1, 7]), "{ranks}: {learned:?}");
        }
    }

    #[test]
    fn all_ranks_learn_what_each_has_said() {
        for ranks in 1..9u32 {
            let network = SimNetwork::new(ranks, 7);
            let all: Said = (0..ranks).filter(|rank| rank % 3 != 1).map(|rank| (rank, vec![rank as u8; 3])).collect();
            let hear = |rank: u32| {
                let own = all.get(&rank).map(|said| (rank, said.clone()));
                let transport = Arc::new(network.transport(ShardId(rank)));
                let meeting = Meeting::begin(transport, Channel::Meeting, 0, own.into_iter().collect::<Said>());
                meeting.wait(&|| false).expect("nobody is lost")
            };
            std::thread::scope(|scope| {
                let heard: Vec<_> = (0..ranks).map(|rank| scope.spawn(move || hear(rank))).collect();
                heard.into_iter().for_each(|one| assert_eq!(one.join().expect("no rank panics"), all));
            });
        }
    }

    #[test]
    fn a_rank_that_is_called_away_keeps_nobody() {
        let network = SimNetwork::new(4, 5);
        let come = |rank: u32, interrupted: &dyn Fn() -> bool| {
            least(Arc::new(network.transport(ShardId(rank))), 0, &[u64::from(rank)], interrupted)
        };
        assert!(matches!(come(0, &|| true), Err(Error::Interrupted)));
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..4).map(|rank| scope.spawn(move || come(rank, &|| false))).collect();
            let learned =
                others.into_iter().map(|other| other.join().expect("no rank panics").expect("nobody is lost"));
            assert!(learned.into_iter().all(|least| least == [0]));
        });
    }
}
