use std::path::PathBuf;

use super::section::section;
use crate::secret::Secret;

section! {
    /// The keys that seal vendors' credentials and signing keys: the first seals, all of them open.
    Keys {
        /// The file that holds the keys, one a line. Default: the database's file with the ending `.keys`, made on first
        /// start with mode 0600; PostgreSQL, or an address that is not loopback, needs a file or keys that an operator made.
        file: Option<PathBuf> = None,
        /// The keys themselves, each written like a line of the file, instead of `file`; best given by the environment.
        /// Default: none.
        values: Vec<Secret> = Vec::new(),
    }
}

impl Keys {
    /// Whether the operator says where the keys are, rather than leaving it to the default.
    pub fn are_given(&self) -> bool {
        self.file.is_some() || !self.values.is_empty()
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if self.file.is_some() && !self.values.is_empty() {
            problems.push("`keys.file` and `keys.values` are both given; only one of them can be".to_owned());
        }
    }
}
