//! What is drawn and not written: the frame of leaves, the wreath with its tree, the hills of firs, the QR code.

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use qrcodegen::{QrCode, QrCodeEcc};

use super::{
    RenderError,
    scene::{Color, Item, Path, Scene},
};

pub(super) const INK: Color = Color(0x1f, 0x33, 0x29);
pub(super) const GREEN: Color = Color(0x2b, 0x5a, 0x41);
pub(super) const GOLD: Color = Color(0xa5, 0x86, 0x45);
pub(super) const MUTED: Color = Color(0x56, 0x64, 0x59);
pub(super) const RED: Color = Color(0xa3, 0x2a, 0x2a);
const IVORY: Color = Color(0xfd, 0xfb, 0xf5);
const SAGE: Color = Color(0x93, 0xa6, 0x86);
const MIST: [Color; 3] = [Color(0xee, 0xf1, 0xe6), Color(0xe0, 0xe7, 0xd6), Color(0xcf, 0xda, 0xc4)];

/// From the edge of the paper to the outer rule: more than what desk printers cannot print on.
const MARGIN: f32 = 23.0;
/// From the outer rule to the inner, between which the leaves grow.
const BAND: f32 = 17.0;
/// From the edge of the paper to what the frame holds.
pub(super) const FRAME: f32 = MARGIN + BAND + 3.0;

/// The frame: a rule, a band of leaves with a rosette in each corner, and a double rule inside.
pub(super) fn frame(scene: &mut Scene) {
    let (w, h) = (scene.width, scene.height);
    let rule = |inset: f32| move |path: &mut Path| path.rect(inset, inset, w - 2.0 * inset, h - 2.0 * inset);
    scene.fill(IVORY, rule(MARGIN));
    hills(scene);
    scene.stroke(GREEN, 1.5, rule(MARGIN));
    scene.stroke(GREEN, 0.6, rule(MARGIN + BAND));
    scene.stroke(GOLD, 0.4, rule(MARGIN + BAND + 2.6));
    let middle = MARGIN + BAND / 2.0;
    let (left, top, right, bottom) = (middle, middle, w - middle, h - middle);
    let mut stems = Path::default();
    let mut leaves = Path::default();
    for (from, to) in [
        ((left, top), (right, top)),
        ((right, top), (right, bottom)),
        ((right, bottom), (left, bottom)),
        ((left, bottom), (left, top)),
    ] {
        vine(&mut stems, &mut leaves, from, to);
    }
    scene.items.push(Item::Stroke { path: stems, color: SAGE, width: 0.55 });
    scene.items.push(Item::Fill { path: leaves, color: SAGE, alt: None });
    for (x, y) in [(left, top), (right, top), (right, bottom), (left, bottom)] {
        let half = BAND / 2.0;
        scene.fill(IVORY, |path| path.rect(x - half, y - half, BAND, BAND));
        scene.stroke(GREEN, 0.6, |path| path.rect(x - half, y - half, BAND, BAND));
        scene.fill(GREEN, |path| petals(path, x, y, 4, FRAC_PI_2 / 2.0, half * 1.12, 4.2));
        scene.fill(GOLD, |path| petals(path, x, y, 4, 0.0, half * 0.74, 3.0));
        scene.fill(IVORY, |path| path.circle(x, y, 1.5));
        scene.fill(GOLD, |path| path.circle(x, y, 0.9));
    }
}

fn petals(path: &mut Path, x: f32, y: f32, count: u8, turn: f32, length: f32, width: f32) {
    for i in 0..count {
        path.leaf(x, y, turn + TAU * f32::from(i) / f32::from(count), length, width);
    }
}

/// A waving stem with a leaf at each crest, mirrored in the middle so that both halves grow towards it.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few dozen waves")]
fn vine(stems: &mut Path, leaves: &mut Path, from: (f32, f32), to: (f32, f32)) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let (cos, sin) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
    let start = BAND / 2.0 + 2.0;
    let half = length / 2.0 - start - 5.0;
    let waves = (half / 19.0).round().max(1.0) as usize;
    let wave = half / waves as f32;
    let centre = length / 2.0;
    for mirror in [false, true] {
        let along = |s: f32| if mirror { length - s } else { s };
        let at = |s: f32, t: f32| (from.0 + along(s) * cos - t * sin, from.1 + along(s) * sin + t * cos);
        let heading = sin.atan2(cos);
        let leaf = |path: &mut Path, s: f32, t: f32, angle: f32, long: f32, wide: f32| {
            let (x, y) = at(s, t);
            let turned = if mirror { PI - angle } else { angle };
            path.leaf(x, y, heading + turned, long, wide);
        };
        let (x, y) = at(start, 0.0);
        stems.move_to(x, y);
        for i in 0..waves {
            let s = start + wave * i as f32;
            let side = if i % 2 == 0 { 1.0 } else { -1.0 };
            let ((ax, ay), (bx, by), (x, y)) =
                (at(s + wave * 0.3, side * 5.2), at(s + wave * 0.7, side * 5.2), at(s + wave, 0.0));
            stems.cubic_to(ax, ay, bx, by, x, y);
            leaf(leaves, s + wave * 0.04, 0.0, -side * 0.62, 8.6, 3.6);
            leaf(leaves, s + wave * 0.52, side * 3.85, -side * 0.35, 7.4, 3.2);
            leaf(leaves, s + wave * 0.42, side * 3.8, side * 0.75, 5.2, 2.6);
        }
        leaf(leaves, centre - 5.0, 0.0, 0.0, 4.2, 2.6);
    }
    let (x, y) = (from.0 + centre * cos, from.1 + centre * sin);
    leaves.circle(x, y, 1.1);
}

