use super::*;
use crate::fit::baseline::LINE;
use crate::fit::choose::candidates;
use crate::fit::{Options, random::Random};
use crate::laws;
use crate::project::conditions::conditions;
use crate::vocab::{FactsOfRun, FactsPlace, Observation, Scale};

/// A table of runs whose losses are known, with facts that are drawn at random.
struct Simulated {
    fitted: Vec<Observations>,
    facts: RunFacts,
    /// ln of the true losses, by loss and row.
    truth: Vec<Vec<f64>>,
}

fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.uniform(-0.5, 0.5)).sum::<f64>()
}

/// The loss, which the straight line does not quite describe.
fn truth_at(params: f64, weight: f64) -> f64 {
    (1.2 - 0.05 * (params / 1e7).ln() - 0.3 * weight + 0.03 * weight * weight).exp()
}

/// Runs of one to three sizes on mixtures of two domains, each several times; noise as repeated runs have it.
fn simulated(seed: u64, sizes: usize, ratios: usize) -> Simulated {
    let mut random = Random::new(seed, 77);
    let noise = [0.002, 0.005, 0.01][random.below(3)];
    let nodes = 3 + random.below(4);
    let (mut rows, mut facts, mut truth) = (vec![Vec::new(); 2], Vec::new(), vec![Vec::new(); 2]);
    let mut names = Vec::new();
    for size in 0..sizes {
        let params = 1e7 * 4_f64.powi(i32::try_from(size).unwrap_or(0));
        for k in 0..ratios {
            let ratio = if seed.is_multiple_of(2) { k as f64 / (ratios - 1) as f64 } else { random.uniform(0.0, 1.0) };
            let run = names.len();
            names.push(format!("r{run}"));
            // What runs share besides their losses' causes: their seed, or the data they saw.
            let shared = noise * normal(&mut random);
            for own in 0..2 {
                let weight = if own == 0 { 1.0 - ratio } else { ratio };
                let ln = truth_at(params, weight).ln();
                let mut row = Scale::dense(params, 1e9).at(vec![1.0 - ratio, ratio]);
                row.loss = (ln + shared + 0.3 * noise * normal(&mut random)).exp();
                row.run = run;
                rows[own].push(row);
                truth[own].push(ln);
            }
            let values = [
                ("node", format!("n{}", random.below(nodes))),
                ("tokenizer", ["gpt2", "llama", "llama", "llama"][random.below(4)].to_owned()),
                ("learning_rate", ["1e-4", "3e-4", "1e-3", "3e-3"][random.below(4)].to_owned()),
                ("seed", random.below(3).to_string()),
                ("started", (1000 + (run * 29) % (sizes * ratios + 1)).to_string()),
                ("d_model", (256 * (size + 1)).to_string()),
                ("weight_of_b", format!("{ratio:.3}")),
                ("sequence_length", if run.is_multiple_of(4) { "4096" } else { "2048" }.to_owned()),
            ];
            let values = values.into_iter().map(|(name, text)| (name.into(), text.as_str().into())).collect();
            facts.push(FactsOfRun { place: 0, values });
        }
    }
    let domains = vec!["a".to_owned(), "b".to_owned()];
    let of = |(own, rows): (usize, Vec<Observation>)| Observations {
        metric: format!("eval/{}", domains[own]),
        domains: domains.clone(),
        own: Some(own),
        runs: names.clone(),
        rows,
        ..Observations::default()
    };
    let place = FactsPlace { named: "runs.csv".to_owned(), ..FactsPlace::default() };
    Simulated {
        fitted: rows.into_iter().enumerate().map(of).collect(),
        facts: RunFacts { places: vec![place], runs: facts },
        truth,
    }
}

impl Simulated {
    fn fit(&self) -> Vec<Candidates> {
        let options = Options { starts: Some(4), bootstraps: 0, ..Options::default() };
        assert!(laws::get(LINE).is_some());
        self.fitted.iter().map(|rows| candidates(&[LINE.to_owned()], rows, &options, None)).collect()
    }

    fn found(&self) -> Vec<Outsiders> {
        outsiders(&self.fitted, &self.facts, &self.fit(), 0)
    }

    /// Makes losses of the runs with a fact worse or better.
    fn plant(&mut self, fact: &str, is: &str, factor: f64) -> Vec<usize> {
        let condition = &conditions(&format!("{fact} {is}")).unwrap()[0];
        let runs: Vec<usize> =
            (0..self.facts.runs.len()).filter(|i| condition.holds(&self.facts.runs[*i].values[fact])).collect();
        for rows in &mut self.fitted {
            rows.rows.iter_mut().filter(|row| runs.contains(&row.run)).for_each(|row| row.loss *= factor);
        }
        runs
    }

