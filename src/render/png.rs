//! A page as a picture.

use tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Stroke, Transform};

use super::{
    RenderError,
    fonts::{FACES, Fonts},
    scene::{Color, Item, Path, Scene, Seg},
};

/// Draws the page `width` pixels wide.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few thousand pixels"
)]
pub(super) fn write(scene: &Scene, fonts: &Fonts, width: u32) -> Result<Vec<u8>, RenderError> {
    let scale = width as f32 / scene.width;
    let mut picture = Pixmap::new(width, (scene.height * scale).round() as u32).ok_or(RenderError::Picture)?;
    picture.fill(tiny_skia::Color::WHITE);
    let transform = Transform::from_scale(scale, scale);
    for item in &scene.items {
        match item {
            Item::Fill { path, color, .. } => fill(&mut picture, path, *color, transform),
            Item::Stroke { path, color, width } => {
                if let Some(path) = outline(path) {
                    let stroke = Stroke { width: *width, ..Stroke::default() };
                    picture.stroke_path(&path, &paint(*color), &stroke, transform, None);
                }
            }
            Item::Text { color, lines, .. } => {
                let mut path = Path::default();
                for placed in lines {
                    let mut x = placed.x;
                    for run in &placed.line.runs {
                        let size = placed.size * FACES[run.face].scale;
                        for glyph in &run.glyphs {
                            let at = (x + glyph.dx * size, placed.y - glyph.dy * size);
                            fonts.outline(run.face, glyph.id, at, size, &mut path);
                            x += glyph.advance * size;
                        }
                    }
                }
                fill(&mut picture, &path, *color, transform);
            }
        }
    }
    picture.encode_png().map_err(|_| RenderError::Picture)
}

fn fill(picture: &mut Pixmap, path: &Path, color: Color, transform: Transform) {
    if let Some(path) = outline(path) {
        picture.fill_path(&path, &paint(color), FillRule::Winding, transform, None);
    }
}

fn paint(Color(red, green, blue): Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    paint
}

fn outline(path: &Path) -> Option<tiny_skia::Path> {
    let mut builder = PathBuilder::new();
    for seg in &path.0 {
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
