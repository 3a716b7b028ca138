//! The standard output.

use std::{fmt::Display, io::Write as _};

/// Prints a result on lines of its own. A reader that has gone away is no failure of ours.
pub(super) fn print(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
