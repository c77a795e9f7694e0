//! Text, bytes and hashes of random operations.

use crate::tasks::{Bytes, registry};
use legate_core::error::{Error, Provenance};
use legate_core::exec::HostBuffer;
use legate_core::geometry::Rect;
use legate_core::id::{FieldId, OpId, ReductionId, TaskId};
use legate_core::operation::hash::{StreamHash, first_difference};
use legate_core::operation::{
    Attach, Create, Cut, Direction, Fetch, Indirect, Launch, Operand, Operation, Privilege, Reshape, text, wire,
};
use legate_core::store::{Access, Coordinate, Store};
use proptest::prelude::*;
use std::sync::Arc;

fn provenance() -> impl Strategy<Value = Provenance> {
    let file = prop_oneof!["[a-z]{1,8}\\.py", Just("a \"b\"\\ // c\n.py".to_owned()), Just(String::new())];
    (file, 0u32..1000).prop_map(|(file, line)| Provenance { file: file.into(), line })
}
fn access(rank: usize) -> impl Strategy<Value = Access> {
    let term = (prop_oneof![-5i64..0, 1i64..6], 0..rank.max(1));
    let coordinate = (-20i64..20, proptest::collection::vec(term, 0..3));
    proptest::collection::vec(coordinate, 0..4).prop_map(move |coords| {
        let coords =
            coords.into_iter().map(|(offset, terms)| Coordinate::sum(offset, if rank == 0 { &[] } else { &terms }));
        Access { domain_rank: rank as u8, coords: coords.collect() }
    })
}
fn shape() -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(0i64..1000, 0..5)
}
fn launch() -> impl Strategy<Value = Operation> {
    let privilege = prop_oneof![
        Just(Privilege::ReadOnly),
        Just(Privilege::WriteDiscard),
        Just(Privilege::ReadWrite),
        (0u32..2).prop_map(|r| Privilege::Reduce(ReductionId(r))),
    ];
    let cut = prop_oneof![
        3 => Just(Cut::Free),
        1 => Just(Cut::Never),
        1 => (1u64..99).prop_map(Cut::Granule),
        1 => (1u64..99).prop_map(|granule| Cut::Tree { granule }),
    ];
    let args = proptest::collection::vec(0u8..255, 0..9);
    (shape(), any::<u64>(), 0u32..10, args, provenance()).prop_flat_map(move |(shape, id, task, args, provenance)| {
        let operand = (0u64..50, access(shape.len()), privilege.clone());
        let operands = proptest::collection::vec(operand, 0..4);
        let cuts = proptest::collection::vec(cut.clone(), shape.len());
        (operands, cuts).prop_map(move |(operands, cuts)| {
            let operand = |(field, access, privilege)| Operand { field: FieldId(field), access, privilege };
            Operation::Launch(Launch {
                id: OpId(id),
                task: TaskId(task),
                args: Arc::new(Bytes(args.clone())),
                domain: Rect::from_shape(&shape),
                operands: operands.into_iter().map(operand).collect(),
                cuts: cuts.into(),
                provenance: provenance.clone(),
            })
        })
    })
}
fn operation() -> impl Strategy<Value = Operation> {
    let create = (0u64..99, shape(), 1u32..99, 1u32..17).prop_map(|(field, shape, size, align)| {
        Operation::Create(Create { field: FieldId(field), bounds: Rect::from_shape(&shape), size, align })
    });
    let attach = (0u64..99, any::<u64>(), proptest::collection::vec(any::<u8>(), 0..20), provenance()).prop_map(
        |(field, id, bytes, provenance)| {
            let bytes = Arc::new(HostBuffer::from_slice(&bytes));
            Operation::Attach(Attach { id: OpId(id), field: FieldId(field), bytes, provenance })
        },
    );
    let reshape = (0u64..99, 0u64..99, any::<u64>(), provenance()).prop_map(|(src, dst, id, provenance)| {
        Operation::Reshape(Reshape { id: OpId(id), src: FieldId(src), dst: FieldId(dst), provenance })
    });
    let fetch = (shape(), 0u64..99, any::<u64>(), provenance()).prop_flat_map(|(shape, field, id, provenance)| {
        access(shape.len()).prop_map(move |access| {
            let src = Store { field: FieldId(field), shape: shape.clone().into(), access };
            Operation::Fetch(Fetch { id: OpId(id), src, provenance: provenance.clone() })
        })
    });
    let store = || {
        (shape(), 0u64..99).prop_flat_map(|(shape, field)| {
            access(shape.len()).prop_map(move |access| Store {
                field: FieldId(field),
                shape: shape.clone().into(),
                access,
            })
        })
    };
    let direction = prop_oneof![Just(Direction::Gather), Just(Direction::Scatter)];
    let stores = (store(), store(), store());
    let indirect = (any::<u64>(), direction, stores, provenance()).prop_map(|(id, direction, stores, provenance)| {
        let (table, index, values) = stores;
        Operation::Indirect(Indirect { id: OpId(id), direction, table, index, values, provenance })
    });
    let fence = any::<u64>().prop_map(|id| Operation::Fence(OpId(id)));
    prop_oneof![create, attach, launch(), reshape, indirect, fetch, fence]
}

