//! What customers, their readers and their machines rely on in a rendered certificate.

use std::{io::Write as _, process::Command};

use chrono::NaiveDate;
use coppice::{
    domain::{
        calendar::Month,
        pages::{Methodology, StandardPages},
    },
    render::{BadgeFace, CertificateFace, PNG_WIDTH, Period, ProjectShare, RenderError, Renderer, Sheet, VoidMark},
};
use proptest::prelude::*;

const ADDRESS: &str = "https://coppice.example/verify/CR-2026-05-0000137/7KQ4M2XD9RTB";
const LONG: &str = "The Worshipful Company of Stationers, Newspaper Makers, Bookbinders, Papermakers and Allied Printing Trades of the \
    Greater Metropolitan Region of Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch and the Surrounding Counties, Limited";
const RIGHT_TO_LEFT: &str = "شركة الطباعة الخضراء (القاهرة) 2024 — דפוס הירוק בע״מ";
const JAPANESE: &str = "株式会社みどり印刷・東京支店";

fn share(name: &str, country: &str, pages: i64, trees_hundredths: i64) -> ProjectShare {
    ProjectShare { name: name.into(), country: country.into(), standard_pages: StandardPages::whole(pages), trees_hundredths }
}

fn face(name: &str) -> CertificateFace {
    let methodology = *Methodology::CURRENT;
    let standard_pages = StandardPages::whole(2_475_111);
    CertificateFace {
        number: "CR-2026-05-0000137".into(),
        account_name: name.into(),
        period: Period::Month { month: Month::new(2026, 5).unwrap(), sequence: 1 },
        standard_pages,
        trees_hundredths: methodology.trees_hundredths(standard_pages),
        weight_kg_hundredths: methodology.weight_kg_hundredths(standard_pages),
        projects: vec![
            share("Tahiri Dry Forest", "Madagascar", 1_237_556, 14852),
            share("Mata Atlântica Corridor", "Brazil", 1_237_555, 14851),
        ],
        methodology,
        issued_on: NaiveDate::from_ymd_opt(2026, 6, 4).unwrap(),
        verification_code: "7KQ4-M2XD-9RTB".into(),
        verification_address: ADDRESS.into(),
        void: None,
    }
}

fn voided() -> CertificateFace {
    let on = NaiveDate::from_ymd_opt(2026, 7, 1).unwrap();
    CertificateFace { void: Some(VoidMark { reason: "wrong account".into(), on }), ..face("Fjordtrykk AS") }
}

fn renderer() -> &'static Renderer {
    static SHARED: std::sync::LazyLock<Renderer> = std::sync::LazyLock::new(|| Renderer::new().unwrap());
    &SHARED
}

/// What a program that was given the PDF on its standard input prints; `None` where it is not installed.
fn through(program: &[&str], pdf: &[u8]) -> Option<String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pdf).unwrap();
    let path = file.path().to_str().unwrap();
    let mut command = Command::new(program[0]);
    command.args(program[1..].iter().map(|part| if *part == "FILE" { path } else { part }));
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("{} is not installed; not checked", program[0]);
            None
        }
        Err(e) => panic!("{program:?}: {e}"),
    }
}

#[test]
fn the_same_certificate_gives_the_same_bytes() {
    let other = Renderer::new().unwrap();
    for sheet in [Sheet::A4, Sheet::Letter] {
        for name in ["Harrington & Vale", RIGHT_TO_LEFT, JAPANESE] {
            let face = face(name);
            assert!(renderer().pdf(&face, sheet).unwrap() == other.pdf(&face, sheet).unwrap(), "{name}");
            assert!(renderer().svg(&face, sheet).unwrap() == other.svg(&face, sheet).unwrap(), "{name}");
        }
    }
    let face = face(RIGHT_TO_LEFT);
    assert!(renderer().png(&face, Sheet::A4).unwrap() == other.png(&face, Sheet::A4).unwrap());
}

/// Where every glyph stands; ornament and outlines are left out, for nobody reads those in a review.
fn placing(svg: &str) -> String {
    svg.lines().filter(|line| !line.starts_with("<path")).collect::<Vec<_>>().join("\n")
}

