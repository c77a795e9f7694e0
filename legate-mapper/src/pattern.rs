//! Patterns of names: `*` stands for any text, `?` for any one character.

/// A pattern; matches whole names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Pattern(String);

impl Pattern {
    #[cfg(test)]
    pub(crate) fn new(text: &str) -> Pattern {
        Pattern(text.to_owned())
    }

    /// Whether the name is of the pattern. Takes time proportional to the product of the two lengths at worst.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where to go on if the text stands against the pattern: behind the last star, with the star one character longer.
        let mut retry = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    retry = Some((p + 1, n));
                    p += 1;
                }
                Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
                _ => match retry {
                    Some((behind_star, from)) => {
                        (p, n) = (behind_star, from + 1);
                        retry = Some((p, n));
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|&c| c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let cases = [
            ("add", "add", true),
            ("add", "addx", false),
            ("*", "", true),
            ("a*", "a", true),
            ("*mul*", "matmul.f64", true),
            ("*.f64", "matmul.f64.f32", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("f?4", "fä4", true),
            ("?", "", false),
            ("", "", true),
            ("", "a", false),
            ("**a", "ba", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }
}
