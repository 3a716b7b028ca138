//! What is simulated, as plain data: servers, their customers, the customers' devices and everything that goes wrong with them.
//!
//! A [`FleetSpec`] is built by hand or by [`FleetSpec::generate`]. Every instant and day in it is absolute, so the same spec
//! always gives the same answers at the same time.

use std::ops::{Add, AddAssign, Sub};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::fault::FaultRule;
use crate::clock::Instant;

/// The vendors, in the simulator's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vendor {
    /// Printanista: totals between two dates.
    Printanista,
    /// 3manager: counters per device, of today or a past day.
    ThreeManager,
    /// MPS Monitor: current counters per device.
    MpsMonitor,
}

impl Vendor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Printanista, Self::ThreeManager, Self::MpsMonitor];

    /// Its name as the API spells it: `PRINTANISTA`, `THREE_MANAGER`, `MPS_MONITOR`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Printanista => "PRINTANISTA",
            Self::ThreeManager => "THREE_MANAGER",
            Self::MpsMonitor => "MPS_MONITOR",
        }
    }
}

/// What a client has to show; made up, so it may be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// HTTP Basic and `X-Api-Key`.
    Printanista {
        /// The user's name.
        username: String,
        /// The user's password.
        password: String,
        /// The API key.
        api_key: String,
    },
    /// OAuth 2.0 with the password grant.
    ThreeManager {
        /// The user's name.
        username: String,
        /// The user's password.
        password: String,
    },
    /// A dealer token.
    MpsMonitor {
        /// The token, a GUID.
        dealer_token: String,
    },
}

impl Access {
    /// The vendor that asks for this.
    pub const fn vendor(&self) -> Vendor {
        match self {
            Self::Printanista { .. } => Vendor::Printanista,
            Self::ThreeManager { .. } => Vendor::ThreeManager,
            Self::MpsMonitor { .. } => Vendor::MpsMonitor,
        }
    }
}

/// Pages by meter: what was printed, or where counters stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    /// Sides up to letter, A4 or legal.
    pub small: i64,
    /// Sides of A3 or 11x17 and up.
    pub large: i64,
    /// Sheets printed on both sides.
    pub duplex: i64,
}

impl Totals {
    /// No pages.
    pub const ZERO: Self = Self::new(0, 0, 0);

    /// Small, large and duplex.
    pub const fn new(small: i64, large: i64, duplex: i64) -> Self {
        Self { small, large, duplex }
    }

    /// Each meter by itself through `f`.
    #[must_use]
    pub fn zip(self, other: Self, f: impl Fn(i64, i64) -> i64) -> Self {
        Self::new(f(self.small, other.small), f(self.large, other.large), f(self.duplex, other.duplex))
    }
}

impl Add for Totals {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Totals {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl std::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// From an instant (included) to another (excluded); `None` is open. The default is always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The first instant in it.
    pub from: Option<Instant>,
    /// The first instant after it.
    pub until: Option<Instant>,
}

impl Window {
    /// Always.
    pub const ALWAYS: Self = Self { from: None, until: None };

    /// Between two instants.
    pub const fn between(from: Instant, until: Instant) -> Self {
        Self { from: Some(from), until: Some(until) }
    }

    /// From an instant on.
    pub const fn starting(from: Instant) -> Self {
        Self { from: Some(from), until: None }
    }

    /// Up to an instant.
    pub const fn ending(until: Instant) -> Self {
        Self { from: None, until: Some(until) }
    }

