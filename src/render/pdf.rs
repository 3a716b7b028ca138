//! A page as a PDF: archival (PDF/A-2a), accessible (PDF/UA-1, tagged in reading order), its fonts embedded as subsets.
//!
//! Nothing in the file depends on anything but the page and its date, so the same page gives the same bytes.

use std::num::NonZeroU16;

use chrono::{Datelike as _, NaiveDate};
use krilla::{
    Document, SerializeSettings,
    action::{Action, LinkAction},
    annotation::{Annotation, LinkAnnotation, Target},
    color::rgb,
    configure::{Accessibility, Archival, ConfigurationBuilder},
    destination::XyzDestination,
    geom::{Path as PdfPath, PathBuilder, Point, Rect},
    metadata::{DateTime, Metadata},
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::{Fill, Stroke},
    surface::Surface,
    tagging::{Artifact, ArtifactType, ContentTag, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagTree},
    text::{GlyphId, KrillaGlyph},
};

use super::{
    RenderError,
    fonts::{FACES, Fonts},
    scene::{Color, Item, Path, Placed, Role, Scene, Seg},
};

/// The language of everything a certificate says by itself.
const LANGUAGE: &str = "en";

pub(super) fn write(scene: &Scene, fonts: &Fonts, number: &str, date: NaiveDate) -> Result<Vec<u8>, RenderError> {
    let refused = |what: &dyn std::fmt::Debug| RenderError::Pdf(format!("{what:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|e| refused(&e))?;
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let settings = PageSettings::from_wh(scene.width, scene.height).ok_or_else(|| refused(&"page"))?;
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    let mut tags = Tags::default();
    for item in &scene.items {
        draw(&mut surface, fonts, item, &mut tags);
    }
    surface.finish();
    if let (Some(link), Some(mut group)) = (&scene.link, tags.link.take()) {
        let [left, top, right, bottom] = link.area;
        let target = Target::Action(Action::Link(LinkAction::new(link.address.clone())));
        let area = Rect::from_ltrb(left, top, right, bottom).ok_or_else(|| refused(&"link"))?;
        let annotation = Annotation::new_link(LinkAnnotation::new(area, target), Some(link.address.clone()));
        group.push(page.add_tagged_annotation(annotation));
        tags.children.push(TagGroup::with_children(Tag::P, vec![group.into()]).into());
    }
    page.finish();

    let mut tree = TagTree::new().with_lang(Some(LANGUAGE.to_owned()));
    tags.end_table();
    for child in tags.children {
        tree.push(child);
    }
    document.set_tag_tree(tree);
    let mut outline = Outline::new();
    outline.push_child(OutlineNode::new(scene.title.clone(), XyzDestination::new(0, Point::from_xy(0.0, 0.0))));
    document.set_outline(outline);
    document.set_metadata(metadata(scene, number, date));
    document.finish().map_err(|e| refused(&e))
}

fn metadata(scene: &Scene, number: &str, date: NaiveDate) -> Metadata {
    let part = |value: u32| u8::try_from(value).unwrap_or(1);
    let issued = DateTime::new(u16::try_from(date.year()).unwrap_or_default())
        .month(part(date.month()))
        .day(part(date.day()))
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(scene.title.clone())
        .description(scene.description.clone())
        .language(LANGUAGE.to_owned())
        .creator("Coppice".to_owned())
        .producer("Coppice".to_owned())
        .document_id(number.to_owned())
        .creation_date(issued)
}

/// The structure that readers who cannot see the page go by.
#[derive(Default)]
struct Tags {
    children: Vec<Node>,
    rows: Vec<TagGroup>,
    link: Option<TagGroup>,
}

impl Tags {
    fn push(&mut self, node: TagGroup) {
        self.end_table();
        self.children.push(node.into());
    }

    fn cell(&mut self, row: usize, node: Node) {
        while self.rows.len() <= row {
            self.rows.push(TagGroup::new(Tag::TR));
        }
        let cell = if row == 0 {
            TagGroup::with_children(Tag::TH(TableHeaderScope::Column), vec![node])
        } else {
            TagGroup::with_children(Tag::TD, vec![node])
        };
        self.rows[row].push(cell);
    }

    fn end_table(&mut self) {
        if !self.rows.is_empty() {
            let rows = self.rows.drain(..).map(Node::from).collect();
            self.children.push(TagGroup::with_children(Tag::Table, rows).into());
        }
    }
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, item: &Item, tags: &mut Tags) {
    let ornament = ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout));
    match item {
        Item::Fill { path, color, alt } => {
            let Some(path) = outline(path) else { return };
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*color)));
            if let Some(alt) = alt {
                let id = surface.start_tagged(ContentTag::Other);
                tags.push(TagGroup::with_children(Tag::Figure(Some(alt.clone())), vec![id.into()]));
            } else {
                surface.start_tagged(ornament);
            }
            surface.draw_path(&path);
            surface.end_tagged();
        }
        Item::Stroke { path, color, width } => {
            let Some(path) = outline(path) else { return };
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke { paint: rgb(*color).into(), width: *width, ..Stroke::default() }));
            surface.start_tagged(ornament);
            surface.draw_path(&path);
            surface.end_tagged();
        }
        Item::Text { role, color, lines } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*color)));
            let id: Node = surface.start_tagged(ContentTag::Span(SpanTag::empty())).into();
            for line in lines {
                text(surface, fonts, line);
            }
            surface.end_tagged();
            match role {
                Role::Heading => {
                    tags.push(TagGroup::with_children(Tag::Hn(NonZeroU16::MIN, Some(read(lines))), vec![id]));
                }
                Role::Paragraph => tags.push(TagGroup::with_children(Tag::P, vec![id])),
                Role::Cell { row } => tags.cell(*row, id),
                Role::Link => {
                    tags.end_table();
                    tags.link.get_or_insert_with(|| TagGroup::new(Tag::Link)).push(id);
                }
            }
        }
    }
}

