//! What use cases record of a change, in its transaction: who, what, to which object, fields before and after, for which request.
//!
//! Recorded fields are neither personal nor secret: of a person only the id and the names of the fields that changed. The log is appended to
//! last in a transaction, since its lock is held until the end.

use serde_json::{Value, json};

use super::{App, AppError, name_of};
use crate::{
    domain::{account::Actor, feed::Feed, server::Server},
    id::{Kind, PublicId, Uuid},
    secret::Digest,
    store::{
        StoreError, Tx,
        audit::{self, NewEntry},
    },
};

pub use audit::{Entry as AuditEntry, Verdict as AuditVerdict};

/// Who changes things at the operator's command line.
pub(super) const OPERATOR: &str = "operator";
/// What happens by itself, on schedule.
pub(super) const SYSTEM: &str = "system";

tokio::task_local! {
    /// The request being answered. It is context, like a tracing span: no decision depends on it.
    static REQUEST: String;
}

/// Runs `work` so that what it records names the request `id`.
pub async fn in_request<T>(id: String, work: impl Future<Output = T>) -> T {
    REQUEST.scope(id, work).await
}

/// A change of one object.
#[derive(Debug, Clone)]
pub(super) struct Change {
    action: &'static str,
    object: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    pub(super) fn new(action: &'static str, kind: Kind, id: Uuid) -> Self {
        Self { action, object: PublicId::new(kind, id).to_string(), before: None, after: None }
    }

    pub(super) fn before(mut self, fields: Value) -> Self {
        self.before = Some(fields);
        self
    }

    pub(super) fn after(mut self, fields: Value) -> Self {
        self.after = Some(fields);
        self
    }
}

/// Records changes by `actor`.
pub(super) async fn record(tx: &Tx, actor: &Actor, changes: impl IntoIterator<Item = Change>) -> Result<(), StoreError> {
    record_by(tx, &name_of(actor), changes).await
}

/// Records changes by someone who is no actor: [`OPERATOR`], [`SYSTEM`], or somebody who is just signing in.
pub(super) async fn record_by(tx: &Tx, by: &str, changes: impl IntoIterator<Item = Change>) -> Result<(), StoreError> {
    let request_id = REQUEST.try_with(Clone::clone).ok();
    let text = |fields: Value| fields.to_string();
    let entry = |change: Change| NewEntry {
        actor: by.to_owned(),
        request_id: request_id.clone(),
        action: change.action.to_owned(),
        object: change.object,
        before: change.before.map(text),
        after: change.after.map(text),
    };
    let entries: Vec<NewEntry> = changes.into_iter().map(entry).collect();
    audit::append(tx, &entries).await
}

/// What is recorded of a server; its credentials only by when they were given.
pub(super) fn server_fields(server: &Server) -> Value {
    json!({
        "accountId": PublicId::new(Kind::Account, server.account_id).to_string(),
        "vendor": server.vendor.as_str(),
        "name": server.name,
        "url": server.url,
        "timeZone": server.time_zone.name(),
        "nightlyAt": server.nightly_at.to_string(),
        "credentialsUpdatedAt": server.credentials_updated_at,
        "pausedAt": server.paused_at,
        "removedAt": server.removed_at,
    })
}

/// What is recorded of a feed.
pub(super) fn feed_fields(feed: &Feed) -> Value {
    json!({
        "serverId": PublicId::new(Kind::Server, feed.server_id).to_string(),
        "accountId": PublicId::new(Kind::Account, feed.account_id).to_string(),
        "externalId": feed.external_id,
        "name": feed.given_name,
        "activationDate": feed.activation_date,
        "collectionScope": feed.scope.as_str(),
        "pausedAt": feed.paused_at,
        "endedAt": feed.ended_at,
    })
}

impl App {
    /// Whether the audit log is whole; with `known`, an entry's number and digest from an earlier look, it must still contain that entry.
    pub async fn verify_audit(&self, known: Option<(i64, Digest)>) -> Result<AuditVerdict, AppError> {
        Ok(audit::verify(&self.parts.store, known).await?)
    }

    /// The next entries after the one with the number `after`, oldest first; none at the end. With `object` only those about it.
    pub async fn audit_entries(&self, after: i64, object: Option<&str>) -> Result<Vec<AuditEntry>, AppError> {
        Ok(audit::page(&self.parts.store, after, object).await?)
    }
}
