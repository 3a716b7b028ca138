//! Certificates as documents and pictures: one design, drawn as PDF, SVG and PNG.
//!
//! A [`Renderer`] turns plain records into bytes: no database, no clock, no settings, so the same record gives the same bytes on
//! every machine. The design makes a scene of shapes and shaped text (`scene`, `typeset`), and each format draws
//! that scene. Text that people entered is only ever set as glyphs or escaped; in any script, of any length, it fits.
//!
//! To change the design, see `design`; to add a script, see `fonts`; to add a format, draw a `Scene`.

use chrono::NaiveDate;

use crate::domain::{
    calendar::Month,
    pages::{Methodology, StandardPages},
};

mod badge;
mod design;
mod fonts;
mod ornament;
mod pdf;
mod png;
mod scene;
mod svg;
mod typeset;
mod words;

/// How wide a certificate's picture is, in pixels.
pub const PNG_WIDTH: u32 = 1600;

/// Everything a Certificate of Reforestation shows, and nothing else.
#[derive(Debug, Clone)]
pub struct CertificateFace {
    /// Its number, as people quote it.
    pub number: String,
    /// The account's name, any Unicode text.
    pub account_name: String,
    /// What it certifies.
    pub period: Period,
    /// Standard pages it certifies.
    pub standard_pages: StandardPages,
    /// The trees they come to, in hundredths.
    pub trees_hundredths: i64,
    /// The paper's weight in hundredths of a kilogram; pounds are derived from it.
    pub weight_kg_hundredths: i64,
    /// How the pages are divided over projects, in the order to be shown. What does not fit into the table is summed in its last row.
    pub projects: Vec<ProjectShare>,
    /// The constants used; they are stated in words.
    pub methodology: Methodology,
    /// When it was issued; the PDF's date.
    pub issued_on: NaiveDate,
    /// The public code that goes with the number.
    pub verification_code: String,
    /// The address of its verification page, also as a QR code and a link; at most 1,000 bytes.
    pub verification_address: String,
    /// Set when it was voided: the certificate is then marked across.
    pub void: Option<VoidMark>,
}

/// The time a certificate is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A month. From sequence 2 on it is a supplementary certificate, for pages that arrived after the ones before, and says so.
    Month {
        /// The month.
        month: Month,
        /// 1 for the first certificate of the month.
        sequence: u32,
    },
    /// All months through this one: the lifetime certificate.
    Lifetime {
        /// The last month included.
        through: Month,
    },
}

/// A project's part in a certificate.
#[derive(Debug, Clone)]
pub struct ProjectShare {
    /// The project's name.
    pub name: String,
    /// The country's name.
    pub country: String,
    /// Its standard pages.
    pub standard_pages: StandardPages,
    /// Its trees in hundredths.
    pub trees_hundredths: i64,
}

/// That a certificate was voided.
#[derive(Debug, Clone)]
pub struct VoidMark {
    /// Why.
    pub reason: String,
    /// When.
    pub on: NaiveDate,
}

/// What a badge says: "12.4 trees in 2026".
#[derive(Debug, Clone)]
pub struct BadgeFace {
    /// Trees in hundredths; shown in tenths, rounded half to even.
    pub trees_hundredths: i64,
    /// What follows the trees, such as "in 2026".
    pub period: String,
    /// Whose trees they are, for those who read the title.
    pub account_name: String,
}

/// The size of a page; it lies on its long side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sheet {
    /// 297 by 210 mm.
    #[default]
    A4,
    /// 11 by 8.5 inches.
    Letter,
}

impl Sheet {
    /// Width and height in points.
    const fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (841.89, 595.28),
            Self::Letter => (792.0, 612.0),
        }
    }
}

/// Why something cannot be drawn. Nothing of this depends on names.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A font of the program cannot be read.
    #[error("the font {0} cannot be read")]
    Font(&'static str),
    /// The verification address is too long for a QR code.
    #[error("the verification address is too long")]
    Address,
    /// The PDF would not be what it claims to be.
    #[error("the PDF breaks its standard: {0}")]
    Pdf(String),
    /// The picture cannot be drawn or encoded.
    #[error("the picture cannot be drawn")]
    Picture,
}

/// Draws certificates. Making one reads all fonts (a few milliseconds), so make one and share it; it may be used by many threads.
pub struct Renderer(typeset::Typesetter);

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Renderer")
    }
}

impl Renderer {
    /// Reads the fonts.
    pub fn new() -> Result<Self, RenderError> {
        Ok(Self(typeset::Typesetter::new(fonts::Fonts::load()?)))
    }

    /// The certificate as a PDF (PDF/A-2a and PDF/UA-1) with text that can be selected.
    pub fn pdf(&self, face: &CertificateFace, sheet: Sheet) -> Result<Vec<u8>, RenderError> {
        let scene = design::certificate(&self.0, face, sheet)?;
        pdf::write(&scene, self.0.fonts(), &face.number, face.issued_on)
    }

    /// The certificate as an SVG that needs no fonts.
    pub fn svg(&self, face: &CertificateFace, sheet: Sheet) -> Result<String, RenderError> {
        Ok(svg::write(&design::certificate(&self.0, face, sheet)?, self.0.fonts()))
    }

    /// The certificate as a PNG, [`PNG_WIDTH`] pixels wide.
    pub fn png(&self, face: &CertificateFace, sheet: Sheet) -> Result<Vec<u8>, RenderError> {
        png::write(&design::certificate(&self.0, face, sheet)?, self.0.fonts(), PNG_WIDTH)
    }

    /// A badge for a web page, as an SVG that needs no fonts.
    pub fn badge(&self, face: &BadgeFace) -> String {
        svg::write(&badge::badge(&self.0, face), self.0.fonts())
    }
}
