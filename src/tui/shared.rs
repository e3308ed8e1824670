//! State shared by all views: the snapshot, the theme, and the user's selection.
//!
//! What only one view needs is that view's own state, and lives in it.

use super::curves::CurveSet;
use super::filter::Filter;
pub use super::losses::{Loss, losses};
use super::marks::Marks;
use super::metric_list::MetricList;
use super::order::{self, Sort};
use super::prediction::Prediction;
use super::question::{Answer, Answered, Question};
use super::routed::Routed;
use super::theme::Theme;
use crate::vocab::{FitView, MetricUnit, RatioChart, RunView, Snapshot};
use std::collections::BTreeSet;
use std::sync::Arc;

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

/// The runs that pass the filter, in order, and the one that is selected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunList {
    /// Indices into `snapshot.runs`: those that pass the filter, sorted.
    pub order: Vec<usize>,
    /// The selected run, by its number: it stays selected when the order changes.
    pub selected: Option<u32>,
    /// Column and direction.
    pub sort: Sort,
    /// Words that must all occur in a run's name or state.
    pub filter: String,
    /// Runs that curves leave out, by number.
    pub hidden: BTreeSet<u32>,
    /// Runs whose curves are drawn wherever they stand in the list, by number.
    pub pinned: BTreeSet<u32>,
    /// Where it is not empty, curves leave out all runs but these and the pinned ones, by number.
    pub only: BTreeSet<u32>,
    /// What is remembered of runs that have not come yet.
    pub waiting: Marks,
    /// Columns that the user has named: facts, losses, metrics, `tags`, `note`.
    pub columns: Vec<String>,
    /// The folders that all names start with, which lists leave out.
    pub prefix: String,
}

impl RunList {
    /// Whether the curves of a run are left out.
    #[must_use]
    pub fn leaves_out(&self, run: u32) -> bool {
        let others = !self.only.is_empty() && !self.only.contains(&run) && !self.pinned.contains(&run);
        others || self.hidden.contains(&run)
    }

    /// Where in `order` the selected run is.
    #[must_use]
    pub fn cursor(&self, snapshot: &Snapshot) -> Option<usize> {
        let id = self.selected?;
        self.order.iter().position(|i| snapshot.runs[*i].id == id)
    }

    /// A run's name without the folders that all names start with.
    #[must_use]
    pub fn short<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(self.prefix.as_str()).unwrap_or(name)
    }
}

/// What all views share.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
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
    /// Whether the focused view has the whole screen.
    pub zoomed: bool,
    /// How things look.
    pub theme: Theme,
    /// The list of runs and the selected one.
    pub runs: RunList,
    /// Which runs of the snapshot say something of routers.
    pub routed: Routed,
    /// The metric whose curves are drawn, by its key, as chosen by the user; `None`: the first there is.
    pub metric: Option<String>,
    /// The metrics that curves can be drawn of.
    pub drawable: MetricList,
    /// The metrics of one run that have charts.
    pub charted: MetricList,
    /// The curves that came last.
    pub curves: Option<Arc<CurveSet>>,
    /// The prediction that came last.
    pub prediction: Option<Arc<Prediction>>,
    /// The answers to what views ask that came last.
    pub answers: Arc<Vec<Answered>>,
    /// The step that was read in a curve, and at which the log is to be shown; until it is.
    pub reading: Option<i64>,
    /// The chart chosen by the user, an index into `snapshot.charts`; `None`: as many as fit, the main one first.
    pub chart: Option<usize>,
    /// The fit chosen by the user, an index into `snapshot.fits`; `None`: the one the main chart rests on.
    pub fit: Option<usize>,
}

