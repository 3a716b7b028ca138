//! How the process ends: the first signal asks everybody to finish, the second ends it at once.
//!
//! Whoever runs for long is handed the token, stops taking work when it is cancelled and finishes or abandons what it has
//! within [`DRAIN`]; that is shorter than a lease, so no other node takes over what still runs here.

use std::{future::Future, io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
pub use tokio_util::sync::CancellationToken;

/// How long a part may take to finish after the first signal.
pub const DRAIN: Duration = Duration::from_secs(30);

/// What shells report for a process that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// A token that is cancelled by the first SIGTERM or SIGINT; the second ends the process with status 130. Call it once.
pub fn on_signals() -> io::Result<CancellationToken> {
    let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        next(&mut signals).await;
        tracing::info!(drain.seconds = DRAIN.as_secs(), "Shutting down; a second signal ends the process at once");
        asked.cancel();
        next(&mut signals).await;
        tracing::warn!("Ending at once, on a second signal");
        std::process::exit(INTERRUPTED);
    });
    Ok(token)
}

async fn next((terminate, interrupt): &mut (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Waits for `part` to finish, from the moment that `shutdown` is cancelled for at most `limit`. `None`, after a line in the
/// log, when it did not finish in time and was dropped.
pub async fn drain<T>(name: &str, part: impl Future<Output = T>, shutdown: &CancellationToken, limit: Duration) -> Option<T> {
    let deadline = async {
        shutdown.cancelled().await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        biased;
        output = part => Some(output),
        () = deadline => {
            tracing::warn!(part = name, drain.seconds = limit.as_secs(), "A part did not finish in time and was dropped");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn the_first_signal_asks_to_finish() {
        let token = on_signals().unwrap();
        assert!(!token.is_cancelled());
        let status = Command::new("sh").args(["-c", "kill -TERM $0", &std::process::id().to_string()]).status().unwrap();
        assert!(status.success());
        token.cancelled().await;
    }

    #[tokio::test]
    async fn a_part_that_finishes_is_waited_for() {
        let shutdown = CancellationToken::new();
        assert_eq!(drain("part", async { 7 }, &shutdown, Duration::ZERO).await, Some(7));
        shutdown.cancel();
        let part = async {
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(drain("part", part, &shutdown, DRAIN).await, Some(7));
    }

    #[tokio::test]
    async fn a_part_that_hangs_is_dropped() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert_eq!(drain("part", std::future::pending::<()>(), &shutdown, Duration::ZERO).await, None);
    }
}
