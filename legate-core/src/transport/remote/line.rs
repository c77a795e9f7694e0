//! The protocol: messages become frames and bodies, frames and bodies become messages.
//!
//! A [`Line`] is driven by [`Line::step`], by whichever thread has time. Frames are short, so a frame that was found is waited for: when a body is found, its
//! announcement is known.

use super::frame::{self, Head};
use super::link::{Link, LinkError, Part, Request};
use crate::error::TaskFailure;
use crate::exec::HostBuffer;
use crate::transport::{Count, Payload};
use legate_comm::{Envelope, MOST_BYTES};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Frames have this tag, bodies the other.
const FRAME: u32 = 1;
const BODY: u32 = 2;

/// Messages up to this many bytes are copied into frames.
const SHORT: usize = 4 << 10;
/// A frame is sent when it has this many bytes. Libraries send so much without asking the receiver.
const FULL: usize = 8 << 10;

/// A message to be sent.
#[derive(Debug)]
pub(super) enum Letter {
    /// An ordinary one.
    Message { sequence: u64, payload: Payload },
    /// The run is over.
    Over(TaskFailure),
    /// The process is to end, with this exit status.
    End(i32),
}

/// What has come.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A message of `from`.
    Message { from: u32, sequence: u64, payload: Payload },
    /// A rank has announced that the run is over.
    Over(TaskFailure),
    /// A rank wants this process to end, with this exit status.
    End(i32),
}

/// A long message on its way here.
struct Body {
    sequence: u64,
    buffer: Arc<HostBuffer>,
    /// Bytes for which a receive has begun.
    begun: usize,
    open: Vec<Request>,
}

/// One rank's end of the protocol.
pub(super) struct Line {
    link: Box<dyn Link>,
    longest: usize,
    sends: Vec<Request>,
    /// What the link was given, by receiver.
    sent: BTreeMap<u32, Count>,
    /// Announced, by sender, in order.
    bodies: BTreeMap<u32, VecDeque<Body>>,
}

impl Line {
    /// `longest`: bodies are cut into pieces of this many bytes.
    pub(super) fn new(link: Box<dyn Link>, longest: usize) -> Line {
        Line {
            link,
            longest: longest.min(MOST_BYTES),
            sends: Vec::new(),
            sent: BTreeMap::new(),
            bodies: BTreeMap::new(),
        }
    }

    pub(super) fn link(&self) -> &dyn Link {
        &*self.link
    }

    pub(super) fn link_mut(&mut self) -> &mut dyn Link {
        &mut *self.link
    }