    /// Whether `instant` is in it.
    pub fn contains(&self, instant: Instant) -> bool {
        self.from.is_none_or(|from| from <= instant) && self.until.is_none_or(|until| instant < until)
    }
}

/// Everything that is simulated.
#[derive(Debug, Clone)]
pub struct FleetSpec {
    /// Decides how much each device prints on each day.
    pub seed: u64,
    /// The first local day on which devices print; counters stand at [`DeviceSpec::start`] before it.
    pub first_day: NaiveDate,
    /// The servers; everywhere else a server is named by its place in this list.
    pub servers: Vec<ServerSpec>,
}

/// One vendor installation with an origin (port) of its own.
#[derive(Debug, Clone)]
pub struct ServerSpec {
    /// A name for people.
    pub name: String,
    /// The vendor and its credentials.
    pub access: Access,
    /// The zone whose days it counts.
    pub zone: Tz,
    /// When its agents read the devices each day, as time since local midnight...
    pub read_at: NaiveTime,
    /// ...and how often from then on (at most a day). Up to 4 hours, a reading at the end of a day shows all of that day.
    pub read_every: TimeDelta,
    /// How long a 3manager access token lasts.
    pub token_life: TimeDelta,
    /// Its customers.
    pub customers: Vec<CustomerSpec>,
    /// What goes wrong with its answers from the start; see [`super::Simulator::set_fault`] for later.
    pub faults: Vec<FaultRule>,
}

impl ServerSpec {
    /// A server without customers, read hourly at ten past.
    pub fn new(name: impl Into<String>, access: Access, zone: Tz) -> Self {
        Self {
            name: name.into(),
            access,
            zone,
            read_at: NaiveTime::from_num_seconds_from_midnight_opt(600, 0).unwrap_or_default(),
            read_every: TimeDelta::hours(1),
            token_life: TimeDelta::seconds(1799),
            customers: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The same, read once a day at `read_at`.
    #[must_use]
    pub fn read_daily(mut self, read_at: NaiveTime) -> Self {
        self.read_at = read_at;
        self.read_every = TimeDelta::days(1);
        self
    }

    /// Its vendor.
    pub const fn vendor(&self) -> Vendor {
        self.access.vendor()
    }
}

/// Which of Printanista's two reports a customer has; the other vendors have no reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reports {
    /// *`PrintReleaf` Report*.
    pub all: bool,
    /// *`PrintReleaf` Managed Only Report*.
    pub managed_only: bool,
}

/// One customer of a server.
#[derive(Debug, Clone)]
pub struct CustomerSpec {
    /// How the vendor calls it.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// Which reports are enabled (Printanista).
    pub reports: Reports,
    /// The devices that start here; they may move.
    pub devices: Vec<DeviceSpec>,
    /// When its agent is stopped: nothing is read, "last heard from" stands still, and all comes at once afterwards.
    pub stale: Vec<Window>,
    /// Days whose totals are shown wrong for a while (Printanista): late uploads, totals that are taken back.
    pub shown: Vec<Shown>,
}

impl CustomerSpec {
    /// A customer with both reports and no devices.
    pub fn new(external_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            external_id: external_id.into(),
            name: name.into(),
            reports: Reports { all: true, managed_only: true },
            devices: Vec::new(),
            stale: Vec::new(),
            shown: Vec::new(),
        }
    }
}

/// A day whose totals are shown as a share of the truth during a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The local day.
    pub day: NaiveDate,
    /// While asked in this window.
    pub window: Window,
    /// Thousandths of the truth: 0 for a day not uploaded yet, over 1000 for a total that is taken back later.
    pub permille: i64,
}

/// How much a device prints; the amounts of a day are drawn from (seed, server, device, day).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printing {
    /// Mean sides on a weekday (drawn between half and one and a half of it).
    pub weekday: u32,
    /// Mean sides on a Saturday or Sunday.
    pub weekend: u32,
    /// Thousandths of the sides that are large.
    pub large_permille: u16,
    /// Thousandths of the sides that are printed in duplex.
    pub duplex_permille: u16,
    /// Thousandths of the sides that are in color (MPS Monitor's split).
    pub color_permille: u16,
}

/// Which counters a 3manager device has; the others are absent or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// `lifecountA4`
    pub lifecount_a4: bool,
    /// `lifecountA3`
    pub lifecount_a3: bool,
    /// `duplexTotal`
    pub duplex: bool,
    /// `totalPages`
    pub total: bool,
}

