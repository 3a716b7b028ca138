//! The command line: arguments in, one call into a node, results out.
//!
//! - Results go to the standard output, everything else (log, progress, errors) to the standard error stream.
//! - With `--json` a result is one JSON object on one line, with the API's field names.
//! - An error is a sentence that says what to do; its exit code is in [`EXIT_CODES`].
//!
//! To add a command: its arguments here or beside its function, a line in `run`, an example in its help, a test in `tests/it/cli`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use crate::{
    bootstrap::{self, Listener, Node, Purpose, Surroundings},
    config::{Config, Sources, defaults_toml},
    failpoint, lifecycle, telemetry,
};

mod audit;
mod demo;
mod directory;
mod docs;
mod failure;
mod keys;
mod number;
mod output;
mod progress;
mod project;
mod reconcile;
mod simulate;
mod sync;
mod values;

use self::{failure::Failure, output::print};

const ABOUT: &str = "Turns what offices print into forests, with proof: a GraphQL API server.";

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  it failed: the database, a file, the network, a fault of ours
  2  the command line or the configuration cannot be used
  3  refused: an id that names nothing, a name or address that is taken
  4  sync: the run did not succeed or has not ended; demo: a total is not what was
     printed; schema: the file differs; audit verify: the log was changed";

/// Over the options that every command has.
const EVERYWHERE: &str = "Options of every command";

const MAIN_EXAMPLES: &str = "Examples:
  coppice demo                                      see everything work, with simulated vendors
  coppice serve                                     start an installation of your own on SQLite
  coppice account create --name Nordwald --role DISTRIBUTOR
  coppice api-key create --account acc_... --name scripts --permission ADMIN
  coppice docs --out docs                           the API's guide; servers have it at /docs/

Configuration: `coppice.toml` in the working directory (or --config FILE), then the
environment (COPPICE__SECTION__KEY), then the command line. `coppice config` prints every
key with its meaning and default.";

#[derive(Debug, Parser)]
#[command(name = "coppice", version, about = ABOUT, after_help = MAIN_EXAMPLES, after_long_help = long_help(), max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

fn long_help() -> String {
    format!("{MAIN_EXAMPLES}\n\n{EXIT_CODES}")
}

#[derive(Debug, Args)]
struct Global {
    /// The configuration file, in TOML; without it `coppice.toml` of the working directory is read if it is there.
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Overrides `database.url`: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(long, global = true, value_name = "URL", help_heading = EVERYWHERE)]
    database_url: Option<String>,
    /// Print the result as one JSON object on one line, for scripts.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    /// Bring the database's tables up to date, or tell what is missing. `serve` does so by itself.
    #[command(
        after_help = "Examples:\n  coppice migrate             the same as: coppice migrate up\n  coppice migrate status"
    )]
    Migrate {
        #[command(subcommand)]
        what: Option<Migrate>,
    },
    /// Print the API's schema in GraphQL's own language, or compare a file with it.
    #[command(after_help = "Examples:\n  coppice schema > schema.graphql\n  coppice schema --check schema.graphql")]
    Schema {
        /// Print nothing and exit with 4 when this file is not the schema.
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    Docs(docs::Docs),
    /// Print every configuration key with its meaning and its default, as a file to start from.
    #[command(after_help = "Examples:\n  coppice config > coppice.toml\n  COPPICE__HTTP__LISTEN=127.0.0.1:9000 coppice serve")]
    Config,
    /// Accounts: the tree of distributors, partners (dealers) and customers.
    Account {
        #[command(subcommand)]
        what: directory::Account,
    },
    /// Users: people who sign in.
    User {
        #[command(subcommand)]
        what: directory::User,
    },
    /// API keys: how programs sign in.
    ApiKey {
        #[command(subcommand)]
        what: directory::ApiKey,
    },
    /// Access tokens (JWT), for trying out what a signed-in user sees.
    Token {
        #[command(subcommand)]
        what: directory::Token,
    },
    /// Reforestation projects: where the trees of certificates are planted.
    Project {
        #[command(subcommand)]
        what: project::Project,
    },
    Sync(sync::Sync),
    Reconcile(reconcile::Reconcile),
    Demo(demo::Demo),
    /// The keys that seal vendors' credentials in the database.
    Keys {
        #[command(subcommand)]
        what: keys::Keys,
    },
    /// The audit log: who changed what. It is only ever added to.
    Audit {
        #[command(subcommand)]
        what: audit::Audit,
    },
    Simulate(simulate::Simulate),
}

/// Start the server: the API, the nightly collections, or both.
///
/// On SQLite (the default) the database and its key file are made on first start. PostgreSQL, or an address that is not loopback,
/// needs keys made by `coppice keys generate`. The first SIGTERM or SIGINT lets everything under way finish, for at most 30 s; the
/// second ends at once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  coppice serve\n  coppice serve --listen 127.0.0.1:9000\n  coppice serve --role worker --database-url \
                  postgres://coppice@db/coppice"
)]
struct Serve {
    /// What this node does: `all`, only the API (`api`), or only collections (`worker`) [default: all].
    #[arg(long, value_parser = ["all", "api", "worker"], hide_possible_values = true)]
    role: Option<String>,
    /// Overrides `http.listen`, the address and port of the API, or of a worker's probes [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Migrate {
    /// Apply what is missing; safe while servers run, and from several nodes at once.
    Up,
    /// List the migrations that are not applied yet.
    Status,
}

