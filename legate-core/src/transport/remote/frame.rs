//! What travels between two ranks: frames of entries, and the bodies of long messages.
//!
//! A frame holds many small messages whole, and announces long ones, whose bytes follow by themselves, in the order of their announcements. So what is small shares
//! the cost of a message, and what is long is neither copied before it is sent nor after it has come.

use crate::error::FailureReport;
use serde::{Deserialize, Serialize};

/// What stands before each message in a frame; the bytes of a [`Head::Short`] follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Head {
    /// A message of `len` bytes, which follow.
    Short { sequence: u64, len: u32 },
    /// A message of `len` bytes, which come by themselves.
    Long { sequence: u64, len: u64 },
    /// A message whose contents are lost.
    Failed { sequence: u64, report: FailureReport },
    /// The run is over, because of this.
    Over { report: FailureReport },
    /// The process is to end, with this exit status.
    End { status: i32 },
}

/// A frame that does not say what a frame can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {len} bytes makes no sense from byte {at} on")]
pub(super) struct BadFrame {
    at: usize,
    len: usize,
}

/// Appends an entry.
pub(super) fn push(frame: &mut Vec<u8>, head: &Head, body: &[u8]) {
    debug_assert!(!matches!(head, Head::Short { len, .. } if *len as usize != body.len()));
    let bytes = postcard::to_allocvec(head).expect("a head can be encoded");
    frame.extend_from_slice(&bytes);
    frame.extend_from_slice(body);
}

/// The entries of a frame, in order.
pub(super) fn entries(frame: &[u8]) -> impl Iterator<Item = Result<(Head, &[u8]), BadFrame>> {
    let mut rest = frame;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bad = BadFrame { at: frame.len() - rest.len(), len: frame.len() };
        let entry = entry(rest).ok_or(bad);
        rest = entry.as_ref().map_or(&[], |(_, _, rest)| rest);
        Some(entry.map(|(head, body, _)| (head, body)))
    })
}

fn entry(bytes: &[u8]) -> Option<(Head, &[u8], &[u8])> {
    let (head, rest) = postcard::take_from_bytes::<Head>(bytes).ok()?;
    let len = if let Head::Short { len, .. } = &head { *len as usize } else { 0 };
    let (body, rest) = rest.split_at_checked(len)?;
    Some((head, body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{FailureKind, Provenance};
    use proptest::prelude::*;

    fn any_entry() -> impl Strategy<Value = (Head, Vec<u8>)> {
        let report = ("[a-z]{0,9}", any::<u32>()).prop_map(|(message, line)| FailureReport {
            task: "add".to_owned(),
            provenance: Provenance { file: "a.py".into(), line },
            message,
            kind: FailureKind::Panic,
            rank: Some(line),
        });
        let short = (any::<u64>(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(sequence, body)| (Head::Short { sequence, len: body.len() as u32 }, body));
        let long = any::<(u64, u64)>().prop_map(|(sequence, len)| (Head::Long { sequence, len }, Vec::new()));
        let failed = (any::<u64>(), report.clone())
            .prop_map(|(sequence, report)| (Head::Failed { sequence, report }, Vec::new()));
        let lost = report.prop_map(|report| (Head::Over { report }, Vec::new()));
        let end = any::<i32>().prop_map(|status| (Head::End { status }, Vec::new()));
        prop_oneof![short, long, failed, lost, end]
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(entries_in in prop::collection::vec(any_entry(), 0..12)) {
            let mut frame = Vec::new();
            entries_in.iter().for_each(|(head, body)| push(&mut frame, head, body));
            let out: Vec<_> = entries(&frame).map(|entry| entry.map(|(head, body)| (head, body.to_vec()))).collect();
            prop_assert_eq!(out, entries_in.into_iter().map(Ok).collect::<Vec<_>>());
        }

        #[test]
        fn a_frame_cut_off_is_refused_or_shorter(entry in any_entry(), cut in any::<prop::sample::Index>()) {
            let mut frame = Vec::new();
            push(&mut frame, &entry.0, &entry.1);
            let frame = &frame[..cut.index(frame.len())];
            prop_assert!(entries(frame).all(|found| found.is_err()));
        }

        #[test]
        fn noise_ends(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(entries(&noise).count() <= noise.len());
        }
    }
}
