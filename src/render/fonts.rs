//! The fonts, part of the program so that a certificate looks, and is, the same wherever it is made. `fonts/README.md` says where
//! they come from and how they were cut down.
//!
//! To add a script, put its font into `fonts/` and a line into [`FACES`].

use krilla::text::Font;
use rustybuzz::{
    Face,
    ttf_parser::{GlyphId, OutlineBuilder},
};

use super::{
    RenderError,
    scene::{Path, Seg},
};

/// A font of the program.
pub(super) struct FaceFile {
    /// Its name, for errors.
    name: &'static str,
    /// How large it is set beside the Latin, so that the letters of both look equally large.
    pub scale: f32,
    data: &'static [u8],
}

/// The index of the font of titles and labels.
pub(super) const TITLE: usize = 0;
/// The index of the font of text.
pub(super) const TEXT: usize = 1;
/// The index of the font of text in italics.
pub(super) const ITALIC: usize = 2;
/// The index of the Japanese forms of Chinese characters that differ from the Chinese.
const KANJI: usize = 4;

macro_rules! faces {
    ($($scale:literal $file:literal),* $(,)?) => {
        &[$(FaceFile { name: $file, scale: $scale, data: include_bytes!(concat!("fonts/", $file)) }),*]
    };
}

/// Every font; for a character that its own font lacks, the first that has it is taken.
pub(super) static FACES: &[FaceFile] = faces![
    1.0 "Cinzel_500Medium.ttf",
    1.0 "EBGaramond_400Regular.ttf",
    1.0 "EBGaramond_400Regular_Italic.ttf",
    0.88 "NotoSerif.ttf",
    0.92 "NotoSerifCJK-Kanji.otf",
    0.88 "NotoSerifHebrew.ttf",
    1.0 "NotoNaskhArabic.ttf",
    0.88 "NotoSerifArmenian.ttf",
    0.88 "NotoSerifGeorgian.ttf",
    0.9 "NotoSerifDevanagari.ttf",
    0.9 "NotoSerifBengali.ttf",
    0.9 "NotoSerifGurmukhi.ttf",
    0.9 "NotoSerifGujarati.ttf",
    0.88 "NotoSansOriya.ttf",
    0.86 "NotoSerifTamil.ttf",
    0.86 "NotoSerifTelugu.ttf",
    0.86 "NotoSerifKannada.ttf",
    0.86 "NotoSerifMalayalam.ttf",
    0.86 "NotoSerifSinhala.ttf",
    0.88 "NotoSerifThai.ttf",
    0.88 "NotoSerifLao.ttf",
    0.86 "NotoSerifKhmer.ttf",
    0.86 "NotoSerifMyanmar.ttf",
    0.88 "NotoSerifEthiopic.ttf",
    0.88 "NotoSansThaana.ttf",
    0.88 "NotoSansCherokee.ttf",
    0.88 "NotoSansTifinagh.ttf",
    0.88 "NotoSansNKo.ttf",
    0.88 "NotoSansAdlam.ttf",
    0.88 "NotoSansCanadianAboriginal.ttf",
    0.92 "NotoSerifCJK-Kana.otf",
    0.92 "NotoSerifCJK-Han.otf",
];

/// A font in the form each library wants.
struct Loaded {
    face: Face<'static>,
    pdf: Font,
}

/// All fonts, read.
pub(super) struct Fonts(Vec<Loaded>);

impl Fonts {
    pub(super) fn load() -> Result<Self, RenderError> {
        let load = |file: &FaceFile| {
            let face = Face::from_slice(file.data, 0)?;
            Some(Loaded { face, pdf: Font::new(file.data.into(), 0)? })
        };
        FACES.iter().map(|file| load(file).ok_or(RenderError::Font(file.name))).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn face(&self, face: usize) -> &Face<'static> {
        &self.0[face].face
    }

    pub(super) fn pdf(&self, face: usize) -> Font {
        self.0[face].pdf.clone()
    }

    /// Whether a font can show a character.
    pub(super) fn has(&self, face: usize, c: char) -> bool {
        let font = self.face(face);
        // A Hangul syllable that the font lacks is put together from its letters.
        font.glyph_index(c).is_some_and(|glyph| glyph.0 != 0) || matches!(c, '가'..='힣') && font.glyph_index('ᄀ').is_some()
    }

    /// The first font that can show a character.
    pub(super) fn first_with(&self, c: char) -> Option<usize> {
        (TEXT..FACES.len()).find(|face| self.has(*face, c))
    }

    /// The font to show a character with in a text set in `own`.
    pub(super) fn pick(&self, c: char, own: usize, japanese: bool) -> usize {
        if self.has(own, c) {
            return own;
        }
        let skipped = |face: usize| face == ITALIC || face == KANJI && !japanese;
        (TEXT..FACES.len()).find(|face| !skipped(*face) && self.has(*face, c)).unwrap_or(own)
    }

    /// Adds the outlines of a glyph, `scale` points to the em, with its origin at (x, y).
    #[expect(clippy::cast_precision_loss, reason = "font units are 16 bits wide")]
    pub(super) fn outline(&self, face: usize, glyph: u16, (x, y): (f32, f32), scale: f32, path: &mut Path) {
        let font = self.face(face);
        let mut pen = Pen { path, x, y, scale: scale / font.units_per_em() as f32 };
        font.outline_glyph(GlyphId(glyph), &mut pen);
    }
}

/// Turns a font's outlines, which grow upwards, into a page's.
struct Pen<'p> {
    path: &'p mut Path,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.0.push(Seg::Quad(x1, y1, x, y));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
