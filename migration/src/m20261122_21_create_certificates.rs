//! Certificates, append-only by trigger, the entries each covers, and the certified sums beside the months' own.
//!
//! Of a certificate only `updated_at` may move, which says where it stands in a list; what it certifies never changes, and a void is a
//! row of its own. No two certificates in force may cover the same entry: the database refuses the second.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CERTIFICATE: &str = "CREATE TABLE certificate ( \
        seq SERIAL_KEY, \
        tx BIGINT NOT NULL DEFAULT TRANSACTION, \
        id UUID NOT NULL UNIQUE, \
        number TEXT NOT NULL UNIQUE, \
        code TEXT NOT NULL, \
        account_id UUID NOT NULL REFERENCES account (id), \
        month TEXT NOT NULL, \
        sequence INTEGER NOT NULL, \
        holder TEXT NOT NULL, \
        small BIGINT NOT NULL, \
        large BIGINT NOT NULL, \
        duplex BIGINT NOT NULL, \
        standard BIGINT NOT NULL CHECK (standard > 0), \
        methodology_version INTEGER NOT NULL, \
        jws TEXT NOT NULL, \
        issued_at BIGINT NOT NULL, \
        updated_at BIGINT NOT NULL, \
        UNIQUE (account_id, month, sequence) \
    )";

const UP: &[&str] = &[
    "CREATE INDEX certificate_by_issue ON certificate (issued_at, id)",
    "CREATE INDEX certificate_by_update ON certificate (updated_at, id)",
    "CREATE INDEX certificate_by_posting ON certificate (tx, seq)",
    "CREATE TABLE certificate_void ( \
        certificate_id UUID PRIMARY KEY REFERENCES certificate (id), \
        reason TEXT NOT NULL, \
        actor TEXT NOT NULL, \
        voided_at BIGINT NOT NULL \
    )",
    "CREATE TABLE certificate_range ( \
        certificate_id UUID NOT NULL REFERENCES certificate (id), \
        account_id UUID NOT NULL, \
        month TEXT NOT NULL, \
        first_number BIGINT NOT NULL, \
        last_number BIGINT NOT NULL CHECK (last_number >= first_number), \
        PRIMARY KEY (certificate_id, first_number) \
    )",
    "CREATE INDEX certificate_range_by_month ON certificate_range (account_id, month, last_number)",
    "CREATE TABLE certificate_allocation ( \
        certificate_id UUID NOT NULL REFERENCES certificate (id), \
        position INTEGER NOT NULL, \
        project_id UUID NOT NULL REFERENCES project (id), \
        project_name TEXT NOT NULL, \
        project_country TEXT NOT NULL, \
        standard BIGINT NOT NULL, \
        trees BIGINT NOT NULL, \
        PRIMARY KEY (certificate_id, position) \
    )",
    "CREATE TABLE certificate_file ( \
        certificate_id UUID NOT NULL REFERENCES certificate (id), \
        digest BYTES NOT NULL, \
        first_made_at BIGINT NOT NULL, \
        PRIMARY KEY (certificate_id, digest) \
    )",
    "CREATE TABLE certificate_number ( \
        month TEXT PRIMARY KEY, \
        last_number BIGINT NOT NULL \
    )",
    "CREATE TABLE certificate_key ( \
        id UUID PRIMARY KEY, \
        kid TEXT NOT NULL UNIQUE, \
        public BYTES NOT NULL, \
        sealed BYTES NOT NULL, \
        created_at BIGINT NOT NULL \
    )",
    "CREATE TABLE certificate_delivery ( \
        certificate_id UUID NOT NULL REFERENCES certificate (id), \
        user_id UUID NOT NULL REFERENCES user_account (id), \
        next_attempt_at BIGINT, \
        attempts INTEGER NOT NULL DEFAULT 0, \
        sent_at BIGINT, \
        PRIMARY KEY (certificate_id, user_id) \
    )",
    "CREATE INDEX certificate_delivery_due ON certificate_delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE TABLE account_page ( \
        account_id UUID PRIMARY KEY REFERENCES account (id), \
        token TEXT NOT NULL UNIQUE \
    )",
    "ALTER TABLE account_month ADD COLUMN certified_small BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE account_month ADD COLUMN certified_large BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE account_month ADD COLUMN certified_duplex BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE account_month ADD COLUMN certified_standard BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE account_month ADD COLUMN certificates INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX account_month_pending ON account_month (month, account_id) WHERE standard > certified_standard",
];

