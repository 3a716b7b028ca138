//! A fuzzer for broken object-level authorisation: operations made at random from the schema, which carry ids of others wherever one can
//! be given, in nested input too.
//!
//! Each is sent twice: as it is, and with an id that names nothing in place of each foreign one. The two answers must be the same, nothing
//! foreign may be in them, every id in them must be one that the caller can follow, and the database must stay as it was.
//! `COPPICE_TEST_TRESPASS=1000..2000` plays those seeds instead of the first few; a failing seed is named and replays alone.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use async_graphql::{Request, Response, futures_util::StreamExt as _};
use coppice::{
    app::input::{CreateApiKey, CreateDeposit, CreateUser},
    clock::Clock as _,
    domain::{
        account::{Account, Actor, Permission},
        pages::Pages,
    },
    graphql::{Caller, CoppiceSchema, GateSettings, Limits, Rate, RequestId, build_schema_with, prepare, write_json},
    id::{IdSource, Kind as Id, PublicId},
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

use super::{
    authorisation::{Installation, places},
    operations::{Maker, Operation, Slot, Types},
};
use crate::support::world::{Kind, actor, on_both};

on_both!(a_foreign_id_is_like_one_that_names_nothing);

/// Queries of each seed and caller; mutations and subscriptions are played one each.
const QUERIES: usize = 12;
/// What an answer of somebody else would give away.
const WORDS: [&str; 3] = ["Quarz", "Erika", "erika@example.com"];

fn seeds() -> Option<Range<u64>> {
    let text = std::env::var("COPPICE_TEST_TRESPASS").ok()?;
    Some(match text.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => text.parse().map(|seed: u64| seed..seed + 1).unwrap(),
    })
}

/// Whether an answer that is written as it is resolved is the one made of values, and costs as much.
fn compare(values: &Response, written: &Response, text: &str) {
    let mut json = Vec::new();
    write_json(&mut json, &written.data);
    assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&values.data).unwrap(), "{text}");
    assert_eq!(json!(values.errors), json!(written.errors), "{text}");
    if values.errors.is_empty() {
        let actual = |response: &Response| json!(response.extensions)["cost"]["actual"].as_u64().unwrap();
        let (of_values, of_written) = (actual(values), actual(written));
        // In values it cannot be seen which of two fields of one name was asked for, where a fragment is on another type.
        let fits = of_written == of_values || (of_written < of_values && text.contains("... on "));
        assert!(fits, "{of_written} points for {of_values}: {text}");
    }
}

/// Who asks, what is theirs and what is not.
struct Trespasser {
    name: &'static str,
    actor: Actor,
    own: Vec<String>,
    foreign: Vec<String>,
    words: Vec<&'static str>,
}

struct Land {
    installation: Installation,
    schema: CoppiceSchema,
    types: Types,
    trespassers: Vec<Trespasser>,
}

impl Land {
    async fn new(kind: Kind) -> Self {
        let mut installation = Installation::new(kind).await;
        furnish(&mut installation).await;
        // What is made at random may be more than anybody may ask.
        let unlimited = Rate { points: 0, per_second: 1 };
        let settings = GateSettings {
            limits: Limits { complexity: usize::MAX, ..Limits::default() },
            budget: unlimited,
            anonymous_budget: unlimited,
            ..GateSettings::default()
        };
        let schema =
            build_schema_with(Arc::clone(&installation.world.app), settings, Arc::clone(&installation.world.clock) as _);
        let (tree, ids) = (&installation.tree, &installation.ids);
        let of = |names: &[&str]| -> Vec<String> { names.iter().map(|name| ids[name].clone()).collect() };
        let partners = ["partner", "server", "run", "user", "apiKey", "erased"];
        let customers = ["customer", "feed", "device", "anomaly", "collection", "deposit", "certificate"];
        let others = ["otherPartner", "otherCustomer", "otherServer", "otherUser", "otherKey", "otherDeposit", "distributor"];
        let all = |lists: &[&[&str]]| of(&lists.concat());
        let trespasser = |name, account: &Account, own, foreign, words: &[&'static str]| Trespasser {
            name,
            actor: actor(account, Permission::Admin),
            own,
            foreign,
            words: words.to_vec(),
        };
        let trespassers = vec![
            trespasser(
                "another partner",
                &tree.other_partner,
                of(&others[..6]),
                all(&[&partners, &customers, &["sibling", "distributor"]]),
                &WORDS[1..],
            ),
            trespasser("a sibling customer", &tree.sibling, of(&["sibling"]), all(&[&partners, &customers, &others]), &WORDS),
            trespasser("a child", &tree.customer, of(&customers), all(&[&partners, &others, &["sibling"]]), &WORDS),
            trespasser(
                "the partner",
                &tree.partner,
                all(&[&partners[..5], &customers, &["sibling"]]),
                all(&[&others, &["erased"]]),
                &WORDS[..1],
            ),
        ];
        let mut land = Self { installation, schema, types: Types::default(), trespassers };
        let introspection = land.run(&land.trespassers[3], super::operations::INTROSPECTION).await;
        land.types = Types::read(&introspection["data"]["__schema"]);
        land
    }

