//! How often each pair of neighbouring tokens occurs in each corpus, before each merge.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Counts before the first merge, and what each merge changes.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Corpora: the length of every row of counts.
    pub(super) corpora: usize,
    /// Pairs that ever occur.
    pub(super) pairs: usize,
    /// Counts before the first merge, one row for each pair that occurs then; pairs are numbered in this order.
    pub(super) first: Vec<i64>,
    /// The merges, in order.
    pub(super) steps: Vec<Step>,
    changed: Vec<u32>,
    by: Vec<i32>,
}

/// One merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The pair that is merged; none if it never occurs in the samples.
    pub(super) pair: Option<u32>,
    /// Where its changes begin.
    from: usize,
    /// Where they end.
    to: usize,
}

impl History {
    /// Pairs that a merge changes, each with what is added to its counts.
    pub(super) fn changes(&self, step: Step) -> impl Iterator<Item = (usize, &[i32])> {
        let rows = self.by[step.from * self.corpora..step.to * self.corpora].chunks_exact(self.corpora);
        self.changed[step.from..step.to].iter().map(|pair| *pair as usize).zip(rows)
    }

    /// Applies merges to words, one after the other. `counts`: how often each word occurs, a row of `corpora` a word.
    pub(super) fn new(words: &[Box<[u8]>], counts: &[u32], corpora: usize, merges: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let mut text = Text::new(words, counts, corpora);
        let mut history = Self { corpora, first: text.counts(), ..Self::default() };
        for (left, right) in merges {
            let from = history.changed.len();
            let (left, right, whole) = (text.token(left), text.token(right), text.token(&[&left[..], right].concat()));
            let pair = text.ids.get(&(left, right)).copied();
            if let Some(pair) = pair {
                for (changed, by) in text.merge(pair, whole) {
                    history.changed.push(changed);
                    history.by.extend(by);
                }
            }
            history.steps.push(Step { pair, from, to: history.changed.len() });
        }
        history.pairs = text.ids.len();
        history
    }
}

/// Trains: the merges of a byte-level BPE on words, each with how often it occurs; at most `most`, the pair that is known longer where two
/// are as frequent.
pub(super) fn learned(words: &[Box<[u8]>], counts: &[u32], most: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut text = Text::new(words, counts, 1);
    let mut names: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    let mut now = text.counts();
    let mut merges = Vec::new();
    while merges.len() < most {
        let best = now.iter().enumerate().max_by_key(|(pair, count)| (**count, Reverse(*pair)));
        let Some((pair, _)) = best.filter(|(_, count)| **count > 0) else { break };
        let (left, right) = text.pairs[pair];
        let (left, right) = (names[left as usize].clone(), names[right as usize].clone());
        let whole = [&left[..], &right[..]].concat();
        let id = text.token(&whole);
        if id as usize == names.len() {
            names.push(whole);
        }
        let changes = text.merge(u32::try_from(pair).unwrap_or(u32::MAX), id);
        now.resize(text.pairs.len(), 0);
        for (changed, by) in changes {
            now[changed as usize] += i64::from(by[0]);
        }
        merges.push((left, right));
    }
    merges
}

/// Words that are partly merged.
struct Text<'c> {
    corpora: usize,
    counts: &'c [u32],
    tokens: HashMap<Vec<u8>, u32>,
    words: Vec<Vec<u32>>,
    ids: HashMap<(u32, u32), u32>,
    pairs: Vec<(u32, u32)>,
    /// Words that have a pair, or had it; some more than once.
    places: Vec<Vec<u32>>,
    /// The last merge in which a word was looked at.
    seen: Vec<u32>,
    merges: u32,
}

impl<'c> Text<'c> {
    fn new(words: &[Box<[u8]>], counts: &'c [u32], corpora: usize) -> Self {
        let mut text = Self {
            corpora,
            counts,
            tokens: (0..=u8::MAX).map(|byte| (vec![byte], u32::from(byte))).collect(),
            words: words.iter().map(|word| word.iter().map(|byte| u32::from(*byte)).collect()).collect(),
            ids: HashMap::new(),
            pairs: Vec::new(),
            places: Vec::new(),
            seen: vec![0; words.len()],
            merges: 0,
        };
        for word in 0..words.len() {
            if text.row(word).iter().any(|count| *count > 0) {
                for at in 1..text.words[word].len() {
                    let id = text.pair(text.words[word][at - 1], text.words[word][at]);
                    text.note(id, word);
                }
            }
        }
        text
    }

