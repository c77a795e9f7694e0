//! Measures around the programs: the memory's bandwidth, which `cargo xtask bench` compares them with, and what an operation costs.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command-line program")]

mod measure;
mod overhead;
mod scale;
mod steps;
mod stream;

use std::process::ExitCode;

const HELP: &str = "\
legate-bench stream [--threads N]     memory bandwidth, as JSON
legate-bench overhead                 what an operation costs apart from its work
legate-bench scale [PROGRAM...]       what an operation costs on one rank of a large machine, a JSON object a line
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let all_cores = std::thread::available_parallelism().map_or(1, usize::from);
    match words[..] {
        ["stream"] => println!("{:#}", stream::stream(all_cores)),
        ["stream", "--threads", threads] if threads.parse::<usize>().is_ok_and(|threads| threads > 0) => {
            println!("{:#}", stream::stream(threads.parse().unwrap_or(all_cores)));
        }
        ["scale", ref programs @ ..] => scale::scale(programs),
        ["overhead"] => overhead::overhead(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
