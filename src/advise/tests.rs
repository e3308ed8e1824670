//! Advice on planted truths: the answer is known, so that it can be wrong.

use super::*;
use crate::fit::Fit;
use crate::observe::Observed;
use crate::project::{Base, Constraint, FitSettings, Objective, Slack, Target, WatchMode};
use crate::vocab::{Extrapolation, Interval, Metric, Observation, Observations, Scale};
use std::collections::BTreeMap;
use std::sync::LazyLock;

mod careful;
mod goals;
mod held_back;
mod measured;
mod picks;
mod stay;

const PARAMS: f64 = 2e6;
const TOKENS: f64 = 1.6e6;
const SIZES: [f64; 4] = [25e3, 99e3, 333e3, 592e3];

/// What is planted: losses of prose and rust at the target as functions of rust's weight.
struct Planted {
    prose: fn(f64) -> f64,
    rust: fn(f64) -> f64,
    /// Relative spread of the resamples, and of runs.
    spread: f64,
    skill: Option<f64>,
    /// By what part its error is smaller than that of the nearest run.
    rival: Option<f64>,
    uncompared: usize,
    plausible: bool,
    residuals: Vec<f64>,
    ratios: Vec<f64>,
}

impl Default for Planted {
    fn default() -> Self {
        Self {
            prose: |w| 1.6 + 0.25 * w * w,
            rust: |w| 1.4 + 0.3 * (1.0 - w) * (1.0 - w),
            spread: 0.002,
            skill: Some(0.95),
            rival: None,
            uncompared: 0,
            plausible: true,
            residuals: (-10..=10).map(|i| f64::from(i) * 4e-4).collect(),
            ratios: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
        }
    }
}

/// Losses fall with size alike for all mixtures, so that a start can be carried to the target.
fn at_size(params: f64) -> f64 {
    (params / PARAMS).powf(-0.09)
}

impl Planted {
    fn surface(&self, domain: usize) -> Surface<'_> {
        let loss = if domain == 0 { self.prose } else { self.rust };
        let best = move |at: &Observation| loss(at.mixture[1]) * at_size(at.params);
        let spread = self.spread;
        Surface {
            domain: ["prose", "rust"][domain].to_owned(),
            metric: ["eval/prose", "eval/rust"][domain].to_owned(),
            law: "planted".to_owned(),
            skill: self.skill,
            rival: self.rival.map(|less| ("the nearest run".to_owned(), less)),
            better_picks: None,
            mre: Some(0.008),
            uncompared: self.uncompared,
            residuals: &self.residuals,
            ln_best: Box::new(move |places| places.rows.iter().map(|at| best(at).ln()).collect()),
            ln_draws: Box::new(move |places| {
                // Resamples differ in level and, less, in slope.
                let tilt = |b: i32, at: &Observation| f64::from(b % 7 - 3) / 3.0 * at.mixture[1] * 0.3;
                let draw =
                    |b: i32, at: &Observation| best(at) * (1.0 + spread * (f64::from(b) / 24.5 - 1.0 + tilt(b, at)));
                (0..50).map(|b| places.rows.iter().map(|at| draw(b, at).ln()).collect()).collect()
            }),
            forecast: Box::new(move |at| {
                let value = best(at);
                let width = 2.0 * spread + 0.9 * self.residuals.last().unwrap();
                Interval { value, low: value * (1.0 - width), high: value * (1.0 + width) }
            }),
            extrapolation: Box::new(|at| Extrapolation {
                params: at.params / 592e3,
                tokens: at.tokens / 1.6e6,
                mixture_inside: true,
            }),
            is_plausible: Box::new(|_| self.plausible),
            unseen: Box::new(|_| Vec::new()),
            order: vec![Some(0), Some(1)],
        }
    }

    fn observed(&self) -> Observed {
        let mut observed = Observed::default();
        for domain in 0..2 {
            let surface = self.surface(domain);
            let mut fitted = Observations {
                metric: surface.metric.clone(),
                domains: vec!["prose".to_owned(), "rust".to_owned()],
                own: Some(domain),
                ..Observations::default()
            };
            let mut starts = fitted.clone();
            for (i, (size, ratio)) in SIZES.iter().flat_map(|s| self.ratios.iter().map(move |r| (s, r))).enumerate() {
                let mut row = surface.place(&Scale::dense(*size, TOKENS), &[1.0 - ratio, *ratio]);
                // Noise of a few parts in ten thousand that is not the same for all runs of a size.
                row.loss = surface.best(&row) * (1.0 + 4e-4 * (f64::from(i as u32) * 2.4).sin());
                row.run = i;
                fitted.runs.push(format!("run{i}"));
                fitted.rows.push(row.clone());
                starts.rows.push(Observation { loss: 1.65 * at_size(*size), tokens: 0.0, ..row });
            }
            starts.runs = fitted.runs.clone();
            observed.fitted.push(fitted);
            observed.starts.push(starts);
        }
        observed
    }

    fn advise(&self, project: &Project) -> Result<Recommendation, Abstention> {
        self.advise_with(project, &self.observed(), false)
    }

    fn advise_with(
        &self,
        project: &Project,
        observed: &Observed,
        extrapolate: bool,
    ) -> Result<Recommendation, Abstention> {
        let surfaces = [Some(self.surface(0)), Some(self.surface(1))];
        advise(&Evidence { project, observed, fits: &[None, None], extrapolate }, &surfaces, None)
    }

    fn advise_beside(&self, project: &Project, standing: &StandingAdvice) -> Recommendation {
        let (surfaces, observed) = ([Some(self.surface(0)), Some(self.surface(1))], self.observed());
        let evidence = Evidence { project, observed: &observed, fits: &[None, None], extrapolate: false };
        advise(&evidence, &surfaces, Some(standing)).unwrap()
    }
}

