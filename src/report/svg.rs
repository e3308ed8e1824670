//! A picture as SVG. The same picture gives the same bytes.

use super::glyph::{CELL, Paint, num};
use super::picture::{BASELINE, MARGIN, Picture, Rgb};
use crate::vocab::text::printable;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The picture, with its title and description for those who do not see it.
#[must_use]
pub fn write(picture: &Picture) -> String {
    let (columns, rows) = picture.size;
    let (w, h) = (f64::from(columns) * CELL.0 + 2.0 * MARGIN, f64::from(rows) * CELL.1 + 2.0 * MARGIN);
    let mut out = String::new();
    let (wide, high) = (num(w), num(h));
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img">"#
    );
    let _ = writeln!(out, "<title>{}</title>\n<desc>{}</desc>", escape(&picture.title), escape(&picture.about));
    let _ = writeln!(
        out,
        r#"<rect x=".5" y=".5" width="{}" height="{}" rx="9" fill="{}" stroke="{}"/>"#,
        num(w - 1.0),
        num(h - 1.0),
        hex(picture.ground),
        hex(picture.edge)
    );
    let _ = writeln!(out, r#"<g transform="translate({m} {m})">"#, m = num(MARGIN));
    Layers::of(picture).write(&mut out);
    out.push_str("</g>\n</svg>\n");
    out
}

/// Everything of one colour and kind in one element.
#[derive(Debug, Default)]
struct Layers {
    grounds: BTreeMap<Rgb, String>,
    shapes: BTreeMap<(Paint, Rgb), String>,
    texts: BTreeMap<(Rgb, bool), String>,
}

impl Layers {
    fn of(picture: &Picture) -> Self {
        let mut layers = Self::default();
        for (columns, row, colour) in &picture.grounds {
            let (left, top) = (f64::from(columns.start) * CELL.0, f64::from(*row) * CELL.1);
            let wide = num(f64::from(columns.end - columns.start) * CELL.0);
            let d = layers.grounds.entry(*colour).or_default();
            let _ = write!(d, "M{} {}h{wide}v{}h-{wide}z", num(left), num(top), num(CELL.1));
        }
        for mark in &picture.marks {
            let d = layers.shapes.entry((mark.paint, mark.colour)).or_default();
            mark.shapes.iter().for_each(|shape| shape.write(d));
        }
        for word in &picture.words {
            let (mut places, mut letters) = (String::new(), String::new());
            for (column, symbol) in &word.letters {
                // One place a character: combining marks and the second halves of wide ones stand at their own.
                for _ in symbol.chars() {
                    let gap = if places.is_empty() { "" } else { " " };
                    let _ = write!(places, "{gap}{}", num(f64::from(*column) * CELL.0));
                }
                letters.push_str(symbol);
            }
            let base = num(f64::from(word.row) * CELL.1 + BASELINE);
            let words = layers.texts.entry((word.colour, word.is_bold)).or_default();
            let _ = write!(words, r#"<text y="{base}" x="{places}">{}</text>"#, escape(&letters));
        }
        layers
    }

    fn write(&self, out: &mut String) {
        for (colour, d) in &self.grounds {
            let _ = writeln!(out, r#"<path fill="{}" shape-rendering="crispEdges" d="{d}"/>"#, hex(*colour));
        }
        for ((paint, colour), d) in &self.shapes {
            let colour = hex(*colour);
            let stroke = || format!(r#"fill="none" stroke="{colour}" stroke-width="{}""#, num(paint.width()));
            let style = match paint {
                Paint::Fill(100) => format!(r#"fill="{colour}""#),
                Paint::Fill(opacity) => format!(r#"fill="{colour}" fill-opacity=".{opacity:02}""#),
                Paint::Thin | Paint::Heavy => stroke(),
                Paint::Thick => stroke() + r#" stroke-linejoin="round" stroke-linecap="round""#,
                Paint::Dots => stroke() + r#" stroke-linecap="round""#,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::picture::{cells, dashboard};
    use crate::tui::{Depth, Model, Theme, ThemeName, fixture, view};
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use std::sync::Arc;

    #[test]
    fn the_same_snapshot_gives_the_same_bytes() {
        let draw = || {
            write(&dashboard(
                Arc::new(fixture::sweep()),
                (140, 40),
                ThemeName::Dark,
                None,
                &mut |_: &crate::ipc::series::SeriesQuery| None,
            ))
        };
        assert_eq!(draw(), draw());
    }

    #[test]
    fn every_text_is_escaped_and_of_characters_xml_can_hold() {
        let mut snapshot = fixture::hostile();
        snapshot.project = "<script>alert(\"&\")</script>".to_owned();
        let svg = write(&dashboard(
            Arc::new(snapshot),
            (140, 40),
            ThemeName::Light,
            None,
            &mut |_: &crate::ipc::series::SeriesQuery| None,
        ));
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;script&gt;"));
        assert!(svg.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn letters_stand_in_their_columns() {
        let area = Rect::new(0, 0, 6, 1);
        let mut buf = Buffer::empty(area);
        buf.set_string(1, 0, "ab─c", ratatui::style::Style::new());
        let svg = write(&cells(&buf, ThemeName::Dark, "t".to_owned(), "a".to_owned()));
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
                        let picture = cells(&buf, theme, "look".to_owned(), "look".to_owned());
                        let file = format!("{folder}/{name}{what}-{w}x{h}-{theme:?}");
                        std::fs::write(format!("{file}.svg"), write(&picture)).unwrap();
                        std::fs::write(format!("{file}.png"), crate::report::png::write(&picture)).unwrap();
                    }
                }
            }
        }
    }
}
