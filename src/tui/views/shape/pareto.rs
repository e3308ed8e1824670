//! Shapes of which no other has both a lower loss and takes less memory.

use crate::tui::theme::Theme;
use crate::vocab::ShapeFront;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use ratatui::text::{Line, Span};

/// The front in a table, cheapest first; dim where no run reaches.
pub(super) fn table(theme: &Theme, front: &ShapeFront) -> Vec<Line<'static>> {
    let title = format!("loss against {} · {} FLOPs", front.cost.words(), significant(front.compute, 2));
    let head = format!("{:>9} {:>5} {:>8} {:>8} {:>8} {:>8}", "", "E", "N", "active", "D", "loss");
    let mut out =
        vec![Line::default(), Line::from(Span::styled(title, theme.title)), Line::from(Span::styled(head, theme.dim))];
    for point in &front.points {
        let scale = &point.scale;
        let row = format!(
            "{:>9} {:>5} {:>8} {:>8} {:>8} {:>8.4}",
            front.cost.show(point.cost),
            scale.moe.map_or_else(|| "1".to_owned(), |moe| show_amount(moe.experts)),
            show_amount(scale.params),
            show_amount(scale.active_params()),
            show_amount(scale.tokens),
            point.loss
        );
        let style = if point.supported { theme.text } else { theme.dim };
        let said = match &point.run {
            Some(run) => format!(" measured: {}", printable(run)),
            None if point.supported => String::new(),
            None => " no run reaches there".to_owned(),
        };
        out.push(Line::from(vec![Span::styled(row, style), Span::styled(said, theme.dim)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};
    use crate::vocab::FrontCost;

    #[test]
    fn each_shape_has_a_row_that_says_whether_runs_reach_it() {
        let published = crate::laws::published::get("joint-moe").unwrap();
        let budget = crate::project::Budget::default();
        let mut front = crate::advise::published_front(published, &budget, 1e21, FrontCost::Memory).unwrap();
        front.points[1].supported = true;
        front.points[2].run = Some("best\u{1b}[31m".to_owned());
        let lines: Vec<String> =
            table(&Theme::new(ThemeName::Mono, Depth::True), &front).iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 3 + front.points.len(), "{lines:#?}");
        assert!(lines[1].starts_with("loss against memory for serving · 1.0e21 FLOPs"), "{lines:#?}");
        assert!(lines[3].contains("822 MB     1     411M") && lines[3].ends_with("no run reaches there"), "{lines:#?}");
        assert!(lines[4].trim_end().ends_with("2.4335") && !lines[5].contains('\u{1b}'), "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    }
}
