//! `mixlaw predict`: losses for a size, a token count and a mixture.

use super::output::{print, print_json, table};
use super::session::Session;
use super::sweep::{self, Amounts, Mixtures};
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, PredictQuery, Query};
use crate::vocab::number::{parse_amount, show_amount, show_times};
use crate::vocab::text::printable;
use crate::vocab::{BeyondRuns, Forecast, MetricUnit, PredictAnswer};
use clap::Args;
use std::collections::BTreeSet;

/// Said of many places of which some lie beyond the runs' mixtures.
const BEYOND: &str = "Beyond the runs' mixtures, intervals are wider by what held-out errors grow with the distance, where these say so.";

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    #[command(flatten)]
    project: ProjectArg,
    /// N, parameters: one value (7B, 7e9), a list (1B,2B) or a range (1B:8B:1B) [default: the target's]
    #[arg(long, value_name = "N", value_parser = sweep::amounts)]
    params: Option<Amounts>,
    /// D, training tokens: one value (20B, 20e9), a list or a range [default: the target's]
    #[arg(long, value_name = "D", value_parser = sweep::amounts)]
    tokens: Option<Amounts>,
    /// Active parameters per token of a mixture-of-experts model
    #[arg(long, value_name = "N", value_parser = parse_amount)]
    active_params: Option<f64>,
    /// E, experts per layer (1 for a dense model)
    #[arg(long, value_name = "E", value_parser = parse_amount)]
    experts: Option<f64>,
    /// K, experts per token
    #[arg(long, value_name = "K", value_parser = parse_amount)]
    experts_per_token: Option<f64>,
    /// G, granularity: fine-grained experts that replace one full-size expert
    #[arg(long, value_name = "G", value_parser = parse_amount)]
    granularity: Option<f64>,
    /// Mixture weights (prose=0.7,rust=0.3) or a range (rust=0:1:0.05); domains you leave out share the rest in their
    /// current proportions [default: the current mixture]
    #[arg(long, value_name = "WEIGHTS", value_parser = sweep::mixtures)]
    mixture: Option<Mixtures>,
    /// Print CSV, one row per prediction and loss
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON (schemas/predict.schema.json)
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let places = self.places()?;
        let count = places.len();
        let answer: PredictAnswer = Session::open(&self.project.project)?.ask(Query::Predict(places))?;
        if self.json {
            print_json(&answer)?;
        } else if self.csv {
            print(&csv(&answer.forecasts)?)?;
        } else if count == 1 {
            print(&show(&answer.forecasts))?;
        } else {
            print(&many(&answer.forecasts))?;
        }
        Ok(Outcome::Done)
    }

    /// Every combination of the swept values; mixtures change fastest.
    fn places(&self) -> Result<Vec<PredictQuery>, Failure> {
        let amounts = |of: &Option<Amounts>| match of {
            None => vec![None],
            Some(Amounts(all)) => all.iter().copied().map(Some).collect(),
        };
        let (params, tokens) = (amounts(&self.params), amounts(&self.tokens));
        let mixtures = match &self.mixture {
            None => vec![None],
            Some(Mixtures(all)) => all.iter().cloned().map(Some).collect(),
        };
        let count = params.len() * tokens.len() * mixtures.len();
        if count > sweep::MOST {
            return Err(Failure::usage(
                format!("the ranges give {count} predictions; the maximum is {}", sweep::MOST),
                "use larger steps".to_owned(),
            ));
        }
        let mut places = Vec::with_capacity(count);
        for params in &params {
            for tokens in &tokens {
                for mixture in &mixtures {
                    places.push(PredictQuery {
                        params: *params,
                        tokens: *tokens,
                        active_params: self.active_params,
                        experts: self.experts,
                        experts_per_token: self.experts_per_token,
                        granularity: self.granularity,
                        mixture: mixture.clone(),
                    });
                }
            }
        }
        Ok(places)
    }
}

