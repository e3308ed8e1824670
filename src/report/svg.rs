//! A picture of the dashboard: its cells as SVG. The same snapshot gives the same bytes.

use super::glyph::{CELL, Paint, joins, num, shape};
use super::text::Answers;
use crate::tui::{Depth, Model, Theme, ThemeName, ViewId, view};
use crate::vocab::Snapshot;
use crate::vocab::text::printable;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Pixels around the cells.
const MARGIN: f64 = 14.0;

/// The dashboard as it would stand in a terminal of `columns` × `rows`, or one view over all of it. `answers` has what it
/// needs beyond the snapshot.
#[must_use]
pub fn dashboard(
    snapshot: Arc<Snapshot>,
    size: (u16, u16),
    theme: ThemeName,
    view_of: Option<ViewId>,
    answers: &mut dyn Answers,
) -> String {
    let (buf, title, about) = drawn(snapshot, size, theme, view_of, answers);
    cells(&buf, theme, &title, &about)
}

/// The same for those who look at it where no keys go to it: without the line of keys below.
#[must_use]
pub fn without_keys(
    snapshot: Arc<Snapshot>,
    (columns, rows): (u16, u16),
    theme: ThemeName,
    view_of: Option<ViewId>,
    answers: &mut dyn Answers,
) -> String {
    let (mut buf, title, about) = drawn(snapshot, (columns, rows + 1), theme, view_of, answers);
    buf.resize(Rect::new(0, 0, columns, rows));
    cells(&buf, theme, &title, &about)
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
    if let Some((questions, _)) = model.questions() {
        model.shared.answers = Arc::new(questions.iter().filter_map(|question| answers.answer(question)).collect());
    }
    let about = model.headline().unwrap_or_default();
    let area = Rect::new(0, 0, columns, rows);
    let mut buf = Buffer::empty(area);
    view(&model, area, &mut buf);
    (buf, title, about)
}

/// Cells as SVG, with a title and a description for those who do not see it.
#[must_use]
pub fn cells(buf: &Buffer, theme: ThemeName, title: &str, about: &str) -> String {
    let area = buf.area;
    let inks = Inks::of(theme);
    let (w, h) = (f64::from(area.width) * CELL.0 + 2.0 * MARGIN, f64::from(area.height) * CELL.1 + 2.0 * MARGIN);
    let mut layers = Layers::default();
    for row in 0..area.height {
        line(buf, row, inks, &mut layers);
    }
    let mut out = String::new();
    let (wide, high) = (num(w), num(h));
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img">"#
    );
    let _ = writeln!(out, "<title>{}</title>\n<desc>{}</desc>", escape(title), escape(about));
    let _ = writeln!(
        out,
        r#"<rect x=".5" y=".5" width="{}" height="{}" rx="9" fill="{}" stroke="{}"/>"#,
        num(w - 1.0),
        num(h - 1.0),
        hex(inks.ground),
        hex(mix(inks.ink, inks.ground, 0.2))
    );
    let _ = writeln!(out, r#"<g transform="translate({m} {m})">"#, m = num(MARGIN));
    layers.write(&mut out);
    out.push_str("</g>\n</svg>\n");
    out
}

type Rgb = [u8; 3];

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

/// Everything of one colour and kind in one element.
#[derive(Debug, Default)]
struct Layers {
    grounds: BTreeMap<Rgb, String>,
    shapes: BTreeMap<(Paint, Rgb), String>,
    texts: BTreeMap<(Rgb, bool), String>,
}

