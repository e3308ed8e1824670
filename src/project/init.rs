//! Generator of a project file: complete, commented, and equal to the detected project when loaded.

use super::suggest::word;
use super::weights::as_line;
use super::{FactSource, Objective, Project};
use crate::vocab::count::counted;
use crate::vocab::number::{parse_amount, show_amount};
use crate::vocab::text::printable;
use crate::vocab::{Metric, MetricUnit, Notice, Severity};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Other losses that are listed beside those that were taken.
const ALTERNATIVES: usize = 12;

/// How many runs log each key.
pub type Logged = BTreeMap<String, usize>;

/// Text of a project file for `project`, after [`crate::observe::assume`], which also returned `notices`. `runs` is the
/// number of runs. Values that were not detected are comments to fill in; beside what was detected stands how, and what else
/// was `logged` that could be meant.
#[must_use]
pub fn render(project: &Project, runs: usize, logged: &Logged, notices: &[Notice]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# A mixlaw project, written from {}. Correct what is wrong; delete a line to have it detected.",
        counted(runs, "run")
    );
    out.push_str("# For completion in editors, run `mixlaw schema project > mixlaw.schema.json` and add this line:\n");
    out.push_str("# yaml-language-server: $schema=mixlaw.schema.json\n");
    for notice in notices.iter().filter(|n| n.severity != Severity::Info) {
        comment(&mut out, &format!("Note: {}", notice.text));
    }
    let _ = writeln!(out, "\nproject: {}\n", word(&project.name));
    sources(&mut out, project);
    facts(&mut out, project);
    domains(&mut out, project, runs, logged, notices);
    target(&mut out, project, notices);
    mixture(&mut out, project, notices);
    objective(&mut out, &project.objective, &project.domains);
    out.push_str("\nlaws: auto                       # or a list of names\n");
    out
}

fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "# {}", printable(line));
    }
}

/// Says above a section how what stands in it was found: the notices whose help begins with its key.
fn found(out: &mut String, key: &str, notices: &[Notice]) {
    let of_key = |notice: &&Notice| notice.help.as_ref().is_some_and(|help| help.starts_with(&format!("{key}:")));
    for notice in notices.iter().filter(|notice| notice.severity == Severity::Info).filter(of_key) {
        comment(out, &format!("Found: {}", notice.text));
        comment(out, &format!("Confidence {}", confidence(key, &notice.text)));
    }
}

/// How sure what was found is, and why.
fn confidence(key: &str, text: &str) -> &'static str {
    match key {
        "domains" if text.contains("mixtures of") => "high: runs state what they are trained on.",
        "domains" => "medium: no run states what it is trained on; these are the names of losses.",
        "metrics" if text.contains("first words") => "medium: the names begin alike, and no others do.",
        "metrics" => "high: the names say so.",
        "mixture" if text.contains("mean of") => "low: the runs have different mixtures; this is their mean.",
        "mixture" => "high: runs state it.",
        _ => "low: nothing says which run you plan; the largest so far is taken.",
    }
}

/// How sure it is that a key is that of a metric, and why.
fn confidence_in(metric: &Metric, by: usize, runs: usize) -> String {
    let words = |text: &str| text.to_ascii_lowercase().replace(['-', ' '], "_");
    let named = words(&metric.key).contains(&words(&metric.name));
    let (sure, why) = match (named, by == runs) {
        (true, true) => ("high", "named so in all runs".to_owned()),
        (true, false) => ("medium", format!("{} without it", counted(runs.saturating_sub(by), "run"))),
        (false, true) => ("medium", "not named so".to_owned()),
        (false, false) => ("low", format!("not named so, {} without it", counted(runs.saturating_sub(by), "run"))),
    };
    format!("confidence {sure}: {why}")
}

/// A commented line of a section.
fn comment_in(out: &mut String, text: &str) {
    let _ = writeln!(out, "  # {}", printable(text));
}

