use std::time::Duration;

use super::section::section;
use crate::secret::Secret;

section! {
    /// How certificates are e-mailed to their accounts' administrators.
    Mail {
        /// The mail server, like `smtps://user:password@mail.example:465` or `smtp://mail.example:587?tls=required`. Default:
        /// none, and no e-mail is sent.
        url: Option<Secret> = None,
        /// The sender of e-mails, like `Coppice <forest@example.com>`.
        from: String = "Coppice <coppice@localhost>".to_owned(),
        /// The longest that one step of sending may take. Duration; default 30s.
        timeout: Duration = Duration::from_secs(30),
    }
}

impl Mail {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if self.timeout.is_zero() {
            problems.push("`mail.timeout` must be longer than nothing".to_owned());
        }
    }
}
