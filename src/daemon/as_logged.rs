//! Predictions in the unit of the log: laws are fitted to a positive number that is better the lower it is
//! ([`MetricUnit::fitted`]), and whoever logs an accuracy reads an accuracy.

use crate::project::Project;
use crate::vocab::{
    Advice, Expected, Forecast, Measure, Measured, MetricUnit, PathPoint, RatioChart, RunForecast, ShapeAdvice,
};
use std::collections::BTreeMap;

/// A run's forecast.
pub fn run(unit: MetricUnit, forecast: &RunForecast) -> RunForecast {
    let (value, low, high) = unit.interval(forecast.value, forecast.low, forecast.high);
    let logged = |point: &PathPoint| {
        let (value, low, high) = unit.interval(point.value, point.low, point.high);
        PathPoint { value, low, high, ..*point }
    };
    let path = forecast.path.iter().map(logged).collect();
    RunForecast { value, low, high, path, measure: Measure::of(unit), ..forecast.clone() }
}

/// Forecasts of the target, or of any other run that is planned.
pub fn forecasts(project: &Project, mut all: Vec<Forecast>) -> Vec<Forecast> {
    for forecast in &mut all {
        let interval = &mut forecast.interval;
        let unit = project.unit_of(&forecast.metric);
        (interval.value, interval.low, interval.high) = unit.interval(interval.value, interval.low, interval.high);
        forecast.measured.iter_mut().for_each(|measured| as_measured(project, measured));
        forecast.measure = Measure::of(unit);
    }
    all
}

fn as_measured(project: &Project, measured: &mut Measured) {
    for (metric, loss) in &mut measured.losses {
        *loss = project.unit_of(metric).logged(*loss);
    }
}

/// Charts of metrics against a weight.
pub fn charts(project: &Project, mut all: Vec<RatioChart>) -> Vec<RatioChart> {
    for chart in &mut all {
        let unit = project.unit_of(&chart.metric);
        for ((value, low), high) in chart.loss.iter_mut().zip(&mut chart.low).zip(&mut chart.high) {
            (*value, *low, *high) = unit.interval(*value, *low, *high);
        }
        for point in &mut chart.points {
            (point.loss, point.at_target) = (unit.logged(point.loss), unit.logged(point.at_target));
        }
        chart.limit = chart.limit.map(|limit| unit.logged(limit));
        chart.measure = Measure::of(unit);
    }
    all
}

/// What is expected of advice.
pub fn advice(project: &Project, advice: Option<&Advice>) -> Option<Advice> {
    let mut advice = advice?.clone();
    if let Advice::Recommendation(recommendation) = &mut advice {
        expected(project, &mut recommendation.expected);
        recommendation.measured.iter_mut().for_each(|measured| as_measured(project, measured));
    }
    Some(advice)
}

/// What is expected of a shape.
pub fn shape(project: &Project, shape: Option<&ShapeAdvice>) -> Option<ShapeAdvice> {
    let mut shape = shape?.clone();
    if let ShapeAdvice::Recommendation(recommendation) = &mut shape {
        expected(project, &mut recommendation.expected);
    }
    Some(shape)
}

fn expected(project: &Project, all: &mut BTreeMap<String, Expected>) {
    for (metric, expected) in all {
        let unit = project.unit_of(metric);
        (expected.value, expected.low, expected.high) = unit.interval(expected.value, expected.low, expected.high);
        expected.now = unit.logged(expected.now);
        expected.limit = expected.limit.map(|limit| unit.logged(limit));
        expected.measure = Measure::of(unit);
    }
}
