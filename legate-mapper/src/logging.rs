//! A decorator that writes down what was asked and answered: `legate --log-mapping`.
//!
//! One line each, so that logs of two shards (which must be equal but for `chunks`) or of two policies can be compared with `diff`:
//!
//! ```text
//! inline 100 points, 800 bytes -> true
//! catch up 80000 ns, 800 bytes -> true
//! field [1000, 1000] of 8 bytes, 4 shards -> tiles [250, 1000] block
//! launch 'add' over [0..1000, 0..1000] cut Free Free, 250000 ns, 4 shards; 0: WriteDiscard [0..1000, 0..1000] of [1000, 1000] of 8 bytes, nowhere; 1: … -> follow 1
//! chunks of 250000 points, 62500 ns, 6000000 bytes, 2 cores -> 8
//! tunable 'fusion_window' -> none
//! ```

use legate_core::geometry::Point;
use legate_core::id::Color;
use legate_core::mapping::{Ahead, FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper, OperandInfo};
use legate_core::region::{Distribution, Sharding};
use parking_lot::Mutex;
use std::fmt::{self, Display, Formatter, Write as _};
use std::io::Write;
use std::sync::Arc;

/// Answers as another mapper does, and writes each question and answer to a sink.
///
/// Questions come from several threads; lines are written whole. A sink that fails loses lines: a log must not stop a program.
pub struct LoggingMapper {
    inner: Arc<dyn Mapper>,
    sink: Mutex<Box<dyn Write + Send>>,
}

impl LoggingMapper {
    /// Around `inner`. The sink is written to line by line and not flushed.
    pub fn new(inner: Arc<dyn Mapper>, sink: impl Write + Send + 'static) -> LoggingMapper {
        LoggingMapper { inner, sink: Mutex::new(Box::new(sink)) }
    }

    fn log(&self, question: impl Display, answer: impl Display) {
        let line = format!("{question} -> {answer}\n");
        let _ = self.sink.lock().write_all(line.as_bytes());
    }
}

impl Mapper for LoggingMapper {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn inline(&self, points: u64, bytes: u64, machine: &MachineView) -> bool {
        let answer = self.inner.inline(points, bytes, machine);
        self.log(format_args!("inline {points} points, {bytes} bytes"), answer);
        answer
    }

    fn catch_up(&self, ahead: &Ahead, machine: &MachineView) -> bool {
        let answer = self.inner.catch_up(ahead, machine);
        let Ahead { cost_ns, fusible_bytes } = ahead;
        self.log(format_args!("catch up {cost_ns:.0} ns, {fusible_bytes} bytes"), answer);
        answer
    }

    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        let answer = self.inner.launch(launch, machine);
        self.log(launch_line(launch, machine), launch_answer(&answer));
        answer
    }

    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        let answer = self.inner.field(shape, element_bytes, machine);
        let question = format!("field {shape:?} of {element_bytes} bytes, {} shards", machine.shards);
        match &answer {
            FieldMapping::Replicate => self.log(question, "replicate"),
            FieldMapping::Tile { tile, sharding } => self.log(question, Tiles(tile, *sharding)),
        }
        answer
    }

    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
        let answer = self.inner.chunks(points, cost_ns, bytes, machine);
        let cores = machine.cores;
        self.log(format_args!("chunks of {points} points, {cost_ns:.0} ns, {bytes} bytes, {cores} cores"), answer);
        answer
    }

    fn tunable(&self, name: &str) -> Option<i64> {
        let answer = self.inner.tunable(name);
        let text = answer.map_or_else(|| "none".to_owned(), |value| value.to_string());
        self.log(format_args!("tunable '{}'", name.escape_debug()), text);
        answer
    }
}

fn launch_line(launch: &LaunchInfo, machine: &MachineView) -> String {
    let LaunchInfo { name, domain, cuts, operands, cost_ns } = launch;
    let mut line = format!("launch '{}' over {domain:?} cut", name.escape_debug());
    // Writing to a string does not fail.
    for cut in cuts {
        let _ = write!(line, " {cut:?}");
    }
    let _ = write!(line, ", {cost_ns:.0} ns, {} shards", machine.shards);
    for (index, operand) in operands.iter().enumerate() {
        let _ = write!(line, "; {index}: {}", OperandText(operand));
    }
    line
}

struct OperandText<'a>(&'a OperandInfo);

