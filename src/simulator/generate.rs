//! Fleets made up from a seed, undisturbed or with trouble.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::{
    fault::{Fault, FaultRule, Kind, Misfit, RetryAfter},
    printing::{below, mix},
    spec::{
        Access, Anomaly, Counter, Counters, CustomerSpec, DeviceSpec, FleetSpec, LIMITS, Printing, ServerSpec, Shown, Totals,
        Vendor, Window,
    },
};
use crate::clock::Instant;

/// What kind of fleet to make up.
#[derive(Debug, Clone)]
pub struct GenerateOptions {
    /// Number of servers.
    pub servers: usize,
    /// Customers of each.
    pub customers: usize,
    /// Devices of each customer.
    pub devices: usize,
    /// Vendors, taken in turn. Default: all three.
    pub vendors: Vec<Vendor>,
    /// Zones, taken in turn once per round of vendors. Default: `Europe/Berlin`.
    pub zones: Vec<Tz>,
    /// First day on which devices print.
    pub first_day: NaiveDate,
    /// What goes wrong. Default: nothing.
    pub trouble: Trouble,
}

impl GenerateOptions {
    /// Undisturbed servers of all vendors in `Europe/Berlin`.
    pub fn new(servers: usize, customers: usize, devices: usize, first_day: NaiveDate) -> Self {
        Self {
            servers,
            customers,
            devices,
            vendors: Vendor::ALL.to_vec(),
            zones: vec![Tz::Europe__Berlin],
            first_day,
            trouble: Trouble::NONE,
        }
    }
}

/// How much goes wrong; each share is in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// Days after the first day on which trouble starts.
    pub after: u16,
    /// Days that it lasts. The last effect is over 20 days later at most.
    pub days: u16,
    /// Devices with one meter anomaly: reset, loss, wrong low, wrong high, real spike, roll-over, missing counter, silence,
    /// impossible duplex. (One each, so that what is expected does not hang on which rule goes first.)
    pub meters: u16,
    /// Devices that are installed later, removed, moved, or become managed or unmanaged.
    pub changes: u16,
    /// Customers that are stale for some days or have a day uploaded late or taken back, in time before it closes.
    pub customers: u16,
    /// Requests hit by a fault, while trouble lasts.
    pub faults: u16,
}

impl Trouble {
    /// None at all.
    pub const NONE: Self = Self { after: 0, days: 0, meters: 0, changes: 0, customers: 0, faults: 0 };
}

/// Draws numbers in order.
struct Draw {
    seed: u64,
    count: u64,
}

impl Draw {
    fn new(parts: &[u64]) -> Self {
        Self { seed: mix(parts), count: 0 }
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        mix(&[self.seed, self.count])
    }

    fn below(&mut self, limit: i64) -> i64 {
        below(self.next(), limit)
    }

    fn small(&mut self, from: u16, limit: u16) -> u16 {
        u16::try_from(self.below(i64::from(limit.saturating_sub(from)))).unwrap_or_default() + from
    }

    fn chance(&mut self, permille: u16) -> bool {
        self.below(1000) < i64::from(permille)
    }
}

impl FleetSpec {
    /// The same fleet for the same seed and options.
    pub fn generate(seed: u64, options: &GenerateOptions) -> Self {
        let servers = (0..options.servers).map(|index| server(seed, index, options)).collect();
        Self { seed, first_day: options.first_day, servers }
    }
}

fn turn<T: Copy>(list: &[T], index: usize, default: T) -> T {
    if list.is_empty() { default } else { list.get(index % list.len()).copied().unwrap_or(default) }
}

fn server(seed: u64, index: usize, options: &GenerateOptions) -> ServerSpec {
    let mut draw = Draw::new(&[seed, 0x5e_72, index as u64]);
    let vendor = turn(&options.vendors, index, Vendor::Printanista);
    let zone = turn(&options.zones, index / options.vendors.len().max(1), Tz::UTC);
    let word = |number: u64| format!("{number:016x}");
    let access = match vendor {
        Vendor::Printanista => {
            Access::Printanista { username: format!("dealer{index}"), password: word(draw.next()), api_key: word(draw.next()) }
        }
        Vendor::ThreeManager => {
            Access::ThreeManager { username: format!("dealer{index}@example.com"), password: word(draw.next()) }
        }
        Vendor::MpsMonitor => {
            let (a, b) = (word(draw.next()), word(draw.next()));
            let parts = [a.get(..8), a.get(8..12), a.get(12..), b.get(..4), b.get(4..)].map(Option::unwrap_or_default);
            Access::MpsMonitor { dealer_token: parts.join("-") }
        }
    };
    let mut server = ServerSpec::new(format!("{} {}", vendor.name(), index + 1), access, zone);
    if vendor == Vendor::MpsMonitor {
        // Before the nightly run in every zone, on nights of a change of time too.
        server = server.read_daily(NaiveTime::from_hms_opt(1, 10, 0).unwrap_or_default());
    }
    for c in 0..options.customers {
        server.customers.push(customer(seed, index, c, vendor, options));
    }
    if options.trouble.changes > 0 {
        changes(&mut server, &mut draw, options);
    }
    if options.trouble.faults > 0 {
        server.faults = faults(&mut draw, options);
    }
    server
}

