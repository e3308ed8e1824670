use super::*;
use crate::tui::plot::Plot;
use crate::tui::scale::{Scale, read};
use crate::vocab::RatioChart;

fn plot<'a>(chart: &'a RatioChart, theme: &'a Theme, whole: bool) -> Plot<'a> {
    Plot { chart, scale: Scale::of(chart, whole).unwrap(), reading: None, run: None, theme }
}

/// The dots of a braille cell.
fn dots(symbol: &str) -> u32 {
    symbol.chars().next().map_or(0, |c| (c as u32).saturating_sub(0x2800) & 0xff)
}

#[test]
fn the_curve_passes_where_the_numbers_say() {
    let theme = Theme::new(ThemeName::Dark, Depth::True);
    for mut chart in fixture::sweep().charts {
        (chart.current, chart.advised, chart.limit) = (None, None, None);
        chart.points.clear();
        for whole in [false, true] {
            let plot = plot(&chart, &theme, whole);
            for (w, h) in [(86, 14), (40, 9), (160, 40)] {
                let area = Rect::new(0, 0, w, h);
                let mut buf = Buffer::empty(area);
                plot.draw(area, &mut buf);
                let inside = plot.inside(area);
                let mut seen = 0;
                for (share, loss) in chart.shares.iter().zip(&chart.loss) {
                    // To one dot, a quarter of a cell: the curve is drawn where dots are, not where shares are.
                    let dot = (plot.scale.y.1 - plot.scale.y.0) / (4.0 * f64::from(inside.height) - 1.0);
                    let near = [-dot, 0.0, dot].into_iter().filter_map(|d| plot.cell(inside, *share, loss + d));
                    if plot.cell(inside, *share, *loss).is_none() {
                        continue;
                    }
                    let drawn = near.into_iter().any(|at| dots(buf[at].symbol()) != 0);
                    assert!(drawn, "share {share}, loss {loss} of {w}×{h}");
                    seen += 1;
                }
                assert!(seen > 40 || !whole && seen > 35, "{seen} of {} shares are in range", chart.shares.len());
            }
        }
    }
}

#[test]
fn higher_losses_are_higher_up_and_larger_shares_further_right() {
    let theme = Theme::new(ThemeName::Dark, Depth::True);
    let chart = &fixture::sweep().charts[1];
    let plot = plot(chart, &theme, true);
    let inside = plot.inside(Rect::new(3, 2, 80, 20));
    let cell = |share: f64| plot.cell(inside, share, read(chart, share).unwrap().0).unwrap();
    assert!(cell(0.0).1 < cell(0.2).1 && cell(0.2).1 < cell(1.0).1);
    assert_eq!((cell(0.0).0, cell(1.0).0), (inside.x, inside.right() - 1));
}

#[test]
fn the_two_mixtures_are_marked_on_curve_and_axis() {
    let theme = Theme::new(ThemeName::Dark, Depth::True);
    let chart = &fixture::sweep().charts[1];
    let plot = plot(chart, &theme, false);
    let area = Rect::new(0, 0, 86, 14);
    let mut buf = Buffer::empty(area);
    plot.draw(area, &mut buf);
    let inside = plot.inside(area);
    for (share, sign) in [(0.2, "◇"), (0.74, "◆")] {
        let (x, y) = plot.cell(inside, share, read(chart, share).unwrap().0).unwrap();
        assert_eq!((buf[(x, y)].symbol(), buf[(x, inside.bottom())].symbol()), (sign, sign));
    }
}

#[test]
fn observed_points_are_where_they_were_moved_to_and_none_is_silently_left_out() {
    let theme = Theme::new(ThemeName::Dark, Depth::True);
    let mut chart = fixture::sweep().charts[1].clone();
    (chart.current, chart.advised) = (None, None);
    let plot = plot(&chart, &theme, false);
    let area = Rect::new(0, 0, 86, 30);
    let mut buf = Buffer::empty(area);
    plot.draw(area, &mut buf);
    let inside = plot.inside(area);
    for point in &chart.points {
        let (at, signs) = match plot.cell(inside, point.share, point.at_target) {
            Some(at) => (at, "∘○◎●"),
            None => (plot.cell(inside, point.share, plot.scale.y.1).unwrap(), "↑"),
        };
        assert!(signs.contains(buf[at].symbol()), "{} is {:?}", point.run, buf[at].symbol());
    }
}

#[test]
fn only_rows_that_can_be_seen_are_drawn_and_scrolling_follows_the_cursor() {
    let mut m = model(fixture::many(3000), (140, 40));
    let first = screen(&m);
    assert!(first.contains("1–16 of 3000"), "{first}");
    press(&mut m, KeyCode::End);
    let last = screen(&m);
    assert!(last.contains("2985–3000 of 3000"), "{last}");
    assert!(last.contains("029/runs/n99k-r020"), "{last}");
    press(&mut m, KeyCode::Up);
    assert!(screen(&m).contains("2985–3000 of 3000"), "the cursor moved inside the page");
}
