//! Both executors on random graphs, with panics, failures and arrivals from other threads.

use super::*;
use crate::error::Provenance;
use crate::exec::workers::Workers;
use crate::profile::About;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Node `me` of a random graph: notes when it ran, in a clock that counts.
struct Step {
    me: usize,
    chunks: usize,
    fate: Fate,
    cost_ns: f64,
    log: Arc<Log>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Well,
    Fails,
    Panics,
}

#[derive(Default)]
struct Log {
    clock: AtomicU64,
    /// Per node: first start, last end, chunks run, times poisoned.
    nodes: Vec<[AtomicU64; 4]>,
}

impl Log {
    fn new(nodes: usize) -> Arc<Log> {
        Arc::new(Log { clock: AtomicU64::new(1), nodes: (0..nodes).map(|_| Default::default()).collect() })
    }
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
    fn get(&self, node: usize, column: usize) -> u64 {
        self.nodes[node][column].load(Ordering::SeqCst)
    }
}

impl Work for Step {
    fn chunks(&self) -> usize {
        self.chunks
    }
    fn run(&self, chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        let row = &self.log.nodes[self.me];
        let now = self.log.tick();
        let _ = row[0].compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
        row[2].fetch_add(1, Ordering::SeqCst);
        match self.fate {
            Fate::Fails if chunk == 0 => Err(TaskFailure::new("step", &line(self.me), FailureKind::Error, "no")),
            Fate::Panics if chunk + 1 == self.chunks => std::panic::panic_any(format!("node {}", self.me)),
            _ => Ok(()),
        }
    }
    fn finish(&self) -> Result<(), TaskFailure> {
        self.log.nodes[self.me][1].store(self.log.tick(), Ordering::SeqCst);
        Ok(())
    }
    fn poisoned(&self, _failure: &TaskFailure) {
        self.log.nodes[self.me][3].fetch_add(1, Ordering::SeqCst);
    }
    fn about(&self) -> About {
        About { category: "task", name: "step".into(), provenance: line(self.me), ..About::default() }
    }
    fn cost_ns(&self) -> f64 {
        self.cost_ns
    }
}

fn line(n: usize) -> Provenance {
    Provenance { file: "graph".into(), line: n as u32 + 1 }
}

/// Three workers beside the test's thread, and an executor on them. The workers are to outlive it.
fn executor(kind: ExecutorKind) -> (Workers, Executor) {
    let workers = Workers::start(Crew::new(3, 0)).unwrap();
    let executor = Executor::new(ShardId(0), kind, workers.crew(), &Arc::default());
    (workers, executor)
}

#[derive(Clone, Debug)]
struct Plan {
    chunks: usize,
    fate: Fate,
    large: bool,
    receives: bool,
    /// How far back, and whether true.
    after: Vec<(usize, bool)>,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let fate = prop_oneof![12 => Just(Fate::Well), 1 => Just(Fate::Fails), 1 => Just(Fate::Panics)];
    let after = prop::collection::vec((1usize..6, any::<bool>()), 0..4);
    let plan = (1usize..5, fate, any::<bool>(), prop::bool::weighted(0.2), after)
        .prop_map(|(chunks, fate, large, receives, after)| Plan { chunks, fate, large, receives, after });
    prop::collection::vec(plan, 1..40)
}

