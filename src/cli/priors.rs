//! Priors of `design` that need no training: samples of the domains' text, vectors of them, or scores.

mod measure;
mod scores;
mod text;
mod vectors;

pub(super) use measure::Measure;

use super::argument::ArgumentError;
use super::tokenizer::merges;
use crate::advise::design::scores::DIVERSITY;
use crate::fit::tokenizer::Encoder;
use crate::ipc::protocol::Failure;
use crate::vocab::PriorView;
use clap::Args;
use scores::Scores;
use std::path::PathBuf;

/// Arguments of `design` about priors.
#[derive(Debug, Args)]
pub struct Priors {
    /// Samples of the domains' text: a directory with a sub-directory or a file (.txt, .jsonl with `text`, .gz, .zst) for each;
    /// the shares that their entropy gives are shown (BiMix)
    #[arg(long, value_name = "DIR")]
    samples: Option<PathBuf>,
    /// Vectors of samples: a directory with a NumPy file for each domain (web.npy), one row a sample; shares by what a domain adds
    /// to the others (SMART) and by von Neumann entropy
    #[arg(long, value_name = "DIR")]
    embeddings: Option<PathBuf>,
    /// Scores of samples: a CSV file with the columns domain, quality, diversity, and tokens; shares by both (SampleMix)
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// How much diversity counts beside quality, 0 to 1
    #[arg(long, value_name = "PART", requires = "scores", default_value_t = DIVERSITY, value_parser = part)]
    diversity: f64,
    /// Samples are drawn as exp(weight / T) [default: as their weight]
    #[arg(long, value_name = "T", requires = "scores", value_parser = super::next::above_zero)]
    temperature: Option<f64>,
    /// Take these shares for the natural ones
    #[arg(long, value_name = "MEASURE", conflicts_with = "prior")]
    pub(super) prior_by: Option<Measure>,
    /// Tokens are those of this merges.txt or tokenizer.json (byte-level BPE) [default: words]
    #[arg(long, value_name = "FILE", requires = "samples")]
    tokenizer: Option<PathBuf>,
}

fn part(text: &str) -> Result<f64, ArgumentError> {
    let value = text.parse::<f64>().ok().filter(|v| (0.0..=1.0).contains(v));
    value.ok_or_else(|| ArgumentError::Outside { text: text.to_owned(), wanted: "a part; write a number from 0 to 1" })
}

impl Priors {
    /// Whether there is anything to take shares from.
    pub(super) fn any(&self) -> bool {
        self.samples.is_some() || self.embeddings.is_some() || self.scores.is_some()
    }

    /// Shares by each measure; empty without samples, vectors and scores. `domains`: those of the project; empty to take what is
    /// there.
    ///
    /// # Errors
    /// Files that cannot be read; a domain without any; a measure without what it is by.
    pub(super) fn read(&self, domains: &[String]) -> Result<Vec<PriorView>, Failure> {
        let scores = self.scores.as_deref().map(Scores::read).transpose()?;
        let names = match (domains, &self.samples, &self.embeddings, &scores) {
            ([_, ..], ..) => domains.to_vec(),
            (_, Some(samples), ..) => text::domains(samples)?,
            (_, _, Some(folder), _) => vectors::domains(folder)?,
            (.., Some(scores)) => scores.domains(),
            _ => Vec::new(),
        };
        let mut views = Vec::new();
        if let Some(samples) = &self.samples {
            let encoder = match &self.tokenizer {
                Some(file) => Encoder::new(merges(file)?),
                None => Encoder::words(),
            };
            views.extend(text::read(samples, &names, encoder)?);
        }
        if let Some(folder) = &self.embeddings {
            views.extend(vectors::read(folder, &names)?);
        }
        if let Some(scores) = &scores {
            views.push(scores.view(&names, self.diversity, self.temperature)?);
        }
        match self.prior_by.filter(|by| !views.iter().any(|view| view.by == by.name())) {
            Some(by) => {
                let message = format!("--prior-by {} needs {}", by.name(), by.argument());
                Err(Failure::usage(message, format!("add {}", by.argument())))
            }
            None => Ok(views),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::design::vectors::tests::vectors;
    use crate::cli::npy::tests::file;

    fn none() -> Priors {
        Priors {
            samples: None,
            embeddings: None,
            scores: None,
            diversity: DIVERSITY,
            temperature: None,
            prior_by: None,
            tokenizer: None,
        }
    }

    #[test]
    fn what_is_less_certain_gets_more() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dull.txt"), "one two ".repeat(400)).unwrap();
        let varied: Vec<String> =
            (0..800).map(|i| format!("w{}", "abcdefgh".as_bytes()[(i * i / 3) % 8] as char)).collect();
        std::fs::write(dir.path().join("varied.txt"), varied.join(" ")).unwrap();
        let priors = Priors { samples: Some(dir.path().to_owned()), ..none() };
        let views = priors.read(&[]).unwrap();
        assert_eq!(
            views.iter().map(|view| &view.by[..]).collect::<Vec<_>>(),
            ["conditional-entropy", "joint-entropy", "shannon-entropy"]
        );
        for view in &views {
            assert!(view.shares.weight("varied") > 0.6, "{view:?}");
            assert!((view.shares.0.values().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let error = priors.read(&["dull".to_owned(), "web".to_owned()]).unwrap_err();
        assert_eq!(error.message, "there is no sample of 'web'");
        let without = Priors { prior_by: Some(Measure::Smart), ..priors };
        assert_eq!(without.read(&[]).unwrap_err().message, "--prior-by smart needs --embeddings DIR");
    }

    #[test]
    fn vectors_and_scores_give_shares_of_the_domains_they_name() {
        let dir = tempfile::tempdir().unwrap();
        for (name, of) in ["a", "b", "c"].into_iter().zip(vectors()) {
            let data: Vec<u8> = of.concat().iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(dir.path().join(format!("{name}.npy")), file("<f8", "(4, 3)", &data)).unwrap();
        }
        let table = dir.path().join("scores.csv");
        std::fs::write(&table, "domain,quality,diversity,tokens\na,1,0,1k\nb,0,1,1k\nc,1,1,500\n").unwrap();
        let priors = Priors { embeddings: Some(dir.path().to_owned()), scores: Some(table.clone()), ..none() };
        let views = priors.read(&[]).unwrap();
        let share = |by: &str, domain: &str| views.iter().find(|view| view.by == by).unwrap().shares.weight(domain);
        assert!((share("von-neumann-entropy", "c") - 0.45208101).abs() < 1e-7);
        assert!((share("smart", "a") - 0.2871874).abs() < 1e-7);
        // Weights .2, .8 and 1 of 1,000, 1,000 and 500 tokens.
        assert!((share("samplemix", "b") - 800.0 / 1500.0).abs() < 1e-12);
        let wanted = ["a".to_owned(), "web".to_owned()];
        assert_eq!(priors.read(&wanted).unwrap_err().message, "there is no vector of 'web'");
        std::fs::write(&table, "domain,quality,diversity\na,1,x\n").unwrap();
        assert!(priors.read(&[]).unwrap_err().message.ends_with("scores.csv: line 2: 'x' is no number"));
    }
}
