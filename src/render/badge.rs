//! The badge that customers put on their web pages.

use super::{
    BadgeFace, ornament,
    scene::{Color, Item, Path, Placed, Role, Scene},
    typeset::{Style, Typesetter},
    words,
};
use crate::domain::pages::Decimal;

const HEIGHT: f32 = 48.0;
const PAPER: Color = Color(0xfd, 0xfb, 0xf5);

pub(super) fn badge(setter: &Typesetter, face: &BadgeFace) -> Scene {
    let trees = Decimal::new(face.trees_hundredths.into(), 2).rounded(1);
    let count = words::grouped(trees);
    let unit = if trees == Decimal::new(10, 1) { "tree" } else { "trees" };
    let figure = setter.line(&count, Style::TEXT);
    let label = setter.line(&format!("{unit} {}", face.period), Style::ITALIC);
    let brand = setter.line("REFORESTED", Style::TITLE);
    let (left, figure_size, label_size, brand_size) = (50.0, 21.0, 15.0, 6.6);
    let words_at = left + figure.width * figure_size + 5.5;
    let end = (words_at + label.width * label_size).max(left + brand.width * brand_size);
    let sentence = format!("{count} {unit} {}", face.period);
    let mut scene = Scene {
        width: (end + 18.0).ceil(),
        height: HEIGHT,
        title: sentence.clone(),
        description: format!("{}: {sentence}, certified by Coppice.", face.account_name),
        items: Vec::new(),
        link: None,
    };
    let (w, h) = (scene.width, HEIGHT);
    scene.fill(PAPER, |path| pill(path, 0.5, w, h));
    scene.stroke(ornament::GREEN, 1.0, |path| pill(path, 1.0, w, h));
    scene.stroke(ornament::GOLD, 0.5, |path| pill(path, 3.2, w, h));
    ornament::emblem(&mut scene, 27.0, h / 2.0, 13.5);
    for (x, y, size, line, color) in [
        (left, 18.4, brand_size, brand, ornament::GOLD),
        (left, 37.0, figure_size, figure, ornament::GREEN),
        (words_at, 37.0, label_size, label, ornament::INK),
    ] {
        scene.items.push(Item::Text { role: Role::Paragraph, color, lines: vec![Placed { x, y, size, line }] });
    }
    scene
}

/// A rectangle with round corners, `inset` from the edges.
fn pill(path: &mut Path, inset: f32, width: f32, height: f32) {
    let (left, right) = (inset, width - inset);
    let (top, bottom) = (inset, height - inset);
    let radius = 9.0 - inset;
    let handle = radius * 0.448;
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.cubic_to(right - handle, top, right, top + handle, right, top + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - handle, right - handle, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.cubic_to(left + handle, bottom, left, bottom - handle, left, bottom - radius);
    path.line_to(left, top + radius);
    path.cubic_to(left, top + handle, left + handle, top, left + radius, top);
    path.close();
}