/// Three ranges of firs, one behind the other, along the foot of the frame.
#[expect(clippy::cast_precision_loss, reason = "a few dozen trees")]
fn hills(scene: &mut Scene) {
    let (left, right) = (FRAME - 1.0, scene.width - FRAME + 1.0);
    let base = scene.height - FRAME + 1.0;
    for (layer, color) in MIST.into_iter().enumerate() {
        let depth = layer as f32;
        let ground = |x: f32| {
            let t = (x - left) / (right - left) * TAU;
            base - (27.0 - 9.0 * depth) - (5.5 - depth) * (t * (0.8 + 0.35 * depth) + 1.3 + 2.1 * depth).sin()
        };
        scene.fill(color, |path| {
            let steps = 48;
            let ridge = (0..=steps).map(|i| left + (right - left) * i as f32 / steps as f32).map(|x| (x, ground(x)));
            path.polygon(ridge.chain([(right, base), (left, base)]));
            let mut x = left + 7.0 + 4.0 * depth;
            let mut seed = [11_u32, 34, 57][layer];
            while x < right - 7.0 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let chance = (seed >> 16 & 0xff) as f32 / 255.0;
                // Groves and clearings.
                let grove = (x * 0.021 + 2.0 * depth).sin() * 0.5 + 0.5;
                let height = 9.0 + 5.0 * depth + chance * (7.0 + 3.0 * depth) + grove * 8.0;
                fir(path, (x, ground(x) + 1.5), height, height * (0.19 + 0.03 * chance), layer == 2);
                x += 4.0 + 1.6 * depth + chance * 5.0 + (1.0 - grove) * 11.0;
            }
        });
    }
}

/// A fir with its foot at (x, y).
fn fir(path: &mut Path, (x, y): (f32, f32), height: f32, half: f32, near: bool) {
    const NEAR: [(f32, f32); 5] = [(0.30, 0.34), (0.47, 0.52), (0.63, 0.70), (0.79, 0.86), (0.93, 1.0)];
    const FAR: [(f32, f32); 3] = [(0.42, 0.48), (0.68, 0.76), (0.93, 1.0)];
    let tiers = if near { &NEAR[..] } else { &FAR[..] };
    let mut right = vec![(x, y - height)];
    for &(down, out) in tiers {
        right.push((x + half * out, y - height * (1.0 - down)));
        right.push((x + half * out * 0.52, y - height * (1.0 - down + 0.035)));
    }
    right.push((x + half * 0.13, y - height * 0.08));
    right.push((x + half * 0.13, y));
    let left = right.iter().skip(1).rev().map(|(rx, ry)| (2.0 * x - rx, *ry)).collect::<Vec<_>>();
    path.polygon(right.into_iter().chain(left));
}

