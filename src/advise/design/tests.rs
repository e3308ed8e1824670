use super::*;
use proptest::prelude::*;

fn project(domains: usize) -> Project {
    let names: Vec<String> = (0..domains).map(|i| format!("c{i}")).collect();
    let available = names.iter().enumerate().map(|(i, name)| (name.clone(), 1e9 * (i + 1) as f64)).collect();
    Project { domains: names, available_tokens: available, ..Project::default() }
}

fn methods() -> [DesignMethod; 4] {
    [DesignMethod::Dirichlet, DesignMethod::Natural, DesignMethod::Sobol, DesignMethod::DOptimal]
}

fn query(method: DesignMethod) -> DesignQuery {
    DesignQuery { method, law: "log-linear".to_owned(), seed: 7, ..DesignQuery::default() }
}

#[test]
fn mixtures_are_on_the_simplex_within_bounds_and_supply() {
    for domains in [2, 3, 7] {
        let mut project = project(domains);
        project.bounds = BTreeMap::from([("c0".to_owned(), [0.1, 0.6]), ("c1".to_owned(), [0.0, 0.5])]);
        project.target.tokens = Some(2e9);
        project.max_epochs = 1.5;
        for method in methods() {
            let answer = design(&project, &query(method)).unwrap();
            assert_eq!(answer.runs.len(), 3 * (domains + 1), "{method:?}");
            for run in &answer.runs {
                let sum: f64 = run.mixture.0.values().sum();
                assert!((sum - 1.0).abs() < 1e-12, "{method:?}: {sum}");
                for (domain, weight) in &run.mixture.0 {
                    let [low, high] = project.bounds.get(domain).copied().unwrap_or([0.0, 1.0]);
                    assert!((low..=high).contains(weight), "{method:?}: {domain} {weight}");
                    let seen = weight * 2e9;
                    assert!(seen <= project.available_tokens[domain] * 1.5 * (1.0 + 1e-12), "{method:?}: {domain}");
                }
            }
            let mut distinct: Vec<String> = answer.runs.iter().map(|run| format!("{:?}", run.mixture)).collect();
            distinct.sort();
            distinct.dedup();
            assert!(method == DesignMethod::DOptimal || distinct.len() == answer.runs.len(), "{method:?}");
            assert_eq!(answer, design(&project, &query(method)).unwrap(), "the same seed, the same runs");
            let other = design(&project, &DesignQuery { seed: 8, ..query(method) }).unwrap();
            assert_ne!(other.runs, answer.runs, "{method:?}");
        }
    }
}

#[test]
fn sobol_points_are_even_in_every_dimension_and_pair() {
    let count = 64;
    let points = sobol::points(sobol::MOST, count, 3);
    for d in 0..sobol::MOST {
        let mut cells: Vec<usize> = points.iter().map(|p| (p[d] * count as f64) as usize).collect();
        cells.sort_unstable();
        assert!(cells.iter().enumerate().all(|(i, cell)| i == *cell), "dimension {d}");
    }
    // The first two dimensions are a (0, 2)-sequence: one point in each box of equal size, whatever its shape.
    for k in 0..=6 {
        let (wide, high) = (1 << k, 1 << (6 - k));
        let boxes: BTreeSet<(usize, usize)> =
            points.iter().map(|p| ((p[0] * f64::from(wide)) as usize, (p[1] * f64::from(high)) as usize)).collect();
        assert_eq!(boxes.len(), count);
    }
}

#[test]
fn a_swarm_is_drawn_around_the_shares_it_is_told() {
    let mut project = project(4);
    project.available_tokens.clear();
    let prior = Mixture::from_weights(&project.domains, &[0.64, 0.2, 0.15, 0.01]);
    let mean = |method, domain: &str| {
        let query = DesignQuery { prior: Some(prior.clone()), mixtures: Some(400), ..query(method) };
        let answer = design(&project, &query).unwrap();
        answer.runs.iter().map(|run| run.mixture.weight(domain)).sum::<f64>() / 400.0
    };
    // √.64 of √.64 + √.2 + √.15 + √.01 is .46. Mixtures that are drawn twice count once, so that the mean of
    // draws around .64, of which many are all of c0, is lower.
    let expected = 0.8 / (0.8 + 0.2_f64.sqrt() + 0.15_f64.sqrt() + 0.1);
    let (root, natural) = (mean(DesignMethod::Dirichlet, "c0"), mean(DesignMethod::Natural, "c0"));
    assert!((root - expected).abs() < 0.05 && natural > root + 0.05 && natural < 0.64, "{root} {natural}");
    let query = DesignQuery { prior: Some(prior), mixtures: Some(500), ..query(DesignMethod::Dirichlet) };
    let most = design(&project, &query).unwrap().runs.iter().map(|run| run.mixture.weight("c3")).fold(0.0, f64::max);
    assert!(most <= 0.15 + 1e-12, "at most 15 times the natural share: {most}");
}

