use super::{leaf::choice, section::section};

section! {
    /// What is logged, and how. Logs go to the standard error stream.
    Log {
        /// `text` for people, `json` (an object a line) for machines. Default: text.
        format: Format = Format::Text,
        /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module like
        /// `info,coppice::connector=debug`. Default: info.
        filter: String = "info".to_owned(),
    }
}

choice! {
    /// How a log line is written.
    Format {
        /// For people.
        Text = "text",
        /// For machines: an object a line.
        Json = "json",
    }
}
