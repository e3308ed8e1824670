//! Tables as people have them, each asked in at most 15 lines of YAML. What is answered is compared with runs that were held
//! out, or with the truth that the table was made from.

use crate::published::{number, observations, plain, read};
use mixlaw::Study;
use mixlaw::fit::{Options, fit};
use mixlaw::vocab::metric::{Better, MetricUnit};
use mixlaw::vocab::{Advice, Mixture, Recommendation};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::fmt::Write as _;
use std::path::Path;

/// The longest project file that counts as a few lines.
const FEW: usize = 15;

fn few(yaml: &str) {
    assert!(yaml.lines().count() <= FEW, "{yaml}");
}

/// A question of `tests/tables`; `None` where the data are not there.
fn published(name: &str) -> Option<Study> {
    crate::published::folder()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables").join(name);
    few(&std::fs::read_to_string(&path).expect("a question"));
    Some(Study::open(&path).unwrap_or_else(|error| panic!("{error:?}")))
}

/// A question to a table made here.
fn made(table: &str, yaml: &str) -> Study {
    few(yaml);
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("runs.csv"), table).expect("the table");
    std::fs::write(dir.path().join("mixlaw.yaml"), yaml).expect("the project");
    Study::open(dir.path()).unwrap_or_else(|error| panic!("{error:?}"))
}

fn recommended(study: &Study) -> Recommendation {
    match study.fit().recommend() {
        Advice::Recommendation(advice) => advice,
        Advice::Abstained(abstention) => panic!("{abstention:?}"),
    }
}

/// Spearman's rank correlation.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
        let mut ranks = vec![0.0; values.len()];
        for (rank, i) in order.into_iter().enumerate() {
            ranks[i] = rank as f64;
        }
        ranks
    };
    let (a, b) = (ranks(a), ranks(b));
    let n = a.len() as f64;
    let apart: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * apart / (n * (n * n - 1.0))
}

