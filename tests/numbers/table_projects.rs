//! Published tables, each by a project file of about ten lines under `tests/tables/`. They are read from `../shared/data`
//! beside the repository, and skipped where that is missing.

use mixlaw::observe::tables::Tables;
use mixlaw::observe::{Observed, observe};
use mixlaw::project::Project;
use mixlaw::vocab::Severity;
use std::path::Path;

/// The project after what its tables say, and its rows; `None` where the data are not there.
pub fn read(name: &str) -> Option<(Project, Observed)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !here.join("../shared/data").is_dir() {
        println!("skipped: no ../shared/data");
        return None;
    }
    let project = Project::load(&here.join("tests/tables").join(name)).unwrap_or_else(|e| panic!("{}", e.report()));
    let tables = Tables::read(&project);
    let wrong: Vec<_> = tables.notices.iter().filter(|n| n.severity != Severity::Info).collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
    let project = tables.complete(&project);
    let mut observed = observe(&project, &[]);
    tables.append(&project, &mut observed);
    for rows in &observed.fitted {
        for row in &rows.rows {
            assert!((row.mixture.iter().sum::<f64>() - 1.0).abs() < 1e-12 && row.loss > 0.0, "{name}");
            assert!(row.run < rows.runs.len(), "{name}");
        }
    }
    Some((project, observed))
}

fn rows(observed: &Observed) -> Vec<usize> {
    observed.fitted.iter().map(|o| o.rows.len()).collect()
}

/// Whether something was left out or changed, and said in these words.
fn said(observed: &Observed, words: &str) -> bool {
    observed.fitted.iter().any(|o| o.dropped.iter().any(|d| d.contains(words)))
}

#[test]
fn chinchilla_has_240_rows_without_its_outliers() {
    let Some((project, observed)) = read("chinchilla.yaml") else { return };
    assert_eq!((project.domains.as_slice(), rows(&observed)), (&["data".to_owned()][..], vec![240]));
    assert_eq!(observed.fitted[0].runs_present(), 240, "every row is a run");
    assert!(said(&observed, "the 5 rows with the highest losses"));
    // D = C / 6N, checked against the cells themselves.
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chinchilla/runs.csv");
    let text = std::fs::read_to_string(table).expect("the table");
    let cells: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect())
        .collect();
    for row in &observed.fitted[0].rows {
        let same = |c: &Vec<f64>| c[3] == row.params && c[6] == row.loss && c[4] / (6.0 * c[3]) == row.tokens;
        assert!(cells.iter().any(same), "{row:?}");
    }
}

#[test]
fn regmix_joins_weights_to_losses_and_renormalises() {
    for (file, count) in [("regmix.yaml", 512), ("regmix-test.yaml", 256)] {
        let Some((project, observed)) = read(file) else { return };
        assert_eq!(project.domains.len(), 17, "{file}");
        assert_eq!(rows(&observed), vec![count; 13], "{file}: four of the corpora have no loss");
        assert!(said(&observed, "rows were normalised; their sums were 0.99"), "{:?}", observed.fitted[0].dropped);
        assert_eq!(project.metric_of("arxiv"), Some("metric/the_pile_arxiv_val_loss"));
    }
}

#[test]
fn slimpajama_has_runs_of_several_checkpoints_and_says_what_it_lacks() {
    let Some((project, observed)) = read("slimpajama.yaml") else { return };
    assert_eq!(project.domains.len(), 7);
    let counts = rows(&observed);
    assert!(counts.iter().all(|n| *n > 2150 && *n <= 2188), "{counts:?}");
    assert!(counts.iter().any(|n| *n < 2188) == said(&observed, "have no loss of") || said(&observed, "lack N or D"));
    let arxiv = &observed.fitted[0];
    assert!(arxiv.runs_present() < arxiv.rows.len() / 2, "{} runs", arxiv.runs_present());
    // The rows of one run stand together, in order of tokens.
    assert!(arxiv.rows.windows(2).all(|w| w[0].run < w[1].run || (w[0].run == w[1].run && w[0].tokens <= w[1].tokens)));
    assert_eq!(project.target.params, Some(937e6));
}

#[test]
fn mixing_laws_has_weights_in_one_column_and_one_loss_per_row() {
    let Some((project, observed)) = read("mixing-two.yaml") else { return };
    assert_eq!(rows(&observed), [110, 110]);
    assert_eq!(project.metric_of("Pile-CC"), Some("Pile-CC"));
    let sizes: Vec<f64> = observed.fitted[0].rows.iter().map(|r| r.params).collect();
    assert!(sizes.iter().all(|n| [18.9e6, 85.1e6].contains(n)));
    let Some((_, observed)) = read("mixing-five.yaml") else { return };
    assert!(rows(&observed).iter().all(|n| *n > 300), "{:?}", rows(&observed));
}

#[test]
fn the_other_tables_are_read_whole() {
    let Some((_, steplaw)) = read("steplaw.yaml") else { return };
    assert_eq!(rows(&steplaw), [1911]);
    let Some((_, farseer)) = read("farseer.yaml") else { return };
    assert_eq!(rows(&farseer), [404]);
    let Some((_, mixture)) = read("domain-mixture.yaml") else { return };
    assert_eq!(rows(&mixture), [80; 5]);
    assert!(mixture.fitted[0].rows.iter().all(|r| r.tokens.is_nan()), "the table does not give D");
    let Some((_, routing)) = read("routing.yaml") else { return };
    assert!(rows(&routing)[0] > 100, "{:?}", rows(&routing));
    assert!(routing.fitted[0].rows.iter().any(|r| r.experts == 512.0));
}
