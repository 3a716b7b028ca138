//! A spec made ready to be asked: what each device shows at any instant, past or present.

use std::{collections::HashMap, sync::Arc};

use super::{
    printing::{Moment, Press, ZoneDays, Zones, hash, mix},
    spec::{Anomaly, Counter, CustomerSpec, DeviceSpec, FleetSpec, ServerSpec, Totals, Vendor, Window},
};
use crate::clock::Instant;

/// A fleet that can be asked what its vendors would answer (the simulator's servers do) and what was truly printed (its
/// oracle, see [`Fleet::printed`]). It holds no clock: every question names its instant.
#[derive(Debug)]
pub struct Fleet {
    spec: FleetSpec,
    plans: Vec<ServerPlan>,
}

#[derive(Debug)]
pub(super) struct ServerPlan {
    pub(super) days: Arc<ZoneDays>,
    read_first: i64,
    read_every: i64,
    by_id: HashMap<String, usize>,
    /// Per customer, in the spec's order: which devices are there from when until when.
    stays: Vec<Vec<Stay>>,
    pub(super) devices: Vec<DevicePlan>,
    device_by_id: HashMap<String, usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stay {
    pub(super) device: usize,
    pub(super) from: i64,
    pub(super) until: i64,
}

#[derive(Debug)]
pub(super) struct DevicePlan {
    pub(super) key: u64,
    home: (usize, usize),
    pub(super) press: Press,
    /// What to add to the printed pages for what the counters show, from when on.
    offsets: Vec<(i64, Totals)>,
    managed: Vec<(i64, bool)>,
    silent: Vec<Window>,
}

/// What a device's counters show, before a vendor spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shows {
    pub(super) small: Option<i64>,
    pub(super) large: Option<i64>,
    pub(super) duplex: Option<i64>,
    pub(super) total: Option<i64>,
    pub(super) color: i64,
    pub(super) color_large: i64,
}

/// Before anything was read: the year 1716.
const NEVER: i64 = -8_000_000_000_000;

/// A device as listed at some instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) spec: &'a DeviceSpec,
    pub(super) key: u64,
    pub(super) managed: bool,
    pub(super) since: i64,
    /// When it was last read here and what was shown then.
    pub(super) read: Option<(i64, Shows)>,
}

impl Fleet {
    /// Makes a spec ready.
    pub fn new(spec: FleetSpec) -> Self {
        let mut zones = Zones::new();
        let plans = spec.servers.iter().enumerate().map(|(index, server)| plan(&spec, index, server, &mut zones)).collect();
        Self { spec, plans }
    }

    /// What it was made from.
    pub fn spec(&self) -> &FleetSpec {
        &self.spec
    }

    pub(super) fn server(&self, server: usize) -> Option<(&ServerSpec, &ServerPlan)> {
        Some((self.spec.servers.get(server)?, self.plans.get(server)?))
    }

    pub(super) fn customer(&self, server: usize, external_id: &str) -> Option<CustomerView<'_>> {
        let (spec, plan) = self.server(server)?;
        let index = *plan.by_id.get(external_id)?;
        Some(CustomerView {
            vendor: spec.vendor(),
            server: spec,
            plan,
            spec: spec.customers.get(index)?,
            stays: plan.stays.get(index)?,
        })
    }

    pub(super) fn device(&self, server: usize, id: &str) -> Option<(&ServerPlan, &DevicePlan)> {
        let (_, plan) = self.server(server)?;
        Some((plan, plan.devices.get(*plan.device_by_id.get(id)?)?))
    }
}

fn plan(fleet: &FleetSpec, index: usize, server: &ServerSpec, zones: &mut Zones) -> ServerPlan {
    let days = Arc::clone(zones.entry(server.zone).or_insert_with(|| Arc::new(ZoneDays::new(server.zone, fleet.first_day))));
    let every = server.read_every.num_milliseconds().clamp(1_000, 86_400_000);
    let read_at = server.read_at.signed_duration_since(chrono::NaiveTime::MIN).num_milliseconds();
    let by_id: HashMap<_, _> = server.customers.iter().enumerate().map(|(i, c)| (c.external_id.clone(), i)).collect();
    let mut stays = vec![Vec::new(); server.customers.len()];
    let mut devices = Vec::new();
    let mut device_by_id = HashMap::new();
    for (c, customer) in server.customers.iter().enumerate() {
        for (d, device) in customer.devices.iter().enumerate() {
            let number = devices.len();
            let key = mix(&[fleet.seed, index as u64, hash(&device.id)]);
            let mut place = Some(c);
            let mut since = device.installed.map_or(i64::MIN, |at| at.timestamp_millis());
            let mut moves: Vec<_> = device.moves.iter().map(|(at, to)| (at.timestamp_millis(), to)).collect();
            moves.sort_by_key(|(at, _)| *at);
            for (at, to) in moves {
                if let Some(list) = place.and_then(|p| stays.get_mut(p)) {
                    list.push(Stay { device: number, from: since, until: at });
                }
                since = at;
                place = to.as_ref().and_then(|id| by_id.get(id).copied());
            }
            if let Some(list) = place.and_then(|p| stays.get_mut(p)) {
                list.push(Stay { device: number, from: since, until: i64::MAX });
            }
            device_by_id.insert(device.id.clone(), number);
            devices.push(device_plan(key, (c, d), device, &days));
        }
    }
    ServerPlan { days, read_first: read_at % every, read_every: every, by_id, stays, devices, device_by_id }
}

