//! Reforestation projects and accounts' choices of them.

use std::collections::HashMap;

use coppice_entity::{account, account_project, project};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use super::{
    Source, Store, StoreError, Tx,
    collecting::sql::{Rows, statement},
    convert::{insert, key, named},
    paging::{KeyValue, SortKey, page},
};
use crate::{
    clock::from_millis,
    domain::{
        paging::{Page, PageArgs},
        project::{Project, ProjectStatus},
    },
    id::Uuid,
};

fn from_row(row: project::Model) -> Result<Project, StoreError> {
    Ok(Project {
        id: row.id,
        name: row.name,
        country: row.country,
        latitude: row.latitude,
        longitude: row.longitude,
        description: row.description,
        verifier: row.verifier,
        image_url: row.image_url,
        status: named("project.status", ProjectStatus::parse, &row.status)?,
        is_default: row.is_default,
        stock: row.stock,
        allocated: row.allocated,
        created_at: from_millis(row.created_at),
        updated_at: from_millis(row.updated_at),
    })
}

/// The projects with these ids; everybody may see them.
pub async fn by_ids(from: &impl Source, ids: &[Uuid]) -> Result<HashMap<Uuid, Project>, StoreError> {
    let rows = project::Entity::find().filter(project::Column::Id.is_in(ids.iter().copied())).all(from.db()).await?;
    rows.into_iter().map(|row| Ok((row.id, from_row(row)?))).collect()
}

