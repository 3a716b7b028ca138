//! Each vendor's answers against the contract.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn has(value: &Value, names: &[&str]) {
    let keys = keys(value);
    assert!(names.iter().all(|name| keys.contains(name)), "{names:?} in {value}");
    assert!(keys.len() > names.len(), "something to ignore is in {value}");
}

fn report(kind: &str, customer: &str, from: NaiveDate, to: NaiveDate) -> String {
    format!("/PublicApi/PrintReleaf/{kind}?customerId={customer}&startDate={from}&endDate={to}")
}

fn totals(report: &Value) -> Totals {
    let field = |name: &str| report[name].as_i64().unwrap();
    Totals::new(field("smallPageCount"), field("largePageCount"), field("duplexPageCount"))
}

#[tokio::test]
async fn printanista_reports_what_was_printed() {
    let world = World::of(Vendor::Printanista, "2026-04-10T02:00:00Z").await;
    let mut client = world.client(0).await;
    let status = client.get("/PublicApi/PrintReleaf/Status").await;
    assert_eq!((status.status, status.json()["product"].as_str()), (200, Some("Printanista")));

    let customer = world.customer(0, 1);
    let fleet = world.simulator.fleet();
    let (first, last) = (day("2026-03-20"), day("2026-04-09"));
    let whole = client.get(&report("Report", &customer, first, last)).await.json();
    has(
        &whole,
        &[
            "customerName",
            "customerId",
            "numberOfDevices",
            "smallPageCount",
            "largePageCount",
            "duplexPageCount",
            "lastAuditDate",
        ],
    );
    assert_eq!(whole["customerId"], customer.as_str());
    assert_eq!(whole["numberOfDevices"], 6);
    assert_eq!(whole["lastAuditDate"], "2026-04-10T01:10:00Z");

    let mut sum = Totals::ZERO;
    let mut managed = Totals::ZERO;
    for number in 0..21 {
        let date = after(first, number);
        let all = totals(&client.get(&report("Report", &customer, date, date)).await.json());
        assert_eq!(all, fleet.printed(0, &customer, date, Scope::All), "{date}");
        sum += all;
        managed += totals(&client.get(&report("ManagedOnlyReport", &customer, date, date)).await.json());
    }
    assert_eq!(totals(&whole), sum);
    assert!(sum.small > 0 && managed.small < sum.small);
    let posted = fleet.expected_deposits(0, &customer, Scope::ManagedOnly, first, last);
    assert_eq!(posted.total(), managed);
    assert!(posted.estimated.is_empty());
    assert_eq!(world.simulator.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn printanista_shows_today_as_far_as_uploaded_and_nothing_of_tomorrow() {
    let world = World::of(Vendor::Printanista, "2026-02-03T11:30:00Z").await;
    let mut client = world.client(0).await;
    let customer = world.customer(0, 0);
    let (today, tomorrow) = (day("2026-02-03"), day("2026-02-04"));
    let partial = totals(&client.get(&report("Report", &customer, today, today)).await.json());
    let whole = world.simulator.fleet().printed(0, &customer, today, Scope::All);
    assert!(0 < partial.small && partial.small < whole.small, "{partial:?} of {whole:?}");
    assert_eq!(totals(&client.get(&report("Report", &customer, tomorrow, tomorrow)).await.json()), Totals::ZERO);
}

#[tokio::test]
async fn printanista_refuses_as_the_contract_says() {
    let mut spec = fleet_of(Vendor::Printanista, 7);
    spec.servers[0].customers[0].reports = Reports { all: false, managed_only: true };
    let world = World::start(spec, "2026-04-10T02:00:00Z").await;
    let (date, customer) = (day("2026-04-01"), world.customer(0, 0));
    let mut client = world.client(0).await;
    let refused = client.get(&report("Report", &customer, date, date)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json(), serde_json::json!({ "error": "report_not_enabled", "report": "PrintReleafReport" }));
    assert_eq!(client.get(&report("ManagedOnlyReport", &customer, date, date)).await.status, 200);
    let unknown = client.get(&report("Report", "nobody", date, date)).await;
    assert_eq!((unknown.status, unknown.json()["error"].as_str()), (404, Some("customer_not_found")));
    client.headers[1].1 = "wrong".into();
    assert_eq!(client.get("/PublicApi/PrintReleaf/Status").await.status, 401);
}

#[tokio::test]
async fn three_manager_lists_organizations_in_pages() {
    let world = World::of(Vendor::ThreeManager, "2026-04-10T02:00:00Z").await;
    let mut client = world.client(0).await;
    let mut seen = Vec::new();
    for page in 1..=3 {
        let answer = client.get(&format!("/api/v1/organizations?page={page}&pageSize=2")).await.json();
        assert_eq!((&answer["page"], &answer["pageSize"], &answer["totalCount"]), (&page.into(), &2.into(), &3.into()));
        for item in answer["items"].as_array().unwrap() {
            has(item, &["organizationId", "name"]);
            seen.push(item["organizationId"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen, (0..3).map(|number| world.customer(0, number)).collect::<Vec<_>>());
}

/// The meters of a 3manager device, by the contract.
fn meters(device: &Value) -> Option<Totals> {
    let counter = |name: &str| device["counters"][name].as_i64();
    let large = counter("lifecountA3").unwrap_or(0);
    let small = counter("lifecountA4").or_else(|| Some(counter("totalPages")? - large))?;
    Some(Totals::new(small, large, counter("duplexTotal").unwrap_or(0)))
}

async fn devices(client: &mut Client, customer: &str, date: Option<NaiveDate>) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for page in 1.. {
        let date = date.map(|date| format!("&date={date}")).unwrap_or_default();
        let answer = client.get(&format!("/api/v1/organizations/{customer}/devices?page={page}&pageSize=4{date}")).await;
        assert_eq!(answer.status, 200);
        let answer = answer.json();
        let items = answer["items"].as_array().unwrap();
        all.extend(items.iter().map(|item| (item["deviceId"].as_str().unwrap().to_owned(), item.clone())));
        if items.len() < 4 {
            assert_eq!(answer["totalCount"], all.len());
            break;
        }
    }
    all
}

#[tokio::test]
async fn three_manager_counts_as_of_the_end_of_past_days() {
    let world = World::of(Vendor::ThreeManager, "2026-04-10T02:00:00Z").await;
    let mut client = world.client(0).await;
    let customer = world.customer(0, 2);
    let fleet = world.simulator.fleet();
    let first = day("2026-03-25");
    let mut before = devices(&mut client, &customer, Some(day("2026-03-24"))).await;
    let mut posted = BTreeMap::new();
    for number in 0..15 {
        let date = after(first, number);
        let now = devices(&mut client, &customer, Some(date)).await;
        assert_eq!(now.len(), 6);
        let mut sum = Totals::ZERO;
        for (id, device) in &now {
            has(device, &["deviceId", "isManaged", "lastSeenAt", "counters"]);
            let difference = meters(device).unwrap() - meters(&before[id]).unwrap();
            assert!(difference.small >= 0 && difference.large >= 0 && difference.duplex >= 0);
            let seen = at(device["lastSeenAt"].as_str().unwrap());
            assert!(fleet.day_start(0, date) <= seen && seen <= fleet.day_end(0, date));
            sum += difference;
        }
        let truth = fleet.printed(0, &customer, date, Scope::All);
        assert_eq!((sum.small, sum.large), (truth.small, truth.large), "{date}");
        posted.insert(date, sum);
        before = now;
    }
    let expected = fleet.expected_deposits(0, &customer, Scope::All, first, after(first, 14));
    assert_eq!(expected.exact, posted);
    let now = devices(&mut client, &customer, None).await;
    assert_eq!(now, devices(&mut client, &customer, Some(day("2026-04-10"))).await, "today so far is now");
    assert_eq!(world.simulator.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn three_manager_tokens_expire_and_refresh_once() {
    let world = World::of(Vendor::ThreeManager, "2026-04-10T02:00:00Z").await;
    let mut client = world.connect(0).await.unwrap();
    let path = "/api/v1/organizations?page=1&pageSize=1";
    assert_eq!(client.get(path).await.status, 401);
    let wrong = client.post("/oauth/token", "grant_type=password&username=x&password=y").await;
    assert_eq!((wrong.status, wrong.json()), (400, serde_json::json!({ "error": "invalid_grant" })));

    let token = world.login(&mut client, 0).await;
    assert_eq!((&token["token_type"], &token["expires_in"]), (&"Bearer".into(), &1799.into()));
    bear(&mut client, &token);
    assert_eq!(client.get(path).await.status, 200);
    world.clock.advance(TimeDelta::seconds(1800));
    assert_eq!(client.get(path).await.status, 401);

    let refresh = format!("grant_type=refresh_token&refresh_token={}", token["refresh_token"].as_str().unwrap());
    let renewed = client.post("/oauth/token", &refresh).await;
    assert_eq!(renewed.status, 200);
    assert_ne!(renewed.json()["refresh_token"], token["refresh_token"]);
    bear(&mut client, &renewed.json());
    assert_eq!(client.get(path).await.status, 200);
    world.simulator.expire_tokens(0);
    assert_eq!(client.get(path).await.status, 401);
    assert_eq!(world.simulator.violations(), Vec::<String>::new());

    assert_eq!(client.post("/oauth/token", &refresh).await.status, 400);
    let violations = world.simulator.violations();
    assert!(violations.len() == 1 && violations[0].contains("spent refresh token"), "{violations:?}");
}

fn mps(code: &str, page: usize, rows: usize) -> String {
    serde_json::json!({ "Code": code, "PageNumber": page, "PageRows": rows }).to_string()
}

#[tokio::test]
async fn mps_monitor_counts_as_of_the_last_reading() {
    let world = World::of(Vendor::MpsMonitor, "2026-03-27T02:00:00Z").await;
    let mut client = world.client(0).await;
    let dealer = client.post("/PrintReleaf/Dealer", "{}").await.json();
    assert_eq!(dealer["IsValid"], true);
    has(&dealer["Result"], &["Code"]);

    let customer = world.customer(0, 0);
    let fleet = world.simulator.fleet();
    let mut before: Option<BTreeMap<String, Totals>> = None;
    let mut asked = Vec::new();
    let mut posted = BTreeMap::new();
    for number in 0..5 {
        let answer = client.post("/PrintReleaf/Customer", &mps(&customer, 1, 100)).await.json();
        assert_eq!(
            (&answer["IsValid"], &answer["TotalRows"], &answer["Errors"]),
            (&true.into(), &6.into(), &serde_json::json!([]))
        );
        let result = &answer["Result"];
        assert_eq!((&result["Code"], &result["TimeZoneIana"]), (&customer.as_str().into(), &"Europe/Berlin".into()));
        let mut now = BTreeMap::new();
        for device in result["Devices"].as_array().unwrap() {
            has(device, &["Id", "IsInsideProject", "LastUpdate", "Counter"]);
            let counter = &device["Counter"];
            has(counter, &["Received", "Mono", "Color", "MonoA3", "ColorA3", "Fax"]);
            let n = |name: &str| counter[name].as_i64().unwrap();
            let large = n("MonoA3") + n("ColorA3");
            let meters = Totals::new(n("Mono") + n("Color") - large, large, 0);
            let reading = fleet.reading(0, &customer, device["Id"].as_str().unwrap(), world.clock.now()).unwrap();
            assert_eq!((reading.meters, reading.managed), (Some(meters), device["IsInsideProject"].as_bool().unwrap()));
            assert_eq!(at(counter["Received"].as_str().unwrap()), reading.at);
            now.insert(device["Id"].as_str().unwrap().to_owned(), meters);
        }
        if let Some(before) = &before {
            // The night's reading shows the day before; the 29th of March has 23 hours.
            let date = after(day("2026-03-26"), number);
            let sum: Totals = now.iter().map(|(id, meters)| *meters - before[id]).sum();
            let truth = fleet.printed(0, &customer, date, Scope::All);
            assert_eq!((sum.small, sum.large), (truth.small, truth.large), "{date}");
            if sum != Totals::ZERO {
                posted.insert(date, sum);
            }
        }
        before = Some(now);
        asked.push(world.clock.now());
        world.clock.advance(hours(24));
    }
    assert_eq!(fleet.expected_between_readings(0, &customer, Scope::All, &asked).exact, posted);

    let page = client.post("/PrintReleaf/Customer", &mps(&customer, 2, 4)).await.json();
    assert_eq!((page["Result"]["Devices"].as_array().unwrap().len(), &page["TotalRows"]), (2, &6.into()));
    let unknown = client.post("/PrintReleaf/Customer", &mps("nobody", 1, 10)).await;
    assert_eq!(unknown.status, 200);
    assert_eq!((&unknown.json()["IsValid"], &unknown.json()["Errors"][0]["Code"]), (&false.into(), &"CustomerNotFound".into()));
    client.headers[0].1 = "DealerToken 0".into();
    let refused = client.post("/PrintReleaf/Dealer", "{}").await;
    assert_eq!((refused.status, &refused.json()["Errors"][0]["Code"]), (200, &"InvalidDealerToken".into()));
    assert_eq!(world.simulator.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_same_seed_answers_the_same_whatever_was_asked_before() {
    let mut answers = Vec::new();
    for warm in [false, true] {
        let mut options = GenerateOptions::new(3, 2, 8, day("2025-01-01"));
        options.trouble = Trouble { after: 20, days: 300, meters: 500, changes: 300, customers: 500, faults: 0 };
        let world = World::start(FleetSpec::generate(99, &options), "2026-02-20T02:00:00Z").await;
        if warm {
            for days in [300, 10, 390] {
                world.clock.set(at("2025-01-01T05:00:00Z") + TimeDelta::days(days));
                world.client(2).await.post("/PrintReleaf/Customer", &mps(&world.customer(2, 0), 1, 100)).await;
            }
            world.clock.set(at("2026-02-20T02:00:00Z"));
        }
        let date = day("2025-11-11");
        answers.push((
            world.client(0).await.get(&report("Report", &world.customer(0, 1), date, day("2026-01-03"))).await.json(),
            devices(&mut world.client(1).await, &world.customer(1, 0), Some(date)).await,
            world.client(2).await.post("/PrintReleaf/Customer", &mps(&world.customer(2, 0), 1, 100)).await.json(),
        ));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn serves_by_itself_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let clock = Arc::new(ManualClock::at(at("2026-03-01T00:00:00Z")));
    let options = ServeOptions { ca_file: ca_file.clone(), ..ServeOptions::default() };
    let mut out = Vec::new();
    serve_forever(options, clock, &mut out, async {}).await.unwrap();
    let lines: Vec<Value> =
        out.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!(lines[0]["servers"].as_array().unwrap().len(), 3);
    assert_eq!(lines[0]["servers"][1]["vendor"], "THREE_MANAGER");
    assert_eq!(lines[0]["servers"][2]["customers"].as_array().unwrap().len(), 4);
    assert!(lines[0]["servers"][0]["url"].as_str().unwrap().starts_with("https://localhost:"));
    assert_eq!(lines[1], serde_json::json!({ "requests": 0, "violations": [] }));
    assert!(std::fs::read_to_string(ca_file).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}
