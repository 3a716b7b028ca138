//! Certificates and projects.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    domain::{certificate::read_number, query},
    graphql::{
        connection::{Connection, page_args},
        context::{ClientAddress, Session, app, key},
        error::{ApiError, Code, Result},
        scalars::{DateTime, Month},
        types::{
            Certificate, CertificateVerification, Project,
            enums::{CertificateOrder, CertificateStatus, ProjectStatus},
            optional,
        },
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct CertificateQueries;

#[Object]
impl CertificateQueries {
    /// A certificate; null when there is none or the caller may not see it.
    async fn certificate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of the certificate.")] id: ID,
    ) -> Option<Result<Certificate>> {
        optional(async { Session::of(ctx)?.certificate(key(Kind::Certificate, &id)).await }).await
    }

    /// Certificates, void ones included.
    async fn certificates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; null for all.")] filter: Option<CertificateFilter>,
        #[graphql(desc = "Their order.", default_with = "CertificateOrder::IssuedAtDesc")] order_by: CertificateOrder,
    ) -> Result<Connection<Certificate>> {
        let filter = filter.map(Into::into).unwrap_or_default();
        Session::of(ctx)?.certificates(filter, order_by.into(), page_args(ctx)).await
    }

    /// Whether a certificate is genuine. Needs no sign-in.
    async fn verify_certificate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The certificate's number as printed.")] number: String,
        #[graphql(desc = "The verification code as printed.")] code: String,
    ) -> Result<CertificateVerification> {
        let app = app(ctx)?;
        let address = ctx.data_opt::<ClientAddress>().and_then(|address| address.0);
        if let Err(seconds) = app.admit_visit(address) {
            let message = format!("Too many certificates were verified from this address; wait {seconds} seconds.");
            return Err(ApiError::new(Code::RateLimited, message));
        }
        Ok(app.verify_certificate(&number, &code).await?.into())
    }

    /// Reforestation projects by name.
    async fn projects(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those with this status; null for all.")] status: Option<ProjectStatus>,
    ) -> Result<Connection<Project>> {
        let session = Session::of(ctx)?;
        Ok(session.app.projects(session.actor, status.map(Into::into), &page_args(ctx)).await?.into())
    }
}

/// Which certificates.
#[derive(Debug, InputObject)]
struct CertificateFilter {
    /// Of this account or those below it.
    account_id: Option<ID>,
    /// Of this month or later.
    from: Option<Month>,
    /// Of this month or earlier.
    to: Option<Month>,
    /// With this status.
    status: Option<CertificateStatus>,
    /// With exactly this number.
    number: Option<String>,
    /// Issued or voided at this instant or later.
    updated_since: Option<DateTime>,
}

impl From<CertificateFilter> for query::CertificateFilter {
    fn from(filter: CertificateFilter) -> Self {
        Self {
            account_id: filter.account_id.map(|id| key(Kind::Account, &id)),
            from: filter.from.map(|month| month.0),
            to: filter.to.map(|month| month.0),
            status: filter.status.map(Into::into),
            number: filter.number.as_deref().map(read_number),
            updated_since: filter.updated_since.map(|at| at.0),
        }
    }
}