#[test]
fn a_d_optimal_design_determines_more_than_a_random_one() {
    for (law, domains) in [("log-linear", 3), ("log-linear", 5), ("regmix-linear", 4)] {
        let project = project(domains);
        let of = |method, seed| {
            let query = DesignQuery { method, law: law.to_owned(), seed, ..DesignQuery::default() };
            let answer = design(&project, &query);
            answer.map(|a| a.runs.iter().map(|run| run.mixture.weights(&project.domains)).collect::<Vec<_>>())
        };
        let Ok(best) = of(DesignMethod::DOptimal, 1) else {
            assert_eq!(law, "regmix-linear", "only laws with a formula");
            continue;
        };
        let mut designs = vec![best];
        designs.extend((0..10).map(|seed| of(DesignMethod::Dirichlet, seed).unwrap()));
        designs.extend((0..10).map(|seed| of(DesignMethod::Sobol, seed).unwrap()));
        // Judged by other draws of the parameters than those that it was chosen by.
        let determinants = optimal::determinants(law, &designs, 99);
        let rival = determinants[1..].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(determinants[0] > rival, "{law}, {domains}: {} {rival}", determinants[0]);
    }
}

#[test]
fn a_budget_pays_for_a_ladder_and_runs_repeat_as_often_as_the_target() {
    let mut project = project(3);
    (project.target.params, project.target.tokens) = (Some(1e9), Some(3e9));
    let query = DesignQuery { budget: Some(1e18), sizes: 3, ..query(DesignMethod::Dirichlet) };
    let answer = design(&project, &query).unwrap();
    let flops = answer.flops.unwrap();
    assert!((0.999e18..=1e18 * (1.0 + 1e-9)).contains(&flops), "{flops}");
    let sizes: BTreeSet<u64> = answer.runs.iter().map(|run| run.params.unwrap() as u64).collect();
    assert_eq!((sizes.len(), answer.runs.len()), (3, 12 + 4 + 2));
    for run in &answer.runs {
        assert!((run.tokens.unwrap() / run.params.unwrap() - 3.0).abs() < 1e-9);
        for (domain, unique) in &run.unique_tokens {
            let own = run.mixture.weight(domain) * run.tokens.unwrap() / unique;
            assert!((own - run.epochs[domain]).abs() < 1e-9);
        }
    }
    let few = DesignQuery { params: vec![1e8], budget: Some(6.0 * 1e8 * 3e8 * 5.5), ..query.clone() };
    assert_eq!(design(&project, &few).unwrap().runs.len(), 5);
    let none = DesignQuery { params: vec![1e8], budget: Some(1e10), ..query };
    assert!(matches!(design(&project, &none), Err(DesignError::Budget { .. })));
}

/// The ladder of a budget is what so many mixtures would cost, thinned: a design that takes the cheapest runs alone leaves most of it.
#[test]
fn an_optimal_design_spends_its_budget_where_its_law_sees_sizes() {
    let mut project = project(3);
    (project.target.params, project.target.tokens) = (Some(1e9), Some(2e10));
    for law in ["additive", "joint", "log-linear"] {
        let of = |budget: f64| {
            let query =
                DesignQuery { law: law.to_owned(), budget: Some(budget), sizes: 3, ..query(DesignMethod::DOptimal) };
            design(&project, &query).unwrap()
        };
        let answer = of(1e18);
        let sizes: BTreeSet<u64> = answer.runs.iter().map(|run| run.params.unwrap() as u64).collect();
        let flops = answer.flops.unwrap();
        assert!(flops <= 1e18 * (1.0 + 1e-9) && answer.runs.len() == 12, "{law}: {flops}");
        let is_blind = answer.notes.iter().any(|note| note.contains("does not see size"));
        assert_eq!((law == "log-linear", sizes.len() == 1), (is_blind, is_blind), "{law}: {sizes:?}");
        assert!(is_blind || flops > 0.7e18, "{law}: {flops}");
    }
}

