//! Certificates as files. Drawing is the processor's work, so it is done apart from the tasks that answer requests.

use std::sync::Arc;

use super::Certificates;
use crate::{
    app::{AppError, Lifetime},
    domain::{calendar::Month, certificate::Certificate, pages::Methodology},
    render::{BadgeFace, CertificateFace, Period, ProjectShare, Renderer, Sheet, VoidMark},
    secret,
};

/// A file of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A document.
    Pdf,
    /// A picture that scales.
    Svg,
    /// A picture, 1600 pixels wide.
    Png,
}

impl Certificates {
    /// A certificate as a file; of PDF files the digest is kept, so that the certificate's page can name it.
    pub async fn draw(&self, certificate: &Certificate, kind: FileKind, sheet: Sheet) -> Result<Vec<u8>, AppError> {
        let face = self.face(certificate);
        let bytes = self
            .with_renderer(move |renderer| match kind {
                FileKind::Pdf => renderer.pdf(&face, sheet),
                FileKind::Svg => renderer.svg(&face, sheet).map(String::into_bytes),
                FileKind::Png => renderer.png(&face, sheet),
            })
            .await?
            .map_err(AppError::internal)?;
        if kind == FileKind::Pdf {
            self.remember_file(certificate, &secret::digest(&bytes)).await?;
        }
        Ok(bytes)
    }

    /// An account's badge: its trees of this year, `12.4 trees in 2026`.
    pub async fn badge(&self, forest: &Lifetime) -> Result<String, AppError> {
        let face = BadgeFace {
            trees_hundredths: Methodology::CURRENT.trees_hundredths(forest.year_to_date.standard),
            period: format!("in {}", forest.year),
            account_name: forest.holder.clone(),
        };
        self.with_renderer(move |renderer| renderer.badge(&face)).await
    }

    /// An account's lifetime certificate: everything certified, through the last month that is over.
    pub async fn draw_lifetime(&self, forest: &Lifetime, token: &str, kind: FileKind) -> Result<Vec<u8>, AppError> {
        let standard = forest.certified.standard;
        let methodology = *Methodology::CURRENT;
        let face = CertificateFace {
            number: "Lifetime".to_owned(),
            account_name: forest.holder.clone(),
            period: Period::Lifetime { through: Month::of(forest.today).previous() },
            standard_pages: standard,
            trees_hundredths: methodology.trees_hundredths(standard),
            weight_kg_hundredths: methodology.weight_kg_hundredths(standard),
            projects: Vec::new(),
            methodology,
            issued_on: forest.today,
            verification_code: String::new(),
            verification_address: self.lifetime_url(token),
            void: None,
        };
        let drawn = self.with_renderer(move |renderer| match kind {
            FileKind::Pdf => renderer.pdf(&face, Sheet::A4),
            FileKind::Svg => renderer.svg(&face, Sheet::A4).map(String::into_bytes),
            FileKind::Png => renderer.png(&face, Sheet::A4),
        });
        drawn.await?.map_err(AppError::internal)
    }

    fn face(&self, certificate: &Certificate) -> CertificateFace {
        CertificateFace {
            number: certificate.number.clone(),
            account_name: certificate.holder.clone(),
            period: Period::Month { month: certificate.month, sequence: u32::try_from(certificate.sequence).unwrap_or(1) },
            standard_pages: certificate.standard,
            trees_hundredths: certificate.trees(),
            weight_kg_hundredths: certificate.weight(),
            projects: certificate
                .allocations
                .iter()
                .map(|part| ProjectShare {
                    name: part.project_name.clone(),
                    country: part.project_country.clone(),
                    standard_pages: part.standard,
                    trees_hundredths: part.trees,
                })
                .collect(),
            methodology: *certificate.methodology(),
            issued_on: certificate.issued_at.date_naive(),
            verification_code: certificate.code.to_string(),
            verification_address: self.verification_url(certificate),
            void: certificate
                .voided
                .as_ref()
                .map(|voided| VoidMark { reason: voided.reason.clone(), on: voided.at.date_naive() }),
        }
    }

    /// Runs `draw` where blocking is allowed; the fonts are read once.
    async fn with_renderer<T: Send + 'static>(
        &self,
        draw: impl FnOnce(&Renderer) -> T + Send + 'static,
    ) -> Result<T, AppError> {
        // At most as many at once as there are processors: a crowd of requests waits here and not in the schedule of threads.
        let turn = Arc::clone(&self.drawing).acquire_owned().await.map_err(AppError::internal)?;
        let renderer = Arc::clone(&self.renderer);
        let drawn = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            match renderer.get() {
                Some(renderer) => Ok(draw(renderer)),
                None => Renderer::new().map(|made| draw(renderer.get_or_init(|| made))),
            }
        });
        drawn.await.map_err(AppError::internal)?.map_err(AppError::internal)
    }
}
