//! `mixlaw design`: the first sweep, and launch files for it.

use super::next::{above_zero, weights};
use super::output::{print, print_json, table};
use super::priors::{Measure, Priors};
use super::session::Session;
use super::template::{Template, sidecar};
use super::{ArgumentError, Outcome, ProjectArg};
use crate::advise::design::{DesignError, design};
use crate::ipc::protocol::{Failure, Query};
use crate::open;
use crate::project::sidecar::FILE_NAME;
use crate::project::{Project, ProjectError};
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{
    Advice, CheckAnswer, DesignAnswer, DesignMethod, DesignQuery, DesignedRun, Mixture, RecommendAnswer, ValueError,
};
use clap::Args;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Largest template, bytes.
const LARGEST: u64 = 1 << 20;

/// Arguments of `design`.
#[derive(Debug, Args)]
pub struct Design {
    #[command(flatten)]
    project: ProjectArg,
    #[command(flatten)]
    priors: Priors,
    /// dirichlet (RegMix's swarm), natural (the same around the natural shares), sobol, or d-optimal
    #[arg(long, value_name = "METHOD", default_value = "dirichlet", value_parser = method)]
    method: DesignMethod,
    /// The law that d-optimal runs determine best
    #[arg(long, value_name = "NAME", default_value = "log-linear", value_parser = super::laws::named)]
    law: String,
    /// How many mixtures [default: 3 for each domain and 3 more]
    #[arg(long, short = 'n', value_name = "MIXTURES", value_parser = clap::value_parser!(u16).range(1..))]
    mixtures: Option<u16>,
    /// Natural shares (web=0.8,code=0.2) [default: the supply in the project file, else the mixture in use, else equal shares]
    #[arg(long, value_name = "SHARES", value_parser = shares)]
    prior: Option<Mixture>,
    /// Sizes of the runs (10M,30M); a third of the mixtures at each next size
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = above_zero)]
    params: Vec<f64>,
    /// Sizes that --budget is spent on where --params is left out, each twice the one before
    #[arg(long, value_name = "SIZES", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    sizes: u8,
    /// Tokens of each run [default: --tokens-per-param]
    #[arg(long, value_name = "D", value_parser = above_zero)]
    tokens: Option<f64>,
    /// Tokens for each parameter [default: the target's, else 20]
    #[arg(long, value_name = "RATIO", value_parser = above_zero)]
    tokens_per_param: Option<f64>,
    /// FLOPs of all runs together
    #[arg(long, value_name = "FLOPS", value_parser = above_zero)]
    budget: Option<f64>,
    /// Seed of the draws; the same seed gives the same runs
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Keep bounds and supply alone; groups, max_change and max_divergence of the project file then count for advice only
    #[arg(long)]
    wide: bool,
    /// Launch file (YAML, JSON or a shell script) with id, n, d, seed, mixture.NAME or unique.NAME in double braces
    #[arg(long, value_name = "FILE", requires = "out")]
    template: Option<PathBuf>,
    /// Folder that gets a folder a run: the launch file, and mixlaw.run.yaml with the run's facts; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print CSV, as `next --candidates` reads it
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON (schemas/design.schema.json)
    #[arg(long)]
    json: bool,
}

