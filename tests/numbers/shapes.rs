//! Compute-optimal sizes on published isoFLOP runs, beside the authors' own numbers.

use crate::published;
use crate::table_projects::read;
use mixlaw::advise::{Evidence, optimum_curves, published_optima, shape};
use mixlaw::fit::isoflop::isoflops;
use mixlaw::fit::worth::worth;
use mixlaw::fit::{Options, fit};
use mixlaw::observe::Observed;
use mixlaw::project::{Budget, Project, Target};
use mixlaw::vocab::{Metric, Moe, Observation, Observations, Scale, ShapeAdvice, Standing};

/// Llama 3 (arXiv:2407.21783, section 3.2.1): N_opt by parabolas through the runs of each budget, D* ∝ C^0.53, and at
/// 3.8e25 FLOPs a model of 402B parameters and 16.55T tokens.
#[test]
fn parabolas_give_the_exponents_and_the_model_of_llama_3() {
    let Some((_, observed)) = read("llama3.yaml") else { return };
    let found = isoflops(&observed.fitted[0], &[3.8e25], 0);
    let [(groups, curve)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(groups.groups.len(), 10, "budgets from 6e18 to 1e22");
    let tokens = curve.tokens_exponent.expect("an exponent");
    assert!((tokens.value - 0.53).abs() < 0.02 && tokens.range.contains(0.53), "{tokens:?}");
    let far = curve.at.last().expect("the budget asked for");
    assert!(far.params.range.contains(402e9) && far.tokens.range.contains(16.55e12), "{far:?}");
    assert!((far.params.value / 402e9 - 1.0).abs() < 0.05 && !far.covered, "{far:?}");
}

pub(crate) const EXPERTS: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
pub(crate) const BUDGETS: [f64; 3] = [1e20, 1e21, 1e22];

/// a·Ê^δ·N^(α+γ ln Ê) + b·Ê^ω·D^(β+ζ ln Ê) + c with the published coefficients of the Joint MoE law, written down again.
pub(crate) struct Truth {
    /// Coefficient and exponent of N, and of D.
    size: (f64, f64),
    tokens: (f64, f64),
}

impl Truth {
    pub(crate) fn of(experts: f64) -> Self {
        let (start, most): (f64, f64) = (2.0732, 290.4521);
        let shift = 1.0 / (1.0 / start - 1.0 / most);
        let effective = 1.0 / (1.0 / (experts - 1.0 + shift) + 1.0 / most);
        let ln = effective.ln();
        Self {
            size: (35.91 * effective.powf(-0.2285), -0.1889 + 0.0098 * ln),
            tokens: (35.98 * effective.powf(0.5529), -0.1775 - 0.0259 * ln),
        }
    }

    pub(crate) fn loss(&self, params: f64, tokens: f64) -> f64 {
        1.3637 + self.size.0 * params.powf(self.size.1) + self.tokens.0 * tokens.powf(self.tokens.1)
    }

    /// Where 6·N·D = C is spent best, in closed form.
    fn best(&self, compute: f64) -> f64 {
        let (alpha, beta) = (-self.size.1, -self.tokens.1);
        (alpha * self.size.0 / (beta * self.tokens.0)).powf(1.0 / (alpha + beta))
            * (compute / 6.0).powf(beta / (alpha + beta))
    }
}

#[test]
fn published_coefficients_give_the_optima_of_the_closed_form_and_of_the_paper() {
    let published = mixlaw::laws::published::get("joint-moe").expect("published");
    let (curves, best) = published_optima(published, &Budget::default(), &BUDGETS);
    assert_eq!(curves.len(), EXPERTS.len());
    for (curve, experts) in curves.iter().zip(EXPERTS) {
        for (at, compute) in curve.at.iter().zip(BUDGETS) {
            let truth = Truth::of(experts);
            let n = truth.best(compute);
            assert!((at.params.value / n - 1.0).abs() < 1e-4, "E {experts}, {compute:e}: {at:?}, closed form {n:e}");
            assert!((at.loss.unwrap() - truth.loss(n, compute / 6.0 / n)).abs() < 1e-8, "{at:?}");
            assert!(!at.covered, "there are no runs");
        }
    }
    // Table 2 of the paper.
    for (experts, compute, n, d) in [
        (0, 0, 1.73e9, 9.65e9),
        (5, 0, 0.674e9, 24.7e9),
        (0, 1, 5.7e9, 29.3e9),
        (5, 1, 2.85e9, 58.4e9),
        (0, 2, 18.9e9, 88.3e9),
        (5, 2, 12.3e9, 135.7e9),
    ] {
        let at: &mixlaw::vocab::OptimumAt = &curves[experts].at[compute];
        assert!((at.params.value / n - 1.0).abs() < 0.01 && (at.tokens.value / d - 1.0).abs() < 0.01, "{at:?}");
    }
    // More experts always help where nothing limits the total: that is no optimum, and it is said.
    for optimum in &best {
        assert_eq!(optimum.scale.moe.map(|m| m.experts), Some(32.0));
        assert!(optimum.open.iter().any(|s| s.contains("More experts")), "{optimum:?}");
    }
}

/// The best E and N under a limit on bytes, by an independent search: golden sections over ln N for each E.
fn constrained(compute: f64, bytes: f64, limit: f64) -> (f64, f64, f64) {
    let best = |experts: f64| {
        let truth = Truth::of(experts);
        let loss = |ln: f64| truth.loss(ln.exp(), compute / 6.0 / ln.exp());
        let most = (limit / bytes / (1.0 + 9.0 / 13.0 * (experts - 1.0))).ln();
        let (mut low, mut high) = (10.0_f64, most.min(40.0));
        let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
        for _ in 0..200 {
            let (a, b) = (high - golden * (high - low), low + golden * (high - low));
            if loss(a) < loss(b) { high = b } else { low = a }
        }
        let ln = 0.5 * (low + high);
        (loss(ln), experts, ln.exp())
    };
    EXPERTS.into_iter().map(best).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::NAN, 0.0, 0.0))
}