fn sources(out: &mut String, project: &Project) {
    out.push_str("runs:                            # every match is a run; the log format is detected\n");
    for source in &project.runs {
        let _ = writeln!(out, "  - path: {}", word(&source.path));
    }
    if project.runs.is_empty() {
        out.push_str("  - path: runs/*\n");
    }
}

fn facts(out: &mut String, project: &Project) {
    if project.facts.is_empty() {
        out.push_str("\n# facts:                         # sources of facts that are not detected\n");
        out.push_str("#   params: config.json#num_params\n#   mixture: config.json#mixture\n");
        return;
    }
    out.push_str("\nfacts:\n");
    for (name, sources) in &project.facts {
        let places: Vec<String> = sources.iter().map(place).collect();
        match places.as_slice() {
            [one] => drop(writeln!(out, "  {}: {one}", name.as_str())),
            several => drop(writeln!(out, "  {}: [{}]", name.as_str(), several.join(", "))),
        }
    }
}

fn place(source: &FactSource) -> String {
    match source {
        FactSource::Key { file, key } => word(&format!("{file}#{key}")),
        FactSource::Number(value) => value.to_string(),
        FactSource::Text(text) => word(text),
    }
}

fn domains(out: &mut String, project: &Project, runs: usize, logged: &Logged, notices: &[Notice]) {
    if project.domains.is_empty() {
        out.push_str("\n# domains: [prose, rust]         # the corpora that runs are trained on\n");
        out.push_str("# metrics:                       # the validation losses that the laws predict\n");
        out.push_str("#   prose: eval/prose/loss\n#   rust: eval/rust/loss\n");
        return;
    }
    let names: Vec<String> = project.domains.iter().map(|d| word(d)).collect();
    out.push('\n');
    found(out, "domains", notices);
    let _ = writeln!(out, "domains: [{}]", names.join(", "));
    found(out, "metrics", notices);
    out.push_str(
        "metrics:                         # what the laws predict: the domains' validation losses, evaluations\n",
    );
    for metric in &project.metrics {
        let (name, key) = (word(&metric.name), word(&metric.key));
        let by = logged.get(&metric.key).map_or_else(String::new, |by| {
            let sure = confidence_in(metric, *by, runs);
            format!("   # in {by} of {}; {sure}", counted(runs, "run"))
        });
        if MetricUnit::of_key(&metric.key) == metric.unit {
            let _ = writeln!(out, "  {name}: {key}{by}");
        } else {
            let unit = serde_json::to_value(metric.unit).unwrap_or_default();
            let _ = writeln!(out, "  {name}: {{ key: {key}, unit: {} }}{by}", unit.as_str().unwrap_or_default());
        }
    }
    let others = logged.iter().filter(|(key, _)| !project.is_measured(key));
    for (key, by) in others.take(ALTERNATIVES) {
        let by = format!("in {by} of {}", counted(runs, "run"));
        comment_in(out, &format!("NAME: {}   # {by}; forecast, but not part of the laws", word(key)));
    }
    // Evaluations of no domain stand in place of the domains' losses.
    let complete = project.metrics.iter().any(|metric| metric.domain.is_none());
    for domain in project.domains.iter().filter(|domain| !complete && project.metric_of(domain).is_none()) {
        let _ = writeln!(out, "  # {}: KEY                   # no matching metric", word(domain));
    }
}

fn target(out: &mut String, project: &Project, notices: &[Notice]) {
    out.push('\n');
    found(out, "target", notices);
    out.push_str("target:                          # the run you plan; default: the largest run\n");
    for (key, value, example) in [("params", project.target.params, "7B"), ("tokens", project.target.tokens, "20B")] {
        match value {
            Some(value) => drop(writeln!(out, "  {key}: {}", amount(value))),
            None => drop(writeln!(out, "  # {key}: {example}")),
        }
    }
    if let (Some(params), Some(tokens)) = (project.target.params, project.target.tokens) {
        let larger = format!("{{ params: {}, tokens: {} }}", show_amount(10.0 * params), show_amount(10.0 * tokens));
        comment_in(out, &format!("or a larger one: target: {larger}"));
    }
}

