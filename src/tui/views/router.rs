//! Routers of the selected run: the loads of one layer's experts over the steps, and how evenly each layer shares out tokens.

mod figures;
mod map;

use super::{Actions, Ask, Cx, Motion, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::ipc::router::{MOST_COLUMNS, RouterAnswer, RouterLayer, RouterQuery};
use crate::tui::action::{Reach, k};
use crate::tui::fmt;
use crate::tui::question::{Answer, Question};
use crate::tui::routed::Routers;
use crate::tui::shared::Shared;
use crate::tui::text::{corner, prose, text_area};
use crate::tui::theme::Theme;
use crate::vocab::RunView;
use crate::vocab::count::counted;
use crate::vocab::text::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

static SPEC: Spec = Spec {
    id: ViewId("router"),
    name: "Router",
    about: "loads of experts, and how evenly each router shares out tokens",
    roles: &[Role::Detail],
    signs: &[(
        "· ░ ▒ ▓ █",
        "load of an expert over an even one: below 5 %, below half, even, above 1.5 times, above 3 times",
    )],
};

/// Rows where it is printed.
const PRINTED: usize = 30;
/// Entropy, as a part of the most, below which tokens are not well shared out, and below which a router has collapsed: the
/// bounds of the alert.
const UNEVEN: (f64, f64) = (0.85, 0.75);

/// The routers.
#[derive(Debug, Clone, Default)]
pub struct Router {
    /// The layer that was chosen, as its keys begin; `None` for the one with the least entropy.
    pub layer: Option<String>,
}

impl Actions for Router {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("router.worst", &[k('W')], "the layer with the least entropy", |view: &mut Self, _| view.layer = None),
        act("router.open", &[k('E')], "routers of the selected run: loads of experts", |_: &mut Self, cx| {
            cx.asks.push(Ask::Focus(SPEC.id));
        })
        .reach(Reach::Everywhere),
    ];
}

impl Router {
    fn query(&self, shared: &Shared, inner: Rect) -> Option<RouterQuery> {
        let run = shared.selected_run().filter(|run| shared.routed.of(run.id) == Routers::Loads)?;
        let columns = u32::from(text_area(inner).width.saturating_sub(map::LABEL)).clamp(8, MOST_COLUMNS);
        Some(RouterQuery { run: run.id, columns, layer: self.layer.clone() })
    }

    /// The selected run, where its trainer logs figures of its routers and no loads.
    fn figured(shared: &Shared) -> Option<&RunView> {
        shared.selected_run().filter(|run| shared.routed.of(run.id) == Routers::Figures)
    }

    /// The answer that has come, be it of another width or layer.
    fn arrived<'a>(&self, shared: &'a Shared) -> Option<&'a RouterAnswer> {
        let run = shared.selected_run()?.id;
        shared.answers.iter().find_map(|answered| match (&answered.question, &answered.answer) {
            (Question::Router(query), Answer::Router(answer)) if query.run == run => Some(answer),
            _ => None,
        })
    }

    /// The layers below the map, the chosen one among them; then how to read them.
    fn table(theme: &Theme, answer: &RouterAnswer, rows: usize, width: u16) -> Vec<Line<'static>> {
        let name = |layer: &RouterLayer| fmt::tail(&layer.layer, 24);
        let names = answer.layers.iter().map(|layer| fmt::width(&name(layer))).max().unwrap_or(5).max(5);
        let head = format!("  {} entropy  busiest  spread  99 % by  dead", fmt::left("layer", names));
        let mut out = vec![Line::from(Span::styled(fmt::head(&head, width.into()), theme.dim))];
        let room = rows.saturating_sub(1).max(1);
        let first = answer.layer.saturating_sub(room / 2).min(answer.layers.len().saturating_sub(room));
        for (place, layer) in answer.layers.iter().enumerate().skip(first).take(room) {
            let now = newest(layer);
            let (mark, style) = if place == answer.layer { ("▸ ", theme.title) } else { ("  ", theme.text) };
            let number = |value: f64, text: String| if value.is_finite() { text } else { "–".to_owned() };
            let dead = layer.dead.len();
            let mut spans = vec![
                Span::styled(mark, theme.focus),
                Span::styled(fmt::left(&name(layer), names), style),
                Span::styled(format!(" {:>7}", number(now, fmt::percent(now))), entropy_style(theme, now)),
                Span::styled(
                    format!(
                        "  {:>7}  {:>6}  {:>7}  ",
                        number(layer.violation, format!("{:.2}×", layer.violation + 1.0)),
                        number(layer.variation, format!("{:.2}", layer.variation)),
                        format!("{} of {}", layer.carry, layer.experts)
                    ),
                    theme.text,
                ),
                Span::styled(format!("{dead:>4}"), if dead > 0 { theme.bad } else { theme.dim }),
            ];
            let used: usize = spans.iter().map(Span::width).sum();
            let left = usize::from(width).saturating_sub(used + 2);
            if left >= 12 {
                spans.push(Span::styled(format!("  {}", fmt::sparkline(&layer.entropy, left.min(40))), theme.band));
            }
            out.push(Line::from(spans));
        }
        out
    }
}

fn newest(layer: &RouterLayer) -> f64 {
    layer.entropy.iter().rev().find(|entropy| entropy.is_finite()).copied().unwrap_or(f64::NAN)
}

