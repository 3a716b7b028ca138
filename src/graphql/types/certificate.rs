//! Certificates and the projects their trees go to.

use async_graphql::{Context, Enum, Object, SimpleObject};

use super::{
    Account, Deposit,
    enums::{CertificateStatus, ProjectStatus},
    optional,
};
use crate::{
    app,
    domain::{certificate, pages, project, query::Under},
    graphql::{
        connection::{Connection, page_args},
        context::{Session, app, present},
        engine,
        error::Result,
        lists::slice,
        loaders::one,
        scalars::{DateTime, Decimal, Month, Url},
    },
    id::{Kind, PublicId, Uuid},
};

/// Formats of a picture.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// Scalable.
    Svg,
    /// 1600 pixels wide.
    Png,
}

/// Certificate of Reforestation: the paper of one account and month.
#[derive(Debug, Clone)]
pub struct Certificate(pub certificate::Certificate);

/// Certificate of Reforestation: the paper of one account and month.
#[Object(crate = "engine")]
impl Certificate {
    /// Opaque id, crt_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Certificate, self.0.id)
    }

    /// Number printed on it, unique in the installation.
    fn number(&self) -> &str {
        &self.0.number
    }

    /// The account it was issued to.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        present(Session::of(ctx)?.account(self.0.account_id).await?, "an account")
    }

    /// The month it covers.
    fn month(&self) -> Month {
        self.0.month.into()
    }

    /// 1; 2 and up for supplements of the same month.
    fn sequence(&self) -> i32 {
        self.0.sequence
    }

    /// The month's first certificate; null when it is the first.
    async fn supplement_to(&self, ctx: &Context<'_>) -> Option<Result<Certificate>> {
        if self.0.sequence == 1 {
            return None;
        }
        optional(async { Ok(one(&Session::of(ctx)?.load.first_certificates, self.0.id).await?.map(Certificate)) }).await
    }

    /// Whether it is in force.
    fn status(&self) -> CertificateStatus {
        self.0.status().into()
    }

    /// Standard pages certified.
    fn standard_pages(&self) -> Decimal {
        self.0.standard.to_decimal().into()
    }

    /// Trees, 2 decimals, half to even.
    fn trees(&self) -> Decimal {
        hundredths(self.0.trees())
    }

    /// Weight of the paper in kg, 2 decimals.
    fn weight_kg(&self) -> Decimal {
        hundredths(self.0.weight())
    }

    /// Its even division over the account's projects, exact to the page.
    fn allocations(&self) -> Vec<CertificateAllocation> {
        allocations(&self.0)
    }

    /// The ledger entries it is the sum of, by day.
    async fn deposits(&self, ctx: &Context<'_>) -> Result<Connection<Deposit>> {
        Session::of(ctx)?.below(|lists| &lists.deposits, self.0.id, slice(Under::Certificate, page_args(ctx))).await
    }

    /// The methodology it was computed with.
    fn methodology_version(&self) -> i32 {
        self.0.methodology_version
    }

    /// The public code for verifyCertificate.
    fn verification_code(&self) -> String {
        self.0.code.to_string()
    }

    /// Public page that shows and verifies it.
    fn verification_url(&self, ctx: &Context<'_>) -> Result<Url> {
        Ok(app(ctx)?.certificate_desk().verification_url(&self.0).into())
    }

    /// The certificate as PDF, public to whoever has the address.
    fn pdf_url(&self, ctx: &Context<'_>) -> Result<Url> {
        Ok(app(ctx)?.certificate_desk().pdf_url(&self.0).into())
    }

    /// The certificate as a picture, public to whoever has the address.
    fn image_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Format of the picture.", default_with = "ImageFormat::Svg")] format: ImageFormat,
    ) -> Result<Url> {
        let format = match format {
            ImageFormat::Svg => "svg",
            ImageFormat::Png => "png",
        };
        Ok(app(ctx)?.certificate_desk().image_url(&self.0, format).into())
    }

    /// Its content signed (JWS), to be checked offline with the keys at /.well-known/certificate-jwks.json.
    fn jws(&self) -> &str {
        &self.0.jws
    }

    /// When it was issued.
    fn issued_at(&self) -> DateTime {
        self.0.issued_at.into()
    }

    /// When it was voided; null while in force.
    fn voided_at(&self) -> Option<DateTime> {
        self.0.voided.as_ref().map(|voided| voided.at.into())
    }

    /// Why it was voided; null while in force.
    fn void_reason(&self) -> Option<&str> {
        self.0.voided.as_ref().map(|voided| voided.reason.as_str())
    }

    /// When it was issued or voided, whichever is later.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl From<certificate::Certificate> for Certificate {
    fn from(record: certificate::Certificate) -> Self {
        Self(record)
    }
}

/// The part of a certificate that goes to one project.
#[derive(Debug, Clone)]
pub struct CertificateAllocation {
    project: Uuid,
    standard_pages: Decimal,
    trees: Decimal,
}

/// The part of a certificate that goes to one project.
#[Object(crate = "engine")]
impl CertificateAllocation {
    /// The project.
    async fn project(&self, ctx: &Context<'_>) -> Result<Project> {
        let found = match Session::signed_in(ctx) {
            Some(session) => session?.project(self.project).await?,
            // Whoever verifies a certificate need not be signed in.
            None => app(ctx)?.public_projects(&[self.project]).await?.remove(&self.project).map(Project),
        };
        present(found, "a project")
    }