fn mixture(rust: f64) -> Mixture {
    Mixture(BTreeMap::from([("prose".to_owned(), 1.0 - rust), ("rust".to_owned(), rust)]))
}

fn limit(base: Base, slack: Slack) -> Constraint {
    Constraint { metric: "prose".to_owned(), base, slack, text: "prose <= start + 3%".to_owned() }
}

pub(super) fn project() -> Project {
    Project {
        name: "planted".to_owned(),
        file: None,
        root: std::path::PathBuf::new(),
        runs: Vec::new(),
        facts: BTreeMap::new(),
        domains: vec!["prose".to_owned(), "rust".to_owned()],
        metrics: vec![Metric::of_domain("prose", "eval/prose"), Metric::of_domain("rust", "eval/rust")],
        target: Target { params: Some(PARAMS), tokens: Some(TOKENS), ..Target::default() },
        current: Some(mixture(0.2)),
        bounds: BTreeMap::new(),
        available_tokens: BTreeMap::new(),
        max_epochs: 4.0,
        objective: Objective { minimize: BTreeMap::from([("rust".to_owned(), 1.0)]), ..Objective::default() },
        laws: Vec::new(),
        fit: FitSettings { seed: 1, starts: None, bootstraps: 50, skip: 0.1, repetition: true },
        watch: WatchMode::Auto,
        ..Project::default()
    }
}

fn said(recommendation: &Recommendation, what: &str) -> bool {
    recommendation.reasons.iter().any(|r| r.contains(what))
}

#[test]
fn an_interior_optimum_is_found_and_called_one() {
    let mut project = project();
    project.objective.minimize = BTreeMap::from([("rust".to_owned(), 2.0), ("prose".to_owned(), 2.0)]);
    let advice = Planted::default().advise(&project).unwrap();
    assert!((advice.mixture.weight("rust") - 6.0 / 11.0).abs() < 2e-3, "{advice:#?}");
    assert!(said(&advice, "no bound or limit holds it back"), "{advice:#?}");
    assert!(advice.p_better > 0.99 && advice.p_within_limits == 1.0);
    let objective = |w: f64| 0.5 * (1.6 + 0.25 * w * w) + 0.5 * (1.4 + 0.3 * (1.0 - w).powi(2));
    assert!((advice.gain - (objective(0.2) - objective(0.545))).abs() < 1e-4);
    let rust = advice.expected["eval/rust"];
    assert!((rust.now - (1.4 + 0.3 * 0.64)).abs() < 1e-12 && rust.low < rust.value && rust.value < rust.high);
}

#[test]
fn advice_by_a_law_that_others_have_not_been_compared_with_says_so() {
    let said_of = |uncompared| {
        let advice = Planted { uncompared, ..Planted::default() }.advise(&project()).unwrap();
        advice.reasons.iter().filter(|r| r.contains("not compared yet")).count()
    };
    assert_eq!((said_of(0), said_of(1), said_of(12)), (0, 2, 2));
}

