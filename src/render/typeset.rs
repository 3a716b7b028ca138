//! Text to glyphs: which font has a character, in which order runs stand, where lines break.
//!
//! All lengths are in ems of the size the text is set in, so that a text is shaped once and then fitted to any size. Shaping follows
//! the Unicode rules for both directions (UAX 9) and for line breaks (UAX 14), and `HarfBuzz`'s for each script.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use rustybuzz::{Direction, Feature, Script, ShapePlan, UnicodeBuffer, ttf_parser::Tag};
use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};
use unicode_linebreak::linebreaks;

use super::fonts::{self, FACES, Fonts};

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    /// The font to try first, an index into [`FACES`].
    pub face: usize,
    /// Space put between letters, in ems; 0 for text that may be in any script.
    pub tracking: f32,
    /// Whether figures are all of one width.
    pub tabular: bool,
}

impl Style {
    /// Programs that guess words from gaps, such as `pdftotext`, take a tenth of an em for a space.
    pub(super) const TITLE: Self = Self { face: fonts::TITLE, tracking: 0.085, tabular: false };
    pub(super) const TEXT: Self = Self { face: fonts::TEXT, tracking: 0.0, tabular: false };
    pub(super) const ITALIC: Self = Self { face: fonts::ITALIC, tracking: 0.0, tabular: false };
    pub(super) const TABLE: Self = Self { face: fonts::TEXT, tracking: 0.0, tabular: true };
}

/// A glyph; lengths are in ems of its run's font.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    /// Its number in the font.
    pub id: u16,
    /// How far the pen moves.
    pub advance: f32,
    /// Shift to the right.
    pub dx: f32,
    /// Shift upwards.
    pub dy: f32,
    /// The bytes of the run's text it stands for.
    pub range: Range<usize>,
}

/// Glyphs of one font, from left to right.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// The font, an index into [`FACES`].
    pub face: usize,
    /// Where its text begins in the whole.
    pub start: usize,
    /// Its text as it is read.
    pub text: String,
    /// Its glyphs.
    pub glyphs: Vec<Glyph>,
}

/// A shaped line.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Its runs, from left to right.
    pub runs: Vec<Run>,
    /// Its width.
    pub width: f32,
}

impl Line {
    /// The text as it is read.
    pub(super) fn text(&self) -> String {
        let mut runs: Vec<_> = self.runs.iter().collect();
        runs.sort_by_key(|run| run.start);
        runs.into_iter().map(|run| run.text.as_str()).collect()
    }

    /// Whether a script is in it that needs more room above and below.
    pub(super) fn tall(&self) -> bool {
        self.runs.iter().any(|run| run.face > fonts::ITALIC)
    }
}

impl Run {
    /// The width in ems of the line.
    fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>() * FACES[self.face].scale
    }
}

/// The plans that `HarfBuzz` makes for a font, script and direction; making one takes longer than using it.
type Plans = HashMap<(usize, Option<Script>, bool, u8), Arc<ShapePlan>>;

/// Sets text.
pub(super) struct Typesetter {
    fonts: Fonts,
    plans: RwLock<Plans>,
}

/// A text ready to be cut into lines.
struct Paragraph<'t> {
    text: &'t str,
    bidi: BidiInfo<'t>,
    /// The font of the character that begins at each byte.
    faces: Vec<usize>,
}

impl Typesetter {
    pub(super) fn new(fonts: Fonts) -> Self {
        Self { fonts, plans: RwLock::default() }
    }

    pub(super) fn fonts(&self) -> &Fonts {
        &self.fonts
    }

    /// `text` on one line.
    pub(super) fn line(&self, text: &str, style: Style) -> Line {
        let clean = self.clean(text);
        let paragraph = self.paragraph(&clean, style);
        self.shape(&paragraph, 0..clean.len(), style)
    }

    /// `text` on as many lines of at most `width` as it takes.
    pub(super) fn wrap(&self, text: &str, style: Style, width: f32) -> Vec<Line> {
        let clean = self.clean(text);
        let paragraph = self.paragraph(&clean, style);
        let stops = self.stops(&paragraph, style);
        let (lines, _) = break_lines(&stops, width);
        lines.into_iter().map(|range| self.shape(&paragraph, range, style)).collect()
    }