impl Layers {
    fn write(&self, out: &mut String) {
        for (colour, d) in &self.grounds {
            let _ = writeln!(out, r#"<path fill="{}" shape-rendering="crispEdges" d="{d}"/>"#, hex(*colour));
        }
        for ((paint, colour), d) in &self.shapes {
            let colour = hex(*colour);
            let style = match paint {
                Paint::Fill(100) => format!(r#"fill="{colour}""#),
                Paint::Fill(opacity) => format!(r#"fill="{colour}" fill-opacity=".{opacity:02}""#),
                Paint::Thin => format!(r#"fill="none" stroke="{colour}" stroke-width="1.2""#),
                Paint::Thick => {
                    format!(
                        r#"fill="none" stroke="{colour}" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round""#
                    )
                }
                Paint::Heavy => format!(r#"fill="none" stroke="{colour}" stroke-width="5""#),
                Paint::Dots => format!(r#"fill="none" stroke="{colour}" stroke-width="3.2" stroke-linecap="round""#),
            };
            let _ = writeln!(out, r#"<path {style} d="{d}"/>"#);
        }
        out.push_str(
            "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14.5\">\n",
        );
        for ((colour, bold), words) in &self.texts {
            let weight = if *bold { r#" font-weight="700""# } else { "" };
            let _ = writeln!(out, r#"<g fill="{}"{weight}>{words}</g>"#, hex(*colour));
        }
        out.push_str("</g>\n");
    }
}

fn line(buf: &Buffer, row: u16, inks: Inks, layers: &mut Layers) {
    let at = |x: u16| &buf[(buf.area.x + x, buf.area.y + row)];
    let y = f64::from(row) * CELL.1;
    let mut x = 0;
    while x < buf.area.width {
        let (_, ground) = inks.of_cell(at(x));
        let end = (x..buf.area.width).find(|i| inks.of_cell(at(*i)).1 != ground).unwrap_or(buf.area.width);
        if let Some(colour) = ground {
            let wide = num(f64::from(end - x) * CELL.0);
            let d = layers.grounds.entry(colour).or_default();
            let _ = write!(d, "M{} {}h{wide}v{}h-{wide}z", num(f64::from(x) * CELL.0), num(y), num(CELL.1));
        }
        x = end;
    }
    let mut x = 0;
    while x < buf.area.width {
        let cell = at(x);
        let symbol = cell.symbol();
        let c = symbol.chars().next().unwrap_or(' ');
        if symbol.trim().is_empty() {
            x += 1;
            continue;
        }
        let look = |cell: &Cell| (inks.of_cell(cell).0, cell.modifier.contains(Modifier::BOLD));
        let same = |i: &u16| at(*i).symbol() == symbol && look(at(*i)).0 == look(cell).0;
        let run = if joins(c) { (x..buf.area.width).take_while(same).count() } else { 1 };
        let left = f64::from(x) * CELL.0;
        if let Some((paint, d)) = shape(c, (left, y), run) {
            layers.shapes.entry((paint, look(cell).0)).or_default().push_str(&d);
            x += run as u16;
            continue;
        }
        x = word(buf, row, x, inks, layers);
    }
}

/// A word: letters of one look, each at its own place, so that no font can shift the columns.
fn word(buf: &Buffer, row: u16, from: u16, inks: Inks, layers: &mut Layers) -> u16 {
    let at = |x: u16| &buf[(buf.area.x + x, buf.area.y + row)];
    let look = |cell: &Cell| (inks.of_cell(cell).0, cell.modifier.contains(Modifier::BOLD));
    let wanted = look(at(from));
    let (mut places, mut letters, mut x) = (String::new(), String::new(), from);
    while x < buf.area.width {
        let symbol = at(x).symbol();
        let first = symbol.chars().next().unwrap_or(' ');
        if symbol.trim().is_empty() || look(at(x)) != wanted || shape(first, (0.0, 0.0), 1).is_some() {
            break;
        }
        // One place a character: combining marks and the second halves of wide ones stand at their own.
        for _ in symbol.chars() {
            let _ = write!(places, "{}{}", if places.is_empty() { "" } else { " " }, num(f64::from(x) * CELL.0));
        }
        letters.push_str(symbol);
        x += unicode_width::UnicodeWidthStr::width(symbol).max(1) as u16;
    }
    let base = num(f64::from(row) * CELL.1 + 14.0);
    let words = layers.texts.entry(wanted).or_default();
    let _ = write!(words, r#"<text y="{base}" x="{places}">{}</text>"#, escape(&letters));
    x
}

/// Text as XML, without what XML cannot hold.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn mix(a: Rgb, b: Rgb, part: f64) -> Rgb {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn the_same_snapshot_gives_the_same_bytes() {
        let draw = || {
            dashboard(
                Arc::new(fixture::sweep()),
                (140, 40),
                ThemeName::Dark,
                None,
                &mut |_: &crate::ipc::series::SeriesQuery| None,
            )
        };
        assert_eq!(draw(), draw());
    }

    #[test]
    fn every_text_is_escaped_and_of_characters_xml_can_hold() {
        let mut snapshot = fixture::hostile();
        snapshot.project = "<script>alert(\"&\")</script>".to_owned();
        let svg = dashboard(
            Arc::new(snapshot),
            (140, 40),
            ThemeName::Light,
            None,
            &mut |_: &crate::ipc::series::SeriesQuery| None,
        );
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;script&gt;"));
        assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn letters_stand_in_their_columns() {
        let area = Rect::new(0, 0, 6, 1);
        let mut buf = Buffer::empty(area);
        buf.set_string(1, 0, "ab─c", ratatui::style::Style::new());
        let svg = cells(&buf, ThemeName::Dark, "t", "a");
        assert!(svg.contains(r#"<text y="14" x="9 18">ab</text>"#), "{svg}");
        assert!(svg.contains(r#"<text y="14" x="36">c</text>"#));
        assert!(svg.contains("M27 9.5L36 9.5"));
    }

    /// To look at: `MIXLAW_LOOK=/tmp/look cargo test --lib look`.
    #[test]
    fn look() {
        use crate::tui::{Event, update};
        use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
        let Ok(folder) = std::env::var("MIXLAW_LOOK") else { return };
        let snapshots = [
            ("sweep", fixture::sweep()),
            ("abstained", fixture::abstained()),
            ("early", fixture::early()),
            ("empty", fixture::empty()),
            ("wide", fixture::wide()),
        ];
        let keys = [("", ""), ("help", "?"), ("detail", "j\r"), ("laws", "4"), ("zoom", "2zl"), ("stop", "Q")];
        for (name, snapshot) in snapshots {
            let snapshot = Arc::new(snapshot);
            for (w, h) in [(140, 40), (80, 24), (60, 20), (200, 60), (100, 50)] {
                for theme in [ThemeName::Dark, ThemeName::Light, ThemeName::Ansi, ThemeName::Mono] {
                    for (what, typed) in keys {
                        let mut model = Model::showing(Arc::clone(&snapshot), Theme::new(theme, Depth::True), (w, h));
                        for c in typed.chars() {
                            let code = if c == '\r' { KeyCode::Enter } else { KeyCode::Char(c) };
                            update(&mut model, Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
                        }
                        let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
                        view(&model, buf.area, &mut buf);
                        let svg = cells(&buf, theme, "look", "look");
                        std::fs::write(format!("{folder}/{name}{what}-{w}x{h}-{theme:?}.svg"), svg).unwrap();
                    }
                }
            }
        }
    }
}
