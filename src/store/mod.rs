//! The only home of SeaORM.

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A cursor is not one of the list's.
    #[error("the cursor is not one of this list")]
    Cursor,
}

/// The database.
#[derive(Debug, Clone)]
pub struct Store;

impl Store {
    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
