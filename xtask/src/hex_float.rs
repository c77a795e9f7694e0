//! Reads what Python's `float.hex()` writes.

/// The value of `-0x1.8p+3`; `None` if the text is not of that form.
pub(crate) fn parse(text: &str) -> Option<f64> {
    match text {
        "inf" => return Some(f64::INFINITY),
        "-inf" => return Some(f64::NEG_INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (mantissa, exponent) = digits.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if fraction.len() > 13 {
        return None; // not written by float.hex(): more than the 52 bits of a float
    }
    let integer = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent = exponent.parse::<i32>().ok()? - 4 * i32::try_from(fraction.len()).ok()?;
    // Two factors, since 2^exponent alone can be below the smallest float where the product is not. Both products are exact.
    let half = exponent / 2;
    Some(sign * integer as f64 * 2f64.powi(half) * 2f64.powi(exponent - half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_python_writes() {
        let cases = [
            ("0x0.0p+0", 0.0),
            ("0x1.8000000000000p+3", 12.0),
            ("-0x1.999999999999ap-4", -0.1),
            ("0x1.fffffffffffffp+1023", f64::MAX),
            ("0x0.0000000000001p-1022", 5e-324),
            ("0x1.0000000000000p-1022", f64::MIN_POSITIVE),
        ];
        for (text, value) in cases {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        assert!(parse("nan").is_some_and(f64::is_nan));
        assert_eq!(parse("12.5"), None);
        assert_eq!(parse("0x1.8"), None);
    }
}