    fn row(&self, word: usize) -> &'c [u32] {
        &self.counts[word * self.corpora..(word + 1) * self.corpora]
    }

    fn token(&mut self, bytes: &[u8]) -> u32 {
        let next = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        *self.tokens.entry(bytes.to_vec()).or_insert(next)
    }

    fn pair(&mut self, left: u32, right: u32) -> usize {
        let id = *self.ids.entry((left, right)).or_insert_with(|| {
            self.pairs.push((left, right));
            self.places.push(Vec::new());
            u32::try_from(self.pairs.len() - 1).unwrap_or(u32::MAX)
        });
        id as usize
    }

    fn note(&mut self, pair: usize, word: usize) {
        let word = u32::try_from(word).unwrap_or(u32::MAX);
        if self.places[pair].last() != Some(&word) {
            self.places[pair].push(word);
        }
    }

    /// Counts of all pairs.
    fn counts(&self) -> Vec<i64> {
        let mut counts = vec![0; self.pairs.len() * self.corpora];
        for (word, tokens) in self.words.iter().enumerate() {
            for two in tokens.windows(2) {
                if let Some(id) = self.ids.get(&(two[0], two[1])) {
                    let at = *id as usize * self.corpora;
                    let row = &mut counts[at..at + self.corpora];
                    row.iter_mut().zip(self.row(word)).for_each(|(sum, count)| *sum += i64::from(*count));
                }
            }
        }
        counts
    }

    /// Merges a pair wherever it stands; returns the pairs whose counts that changes, in the order of their numbers.
    fn merge(&mut self, pair: u32, whole: u32) -> Vec<(u32, Vec<i32>)> {
        self.merges += 1;
        let (left, right) = self.pairs[pair as usize];
        let mut changes: HashMap<u32, Vec<i32>> = HashMap::new();
        for word in std::mem::take(&mut self.places[pair as usize]) {
            let word = word as usize;
            if std::mem::replace(&mut self.seen[word], self.merges) == self.merges {
                continue;
            }
            let old = std::mem::take(&mut self.words[word]);
            let mut new = Vec::with_capacity(old.len());
            let mut at = 0;
            while at < old.len() {
                let here = old[at] == left && old.get(at + 1) == Some(&right);
                new.push(if here { whole } else { old[at] });
                at += if here { 2 } else { 1 };
            }
            if new.len() < old.len() {
                self.change(&mut changes, word, &old, -1);
                self.change(&mut changes, word, &new, 1);
            }
            self.words[word] = new;
        }
        let mut changes: Vec<_> = changes.into_iter().filter(|(_, by)| by.iter().any(|by| *by != 0)).collect();
        changes.sort_unstable_by_key(|(pair, _)| *pair);
        changes
    }

    /// Adds the pairs of a word, `sign` times, to what a merge changes.
    fn change(&mut self, changes: &mut HashMap<u32, Vec<i32>>, word: usize, tokens: &[u32], sign: i32) {
        let row = self.row(word);
        for two in tokens.windows(2) {
            let id = self.pair(two[0], two[1]);
            if sign > 0 {
                self.note(id, word);
            }
            let by = changes.entry(u32::try_from(id).unwrap_or(u32::MAX)).or_insert_with(|| vec![0; self.corpora]);
            by.iter_mut().zip(row).for_each(|(sum, count)| *sum += sign * i32::try_from(*count).unwrap_or(i32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of every pair before each merge, the slow way.
    fn recounted(
        words: &[&str],
        counts: &[[u32; 2]],
        merges: &[(&str, &str)],
    ) -> Vec<HashMap<(String, String), [i64; 2]>> {
        let mut split: Vec<Vec<String>> = words.iter().map(|w| w.chars().map(String::from).collect()).collect();
        let mut all = Vec::new();
        for (left, right) in merges {
            let mut now: HashMap<(String, String), [i64; 2]> = HashMap::new();
            for (tokens, count) in split.iter().zip(counts) {
                for two in tokens.windows(2) {
                    let sum = now.entry((two[0].clone(), two[1].clone())).or_default();
                    (0..2).for_each(|i| sum[i] += i64::from(count[i]));
                }
            }
            all.push(now);
            for tokens in &mut split {
                let mut at = 0;
                while at + 1 < tokens.len() {
                    if tokens[at] == *left && tokens[at + 1] == *right {
                        let right = tokens.remove(at + 1);
                        tokens[at].push_str(&right);
                    }
                    at += 1;
                }
            }
        }
        all
    }

    #[test]
    fn counts_that_are_brought_up_to_date_are_those_of_counting_anew() {
        let words = ["banana", "aaaaa", "bandana", "nab", "a", "abababa", "cab"];
        let counts = [[3, 1], [2, 0], [1, 5], [4, 4], [9, 9], [1, 2], [0, 7]];
        let merges = [
            ("a", "n"),
            ("a", "b"),
            ("an", "a"),
            ("a", "a"),
            ("x", "y"),
            ("ab", "ab"),
            ("b", "ana"),
            ("aa", "aa"),
            ("n", "ab"),
        ];
        let expected = recounted(&words, &counts, &merges);
        let boxed: Vec<Box<[u8]>> = words.iter().map(|w| w.as_bytes().into()).collect();
        let bytes: Vec<(Vec<u8>, Vec<u8>)> =
            merges.iter().map(|(l, r)| (l.as_bytes().to_vec(), r.as_bytes().to_vec())).collect();
        let flat: Vec<u32> = counts.iter().flatten().copied().collect();
        let history = History::new(&boxed, &flat, 2, &bytes);
        let mut now = history.first.clone();
        now.resize(history.pairs * 2, 0);
        for ((step, expected), merge) in history.steps.iter().zip(expected).zip(merges) {
            let mut found: Vec<[i64; 2]> =
                now.chunks(2).map(|row| [row[0], row[1]]).filter(|row| *row != [0, 0]).collect();
            let mut rows: Vec<[i64; 2]> = expected.values().copied().collect();
            found.sort_unstable();
            rows.sort_unstable();
            assert_eq!(found, rows, "before {merge:?}");
            let merged = expected.get(&(merge.0.to_owned(), merge.1.to_owned()));
            let row = step.pair.map(|pair| [now[pair as usize * 2], now[pair as usize * 2 + 1]]);
            assert_eq!(row.as_ref().filter(|row| **row != [0, 0]), merged, "{merge:?}");
            for (pair, by) in history.changes(*step) {
                (0..2).for_each(|i| now[pair * 2 + i] += i64::from(by[i]));
            }
        }
    }
}
