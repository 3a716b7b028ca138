//! Entries made by people: pages that no feed reports, and taking such an entry back. Never an edit.

use serde_json::json;

use super::{
    App, Outcome, UserError, UserErrorCode, allow,
    audit::{self, Change},
    checks::{Problems, fingerprint},
    idempotent::{self, Keys, Known, Stored},
    input::{CreateDeposit, ReverseDeposit},
};
use crate::{
    domain::{
        account::{AccountRole, Actor, Permission},
        calendar::day_of,
        ledger::{Deposit, DepositKind},
        pages::{Methodology, PaperError, StandardPages},
    },
    id::{Kind, PublicId, Uuid},
    store::{
        StoreError, account,
        collecting::{self, Entry},
        ledger,
    },
};

const CREATE: &str = "createDeposit";
const REVERSE: &str = "reverseDeposit";
/// The most that one entry comes to; keeps a slip of the hand from overflowing the totals of everyone above.
const MOST: StandardPages = StandardPages::whole(10_000_000_000);

impl App {
    /// `createDeposit`: posts pages that no feed reports.
    pub async fn create_deposit(&self, actor: &Actor, input: CreateDeposit) -> Outcome<Deposit> {
        allow(actor, Permission::Write)?;
        let args = fingerprint(&CreateDeposit { idempotency_key: None, ..input.clone() });
        let mut problems = Problems::default();
        problems.idempotency_key(input.idempotency_key.as_deref());
        let note = problems.note("note", input.note.as_deref(), 0);
        let standard = amount(&mut problems, &input);
        problems.counted_day("date", input.day);
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, args, note) = (&input, &args, &note);
        Ok(self
            .parts
            .store
            .write(|tx| async move {
                let key = input.idempotency_key.as_deref();
                let keys = Keys::hold(&tx, actor, CREATE, key.as_slice(), tx.now()).await?;
                match keys.known(key, args) {
                    Known::New => {}
                    Known::Done(id) => return known(&tx, actor, id).await,
                    Known::Reused => return Ok(Err(vec![idempotent::reused()])),
                }
                let accounts = account::by_ids(&tx, actor.account_id, &[input.account_id]).await?;
                let Some(account) = accounts.get(&input.account_id) else {
                    let message = "There is no such account.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::NotFound, "accountId", message)]));
                };
                if account.role != AccountRole::Customer {
                    let message = "Only a customer's account gets pages.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::Invalid, "accountId", message)]));
                }
                if input.day > day_of(tx.now(), account.time_zone) {
                    return Ok(Err(vec![UserError::at(UserErrorCode::Invalid, "date", "Not in the future.")]));
                }
                let id = self.parts.ids.uuid(tx.now());
                let entry = Entry {
                    id,
                    account_id: account.id,
                    feed_id: None,
                    collection_id: None,
                    day: input.day,
                    pages: input.pages,
                    standard,
                    estimated: false,
                    kind: DepositKind::Manual,
                    source_key: id.simple().to_string(),
                    note: note.clone(),
                    reversal_of: None,
                    methodology_version: Methodology::CURRENT.version,
                };
                let change = recorded(CREATE, &entry);
                collecting::post(&tx, &[entry]).await?;
                if let Some(key) = key {
                    keys.keep(&tx, &[(key, Stored { args: *args, result: id })]).await?;
                }
                audit::record(&tx, actor, [change]).await?;
                known(&tx, actor, id).await
            })
            .await?)
    }

    /// `reverseDeposit`: takes back a MANUAL entry, once, by another entry.
    pub async fn reverse_deposit(&self, actor: &Actor, input: ReverseDeposit) -> Outcome<Deposit> {
        allow(actor, Permission::Write)?;
        let args = fingerprint(&ReverseDeposit { idempotency_key: None, ..input.clone() });
        let mut problems = Problems::default();
        problems.idempotency_key(input.idempotency_key.as_deref());
        let note = problems.note("note", Some(&input.note), 1);
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, args, note) = (&input, &args, &note);
        Ok(self
            .parts
            .store
            .write(|tx| async move {
                let key = input.idempotency_key.as_deref();
                let keys = Keys::hold(&tx, actor, REVERSE, key.as_slice(), tx.now()).await?;
                match keys.known(key, args) {
                    Known::New => {}
                    Known::Done(id) => return known(&tx, actor, id).await,
                    Known::Reused => return Ok(Err(vec![idempotent::reused()])),
                }
                let found = ledger::by_ids(&tx, actor.account_id, &[input.deposit_id]).await?.remove(&input.deposit_id);
                let Some(entry) = found else { return Ok(Err(vec![no_entry("depositId")])) };
                let refused = |message| Ok(Err(vec![UserError::at(UserErrorCode::InvalidState, "depositId", message)]));
                if entry.kind != DepositKind::Manual {
                    return refused("Only an entry made by hand can be taken back.");
                }
                if ledger::is_reversed(&tx, entry.id).await? {
                    return refused("The entry is taken back already.");
                }
                let id = self.parts.ids.uuid(tx.now());
                let reversal = Entry {
                    id,
                    account_id: entry.account_id,
                    feed_id: None,
                    collection_id: None,
                    day: entry.day,
                    pages: -entry.pages,
                    standard: StandardPages(0) - entry.standard,
                    estimated: false,
                    kind: DepositKind::Reversal,
                    source_key: id.simple().to_string(),
                    note: note.clone(),
                    reversal_of: Some(entry.id),
                    methodology_version: entry.methodology_version,
                };
                let change = recorded(REVERSE, &reversal);
                collecting::post(&tx, &[reversal]).await?;
                if let Some(key) = key {
                    keys.keep(&tx, &[(key, Stored { args: *args, result: id })]).await?;
                }
                audit::record(&tx, actor, [change]).await?;
                known(&tx, actor, id).await
            })
            .await?)
    }
}

