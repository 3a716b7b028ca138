//! One example for each mutation, as data: `snippets` writes it in every language, and `tests/it/docs` runs all of them. A mutation
//! without one fails that test.

/// Who sends an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A program with an API key.
    Key,
    /// Nobody who is signed in.
    Nobody,
    /// A person with an access token.
    Token,
}

/// A call of one mutation.
#[derive(Debug)]
pub(super) struct Example {
    /// Its name in the schema.
    pub(super) mutation: &'static str,
    pub(super) by: By,
    /// What is asked of its payload beside `userErrors`.
    pub(super) fields: &'static str,
    /// The input as JSON, indented by two; `$name` stands for a sample.
    pub(super) input: &'static str,
}

/// What stands in the examples for ids and secrets that only an installation has.
pub const SAMPLES: [(&str, &str); 15] = [
    ("dealer", "acc_01kb1d4tqmez5v3c7a9r2w8x0e"),
    ("customer", "acc_01kb1d51f7gnb8h2k4m6p9s3ty"),
    ("server", "srv_01kb1d8w2ceq4r7t0v3x6z9b5d"),
    ("feed", "fed_01kb1dcj5ke8m1n4p7q0s3t6vw"),
    ("run", "run_01kb1dgx8ng2h5j8k1m4n7p0qr"),
    ("anomaly", "ano_01kb1dm3aqf6g9h2j5k8m1n4pt"),
    ("deposit", "dep_01kb1dqzdsj8k1m4n7p0q3r6tv"),
    ("certificate", "crt_01kb1dvcftm0n3p6q9r2s5t8vx"),
    ("project", "prj_01kb1dzsjwq4r7s0t3v6w9x2yz"),
    ("user", "usr_01kb1e35myt6v9w2x5y8z1a4bc"),
    ("apiKey", "key_01kb1e6hq0w8x1y4z7a0b3c6de"),
    ("link", "coppice_link_4fRkz0m"),
    ("refreshToken", "coppice_refresh_9sTq2x"),
    ("vendor", "https://dealer.my3manager.com"),
    ("password", "correct horse battery staple"),
];

const fn key(mutation: &'static str, fields: &'static str, input: &'static str) -> Example {
    Example { mutation, by: By::Key, fields, input }
}

/// By topic, in an order in which they can be done.
pub(super) const GROUPS: [(&str, &[Example]); 7] = [
    ("Signing in", SIGNING_IN),
    ("Accounts, users and API keys", ACCOUNTS),
    ("Servers", SERVERS),
    ("Feeds", FEEDS),
    ("Collections", COLLECTIONS),
    ("Deposits", DEPOSITS),
    ("Certificates", CERTIFICATES),
];

const SESSION: &str = "session { accessToken accessTokenExpiresAt refreshToken viewer { user { name } account { id name } } }";

const SIGNING_IN: &[Example] = &[
    Example {
        mutation: "setPassword",
        by: By::Nobody,
        fields: SESSION,
        input: r#"{
  "token": "$link",
  "password": "$password"
}"#,
    },
    Example {
        mutation: "signIn",
        by: By::Nobody,
        fields: SESSION,
        input: r#"{
  "email": "erika@example.com",
  "password": "$password"
}"#,
    },
    Example {
        mutation: "refreshSession",
        by: By::Nobody,
        fields: "session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt }",
        input: r#"{
  "refreshToken": "$refreshToken"
}"#,
    },
    Example {
        mutation: "signOut",
        by: By::Token,
        fields: "",
        input: r#"{
  "everywhere": true
}"#,
    },
];

const ACCOUNTS: &[Example] = &[
    key(
        "createAccount",
        "account { id name role version }",
        r#"{
  "parentId": "$dealer",
  "name": "Blumen Becker",
  "role": "CUSTOMER",
  "timeZone": "Europe/Berlin",
  "externalId": "crm-4711",
  "idempotencyKey": "crm-4711-created"
}"#,
    ),
    key(
        "createAccounts",
        "results { account { id name } userErrors { code field message } }",
        r#"{
  "accounts": [
    { "parentId": "$dealer", "name": "Hotel am Park", "role": "CUSTOMER", "externalId": "crm-4712" },
    { "parentId": "$dealer", "name": "Kanzlei Nord", "role": "CUSTOMER", "externalId": "crm-4713" }
  ],
  "idempotencyKey": "import-2026-03-01"
}"#,
    ),
    key(
        "updateAccount",
        "account { id name externalId version }",
        r#"{
  "accountId": "$customer",
  "name": "Blumen Becker GmbH",
  "externalId": null,
  "expectedVersion": 1
}"#,
    ),
    key(
        "createUser",
        "user { id name permission } passwordUrl",
        r#"{
  "accountId": "$dealer",
  "name": "Max Muster",
  "email": "max@example.com",
  "permission": "WRITE",
  "idempotencyKey": "max-invited"
}"#,
    ),
    key(
        "updateUser",
        "user { id permission status version }",
        r#"{
  "userId": "$user",
  "permission": "READ",
  "status": "INACTIVE"
}"#,
    ),
    key(
        "resetPassword",
        "user { id } passwordUrl",
        r#"{
  "userId": "$user"
}"#,
    ),
    key(
        "removeUser",
        "removedUserId",
        r#"{
  "userId": "$user"
}"#,
    ),
    key(
        "createApiKey",
        "apiKey { id hint permission expiresAt } secret",
        r#"{
  "accountId": "$customer",
  "name": "Reporting of Blumen Becker",
  "permission": "READ",
  "expiresAt": "2027-01-01T00:00:00.000Z",
  "idempotencyKey": "crm-4711-key"
}"#,
    ),
    key(
        "revokeApiKey",
        "apiKey { id revokedAt }",
        r#"{
  "apiKeyId": "$apiKey"
}"#,
    ),
];

