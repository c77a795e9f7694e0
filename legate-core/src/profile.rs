//! Spans and counters: what was done when, where and why. Off, a span costs one relaxed load.
//!
//! Nothing is decided from what is measured here.

mod explanation;
mod record;

pub use explanation::{Explained, Explanation, Moved};
pub use record::{AtOnce, GroupRecord, Member, Record};

use crate::error::Provenance;
use crate::id::{OpId, ShardId};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Collects the spans of one runtime.
#[derive(Debug)]
pub struct Profiler {
    on: AtomicBool,
    epoch: Instant,
    spans: Mutex<Vec<Span>>,
    records: Mutex<Vec<Record>>,
}

/// Something that took time.
#[derive(Clone, Debug)]
pub struct Span {
    /// `"stage"`, `"task"`, `"copy"`, `"message"`.
    pub category: &'static str,
    /// A stage's name or a task's label.
    pub name: String,
    /// The user's line.
    pub provenance: Provenance,
    /// Where.
    pub shard: ShardId,
    /// On which thread of the process, counted from 1 in order of first use.
    pub thread: u64,
    /// Nanoseconds since the runtime started.
    pub start_ns: u64,
    /// Nanoseconds since the runtime started.
    pub end_ns: u64,
    /// Bytes touched or moved, if known.
    pub bytes: u64,
    /// Of a task: the first operation of its group.
    pub operation: Option<OpId>,
    /// Of a task: what the cost model says, in nanoseconds.
    pub predicted_ns: f64,
}

/// A span that has begun. Ended by [`Profiler::end`], with a description that only then needs to be made.
#[derive(Debug)]
#[must_use]
pub struct Begun(Option<u64>);

/// What a span was about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// See [`Span::category`].
    pub category: &'static str,
    /// See [`Span::name`].
    pub name: String,
    /// See [`Span::provenance`].
    pub provenance: Provenance,
    /// See [`Span::bytes`].
    pub bytes: u64,
    /// See [`Span::operation`].
    pub operation: Option<OpId>,
    /// See [`Span::predicted_ns`].
    pub predicted_ns: f64,
}

/// A place in what was collected.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    spans: usize,
    records: usize,
    was_on: bool,
}

impl Default for Profiler {
    fn default() -> Profiler {
        Profiler {
            on: AtomicBool::new(false),
            epoch: Instant::now(),
            spans: Mutex::default(),
            records: Mutex::default(),
        }
    }
}

impl Profiler {
    /// Begins to collect, or stops.
    pub fn enable(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }
    /// Whether spans are collected.
    pub fn is_enabled(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }
    /// Starts a span.
    pub fn begin(&self) -> Begun {
        Begun(self.is_enabled().then(|| self.now_ns()))
    }
    /// Ends a span; `about` is asked only if it is collected.
    pub fn end(&self, begun: Begun, shard: ShardId, about: impl FnOnce() -> About) {
        if let Begun(Some(start_ns)) = begun {
            let end_ns = self.now_ns();
            let About { category, name, provenance, bytes, operation, predicted_ns } = about();
            let thread = thread_number();
            self.spans.lock().push(Span {
                category,
                name,
                provenance,
                shard,
                thread,
                start_ns,
                end_ns,
                bytes,
                operation,
                predicted_ns,
            });
        }
    }
    /// Ends the span of a pipeline stage.
    pub(crate) fn end_stage(&self, begun: Begun, shard: ShardId, name: &'static str) {
        self.end(begun, shard, || About { category: "stage", name: name.to_owned(), ..About::default() });
    }
    /// Notes what became of operations; `record` is asked only if that is collected.
    pub fn record(&self, record: impl FnOnce() -> Record) {
        if self.is_enabled() {
            let record = record();
            self.records.lock().push(record);
        }
    }
    /// Begins to collect if need be. What is collected from here on is told by [`Profiler::since`].
    pub fn mark(&self) -> Mark {
        let was_on = self.is_enabled();
        self.enable(true);
        Mark { spans: self.spans.lock().len(), records: self.records.lock().len(), was_on }
    }
    /// What was collected since a mark. If it was the mark that began to collect, that ends and nothing is kept.
    pub fn since(&self, mark: Mark) -> (Vec<Span>, Vec<Record>) {
        self.enable(mark.was_on);
        let (mut spans, mut records) = (self.spans.lock(), self.records.lock());
        if mark.was_on {
            (
                spans.get(mark.spans..).unwrap_or_default().to_vec(),
                records.get(mark.records..).unwrap_or_default().to_vec(),
            )
        } else {
            (std::mem::take(&mut *spans), std::mem::take(&mut *records))
        }
    }
    /// What was collected so far, which is forgotten.
    pub fn take(&self) -> (Vec<Span>, Vec<Record>) {
        (std::mem::take(&mut *self.spans.lock()), std::mem::take(&mut *self.records.lock()))
    }
    fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }
}

