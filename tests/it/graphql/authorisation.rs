//! Who may reach what by its id: every argument and input field of the schema that takes an id has a row here, or the test fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_graphql::{Request, Response, futures_util::StreamExt as _};
use chrono_tz::Tz;
use coppice::{
    app::input::{CreateApiKey, CreateDeposit, CreateUser, IssueCertificates, OperatorProject},
    clock::Clock as _,
    connector::Credentials,
    domain::{
        account::{Actor, Permission},
        pages::Pages,
        vendor::VendorKind,
    },
    graphql::{Caller, CoppiceSchema, Limits, RequestId, build_schema, prepare},
    id::{Kind as Id, PublicId, Uuid},
    secret::{Place, Secret},
};
use serde_json::{Value, json};

use crate::support::world::{Kind, Tree, World, actor, on_both};

on_both!(every_id_is_guarded);

/// What comes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    /// The object, a list with something in it, an event.
    Data,
    /// As if there were no such object: null, an empty list, a stream without events; of a mutation `NOT_FOUND`.
    Absent,
    /// A mutation is not refused; it may find something else wrong.
    Passed,
    Forbidden,
    Unauthenticated,
}

use Is::{Absent, Data, Forbidden, Passed, Unauthenticated};

/// Who asks, in the order of a row's outcomes. All but the last but one have ADMIN, so that only the place in the tree tells them apart.
const ACTORS: [&str; 6] = ["anonymous", "another partner", "a sibling customer", "a child", "a read-only key", "the partner"];

/// Queries and subscriptions of what is the partner's own.
const SEEN_BY_PARTNER: [Is; 6] = [Unauthenticated, Absent, Absent, Absent, Data, Data];
/// The same of what is the customer's below it.
const SEEN_BY_CUSTOMER: [Is; 6] = [Unauthenticated, Absent, Absent, Data, Data, Data];
/// Users and API keys, which only administrators see.
const SEEN_BY_ADMIN: [Is; 6] = [Unauthenticated, Absent, Absent, Absent, Absent, Data];
/// Mutations of what is the partner's own.
const DONE_BY_PARTNER: [Is; 6] = [Unauthenticated, Absent, Absent, Absent, Forbidden, Passed];
/// Mutations of what is the customer's below it.
const DONE_BY_CUSTOMER: [Is; 6] = [Unauthenticated, Absent, Absent, Passed, Forbidden, Passed];

/// Where the id goes, a request with it, and what each actor gets. `$name` is an object of the installation, `$own...` one of the actor's.
type Row = (&'static str, &'static str, [Is; 6]);