fn device_plan(key: u64, home: (usize, usize), spec: &DeviceSpec, days: &ZoneDays) -> DevicePlan {
    let press = Press::new(key, spec, days);
    let mut events: Vec<_> = spec
        .anomalies
        .iter()
        .filter_map(|anomaly| match anomaly {
            Anomaly::Reset { at, .. } | Anomaly::Lost { at, .. } => Some((at.timestamp_millis(), anomaly)),
            _ => None,
        })
        .collect();
    events.sort_by_key(|(at, _)| *at);
    let mut offsets = vec![(i64::MIN, spec.start)];
    let mut offset = spec.start;
    for (at, anomaly) in events {
        let printed = press.until(days, &days.moment(at));
        match anomaly {
            Anomaly::Reset { small, large, duplex, .. } => {
                offset.small = small.map_or(offset.small, |to| to - printed.small);
                offset.large = large.map_or(offset.large, |to| to - printed.large);
                offset.duplex = duplex.map_or(offset.duplex, |to| to - printed.duplex);
            }
            Anomaly::Lost { pages, .. } => {
                offset = (printed + offset).zip(*pages, |shown, lost| (shown - lost).max(0)) - printed;
            }
            _ => {}
        }
        offsets.push((at, offset));
    }
    let mut managed = vec![(i64::MIN, spec.managed)];
    managed.extend(spec.managed_changes.iter().map(|(at, to)| (at.timestamp_millis(), *to)));
    managed.sort_by_key(|(at, _)| *at);
    let silent = spec
        .anomalies
        .iter()
        .filter_map(|anomaly| if let Anomaly::Silent { window } = anomaly { Some(*window) } else { None })
        .collect();
    DevicePlan { key, home, press, offsets, managed, silent }
}

/// The value in force at `at` of a list of changes sorted by time.
fn in_force<T: Copy>(changes: &[(i64, T)], at: i64) -> Option<T> {
    changes.iter().rev().find(|(from, _)| *from <= at).map(|(_, value)| *value)
}

impl DevicePlan {
    pub(super) fn spec<'a>(&self, server: &'a ServerSpec) -> Option<&'a DeviceSpec> {
        server.customers.get(self.home.0)?.devices.get(self.home.1)
    }

    pub(super) fn is_managed(&self, at: i64) -> bool {
        in_force(&self.managed, at).unwrap_or_default()
    }

    /// The parts of `from..until` in which the device is in scope.
    pub(super) fn in_scope(&self, from: i64, until: i64, managed_only: bool) -> Vec<(i64, i64)> {
        if !managed_only {
            return if from < until { vec![(from, until)] } else { Vec::new() };
        }
        let ends = self.managed.iter().skip(1).map(|(at, _)| *at).chain([i64::MAX]);
        self.managed
            .iter()
            .zip(ends)
            .filter(|((_, managed), _)| *managed)
            .map(|((start, _), end)| ((*start).max(from), end.min(until)))
            .filter(|(start, end)| start < end)
            .collect()
    }

    /// What the counters show when read at `moment`.
    fn shows(&self, vendor: Vendor, spec: &DeviceSpec, days: &ZoneDays, moment: &Moment) -> Shows {
        let mut shown = self.press.until(days, moment) + in_force(&self.offsets, moment.millis).unwrap_or(spec.start);
        let mut missing: [bool; 4] = [false; 4];
        for anomaly in &spec.anomalies {
            match anomaly {
                Anomaly::Low { window, shows } if window.contains(moment.instant()) => shown = *shows,
                Anomaly::High { window, by } if window.contains(moment.instant()) => shown += *by,
                Anomaly::Missing { window, counter } if window.contains(moment.instant()) => match counter {
                    Counter::Small => missing[0] = true,
                    Counter::Large => missing[1] = true,
                    Counter::Duplex => missing[2] = true,
                    Counter::Total => missing[3] = true,
                    Counter::All => missing = [true; 4],
                },
                _ => {}
            }
        }
        let roll = |value: i64| spec.limit.map_or(value.max(0), |limit| value.max(0) % (limit + 1));
        let color = |sides: i64| i64::from(spec.printing.color_permille.min(1000)) * sides.max(0) / 1000;
        if vendor == Vendor::MpsMonitor {
            // The physical counters are mono and color, so it is they that roll over; the sums follow.
            if missing.contains(&true) {
                return Shows { small: None, large: None, duplex: None, total: None, color: 0, color_large: 0 };
            }
            let all_color = color(shown.small) + color(shown.large);
            let mono = roll(shown.small + shown.large - all_color);
            let color_large = roll(color(shown.large));
            let mono_large = roll(shown.large - color(shown.large));
            let total = mono + roll(all_color);
            let large = mono_large + color_large;
            return Shows {
                small: Some(total - large),
                large: Some(large),
                duplex: None,
                total: Some(total),
                color: roll(all_color),
                color_large,
            };
        }
        let has = |present: bool, missing: bool, value: i64| (present && !missing).then(|| roll(value));
        let c = spec.counters;
        Shows {
            small: has(c.lifecount_a4, missing[0], shown.small),
            large: has(c.lifecount_a3, missing[1], shown.large),
            duplex: has(c.duplex, missing[2], shown.duplex),
            total: has(c.total, missing[3], shown.small + shown.large),
            color: 0,
            color_large: 0,
        }
    }
}