#[test]
fn a_law_that_a_baseline_beats_gives_no_advice() {
    let with = |less: f64| Planted { rival: Some(less), ..Planted::default() }.advise(&project());
    let advice = with(0.5).unwrap();
    assert!(said(&advice, "mean error 0.8 % (50 % less than the nearest run's)"), "{advice:#?}");
    let abstained = with(-0.2).unwrap_err();
    let why = "no better than the nearest run: its error is 20 % larger";
    assert!(abstained.reasons.iter().any(|r| r.contains(why)), "{abstained:#?}");
}

#[test]
fn a_limit_binds_with_the_probability_required_and_the_reasons_say_what_less_care_would_give() {
    let mut project = project();
    project.objective.subject_to = vec![limit(Base::Start, Slack::Relative(0.03))];
    let advice = Planted::default().advise(&project).unwrap();
    // prose(w) = 1.03 × 1.65 at w = 0.6314; the careful answer is a little less.
    let rust = advice.mixture.weight("rust");
    assert!((0.58..0.63).contains(&rust), "{advice:#?}");
    assert!((0.8..0.86).contains(&advice.p_within_limits), "{advice:#?}");
    let prose = advice.expected["eval/prose"];
    assert!((prose.limit.unwrap() - 1.6995).abs() < 1e-3 && prose.value < prose.limit.unwrap());
    assert!(said(&advice, "The limit stops us") && said(&advice, "At rust 0.63"), "{advice:#?}");
    assert!(said(&advice, "extrapolated from 4 sizes") && said(&advice, "2M parameters are 3.4 ×"), "{advice:#?}");
}

#[test]
fn a_limit_relative_to_the_current_mixture_keeps_what_runs_have_in_common_out_of_it() {
    let planted = Planted { residuals: (-10..=10).map(|i| f64::from(i) * 4e-3).collect(), ..Planted::default() };
    let mut project = project();
    project.objective.subject_to = vec![limit(Base::Current, Slack::Relative(0.03))];
    let paired = planted.advise(&project).unwrap();
    project.objective.subject_to = vec![limit(Base::Nats(1.03 * 1.61), Slack::Nats(0.0))];
    let absolute = planted.advise(&project).unwrap();
    assert!(paired.mixture.weight("rust") > absolute.mixture.weight("rust") + 0.02, "{paired:#?} {absolute:#?}");
}

#[test]
fn a_measured_start_is_used_as_it_is() {
    let planted = Planted::default();
    let mut observed = planted.observed();
    observed.starts[0].rows.push(Observation { params: PARAMS, loss: 1.7, ..Observation::default() });
    let mut project = project();
    project.objective.subject_to = vec![limit(Base::Start, Slack::Nats(0.0))];
    let advice = planted.advise_with(&project, &observed, false).unwrap();
    assert_eq!(advice.expected["eval/prose"].limit, Some(1.7));
    assert!(said(&advice, "measured at step 0"), "{advice:#?}");
}

#[test]
fn what_ends_the_range_is_named() {
    let planted = Planted { ratios: vec![0.1, 0.2, 0.4, 0.5], ..Planted::default() };
    type Change = fn(&mut Project);
    let cases: [(Change, f64, &str); 3] = [
        (|_| {}, 0.5, "no run goes further"),
        (|p| p.bounds = BTreeMap::from([("rust".to_owned(), [0.05, 0.45])]), 0.45, "the bound in the project"),
        (|p| p.available_tokens = BTreeMap::from([("rust".to_owned(), 0.1 * TOKENS)]), 0.4, "160k tokens available"),
    ];
    for (change, weight, reason) in cases {
        let mut project = project();
        change(&mut project);
        let advice = planted.advise(&project).unwrap();
        assert!((advice.mixture.weight("rust") - weight).abs() < 1.1e-3, "{reason}: {advice:#?}");
        assert!(said(&advice, reason), "{reason}: {advice:#?}");
    }
    let project = project();
    let far = planted.advise_with(&project, &planted.observed(), true).unwrap();
    assert!(far.mixture.weight("rust") > 0.99 && said(&far, "as requested"), "{far:#?}");
    let near = planted.advise(&project).unwrap();
    assert!(said(&near, "Outside the explored mixtures the laws predict"), "{near:#?}");
}

#[test]
fn a_current_mixture_that_cannot_be_told_from_the_best_is_kept() {
    let mut project = project();
    project.objective.minimize = BTreeMap::from([("rust".to_owned(), 0.5), ("prose".to_owned(), 0.5)]);
    project.current = Some(mixture(0.54));
    let advice = Planted::default().advise(&project).unwrap();
    assert_eq!((advice.gain, advice.p_better), (0.0, 0.5));
    assert_eq!(advice.mixture, advice.current);
    assert!(said(&advice, "can't tell the current mixture"), "{advice:#?}");
}