/// The emblem: a tree, sprung from a coppiced stool, in a wreath of laurel.
pub(super) fn emblem(scene: &mut Scene, x: f32, y: f32, radius: f32) {
    let mut stems = Path::default();
    let mut leaves = Path::default();
    for side in [-1.0_f32, 1.0] {
        let count = 13_u8;
        let at = |angle: f32, r: f32| (x + side * r * angle.sin(), y + r * angle.cos());
        let (sx, sy) = at(-0.10, radius);
        stems.move_to(sx, sy);
        for i in 0..=24_u8 {
            let (px, py) = at(-0.10 + 2.72 * f32::from(i) / 24.0, radius);
            stems.line_to(px, py);
        }
        for i in 0..count {
            let angle = 0.12 + 2.52 * f32::from(i) / f32::from(count - 1);
            let (px, py) = at(angle, radius);
            // The direction in which the branch grows there.
            let grows = (-angle.sin()).atan2(side * angle.cos());
            let small = 1.0 - 0.34 * f32::from(i) / f32::from(count);
            let long = radius * 0.33 * small;
            leaves.leaf(px, py, grows + 0.52, long, long * 0.36);
            leaves.leaf(px, py, grows - 0.52, long, long * 0.36);
        }
        let (px, py) = at(2.62, radius);
        leaves.leaf(px, py, (-2.62_f32.sin()).atan2(side * 2.62_f32.cos()), radius * 0.22, radius * 0.08);
    }
    scene.items.push(Item::Stroke { path: stems, color: GOLD, width: radius * 0.022 });
    scene.items.push(Item::Fill { path: leaves, color: GOLD, alt: None });
    let mut wood = Path::default();
    let mut crown = Path::default();
    // A small one shows no more twigs than can be seen.
    let depth = if radius < 20.0 { 3 } else { 4 };
    let foot = y + radius * 0.60;
    for (shift, angle, length) in [(-0.07, -0.30, 0.36), (0.0, 0.0, 0.44), (0.07, 0.30, 0.36)] {
        branch(&mut wood, &mut crown, (x + shift * radius, foot), -FRAC_PI_2 + angle, radius * length, radius * 0.075, depth);
    }
    let ground = foot - radius * 0.01;
    wood.leaf(x - radius * 0.46, ground, 0.0, radius * 0.92, radius * 0.07);
    scene.items.push(Item::Fill { path: wood, color: GREEN, alt: None });
    scene.items.push(Item::Fill { path: crown, color: GREEN, alt: None });
}

/// A branch that tapers and forks until it ends in leaves.
fn branch(wood: &mut Path, crown: &mut Path, (x, y): (f32, f32), angle: f32, length: f32, thick: f32, left: u8) {
    let (sin, cos) = angle.sin_cos();
    let (tx, ty) = (x + length * cos, y + length * sin);
    let thin = thick * 0.62;
    wood.polygon([
        (x - sin * thick / 2.0, y + cos * thick / 2.0),
        (tx - sin * thin / 2.0, ty + cos * thin / 2.0),
        (tx + sin * thin / 2.0, ty - cos * thin / 2.0),
        (x + sin * thick / 2.0, y - cos * thick / 2.0),
    ]);
    let leaf = length.max(thick * 2.0) * 0.62;
    if left <= 2 {
        for turn in [-0.9, 0.9] {
            crown.leaf(x + (tx - x) * 0.6, y + (ty - y) * 0.6, angle + turn, leaf, leaf * 0.5);
        }
    }
    if left == 0 {
        for turn in [-0.55, 0.0, 0.55] {
            crown.leaf(tx, ty, angle + turn, leaf * 1.15, leaf * 0.52);
        }
        return;
    }
    for (turn, part) in [(-0.46, 0.74), (0.40, 0.78)] {
        branch(wood, crown, (tx, ty), angle + turn, length * part, thin, left - 1);
    }
}

/// A rule that swells to a lozenge between two leaves.
pub(super) fn divider(scene: &mut Scene, x: f32, y: f32, half: f32) {
    scene.fill(GOLD, |path| {
        for side in [-1.0, 1.0] {
            path.polygon([(x + side * 16.0, y - 0.42), (x + side * half, y), (x + side * 16.0, y + 0.42)]);
            let heading = if side > 0.0 { 0.0 } else { PI };
            path.leaf(x + side * 4.4, y, heading, 9.5, 3.6);
        }
        path.polygon([(x, y - 2.4), (x + 2.4, y), (x, y + 2.4), (x - 2.4, y)]);
    });
}

/// The QR code of an address, `size` wide and high, on white with the four modules of quiet around it that readers want.
pub(super) fn qr(address: &str, (x, y): (f32, f32), size: f32) -> Result<(Path, Path), RenderError> {
    let code = QrCode::encode_text(address, QrCodeEcc::Medium).map_err(|_| RenderError::Address)?;
    let count = code.size();
    #[expect(clippy::cast_precision_loss, reason = "at most 177 modules")]
    let module = size / (count + 8) as f32;
    let mut paper = Path::default();
    paper.rect(x, y, size, size);
    let mut ink = Path::default();
    for row in 0..count {
        let mut column = 0;
        while column < count {
            let start = column;
            while column < count && code.get_module(column, row) {
                column += 1;
            }
            if column > start {
                #[expect(clippy::cast_precision_loss, reason = "at most 177 modules")]
                let (at, down, wide) = ((start + 4) as f32, (row + 4) as f32, (column - start) as f32);
                ink.rect(x + at * module, y + down * module, wide * module, module);
            }
            column += 1;
        }
    }
    Ok((paper, ink))
}
