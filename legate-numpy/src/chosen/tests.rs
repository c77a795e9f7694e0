//! Keys against indexing by hand, element by element.

use super::*;
use crate::index::IndexItem;
use proptest::prelude::*;

const ALL: IndexItem = IndexItem::Slice { start: None, stop: None, step: None };

/// An entry for the next dimensions: kind, and numbers to choose by.
type Draw = (u8, [u8; 6]);

fn array(s: &Session, shape: &[i64], values: impl Iterator<Item = i64>) -> NdArray {
    let values: Vec<i64> = values.take(volume(shape) as usize).collect();
    s.from_host(bytemuck::cast_slice(&values), shape, DType::I64).unwrap()
}

/// A key for an array of this shape, whose integer arrays broadcast to `(2, 3)`, and whose masks choose three elements.
fn key(s: &Session, shape: &[i64], draws: &[Draw]) -> Vec<KeyEntry> {
    let (mut key, mut d) = (vec![], 0);
    for &(kind, n) in draws {
        let Some(&extent) = shape.get(d) else { break };
        let place = |i: usize| i64::from(n[i]) % (2 * extent) - extent;
        let entry = match kind {
            0 => KeyEntry::Basic(IndexItem::Int(place(0))),
            1 => KeyEntry::Basic(IndexItem::Slice { start: Some(place(0)), stop: None, step: None }),
            2 => KeyEntry::Basic(IndexItem::Slice { start: None, stop: None, step: Some(-1) }),
            3 => KeyEntry::Integers(array(s, &[3], (0..).map(place))),
            4 => KeyEntry::Integers(array(s, &[2, 1], (0..).map(place))),
            5 => KeyEntry::Integers(array(s, &[2, 3], (0..).map(place))),
            6 if shape[d..].len() > 1 && extent * shape[d + 1] >= 3 => {
                let total = extent * shape[d + 1];
                let ones: Vec<u8> = (0..total).map(|i| u8::from(i >= total - 3)).collect();
                d += 1;
                KeyEntry::Mask(s.from_host(&ones, &[extent, shape[d]], DType::Bool).unwrap())
            }
            6 => KeyEntry::Basic(ALL),
            7 => {
                key.push(KeyEntry::Basic(IndexItem::NewAxis));
                continue;
            }
            _ => {
                key.push(KeyEntry::Flag(true));
                continue;
            }
        };
        key.push(entry);
        d += 1;
    }
    key
}

