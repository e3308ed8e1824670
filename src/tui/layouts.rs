//! Screen layouts as data: the minimum terminal size, and its division into areas with roles.

use super::layout::LEAST;
use super::views::Role;

/// A part of the screen.
#[derive(Debug)]
pub enum Node {
    /// Where the views of these roles stand, in this order.
    Place(&'static [Role]),
    /// Two parts, one above or left of the other.
    Split {
        /// Whether they stand one above the other.
        rows: bool,
        /// How large the parts are.
        cut: Cut,
        /// The upper or left part.
        first: &'static Node,
        /// The lower or right part.
        second: &'static Node,
    },
}

/// How large the parts of a split are.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The part that is measured; the other has the rest.
    pub measured: Measured,
    /// How large it is.
    pub size: Size,
    /// Its least rows or columns.
    pub least: u16,
    /// Its most rows or columns.
    pub most: Most,
}

impl Cut {
    /// Where the first part ends, of so many rows or columns; `content`: rows that show all of the views named.
    pub(super) fn at(&self, whole: u16, content: impl FnOnce(&[Role]) -> u16) -> u16 {
        let part = |over: u16, under: u16| (u32::from(whole) * u32::from(over) / u32::from(under)) as u16;
        let size = match self.size {
            Size::Part(over, under) => part(over, under),
            Size::Content(roles) => content(roles),
        };
        let most = match self.most {
            Most::Cells(cells) => cells,
            Most::Part(over, under) => part(over, under),
        };
        let size = size.max(self.least).min(most).min(whole);
        if self.measured == Measured::First { size } else { whole - size }
    }
}

/// Which part of a split is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The upper or left one.
    First,
    /// The lower or right one.
    Second,
}

/// How large the measured part of a split is.
#[derive(Debug, Clone, Copy)]
pub enum Size {
    /// A part of the whole: numerator and denominator.
    Part(u16, u16),
    /// The rows that show all of the largest view of these roles, with its frame.
    Content(&'static [Role]),
}

/// How large it is at most.
#[derive(Debug, Clone, Copy)]
pub enum Most {
    /// So many rows or columns.
    Cells(u16),
    /// A part of the whole: numerator and denominator.
    Part(u16, u16),
}

/// An arrangement, for terminals of at least so many columns and rows.
#[derive(Debug)]
pub struct Layout {
    /// Columns and rows.
    pub least: (u16, u16),
    /// How what header and footer leave is cut.
    pub root: Node,
}

use Role::{Alert, Answer, Chart, Detail, Evidence, Lead, List, Note, Record};

/// The lower part has what wants attention, in at most so many rows.
const fn attention(rows: u16) -> Cut {
    Cut { measured: Measured::Second, size: Size::Content(&[Alert, Note]), least: 3, most: Most::Cells(rows) }
}

/// The arrangements where a view leads, the largest first: it has the screen, what wants attention has a few rows.
pub static LED: [Layout; 2] = [
    Layout {
        least: (60, 16),
        root: Node::Split {
            rows: true,
            cut: attention(4),
            first: &Node::Place(&[Lead, Chart, Answer, Evidence]),
            second: &Node::Place(&[Alert, Note, Record, List, Detail]),
        },
    },
    Layout { least: LEAST, root: Node::Place(&[Lead, Chart, Answer, Evidence, List, Note, Alert, Record, Detail]) },
];

/// The arrangements, the largest first.
pub static LAYOUTS: [Layout; 4] = [
    // Everything at once: chart over runs, advice over laws, what wants attention across.
    Layout {
        least: (120, 35),
        root: Node::Split {
            rows: true,
            // Records are looked up when wanted; they take no rows from the runs.
            cut: attention(5),
            first: &Node::Split {
                rows: false,
                cut: Cut { measured: Measured::Second, size: Size::Part(3, 8), least: 50, most: Most::Cells(72) },
                first: &Node::Split {
                    rows: true,
                    cut: Cut { measured: Measured::First, size: Size::Part(9, 20), least: 12, most: Most::Part(1, 1) },
                    first: &Node::Place(&[Chart]),
                    second: &Node::Place(&[List, Detail]),
                },
                second: &Node::Split {
                    rows: true,
                    cut: Cut {
                        measured: Measured::First,
                        size: Size::Content(&[Answer]),
                        least: 8,
                        most: Most::Part(13, 20),
                    },
                    first: &Node::Place(&[Answer]),
                    second: &Node::Place(&[Evidence]),
                },
            },
            second: &Node::Place(&[Alert, Note, Record]),
        },
    },
    // Chart and advice over one place that the others share.
    Layout {
        least: (72, 20),
        root: Node::Split {
            rows: true,
            cut: Cut { measured: Measured::First, size: Size::Content(&[Answer]), least: 16, most: Most::Part(11, 20) },
            first: &Node::Split {
                rows: false,
                cut: Cut { measured: Measured::First, size: Size::Part(21, 40), least: 0, most: Most::Part(1, 1) },
                first: &Node::Place(&[Chart]),
                second: &Node::Place(&[Answer]),
            },
            second: &Node::Place(&[List, Evidence, Alert, Note, Record, Detail]),
        },
    },
    // Advice over one place that the others share.
    Layout {
        least: (40, 18),
        root: Node::Split {
            rows: true,
            cut: Cut { measured: Measured::First, size: Size::Content(&[Answer]), least: 5, most: Most::Part(9, 20) },
            first: &Node::Place(&[Answer]),
            second: &Node::Place(&[List, Chart, Evidence, Alert, Note, Record, Detail]),
        },
    },
    // One place for all.
    Layout { least: LEAST, root: Node::Place(&[List, Chart, Answer, Evidence, Note, Alert, Record, Detail]) },
];