#[test]
fn optima_within_a_memory_are_those_of_an_independent_solver() {
    let published = mixlaw::laws::published::get("joint-moe").expect("published");
    let mut chosen = std::collections::BTreeSet::new();
    for compute in BUDGETS {
        for limit in [2e9, 8e9, 24e9, 80e9, 320e9, 1e12] {
            for bytes in [1.0, 2.0, 16.0] {
                let budget = Budget { serve_memory: Some(limit), serve_bytes: Some(bytes), ..Budget::default() };
                let (_, found) = published_optima(published, &budget, &[compute]);
                let (loss, experts, n) = constrained(compute, bytes, limit);
                let own = found[0].scale.moe.map_or(1.0, |m| m.experts);
                let at =
                    format!("{compute:e} FLOPs, {limit:e} bytes of {bytes}: {found:?}, by the other {n:e} E {experts}");
                assert_eq!(own, experts, "{at}");
                assert!((found[0].scale.active_params() / n - 1.0).abs() < 1e-3, "{at}");
                assert!((found[0].loss / loss - 1.0).abs() < 1e-6, "{at}");
                assert!(found[0].scale.params * bytes <= limit * (1.0 + 1e-9), "{at}");
                chosen.insert(own as u64);
            }
        }
    }
    assert!(chosen.len() >= 4, "the limit decides how many experts are best: {chosen:?}");
}