/// Less of the weight than any run has is what the law likes best: no run says so, and nothing says to leave it either.
#[test]
fn a_current_mixture_that_no_run_was_near_is_not_left_for_a_worse_one() {
    let mut project = project();
    project.objective.minimize = BTreeMap::from([("prose".to_owned(), 1.0)]);
    project.objective.subject_to.clear();
    let planted = Planted { ratios: vec![0.2, 0.4, 0.6, 0.8], ..Planted::default() };
    project.current = Some(mixture(0.1));
    project.bounds.clear();
    let advice = planted.advise(&project).unwrap();
    assert_eq!(advice.mixture, advice.current, "{advice:#?}");
    assert!(said(&advice, "Keep the current mixture"), "{advice:#?}");
}

#[test]
fn a_current_mixture_that_breaks_a_limit_is_left_even_at_a_loss() {
    let mut project = project();
    project.current = Some(mixture(0.9));
    project.objective.subject_to = vec![limit(Base::Start, Slack::Relative(0.03))];
    let advice = Planted::default().advise(&project).unwrap();
    assert!(advice.gain < 0.0 && advice.mixture.weight("rust") < 0.64, "{advice:#?}");
    assert!(said(&advice, "exceeds a limit"), "{advice:#?}");
}

#[test]
fn wide_scatter_lowers_the_probability_of_the_limit_but_not_of_being_better() {
    let mut project = project();
    project.objective.subject_to = vec![limit(Base::Start, Slack::Relative(0.03))];
    let wide = Planted { residuals: (-10..=10).map(|i| f64::from(i) * 5e-3).collect(), ..Planted::default() };
    let advice = wide.advise(&project).unwrap();
    let careful = Planted::default().advise(&project).unwrap();
    assert!(advice.mixture.weight("rust") < careful.mixture.weight("rust") - 0.05, "{advice:#?}");
    assert!(advice.p_better > 0.95, "what both runs share cancels: {advice:#?}");
}

#[test]
fn it_abstains_with_a_reason_and_a_remedy() {
    type Change = fn(&mut Project, &mut Planted);
    let cases: [(&str, Change, &str, &str); 11] = [
        (
            "too few ratios",
            |_, t| t.ratios = vec![0.2, 0.8],
            "2 distinct ratios; advice needs 3",
            "rust = 0.50 at 592k",
        ),
        ("skill unknown", |_, t| t.skill = None, "skill of the planted law for rust is unknown", "Launch a run"),
        ("no skill", |_, t| t.skill = Some(-0.2), "predicts held-out rust losses no better", "Launch a run"),
        (
            "no skill so far",
            |_, t| (t.skill, t.uncompared) = (Some(-0.2), 3),
            "predicts held-out rust losses no better",
            "3 laws are not compared yet",
        ),
        (
            "skill is no number",
            |_, t| t.skill = Some(f64::NAN),
            "predicts held-out rust losses no better",
            "Launch a run",
        ),
        ("no target", |p, _| p.target.params = None, "target's size", "target: {"),
        (
            "impossible limit",
            |p, _| p.objective.subject_to = vec![limit(Base::Nats(1.5), Slack::Nats(0.0))],
            "the closest misses by 6.7 %",
            "Loosen the limit",
        ),
        ("a loss that cannot be", |_, t| t.plausible = false, "far from all that was measured", "Launch a run"),
        (
            "contradicting bounds",
            |p, _| {
                p.bounds.insert("rust".to_owned(), [0.5, 0.9]);
                p.available_tokens.insert("rust".to_owned(), 0.01 * TOKENS);
            },
            "rust would need at least 0.500",
            "Widen the bounds",
        ),
        (
            "nothing minimised",
            |p, _| p.objective.minimize = BTreeMap::from([("rust".to_owned(), 0.0)]),
            "gives no metric",
            "minimize",
        ),
        ("losses that are no numbers", |_, t| t.rust = |_| f64::NAN, "no finite loss", "Launch a run"),
    ];
    for (name, change, reason, help) in cases {
        let (mut project, mut planted) = (project(), Planted::default());
        change(&mut project, &mut planted);
        let abstention = planted.advise(&project).expect_err(name);
        assert!(abstention.reasons.iter().any(|r| r.contains(reason)), "{name}: {abstention:#?}");
        assert!(abstention.would_help.iter().any(|h| h.contains(help)), "{name}: {abstention:#?}");
    }
    let (project, planted) = (project(), Planted::default());
    let nothing =
        recommend(&Evidence { project: &project, observed: &planted.observed(), fits: &[], extrapolate: false });
    let Advice::Abstained(abstention) = nothing else { panic!("{nothing:?}") };
    assert!(abstention.reasons[0].contains("No law could be fitted to the rust loss"), "{abstention:#?}");
}