impl Shared {
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
            zoomed: false,
            theme,
            runs: RunList::default(),
            routed: Routed::default(),
            metric: None,
            drawable: MetricList::default(),
            charted: MetricList::default(),
            curves: None,
            prediction: None,
            answers: Arc::default(),
            reading: None,
            chart: None,
            fit: None,
        }
    }

    /// Takes a snapshot to the screen, keeping what the user had chosen as far as it still exists.
    pub fn show(&mut self, snapshot: Arc<Snapshot>) {
        self.chart = self.chart.filter(|i| *i < snapshot.charts.len());
        self.fit = self.fit.filter(|i| *i < snapshot.fits.len());
        let before = self.cursor();
        self.runs.prefix = order::common_folders(&snapshot);
        self.routed.look(&snapshot.runs);
        let list = &mut self.runs;
        let marked = [&mut list.hidden, &mut list.pinned, &mut list.only];
        list.waiting.come(&snapshot, marked, &mut list.selected);
        self.snapshot = Some(snapshot);
        self.age = 0.0;
        self.place(before);
    }

    /// Filters and sorts the runs again. The only work here that grows with their number, so it is done when a
    /// snapshot, the filter or the sort changes, and never when drawing.
    pub fn reorder(&mut self) {
        self.place(self.cursor());
    }

    /// The unit of a metric: the project's, else what its key says.
    #[must_use]
    pub fn unit(&self, key: &str) -> MetricUnit {
        let measured = self.snapshot.iter().flat_map(|snapshot| &snapshot.measured).find(|metric| metric.key == key);
        measured.map_or_else(|| MetricUnit::of_key(key), |metric| metric.unit)
    }

    /// Puts the selected run into a set of runs, or takes it out.
    pub fn toggle(&mut self, set: impl FnOnce(&mut RunList) -> &mut BTreeSet<u32>) {
        if let Some(id) = self.selected_run().map(|run| run.id) {
            let set = set(&mut self.runs);
            if !set.remove(&id) {
                set.insert(id);
            }
        }
    }

    /// Selects the run so many places further down the list.
    pub fn step_run(&mut self, by: isize) {
        let Some(snapshot) = &self.snapshot else { return };
        let cursor = self.runs.cursor(snapshot).unwrap_or(0);
        self.runs.waiting.selected = None;
        let to = cursor.saturating_add_signed(by).min(self.runs.order.len().saturating_sub(1));
        self.runs.selected = self.runs.order.get(to).map(|i| snapshot.runs[*i].id);
    }

    /// Where the selected run is in the list.
    fn cursor(&self) -> Option<usize> {
        self.runs.cursor(self.snapshot.as_ref()?)
    }

    fn place(&mut self, before: Option<usize>) {
        let Some(snapshot) = self.snapshot.clone() else { return };
        self.runs.order =
            order::order(&snapshot, &self.runs.prefix, &self.runs.filter, self.runs.sort, &self.runs.columns);
        if self.runs.cursor(&snapshot).is_none() {
            // What was selected is gone: whatever took its place is selected.
            let near = before.unwrap_or(0).min(self.runs.order.len().saturating_sub(1));
            self.runs.selected = self.runs.order.get(near).map(|i| snapshot.runs[*i].id);
        }
    }

    /// Names of what the table shows, sorts or filters by, in lower case and in order, each once: metrics of these names are
    /// wanted of every run.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let filter = Filter::of(&self.runs.filter);
        let columns = self.runs.columns.iter().map(|name| name.to_lowercase());
        let mut names: Vec<String> = columns.chain(filter.names().map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The answer to a question, where it has come.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Option<&Answer> {
        self.answers.iter().find(|answered| answered.question == *question).map(|answered| &answered.answer)
    }

    /// What stands where an answer will: `words`, unless there is nobody to ask.
    #[must_use]
    pub fn asking<'a>(&self, words: &'a str) -> &'a str {
        if matches!(self.link, Link::Lost(_)) { "Nobody answers: the daemon is gone." } else { words }
    }

    /// Whether there is room for empty lines between paragraphs.
    #[must_use]
    pub fn is_roomy(&self) -> bool {
        self.size.1 >= 35 || self.zoomed
    }

    /// The selected run.
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

/// What a metric is called on screen, safe to show: its domain where it is the validation loss of one, or its key.
#[must_use]
pub fn label(snapshot: &Snapshot, key: &str) -> String {
    let name = losses(snapshot).into_iter().find(|l| l.key == key).map_or(key, |l| l.label);
    crate::vocab::text::printable(name)
}
