//! Lists below many parents at a time: for each, in one statement, the same slice of what `viewer` may see. Their orders are those of the
//! same lists of one parent, and so are their cursors.

use std::collections::HashMap;

use coppice_entity::{
    account, anomaly, api_key, certificate, certificate_range, collection, deposit, device, feed, health_change, server,
    sync_run, user_account,
};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    Store, StoreError, account as accounts, anomaly as anomalies, certificate as certificates,
    convert::{below, owner_seen, seen, within},
    device as devices, feed as feeds, health as changes, identity, ledger,
    paging::{KeyValue, Nearest, SortKey, pages},
    run as runs, server as servers,
};
use crate::{
    domain::{
        account::{Account, ApiKey, User},
        anomaly::{Anomaly, AnomalyStatus},
        certificate::Certificate,
        device::Device,
        feed::Feed,
        health::{HealthChange, HealthStatus},
        ledger::Deposit,
        paging::Page,
        query::{Below, Under},
        run::{Collection, SyncRun},
        server::Server,
    },
    id::Uuid,
};

/// Whether `viewer` may see the feed that `key` names.
fn feed_seen(key: Expr, viewer: Uuid) -> Expr {
    owner_seen(key, feed::Column::AccountId, feed::Column::Id, viewer)
}

/// A page for each parent that has one.
pub type Pages<T> = Result<HashMap<Uuid, Page<T>>, StoreError>;

