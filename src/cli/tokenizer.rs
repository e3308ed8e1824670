//! `mixlaw audit --tokenizer`: the mixture that a tokenizer was trained on.

use super::output::{print, print_json, table};
use super::{Outcome, samples};
use crate::fit::tokenizer::{InferError, Merges, Samples, Settings, infer, parse};
use crate::ipc::protocol::Failure;
use crate::open::{self, OpenError};
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{CorpusShare, TokenizerAudit};
use clap::Args;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What the file is called.
const FILES: [&str; 2] = ["tokenizer.json", "merges.txt"];
const HELP: &str =
    "name the merges.txt or tokenizer.json of a byte-level BPE tokenizer: --tokenizer path/to/tokenizer.json";

/// Largest tokenizer file, bytes.
const LARGEST: u64 = 256 << 20;

/// Arguments of `audit --tokenizer`.
#[derive(Debug, Args)]
pub struct OfTokenizer {
    /// Infer the mixture that a byte-level BPE tokenizer was trained on, from its merges.txt or tokenizer.json
    #[arg(long, value_name = "FILE", requires = "samples", conflicts_with = "project")]
    pub(super) tokenizer: Option<PathBuf>,
    /// Samples of the corpora: a directory with a sub-directory or a file of text (.txt, .jsonl with `text`, .gz, .zst) for each
    #[arg(long, value_name = "DIR", requires = "tokenizer")]
    samples: Option<PathBuf>,
    /// Merges to use, from the first on
    #[arg(long, value_name = "N", requires = "tokenizer", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    merges: u32,
    /// Tokenizers that are trained on a half of the samples, to see how far shares inferred from the other half are off: the 90 %
    /// ranges; 0 for none
    #[arg(long, value_name = "N", requires = "tokenizer", default_value_t = 10, value_parser = clap::value_parser!(u16).range(..=1000))]
    trials: u16,
    /// Seed of these trials
    #[arg(long, value_name = "SEED", requires = "tokenizer", default_value_t = 0)]
    seed: u64,
}

impl OfTokenizer {
    /// Infers and prints.
    pub(super) fn run(&self, tokenizer: &Path, json: bool) -> Result<Outcome, Failure> {
        let merges = merges(tokenizer)?;
        let mut counted = Samples::default();
        for (name, files) in samples::find(self.samples.as_deref().unwrap_or(Path::new(".")))? {
            let corpus = samples::read(&name, &files)?;
            counted.add(&corpus.name, &corpus.documents, &merges.split);
        }
        let settings = Settings { merges: self.merges as usize, trials: usize::from(self.trials), seed: self.seed };
        let answer = infer(&merges, &counted, settings).map_err(|e| failed(&e))?;
        if json {
            print_json(&answer)?;
        } else {
            print(&show(&answer))?;
        }
        Ok(Outcome::Done)
    }
}

/// Why nothing was inferred, with what to do about it.
fn failed(error: &InferError) -> Failure {
    let help = match error {
        InferError::TooFew(_) => {
            "put a sub-directory or a file of text there for each corpus, such as web/ and code.jsonl.gz"
        }
        InferError::NoText(_) => {
            "put text files there, or remove the folder: .txt, .jsonl with `text`, packed with gzip or zstd or not"
        }
        InferError::NoTrace => "give samples of the languages that the tokenizer was trained on",
        InferError::Program(_) => "use fewer merges: --merges 100",
    };
    Failure::new(error.to_string(), help.to_owned())
}

/// The merges of a tokenizer's file.
///
/// # Errors
/// A file that cannot be read, or is no byte-level BPE.
pub(super) fn merges(path: &Path) -> Result<Merges, Failure> {
    let shown = printable(&path.display().to_string());
    let failed = |what: String| Failure::new(format!("{shown}: {what}"), HELP.to_owned());
    let bytes = open::whole(path, LARGEST).map_err(|error| match error {
        OpenError::Io(error) if error.kind() == ErrorKind::NotFound => failed("no such file".to_owned()),
        // A tokenizer's folder has it under one of these names.
        _ if path.is_dir() => match FILES.iter().find(|file| path.join(file).is_file()) {
            Some(file) => {
                let file = printable(&path.join(file).display().to_string());
                Failure::new(format!("{shown} is a directory"), format!("name the file in it: --tokenizer {file}"))
            }
            None => failed("it is a directory without a tokenizer's file".to_owned()),
        },
        error => failed(error.to_string()),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    parse(&text).map_err(|e| failed(e.to_string()))
}

fn show(answer: &TokenizerAudit) -> String {
    let mut out = String::new();
    if !answer.covered {
        out.push_str(&format!(
            "These corpora do not explain the tokenizer: a merge chose a pair {:.0} % as frequent as their most frequent one, on \
             average.\nIt was trained on something else, too; the shares are the closest mixture.\n\n",
            100.0 * answer.agreement
        ));
    }
    for group in &answer.alike {
        let names: Vec<String> = group.iter().map(|name| printable(name)).collect();
        let sum: f64 = answer.shares.iter().filter(|s| group.contains(&s.corpus)).map(|s| s.share).sum();
        out.push_str(&format!(
            "{} cannot be told apart by their samples: only their sum is known, {:.1} %.\n\n",
            names.join(" and "),
            100.0 * sum
        ));
    }
    let mut rows = vec![["corpus", ">share", ">90 % range", ">sample"].map(str::to_owned).to_vec()];
    rows.extend(answer.shares.iter().map(row));
    out.push_str(&table(&rows));
    out.push_str(&format!(
        "\nShares of bytes, from the first {} of {} merges",
        show_amount(answer.merges as f64),
        show_amount(answer.merges_of as f64)
    ));
    if answer.covered {
        out.push_str(&format!("; this mixture agrees with them by {:.1} %", 100.0 * answer.agreement));
    }
    out.push_str(".\n");
    if answer.shares.iter().any(|share| share.low.is_some()) {
        out.push_str(
            "The ranges are of trials: how far shares were off of tokenizers trained on one half of the samples and inferred from the other. \
             Where what was trained on differs more from the samples than their halves do, the error is greater.\n",
        );
    }
    for note in &answer.notes {
        out.push_str(&format!("{}\n", printable(note)));
    }
    out
}

fn row(share: &CorpusShare) -> Vec<String> {
    let range = share.low.zip(share.high).map(|(low, high)| format!("{:.1}–{:.1} %", 100.0 * low, 100.0 * high));
    vec![
        share.corpus.clone(),
        format!("{:.1} %", 100.0 * share.share),
        range.unwrap_or_else(|| "–".to_owned()),
        format!("{}B", show_amount(share.bytes as f64)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_samples_do_not_say_comes_first() {
        let share = |corpus: &str, share, low, high| CorpusShare {
            corpus: corpus.to_owned(),
            share,
            low: Some(low),
            high: Some(high),
            bytes: 2_000_000,
        };
        let mut answer = TokenizerAudit {
            shares: vec![share("web", 0.62, 0.6, 0.65), share("code", 0.38, 0.35, 0.4)],
            merges: 300,
            merges_of: 50_000,
            traced: 300,
            agreement: 0.97,
            covered: true,
            alike: Vec::new(),
            trials: 10,
            notes: Vec::new(),
        };
        insta::assert_snapshot!(show(&answer));
        answer.covered = false;
        answer.agreement = 0.71;
        answer.alike = vec![vec!["web".to_owned(), "code".to_owned()]];
        answer.notes = vec!["The tokenizer's normaliser (NFC) is not applied to the samples.".to_owned()];
        insta::assert_snapshot!(show(&answer));
    }
}
