//! Words of the samples, and how often each occurs in which part of which corpus.

use super::split::Split;
use crate::vocab::number::show_amount;
use std::collections::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// Parts of a corpus that trials take from.
pub(super) const PARTS: usize = 20;

/// Fewest parts whose halves say something.
const FEWEST: usize = 5;
/// Least share of a corpus that its lines are, each counted once, for its parts to be different text.
const DISTINCT: f64 = 0.5;

/// Counted samples.
#[derive(Debug, Default)]
pub struct Samples {
    ids: HashMap<Box<[u8]>, u32>,
    pub(super) words: Vec<Box<[u8]>>,
    pub(super) corpora: Vec<Corpus>,
}

/// One corpus.
#[derive(Debug)]
pub(super) struct Corpus {
    pub(super) name: String,
    /// At most [`PARTS`] pieces of text that follow one another, none empty.
    pub(super) parts: Vec<Part>,
    /// Bytes of its lines, each counted once.
    pub(super) distinct: u64,
}

/// A piece of a corpus.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) bytes: u64,
    /// How often a word occurs, by its number.
    pub(super) counts: HashMap<u32, u32>,
}

impl Corpus {
    /// Why trials on its parts say little of how sure its share is, as the end of a sentence; none if they do.
    pub(super) fn repeats(&self) -> Option<String> {
        let bytes = self.bytes();
        if self.parts.len() < FEWEST {
            return Some(format!("are too little text to draw parts of ({}B)", show_amount(bytes as f64)));
        }
        let repeated = (self.distinct as f64) < DISTINCT * bytes as f64;
        let (of, all) = (show_amount(self.distinct as f64), show_amount(bytes as f64));
        repeated.then(|| format!("repeat themselves (lines that differ are {of}B of {all}B)"))
    }

    /// Bytes of all its parts.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

impl Samples {
    /// Counts the words of a corpus. Its documents are dealt out to parts in their order, so that those of one source stay
    /// together; one that is longer than a part is cut at line ends.
    pub fn add(&mut self, name: &str, documents: &[String], split: &Split) {
        let total: usize = documents.iter().map(String::len).sum();
        let most = total.div_ceil(PARTS).max(1);
        let mut parts: Vec<Part> = vec![Part::default()];
        let mut lines: HashSet<u64> = HashSet::new();
        let all = documents.iter().flat_map(|document| document.split_inclusive('\n'));
        let new = all.filter(|line| lines.insert(xxh3_64(line.trim_end().as_bytes())));
        let distinct = new.map(|line| line.len() as u64).sum();
        for document in documents {
            let mut rest = document.as_str();
            while !rest.is_empty() {
                let room = most.saturating_sub(usize::try_from(parts[parts.len() - 1].bytes).unwrap_or(most));
                if room == 0 && parts.len() < PARTS {
                    parts.push(Part::default());
                    continue;
                }
                let (piece, after) =
                    if rest.len() <= room || parts.len() == PARTS { (rest, "") } else { piece(rest, room) };
                let last = parts.len() - 1;
                self.count(&mut parts[last], piece, split);
                rest = after;
            }
        }
        parts.retain(|part| part.bytes > 0);
        self.corpora.push(Corpus { name: name.to_owned(), parts, distinct });
    }

    fn count(&mut self, part: &mut Part, text: &str, split: &Split) {
        part.bytes += text.len() as u64;
        split.words(text, &mut |word| {
            let id = match self.ids.get(word.as_bytes()) {
                Some(id) => *id,
                None => {
                    let id = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
                    let word: Box<[u8]> = word.as_bytes().into();
                    self.ids.insert(word.clone(), id);
                    self.words.push(word);
                    id
                }
            };
            *part.counts.entry(id).or_default() += 1;
        });
    }

    /// Counts of the words, a row of corpora a word, and bytes of the corpora, with each part taken so many times.
    pub(super) fn counted(&self, times: &[Vec<u32>]) -> (Vec<u32>, Vec<u64>) {
        let corpora = self.corpora.len();
        let mut counts = vec![0_u32; self.words.len() * corpora];
        let mut bytes = vec![0; corpora];
        for (i, (corpus, times)) in self.corpora.iter().zip(times).enumerate() {
            for (part, times) in corpus.parts.iter().zip(times) {
                bytes[i] += part.bytes * u64::from(*times);
                for (word, count) in &part.counts {
                    counts[*word as usize * corpora + i] += count * times;
                }
            }
        }
        (counts, bytes)
    }
}

/// Cuts a text after the line end that follows its first `room` bytes.
fn piece(text: &str, room: usize) -> (&str, &str) {
    let end = text.as_bytes()[room.min(text.len())..].iter().position(|byte| *byte == b'\n');
    end.map_or((text, ""), |more| text.split_at(room + more + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_and_alike_whatever_the_documents_are() {
        let line = "some words of text\n";
        for documents in [vec![line.repeat(1000)], vec![line.to_owned(); 1000], vec![line.repeat(3); 333]] {
            let mut samples = Samples::default();
            samples.add("a", &documents, &Split::gpt2());
            let corpus = &samples.corpora[0];
            assert_eq!(corpus.parts.len(), PARTS);
            assert_eq!(corpus.bytes(), documents.iter().map(|d| d.len() as u64).sum::<u64>());
            let sizes: Vec<u64> = corpus.parts.iter().map(|part| part.bytes).collect();
            assert!(sizes.iter().all(|size| (500..=1100).contains(size)), "{sizes:?}");
            let some = samples.ids[&b"some"[..]];
            let counted: u32 = corpus.parts.iter().filter_map(|part| part.counts.get(&some)).sum();
            assert_eq!(u64::from(counted), corpus.bytes() / line.len() as u64);
        }
    }

    #[test]
    fn a_short_text_has_few_parts_and_none_is_empty() {
        let mut samples = Samples::default();
        samples.add("a", &["x".to_owned(), String::new()], &Split::gpt2());
        samples.add("b", &[], &Split::gpt2());
        assert_eq!((samples.corpora[0].parts.len(), samples.corpora[1].parts.len()), (1, 0));
    }
}