/// Formats an amount with a suffix, if that is exact.
fn amount(value: f64) -> String {
    let said = show_amount(value);
    if parse_amount(&said) == Ok(value) { said } else { value.to_string() }
}

fn mixture(out: &mut String, project: &Project, notices: &[Notice]) {
    out.push('\n');
    found(out, "mixture", notices);
    out.push_str("mixture:\n");
    match &project.current {
        Some(current) => {
            let weights: Vec<(String, f64)> = project.domains.iter().map(|d| (d.clone(), current.weight(d))).collect();
            let _ = writeln!(out, "  current: {}   # current weights", as_line(&weights));
        }
        None => out.push_str("  # current: { prose: 0.8, rust: 0.2 }   # current weights\n"),
    }
    let example = project.domains.last().map_or_else(|| "rust".to_owned(), |d| word(d));
    match project.bounds.is_empty() {
        true => drop(writeln!(out, "  # bounds: {{ {example}: [0.05, 0.95] }}   # minimum and maximum weight")),
        false => {
            let pairs: Vec<String> =
                project.bounds.iter().map(|(d, [low, high])| format!("{}: [{low}, {high}]", word(d))).collect();
            let _ = writeln!(out, "  bounds: {{ {} }}", pairs.join(", "));
        }
    }
    match project.available_tokens.is_empty() {
        true => drop(writeln!(out, "  # available_tokens: {{ {example}: 4B }}   # repeated at most max_epochs times")),
        false => {
            let pairs: Vec<String> =
                project.available_tokens.iter().map(|(d, n)| format!("{}: {}", word(d), amount(*n))).collect();
            let _ = writeln!(out, "  available_tokens: {{ {} }}", pairs.join(", "));
        }
    }
    let _ = writeln!(out, "  max_epochs: {}", project.max_epochs);
    if project.domains.len() > 2 && project.groups.is_empty() {
        let two: Vec<String> = project.domains.iter().take(2).map(|d| word(d)).collect();
        let _ = writeln!(out, "  # groups: {{ both: {{ domains: [{}], share: [0.1, 0.3] }} }}", two.join(", "));
    }
    out.push_str("  # max_change: 0.2                  # weight that may move from the current mixture\n");
}

