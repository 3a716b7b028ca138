//! What is registered, what the ledger holds of it, and what the vendors know of it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use coppice::{
    app::{
        App,
        input::{CreateAccount, OperatorAccount, OperatorApiKey, RegisterFeed, RegisterServer},
    },
    clock::Instant,
    domain::{
        account::{AccountRole, Actor, Permission},
        feed::CollectionScope,
    },
    id::Uuid,
    simulator::{Kind as Asked, Scope, Simulator, Totals, Vendor},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use crate::engine::rig::credentials;

/// A server of a simulator.
pub type Simulated<'a> = (&'a Simulator, usize);

pub struct StageFeed {
    pub id: Uuid,
    /// Its server's place among those registered.
    pub server: usize,
    pub external_id: String,
    scope: Scope,
}

/// What the ledger holds of feeds: by server, customer, day, kind, and whether it is a share of a longer difference.
pub type Sums = BTreeMap<(usize, String, NaiveDate, String, bool), Totals>;

/// A dealer, and its API key.
pub async fn dealer(app: &App, zone: Tz) -> (Actor, String) {
    let top = OperatorAccount {
        name: "Dealer".to_owned(),
        role: AccountRole::Partner,
        parent_id: None,
        time_zone: Some(zone),
        external_id: None,
    };
    let dealer = app.operator_create_account(top).await.unwrap().unwrap();
    let key =
        OperatorApiKey { account_id: dealer.id, name: "test".to_owned(), permission: Permission::Admin, expires_in_days: None };
    let (_, text) = app.operator_create_api_key(key).await.unwrap().unwrap();
    let actor = app.authenticate_api_key(text.expose()).await.unwrap().unwrap();
    (actor, text.expose().to_owned())
}

/// Registers the servers, and an account and a feed of each customer.
pub async fn register(
    app: &App,
    actor: &Actor,
    simulated: &[Simulated<'_>],
    activation: NaiveDate,
) -> (Vec<Uuid>, Vec<StageFeed>) {
    let (mut servers, mut feeds) = (Vec::new(), Vec::new());
    for (index, (simulator, place)) in simulated.iter().enumerate() {
        let fleet = simulator.fleet();
        let spec = &fleet.spec().servers[*place];
        let server = RegisterServer {
            account_id: actor.account_id,
            name: spec.name.clone(),
            url: simulator.url(*place),
            time_zone: Some(spec.zone),
            nightly_at: None,
            credentials: credentials(&spec.access),
            idempotency_key: None,
        };
        let server = app.register_server(actor, server).await.unwrap().unwrap();
        servers.push(server.id);
        for (number, customer) in spec.customers.iter().enumerate() {
            let account = CreateAccount {
                parent_id: actor.account_id,
                name: format!("{} of {}", customer.name, spec.name),
                role: AccountRole::Customer,
                time_zone: None,
                external_id: None,
                idempotency_key: None,
            };
            let account = app.create_account(actor, account).await.unwrap().unwrap();
            let all = (index + number) % 2 == 0;
            let feed = RegisterFeed {
                server_id: server.id,
                account_id: account.id,
                external_id: customer.external_id.clone(),
                name: None,
                activation_date: activation,
                scope: if all { CollectionScope::All } else { CollectionScope::ManagedOnly },
                idempotency_key: None,
            };
            let feed = app.register_feed(actor, feed).await.unwrap().unwrap();
            let scope = if all { Scope::All } else { Scope::ManagedOnly };
            feeds.push(StageFeed { id: feed.id, server: index, external_id: customer.external_id.clone(), scope });
        }
    }
    (servers, feeds)
}

pub async fn sums(db: &DatabaseConnection, feeds: &[StageFeed]) -> Sums {
    let mut sums = Sums::new();
    let sql = "SELECT feed_id, day, kind, estimated, small, large, duplex FROM deposit WHERE feed_id IS NOT NULL";
    for row in db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap() {
        let id: Uuid = row.try_get_by_index(0).unwrap();
        let feed = feeds.iter().find(|feed| feed.id == id).unwrap();
        let day: String = row.try_get_by_index(1).unwrap();
        let (kind, estimated) = (row.try_get_by_index(2).unwrap(), row.try_get_by_index(3).unwrap());
        let number = |index| row.try_get_by_index::<i64>(index).unwrap();
        *sums.entry((feed.server, feed.external_id.clone(), day.parse().unwrap(), kind, estimated)).or_default() +=
            Totals::new(number(4), number(5), number(6));
    }
    sums.retain(|_, sum| *sum != Totals::ZERO);
    sums
}

/// What the vendors know must have been posted.
pub fn expected(feeds: &[StageFeed], simulated: &[Simulated<'_>], activation: NaiveDate, through: NaiveDate) -> Sums {
    let mut sums = Sums::new();
    for feed in feeds {
        let (simulator, place) = simulated[feed.server];
        let fleet = simulator.fleet();
        let posted = if fleet.spec().servers[place].vendor() == Vendor::MpsMonitor {
            let answered = simulator.requests(place).into_iter().filter(|request| {
                request.kind == Asked::Data && !request.faulty && request.customer.as_deref() == Some(feed.external_id.as_str())
            });
            let mut asked: Vec<Instant> = answered.map(|request| request.at).collect();
            asked.dedup();
            fleet.expected_between_readings(place, &feed.external_id, feed.scope, &asked)
        } else {
            fleet.expected_deposits(place, &feed.external_id, feed.scope, activation, through)
        };
        for (days, estimated) in [(posted.exact, false), (posted.estimated, true)] {
            for (day, pages) in days {
                sums.insert((feed.server, feed.external_id.clone(), day, "COLLECTED".to_owned(), estimated), pages);
            }
        }
    }
    sums.retain(|_, sum| *sum != Totals::ZERO);
    sums
}

/// Fails with what differs.
#[track_caller]
pub fn assert_equal(posted: &Sums, expected: &Sums) {
    let of_expected = expected.iter().map(|(key, pages)| (key, Some(*pages), posted.get(key).copied()));
    let of_posted = posted.iter().filter(|(key, _)| !expected.contains_key(*key)).map(|(key, pages)| (key, None, Some(*pages)));
    let wrong: Vec<_> = of_expected.chain(of_posted).filter(|(_, expected, posted)| expected != posted).collect();
    assert!(wrong.is_empty(), "{} differ (key, expected, posted): {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
