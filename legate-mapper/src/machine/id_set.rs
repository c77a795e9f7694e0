//! Sets of the small numbers that the operating system gives to hardware threads and memory nodes.

use std::collections::BTreeSet;
use std::fmt;

/// Numbers above this are taken for a mistake in the text, not for a machine.
const MAX_ID: u32 = 1 << 20;

/// A set of hardware threads, or of memory nodes, by the operating system's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdSet(BTreeSet<u32>);

impl IdSet {
    /// Reads the kernel's list format: `0-3,8,10-11`. Empty text is the empty set; `None` if it is no list.
    pub fn from_list(text: &str) -> Option<IdSet> {
        let mut ids = BTreeSet::new();
        for range in text.trim().split(',').map(str::trim).filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            if first > last || last > MAX_ID {
                return None;
            }
            ids.extend(first..=last);
        }
        Some(IdSet(ids))
    }

    /// Reads hwloc's mask format: words of 32 bits in hexadecimal, the highest first, empty words being zero: `0x0000000f,,0xffffffff`.
    /// `None` if it is no mask, or an infinite one (`0xf...f`).
    pub fn from_masks(text: &str) -> Option<IdSet> {
        let mut ids = BTreeSet::new();
        for (position, word) in text.trim().split(',').rev().enumerate() {
            let bits = match word.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None if word.is_empty() => 0,
                None => return None,
            };
            let base = u32::try_from(position).ok()? * 32;
            ids.extend((0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| base + bit));
        }
        Some(IdSet(ids))
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest.
    pub fn first(&self) -> Option<u32> {
        self.0.first().copied()
    }

    /// Whether `id` is a member.
    pub fn contains(&self, id: u32) -> bool {
        self.0.contains(&id)
    }

    /// The common members.
    pub fn intersection(&self, other: &IdSet) -> IdSet {
        IdSet(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether some member is common.
    pub fn overlaps(&self, other: &IdSet) -> bool {
        !self.0.is_disjoint(&other.0)
    }
}

impl FromIterator<u32> for IdSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ids: I) -> IdSet {
        IdSet(ids.into_iter().collect())
    }
}

/// The kernel's list format.
impl fmt::Display for IdSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = ids.next() {
            let mut last = first;
            while ids.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            if last == first {
                write!(f, "{separator}{first}")?
            } else {
                write!(f, "{separator}{first}-{last}")?
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        for text in ["", "0", "0-3", "0-3,8,10-11", "5,7"] {
            assert_eq!(IdSet::from_list(text).unwrap().to_string(), text);
        }
        assert_eq!(IdSet::from_list(" 3, 0-1,2\n").unwrap().to_string(), "0-3", "order and blanks do not matter");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["x", "3-1", "-1", "1-", "0-4294967295", "1;2"] {
            assert_eq!(IdSet::from_list(text), None, "{text}");
        }
    }

    #[test]
    fn masks_are_read_from_the_right() {
        let read = |text| IdSet::from_masks(text).map(|set| set.to_string());
        assert_eq!(read("0x0000000f").unwrap(), "0-3");
        assert_eq!(read("0x00000001,,0x80000000").unwrap(), "31,64");
        assert_eq!(read("0x1,0xffffffff").unwrap(), "0-32");
        assert_eq!(read("0x0").unwrap(), "");
        assert_eq!(read("0xf...f"), None);
        assert_eq!(read("15"), None);
    }
}
