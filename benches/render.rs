//! How fast certificates are drawn: `cargo bench --bench render`.
//!
//! Method: one thread; a certificate with three projects on A4, names taken in turn from a list (Latin, a long one, Arabic with
//! Hebrew, Chinese, Japanese) so that no result can be reused; a warm-up round, then rounds of each format for at least two
//! seconds. Printed is the processor time of one document (on Linux, from the kernel's account of this process, so that other
//! programs on the machine do not count) and how many that makes a second on one core. Nothing is asserted. The goal: 100 PDFs a second.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use coppice::{
    domain::{
        calendar::Month,
        pages::{Methodology, StandardPages, split_by_weight, split_standard},
    },
    render::{CertificateFace, Period, ProjectShare, RenderError, Renderer, Sheet},
};

const NAMES: [&str; 5] = [
    "Harrington & Vale Architects",
    "The Worshipful Company of Stationers, Newspaper Makers, Bookbinders, Papermakers and Allied Trades, Limited",
    "شركة الطباعة الخضراء (القاهرة) 2024 — דפוס הירוק בע״מ",
    "上海绿色森林印刷有限公司",
    "株式会社みどり印刷・東京支店",
];

fn face(name: &str) -> CertificateFace {
    let methodology = *Methodology::CURRENT;
    let standard_pages = StandardPages::whole(2_475_111);
    let trees_hundredths = methodology.trees_hundredths(standard_pages);
    let projects = [("Tahiri Dry Forest", "Madagascar"), ("Kijani Ridge", "Kenya"), ("Mata Atlântica Corridor", "Brazil")];
    let pages = split_standard(standard_pages, projects.len());
    let trees = split_by_weight(trees_hundredths, &[1, 1, 1]);
    CertificateFace {
        number: "CR-2026-05-0000137".into(),
        account_name: name.into(),
        period: Period::Month { month: Month::of(NaiveDate::default()), sequence: 1 },
        standard_pages,
        trees_hundredths,
        weight_kg_hundredths: methodology.weight_kg_hundredths(standard_pages),
        projects: projects
            .into_iter()
            .zip(pages.into_iter().zip(trees))
            .map(|((name, country), (standard_pages, trees_hundredths))| ProjectShare {
                name: name.into(),
                country: country.into(),
                standard_pages,
                trees_hundredths,
            })
            .collect(),
        methodology,
        issued_on: NaiveDate::default(),
        verification_code: "7KQ4-M2XD-9RTB".into(),
        verification_address: "https://coppice.example/verify/CR-2026-05-0000137/7KQ4M2XD9RTB".into(),
        void: None,
    }
}

/// Time this process has been on a processor, else the time of day.
fn spent(since: Instant) -> Duration {
    let nanos = std::fs::read_to_string("/proc/self/schedstat").ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn measure(what: &str, mut draw: impl FnMut(&CertificateFace) -> Result<(), RenderError>) -> Result<(), RenderError> {
    let faces = NAMES.map(face);
    faces.iter().try_for_each(&mut draw)?;
    let start = Instant::now();
    let (before, mut documents) = (spent(start), 0_u32);
    while start.elapsed() < Duration::from_secs(2) {
        faces.iter().try_for_each(&mut draw)?;
        documents += 5;
    }
    let each = spent(start).saturating_sub(before) / documents;
    println!("{what}: {:.2} ms each, {:.0} a second on one core", each.as_secs_f64() * 1e3, 1.0 / each.as_secs_f64());
    Ok(())
}

fn main() -> Result<(), RenderError> {
    let start = Instant::now();
    let renderer = Renderer::new()?;
    println!("fonts read in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    measure("PDF", |face| renderer.pdf(face, Sheet::A4).map(|pdf| drop(black_box(pdf))))?;
    measure("SVG", |face| renderer.svg(face, Sheet::A4).map(|svg| drop(black_box(svg))))?;
    measure("PNG", |face| renderer.png(face, Sheet::A4).map(|png| drop(black_box(png))))
}