impl Counters {
    /// All of them.
    pub const ALL: Self = Self { lifecount_a4: true, lifecount_a3: true, duplex: true, total: true };
}

/// One device.
#[derive(Debug, Clone)]
pub struct DeviceSpec {
    /// The vendor's id of it, unique on its server.
    pub id: String,
    /// Whether it is managed at first...
    pub managed: bool,
    /// ...and when that changes to what.
    pub managed_changes: Vec<(Instant, bool)>,
    /// When it is first known; `None`: since the first day. It prints before that too.
    pub installed: Option<Instant>,
    /// When it moves to which customer of the same server (external id); `None`: removed. It prints on meanwhile.
    pub moves: Vec<(Instant, Option<String>)>,
    /// How much it prints.
    pub printing: Printing,
    /// Where its counters stood before the first day.
    pub start: Totals,
    /// Which counters it has (3manager).
    pub counters: Counters,
    /// The largest value a counter can show; the next page makes it 0. `None`: never.
    pub limit: Option<i64>,
    /// What goes wrong with its counters.
    pub anomalies: Vec<Anomaly>,
}

impl DeviceSpec {
    /// A managed device with all counters, standing at 0, known from the first day.
    pub fn new(id: impl Into<String>, printing: Printing) -> Self {
        Self {
            id: id.into(),
            managed: true,
            managed_changes: Vec::new(),
            installed: None,
            moves: Vec::new(),
            printing,
            start: Totals::ZERO,
            counters: Counters::ALL,
            limit: None,
            anomalies: Vec::new(),
        }
    }
}

/// The limits at which real counters roll over.
pub const LIMITS: [i64; 5] = [999_999, 9_999_999, (1 << 24) - 1, (1 << 31) - 1, (1 << 32) - 1];

/// One of a 3manager device's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// `lifecountA4`
    Small,
    /// `lifecountA3`
    Large,
    /// `duplexTotal`
    Duplex,
    /// `totalPages`
    Total,
    /// All of them. On MPS Monitor, which has its counters together or not at all, any of these is a `Counter` of null.
    All,
}

/// What goes wrong with a device's counters. Printanista, which reports no counters, shows only those that change what is
/// printed ([`Anomaly::Spike`], [`Anomaly::DuplexImpossible`]) and silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anomaly {
    /// A board was swapped: from then on counting goes on from these values (`None`: that counter stays).
    Reset {
        /// When.
        at: Instant,
        /// New value of the small counter.
        small: Option<i64>,
        /// New value of the large counter.
        large: Option<i64>,
        /// New value of the duplex counter.
        duplex: Option<i64>,
    },
    /// Power was lost: from then on the counters are lower by this (real engines lose up to 9).
    Lost {
        /// When.
        at: Instant,
        /// By how much; a counter never goes below 0.
        pages: Totals,
    },
    /// Readings in the window show exactly this: a wrong low reading.
    Low {
        /// While read in this window.
        window: Window,
        /// What is shown.
        shows: Totals,
    },
    /// Readings in the window are too high by this: a spike that is withdrawn.
    High {
        /// While read in this window.
        window: Window,
        /// By how much.
        by: Totals,
    },
    /// A real spike: this is truly printed on top of that day's pages.
    Spike {
        /// The local day.
        day: NaiveDate,
        /// Printed on top.
        pages: Totals,
    },
    /// A counter is missing.
    Missing {
        /// While read in this window.
        window: Window,
        /// Which one.
        counter: Counter,
    },
    /// The device does not answer its agent: its last reading stands, and all it printed shows at once when it returns.
    Silent {
        /// While asked in this window.
        window: Window,
    },
    /// On these days the duplex counter counts every side, which cannot be.
    DuplexImpossible {
        /// First local day.
        first: NaiveDate,
        /// Last local day.
        last: NaiveDate,
    },
}
