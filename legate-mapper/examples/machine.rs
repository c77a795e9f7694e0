//! Shows the machine as policies see it: `cargo run -p legate-mapper --example machine [FILE.toml]`.
#![expect(clippy::print_stdout, reason = "showing is what it is for")]

use legate_mapper::Machine;

fn main() -> legate_mapper::Result<()> {
    let started = std::time::Instant::now();
    let machine = match std::env::args_os().nth(1) {
        Some(path) => Machine::from_file(path)?,
        None => Machine::detect(),
    };
    println!("{machine}");
    println!("one of 2    {:?}", machine.view(2));
    println!("read in     {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