/// Submits all; messages come from another thread, in reverse order.
fn run(kind: ExecutorKind, plans: &[Plan]) -> (Arc<Log>, Vec<Outcome>) {
    let ((_workers, executor), log) = (executor(kind), Log::new(plans.len()));
    let mut nodes: Vec<Arc<Node>> = Vec::new();
    let (post, postbox) = std::sync::mpsc::channel::<Arrival>();
    let reversed = kind == ExecutorKind::Parallel;
    let postman = std::thread::spawn(move || {
        if reversed {
            let mut mail: Vec<Arrival> = postbox.iter().collect();
            mail.drain(..).rev().for_each(Arrival::arrived);
        } else {
            postbox.iter().for_each(Arrival::arrived);
        }
    });
    for (me, plan) in plans.iter().enumerate() {
        let cost_ns = if plan.large { 1e6 } else { 10.0 };
        let step = Step { me, chunks: plan.chunks, fate: plan.fate, cost_ns, log: log.clone() };
        let after = plan.after.iter().filter(|(back, _)| *back <= me);
        let after: Vec<_> = after
            .into_iter()
            .map(|(back, is_true)| (nodes[me - back].clone(), if *is_true { Edge::True } else { Edge::Anti }))
            .collect();
        if plan.receives {
            let (node, arrival) = executor.submit_receiver(Box::new(step), &after, None);
            post.send(arrival).unwrap();
            executor.release(&node);
            nodes.push(node);
        } else {
            nodes.push(executor.submit(Box::new(step), &after, None));
        }
    }
    drop(post);
    assert!(executor.wait_idle(&|| false));
    postman.join().unwrap();
    (log, nodes.iter().map(|node| node.outcome().expect("all have ended")).collect())
}

/// Which nodes fail, by definition: their own fate, or a true predecessor's. The report is the earliest line's.
fn expected(plans: &[Plan]) -> Vec<Option<u32>> {
    let mut failures: Vec<Option<u32>> = Vec::new();
    for (me, plan) in plans.iter().enumerate() {
        let before = plan.after.iter().filter(|(back, is_true)| *is_true && *back <= me);
        let inherited = before.filter_map(|(back, _)| failures[me - back]).min();
        failures.push(inherited.or((plan.fate != Fate::Well).then_some(me as u32 + 1)));
    }
    failures
}

fn check(kind: ExecutorKind, plans: &[Plan]) {
    let (log, outcomes) = run(kind, plans);
    let expected = expected(plans);
    for (me, plan) in plans.iter().enumerate() {
        let line = outcomes[me].as_ref().err().map(|failure| failure.0.provenance.line);
        assert_eq!(line, expected[me], "node {me}");
        assert_eq!(log.get(me, 3), u64::from(expected[me].is_some()), "node {me} is poisoned once or never");
        if expected[me].is_none() {
            assert_eq!(log.get(me, 2), plan.chunks as u64, "node {me} runs each chunk once");
        }
        for (back, _) in plan.after.iter().filter(|(back, _)| *back <= me) {
            let other = me - back;
            assert!(log.get(me, 0) == 0 || log.get(other, 1) < log.get(me, 0), "{me} starts after {other} ends");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn order_poison_and_chunks_hold_on_random_graphs(plans in plans()) {
        quietly(|| {
            check(ExecutorKind::Serial, &plans);
            check(ExecutorKind::Parallel, &plans);
        });
    }
}

/// The panics of these tests are wanted; their messages are not.
fn quietly(call: impl FnOnce()) {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload().downcast_ref::<String>().is_some_and(|text| text.starts_with("node ")) {
                usual(panic);
            }
        }));
    });
    call();
}

#[test]
fn a_panic_is_reported_with_its_line_and_message() {
    quietly(|| {
        let plan = Plan { chunks: 1, fate: Fate::Panics, large: true, receives: false, after: vec![] };
        let (_, outcomes) = run(ExecutorKind::Parallel, &[plan]);
        let report = outcomes[0].clone().unwrap_err();
        assert_eq!((report.0.kind, report.0.message.as_str()), (FailureKind::Panic, "node 0"));
        assert_eq!(report.0.provenance, line(0));
    });
}

#[test]
fn a_wait_can_be_given_up() {
    let (_workers, executor) = executor(ExecutorKind::Parallel);
    let log = Log::new(1);
    let step = Step { me: 0, chunks: 1, fate: Fate::Well, cost_ns: 1.0, log };
    let (node, arrival) = executor.submit_receiver(Box::new(step), &[], None);
    executor.release(&node);
    assert!(!executor.wait_idle(&|| true));
    assert!(!executor.is_idle());
    arrival.arrived();
    assert!(executor.wait_idle(&|| false) && node.is_done());
}