    fn request(&self, by: &Trespasser, text: &str) -> Request {
        let mut request = Request::new(text);
        prepare(&mut request, &self.installation.world.app, Caller(Some(by.actor)), RequestId("req-1".into()));
        request
    }

    /// What is answered, as far as it has to be the same.
    async fn run(&self, by: &Trespasser, text: &str) -> Value {
        let answers: Vec<Response> = if text.starts_with("subscription") {
            // A stream of nothing ends at once.
            let events = self.schema.execute_stream(self.request(by, text)).collect();
            tokio::time::timeout(Duration::from_mins(2), events).await.unwrap()
        } else {
            let response = self.schema.execute(self.request(by, text)).await;
            if !text.starts_with("mutation") {
                compare(&response, &self.schema.answer(self.request(by, text)).await, text);
            }
            vec![response]
        };
        let shown = |response: &Response| json!({ "data": response.data, "errors": response.errors });
        match answers.as_slice() {
            [one] => shown(one),
            all => all.iter().map(shown).collect(),
        }
    }

    /// Plays an operation; what it answered.
    async fn play(&self, by: &Trespasser, operation: &Operation) -> Value {
        let (given, invented) = (operation.text(false), operation.text(true));
        let answer = self.run(by, &given).await;
        let expected = self.run(by, &invented).await;
        let same = |answer: &Value, text: fn(&Slot) -> &str| {
            operation.slots.iter().enumerate().fold(answer.to_string(), |answer, (place, slot)| {
                if slot.own { answer } else { answer.replace(text(slot), &format!("#{place}")) }
            })
        };
        let (as_given, as_invented) = (same(&answer, |slot| &slot.given), same(&expected, |slot| &slot.invented));
        assert_eq!(as_given, as_invented, "{} tells a foreign id from none: {given}", by.name);
        judge(by, &answer, &given);
        answer
    }

    /// Asks for every id in an answer; how many there are.
    async fn follow(&self, by: &Trespasser, maker: &Maker<'_>, answer: &Value) -> usize {
        let mut ids = BTreeSet::new();
        collect(answer, &mut ids);
        for id in &ids {
            let text = format!("{{ node(id: {id:?}) {{ __typename id {} }} }}", maker.fields_of(id));
            let found = self.run(by, &text).await;
            assert_eq!(found["data"]["node"]["id"], **id, "{} is shown what it cannot follow: {text}: {found}", by.name);
            judge(by, &found, &text);
        }
        ids.len()
    }
}

/// The ids in an answer.
fn collect(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if PublicId::parse(text).is_some() => _ = ids.insert(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, ids)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, ids)),
        _ => {}
    }
}

/// More of the other partner, and somebody who was erased.
async fn furnish(installation: &mut Installation) {
    let (app, tree) = (&installation.world.app, &installation.tree);
    let user = |account: &Account, name: &str, email: &str| CreateUser {
        account_id: account.id,
        name: name.to_owned(),
        email: email.to_owned(),
        permission: Permission::Read,
        idempotency_key: None,
    };
    let by = actor(&tree.partner, Permission::Admin);
    let (erased, _) = app.create_user(&by, user(&tree.partner, "Gone", "gone@example.com")).await.unwrap().unwrap();
    app.remove_user(&by, erased.id).await.unwrap().unwrap();
    let by = actor(&tree.other_partner, Permission::Admin);
    let (other_user, _) = app.create_user(&by, user(&tree.other_partner, "Quarz", "q@example.com")).await.unwrap().unwrap();
    let key = CreateApiKey {
        account_id: tree.other_partner.id,
        name: "Quarz".to_owned(),
        permission: Permission::Read,
        expires_at: None,
        idempotency_key: None,
    };
    let (other_key, _) = app.create_api_key(&by, key).await.unwrap().unwrap();
    let entry = CreateDeposit {
        account_id: tree.other_customer.id,
        day: "2026-02-10".parse().unwrap(),
        pages: Pages { small: 7, large: 0, duplex: 0 },
        paper: Vec::new(),
        note: Some("Quarz".to_owned()),
        idempotency_key: None,
    };
    let other_deposit = app.create_deposit(&by, entry).await.unwrap().unwrap();
    // Addresses of public pages are made when they are first asked for.
    let all = [&tree.distributor, &tree.partner, &tree.customer, &tree.sibling, &tree.other_partner, &tree.other_customer];
    let all = all.map(|account| account.id);
    assert_eq!(app.page_tokens(&actor(&tree.distributor, Permission::Admin), &all).await.unwrap().len(), all.len());
    for (name, kind, id) in [
        ("erased", Id::User, erased.id),
        ("otherUser", Id::User, other_user.id),
        ("otherKey", Id::ApiKey, other_key.id),
        ("otherDeposit", Id::Deposit, other_deposit.id),
    ] {
        installation.ids.insert(name, PublicId::new(kind, id).to_string());
    }
}

