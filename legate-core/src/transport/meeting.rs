//! All ranks come together: to wait for each other, or to agree on numbers.
//!
//! Each rank hears of all others in log₂ n rounds (the dissemination barrier; Hensgen, Finkel and Manber 1988). What it hears of twice does no harm to a minimum.

use super::{Channel, Payload, Transport};
use crate::error::{Error, Result};
use crate::exec::HostBuffer;
use crate::id::ShardId;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// The least of what the ranks bring, number by number, once all are here. `meeting`: a number that all ranks use once; all bring equally many numbers.
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::Task`] if the run is over.
pub(crate) fn agree(
    transport: &dyn Transport,
    channel: Channel,
    meeting: u64,
    brought: &[u64],
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<u64>> {
    let (me, ranks) = (u64::from(transport.rank().0), u64::from(transport.shards()));
    let mut least = brought.to_vec();
    for round in (0..u64::BITS).take_while(|round| 1 << round < ranks) {
        let number = channel.number(meeting * u64::from(u64::BITS) + u64::from(round));
        let (to, from) = ((me + (1 << round)) % ranks, (me + ranks - (1 << round)) % ranks);
        let bytes: Vec<u8> = least.iter().flat_map(|number| number.to_le_bytes()).collect();
        transport.send(ShardId(to as u32), number, Ok(Arc::new(HostBuffer::from_slice(&bytes))));
        let theirs = hear(transport, ShardId(from as u32), number, interrupted)?;
        for (own, other) in least.iter_mut().zip(theirs.as_slice().chunks_exact(8)) {
            *own = (*own).min(u64::from_le_bytes(other.try_into().expect("eight bytes")));
        }
    }
    Ok(least)
}

/// The least of what the ranks bring, before they have a runtime. `meeting` as in [`agree`], counted apart from the runtime's own.
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::Task`] if the run is over.
pub fn least(
    transport: &dyn Transport,
    meeting: u64,
    brought: &[u64],
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<u64>> {
    agree(transport, Channel::Agreement, meeting, brought, interrupted)
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
#[derive(Default)]
struct Heard {
    answer: Mutex<Option<Payload>>,
    came: Condvar,
}

impl Heard {
    fn hear(&self, payload: Payload) {
        *self.answer.lock() = Some(payload);
        self.came.notify_all();
    }

    fn wait(&self, transport: &dyn Transport, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
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
            if let Some(payload) = answer.take() {
                return payload.map_err(Error::Task);
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
                let transport = network.transport(ShardId(rank));
                least(&transport, 0, &bring(rank), &|| false).expect("nobody is lost")
            };
            let learned: Vec<Vec<u64>> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..ranks).map(|rank| scope.spawn(move || learn(rank))).collect();
                all.into_iter().map(|one| one.join().expect("no rank panics")).collect()
            });
            assert!(learned.iter().all(|numbers| *numbers == [0, 1, 7]), "{ranks}: {learned:?}");
        }
    }
}