    /// `text` at the largest of `sizes` (each with the most lines it may take, the largest first) that lets it fit into `width`
    /// points, its lines about equally long; cut off with an ellipsis when even the last is too large.
    pub(super) fn fit(&self, text: &str, style: Style, width: f32, sizes: &[(f32, usize)]) -> (f32, Vec<Line>) {
        let clean = self.clean(text);
        let paragraph = self.paragraph(&clean, style);
        let stops = self.stops(&paragraph, style);
        for (i, &(size, most)) in sizes.iter().enumerate() {
            let last = i + 1 == sizes.len();
            let (mut lines, forced) = break_lines(&stops, width / size);
            if (lines.len() > most || forced) && !last {
                continue;
            }
            if lines.len() > most {
                return (size, self.cut(&clean, &lines[..most], style, width / size));
            }
            // The narrowest measure that takes no more lines makes them even.
            let (mut narrow, mut wide) = (0.0_f32, width / size);
            for _ in 0..12 {
                let middle = f32::midpoint(narrow, wide);
                match break_lines(&stops, middle) {
                    (even, cut) if even.len() <= lines.len() && cut == forced => {
                        wide = middle;
                        lines = even;
                    }
                    _ => narrow = middle,
                }
            }
            return (size, lines.into_iter().map(|range| self.shape(&paragraph, range, style)).collect());
        }
        (0.0, Vec::new())
    }

    /// The given lines of `clean`, the last one cut so that an ellipsis fits behind it.
    fn cut(&self, clean: &str, lines: &[Range<usize>], style: Style, width: f32) -> Vec<Line> {
        let mut end = lines.last().map_or(0, |range| range.end);
        loop {
            let text = format!("{}…", clean[..end].trim_end());
            let paragraph = self.paragraph(&text, style);
            let (kept, _) = break_lines(&self.stops(&paragraph, style), width);
            if kept.len() <= lines.len() || end == 0 {
                return kept.into_iter().map(|range| self.shape(&paragraph, range, style)).collect();
            }
            end = clean[..end].char_indices().next_back().map_or(0, |(at, _)| at);
        }
    }

    /// The text that can be set: white space is one space, what steers or hides text is left out, pictographs too, and what no
    /// font has becomes a box. Never empty.
    fn clean(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        for c in text.chars() {
            let kept = match c {
                c if c.is_whitespace() || c.is_control() => (!clean.is_empty() && !clean.ends_with(' ')).then_some(' '),
                c if steers(c) => None,
                '\u{200c}' | '\u{200d}' => Some(c),
                c if self.fonts.first_with(c).is_some() => Some(c),
                c if pictograph(c) || bidi_class(c) == BidiClass::NSM => None,
                _ => Some('□'),
            };
            clean.extend(kept);
        }
        clean.truncate(clean.trim_end().len());
        if clean.chars().all(|c| matches!(c, '\u{200c}' | '\u{200d}')) {
            "□".clone_into(&mut clean);
        }
        clean
    }

