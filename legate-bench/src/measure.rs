//! Taking times.

use std::time::Instant;

/// The shortest of several runs, in seconds, after one that is not counted. The shortest, because what disturbs a run only lengthens it.
pub(crate) fn best_seconds(rounds: usize, mut action: impl FnMut()) -> f64 {
    action();
    let times = (0..rounds).map(|_| {
        let start = Instant::now();
        action();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}
