//! The certificate: what stands where. Measures are in points on A4 lying on its long side; a taller sheet spreads the same blocks.

use super::{
    CertificateFace, Period, ProjectShare, RenderError, Sheet, VoidMark,
    ornament::{self, FRAME, GOLD, GREEN, INK, MUTED, RED},
    scene::{Color, Item, Link, Path, Placed, Role, Scene},
    typeset::{Line, Style, Typesetter},
    words,
};
use crate::domain::pages::StandardPages;

/// The height the measures below are for.
const HEIGHT: f32 = 595.28;
/// The measure of the table and of long lines.
const MEASURE: f32 = 560.0;
/// The sizes of the account's name, each with the lines it may take.
const NAME_SIZES: [(f32, usize); 8] = [(38.0, 1), (34.0, 1), (30.0, 1), (27.0, 1), (23.0, 2), (20.0, 2), (16.0, 3), (12.5, 4)];
/// The middle of the name's place, and how high it is.
const NAME_AT: (f32, f32) = (211.0, 54.0);
/// The rows a table may have in one column.
const ROWS: usize = 4;
/// The width and height of the QR code.
const CODE: f32 = 80.0;

/// Where a line is put by its x.
#[derive(Clone, Copy)]
enum Align {
    Left,
    Centre,
    Right,
}

struct Design<'a> {
    setter: &'a Typesetter,
    scene: Scene,
}

pub(super) fn certificate(setter: &Typesetter, face: &CertificateFace, sheet: Sheet) -> Result<Scene, RenderError> {
    let (width, height) = sheet.size();
    let scene = Scene { width, height, title: title(face), description: description(face), items: Vec::new(), link: None };
    let mut design = Design { setter, scene };
    let (centre, spread) = (width / 2.0, (height - HEIGHT).max(0.0));
    ornament::frame(&mut design.scene);
    ornament::emblem(&mut design.scene, centre, 84.0 + spread * 0.2, 30.0);
    design.head(face, centre, spread * 0.35);
    design.name(face, centre, spread * 0.45);
    design.figures(face, centre, spread * 0.6);
    design.table(&face.projects, centre, spread * 0.8);
    design.foot(face, spread)?;
    if let Some(void) = &face.void {
        design.void(void);
    }
    Ok(design.scene)
}

fn title(face: &CertificateFace) -> String {
    let what = match face.period {
        Period::Month { month, .. } => words::month(month),
        Period::Lifetime { through } => format!("lifetime through {}", words::month(through)),
    };
    let void = if face.void.is_some() { " (void)" } else { "" };
    format!("Certificate of Reforestation {}: {}, {what}{void}", face.number, plain(&face.account_name))
}

fn description(face: &CertificateFace) -> String {
    let void = face
        .void
        .as_ref()
        .map_or(String::new(), |void| format!("VOID since {}: {}. ", words::date(void.on), plain(&void.reason)));
    format!(
        "{void}{} standard pages, {} trees. Issued {}. Verify at {}",
        words::pages(face.standard_pages),
        words::trees(face.trees_hundredths),
        words::date(face.issued_on),
        face.verification_address,
    )
}

/// Without control characters, for the document's properties.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c }).collect()
}

