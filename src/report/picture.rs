//! A picture of the dashboard before anything writes it: the grounds, shapes and letters of its cells, with their colours.
//! [`super::svg`] and [`super::png`] write it. The same snapshot gives the same picture.

use super::glyph::{CELL, Paint, Shape, joins, shapes};
use super::text::Answers;
use crate::tui::{Depth, Model, Theme, ThemeName, ViewId, view};
use crate::vocab::Snapshot;
use crate::vocab::text::printable;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::sync::Arc;

/// Pixels around the cells.
pub const MARGIN: f64 = 14.0;
/// From the top of a cell to the line that letters stand on, in pixels.
pub const BASELINE: f64 = 14.0;

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// What a frame of the dashboard looks like. Places are pixels from the upper left corner of the cells, which [`MARGIN`]
/// surrounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Columns and rows of cells.
    pub size: (u16, u16),
    /// What it is of, for those who do not see it.
    pub title: String,
    /// The project in one sentence, for the same.
    pub about: String,
    /// What is behind all cells.
    pub ground: Rgb,
    /// The colour of the line around them.
    pub edge: Rgb,
    /// Grounds of cells that have their own, row by row: columns from and to, row, colour.
    pub grounds: Vec<(std::ops::Range<u16>, u16, Rgb)>,
    /// What is drawn as shapes.
    pub marks: Vec<Mark>,
    /// What is written.
    pub words: Vec<Word>,
}

/// Shapes of one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// How they are painted.
    pub paint: Paint,
    /// Their colour.
    pub colour: Rgb,
    /// The shapes.
    pub shapes: Vec<Shape>,
}

/// Letters of one look, side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// Their colour.
    pub colour: Rgb,
    /// Whether they are bold.
    pub is_bold: bool,
    /// The row of cells they are in.
    pub row: u16,
    /// The column of each, and what stands there: a character, with marks that combine with it.
    pub letters: Vec<(u16, String)>,
}

/// The dashboard as it would stand in a terminal of `columns` × `rows`, or one view over all of it. `answers` has what it
/// needs beyond the snapshot.
#[must_use]
pub fn dashboard(
    snapshot: Arc<Snapshot>,
    size: (u16, u16),
    theme: ThemeName,
    view_of: Option<ViewId>,
    answers: &mut dyn Answers,
) -> Picture {
    let (buf, title, about) = drawn(snapshot, size, theme, view_of, answers);
    cells(&buf, theme, title, about)
}

/// The same for those who look at it where no keys go to it: without the line of keys below.
#[must_use]
pub fn without_keys(
    snapshot: Arc<Snapshot>,
    (columns, rows): (u16, u16),
    theme: ThemeName,
    view_of: Option<ViewId>,
    answers: &mut dyn Answers,
) -> Picture {
    let (mut buf, title, about) = drawn(snapshot, (columns, rows + 1), theme, view_of, answers);
    buf.resize(Rect::new(0, 0, columns, rows));
    cells(&buf, theme, title, about)
}

/// The dashboard's cells, its title and the project in one sentence.
fn drawn(
    snapshot: Arc<Snapshot>,
    (columns, rows): (u16, u16),
    theme: ThemeName,
    view_of: Option<ViewId>,
    answers: &mut dyn Answers,
) -> (Buffer, String, String) {
    let title = format!("mixlaw: {}", printable(&snapshot.project));
    let mut model = Model::showing(snapshot, Theme::new(theme, Depth::True), (columns, rows));
    if let Some(id) = view_of {
        model.go(id);
        model.shared.zoomed = true;
    }
    if let Some(query) = model.needs() {
        model.shared.curves = answers.curves(&query).map(Arc::new);
    }
    if let Some(place) = model.place() {
        model.shared.prediction = answers.prediction(&place).map(Arc::new);
    }
    if let Some(crate::tui::Asked { questions, .. }) = model.questions() {
        model.shared.answers = Arc::new(questions.iter().filter_map(|question| answers.answer(question)).collect());
    }
    let about = model.headline().unwrap_or_default();
    let area = Rect::new(0, 0, columns, rows);
    let mut buf = Buffer::empty(area);
    view(&model, area, &mut buf);
    (buf, title, about)
}

/// Cells as a picture, with a title and a description for those who do not see it.
#[must_use]
pub fn cells(buf: &Buffer, theme: ThemeName, title: String, about: String) -> Picture {
    let inks = Inks::of(theme);
    let mut picture = Picture {
        size: (buf.area.width, buf.area.height),
        title,
        about,
        ground: inks.ground,
        edge: mix(inks.ink, inks.ground, 0.2),
        grounds: Vec::new(),
        marks: Vec::new(),
        words: Vec::new(),
    };
    for row in 0..buf.area.height {
        grounds(buf, row, inks, &mut picture);
        line(buf, row, inks, &mut picture);
    }
    picture
}

/// What the terminal's own colours are in a picture.
#[derive(Debug, Clone, Copy)]
struct Inks {
    ground: Rgb,
    ink: Rgb,
}

impl Inks {
    fn of(theme: ThemeName) -> Self {
        match theme {
            ThemeName::Light => Self { ground: [0xff, 0xff, 0xff], ink: [0x1f, 0x25, 0x2e] },
            _ => Self { ground: [0x10, 0x15, 0x1d], ink: [0xd9, 0xdf, 0xe8] },
        }
    }

