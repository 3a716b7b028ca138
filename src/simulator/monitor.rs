//! What a server has been asked, and what the contract does not allow.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::NaiveDate;

use super::fault::Kind;
use crate::clock::Instant;

/// A client that gives up a request and asks anew may be seen to ask before it is seen to have given up; this much later it
/// counts as two at once. Real time.
const GRACE: Duration = Duration::from_secs(1);

/// How many violations are kept for each server.
const VIOLATIONS: usize = 1_000;

/// One request as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// When (simulated).
    pub at: Instant,
    /// What kind.
    pub kind: Kind,
    /// Whose data was asked for.
    pub customer: Option<String>,
    /// From which day on: Printanista's `startDate`, 3manager's `date`.
    pub first_day: Option<NaiveDate>,
    /// Up to which day: Printanista's `endDate`, 3manager's `date`.
    pub last_day: Option<NaiveDate>,
    /// Only managed devices (Printanista's second report).
    pub managed_only: bool,
    /// The status answered; 0 if the connection was closed instead.
    pub status: u16,
    /// Whether a fault rule hit it.
    pub faulty: bool,
}

/// Counts of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Connections accepted, TLS or not.
    pub connections: u64,
    /// Requests by kind.
    pub by_kind: BTreeMap<Kind, u64>,
    /// Answers by status; 0: the connection was closed instead.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests hit by a fault rule.
    pub faults: u64,
    /// The most requests for customers' data that were out at once. The contract allows 1.
    pub max_data_in_flight: usize,
}

impl ServerStats {
    /// All requests.
    pub fn requests(&self) -> u64 {
        self.by_kind.values().sum()
    }
}

#[derive(Debug, Default)]
struct Book {
    stats: ServerStats,
    violations: Vec<String>,
    records: VecDeque<RequestRecord>,
    next: u64,
    /// Requests for data that are out: since when another is out too, and how many at most.
    out: HashMap<u64, Option<(std::time::Instant, usize)>>,
}

/// The books of one server.
#[derive(Debug)]
pub(super) struct Monitor {
    name: String,
    keep: usize,
    book: Mutex<Book>,
}

impl Monitor {
    pub(super) fn new(name: String, keep: usize) -> Arc<Self> {
        Arc::new(Self { name, keep, book: Mutex::default() })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connected(&self) {
        self.book().stats.connections += 1;
    }

    pub(super) fn violation(&self, text: &str) {
        let mut book = self.book();
        if book.violations.len() < VIOLATIONS {
            book.violations.push(format!("{}: {text}", self.name));
        }
    }

    /// Counts a request; the answer lasts as long as the request for data is out.
    pub(super) fn begin(self: &Arc<Self>, kind: Kind) -> InFlight {
        let mut book = self.book();
        *book.stats.by_kind.entry(kind).or_default() += 1;
        if kind != Kind::Data {
            return InFlight { monitor: None, number: 0, answered: false };
        }
        let others = book.out.len();
        for overlap in book.out.values_mut() {
            let (_, depth) = overlap.get_or_insert_with(|| (std::time::Instant::now(), 0));
            *depth = (*depth).max(others + 1);
        }
        book.stats.max_data_in_flight = book.stats.max_data_in_flight.max(1);
        book.next += 1;
        let number = book.next;
        book.out.insert(number, None);
        InFlight { monitor: Some(Arc::clone(self)), number, answered: false }
    }

    pub(super) fn record(&self, record: RequestRecord) {
        let mut book = self.book();
        *book.stats.by_status.entry(record.status).or_default() += 1;
        book.stats.faults += u64::from(record.faulty);
        if self.keep > 0 {
            if book.records.len() >= self.keep {
                book.records.pop_front();
            }
            book.records.push_back(record);
        }
    }

    pub(super) fn stats(&self) -> ServerStats {
        self.settle();
        self.book().stats.clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.settle();
        self.book().violations.clone()
    }

    pub(super) fn records(&self) -> Vec<RequestRecord> {
        self.book().records.iter().cloned().collect()
    }

    /// Judges overlaps that still last.
    fn settle(&self) {
        let lasting: Vec<usize> = {
            let mut book = self.book();
            let old = book.out.values_mut().filter(|overlap| overlap.is_some_and(|(since, _)| since.elapsed() > GRACE));
            old.filter_map(Option::take).map(|(_, depth)| depth).collect()
        };
        for depth in lasting {
            self.overlapped(depth);
        }
    }

    fn overlapped(&self, depth: usize) {
        self.violation(&format!("{depth} requests for customers' data at a time"));
        let mut book = self.book();
        book.stats.max_data_in_flight = book.stats.max_data_in_flight.max(depth);
    }
}

/// A request that is out, until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    monitor: Option<Arc<Monitor>>,
    number: u64,
    answered: bool,
}

impl InFlight {
    /// The server has done its part; without this the client is taken to have given up.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(monitor) = self.monitor.take() else { return };
        let overlap = monitor.book().out.remove(&self.number).flatten();
        if let Some((since, depth)) = overlap
            && (self.answered || since.elapsed() > GRACE)
        {
            monitor.overlapped(depth);
        }
    }
}
