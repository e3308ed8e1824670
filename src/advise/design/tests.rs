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

#[test]
fn what_is_in_the_way_is_said() {
    let mut project = project(3);
    let said = |project: &Project, query: &DesignQuery| design(project, query).unwrap_err().to_string();
    let stranger = DesignQuery { prior: Some("web=1".parse().unwrap()), ..query(DesignMethod::Sobol) };
    assert!(said(&project, &stranger).contains("'web'"));
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
        let polytope = Polytope { low, high };
        let found = polytope.project(&weights);
        prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{:?}", found);
        prop_assert!(polytope.contains(&found), "{:?}", found);
    }
}
