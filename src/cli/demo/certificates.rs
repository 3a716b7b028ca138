//! The Certificates of Reforestation of the last month that is over.

use super::{cast::Cast, plan::Plan, table::table};
use crate::{
    app::{
        App,
        input::{IssueCertificates, OperatorProject},
    },
    cli::{
        failure::{Failure, done},
        number::{grouped, hundredths},
    },
    domain::{
        calendar::Month,
        certificate::Certificate,
        paging::{MAX_PAGE, PageArgs},
        query::{CertificateFilter, CertificateOrder},
    },
};

/// Makes the project that every account's trees are planted in.
pub(super) async fn plant(app: &App) -> Result<(), Failure> {
    let project = OperatorProject {
        name: "Taita Hills cloud forest".to_owned(),
        country: "KE".to_owned(),
        description: "Indigenous trees on former plantations, planted and tended by the farmers' groups of Taita Hills."
            .to_owned(),
        latitude: Some(-3_400_000),
        longitude: Some(38_330_000),
        verifier: Some("Demo Verifier".to_owned()),
        image_url: None,
        trees: Some(100_000),
    };
    let project = done(app.operator_create_project(project).await)?;
    done(app.operator_default_project(project.id).await)?;
    Ok(())
}

/// Closes the last month whose days are final, for everyone, and shows its certificates, with their addresses if they are `served`.
pub(super) async fn show(app: &App, cast: &Cast, plan: &Plan, served: bool) -> Result<String, Failure> {
    // In the first days of a month the one before still waits for late readings.
    let last = Month::of(plan.today()).previous();
    for month in [last, last.previous()] {
        let input = IssueCertificates { account_id: cast.actor.account_id, month, idempotency_key: None };
        done(app.issue_certificates(&cast.actor, input).await)?;
        let filter = CertificateFilter { from: Some(month), to: Some(month), ..CertificateFilter::default() };
        let page = PageArgs { limit: MAX_PAGE, ..PageArgs::default() };
        let issued = app.certificates(&cast.actor, &filter, CertificateOrder::IssuedAtAsc, &page).await?;
        if !issued.items.is_empty() {
            let issued: Vec<Certificate> = issued.items.into_iter().map(|(_, certificate)| certificate).collect();
            return Ok(shown(app, month, issued, served));
        }
    }
    Ok("No month is over whose days are all final: no certificates yet.".to_owned())
}

fn shown(app: &App, month: Month, mut issued: Vec<Certificate>, served: bool) -> String {
    issued.sort_by(|a, b| a.holder.cmp(&b.holder));
    let desk = app.certificate_desk();
    let rows: Vec<Vec<String>> = issued
        .iter()
        .map(|certificate| {
            vec![
                certificate.holder.clone(),
                certificate.number.clone(),
                grouped(certificate.standard.to_whole()),
                hundredths(certificate.trees()),
                if served { desk.verification_url(certificate) } else { certificate.code.digits().to_owned() },
            ]
        })
        .collect();
    let last = if served { "To see, verify and download" } else { "Verification code" };
    let columns = [("Certificate of", false), ("Number", false), ("Standard pages", true), ("Trees", true), (last, false)];
    format!("Certificates of Reforestation, {month}:\n\n{}", table(&columns, &rows, None))
}