/// What the pages and the paper of an input come to.
fn amount(problems: &mut Problems, input: &CreateDeposit) -> StandardPages {
    let pages = input.pages;
    for (field, value) in [("small", pages.small), ("large", pages.large), ("duplex", pages.duplex)] {
        if value < 0 {
            problems.add(UserErrorCode::Invalid, field, "0 or more.");
        }
    }
    if pages.duplex_impossible() {
        let message = "At most half of small and large: a sheet printed on both sides has two of them.";
        problems.add(UserErrorCode::Invalid, "duplex", message);
    }
    let papers = Methodology::CURRENT.paper_standard(&input.paper).unwrap_or_else(|error| {
        let code = if error == PaperError::TooMuch { UserErrorCode::LimitExceeded } else { UserErrorCode::Invalid };
        problems.add(code, "paper", error.to_string());
        StandardPages(0)
    });
    if pages.is_zero() && input.paper.is_empty() {
        let message = "Give at least one of small, large and paper.";
        problems.push(UserError::whole(UserErrorCode::Invalid, message));
    }
    let standard = Methodology::CURRENT.standard(pages) + papers;
    if standard > MOST {
        let message = "At most 10,000,000,000 standard pages in one entry.";
        problems.push(UserError::whole(UserErrorCode::LimitExceeded, message));
    }
    standard
}

/// What the audit log keeps of an entry that somebody makes.
fn recorded(action: &'static str, entry: &Entry) -> Change {
    let public = |kind, id| PublicId::new(kind, id).to_string();
    Change::new(action, Kind::Deposit, entry.id).after(json!({
        "accountId": public(Kind::Account, entry.account_id),
        "date": entry.day,
        "small": entry.pages.small,
        "large": entry.pages.large,
        "duplex": entry.pages.duplex,
        "standardMillionths": entry.standard.0,
        "reversalOf": entry.reversal_of.map(|id| public(Kind::Deposit, id)),
    }))
}

async fn known(tx: &crate::store::Tx, actor: &Actor, id: Uuid) -> Result<Result<Deposit, Vec<UserError>>, StoreError> {
    let found = ledger::by_ids(tx, actor.account_id, &[id]).await?.remove(&id);
    Ok(found.ok_or_else(|| vec![no_entry("idempotencyKey")]))
}

fn no_entry(field: &str) -> UserError {
    UserError::at(UserErrorCode::NotFound, field, "There is no such entry.")
}