/// Runs of at most 3B active parameters by the truth, with noise of 0.2 %.
fn sweep(seed: u64) -> Observations {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut normal = move || (-2.0 * uniform().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    let mut rows = Vec::new();
    for experts in EXPERTS {
        for size in [1e8, 2e8, 3e8, 4.5e8, 7e8, 1e9, 1.5e9, 2.2e9, 3e9_f64] {
            for tokens in [3e9, 6e9, 1.2e10, 2.5e10, 5e10, 1e11] {
                let moe = Moe { active_params: size, experts, experts_per_token: 1.0, granularity: 1.0 };
                let params = size * (1.0 + 9.0 / 13.0 * (experts - 1.0));
                let scale = Scale { params, tokens, moe: (experts > 1.0).then_some(moe) };
                let loss = Truth::of(experts).loss(size, tokens) * (1.0 + 0.002 * normal());
                rows.push(Observation { loss, run: rows.len(), ..scale.at(vec![1.0]) });
            }
        }
    }
    published::observations("loss", vec!["web".to_owned()], Some(0), rows)
}

/// From synthetic runs the compute-optimal table comes back: nine of ten within 3 % where the runs reach, and elsewhere inside the
/// interval in 85 of 100 cells.
#[test]
fn the_table_of_optima_comes_back_from_small_runs() {
    let seeds = if std::env::var_os("MIXLAW_SOAK").is_some() { 20 } else { 1 };
    let (mut inside, mut held, mut far, mut cells) = (0_usize, 0_usize, 0_u32, 0);
    let (mut near, mut worst, mut held_inside) = (0_usize, 0.0_f64, 0_usize);
    for seed in 0..seeds {
        let rows = sweep(seed);
        let project = Project {
            domains: rows.domains.clone(),
            metrics: vec![Metric::of_domain("web", "loss")],
            ..Project::default()
        };
        let options =
            Options { bootstraps: if seeds > 1 { 100 } else { 40 }, cross_validate: false, ..Options::default() };
        let fit = fit("joint-moe", &rows, &options, None).expect("a fit");
        let observed = Observed { fitted: vec![rows], starts: vec![Observations::default()], ..Observed::default() };
        let evidence = Evidence { project: &project, observed: &observed, fits: &[Some(&fit)], extrapolate: false };
        let curves = optimum_curves(&evidence, 0, &fit, &BUDGETS).expect("curves");
        for (curve, experts) in curves.iter().zip(EXPERTS) {
            for (at, compute) in curve.at.iter().zip(BUDGETS) {
                let n = Truth::of(experts).best(compute);
                let error = (at.params.value / n - 1.0).abs();
                cells += 1;
                if std::env::var_os("MIXLAW_SHOW").is_some() {
                    println!(
                        "{seed} E {experts} {compute:e}: {n:.4e} {:.4e} {:?} {}",
                        at.params.value, at.params.range, at.covered
                    );
                }
                if at.covered {
                    inside += 1;
                    // D = C / 6N is as far off as N, the other way.
                    near += usize::from(error < 0.03 && (n / at.params.value - 1.0).abs() < 0.03);
                    held_inside += usize::from(at.params.range.contains(n));
                    worst = worst.max(error);
                    assert!((at.tokens.value * at.params.value * 6.0 / compute - 1.0).abs() < 1e-9);
                } else {
                    far += 1;
                    held += usize::from(at.params.range.contains(n));
                }
            }
        }
    }
    println!(
        "{cells} cells: {inside} reached, {near} within 3 %, worst error {:.2} %, {held_inside} hold the truth; {far} beyond, {held} hold it",
        100.0 * worst
    );
    // Noise of .2 % moves one in ten by more than that, of six none.
    assert!(
        inside >= 6 * seeds as usize && 10 * near >= 9 * inside,
        "{near} of {inside} cells reached, worst error {worst}"
    );
    assert!(held as f64 >= 0.85 * f64::from(far), "{held} of {far}");
    assert!(held_inside as f64 >= 0.85 * inside as f64, "{held_inside} of {inside}");
}

/// From the same runs, with a limit of memory: what the fitted law advises loses next to nothing, by the truth, beside the best shape
/// within the limit; it keeps the limit; and what lies at a limit, at the most experts or where no run reaches is called no optimum.
#[test]
fn optima_within_a_memory_come_back_from_small_runs() {
    let seeds = if std::env::var_os("MIXLAW_SOAK").is_some() { 20 } else { 1 };
    let (mut regrets, mut same) = (Vec::new(), 0);
    for seed in 0..seeds {
        let rows = sweep(seed);
        let mut project = Project {
            domains: rows.domains.clone(),
            metrics: vec![Metric::of_domain("web", "loss")],
            target: Target { params: Some(1e9), tokens: Some(2e10), ..Target::default() },
            ..Project::default()
        };
        let options = Options { bootstraps: 20, ..Options::default() };
        let fit = fit("joint-moe", &rows, &options, None).expect("a fit");
        let observed = Observed { fitted: vec![rows], starts: vec![Observations::default()], ..Observed::default() };
        for compute in BUDGETS {
            for limit in [2e9, 8e9, 24e9, 80e9, 1e12] {
                project.budget =
                    Some(Budget { compute: Some(compute), serve_memory: Some(limit), ..Budget::default() });
                let fits = [Some(&fit)];
                let evidence = Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false };
                let (loss, experts, n) = constrained(compute, 2.0, limit);
                let at = format!("seed {seed}, {compute:e} FLOPs, {limit:e} bytes: truth {n:e} E {experts}");
                let advised = match shape(&evidence) {
                    Some(ShapeAdvice::Recommendation(advised)) => advised,
                    // Far from all runs nothing may be to say.
                    other => panic!("{at}: {other:?}"),
                };
                assert!(2.0 * advised.advised.params <= limit * (1.0 + 1e-9), "{at}: {advised:?}");
                let optimum = advised.optimum.clone().expect("an optimum");
                let own = optimum.scale.moe.map_or(1.0, |m| m.experts);
                let reached = Truth::of(own).loss(optimum.scale.active_params(), optimum.scale.tokens);
                regrets.push(reached / loss - 1.0);
                same += usize::from(own == experts);
                let at_limit = 2.0 * optimum.scale.params > limit * (1.0 - 1e-6);
                assert!(
                    advised.standing != Standing::Optimum || optimum.covered && optimum.open.is_empty() && !at_limit,
                    "{at}: {advised:?}"
                );
            }
        }
    }
    let cells = regrets.len();
    let (mean, most) = (regrets.iter().sum::<f64>() / cells as f64, regrets.iter().copied().fold(0.0, f64::max));
    println!(
        "{cells} questions: regret {:.4} % in the mean, {:.4} % at most; E the same in {same}",
        100.0 * mean,
        100.0 * most
    );
    assert!(regrets.iter().all(|regret| *regret > -1e-9), "the other solver's is the best there is");
    // A noise of 0.2 % in each run moves the optimum, not what it costs.
    assert!(mean < 2e-4 && most < 2e-3, "{mean} {most}");
}

