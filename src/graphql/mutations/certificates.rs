//! Certificates and the projects chosen for them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{UserError, payload, user_errors};
use crate::{
    app::input,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::Month,
        types::{Account, Certificate},
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct CertificateMutations;

#[Object]
impl CertificateMutations {
    /// Choose the projects of an account's coming certificates.
    async fn choose_projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: ChooseProjectsInput,
    ) -> Result<ChooseProjectsPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.choose_projects(session.actor, input.into()).await?.into())
    }

    /// Issue now what is due for a past month, instead of waiting for the schedule. Needs ADMIN.
    async fn issue_certificates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: IssueCertificatesInput,
    ) -> Result<IssueCertificatesPayload> {
        let session = Session::of(ctx)?;
        Ok(match session.app.issue_certificates(session.actor, input.into()).await? {
            Ok(issued) => {
                let certificates = issued.into_iter().map(Certificate).collect();
                IssueCertificatesPayload { certificates, user_errors: Vec::new() }
            }
            Err(errors) => IssueCertificatesPayload { certificates: Vec::new(), user_errors: user_errors(errors) },
        })
    }

    /// Withdraw a certificate; it stays findable. Needs ADMIN.
    async fn void_certificate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: VoidCertificateInput,
    ) -> Result<VoidCertificatePayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.void_certificate(session.actor, input.into()).await?.into())
    }
}

/// Input of chooseProjects.
#[derive(Debug, InputObject)]
struct ChooseProjectsInput {
    /// The account.
    account_id: ID,
    /// All projects chosen from now on, at most 20, each ACTIVE; empty for the choice of the nearest account above.
    project_ids: Vec<ID>,
    /// Version that was read; when it has changed since, CONFLICT. Null to change it anyway.
    expected_version: Option<i32>,
}

impl From<ChooseProjectsInput> for input::ChooseProjects {
    fn from(input: ChooseProjectsInput) -> Self {
        Self {
            account_id: key(Kind::Account, &input.account_id),
            project_ids: input.project_ids.iter().map(|id| key(Kind::Project, id)).collect(),
            expected_version: input.expected_version,
        }
    }
}

payload! {
    /// Answer of chooseProjects.
    ChooseProjectsPayload {
        /// The changed account; null on an error.
        account: Account
    }
}

/// Input of issueCertificates.
#[derive(Debug, InputObject)]
struct IssueCertificatesInput {
    /// The account, with those below it; at most 250 accounts in all.
    account_id: ID,
    /// A month that is over in the account's zone.
    month: Month,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<IssueCertificatesInput> for input::IssueCertificates {
    fn from(input: IssueCertificatesInput) -> Self {
        Self { account_id: key(Kind::Account, &input.account_id), month: input.month.0, idempotency_key: input.idempotency_key }
    }
}

/// Answer of issueCertificates.
#[derive(Debug, SimpleObject)]
struct IssueCertificatesPayload {
    /// Those issued now, by number; accounts with no pending pages, or not yet covered within the grace period, have none.
    certificates: Vec<Certificate>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of voidCertificate.
#[derive(Debug, InputObject)]
struct VoidCertificateInput {
    /// The certificate; ISSUED.
    certificate_id: ID,
    /// Why, 1 to 1,000 characters; shown to whoever verifies it.
    reason: String,
}

impl From<VoidCertificateInput> for input::VoidCertificate {
    fn from(input: VoidCertificateInput) -> Self {
        Self { certificate_id: key(Kind::Certificate, &input.certificate_id), reason: input.reason }
    }
}

payload! {
    /// Answer of voidCertificate.
    VoidCertificatePayload {
        /// The certificate, now VOID; null on an error.
        certificate: Certificate
    }
}
