//! What the command line asks for.

use super::peers::PEERS;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;

pub(super) const HELP: &str = "\
cargo xtask bench [programs|small|kernels|analysis|ranks|scale] [NAME...] [OPTIONS]

  programs       the five programs of the talk, each run in a process of its own
  small          calls on small arrays
  kernels        one operation or one step of a program at a time
  analysis       what an operation costs one rank of a machine of 1 ... 27,648 ranks, and a controller of all
  ranks          several processes: what they send against the least, weak scaling, latency (bytes:PROGRAM, weak:PROGRAM, latency)
  scale          the last two
                 (none of them: the first three; NAME: only cases with this in their names)

  --quick        few rounds, small sizes, no peers, no bandwidth: a first look
  --rounds N     rounds for each figure (default 5; --quick 3)
  --size N       this size instead of the case's own
  --sizes        several sizes, from inside the caches to far beyond them, and a plot over them
  --threads N    threads of all modules (default: all cores)
  --peers A,B    other libraries to time beside NumPy (default: those that are installed; `--peers none`)
  --setup-peers  makes the environments of the peers (of `--peers`, or all) from the package index, and stops
  --markdown     also writes the table into docs/performance.md
  --no-build     what is installed in .venv, whatever has changed since
  --list         the cases

Writes bench-results/TIME-COMMIT-SUITE.json, .md and .svg.
";

/// A set of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    Programs,
    Small,
    Kernels,
    Analysis,
    Ranks,
}

#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) suites: Vec<Suite>,
    pub(super) names: Vec<String>,
    pub(super) quick: bool,
    rounds: Option<usize>,
    pub(super) size: Option<u64>,
    pub(super) over_sizes: bool,
    pub(super) threads: Option<u32>,
    /// `None`: those that are installed.
    peers: Option<Vec<String>>,
    pub(super) set_up_peers: bool,
    pub(super) markdown: bool,
    pub(super) build: bool,
    pub(super) list: bool,
}

impl Options {
    /// `None` asks for help.
    ///
    /// # Errors
    /// If an option does not exist, or its value makes no sense.
    pub(super) fn parse(arguments: &[OsString]) -> Result<Option<Options>> {
        let mut options = Options {
            suites: Vec::new(),
            names: Vec::new(),
            quick: false,
            rounds: None,
            size: None,
            over_sizes: false,
            threads: None,
            peers: None,
            set_up_peers: false,
            markdown: false,
            build: true,
            list: false,
        };
        let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} wants a value"));
            let number = |text: String| text.parse::<u64>().with_context(|| format!("`{text}` is no number"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.quick = true,
                "--rounds" => options.rounds = Some(usize::try_from(number(value()?)?)?.max(1)),
                "--size" => options.size = Some(number(value()?)?),
                "--threads" => options.threads = Some(u32::try_from(number(value()?)?)?),
                "--sizes" => options.over_sizes = true,
                "--peers" => options.peers = Some(named_peers(&value()?)?),
                "--setup-peers" => options.set_up_peers = true,
                "--markdown" => options.markdown = true,
                "--no-build" => options.build = false,
                "--list" => options.list = true,
                flag if flag.starts_with('-') => bail!("no option {flag}\n\n{HELP}"),
                "programs" => options.suites.push(Suite::Programs),
                "small" => options.suites.push(Suite::Small),
                "kernels" => options.suites.push(Suite::Kernels),
                "analysis" => options.suites.push(Suite::Analysis),
                "scale" => options.suites.extend([Suite::Analysis, Suite::Ranks]),
                "ranks" => options.suites.push(Suite::Ranks),
                _ => options.names.push(word),
            }
        }
        ensure!(options.size.is_none() || !options.names.is_empty(), "--size wants the name of a case");
        ensure!(options.names.is_empty() || options.suites.len() == 1, "a name wants its suite: {}", options.names[0]);
        if options.suites.is_empty() {
            options.suites = vec![Suite::Programs, Suite::Small, Suite::Kernels];
        }
        Ok(Some(options))
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    /// Whether a case of this name is asked for: a whole name chooses one case, part of a name all that have it.
    pub(super) fn wants(&self, name: &str, all: &[&str]) -> bool {
        let is_meant = |word: &String| if all.contains(&word.as_str()) { word == name } else { name.contains(word) };
        self.names.is_empty() || self.names.iter().any(is_meant)
    }

    /// Names of the peers that are asked for, in the order of [`PEERS`]; `installed` tells which there are.
    pub(super) fn peers(&self, installed: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let is_wanted = |name: &str| match &self.peers {
            Some(names) => names.iter().any(|wanted| wanted == name),
            None => !self.quick && installed(name),
        };
        PEERS.iter().map(|peer| peer.name).filter(|name| is_wanted(name)).collect()
    }

    /// The peers to install.
    pub(super) fn peers_to_set_up(&self) -> Vec<&'static str> {
        let is_wanted = |name: &str| self.peers.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == name));
        PEERS.iter().map(|peer| peer.name).filter(|name| is_wanted(name)).collect()
    }
}

fn named_peers(text: &str) -> Result<Vec<String>> {
    let names: Vec<String> = text.split(',').filter(|name| *name != "none").map(str::to_owned).collect();
    let known: Vec<&str> = PEERS.iter().map(|peer| peer.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => bail!("no peer {unknown}; there are {}", known.join(", ")),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Options>> {
        Options::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn parsed(words: &[&str]) -> Options {
        parse(words).expect("right").expect("no help")
    }

    #[test]
    fn options_are_read_and_checked() {
        let options = parsed(&["programs", "heat", "--size", "500", "--rounds", "7"]);
        assert_eq!((options.size, options.rounds()), (Some(500), 7));
        assert_eq!(options.suites, [Suite::Programs]);
        assert_eq!(parsed(&[]).suites.len(), 3);
        assert_eq!(parsed(&["scale"]).suites, [Suite::Analysis, Suite::Ranks]);
        assert_eq!(parsed(&["kernels", "--quick"]).rounds(), 3);
        for wrong in [&["kernels", "--size", "500"][..], &["--rounds"], &["--fast"], &["--peers", "fortran"], &["heat"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(parse(&["--help"]).expect("right"), None);
    }

    #[test]
    fn a_whole_name_chooses_one_case_and_a_part_several() {
        let all = ["sum", "cumsum", "sum_axis0"];
        let chosen = |words: &[&str]| {
            let options = parsed(words);
            all.into_iter().filter(|name| options.wants(name, &all)).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&["kernels", "sum"]), ["sum"]);
        assert_eq!(chosen(&["kernels", "axis"]), ["sum_axis0"]);
        assert_eq!(chosen(&["kernels", "um"]), all);
    }

    #[test]
    fn peers_are_those_asked_for_or_those_there() {
        assert_eq!(parsed(&["--peers", "dask,jax"]).peers(|_| false), ["jax", "dask"]);
        assert_eq!(parsed(&[]).peers(|name| name == "numba"), ["numba"]);
        assert!(parsed(&["--quick"]).peers(|_| true).is_empty());
        assert!(parsed(&["--peers", "none"]).peers(|_| true).is_empty());
    }
}