/// Clark et al. (arXiv:2202.01169): the speed-up of routed over dense models grows with the number of experts, at every size at
/// which the dense models reach the routed ones' losses; and their law fits each router's losses to 0.003 in log₁₀.
#[test]
fn routed_models_are_worth_more_the_more_experts_they_have() {
    for router in ["S-Base", "RL-R", "Hash"] {
        let Some(rows) = published::routing(router) else { return };
        let found = worth(&rows, &|_, row| row.experts > 1.0, &|_, row| row.experts <= 1.0, 0).expect("two groups");
        let overall = found.overall.expect("shared losses");
        assert!(overall.value > 1.5 && overall.range.contains(overall.value), "{router}: {overall:?}");
        assert!(found.compared >= 20 && found.compared < found.runs, "{router}: {} of {}", found.compared, found.runs);
        for pair in found.each.windows(2) {
            let [fewer, more] = pair else { continue };
            if let (true, Some(a), Some(b)) = (fewer.params == more.params, &fewer.factor, &more.factor) {
                assert!(more.experts > fewer.experts && b.value > 0.97 * a.value, "{router}: {fewer:?} {more:?}");
            }
        }
        // The largest are better than every dense one: no number, and no less than one.
        let largest = found.each.last().expect("runs");
        assert!(largest.factor.is_none() && largest.at_least.is_some_and(|least| least > 0.9), "{router}: {largest:?}");
        let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
        let law = fit("routed", &rows, &options, None).expect("a fit");
        let square = |row: &Observation| (law.predict(row).log10() - row.loss.log10()).powi(2);
        let rms = (rows.rows.iter().map(square).sum::<f64>() / rows.rows.len() as f64).sqrt();
        assert!(rms <= 0.0033, "{router}: {rms}");
        println!("{router}: rms {rms:.5} in log10, worth {overall:?}");
    }
}
