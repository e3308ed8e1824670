//! Runs that began as a dense model: when training from scratch catches up, and whether to go on with the dense model instead.

use crate::tui::fmt::head;
use crate::tui::text::prose;
use crate::tui::theme::Theme;
use crate::vocab::Upcycled;
use crate::vocab::number::show_amount;
use ratatui::text::{Line, Span};

/// Columns of a run's name.
const NAME: usize = 18;

/// What they say together, then a row a run: its tokens, its loss, and the two other ways to spend its compute.
pub(super) fn table(theme: &Theme, found: &Upcycled, width: u16) -> Vec<Line<'static>> {
    let title = format!("{} · upcycled runs", head(&found.metric, 40));
    let mut out = vec![Line::default(), Line::from(Span::styled(title, theme.title))];
    out.extend(prose(&sentence(&found.conclusion()), theme.text, width));
    let columns = format!("{:<NAME$} {:>7} {:>7}  {}", "run", "D", "loss", "training from scratch");
    out.push(Line::from(Span::styled(columns, theme.dim)));
    for run in &found.each {
        let name = head(&run.run, NAME);
        let pad = NAME.saturating_sub(crate::tui::fmt::width(&name));
        let row = format!("{name}{:pad$} {:>7} {:>7.4}  ", "", show_amount(run.tokens), run.loss);
        let scratch = run.beside_scratch().unwrap_or_else(|| "no run of this shape".to_owned());
        let style = if run.scratch.is_some() { theme.text } else { theme.dim };
        out.push(Line::from(vec![Span::styled(row, theme.text), Span::styled(scratch, style)]));
        if let Some(dense) = run.beside_dense() {
            out.push(Line::from(Span::styled(format!("  continuing the dense model: {dense}"), theme.dim)));
        }
    }
    out
}

/// A clause with a capital and a full stop.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}