fn show(forecasts: &[Forecast]) -> String {
    let Some(first) = forecasts.first() else { return String::new() };
    let mixture: Vec<String> = first.mixture.0.iter().map(|(d, w)| format!("{d} {:.1} %", w * 100.0)).collect();
    let mut out = format!(
        "N {} · D {} · {}{}\n\n",
        show_amount(first.params),
        show_amount(first.tokens),
        first.moe.map_or_else(String::new, |moe| format!("{moe} · ")),
        printable(&mixture.join(", "))
    );
    let units: BTreeSet<&str> = forecasts.iter().map(|forecast| unit(forecast)).collect();
    let head = match units.first() {
        Some(only) if units.len() == 1 => format!(">{only}"),
        _ => ">value".to_owned(),
    };
    let mut rows: Vec<Vec<String>> =
        vec![["loss", &head, ">5 %", ">95 %", "law", "outside the data"].map(str::to_owned).to_vec()];
    for forecast in forecasts {
        rows.push(vec![
            forecast.metric.clone(),
            number(forecast, forecast.interval.value),
            number(forecast, forecast.interval.low),
            number(forecast, forecast.interval.high),
            forecast.law.clone(),
            outside(forecast),
        ]);
    }
    out.push_str(&table(&rows));
    if let Some(said) = BeyondRuns::said(beyond(forecasts)) {
        out.push_str(&format!("\n{}\n", printable(&said)));
    }
    out.push_str(&measured(forecasts));
    out
}

/// Word for the unit of a forecast, as a heading.
fn unit(forecast: &Forecast) -> &'static str {
    match forecast.measure.unit {
        MetricUnit::Nats => "nats",
        MetricUnit::Bits => "bits",
        MetricUnit::Perplexity => "perplexity",
        MetricUnit::Accuracy => "accuracy",
        MetricUnit::Percent => "percent",
    }
}

