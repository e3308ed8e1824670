//! What the dashboard shows and where the user is in it.

use super::order::{self, Sort};
use super::theme::Theme;
use crate::vocab::{FitView, RatioChart, RunView, Snapshot};
use std::sync::Arc;

/// The panels one can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Panel {
    /// Loss against ratio.
    Chart,
    /// What to change.
    Advice,
    /// The table of runs.
    #[default]
    Runs,
    /// The fits.
    Laws,
    /// What the user should know.
    Notices,
    /// What was told of runs.
    Signals,
    /// How forecasts have fared.
    Ledger,
}

impl Panel {
    /// In the order of Tab and of the digits.
    pub const ALL: [Self; 7] =
        [Self::Runs, Self::Chart, Self::Advice, Self::Laws, Self::Notices, Self::Signals, Self::Ledger];

    /// The title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Chart => "Chart",
            Self::Advice => "Advice",
            Self::Runs => "Runs",
            Self::Laws => "Laws",
            Self::Notices => "Notices",
            Self::Signals => "Signals",
            Self::Ledger => "Ledger",
        }
    }
}

/// What lies over the panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The keys.
    Help,
    /// Everything about the selected run.
    Detail,
    /// "Stop the daemon?"
    ConfirmStop,
}

/// Where the snapshots come from, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Link {
    /// Nothing has come yet.
    #[default]
    Waiting,
    /// As it should be.
    Live,
    /// None come any more, and why.
    Lost(String),
}

/// The table of runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// Indices into `snapshot.runs`: those that pass the filter, sorted.
    pub order: Vec<usize>,
    /// The run under the cursor, by its number: it stays under it when the order changes.
    pub selected: Option<u32>,
    /// First visible row, an index into `order`.
    pub offset: usize,
    /// Column and direction.
    pub sort: Sort,
    /// Words that must all occur in a run's name or state.
    pub filter: String,
    /// Whether keys go into the filter.
    pub editing: bool,
    /// The folders that all names start with, which the table leaves out.
    pub prefix: String,
}

impl Runs {
    /// Where in `order` the selected run is.
    #[must_use]
    pub fn cursor(&self, snapshot: &Snapshot) -> Option<usize> {
        let id = self.selected?;
        self.order.iter().position(|i| snapshot.runs[*i].id == id)
    }
}

/// A validation loss: what it is called on screen and what its key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss<'a> {
    /// The domain it is measured on, or the key where it belongs to none.
    pub label: &'a str,
    /// Key of the metric.
    pub key: &'a str,
}

/// The state of the dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// What is on screen.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The newest snapshot that has come while frozen.
    pub pending: Option<Arc<Snapshot>>,
    /// Whether the screen stands still.
    pub frozen: bool,
    /// Where snapshots come from.
    pub link: Link,
    /// Seconds since the snapshot on screen arrived.
    pub age: f64,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The panel that keys go to.
    pub focus: Panel,
    /// The panel that was last in the pane where panels share one place.
    pub tab: Panel,
    /// Whether the focused panel has the whole screen.
    pub zoomed: bool,
    /// What lies over the panels.
    pub overlay: Overlay,
    /// First line of the overlay.
    pub overlay_scroll: usize,
    /// The table of runs.
    pub runs: Runs,
    /// The chart chosen by the user, an index into `snapshot.charts`; `None`: as many as fit, the main one first.
    pub chart: Option<usize>,
    /// The reading line of the chart, an index into its shares.
    pub reading: Option<usize>,
    /// Whether the chart's loss axis spans the whole curve, or only the part worth reading.
    pub whole_range: bool,
    /// The fit chosen by the user, an index into `snapshot.fits`; `None`: the one the main chart rests on.
    pub fit: Option<usize>,
    /// First line of the advice.
    pub advice_scroll: usize,
    /// First line of the laws.
    pub laws_scroll: usize,
    /// First line of the notices.
    pub notices_scroll: usize,
    /// First line of the signals.
    pub signals_scroll: usize,
    /// First line of the ledger.
    pub ledger_scroll: usize,
    /// How things look.
    pub theme: Theme,
}

impl Model {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(theme: Theme, size: (u16, u16)) -> Self {
        Self {
            snapshot: None,
            pending: None,
            frozen: false,
            link: Link::Waiting,
            age: 0.0,
            size,
            focus: Panel::default(),
            tab: Panel::default(),
            zoomed: false,
            overlay: Overlay::None,
            overlay_scroll: 0,
            runs: Runs::default(),
            chart: None,
            reading: None,
            whole_range: false,
            fit: None,
            advice_scroll: 0,
            laws_scroll: 0,
            notices_scroll: 0,
            signals_scroll: 0,
            ledger_scroll: 0,
            theme,
        }
    }

