//! Certificates: what is read of them. They come about in `closing` and are withdrawn in `voiding`.

use std::collections::{BTreeMap, HashMap};

use coppice_entity::{certificate, certificate_allocation, certificate_file, certificate_void};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _,
    sea_query::{Condition, ExprTrait as _},
};

use super::{
    Source, Store, StoreError, Tx,
    collecting::sql::{Rows, statement},
    convert::{askable, below},
    paging::{KeyValue, SortKey, page},
    posting_order::settled_before,
};
use crate::{
    clock::{Instant, from_millis},
    domain::{
        certificate::{Allocation, Certificate, CertificateStatus, Voided},
        pages::{Pages, StandardPages},
        paging::{Page, PageArgs},
        query::{CertificateFilter, CertificateOrder},
    },
    id::Uuid,
    secret::Digest,
};

pub mod closing;
pub mod delivery;
pub mod keys;
pub mod public_page;
mod voiding;

pub use voiding::{VoidOutcome, void};

/// Certificates whose other tables one statement asks for; databases bound the values in one.
const ROWS_AT_ONCE: usize = 10_000;

fn from_row(
    row: certificate::Model,
    allocations: Vec<Allocation>,
    void: Option<certificate_void::Model>,
) -> Result<Certificate, StoreError> {
    Ok(Certificate {
        id: row.id,
        number: row.number,
        code: row.code.parse().map_err(|_| StoreError::Corrupt("certificate.code"))?,
        account_id: row.account_id,
        month: row.month.parse().map_err(|_| StoreError::Corrupt("certificate.month"))?,
        sequence: row.sequence,
        holder: row.holder,
        pages: Pages { small: row.small, large: row.large, duplex: row.duplex },
        standard: StandardPages(row.standard),
        methodology_version: row.methodology_version,
        allocations,
        jws: row.jws,
        issued_at: from_millis(row.issued_at),
        voided: void.map(|void| Voided { reason: void.reason, at: from_millis(void.voided_at) }),
        updated_at: from_millis(row.updated_at),
    })
}

/// The certificates of rows, in their order, with what stands in other tables.
async fn complete(from: &impl Source, rows: Vec<certificate::Model>) -> Result<Vec<Certificate>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = || rows.iter().map(|row| row.id);
    let voids = certificate_void::Entity::find().filter(certificate_void::Column::CertificateId.is_in(ids())).all(from.db());
    let mut voids: HashMap<Uuid, _> = voids.await?.into_iter().map(|row| (row.certificate_id, row)).collect();
    let parts = certificate_allocation::Entity::find()
        .filter(certificate_allocation::Column::CertificateId.is_in(ids()))
        .order_by_asc(certificate_allocation::Column::CertificateId)
        .order_by_asc(certificate_allocation::Column::Position)
        .all(from.db())
        .await?;
    let mut allocations: HashMap<Uuid, Vec<Allocation>> = HashMap::new();
    for part in parts {
        allocations.entry(part.certificate_id).or_default().push(Allocation {
            project_id: part.project_id,
            project_name: part.project_name,
            project_country: part.project_country,
            standard: StandardPages(part.standard),
            trees: part.trees,
        });
    }
    rows.into_iter()
        .map(|row| {
            let (parts, void) = (allocations.remove(&row.id).unwrap_or_default(), voids.remove(&row.id));
            from_row(row, parts, void)
        })
        .collect()
}

/// Pages of certificates, with what stands in other tables; that of all is read at once.
pub(super) async fn complete_below(
    store: &Store,
    pages: HashMap<Uuid, Page<certificate::Model>>,
) -> Result<HashMap<Uuid, Page<Certificate>>, StoreError> {
    // A customer's certificate is in its partner's list as well.
    let rows: HashMap<Uuid, _> = pages.values().flat_map(|page| &page.items).map(|(_, row)| (row.id, row.clone())).collect();
    let rows: Vec<_> = rows.into_values().collect();
    let mut all = HashMap::with_capacity(rows.len());
    for rows in rows.chunks(ROWS_AT_ONCE) {
        all.extend(complete(store, rows.to_vec()).await?.into_iter().map(|certificate| (certificate.id, certificate)));
    }
    let completed = |(parent, page): (Uuid, Page<certificate::Model>)| {
        let item = |(cursor, row): (String, certificate::Model)| {
            Ok((cursor, all.get(&row.id).cloned().ok_or(StoreError::Corrupt("certificate.id"))?))
        };
        let items = page.items.into_iter().map(item).collect::<Result<_, StoreError>>()?;
        Ok((parent, Page { items, has_next: page.has_next, has_previous: page.has_previous }))
    };
    pages.into_iter().map(completed).collect()
}

/// The certificates with these ids that `viewer` may see.
pub async fn by_ids(from: &impl Source, viewer: Uuid, ids: &[Uuid]) -> Result<HashMap<Uuid, Certificate>, StoreError> {
    let rows = certificate::Entity::find()
        .filter(certificate::Column::Id.is_in(ids.iter().copied()))
        .filter(below(certificate::Column::AccountId, viewer))
        .all(from.db())
        .await?;
    Ok(complete(from, rows).await?.into_iter().map(|certificate| (certificate.id, certificate)).collect())
}

