//! Limits that must hold with a probability, of several corpora, where a stand-in for joint samples leads the search.

use super::*;
use crate::advise::goal::Goal;
use crate::advise::limits::{Limit, Tie};
use crate::advise::probability::Scatter;

const CORPORA: usize = 4;

/// A loss that falls with the weight of its own corpus; resamples differ in level and, more, in how fast.
fn surface(own: usize) -> Surface<'static> {
    let loss = move |at: &Observation, draw: f64| {
        let steep = 0.04 * (1.0 + 0.3 * draw) * (1.0 + own as f64 / 4.0);
        (1.5 + steep / (at.mixture[own] + 0.1) + 0.05 * at.mixture[(own + 1) % CORPORA]) * (1.0 + 0.003 * draw)
    };
    let draw = |b: usize| f64::from(b as u32 * 7 % 50) / 25.0 - 0.98;
    Surface {
        domain: format!("corpus{own}"),
        metric: format!("eval/corpus{own}"),
        law: "planted".to_owned(),
        skill: Some(0.9),
        rival: None,
        better_picks: None,
        mre: None,
        uncompared: 0,
        residuals: &[-0.004, -0.002, 0.0, 0.002, 0.004],
        ln_best: Box::new(move |places| places.rows.iter().map(|at| loss(at, 0.0).ln()).collect()),
        ln_draws: Box::new(move |places| {
            (0..50).map(|b| places.rows.iter().map(|at| loss(at, draw(b)).ln()).collect()).collect()
        }),
        forecast: Box::new(move |at| Interval { value: loss(at, 0.0), low: loss(at, -1.0), high: loss(at, 1.0) }),
        extrapolation: Box::new(|_| Extrapolation { params: 1.0, tokens: 1.0, mixture_inside: true }),
        is_plausible: Box::new(|_| true),
        unseen: Box::new(|_| Vec::new()),
        order: (0..CORPORA).map(Some).collect(),
    }
}

#[test]
fn no_mixture_of_a_grid_is_better_and_keeps_the_limits_with_the_probability() {
    let domains: Vec<String> = (0..CORPORA).map(|d| format!("corpus{d}")).collect();
    let surfaces: Vec<Option<Surface<'_>>> = (0..CORPORA).map(|own| Some(surface(own))).collect();
    let scatter =
        |(d, s): (usize, &Option<Surface<'_>>)| Some(Scatter::new(s.as_ref()?, &Observations::default(), d as u64));
    let current = [0.25; CORPORA];
    let goal = Goal::mean(vec![0.1, 0.5, 0.2, 0.2]);
    for (most, tie) in [([1.62, 1.75], Tie::Law), ([1.65, 1.70], Tie::Run)] {
        let limit = |(domain, value): (usize, f64)| Limit {
            domain,
            text: format!("corpus{domain} <= {value}"),
            value,
            samples: vec![value.ln(); 400],
            tie,
            how: None,
        };
        let limits: Vec<Limit> = [0, 3].into_iter().zip(most).map(limit).collect();
        let joint = JointSamples {
            scale: Scale::dense(1e9, 1e10),
            surfaces: &surfaces,
            scatter: surfaces.iter().enumerate().map(scatter).collect(),
            goal: &goal,
            limits: &limits,
            current: &current,
            spacing: 0.1,
            tested: None,
        };
        let project = Project {
            domains: domains.clone(),
            bounds: domains.iter().map(|d| (d.clone(), [0.02, 0.7])).collect(),
            ..Project::default()
        };
        let region = Region::new(&Cuts::of(&project, 1e10, None)).unwrap();
        let field = choose::Field { region: &region, priced: None, seed: 1 };
        let guess = choose::guess(&joint, field).unwrap();
        assert!(joint.excess_at(&guess.1.weights, SURE) > 0.0, "the limits hold anyway: {guess:?}");
        let chosen = choose::careful(&joint, field, guess);
        assert!(chosen.sure && joint.excess_at(&chosen.best.weights, SURE) <= 0.0, "{:?}", chosen.best);
        assert_eq!(region.outside(&chosen.best.weights), 0.0);
        let mut better = Vec::new();
        for i in 0..=50 {
            for j in 0..=50 - i {
                for k in 0..=50 - i - j {
                    better.push([i, j, k, 50 - i - j - k].map(|w| f64::from(w) / 50.0).to_vec());
                }
            }
        }
        // By more than rounding to thousandths may cost.
        let objective = joint.objectives(&better);
        let mut objective = objective.into_iter();
        better.retain(|w| objective.next().unwrap() < chosen.best.objective - 2e-4 && region.outside(w) <= 0.0);
        assert!(!better.is_empty(), "the limits take nothing away: {:?}", chosen.best);
        let kept = joint.excesses_at(&better, SURE);
        for (weights, excess) in better.iter().zip(kept) {
            assert!(excess > 0.0, "{weights:?} is better than {:?} and keeps the limits", chosen.best);
        }
    }
}