#[test]
fn names_of_every_kind_are_set_as_before() {
    for (kind, name) in
        [("plain", "Harrington & Vale Architects"), ("long", LONG), ("right_to_left", RIGHT_TO_LEFT), ("japanese", JAPANESE)]
    {
        insta::assert_snapshot!(format!("name_{kind}"), placing(&renderer().svg(&face(name), Sheet::A4).unwrap()));
    }
    insta::assert_snapshot!("void", placing(&renderer().svg(&voided(), Sheet::Letter).unwrap()));
}

#[test]
fn the_pdfs_text_can_be_read_by_programs() {
    let pdf = renderer().pdf(&face("Harrington & Vale Architects"), Sheet::A4).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7"));
    if let Some(text) = through(&["pdftotext", "FILE", "-"], &pdf) {
        for words in [
            "CERTIFICATE OF REFORESTATION",
            "Harrington & Vale Architects",
            "May 2026",
            "2,475,111",
            "297.03",
            "11,198 kg",
            "24,687 LB",
            "Mata Atlântica Corridor, Brazil",
            "1,237,555",
            "148.51",
            "CR-2026-05-0000137",
            "4 June 2026",
            "7KQ4-M2XD-9RTB",
            "one tree is 8,333 standard pages",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
    }
    for name in [JAPANESE, "हरित मुद्रण", "Đặng Thị Ωω", "똠방 직지"] {
        let pdf = renderer().pdf(&face(name), Sheet::A4).unwrap();
        if let Some(text) = through(&["pdftotext", "FILE", "-"], &pdf) {
            assert!(text.contains(name), "{name} is not in\n{text}");
        }
    }
    // Right to left, programs wrap what they find in marks of direction, so only single words are looked for.
    let pdf = renderer().pdf(&face(RIGHT_TO_LEFT), Sheet::A4).unwrap();
    if let Some(text) = through(&["pdftotext", "FILE", "-"], &pdf) {
        for word in ["الطباعة", "القاهرة", "הירוק"] {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
    }
}

#[test]
fn the_pdf_is_sound_archival_and_embeds_its_fonts() {
    for face in [face(JAPANESE), face(LONG), voided()] {
        let pdf = renderer().pdf(&face, Sheet::Letter).unwrap();
        let holds = |text: &str| pdf.windows(text.len()).any(|part| part == text.as_bytes());
        for mark in ["pdfaid:part>2<", "pdfaid:conformance>A<", "pdfuaid:part>1<", "/Lang(en)", "/MarkInfo"] {
            assert!(holds(mark), "{mark}");
        }
        through(&["qpdf", "--check", "FILE"], &pdf);
        if let Some(fonts) = through(&["pdffonts", "FILE"], &pdf) {
            for font in fonts.lines().skip(2) {
                assert!(font.contains(" yes yes yes "), "not embedded, cut down and readable: {font}");
            }
        }
        if let Some(info) = through(&["pdfinfo", "FILE"], &pdf) {
            assert!(info.contains("Certificate of Reforestation CR-2026-05-0000137"), "{info}");
            assert!(info.contains("792 x 612 pts (letter)"), "{info}");
        }
    }
}

#[test]
fn the_pictures_code_leads_to_the_verification_page() {
    for (face, sheet) in [(face("Harrington"), Sheet::A4), (face("Harrington"), Sheet::Letter), (voided(), Sheet::A4)] {
        let bytes = renderer().png(&face, sheet).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, PNG_WIDTH);
        let (width, height) = (info.width as usize, info.height as usize);
        let each = pixels.len() / (width * height);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[(y * width + x) * each]);
        let codes: Vec<_> = image.detect_grids().iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect();
        assert_eq!(codes, [ADDRESS]);
    }
}