impl Design {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut project = self.project()?;
        let priors = self.priors.read(&project.domains)?;
        let by = self.priors.prior_by.map(Measure::name);
        let taken = priors.iter().find(|prior| Some(&prior.by) == by.as_ref()).map(|prior| prior.shares.clone());
        if let (true, Some(first)) = (project.domains.is_empty(), priors.first()) {
            project.domains = first.shares.0.keys().cloned().collect();
        }
        let query = DesignQuery {
            method: self.method,
            law: self.law.clone(),
            mixtures: self.mixtures.map(usize::from),
            prior: taken.or_else(|| self.prior.clone()),
            params: self.params.clone(),
            sizes: usize::from(self.sizes),
            tokens: self.tokens,
            tokens_per_param: self.tokens_per_param,
            budget: self.budget,
            wide: self.wide,
            seed: self.seed,
        };
        let mut answer = design(&project, &query).map_err(|error| Failure::usage(error.to_string(), help(&error)))?;
        answer.recommended = if priors.is_empty() { None } else { self.recommended(&project) };
        answer.priors = priors;
        if let Some(out) = &self.out {
            launch(&answer, self.template.as_deref(), out)?;
        }
        if self.json {
            print_json(&answer)?;
        } else if self.csv {
            print(&csv(&answer)?)?;
        } else {
            print(&show(&answer, self.out.as_deref()))?;
        }
        Ok(Outcome::Done)
    }

    /// What the fitted laws recommend, where there are runs to fit to and they recommend anything.
    fn recommended(&self, project: &Project) -> Option<Mixture> {
        if project.runs.is_empty() && project.tables.is_empty() {
            return None;
        }
        let mut session = Session::open(&self.project.project).ok()?;
        let answer: RecommendAnswer = session.ask(Query::Recommend { extrapolate: false, top: None }).ok()?;
        match answer.mixture {
            Advice::Recommendation(advised) => Some(advised.mixture.clone()),
            Advice::Abstained(_) => None,
        }
    }

    /// The project; where there is none, one of the domains that the prior or samples name.
    fn project(&self) -> Result<Project, Failure> {
        let project = match (Project::load(&self.project.project), &self.prior) {
            (Err(ProjectError::Missing { .. }), stated)
                if self.project.is_default() && (stated.is_some() || self.priors.any()) =>
            {
                Project::default()
            }
            (loaded, _) => loaded?,
        };
        match &self.prior {
            Some(prior) if project.domains.is_empty() => {
                Ok(Project { domains: prior.0.keys().cloned().collect(), ..project })
            }
            // As everywhere else: the domains that the runs name.
            None if project.domains.is_empty() && !(project.runs.is_empty() && project.tables.is_empty()) => {
                let found: CheckAnswer = Session::open(&self.project.project)?.ask(Query::Check)?;
                Ok(Project { domains: found.domains, ..project })
            }
            _ => Ok(project),
        }
    }
}

fn help(error: &DesignError) -> String {
    match error {
        DesignError::NothingToMix(_) => {
            "name the domains: `domains: [web, code]` in the project file, or --prior web=0.8,code=0.2"
        }
        DesignError::NoMixture(_) => {
            "widen bounds or supply in the project file (mixture: bounds, available_tokens), or leave out groups and distance: --wide"
        }
        DesignError::Prior(_) | DesignError::Stranger(_) => {
            "write the shares of the project's domains: --prior web=0.8,code=0.2"
        }
        DesignError::PriorSum { instead, .. } => return format!("to keep their proportions: --prior {instead}"),
        DesignError::Small { .. } => "state a larger --budget, or fewer mixtures (-n)",
        DesignError::Dimensions { .. } => "use --method dirichlet",
        DesignError::Law { .. } => "choose another one: mixlaw laws",
        DesignError::Budget { .. } => "raise --budget, or lower --params or --tokens",
        DesignError::Many(_) => "ask for fewer: -n 100",
    }
    .to_owned()
}

fn method(text: &str) -> Result<DesignMethod, ArgumentError> {
    match text {
        "dirichlet" => Ok(DesignMethod::Dirichlet),
        "natural" => Ok(DesignMethod::Natural),
        "sobol" => Ok(DesignMethod::Sobol),
        "d-optimal" => Ok(DesignMethod::DOptimal),
        _ => Err(ArgumentError::Outside {
            text: text.to_owned(),
            wanted: "a method; write dirichlet, natural, sobol or d-optimal",
        }),
    }
}

fn shares(text: &str) -> Result<Mixture, ValueError> {
    let stated = text.parse::<Mixture>()?;
    stated.normalised()?;
    Ok(stated)
}