fn customer(seed: u64, server: usize, number: usize, vendor: Vendor, options: &GenerateOptions) -> CustomerSpec {
    const NAMES: [&str; 8] = ["Ahorn", "Buche", "Eiche", "Erle", "Esche", "Kiefer", "Linde", "Weide"];
    const FORMS: [&str; 4] = ["GmbH", "AG", "KG", "& Söhne"];
    let mut draw = Draw::new(&[seed, 0xc0_57, server as u64, number as u64]);
    let external_id = match vendor {
        Vendor::Printanista => (10_000 + 1_000 * server + number).to_string(),
        Vendor::ThreeManager => format!("{:08x}-{number:x}", draw.next() >> 32),
        Vendor::MpsMonitor => format!("{:016X}", draw.next()),
    };
    let name = format!("{} {} {}", turn(&NAMES, number, "Ahorn"), turn(&FORMS, number / 8, "GmbH"), number + 1);
    let mut customer = CustomerSpec::new(external_id, name);
    for d in 0..options.devices {
        customer.devices.push(device(&mut draw, format!("d-{server}-{number}-{d}"), vendor, options));
    }
    if draw.chance(options.trouble.customers) {
        let day = trouble_day(&mut draw, options);
        let at = |days: i64| noon(day) + TimeDelta::days(days);
        match (draw.below(3), vendor) {
            (1, Vendor::Printanista) => {
                let window = Window::ending(at(1 + draw.below(2)));
                customer.shown.push(Shown { day, window, permille: draw.below(900) });
            }
            (2, Vendor::Printanista) => {
                customer.shown.push(Shown { day, window: Window::ending(at(2)), permille: 1000 + draw.below(500) });
            }
            _ => customer.stale.push(Window::between(at(0), at(2 + draw.below(6)))),
        }
    }
    customer
}

fn device(draw: &mut Draw, id: String, vendor: Vendor, options: &GenerateOptions) -> DeviceSpec {
    let large = draw.chance(350);
    let printing = Printing {
        weekday: u32::try_from(20 + draw.below(480)).unwrap_or(100),
        weekend: u32::try_from(draw.below(12)).unwrap_or(0),
        large_permille: if large { draw.small(10, 120) } else { 0 },
        duplex_permille: draw.small(0, 800),
        color_permille: if draw.chance(500) { draw.small(50, 600) } else { 0 },
    };
    let mut device = DeviceSpec::new(id, printing);
    device.managed = draw.chance(800);
    device.start = Totals::new(draw.below(300_000), if large { draw.below(9_000) } else { 0 }, draw.below(60_000));
    if vendor == Vendor::ThreeManager {
        device.counters = match draw.below(6) {
            0 => Counters { lifecount_a4: false, ..Counters::ALL },
            1 => Counters { duplex: false, ..Counters::ALL },
            2 if !large => Counters { lifecount_a3: false, ..Counters::ALL },
            3 if !large => Counters { lifecount_a4: false, lifecount_a3: false, ..Counters::ALL },
            4 => Counters { total: false, ..Counters::ALL },
            _ => Counters::ALL,
        };
    }
    if draw.chance(options.trouble.meters) {
        anomaly(draw, &mut device, vendor, options);
    }
    device
}

/// A day on which trouble may start.
fn trouble_day(draw: &mut Draw, options: &GenerateOptions) -> NaiveDate {
    let days = i64::from(options.trouble.after) + draw.below(i64::from(options.trouble.days.max(1)));
    options.first_day.checked_add_days(Days::new(days.unsigned_abs())).unwrap_or(options.first_day)
}

fn noon(day: NaiveDate) -> Instant {
    day.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default()).and_utc()
}