/// The certificate of this number, for whoever knows its code.
pub async fn by_number(from: &impl Source, number: &str) -> Result<Option<Certificate>, StoreError> {
    let row = certificate::Entity::find().filter(certificate::Column::Number.eq(askable(number))).one(from.db()).await?;
    Ok(complete(from, row.into_iter().collect()).await?.pop())
}

/// All certificates of an account and month, by sequence.
pub async fn of_month(from: &impl Source, account: Uuid, month: &str) -> Result<Vec<Certificate>, StoreError> {
    use certificate::Column as C;
    let rows = certificate::Entity::find().filter(C::AccountId.eq(account)).filter(C::Month.eq(month));
    complete(from, rows.order_by_asc(C::Sequence).all(from.db()).await?).await
}

/// The certificates issued in the transaction that issued `first`, for a call that is repeated.
pub async fn issued_with(from: &impl Source, viewer: Uuid, first: Uuid) -> Result<Vec<Certificate>, StoreError> {
    use certificate::Column as C;
    let first = certificate::Entity::find().filter(C::Id.eq(first)).filter(below(C::AccountId, viewer)).one(from.db()).await?;
    let Some(first) = first else { return Ok(Vec::new()) };
    // On SQLite writers are alone, so one transaction's numbers and instant are no other's.
    let rows = certificate::Entity::find()
        .filter(C::Tx.eq(first.tx))
        .filter(C::IssuedAt.eq(first.issued_at))
        .filter(C::Month.eq(first.month))
        .filter(C::Seq.gte(first.seq))
        .filter(below(C::AccountId, viewer))
        .order_by_asc(C::Seq)
        .limit(250);
    complete(from, rows.all(from.db()).await?).await
}