/// Weights and losses of the 256 runs of RegMix that no fit may see, in the order of these domains and losses.
fn held_out(domains: &[String], keys: &[String]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mixtures = read("regmix/test_mixture_1m.csv").expect("held-out mixtures");
    let losses = read("regmix/test_pile_loss_1m.csv").expect("their losses");
    let weights = |row| {
        let weights: Vec<f64> = domains.iter().map(|d| number(row, &format!("train_the_pile_{d}"))).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / total).collect()
    };
    let measured = |row| keys.iter().map(|key| number(row, key)).collect();
    (mixtures.iter().map(weights).collect(), losses.iter().map(measured).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn regmix_ranks_runs_it_has_not_seen_and_advises_a_mixture_better_than_all_of_them() {
    let Some(study) = published("regmix-question.yaml") else { return };
    let domains = study.project().domains.clone();
    let keys: Vec<String> = study.observed().fitted.iter().map(|o| o.metric.clone()).collect();
    assert_eq!((domains.len(), keys.len()), (17, 13));
    let laws = study.fit();
    let (mixtures, measured) = held_out(&domains, &keys);
    let expected: Vec<Vec<f64>> = mixtures
        .iter()
        .map(|weights| {
            let forecasts = laws.predict(1e6, 1e9, &Mixture::from_weights(&domains, weights));
            let of = |key: &String| {
                forecasts.iter().find(|f| f.metric == *key && f.law == "log-linear").expect("a forecast")
            };
            keys.iter().map(|key| of(key).interval.value).collect()
        })
        .collect();
    for (i, key) in keys.iter().enumerate() {
        let column = |rows: &[Vec<f64>]| rows.iter().map(|row| row[i]).collect::<Vec<_>>();
        let rank = rank_correlation(&column(&expected), &column(&measured));
        assert!(rank > 0.9, "{key}: {rank}");
    }
    let means = |rows: &[Vec<f64>]| rows.iter().map(|row| mean(row)).collect::<Vec<_>>();
    let (expected, measured_means) = (means(&expected), means(&measured));
    assert!(rank_correlation(&expected, &measured_means) > 0.9);

    // A fit to the held-out runs alone is the judge of what is advised.
    let Advice::Recommendation(advice) = laws.recommend() else { panic!("no advice") };
    let advised = advice.mixture.weights(&domains);
    let judged = keys.iter().enumerate().map(|(i, key)| {
        let rows = mixtures.iter().zip(&measured).enumerate();
        let rows = rows.map(|(run, (weights, losses))| plain(1e6, 1e9, weights.clone(), losses[i], run)).collect();
        let options = Options { starts: Some(1), bootstraps: 0, cross_validate: false, ..Options::default() };
        let judge = fit("log-linear", &observations(key, domains.clone(), None, rows), &options, None).expect("a fit");
        judge.predict(&plain(1e6, 1e9, advised.clone(), f64::NAN, 0))
    });
    let judged = mean(&judged.collect::<Vec<_>>());
    let best = measured_means.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(judged < best, "the advised mixture is judged {judged}; the best of 256 reached {best}");
    let promised = mean(&advice.expected.values().map(|e| e.value).collect::<Vec<_>>());
    assert!((promised / judged - 1.0).abs() < 0.02, "{promised} expected, {judged} judged");
}

/// A number between 0 and 1, without 0.
fn uniform(random: &mut Xoshiro256PlusPlus) -> f64 {
    ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Weights drawn evenly from all that sum to 1.
fn drawn(random: &mut Xoshiro256PlusPlus, domains: usize) -> Vec<f64> {
    let parts: Vec<f64> = (0..domains).map(|_| -uniform(random).ln()).collect();
    let total: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / total).collect()
}

/// What each corpus does to the logarithm of what a task still gets wrong: each task gains most from one corpus.
fn effects(random: &mut Xoshiro256PlusPlus, tasks: usize, domains: usize) -> Vec<Vec<f64>> {
    let one = |random: &mut _, task, domain| if task % domains == domain { -3.0 } else { uniform(random) - 0.5 };
    (0..tasks).map(|task| (0..domains).map(|domain| one(random, task, domain)).collect()).collect()
}

fn exponent(effects: &[f64], weights: &[f64]) -> f64 {
    effects.iter().zip(weights).map(|(t, h)| t * h).sum()
}

/// The lowest value of a function of weights, by steps of a hundredth from one corpus to another.
fn lowest(domains: usize, value: impl Fn(&[f64]) -> f64) -> f64 {
    let mut at = vec![1.0 / domains as f64; domains];
    let mut best = value(&at);
    for size in [0.1_f64, 0.01, 0.001] {
        loop {
            let before = best;
            for (from, to) in (0..domains).flat_map(|from| (0..domains).map(move |to| (from, to))) {
                let mut tried = at.clone();
                let moved = size.min(tried[from]);
                tried[from] -= moved;
                tried[to] += moved;
                let reached = value(&tried);
                if reached < best {
                    (at, best) = (tried, reached);
                }
            }
            if best >= before {
                break;
            }
        }
    }
    best
}

/// A table of runs with drawn mixtures; each score is of the mixture, with an error of two thousandths.
fn swarm(
    random: &mut Xoshiro256PlusPlus,
    runs: usize,
    domains: &[&str],
    scores: &[&str],
    score: impl Fn(usize, &[f64]) -> f64,
) -> String {
    let heads: Vec<String> = domains.iter().map(|d| format!("weight_{d}")).collect();
    let mut text = format!("name,{},{}\n", heads.join(","), scores.join(","));
    for run in 0..runs {
        let weights = drawn(random, domains.len());
        let _ = write!(text, "swarm-{run:03}");
        for weight in &weights {
            let _ = write!(text, ",{weight}");
        }
        for i in 0..scores.len() {
            let _ = write!(text, ",{}", score(i, &weights) * (1.0 + 0.002 * (2.0 * uniform(random) - 1.0)));
        }
        text.push('\n');
    }
    text
}

#[test]
fn a_swarm_of_corpora_and_tasks_in_bits_per_byte_is_answered_as_planted() {
    let corpora = ["dclm", "wiki", "code", "math", "papers", "books"];
    let tasks = [
        "arc_easy_bpb",
        "hellaswag_bpb",
        "mmlu_stem_bpb",
        "gsm8k_bpb",
        "humaneval_bpb",
        "minerva_bpb",
        "squad_bpb",
        "basic_skills_bpb",
    ];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(13);
    let effects = effects(&mut random, tasks.len(), corpora.len());
    let bits = |task: usize, weights: &[f64]| 0.4 + 0.05 * task as f64 + exponent(&effects[task], weights).exp();
    let table = swarm(&mut random, 96, &corpora, &tasks, bits);
    let study = made(
        &table,
        "tables:\n  - path: runs.csv\n    params: 30M\n    tokens: 3B\n    run: name\n    mixture: { prefix: weight_ }\n    \
         metrics: { suffix: _bpb }\nlaws: [log-linear]\nfit: { starts: 1, bootstraps: 0 }\n\
         target: { params: 30M, tokens: 3B }\n",
    );
    let advice = recommended(&study);
    assert_eq!(advice.expected.len(), tasks.len());
    let advised = advice.mixture.weights(&corpora.map(str::to_owned));
    let mean = |weights: &[f64]| (0..tasks.len()).map(|i| bits(i, weights)).sum::<f64>() / tasks.len() as f64;
    let (reached, best) = (mean(&advised), lowest(corpora.len(), mean));
    assert!(reached < 1.01 * best, "{advised:?}: {reached}, planted optimum {best}");
    for (i, task) in tasks.iter().enumerate() {
        let (expected, truth) = (&advice.expected[*task], bits(i, &advised));
        assert_eq!((expected.measure.unit, expected.measure.better), (MetricUnit::Bits, Better::Lower), "{task}");
        assert!((expected.value / truth - 1.0).abs() < 0.01, "{task}: {expected:?}, truth {truth}");
    }
}

#[test]
fn a_table_with_accuracies_is_answered_as_planted() {
    let corpora = ["web", "code", "math", "papers"];
    let tasks = ["mmlu_acc", "arc_acc", "gsm8k_acc", "piqa_acc"];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(31);
    let effects = effects(&mut random, tasks.len(), corpora.len());
    // What a task still gets wrong falls towards a floor.
    let accuracy = |task: usize, weights: &[f64]| 0.9 - (exponent(&effects[task], weights) - 0.7).exp();
    let table = swarm(&mut random, 64, &corpora, &tasks, accuracy);
    let study = made(
        &table,
        "tables:\n  - path: runs.csv\n    params: 1B\n    tokens: 20B\n    run: name\n    mixture: { prefix: weight_ }\n    \
         metrics: { suffix: _acc }\nlaws: [log-linear]\nfit: { starts: 1, bootstraps: 0 }\n\
         target: { params: 1B, tokens: 20B }\n",
    );
    let advice = recommended(&study);
    assert_eq!(advice.expected.len(), tasks.len());
    let advised = advice.mixture.weights(&corpora.map(str::to_owned));
    let mean = |weights: &[f64]| (0..tasks.len()).map(|i| accuracy(i, weights)).sum::<f64>() / tasks.len() as f64;
    let (reached, best) = (mean(&advised), -lowest(corpora.len(), |weights| -mean(weights)));
    assert!(reached > best - 0.01, "{advised:?}: {reached}, planted optimum {best}");
    for (i, task) in tasks.iter().enumerate() {
        let (expected, truth) = (&advice.expected[*task], accuracy(i, &advised));
        assert_eq!(expected.measure.better, Better::Higher, "{task}");
        assert!((expected.value - truth).abs() < 0.01, "{task}: {expected:?}, truth {truth}");
    }
}

#[test]
fn a_table_with_one_corpus_predicts_a_larger_run_as_planted() {
    let truth = |n: f64, d: f64| 1.7 + 400.0 * n.powf(-0.34) + 1500.0 * d.powf(-0.36);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut table = "N,D,loss\n".to_owned();
    for n in [50e6, 100e6, 200e6, 400e6, 800e6] {
        for per_param in [5.0, 10.0, 20.0, 40.0] {
            let _ = writeln!(
                table,
                "{n},{},{}",
                n * per_param,
                truth(n, n * per_param) * (1.0 + 0.002 * (2.0 * uniform(&mut random) - 1.0))
            );
        }
    }
    let study = made(
        &table,
        "tables:\n  - path: runs.csv\n    params: N\n    tokens: D\n    metrics: { loss: loss }\n\
         laws: [chinchilla]\nfit: { starts: 4, bootstraps: 40 }\ntarget: { params: 7B, tokens: 140B }\n",
    );
    let laws = study.fit();
    let forecasts = laws.predict(7e9, 140e9, &Mixture::default());
    let forecast = forecasts.iter().find(|f| f.law == "chinchilla").expect("a forecast").interval;
    assert!((forecast.value / truth(7e9, 140e9) - 1.0).abs() < 0.02, "{forecast:?}, truth {}", truth(7e9, 140e9));
    assert!(forecast.low < truth(7e9, 140e9) && truth(7e9, 140e9) < forecast.high, "{forecast:?}");
    let Advice::Abstained(abstention) = laws.recommend() else { panic!("nothing to mix") };
    assert!(abstention.nothing_to_mix.is_some(), "{abstention:?}");
}

#[test]
fn farseers_cheap_runs_predict_those_that_cost_ten_times_as_much() {
    let Some(study) = published("farseer-question.yaml") else { return };
    let laws = study.fit();
    let test = read("selection/farseer_test.csv").expect("held-out runs");
    assert_eq!(test.len(), 7);
    for row in &test {
        let forecasts = laws.predict(number(row, "N"), number(row, "D"), &Mixture::default());
        let forecast = forecasts.iter().find(|f| f.law == "skaling").expect("a forecast").interval;
        let measured = number(row, "loss");
        assert!((forecast.value / measured - 1.0).abs() < 0.02, "{forecast:?}, measured {measured}");
    }
}