    /// Only what meets a condition.
    fn keep(&mut self, condition: &str) {
        let read = conditions(condition).unwrap();
        let of = |run: usize| &self.facts.runs[run].values;
        let keep: Vec<bool> = (0..self.facts.runs.len())
            .map(|run| read.iter().all(|c| c.holds(of(run).get(c.column.as_str()).map_or("", |t| t))))
            .collect();
        for (rows, truth) in self.fitted.iter_mut().zip(&mut self.truth) {
            let kept: Vec<bool> = rows.rows.iter().map(|row| keep[row.run]).collect();
            let mut both = kept.iter();
            rows.rows.retain(|_| *both.next().unwrap());
            let mut both = kept.iter();
            truth.retain(|_| *both.next().unwrap());
        }
    }
}

/// Mean relative error of the laws against the truth at places that nobody ran.
fn error(fits: &[Candidates], sizes: usize) -> f64 {
    let mut errors = Vec::new();
    for (own, fits) in fits.iter().enumerate() {
        let fit = fits.chosen().unwrap();
        for size in 0..sizes {
            for k in 0..=10 {
                let (params, ratio) = (1e7 * 4_f64.powi(size as i32), f64::from(k) / 10.0);
                let weight = if own == 0 { 1.0 - ratio } else { ratio };
                let truth = truth_at(params, weight);
                let place = Scale::dense(params, 1e9).at(vec![1.0 - ratio, ratio]);
                errors.push((fit.predict(&place) / truth - 1.0).abs());
            }
        }
    }
    errors.iter().sum::<f64>() / errors.len() as f64
}

#[test]
fn clean_tables_name_nobody() {
    // 100 tables, 24 to 60 runs each, with eight facts. At a level of 0.5 %, a half is named falsely on average.
    let flagged: Vec<String> = (0..100)
        .into_par_iter()
        .filter_map(|seed| {
            let found = simulated(seed, 1 + seed as usize % 3, 20 + 4 * (seed as usize % 2)).found();
            (!found.is_empty()).then(|| format!("{seed}: {}", found[0].describe()))
        })
        .collect();
    eprintln!("{} of 100 clean tables flagged", flagged.len());
    assert!(flagged.len() <= 5, "{flagged:#?}");
}

#[test]
fn planted_groups_are_found_and_leaving_them_out_makes_laws_better() {
    let planted = [
        ("node", "== n1", 1.04),
        ("tokenizer", "== gpt2", 0.95),
        ("learning_rate", ">= 3e-3", 1.06),
        ("learning_rate", "== 3e-4", 1.05),
        ("started", "< 1014", 1.05),
        ("sequence_length", "== 4096", 0.93),
        ("seed", "== 2", 1.05),
    ];
    let results: Vec<(String, bool, bool)> = (0..42_u64)
        .into_par_iter()
        .map(|seed| {
            let (fact, is, factor) = planted[seed as usize % planted.len()];
            let sizes = 2 + seed as usize % 2;
            let mut table = simulated(1000 + seed, sizes, 24);
            let runs = table.plant(fact, is, factor);
            let before = table.fit();
            let found = outsiders(&table.fitted, &table.facts, &before, 0);
            let names: BTreeSet<String> = runs.iter().map(|run| format!("r{run}")).collect();
            let what = format!("{seed}: {fact} {is} ({} of {}): {found:#?}", runs.len(), table.facts.runs.len());
            let Some(first) = found.first().filter(|f| f.fact.starts_with(fact)) else { return (what, false, false) };
            let named: BTreeSet<String> = first.runs.iter().cloned().collect();
            // Twenty are named; of a larger group, all that are named are of the other side where it is the larger one.
            let apart = named.is_subset(&names) || named.is_disjoint(&names);
            let error_before = error(&before, sizes);
            table.keep(&first.condition);
            let error_after = error(&table.fit(), sizes);
            (format!("{what}\n{error_before} → {error_after}"), apart, error_after < error_before)
        })
        .collect();
    let count = |of: fn(&&(String, bool, bool)) -> bool| results.iter().filter(of).count();
    let (found, better) = (count(|r| r.1), count(|r| r.2));
    eprintln!("planted in 42 tables: {found} found, {better} better against truth without them");
    let missed: Vec<&String> = results.iter().filter(|r| !r.1 || !r.2).map(|r| &r.0).collect();
    assert!(found >= 38 && better >= 36, "{found} {better} {missed:#?}");
}

#[test]
fn too_few_runs_are_nobodys_group_and_the_conditions_that_are_there_stay() {
    let mut few = simulated(2, 1, 11);
    few.plant("sequence_length", "== 4096", 1.2);
    assert_eq!(few.found(), Vec::new(), "11 runs");
    let mut table = simulated(4, 2, 24);
    table.plant("sequence_length", "== 4096", 1.2);
    table.facts.places[0].filter = "kind == dense".to_owned();
    let found = table.found();
    assert_eq!(found[0].condition, "kind == dense and sequence_length < 4096", "{found:#?}");
    assert_eq!(found[0].line, "where: kind == dense and sequence_length < 4096");
    assert_eq!((found[0].count, found[0].of), (12, 48));
    assert!((found[0].shift - 0.2).abs() < 0.02 && found[0].p <= LEVEL, "{found:#?}");
    assert_eq!(table.found(), found, "the same again");
}