fn show(answer: &DesignAnswer, out: Option<&Path>) -> String {
    let mut rows: Vec<Vec<String>> =
        vec![["run", "mixture", ">params", ">tokens", ">FLOPs", ">most epochs"].map(str::to_owned).to_vec()];
    let amount = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), show_amount);
    for run in &answer.runs {
        let epochs = run.epochs.values().copied().reduce(f64::max);
        rows.push(vec![
            run.id.clone(),
            weights(&run.mixture),
            amount(run.params),
            amount(run.tokens),
            run.flops.map_or_else(|| "–".to_owned(), |flops| significant(flops, 3)),
            epochs.map_or_else(|| "–".to_owned(), |epochs| significant(epochs, 2)),
        ]);
    }
    let mut text = table(&rows);
    let together = answer.flops.map(|flops| format!(", {} FLOPs together", significant(flops, 3))).unwrap_or_default();
    text.push_str(&format!("\n{} runs{together}. Natural shares: {}.\n", answer.runs.len(), weights(&answer.prior)));
    text.push_str(&without_training(answer));
    answer.notes.iter().for_each(|note| text.push_str(&format!("- {}\n", printable(note))));
    if let Some(out) = out {
        text.push_str(&format!("Written to {}, a folder a run.\n", printable(&out.display().to_string())));
    }
    text
}

/// What samples, vectors and scores give, a row a measure, beside what the laws recommend and the natural shares that were taken.
fn without_training(answer: &DesignAnswer) -> String {
    if answer.priors.is_empty() {
        return String::new();
    }
    let domains: Vec<&String> = answer.prior.0.keys().collect();
    let percent = |mixture: &Mixture, domain: &str| format!("{:.1} %", 100.0 * mixture.weight(domain));
    let mut rows: Vec<Vec<String>> = vec![vec!["shares by".to_owned()]];
    rows[0].extend(domains.iter().map(|domain| format!(">{domain}")));
    rows[0].push("in brackets".to_owned());
    for prior in &answer.priors {
        let cell = |domain: &&String| {
            let value = prior.measured.get(*domain).map_or(String::new(), |value| format!(" ({value:.2})"));
            format!("{}{value}", percent(&prior.shares, domain))
        };
        let unit = format!("{}, of {}", prior.unit, show_amount(prior.of as f64));
        rows.push([vec![prior.by.clone()], domains.iter().map(cell).collect(), vec![unit]].concat());
    }
    let row = |name: &str, mixture: &Mixture| {
        let cells = domains.iter().map(|domain| percent(mixture, domain)).collect();
        [vec![name.to_owned()], cells, vec![String::new()]].concat()
    };
    rows.extend(answer.recommended.as_ref().map(|mixture| row("recommended by laws", mixture)));
    rows.push(row("taken", &answer.prior));
    format!(
        "\n{}\nShares by entropy are as its exponential (BiMix), by smart as 1 + g + g²/2 of the gain g (SMART), by samplemix as \
         the tokens drawn (SampleMix). No training has tested them.\n\n",
        table(&rows)
    )
}