/// A page of the projects, by name.
pub async fn list(store: &Store, status: Option<ProjectStatus>, args: &PageArgs) -> Result<Page<Project>, StoreError> {
    use project::Column as C;
    let mut all = Condition::all();
    if let Some(status) = status {
        all = all.add(C::Status.eq(status.as_str()));
    }
    let keys = [SortKey::asc(C::NameKey.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &project::Model| vec![KeyValue::Text(row.name_key.clone()), KeyValue::id(row.id)];
    page(&store.db, project::Entity::find().filter(all), "project.name", &keys, args, values, from_row).await
}

/// All projects by name, for the operator.
pub async fn all(from: &impl Source) -> Result<Vec<Project>, StoreError> {
    use project::Column as C;
    let rows = project::Entity::find().order_by_asc(C::NameKey).order_by_asc(C::Id).all(from.db()).await?;
    rows.into_iter().map(from_row).collect()
}

/// Adds a project.
pub async fn insert_one(tx: &Tx, project: &Project) -> Result<(), StoreError> {
    let row = project::Model {
        id: project.id,
        name: project.name.clone(),
        name_key: key(&project.name),
        country: project.country.clone(),
        latitude: project.latitude,
        longitude: project.longitude,
        description: project.description.clone(),
        verifier: project.verifier.clone(),
        image_url: project.image_url.clone(),
        status: project.status.as_str().to_owned(),
        is_default: false,
        stock: project.stock,
        allocated: 0,
        created_at: project.created_at.timestamp_millis(),
        updated_at: project.updated_at.timestamp_millis(),
    };
    insert(tx.db(), vec![row]).await
}

/// Closes a project, or opens it again.
pub async fn set_status(tx: &Tx, id: Uuid, status: ProjectStatus) -> Result<(), StoreError> {
    set(tx, id, "status = ?", status.as_str().into()).await
}

/// Sets how many trees it can take in all.
pub async fn set_stock(tx: &Tx, id: Uuid, stock: Option<i64>) -> Result<(), StoreError> {
    set(tx, id, "stock = ?", stock.into()).await
}

/// Makes it the one that takes the trees of accounts without a choice.
pub async fn set_default(tx: &Tx, id: Uuid) -> Result<(), StoreError> {
    tx.execute_unprepared("UPDATE project SET is_default = FALSE WHERE is_default").await?;
    set(tx, id, "is_default = ?", true.into()).await
}

async fn set(tx: &Tx, id: Uuid, what: &str, value: sea_orm::Value) -> Result<(), StoreError> {
    let text = format!("UPDATE project SET {what}, updated_at = ? WHERE id = ?");
    tx.execute_raw(statement(tx.get_database_backend(), &text, [value, tx.now_millis().into(), id.into()])).await?;
    Ok(())
}

/// The operator's default project, if it takes trees.
pub async fn default(from: &impl Source) -> Result<Option<Project>, StoreError> {
    use project::Column as C;
    let active = C::Status.eq(ProjectStatus::Active.as_str());
    project::Entity::find().filter(C::IsDefault.eq(true)).filter(active).one(from.db()).await?.map(from_row).transpose()
}

/// What each of `accounts` chose itself, closed projects included, in the order of choice.
pub async fn chosen(from: &impl Source, accounts: &[Uuid]) -> Result<HashMap<Uuid, Vec<Uuid>>, StoreError> {
    use account_project::Column as C;
    let rows = account_project::Entity::find()
        .filter(C::AccountId.is_in(accounts.iter().copied()))
        .order_by_asc(C::AccountId)
        .order_by_asc(C::Position)
        .all(from.db())
        .await?;
    let mut all: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for row in rows {
        all.entry(row.account_id).or_default().push(row.project_id);
    }
    Ok(all)
}

/// Replaces an account's choice; its version grows.
pub async fn choose(tx: &Tx, account_id: Uuid, projects: &[Uuid]) -> Result<(), StoreError> {
    account_project::Entity::delete_many().filter(account_project::Column::AccountId.eq(account_id)).exec(tx.db()).await?;
    let rows = projects.iter().zip(0..).map(|(project_id, position)| account_project::Model {
        account_id,
        position,
        project_id: *project_id,
    });
    insert(tx.db(), rows.collect()).await?;
    account::Entity::update_many()
        .col_expr(account::Column::UpdatedAt, Expr::val(tx.now_millis()))
        .col_expr(account::Column::Version, Expr::col(account::Column::Version).add(1))
        .filter(account::Column::Id.eq(account_id))
        .exec(tx.db())
        .await?;
    Ok(())
}

/// The projects that the certificates of each of `accounts` go to: its own choice, else that of the nearest account above that chose, as far as
/// these take trees. Accounts for which nobody chose are left out: theirs is the default project.
pub(super) async fn effective(from: &impl Source, accounts: &[Uuid]) -> Result<HashMap<Uuid, Vec<Uuid>>, StoreError> {
    let mut rows = Rows::new(&["uuid"]);
    for account in accounts {
        rows.push([(*account).into()]);
    }
    let found = rows
        .query(
            from.db(),
            "WITH v(id) AS (",
            ") SELECT v.id, c.depth, ap.position, ap.project_id FROM v \
             CROSS JOIN account_closure c CROSS JOIN account_project ap CROSS JOIN project p \
             WHERE c.descendant_id = v.id AND ap.account_id = c.ancestor_id AND p.id = ap.project_id AND p.status = 'ACTIVE' \
             ORDER BY v.id, c.depth, ap.position",
        )
        .await?;
    let mut all: HashMap<Uuid, (i32, Vec<Uuid>)> = HashMap::new();
    for row in found {
        let depth: i32 = row.try_get_by_index(1)?;
        let (nearest, projects) = all.entry(row.try_get_by_index(0)?).or_insert_with(|| (depth, Vec::new()));
        if *nearest == depth {
            projects.push(row.try_get_by_index(3)?);
        }
    }
    Ok(all.into_iter().map(|(account, (_, projects))| (account, projects)).collect())
}

/// Adds to the trees that projects have promised, in hundredths; less than 0 gives trees back.
pub(super) async fn allocate(tx: &Tx, trees: &std::collections::BTreeMap<Uuid, i64>) -> Result<(), StoreError> {
    for (project, trees) in trees {
        let text = "UPDATE project SET allocated = allocated + ? WHERE id = ?";
        tx.execute_raw(statement(tx.get_database_backend(), text, [(*trees).into(), (*project).into()])).await?;
    }
    Ok(())
}
