//! What goes wrong with a server's answers, and when.

use std::time::Duration;

use super::{
    printing::{below, mix},
    spec::Window,
};
use crate::clock::Instant;

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Printanista's status, MPS Monitor's dealer; and 3manager's organization list when read with `pageSize=1`.
    Health,
    /// 3manager's token endpoint.
    Token,
    /// 3manager's organization list.
    CustomerList,
    /// One customer's data.
    Data,
    /// Anything that is no read of the contract.
    Other,
}

/// How a `Retry-After` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// Not at all.
    Absent,
    /// In seconds.
    Seconds(u32),
    /// As an HTTP date so many seconds from the simulated now.
    Date(u32),
}

/// How a body does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// A page of HTML.
    Html,
    /// An empty JSON object.
    Empty,
    /// A required field goes by another name.
    MissingField,
    /// A number is a text.
    WrongType,
    /// A number of pages is negative.
    Negative,
}

/// One fault: a row of the contract's table of common answers, or worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Credentials refused the way this vendor does: Printanista 401; 3manager 400 `invalid_grant` for a token, else 401; MPS
    /// Monitor 200 with `InvalidDealerToken`.
    CredentialsRefused,
    /// A bare 401.
    Unauthorized,
    /// 403 `insufficient_permissions`.
    InsufficientPermissions,
    /// 403 `report_not_enabled`.
    ReportNotEnabled,
    /// 404 `customer_not_found`; MPS Monitor: 200 with `CustomerNotFound`.
    NotFound,
    /// 429.
    TooManyRequests(RetryAfter),
    /// 503.
    Unavailable(RetryAfter),
    /// Another status, such as 500, 502 or 504, with an HTML body.
    Status(u16),
    /// The right answer, cut off in the middle.
    CutBody,
    /// 200 with a body that does not fit.
    Misfit(Misfit),
    /// The right answer after this long.
    Slow(Duration),
    /// The right answer at once but its body byte by byte, with this pause before each.
    Drip(Duration),
    /// The request is read and the connection closed without an answer.
    Drop,
    /// The server is down: every connection is closed at once, open ones too. Ignores the rule's kinds and customer; its count
    /// is of connections.
    Down,
    /// New connections are shown a certificate of another authority and open ones are closed. As [`Fault::Down`] otherwise.
    WrongCertificate,
    /// 302 to a path of the same server; following it is a violation.
    Redirect,
    /// 200 with a small gzip body of 64 MiB.
    GzipBomb,
    /// 200 with a body that never ends.
    Flood,
    /// MPS Monitor: 200 with `IsValid:false` and this code (`InvalidDealerToken`, `CustomerNotFound`, `TooManyRequests`, any).
    /// Elsewhere the same body, which does not fit.
    Invalid(String),
}

impl Fault {
    /// Whether it acts on connections, not on requests.
    pub(super) const fn is_of_connections(&self) -> bool {
        matches!(self, Self::Down | Self::WrongCertificate)
    }
}

/// When a fault happens. Rules are tried in order; the first that applies decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// What happens.
    pub fault: Fault,
    /// To which kinds of requests; empty: to all.
    pub kinds: Vec<Kind>,
    /// Only to data of this customer (external id).
    pub customer: Option<String>,
    /// Only in this (simulated) time.
    pub window: Window,
    /// So many fitting requests pass first.
    pub skip: u32,
    /// So many are hit then; `None`: all.
    pub times: Option<u32>,
    /// Thousandths of those that are really hit, drawn from the fleet's seed and the number of the fitting request.
    pub permille: u16,
}

impl FaultRule {
    /// Always, to every request.
    pub const fn new(fault: Fault) -> Self {
        Self { fault, kinds: Vec::new(), customer: None, window: Window::ALWAYS, skip: 0, times: None, permille: 1000 }
    }

    /// Only to requests of these kinds.
    #[must_use]
    pub fn on(mut self, kinds: impl Into<Vec<Kind>>) -> Self {
        self.kinds = kinds.into();
        self
    }

    /// Only to requests for data of one customer.
    #[must_use]
    pub fn customer(mut self, external_id: impl Into<String>) -> Self {
        self.kinds = vec![Kind::Data];
        self.customer = Some(external_id.into());
        self
    }

    /// Only within a window of simulated time.
    #[must_use]
    pub const fn within(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Only from the fitting request after `skip` ones.
    #[must_use]
    pub const fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Only so many times.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only by chance, in thousandths.
    #[must_use]
    pub const fn permille(mut self, permille: u16) -> Self {
        self.permille = permille;
        self
    }
}

/// The rules of one server and how often each has fitted and hit.
#[derive(Debug, Default)]
pub(super) struct FaultBook {
    seed: u64,
    rules: Vec<(FaultRule, u32, u32)>,
}

impl FaultBook {
    pub(super) fn new(seed: u64, rules: &[FaultRule]) -> Self {
        Self { seed, rules: rules.iter().map(|rule| (rule.clone(), 0, 0)).collect() }
    }

    pub(super) fn set(&mut self, fault: Option<Fault>) {
        self.rules = fault.map(|fault| (FaultRule::new(fault), 0, 0)).into_iter().collect();
    }

    pub(super) fn add(&mut self, rule: FaultRule) {
        self.rules.push((rule, 0, 0));
    }

    /// The fault of a request, counted.
    pub(super) fn of_request(&mut self, now: Instant, kind: Kind, customer: Option<&str>) -> Option<Fault> {
        for index in 0..self.rules.len() {
            let Some((rule, _, hits)) = self.rules.get(index) else { break };
            if rule.fault.is_of_connections() {
                // An open connection does not outlive its server; the count is that of connections.
                if rule.window.contains(now) && rule.times.is_none_or(|times| *hits < times) {
                    return Some(rule.fault.clone());
                }
            } else if (rule.kinds.is_empty() || rule.kinds.contains(&kind))
                && rule.customer.as_deref().is_none_or(|wanted| customer == Some(wanted))
                && self.hit(index, now)
            {
                return self.rules.get(index).map(|(rule, ..)| rule.fault.clone());
            }
        }
        None
    }

    /// The fault of a new connection, counted.
    pub(super) fn of_connection(&mut self, now: Instant) -> Option<Fault> {
        (0..self.rules.len())
            .find(|index| {
                self.rules.get(*index).is_some_and(|(rule, ..)| rule.fault.is_of_connections()) && self.hit(*index, now)
            })
            .and_then(|index| self.rules.get(index).map(|(rule, ..)| rule.fault.clone()))
    }

    fn hit(&mut self, index: usize, now: Instant) -> bool {
        let seed = mix(&[self.seed, index as u64]);
        let Some((rule, fitted, hits)) = self.rules.get_mut(index) else { return false };
        if !rule.window.contains(now) || rule.times.is_some_and(|times| *hits >= times) {
            return false;
        }
        *fitted += 1;
        let hit = *fitted > rule.skip && below(mix(&[seed, u64::from(*fitted)]), 1000) < i64::from(rule.permille);
        *hits += u32::from(hit);
        hit
    }
}