#[test]
fn nothing_people_typed_is_taken_for_markup() {
    let nasty = "<script>alert('x')</script> & \"Söhne\" ]]> \u{0}\u{b}\u{ffff}";
    let mut face = CertificateFace { number: nasty.into(), verification_code: nasty.into(), ..face(nasty) };
    face.projects = vec![share(nasty, nasty, 1, 1)];
    face.void = Some(VoidMark { reason: nasty.into(), on: face.issued_on });
    face.verification_address = "https://coppice.example/v?a=1&b=\"<'".into();
    let badge = BadgeFace { trees_hundredths: 1, period: nasty.into(), account_name: nasty.into() };
    for svg in [renderer().svg(&face, Sheet::A4).unwrap(), renderer().badge(&badge)] {
        for part in svg.split('<').skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
            let known = ["svg", "title", "desc", "defs", "path", "g", "use", "a", "rect"];
            assert!(known.contains(&name.trim_start_matches('/')), "<{name}");
        }
        assert!(svg.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Söhne&quot; ]]&gt;"));
        assert!(!svg.contains(['\u{0}', '\u{b}', '\u{ffff}']));
    }
    renderer().pdf(&face, Sheet::A4).unwrap();
}

#[test]
fn a_void_certificate_says_so_everywhere() {
    let (good, void) =
        (renderer().svg(&face("Fjordtrykk AS"), Sheet::A4).unwrap(), renderer().svg(&voided(), Sheet::A4).unwrap());
    assert!(void.contains("(void)</title>") && !good.contains("(void)"));
    assert!(void.contains("<desc>VOID since 1 July 2026: wrong account."));
    // The word across the page is a line in red; nothing else is drawn so.
    assert!(void.contains("stroke=\"#a32a2a\"") && !good.contains("#a32a2a"));
    if let Some(text) = through(&["pdftotext", "FILE", "-"], &renderer().pdf(&voided(), Sheet::A4).unwrap()) {
        assert!(text.contains("VOID since 1 July 2026: wrong account"), "{text}");
    }
}

#[test]
fn supplements_lifetimes_and_many_projects_are_stated() {
    let month = Month::new(2026, 5).unwrap();
    let supplement = CertificateFace { period: Period::Month { month, sequence: 2 }, ..face("Fjordtrykk AS") };
    let mut lifetime = CertificateFace { period: Period::Lifetime { through: month }, ..face("Fjordtrykk AS") };
    lifetime.projects = (0..11).map(|i| share(&format!("Project {i}"), "Peru", 1_000, 12)).collect();
    for (face, words) in [
        (supplement, vec!["This supplementary certificate attests that", "No. 2 for May 2026"]),
        (lifetime, vec!["through May 2026", "Project 6, Peru", "4 further projects", "4,000", "0.48"]),
    ] {
        if let Some(text) = through(&["pdftotext", "FILE", "-"], &renderer().pdf(&face, Sheet::A4).unwrap()) {
            for word in words {
                assert!(text.contains(word), "{word} is not in\n{text}");
            }
        }
    }
}

#[test]
fn badges_say_trees_in_tenths() {
    let badge = |trees_hundredths| {
        renderer().badge(&BadgeFace { trees_hundredths, period: "in 2026".into(), account_name: "Fjordtrykk AS".into() })
    };
    for (trees, words) in [
        (1240, "12.4 trees in 2026"),
        (1245, "12.4 trees in 2026"),
        (100, "1.0 tree in 2026"),
        (0, "0.0 trees in 2026"),
        (123_456_780, "1,234,567.8 trees in 2026"),
    ] {
        assert!(badge(trees).contains(&format!("<title>{words}</title>")), "{words}");
    }
    insta::assert_snapshot!("badge", placing(&badge(1240)));
}

#[test]
fn an_address_too_long_for_a_code_is_refused() {
    let face = CertificateFace { verification_address: "https://coppice.example/".repeat(200), ..face("Fjordtrykk AS") };
    assert!(matches!(renderer().pdf(&face, Sheet::A4), Err(RenderError::Address)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The standards refuse texts that cannot be set or read back, so this holds for every script and for nonsense too.
    #[test]
    fn any_text_makes_a_valid_pdf(name in "\\PC{0,80}|.{0,300}|\\p{Arabic}{1,30}|\\p{Devanagari}{1,30}|[\\p{Thai}\\p{Hangul}\\p{Khmer} ]{1,60}|\\p{M}{1,9}|\\p{C}{1,9}") {
        let mut face = face(&name);
        face.projects[0].name.clone_from(&name);
        face.void = Some(VoidMark { reason: name, on: face.issued_on });
        renderer().pdf(&face, Sheet::A4).unwrap();
    }
}
