//! The protocol over a network of this process's own, which keeps a library's promises and no others: messages of one sender and tag stay in order, all else is by
//! dice.

use super::*;
use crate::exec::HostBuffer;
use legate_comm::Envelope;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::mpsc::channel;

/// Messages on their way: by receiver, sender and tag.
type Ways = BTreeMap<(u32, u32, u32), VecDeque<Vec<u8>>>;

struct FakeLink {
    standing: Standing,
    ways: Arc<Mutex<Ways>>,
    dice: u64,
    next: u64,
    found: BTreeMap<u64, Vec<u8>>,
    /// Requests that are not done, and how often they are still to be asked.
    open: BTreeMap<Request, u32>,
}

impl FakeLink {
    fn network(ranks: u32, seed: u64) -> Vec<FakeLink> {
        let ways = Arc::default();
        let link = |rank| FakeLink {
            standing: Standing { rank, ranks, local_rank: rank, local_ranks: ranks },
            ways: Arc::clone(&ways),
            dice: seed.wrapping_add(u64::from(rank)) | 1,
            next: 0,
            found: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        (0..ranks).map(link).collect()
    }
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }
    fn begin(&mut self) -> Request {
        self.next += 1;
        let patience = self.roll(4) as u32;
        self.open.insert(self.next, patience);
        self.next
    }
}

impl Link for FakeLink {
    fn standing(&self) -> Standing {
        self.standing
    }
    fn send(&mut self, part: Part, to: u32, tag: u32) -> Result<Request, LinkError> {
        if to >= self.standing.ranks {
            return Err(LinkError(format!("there is no rank {to}")));
        }
        let bytes = part.buffer.as_slice()[part.range].to_vec();
        self.ways.lock().entry((to, self.standing.rank, tag)).or_default().push_back(bytes);
        Ok(self.begin())
    }
    fn probe(&mut self) -> Result<Option<Envelope>, LinkError> {
        let me = self.standing.rank;
        let ways = self.ways.clone();
        let mut ways = ways.lock();
        let here: Vec<_> =
            ways.iter().filter(|((to, ..), way)| *to == me && !way.is_empty()).map(|(k, _)| *k).collect();
        if here.is_empty() || self.roll(3) == 0 {
            return Ok(None);
        }
        // As with MPI, a sender's messages are found in the order of their sending where it matters: a body not before its frame.
        let from = here[self.roll(here.len() as u64) as usize].1;
        let key = *here.iter().find(|(_, sender, _)| *sender == from).expect("it has sent something");
        let bytes = ways.get_mut(&key).and_then(VecDeque::pop_front).expect("it is not empty");
        self.next += 1;
        let envelope = Envelope { present: 1, from, tag: key.2, message: self.next, len: bytes.len() as u64 };
        self.found.insert(self.next, bytes);
        Ok(Some(envelope))
    }
    fn receive(&mut self, envelope: &Envelope, into: Part) -> Result<Request, LinkError> {
        let bytes = self.found.remove(&envelope.message).expect("it was found");
        assert_eq!((bytes.len(), envelope.len), (into.range.len(), bytes.len() as u64));
        // SAFETY: the range lies in the buffer, and nobody else touches it until the request is done, by the contract of `Part`.
        unsafe { into.buffer.as_ptr().add(into.range.start).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(self.begin())
    }
    fn test(&mut self, request: Request) -> Result<bool, LinkError> {
        let left = self.open.get_mut(&request).expect("it is open");
        if *left == 0 {
            self.open.remove(&request);
            return Ok(true);
        }
        *left -= 1;
        Ok(false)
    }
    fn leave(&mut self) -> Result<(), LinkError> {
        assert!(self.open.is_empty(), "nothing is on its way when a rank leaves");
        Ok(())
    }
    fn abort(&self, _code: i32) {}
}

fn remotes(ranks: u32, seed: u64, longest: usize) -> Vec<Remote> {
    FakeLink::network(ranks, seed)
        .into_iter()
        .map(|link| Remote::new(Box::new(link), Options { longest: Some(longest), ..Options::default() }))
        .collect()
}

fn contents(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|k| (k * 31 + salt * 7 + 1) as u8).collect()
}

