mod critical_ratio;
mod dcpt_cross;
mod held_out;
mod mixing_implicit;
mod nested;
mod no_loss;

use super::*;
use crate::laws::tests::{anything, stream};
use crate::vocab::{Observation, Observations, Probe, Scale};
use proptest::prelude::*;

fn code_cpt() -> Vec<Observations> {
    crate::observe::observe(&crate::observe::tests::project(), &crate::observe::tests::code_cpt()).fitted
}

fn quick() -> Options {
    Options { bootstraps: 0, cross_validate: false, ..Options::default() }
}

/// Objectives of `benches/scipy_dcpt.py examples/code-cpt/runs --starts 400` (SciPy 1.17.1, NumPy 2.4.6), the lower of
/// `--signs free` and `--signs paper`.
const SCIPY: [(&str, f64); 2] = [("eval/prose/loss", 3.601875715836473e-3), ("eval/rust/loss", 4.774250695477289e-3)];

#[test]
fn the_optimum_is_at_least_as_low_as_scipys() {
    for (data, (metric, scipy)) in code_cpt().iter().zip(SCIPY) {
        assert_eq!(data.metric, metric);
        for seed in 0..3 {
            let fit = fit("dcpt", data, &Options { seed, ..quick() }, None).unwrap();
            assert!(fit.view.objective <= 1.0001 * scipy, "{metric}, seed {seed}: {:e}", fit.view.objective);
        }
    }
}

#[test]
fn held_out_ratios_are_predicted_as_well_as_the_readme_of_the_runs_says() {
    for data in code_cpt() {
        let fit = fit("dcpt", &data, &Options { bootstraps: 0, ..Options::default() }, None).unwrap();
        assert_eq!(fit.view.folds.len(), 9);
        for fold in &fit.view.folds {
            let share: f64 = fold.held_out.rsplit(' ').next().unwrap().parse().unwrap();
            if share >= 0.2 {
                assert!(fold.mre < 0.0095, "{fold:?}");
            }
        }
        assert!(fit.view.skill.unwrap() > 0.5);
    }
}

#[test]
fn no_size_is_beyond_runs_that_state_none() {
    let mut data = code_cpt().swap_remove(1);
    let known = fit("straight-line", &data, &quick(), None).unwrap();
    let at = Observation { params: 124e6, ..data.rows[0].clone() };
    assert!(known.extrapolation(&at).params > 1.0);
    data.rows.iter_mut().for_each(|row| (row.params, row.active_params) = (f64::NAN, f64::NAN));
    let unknown = fit("straight-line", &data, &quick(), None).unwrap();
    assert_eq!(unknown.extrapolation(&at).params, 1.0);
    assert!(unknown.extrapolation(&Observation { tokens: 1e15, ..at }).tokens > 1e3, "tokens are known");
}

