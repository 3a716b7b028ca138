//! Where log lines go: the standard error stream, as text for people or as JSON for machines, so that standard output stays
//! free for what a command answers.

use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, util::SubscriberInitExt as _};

use crate::config::{Format, Log};

/// Crates that log each statement, poll or connection: only their warnings, unless `log.filter` names them.
const QUIET: &str = "sqlx=warn,sea_orm=warn,sea_orm_migration=warn,apalis=warn,apalis_core=warn,apalis_sql=warn,apalis_sqlite=warn,\
     apalis_postgres=warn,hyper=warn,hyper_util=warn,h2=warn,reqwest=warn,rustls=warn,tower=warn,tower_http=warn";

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` is not a filter.
    #[error("`log.filter` is not a list of levels, or of module=level, with commas between")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// This process logs already.
    #[error("the log is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up the log of this process; once, before anything is logged.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    subscriber(log, io::stderr, io::stderr().is_terminal())?.try_init().map_err(TelemetryError::Twice)
}

fn subscriber<W>(log: &Log, writer: W, colours: bool) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A later directive replaces an earlier one for the same target, so the operator has the last word.
    let filter = EnvFilter::builder().parse(format!("{QUIET},{}", log.filter)).map_err(TelemetryError::Filter)?;
    // Told of a log that nobody reads any more (a pipe whose reader has ended), it would print to that same pipe, and panic within the
    // request or the collection.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    Ok(match log.format {
        Format::Text => Box::new(builder.with_ansi(colours).finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, filter: &str) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let log = Log { format, filter: filter.to_owned() };
        tracing::subscriber::with_default(subscriber(&log, move || writer.clone(), false).unwrap(), || {
            tracing::info!(run.id = "run_1", "A run ended");
            tracing::info!(target: "sqlx::query", "SELECT 1");
            tracing::debug!("details");
        });
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_is_a_line_for_people_without_the_drivers_noise() {
        let text = logged(Format::Text, "info");
        assert!(text.contains("INFO") && text.contains("A run ended run.id=\"run_1\""), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn json_is_an_object_a_line() {
        let text = logged(Format::Json, "info");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["run.id"]), (&"A run ended".into(), &"run_1".into()));
    }

    #[test]
    fn the_operator_has_the_last_word() {
        assert_eq!(logged(Format::Text, "debug,sqlx=info").lines().count(), 3);
        assert_eq!(logged(Format::Text, "error").lines().count(), 0);
        let log = Log { format: Format::Text, filter: "coppice=loud".to_owned() };
        assert!(matches!(subscriber(&log, io::stderr, false), Err(TelemetryError::Filter(_))));
    }
}
