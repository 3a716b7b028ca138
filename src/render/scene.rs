//! What stands between the design and the files: a page of coloured shapes and placed lines of text, in points (1/72 inch) from
//! the upper left corner. The design is written once against it; each back end draws it without deciding anything.

use super::typeset::Line;

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color(pub u8, pub u8, pub u8);

/// A step of a [`Path`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Seg {
    Move(f32, f32),
    Line(f32, f32),
    Quad(f32, f32, f32, f32),
    Cubic(f32, f32, f32, f32, f32, f32),
    Close,
}

/// Outlines, filled by the non-zero rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Path(pub Vec<Seg>);

/// How far a Bézier handle is from its end for a quarter of a circle of radius 1.
const ROUND: f32 = 0.552_285;

impl Path {
    pub(super) fn move_to(&mut self, x: f32, y: f32) {
        self.0.push(Seg::Move(x, y));
    }

    pub(super) fn line_to(&mut self, x: f32, y: f32) {
        self.0.push(Seg::Line(x, y));
    }

    pub(super) fn cubic_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.push(Seg::Cubic(x1, y1, x2, y2, x, y));
    }

    pub(super) fn close(&mut self) {
        self.0.push(Seg::Close);
    }

    pub(super) fn polygon(&mut self, points: impl IntoIterator<Item = (f32, f32)>) {
        for (i, (x, y)) in points.into_iter().enumerate() {
            if i == 0 {
                self.move_to(x, y);
            } else {
                self.line_to(x, y);
            }
        }
        self.close();
    }

    pub(super) fn rect(&mut self, x: f32, y: f32, w: f32, h: f32) {
        self.polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]);
    }

    pub(super) fn circle(&mut self, x: f32, y: f32, r: f32) {
        let k = ROUND * r;
        self.move_to(x + r, y);
        self.cubic_to(x + r, y + k, x + k, y + r, x, y + r);
        self.cubic_to(x - k, y + r, x - r, y + k, x - r, y);
        self.cubic_to(x - r, y - k, x - k, y - r, x, y - r);
        self.cubic_to(x + k, y - r, x + r, y - k, x + r, y);
        self.close();
    }

    /// A pointed leaf from its stalk at (x, y), `length` long in direction `angle` (radians, 0 to the right, clockwise on the page).
    pub(super) fn leaf(&mut self, x: f32, y: f32, angle: f32, length: f32, width: f32) {
        let (sin, cos) = angle.sin_cos();
        let at = |along: f32, across: f32| (x + along * cos - across * sin, y + along * sin + across * cos);
        let (tip, half) = (at(length, 0.0), width * 0.66);
        let ((ax, ay), (bx, by)) = (at(length * 0.22, half), at(length * 0.68, half * 0.9));
        let ((cx, cy), (dx, dy)) = (at(length * 0.68, -half * 0.9), at(length * 0.22, -half));
        self.move_to(x, y);
        self.cubic_to(ax, ay, bx, by, tip.0, tip.1);
        self.cubic_to(cx, cy, dx, dy, x, y);
        self.close();
    }

    /// Appends `other`, mapped by `map`.
    pub(super) fn append(&mut self, other: &Self, map: impl Fn(f32, f32) -> (f32, f32)) {
        self.0.extend(other.0.iter().map(|seg| match *seg {
            Seg::Move(x, y) => {
                let (x, y) = map(x, y);
                Seg::Move(x, y)
            }
            Seg::Line(x, y) => {
                let (x, y) = map(x, y);
                Seg::Line(x, y)
            }
            Seg::Quad(x1, y1, x, y) => {
                let ((x1, y1), (x, y)) = (map(x1, y1), map(x, y));
                Seg::Quad(x1, y1, x, y)
            }
            Seg::Cubic(x1, y1, x2, y2, x, y) => {
                let ((x1, y1), (x2, y2), (x, y)) = (map(x1, y1), map(x2, y2), map(x, y));
                Seg::Cubic(x1, y1, x2, y2, x, y)
            }
            Seg::Close => Seg::Close,
        }));
    }
}

/// What a block of text is to a reader who cannot see the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The heading of the document.
    Heading,
    /// A paragraph.
    Paragraph,
    /// A cell of the one table; rows count from 0, the first holds the columns' headings.
    Cell {
        /// Its row.
        row: usize,
    },
    /// The text of the page's link.
    Link,
}

/// A line of text with its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Where it begins, at the left.
    pub x: f32,
    /// The baseline.
    pub y: f32,
    /// Font size.
    pub size: f32,
    /// The shaped text.
    pub line: Line,
}

/// A thing on the page; they are drawn, and read, in their order.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A filled shape. One with a text in place of it is a figure, others are ornament.
    Fill {
        /// Its outlines.
        path: Path,
        /// Its colour.
        color: Color,
        /// What it shows, for those who do not see it.
        alt: Option<String>,
    },
    /// A line along a path.
    Stroke {
        /// Where it runs.
        path: Path,
        /// Its colour.
        color: Color,
        /// Its width.
        width: f32,
    },
    /// Text.
    Text {
        /// What it is.
        role: Role,
        /// Its colour.
        color: Color,
        /// Its lines, from the top.
        lines: Vec<Placed>,
    },
}

/// A rectangle that leads to an address.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Left, top, right, bottom.
    pub area: [f32; 4],
    /// Where it leads.
    pub address: String,
}

/// A page.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// Width in points.
    pub width: f32,
    /// Height in points.
    pub height: f32,
    /// The title of the document.
    pub title: String,
    /// What it says, in a sentence.
    pub description: String,
    /// What is on it.
    pub items: Vec<Item>,
    /// Its link.
    pub link: Option<Link>,
}

impl Scene {
    pub(super) fn fill(&mut self, color: Color, draw: impl FnOnce(&mut Path)) {
        let mut path = Path::default();
        draw(&mut path);
        self.items.push(Item::Fill { path, color, alt: None });
    }

    pub(super) fn stroke(&mut self, color: Color, width: f32, draw: impl FnOnce(&mut Path)) {
        let mut path = Path::default();
        draw(&mut path);
        self.items.push(Item::Stroke { path, color, width });
    }
}