/// Operations have no `Eq` (arguments are opaque): their bytes do.
fn bytes(operation: &Operation) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(operation, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn text_says_everything(mut operation in operation()) {
        // The number after the largest has no text of its own.
        if let Operation::Fence(OpId(id)) = &mut operation { *id /= 2; }
        let registry = registry();
        let text = text::operation(&operation, &registry);
        let parsed = text::parse(&text, &registry).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        prop_assert_eq!(parsed.len(), 1);
        prop_assert_eq!(bytes(&parsed[0]), bytes(&operation), "{}", text);
    }

    #[test]
    fn bytes_say_everything(operations in proptest::collection::vec(operation(), 0..5)) {
        let registry = registry();
        let mut all = Vec::new();
        operations.iter().for_each(|o| wire::encode(o, &mut all));
        let mut rest = all.as_slice();
        for operation in &operations {
            let decoded = wire::decode(&mut rest, &registry).expect("it was encoded");
            prop_assert_eq!(text::operation(&decoded, &registry), text::operation(operation, &registry));
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn broken_bytes_are_errors_not_panics(operation in operation(), cut in any::<usize>(), flip in any::<(usize, u8)>()) {
        let registry = registry();
        let mut broken = bytes(&operation);
        let end = cut % (broken.len() + 1);
        if end < broken.len() {
            let missing = wire::decode(&mut &broken[..end], &registry);
            prop_assert!(matches!(missing, Err(Error::Decode(_))) || missing.is_ok());
        }
        let at = flip.0 % broken.len();
        broken[at] ^= flip.1;
        let _ = wire::decode(&mut broken.as_slice(), &registry);
    }

    #[test]
    fn streams_part_where_they_first_differ(
        operations in proptest::collection::vec(operation(), 1..8),
        other in operation(),
        lines in provenance(),
        at in any::<usize>(),
    ) {
        let at = at % operations.len();
        let (mut ours, mut theirs, mut elsewhere) = (StreamHash::new(), StreamHash::new(), StreamHash::new());
        for (k, operation) in operations.iter().enumerate() {
            ours.push(operation);
            theirs.push(if k == at { &other } else { operation });
            let mut moved = operation.clone();
            if let Operation::Launch(launch) = &mut moved {
                launch.provenance = lines.clone();
            }
            elsewhere.push(&moved);
        }
        prop_assert_eq!(ours.digest(), elsewhere.digest(), "lines do not count");
        let difference = first_difference(ours.recent(), theirs.recent());
        let mut same = operations[at].clone();
        if let (Operation::Launch(a), Operation::Launch(b)) = (&mut same, &other) {
            a.provenance = b.provenance.clone();
        }
        if bytes(&same) == bytes(&other) {
            prop_assert_eq!(difference, None);
        } else if difference.is_none() {
            // Only the line may differ then.
            prop_assert_eq!(ours.digest(), theirs.digest());
            prop_assert!(operations[at].provenance() != other.provenance());
        } else {
            prop_assert_eq!(difference.map(|(a, b)| (a.position, b.position)), Some((at as u64, at as u64)));
            prop_assert!(ours.digest() != theirs.digest());
        }
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let registry = registry();
    let wrong = |text: &str| text::parse(text, &registry).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(
        wrong("create f0 [4]\nlaunch nonsense [4] {}"),
        "cannot decode: line 2: expected a task other than 'nonsense', found '[4] {}'"
    );
    assert_eq!(wrong("fence fence"), "cannot decode: line 1: expected the end of the line, found 'fence'");
    assert_eq!(wrong("fetch f0[d0+] [4]"), "cannot decode: line 1: expected a number, found '] [4]'");
    assert!(wrong("launch add [4] { read f0[d0] } args ff").contains("arguments begin with ff"));
    assert!(wrong("attach f0 123").contains("expected hexadecimal bytes"));
}
