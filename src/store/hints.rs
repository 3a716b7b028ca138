//! Hints between nodes that share a PostgreSQL database, that something committed has moved on. Only hints: whoever waits looks at the
//! rows, now and then in any case.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{Store, StoreError, postgres_options};

const CHANNEL: &str = "coppice_hints";

/// The most bytes of one message; PostgreSQL takes 8,000.
pub const MAX_HINT: usize = 7_900;

/// What other nodes say, and this one too.
#[derive(Debug)]
pub struct Hints(PgListener);

impl Hints {
    /// The next message; `None` when the connection was lost and made anew, so that some may have been missed.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|heard| heard.payload().to_owned()))
    }
}

impl Store {
    /// Says something to all nodes, this one included. Nothing on SQLite, which has one.
    pub async fn send_hint(&self, text: &str) -> Result<(), StoreError> {
        if !self.is_sqlite() {
            let say = "SELECT pg_notify($1, $2)";
            let values = [CHANNEL.into(), text.into()];
            self.db.query_one_raw(Statement::from_sql_and_values(DatabaseBackend::Postgres, say, values)).await?;
        }
        Ok(())
    }

    /// Listens, by a connection of its own. `None` on SQLite.
    pub async fn hear_hints(&self) -> Result<Option<Hints>, StoreError> {
        if self.is_sqlite() {
            return Ok(None);
        }
        let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let mut listener = PgListener::connect_with(&own.connect_lazy_with(postgres_options(&self.url)?)).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Hints(listener)))
    }
}
