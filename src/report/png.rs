//! A picture as PNG, two pixels to each of the picture's, for chats and slides. The same picture gives the same bytes.

use super::glyph::CELL;
use super::letters::letter;
use super::picture::{MARGIN, Mark, Picture, Rgb, Word, mix};
use super::raster::{bounds, cover};
use crate::vocab::text::printable;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// Pixels to one of the picture's.
const SCALE: f64 = 2.0;

/// The picture as a PNG file, with its title and description as texts in it.
#[must_use]
pub fn write(picture: &Picture) -> Vec<u8> {
    let pixels = Pixels::of(picture);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::new();
    for side in [pixels.width, pixels.height] {
        head.extend((side as u32).to_be_bytes());
    }
    // Eight bits each of red, green and blue; deflate, filters a row, not interlaced.
    head.extend([8, 2, 0, 0, 0]);
    chunk(&mut out, *b"IHDR", &head);
    for (key, value) in [("Title", &picture.title), ("Description", &picture.about)] {
        let mut text = format!("{key}\0\0\0\0\0").into_bytes();
        text.extend(printable(value).as_bytes());
        chunk(&mut out, *b"iTXt", &text);
    }
    chunk(&mut out, *b"IDAT", &pixels.packed());
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let from = out.len();
    out.extend(kind);
    out.extend(data);
    let sum = crc32fast::hash(&out[from..]);
    out.extend(sum.to_be_bytes());
}

/// Red, green and blue of every pixel, row by row.
struct Pixels {
    width: usize,
    height: usize,
    rgb: Vec<Rgb>,
}

impl Pixels {
    fn of(picture: &Picture) -> Self {
        let (columns, rows) = picture.size;
        let side = |cells: u16, cell: f64| ((f64::from(cells) * cell + 2.0 * MARGIN) * SCALE) as usize;
        let (width, height) = (side(columns, CELL.0), side(rows, CELL.1));
        let mut pixels = Self { width, height, rgb: vec![picture.ground; width * height] };
        for (x, y) in (0..width).flat_map(|x| [(x, 0), (x, height - 1)]) {
            pixels.rgb[y * width + x] = picture.edge;
        }
        for (x, y) in (0..height).flat_map(|y| [(0, y), (width - 1, y)]) {
            pixels.rgb[y * width + x] = picture.edge;
        }
        for (columns, row, colour) in &picture.grounds {
            let (top, left) = corner(*row, columns.start);
            let wide = usize::from(columns.end - columns.start) * (CELL.0 * SCALE) as usize;
            for y in top..top + (CELL.1 * SCALE) as usize {
                pixels.rgb[y * width + left..][..wide].fill(*colour);
            }
        }
        picture.marks.iter().for_each(|mark| pixels.mark(mark));
        picture.words.iter().for_each(|word| pixels.word(word));
        pixels
    }

    /// Lays a colour over a pixel, `part` of it, 0 to 1.
    fn blend(&mut self, (x, y): (usize, usize), colour: Rgb, part: f64) {
        if part > 0.0 && x < self.width && y < self.height {
            let under = &mut self.rgb[y * self.width + x];
            *under = mix(colour, *under, part);
        }
    }

    fn mark(&mut self, mark: &Mark) {
        let pixel = 1.0 / SCALE;
        let boxes = mark.shapes.iter().map(|shape| bounds(shape, mark.paint));
        let [l, t, r, b] = boxes
            .reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
            .unwrap_or([0.0; 4])
            .map(|side| (side + MARGIN) * SCALE);
        let opacity = mark.paint.opacity();
        for y in (t.floor().max(0.0) as usize)..=(b.ceil().max(0.0) as usize) {
            for x in (l.floor().max(0.0) as usize)..=(r.ceil().max(0.0) as usize) {
                let at = ((x as f64 + 0.5) * pixel - MARGIN, (y as f64 + 0.5) * pixel - MARGIN);
                let covers = mark.shapes.iter().map(|shape| cover(shape, mark.paint, at, pixel));
                self.blend((x, y), mark.colour, opacity * covers.fold(0.0, f64::max));
            }
        }
    }

    fn word(&mut self, word: &Word) {
        for (column, symbol) in &word.letters {
            let (top, left) = corner(word.row, *column);
            // Marks that combine with a letter are left out.
            let found = symbol.chars().next().and_then(|c| letter(c, word.is_bold));
            let Some(found) = found else {
                self.missing((left, top), symbol.width().clamp(1, 2), word.colour);
                continue;
            };
            for (i, dark) in found.darkness.iter().enumerate() {
                let (x, y) = (i % found.width as usize, i / found.width as usize);
                let at = (left + found.at.0 as usize + x, top + found.at.1 as usize + y);
                self.blend(at, word.colour, f64::from(*dark) / 15.0);
            }
        }
    }

    /// The box that stands for a letter that there is no picture of, as wide as its cells.
    fn missing(&mut self, (left, top): (usize, usize), cells: usize, colour: Rgb) {
        let (wide, high) = (cells * (CELL.0 * SCALE) as usize - 6, 22);
        for (x, y) in (0..wide).flat_map(|x| (0..high).map(move |y| (x, y))) {
            let is_edge = x < 2 || x >= wide - 2 || y < 2 || y >= high - 2;
            self.blend((left + 3 + x, top + 7 + y), colour, if is_edge { 1.0 } else { 0.0 });
        }
    }