fn entropy_style(theme: &Theme, entropy: f64) -> Style {
    match entropy {
        e if e < UNEVEN.1 => theme.bad,
        e if e < UNEVEN.0 => theme.warn,
        e if e.is_finite() => theme.good,
        _ => theme.dim,
    }
}

/// What there is to say of the chosen layer, in a sentence.
fn sentence(answer: &RouterAnswer) -> String {
    let Some(layer) = answer.layers.get(answer.layer) else { return String::new() };
    let short = layer.layer.rsplit('/').next().unwrap_or(&layer.layer);
    let now = newest(layer);
    let mut out = format!("{short}: {}", counted(layer.experts, "expert"));
    if now.is_finite() {
        out.push_str(&format!(
            ", entropy {} of the most, the busiest has {:.1} × an even load, {} carry 99 % of the tokens",
            fmt::percent(now),
            layer.violation + 1.0,
            layer.carry
        ));
    }
    if !layer.dead.is_empty() {
        let named: Vec<String> = layer.dead.iter().take(8).map(u32::to_string).collect();
        let more = if layer.dead.len() > 8 { ", …" } else { "" };
        out.push_str(&format!("; next to no tokens: {}{more}", named.join(", ")));
    }
    printable(&out)
}

impl View for Router {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// There where the selected run logs loads; quiet where a run has experts.
    fn presence(&self, shared: &Shared) -> Presence {
        let selected = shared.selected_run().map_or(Routers::None, |run| shared.routed.of(run.id));
        if selected >= Routers::Figures {
            Presence::There
        } else if shared.routed.most() > Routers::None {
            Presence::Quiet
        } else {
            Presence::Gone
        }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let run = shared.selected_run().map(|run| shared.runs.short(&run.name).to_owned()).unwrap_or_default();
        fmt::head(&format!("Router {run}"), room)
    }

    fn tab(&self, _: &Shared, _: bool) -> String {
        SPEC.name.to_owned()
    }

    fn asks(&self, shared: &Shared, inner: Rect) -> Vec<Question> {
        self.query(shared, inner).map(Question::Router).into_iter().collect()
    }

    fn height(&self, shared: &Shared, _: u16) -> usize {
        let figures = |run: &RunView| figures::table(&shared.theme, run).len();
        match Self::figured(shared) {
            Some(run) => figures(run).min(PRINTED),
            None if self.arrived(shared).is_some() => PRINTED,
            None => 1,
        }
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let (theme, area) = (&shared.theme, text_area(pane.inner));
        if let Some(run) = Self::figured(shared) {
            for (y, line) in (area.y..area.bottom()).zip(&figures::table(theme, run)) {
                buf.set_line(area.x, y, line, area.width);
            }
            return;
        }
        let answer = self.arrived(shared).filter(|answer| !answer.layers.is_empty());
        let Some(answer) = answer else {
            let asked = self.query(shared, pane.inner).map(Question::Router);
            let text = match (&asked, asked.as_ref().and_then(|asked| shared.answer(asked))) {
                (None, _) => "The selected run logs no loads of experts. These are read: moe/layer_0/expert_0/load, \
                     train/TokensPercentage/layer0/expert0, moe_ep_usage/L-0_EP-0; and figures of OLMo-core, LLM Foundry \
                     and NeMo Automodel."
                    .to_owned(),
                (_, Some(Answer::Failed(why))) => format!("The loads cannot be shown: {}.", printable(why)),
                _ => shared.asking("Reading the loads …").to_owned(),
            };
            for (y, line) in (area.y..area.bottom()).zip(&prose(&text, theme.dim, area.width)) {
                buf.set_line(area.x, y, line, area.width);
            }
            return;
        };
        let said = prose(&sentence(answer), theme.text, area.width);
        let said: Vec<_> = said.into_iter().take(if area.height > 10 { 2 } else { 1 }).collect();
        for (y, line) in (area.y..area.bottom()).zip(&said) {
            buf.set_line(area.x, y, line, area.width);
        }
        let top = said.len() as u16;
        let left = area.height.saturating_sub(top);
        let table = (answer.layers.len() as u16 + 1).min(left / 3);
        let high = left - table;
        map::draw(theme, answer, Rect { y: area.y + top, height: high, ..area }, buf);
        let rows = Self::table(theme, answer, table.into(), area.width);
        for (y, line) in (area.y + top + high..area.bottom()).zip(&rows) {
            buf.set_line(area.x, y, line, area.width);
        }
        corner(&format!(" layer {} of {} ", answer.layer + 1, answer.layers.len()), theme.dim, pane.inner, buf);
    }

    /// Lines go from layer to layer.
    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        let Some(answer) = self.arrived(cx.shared) else { return };
        let to = answer.layer.saturating_add_signed(motion.lines(cx.inner.height / 3));
        self.layer = answer.layers.get(to.min(answer.layers.len().saturating_sub(1))).map(|layer| layer.layer.clone());
    }

    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        self.layer.take().is_some()
    }

    fn mouse(&mut self, mouse: super::Mouse, cx: &mut Cx<'_>) -> bool {
        let super::MouseKind::Wheel(by) = mouse.kind else { return false };
        self.step(Motion::Lines(by), cx);
        true
    }

    fn settle(&mut self, _: &mut Cx<'_>) {}
}
