//! Running other programs: shown before they start, named when they fail.

use anyhow::{Context, Result, anyhow, bail};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a command with our own input and output.
///
/// # Errors
/// If it cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", display(command));
    let status = command.status().with_context(|| format!("could not start {}", name(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", display(command));
    }
    Ok(())
}

/// Runs a command with our own input and output, and ends it after a time: a test that hangs is a failure, not a wait.
///
/// # Errors
/// If it cannot be started, exits with a status that is not in `accepted`, or the time is over.
pub(crate) fn run_within(limit: Duration, accepted: &[i32], command: &mut Command) -> Result<()> {
    eprintln!("$ {}", display(command));
    let mut child = command.spawn().with_context(|| format!("could not start {}", name(command)))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let is_accepted = status.code().is_some_and(|code| accepted.contains(&code));
            return if is_accepted { Ok(()) } else { Err(anyhow!("`{}` failed: {status}", display(command))) };
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("`{}` was ended after {} s", display(command), limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command and returns what it printed; its error output goes to ours.
///
/// # Errors
/// If it cannot be started, does not exit with 0, or prints something else than UTF-8.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("could not start {}", name(command)))?;
    let text = String::from_utf8(output.stdout).with_context(|| format!("output of {}", name(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}\n{text}", display(command), output.status);
    }
    Ok(text)
}

/// Whether a command starts and exits with 0; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Becomes the command, so that signals, the terminal and the exit status are its own. Returns only if that fails.
pub(crate) fn become_command(command: &mut Command) -> anyhow::Error {
    let error = command.exec();
    anyhow::Error::new(error).context(format!("could not start {}", name(command)))
}

/// The command as one would type it, for messages.
pub(crate) fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted: Vec<String> = words.map(|word| quote(&word.to_string_lossy())).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let error = run(Command::new("false").arg("a b")).expect_err("false fails");
        assert!(error.to_string().starts_with("`false 'a b'` failed"), "{error}");
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let error =
            run_within(Duration::from_millis(50), &[0], Command::new("sleep").arg("60")).expect_err("it takes longer");
        assert!(error.to_string().contains("was ended"), "{error}");
        run_within(Duration::from_secs(60), &[0], &mut Command::new("true")).expect("it ends at once");
    }

    #[test]
    fn a_missing_command_is_named() {
        let error = capture(&mut Command::new("no-such-command")).expect_err("it does not exist");
        assert!(error.to_string().contains("could not start no-such-command"), "{error}");
    }
}