impl Design<'_> {
    fn place(&self, text: &str, style: Style, size: f32, (x, y): (f32, f32), align: Align) -> Placed {
        placed(self.setter.line(text, style), size, (x, y), align)
    }

    fn put(&mut self, role: Role, color: Color, lines: Vec<Placed>) {
        self.scene.items.push(Item::Text { role, color, lines });
    }

    fn centred(&mut self, text: &str, style: Style, size: f32, (x, y): (f32, f32), color: Color) {
        let line = self.place(text, style, size, (x, y), Align::Centre);
        self.put(Role::Paragraph, color, vec![line]);
    }

    fn head(&mut self, face: &CertificateFace, x: f32, down: f32) {
        let line = self.place("CERTIFICATE OF REFORESTATION", Style::TITLE, 25.5, (x, 144.0 + down), Align::Centre);
        self.put(Role::Heading, GREEN, vec![line]);
        ornament::divider(&mut self.scene, x, 158.0 + down, 150.0);
        let intro = match face.period {
            Period::Month { sequence: 2.., .. } => "This supplementary certificate attests that",
            Period::Month { .. } => "This certifies that",
            Period::Lifetime { .. } => "With lasting gratitude, this certifies that",
        };
        self.centred(intro, Style::ITALIC, 14.5, (x, 179.5 + down), MUTED);
    }

    fn name(&mut self, face: &CertificateFace, x: f32, down: f32) {
        let measure = self.scene.width - 2.0 * FRAME - 70.0;
        let (mut size, mut lines) = self.setter.fit(&face.account_name, Style::TEXT, measure, &NAME_SIZES);
        let tall = lines.iter().any(Line::tall);
        let leading = if tall { 1.36 } else { 1.12 };
        // Scripts with marks above and below take more height than their size says.
        #[expect(clippy::cast_precision_loss, reason = "at most four lines")]
        let needed = size * leading * lines.len() as f32;
        if needed > NAME_AT.1 {
            size *= NAME_AT.1 / needed;
        }
        let count = lines.len();
        let lines = lines
            .drain(..)
            .enumerate()
            .map(|(i, line)| {
                #[expect(clippy::cast_precision_loss, reason = "at most four lines")]
                let from_middle = i as f32 - (count - 1) as f32 / 2.0;
                let y = NAME_AT.0 + down + size * 0.3 + from_middle * size * leading;
                placed(line, size, (x, y), Align::Centre)
            })
            .collect();
        self.put(Role::Paragraph, INK, lines);
        let sentence = match face.period {
            Period::Month { month, sequence: 2.. } => {
                format!(
                    "has returned to the forest further pages of {}, reported after the month had closed",
                    words::month(month)
                )
            }
            Period::Month { month, .. } => {
                format!("has returned to the forest the pages it printed in {}", words::month(month))
            }
            Period::Lifetime { through } => {
                format!("has returned to the forest the pages it printed through {}", words::month(through))
            }
        };
        self.centred(&sentence, Style::ITALIC, 14.5, (x, 256.0 + down), INK);
    }

    fn figures(&mut self, face: &CertificateFace, x: f32, down: f32) {
        let (kg, pounds) = words::weight(face.weight_kg_hundredths);
        let pages = words::pages(face.standard_pages);
        let trees = words::trees(face.trees_hundredths);
        let base = 303.0 + down;
        let side = 212.0;
        let columns = [
            (-side, pages, 25.0_f32, "STANDARD PAGES".to_owned()),
            (0.0, trees, 47.0, if face.trees_hundredths == 100 { "TREE" } else { "TREES" }.to_owned()),
            (side, format!("{kg} kg"), 25.0, format!("OF PAPER · {pounds} LB")),
        ];
        for (shift, figure, size, label) in columns {
            let color = if shift == 0.0 { GREEN } else { INK };
            let most = if shift == 0.0 { 230.0 } else { 180.0 };
            let line = self.setter.line(&figure, Style::TEXT);
            let size = size.min(most / line.width.max(0.1));
            let lift = if shift == 0.0 { 0.0 } else { -2.0 };
            self.put(Role::Paragraph, color, vec![placed(line, size, (x + shift, base + lift), Align::Centre)]);
            self.centred(&label, Style::TITLE, 7.8, (x + shift, base + 15.5), GOLD);
        }
        self.scene.stroke(GOLD, 0.4, |path| {
            for at in [x - side / 2.0 - 14.0, x + side / 2.0 + 14.0] {
                path.move_to(at, base - 28.0);
                path.line_to(at, base + 14.0);
            }
        });
    }

    fn table(&mut self, projects: &[ProjectShare], x: f32, down: f32) {
        let projects = gathered(projects);
        if projects.is_empty() {
            return;
        }
        let columns = projects.len().div_ceil(ROWS);
        let gap = 34.0;
        #[expect(clippy::cast_precision_loss, reason = "at most two columns")]
        let width = if columns == 1 { 480.0 } else { MEASURE + 70.0 - gap * (columns - 1) as f32 } / columns as f32;
        let top = 342.0 + down;
        // Reading goes along the rows of the whole table, so a second column comes after the first is through.
        for (column, part) in projects.chunks(ROWS).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "at most two columns")]
            let left = x + (width + gap) * (column as f32 - (columns - 1) as f32 / 2.0) - width / 2.0;
            let (pages_at, trees_at) = (left + width - 62.0, left + width);
            if column == 0 {
                for (text, at, align) in
                    [("PROJECT", left, Align::Left), ("PAGES", pages_at, Align::Right), ("TREES", trees_at, Align::Right)]
                {
                    let line = self.place(text, Style::TITLE, 6.8, (at, top), align);
                    self.put(Role::Cell { row: 0 }, GOLD, vec![line]);
                }
            } else {
                // Already said for readers who cannot see; for the others it is said again as a shape.
                for (text, at, align) in
                    [("PROJECT", left, Align::Left), ("PAGES", pages_at, Align::Right), ("TREES", trees_at, Align::Right)]
                {
                    let line = self.place(text, Style::TITLE, 6.8, (at, top), align);
                    self.shape(&line, GOLD);
                }
            }
            self.scene.stroke(GOLD, 0.4, |path| {
                path.move_to(left, top + 4.5);
                path.line_to(left + width, top + 4.5);
            });
            for (i, share) in part.iter().enumerate() {
                #[expect(clippy::cast_precision_loss, reason = "at most four rows")]
                let y = top + 18.0 + 15.2 * i as f32;
                let row = column * ROWS + i + 1;
                self.row(share, row, y, (left, pages_at, trees_at));
            }
        }
    }

    fn row(&mut self, share: &ProjectShare, row: usize, y: f32, (left, pages_at, trees_at): (f32, f32, f32)) {
        let size = 11.2;
        let room = pages_at - left - 58.0;
        let country = if share.country.is_empty() { String::new() } else { format!(", {}", share.country) };
        let text = format!("{}{country}", share.name);
        let sizes = [(size, 1), (9.4, 1), (7.8, 1)];
        let (name_size, mut lines) = self.setter.fit(&text, Style::TEXT, room, &sizes);
        let name = placed(lines.pop().unwrap_or_default(), name_size, (left, y), Align::Left);
        let pages = self.place(&words::pages(share.standard_pages), Style::TABLE, size, (pages_at, y), Align::Right);
        let trees = self.place(&words::trees(share.trees_hundredths), Style::TABLE, size, (trees_at, y), Align::Right);
        // Dots lead the eye from the name to its figures.
        let (from, to) = (name.x + name.line.width * name.size + 5.0, pages.x - 5.0);
        self.scene.fill(GOLD, |path| {
            let mut at = (from / 4.5).ceil() * 4.5;
            while at < to {
                path.rect(at, y - 0.9, 0.65, 0.65);
                at += 4.5;
            }
        });
        for line in [name, pages, trees] {
            self.put(Role::Cell { row }, INK, vec![line]);
        }
    }

    fn foot(&mut self, face: &CertificateFace, down: f32) -> Result<(), RenderError> {
        let (left, right) = (FRAME + 33.0, self.scene.width - FRAME - 33.0);
        let top = 426.0 + down;
        let mut y = top + 7.0;
        let note = match face.period {
            Period::Month { month, sequence } if sequence > 1 => {
                Some(("SUPPLEMENT", format!("No. {sequence} for {}", words::month(month))))
            }
            _ => None,
        };
        let facts = [
            Some(("CERTIFICATE", face.number.clone())),
            note,
            Some(("ISSUED", words::date(face.issued_on))),
            Some(("VERIFICATION CODE", face.verification_code.clone())),
        ];
        let facts: Vec<_> = facts.into_iter().flatten().collect();
        #[expect(clippy::cast_precision_loss, reason = "three or four")]
        let step = 84.0 / facts.len() as f32;
        for (label, value) in facts {
            let label = self.place(label, Style::TITLE, 6.2, (left, y), Align::Left);
            self.put(Role::Paragraph, GOLD, vec![label]);
            let line = self.setter.line(&value, Style::TEXT);
            let size = 11.0_f32.min(150.0 / line.width.max(0.1));
            self.put(Role::Paragraph, INK, vec![placed(line, size, (left, y + 11.0), Align::Left)]);
            y += step;
        }

        let corner = (right - CODE, top - 1.0);
        let (paper, code) = ornament::qr(&face.verification_address, corner, CODE)?;
        self.scene.items.push(Item::Fill { path: paper, color: Color(255, 255, 255), alt: None });
        let alt = format!("QR code of {}", face.verification_address);
        self.scene.items.push(Item::Fill { path: code, color: INK, alt: Some(alt) });
        self.scene.stroke(GOLD, 0.4, |path| path.rect(corner.0, corner.1, CODE, CODE));

        // Between the facts and the code: how to check it, and how it was counted.
        let (from, to) = (left + 172.0, corner.0 - 24.0);
        let (x, room) = (f32::midpoint(from, to), to - from);
        self.centred("VERIFY THIS CERTIFICATE", Style::TITLE, 6.2, (x, top + 7.0), GOLD);
        let address = face.verification_address.trim_start_matches("https://");
        let (size, lines) = self.setter.fit(address, Style::TEXT, room, &[(11.5, 1), (10.0, 1), (8.5, 1), (7.2, 2)]);
        let lines = stack(lines, size, (x, top + 20.0), size * 1.15);
        let bottom = lines.last().map_or(top, |line| line.y);
        let (first, last) = lines
            .iter()
            .fold((to, from), |(first, last), line| (first.min(line.x), last.max(line.x + line.line.width * line.size)));
        self.scene.link = Some(Link {
            area: [first.min(last), top + 9.0, last.max(first + 1.0), bottom + 4.0],
            address: face.verification_address.clone(),
        });
        self.put(Role::Link, GREEN, lines);
        let words = words::methodology(&face.methodology);
        let size = 8.2;
        let lines = self.setter.wrap(&words, Style::TEXT, room / size);
        let lines = stack(lines, size, (x, bottom + 17.0), size * 1.24);
        self.put(Role::Paragraph, MUTED, lines);
        Ok(())
    }

    /// The mark across a voided certificate, and why it was voided.
    fn void(&mut self, void: &VoidMark) {
        let (w, h) = (self.scene.width, self.scene.height);
        let word = self.setter.line("VOID", Style::TEXT);
        let size = 190.0;
        let flat = placed(word, size, (0.0, 0.0), Align::Centre);
        let mut outline = Path::default();
        self.outline(&flat, &mut outline);
        let (sin, cos) = (-0.42_f32).sin_cos();
        let (cx, cy) = (w / 2.0, h / 2.0);
        let mut path = Path::default();
        path.append(&outline, |x, y| {
            let y = y + size * 0.35;
            (cx + x * cos - y * sin, cy + x * sin + y * cos)
        });
        self.scene.items.push(Item::Stroke { path, color: RED, width: 1.6 });
        let text = format!("VOID since {}: {}", words::date(void.on), void.reason);
        let (size, lines) = self.setter.fit(&text, Style::TEXT, w - 2.0 * FRAME - 60.0, &[(13.0, 1), (10.0, 1), (8.5, 2)]);
        let lines = stack(lines, size, (w / 2.0, h - FRAME - 16.0), size * 1.15);
        #[expect(clippy::cast_precision_loss, reason = "at most two lines")]
        let high = size * 1.15 * lines.len() as f32 + 12.0;
        let widest = lines.iter().map(|line| line.line.width * line.size).fold(0.0, f32::max) + 36.0;
        self.scene.fill(Color(255, 255, 255), |path| path.rect((w - widest) / 2.0, h - FRAME - 22.0 - size, widest, high));
        self.scene.stroke(RED, 1.0, |path| path.rect((w - widest) / 2.0, h - FRAME - 22.0 - size, widest, high));
        self.put(Role::Paragraph, RED, lines);
    }

    /// Draws a line as a shape, which is no text to those who cannot see it.
    fn shape(&mut self, line: &Placed, color: Color) {
        let mut path = Path::default();
        self.outline(line, &mut path);
        self.scene.items.push(Item::Fill { path, color, alt: None });
    }

    fn outline(&self, placed: &Placed, path: &mut Path) {
        let mut x = placed.x;
        for run in &placed.line.runs {
            for glyph in &run.glyphs {
                self.setter.fonts().outline(run.face, glyph.id, (x, placed.y), placed.size, path);
                x += glyph.advance * placed.size;
            }
        }
    }
}

