//! Vendors' servers that drip, cut, lie, flood, redirect, send bombs or break off: a night each, with everything else as usual. What
//! they do delays, and moves no page.

use std::time::Duration;

use coppice::{
    domain::run::SyncTrigger,
    simulator::{Fault, FaultRule, FleetSpec, GenerateOptions, Kind, Misfit, RetryAfter, Trouble},
};

use super::rig::{Rig, TestDatabase, night_of};

fn faults() -> Vec<Fault> {
    vec![
        Fault::Drip(Duration::from_millis(40)),
        Fault::CutBody,
        Fault::Drop,
        Fault::Misfit(Misfit::Html),
        Fault::Misfit(Misfit::Empty),
        Fault::Misfit(Misfit::MissingField),
        Fault::Misfit(Misfit::WrongType),
        Fault::Misfit(Misfit::Negative),
        Fault::Flood,
        Fault::GzipBomb,
        Fault::Redirect,
        Fault::Status(500),
        Fault::TooManyRequests(RetryAfter::Seconds(3600)),
        Fault::Unavailable(RetryAfter::Date(90)),
        Fault::WrongCertificate,
        Fault::Unauthorized,
    ]
}

async fn each_only_delays(database: TestDatabase) {
    let options = GenerateOptions { trouble: Trouble::NONE, ..GenerateOptions::new(3, 3, 3, "2026-01-01".parse().unwrap()) };
    let fleet = FleetSpec::generate(23, &options);
    let mut rig = Rig::new(database, fleet, "2026-01-20".parse().unwrap(), night_of("2026-02-10")).await;
    rig.run_all(SyncTrigger::Backfill).await;
    rig.hurry(Duration::from_millis(1500));
    for (night, fault) in faults().into_iter().enumerate() {
        // The second request of the night and those after it, so that something was saved before; some come through in the end.
        let server = night % 3;
        rig.simulator.add_fault(server, FaultRule::new(fault).on([Kind::Data]).after(1).times(3));
        rig.night().await;
        rig.simulator.set_fault(server, None);
        rig.assert_books().await;
        rig.assert_segments().await;
    }
    rig.night().await;
    rig.assert_exact(rig.clock_day().pred_opt().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_only_delays_on_sqlite() {
    each_only_delays(TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_only_delays_on_postgres() {
    each_only_delays(TestDatabase::postgres().await).await;
}