    /// A model that shows one snapshot: what pictures and text are made from.
    #[must_use]
    pub fn showing(snapshot: Arc<Snapshot>, theme: Theme, size: (u16, u16)) -> Self {
        let mut model = Self::new(theme, size);
        model.link = Link::Live;
        model.show(snapshot);
        model
    }

    /// Takes a snapshot to the screen, keeping what the user had chosen as far as it still exists.
    pub fn show(&mut self, snapshot: Arc<Snapshot>) {
        self.chart = self.chart.filter(|i| *i < snapshot.charts.len());
        self.fit = self.fit.filter(|i| *i < snapshot.fits.len());
        let before = self.cursor();
        self.runs.prefix = order::common_folders(&snapshot);
        self.snapshot = Some(snapshot);
        self.age = 0.0;
        self.place(before);
    }

    /// Filters and sorts the runs again. The only work here that grows with their number, so it is done when a
    /// snapshot, the filter or the sort changes, and never when drawing.
    pub fn reorder(&mut self) {
        self.place(self.cursor());
    }

    /// Where the cursor is in the table.
    fn cursor(&self) -> Option<usize> {
        self.runs.cursor(self.snapshot.as_ref()?)
    }

    fn place(&mut self, before: Option<usize>) {
        let Some(snapshot) = self.snapshot.clone() else { return };
        self.runs.order = order::order(&snapshot, &self.runs.prefix, &self.runs.filter, self.runs.sort);
        if self.runs.cursor(&snapshot).is_none() {
            // What was selected is gone: whatever took its place is selected.
            let near = before.unwrap_or(0).min(self.runs.order.len().saturating_sub(1));
            self.runs.selected = self.runs.order.get(near).map(|i| snapshot.runs[*i].id);
        }
    }

    /// Whether a panel has something to show, or is always there.
    #[must_use]
    pub fn has(&self, panel: Panel) -> bool {
        let Some(snapshot) = &self.snapshot else { return false };
        match panel {
            Panel::Notices => !snapshot.notices.is_empty(),
            Panel::Signals => snapshot.runs.iter().any(|run| !run.signals.is_empty()),
            Panel::Ledger => super::panels::ledger::has_any(&snapshot.ledger),
            Panel::Chart | Panel::Advice | Panel::Runs | Panel::Laws => true,
        }
    }

    /// The run under the cursor.
    #[must_use]
    pub fn selected_run(&self) -> Option<&RunView> {
        let snapshot = self.snapshot.as_ref()?;
        Some(&snapshot.runs[self.runs.order[self.runs.cursor(snapshot)?]])
    }

    /// The chart that comes first: the one the user chose, or the loss of the very domain whose ratio is on the axis.
    #[must_use]
    pub fn main_chart(&self) -> Option<(usize, &RatioChart)> {
        let snapshot = self.snapshot.as_ref()?;
        let own = || snapshot.charts.iter().position(|c| snapshot.metrics.get(&c.domain) == Some(&c.metric));
        let index = self.chart.or_else(own).unwrap_or(0);
        Some((index, snapshot.charts.get(index)?))
    }

    /// The fit whose parameters are shown: the one the user chose, or the one the main chart rests on.
    #[must_use]
    pub fn main_fit(&self) -> Option<(usize, &FitView)> {
        let snapshot = self.snapshot.as_ref()?;
        let of_chart = || {
            let metric = &self.main_chart()?.1.metric;
            snapshot.fits.iter().position(|f| f.chosen && f.metric == *metric)
        };
        let index = self.fit.or_else(of_chart).unwrap_or(0);
        Some((index, snapshot.fits.get(index)?))
    }
}

/// The validation losses in the order of the domains, those of no domain left out.
#[must_use]
pub fn losses(snapshot: &Snapshot) -> Vec<Loss<'_>> {
    snapshot.domains.iter().filter_map(|d| Some(Loss { label: d, key: snapshot.metrics.get(d)? })).collect()
}

/// What a metric is called on screen: its domain where it is the validation loss of one, or its key.
#[must_use]
pub fn label<'a>(snapshot: &'a Snapshot, key: &'a str) -> &'a str {
    losses(snapshot).into_iter().find(|l| l.key == key).map_or(key, |l| l.label)
}