#[test]
fn what_is_in_the_way_is_said() {
    let mut project = project(3);
    let said = |project: &Project, query: &DesignQuery| design(project, query).unwrap_err().to_string();
    let stranger = DesignQuery { prior: Some("web=1".parse().unwrap()), ..query(DesignMethod::Sobol) };
    assert!(said(&project, &stranger).contains("'web'"));
    let sum = DesignQuery { prior: Some("c0=.8,c1=.3".parse().unwrap()), ..query(DesignMethod::Sobol) };
    assert!(said(&project, &sum).contains("sum to 1.10, not to 1"), "{}", said(&project, &sum));
    let poor = DesignQuery { budget: Some(1.0), ..query(DesignMethod::Sobol) };
    assert!(said(&project, &poor).contains("which are none"), "{}", said(&project, &poor));
    let law = DesignQuery { law: "regmix-trees".to_owned(), ..query(DesignMethod::DOptimal) };
    assert!(said(&project, &law).contains("no formula"));
    let sizes = DesignQuery { law: "bimix".to_owned(), ..query(DesignMethod::DOptimal) };
    assert!(said(&project, &sizes).contains("--params"), "{}", said(&project, &sizes));
    project.target.tokens = Some(1e15);
    assert!(said(&project, &query(DesignMethod::Sobol)).contains("cannot sum to one"));
    project.domains.truncate(1);
    assert!(said(&project, &query(DesignMethod::Sobol)).contains("two domains"));
    let many = (0..30).map(|i| format!("c{i}")).collect();
    let many = Project { domains: many, ..Project::default() };
    assert!(said(&many, &query(DesignMethod::Sobol)).contains("at most 22 domains"));
    assert!(design(&many, &query(DesignMethod::Dirichlet)).is_ok());
}

proptest! {
    #[test]
    fn any_weights_are_brought_into_any_ranges(
        weights in proptest::collection::vec(0.0..1.0_f64, 5),
        low in proptest::collection::vec(0.0..0.19_f64, 5),
        high in proptest::collection::vec(0.21..1.0_f64, 5),
    ) {
        let polytope = polytope::Polytope { low, high };
        let found = polytope.project(&weights);
        prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{:?}", found);
        prop_assert!(polytope.contains(&found), "{:?}", found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("MIXLAW_SOAK").is_some() { 1000 } else { 48 }))]

    /// Whatever the project asks for, as long as there is a mixture that keeps it: every run of every design keeps it.
    #[test]
    fn every_run_keeps_everything_the_project_asks(case in constraints(), method in 0..4_usize, sizes in 1..4_usize) {
        let method = methods()[method];
        let query = DesignQuery {
            params: (0..sizes).map(|k| 1e6 * f64::from(1 << k)).collect(),
            mixtures: Some(if method == DesignMethod::DOptimal { 6 } else { 24 }),
            ..query(method)
        };
        let answer = design(&case, &query);
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => return Err(TestCaseError::fail(why.to_string())),
        };
        prop_assert!(!answer.runs.is_empty());
        for run in &answer.runs {
            let weights = run.mixture.weights(&case.domains);
            let worst = violation(&case, &weights);
            prop_assert!(worst <= 1e-9, "{:?}: {} {:?}", method, worst, weights);
        }
    }
}

/// By how much a mixture breaks what a project asks for, counted on its own.
fn violation(project: &Project, weights: &[f64]) -> f64 {
    let mut worst = (weights.iter().sum::<f64>() - 1.0).abs();
    let mut at_most = |over: f64| worst = worst.max(over);
    for (domain, weight) in project.domains.iter().zip(weights) {
        let [low, high] = project.bounds.get(domain).copied().unwrap_or([0.0, 1.0]);
        at_most((low - weight).max(weight - high));
        if let Some(supply) = project.available_tokens.get(domain) {
            at_most(weight - supply * project.max_epochs / project.target.tokens.unwrap());
        }
    }
    for group in project.groups.values() {
        let of = |name: &String| weights[project.domains.iter().position(|d| d == name).unwrap()];
        let sum: f64 = group.domains.iter().map(of).sum();
        at_most((group.share[0] - sum).max(sum - group.share[1]));
    }
    if let Some(current) = &project.current {
        let now = current.weights(&project.domains);
        let pairs = || weights.iter().zip(&now);
        let moved = pairs().map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
        project.max_change.into_iter().for_each(|most| at_most(moved - most));
        let term = |(p, q): (&f64, &f64)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 };
        let diverged: f64 = pairs().map(term).sum();
        project.max_divergence.into_iter().for_each(|most| at_most(diverged - most));
    }
    worst
}

