//! GraphiQL's example tabs; `tests/it/docs` runs them.

use chrono::{Datelike as _, Months, NaiveDate};

const DASHBOARD: &str = "# What was printed, what it comes to in trees,
# and what needs attention.
query Dashboard {
  viewer {
    account {
      id
      name
      totals {
        monthToDate { pages trees }
        yearToDate { pages trees }
        lifetime { pages standardPages trees }
      }
      health {
        servers { healthy unhealthy }
        feeds { healthy unhealthy pending }
        openAnomalyCount
        heldPages
      }
      servers {
        nodes {
          id name vendor status nextRunAt
          health { status message }
        }
      }
    }
  }
}
";

const REGISTER: &str = "# In this order; the button runs one at a time:
# 1. WhoAmI: your account's id, and what vendors need.
# 2. RegisterServer, with that under Variables.
# 3. RegisterFeed, with the server's id: it maps one of
#    the vendor's customers to an account.
mutation RegisterServer($server: RegisterServerInput!) {
  registerServer(input: $server) {
    server { id name status health { status } }
    userErrors { code field message }
  }
}

mutation RegisterFeed($feed: RegisterFeedInput!) {
  registerFeed(input: $feed) {
    feed { id name status activationDate }
    userErrors { code field message }
  }
}

query WhoAmI {
  viewer { permission account { id name role } }
  vendors {
    kind
    name
    urlExample
    setupSteps
    credentialsKey
    credentialFields { name label help }
    externalIdLabel
  }
  servers { nodes { id name } }
}
";

const REGISTER_VARIABLES: &str = r#"{
  "server": {
    "accountId": "acc_...",
    "name": "Head office",
    "url": "https://dealer.printanista.net",
    "credentials": {
      "printanista": { "username": "...", "password": "...", "apiKey": "..." }
    }
  },
  "feed": {
    "serverId": "srv_...",
    "accountId": "acc_...",
    "externalId": "4711",
    "activationDate": "{{from}}"
  }
}"#;

const PROGRESS: &str = "# Leave it running, and start a collection elsewhere:
# mutation { startSync(input: { serverId: \"srv_...\" }) {
#   syncRun { id } userErrors { message } } }
subscription Progress {
  syncProgress {
    runId
    status
    feedsDone
    feedsTotal
    daysDone
    daysTotal
    pages
    currentFeed { name }
    estimatedFinishAt
  }
}
";

const CERTIFICATES: &str = "# The latest certificates, with public addresses.
query Certificates {
  certificates(first: 10) {
    nodes {
      number
      account { name }
      month
      status
      standardPages
      trees
      allocations { project { name country } trees }
      verificationUrl
      pdfUrl
    }
    pageInfo { hasNextPage endCursor }
  }
}
";

const CONSUMPTION: &str = "query Consumption($from: Date!, $to: Date!) {
  viewer {
    account {
      consumption(from: $from, to: $to, interval: MONTH) {
        points { from to pages standardPages trees }
        total { pages standardPages trees }
      }
    }
  }
}
";

const CONSUMPTION_VARIABLES: &str = r#"{
  "from": "{{from}}",
  "to": "{{to}}"
}"#;

/// The documents with their variables: a year up to this month's day is what examples with dates ask for.
pub(super) fn tabs(today: NaiveDate) -> [(&'static str, String); 5] {
    let from = today.with_day(1).and_then(|first| first.checked_sub_months(Months::new(11))).unwrap_or(today);
    let dated = |text: &str| text.replace("{{from}}", &from.to_string()).replace("{{to}}", &today.to_string());
    [
        (DASHBOARD, String::new()),
        (REGISTER, dated(REGISTER_VARIABLES)),
        (PROGRESS, String::new()),
        (CERTIFICATES, String::new()),
        (CONSUMPTION, dated(CONSUMPTION_VARIABLES)),
    ]
}
