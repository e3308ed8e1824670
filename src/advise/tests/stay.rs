//! Advice that stands changes only for what is better beyond the noise.

use super::*;

fn standing(project: &Project, rust: f64) -> StandingAdvice {
    StandingAdvice {
        id: "before".to_owned(),
        at: 1.0,
        question: question(project),
        mixture: mixture(rust),
        current: mixture(0.2),
        params: PARAMS,
        tokens: TOKENS,
        expected: BTreeMap::new(),
        p_better: 0.9,
        gain: 0.1,
    }
}

#[test]
fn within_the_noise_it_stands_and_beyond_it_changes() {
    let mut project = project();
    project.objective.minimize = BTreeMap::from([("rust".to_owned(), 1.0), ("prose".to_owned(), 1.0)]);
    let planted = Planted::default();
    // The optimum is at 6/11; 2 % beside it the loss is higher by 1e-4, a tenth of what runs scatter by.
    let advised = planted.advise_beside(&project, &standing(&project, 0.52));
    assert_eq!(advised.mixture, mixture(0.52));
    assert!(
        said(&advised, "This advice stands: the newest optimum differs from it by 2.5 % of weight"),
        "{advised:#?}"
    );
    let far = planted.advise_beside(&project, &standing(&project, 0.9));
    assert!((far.mixture.weight("rust") - 6.0 / 11.0).abs() < 2e-3, "{far:#?}");
    assert!(!said(&far, "This advice stands"));
}

#[test]
fn it_does_not_outlive_its_question_or_its_limits() {
    let mut project = project();
    project.objective.minimize = BTreeMap::from([("rust".to_owned(), 1.0), ("prose".to_owned(), 1.0)]);
    let planted = Planted::default();
    let before = standing(&project, 0.52);
    let best = |advised: Recommendation| assert!((advised.mixture.weight("rust") - 6.0 / 11.0).abs() < 2e-3);
    best(planted.advise_beside(&project, &StandingAdvice { question: "another".to_owned(), ..before.clone() }));
    best(
        planted
            .advise_beside(&project, &StandingAdvice { mixture: Mixture([("web".to_owned(), 1.0)].into()), ..before }),
    );
    project.bounds = BTreeMap::from([("rust".to_owned(), [0.53, 1.0])]);
    best(planted.advise_beside(&project, &standing(&project, 0.52)));
}