    fn paragraph<'t>(&self, text: &'t str, style: Style) -> Paragraph<'t> {
        let mut faces = vec![style.face; text.len()];
        let japanese = text.chars().any(|c| matches!(c, '\u{3041}'..='\u{30ff}'));
        let mut current = style.face;
        for (at, c) in text.char_indices() {
            let joins = bidi_class(c) == BidiClass::NSM || matches!(c, '\u{200c}' | '\u{200d}') || !c.is_alphanumeric();
            if !(joins && self.fonts.has(current, c) || matches!(c, '\u{200c}' | '\u{200d}')) {
                current = self.fonts.pick(c, style.face, japanese);
            }
            faces[at] = current;
        }
        Paragraph { text, bidi: BidiInfo::new(text, None), faces }
    }

    /// Where a line may end and how wide the text is from there to the next such place.
    fn stops(&self, paragraph: &Paragraph<'_>, style: Style) -> Vec<Stop> {
        let mut advances = vec![0.0; paragraph.text.len() + 1];
        for run in self.runs(paragraph, 0..paragraph.text.len(), style) {
            for glyph in &run.glyphs {
                advances[run.start + glyph.range.start] += glyph.advance * FACES[run.face].scale;
            }
        }
        let mut allowed = linebreaks(paragraph.text).map(|(at, _)| at).peekable();
        let mut stops = Vec::new();
        for (at, c) in paragraph.text.char_indices() {
            let end = at + c.len_utf8();
            while allowed.next_if(|stop| *stop < end).is_some() {}
            stops.push(Stop {
                range: at..end,
                width: advances[at],
                space: c == ' ',
                breaks: allowed.peek() == Some(&end),
                // Within a cluster no line breaks, not even when a word is too long for one.
                splits: advances[end] > 0.0 || end == paragraph.text.len(),
            });
        }
        stops
    }

    fn shape(&self, paragraph: &Paragraph<'_>, range: Range<usize>, style: Style) -> Line {
        let runs = self.runs(paragraph, range, style);
        let mut width = runs.iter().map(Run::width).sum::<f32>();
        // The space behind the last letter would put tracked lines off their centre.
        width = (width - style.tracking).max(0.0);
        Line { runs, width }
    }

    /// The runs of a part of the text, as they stand from left to right.
    fn runs(&self, paragraph: &Paragraph<'_>, range: Range<usize>, style: Style) -> Vec<Run> {
        let Some(whole) = paragraph.bidi.paragraphs.first().filter(|_| !range.is_empty()) else { return Vec::new() };
        let (levels, visual) = paragraph.bidi.visual_runs(whole, range);
        let mut runs = Vec::new();
        for part in visual {
            let level = levels.get(part.start).copied().unwrap_or(Level::ltr());
            let first = runs.len();
            let mut start = part.start;
            while start < part.end {
                let face = paragraph.faces[start];
                let end = paragraph.text[start..part.end]
                    .char_indices()
                    .map(|(at, _)| start + at)
                    .find(|at| paragraph.faces[*at] != face)
                    .unwrap_or(part.end);
                runs.push(self.run(&paragraph.text[start..end], start, face, level.is_rtl(), style));
                start = end;
            }
            if level.is_rtl() {
                runs[first..].reverse();
            }
        }
        runs
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "font units and glyph numbers are 16 bits wide"
    )]
    fn run(&self, text: &str, start: usize, face: usize, rtl: bool, style: Style) -> Run {
        let font = self.fonts.face(face);
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.set_direction(if rtl { Direction::RightToLeft } else { Direction::LeftToRight });
        buffer.guess_segment_properties();
        let tracked = style.tracking > 0.0;
        let script = Some(buffer.script());
        let plan = self.plan((face, script, rtl, u8::from(tracked) | u8::from(style.tabular) << 1));
        let shaped = rustybuzz::shape_with_plan(font, &plan, buffer);
        let em = font.units_per_em() as f32;
        let infos = shaped.glyph_infos();
        let mut starts: Vec<usize> = infos.iter().map(|info| info.cluster as usize).collect();
        starts.sort_unstable();
        let glyphs = infos.iter().zip(shaped.glyph_positions()).map(|(info, position)| {
            let start = info.cluster as usize;
            let end = starts[starts.partition_point(|s| *s <= start)..].first().copied().unwrap_or(text.len());
            let advance = position.x_advance as f32 / em;
            Glyph {
                id: info.glyph_id as u16,
                advance: if tracked && advance > 0.0 { advance + style.tracking / FACES[face].scale } else { advance },
                dx: position.x_offset as f32 / em,
                dy: position.y_offset as f32 / em,
                range: start..end,
            }
        });
        Run { face, start, text: text.to_owned(), glyphs: glyphs.collect() }
    }

    fn plan(&self, key: (usize, Option<Script>, bool, u8)) -> Arc<ShapePlan> {
        if let Some(plan) = self.plans.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return plan.clone();
        }
        let (face, script, rtl, features) = key;
        let mut wanted = vec![Feature::new(Tag::from_bytes(b"lnum"), 1, ..)];
        if features & 1 != 0 {
            wanted.extend([b"liga", b"clig"].map(|tag| Feature::new(Tag::from_bytes(tag), 0, ..)));
        }
        if features & 2 != 0 {
            wanted.push(Feature::new(Tag::from_bytes(b"tnum"), 1, ..));
        }
        let direction = if rtl { Direction::RightToLeft } else { Direction::LeftToRight };
        let plan = Arc::new(ShapePlan::new(self.fonts.face(face), direction, script, None, &wanted));
        self.plans.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(plan).clone()
    }
}

/// A character and what lines may do behind it.
struct Stop {
    range: Range<usize>,
    width: f32,
    space: bool,
    breaks: bool,
    splits: bool,
}

/// Cuts a text into lines of at most `width`, and says whether a word had to be cut.
fn break_lines(stops: &[Stop], width: f32) -> (Vec<Range<usize>>, bool) {
    let mut lines = Vec::new();
    let mut forced = false;
    let mut first = 0;
    while first < stops.len() {
        let mut used = 0.0;
        let (mut end, mut split) = (None, None);
        for (i, stop) in stops.iter().enumerate().skip(first) {
            used += stop.width;
            // A space may hang over the end of its line.
            if used > width + 1e-3 && !stop.space {
                break;
            }
            if stop.breaks {
                end = Some(i + 1);
            }
            if stop.splits {
                split = Some(i + 1);
            }
        }
        let next = end.unwrap_or_else(|| {
            forced = true;
            split.unwrap_or_else(|| first + 1 + stops[first..].iter().position(|stop| stop.splits).unwrap_or(0))
        });
        let last = stops[first..next].iter().rev().find(|stop| !stop.space);
        lines.extend(last.map(|last| stops[first].range.start..last.range.end));
        first = next;
    }
    (lines, forced)
}

/// Characters that steer the direction or the look of others, or that no text should hold: a name must not turn its surroundings
/// around or hide anything.
fn steers(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

/// Emoji and other pictures in the place of letters.
fn pictograph(c: char) -> bool {
    matches!(c, '\u{20d0}'..='\u{20ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}