#[test]
fn the_same_seed_gives_the_same_fit_on_any_number_of_threads() {
    let data = &code_cpt()[1];
    let options = Options { bootstraps: 8, starts: Some(8), ..Options::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut fit = pool.install(|| fit("dcpt", data, &options, None)).unwrap();
        fit.view.seconds = 0.0;
        (fit.view, fit.theta, fit.draws)
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn many_places_at_once_are_what_each_is_alone() {
    let data = &code_cpt()[1];
    // More than a block of rows, so that several threads and blocks are at work.
    let places: Vec<Observation> = data.rows.iter().cycle().take(300).cloned().collect();
    for law in ["dcpt", "additive", "straight-line"] {
        let fit = fit(law, data, &Options { bootstraps: 8, starts: Some(2), cross_validate: false, ..quick() }, None)
            .unwrap();
        let columns = Columns::places(fit.domains.len(), &places, fit.context());
        let (best, draws) = (fit.ln_best_at(&columns), fit.ln_draws_at(&columns));
        assert_eq!(draws.len(), fit.draws.len());
        for (i, place) in places.iter().enumerate() {
            assert_eq!(best[i].exp(), fit.predict(place), "{law}");
            let alone: Vec<f64> = draws.iter().map(|draw| draw[i].exp()).collect();
            assert_eq!(alone, fit.predict_draws(place), "{law}");
        }
    }
}

#[test]
fn a_warm_refit_is_as_good_as_a_cold_fit() {
    let data = &code_cpt()[0];
    let mut less = data.clone();
    less.rows.truncate(500);
    let before = fit("dcpt", &less, &quick(), None).unwrap();
    let warm = fit("dcpt", data, &quick(), Some(&before)).unwrap();
    let cold = fit("dcpt", data, &quick(), None).unwrap();
    assert!(warm.view.objective <= 1.001 * cold.view.objective, "{} {}", warm.view.objective, cold.view.objective);
}

/// Rows of a known D-CPT law with a little noise.
fn synthetic(noise: f64) -> (Observations, impl Fn(f64, f64, f64) -> f64) {
    let truth = |n: f64, d: f64, r: f64| {
        1.2 + 400.0 / n.powf(0.34) + 2000.0 * r.powf(0.1) / d.powf(0.37) + 0.15 / (r + 0.05).powf(0.6)
    };
    let mut next = stream(3);
    let mut data = anything(0, 0);
    data.domains.truncate(2);
    for (run, n) in [1e7, 3e7, 1e8, 3e8].into_iter().enumerate() {
        for (ratio, r) in [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0].into_iter().enumerate() {
            for step in 1..=12 {
                let d = 1e8 * f64::from(step);
                let wobble = noise * (next() + next() + next() - 1.5);
                let loss = truth(n, d, r) * (1.0 + wobble);
                data.rows.push(Observation { loss, run: run * 7 + ratio, ..place(n, d, r) });
            }
        }
    }
    data.runs = (0..28).map(|r| r.to_string()).collect();
    (data, truth)
}

#[test]
fn predictions_are_recovered_from_a_known_law_with_noise() {
    let (data, truth) = synthetic(2e-3);
    let fit = fit("dcpt", &data, &Options { bootstraps: 50, ..Options::default() }, None).unwrap();
    for (n, d, r) in [(3e8, 1.2e9, 0.3), (5e7, 6e8, 0.7), (1e9, 2e9, 0.5)] {
        let at = place(n, d, r);
        let (got, want) = (fit.predict(&at), truth(n, d, r));
        assert!((got / want - 1.0).abs() < 5e-3, "{n} {d} {r}: {got} {want}");
        let interval = fit.forecast(&at);
        assert!(interval.low <= want && want <= interval.high, "{interval:?} {want}");
        assert!(interval.high / interval.low < 1.05, "{interval:?}");
    }
    assert!(fit.view.skill.unwrap() > 0.95);
}

fn place(n: f64, d: f64, r: f64) -> Observation {
    Scale::dense(n, d).at(vec![r, 1.0 - r])
}

#[test]
fn a_forecast_counts_repeated_tokens_as_the_fresh_ones_they_are_worth() {
    let (mut data, _) = synthetic(1e-3);
    let plain = fit("dcpt", &data, &quick(), None).unwrap();
    // No run sees a token twice; the forecast uses those of the first domain five times.
    data.supply = vec![2e9, f64::INFINITY];
    let counted = fit("dcpt", &data, &quick(), None).unwrap();
    let worth = 1e10 + crate::laws::repetition::effective_tokens(1e10, 2e9);
    let (got, want) = (counted.predict(&place(1e8, 2e10, 0.5)), plain.predict(&place(1e8, worth, 0.5)));
    assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
    assert!(got > plain.predict(&place(1e8, 2e10, 0.5)));
    assert!((counted.extrapolation(&place(1e8, 2e10, 0.5)).tokens - worth / 1.2e9).abs() < 1e-6);
}

#[test]
fn what_lacks_ratios_or_sizes_is_refused_in_sentences() {
    let (mut data, _) = synthetic(0.0);
    data.rows.retain(|row| row.mixture[0] > 0.7);
    let error = fit("dcpt", &data, &quick(), None).unwrap_err();
    assert!(error.to_string().contains("3 or more ratios of a"), "{error}");
    assert_eq!(fit("nonsense", &data, &quick(), None).unwrap_err(), FitError::Unknown("nonsense".to_owned()));
}

#[test]
fn a_choice_is_given_up_when_rows_change_and_leaves_no_law_out_otherwise() {
    use choose::{Request, Scope, choose};
    let data = &code_cpt()[1];
    let laws = ["additive", "exponential"].map(str::to_owned);
    let options = Options { starts: Some(1), bootstraps: 0, ..Options::default() };
    let request = Request {
        laws: &laws,
        observations: data,
        options: &options,
        previous: None,
        scope: Scope::All,
        cold: true,
        stop: &never,
    };
    assert!(choose(&Request { stop: &|| true, ..request }).is_none());
    let whole = choose(&request).unwrap();
    assert_eq!(whole.fits.iter().map(|f| f.view.law.as_str()).collect::<Vec<_>>(), ["additive", "exponential"]);
    assert_eq!(whole.choice.unfinished, [""; 0]);
}

/// Data no one should fit to; whatever comes back must be finite.
fn hostile() -> Vec<Observations> {
    let (good, _) = synthetic(1e-3);
    let with = |change: &dyn Fn(&mut Observations)| {
        let mut data = good.clone();
        change(&mut data);
        data
    };
    vec![
        with(&|d| d.rows.clear()),
        with(&|d| d.rows.truncate(2)),
        with(&|d| d.rows.iter_mut().for_each(|r| r.loss = 2.0)),
        with(&|d| d.rows.iter_mut().for_each(|r| r.tokens = 1e9)),
        with(&|d| {
            let first = d.rows[0].clone();
            d.rows.iter_mut().for_each(|r| *r = first.clone());
        }),
        with(&|d| d.rows.iter_mut().for_each(|r| r.mixture = vec![0.0, 1.0])),
        with(&|d| d.rows.iter_mut().step_by(3).for_each(|r| r.loss = f64::NAN)),
        with(&|d| d.rows.iter_mut().step_by(3).for_each(|r| r.loss = 1e300)),
        with(&|d| d.rows.iter_mut().step_by(3).for_each(|r| r.loss = 1e-300)),
        with(&|d| d.rows.iter_mut().for_each(|r| r.params = f64::NAN)),
        with(&|d| d.rows.iter_mut().for_each(|r| r.run = 0)),
        with(&|d| d.rows.iter_mut().for_each(|r| r.mixture.clear())),
        with(&|d| {
            d.probe = Some(Probe { loss: 3.0, decline: 1e300 });
            let odd = [(3.0, 0.1), (1e-300, 0.0), (1e300, f64::INFINITY), (f64::NAN, 1e300), (2.0, 0.0)];
            for (i, row) in d.rows.iter_mut().enumerate() {
                let (loss, decline) = odd[i / 12 % odd.len()];
                row.probe = Some(Probe { loss, decline });
            }
        }),
        with(&|d| d.supply = vec![0.0, f64::NAN]),
        with(&|d| d.supply = vec![1e-300, 1e7]),
        anything(13, 5),
        anything(200, 6),
    ]
}

/// Fits every law that takes the data, and looks at every number there is.
fn finite(case: &str, data: &Observations, options: &Options) {
    for law in crate::laws::ALL {
        let Ok(fit) = fit(law.info().name, data, options, None) else { continue };
        let view = &fit.view;
        let mut numbers = vec![view.objective, view.mre, view.skill.unwrap_or(0.0), view.mre_heldout.unwrap_or(0.0)];
        numbers.extend(view.parameters.iter().flat_map(|p| [p.value, p.low, p.high]));
        numbers.extend(view.folds.iter().flat_map(|f| [f.mre, f.mre_baseline]));
        numbers.extend(fit.theta.iter().chain(fit.draws.iter().flatten()).chain(&fit.residuals));
        let domains = data.domains.len();
        let corner = |own: usize| (0..domains).map(|i| f64::from(u8::from(i == own))).collect::<Vec<f64>>();
        for mixture in [corner(0), corner(domains - 1), vec![1.0 / domains as f64; domains]] {
            let at = Observation { mixture, ..place(1e12, 1e15, 0.5) };
            for interval in [fit.curve(&at), fit.forecast(&at)] {
                numbers.extend([interval.value, interval.low, interval.high]);
                assert!(interval.low <= interval.value && interval.value <= interval.high);
            }
            numbers.push(fit.predict(&at));
        }
        assert!(numbers.iter().all(|v| v.is_finite()), "{} on {case}: {fit:#?}", law.info().name);
    }
}

#[test]
fn fits_are_finite_on_any_data() {
    let options = Options { bootstraps: 4, starts: Some(4), ..Options::default() };
    for (case, data) in hostile().iter().enumerate() {
        finite(&format!("case {case}"), data, &options);
    }
}

/// Whether this is the long version of tests that take a sample: see `tests/soak.sh`.
fn soak() -> bool {
    std::env::var_os("MIXLAW_SOAK").is_some()
}

#[test]
fn a_million_rows_are_fitted() {
    let (few, truth) = synthetic(1e-3);
    // Unoptimised, a million take a minute and a half.
    let many = if soak() { 1_000_000 } else { 100_000 };
    let rows = few.rows.iter().cycle().take(many).cloned().collect();
    let data = Observations { rows, ..few };
    let fit = fit("chinchilla", &data, &Options { starts: Some(1), ..quick() }, None).unwrap();
    assert_eq!(fit.view.observations, many);
    let at = place(1e8, 6e8, 0.4);
    assert!((fit.predict(&at) / truth(1e8, 6e8, 0.4) - 1.0).abs() < 0.1);
}

/// Numbers that tables hold when something has gone wrong, and ordinary ones.
fn number(ordinary: std::ops::Range<f64>) -> impl Strategy<Value = f64> {
    let odd = [0.0, -1.0, 1.0, 1e-300, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE];
    prop_oneof![8 => ordinary.prop_map(f64::exp), 1 => proptest::sample::select(odd.to_vec())]
}

fn any_table() -> impl Strategy<Value = Observations> {
    let row = |domains: usize| {
        let weights =
            proptest::collection::vec(prop_oneof![4 => 0.0..1.0, 2 => Just(0.0), 1 => Just(f64::NAN)], domains);
        let moe = (prop_oneof![Just(1.0), Just(8.0), number(0.0..5.0)], prop_oneof![Just(1.0), number(0.0..2.0)]);
        let probe = (number(-1.0..2.0), number(-8.0..0.0)).prop_map(|(loss, decline)| Probe { loss, decline });
        let seen = (number(-1.0..2.0), proptest::option::weighted(0.9, probe), 0..9_usize);
        (number(10.0..25.0), number(15.0..30.0), weights, moe, seen).prop_map(
            |(n, d, weights, (experts, granularity), (loss, probe, run))| {
                let sum: f64 = weights.iter().sum();
                let mixture = if sum > 0.0 { weights.iter().map(|w| w / sum).collect() } else { weights };
                let at = place(n, d, 0.5);
                Observation { mixture, experts, granularity, loss, run, probe, ..at }
            },
        )
    };
    (1..5_usize, any::<bool>(), any::<bool>()).prop_flat_map(move |(domains, owned, twice)| {
        proptest::collection::vec(row(domains), 0..40).prop_map(move |rows| Observations {
            domains: (0..domains).map(|i| format!("domain{i}")).collect(),
            own: owned.then_some(0),
            runs: (0..9).map(|i| i.to_string()).collect(),
            rows: if twice { rows.iter().chain(&rows).cloned().collect() } else { rows },
            ..anything(0, 0)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if soak() { 256 } else { 24 }))]

    #[test]
    fn fits_are_finite_on_any_table(data in any_table()) {
        finite("a random table", &data, &Options { bootstraps: 2, starts: Some(2), ..Options::default() });
    }
}