    /// The pixels as PNG has them: each row as what differs from the row above, deflated. Rows that repeat weigh nothing.
    fn packed(&self) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        let mut above: &[Rgb] = &vec![[0; 3]; self.width];
        for row in self.rgb.chunks_exact(self.width) {
            let mut line = vec![2];
            line.extend(row.iter().zip(above).flat_map(|(a, b)| [0, 1, 2].map(|i| a[i].wrapping_sub(b[i]))));
            // A Vec takes whatever is written to it.
            let _ = packed.write_all(&line);
            above = row;
        }
        packed.finish().unwrap_or_default()
    }
}

/// The pixel of a cell's upper left corner: down and across.
fn corner(row: u16, column: u16) -> (usize, usize) {
    let pixel = |cells: u16, cell: f64| ((f64::from(cells) * cell + MARGIN) * SCALE) as usize;
    (pixel(row, CELL.1), pixel(column, CELL.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::glyph::shapes;
    use crate::report::picture::cells;
    use crate::tui::ThemeName;
    use flate2::read::ZlibDecoder;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};
    use std::io::Read;

    /// Width, height and pixels of a file as [`write`] writes it; every checksum is checked.
    fn read(png: &[u8]) -> (usize, usize, Vec<Rgb>) {
        let mut rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
        let (mut size, mut data, mut ended) = ((0, 0), Vec::new(), false);
        while !rest.is_empty() {
            let long = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
            let (kind, body) = (&rest[4..8], &rest[8..8 + long]);
            let sum = u32::from_be_bytes(*rest[8 + long..].first_chunk().unwrap());
            assert_eq!(sum, crc32fast::hash(&rest[4..8 + long]));
            let number = |at: usize| u32::from_be_bytes(*body[at..].first_chunk().unwrap()) as usize;
            match kind {
                b"IHDR" => size = (number(0), number(4)),
                b"IDAT" => data.extend(body),
                _ => {}
            }
            ended = kind == b"IEND";
            rest = &rest[12 + long..];
        }
        assert!(ended);
        let mut rows = Vec::new();
        ZlibDecoder::new(data.as_slice()).read_to_end(&mut rows).unwrap();
        assert_eq!(rows.len(), size.1 * (3 * size.0 + 1));
        let mut above = vec![0_u8; 3 * size.0];
        let mut pixels = Vec::new();
        for row in rows.chunks_exact(3 * size.0 + 1) {
            assert_eq!(row[0], 2);
            above.iter_mut().zip(&row[1..]).for_each(|(a, b)| *a = a.wrapping_add(*b));
            pixels.extend(above.chunks_exact(3).map(|p| [p[0], p[1], p[2]]));
        }
        (size.0, size.1, pixels)
    }

    /// The pixels of one cell of a line of text.
    fn drawn(text: &str, style: Style) -> Vec<Rgb> {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 1));
        buf.set_string(1, 0, text, style);
        let (width, _, pixels) = read(&write(&cells(&buf, ThemeName::Dark, "t".to_owned(), "a".to_owned())));
        let (top, left) = corner(0, 1);
        (top..top + 38).flat_map(|y| pixels[y * width + left..][..18].to_vec()).collect()
    }

    #[test]
    fn a_file_holds_what_the_cells_show() {
        let ink = |text: &str, style: Style| drawn(text, style).iter().filter(|p| **p == [200, 0, 0]).count();
        let red = Style::new().fg(Color::Rgb(200, 0, 0));
        assert_eq!(ink("█", red), 18 * 38);
        assert_eq!(ink("▄", red), 18 * 19);
        assert_eq!(ink(" ", red), 0);
        assert!(ink("M", red) > 60);
        assert!(ink("M", red.add_modifier(Modifier::BOLD)) > ink("M", red) + 10);
        assert!(ink("i", red.add_modifier(Modifier::UNDERLINED)) > ink("i", red) + 18);
        assert_eq!(ink("█", red.add_modifier(Modifier::DIM)), 0);
        assert_eq!(ink(" ", red.bg(Color::Rgb(0, 0, 9)).add_modifier(Modifier::REVERSED)), 18 * 38);
        // What there is no letter for is a box, and no two letters look alike.
        assert!(ink("語", red) > 40);
        assert_ne!(drawn("a", red), drawn("b", red));
    }

    /// The snapshots of the tests of the dashboard are every view in every state.
    #[test]
    fn whatever_the_views_print_has_a_letter_or_a_shape() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tui/tests/snapshots");
        let mut views = 0;
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            views += usize::from(entry.file_name().to_string_lossy().contains("states_of_"));
            // Names that are there to do harm, in whatever script, may be boxes.
            for (row, line) in text.lines().enumerate().filter(|_| !text.contains("hostile")) {
                let is_drawn = |c: char| c == ' ' || letter(c, false).is_some() || shapes(c, (0.0, 0.0), 1).is_some();
                let missing: String = line.chars().filter(|c| !is_drawn(*c)).collect();
                assert_eq!(missing, "", "line {} of {}", row + 1, entry.path().display());
            }
        }
        assert_eq!(views, crate::tui::views::all().len());
    }

    #[test]
    fn the_smallest_and_a_large_picture_are_of_the_right_size() {
        for size in [(1, 1), (20, 5), (200, 60)] {
            let buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
            let (width, height, _) = read(&write(&cells(&buf, ThemeName::Light, String::new(), String::new())));
            assert_eq!((width, height), (usize::from(size.0) * 18 + 56, usize::from(size.1) * 38 + 56));
        }
    }
}
