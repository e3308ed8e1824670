//! Curve laws on planted courses.

use super::family::Family;
use super::*;
use crate::vocab::{FactName, FactValue, Facts};

fn schedule(shape: &str, total: f64) -> Schedule {
    let mut facts = Facts::default();
    facts.offer(FactName::Schedule, FactValue::Text(shape.to_owned()), "test");
    for (name, value) in [
        (FactName::LearningRate, 1e-3),
        (FactName::MinLearningRate, 1e-4),
        (FactName::WarmupSteps, 0.02 * total),
        (FactName::DecaySteps, 0.2 * total),
    ] {
        facts.offer(name, FactValue::Number(value), "test");
    }
    Schedule::of(&[], &facts, total).unwrap()
}

/// A run whose loss is that of a law with its usual exponents, level 1 and given amplitudes.
fn planted(law: &'static dyn CurveLaw, schedule: &Schedule, level: f64, a: f64, b: f64) -> Vec<(i64, f64)> {
    let steps: Vec<f64> = (1..=100).map(|i| schedule.total() * f64::from(i) / 100.0).collect();
    let exponents: Vec<f64> = law.exponents().iter().map(|e| e.centre).collect();
    let shapes = law.shapes(&exponents, schedule, 5.0, &steps);
    let amplitude = amplitude::Amplitude { level, a, b };
    steps.iter().zip(shapes).map(|(s, shape)| (*s as i64, amplitude.ln_loss(shape).exp())).collect()
}

#[test]
fn the_end_of_a_cosine_is_forecast_from_short_runs_of_other_shapes() {
    for law in ALL.iter().copied().filter(|l| l.sees_schedule()) {
        let run = |shape, total| {
            let schedule = schedule(shape, total);
            (planted(law, &schedule, 1.0, 0.3, 0.06), schedule)
        };
        let tracks: Vec<Track> = [("constant", 4000.0), ("cosine", 4000.0), ("wsd", 3000.0)]
            .map(|(shape, total)| {
                let (loss, schedule) = run(shape, total);
                Track::new(&loss, schedule, 0)
            })
            .to_vec();
        let family = Family::learn(law, &tracks.iter().collect::<Vec<_>>()).unwrap();
        let (loss, schedule) = run("cosine", 12_000.0);
        let truth = loss[99].1.ln();
        for seen in [10, 25, 50, 90] {
            let track = Track::new(&loss[..seen], schedule.clone(), 0);
            let forecast = family.forecast(&track).unwrap();
            assert!((forecast.ln_loss - truth).abs() < 4e-3, "{} at {seen} %: {forecast:?}, {truth}", law.name());
            assert!(forecast.sd > 0.0);
        }
    }
}

#[test]
fn a_lone_run_with_a_known_schedule_is_forecast_better_than_without() {
    let schedule = schedule("cosine", 10_000.0);
    let loss = planted(&tissue::Tissue, &schedule, 1.0, 0.3, 0.06);
    let track = Track::new(&loss[..25], schedule, 0);
    let error = |law| Family::alone(law, &track).and_then(|f| f.forecast(&track)).unwrap().ln_loss - loss[99].1.ln();
    let (blind, seeing) = (error(&power::Power), error(&tissue::Tissue));
    assert!(seeing.abs() < 0.5 * blind.abs(), "{seeing} {blind}");
}

#[test]
fn a_handful_of_points_that_a_law_goes_through_is_no_proof_that_it_holds() {
    for law in ALL.iter().copied().filter(|law| law.sees_schedule()) {
        let schedule = schedule("constant", 10_000.0);
        let loss = planted(law, &schedule, 1.0, 0.3, 0.06);
        let sd = |points: &[(i64, f64)]| {
            let track = Track::new(points, schedule.clone(), 0);
            Family::forecast_alone(law, &track).unwrap().sd
        };
        let quarter = &loss[..25];
        let few: Vec<(i64, f64)> = [6, 12, 18, 24].map(|i| quarter[i]).to_vec();
        // What is left is ln 4 of progress; the law goes through three or four points whatever they are.
        assert!(sd(&few) > 0.02 * 4_f64.ln(), "{}: {}", law.name(), sd(&few));
        assert!(sd(quarter) < 0.8 * sd(&few), "{}: {} of many, {} of few", law.name(), sd(quarter), sd(&few));
    }
}

#[test]
fn what_is_not_a_number_is_left_out_and_nothing_gives_nothing() {
    let schedule = schedule("cosine", 1000.0);
    let track = Track::new(&[(0, 3.0), (10, f64::NAN), (20, -1.0), (30, f64::INFINITY)], schedule.clone(), 0);
    assert!(track.points.is_empty());
    assert!(Family::alone(&power::Power, &track).is_none() && Family::learn(&tissue::Tissue, &[]).is_none());
    for count in 1..4 {
        let loss: Vec<(i64, f64)> = (1..=count).map(|i| (i * 50, 3.0 - 0.1 * i as f64)).collect();
        let track = Track::new(&loss, schedule.clone(), 0);
        for law in ALL {
            let forecast = Family::alone(*law, &track).and_then(|f| f.forecast(&track)).unwrap();
            assert!(forecast.ln_loss.is_finite() && forecast.sd > 0.0, "{} {count}: {forecast:?}", law.name());
        }
    }
}

#[test]
fn thinning_keeps_ends_and_means() {
    let loss: Vec<(i64, f64)> = (1..=5000).map(|i| (i, 2.0 + (f64::from(i as i32)).powf(-0.5))).collect();
    let track = Track::new(&loss, schedule("constant", 5000.0), 0);
    assert!(track.points.len() <= 48 && track.points.len() > 40);
    assert!((track.points.iter().map(|p| p.count).sum::<f64>() - 4501.0).abs() < 1.5);
    assert!(track.points.windows(2).all(|w| w[0].step < w[1].step && w[0].ln_loss > w[1].ln_loss));
}
