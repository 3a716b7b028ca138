//! `demo`: the whole main job in one process, with nothing else installed. Only the vendors are simulated; the node, its use cases,
//! its queue and its database are those of `serve`.
//!
//! The clock is set to an evening a few days back, everything is registered, and it is moved from night to night; the real scheduler
//! starts the runs. The last night played is the real last night, so that afterwards the real time can go on.

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs::DirBuilder,
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant as Stopwatch},
};

use clap::Args;
use serde_json::json;

use self::{
    cast::{Cast, assemble, register_feeds},
    clock::StageClock,
    plan::{Plan, ZONE},
    table::table,
    truth::Expected,
};
use super::{
    failure::Failure,
    number::{grouped, hundredths},
    output::print,
    progress::Board,
};
use crate::{
    app::{App, AppError},
    bootstrap::{Listener, Node, Purpose, Surroundings},
    clock::{Clock as _, Instant, SystemClock},
    config::{Config, Sources},
    domain::{
        account::Account,
        calendar::Interval,
        feed::FeedStatus,
        pages::Methodology,
        paging::{MAX_PAGE, PageArgs},
        query::{Consumption, FeedFilter, NameOrder, PageSum, SyncRunFilter},
        run::{SyncRun, SyncTrigger},
    },
    id::{IdSource, Kind, PublicId, SharedIds},
    lifecycle::{self, CancellationToken},
    simulator::Simulator,
    telemetry,
};

mod cast;
mod certificates;
mod clock;
mod plan;
mod table;
mod truth;

/// How often the runs are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The longest that a phase may take before it counts as hung.
const PATIENCE: Duration = Duration::from_mins(5);
/// Differences that are listed at most.
const LISTED: usize = 20;

/// See everything work, with simulated vendors and nothing else installed.
///
/// Starts three simulated vendor servers, registers them with a distributor, a dealer and its customers, reads months of history
/// (the backfill) and the last three nights, and compares every customer's account, day by day, with what the simulated devices
/// printed. Last month is closed and its certificates are shown. Then a server is left running to try queries on, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Time is simulated: the demo begins on an evening three days ago and plays the nights
since. The server that is left running is back in the real time.

Exit code 0 only if every total of every customer and day is what was printed; 4 if not.

Examples:
  coppice demo
  coppice demo --once --seed 42
  coppice demo --listen 127.0.0.1:9000")]
pub(super) struct Demo {
    /// End after the summary.
    #[arg(long)]
    once: bool,
    /// Decides what is printed on which device and day.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How many customers the dealer has, 1 to 200; each has a feed on each of the three servers.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=200))]
    customers: u16,
    /// Address and port of the server that is left running [default: 127.0.0.1:8080, or a free port if that one is taken].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Keep the database in this folder, which must be new [default: a temporary folder, deleted at the end].
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) async fn demo(what: Demo) -> Result<(), Failure> {
    let ids: SharedIds = Arc::new(IdSource::from_os());
    let folder = Folder::make(what.directory.as_deref(), &ids)?;
    let played = play(&what, &folder, ids).await;
    folder.clear();
    played
}

async fn play(what: &Demo, folder: &Folder, ids: SharedIds) -> Result<(), Failure> {
    let begun = Stopwatch::now();
    let shutdown = lifecycle::on_signals().map_err(|error| Failure::failed(&error))?;
    let real = Arc::new(SystemClock);
    let plan = Plan::at(real.now());
    let clock = Arc::new(StageClock::new(real));
    clock.move_to(plan.evening);
    let fleet = plan.fleet(what.seed, usize::from(what.customers));
    let simulator = Simulator::start(fleet, clock.clone()).await.map_err(|error| Failure::failed(&error))?;
    let ca_file = folder.path.join("simulator-ca.pem");
    let written = tokio::fs::write(&ca_file, simulator.ca_pem()).await;
    written.map_err(|error| Failure::failed_at(format!("{} cannot be written.", ca_file.display()), &error))?;
    let listener = if what.once { None } else { Some(listen(what.listen).await?) };
    let address = listener.as_ref().map(Listener::address);
    let config = config(folder, &ca_file, &plan, address)?;
    telemetry::init(&config.log).map_err(|error| Failure::usage(&error))?;

    let around = Surroundings { clock: clock.clone(), ids, follows_database: false };
    let node = Node::open(config, Purpose::Serve, around).await.map_err(|error| Failure::failed(&error))?;
    let app = Arc::clone(node.app());
    let stop = shutdown.child_token();
    let serving = tokio::spawn(node.serve(listener, stop.clone()));

    let stage = Stage { app: &app, simulator: &simulator, plan: &plan, clock: &clock, stop: &stop };
    let summary = tokio::select! {
        summary = stage.perform(begun, address.is_some()) => Some(summary),
        () = stop.cancelled() => None,
    };
    let outcome = match summary {
        Some(Ok((cast, outcome))) => {
            if let Some(address) = address {
                clock.return_to_real_time();
                print(invitation(&cast, &plan, address, folder));
                stop.cancelled().await;
            }
            outcome
        }
        Some(Err(failure)) => Err(failure),
        None => Err(Failure::unfinished("Interrupted before the summary.")),
    };
    stop.cancel();
    match serving.await {
        Ok(served) => served.map_err(|error| Failure::failed(&error))?,
        Err(error) => return Err(Failure::failed(&error)),
    }
    simulator.shutdown().await;
    outcome
}