    /// Its part of the standard pages.
    fn standard_pages(&self) -> Decimal {
        self.standard_pages.clone()
    }

    /// Its part in trees, 2 decimals; for show, the certificate's own figure counts.
    fn trees(&self) -> Decimal {
        self.trees.clone()
    }
}

fn allocations(record: &certificate::Certificate) -> Vec<CertificateAllocation> {
    let part = |part: &certificate::Allocation| CertificateAllocation {
        project: part.project_id,
        standard_pages: part.standard.to_decimal().into(),
        trees: hundredths(part.trees),
    };
    record.allocations.iter().map(part).collect()
}

fn hundredths(value: i64) -> Decimal {
    pages::Decimal::new(value.into(), 2).into()
}

/// Answer to whether a certificate is genuine.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct CertificateVerification {
    /// The answer.
    result: VerificationResult,
    /// What the certificate says; null when NOT_FOUND.
    certificate: Option<PublicCertificate>,
}

/// Whether a certificate is genuine.
#[derive(Debug, Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "app::VerificationResult")]
pub enum VerificationResult {
    /// Genuine and in force.
    Valid,
    /// Genuine, but withdrawn.
    Void,
    /// No certificate has this number and code.
    NotFound,
}

impl From<Option<certificate::Certificate>> for CertificateVerification {
    fn from(found: Option<certificate::Certificate>) -> Self {
        let result = match &found {
            None => VerificationResult::NotFound,
            Some(certificate) if certificate.voided.is_some() => VerificationResult::Void,
            Some(_) => VerificationResult::Valid,
        };
        Self { result, certificate: found.map(PublicCertificate) }
    }
}

/// What anyone with its number and code may see of a certificate.
#[derive(Debug, Clone)]
pub struct PublicCertificate(certificate::Certificate);

/// What anyone with its number and code may see of a certificate.
#[Object(crate = "engine")]
impl PublicCertificate {
    /// Number printed on it.
    fn number(&self) -> &str {
        &self.0.number
    }

    /// Name of the account at the time of issue.
    fn holder(&self) -> &str {
        &self.0.holder
    }

    /// The month it covers.
    fn month(&self) -> Month {
        self.0.month.into()
    }

    /// 1; 2 and up for supplements of the same month.
    fn sequence(&self) -> i32 {
        self.0.sequence
    }

    /// Standard pages certified.
    fn standard_pages(&self) -> Decimal {
        self.0.standard.to_decimal().into()
    }

    /// Trees, 2 decimals.
    fn trees(&self) -> Decimal {
        hundredths(self.0.trees())
    }

    /// Weight of the paper in kg, 2 decimals.
    fn weight_kg(&self) -> Decimal {
        hundredths(self.0.weight())
    }

    /// Its division over projects.
    fn allocations(&self) -> Vec<CertificateAllocation> {
        allocations(&self.0)
    }

    /// The methodology it was computed with.
    fn methodology_version(&self) -> i32 {
        self.0.methodology_version
    }

    /// When it was issued.
    fn issued_at(&self) -> DateTime {
        self.0.issued_at.into()
    }

    /// When it was voided; null while in force.
    fn voided_at(&self) -> Option<DateTime> {
        self.0.voided.as_ref().map(|voided| voided.at.into())
    }

    /// Why it was voided; null while in force.
    fn void_reason(&self) -> Option<&str> {
        self.0.voided.as_ref().map(|voided| voided.reason.as_str())
    }

    /// The certificate as PDF.
    fn pdf_url(&self, ctx: &Context<'_>) -> Result<Url> {
        Ok(app(ctx)?.certificate_desk().pdf_url(&self.0).into())
    }

    /// Its content signed (JWS), to be checked offline.
    fn jws(&self) -> &str {
        &self.0.jws
    }
}

/// A reforestation project; the operator keeps the list.
#[derive(Debug, Clone)]
pub struct Project(pub project::Project);

/// A reforestation project; the operator keeps the list.
#[Object(crate = "engine")]
impl Project {
    /// Opaque id, prj_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Project, self.0.id)
    }

    /// Name.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Country, ISO 3166-1 alpha-2.
    fn country(&self) -> &str {
        &self.0.country
    }

    /// Degrees north of the equator; null when not given.
    fn latitude(&self) -> Option<f64> {
        self.0.latitude.map(degrees)
    }

    /// Degrees east of Greenwich; null when not given.
    fn longitude(&self) -> Option<f64> {
        self.0.longitude.map(degrees)
    }

    /// What is planted and by whom, in plain text.
    fn description(&self) -> &str {
        &self.0.description
    }

    /// A picture; null for none.
    fn image_url(&self) -> Option<Url> {
        self.0.image_url.clone().map(Into::into)
    }

    /// Whether it can be chosen.
    fn status(&self) -> ProjectStatus {
        self.0.status.into()
    }
}

impl From<project::Project> for Project {
    fn from(record: project::Project) -> Self {
        Self(record)
    }
}

#[expect(clippy::cast_precision_loss, reason = "millionths of a degree are far below 2^53")]
fn degrees(millionths: i64) -> f64 {
    millionths as f64 / 1e6
}