/// What lines say.
fn read(lines: &[Placed]) -> String {
    lines.iter().map(|line| line.line.text()).collect::<Vec<_>>().join(" ")
}

fn text(surface: &mut Surface<'_>, fonts: &Fonts, placed: &Placed) {
    let mut x = placed.x;
    for run in &placed.line.runs {
        let size = placed.size * FACES[run.face].scale;
        let glyphs: Vec<KrillaGlyph> = run
            .glyphs
            .iter()
            .map(|glyph| KrillaGlyph {
                glyph_id: GlyphId::new(glyph.id.into()),
                text_range: glyph.range.clone(),
                x_advance: glyph.advance,
                x_offset: glyph.dx,
                y_offset: glyph.dy,
                y_advance: 0.0,
                location: None,
            })
            .collect();
        surface.draw_glyphs(Point::from_xy(x, placed.y), &glyphs, fonts.pdf(run.face), &run.text, size, false);
        x += size * run.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>();
    }
}

fn rgb(Color(red, green, blue): Color) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

fn fill(color: Color) -> Fill {
    Fill { paint: rgb(color).into(), ..Fill::default() }
}

/// The path with coordinates of two decimals, finer than any printer: half the bytes, and half the time to compress them.
fn outline(path: &Path) -> Option<PdfPath> {
    let near = |value: f32| (value * 100.0).round() / 100.0;
    let mut rounded = Path::default();
    rounded.append(path, |x, y| (near(x), near(y)));
    let mut builder = PathBuilder::new();
    for seg in &rounded.0 {
        match *seg {
            Seg::Move(x, y) => builder.move_to(x, y),
            Seg::Line(x, y) => builder.line_to(x, y),
            Seg::Quad(x1, y1, x, y) => builder.quad_to(x1, y1, x, y),
            Seg::Cubic(x1, y1, x2, y2, x, y) => builder.cubic_to(x1, y1, x2, y2, x, y),
            Seg::Close => builder.close(),
        }
    }
    builder.finish()
}