const DOWN: &[&str] = &[
    "DROP INDEX account_month_pending",
    "ALTER TABLE account_month DROP COLUMN certificates",
    "ALTER TABLE account_month DROP COLUMN certified_standard",
    "ALTER TABLE account_month DROP COLUMN certified_duplex",
    "ALTER TABLE account_month DROP COLUMN certified_large",
    "ALTER TABLE account_month DROP COLUMN certified_small",
];

const TABLES: &[&str] = &[
    "account_page",
    "certificate_delivery",
    "certificate_key",
    "certificate_number",
    "certificate_file",
    "certificate_allocation",
    "certificate_range",
    "certificate_void",
    "certificate",
];

/// Tables whose rows never change, and what a change of a certificate would be about.
const APPEND_ONLY: &[&str] =
    &["certificate_void", "certificate_range", "certificate_allocation", "certificate_file", "certificate_key"];
/// Sealed keys are sealed again when the sealing keys rotate, so that column is not among these.
const FIXED_KEY: &str = "id, kid, public, created_at";
const FIXED: &str = "seq, tx, id, number, code, account_id, month, sequence, holder, small, large, duplex, standard, \
     methodology_version, jws, issued_at";

const OVERLAP: &str = "SELECT 1 FROM certificate_range r WHERE r.account_id = NEW.account_id AND r.month = NEW.month \
     AND r.first_number <= NEW.last_number AND r.last_number >= NEW.first_number \
     AND NOT EXISTS (SELECT 1 FROM certificate_void v WHERE v.certificate_id = r.certificate_id)";

fn fixed_columns(table: &str) -> String {
    match table {
        "certificate" => format!(" OF {FIXED}"),
        "certificate_key" => format!(" OF {FIXED_KEY}"),
        _ => String::new(),
    }
}

fn triggers(postgres: bool) -> Vec<String> {
    let tables = || std::iter::once(&"certificate").chain(APPEND_ONLY);
    if postgres {
        let mut all = vec![
            "CREATE FUNCTION refuse_certificate_change() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''certificates are append-only''; END'"
                .to_owned(),
            format!(
                "CREATE FUNCTION refuse_certificate_overlap() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN IF EXISTS ({OVERLAP}) THEN RAISE EXCEPTION ''another certificate in force covers these entries''; END IF; \
                 RETURN NEW; END'"
            ),
            "CREATE TRIGGER certificate_range_alone BEFORE INSERT ON certificate_range \
             FOR EACH ROW EXECUTE FUNCTION refuse_certificate_overlap()"
                .to_owned(),
        ];
        for table in tables() {
            let fixed = fixed_columns(table);
            all.push(format!(
                "CREATE TRIGGER {table}_no_change BEFORE UPDATE{fixed} OR DELETE ON {table} \
                 FOR EACH ROW EXECUTE FUNCTION refuse_certificate_change()"
            ));
            all.push(format!(
                "CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} \
                 FOR EACH STATEMENT EXECUTE FUNCTION refuse_certificate_change()"
            ));
        }
        return all;
    }
    let refuse = "BEGIN SELECT RAISE(ABORT, 'certificates are append-only'); END";
    let mut all = vec![format!(
        "CREATE TRIGGER certificate_range_alone BEFORE INSERT ON certificate_range WHEN EXISTS ({OVERLAP}) \
         BEGIN SELECT RAISE(ABORT, 'another certificate in force covers these entries'); END"
    )];
    for table in tables() {
        let fixed = fixed_columns(table);
        all.push(format!("CREATE TRIGGER {table}_no_update BEFORE UPDATE{fixed} ON {table} {refuse}"));
        all.push(format!("CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}"));
    }
    all
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        // As in the ledger: on PostgreSQL a sequence alone is not the order of commits.
        let transaction = if postgres { "(pg_current_xact_id()::text::bigint)" } else { "0" };
        dialect::run(manager, &[&CERTIFICATE.replace("TRANSACTION", transaction)]).await?;
        dialect::run(manager, UP).await?;
        for trigger in triggers(postgres) {
            manager.get_connection().execute_unprepared(&trigger).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await?;
        dialect::drop(manager, TABLES).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let functions = ["DROP FUNCTION refuse_certificate_change()", "DROP FUNCTION refuse_certificate_overlap()"];
            dialect::run(manager, &functions).await?;
        }
        Ok(())
    }
}