/// What a performance needs.
struct Stage<'a> {
    app: &'a App,
    simulator: &'a Simulator,
    plan: &'a Plan,
    clock: &'a StageClock,
    stop: &'a CancellationToken,
}

impl Stage<'_> {
    /// Everything up to the summary, which is printed, with the last month's certificates; the second value says whether all is as it was printed.
    async fn perform(&self, begun: Stopwatch, served: bool) -> Result<(Cast, Result<(), Failure>), Failure> {
        let mut board = Board::new();
        let Plan { evening, nights, .. } = self.plan;
        board.phase(&format!("Simulated time: {}. Registering accounts, servers and feeds.", local(*evening)));
        let cast = assemble(self.app, self.simulator).await?;
        let feeds = register_feeds(self.app, &cast, self.simulator, self.plan).await?;
        board.phase(&format!(
            "{} customers, {feeds} feeds on {} servers. The backfill reads each feed from its activation date on.",
            cast.customers.len(),
            cast.servers.len()
        ));
        self.backfill(&cast, &mut board).await?;
        for night in nights {
            self.clock.move_to(*night);
            board.phase(&format!("Simulated time: {}. The nightly runs.", local(*night)));
            self.night(&cast, *night, &mut board).await?;
        }
        let summary = self.summary(&cast).await?;
        let certificates = certificates::show(self.app, &cast, self.plan, served).await?;
        let requests: u64 = self.simulator.stats().iter().map(crate::simulator::ServerStats::requests).sum();
        print(format!(
            "\n{}\n\n{certificates}\n\n{} requests to the vendors' servers, {:.1} s in all.",
            summary.text,
            grouped(i64::try_from(requests).unwrap_or(i64::MAX)),
            begun.elapsed().as_secs_f64()
        ));
        Ok((cast, self.verdict(&summary.differences)))
    }

    /// Waits until no feed is being backfilled and no run is open.
    async fn backfill(&self, cast: &Cast, board: &mut Board) -> Result<(), Failure> {
        let backfilling = FeedFilter { status: vec![FeedStatus::Backfilling], ..FeedFilter::default() };
        let one = PageArgs { limit: 1, ..PageArgs::default() };
        self.until(cast, board, async |runs| {
            let all_ended = runs.iter().all(|run| run.status.ended());
            Ok(all_ended && self.app.feeds(&cast.actor, &backfilling, NameOrder::NameAsc, &one).await?.items.is_empty())
        })
        .await
    }

    /// Waits until every server's run of `night` has ended.
    async fn night(&self, cast: &Cast, night: Instant, board: &mut Board) -> Result<(), Failure> {
        self.until(cast, board, async |runs| {
            let of_night = runs.iter().filter(|run| run.trigger == SyncTrigger::Nightly && run.due_at == night);
            let ended: HashSet<_> = of_night.filter(|run| run.status.ended()).map(|run| run.server_id).collect();
            Ok(ended.len() == cast.servers.len() && runs.iter().all(|run| run.status.ended()))
        })
        .await
    }

    /// Shows the runs as they go until `over` says that the phase is.
    async fn until(
        &self,
        cast: &Cast,
        board: &mut Board,
        over: impl AsyncFn(&[SyncRun]) -> Result<bool, AppError>,
    ) -> Result<(), Failure> {
        let begun = Stopwatch::now();
        let page = PageArgs { limit: MAX_PAGE, ..PageArgs::default() };
        while begun.elapsed() < PATIENCE {
            let runs = self.app.sync_runs(&cast.actor, &SyncRunFilter::default(), &page).await?;
            let runs: Vec<SyncRun> = runs.items.into_iter().map(|(_, run)| run).collect();
            for run in runs.iter().rev() {
                if let Some(server) = cast.servers.iter().find(|server| server.id == run.server_id) {
                    board.show(&format!("{}, {}", server.name, trigger(run.trigger)), run);
                }
            }
            if over(&runs).await? {
                return Ok(());
            }
            if self.stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return Err(Failure::unfinished("Interrupted."));
            }
        }
        Err(Failure::unfinished(format!("The runs did not end within {} s.", PATIENCE.as_secs())))
    }

    async fn summary(&self, cast: &Cast) -> Result<Summary, Failure> {
        let fleet = self.simulator.fleet();
        let mut rows = Vec::new();
        let mut differences = Vec::new();
        let mut total = PageSum::default();
        for (index, customer) in cast.customers.iter().enumerate() {
            let activation = self.plan.activation(index);
            let held =
                self.app.consumption(&cast.actor, customer.id, self.plan.first_day, self.plan.today(), Interval::Day).await?;
            let held: Consumption = held.ok_or_else(|| Failure::refused("A customer's account is not there."))?;
            let expected = Expected::of(&fleet, index, (activation, self.plan.last_day()), |server, id| self.asked(server, id));
            let wrong = expected.differences(&held);
            total.add(&held.total);
            rows.push(row(customer, &activation.to_string(), &held.total, if wrong.is_empty() { "✓" } else { "✗" }));
            differences.extend(wrong.iter().map(|difference| format!("{}, {difference}", customer.name)));
        }
        let verdict = if differences.is_empty() { "✓" } else { "✗" };
        let total = row_of("Total", "", &total, verdict);
        let columns = [
            ("Customer", false),
            ("Counts from", false),
            ("Pages", true),
            ("Standard pages", true),
            ("Trees", true),
            ("As printed", false),
        ];
        Ok(Summary { text: table(&columns, &rows, Some(&total)), differences })
    }

    /// When a server was asked for a customer's data.
    fn asked(&self, server: usize, external_id: &str) -> Vec<Instant> {
        let requests = self.simulator.requests(server).into_iter();
        requests.filter(|request| request.customer.as_deref() == Some(external_id)).map(|request| request.at).collect()
    }

    fn verdict(&self, differences: &[String]) -> Result<(), Failure> {
        let violations = self.simulator.violations();
        if let Some(first) = violations.first() {
            return Err(Failure::unfinished(format!("{} requests broke the vendors' contract: {first}", violations.len())));
        }
        if differences.is_empty() {
            return Ok(());
        }
        let listed = differences.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join("\n  ");
        Err(Failure::unfinished(format!("{} days are not as they were printed:\n  {listed}", differences.len())))
    }
}