/// The numbers, in the array, of the elements of `a[key]`, and its shape: by hand, element by element.
fn by_hand(s: &Session, shape: &[i64], key: &[KeyEntry]) -> (Vec<i64>, Vec<i64>) {
    let numbers =
        |a: &NdArray| -> Vec<i64> { bytemuck::cast_slice(s.to_host(a, &|| false).unwrap().as_slice()).to_vec() };
    // For each dimension of the array the places that each combination of free and joint coordinates names.
    let (mut joint, mut free, mut d) = (vec![1, 1], vec![], 0);
    let mut sources: Vec<(bool, Vec<i64>, Vec<i64>)> = vec![]; // chosen; shape or number of the free dimension; places
    let (mut runs, mut within, mut before, mut joint_rank) = (0, false, 0, 0);
    for entry in key {
        let chooses = entry.chooses();
        if chooses && !within {
            runs += 1;
            if runs == 1 {
                before = free.len();
            }
        }
        within = chooses;
        match entry {
            KeyEntry::Basic(IndexItem::Int(i)) => {
                sources.push((true, vec![1, 1], vec![i.rem_euclid(shape[d])]));
                d += 1;
            }
            KeyEntry::Basic(IndexItem::NewAxis) => free.push(1),
            KeyEntry::Basic(IndexItem::Slice { start, stop, step }) => {
                let (first, step, len) = crate::index::slice_indices(*start, *stop, *step, shape[d]).unwrap();
                sources.push((false, vec![free.len() as i64], (0..len).map(|i| first + step * i).collect()));
                free.push(len);
                d += 1;
            }
            KeyEntry::Basic(IndexItem::Ellipsis) => unreachable!("not drawn"),
            KeyEntry::Integers(index) => {
                joint_rank = joint_rank.max(index.ndim());
                let extents = [if index.ndim() == 2 { index.shape()[0] } else { 1 }, index.shape()[index.ndim() - 1]];
                joint = joint.iter().zip(extents).map(|(&a, b): (&i64, i64)| a.max(b)).collect();
                sources.push((true, extents.to_vec(), numbers(index).iter().map(|i| i.rem_euclid(shape[d])).collect()));
                d += 1;
            }
            KeyEntry::Mask(mask) => {
                joint_rank = joint_rank.max(1);
                joint[1] = joint[1].max(3);
                let total = mask.size();
                let ones = total - 3..total;
                sources.push((true, vec![1, 3], ones.clone().map(|i| i / mask.shape()[1]).collect()));
                sources.push((true, vec![1, 3], ones.map(|i| i % mask.shape()[1]).collect()));
                d += 2;
            }
            KeyEntry::Flag(_) => joint_rank = joint_rank.max(1),
        }
    }
    for &extent in &shape[d..] {
        sources.push((false, vec![free.len() as i64], (0..extent).collect()));
        free.push(extent);
    }
    let before = if runs > 1 { 0 } else { before };
    let joint_shape = &joint[2 - joint_rank..];
    let result: Vec<i64> = free[..before].iter().chain(joint_shape).chain(&free[before..]).copied().collect();
    let mut places = vec![];
    for number in 0..volume(&result) {
        let mut rest = number;
        let mut at: Vec<i64> = result
            .iter()
            .rev()
            .map(|&n| {
                let c = rest % n;
                rest /= n;
                c
            })
            .collect();
        at.reverse();
        let mut chosen = [0, 0];
        chosen[2 - joint_rank..].copy_from_slice(&at[before..before + joint_rank]);
        let own: Vec<i64> = at[..before].iter().chain(&at[before + joint_rank..]).copied().collect();
        let element = sources.iter().zip(shape).fold(0, |element, ((is_chosen, how, list), extent)| {
            let k = match is_chosen {
                true => chosen[0].min(how[0] - 1) * how[1] + chosen[1].min(how[1] - 1),
                false => own[how[0] as usize],
            };
            element * extent + list[k as usize]
        });
        places.push(element);
    }
    (places, result)
}

fn elements(s: &Session, a: &NdArray) -> Vec<i64> {
    bytemuck::cast_slice(s.to_host(a, &|| false).unwrap().as_slice()).to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn keys_choose_what_indexing_by_hand_chooses(
        shape in proptest::collection::vec(1i64..5, 1..5), draws in proptest::collection::vec((0u8..9, any::<[u8; 6]>()), 1..6), turned in any::<bool>(),
    ) {
        let s = Session::eager();
        let total = volume(&shape);
        // Also of a view that lies the other way round.
        let base: Vec<i64> = if turned { shape.iter().rev().copied().collect() } else { shape.clone() };
        let x = array(&s, &base, 0..);
        let x = if turned { x.transpose(None).unwrap() } else { x };
        let key = key(&s, &shape, &draws);
        prop_assume!(key.iter().any(|entry| !matches!(entry, KeyEntry::Basic(_))));
        let (places, wanted) = by_hand(&s, &shape, &key);
        let numbers = elements(&s, &x);
        let got = s.get_chosen(&x, &key, &|| false).unwrap();
        prop_assert_eq!(got.shape(), &*wanted);
        prop_assert_eq!(elements(&s, &got), places.iter().map(|&p| numbers[p as usize]).collect::<Vec<_>>());
        // Written: the last one wins. Which of several values for one place is last is a matter of the joint dimensions first, so all are told apart by them only.
        let once: std::collections::BTreeSet<i64> = places.iter().copied().collect();
        let values = array(&s, &wanted, 1000..);
        s.set_chosen(&x, &key, &Operand::from(values), &|| false).unwrap();
        let after = elements(&s, &x);
        for element in 0..total {
            let named: Vec<i64> = (0i64..).zip(&places).filter(|(_, p)| **p == element).map(|(k, _)| 1000 + k).collect();
            let is = after[element as usize];
            match named[..] {
                [] => prop_assert_eq!(is, numbers[element as usize]),
                _ if once.len() == places.len() => prop_assert_eq!(is, named[0]),
                _ => prop_assert!(named.contains(&is)),
            }
        }
    }
}