/// By certificate of `supplements`, the first one of its account and month.
pub async fn first_of(from: &impl Source, supplements: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, StoreError> {
    let mut rows = Rows::new(&["uuid"]);
    for id in supplements {
        rows.push([(*id).into()]);
    }
    let found = rows
        .query(
            from.db(),
            "WITH v(id) AS (",
            ") SELECT c.id, f.id FROM v CROSS JOIN certificate c CROSS JOIN certificate f WHERE c.id = v.id \
             AND f.account_id = c.account_id AND f.month = c.month AND f.sequence = 1 AND c.sequence > 1",
        )
        .await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// A page of the certificates that `viewer` may see.
pub async fn list(
    store: &Store,
    viewer: Uuid,
    filter: &CertificateFilter,
    order: CertificateOrder,
    args: &PageArgs,
) -> Result<Page<Certificate>, StoreError> {
    use certificate::Column as C;
    let (owned, wide) = store.owned(C::AccountId, viewer, filter.account_id).await?;
    let mut all = Condition::all().add(owned);
    if let Some(from) = filter.from {
        all = all.add(C::Month.gte(from.to_string()));
    }
    if let Some(to) = filter.to {
        all = all.add(C::Month.lte(to.to_string()));
    }
    if let Some(status) = filter.status {
        let voids = certificate_void::Entity::find().select_only().column(certificate_void::Column::CertificateId).into_query();
        all = all.add(match status {
            CertificateStatus::Void => C::Id.in_subquery(voids),
            CertificateStatus::Issued => C::Id.not_in_subquery(voids),
        });
    }
    if let Some(number) = &filter.number {
        all = all.add(C::Number.eq(askable(number)));
    }
    if let Some(since) = filter.updated_since {
        all = all.add(C::UpdatedAt.gte(since.timestamp_millis()));
    }
    if order == CertificateOrder::UpdatedAtAsc {
        all = all.add(C::UpdatedAt.lt(store.settled_before().await?));
    }
    let (name, column, descending) = match order {
        CertificateOrder::IssuedAtAsc => ("certificate.issued", C::IssuedAt, false),
        CertificateOrder::IssuedAtDesc => ("certificate.issued", C::IssuedAt, true),
        CertificateOrder::UpdatedAtAsc => ("certificate.updated", C::UpdatedAt, false),
        CertificateOrder::UpdatedAtDesc => ("certificate.updated", C::UpdatedAt, true),
    };
    let keys = [SortKey::directed(column.into_expr(), descending), SortKey::asc(C::Id.into_expr())];
    let issued = name == "certificate.issued";
    let values = move |row: &certificate::Model| {
        vec![KeyValue::Number(if issued { row.issued_at } else { row.updated_at }), KeyValue::id(row.id)]
    };
    let rows =
        page(&store.db, certificate::Entity::find().filter(all), name, &SortKey::along(keys, wide), args, values, Ok).await?;
    let (cursors, items): (Vec<_>, Vec<_>) = rows.items.into_iter().unzip();
    let items = cursors.into_iter().zip(complete(store, items).await?).collect();
    Ok(Page { items, has_next: rows.has_next, has_previous: rows.has_previous })
}

/// A place in the order in which certificates were issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssuePlace {
    tx: i64,
    seq: i64,
}

/// The place of a certificate that `viewer` may see; `None` when there is none.
pub async fn place_of(store: &Store, viewer: Uuid, id: Uuid) -> Result<Option<IssuePlace>, StoreError> {
    let row = certificate::Entity::find()
        .filter(certificate::Column::Id.eq(id))
        .filter(below(certificate::Column::AccountId, viewer))
        .one(&store.db)
        .await?;
    Ok(row.map(|row| IssuePlace { tx: row.tx, seq: row.seq }))
}

/// The place after everything issued so far: of what is committed, or may still be.
pub async fn place_of_now(store: &Store) -> Result<IssuePlace, StoreError> {
    let text = if store.is_sqlite() {
        "SELECT 0, COALESCE(max(seq), 0) FROM certificate"
    } else {
        // Certificates of transactions that are under way count as new.
        "SELECT settled_before(), 0::bigint"
    };
    let row = store.db.query_one_raw(statement(store.dialect(), text, [])).await?;
    let row = row.ok_or(StoreError::Corrupt("certificate.seq"))?;
    Ok(IssuePlace { tx: row.try_get_by_index(0)?, seq: row.try_get_by_index(1)? })
}

/// The certificates of `account` and those below it, or of all accounts, that were issued after `place`, in order: none is ever added
/// before one given out.
pub async fn issued_after(
    store: &Store,
    account: Option<Uuid>,
    place: IssuePlace,
    limit: u64,
) -> Result<Vec<(IssuePlace, Certificate)>, StoreError> {
    use certificate::Column as C;
    let mut all = Condition::all()
        .add(Condition::any().add(C::Tx.gt(place.tx)).add(Condition::all().add(C::Tx.eq(place.tx)).add(C::Seq.gt(place.seq))));
    if let Some(account) = account {
        all = all.add(below(C::AccountId, account));
    }
    if !store.is_sqlite() {
        all = all.add(C::Tx.into_expr().lt(settled_before()));
    }
    let rows =
        certificate::Entity::find().filter(all).order_by_asc(C::Tx).order_by_asc(C::Seq).limit(limit).all(&store.db).await?;
    let places: Vec<IssuePlace> = rows.iter().map(|row| IssuePlace { tx: row.tx, seq: row.seq }).collect();
    Ok(places.into_iter().zip(complete(store, rows).await?).collect())
}

/// The certificate in force that each of `deposits` is on; those that are pending are left out.
pub async fn of_deposits(from: &impl Source, deposits: &[Uuid]) -> Result<HashMap<Uuid, Uuid>, StoreError> {
    let mut rows = Rows::new(&["uuid"]);
    for deposit in deposits {
        rows.push([(*deposit).into()]);
    }
    let found = rows
        .query(
            from.db(),
            "WITH v(id) AS (",
            ") SELECT d.id, r.certificate_id FROM v CROSS JOIN deposit d CROSS JOIN certificate_range r \
             WHERE d.id = v.id AND r.account_id = d.account_id AND r.month = d.month \
             AND d.number BETWEEN r.first_number AND r.last_number \
             AND NOT EXISTS (SELECT 1 FROM certificate_void x WHERE x.certificate_id = r.certificate_id)",
        )
        .await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Remembers the digest of a file that was made of a certificate.
pub async fn remember_file(tx: &Tx, certificate: Uuid, digest: &Digest) -> Result<(), StoreError> {
    let text = "INSERT INTO certificate_file (certificate_id, digest, first_made_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let values = [certificate.into(), digest.to_vec().into(), tx.now_millis().into()];
    tx.execute_raw(statement(tx.get_database_backend(), text, values)).await?;
    Ok(())
}

/// The digests of the files that were made of a certificate, the first made first.
pub async fn files(from: &impl Source, certificate: Uuid) -> Result<Vec<(Digest, Instant)>, StoreError> {
    use certificate_file::Column as C;
    let rows = certificate_file::Entity::find()
        .filter(C::CertificateId.eq(certificate))
        .order_by_asc(C::FirstMadeAt)
        .order_by_asc(C::Digest)
        .all(from.db())
        .await?;
    rows.into_iter()
        .map(|row| {
            let digest = row.digest.try_into().map_err(|_| StoreError::Corrupt("certificate_file.digest"))?;
            Ok((digest, from_millis(row.first_made_at)))
        })
        .collect()
}

/// Adds what certificates give to their projects (`sign` 1), or takes it back (-1).
async fn promise(tx: &Tx, certificates: &[Certificate], sign: i64) -> Result<(), StoreError> {
    let mut trees: BTreeMap<Uuid, i64> = BTreeMap::new();
    for part in certificates.iter().flat_map(|certificate| &certificate.allocations) {
        *trees.entry(part.project_id).or_default() += sign * part.trees;
    }
    super::project::allocate(tx, &trees).await
}