const QUERIES: &[Row] = &[
    ("account.id", r#"account(id: "$partner") { id }"#, SEEN_BY_PARTNER),
    ("account.id", r#"account(id: "$customer") { id }"#, SEEN_BY_CUSTOMER),
    ("accounts.filter.parentId", r#"accounts(filter: { parentId: "$partner" }) { nodes { id } }"#, SEEN_BY_PARTNER),
    // Nobody learns which account is above its own, though all of them are below it.
    (
        "accounts.filter.parentId",
        r#"accounts(filter: { parentId: "$distributor" }) { nodes { id } }"#,
        [Unauthenticated, Absent, Absent, Absent, Absent, Absent],
    ),
    ("certificate.id", r#"certificate(id: "$certificate") { id }"#, SEEN_BY_CUSTOMER),
    ("certificates.filter.accountId", r#"certificates(filter: { accountId: "$customer" }) { nodes { id } }"#, SEEN_BY_CUSTOMER),
    (
        "consumption.accountId",
        r#"consumption(accountId: "$partner", from: "2026-01-01", to: "2026-01-02") { from }"#,
        SEEN_BY_PARTNER,
    ),
    ("deposits.filter.accountId", r#"deposits(filter: { accountId: "$customer" }) { nodes { id } }"#, SEEN_BY_CUSTOMER),
    ("deposits.filter.feedId", r#"deposits(filter: { feedId: "$feed" }) { nodes { id } }"#, SEEN_BY_CUSTOMER),
    ("feed.id", r#"feed(id: "$feed") { id }"#, SEEN_BY_CUSTOMER),
    ("feeds.filter.accountId", r#"feeds(filter: { accountId: "$customer" }) { nodes { id } }"#, SEEN_BY_CUSTOMER),
    ("feeds.filter.serverId", r#"feeds(filter: { serverId: "$server" }) { nodes { id } }"#, SEEN_BY_CUSTOMER),
    ("health.accountId", r#"health(accountId: "$partner") { openAnomalyCount }"#, SEEN_BY_PARTNER),
    ("node.id", r#"node(id: "$partner") { id }"#, SEEN_BY_PARTNER),
    ("node.id", r#"node(id: "$server") { id }"#, SEEN_BY_PARTNER),
    ("node.id", r#"node(id: "$run") { id }"#, SEEN_BY_PARTNER),
    ("node.id", r#"node(id: "$user") { id }"#, SEEN_BY_ADMIN),
    ("node.id", r#"node(id: "$apiKey") { id }"#, SEEN_BY_ADMIN),
    ("node.id", r#"node(id: "$feed") { id }"#, SEEN_BY_CUSTOMER),
    ("node.id", r#"node(id: "$device") { id }"#, SEEN_BY_CUSTOMER),
    ("node.id", r#"node(id: "$collection") { id }"#, SEEN_BY_CUSTOMER),
    ("node.id", r#"node(id: "$anomaly") { id }"#, SEEN_BY_CUSTOMER),
    ("node.id", r#"node(id: "$deposit") { id }"#, SEEN_BY_CUSTOMER),
    ("node.id", r#"node(id: "$certificate") { id }"#, SEEN_BY_CUSTOMER),
    // Projects are everybody's who is signed in.
    ("node.id", r#"node(id: "$project") { id }"#, [Unauthenticated, Data, Data, Data, Data, Data]),
    ("nodes.ids", r#"nodes(ids: ["$partner", "$server", "$run"]) { id }"#, SEEN_BY_PARTNER),
    ("nodes.ids", r#"nodes(ids: ["$feed", "$deposit", "$certificate"]) { id }"#, SEEN_BY_CUSTOMER),
    ("nodes.ids", r#"nodes(ids: ["$user", "$apiKey"]) { id }"#, SEEN_BY_ADMIN),
    ("server.id", r#"server(id: "$server") { id }"#, SEEN_BY_PARTNER),
    ("servers.filter.accountId", r#"servers(filter: { accountId: "$partner" }) { nodes { id } }"#, SEEN_BY_PARTNER),
    ("syncRun.id", r#"syncRun(id: "$run") { id }"#, SEEN_BY_PARTNER),
    ("syncRuns.filter.accountId", r#"syncRuns(filter: { accountId: "$partner" }) { nodes { id } }"#, SEEN_BY_PARTNER),
    ("syncRuns.filter.serverId", r#"syncRuns(filter: { serverId: "$server" }) { nodes { id } }"#, SEEN_BY_PARTNER),
];

const SUBSCRIPTIONS: &[Row] = &[
    (
        "certificateIssued.accountId",
        r#"certificateIssued(accountId: "$customer", after: "$certificate") { id }"#,
        SEEN_BY_CUSTOMER,
    ),
    (
        "certificateIssued.after",
        r#"certificateIssued(accountId: "$ownAccount", after: "$certificate") { id }"#,
        SEEN_BY_CUSTOMER,
    ),
    ("healthChanged.accountId", r#"healthChanged(accountId: "$customer", after: "$change") { status }"#, SEEN_BY_CUSTOMER),
    ("syncProgress.accountId", r#"syncProgress(accountId: "$partner") { runId }"#, SEEN_BY_PARTNER),
    ("syncProgress.runId", r#"syncProgress(runId: "$run") { runId }"#, SEEN_BY_PARTNER),
    ("syncProgress.serverId", r#"syncProgress(serverId: "$server") { runId }"#, SEEN_BY_PARTNER),
];

/// In an order in which the partner can do them one after the other.
const MUTATIONS: &[Row] = &[
    (
        "createAccount.input.parentId",
        r#"createAccount(input: { parentId: "$partner", name: "x", role: CUSTOMER }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "createAccounts.input.accounts.parentId",
        r#"createAccounts(input: { accounts: [{ parentId: "$partner", name: "y", role: CUSTOMER }] }) { results { userErrors { code } } userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "updateAccount.input.accountId",
        r#"updateAccount(input: { accountId: "$partner", name: "Partner" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "chooseProjects.input.accountId",
        r#"chooseProjects(input: { accountId: "$partner", projectIds: [] }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    // Projects are everybody's.
    (
        "chooseProjects.input.projectIds",
        r#"chooseProjects(input: { accountId: "$ownAccount", projectIds: ["$project"] }) { userErrors { code } }"#,
        [Unauthenticated, Passed, Passed, Passed, Forbidden, Passed],
    ),
    (
        "createUser.input.accountId",
        r#"createUser(input: { accountId: "$partner", name: "x", email: "x@example.com" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "updateUser.input.userId",
        r#"updateUser(input: { userId: "$user", name: "Erika" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    ("resetPassword.input.userId", r#"resetPassword(input: { userId: "$user" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    ("removeUser.input.userId", r#"removeUser(input: { userId: "$user" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    (
        "createApiKey.input.accountId",
        r#"createApiKey(input: { accountId: "$partner", name: "x" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    ("revokeApiKey.input.apiKeyId", r#"revokeApiKey(input: { apiKeyId: "$apiKey" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    (
        "createDeposit.input.accountId",
        r#"createDeposit(input: { accountId: "$customer", date: "2026-03-01", small: 1 }) { userErrors { code } }"#,
        DONE_BY_CUSTOMER,
    ),
    (
        "reverseDeposit.input.depositId",
        r#"reverseDeposit(input: { depositId: "$deposit", note: "x" }) { userErrors { code } }"#,
        DONE_BY_CUSTOMER,
    ),
    (
        "issueCertificates.input.accountId",
        r#"issueCertificates(input: { accountId: "$customer", month: "2025-12" }) { userErrors { code } }"#,
        DONE_BY_CUSTOMER,
    ),
    (
        "voidCertificate.input.certificateId",
        r#"voidCertificate(input: { certificateId: "$certificate", reason: "x" }) { userErrors { code } }"#,
        DONE_BY_CUSTOMER,
    ),
    (
        "resolveAnomaly.input.anomalyId",
        r#"resolveAnomaly(input: { anomalyId: "$anomaly", decision: REJECT }) { userErrors { code } }"#,
        DONE_BY_CUSTOMER,
    ),
    (
        "registerServer.input.accountId",
        r#"registerServer(input: { accountId: "$partner", name: "x", url: "https://vendor.invalid", credentials: { threeManager: { username: "x", password: "x" } } }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "updateServer.input.serverId",
        r#"updateServer(input: { serverId: "$server", name: "Office" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    ("checkServer.input.serverId", r#"checkServer(input: { serverId: "$server" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    // The customer sees the feed, but not the server that it would be registered at.
    (
        "registerFeed.input.serverId",
        r#"registerFeed(input: { serverId: "$server", accountId: "$ownAccount", externalId: "2", activationDate: "2026-03-01" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "registerFeed.input.accountId",
        r#"registerFeed(input: { serverId: "$ownServer", accountId: "$customer", externalId: "3", activationDate: "2026-03-01" }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "registerFeeds.input.feeds.serverId",
        r#"registerFeeds(input: { feeds: [{ serverId: "$server", accountId: "$ownAccount", externalId: "4", activationDate: "2026-03-01" }] }) { results { userErrors { code } } userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "registerFeeds.input.feeds.accountId",
        r#"registerFeeds(input: { feeds: [{ serverId: "$ownServer", accountId: "$customer", externalId: "5", activationDate: "2026-03-01" }] }) { results { userErrors { code } } userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    (
        "updateFeed.input.feedId",
        r#"updateFeed(input: { feedId: "$feed", name: "Feed" }) { userErrors { code } }"#,
        DONE_BY_CUSTOMER,
    ),
    ("pauseFeed.input.feedId", r#"pauseFeed(input: { feedId: "$feed" }) { userErrors { code } }"#, DONE_BY_CUSTOMER),
    ("resumeFeed.input.feedId", r#"resumeFeed(input: { feedId: "$feed" }) { userErrors { code } }"#, DONE_BY_CUSTOMER),
    ("startSync.input.serverId", r#"startSync(input: { serverId: "$server" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    (
        "startSync.input.feedIds",
        r#"startSync(input: { serverId: "$ownServer", feedIds: ["$feed"] }) { userErrors { code } }"#,
        DONE_BY_PARTNER,
    ),
    ("cancelSync.input.runId", r#"cancelSync(input: { runId: "$run" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    ("pauseServer.input.serverId", r#"pauseServer(input: { serverId: "$server" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    ("resumeServer.input.serverId", r#"resumeServer(input: { serverId: "$server" }) { userErrors { code } }"#, DONE_BY_PARTNER),
    ("removeFeed.input.feedId", r#"removeFeed(input: { feedId: "$feed" }) { userErrors { code } }"#, DONE_BY_CUSTOMER),
    ("removeServer.input.serverId", r#"removeServer(input: { serverId: "$server" }) { userErrors { code } }"#, DONE_BY_PARTNER),
];

/// Who asks, and what of theirs stands for `$ownAccount` and `$ownServer`.
pub(super) struct Asker {
    actor: Option<Actor>,
    own: [(&'static str, String); 2],
}

pub(super) struct Installation {
    pub(super) world: World,
    pub(super) tree: Tree,
    pub(super) schema: CoppiceSchema,
    askers: [Asker; 6],
    pub(super) ids: BTreeMap<&'static str, String>,
}

impl Installation {
    pub(super) async fn new(kind: Kind) -> Self {
        let world = World::new(kind).await;
        let tree = world.tree().await;
        let (app, by) = (&world.app, actor(&tree.partner, Permission::Admin));
        let project = OperatorProject {
            name: "River".to_owned(),
            country: "ke".to_owned(),
            description: "Trees along the river.".to_owned(),
            ..OperatorProject::default()
        };
        let project = app.operator_create_project(project).await.unwrap().unwrap();
        let mut deposit = None;
        for day in ["2026-01-10", "2026-02-10", "2026-03-01"] {
            let input = CreateDeposit {
                account_id: tree.customer.id,
                day: day.parse().unwrap(),
                pages: Pages { small: 100_000, large: 0, duplex: 0 },
                paper: Vec::new(),
                note: None,
                idempotency_key: None,
            };
            deposit = Some(app.create_deposit(&by, input).await.unwrap().unwrap());
        }
        let mut certificates = Vec::new();
        for month in ["2026-01", "2026-02"] {
            let input =
                IssueCertificates { account_id: tree.customer.id, month: month.parse().unwrap(), idempotency_key: None };
            certificates.extend(app.issue_certificates(&by, input).await.unwrap().unwrap());
        }
        assert_eq!(certificates.len(), 2);
        let user = CreateUser {
            account_id: tree.partner.id,
            name: "Erika".to_owned(),
            email: "erika@example.com".to_owned(),
            permission: Permission::Read,
            idempotency_key: None,
        };
        let (user, _) = app.create_user(&by, user).await.unwrap().unwrap();
        let api_key = CreateApiKey {
            account_id: tree.partner.id,
            name: "portal".to_owned(),
            permission: Permission::Read,
            expires_at: None,
            idempotency_key: None,
        };
        let (api_key, _) = app.create_api_key(&by, api_key).await.unwrap().unwrap();
        let server = world.server(&tree.partner, VendorKind::ThreeManager, Tz::UTC).await;
        let other_server = world.server(&tree.other_partner, VendorKind::ThreeManager, Tz::UTC).await;
        let feed = world.feed(&by, &server, &tree.customer, "1", "2026-02-01").await;
        let run = app.current_runs(&by, &[server.id]).await.unwrap()[&server.id].clone();
        let [device, anomaly, collection, posted] = std::array::from_fn(|_| world.ids.uuid(world.clock.now()));
        let key = |id: Uuid| world.database.key(id);
        let (of_feed, of_customer) = (key(feed.id), key(tree.customer.id));
        // Credentials that can be opened, and an address that is refused before anything is sent there.
        let place = Place { table: "server", column: "credentials", row: server.id, account: tree.partner.id };
        let credentials = Credentials::ThreeManager { username: "dealer".to_owned(), password: Secret::from("right") };
        let sealed = world.keys.seal(&place, &credentials.to_sealable(), &world.ids).unwrap();
        let sealed = sealed.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let sealed = if kind == Kind::Sqlite { format!("X'{sealed}'") } else { format!("'\\x{sealed}'::bytea") };
        for statement in [
            format!("UPDATE server SET url = 'https://127.0.0.1:1', credentials = {sealed} WHERE id = {}", key(server.id)),
            format!(
                "INSERT INTO device (id, server_id, feed_id, vendor_device_id) VALUES ({}, {}, {of_feed}, 'd')",
                key(device),
                key(server.id),
            ),
            format!(
                "INSERT INTO fleet (feed_id, devices) VALUES ({of_feed}, '[[\"{device}\",\"d\",true,true,null,null,\"SD\",\
                 [[100,5,20485,25,50],[0,0,20485,0,0],[1,1,20485,4,0]],{{}}]]')"
            ),
            format!(
                "INSERT INTO anomaly (id, feed_id, device_id, kind, status, from_day, to_day, source_key, raised_at) \
                 VALUES ({}, {of_feed}, {}, 'METER_SPIKE', 'OPEN', '2026-02-01', '2026-02-02', 'x', 1)",
                key(anomaly),
                key(device),
            ),
            format!(
                "INSERT INTO collection (id, run_id, feed_id, position, status, from_day, to_day) \
                 VALUES ({}, {}, {of_feed}, 0, 'QUEUED', '2026-02-01', '2026-03-01')",
                key(collection),
                key(run.id),
            ),
            format!(
                "INSERT INTO deposit (id, account_id, feed_id, day, month, number, small, large, duplex, standard, estimated, kind, \
                 source_key, methodology_version, created_at) \
                 VALUES ({}, {of_customer}, {of_feed}, '2026-03-01', '2026-03', 50, 1, 0, 0, 1, FALSE, 'MANUAL', 'x', 1, 0)",
                key(posted),
            ),
            format!(
                "INSERT INTO health_change (account_id, number, place, subject_kind, subject_id, status, previous_status, changed_at) \
                 VALUES ({of_customer}, 1, 1, 'FEED', {of_feed}, 'UNHEALTHY', 'PENDING', 1772000000000)"
            ),
            "UPDATE sequence SET number = 1 WHERE name = 'health'".to_owned(),
        ] {
            world.database.sql(&statement).await.unwrap();
        }
        let id = |kind, id| PublicId::new(kind, id).to_string();
        let asker = |actor: Actor, server: Option<Uuid>| Asker {
            actor: Some(actor),
            own: [
                ("ownAccount", id(Id::Account, actor.account_id)),
                ("ownServer", server.map_or_else(|| "srv_none".to_owned(), |server| id(Id::Server, server))),
            ],
        };
        let askers = [
            Asker { actor: None, ..asker(by, Some(server.id)) },
            asker(actor(&tree.other_partner, Permission::Admin), Some(other_server.id)),
            asker(actor(&tree.sibling, Permission::Admin), None),
            asker(actor(&tree.customer, Permission::Admin), None),
            asker(actor(&tree.partner, Permission::Read), Some(server.id)),
            asker(by, Some(server.id)),
        ];
        let ids = BTreeMap::from([
            ("distributor", id(Id::Account, tree.distributor.id)),
            ("partner", id(Id::Account, tree.partner.id)),
            ("customer", id(Id::Account, tree.customer.id)),
            ("sibling", id(Id::Account, tree.sibling.id)),
            ("otherPartner", id(Id::Account, tree.other_partner.id)),
            ("otherCustomer", id(Id::Account, tree.other_customer.id)),
            ("otherServer", id(Id::Server, other_server.id)),
            ("server", id(Id::Server, server.id)),
            ("feed", id(Id::Feed, feed.id)),
            ("run", id(Id::SyncRun, run.id)),
            ("device", id(Id::Device, device)),
            ("anomaly", id(Id::Anomaly, anomaly)),
            ("collection", id(Id::Collection, collection)),
            ("deposit", id(Id::Deposit, deposit.unwrap().id)),
            ("certificate", id(Id::Certificate, certificates[0].id)),
            ("project", id(Id::Project, project.id)),
            ("user", id(Id::User, user.id)),
            ("apiKey", id(Id::ApiKey, api_key.id)),
            ("change", coppice::store::health::cursor(0)),
        ]);
        let schema = build_schema(Arc::clone(&world.app), Limits::default());
        let installation = Self { world, tree, schema, askers, ids };
        // On PostgreSQL an entry is listed once no transaction is open that could still precede it, be it another test's.
        let entry = r#"deposits(filter: { feedId: "$feed" }) { nodes { id } }"#;
        while outcome(installation.ask(&installation.askers[5], "query", entry).await) != Ok(Data) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        installation
    }

    async fn ask(&self, asker: &Asker, operation: &str, field: &str) -> Response {
        let mut text = format!("{operation} {{ {field} }}");
        // The longest name first: one may begin with another.
        let own = asker.own.iter().map(|(name, id)| (*name, id));
        let mut names: Vec<(&str, &String)> = self.ids.iter().map(|(name, id)| (*name, id)).chain(own).collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, id) in names {
            text = text.replace(&format!("${name}"), id);
        }
        assert!(!text.contains('$'), "{text}");
        let mut request = Request::new(text);
        prepare(&mut request, &self.world.app, Caller(asker.actor), RequestId("req-1".into()));
        if operation == "subscription" {
            // A stream that ends at once says nothing.
            self.schema.execute_stream(request).next().await.unwrap_or_default()
        } else {
            self.schema.execute(request).await
        }
    }
}

/// What an answer comes to.
fn outcome(response: Response) -> Result<Is, String> {
    if let Some(error) = response.errors.first() {
        let code = serde_json::to_value(error).unwrap()["extensions"]["code"].take();
        return match code.as_str() {
            Some("UNAUTHENTICATED") => Ok(Unauthenticated),
            Some("FORBIDDEN") => Ok(Forbidden),
            _ => Err(format!("{error:?}")),
        };
    }
    let data = response.data.into_json().unwrap();
    let Some(answer) = data.as_object().and_then(|data| data.values().next()) else { return Ok(Absent) };
    if answer.get("userErrors").is_some() {
        return Ok(if answer.to_string().contains(r#""code":"NOT_FOUND""#) { Absent } else { Passed });
    }
    let list = answer.get("nodes").unwrap_or(answer);
    let absent = list.is_null() || list.as_array().is_some_and(|items| items.iter().all(Value::is_null));
    Ok(if absent { Absent } else { Data })
}

const TYPES: &str = "{ __schema { types { kind name
    fields { name args { name type { ...Base } } }
    inputFields { name type { ...Base } }
} } }
fragment Base on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }";

/// All places where the schema takes an id: `field.argument.inputField` of the roots, the same behind `Type.` elsewhere.
pub(super) async fn places(installation: &Installation) -> BTreeSet<String> {
    let mut request = Request::new(TYPES);
    prepare(&mut request, &installation.world.app, Caller(installation.askers[5].actor), RequestId("req-1".into()));
    let response = installation.schema.execute(request).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let schema = response.data.into_json().unwrap()["__schema"].take();
    let types: BTreeMap<&str, &Value> =
        schema["types"].as_array().unwrap().iter().map(|of| (of["name"].as_str().unwrap(), of)).collect();
    let mut found = BTreeSet::new();
    for (name, of) in types.iter().filter(|(name, of)| of["kind"] == "OBJECT" && !name.starts_with("__")) {
        for field in of["fields"].as_array().unwrap() {
            let root = ["Query", "Mutation", "Subscription"].contains(name);
            let field_name = field["name"].as_str().unwrap();
            let path = if root { field_name.to_owned() } else { format!("{name}.{field_name}") };
            takes(&types, &field["args"], &path, &mut found);
        }
    }
    found
}

fn takes(types: &BTreeMap<&str, &Value>, values: &Value, path: &str, found: &mut BTreeSet<String>) {
    for value in values.as_array().unwrap() {
        let path = format!("{path}.{}", value["name"].as_str().unwrap());
        let mut of = &value["type"];
        while of["ofType"].is_object() {
            of = &of["ofType"];
        }
        if of["name"] == "ID" {
            found.insert(path);
        } else if of["kind"] == "INPUT_OBJECT" {
            takes(types, &types[of["name"].as_str().unwrap()]["inputFields"], &path, found);
        }
    }
}

async fn every_id_is_guarded(kind: Kind) {
    let installation = Installation::new(kind).await;
    let all = [("query", QUERIES), ("subscription", SUBSCRIPTIONS), ("mutation", MUTATIONS)];
    let rows: BTreeSet<String> = all.iter().flat_map(|(_, rows)| rows.iter()).map(|(place, ..)| (*place).to_owned()).collect();
    let places = places(&installation).await;
    assert_eq!(json!(places.difference(&rows).collect::<Vec<_>>()), json!([]), "places without a row");
    assert_eq!(json!(rows.difference(&places).collect::<Vec<_>>()), json!([]), "rows without a place");
    let mut wrong = Vec::new();
    for (operation, rows) in all {
        for (place, field, expected) in rows {
            for ((asker, name), expected) in installation.askers.iter().zip(ACTORS).zip(expected) {
                let is = outcome(installation.ask(asker, operation, field).await);
                if is != Ok(*expected) {
                    wrong.push(format!("{place} by {name}: {is:?}, not {expected:?}: {field}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