/// The accounts directly below accounts, by name.
pub async fn children(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Account> {
    use account::Column as C;
    let select = account::Entity::find().filter(below(C::Id, viewer));
    let keys = [SortKey::asc(C::NameKey.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &account::Model| vec![KeyValue::Text(row.name_key.clone()), KeyValue::id(row.id)];
    let of = |parent: Expr| C::ParentId.into_expr().eq(parent);
    pages(store, &select, parents, of, "account.name", &keys, &ask.page, values, accounts::from_row).await
}

/// The servers of accounts and those below them, by name.
pub async fn servers_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Server> {
    use server::Column as C;
    let select = server::Entity::find();
    let keys = [SortKey::asc(C::NameKey.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &server::Model| vec![KeyValue::Text(row.name_key.clone()), KeyValue::id(row.id)];
    let wide = store.are_wide(parents).await?;
    let of = |parent: Expr| seen(parent.clone(), viewer).and(within(C::AccountId, parent, wide));
    pages(store, &select, parents, of, "server.name", &SortKey::along(keys, wide), &ask.page, values, servers::from_row).await
}

/// The feeds of servers, or of accounts and those below them, by name.
pub async fn feeds_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Feed> {
    use feed::Column as C;
    let select = feeds::select();
    let [unnamed, name] = SortKey::nulls_last(C::NameKey.into_expr(), false);
    let keys = [unnamed, name, SortKey::asc(C::Id.into_expr())];
    let values = |row: &feeds::Row| {
        let [unnamed, name] = KeyValue::nulls_last(row.name_key.clone());
        vec![unnamed, name, KeyValue::id(row.id)]
    };
    let wide = ask.under != Under::Server && store.are_wide(parents).await?;
    let of = |parent: Expr| match ask.under {
        // A customer sees its feeds of a server, not those of others.
        Under::Server => C::ServerId.into_expr().eq(parent).and(below(C::AccountId, viewer)),
        _ => seen(parent.clone(), viewer).and(within(C::AccountId, parent, wide)),
    };
    pages(store, &select, parents, of, "feed.name", &SortKey::along(keys, wide), &ask.page, values, feeds::from_row).await
}

/// The devices of feeds, by vendor device id.
pub async fn devices_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Device> {
    use device::Column as C;
    let select = device::Entity::find();
    let keys = [SortKey::asc(C::VendorDeviceId.into_expr())];
    let values = |row: &device::Model| vec![KeyValue::Text(row.vendor_device_id.clone())];
    let of = |parent: Expr| feed_seen(parent.clone(), viewer).and(C::FeedId.into_expr().eq(parent));
    let found = pages(store, &select, parents, of, "device", &keys, &ask.page, values, Ok).await?;
    devices::described_below(store, found).await
}

/// The anomalies of feeds, the latest first.
pub async fn anomalies_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Anomaly> {
    use anomaly::Column as C;
    let select = anomaly::Entity::find();
    let keys = [SortKey::desc(C::RaisedAt.into_expr()), SortKey::desc(C::Id.into_expr())];
    let values = |row: &anomaly::Model| vec![KeyValue::Number(row.raised_at), KeyValue::id(row.id)];
    let of = |parent: Expr| feed_seen(parent.clone(), viewer).and(C::FeedId.into_expr().eq(parent));
    pages(store, &select, parents, of, "anomaly", &keys, &ask.page, values, anomalies::from_row).await
}

/// The anomalies of feeds of accounts and those below them that wait for a decision, the oldest first.
pub async fn open_anomalies_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Anomaly> {
    use anomaly::Column as C;
    let select = anomaly::Entity::find()
        .join(JoinType::InnerJoin, anomaly::Relation::Feed.def())
        .filter(below(feed::Column::AccountId, viewer))
        .filter(C::Status.eq(AnomalyStatus::Open.as_str()));
    let keys = [SortKey::asc(C::RaisedAt.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &anomaly::Model| vec![KeyValue::Number(row.raised_at), KeyValue::id(row.id)];
    let of = |parent: Expr| below(feed::Column::AccountId, parent);
    pages(store, &select, parents, of, "anomaly", &keys, &ask.page, values, anomalies::from_row).await
}

/// The servers of accounts and those below them that are unhealthy and not removed, the longest unhealthy first.
pub async fn unhealthy_servers_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Server> {
    use server::Column as C;
    let select = server::Entity::find()
        .filter(below(C::AccountId, viewer))
        .filter(C::RemovedAt.is_null())
        .filter(C::HealthStatus.eq(HealthStatus::Unhealthy.as_str()));
    let keys = [SortKey::asc(C::HealthChangedAt.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &server::Model| vec![KeyValue::Number(row.health_changed_at.unwrap_or_default()), KeyValue::id(row.id)];
    let of = |parent: Expr| below(C::AccountId, parent);
    pages(store, &select, parents, of, "server.unhealthy", &keys, &ask.page, values, servers::from_row).await
}

/// The feeds of accounts and those below them that are unhealthy and have not ended, the longest unhealthy first.
pub async fn unhealthy_feeds_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Feed> {
    use feed::Column as C;
    let select = feeds::select()
        .filter(below(C::AccountId, viewer))
        .filter(C::EndedAt.is_null())
        .filter(C::HealthStatus.eq(HealthStatus::Unhealthy.as_str()));
    let keys = [SortKey::asc(C::HealthChangedAt.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &feeds::Row| vec![KeyValue::Number(row.health_changed_at.unwrap_or_default()), KeyValue::id(row.id)];
    let of = |parent: Expr| below(C::AccountId, parent);
    pages(store, &select, parents, of, "feed.unhealthy", &keys, &ask.page, values, feeds::from_row).await
}

/// The users of accounts themselves, by name.
pub async fn users_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<User> {
    use user_account::Column as C;
    let select = user_account::Entity::find().filter(below(C::AccountId, viewer));
    let keys = [SortKey::asc(C::NameKey.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &user_account::Model| vec![KeyValue::Text(row.name_key.clone()), KeyValue::id(row.id)];
    let of = |parent: Expr| C::AccountId.into_expr().eq(parent);
    pages(store, &select, parents, of, "user.name", &keys, &ask.page, values, identity::user_from_row).await
}

/// The keys of accounts themselves, the latest first.
pub async fn api_keys_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<ApiKey> {
    use api_key::Column as C;
    let select = api_key::Entity::find().filter(below(C::AccountId, viewer));
    let keys = [SortKey::desc(C::CreatedAt.into_expr()), SortKey::desc(C::Id.into_expr())];
    let values = |row: &api_key::Model| vec![KeyValue::Number(row.created_at), KeyValue::id(row.id)];
    let of = |parent: Expr| C::AccountId.into_expr().eq(parent);
    pages(store, &select, parents, of, "api_key.created", &keys, &ask.page, values, identity::key_from_row).await
}

/// The certificates of accounts and those below them, the latest first.
pub async fn certificates_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Certificate> {
    use certificate::Column as C;
    let select = certificate::Entity::find();
    let keys = [SortKey::desc(C::IssuedAt.into_expr()), SortKey::asc(C::Id.into_expr())];
    let values = |row: &certificate::Model| vec![KeyValue::Number(row.issued_at), KeyValue::id(row.id)];
    let wide = store.are_wide(parents).await?;
    let of = |parent: Expr| seen(parent.clone(), viewer).and(within(C::AccountId, parent, wide));
    let found =
        pages(store, &select, parents, of, "certificate.issued", &SortKey::along(keys, wide), &ask.page, values, Ok).await?;
    certificates::complete_below(store, found).await
}

/// The ledger entries that certificates are the sums of, by day; void ones keep theirs.
async fn certified_deposits_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Deposit> {
    use certificate_range::Column as R;
    use deposit::Column as C;
    let mut select = deposit::Entity::find().filter(below(C::AccountId, viewer));
    let within = R::AccountId
        .into_expr()
        .eq(C::AccountId.into_expr())
        .and(R::Month.into_expr().eq(C::Month.into_expr()))
        .and(C::Number.into_expr().between(R::FirstNumber.into_expr(), R::LastNumber.into_expr()));
    QueryFilter::query(&mut select).inner_join(certificate_range::Entity, within);
    let keys = [SortKey::asc(C::Day.into_expr()), SortKey::asc(C::Seq.into_expr())];
    let values = |row: &deposit::Model| vec![KeyValue::Text(row.day.clone()), KeyValue::Number(row.seq)];
    let of = |parent: Expr| R::CertificateId.into_expr().eq(parent);
    pages(store, &select, parents, of, "certificate.deposits", &keys, &ask.page, values, ledger::from_row).await
}

/// The ledger entries of feeds, or of accounts and those below them, the latest day first; of certificates by day.
pub async fn deposits_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Deposit> {
    use deposit::Column as C;
    if ask.under == Under::Certificate {
        return certified_deposits_of(store, viewer, parents, ask).await;
    }
    let mut select = deposit::Entity::find();
    if let Some(from) = ask.from {
        select = select.filter(C::Day.gte(from.to_string()));
    }
    if let Some(to) = ask.to {
        select = select.filter(C::Day.lte(to.to_string()));
    }
    let keys = [SortKey::desc(C::Day.into_expr()), SortKey::desc(C::Seq.into_expr())];
    let list = "deposit.day";
    let values = |row: &deposit::Model| vec![KeyValue::Text(row.day.clone()), KeyValue::Number(row.seq)];
    if ask.under == Under::Feed {
        let of = |parent: Expr| feed_seen(parent.clone(), viewer).and(C::FeedId.into_expr().eq(parent));
        return pages(store, &select, parents, of, list, &keys, &ask.page, values, ledger::from_row).await;
    }
    let days = ["0000-00-00", "9999-99-99"].map(|day| KeyValue::Text(day.to_owned()));
    let nearest = Nearest::new(store, &select, C::AccountId, list, &keys, &ask.page, &days)?;
    let of = |parent: Expr| nearest.of(&parent).and(seen(parent, viewer));
    let (chosen, keys) = (deposit::Entity::find(), SortKey::chosen(keys));
    pages(store, &chosen, parents, of, list, &keys, &ask.page, values, ledger::from_row).await
}

/// The runs of servers, the latest requested first.
pub async fn runs_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<SyncRun> {
    use sync_run::Column as C;
    let keys = [SortKey::desc(C::RequestedAt.into_expr()), SortKey::desc(C::Id.into_expr())];
    let values = |row: &sync_run::Model| vec![KeyValue::Number(row.requested_at), KeyValue::id(row.id)];
    let of = |parent: Expr| {
        owner_seen(parent.clone(), server::Column::AccountId, server::Column::Id, viewer)
            .and(C::ServerId.into_expr().eq(parent))
    };
    pages(store, &sync_run::Entity::find(), parents, of, "run", &keys, &ask.page, values, runs::from_row).await
}

/// The collections of runs in the order of reading, or of feeds, the latest first.
pub async fn collections_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<Collection> {
    use collection::Column as C;
    if ask.under == Under::Run {
        let keys = [SortKey::asc(C::Position.into_expr()), SortKey::asc(C::Id.into_expr())];
        let values = |row: &runs::CollectionRow| vec![KeyValue::Number(row.position.into()), KeyValue::id(row.id)];
        let of = |parent: Expr| C::RunId.into_expr().eq(parent);
        let select = runs::collections_seen_by(viewer);
        return pages(store, &select, parents, of, "collection.run", &keys, &ask.page, values, runs::collection_from_row).await;
    }
    let keys = [SortKey::desc(C::Id.into_expr())];
    let values = |row: &runs::CollectionRow| vec![KeyValue::id(row.id)];
    let of = |parent: Expr| feed_seen(parent.clone(), viewer).and(C::FeedId.into_expr().eq(parent));
    let select = runs::CollectionRow::select(collection::Entity::find());
    pages(store, &select, parents, of, "collection.feed", &keys, &ask.page, values, runs::collection_from_row).await
}

/// The changes of health of servers or feeds, the latest first.
pub async fn changes_of(store: &Store, viewer: Uuid, parents: &[Uuid], ask: &Below) -> Pages<HealthChange> {
    use health_change::Column as C;
    let kind = if ask.under == Under::Server { changes::SERVER } else { changes::FEED };
    let select = health_change::Entity::find().filter(C::SubjectKind.eq(kind)).filter(below(C::AccountId, viewer));
    let keys = [SortKey::desc(C::Place.into_expr())];
    let values = |row: &health_change::Model| vec![KeyValue::Number(row.place)];
    let of = |parent: Expr| C::SubjectId.into_expr().eq(parent);
    pages(store, &select, parents, of, changes::LIST, &keys, &ask.page, values, changes::from_row).await
}