fn failure(message: &str) -> TaskFailure {
    TaskFailure::new("add", &Provenance { file: "a.py".into(), line: 7 }, FailureKind::Panic, message)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_message_comes_once_with_its_bytes(
        seed in any::<u64>(),
        ranks in 2u32..5,
        messages in prop::collection::vec((any::<u32>(), any::<u32>(), prop_oneof![0usize..50, 3000usize..30_000], any::<bool>()), 1..40),
    ) {
        let ends = remotes(ranks, seed, 5000);
        let (tell, told) = channel();
        let (mut next, mut bytes) = (BTreeMap::new(), BTreeMap::new());
        for (k, (from, to, len, fails)) in messages.iter().enumerate() {
            let (from, to) = (from % ranks, to % ranks);
            if from == to {
                continue;
            }
            let sequence = next.entry((from, to)).or_insert(0u64);
            let payload = if *fails && *len < 100 { Err(failure("lost")) } else { Ok(Arc::new(HostBuffer::from_slice(&contents(*len, k)))) };
            *bytes.entry((from, to)).or_insert(0) += payload.as_ref().map_or(0, |buffer| buffer.len() as u64);
            let (expected, tell) = (payload.clone(), tell.clone());
            let same = move |got: Payload| match (got, expected) {
                (Ok(got), Ok(expected)) => got.as_slice() == expected.as_slice(),
                (got, expected) => got.err() == expected.err().map(|failure| failure.on(from)),
            };
            let deliver: Deliver = Box::new(move |got| tell.send(same(got)).expect("somebody listens"));
            // Half of the messages are asked for before they are sent.
            if k % 2 == 0 {
                ends[to as usize].receive(ShardId(from), *sequence, deliver);
                ends[from as usize].send(ShardId(to), *sequence, payload);
            } else {
                ends[from as usize].send(ShardId(to), *sequence, payload);
                ends[to as usize].receive(ShardId(from), *sequence, deliver);
            }
            *sequence += 1;
        }
        drop(tell);
        let count: u64 = next.values().sum();
        for _ in 0..count {
            prop_assert!(told.recv_timeout(Duration::from_secs(20)).expect("each message comes"));
        }
        prop_assert!(told.try_recv().is_err(), "none comes twice");
        for end in &ends {
            prop_assert_eq!(end.leave(), Ok(()));
            for (to, sent) in end.traffic() {
                let way = (end.standing().rank, to.0);
                prop_assert_eq!((sent.values.messages, sent.values.bytes), (next[&way], bytes[&way]));
                prop_assert_eq!(sent.control.messages, 0);
                prop_assert!(sent.link.bytes > sent.values.bytes, "heads have bytes too");
            }
        }
    }
}

#[test]
fn what_a_rank_announces_answers_all_who_wait_now_or_later() {
    let ends = remotes(3, 5, 1000);
    let (tell, told) = channel();
    let wait = |end: &Remote, sequence| {
        let tell = tell.clone();
        end.receive(ShardId(1), sequence, Box::new(move |got| tell.send(got.err()).expect("somebody listens")));
    };
    wait(&ends[0], 0);
    wait(&ends[2], 0);
    ends[1].announce(&failure("it was killed"));
    let next = || told.recv_timeout(Duration::from_secs(20)).expect("an answer comes");
    assert_eq!([next(), next()], [Some(failure("it was killed")), Some(failure("it was killed"))]);
    wait(&ends[0], 1);
    assert_eq!(next(), Some(failure("it was killed")));
    assert_eq!(ends[0].failure(), Some(failure("it was killed")));
}

#[test]
fn what_the_library_cannot_do_reaches_those_who_wait() {
    let ends = remotes(2, 5, 1000);
    let (tell, told) = channel();
    ends[0].receive(ShardId(1), 0, Box::new(move |got| tell.send(got.err()).expect("somebody listens")));
    ends[0].send(ShardId(9), 0, Ok(Arc::new(HostBuffer::zeroed(1))));
    let told = told.recv_timeout(Duration::from_secs(20)).expect("an answer comes").expect("a failure");
    assert_eq!(told.0.kind, FailureKind::Transport);
    assert!(told.0.message.contains("there is no rank 9"), "{told}");
}

#[test]
fn who_waits_long_is_heard() {
    let (tell, told) = channel();
    let mut links = FakeLink::network(3, 1).into_iter();
    let patience = Duration::from_millis(20);
    let tell = move |words: &str| {
        // The test may have ended.
        let _ = tell.send(words.to_owned());
    };
    let link = Box::new(links.next().expect("there are three"));
    let end = Remote::new(link, Options { patience, tell: Box::new(tell), ..Options::default() });
    // Nobody stands still for this one.
    end.receive(ShardId(1), Channel::Witness.number(4), Box::new(|_| {}));
    end.receive(ShardId(2), 7, Box::new(|_| {}));
    end.receive(ShardId(2), Channel::Meeting.number(0), Box::new(|_| {}));
    let words = told.recv_timeout(Duration::from_secs(20)).expect("it is told");
    assert!(words.starts_with("rank 0 of 3 has waited "), "{words}");
    assert!(words.ends_with("s for rank 2 (its values, it to come to a fence)"), "{words}");
}

#[test]
fn a_rank_asks_the_others_to_end() {
    let ends = remotes(3, 1, 5000);
    ends[1].call_off(7);
    let asked = |k: usize| {
        (0..2000).any(|_| {
            ends[k].called_off().is_some() || {
                std::thread::sleep(Duration::from_millis(1));
                false
            }
        })
    };
    assert!(asked(0) && asked(2));
    assert_eq!([0, 1, 2].map(|k| ends[k].called_off()), [Some(7), None, Some(7)]);
}