struct Summary {
    text: String,
    differences: Vec<String>,
}

fn row(customer: &Account, activation: &str, sum: &PageSum, verdict: &str) -> Vec<String> {
    row_of(&customer.name, activation, sum, verdict)
}

fn row_of(name: &str, activation: &str, sum: &PageSum, verdict: &str) -> Vec<String> {
    vec![
        name.to_owned(),
        activation.to_owned(),
        grouped(sum.pages.sides()),
        grouped(sum.standard.to_whole()),
        hundredths(Methodology::CURRENT.trees_hundredths(sum.standard)),
        verdict.to_owned(),
    ]
}

fn trigger(trigger: SyncTrigger) -> &'static str {
    match trigger {
        SyncTrigger::Nightly => "night",
        SyncTrigger::Manual => "by hand",
        SyncTrigger::Backfill => "backfill",
        SyncTrigger::Recovery => "recovery",
    }
}

fn local(instant: Instant) -> String {
    instant.with_timezone(&ZONE).format("%a %Y-%m-%d %H:%M %Z").to_string()
}

/// The demo's own configuration; nothing of the machine's is read.
fn config(folder: &Folder, ca_file: &Path, plan: &Plan, address: Option<SocketAddr>) -> Result<Config, Failure> {
    let mut flags = json!({
        "database": { "url": format!("sqlite://{}", folder.path.join("coppice.db").display()) },
        "outbound": { "ca_file": ca_file, "allow_cidrs": ["127.0.0.0/8", "::1/128"] },
        "collect": { "nightly_at": plan.nightly_at.format("%H:%M").to_string() },
        "http": { "graphiql": true },
        "log": { "filter": "warn" },
    });
    if let Some(address) = address {
        flags["http"]["public_url"] = format!("http://{address}").into();
    }
    Config::load(&Sources { file: None, env: Vec::new(), flags }).map_err(|error| Failure::usage(&error))
}

