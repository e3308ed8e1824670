//! Observations from tables of finished runs, instead of or in addition to logs.
//!
//! Every cell that is used is stated in the project file; what is left out, and what is changed (weights are
//! renormalised), is counted and said. Pure: [`crate::project::tabular`] reads the files.

mod columns;
mod counts;
mod losses;
mod numbers;
mod others;
mod phases;

use self::columns::{Weights, weight_columns_of};
use self::counts::Counts;
use self::losses::{Probes, loss_columns, probes_at};
use self::numbers::Numbers;
use self::others::OtherColumns;
use self::phases::{Phases, Schedules};
use super::Observed;
use super::phases::Mixtures;
use crate::project::conditions;
use crate::project::table::TableSource;
use crate::project::tabular::{self, Cells};
use crate::project::{Project, ProjectError};
use crate::vocab::count::{counted, plural, verb};
use crate::vocab::number::show_amount;
use crate::vocab::{
    Exposure, FactsOfRun, FactsPlace, Metric, Mixture, Notice, Observation, Ordered, Proxies, ProxyKind, Severity,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The tables of a project, read once; empty where it has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tables {
    /// What each table gives.
    tables: Vec<Tabled>,
    /// What could not be read.
    pub notices: Vec<Notice>,
    /// Whether a table could not be used when they were last read.
    pub failed: bool,
}

/// What one table gives: its domains, and the rows of each loss over them.
#[derive(Debug, Clone, Default, PartialEq)]
struct Tabled {
    /// Domains of the mixture, and of the losses where there is no mixture.
    domains: Vec<String>,
    /// Where no mixture is given, that of every row is assumed.
    mixture_known: bool,
    runs: Vec<String>,
    /// By domain: the key of its loss, and its rows, their mixtures over `domains`.
    losses: BTreeMap<String, (String, Vec<Observation>)>,
    /// By domain: what was left out of its rows.
    left_out: BTreeMap<String, Vec<String>>,
    /// What was left out or changed in the whole table, in sentences.
    dropped: Vec<String>,
    /// Good to know.
    remarks: Vec<String>,
    /// Of each run, what the columns say that nothing else is taken from.
    facts: Vec<BTreeMap<Arc<str>, Arc<str>>>,
    /// Where these come from.
    place: FactsPlace,
    /// What the rows are of, where they are no runs of this project.
    proxy: Option<ProxyKind>,
}

impl Tables {
    /// Reads every table of the project. A table that cannot be used becomes a notice, and the others go on.
    #[must_use]
    pub fn read(project: &Project) -> Self {
        let mut all = Self::default();
        for source in &project.tables {
            match tabular::read(source).and_then(|cells| rows(source, &cells, project)) {
                Ok(table) => {
                    let remarks = table.remarks.iter().map(|text| Notice {
                        severity: Severity::Info,
                        text: text.clone(),
                        help: None,
                    });
                    all.notices.extend(remarks);
                    all.tables.push(table);
                }
                Err(error) => {
                    all.failed = true;
                    all.notices.push(Notice {
                        severity: Severity::Error,
                        text: format!("{}:{}:{}: {error}", project.named.display(), source.at.0, source.at.1),
                        help: error.help().map(str::to_owned),
                    });
                }
            }
        }
        all
    }

    /// Whether every table of the project could be read.
    #[must_use]
    pub fn are_all_of(&self, project: &Project) -> bool {
        self.tables.len() == project.tables.len()
    }

    /// Whether there is nothing in them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The project with what the tables say of things it leaves open: domains, losses, target, current mixture. Logs are
    /// asked afterwards, by [`super::assume`].
    #[must_use]
    pub fn complete(&self, project: &Project) -> Project {
        let mut project = project.clone();
        let stated = project.metrics.clone();
        let before = (project.target.params, project.target.tokens);
        let mut mean: BTreeMap<String, f64> = BTreeMap::new();
        for table in self.tables.iter().filter(|table| table.proxy.is_none()) {
            for domain in &table.domains {
                if !project.domains.contains(domain) && !project.domains_stated {
                    project.domains.push(domain.clone());
                }
            }
            for (name, (key, rows)) in &table.losses {
                // Where there are logs, it is their keys that count.
                let known = |m: &Metric| m.name == *name || m.key == *key;
                let wanted = project.domains.contains(name) || stated.is_empty();
                if project.runs.is_empty() && wanted && !project.metrics.iter().any(known) {
                    project.metrics.push(Metric::new(name, key, None));
                }
                for row in rows {
                    largest(&mut project.target.params, before.0, row.params);
                    largest(&mut project.target.tokens, before.1, row.tokens);
                    for (domain, weight) in table.domains.iter().zip(&row.mixture) {
                        *mean.entry(domain.clone()).or_insert(0.0) += weight;
                    }
                }
            }
        }
        if project.current.is_none() && self.tables.iter().any(|t| t.proxy.is_none() && t.mixture_known) {
            project.current = Mixture(mean).normalised().ok().map(|(mixture, _)| mixture);
        }
        project.sort_metrics();
        project
    }

    /// Adds the rows of the tables to those of the logs. `project` is the one [`super::observe`] was given.
    pub fn append(&self, project: &Project, observed: &mut Observed) {
        for table in &self.tables {
            if let Some(kind) = table.proxy {
                table.stand_in(kind, project, observed);
                continue;
            }
            let known = Arc::make_mut(&mut observed.facts);
            let place = known.places.len();
            known.places.push(table.place.clone());
            known.runs.extend(table.facts.iter().map(|values| FactsOfRun { place, values: values.clone() }));
            let columns = table.columns(project);
            for (index, metric) in project.metrics.iter().enumerate() {
                let (Some(fitted), Some(starts)) = (observed.fitted.get_mut(index), observed.starts.get_mut(index))
                else {
                    continue;
                };
                let first_run = fitted.runs.len();
                fitted.runs.extend(table.runs.iter().cloned());
                starts.runs.extend(table.runs.iter().cloned());
                let Some((name, rows)) = table.rows_of(metric) else { continue };
                let mut unlisted = 0;
                for row in rows {
                    let Some(mixture) = listed(&row.mixture, &columns) else {
                        unlisted += 1;
                        continue;
                    };
                    let loss = metric.unit.fitted(row.loss);
                    if !(loss.is_finite() && loss > 0.0) {
                        continue;
                    }
                    let phases = row.phases.as_ref().map(|phases| listed_phases(phases, &columns));
                    let row = Observation { mixture, loss, phases, run: first_run + row.run, ..row.clone() };
                    if row.tokens <= 0.0 { starts.rows.push(row) } else { fitted.rows.push(row) }
                }
                fitted
                    .dropped
                    .extend(table.dropped.iter().chain(table.left_out.get(name).into_iter().flatten()).cloned());
                if unlisted > 0 {
                    fitted.dropped.push(format!("{unlisted} rows of a table train on unlisted domains"));
                }
            }
        }
    }
}

impl Tabled {
    /// The columns of the project's domains.
    fn columns(&self, project: &Project) -> Vec<Option<usize>> {
        project.domains.iter().map(|d| self.domains.iter().position(|t| t == d)).collect()
    }

    /// The rows of a metric, by its name or else by its key, with the name they have here.
    fn rows_of(&self, metric: &Metric) -> Option<(&String, &[Observation])> {
        let by_key = || self.losses.iter().find(|(_, (key, _))| *key == metric.key);
        self.losses.get_key_value(&metric.name).or_else(by_key).map(|(name, (_, rows))| (name, rows.as_slice()))
    }

    /// Puts the rows beside the project's own, for fits to calibrate.
    fn stand_in(&self, kind: ProxyKind, project: &Project, observed: &mut Observed) {
        let columns = self.columns(project);
        for (metric, fitted) in project.metrics.iter().zip(&mut observed.fitted) {
            let Some((_, rows)) = self.rows_of(metric) else { continue };
            let of_row = |row: &Observation| {
                let (mixture, loss) = (listed(&row.mixture, &columns)?, metric.unit.fitted(row.loss));
                // What a table does not say is NaN, which equals nothing: the rows would change at every look.
                let number = |v: f64| if v.is_finite() { v } else { 0.0 };
                let (params, tokens) = (number(row.params), number(row.tokens));
                (loss.is_finite() && loss > 0.0).then(|| Observation { mixture, loss, params, tokens, ..row.clone() })
            };
            let kept: Vec<Observation> = rows.iter().filter_map(of_row).collect();
            if kept.len() < rows.len() {
                let unlisted = counted(rows.len() - kept.len(), "row");
                fitted.dropped.push(format!("{}: {unlisted} of no loss or of unlisted domains", self.place.named));
            }
            fitted.proxies.push(Proxies { kind, named: self.place.named.clone(), rows: kept });
        }
    }
}

/// Takes the largest value where the project states none.
fn largest(target: &mut Option<f64>, stated: Option<f64>, value: f64) {
    if stated.is_none() && value.is_finite() && value > target.unwrap_or(0.0) {
        *target = Some(value);
    }
}

/// Weights over the project's domains; `None` where half a percent or more lies on others.
fn listed(weights: &[f64], columns: &[Option<usize>]) -> Option<Vec<f64>> {
    let listed: Vec<f64> = columns.iter().map(|c| c.map_or(0.0, |c| weights[c])).collect();
    let sum: f64 = listed.iter().sum();
    (sum >= 1.0 - Mixture::SUM_TOLERANCE).then(|| listed.iter().map(|w| w / sum).collect())
}

/// What each phase had of the project's domains.
fn listed_phases(phases: &[Exposure], columns: &[Option<usize>]) -> Arc<[Exposure]> {
    let of = |phase: &Exposure| {
        let listed: Vec<f64> = columns.iter().map(|c| c.map_or(0.0, |c| phase.mixture[c])).collect();
        let sum: f64 = listed.iter().sum();
        Exposure { tokens: phase.tokens, mixture: listed.iter().map(|w| w / sum).collect() }
    };
    phases.iter().map(of).collect()
}

/// One table's rows. The domains that the project states give order to weights in one column.
fn rows(source: &TableSource, cells: &Cells, project: &Project) -> Result<Tabled, ProjectError> {
    let domains = project.domains.as_slice();
    let losses = loss_columns(source, cells)?;
    let weights = source.mixture.as_ref().map(|m| weight_columns_of(m, cells, domains, "mixture")).transpose()?;
    let number = Numbers::find(source, cells)?;
    let probes = Probes::find(source, cells)?;
    let names = run_columns(source, cells)?;
    let phases = Phases::find(source, cells, domains)?;
    let filter = source.filter.iter().map(|c| Ok((cells.column(&c.column)?, c))).collect::<Result<Vec<_>, _>>()?;

    let mut table =
        Tabled { mixture_known: weights.is_some() || phases.is_some(), proxy: source.proxy, ..Tabled::default() };
    table.domains = match (&weights, &phases) {
        (Some(weights), _) => weights.domains.clone(),
        (None, Some(phases)) => phases.domains(),
        (None, None) => losses.domains(cells, domains),
    };
    table.place = FactsPlace {
        named: source.named.clone(),
        filter: conditions::written(&source.filter),
        line: Some(source.at.0),
    };
    let mut others = OtherColumns::find(
        cells,
        &[
            &losses.columns(),
            &weights.as_ref().map_or_else(Vec::new, Weights::columns),
            &number.columns(),
            &probes_at(probes.as_ref()),
            &phases.as_ref().map_or_else(Vec::new, Phases::columns),
        ],
    );
    let mut counts = Counts::default();
    let mut runs: HashMap<String, usize> = HashMap::new();
    let mut phased: HashSet<String> = HashSet::new();
    let kept = |row: &[String]| filter.iter().all(|(column, condition)| condition.holds(&row[*column]));
    let name_of = |line: u64, row: &[String]| match names.as_slice() {
        [] => format!("{}:{line}", cells.named),
        several => several.iter().map(|c| row[*c].as_str()).collect::<Vec<_>>().join(" "),
    };
    let schedules = phases.as_ref().map(|phases| {
        let rows = cells.rows.iter().filter(|(_, row)| kept(row)).map(|(line, row)| (name_of(*line, row), &row[..]));
        Schedules::read(phases, weights.as_ref(), &number, rows)
    });
    for (line, row) in &cells.rows {
        if !kept(row) {
            counts.filtered += 1;
            continue;
        }
        let mixture = match (&weights, &phases) {
            (Some(weights), _) => weights.of(row, &mut counts.normalised),
            (None, Some(_)) => Some(Vec::new()),
            (None, None) => Some(equal(table.domains.len())),
        };
        let Some(mixture) = mixture else {
            counts.without_weights += 1;
            continue;
        };
        let Some(place) = number.of(row) else {
            counts.without_numbers += 1;
            counts.first_without_numbers.get_or_insert(*line);
            continue;
        };
        let name = name_of(*line, row);
        let seen = phases.as_ref().zip(schedules.as_ref()).map(|(phases, schedules)| {
            schedules.of(phases, &name, row, &number, &table.domains, &mut counts.normalised)
        });
        let place = match seen {
            None => Observation { mixture, ..place },
            Some(Ok(mixtures)) => {
                if matches!(mixtures, Mixtures::Phases(_)) {
                    phased.insert(name.clone());
                }
                let (mixture, phases) = mixtures.at(place.tokens);
                Observation { mixture, phases, ..place }
            }
            Some(Err(why)) => {
                counts.odd_phases += 1;
                counts.first_odd_phases.get_or_insert((*line, why));
                continue;
            }
        };
        let next = runs.len();
        let run = *runs.entry(name.clone()).or_insert(next);
        if run == next {
            table.runs.push(name);
        }
        others.add(run, row);
        for (domain, key, loss) in losses.of(row) {
            let into = &mut table.losses.entry(domain.clone()).or_insert_with(|| (key, Vec::new())).1;
            match loss {
                Some(loss) => {
                    let probe = probes.as_ref().and_then(|p| p.of(row, &domain));
                    into.push(Observation { loss, run, probe, ..place.clone() });
                }
                None => *counts.without_loss.entry(domain).or_insert(0) += 1,
            }
        }
    }
    table.facts = others.of_runs(cells);
    // Beside losses of domains, a loss of none is a sum or a mean, unless the project names it.
    let named = |name: &str, key: &str| project.metrics.iter().any(|m| m.name == name || m.key == key);
    let all = table.losses.keys().all(|name| !table.domains.contains(name));
    let strange = |name: &String, key: &str| !all && !table.domains.contains(name) && !named(name, key);
    let strangers: Vec<String> =
        table.losses.iter().filter(|(name, (key, _))| strange(name, key)).map(|(name, _)| name.clone()).collect();
    table.losses.retain(|name, _| !strangers.contains(name));
    for (domain, (_, rows)) in &mut table.losses {
        drop_worst(rows, source.drop_worst);
        rows.sort_by(|a, b| a.run.cmp(&b.run).then(a.tokens.total_cmp(&b.tokens)));
        let mut sentences = Vec::new();
        if source.drop_worst > 0 {
            sentences.push(format!(
                "{}: the {} with the highest {}",
                cells.named,
                counted(source.drop_worst, "row"),
                plural(source.drop_worst, "loss")
            ));
        }
        if let Some(count) = counts.without_loss.get(domain) {
            sentences.push(format!(
                "{}: {} {} no loss of {domain}",
                cells.named,
                counted(*count, "row"),
                verb(*count, "has", "have")
            ));
        }
        table.left_out.insert(domain.clone(), sentences);
    }
    if table.losses.values().all(|(_, rows)| rows.is_empty()) {
        let help = match (&strangers[..], counts.filtered) {
            ([_, ..], _) => {
                format!("the losses are for {}, but the weights for {}", strangers.join(", "), table.domains.join(", "))
            }
            (_, filtered) if filtered == cells.rows.len() => "no row meets `where`".to_owned(),
            _ => counts.sentences(cells).join("; "),
        };
        return Err(cells.refuse("no row of this table is usable".to_owned(), help));
    }
    if !strangers.is_empty() {
        let text = format!(
            "{}: losses of {} ignored: no weights have these names (to use one, name it in `metrics`)",
            cells.named,
            strangers.join(", ")
        );
        table.remarks.push(text);
    }
    table.remarks.push(summary(&table, cells));
    table.remarks.extend(counts.sentences(cells));
    table.remarks.extend(counts.of_losses(cells));
    table.dropped = cells.dropped.iter().map(|d| format!("{}: {d}", cells.named)).collect();
    table.dropped.extend(counts.sentences(cells));
    if !phased.is_empty() {
        table.dropped.push(format!("{}: {}", cells.named, super::phases::changes(phased.len())));
    }
    if !table.mixture_known && table.domains.len() > 1 {
        table.dropped.push(format!("{}: no mixture given; assumed the same for all rows", cells.named));
    }
    Ok(table)
}

/// What a table holds, for `check`: "2188 rows of 312 runs, 7 losses, N 122M to 937M".
fn summary(table: &Tabled, cells: &Cells) -> String {
    let rows = || table.losses.values().flat_map(|(_, rows)| rows);
    let most_rows = table.losses.values().map(|(_, rows)| rows.len()).max().unwrap_or(0);
    let range = |name: &str, value: &dyn Fn(&Observation) -> f64| {
        let (least, most) = rows().fold((f64::INFINITY, 0.0_f64), |(l, m), r| (l.min(value(r)), m.max(value(r))));
        if most > 0.0 { format!(", {name} {} to {}", show_amount(least), show_amount(most)) } else { String::new() }
    };
    let (runs, losses) = (table.runs.len(), table.losses.len());
    let ranges = range("N", &|r| r.params) + &range("D", &|r| r.tokens);
    if table.proxy.is_some() {
        let rows = counted(most_rows, "row");
        return format!(
            "{}: {rows} that stand in for runs, losses of {}{ranges}",
            cells.named,
            counted(losses, "domain")
        );
    }
    format!(
        "{}: {} of {}, losses of {}{ranges}",
        cells.named,
        counted(most_rows, "row"),
        counted(runs, "run"),
        counted(losses, "domain")
    )
}

/// Leaves out the rows with the highest losses.
fn drop_worst(rows: &mut Vec<Observation>, count: usize) {
    if count > 0 {
        rows.sort_by_cached_key(|row| Ordered(row.loss));
        rows.truncate(rows.len().saturating_sub(count));
    }
}

fn equal(domains: usize) -> Vec<f64> {
    #[allow(clippy::cast_precision_loss)]
    let weight = 1.0 / domains as f64;
    vec![weight; domains]
}

/// The columns that name a row's run.
fn run_columns(source: &TableSource, cells: &Cells) -> Result<Vec<usize>, ProjectError> {
    let mut columns = Vec::new();
    for name in &source.run {
        match name.strip_suffix('*') {
            None => columns.push(cells.column(name)?),
            Some(prefix) => {
                let matching = cells.columns.iter().enumerate().filter(|(_, c)| c.starts_with(prefix)).map(|(i, _)| i);
                let before = columns.len();
                columns.extend(matching);
                if columns.len() == before {
                    let names = cells.columns.iter().map(String::as_str);
                    let help = format!("its columns are {}", crate::project::suggest::listed(names));
                    return Err(cells.refuse(format!("no column begins with '{prefix}' from `run`"), help));
                }
            }
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::load;
    use crate::vocab::Probe;
    use std::fs;

    /// A project file beside a table, read.
    fn read(table: &str, yaml: &str) -> (Project, Observed, Vec<Notice>) {
        let d = tempfile::tempdir().expect("a scratch directory");
        fs::write(d.path().join("t.csv"), table).expect("a table");
        let project = load::from_text(&format!("{yaml}\n"), d.path()).unwrap_or_else(|e| panic!("{}", e.report()));
        let tables = Tables::read(&project);
        let project = tables.complete(&project);
        let mut observed = super::super::observe(&project, &[]);
        tables.append(&project, &mut observed);
        (project, observed, tables.notices)
    }

    const TABLE: &str = "n,d,w_a,w_b,a_loss,b_loss,kind\n\
                         160M,2e9,0.5,0.5,3.0,2.0,x\n\
                         160M,1e9,50,50,3.5,2.5,x\n\
                         1e8,1e9,1,,4.0,,y\n\
                         1e8,?,0,1,9,9,y\n\
                         1e8,1e9,-1,2,9,9,y\n\
                         1e8,0,0,1,5,6,y\n";

    #[test]
    fn what_is_used_left_out_and_changed_is_counted() {
        let yaml = "tables:\n  - path: t.csv\n    params: n\n    tokens: d\n    mixture: { prefix: w_ }\n    \
                    metrics: { suffix: _loss }\n    run: [n, w_*]";
        let (project, observed, _) = read(TABLE, yaml);
        assert_eq!(project.domains, ["a", "b"]);
        assert_eq!((project.target.params, project.target.tokens), (Some(160e6), Some(2e9)));
        let [a, b] = observed.fitted.as_slice() else { panic!("two domains") };
        let losses = |o: &crate::vocab::Observations| o.rows.iter().map(|r| r.loss).collect::<Vec<_>>();
        assert_eq!((losses(a), losses(b)), (vec![3.0, 3.5, 4.0], vec![2.0, 2.5]));
        assert_eq!(a.rows[1].mixture, [0.5, 0.5]);
        assert_eq!(observed.starts[0].rows.len(), 1, "D = 0 is a loss before training");
        let said = b.dropped.join("\n");
        for words in [
            "1 row has weights that are negative, all zero or not numbers",
            "1 row lacks N or D (first on line 5)",
            "the weights of 1 row were normalised; their sums were 100.0000",
            "1 row has no loss of b",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }

    #[test]
    fn filters_and_outliers_are_said() {
        let yaml = "tables:\n  - path: t.csv\n    params: n\n    tokens: d\n    mixture: { a: w_a, b: w_b }\n    \
                    metrics: { a: a_loss }\n    where: kind == x\n    drop_worst: 1";
        let (_, observed, _) = read(TABLE, yaml);
        assert_eq!(observed.fitted[0].rows.len(), 1);
        let said = observed.fitted[0].dropped.join("\n");
        assert!(said.contains("4 of 6 rows do not meet `where`"), "{said}");
        assert!(said.contains("the 1 row with the highest loss"), "{said}");
    }

    #[test]
    fn beginnings_of_runs_are_columns_and_that_of_the_target_is_stated() {
        let table = "n,d,w_a,w_b,loss,k1,k2\n1e8,1e9,0.5,0.5,3.0,4.0,0.1\n1e8,2e9,0.5,0.5,2.9,4.0,-0.1\n\
                     1e8,1e9,0.2,0.8,3.1,,0.1\n";
        let yaml = "tables:\n  - path: t.csv\n    params: n\n    tokens: d\n    mixture: { prefix: w_ }\n    \
                    metrics: { a: loss }\n    first_loss: { column: k1 }\n    decline: { column: k2 }\n\
                    domains: [a, b]\ntarget: { probe: { a: { loss: 3.5, decline: 0.2 } } }";
        let (_, observed, _) = read(table, yaml);
        let of = |loss, decline| Some(Probe { loss, decline });
        let probes: Vec<Option<Probe>> = observed.fitted[0].rows.iter().map(|r| r.probe).collect();
        assert_eq!(probes, [of(4.0, 0.1), of(4.0, 0.0), None]);
        assert_eq!(observed.fitted[0].probe, of(3.5, 0.2));
        for (wrong, says) in [
            (yaml.replace("    decline: { column: k2 }\n", ""), "must be given together"),
            (yaml.replace("loss: 3.5", "loss: 0"), "more than zero"),
            (yaml.replace("decline: 0.2", "decline: -1"), "a decline of 0"),
            (yaml.replace("probe: { a:", "probe: { c:"), "`c`"),
        ] {
            let error = load::from_text(&wrong, std::path::Path::new("/p")).expect_err(&wrong);
            assert!(error.report().contains(says), "{says}: {}", error.report());
        }
    }

    #[test]
    fn a_column_whose_name_is_no_domain_is_an_evaluation_of_none() {
        let yaml = "tables:\n  - path: t.csv\n    params: n\n    tokens: d\n    mixture: { prefix: w_ }\n    \
                    metrics: { c: a_loss }\n";
        let (project, observed, _) = read(TABLE, yaml);
        assert_eq!(project.domains, ["a", "b"]);
        assert_eq!(project.metrics, [crate::vocab::Metric::new("c", "a_loss", None)]);
        assert_eq!((observed.fitted.len(), observed.fitted[0].own), (1, None));
        assert!(!observed.fitted[0].rows.is_empty());
        // Beside a domain's own loss it is left alone, unless the project names it.
        let both = yaml.replace("{ c: a_loss }", "{ a: a_loss, c: b_loss }");
        let (project, _, notices) = read(TABLE, &both);
        assert_eq!(project.metrics, [crate::vocab::Metric::of_domain("a", "a_loss")]);
        assert!(notices.iter().any(|n| n.text.contains("losses of c ignored")), "{notices:?}");
        let (project, observed, _) = read(TABLE, &format!("{both}metrics: {{ a: a_loss, c: b_loss }}\n"));
        assert_eq!(project.metrics.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert!(observed.fitted.iter().all(|of| !of.rows.is_empty()));
    }

    #[test]
    fn a_table_that_cannot_be_used_says_why_and_where() {
        let base = "tables:\n  - path: t.csv\n    params: n\n    tokens: d\n";
        for (rest, says, help) in [
            ("    metrics: { a: a_los }", "mixlaw.yaml:2:11: t.csv: there is no column 'a_los'", "'a_loss'"),
            ("    metrics: { prefix: val_ }", "no column matches 'val_…'", "n, d, w_a"),
            ("    mixture: { prefix: w_ }", "`metrics` is missing", "suffix"),
            ("    metrics: { a: a_loss }\n    where: kind == z", "no row of this table", "where"),
            ("    metrics: { a: a_loss }\n    run: step*", "no column begins with 'step'", "n, d"),
        ] {
            let (_, _, notices) = read(TABLE, &format!("{base}{rest}"));
            let notice = notices.first().expect(rest);
            assert_eq!(notice.severity, Severity::Error);
            assert!(notice.text.contains(says), "{says}: {}", notice.text);
            assert!(notice.help.as_ref().is_some_and(|h| h.contains(help)), "{rest}: {:?}", notice.help);
        }
    }
}
