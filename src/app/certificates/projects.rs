//! Projects: the operator keeps the list, accounts choose.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::{
    app::{
        App, AppError, Outcome, UserError, UserErrorCode, allow,
        audit::{self, Change},
        checks::{Problems, refuse},
        input::{ChooseProjects, OperatorProject},
    },
    domain::{
        account::{Account, Actor, Permission},
        certificate::MAX_PROJECTS,
        paging::{Page, PageArgs},
        project::{Project, ProjectStatus},
    },
    id::{Kind, PublicId, Uuid},
    store::{account, project},
};

impl App {
    /// Projects by id; everybody who is signed in sees all.
    pub async fn projects_by_id(&self, _: &Actor, ids: &[Uuid]) -> Result<HashMap<Uuid, Project>, AppError> {
        Ok(project::by_ids(&self.parts.store, ids).await?)
    }

    /// Projects by id, for whoever verifies a certificate.
    pub async fn public_projects(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Project>, AppError> {
        Ok(project::by_ids(&self.parts.store, ids).await?)
    }

    /// Projects by name.
    pub async fn projects(&self, _: &Actor, status: Option<ProjectStatus>, page: &PageArgs) -> Result<Page<Project>, AppError> {
        Ok(project::list(&self.parts.store, status, page).await?)
    }

    /// By account, the projects that it chose itself, in its order.
    pub async fn chosen_projects(&self, actor: &Actor, accounts: &[Uuid]) -> Result<HashMap<Uuid, Vec<Project>>, AppError> {
        let store = &self.parts.store;
        let seen: Vec<Uuid> = self.accounts_by_id(actor, accounts).await?.into_keys().collect();
        let mut chosen = project::chosen(store, &seen).await?;
        let ids: Vec<Uuid> = chosen.values().flatten().copied().collect();
        let projects = project::by_ids(store, &ids).await?;
        let of = |ids: Vec<Uuid>| ids.iter().filter_map(|id| projects.get(id).cloned()).collect();
        Ok(seen.into_iter().map(|account| (account, of(chosen.remove(&account).unwrap_or_default()))).collect())
    }

    /// `chooseProjects`: the projects of an account's coming certificates.
    pub async fn choose_projects(&self, actor: &Actor, input: ChooseProjects) -> Outcome<Account> {
        allow(actor, Permission::Write)?;
        if input.project_ids.len() > MAX_PROJECTS {
            return refuse(UserError::at(UserErrorCode::LimitExceeded, "projectIds", "At most 20 projects."));
        }
        let input = &input;
        let outcome = self.parts.store.write(|tx| async move {
            let mut found = account::by_ids(&tx, actor.account_id, &[input.account_id]).await?;
            let Some(account) = found.remove(&input.account_id) else {
                return Ok(Err(vec![UserError::at(UserErrorCode::NotFound, "accountId", "There is no such account.")]));
            };
            if input.expected_version.is_some_and(|version| version != account.version) {
                let message = "The account has changed since. Read it again, then repeat the call.";
                return Ok(Err(vec![UserError::at(UserErrorCode::Conflict, "expectedVersion", message)]));
            }
            let known = project::by_ids(&tx, &input.project_ids).await?;
            let (mut problems, mut seen) = (Problems::default(), HashSet::new());
            for (index, id) in input.project_ids.iter().enumerate() {
                let problem = match known.get(id) {
                    None => Some((UserErrorCode::NotFound, "There is no such project.")),
                    Some(project) if project.status != ProjectStatus::Active => {
                        Some((UserErrorCode::InvalidState, "The project is closed and takes no new trees."))
                    }
                    Some(_) if !seen.insert(*id) => Some((UserErrorCode::Invalid, "The project is in the list already.")),
                    Some(_) => None,
                };
                if let Some((code, message)) = problem {
                    problems.push(UserError::whole(code, message).in_row("projectIds", index));
                }
            }
            if let Err(errors) = problems.or(()) {
                return Ok(Err(errors));
            }
            project::choose(&tx, account.id, &input.project_ids).await?;
            let chosen: Vec<String> =
                input.project_ids.iter().map(|id| PublicId::new(Kind::Project, *id).to_string()).collect();
            let change = Change::new("chooseProjects", Kind::Account, account.id).after(json!({ "projectIds": chosen }));
            audit::record(&tx, actor, [change]).await?;
            let changed = account::find(&tx, account.id).await?;
            Ok(Ok(changed.unwrap_or(account)))
        });
        Ok(outcome.await?)
    }

    /// All projects by name, for the operator.
    pub async fn operator_projects(&self) -> Result<Vec<Project>, AppError> {
        Ok(project::all(&self.parts.store).await?)
    }

    /// Adds a project; the first becomes the default.
    pub async fn operator_create_project(&self, input: OperatorProject) -> Outcome<Project> {
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        let description = problems.text_of("description", &input.description, 1, 2000);
        let verifier = problems.optional_text("verifier", input.verifier.as_deref());
        let country = input.country.trim().to_uppercase();
        if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
            problems.add(UserErrorCode::Invalid, "country", "Two letters by ISO 3166-1, such as KE.");
        }
        for (field, value, most) in [("latitude", input.latitude, 90_000_000), ("longitude", input.longitude, 180_000_000)] {
            if value.is_some_and(|value| !(-most..=most).contains(&value)) {
                problems.add(UserErrorCode::Invalid, field, "Not on this planet.");
            }
        }
        let image_url = input.image_url.as_deref().map(str::trim).filter(|url| !url.is_empty());
        if image_url.is_some_and(|url| url.len() > 2000 || !url::Url::parse(url).is_ok_and(|url| url.scheme() == "https")) {
            problems.add(UserErrorCode::Invalid, "imageUrl", "An https address.");
        }
        if input.trees.is_some_and(|trees| !(0..=1_000_000_000_000).contains(&trees)) {
            problems.add(UserErrorCode::Invalid, "trees", "0 or more.");
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let project = Project {
            id: self.parts.ids.uuid(self.now()),
            name,
            country,
            latitude: input.latitude,
            longitude: input.longitude,
            description,
            verifier,
            image_url: image_url.map(str::to_owned),
            status: ProjectStatus::Active,
            is_default: false,
            stock: input.trees.map(|trees| trees * 100),
            allocated: 0,
            created_at: self.now(),
            updated_at: self.now(),
        };
        let made = &project;
        let is_default = self
            .parts
            .store
            .write(|tx| async move {
                project::insert_one(&tx, made).await?;
                let first = project::default(&tx).await?.is_none();
                if first {
                    project::set_default(&tx, made.id).await?;
                }
                let change = Change::new("createProject", Kind::Project, made.id).after(fields(made));
                audit::record_by(&tx, audit::OPERATOR, [change]).await?;
                Ok(first)
            })
            .await?;
        Ok(Ok(Project { is_default, ..project }))
    }

    /// Closes a project: it takes no new trees. The default one cannot be closed.
    pub async fn operator_close_project(&self, id: Uuid) -> Outcome<Project> {
        self.change_project(id, |project| {
            if project.is_default {
                let message = "It is the default project: make another one the default first.";
                return Err(vec![UserError::at(UserErrorCode::InvalidState, "project", message)]);
            }
            Ok(Step::Status(ProjectStatus::Closed))
        })
        .await
    }

    /// Makes a project the one that takes the trees of accounts without a choice.
    pub async fn operator_default_project(&self, id: Uuid) -> Outcome<Project> {
        self.change_project(id, |project| {
            if project.status != ProjectStatus::Active {
                return Err(vec![UserError::at(UserErrorCode::InvalidState, "project", "The project is closed.")]);
            }
            Ok(Step::Default)
        })
        .await
    }

    /// Sets how many trees a project can take in all; `None` for no limit.
    pub async fn operator_stock_project(&self, id: Uuid, trees: Option<i64>) -> Outcome<Project> {
        if trees.is_some_and(|trees| !(0..=1_000_000_000_000).contains(&trees)) {
            return refuse(UserError::at(UserErrorCode::Invalid, "trees", "0 or more."));
        }
        self.change_project(id, |_| Ok(Step::Stock(trees.map(|trees| trees * 100)))).await
    }

    async fn change_project(&self, id: Uuid, decide: impl Fn(&Project) -> Result<Step, Vec<UserError>>) -> Outcome<Project> {
        let decide = &decide;
        let outcome = self.parts.store.write(|tx| async move {
            let Some(project) = project::by_ids(&tx, &[id]).await?.remove(&id) else {
                return Ok(Err(vec![UserError::at(UserErrorCode::NotFound, "project", "There is no such project.")]));
            };
            match decide(&project) {
                Err(errors) => return Ok(Err(errors)),
                Ok(Step::Status(status)) => project::set_status(&tx, id, status).await?,
                Ok(Step::Default) => project::set_default(&tx, id).await?,
                Ok(Step::Stock(stock)) => project::set_stock(&tx, id, stock).await?,
            }
            let change = Change::new("changeProject", Kind::Project, id).before(fields(&project));
            let changed = project::by_ids(&tx, &[id]).await?.remove(&id).unwrap_or(project);
            audit::record_by(&tx, audit::OPERATOR, [change.after(fields(&changed))]).await?;
            Ok(Ok(changed))
        });
        Ok(outcome.await?)
    }
}

/// What the audit log keeps of a project.
fn fields(project: &Project) -> serde_json::Value {
    json!({
        "name": project.name,
        "country": project.country,
        "status": project.status.as_str(),
        "isDefault": project.is_default,
        "stockHundredths": project.stock,
    })
}

enum Step {
    Status(ProjectStatus),
    Default,
    Stock(Option<i64>),
}
