//! Where a program comes round: at what place of the window its loop begins anew.
//!
//! A full window that ends in the middle of a loop's body tears groups apart, and what the body's variables still hold at its end must be written to memory. So
//! it ends where a round begins, and the last whole round stays behind: its variables' values before that are gone by now. What
//! is found here is a guess from the operations alone, the same on every rank; it decides about speed only.

use crate::id::TaskId;
use crate::operation::Launch;

/// What makes two launches look alike: the user's line, the task, the number of points.
type Place = (u32, TaskId, u64);

/// The launches of a window so far.
#[derive(Default)]
pub(super) struct Rounds {
    /// Each place with its first position, until one comes again.
    seen: Vec<(Place, usize)>,
    last: Option<Place>,
    /// The first place that came again after others.
    head: Option<Place>,
    /// Its positions.
    begins: Vec<usize>,
}

impl Rounds {
    /// The next launch, and its position in the window.
    pub(super) fn see(&mut self, launch: &Launch, position: usize) {
        let place = (launch.provenance.line, launch.task, launch.domain.volume());
        // Several launches of one line are one place.
        if self.last.replace(place) == Some(place) {
            return;
        }
        if self.head == Some(place) {
            self.begins.push(position);
        } else if self.head.is_none() {
            match self.seen.iter().find(|(other, _)| *other == place) {
                Some((_, first)) => {
                    self.head = Some(place);
                    self.begins = vec![*first, position];
                }
                None => self.seen.push((place, position)),
            }
        }
    }

    /// Where the last whole round begins, if anything comes before it.
    pub(super) fn last_whole(&self) -> Option<usize> {
        self.begins.iter().rev().nth(1).copied().filter(|position| *position > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Provenance;
    use crate::geometry::Rect;
    use crate::id::OpId;
    use crate::operation::TaskArgs;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Nothing;

    impl TaskArgs for Nothing {
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }
        fn encode(&self, _: &mut Vec<u8>) {}
    }

    fn rounds(lines: &[u32]) -> Rounds {
        let mut rounds = Rounds::default();
        for (position, line) in lines.iter().enumerate() {
            let launch = Launch {
                id: OpId(1),
                task: TaskId(0),
                args: Arc::new(Nothing),
                domain: Rect::from_shape(&[5]),
                operands: Default::default(),
                cuts: Default::default(),
                provenance: Provenance { file: "loop.py".into(), line: *line },
            };
            rounds.see(&launch, position);
        }
        rounds
    }

    #[test]
    fn a_window_is_cut_before_its_last_whole_round() {
        assert_eq!(rounds(&[1, 2, 3, 4]).last_whole(), None, "no loop");
        assert_eq!(rounds(&[7, 7, 7, 8]).last_whole(), None, "several launches of a line are no loop");
        assert_eq!(rounds(&[1, 7, 7, 8, 7, 7, 8, 7]).last_whole(), Some(4), "setup, two rounds, the begin of a third");
        assert_eq!(rounds(&[7, 7, 8, 7, 7, 8]).last_whole(), None, "one whole round is all there is");
        assert_eq!(rounds(&[7, 8, 9, 7, 8, 9, 7, 8, 9, 7, 8]).last_whole(), Some(6));
    }
}
