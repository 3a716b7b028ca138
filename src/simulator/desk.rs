//! What the three vendors' desks share: a request understood, an answer, the clerk's view of the world.

use std::collections::HashMap;

use axum::http::HeaderMap;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use super::{
    fault::Kind,
    fleet::Fleet,
    printing::{below, mix},
    spec::ServerSpec,
    tokens::Tokens,
};
use crate::clock::{Instant, from_millis};

/// A request of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) customer: Option<String>,
    pub(super) first_day: Option<NaiveDate>,
    pub(super) last_day: Option<NaiveDate>,
    pub(super) managed_only: bool,
    pub(super) page: usize,
    pub(super) rows: usize,
    /// The fields of a form (3manager's token).
    pub(super) form: HashMap<String, String>,
}

impl Call {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            customer: None,
            first_day: None,
            last_day: None,
            managed_only: false,
            page: 1,
            rows: 100,
            form: HashMap::new(),
        }
    }

    /// The items of the page asked for.
    pub(super) fn slice<'a, T>(&self, all: &'a [T]) -> &'a [T] {
        let start = self.page.saturating_sub(1).saturating_mul(self.rows).min(all.len());
        let end = start.saturating_add(self.rows).min(all.len());
        all.get(start..end).unwrap_or_default()
    }
}

/// A request that is no read of the contract: the status to answer and what is wrong.
pub(super) type Misuse = (u16, String);

/// A status and a JSON body.
pub(super) type Answer = (u16, String);

/// What an answer depends on.
pub(super) struct Desk<'a> {
    pub(super) index: usize,
    pub(super) spec: &'a ServerSpec,
    pub(super) fleet: &'a Fleet,
    pub(super) now: Instant,
    pub(super) headers: &'a HeaderMap,
    pub(super) tokens: &'a Tokens,
    /// Whether the answer may not reach the client because of a fault.
    pub(super) shaky: bool,
}

impl Desk<'_> {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The fields of a query string or form; the last of a name wins.
pub(super) fn fields(text: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// A day given as `YYYY-MM-DD`.
pub(super) fn day(fields: &HashMap<String, String>, name: &str) -> Result<NaiveDate, Misuse> {
    let text = fields.get(name).ok_or_else(|| (400, format!("{name} is missing")))?;
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.to_string() == *text);
    day.ok_or_else(|| (400, format!("{name} is not a day: {text}")))
}

/// A number from 1 on, such as a page's.
pub(super) fn count(fields: &HashMap<String, String>, name: &str, default: usize) -> Result<usize, Misuse> {
    fields.get(name).map_or(Ok(default), |text| {
        text.parse().ok().filter(|n| *n >= 1).ok_or_else(|| (400, format!("{name} is not a number from 1 on: {text}")))
    })
}

/// An instant as the vendors write it.
pub(super) fn time(millis: i64) -> String {
    let instant: DateTime<Utc> = from_millis(millis);
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The last instant written: devices of a customer are mostly read at the same time.
#[derive(Default)]
pub(super) struct Times {
    last: Option<(i64, String)>,
}

impl Times {
    /// An instant as the vendors write it.
    pub(super) fn of(&mut self, millis: i64) -> &str {
        let fresh = self.last.take().filter(|(last, _)| *last == millis).unwrap_or_else(|| (millis, time(millis)));
        &self.last.insert(fresh).1
    }
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Made-up details of a device that nobody may keep.
pub(super) struct Clutter {
    pub(super) serial: u64,
    pub(super) address: [i64; 2],
    pub(super) model: &'static str,
    pub(super) scans: i64,
    pub(super) faxes: i64,
}

impl Clutter {
    pub(super) fn of(key: u64, total: i64) -> Self {
        const MODELS: [&str; 5] = ["LaserWriter 8500", "bizhub C458", "imageRUNNER 2630", "ECOSYS M3655", "WorkCentre 7835"];
        let model = usize::try_from(below(key >> 8, 5)).ok().and_then(|index| MODELS.get(index)).copied().unwrap_or("unknown");
        let serial = mix(&[key, 1]);
        Self {
            serial,
            address: [below(serial, 256), below(serial >> 8, 254) + 1],
            model,
            scans: total / 11,
            faxes: total / 997,
        }
    }
}
