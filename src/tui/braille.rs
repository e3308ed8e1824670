//! A grid of braille dots, two by four to a cell: lines at eight times the resolution of characters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Dots of one colour each cell: what is drawn later wins the cell's colour, and dots drawn before stay unless they are
/// wiped.
#[derive(Debug, Clone)]
pub struct Grid {
    columns: usize,
    rows: usize,
    cells: Vec<(u8, Style)>,
}

impl Grid {
    /// No dots, for an area of that many cells.
    #[must_use]
    pub fn new(columns: u16, rows: u16) -> Self {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Self { columns, rows, cells: vec![(0, Style::new()); columns * rows] }
    }

    /// Dots across and down.
    #[must_use]
    pub fn size(&self) -> (i32, i32) {
        (self.columns as i32 * 2, self.rows as i32 * 4)
    }

    /// Sets a dot; `(0, 0)` is the upper left one. Outside is nowhere.
    pub fn set(&mut self, x: i32, y: i32, style: Style) {
        // Bits of U+2800: the first three rows fill the low six bits, the fourth row came later.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let (w, h) = self.size();
        if x < 0 || y < 0 || x >= w || y >= h {
            return;
        }
        let cell = &mut self.cells[(y as usize / 4) * self.columns + x as usize / 2];
        cell.0 |= BITS[x as usize % 2][y as usize % 4];
        cell.1 = style;
    }

    /// Removes the dots of the cell that holds this dot, so that a line stands clear of what lies under it.
    pub fn wipe(&mut self, x: i32, y: i32) {
        let (w, h) = self.size();
        if x >= 0 && y >= 0 && x < w && y < h {
            self.cells[(y as usize / 4) * self.columns + x as usize / 2].0 = 0;
        }
    }

    /// A line between two dots, both included.
    pub fn line(&mut self, from: (i32, i32), to: (i32, i32), style: Style) {
        for (x, y) in between(from, to) {
            self.set(x, y, style);
        }
    }

    /// The places of the cells that have dots.
    pub fn drawn(&self, area: Rect) -> impl Iterator<Item = (u16, u16)> {
        let columns = self.columns;
        let dotted = self.cells.iter().enumerate().filter(|(_, (dots, _))| *dots != 0);
        dotted.map(move |(i, _)| (area.x + (i % columns) as u16, area.y + (i / columns) as u16))
    }

    /// The dots as lines of text, all in the colour of the reader's choice.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        let glyph = |dots: u8| if dots == 0 { ' ' } else { char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ') };
        self.cells.chunks(self.columns.max(1)).map(|row| row.iter().map(|(dots, _)| glyph(*dots)).collect()).collect()
    }

    /// Writes the cells that have dots.
    pub fn draw(&self, area: Rect, buf: &mut Buffer) {
        for (i, (dots, style)) in self.cells.iter().enumerate().filter(|(_, (dots, _))| *dots != 0) {
            let at = (area.x + (i % self.columns) as u16, area.y + (i / self.columns) as u16);
            if let (Some(cell), Some(glyph)) = (buf.cell_mut(at), char::from_u32(0x2800 + u32::from(*dots))) {
                cell.set_char(glyph).set_style(*style);
            }
        }
    }
}

/// The dots of a straight line (Bresenham).
pub fn between(from: (i32, i32), to: (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let steps = dx.abs().max(dy.abs());
    (0..=steps).map(move |i| {
        let at = |a: i32, d: i32| if steps == 0 { a } else { a + (2 * d * i + steps * d.signum()) / (2 * steps) };
        (at(from.0, dx), at(from.1, dy))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_have_the_bits_of_unicode() {
        let mut grid = Grid::new(2, 1);
        for (x, y) in [(0, 0), (0, 3), (3, 3), (9, 9), (-1, 0)] {
            grid.set(x, y, Style::new());
        }
        let area = Rect::new(0, 0, 2, 1);
        let mut buf = Buffer::empty(area);
        grid.draw(area, &mut buf);
        assert_eq!((buf[(0, 0)].symbol(), buf[(1, 0)].symbol()), ("⡁", "⢀"));
    }

    #[test]
    fn a_line_has_no_gaps_and_meets_its_ends() {
        for to in [(7, 3), (-5, 9), (0, 0), (4, -4), (0, 6)] {
            let dots: Vec<(i32, i32)> = between((1, 1), to).collect();
            assert_eq!((dots.first(), dots.last()), (Some(&(1, 1)), Some(&to)));
            assert!(dots.windows(2).all(|w| (w[1].0 - w[0].0).abs() <= 1 && (w[1].1 - w[0].1).abs() <= 1));
        }
    }
}