    /// Ink and ground of a cell, its modifiers applied; no ground where it is the picture's.
    fn of_cell(self, cell: &Cell) -> (Rgb, Option<Rgb>) {
        let mut fg = rgb(cell.fg).unwrap_or(self.ink);
        let mut bg = rgb(cell.bg);
        if cell.modifier.contains(Modifier::REVERSED) {
            (fg, bg) = (bg.unwrap_or(self.ground), Some(fg));
        }
        if cell.modifier.contains(Modifier::DIM) {
            fg = mix(fg, bg.unwrap_or(self.ground), 0.6);
        }
        (fg, bg)
    }
}

/// What two cells must share to be drawn as one: ink, and whether bold and underlined.
fn look(inks: Inks, cell: &Cell) -> (Rgb, bool, bool) {
    let is = |modifier| cell.modifier.contains(modifier);
    (inks.of_cell(cell).0, is(Modifier::BOLD), is(Modifier::UNDERLINED))
}

fn grounds(buf: &Buffer, row: u16, inks: Inks, picture: &mut Picture) {
    let ground = |x: u16| inks.of_cell(&buf[(buf.area.x + x, buf.area.y + row)]).1;
    let mut x = 0;
    while x < buf.area.width {
        let end = (x..buf.area.width).find(|i| ground(*i) != ground(x)).unwrap_or(buf.area.width);
        if let Some(colour) = ground(x) {
            picture.grounds.push((x..end, row, colour));
        }
        x = end;
    }
}

fn line(buf: &Buffer, row: u16, inks: Inks, picture: &mut Picture) {
    let at = |x: u16| &buf[(buf.area.x + x, buf.area.y + row)];
    let y = f64::from(row) * CELL.1;
    let mut x = 0;
    while x < buf.area.width {
        let cell = at(x);
        let symbol = cell.symbol();
        let (colour, _, is_underlined) = look(inks, cell);
        let left = f64::from(x) * CELL.0;
        if is_underlined {
            let under = Shape::Rect((left, y + BASELINE + 1.5), CELL.0, 1.0);
            picture.marks.push(Mark { paint: Paint::Fill(100), colour, shapes: vec![under] });
        }
        if symbol.trim().is_empty() {
            x += 1;
            continue;
        }
        let c = symbol.chars().next().unwrap_or(' ');
        let same = |i: &u16| at(*i).symbol() == symbol && look(inks, at(*i)) == look(inks, cell);
        let run = if joins(c) && !is_underlined { (x..buf.area.width).take_while(same).count() } else { 1 };
        if let Some((paint, shapes)) = shapes(c, (left, y), run) {
            picture.marks.push(Mark { paint, colour, shapes });
            x += run as u16;
            continue;
        }
        x = word(buf, row, x, inks, picture);
    }
}

/// A word: letters of one look, each at its own place, so that no font can shift the columns.
fn word(buf: &Buffer, row: u16, from: u16, inks: Inks, picture: &mut Picture) -> u16 {
    let at = |x: u16| &buf[(buf.area.x + x, buf.area.y + row)];
    let wanted = look(inks, at(from));
    let (mut letters, mut x) = (Vec::new(), from);
    while x < buf.area.width {
        let symbol = at(x).symbol();
        let first = symbol.chars().next().unwrap_or(' ');
        let is_shape = shapes(first, (0.0, 0.0), 1).is_some();
        // What is underlined goes cell by cell, for the line below each.
        if symbol.trim().is_empty() || look(inks, at(x)) != wanted || is_shape || (wanted.2 && x > from) {
            break;
        }
        letters.push((x, symbol.to_owned()));
        x += unicode_width::UnicodeWidthStr::width(symbol).max(1) as u16;
    }
    let (colour, is_bold, _) = wanted;
    picture.words.push(Word { colour, is_bold, row, letters });
    x
}

/// `part` of the first colour, the rest of the second.
pub(super) fn mix(a: Rgb, b: Rgb, part: f64) -> Rgb {
    std::array::from_fn(|i| (f64::from(a[i]) * part + f64::from(b[i]) * (1.0 - part)).round() as u8)
}

/// The terminal's 16 in the shades of a common palette, the cube, the greys; `None` for the terminal's own ink or ground.
fn rgb(colour: Color) -> Option<Rgb> {
    const BASE: [Rgb; 16] = [
        [0x1d, 0x1f, 0x21],
        [0xd5, 0x4e, 0x53],
        [0x7d, 0xb8, 0x4e],
        [0xd8, 0xa6, 0x3a],
        [0x4f, 0x8f, 0xd0],
        [0xb5, 0x7c, 0xc4],
        [0x4d, 0xb5, 0xbd],
        [0xc5, 0xc8, 0xc6],
        [0x66, 0x6a, 0x70],
        [0xff, 0x6b, 0x6b],
        [0x9f, 0xd8, 0x6b],
        [0xf0, 0xc6, 0x74],
        [0x81, 0xb4, 0xe8],
        [0xd0, 0xa0, 0xdc],
        [0x7f, 0xd5, 0xdb],
        [0xff, 0xff, 0xff],
    ];
    let index = match colour {
        Color::Reset => return None,
        Color::Rgb(r, g, b) => return Some([r, g, b]),
        Color::Indexed(i) => i,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    Some(match index {
        0..=15 => BASE[usize::from(index)],
        16..=231 => {
            let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = index - 16;
            [step(n / 36), step(n / 6 % 6), step(n % 6)]
        }
        _ => [8 + 10 * (index - 232); 3],
    })
}