#[test]
fn without_step_zero_a_limit_from_the_start_cannot_be_known() {
    let planted = Planted::default();
    let mut observed = planted.observed();
    observed.starts[0].rows.clear();
    let mut project = project();
    project.objective.subject_to = vec![limit(Base::Start, Slack::Relative(0.03))];
    let abstention = planted.advise_with(&project, &observed, false).unwrap_err();
    assert!(abstention.reasons[0].contains("No run logs the prose loss at step 0"), "{abstention:#?}");
}

#[test]
fn the_same_evidence_gives_the_same_advice_and_id() {
    let mut project = project();
    project.objective.subject_to = vec![limit(Base::Start, Slack::Relative(0.03))];
    let planted = Planted::default();
    let (a, b) = (planted.advise(&project).unwrap(), planted.advise(&project).unwrap());
    assert_eq!(a, b);
    project.target.tokens = Some(2.0 * TOKENS);
    assert_ne!(planted.advise(&project).unwrap().id, a.id, "another question has another name");
}

#[test]
fn without_a_current_mixture_the_mean_of_the_runs_stands_in() {
    let mut project = project();
    project.current = None;
    let advice = Planted::default().advise(&project).unwrap();
    assert!((advice.current.weight("rust") - 0.5).abs() < 1e-9);
    assert!(said(&advice, "No current mixture is stated"), "{advice:#?}");
}

/// Whether this is the long version of tests that take a sample: see `tests/soak.sh`.
fn soak() -> bool {
    std::env::var_os("MIXLAW_SOAK").is_some()
}

/// The recorded example with the real laws: the project as its file has it, the rows, and a fit of each loss.
pub(crate) fn recorded() -> &'static (Project, Observed, Vec<Fit>) {
    static FITTED: LazyLock<(Project, Observed, Vec<Fit>)> = LazyLock::new(|| recorded_up_to(f64::INFINITY));
    &FITTED
}

fn recorded_up_to(params: f64) -> (Project, Observed, Vec<Fit>) {
    let mut records = crate::observe::tests::code_cpt();
    records.retain(|r| r.facts.number(crate::vocab::FactName::Params).unwrap() <= params);
    let mut project = project();
    project.metrics = vec![Metric::of_domain("prose", "eval/prose/loss"), Metric::of_domain("rust", "eval/rust/loss")];
    project.target = Target { params: Some(2e6), tokens: Some(1.64e6), ..Target::default() };
    project.bounds = BTreeMap::from([("rust".to_owned(), [0.05, 0.95])]);
    project.objective.subject_to = vec![limit(Base::Start, Slack::Relative(0.03))];
    let observed = crate::observe::observe(&project, &records);
    let options = crate::fit::Options {
        seed: 0,
        starts: Some(if soak() { 8 } else { 2 }),
        bootstraps: if soak() { 100 } else { 40 },
        cross_validate: true,
        ..crate::fit::Options::default()
    };
    let law = "dcpt";
    let fits = observed.fitted.iter().map(|o| crate::fit::fit(law, o, &options, None).unwrap()).collect();
    (project, observed, fits)
}

#[test]
fn the_best_mixture_of_a_size_is_what_that_size_would_be_advised() {
    let (project, observed, fits) = recorded();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    assert_eq!(drifts_with(&evidence), Some(crate::laws::Variable::Params));
    let scales = [25e3, 333e3, 2e6].map(|params| Scale::dense(params, 1.64e6));
    let found = drift(&evidence, &scales);
    let weights: Vec<f64> = found.iter().map(|one| one.as_ref().expect("an optimum").weights[1]).collect();
    // Limits hold further up for small models: 3 % above the start is met by 25k up to about .85, by 592k up to .77.
    assert!(weights[0] > weights[1] && weights[1] > weights[2], "{weights:?}");
    assert!((0.66..0.8).contains(&weights[2]), "{weights:?}");
    assert_eq!(found[2].as_ref().map(|one| one.gain), Some(0.0));
    assert!(found[0].as_ref().is_some_and(|one| one.gain > 0.0 && one.gain < 0.1), "{found:?}");
    // It is the same as making that size the target.
    let mut small = project.clone();
    small.target.params = Some(333e3);
    let of_small = drift(&Evidence { project: &small, ..evidence }, &scales[1..2]);
    assert_eq!(of_small[0].as_ref().map(|one| &one.weights), found[1].as_ref().map(|one| &one.weights));
    // Without laws there is nothing to say.
    let none: Vec<Option<&Fit>> = vec![None; fits.len()];
    let evidence = Evidence { fits: &none, ..evidence };
    assert_eq!((drift(&evidence, &scales), drifts_with(&evidence)), (vec![None, None, None], None));
}