fn placed(line: Line, size: f32, (x, y): (f32, f32), align: Align) -> Placed {
    let back = match align {
        Align::Left => 0.0,
        Align::Centre => 0.5,
        Align::Right => 1.0,
    };
    Placed { x: x - line.width * size * back, y, size, line }
}

/// Centred lines, one below the other from baseline y.
fn stack(lines: Vec<Line>, size: f32, (x, y): (f32, f32), leading: f32) -> Vec<Placed> {
    let mut base = y - leading;
    let step = |line| {
        base += leading;
        placed(line, size, (x, base), Align::Centre)
    };
    lines.into_iter().map(step).collect()
}

/// The shares that fit the table; the rest of them as one.
fn gathered(projects: &[ProjectShare]) -> Vec<ProjectShare> {
    let most = 2 * ROWS;
    if projects.len() <= most {
        return projects.to_vec();
    }
    let (shown, rest) = projects.split_at(most - 1);
    let sum = ProjectShare {
        name: format!("{} further projects", rest.len()),
        country: String::new(),
        standard_pages: rest.iter().map(|share| share.standard_pages).sum::<StandardPages>(),
        trees_hundredths: rest.iter().map(|share| share.trees_hundredths).sum(),
    };
    shown.iter().cloned().chain([sum]).collect()
}