fn anomaly(draw: &mut Draw, device: &mut DeviceSpec, vendor: Vendor, options: &GenerateOptions) {
    let day = trouble_day(draw, options);
    let at = noon(day);
    // Two noons of UTC enclose exactly one nightly reading.
    let one_reading = Window::between(at, at + TimeDelta::days(1));
    let anomaly = match draw.below(10) {
        0 => Anomaly::Reset { at, small: Some(0), large: Some(0), duplex: Some(0) },
        1 => {
            let start = device.start;
            Anomaly::Reset { at, small: Some(start.small / 2), large: Some(start.large / 2), duplex: Some(start.duplex / 2) }
        }
        2 => Anomaly::Lost { at, pages: Totals::new(1 + draw.below(9), 0, draw.below(10)) },
        3 => Anomaly::Low { window: one_reading, shows: Totals::ZERO },
        4 => Anomaly::High { window: one_reading, by: Totals::new(500_000 + draw.below(1_000_000), 0, 0) },
        5 => Anomaly::Spike { day, pages: Totals::new(50_000 + draw.below(100_000), 0, 0) },
        6 if device.printing.large_permille == 0 => return roll_over(draw, device, vendor, options),
        7 => {
            let counter = if draw.chance(500) { Counter::All } else { Counter::Small };
            Anomaly::Missing { window: Window::between(at, at + TimeDelta::days(1 + draw.below(5))), counter }
        }
        8 if vendor != Vendor::MpsMonitor => {
            let last = day.checked_add_days(Days::new(1)).unwrap_or(day);
            Anomaly::DuplexImpossible { first: day, last }
        }
        _ => {
            // Totals of a day that closed while a device was silent stay short; that is not what this trouble is for.
            let days = if vendor == Vendor::Printanista { 1 + draw.below(2) } else { 2 + draw.below(9) };
            Anomaly::Silent { window: Window::between(at, at + TimeDelta::days(days)) }
        }
    };
    device.anomalies.push(anomaly);
}

/// Makes a device without large pages roll over while trouble lasts.
fn roll_over(draw: &mut Draw, device: &mut DeviceSpec, vendor: Vendor, options: &GenerateOptions) {
    let limit = turn(&LIMITS, usize::try_from(draw.below(5)).unwrap_or_default(), 999_999);
    let days = i64::from(options.trouble.after) + draw.below(i64::from(options.trouble.days.max(1)));
    if vendor == Vendor::MpsMonitor {
        // The physical counter is mono; only then is it the meter as well.
        device.printing.color_permille = 0;
    }
    device.limit = Some(limit);
    device.start.small = (limit - days * i64::from(device.printing.weekday) * 5 / 7).max(0);
    device.start.large = 0;
}

fn changes(server: &mut ServerSpec, draw: &mut Draw, options: &GenerateOptions) {
    let ids: Vec<_> = server.customers.iter().map(|customer| customer.external_id.clone()).collect();
    for (c, customer) in server.customers.iter_mut().enumerate() {
        for device in &mut customer.devices {
            if !draw.chance(options.trouble.changes) {
                continue;
            }
            let day = trouble_day(draw, options);
            let at = noon(day);
            match draw.below(5) {
                0 => device.installed = Some(at),
                1 => device.moves.push((at, None)),
                2 => device.moves.push((at, ids.get((c + 1) % ids.len().max(1)).cloned())),
                3 => device.managed_changes.push((at, !device.managed)),
                _ => {
                    let back = at + TimeDelta::days(1 + draw.below(10));
                    device.managed_changes.extend([(at, !device.managed), (back, device.managed)]);
                }
            }
        }
    }
}

fn faults(draw: &mut Draw, options: &GenerateOptions) -> Vec<FaultRule> {
    let start = noon(options.first_day) + TimeDelta::days(i64::from(options.trouble.after));
    let window = Window::between(start, start + TimeDelta::days(i64::from(options.trouble.days)));
    let kinds = [
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(504),
        Fault::TooManyRequests(RetryAfter::Seconds(20)),
        Fault::TooManyRequests(RetryAfter::Date(90)),
        Fault::Unavailable(RetryAfter::Absent),
        Fault::CutBody,
        Fault::Drop,
        Fault::Misfit(Misfit::MissingField),
        Fault::Misfit(Misfit::Html),
        Fault::Redirect,
    ];
    let each = options.trouble.faults.div_ceil(u16::try_from(kinds.len()).unwrap_or(1));
    let mut rules: Vec<_> =
        kinds.map(|fault| FaultRule::new(fault).on([Kind::Data]).within(window).permille(each)).into_iter().collect();
    let down = start + TimeDelta::hours(12 + draw.below(24 * i64::from(options.trouble.days.max(1))));
    rules.push(FaultRule::new(Fault::Down).within(Window::between(down, down + TimeDelta::hours(30))));
    rules
}
