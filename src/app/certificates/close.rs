//! Closing months by dates, issuing on demand, and withdrawing.

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Certificates;
use crate::{
    app::{
        App, AppError, Outcome, UserError, UserErrorCode, allow,
        audit::{self, Change},
        checks::{Problems, fingerprint, refuse},
        idempotent::{self, Keys, Known, Stored},
        input::{IssueCertificates, VoidCertificate},
        name_of,
    },
    domain::{
        account::{Actor, Permission},
        calendar::{Month, day_of},
        certificate::{Certificate, Phase},
    },
    failpoint::{self, Point},
    id::{Kind, PublicId, Uuid},
    store::{
        StoreError, account,
        certificate::{
            self, VoidOutcome,
            closing::{self, Closed, Due, Press, ZonePhase},
        },
    },
};

/// The most accounts of one `issueCertificates`.
const MAX_ACCOUNTS: usize = 250;
/// How long a month that is closed whatever is missing still waits for a feed that was just registered to read its past days. Otherwise each
/// look would put what it has read so far on a certificate of its own.
const BACKFILL_PATIENCE: TimeDelta = TimeDelta::days(3);
const ISSUE: &str = "issueCertificates";

/// What a look at all months came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CloseReport {
    /// Certificates issued.
    pub issued: usize,
    /// Accounts left out since there is no project for their trees.
    pub without_project: usize,
    /// Accounts left out since their kept sums are not those of their entries.
    pub mismatched: usize,
}

impl CloseReport {
    fn add(&mut self, closed: &Closed) {
        self.issued += closed.issued.len();
        self.without_project += closed.without_project.len();
        self.mismatched += closed.mismatched.len();
    }
}

impl Certificates {
    /// Issues what is due by dates, for all accounts; may be called by several nodes at once and again after a failure. Ends early, at the
    /// end of a transaction, when `shutdown` began.
    pub async fn close_due(&self, shutdown: &CancellationToken) -> Result<CloseReport, AppError> {
        let mut report = CloseReport::default();
        let zones = self.zones().await?;
        let Some(last) = zones.iter().map(|zone| Month::of(day_of(self.now(), *zone)).previous()).max() else {
            return Ok(report);
        };
        for month in closing::pending_months(&self.store, last).await? {
            let zones = self.phases(month, &zones, Phase::Due);
            let due = Due { month, zones: &zones, top: None, registered_since: self.now() - BACKFILL_PATIENCE };
            // All at once: 16 bytes each, where a look per batch would go through all the rest again and again.
            let accounts = closing::due(&self.store, &due, u64::MAX).await?;
            for some in accounts.chunks(self.settings.batch.max(1)) {
                if shutdown.is_cancelled() {
                    break;
                }
                let closed = self.close(month, some).await?;
                report.add(&closed);
                self.announce(&closed);
            }
        }
        if report != CloseReport::default() {
            tracing::info!(
                certificates.issued = report.issued,
                certificates.without_project = report.without_project,
                certificates.mismatched = report.mismatched,
                "months were closed"
            );
        }
        Ok(report)
    }

    /// One transaction.
    async fn close(&self, month: Month, accounts: &[Uuid]) -> Result<Closed, AppError> {
        let signer = self.signer().await?;
        let issuer = self.settings.public_url.as_str();
        let sign = move |certificate: &Certificate| signer.sign(&certificate.content(issuer)).ok();
        let press = Press { ids: &self.ids, sign: &sign, deliver: self.delivers() };
        let press = &press;
        let closed = self.store.write_durably(|tx| async move {
            let closed = closing::close(&tx, month, accounts, press).await?;
            audit::record_by(&tx, audit::SYSTEM, closed.issued.iter().map(issued)).await?;
            failpoint::at(Point::CloseBefore);
            Ok(closed)
        });
        let closed = closed.await?;
        failpoint::at(Point::CloseAfter);
        Ok(closed)
    }

    /// Tells who waits, and the log what the operator must look at.
    fn announce(&self, closed: &Closed) {
        for certificate in &closed.issued {
            self.hub.certificate_issued(certificate.account_id);
        }
        if let Some(account) = closed.without_project.first() {
            tracing::warn!(
                account.id = %account,
                accounts = closed.without_project.len(),
                "no certificate was issued: there is no project for the trees; make one with `coppice project create` and \
                 `coppice project default`"
            );
        }
        for account in &closed.mismatched {
            tracing::error!(account.id = %account, "no certificate was issued: the account's sums are not those of its entries");
        }
    }

    async fn zones(&self) -> Result<Vec<Tz>, AppError> {
        let names = closing::zones(&self.store).await?;
        names.iter().map(|name| name.parse().map_err(|_| StoreError::Corrupt("account.time_zone").into())).collect()
    }

    /// Those of `zones` in which `month` has come at least as far as `least`.
    fn phases(&self, month: Month, zones: &[Tz], least: Phase) -> Vec<ZonePhase> {
        let phase = |zone: &Tz| Phase::of(month, day_of(self.now(), *zone), &self.settings.holidays);
        zones
            .iter()
            .map(|zone| (zone, phase(zone)))
            .filter(|(_, phase)| *phase >= least)
            .map(|(zone, phase)| (zone.name(), phase == Phase::Latest))
            .collect()
    }
}