/// The trace-event form that Perfetto and chrome://tracing read: one process per shard, one complete event per span, times in microseconds. The
/// first event of each group says what was joined in it, and why not more.
pub fn trace_json(spans: &[Span], records: &[Record]) -> String {
    let mut shards: Vec<ShardId> = spans.iter().map(|span| span.shard).collect();
    shards.sort();
    shards.dedup();
    let names = shards.into_iter().map(|shard| {
        json!({"ph": "M", "name": "process_name", "pid": shard.0, "args": {"name": format!("shard {}", shard.0)}})
    });
    let groups: BTreeMap<OpId, &GroupRecord> = records.iter().filter_map(Record::group).collect();
    let event = |span: &Span| event(span, span.operation.and_then(|operation| groups.get(&operation).copied()));
    let events: Vec<Value> = names.chain(spans.iter().map(event)).collect();
    json!({"displayTimeUnit": "ns", "traceEvents": events}).to_string()
}

impl Record {
    fn group(&self) -> Option<(OpId, &GroupRecord)> {
        match self {
            Record::Group(group) => Some((group.operation, group)),
            _ => None,
        }
    }
}

fn event(span: &Span, group: Option<&GroupRecord>) -> Value {
    let mut args = json!({"line": span.provenance.to_string(), "bytes": span.bytes});
    if span.operation.is_some() {
        args["predicted_us"] = json!(span.predicted_ns / 1e3);
    }
    if let Some(group) = group {
        let members = group.members.iter().map(|member| format!("{} {}", member.name, member.provenance));
        args["fused"] = json!(members.collect::<Vec<_>>());
        let after = group.apart_from.as_ref().map_or_else(String::new, |line| format!(" (after {line})"));
        args["apart"] = json!(format!("{}{after}", group.apart));
        args["unstored_bytes"] = json!(group.unstored_bytes);
    }
    json!({
        "ph": "X",
        "cat": span.category,
        "name": span.name,
        "pid": span.shard.0,
        "tid": span.thread,
        "ts": span.start_ns as f64 / 1e3,
        "dur": (span.end_ns - span.start_ns) as f64 / 1e3,
        "args": args,
    })
}

fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// What a runtime has done so far. All shards of the process together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Operations issued.
    pub operations: u64,
    /// Windows flushed.
    pub windows: u64,
    /// Of them, those that were like an earlier one, whose steps and plans were used again. Counted on shard 0.
    pub replayed: u64,
    /// Groups run: a launch that fused with none is a group of one. Counted on shard 0.
    pub groups: u64,
    /// Launches that fused into groups of more than one. Counted on shard 0.
    pub fused: u64,
    /// Groups that shared their walk over rows with others. Counted on shard 0.
    pub in_rows: u64,
    /// Calls of task bodies, one per chunk.
    pub tasks: u64,
    /// Messages sent between shards.
    pub messages: u64,
    /// Bytes in them.
    pub message_bytes: u64,
    /// Bytes of values that the front end has asked for.
    pub fetched_bytes: u64,
    /// Bytes in live buffers of the pools.
    pub live_bytes: u64,
    /// The most that were ever live.
    pub peak_bytes: u64,
    /// Bytes kept for reuse.
    pub idle_bytes: u64,
    /// Blocks ever taken from the operating system.
    pub fresh_blocks: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) operations: AtomicU64,
    pub(crate) windows: AtomicU64,
    pub(crate) replayed: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) fused: AtomicU64,
    pub(crate) in_rows: AtomicU64,
    pub(crate) tasks: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) message_bytes: AtomicU64,
    pub(crate) fetched_bytes: AtomicU64,
}

