//! `cargo xtask bench`: how fast, against NumPy and others, and against the memory bandwidth of the machine.
//!
//! Machines differ from minute to minute (shared hosts, clock rates), so that only times taken side by side are compared: in each round all
//! libraries work in turn, and the round gives one ratio for each. Tables show the median of the ratios and their range.
//!
//! In reading order: [`options`]; the suites [`programs`] (with [`measure`]), [`small`], [`kernels`] (with [`rounds`], [`worker`], [`checksum`], [`import`]), [`analysis`], [`ranks`];
//! [`peers`], [`bandwidth`], [`spread`]; [`table`], [`plot`] and [`results`] for what is shown and kept.

mod analysis;
mod bandwidth;
mod checksum;
mod import;
mod kernels;
mod measure;
mod options;
mod peers;
mod plot;
mod programs;
mod ranks;
mod results;
mod rounds;
mod small;
mod spread;
mod table;
mod worker;

use crate::package::{self, Extras};
use crate::workspace::Workspace;
use anyhow::Result;
use bandwidth::Bandwidth;
use options::{HELP, Options, Suite};
use std::ffi::OsString;

/// Measures what is asked for, prints tables, writes files.
///
/// # Errors
/// If something does not run, or its result is not NumPy's.
pub(crate) fn bench(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    if options.set_up_peers {
        return peers::set_up(workspace, &options.peers_to_set_up());
    }
    let on_data = options.suites.iter().any(|suite| !matches!(suite, Suite::Analysis | Suite::Ranks));
    if options.build && on_data {
        package::ensure_installed(workspace, Extras::None)?;
    }
    let wants_bandwidth = on_data && !options.quick && !options.list;
    let bandwidth =
        if wants_bandwidth { Some(Bandwidth::measure(workspace, options.threads, options.build)?) } else { None };
    if let Some(bandwidth) = &bandwidth {
        println!("memory bandwidth (triad, 24 bytes per element): {bandwidth}");
    }
    for suite in &options.suites {
        println!();
        let report = match suite {
            Suite::Programs => programs::measure(workspace, &options, bandwidth.as_ref())?,
            Suite::Analysis => analysis::measure(workspace, &options)?,
            Suite::Ranks => ranks::measure(workspace, &options)?,
            Suite::Small => small::measure(workspace, &options)?,
            Suite::Kernels => kernels::measure(workspace, &options, bandwidth.as_ref())?,
        };
        if !options.list {
            results::write(workspace, &report, bandwidth.as_ref(), options.markdown)?;
        }
    }
    Ok(())
}
