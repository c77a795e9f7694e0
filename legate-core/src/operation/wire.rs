//! Operations as bytes: what control replication compares, what a controller broadcasts, what a record of a program holds.
//!
//! The bytes are postcard's. Arguments of tasks go through [`TaskArgs::encode`](super::TaskArgs::encode) and
//! [`Task::decode`](super::Task::decode); the contents of an attached array follow as they are.

use super::{Attach, Create, Cut, Direction, Fetch, Indirect, Launch, Operand, Operation, Registry, Reshape};
use crate::error::{Error, Provenance, Result};
use crate::exec::HostBuffer;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId, TaskId};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

/// An operation without its provenance; arguments are encoded, attached bytes are left out.
#[derive(Serialize, Deserialize)]
enum Wire<'a> {
    Create(Cow<'a, Create>),
    Attach { id: OpId, field: FieldId, bytes: u64 },
    Launch(WireLaunch<'a>),
    Reshape { id: OpId, src: FieldId, dst: FieldId },
    Fetch { id: OpId, src: Cow<'a, Store> },
    Fence(OpId),
    Indirect { id: OpId, direction: Direction, stores: Box<[Store; 3]> },
}

#[derive(Serialize, Deserialize)]
struct WireLaunch<'a> {
    id: OpId,
    task: TaskId,
    args: Vec<u8>,
    domain: Cow<'a, Rect>,
    operands: Cow<'a, [Operand]>,
    cuts: Cow<'a, [Cut]>,
}

/// Appends what the operation means: all but who issued it and the contents of an attached array, which are returned.
pub(super) fn encode_meaning<'a>(operation: &'a Operation, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let wire = match operation {
        Operation::Create(create) => Wire::Create(Cow::Borrowed(create)),
        Operation::Attach(Attach { id, field, bytes, .. }) => {
            Wire::Attach { id: *id, field: *field, bytes: bytes.as_slice().len() as u64 }
        }
        Operation::Launch(launch) => {
            let mut args = Vec::new();
            launch.args.encode(&mut args);
            Wire::Launch(WireLaunch {
                id: launch.id,
                task: launch.task,
                args,
                domain: Cow::Borrowed(&launch.domain),
                operands: Cow::Borrowed(&launch.operands),
                cuts: Cow::Borrowed(&launch.cuts),
            })
        }
        Operation::Reshape(Reshape { id, src, dst, .. }) => Wire::Reshape { id: *id, src: *src, dst: *dst },
        Operation::Indirect(Indirect { id, direction, table, index, values, .. }) => {
            let stores = Box::new([table.clone(), index.clone(), values.clone()]);
            Wire::Indirect { id: *id, direction: *direction, stores }
        }
        Operation::Fetch(Fetch { id, src, .. }) => Wire::Fetch { id: *id, src: Cow::Borrowed(src) },
        Operation::Fence(id) => Wire::Fence(*id),
    };
    append(&wire, out);
    match operation {
        Operation::Attach(attach) => Some(attach.bytes.as_slice()),
        _ => None,
    }
}

/// Appends an operation.
pub fn encode(operation: &Operation, out: &mut Vec<u8>) {
    let bytes = encode_meaning(operation, out);
    append(&operation.provenance(), out);
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// Takes an operation off the front of `bytes`.
///
/// # Errors
/// [`Error::Decode`] if no operation is there, or it names a task that is not registered.
pub fn decode(bytes: &mut &[u8], registry: &Registry) -> Result<Operation> {
    let wire: Wire<'_> = take(bytes)?;
    let provenance: Option<Provenance> = take(bytes)?;
    let provenance = provenance.unwrap_or_default();
    Ok(match wire {
        Wire::Create(create) => Operation::Create(create.into_owned()),
        Wire::Attach { id, field, bytes: size } => {
            let size = usize::try_from(size).map_err(|_| Error::Decode("an array larger than memory".into()))?;
            let (contents, rest) =
                bytes.split_at_checked(size).ok_or_else(|| Error::Decode("attached bytes are missing".into()))?;
            *bytes = rest;
            Operation::Attach(Attach { id, field, bytes: Arc::new(HostBuffer::from_slice(contents)), provenance })
        }
        Wire::Launch(launch) => Operation::Launch(launch.decode(provenance, registry)?),
        Wire::Reshape { id, src, dst } => Operation::Reshape(Reshape { id, src, dst, provenance }),
        Wire::Indirect { id, direction, stores } => {
            let [table, index, values] = *stores;
            Operation::Indirect(Indirect { id, direction, table, index, values, provenance })
        }
        Wire::Fetch { id, src } => Operation::Fetch(Fetch { id, src: src.into_owned(), provenance }),
        Wire::Fence(id) => Operation::Fence(id),
    })
}

impl WireLaunch<'_> {
    fn decode(self, provenance: Provenance, registry: &Registry) -> Result<Launch> {
        if !registry.has_task(self.task) {
            return Err(Error::Decode(format!("{} is not registered here", self.task)));
        }
        Ok(Launch {
            id: self.id,
            task: self.task,
            args: registry.task(self.task).decode(&self.args)?,
            domain: self.domain.into_owned(),
            operands: SmallVec::from_vec(self.operands.into_owned()),
            cuts: SmallVec::from_vec(self.cuts.into_owned()),
            provenance,
        })
    }
}

fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    let all = postcard::to_extend(value, std::mem::take(out));
    *out = all.expect("a vector takes any bytes, and operations have no maps of unknown length");
}

fn take<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|e| Error::Decode(e.to_string()))?;
    *bytes = rest;
    Ok(value)
}

impl Operation {
    /// Who issued it, where it says so.
    pub fn provenance(&self) -> Option<&Provenance> {
        match self {
            Operation::Attach(attach) => Some(&attach.provenance),
            Operation::Launch(launch) => Some(&launch.provenance),
            Operation::Reshape(reshape) => Some(&reshape.provenance),
            Operation::Indirect(copy) => Some(&copy.provenance),
            Operation::Fetch(fetch) => Some(&fetch.provenance),
            Operation::Create(_) | Operation::Fence(_) => None,
        }
    }
}