    /// Whether nothing that was sent or announced is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.sends.is_empty() && self.bodies.is_empty()
    }

    /// Sends what is to be sent to a peer.
    pub(super) fn post(&mut self, to: u32, letters: impl IntoIterator<Item = Letter>) -> Result<(), LinkError> {
        let (mut frame, mut bodies) = (Vec::new(), Vec::new());
        for letter in letters {
            match letter {
                Letter::Message { sequence, payload: Ok(buffer) } if buffer.len() <= SHORT => {
                    frame::push(&mut frame, &Head::Short { sequence, len: buffer.len() as u32 }, buffer.as_slice());
                }
                Letter::Message { sequence, payload: Ok(buffer) } => {
                    frame::push(&mut frame, &Head::Long { sequence, len: buffer.len() as u64 }, &[]);
                    bodies.push(buffer);
                }
                Letter::Message { sequence, payload: Err(failure) } => {
                    frame::push(&mut frame, &Head::Failed { sequence, report: (*failure.0).clone() }, &[]);
                }
                Letter::Over(failure) => {
                    frame::push(&mut frame, &Head::Over { report: (*failure.0).clone() }, &[]);
                }
                Letter::End(status) => frame::push(&mut frame, &Head::End { status }, &[]),
            }
            if frame.len() >= FULL {
                self.dispatch(to, &mut frame, &mut bodies)?;
            }
        }
        self.dispatch(to, &mut frame, &mut bodies)
    }

    /// Sends a frame, and the bodies that it announces.
    fn dispatch(&mut self, to: u32, frame: &mut Vec<u8>, bodies: &mut Vec<Arc<HostBuffer>>) -> Result<(), LinkError> {
        if frame.is_empty() {
            return Ok(());
        }
        let bytes = Arc::new(HostBuffer::from_slice(frame));
        frame.clear();
        self.send(Part::whole(bytes), to, FRAME)?;
        for buffer in bodies.drain(..) {
            for begin in (0..buffer.len()).step_by(self.longest) {
                let range = begin..buffer.len().min(begin + self.longest);
                let part = Part { buffer: buffer.clone(), range };
                self.send(part, to, BODY)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, part: Part, to: u32, tag: u32) -> Result<(), LinkError> {
        self.sent.entry(to).or_default().add(part.range.len());
        self.sends.push(self.link.send(part, to, tag)?);
        Ok(())
    }

    /// What the link was given for a peer so far.
    pub(super) fn sent_to(&self, to: u32) -> Count {
        self.sent.get(&to).copied().unwrap_or_default()
    }

    /// Takes in what has come, and ends what is done. Whether anything happened.
    pub(super) fn step(&mut self, arrive: &mut impl FnMut(Arrival)) -> Result<bool, LinkError> {
        let mut busy = false;
        while let Some(envelope) = self.link.probe()? {
            busy = true;
            match envelope.tag {
                FRAME => self.take_frame(&envelope, arrive)?,
                BODY => self.begin_body(&envelope)?,
                tag => return Err(LinkError(format!("rank {} sent a message with tag {tag}", envelope.from))),
            }
        }
        busy |= self.finish_sends()?;
        busy |= self.finish_bodies(arrive)?;
        Ok(busy)
    }

    fn take_frame(&mut self, envelope: &Envelope, arrive: &mut impl FnMut(Arrival)) -> Result<(), LinkError> {
        let buffer = Arc::new(HostBuffer::unwritten(envelope.len as usize));
        let request = self.link.receive(envelope, Part::whole(buffer.clone()))?;
        while !self.link.test(request)? {
            std::hint::spin_loop();
        }
        let from = envelope.from;
        for entry in frame::entries(buffer.as_slice()) {
            let (head, body) = entry.map_err(|bad| LinkError(format!("rank {from} sent {bad}")))?;
            let message = |sequence, payload| Arrival::Message { from, sequence, payload };
            match head {
                Head::Short { sequence, .. } => arrive(message(sequence, Ok(Arc::new(HostBuffer::from_slice(body))))),
                Head::Failed { sequence, report } => arrive(message(sequence, Err(TaskFailure(Arc::new(report))))),
                Head::Over { report } => arrive(Arrival::Over(TaskFailure(Arc::new(report)))),
                Head::End { status } => arrive(Arrival::End(status)),
                Head::Long { sequence, len } => {
                    let buffer = HostBuffer::try_unwritten(len as usize)
                        .map_err(|failure| LinkError(format!("a message of rank {from}: {failure}")))?;
                    let body = Body { sequence, buffer: Arc::new(buffer), begun: 0, open: Vec::new() };
                    self.bodies.entry(from).or_default().push_back(body);
                }
            }
        }
        Ok(())
    }

    fn begin_body(&mut self, envelope: &Envelope) -> Result<(), LinkError> {
        let stray =
            || LinkError(format!("rank {} sent {} bytes that it had not announced", envelope.from, envelope.len));
        let queue = self.bodies.get_mut(&envelope.from).ok_or_else(stray)?;
        let body = queue.iter_mut().find(|body| body.begun < body.buffer.len()).ok_or_else(stray)?;
        let range = body.begun..body.begun + envelope.len as usize;
        if range.end > body.buffer.len() {
            return Err(stray());
        }
        body.begun = range.end;
        body.open.push(self.link.receive(envelope, Part { buffer: body.buffer.clone(), range })?);
        Ok(())
    }

    fn finish_sends(&mut self) -> Result<bool, LinkError> {
        let (mut busy, mut k) = (false, 0);
        while let Some(request) = self.sends.get(k) {
            if self.link.test(*request)? {
                self.sends.swap_remove(k);
                busy = true;
            } else {
                k += 1;
            }
        }
        Ok(busy)
    }

    fn finish_bodies(&mut self, arrive: &mut impl FnMut(Arrival)) -> Result<bool, LinkError> {
        let mut busy = false;
        for (from, queue) in &mut self.bodies {
            for mut body in std::mem::take(queue) {
                while let Some(request) = body.open.last() {
                    if !self.link.test(*request)? {
                        break;
                    }
                    body.open.pop();
                }
                if body.begun == body.buffer.len() && body.open.is_empty() {
                    busy = true;
                    arrive(Arrival::Message { from: *from, sequence: body.sequence, payload: Ok(body.buffer) });
                } else {
                    queue.push_back(body);
                }
            }
        }
        self.bodies.retain(|_, queue| !queue.is_empty());
        Ok(busy)
    }
}
