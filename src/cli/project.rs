//! Reforestation projects, kept by the operator; no server need run.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Global, configure,
    failure::{Failure, done},
    open,
    output::print,
    values,
};
use crate::{
    app::input::OperatorProject,
    bootstrap::{Node, Purpose, Surroundings},
    domain::{
        pages::format_fixed,
        project::{self, Inventory},
    },
    id::{Kind, PublicId, Uuid},
};

#[derive(Debug, Subcommand)]
pub(super) enum Project {
    Create(CreateProject),
    /// List all projects with the trees that certificates in force promise, and what each can still take.
    List,
    /// Close a project: it takes no new trees; certificates that name it stay as they are.
    #[command(after_help = "Example:\n  coppice project close prj_...")]
    Close {
        /// The project, prj_...
        #[arg(value_name = "ID", value_parser = values::project_id)]
        project: Uuid,
    },
    /// Make a project the one that gets the trees of accounts for which nobody chose.
    #[command(after_help = "Example:\n  coppice project default prj_...")]
    Default {
        /// The project, prj_...
        #[arg(value_name = "ID", value_parser = values::project_id)]
        project: Uuid,
    },
    /// Say how many trees a project can take in all.
    #[command(
        after_help = "Examples:\n  coppice project stock prj_... --trees 50000\n  coppice project stock prj_...   no limit"
    )]
    Stock {
        /// The project, prj_...
        #[arg(value_name = "ID", value_parser = values::project_id)]
        project: Uuid,
        /// Whole trees, with those that are promised already [default: no limit].
        #[arg(long)]
        trees: Option<i64>,
    },
}

/// Make a project and print its id. The first one becomes the default.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  coppice project create --name \"Usambara slopes\" --country TZ --description \"Native trees, planted by ...\" --trees 50000")]
pub(super) struct CreateProject {
    /// Name, as certificates show it; 1 to 200 characters.
    #[arg(long)]
    name: String,
    /// Country by ISO 3166-1, like KE.
    #[arg(long)]
    country: String,
    /// What is planted and by whom; 1 to 2,000 characters.
    #[arg(long)]
    description: String,
    /// Degrees north of the equator, like -4.75.
    #[arg(long, value_parser = values::degrees, allow_hyphen_values = true)]
    latitude: Option<i64>,
    /// Degrees east of Greenwich, like 38.3.
    #[arg(long, value_parser = values::degrees, allow_hyphen_values = true)]
    longitude: Option<i64>,
    /// Who verifies it.
    #[arg(long)]
    verifier: Option<String>,
    /// An https address of a picture.
    #[arg(long, value_name = "URL")]
    image_url: Option<String>,
    /// How many trees it can take in all [default: no limit].
    #[arg(long)]
    trees: Option<i64>,
}

pub(super) async fn project(global: &Global, what: Project) -> Result<(), Failure> {
    let node = open(configure(global, json!({}), false)?, Purpose::Directory, Surroundings::real()).await?;
    let did = act(&node, global.json, what).await;
    node.close().await;
    did
}

async fn act(node: &Node, as_json: bool, what: Project) -> Result<(), Failure> {
    let app = node.app();
    let made = match what {
        Project::List => {
            let all = app.operator_projects().await?;
            if as_json {
                print(json!({ "projects": all.iter().map(shown).collect::<Vec<_>>() }));
            } else {
                for project in &all {
                    print(line(project));
                }
            }
            return Ok(());
        }
        Project::Create(CreateProject { name, country, description, latitude, longitude, verifier, image_url, trees }) => {
            let input = OperatorProject { name, country, description, latitude, longitude, verifier, image_url, trees };
            done(app.operator_create_project(input).await)?
        }
        Project::Close { project } => done(app.operator_close_project(project).await)?,
        Project::Default { project } => done(app.operator_default_project(project).await)?,
        Project::Stock { project, trees } => done(app.operator_stock_project(project, trees).await)?,
    };
    if as_json {
        print(shown(&made));
    } else {
        print(public(&made));
    }
    Ok(())
}

fn public(project: &project::Project) -> String {
    PublicId::new(Kind::Project, project.id).to_string()
}

fn trees(hundredths: i64) -> String {
    format_fixed(hundredths.into(), 2)
}

/// What it can still take, in words for people and for programs.
fn inventory(project: &project::Project) -> (&'static str, String) {
    match project.inventory() {
        Inventory::Unlimited => ("UNLIMITED", "no limit".to_owned()),
        Inventory::Left(left) => ("ENOUGH", format!("{} left", trees(left))),
        Inventory::Low(left) => ("LOW", format!("LOW: {} left", trees(left))),
        Inventory::Short(by) => ("SHORT", format!("SHORT by {}: plant more, or close the project", trees(by))),
    }
}

fn shown(project: &project::Project) -> Value {
    json!({
        "id": public(project),
        "name": project.name,
        "country": project.country,
        "status": project.status.as_str(),
        "isDefault": project.is_default,
        "trees": project.stock.map(trees),
        "allocatedTrees": trees(project.allocated),
        "inventory": inventory(project).0,
    })
}

fn line(project: &project::Project) -> String {
    let default = if project.is_default { ", default" } else { "" };
    format!(
        "{}  {} ({})  {}{default}  {} trees promised, {}",
        public(project),
        project.name,
        project.country,
        project.status.as_str(),
        trees(project.allocated),
        inventory(project).1
    )
}