fn objective(out: &mut String, objective: &Objective, domains: &[String]) {
    let (general, own) = match domains {
        [first, .., last] => (word(first), word(last)),
        _ => ("prose".to_owned(), "rust".to_owned()),
    };
    if objective.minimize.is_empty() && objective.subject_to.is_empty() {
        out.push_str("\n# objective:                     # default: the sum of all validation losses\n");
        let _ = writeln!(out, "#   minimize: {own}");
        let _ = writeln!(out, "#   subject_to:\n#     - {general} <= start + 3%   # start: the loss before training");
        return;
    }
    out.push_str("\nobjective:\n");
    let weights: Vec<(String, f64)> = objective.minimize.iter().map(|(d, w)| (d.clone(), *w)).collect();
    match weights.as_slice() {
        [] => {}
        [(one, _)] => drop(writeln!(out, "  minimize: {}", word(one))),
        several => drop(writeln!(out, "  minimize: {}", as_line(several))),
    }
    for (index, limit) in objective.subject_to.iter().enumerate() {
        if index == 0 {
            out.push_str("  subject_to:\n");
        }
        let _ = writeln!(out, "    - {}", serde_json::Value::from(limit.text.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{RunSource, Target, load};
    use crate::vocab::Mixture;
    use std::path::Path;

    fn assert_loads_back(project: &Project, text: &str) {
        let mut back = load::from_text(text, Path::new("/p")).unwrap_or_else(|e| panic!("{}\n{text}", e.report()));
        let runs: Vec<&str> = back.runs.iter().map(|r| r.path.as_str()).collect();
        let expected: Vec<&str> = project.runs.iter().map(|r| r.path.as_str()).collect();
        assert_eq!(runs, expected);
        // What depends on where the text stands.
        back.runs.clone_from(&project.runs);
        for limit in &mut back.objective.subject_to {
            limit.text = limit.text.trim().to_owned();
        }
        let expected = Project {
            domains_stated: !project.domains.is_empty(),
            root: back.root.clone(),
            file: back.file.clone(),
            named: back.named.clone(),
            hash: back.hash,
            ..project.clone()
        };
        assert_eq!(back, expected, "{text}");
    }

    #[test]
    fn what_is_found_loads_back() {
        let project = Project {
            name: "yes: a name #1".into(),
            runs: ["*/logs", "."].map(|path| RunSource { path: path.into(), at: None, filter: Vec::new() }).into(),
            domains: vec!["prose".into(), "stack exchange".into(), "no".into()],
            metrics: vec![Metric::of_domain("prose", "eval/prose/loss"), Metric::of_domain("no", "val: no")],
            target: Target { params: Some(591_616.0), tokens: Some(2e9), ..Target::default() },
            current: Some(Mixture(
                [("prose".to_owned(), 0.25), ("stack exchange".to_owned(), 0.5), ("no".to_owned(), 0.25)].into(),
            )),
            ..Project::default()
        };
        let logged = Logged::from([("eval/prose/loss".to_owned(), 30), ("eval/\u{1b}quiz: x".to_owned(), 2)]);
        let notice = Notice { severity: Severity::Warning, text: "odd\u{1b}[2J\nthing".into(), help: None };
        let text = render(&project, 36, &logged, &[notice]);
        assert!(text.contains("written from 36 runs") && text.contains("# Note: odd[2J\n# thing\n"), "{text}");
        assert!(text.contains("prose: eval/prose/loss   # in 30 of 36 runs"), "{text}");
        assert!(text.contains("runs; confidence medium: 6 runs without it"), "{text}");
        assert!(text.contains("# NAME: ") && text.contains("quiz") && !text.contains('\u{1b}'), "{text}");
        assert_loads_back(&project, &text);
    }

    #[test]
    fn what_is_found_says_how_sure_it_is() {
        for (key, text, sure) in [
            ("domains", "domains detected: a, b (from the mixtures of 3 runs)", "high"),
            ("domains", "domains detected: a, b (from their losses)", "medium"),
            ("metrics", "validation losses assumed by their first words: x for a", "medium"),
            ("mixture", "current mixture assumed: { a: 1 } (the mean of 6 runs)", "low"),
            ("target", "target assumed: 1B parameters (the largest run)", "low"),
        ] {
            let help = Some(format!("{key}: x"));
            let mut out = String::new();
            found(&mut out, key, &[Notice { severity: Severity::Info, text: text.to_owned(), help }]);
            assert!(out.contains(&format!("# Confidence {sure}: ")), "{out}");
        }
        let metric = Metric::of_domain("web", "eval/web/loss");
        assert_eq!(confidence_in(&metric, 6, 6), "confidence high: named so in all runs");
        let other = Metric::of_domain("general_zh", "eval_general_val_loss");
        assert_eq!(confidence_in(&other, 1, 1), "confidence medium: not named so");
    }

    #[test]
    fn what_is_stated_is_kept() {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt/mixlaw.yaml"))
            .expect("the example");
        let project = load::from_text(&text, Path::new("/p")).expect("the example");
        assert_loads_back(&project, &render(&project, 1, &Logged::new(), &[]));
    }

    #[test]
    fn nothing_found_still_gives_a_file_that_loads() {
        let project = Project {
            name: "empty".into(),
            runs: vec![RunSource { path: "*".into(), at: None, filter: Vec::new() }],
            ..Project::default()
        };
        assert_loads_back(&project, &render(&project, 0, &Logged::new(), &[]));
    }
}
