//! Accounts.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::{
    App, Outcome, UserError, UserErrorCode, allow,
    audit::{Change, OPERATOR, record, record_by},
    checks::{Problems, Row, fingerprint, only, row_count},
    idempotent::{self, Keys, Known, Stored},
    input::{CreateAccount, CreateAccounts, OperatorAccount, UpdateAccount},
};
use crate::{
    clock::Instant,
    domain::account::{Account, AccountRole, ActiveStatus, Actor, Permission},
    id::{Kind, PublicId, Uuid},
    secret::Digest,
    store::{StoreError, Tx, account},
};

const MUTATION: &str = "createAccount";

/// A row that has the right form.
struct Wanted {
    input: CreateAccount,
    key: Option<String>,
    args: Digest,
}

/// What becomes of a row.
enum Fate {
    /// An account that is there already, by the row's idempotency key.
    Known(Uuid),
    /// The account to add.
    Add(Account),
    /// The same as an earlier row.
    Like(usize),
}

impl App {
    /// `createAccount`: adds an account below another.
    pub async fn create_account(&self, actor: &Actor, input: CreateAccount) -> Outcome<Account> {
        allow(actor, Permission::Write)?;
        only(self.add_accounts(actor, vec![input], None).await?)
    }

    /// `createAccounts`: up to 250 accounts, a result per row.
    pub async fn create_accounts(&self, actor: &Actor, input: CreateAccounts) -> Outcome<Vec<Result<Account, Vec<UserError>>>> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        problems.idempotency_key(input.idempotency_key.as_deref());
        if let Err(errors) = row_count("accounts", input.accounts.len()).and_then(|()| problems.or(())) {
            return Ok(Err(errors));
        }
        let rows = self.add_accounts(actor, input.accounts, input.idempotency_key.as_deref()).await?;
        Ok(Ok(in_rows("accounts", rows)))
    }

    async fn add_accounts(
        &self,
        actor: &Actor,
        inputs: Vec<CreateAccount>,
        bulk_key: Option<&str>,
    ) -> Result<Vec<Row<Account>>, StoreError> {
        let keys = idempotent::row_keys(inputs.iter().map(|input| input.idempotency_key.as_deref()), bulk_key);
        let wanted: Vec<Row<Wanted>> = inputs.into_iter().zip(keys).map(|(input, key)| well_formed(input, key)).collect();
        let wanted = &wanted;
        self.parts
            .store
            .write(|tx| async move {
                let fates = self.decide_accounts(&tx, actor, wanted).await?;
                let added: Vec<Account> = fates
                    .iter()
                    .filter_map(|fate| if let Ok(Fate::Add(account)) = fate { Some(account.clone()) } else { None })
                    .collect();
                account::insert_all(&tx, &added).await?;
                let known: Vec<Uuid> =
                    fates.iter().filter_map(|fate| if let Ok(Fate::Known(id)) = fate { Some(*id) } else { None }).collect();
                let known = account::by_ids(&tx, actor.account_id, &known).await?;
                let mut rows: Vec<Row<Account>> = Vec::with_capacity(fates.len());
                for fate in fates {
                    let row = match fate {
                        Ok(Fate::Add(account)) => Ok(account),
                        Ok(Fate::Known(id)) => known.get(&id).cloned().ok_or_else(|| vec![gone()]),
                        Ok(Fate::Like(index)) => rows[index].clone(),
                        Err(errors) => Err(errors),
                    };
                    rows.push(row);
                }
                record(&tx, actor, added.iter().map(created)).await?;
                Ok(rows)
            })
            .await
    }

    /// Decides on all rows with a fixed number of statements, and keeps the keys of those to add.
    async fn decide_accounts(&self, tx: &Tx, actor: &Actor, wanted: &[Row<Wanted>]) -> Result<Vec<Row<Fate>>, StoreError> {
        let good = || wanted.iter().filter_map(|row| row.as_ref().ok());
        let names: Vec<&str> = good().filter_map(|row| row.key.as_deref()).collect();
        let keys = Keys::hold(tx, actor, MUTATION, &names, tx.now()).await?;
        let parents: Vec<Uuid> = good().map(|row| row.input.parent_id).collect();
        let parents = account::by_ids(tx, actor.account_id, &parents).await?;
        let pairs: Vec<(Uuid, &str)> =
            good().filter_map(|row| Some((row.input.parent_id, row.input.external_id.as_deref()?))).collect();
        let mut taken = account::external_ids_taken(tx, &pairs).await?;
        let mut first_of: HashMap<&str, (usize, Digest)> = HashMap::new();
        let mut made: Vec<(&str, Stored)> = Vec::new();
        let mut fates = Vec::with_capacity(wanted.len());
        for (index, row) in wanted.iter().enumerate() {
            let fate = match row {
                Err(errors) => Err(errors.clone()),
                Ok(row) => {
                    match (keys.known(row.key.as_deref(), &row.args), row.key.as_deref().and_then(|key| first_of.get(key))) {
                        (Known::Done(id), _) => Ok(Fate::Known(id)),
                        (Known::New, Some((first, args))) if *args == row.args => Ok(Fate::Like(*first)),
                        (Known::Reused, _) | (Known::New, Some(_)) => Err(vec![idempotent::reused()]),
                        (Known::New, None) => self.new_account(&row.input, &parents, &mut taken, tx.now()).map(Fate::Add),
                    }
                }
            };
            if let (Ok(row), Ok(Fate::Add(account))) = (row, &fate)
                && let Some(key) = &row.key
            {
                first_of.insert(key, (index, row.args));
                made.push((key, Stored { args: row.args, result: account.id }));
            }
            fates.push(fate);
        }
        keys.keep(tx, &made).await?;
        Ok(fates)
    }

    fn new_account(
        &self,
        input: &CreateAccount,
        parents: &HashMap<Uuid, Account>,
        taken: &mut HashSet<(Uuid, String)>,
        now: Instant,
    ) -> Row<Account> {
        let mut problems = Problems::default();
        let Some(parent) = parents.get(&input.parent_id) else {
            return Err(vec![UserError::at(UserErrorCode::NotFound, "parentId", "There is no such account.")]);
        };
        if parent.role.child() != Some(input.role) {
            problems.add(UserErrorCode::Invalid, "role", wrong_role(parent.role));
        }
        if let Some(external_id) = &input.external_id
            && !taken.insert((parent.id, external_id.clone()))
        {
            problems.push(external_id_taken());
        }
        problems.or(Account {
            id: self.parts.ids.uuid(now),
            parent_id: Some(parent.id),
            role: input.role,
            status: ActiveStatus::Active,
            name: input.name.clone(),
            time_zone: input.time_zone.unwrap_or(parent.time_zone),
            external_id: input.external_id.clone(),
            created_at: now,
            updated_at: now,
            version: 1,
        })
    }

    /// `updateAccount`: name, status, zone and external id.
    pub async fn update_account(&self, actor: &Actor, input: UpdateAccount) -> Outcome<Account> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        let name = input.name.as_deref().map(|name| problems.text("name", name, 1));
        let external_id = input.external_id.as_ref().map(|id| problems.optional_text("externalId", id.as_deref()));
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, name, external_id) = (&input, &name, &external_id);
        let changed = self
            .parts
            .store
            .write(|tx| async move {
                account::lock(&tx, input.account_id).await?;
                let mut found = account::by_ids(&tx, actor.account_id, &[input.account_id]).await?;
                let Some(before) = found.remove(&input.account_id) else {
                    return Ok(Err(vec![UserError::at(UserErrorCode::NotFound, "accountId", "There is no such account.")]));
                };
                if input.expected_version.is_some_and(|version| version != before.version) {
                    let message = "The account has changed since. Read it again, then repeat the call.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::Conflict, "expectedVersion", message)]));
                }
                let after = Account {
                    name: name.clone().unwrap_or_else(|| before.name.clone()),
                    status: input.status.unwrap_or(before.status),
                    time_zone: input.time_zone.unwrap_or(before.time_zone),
                    external_id: external_id.clone().unwrap_or_else(|| before.external_id.clone()),
                    ..before.clone()
                };
                if after == before {
                    return Ok(Ok(before));
                }
                if let (Some(parent), Some(id)) = (after.parent_id, &after.external_id)
                    && after.external_id != before.external_id
                    && !account::external_ids_taken(&tx, &[(parent, id)]).await?.is_empty()
                {
                    return Ok(Err(vec![external_id_taken()]));
                }
                account::update(&tx, &after).await?;
                let change = Change::new("updateAccount", Kind::Account, after.id);
                record(&tx, actor, [change.before(fields(&before)).after(fields(&after))]).await?;
                Ok(Ok(Account { updated_at: tx.now(), version: before.version + 1, ..after }))
            })
            .await?;
        Ok(changed)
    }

    /// Adds an account at the operator's command line, top-level ones too.
    pub async fn operator_create_account(&self, input: OperatorAccount) -> Outcome<Account> {
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        let external_id = problems.optional_text("externalId", input.external_id.as_deref());
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, name, external_id) = (&input, &name, &external_id);
        let made = self
            .parts
            .store
            .write(|tx| async move {
                let now = tx.now();
                let row = match input.parent_id {
                    None if input.role == AccountRole::Customer => refuse_row("role", "A customer needs a parent."),
                    None => Ok(Account {
                        id: self.parts.ids.uuid(now),
                        parent_id: None,
                        role: input.role,
                        status: ActiveStatus::Active,
                        name: name.clone(),
                        time_zone: input.time_zone.unwrap_or(chrono_tz::UTC),
                        external_id: external_id.clone(),
                        created_at: now,
                        updated_at: now,
                        version: 1,
                    }),
                    Some(parent_id) => {
                        let parents: HashMap<Uuid, Account> =
                            account::find(&tx, parent_id).await?.map(|parent| (parent_id, parent)).into_iter().collect();
                        let pairs: Vec<(Uuid, &str)> =
                            external_id.iter().map(|external_id| (parent_id, external_id.as_str())).collect();
                        let mut taken = account::external_ids_taken(&tx, &pairs).await?;
                        let child = CreateAccount {
                            parent_id,
                            name: name.clone(),
                            role: input.role,
                            time_zone: input.time_zone,
                            external_id: external_id.clone(),
                            idempotency_key: None,
                        };
                        self.new_account(&child, &parents, &mut taken, now)
                    }
                };
                if let Ok(account) = &row {
                    account::insert_all(&tx, std::slice::from_ref(account)).await?;
                    record_by(&tx, OPERATOR, [created(account)]).await?;
                }
                Ok(row)
            })
            .await?;
        Ok(made)
    }

    /// Whether nobody set this installation up yet.
    pub async fn is_empty(&self) -> Result<bool, super::AppError> {
        Ok(!account::any(&self.parts.store).await?)
    }
}

