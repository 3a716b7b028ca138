//! A page as an SVG. Letters are drawn as outlines, so it looks the same wherever it is shown, with no font there and in an `img`
//! too; what it says is in its title and description.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    fonts::{FACES, Fonts},
    scene::{Color, Item, Path, Scene, Seg},
};
use crate::domain::pages::Decimal;

pub(super) fn write(scene: &Scene, fonts: &Fonts) -> String {
    let mut glyphs = BTreeMap::new();
    let mut body = String::new();
    for item in &scene.items {
        draw(&mut body, fonts, item, &mut glyphs);
    }
    if let Some(link) = &scene.link {
        let [left, top, right, bottom] = link.area;
        let (x, y, w, h) = (number(left), number(top), number(right - left), number(bottom - top));
        let address = escape(&link.address);
        put(
            &mut body,
            format_args!(
                "<a href=\"{address}\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill-opacity=\"0\"/></a>\n"
            ),
        );
    }
    let (width, height) = (number(scene.width), number(scene.height));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" xml:lang=\"en\">\n<title>{}</title>\n<desc>{}</desc>\n<defs>\n",
        escape(&scene.title),
        escape(&scene.description),
    );
    // Glyphs without outlines, such as spaces, need no definition.
    for ((face, glyph), outline) in glyphs.iter().filter(|(_, outline)| !outline.is_empty()) {
        put(&mut svg, format_args!("<path id=\"g{face}-{glyph}\" d=\"{outline}\"/>\n"));
    }
    svg.push_str("</defs>\n");
    svg.push_str(&body);
    svg.push_str("</svg>\n");
    svg
}

/// Units of the em in which glyphs are written.
const EM: f32 = 1000.0;

fn draw(body: &mut String, fonts: &Fonts, item: &Item, glyphs: &mut BTreeMap<(usize, u16), String>) {
    match item {
        Item::Fill { path, color, .. } => put(body, format_args!("<path fill=\"{}\" d=\"{}\"/>\n", hex(*color), data(path))),
        Item::Stroke { path, color, width } => put(
            body,
            format_args!(
                "<path fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" d=\"{}\"/>\n",
                hex(*color),
                number(*width),
                data(path)
            ),
        ),
        Item::Text { color, lines, .. } => {
            put(body, format_args!("<g fill=\"{}\">\n", hex(*color)));
            for placed in lines {
                let mut x = placed.x;
                for run in &placed.line.runs {
                    let size = placed.size * FACES[run.face].scale;
                    let (left, base, scale) = (number(x), number(placed.y), size / EM);
                    put(body, format_args!("<g transform=\"translate({left} {base}) scale({scale:.5})\">"));
                    let mut pen = 0.0;
                    for glyph in &run.glyphs {
                        let outline = glyphs.entry((run.face, glyph.id)).or_insert_with(|| {
                            let mut path = Path::default();
                            fonts.outline(run.face, glyph.id, (0.0, 0.0), EM, &mut path);
                            data(&path)
                        });
                        if !outline.is_empty() {
                            put(body, format_args!("<use href=\"#g{}-{}\"", run.face, glyph.id));
                            for (name, value) in [("x", pen + glyph.dx * EM), ("y", -glyph.dy * EM)] {
                                if value != 0.0 {
                                    put(body, format_args!(" {name}=\"{}\"", number(value)));
                                }
                            }
                            body.push_str("/>");
                        }
                        pen += glyph.advance * EM;
                    }
                    body.push_str("</g>\n");
                    x += size * run.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>();
                }
            }
            body.push_str("</g>\n");
        }
    }
}

/// Text as it may stand in an element or an attribute. Characters that XML forbids are left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

fn hex(Color(red, green, blue): Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A number with at most two decimals.
fn number(value: f32) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "coordinates of a page")]
    let hundredths = (value * 100.0).round() as i64;
    Decimal::new(hundredths.into(), 2).trimmed().to_string()
}

fn data(path: &Path) -> String {
    let mut out = String::new();
    let mut put_all = |letter: char, values: &[f32]| {
        out.push(letter);
        for (i, value) in values.iter().enumerate() {
            let text = number(*value);
            if i > 0 && !text.starts_with('-') {
                out.push(' ');
            }
            out.push_str(&text);
        }
    };
    for seg in &path.0 {
        match *seg {
            Seg::Move(x, y) => put_all('M', &[x, y]),
            Seg::Line(x, y) => put_all('L', &[x, y]),
            Seg::Quad(x1, y1, x, y) => put_all('Q', &[x1, y1, x, y]),
            Seg::Cubic(x1, y1, x2, y2, x, y) => put_all('C', &[x1, y1, x2, y2, x, y]),
            Seg::Close => put_all('Z', &[]),
        }
    }
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}
