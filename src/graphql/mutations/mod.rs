//! Everything that can be changed: decode, one call into `app`, encode. Each mutation has one input and one payload; what a caller
//! can do wrong is in the payload's `userErrors`.

use async_graphql::{MergedObject, SimpleObject};

use super::types::enums::UserErrorCode;
use crate::app;

mod accounts;
mod certificates;
mod feed_settings;
mod feeds;
mod ledger;
mod server_settings;
mod servers;
mod sign_in;
mod syncs;
mod users;

/// Everything that can be changed. What a caller can do wrong is in userErrors; then nothing was changed.
#[derive(Default, MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutation(
    sign_in::SignInMutations,
    users::UserMutations,
    accounts::AccountMutations,
    certificates::CertificateMutations,
    servers::ServerMutations,
    server_settings::ServerSettingsMutations,
    feeds::FeedMutations,
    feed_settings::FeedSettingsMutations,
    syncs::SyncMutations,
    ledger::LedgerMutations,
);

/// Something the caller can put right.
#[derive(Debug, Clone, SimpleObject)]
pub struct UserError {
    /// For programs.
    code: UserErrorCode,
    /// Path into input, list indexes included, such as ["feeds", "3", "externalId"]; null when it is about the whole.
    field: Option<Vec<String>>,
    /// For people: what is wrong and what to do.
    message: String,
}

impl From<app::UserError> for UserError {
    fn from(error: app::UserError) -> Self {
        Self { code: error.code.into(), field: error.field, message: error.message }
    }
}

fn user_errors(errors: Vec<app::UserError>) -> Vec<UserError> {
    errors.into_iter().map(UserError::from).collect()
}

/// Declares a payload of one object and the errors, made of what the use case gives.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $ty:ident }) => {
        $(#[$doc])*
        #[derive(Debug, async_graphql::SimpleObject)]
        pub struct $name {
            $(#[$field_doc])*
            $field: Option<$ty>,
            /// What went wrong; empty on success.
            user_errors: Vec<super::UserError>,
        }

        impl<T> From<std::result::Result<T, Vec<crate::app::UserError>>> for $name
        where
            $ty: From<T>,
        {
            fn from(outcome: std::result::Result<T, Vec<crate::app::UserError>>) -> Self {
                match outcome {
                    Ok(made) => Self { $field: Some(made.into()), user_errors: Vec::new() },
                    Err(errors) => Self { $field: None, user_errors: super::user_errors(errors) },
                }
            }
        }
    };
}
/// Declares a bulk payload: a payload per row, and the errors about the whole.
macro_rules! bulk_payload {
    ($(#[$doc:meta])* $name:ident of $row:ident) => {
        $(#[$doc])*
        #[derive(Debug, async_graphql::SimpleObject)]
        pub struct $name {
            /// One for each row, in their order; empty on an error about the whole.
            results: Vec<$row>,
            /// What is wrong with the whole; the rows' own errors are in results.
            user_errors: Vec<super::UserError>,
        }

        impl<T> From<std::result::Result<Vec<T>, Vec<crate::app::UserError>>> for $name
        where
            $row: From<T>,
        {
            fn from(outcome: std::result::Result<Vec<T>, Vec<crate::app::UserError>>) -> Self {
                match outcome {
                    Ok(rows) => Self { results: rows.into_iter().map(Into::into).collect(), user_errors: Vec::new() },
                    Err(errors) => Self { results: Vec::new(), user_errors: super::user_errors(errors) },
                }
            }
        }
    };
}
use {bulk_payload, payload};