const SERVERS: &[Example] = &[
    key(
        "testServerConnection",
        "passed reason message",
        r#"{
  "url": "$vendor",
  "credentials": {
    "threeManager": { "username": "coppice", "password": "$password" }
  }
}"#,
    ),
    key(
        "registerServer",
        "server { id name status health { status } version }",
        r#"{
  "accountId": "$dealer",
  "name": "3manager",
  "url": "$vendor",
  "credentials": {
    "threeManager": { "username": "coppice", "password": "$password" }
  },
  "timeZone": "Europe/Berlin",
  "nightlyAt": "03:30",
  "idempotencyKey": "3manager-registered"
}"#,
    ),
    key(
        "updateServer",
        "server { id name nightlyAt nextRunAt version }",
        r#"{
  "serverId": "$server",
  "nightlyAt": "04:15",
  "expectedVersion": 1
}"#,
    ),
    key(
        "checkServer",
        "server { id status health { status reason message checkedAt } }",
        r#"{
  "serverId": "$server"
}"#,
    ),
    key(
        "pauseServer",
        "server { id status }",
        r#"{
  "serverId": "$server"
}"#,
    ),
    key(
        "resumeServer",
        "server { id status currentRun { id trigger } }",
        r#"{
  "serverId": "$server"
}"#,
    ),
    key(
        "removeServer",
        "server { id status }",
        r#"{
  "serverId": "$server"
}"#,
    ),
];

const FEEDS: &[Example] = &[
    key(
        "registerFeed",
        "feed { id name status version }",
        r#"{
  "serverId": "$server",
  "accountId": "$customer",
  "externalId": "4711",
  "name": "Head office",
  "activationDate": "2026-01-01",
  "collectionScope": "MANAGED_ONLY",
  "idempotencyKey": "crm-4711-feed"
}"#,
    ),
    key(
        "registerFeeds",
        "results { feed { id status } userErrors { code field message } }",
        r#"{
  "feeds": [
    { "serverId": "$server", "accountId": "$customer", "externalId": "4712", "activationDate": "2026-01-01" },
    { "serverId": "$server", "accountId": "$customer", "externalId": "4713", "activationDate": "2026-02-01" }
  ],
  "idempotencyKey": "import-2026-03-01-feeds"
}"#,
    ),
    key(
        "updateFeed",
        "feed { id name activationDate status version }",
        r#"{
  "feedId": "$feed",
  "name": null,
  "activationDate": "2025-12-01",
  "expectedVersion": 1
}"#,
    ),
    key(
        "pauseFeed",
        "feed { id status }",
        r#"{
  "feedId": "$feed"
}"#,
    ),
    key(
        "resumeFeed",
        "feed { id status }",
        r#"{
  "feedId": "$feed"
}"#,
    ),
    key(
        "removeFeed",
        "feed { id status }",
        r#"{
  "feedId": "$feed"
}"#,
    ),
];

const COLLECTIONS: &[Example] = &[
    key(
        "startSync",
        "syncRun { id status progress { feedsDone feedsTotal } }",
        r#"{
  "serverId": "$server",
  "idempotencyKey": "monday-morning"
}"#,
    ),
    key(
        "cancelSync",
        "syncRun { id status }",
        r#"{
  "runId": "$run"
}"#,
    ),
    key(
        "resolveAnomaly",
        "anomaly { id status pages resolvedAt }",
        r#"{
  "anomalyId": "$anomaly",
  "decision": "ACCEPT",
  "note": "Catalogues for the spring fair."
}"#,
    ),
];

const DEPOSITS: &[Example] = &[
    key(
        "createDeposit",
        "deposit { id date standardPages }",
        r#"{
  "accountId": "$customer",
  "date": "2026-02-27",
  "small": 5000,
  "duplex": 1200,
  "paper": [
    { "quantity": 250, "width": "0.42", "height": "0.594", "gsm": "120" }
  ],
  "note": "Posters and flyers of the print shop",
  "idempotencyKey": "invoice-2026-0815"
}"#,
    ),
    key(
        "reverseDeposit",
        "deposit { id kind standardPages reversalOf { id } }",
        r#"{
  "depositId": "$deposit",
  "note": "Entered twice",
  "idempotencyKey": "invoice-2026-0815-reversed"
}"#,
    ),
];

const CERTIFICATES: &[Example] = &[
    key(
        "chooseProjects",
        "account { id version projects { id name country } }",
        r#"{
  "accountId": "$customer",
  "projectIds": ["$project"]
}"#,
    ),
    key(
        "issueCertificates",
        "certificates { id number trees verificationUrl pdfUrl }",
        r#"{
  "accountId": "$customer",
  "month": "2026-02",
  "idempotencyKey": "2026-02-issued"
}"#,
    ),
    key(
        "voidCertificate",
        "certificate { id number status voidReason }",
        r#"{
  "certificateId": "$certificate",
  "reason": "Issued in the name of another company"
}"#,
    ),
];

/// Text with its samples filled in.
pub(super) fn with_samples(text: &str) -> String {
    let mut names: Vec<_> = SAMPLES.to_vec();
    // The longest name first: one may begin with another.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, (name, sample)| text.replace(&format!("${name}"), sample))
}