/// The mixture at a shape is what a project whose target is that shape is advised, and differs from the target's.
#[test]
fn the_mixture_at_a_shape_is_what_that_target_would_be_advised() {
    let (project, observed, fits) = recorded();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    let shape = Scale::dense(333e3, 3.2e6);
    let there = mixture_at(&evidence, &shape).expect("something to mix");
    let mut small = project.clone();
    small.target = Target { params: Some(333e3), tokens: Some(3.2e6), ..Target::default() };
    let Advice::Recommendation(asked) = recommend(&Evidence { project: &small, ..evidence }) else { panic!() };
    let Advice::Recommendation(found) = &there.advice else { panic!("{there:?}") };
    assert_eq!(found.mixture, asked.mixture);
    assert!(found.p_better > 0.5 && there.scale == shape, "{found:?}");
    let at_target = there.at_target.expect("an optimum at the target").weight("rust");
    let best = drift(&evidence, &[project.target.scale().unwrap()])[0].as_ref().unwrap().weights[1];
    assert!((at_target - best).abs() < 1e-9 && (found.mixture.weight("rust") - at_target).abs() > 0.02, "{found:?}");
    // Where no law sees a size, it is the same everywhere, which is said.
    let none: Vec<Option<&Fit>> = vec![None; fits.len()];
    let blind = mixture_at(&Evidence { fits: &none, ..evidence }, &shape).expect("an answer");
    let Advice::Abstained(why) = blind.advice else { panic!() };
    assert!(why.reasons[0].starts_with("No law in use sees size or tokens together with the mixture"), "{why:?}");
    // With one domain there is nothing to mix.
    let mut one = project.clone();
    one.domains.truncate(1);
    assert_eq!(mixture_at(&Evidence { project: &one, ..evidence }, &shape), None);
}

#[test]
fn the_recorded_example_gets_the_advice_its_runs_support() {
    let (project, observed, fits) = recorded();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    let Advice::Recommendation(advice) = recommend(&evidence) else { panic!("abstained") };
    // The runs themselves keep prose within 3 % of its start up to about .85 (25k), .81, .795 and .77 (592k).
    let rust = advice.mixture.weight("rust");
    assert!((0.66..0.75).contains(&rust), "{advice:#?}");
    assert!(advice.p_better > 0.95 && advice.p_within_limits >= SURE, "{advice:#?}");
    let prose = advice.expected["eval/prose/loss"];
    assert!(prose.value < prose.limit.unwrap() && prose.low < prose.value, "{advice:#?}");
    assert!(said(&advice, "The limit stops us") && said(&advice, "3.4 × the largest run"), "{advice:#?}");
    assert!(said(&advice, "with half the tokens up to"), "{advice:#?}");
    assert_eq!(Advice::Recommendation(advice), recommend(&evidence));
}

/// What the largest size would have been advised had it not been run, against what its runs did.
#[test]
fn advice_for_a_size_that_was_hidden_keeps_the_limit_there() {
    let (mut project, observed, fits) = recorded_up_to(4e5);
    project.target = Target { params: Some(591_616.0), tokens: Some(1_638_400.0), ..Target::default() };
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false };
    let Advice::Recommendation(advice) = recommend(&evidence) else { panic!("abstained") };
    let limit = advice.expected["eval/prose/loss"].limit.unwrap();
    assert!((limit / (1.03 * 1.84418) - 1.0).abs() < 0.01, "{advice:#?}");
    // Prose ended at 1.853 at .67 and 1.912 at .8: the true limit of 1.8995 is kept up to about .77.
    let rust = advice.mixture.weight("rust");
    assert!((0.67..0.77).contains(&rust), "{advice:#?}");
}