/// The wished address, else the usual one, else any free port.
async fn listen(wished: Option<SocketAddr>) -> Result<Listener, Failure> {
    let usual = Config::default().http.listen;
    match Listener::open(wished.unwrap_or(usual)).await {
        Err(_) if wished.is_none() => Listener::open(SocketAddr::new(usual.ip(), 0)).await,
        opened => opened,
    }
    .map_err(|error| Failure::failed(&error))
}

/// Queries to try on the server that is left running, each with what it answers.
fn queries(plan: &Plan) -> [(&'static str, String); 3] {
    let (from, to) = (plan.first_day, plan.last_day());
    [
        (
            "What have my customers printed?",
            "{ accounts(filter: { role: [CUSTOMER] }) { nodes { id name totals { lifetime { pages standardPages trees } } } } }"
                .to_owned(),
        ),
        (
            "And all of them together, month by month?",
            format!(
                "{{ viewer {{ account {{ consumption(from: \"{from}\", to: \"{to}\", interval: MONTH) \
                 {{ points {{ from to pages trees }} total {{ pages trees }} }} }} }} }}"
            ),
        ),
        (
            "How are the vendors' servers, and what did the last nights do?",
            "{ servers { nodes { id name vendor health { status } nextRunAt \
             syncRuns(first: 3) { nodes { trigger status finishedAt progress { feedsDone pages } } } } } }"
                .to_owned(),
        ),
    ]
}

/// What to do with the server that is left running.
fn invitation(cast: &Cast, plan: &Plan, address: SocketAddr, folder: &Folder) -> String {
    let key = cast.api_key.expose();
    let ends = if folder.temporary { "ends it and deletes its database" } else { "ends it" };
    let mut text = format!(
        "
A server is left running, back in the real time; Ctrl-C {ends}.

  GraphiQL  http://{address}/
  Guide     http://{address}/docs/
  API       http://{address}/graphql
  API key   {key}

In GraphiQL, put the key under Headers: {{ \"X-Api-Key\": \"{key}\" }}. Queries to paste:"
    );
    for (question, query) in queries(plan) {
        let _ = write!(text, "\n\n# {question}\n{query}");
    }
    if let Some(server) = cast.servers.first() {
        let server = PublicId::new(Kind::Server, server.id);
        let _ = write!(
            text,
            "\n\nTo watch a collection live, start the subscription in one tab and the mutation in another:\n\
             subscription {{ syncProgress {{ status feedsDone feedsTotal pages currentFeed {{ name }} }} }}\n\
             mutation {{ startSync(input: {{ serverId: \"{server}\" }}) {{ syncRun {{ id status }} userErrors {{ message }} }} }}"
        );
    }
    text
}

/// Where the demo's database is.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn make(wished: Option<&Path>, ids: &IdSource) -> Result<Self, Failure> {
        let temporary = wished.is_none();
        let path = wished.map_or_else(
            || {
                let mut random = [0; 8];
                ids.fill(&mut random);
                std::env::temp_dir().join(format!("coppice-demo-{:016x}", u64::from_ne_bytes(random)))
            },
            Path::to_owned,
        );
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::refused(format!("{} is there already; name a folder that is not, or delete it.", path.display())))
            }
            Err(error) => Err(Failure::failed_at(format!("The folder {} cannot be made.", path.display()), &error)),
            Ok(()) => Ok(Self { path, temporary }),
        }
    }

    fn clear(&self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("coppice: the folder {} could not be deleted: {error}", self.path.display());
        }
    }
}
