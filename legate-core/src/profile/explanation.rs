//! Records and spans of one stretch of a program, put together group by group.

use super::{AtOnce, GroupRecord, Record, Span};
use crate::error::Provenance;
use crate::id::OpId;
use std::collections::{BTreeMap, BTreeSet};

/// What ran, in program order.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// How many operations each window had, what ended it, and the line that did.
    pub windows: Vec<(usize, &'static str, Option<Provenance>)>,
    /// Groups with their times.
    pub groups: Vec<Explained>,
    /// Calls that were computed where they were made.
    pub at_once: Vec<AtOnce>,
    /// Copies within a shard.
    pub copies: Moved,
}

/// A group and how it ran, all shards together.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What it was.
    pub group: GroupRecord,
    /// The group, counted from 0, in whose walk over rows it ran: the figures are told there, for all of them. A group that leads a walk names itself.
    pub walk: Option<usize>,
    /// Into how many chunks it was cut.
    pub chunks: u64,
    /// On how many threads they ran.
    pub threads: usize,
    /// Bytes of memory that it read or wrote, each operand once.
    pub bytes: u64,
    /// Nanoseconds by the cost model, on as many cores as it could use.
    pub predicted_ns: f64,
    /// Nanoseconds from the start of the first chunk to the end of the last.
    pub measured_ns: u64,
    /// Nanoseconds of all chunks together.
    pub busy_ns: u64,
}

/// Movements of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many.
    pub count: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Nanoseconds that they took.
    pub ns: u64,
}

impl Moved {
    fn add(&mut self, span: &Span) {
        self.count += 1;
        self.bytes += span.bytes;
        self.ns += span.end_ns - span.start_ns;
    }
}

/// The chunks of one group.
#[derive(Default)]
struct Chunks {
    count: u64,
    threads: BTreeSet<u64>,
    bytes: u64,
    predicted_ns: f64,
    busy_ns: u64,
    start_ns: u64,
    end_ns: u64,
}

impl Chunks {
    fn add(&mut self, span: &Span) {
        self.start_ns = if self.count == 0 { span.start_ns } else { self.start_ns.min(span.start_ns) };
        self.end_ns = self.end_ns.max(span.end_ns);
        self.count += 1;
        self.threads.insert(span.thread);
        self.bytes += span.bytes;
        self.predicted_ns += span.predicted_ns;
        self.busy_ns += span.end_ns - span.start_ns;
    }
}

impl Explanation {
    /// Puts together what was collected. `cores`: how many can work on one group.
    pub fn new(records: &[Record], spans: &[Span], cores: u64) -> Explanation {
        let mut all = Explanation::default();
        let mut chunks: BTreeMap<OpId, Chunks> = BTreeMap::new();
        for span in spans {
            match (span.category, span.operation) {
                ("task", Some(operation)) => chunks.entry(operation).or_default().add(span),
                ("copy", _) if span.bytes > 0 => all.copies.add(span),
                _ => {}
            }
        }
        let mut places: BTreeMap<OpId, usize> = BTreeMap::new();
        for record in records {
            match record {
                Record::Rows { operations, .. } => {
                    let leader = operations.first().and_then(|operation| places.get(operation)).copied();
                    for place in operations.iter().filter_map(|operation| places.get(operation)) {
                        all.groups[*place].walk = leader;
                    }
                }
                Record::Window { operations, ended_by, line } => {
                    all.windows.push((*operations, *ended_by, line.clone()));
                }
                Record::AtOnce(call) => all.at_once.push(call.clone()),
                Record::Group(group) => {
                    places.insert(group.operation, all.groups.len());
                    let ran = chunks.remove(&group.operation).unwrap_or_default();
                    all.groups.push(explained(group, &ran, cores));
                }
            }
        }
        all
    }
}

fn explained(group: &GroupRecord, ran: &Chunks, cores: u64) -> Explained {
    Explained {
        group: group.clone(),
        walk: None,
        chunks: ran.count,
        threads: ran.threads.len(),
        bytes: ran.bytes,
        predicted_ns: ran.predicted_ns / ran.count.clamp(1, cores.max(1)) as f64,
        measured_ns: ran.end_ns - ran.start_ns,
        busy_ns: ran.busy_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ShardId;

    fn span(category: &'static str, operation: Option<u64>, thread: u64, times: (u64, u64)) -> Span {
        Span {
            category,
            name: "any".into(),
            provenance: Provenance::default(),
            shard: ShardId(0),
            thread,
            start_ns: times.0,
            end_ns: times.1,
            bytes: 100,
            operation: operation.map(OpId),
            predicted_ns: 30.0,
        }
    }

    fn group(operation: u64) -> Record {
        Record::Group(GroupRecord {
            operation: OpId(operation),
            members: Vec::new(),
            shape: vec![10],
            own_points: 10,
            unstored: 0,
            unstored_bytes: 0,
            dead: false,
            apart: String::new(),
            apart_from: None,
        })
    }

    #[test]
    fn chunks_are_gathered_by_their_group() {
        let spans = [
            span("task", Some(4), 1, (100, 140)),
            span("task", Some(4), 2, (90, 120)),
            span("task", Some(9), 1, (150, 151)),
            span("copy", None, 1, (0, 7)),
        ];
        let walk = Record::Rows { operations: vec![OpId(4), OpId(5)], blocks: 7 };
        let all = Explanation::new(&[group(4), group(5), walk, group(6)], &spans, 2);
        let [first, second, third] = all.groups.as_slice() else { panic!("three groups") };
        assert_eq!((first.walk, second.walk, third.walk), (Some(0), Some(0), None));
        assert_eq!((first.chunks, first.threads, first.bytes), (2, 2, 200));
        assert_eq!((first.measured_ns, first.busy_ns), (50, 70));
        assert_eq!(first.predicted_ns, 30.0, "two chunks of 30 ns at the same time");
        assert_eq!((second.chunks, second.measured_ns), (0, 0), "it did not run");
        assert_eq!(all.copies, Moved { count: 1, bytes: 100, ns: 7 });
    }
}