fn well_formed(input: CreateAccount, key: Option<String>) -> Row<Wanted> {
    let args = fingerprint(&CreateAccount { idempotency_key: None, ..input.clone() });
    let mut problems = Problems::default();
    let name = problems.text("name", &input.name, 1);
    let external_id = problems.optional_text("externalId", input.external_id.as_deref());
    problems.idempotency_key(input.idempotency_key.as_deref());
    problems.or(Wanted { input: CreateAccount { name, external_id, ..input }, key, args })
}

fn external_id_taken() -> UserError {
    UserError::at(UserErrorCode::Taken, "externalId", "Another account below this parent has this external id.")
}

/// What the audit log keeps of an account.
fn fields(account: &Account) -> serde_json::Value {
    json!({
        "name": account.name,
        "role": account.role.as_str(),
        "status": account.status.as_str(),
        "timeZone": account.time_zone.name(),
        "externalId": account.external_id,
        "parentId": account.parent_id.map(|id| PublicId::new(Kind::Account, id).to_string()),
    })
}

fn created(account: &Account) -> Change {
    Change::new(MUTATION, Kind::Account, account.id).after(fields(account))
}

fn wrong_role(parent: AccountRole) -> String {
    match parent.child() {
        Some(child) => format!("The accounts below a {parent} are {child}s."),
        None => format!("A {parent} has no accounts below it."),
    }
}

fn refuse_row<T>(field: &str, message: &str) -> Row<T> {
    Err(vec![UserError::at(UserErrorCode::Invalid, field, message)])
}

fn gone() -> UserError {
    UserError::whole(UserErrorCode::NotFound, "What the first call with this key made is not there any more.")
}

/// Gives the errors of each row their place in the list.
pub(super) fn in_rows<T>(list: &str, rows: Vec<Row<T>>) -> Vec<Row<T>> {
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| row.map_err(|errors| errors.into_iter().map(|error| error.in_row(list, index)).collect()))
        .collect()
}
