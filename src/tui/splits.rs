//! Edges between views that the user has dragged: how large the first part of each is.

use super::layout::Arrangement;
use ratatui::layout::Rect;
use std::collections::BTreeMap;

/// Rows or columns that each part keeps.
const LEAST: u16 = 4;

/// Parts that edges have been dragged to, in thousandths of the whole, by the name of the split.
pub type Splits = BTreeMap<String, u16>;

/// An edge between two parts of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Name of the split: the arrangement and the way to it. The same at all sizes of an arrangement.
    pub name: String,
    /// Both parts.
    pub area: Rect,
    /// Whether they stand one above the other.
    pub rows: bool,
    /// Rows or columns of the first.
    pub at: u16,
}

impl Edge {
    /// Whether it is at a cell: the last row of the upper part; the last column of the left part and the first of the right.
    fn contains(&self, column: u16, row: u16) -> bool {
        if !self.area.contains((column, row).into()) {
            return false;
        }
        if self.rows {
            row + 1 == self.area.y + self.at
        } else {
            let edge = self.area.x + self.at;
            column + 1 == edge || column == edge
        }
    }

    /// Where it goes when it is dragged to a cell, in thousandths; `None` where there is no room to move it.
    pub fn dragged(&self, column: u16, row: u16) -> Option<u16> {
        let (whole, to) = if self.rows {
            (self.area.height, row.saturating_sub(self.area.y) + 1)
        } else {
            (self.area.width, column.saturating_sub(self.area.x) + 1)
        };
        (whole > 2 * LEAST).then(|| {
            let to = u32::from(to.clamp(LEAST, whole - LEAST));
            // Rounded so that `at` gives the same cell again.
            (to * 1000).div_ceil(u32::from(whole)) as u16
        })
    }
}

/// Where a split that was dragged is cut, of so many rows or columns; `None` where it was not, or where there is no room.
#[must_use]
pub fn at(splits: &Splits, name: &str, whole: u16) -> Option<u16> {
    let part = u32::from(*splits.get(name)?);
    (whole > 2 * LEAST).then(|| ((u32::from(whole) * part / 1000) as u16).clamp(LEAST, whole - LEAST))
}

/// The edge at a cell: the innermost, where several meet.
#[must_use]
pub fn edge_at(plan: &Arrangement, column: u16, row: u16) -> Option<Edge> {
    plan.edges.iter().rfind(|edge| edge.contains(column, row)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_goes_where_it_is_dragged_and_leaves_both_parts_some_room() {
        for whole in 9..=200_u16 {
            let edge = |rows| Edge { name: "e".to_owned(), area: Rect::new(3, 5, whole, whole), rows, at: 4 };
            for to in 0..whole + 9 {
                for (edge, column, row) in [(edge(true), 50, 5 + to), (edge(false), 3 + to, 20)] {
                    let part = edge.dragged(column, row).expect("room");
                    let cut = at(&Splits::from([("e".to_owned(), part)]), "e", whole);
                    assert_eq!(cut, Some((to + 1).clamp(LEAST, whole - LEAST)), "{whole} {to}");
                }
            }
        }
        assert_eq!(at(&Splits::from([("e".to_owned(), 500)]), "e", 8), None);
        assert_eq!(at(&Splits::from([("e".to_owned(), 60_000)]), "e", 20), Some(16), "from a file of memory");
    }
}