impl Display for OperandText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let OperandInfo { field_shape, element_bytes, privilege, access: _, image, covers, distribution } = self.0;
        let part = if *covers { "all" } else { "part" };
        write!(f, "{privilege:?} {part} {image:?} of {field_shape:?} of {element_bytes} bytes, ")?;
        match distribution {
            None => f.write_str("nowhere"),
            Some(Distribution::Replicated) => f.write_str("everywhere"),
            Some(Distribution::Single(shard)) => write!(f, "on {shard}"),
            Some(Distribution::Tiled { partition, sharding }) => {
                let (count, first) = (partition.color_count(), partition.piece(Color(0)));
                write!(f, "in {count} pieces from {first:?} {}", ShardingText(*sharding))
            }
        }
    }
}

fn launch_answer(answer: &LaunchMapping) -> String {
    match answer {
        LaunchMapping::Replicate => "replicate".into(),
        LaunchMapping::Single(shard) => format!("single {shard}"),
        LaunchMapping::Follow(operand) => format!("follow {operand}"),
        LaunchMapping::Tile { tile, sharding } => Tiles(tile, *sharding).to_string(),
    }
}

struct Tiles<'a>(&'a Point, Sharding);

impl Display for Tiles<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "tiles {:?} {}", self.0, ShardingText(self.1))
    }
}

struct ShardingText(Sharding);

impl Display for ShardingText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Sharding::Block => f.write_str("block"),
            Sharding::Cyclic { start } => write!(f, "cyclic from {start}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Sink, launch, machine, operand, tiled_rows};
    use crate::{DefaultMapper, RandomMapper, Thresholds};
    use legate_core::operation::{Cut, Privilege};

    fn logged(inner: impl Mapper + 'static, ask: impl FnOnce(&LoggingMapper)) -> Vec<String> {
        let sink = Sink::default();
        ask(&LoggingMapper::new(Arc::new(inner), sink.clone()));
        sink.lines()
    }

    #[test]
    fn each_question_is_a_line_with_its_answer() {
        let tunables = [("window".to_owned(), 7)].into();
        let lines = logged(DefaultMapper::with(Thresholds::default(), tunables), |mapper| {
            mapper.inline(100, 800, &machine(3));
            mapper.field(&[3000, 10], 8, &machine(3));
            mapper.field(&[3], 8, &machine(3));
            mapper.chunks(1000, 0.0, 1 << 30, &machine(3));
            mapper.tunable("window");
            mapper.tunable("no\nsuch");
            let (z, x) = (operand(&[20_000], Privilege::WriteDiscard), tiled_rows(&[20_000], Privilege::ReadOnly));
            mapper.launch(&launch("add", &[20_000], &[Cut::Free], vec![z.clone(), x]), &machine(3));
            mapper.launch(&launch("two\nlines", &[20_000], &[Cut::Free], vec![z]), &machine(3));
        });
        assert_eq!(
            lines,
            [
                "inline 100 points, 800 bytes -> true",
                "field [3000, 10] of 8 bytes, 3 shards -> tiles [1000, 10] block",
                "field [3] of 8 bytes, 3 shards -> replicate",
                "chunks of 1000 points, 0 ns, 1073741824 bytes, 4 cores -> 512",
                "tunable 'window' -> 7",
                "tunable 'no\\nsuch' -> none",
                "launch 'add' over [0..20000] cut Free, 20000 ns, 3 shards; \
                 0: WriteDiscard all [0..20000] of [20000] of 8 bytes, nowhere; \
                 1: ReadOnly all [0..20000] of [20000] of 8 bytes, in 2000 pieces from [0..10] block -> follow 1",
                "launch 'two\\nlines' over [0..20000] cut Free, 20000 ns, 3 shards; \
                 0: WriteDiscard all [0..20000] of [20000] of 8 bytes, nowhere -> tiles [6720] block",
            ]
        );
    }

    #[test]
    fn answers_are_not_changed() {
        let plain = RandomMapper::new(5);
        let lines = logged(plain.clone(), |logging| {
            assert_eq!(logging.name(), "random:5");
            for extent in 1..50 {
                let question = launch("f", &[extent, 9], &[Cut::Free; 2], vec![]);
                assert_eq!(logging.launch(&question, &machine(4)), plain.launch(&question, &machine(4)));
                let field = plain.field(&[extent], 8, &machine(4));
                assert_eq!(logging.field(&[extent], 8, &machine(4)), field);
            }
        });
        assert_eq!(lines.len(), 98);
    }

    #[test]
    fn a_sink_that_fails_does_not_stop_the_program() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mapper = LoggingMapper::new(Arc::new(DefaultMapper::new()), Full);
        assert!(mapper.inline(1, 8, &machine(1)));
    }
}