impl App {
    /// `issueCertificates`: what is due of a month that is over, now.
    pub async fn issue_certificates(&self, actor: &Actor, input: IssueCertificates) -> Outcome<Vec<Certificate>> {
        allow(actor, Permission::Admin)?;
        let mut problems = Problems::default();
        problems.idempotency_key(input.idempotency_key.as_deref());
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (desk, store, month) = (&self.certificates, &self.parts.store, input.month);
        let Some(top) = account::by_ids(store, actor.account_id, &[input.account_id]).await?.remove(&input.account_id) else {
            return refuse(UserError::at(UserErrorCode::NotFound, "accountId", "There is no such account."));
        };
        if account::count_below(store, top.id).await? > MAX_ACCOUNTS as u64 {
            let message = "At most 250 accounts in one call, with those below: choose an account further down.";
            return refuse(UserError::at(UserErrorCode::LimitExceeded, "accountId", message));
        }
        if Phase::of(month, self.today(top.time_zone), &desk.settings.holidays) == Phase::Open {
            return refuse(UserError::at(UserErrorCode::Invalid, "month", "The month is not over yet."));
        }
        let zones = desk.phases(month, &desk.zones().await?, Phase::Over);
        let due = Due { month, zones: &zones, top: Some(top.id), registered_since: self.now() - BACKFILL_PATIENCE };
        let accounts = closing::due(store, &due, MAX_ACCOUNTS as u64).await?;
        let args = fingerprint(&(input.account_id, month));
        let key = input.idempotency_key.as_deref();
        let signer = desk.signer().await?;
        let sign = |certificate: &Certificate| signer.sign(&certificate.content(&desk.settings.public_url)).ok();
        let press = Press { ids: &self.parts.ids, sign: &sign, deliver: desk.delivers() };
        let (press, accounts) = (&press, &accounts);
        let closed = store
            .write_durably(|tx| async move {
                let names: Vec<&str> = key.into_iter().collect();
                let keys = Keys::hold(&tx, actor, ISSUE, &names, tx.now()).await?;
                match keys.known(key, &args) {
                    Known::Reused => return Ok(Err(vec![idempotent::reused()])),
                    Known::Done(first) => {
                        let issued = certificate::issued_with(&tx, actor.account_id, first).await?;
                        return Ok(Ok(Closed { issued, ..Closed::default() }));
                    }
                    Known::New => {}
                }
                let closed = closing::close(&tx, month, accounts, press).await?;
                if let Some(key) = key {
                    // With nothing issued there is nothing to find again: the account stands for it.
                    let result = closed.issued.first().map_or(top.id, |certificate| certificate.id);
                    keys.keep(&tx, &[(key, Stored { args, result })]).await?;
                }
                audit::record(&tx, actor, closed.issued.iter().map(issued)).await?;
                Ok(Ok(closed))
            })
            .await?;
        let closed = match closed {
            Ok(closed) => closed,
            Err(errors) => return Ok(Err(errors)),
        };
        desk.announce(&closed);
        if closed.issued.is_empty() && !closed.without_project.is_empty() {
            let message =
                "There is no project for the trees: choose one with chooseProjects, or ask the operator for a default.";
            return refuse(UserError::whole(UserErrorCode::InvalidState, message));
        }
        let mut issued = closed.issued;
        issued.sort_by(|a, b| a.number.cmp(&b.number));
        Ok(Ok(issued))
    }

    /// `voidCertificate`: withdraws a certificate; its pages are pending again.
    pub async fn void_certificate(&self, actor: &Actor, input: VoidCertificate) -> Outcome<Certificate> {
        allow(actor, Permission::Admin)?;
        let reason = input.reason.trim();
        let readable = reason.chars().all(|letter| letter == '\n' || !letter.is_control());
        if !(1..=1000).contains(&reason.chars().count()) || !readable {
            let message = "1 to 1,000 characters, without control characters.";
            return refuse(UserError::at(UserErrorCode::Invalid, "reason", message));
        }
        let (id, by) = (input.certificate_id, name_of(actor));
        let by = by.as_str();
        let outcome = self
            .parts
            .store
            .write_durably(|tx| async move {
                let outcome = certificate::void(&tx, actor.account_id, id, reason, by).await?;
                if outcome == VoidOutcome::Voided {
                    let change = Change::new("voidCertificate", Kind::Certificate, id).after(json!({ "status": "VOID" }));
                    audit::record(&tx, actor, [change]).await?;
                }
                Ok(outcome)
            })
            .await?;
        match outcome {
            VoidOutcome::Voided => {
                let found = self.certificates_by_id(actor, &[id]).await?.remove(&id);
                Ok(Ok(found.ok_or_else(|| AppError::internal("a voided certificate is gone"))?))
            }
            VoidOutcome::AlreadyVoid => {
                refuse(UserError::at(UserErrorCode::InvalidState, "certificateId", "The certificate is void already."))
            }
            VoidOutcome::NotFound => {
                refuse(UserError::at(UserErrorCode::NotFound, "certificateId", "There is no such certificate."))
            }
        }
    }
}

/// What the audit log keeps of a certificate that is issued.
fn issued(certificate: &Certificate) -> Change {
    Change::new("issueCertificate", Kind::Certificate, certificate.id).after(json!({
        "number": certificate.number,
        "accountId": PublicId::new(Kind::Account, certificate.account_id).to_string(),
        "month": certificate.month.to_string(),
        "standardMillionths": certificate.standard.0,
    }))
}