/// The program: reads the command line, does it, and gives the exit code.
pub fn main() -> ExitCode {
    failpoint::set_up();
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(Failure::failed(&error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.code()
        }
    }
}

async fn run(Cli { global, command }: Cli) -> Result<(), Failure> {
    match command {
        Command::Config => print(defaults_toml().trim_end()),
        Command::Schema { check } => schema(check)?,
        Command::Docs(what) => docs::docs(&global, &what)?,
        Command::Keys { what } => keys::keys(&global, what).await?,
        Command::Serve(what) => serve(&global, what).await?,
        Command::Migrate { what } => migrate(&global, what.unwrap_or(Migrate::Up)).await?,
        Command::Account { what } => directory::account(&global, what).await?,
        Command::User { what } => directory::user(&global, what).await?,
        Command::ApiKey { what } => directory::api_key(&global, what).await?,
        Command::Token { what } => directory::token(&global, what).await?,
        Command::Project { what } => project::project(&global, what).await?,
        Command::Sync(what) => sync::sync(&global, what).await?,
        Command::Reconcile(what) => reconcile::reconcile(&global, what).await?,
        Command::Audit { what } => audit::audit(&global, what).await?,
        Command::Demo(what) => demo::demo(what).await?,
        Command::Simulate(what) => simulate::simulate(what).await?,
    }
    Ok(())
}

/// The configuration, with `flags` over it, and the log it asks for. A command that is not a server logs warnings only, unless told
/// otherwise: its result is what counts.
fn configure(global: &Global, flags: serde_json::Value, is_server: bool) -> Result<Config, Failure> {
    let mut flags = flags;
    if let Some(url) = &global.database_url {
        flags["database"]["url"] = url.as_str().into();
    }
    let config = Config::load(&Sources::of_process(global.config.clone(), flags)).map_err(|error| Failure::usage(&error))?;
    let mut log = config.log.clone();
    if !is_server && log == crate::config::Log::default() {
        "warn".clone_into(&mut log.filter);
    }
    telemetry::init(&log).map_err(|error| Failure::usage(&error))?;
    Ok(config)
}

/// Opens a node for one command, and tells of a key file that was made.
async fn open(config: Config, purpose: Purpose, around: Surroundings) -> Result<Node, Failure> {
    let node = Node::open(config, purpose, around).await.map_err(|error| Failure::failed(&error))?;
    if let Some(path) = node.made_key_file() {
        eprintln!(
            "Made the key file {}. It opens the vendors' credentials in the database: keep a copy of it in a safe place.",
            path.display()
        );
    }
    Ok(node)
}

async fn serve(global: &Global, what: Serve) -> Result<(), Failure> {
    let flags = json!({ "collect": { "role": what.role }, "http": { "listen": what.listen } });
    let config = configure(global, flags, true)?;
    let address = config.http.listen;
    let shutdown = lifecycle::on_signals().map_err(|error| Failure::failed(&error))?;
    let listener = Listener::open(address).await.map_err(|error| Failure::failed(&error))?;
    let node = open(config, Purpose::Serve, Surroundings::real()).await?;
    node.serve(Some(listener), shutdown).await.map_err(|error| Failure::failed(&error))
}

async fn migrate(global: &Global, what: Migrate) -> Result<(), Failure> {
    let config = configure(global, json!({}), false)?;
    let pending = bootstrap::pending_migrations(&config).await.map_err(|error| Failure::failed(&error))?;
    match what {
        Migrate::Status if global.json => print(json!({ "pending": pending })),
        Migrate::Status if pending.is_empty() => print("The tables are up to date."),
        Migrate::Status => print(format!("Not applied yet:\n  {}", pending.join("\n  "))),
        Migrate::Up => {
            bootstrap::migrate(&config).await.map_err(|error| Failure::failed(&error))?;
            if global.json {
                print(json!({ "applied": pending }));
            } else {
                print(format!("The tables are up to date; {} migrations were applied.", pending.len()));
            }
        }
    }
    Ok(())
}

fn schema(check: Option<PathBuf>) -> Result<(), Failure> {
    let sdl = bootstrap::schema();
    let Some(path) = check else {
        print(sdl.trim_end());
        return Ok(());
    };
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| Failure::failed_at(format!("The file {} cannot be read.", path.display()), &error))?;
    if text.trim_end() == sdl.trim_end() {
        return Ok(());
    }
    let line = text.lines().zip(sdl.lines()).take_while(|(have, want)| have == want).count() + 1;
    Err(Failure::unfinished(format!(
        "{} is not the API's schema, from line {line} on; write it anew: coppice schema > {}",
        path.display(),
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_says_what_it_is_for() {
        fn visit(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} says nothing");
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{path} {} says nothing", argument.get_id());
            }
            command.get_subcommands().for_each(|inner| visit(inner, &path));
        }
        visit(&Cli::command(), "");
    }
}
