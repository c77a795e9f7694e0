//! A list of steps, each timed; a failing step does not keep the next from running, so that one run shows all that is wrong.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// Steps done so far.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    time: Duration,
    error: Option<anyhow::Error>,
}

impl Report {
    /// Runs one step. Returns whether it succeeded.
    pub(crate) fn step(&mut self, name: impl Into<String>, action: impl FnOnce() -> Result<()>) -> bool {
        let name = name.into();
        println!("\n──── {name}");
        let start = Instant::now();
        let error = action().err();
        if let Some(error) = &error {
            println!("FAILED {name}: {error:#}");
        }
        let succeeded = error.is_none();
        self.steps.push(Step { name, time: start.elapsed(), error });
        succeeded
    }

    /// Prints a line per step.
    ///
    /// # Errors
    /// If a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n──── summary");
        for step in &self.steps {
            let outcome = if step.error.is_some() { "FAILED" } else { "ok" };
            println!("{outcome:>6} {:7.1} s  {}", step.time.as_secs_f64(), step.name);
        }
        let total: Duration = self.steps.iter().map(|step| step.time).sum();
        println!("       {:7.1} s", total.as_secs_f64());
        let failed: Vec<&str> =
            self.steps.iter().filter(|step| step.error.is_some()).map(|step| step.name.as_str()).collect();
        if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_after_a_failure_run_and_the_report_fails() {
        let mut report = Report::default();
        assert!(!report.step("one", || bail!("broken")));
        let mut ran = false;
        assert!(report.step("two", || {
            ran = true;
            Ok(())
        }));
        assert!(ran);
        assert_eq!(report.finish().expect_err("one failed").to_string(), "failed: one");
    }
}
