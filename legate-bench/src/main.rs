//! Measures what the programs' times are compared with; `cargo xtask bench` reads what this prints.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command-line program")]

mod measure;
mod stream;

use std::process::ExitCode;

const HELP: &str = "\
legate-bench stream [--threads N]     memory bandwidth, as JSON
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let all_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let value = match words[..] {
        ["stream"] => stream::stream(all_cores),
        ["stream", "--threads", threads] if threads.parse::<usize>().is_ok_and(|threads| threads > 0) => {
            stream::stream(threads.parse().unwrap_or(all_cores))
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::FAILURE;
        }
    };
    println!("{value:#}");
    ExitCode::SUCCESS
}
