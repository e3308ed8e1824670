//! `mixlaw predict`: losses for a size, an amount of data and a mixture.

use super::output::{print, print_json, table};
use super::session::Session;
use super::{Outcome, ProjectArg};
use crate::ipc::protocol::{Failure, PredictQuery, Query};
use crate::vocab::number::{parse_amount, show_amount};
use crate::vocab::{Forecast, Mixture, PredictAnswer};
use clap::Args;

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    #[command(flatten)]
    project: ProjectArg,
    /// Parameters, like 7e9 or 7B; the target's where not given
    #[arg(long, value_name = "N", value_parser = parse_amount)]
    params: Option<f64>,
    /// Training tokens, like 20e9 or 20B; the target's where not given
    #[arg(long, value_name = "D", value_parser = parse_amount)]
    tokens: Option<f64>,
    /// Parameters used for one token, of a mixture-of-experts model
    #[arg(long, value_name = "N", value_parser = parse_amount)]
    active_params: Option<f64>,
    /// E, experts per layer; 1 for a dense model
    #[arg(long, value_name = "E", value_parser = parse_amount)]
    experts: Option<f64>,
    /// K, experts a token is routed to
    #[arg(long, value_name = "K", value_parser = parse_amount)]
    experts_per_token: Option<f64>,
    /// G, how many fine-grained experts replace one
    #[arg(long, value_name = "G", value_parser = parse_amount)]
    granularity: Option<f64>,
    /// Weights, like prose=0.7,rust=0.3; the current ones where not given
    #[arg(long, value_name = "WEIGHTS", value_parser = parse_mixture)]
    mixture: Option<Mixture>,
    /// Print the answer as JSON (schemas/predict.schema.json)
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let query = PredictQuery {
            params: self.params,
            tokens: self.tokens,
            active_params: self.active_params,
            experts: self.experts,
            experts_per_token: self.experts_per_token,
            granularity: self.granularity,
            mixture: self.mixture,
        };
        let answer: PredictAnswer = Session::open(&self.project.project)?.ask(Query::Predict(query))?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&show(&answer.forecasts))?;
        }
        Ok(Outcome::Done)
    }
}

/// Reads `prose=0.7,rust=0.3`.
///
/// # Errors
/// A sentence that says what was typed and what would be read.
pub(super) fn parse_mixture(text: &str) -> Result<Mixture, String> {
    let mut mixture = Mixture::default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (domain, weight) =
            part.split_once('=').ok_or_else(|| format!("'{part}' is not domain=weight, like rust=0.3"))?;
        let weight: f64 =
            weight.trim().parse().map_err(|_| format!("the weight of '{}' is '{}', not a number", domain, weight))?;
        if mixture.0.insert(domain.trim().to_owned(), weight).is_some() {
            return Err(format!("'{}' is given twice", domain.trim()));
        }
    }
    if mixture.0.is_empty() { Err("no weights; write them like prose=0.7,rust=0.3".to_owned()) } else { Ok(mixture) }
}

fn show(forecasts: &[Forecast]) -> String {
    let Some(first) = forecasts.first() else { return String::new() };
    let mixture: Vec<String> = first.mixture.0.iter().map(|(d, w)| format!("{d} {:.1} %", w * 100.0)).collect();
    let mut out = format!(
        "N {} · D {} · {}{}\n\n",
        show_amount(first.params),
        show_amount(first.tokens),
        first.moe.map_or_else(String::new, |moe| format!("{moe} · ")),
        crate::vocab::text::printable(&mixture.join(", "))
    );
    let mut rows: Vec<Vec<String>> =
        vec![["loss", ">nats", ">5 %", ">95 %", "law", "outside the data"].map(str::to_owned).to_vec()];
    for forecast in forecasts {
        let mut outside = Vec::new();
        if forecast.extrapolation.params > 1.0 {
            outside.push(format!("{:.1} × largest N", forecast.extrapolation.params));
        }
        if forecast.extrapolation.tokens > 1.001 {
            outside.push(format!("{:.1} × most tokens", forecast.extrapolation.tokens));
        }
        if !forecast.extrapolation.mixture_inside {
            outside.push("mixture outside".to_owned());
        }
        rows.push(vec![
            forecast.metric.clone(),
            format!("{:.4}", forecast.interval.value),
            format!("{:.4}", forecast.interval.low),
            format!("{:.4}", forecast.interval.high),
            forecast.law.clone(),
            outside.join(", "),
        ]);
    }
    out.push_str(&table(&rows));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_read_as_typed_or_refused_with_what_was_typed() {
        assert_eq!(parse_mixture("prose=0.7, rust=0.3").unwrap().weight("rust"), 0.3);
        for wrong in ["", "rust", "rust=a lot", "rust=0.5,rust=0.5"] {
            assert!(parse_mixture(wrong).is_err(), "{wrong}");
        }
    }
}