/// All rows of all tables.
async fn rows(kind: Kind, url: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if kind == Kind::Sqlite {
        let mut db = SqliteConnection::connect(url).await.unwrap();
        let tables = "SELECT m.name, group_concat('quote(\"' || c.name || '\")', ' || '','' || ') FROM sqlite_master m, \
                      pragma_table_info(m.name) c WHERE m.type = 'table' GROUP BY m.name";
        for table in sqlx::query(tables).fetch_all(&mut db).await.unwrap() {
            let (name, columns): (String, String) = (table.get(0), table.get(1));
            let select = AssertSqlSafe(format!("SELECT {columns} FROM \"{name}\" ORDER BY 1"));
            let found = sqlx::query(select).fetch_all(&mut db).await.unwrap();
            all.insert(name, found.iter().map(|row| row.get(0)).collect());
        }
        db.close().await.unwrap();
    } else {
        let mut db = PgConnection::connect(url).await.unwrap();
        let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
        for table in sqlx::query(tables).fetch_all(&mut db).await.unwrap() {
            let name: String = table.get(0);
            let select = AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM \"{name}\" t ORDER BY 1"));
            let found = sqlx::query(select).fetch_all(&mut db).await.unwrap();
            all.insert(name, found.iter().map(|row| row.get(0)).collect());
        }
        db.close().await.unwrap();
    }
    assert!(all["account"].len() >= 6 && all["deposit"].len() >= 4, "the rows are read");
    all
}

/// What was reached, so that a fuzzer that reaches nothing fails.
#[derive(Default)]
struct Reached {
    places: HashSet<String>,
    followed: usize,
    mutations: usize,
    absent: usize,
}

async fn play(land: &Land, seed: u64, reached: &mut Reached) {
    let now = land.installation.world.clock.now();
    for (number, by) in land.trespassers.iter().enumerate() {
        let random = IdSource::seeded(seed * 16 + number as u64);
        let maker = Maker { types: &land.types, random: &random, now, own: &by.own, foreign: &by.foreign };
        reached.followed += land.follow(by, &maker, &json!(by.own)).await;
        for _ in 0..QUERIES {
            let query = maker.query();
            let answer = land.play(by, &query).await;
            reached.followed += land.follow(by, &maker, &answer).await;
            reached.places.extend(query.places);
        }
        for root in ["mutation", "subscription"] {
            for operation in maker.each_with_an_id(root) {
                let answer = land.play(by, &operation).await;
                reached.places.extend(operation.places);
                if root == "mutation" {
                    reached.mutations += 1;
                    reached.absent += usize::from(answer.to_string().contains("NOT_FOUND"));
                }
            }
        }
    }
}

async fn a_foreign_id_is_like_one_that_names_nothing(kind: Kind) {
    let land = Land::new(kind).await;
    let url = land.installation.world.database.url.clone();
    let before = rows(kind, &url).await;
    let mut reached = Reached::default();
    let chosen = seeds();
    for seed in chosen.clone().unwrap_or(0..4) {
        let played = AssertUnwindSafe(play(&land, seed, &mut reached)).catch_unwind().await;
        assert!(played.is_ok(), "seed {seed} failed; replay it with COPPICE_TEST_TRESPASS={seed}");
        let after = rows(kind, &url).await;
        for (table, rows) in &before {
            assert_eq!(*rows, after[table], "seed {seed} changed {table}; replay it with COPPICE_TEST_TRESPASS={seed}");
        }
    }
    if chosen.is_some() {
        return;
    }
    let all = places(&land.installation).await;
    let missed: Vec<&String> = all.iter().filter(|place| !reached.places.contains(*place)).collect();
    assert!(missed.is_empty(), "no foreign id was ever put into {missed:?}");
    assert!(reached.followed > 100, "{} ids were followed", reached.followed);
    // Not every answer is asked for its codes.
    assert!(reached.absent * 2 > reached.mutations, "{} of {} found nothing", reached.absent, reached.mutations);
}

/// Nothing foreign is in an answer, and no fault of ours.
fn judge(by: &Trespasser, answer: &Value, asked: &str) {
    let answer = answer.to_string();
    assert!(!answer.contains("GRAPHQL_VALIDATION_FAILED"), "{asked}: {answer}");
    assert!(!answer.contains("INTERNAL"), "{asked}: {answer}");
    let shown = by.foreign.iter().map(String::as_str).chain(by.words.iter().copied()).find(|word| answer.contains(word));
    assert_eq!(shown, None, "{} sees what is foreign: {asked}: {answer}", by.name);
}