/// What was measured at or near the place, a line for each loss.
fn measured(forecasts: &[Forecast]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for measured in forecasts.iter().filter_map(|forecast| forecast.measured.as_ref()) {
        for (metric, loss) in &measured.losses {
            let (n, d) = (show_amount(measured.params), show_amount(measured.tokens));
            let line = format!("measured near here: {metric} {loss:.4} by {} (N {n} · D {d})", measured.run);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() { String::new() } else { format!("\n{}", printable_lines(&lines)) }
}

fn printable_lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{}\n", printable(line))).collect()
}

/// A loss, or a dash where the law does not see what is asked.
fn number(forecast: &Forecast, value: f64) -> String {
    if forecast.unseen.is_empty() { format!("{value:.4}") } else { "–".to_owned() }
}

/// Distance from the data, as text; empty inside the data.
fn outside(forecast: &Forecast) -> String {
    let mut outside = Vec::new();
    if !forecast.unseen.is_empty() {
        outside.push(format!("ranks only: the law does not see {}", forecast.unseen.join(", ")));
    }
    if forecast.extrapolation.params > 1.0 {
        outside.push(format!("{} × largest N", show_times(forecast.extrapolation.params)));
    }
    if forecast.extrapolation.tokens > 1.001 {
        outside.push(format!("{} × largest D", show_times(forecast.extrapolation.tokens)));
    }
    match &forecast.beyond_runs {
        Some(BeyondRuns { factor: Some(factor), .. }) => {
            outside.push(format!("mixture beyond the runs, {factor:.1} ×"))
        }
        Some(_) => outside.push("mixture beyond the runs".to_owned()),
        None if !forecast.extrapolation.mixture_inside => outside.push("mixture not covered".to_owned()),
        None => {}
    }
    outside.join(", ")
}

/// What is said of forecasts in use whose mixture lies beyond the runs.
fn beyond(forecasts: &[Forecast]) -> impl Iterator<Item = &BeyondRuns> {
    forecasts.iter().filter(|forecast| forecast.chosen).filter_map(|forecast| forecast.beyond_runs.as_ref())
}

/// Place of a forecast among those of the same law, loss, size and tokens: 1 for the best.
fn rank(of: &Forecast, forecasts: &[Forecast]) -> usize {
    let alike = |f: &&Forecast| (&f.metric, &f.law, f.params, f.tokens) == (&of.metric, &of.law, of.params, of.tokens);
    1 + forecasts.iter().filter(alike).filter(|f| f.measure.is_better(f.interval.value, of.interval.value)).count()
}

/// Domain names that occur, in order.
fn domains(forecasts: &[Forecast]) -> Vec<&String> {
    forecasts.iter().flat_map(|f| f.mixture.0.keys()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Table with one line per prediction: the swept values, each loss by the chosen law with its interval, and how far it
/// extrapolates.
fn many(forecasts: &[Forecast]) -> String {
    let Some(first) = forecasts.first() else { return String::new() };
    let varies = |of: fn(&Forecast) -> f64| forecasts.iter().any(|f| of(f) != of(first));
    let (params, tokens) = (varies(|f| f.params), varies(|f| f.tokens));
    let domains = domains(forecasts);
    let mut metrics: Vec<&String> = Vec::new();
    for forecast in forecasts {
        if !metrics.contains(&&forecast.metric) {
            metrics.push(&forecast.metric);
        }
    }
    let mut title = Vec::new();
    title.extend((!params).then(|| format!("N {}", show_amount(first.params))));
    title.extend((!tokens).then(|| format!("D {}", show_amount(first.tokens))));
    title.extend(first.moe.map(|moe| moe.to_string()));
    let mut header: Vec<String> = Vec::new();
    header.extend(params.then(|| ">N".to_owned()));
    header.extend(tokens.then(|| ">D".to_owned()));
    header.extend(domains.iter().map(|d| format!(">{d}")));
    header.extend(metrics.iter().flat_map(|m| [format!(">{m}"), ">5 %".to_owned(), ">95 %".to_owned()]));
    header.push("outside the data".to_owned());
    let mut rows = vec![header];
    let same = |a: &Forecast, b: &Forecast| (a.params, a.tokens, &a.mixture) == (b.params, b.tokens, &b.mixture);
    for place in forecasts.chunk_by(same) {
        let at = &place[0];
        let mut row = Vec::new();
        row.extend(params.then(|| show_amount(at.params)));
        row.extend(tokens.then(|| show_amount(at.tokens)));
        row.extend(domains.iter().map(|d| format!("{:.3}", at.mixture.weight(d))));
        for metric in &metrics {
            match place.iter().find(|f| f.metric == **metric) {
                Some(f) if !f.unseen.is_empty() => {
                    row.extend([format!("rank {}", rank(f, forecasts)), String::new(), String::new()]);
                }
                Some(f) => row.extend([f.interval.value, f.interval.low, f.interval.high].map(|x| format!("{x:.4}"))),
                None => row.extend(["–", "", ""].map(str::to_owned)),
            }
        }
        let beyond: BTreeSet<String> = place.iter().map(outside).filter(|o| !o.is_empty()).collect();
        row.push(beyond.into_iter().collect::<Vec<_>>().join("; "));
        rows.push(row);
    }
    let laws: BTreeSet<String> =
        forecasts.iter().filter(|f| f.chosen).map(|f| format!("{} by {}", f.metric, f.law)).collect();
    title.push(laws.into_iter().collect::<Vec<_>>().join(", "));
    let note = match beyond(forecasts).next() {
        Some(_) => format!("\n{}\n", printable(BEYOND)),
        None => String::new(),
    };
    format!("{}\n\n{}{note}", printable(&title.join(" · ")), table(&rows))
}

/// CSV with one row per prediction and loss, by the chosen law.
fn csv(forecasts: &[Forecast]) -> Result<String, Failure> {
    let failed = |e: String| Failure::new(format!("cannot write CSV: {e}"), None);
    let domains = domains(forecasts);
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut header: Vec<String> = ["params", "tokens"].map(str::to_owned).to_vec();
    header.extend(domains.iter().map(|d| format!("weight_{}", printable(d))));
    let rest = [
        "metric",
        "law",
        "value",
        "low",
        "high",
        "times_largest_params",
        "times_most_tokens",
        "mixture_inside",
        "mixture_beyond_runs",
    ];
    header.extend(rest.map(str::to_owned));
    out.write_record(&header).map_err(|e| failed(e.to_string()))?;
    for f in forecasts.iter().filter(|f| f.chosen) {
        let mut row = vec![f.params.to_string(), f.tokens.to_string()];
        row.extend(domains.iter().map(|d| f.mixture.weight(d).to_string()));
        row.extend([printable(&f.metric), f.law.clone()]);
        let known = f.unseen.is_empty();
        let number = |x: f64| if known { x.to_string() } else { String::new() };
        row.extend([f.interval.value, f.interval.low, f.interval.high].map(number));
        row.extend([f.extrapolation.params, f.extrapolation.tokens].map(|x| x.to_string()));
        row.push(f.extrapolation.mixture_inside.to_string());
        row.push(f.beyond_runs.is_some().to_string());
        out.write_record(&row).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = out.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}