impl Shows {
    /// The meters as the contract takes them from the counters; `None` if it cannot.
    pub(super) fn meters(&self) -> Option<Totals> {
        let large = self.large.unwrap_or_default();
        let small = self.small.or_else(|| self.total.map(|total| total - large))?;
        Some(Totals::new(small, large, self.duplex.unwrap_or_default()))
    }
}

impl ServerPlan {
    /// The last time agents read at or before `at`, but not in `closed`.
    pub(super) fn last_read(&self, at: i64, closed: &[&[Window]]) -> i64 {
        let mut at = at;
        loop {
            let moment = self.days.moment(at);
            let start = self.days.start(moment.day);
            let since = at - start - self.read_first;
            if since < 0 {
                at = start - 1;
                continue;
            }
            let read = start + self.read_first + since / self.read_every * self.read_every;
            let instant = crate::clock::from_millis(read);
            match closed.iter().copied().flatten().find(|window| window.contains(instant)) {
                Some(Window { from: Some(from), .. }) => at = from.timestamp_millis() - 1,
                Some(_) => return NEVER,
                None => return read,
            }
        }
    }
}

/// A customer of a server and all that is known about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct CustomerView<'a> {
    vendor: Vendor,
    pub(super) server: &'a ServerSpec,
    plan: &'a ServerPlan,
    pub(super) spec: &'a CustomerSpec,
    stays: &'a [Stay],
}

impl<'a> CustomerView<'a> {
    pub(super) fn days(&self) -> &'a ZoneDays {
        &self.plan.days
    }

    /// The devices here at `at`, each as last read by then.
    pub(super) fn listed(&self, at: i64) -> Vec<Listed<'a>> {
        let listed = self.here(at).filter_map(|(stay, device, moment)| {
            let spec = device.spec(self.server)?;
            let read = moment.map(|moment| (moment.millis, device.shows(self.vendor, spec, &self.plan.days, &moment)));
            Some(Listed { spec, key: device.key, managed: device.is_managed(at), since: stay.from, read })
        });
        listed.collect()
    }

    /// How many devices in scope are here at `at` and have been read.
    pub(super) fn count(&self, at: i64, managed_only: bool) -> usize {
        self.here(at).filter(|(_, device, moment)| moment.is_some() && (!managed_only || device.is_managed(at))).count()
    }

    /// The devices here at `at` and when each was last read here.
    fn here(&self, at: i64) -> impl Iterator<Item = (&'a Stay, &'a DevicePlan, Option<Moment>)> {
        let regular = self.plan.days.moment(self.plan.last_read(at, &[&self.spec.stale]));
        let here = self.stays.iter().filter(move |stay| stay.from <= at && at < stay.until);
        here.filter_map(move |stay| {
            let device = self.plan.devices.get(stay.device)?;
            let moment = self.read_of(device, at, &regular);
            Some((stay, device, Some(moment).filter(|moment| moment.millis >= stay.from && moment.day >= 0)))
        })
    }

    fn read_of(&self, device: &DevicePlan, at: i64, regular: &Moment) -> Moment {
        if device.silent.is_empty() {
            return *regular;
        }
        self.plan.days.moment(self.plan.last_read(at, &[&self.spec.stale, &device.silent]))
    }

    /// What was printed here in `from..until`; as far as uploaded by `seen` if given.
    pub(super) fn printed(&self, from: i64, until: i64, managed_only: bool, seen: Option<i64>) -> Totals {
        let days = self.days();
        let regular = seen.map(|at| self.plan.days.moment(self.plan.last_read(at, &[&self.spec.stale])));
        let mut sum = Totals::ZERO;
        for stay in self.stays.iter().filter(|stay| stay.from < until && from < stay.until) {
            let Some(device) = self.plan.devices.get(stay.device) else { continue };
            let read = seen.zip(regular).map(|(at, regular)| self.read_of(device, at, &regular).millis);
            let until = until.min(stay.until).min(read.unwrap_or(i64::MAX));
            for (start, end) in device.in_scope(from.max(stay.from), until, managed_only) {
                sum += device.press.until(days, &days.moment(end)) - device.press.until(days, &days.moment(start));
            }
        }
        sum
    }

    /// When the agent last uploaded anything by `at`, if it ever did.
    pub(super) fn last_audit(&self, at: i64) -> Option<Instant> {
        let read = self.plan.last_read(at, &[&self.spec.stale]);
        (read >= self.days().start(0)).then(|| crate::clock::from_millis(read))
    }
}