/// Projects whose constraints are kept by a mixture that is drawn first.
fn constraints() -> impl Strategy<Value = Project> {
    let unit = || proptest::collection::vec(0.02..1.0_f64, 8);
    let of = (2..8_usize, unit(), unit(), unit(), unit(), proptest::collection::vec(any::<bool>(), 16), 0..4_usize);
    of.prop_map(|(domains, kept, current, down, up, yes, groups)| {
        let shares = |of: &[f64]| -> Vec<f64> {
            let sum: f64 = of[..domains].iter().sum();
            of[..domains].iter().map(|w| w / sum).collect()
        };
        let (kept, current) = (shares(&kept), shares(&current));
        let mut project = project(domains);
        project.available_tokens.clear();
        (project.target.tokens, project.max_epochs) = (Some(1e9), 3.0);
        let names = project.domains.clone();
        for (i, name) in names.iter().enumerate() {
            if yes[i] {
                project.bounds.insert(name.clone(), [kept[i] * (1.0 - down[i]), kept[i] + up[i] * (1.0 - kept[i])]);
            }
            if yes[8 + i] && up[i] > 0.5 {
                project.available_tokens.insert(name.clone(), kept[i] * (1.0 + down[i]) * 1e9 / 3.0);
            }
        }
        for group in 0..groups {
            let members: Vec<usize> = (0..domains).filter(|i| (i * 7 + group * 3) % (group + 2) == 0).collect();
            let share: f64 = members.iter().map(|i| kept[*i]).sum();
            let slack = if yes[15 - group] { 0.0 } else { 0.3 * down[group] };
            let group_of = crate::project::Group {
                domains: members.iter().map(|i| names[*i].clone()).collect(),
                share: [(share - slack).max(0.0), (share + slack).min(1.0)],
                held: None,
            };
            project.groups.insert(format!("g{group}"), group_of);
        }
        let moved = kept.iter().zip(&current).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
        let diverged: f64 = kept.iter().zip(&current).map(|(p, q)| p * (p / q).ln()).sum();
        project.max_change = yes[7].then_some(moved * (1.05 + up[7]));
        project.max_divergence = yes[6].then_some(diverged * (1.05 + up[6]));
        project.current = Some(Mixture::from_weights(&names, &current));
        project
    })
}

#[test]
fn groups_with_a_fixed_share_have_it_and_the_rest_is_drawn() {
    let mut project = project(5);
    project.available_tokens.clear();
    let group = |domains: &[&str], share: [f64; 2]| crate::project::Group {
        domains: domains.iter().map(|d| (*d).to_owned()).collect(),
        share,
        held: None,
    };
    project.groups.insert("code".to_owned(), group(&["c0", "c1"], [0.3, 0.3]));
    for method in methods() {
        let answer = design(&project, &query(method)).unwrap();
        let first: BTreeSet<String> =
            answer.runs.iter().map(|run| format!("{:.3}", run.mixture.weight("c0"))).collect();
        assert!(first.len() > 4 || method == DesignMethod::DOptimal && first.len() > 1, "{method:?}: {first:?}");
        assert!(answer.runs.iter().all(|r| (r.mixture.weight("c0") + r.mixture.weight("c1") - 0.3).abs() < 1e-9));
        let wide = design(&project, &DesignQuery { wide: true, ..query(method) }).unwrap();
        assert!(wide.runs.iter().any(|r| (r.mixture.weight("c0") + r.mixture.weight("c1") - 0.3).abs() > 0.1));
    }
    project.groups.insert("text".to_owned(), group(&["c1", "c2", "c3", "c4"], [0.2, 0.4]));
    project.groups.insert("more".to_owned(), group(&["c0", "c2"], [0.0, 0.2]));
    let none = design(&project, &query(DesignMethod::Sobol)).unwrap_err().to_string();
    assert!(none.starts_with("no mixture is allowed"), "{none}");
}
