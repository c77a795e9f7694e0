//! Amounts of memory as people write them: `64 KiB`, `1.5 TiB`.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// An amount of memory: a number of bytes, or text like `"32 KiB"`, in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    fn parse(text: &str) -> Option<Bytes> {
        let text = text.trim();
        let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
        let value: f64 = number.trim().parse().ok()?;
        let bytes = value * unit as f64;
        (bytes >= 0.0 && bytes < u64::MAX as f64).then_some(Bytes(bytes as u64))
    }
}

/// With the largest unit of which there is one, and at most one digit behind the point.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS.iter().find(|(_, unit)| self.0 >= *unit).unwrap_or(&UNITS[4]);
        let tenths = (self.0 as f64 / *unit as f64 * 10.0).round() / 10.0;
        write!(f, "{tenths} {name}")
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes, or text like \"32 KiB\", \"1.5 GiB\"")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Bytes, E> {
        u64::try_from(value).map(Bytes).map_err(|_| E::custom(format!("{value} bytes are less than none")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        Bytes::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        let read = |text| Bytes::parse(text).map(|bytes| bytes.0);
        assert_eq!(read("32 KiB"), Some(32 << 10));
        assert_eq!(read("1.5GiB"), Some(3 << 29));
        assert_eq!(read("7 B"), Some(7));
        for text in ["", "32", "KiB", "-1 KiB", "32 KB", "many GiB", "1e30 TiB", "NaN B"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_written_with_a_unit() {
        let write = |bytes| Bytes(bytes).to_string();
        assert_eq!(write(0), "0 B");
        assert_eq!(write(48 << 10), "48 KiB");
        assert_eq!(write((3 << 29) + 5), "1.5 GiB");
    }
}
