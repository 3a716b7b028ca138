//! E-mail to a certificate's recipients: the account's own users with ADMIN. At least once: a process killed between the mail server's yes and
//! our note of it sends the same e-mail, of the same name, again.

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{Certificates, FileKind};
use crate::{
    app::AppError,
    domain::{certificate::Certificate, pages::format_fixed},
    id::{Kind, PublicId},
    mail::{Letter, MailError},
    render::Sheet,
    store::certificate::{
        self,
        delivery::{self, Delivery},
    },
};

/// E-mails taken at a time.
const BATCH: u64 = 20;
/// How long nobody else takes an e-mail that is being sent.
const CLAIM: TimeDelta = TimeDelta::minutes(15);
/// Attempts in all: with the pauses below, over two days.
const ATTEMPTS: i32 = 12;

impl Certificates {
    /// Sends the e-mails that are due; tells how many the mail server took. May be called by several nodes at once.
    pub async fn deliver_due(&self, shutdown: &CancellationToken) -> Result<usize, AppError> {
        let Some(mailer) = &self.settings.mail else { return Ok(0) };
        let mut sent = 0;
        while !shutdown.is_cancelled() {
            let again = self.now() + CLAIM;
            let claimed = self.store.write(|tx| async move { delivery::claim(&tx, again, BATCH).await }).await?;
            if claimed.is_empty() {
                break;
            }
            for delivery in claimed {
                let ids = [delivery.certificate_id];
                let found = certificate::by_ids(&self.store, delivery.account_id, &ids).await?.remove(&delivery.certificate_id);
                let outcome = match found {
                    Some(certificate) => {
                        let pdf = self.draw(&certificate, FileKind::Pdf, Sheet::A4).await?;
                        mailer.send(self.letter(&delivery, &certificate, pdf)).await
                    }
                    None => continue,
                };
                sent += usize::from(outcome.is_ok());
                self.note(&delivery, outcome).await?;
            }
        }
        Ok(sent)
    }

    async fn note(&self, delivery: &Delivery, outcome: Result<(), MailError>) -> Result<(), AppError> {
        let public = PublicId::new(Kind::Certificate, delivery.certificate_id);
        let again = match &outcome {
            Ok(()) => None,
            Err(MailError::Later(cause)) if delivery.attempts < ATTEMPTS => {
                tracing::warn!(certificate.id = %public, error = cause.as_ref(), "a certificate was not e-mailed and is tried again");
                let minutes = 1_i64 << delivery.attempts.clamp(0, 10);
                Some(self.now() + TimeDelta::minutes(minutes))
            }
            Err(MailError::Later(cause) | MailError::Refused(cause)) => {
                tracing::error!(certificate.id = %public, error = cause.as_ref(), "a certificate was not e-mailed; it is given up");
                None
            }
        };
        let (certificate, user, sent) = (delivery.certificate_id, delivery.user_id, outcome.is_ok());
        self.store.write(|tx| async move { delivery::finish(&tx, certificate, user, sent, again).await }).await?;
        Ok(())
    }

    fn letter(&self, delivery: &Delivery, certificate: &Certificate, pdf: Vec<u8>) -> Letter {
        let (holder, month) = (&certificate.holder, certificate.month.first_day().format("%B %Y"));
        let trees = format_fixed(certificate.trees().into(), 2);
        let pages = certificate.standard;
        let supplement = if certificate.sequence > 1 { "supplementary " } else { "" };
        let (page, file) = (self.verification_url(certificate), self.pdf_url(certificate));
        let (number, code) = (&certificate.number, &certificate.code);
        let text = format!(
            "Hello {name},\n\n\
             here is the {supplement}Certificate of Reforestation of {holder} for {month}: {trees} trees for {pages} standard pages.\n\n\
             See and verify it: {page}\n\
             As PDF: {file}\n\n\
             Number: {number}\n\
             Verification code: {code}\n\n\
             Anyone who has this number and code can see the certificate.\n",
            name = delivery.name,
        );
        Letter {
            id: format!("{}.{}", PublicId::new(Kind::Certificate, certificate.id), PublicId::new(Kind::User, delivery.user_id)),
            date: certificate.issued_at,
            name: delivery.name.clone(),
            address: delivery.email.clone(),
            subject: format!("Certificate of Reforestation, {month}: {trees} trees"),
            text,
            pdf: Some((format!("{number}.pdf"), pdf)),
        }
    }
}
