//! Text as tokens: by a tokenizer's merges, or its words.

use super::merges::Merges;
use super::split::Split;
use std::collections::HashMap;

/// Turns text into numbers of tokens; keeps the words that it has met.
#[derive(Debug)]
pub struct Encoder {
    split: Split,
    /// By two tokens, when they are merged and what they become; none where words stay whole.
    merges: Option<HashMap<(u32, u32), (usize, u32)>>,
    met: HashMap<Box<[u8]>, Vec<u32>>,
}

impl Encoder {
    /// Words as GPT-2 cuts them, each a token.
    #[must_use]
    pub fn words() -> Self {
        Self { split: Split::gpt2(), merges: None, met: HashMap::new() }
    }

    /// Tokens of a byte-level BPE.
    #[must_use]
    pub fn new(merges: Merges) -> Self {
        let mut tokens: HashMap<Vec<u8>, u32> = (0..=u8::MAX).map(|byte| (vec![byte], u32::from(byte))).collect();
        let mut of = |bytes: Vec<u8>| {
            let next = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
            *tokens.entry(bytes).or_insert(next)
        };
        let mut by_pair = HashMap::new();
        for (rank, (left, right)) in merges.pairs.into_iter().enumerate() {
            let whole = of([&left[..], &right[..]].concat());
            by_pair.entry((of(left), of(right))).or_insert((rank, whole));
        }
        Self { split: merges.split, merges: Some(by_pair), met: HashMap::new() }
    }

    /// The tokens of a text.
    pub fn encode(&mut self, text: &str) -> Vec<u32> {
        let Self { split, merges, met } = self;
        let mut out = Vec::new();
        split.words(text, &mut |word| {
            if let Some(known) = met.get(word.as_bytes()) {
                out.extend(known);
                return;
            }
            let tokens = match merges {
                Some(merges) => merged(merges, word.as_bytes()),
                None => vec![u32::try_from(met.len()).unwrap_or(u32::MAX)],
            };
            out.extend(&tokens);
            met.insert(word.as_bytes().into(), tokens);
        });
        out
    }
}

/// Merges the pair that was learned first, again and again.
fn merged(merges: &HashMap<(u32, u32), (usize, u32)>, word: &[u8]) -> Vec<u32> {
    let mut tokens: Vec<u32> = word.iter().map(|byte| u32::from(*byte)).collect();
    loop {
        let known = tokens.windows(2).enumerate().filter_map(|(at, two)| Some((merges.get(&(two[0], two[1]))?, at)));
        let Some((&(_, whole), at)) = known.min_by_key(|((rank, _), at)| (*rank, *at)) else { return tokens };
        tokens[at] = whole;
        tokens.remove(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn the_pair_that_was_learned_first_is_merged_first() {
        let mut encoder = Encoder::new(parse("b c\na b\nĠ a\nab c\n").unwrap());
        let numbers = |text: &str| -> Vec<u32> { text.bytes().map(u32::from).collect() };
        // "abc" is a|bc, as b c came before a b.
        assert_eq!(encoder.encode("abc"), [numbers("a"), vec![256]].concat());
        // " ab" is " "|ab, as a b came before " " a; " ac" has no a b.
        assert_eq!(encoder.encode("ab ab ac"), [257, u32::from(b' '), 257, 258, u32::from(b'c')]);
        assert_eq!(encoder.encode("abc"), [numbers("a"), vec![256]].concat());
        let mut words = Encoder::words();
        assert_eq!(words.encode("to be or not to be"), [0, 1, 2, 3, 4, 1]);
    }
}