/// Adds to a counter that orders nothing.
pub(crate) fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Counters {
    /// Their values; the memory columns are the pools' to fill in.
    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            operations: read(&self.operations),
            windows: read(&self.windows),
            replayed: read(&self.replayed),
            groups: read(&self.groups),
            fused: read(&self.fused),
            in_rows: read(&self.in_rows),
            tasks: read(&self.tasks),
            messages: read(&self.messages),
            message_bytes: read(&self.message_bytes),
            fetched_bytes: read(&self.fetched_bytes),
            ..Stats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(name: &str) -> About {
        let provenance = Provenance { file: "heat \"1\".py".into(), line: 7 };
        let operation = Some(OpId(3));
        About { category: "task", name: name.into(), provenance, bytes: 80, operation, predicted_ns: 2000.0 }
    }

    #[test]
    fn off_collects_nothing_and_asks_nothing() {
        let profiler = Profiler::default();
        let begun = profiler.begin();
        profiler.end(begun, ShardId(0), || unreachable!("nobody looks"));
        profiler.record(|| unreachable!("nobody looks"));
        let (spans, records) = profiler.take();
        assert!(spans.is_empty() && records.is_empty());
    }

    #[test]
    fn a_span_becomes_a_trace_event_with_its_line() {
        let profiler = Profiler::default();
        profiler.enable(true);
        let begun = profiler.begin();
        profiler.end(begun, ShardId(2), || about("add,multiply"));
        profiler.record(|| Record::Group(group()));
        let (spans, records) = profiler.take();
        let trace: Value = serde_json::from_str(&trace_json(&spans, &records)).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        assert_eq!(events[0]["args"]["name"], "shard 2");
        assert_eq!((&events[1]["name"], &events[1]["pid"]), (&json!("add,multiply"), &json!(2)));
        let args = &events[1]["args"];
        assert_eq!(args["line"], "heat \"1\".py:7");
        assert_eq!((&args["fused"], &args["apart"]), (&json!(["add a.py:1"]), &json!("it is the first")));
        assert_eq!(args["predicted_us"], 2.0);
        assert!(events[1]["dur"].as_f64().unwrap() >= 0.0);
        assert!(profiler.take().0.is_empty(), "taken is forgotten");
    }

    fn group() -> GroupRecord {
        let provenance = Provenance { file: "a.py".into(), line: 1 };
        GroupRecord {
            operation: OpId(3),
            members: vec![Member { name: "add".into(), provenance }],
            shape: vec![10],
            own_points: 10,
            unstored: 0,
            unstored_bytes: 0,
            dead: false,
            apart: "it is the first".into(),
            apart_from: None,
        }
    }

    #[test]
    fn a_mark_begins_to_collect_and_ends_it() {
        let profiler = Profiler::default();
        let mark = profiler.mark();
        profiler.record(|| Record::Group(group()));
        assert_eq!(profiler.since(mark).1.len(), 1);
        assert!(!profiler.is_enabled() && profiler.take().1.is_empty(), "as before");

        profiler.enable(true);
        profiler.record(|| Record::Group(group()));
        let mark = profiler.mark();
        profiler.record(|| Record::Group(group()));
        assert_eq!(profiler.since(mark).1.len(), 1);
        assert!(profiler.is_enabled() && profiler.take().1.len() == 2, "nothing is taken from a profile");
    }
}
