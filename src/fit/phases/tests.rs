use super::*;
use crate::vocab::{Exposure, Observation, Scale};

/// ln L of a loss that sees its own corpus fully and the others a little, tokens of the last phase `times` as much.
fn truth(schedule: &Schedule, times: f64) -> f64 {
    let seen = |domain: usize| {
        let (before, last) = schedule.seen(domain);
        before + times * last
    };
    let useful = seen(0) + 0.2 * seen(1) + 0.1 * seen(2);
    (2.0 + 0.3 * (0.05 + useful).powf(-0.4)).ln()
}

fn mixture(random: &mut Random) -> Vec<f64> {
    let drawn: Vec<f64> = (0..3).map(|_| -(1.0 - random.uniform(0.0, 1.0)).ln()).collect();
    let sum: f64 = drawn.iter().sum();
    drawn.into_iter().map(|w| w / sum).collect()
}

/// Runs with phases whose ln L is what `truth` says, and noise of a standard deviation of `noise`.
fn sweep(count: usize, noise: f64, seed: u64, truth: &dyn Fn(&Schedule) -> f64) -> Observations {
    let mut random = Random::new(seed, 77);
    let mut data = Observations {
        metric: "eval/code/loss".to_owned(),
        domains: ["code", "web", "books"].map(str::to_owned).to_vec(),
        ..Observations::default()
    };
    for run in 0..count {
        let schedule = Schedule { first: mixture(&mut random), last: mixture(&mut random), part: 0.2 };
        let normal = (0..12).map(|_| random.uniform(-0.5, 0.5)).sum::<f64>();
        let exposure = |tokens: f64, mixture: &[f64]| Exposure { tokens, mixture: mixture.to_vec() };
        let phases = [exposure(8e8, &schedule.first), exposure(2e8, &schedule.last)];
        let mean = (0..3).map(|d| 0.8 * schedule.first[d] + 0.2 * schedule.last[d]).collect();
        data.runs.push(format!("r{run}"));
        let loss = (truth(&schedule) + noise * normal).exp();
        let phases = Some(phases.into());
        data.rows.push(Observation { loss, run, phases, ..Scale::dense(1e8, 1e9).at(mean) });
    }
    data
}

fn question() -> Question {
    let base = vec![0.3, 0.4, 0.3];
    let to = |domain: usize| (0..3).map(|d| 0.7 * base[d] + if d == domain { 0.3 } else { 0.0 }).collect();
    Question { moves: (0..3).map(to).collect(), base, last: None }
}

fn change(truth: &dyn Fn(&Schedule) -> f64, question: &Question, index: usize) -> f64 {
    let base = Schedule { first: question.base.clone(), last: question.base.clone(), part: 0.2 };
    let to = Schedule { last: question.moves[index].clone(), ..base.clone() };
    truth(&to).exp() - truth(&base).exp()
}

#[test]
fn a_two_phase_truth_is_recovered_within_the_intervals() {
    let question = question();
    for times in [1.0, 6.0] {
        let truth = |schedule: &Schedule| truth(schedule, times);
        let (mut held, mut asked, mut wrong) = (0, 0, 0);
        for seed in 0..4 {
            let found = phases(&sweep(40, 0.003, seed, &truth), &question, seed);
            assert_eq!(found.view.why_not, Vec::<String>::new());
            assert!(found.view.skill.unwrap() > 0.8, "{:?}", found.view);
            for (index, said) in found.view.moves.iter().enumerate() {
                let (estimate, true_change) = (said.delta.unwrap(), change(&truth, &question, index));
                asked += 1;
                held += usize::from(estimate.range.contains(true_change));
                wrong += usize::from(said.p_better.is_some_and(|p| (p > 0.95) != (true_change < 0.0) && p > 0.95));
                let width = estimate.range.high - estimate.range.low;
                assert!(width < 0.1, "an interval of {width} says nothing");
            }
        }
        assert!(held >= asked - 2, "{times}: {held} of {asked} intervals hold the truth");
        assert_eq!(wrong, 0);
    }
}

#[test]
fn forms_that_know_no_phases_lose_where_the_order_matters() {
    let truth = |schedule: &Schedule| truth(schedule, 12.0);
    let found = phases(&sweep(40, 0.002, 9, &truth), &question(), 9);
    let skill = |name: &str| found.view.forms.iter().find(|form| form.name == name).unwrap().skill;
    assert!(skill("later counts more") > skill("total") + 0.1, "{:?}", found.view.forms);
    assert_ne!(found.view.form.as_deref(), Some("total"));
}

#[test]
fn nothing_is_said_of_noise() {
    for seed in 0..3 {
        let found = phases(&sweep(40, 0.02, seed, &|_| 1.0), &question(), seed);
        assert!(found.view.moves.is_empty() && found.change.is_empty(), "{:?}", found.view);
        assert!(found.view.why_not[0].contains("No surrogate is reliable"), "{:?}", found.view.why_not);
    }
}

#[test]
fn nothing_is_said_where_runs_have_not_been() {
    let truth = |schedule: &Schedule| truth(schedule, 6.0);
    let data = sweep(40, 0.003, 1, &truth);
    let why = |question: &Question| phases(&data, question, 1).view.moves[0].why_not.clone().unwrap_or_default();
    let long = Question { last: Some(0.6), ..question() };
    assert!(why(&long).contains("a last phase of 60 %"), "{}", why(&long));
    let mut narrow = data.clone();
    for row in &mut narrow.rows {
        let phases: Vec<Exposure> = row.phases.iter().flat_map(|p| p.iter().cloned()).collect();
        let less = |e: &Exposure| Exposure { mixture: e.mixture.iter().map(|w| 0.3 + 0.1 * w).collect(), ..e.clone() };
        row.phases = Some([phases[0].clone(), less(&phases[1])].into());
    }
    let found = phases(&narrow, &question(), 1);
    let said = found.view.moves.first().and_then(|m| m.why_not.clone()).unwrap_or_else(|| found.view.why_not.join(" "));
    assert!(said.contains("in the last phase is outside the runs") || said.contains("No surrogate"), "{said}");
    let few = sweep(6, 0.003, 1, &truth);
    assert!(phases(&few, &question(), 1).view.why_not[0].contains("that needs 8 schedules"));
    let mut plain = data;
    plain.rows.iter_mut().for_each(|row| row.phases = None);
    assert!(phases(&plain, &question(), 1).view.why_not[0].starts_with("No run changes its mixture"));
}

#[test]
fn repeats_are_held_out_together_and_runs_in_their_first_phase_are_left_out() {
    let truth = |schedule: &Schedule| truth(schedule, 6.0);
    let mut data = sweep(12, 0.003, 2, &truth);
    let again: Vec<Observation> =
        data.rows.iter().map(|row| Observation { run: row.run + 12, ..row.clone() }).collect();
    data.rows.extend(again);
    (12..25).for_each(|run| data.runs.push(format!("r{run}")));
    let early = data.rows[0].phases.as_ref().map(|phases| phases[..1].to_vec().into());
    data.rows.push(Observation { run: 24, phases: early, ..data.rows[0].clone() });
    let runs = schedule::runs(&data, None);
    assert_eq!((runs.all.len(), runs.groups), (24, 12));
    assert!(runs.left_out[0].contains("1 run is still in the first phase"), "{:?}", runs.left_out);
    let fold = folds(&runs, &[1.0; 24], 4, 1, 1);
    assert!((0..12).all(|run| fold[run] == fold[run + 12]));
}