/// A row a run, as `next --candidates` reads it.
fn csv(answer: &DesignAnswer) -> Result<String, Failure> {
    let domains: Vec<&String> = answer.prior.0.keys().collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| Failure::new(format!("cannot write CSV: {e}"), None);
    let head = ["name", "params", "tokens", "cost"].into_iter();
    writer.write_record(head.chain(domains.iter().map(|domain| domain.as_str()))).map_err(failed)?;
    for run in &answer.runs {
        let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let facts = [run.id.clone(), number(run.params), number(run.tokens), number(run.flops)].into_iter();
        let weights = domains.iter().map(|domain| run.mixture.weight(domain).to_string());
        writer.write_record(facts.chain(weights)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|e| Failure::new(format!("cannot write CSV: {e}"), None))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a folder for each run: everything is made ready before the first is written, and nothing is overwritten.
fn launch(answer: &DesignAnswer, template: Option<&Path>, out: &Path) -> Result<(), Failure> {
    let text = template.map(read).transpose()?;
    let pair = template.zip(text.as_deref());
    let mut files: Vec<(PathBuf, String, u32)> = Vec::new();
    for run in &answer.runs {
        let folder = out.join(&run.id);
        if let Some((file, text)) = pair {
            let rendered = Template::new(file, text).render(run).map_err(|error| Failure {
                help: error.help().map(str::to_owned),
                ..Failure::usage(error.message(), None)
            })?;
            let name = file.file_name().map_or_else(|| PathBuf::from("launch"), PathBuf::from);
            let mode = std::fs::metadata(file).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
            files.push((folder.join(name), rendered, mode));
        }
        files.push((folder.join(FILE_NAME), sidecar(run, &purpose(answer, run)), 0o644));
    }
    if let Some((known, ..)) = files.iter().find(|(path, ..)| path.symlink_metadata().is_ok()) {
        let help = "give another folder with --out; nothing is overwritten".to_owned();
        return Err(Failure::usage(format!("{} is there already", printable(&known.display().to_string())), help));
    }
    for (path, text, mode) in files {
        let failed = |e: std::io::Error| {
            Failure::new(format!("cannot write {}: {e}", printable(&path.display().to_string())), None)
        };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    let shown = printable(&path.display().to_string());
    let bytes = open::whole(path, LARGEST).map_err(|e| Failure::usage(format!("cannot read {shown}: {e}"), None))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{shown} is not UTF-8 text"), "save the template as UTF-8".to_owned()))
}

/// What a run is for, as a line of its sidecar.
fn purpose(answer: &DesignAnswer, run: &DesignedRun) -> String {
    let method = match answer.method {
        DesignMethod::Dirichlet => "a Dirichlet swarm around the roots of the natural shares",
        DesignMethod::Natural => "a Dirichlet swarm around the natural shares",
        DesignMethod::Sobol => "Sobol points",
        DesignMethod::DOptimal => "a D-optimal design",
    };
    format!("mixlaw design: run {} of {}, {method}, seed {}", run.id, answer.runs.len(), answer.seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> DesignAnswer {
        let project = Project { domains: vec!["code".to_owned(), "web".to_owned()], ..Project::default() };
        let query = DesignQuery { params: vec![1e7], tokens: Some(2e8), mixtures: Some(4), ..DesignQuery::default() };
        design(&project, &query).unwrap()
    }

    #[test]
    fn each_run_gets_a_folder_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (file, out) = (dir.path().join("launch.sh"), dir.path().join("runs"));
        std::fs::write(&file, "train {{n}} {{mixture.web}} {{id}}\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let answer = answer();
        launch(&answer, Some(&file), &out).unwrap();
        for run in &answer.runs {
            let launch = out.join(&run.id).join("launch.sh");
            let text = std::fs::read_to_string(&launch).unwrap();
            assert_eq!(text, format!("train 10000000 {} {}\n", run.mixture.weight("web"), run.id));
            assert_ne!(std::fs::metadata(launch).unwrap().permissions().mode() & 0o100, 0);
            assert!(out.join(&run.id).join(FILE_NAME).exists());
        }
        assert!(launch(&answer, Some(&file), &out).unwrap_err().message.contains("is there already"));
        let other = dir.path().join("others");
        std::fs::write(&file, "train\n{{m}}\n").unwrap();
        let wrong = launch(&answer, Some(&file), &other).unwrap_err();
        assert!(wrong.status == 2 && wrong.message.contains("launch.sh:2:1"), "{}", wrong.message);
        assert!(!other.exists(), "nothing is written where anything is wrong");
    }

    #[test]
    fn candidates_are_read_from_the_csv() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let answer = answer();
        std::fs::write(file.path(), csv(&answer).unwrap()).unwrap();
        let runs = super::super::candidates::read(file.path()).unwrap();
        assert_eq!(runs.len(), 4);
        let apart = runs[1].mixture.as_ref().unwrap().weight("web") - answer.runs[1].mixture.weight("web");
        assert!(apart.abs() < 1e-12 && runs[1].params == Some(1e7) && runs[1].name == "d001");
    }
}
