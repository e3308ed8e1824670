//! Tokenizers trained here, in the plainest way, on mixtures that are known.

use super::*;
use std::collections::HashMap;

/// Text of words that are drawn from a list, the first ones most often; another seed, another text of the same kind.
fn text(words: &[&str], seed: u64, bytes: usize) -> String {
    let mut random = Random::new(seed, 7);
    let mut text = String::new();
    while text.len() < bytes {
        let at = random.below(words.len()).min(random.below(words.len()));
        text.push_str(words[at]);
        text.push(if random.below(12) == 0 { '\n' } else { ' ' });
    }
    text
}

const RUST: [&str; 14] =
    ["fn", "let", "self", "pub", "impl", "struct", "match", "Some", "None", "unwrap", "vec", "iter", "usize", "return"];
const PROSE: [&str; 14] = [
    "the", "and", "of", "house", "morning", "river", "she", "walked", "never", "through", "light", "there", "would",
    "quiet",
];
const GERMAN: [&str; 14] = [
    "der", "und", "nicht", "Haus", "Morgen", "Fluss", "ging", "niemals", "durch", "Licht", "dort", "würde", "still",
    "schön",
];

/// Byte-level BPE, counted anew before each merge.
fn train(texts: &[&str], merges: usize) -> Merges {
    let split = Split::gpt2();
    let mut words: HashMap<Vec<Vec<u8>>, u64> = HashMap::new();
    for text in texts {
        split.words(text, &mut |word| *words.entry(word.bytes().map(|byte| vec![byte]).collect()).or_default() += 1);
    }
    let mut pairs = Vec::new();
    while pairs.len() < merges {
        let mut counts: HashMap<(&[u8], &[u8]), u64> = HashMap::new();
        for (tokens, count) in &words {
            tokens.windows(2).for_each(|two| *counts.entry((&two[0], &two[1])).or_default() += count);
        }
        let Some((left, right)) = counts.iter().max_by_key(|(pair, count)| (**count, **pair)).map(|(pair, _)| *pair)
        else {
            break;
        };
        let (left, right) = (left.to_vec(), right.to_vec());
        let mut merged: HashMap<Vec<Vec<u8>>, u64> = HashMap::new();
        for (tokens, count) in &words {
            let mut new: Vec<Vec<u8>> = Vec::new();
            let mut open = false;
            for token in tokens {
                match new.last_mut().filter(|last| open && **last == left && *token == right) {
                    Some(last) => {
                        last.extend(token);
                        open = false;
                    }
                    None => {
                        new.push(token.clone());
                        open = true;
                    }
                }
            }
            *merged.entry(new).or_default() += count;
        }
        words = merged;
        pairs.push((left, right));
    }
    Merges { pairs, split, notes: Vec::new() }
}

fn audit(corpora: &[(&str, Vec<&str>)], mixture: &[(&[&str], usize)], trials: usize) -> TokenizerAudit {
    let trained: Vec<String> =
        mixture.iter().zip(100..).map(|((words, bytes), seed)| text(words, seed, *bytes)).collect();
    let merges = train(&trained.iter().map(String::as_str).collect::<Vec<_>>(), 60);
    let mut samples = Samples::default();
    for ((name, words), seed) in corpora.iter().zip(1..) {
        samples.add(name, &[text(words, seed, 60_000)], &merges.split);
    }
    infer(&merges, &samples, Settings { merges: 60, trials, seed: 1 }).unwrap()
}

fn share(audit: &TokenizerAudit, corpus: &str) -> f64 {
    audit.shares.iter().find(|share| share.corpus == corpus).unwrap().share
}

#[test]
fn a_known_mixture_is_found_from_other_text_of_the_same_kind() {
    let corpora = [("rust", RUST.to_vec()), ("prose", PROSE.to_vec()), ("german", GERMAN.to_vec())];
    for (rust, prose, german) in [(60, 30, 10), (10, 20, 70), (0, 50, 50)] {
        let found = audit(&corpora, &[(&RUST, rust * 2000), (&PROSE, prose * 2000), (&GERMAN, german * 2000)], 8);
        for (name, percent) in [("rust", rust), ("prose", prose), ("german", german)] {
            let off = (share(&found, name) - percent as f64 / 100.0).abs();
            assert!(off < 0.02, "{name} {percent} %: {found:?}");
        }
        assert!(found.covered && found.alike.is_empty(), "{found:?}");
        assert!(found.shares.iter().all(|share| share.high.unwrap() - share.low.unwrap() < 0.1), "{found:?}");
        assert!((found.shares.iter().map(|share| share.share).sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn corpora_of_one_kind_are_known_by_their_sum_alone() {
    let corpora = [("rust", RUST.to_vec()), ("prose", PROSE.to_vec()), ("novels", PROSE.to_vec())];
    let found = audit(&corpora, &[(&RUST, 80_000), (&PROSE, 120_000)], 20);
    assert_eq!(found.alike, [["prose", "novels"]], "{found:?}");
    assert!((share(&found, "prose") + share(&found, "novels") - 0.6).abs() < 0.03, "{found:?}");
}

#[test]
fn what_was_trained_on_something_else_is_said() {
    let corpora = [("rust", RUST.to_vec()), ("german", GERMAN.to_vec())];
    let found = audit(&corpora, &[(&RUST, 30_000), (&PROSE, 170_000)], 0);
    assert!(!found.covered && found.agreement < 0.9, "{found:?}");
    assert!(found.shares.iter().all(|share| share.low.is_none()), "{found:?}");
}

#[test]
fn samples_that_repeat_themselves_give_no_range() {
    let trained = [text(&RUST, 100, 50_000), text(&PROSE, 101, 50_000)];
    let merges = train(&trained.iter().map(String::as_str).collect::<Vec<_>>(), 60);
    let settings = Settings { merges: 60, trials: 6, seed: 1 };
    let whole = [text(&RUST, 1, 60_000)];
    let page = text(&PROSE, 2, 3_000);
    for (prose, said) in [
        (vec![page.repeat(20)], "repeat themselves (lines that differ are"),
        (vec![page.clone(); 20], "repeat themselves"),
        (vec!["one line, again and again\n".repeat(2_000)], "repeat themselves"),
        (vec!["the and of house morning river she walked".to_owned()], "too little text"),
    ] {
        let mut samples = Samples::default();
        samples.add("rust", &whole, &merges.split);
        samples.add("prose", &prose, &merges.split);
        let found = infer(&merges, &samples, settings).unwrap();
        assert!(found.shares.iter().all(|share| share.low.is_none() && share.high.is_none()), "{found:?}");
        assert!(
            found.notes[0].starts_with("No ranges: the samples of prose") && found.notes[0].contains(said),
            "{found:?}"
        );
        let asked_for_none = infer(&merges, &samples, Settings { trials: 0, ..settings }).unwrap();
        assert!(asked_for_none.notes.is_empty(), "{asked_for_none:?}");
    }
    // A corpus of which nothing was in it: that it is found to be nothing is not to be taken for certainty.
    let corpora = [("rust", RUST.to_vec()), ("prose", PROSE.to_vec()), ("german", GERMAN.to_vec())];
    let found = audit(&corpora, &[(&RUST, 100_000), (&PROSE, 100_000)], 8);
    assert!(found.shares.iter().all(|share| share.high.unwrap() - share.low.unwrap() >= LEAST), "{found:?}");
}

/// Texts of one corpus that differ in subject: a quarter of the words are from a few of the subject's own.
fn of_subjects(words: &[&str], subjects: std::ops::Range<u64>, bytes: usize) -> String {
    let each = bytes / usize::try_from(subjects.end - subjects.start).unwrap();
    let one = |subject: u64| {
        let mut random = Random::new(subject, 3);
        let own: Vec<&str> = (0..6).map(|_| words[random.below(words.len())]).collect();
        format!("{}{}", text(words, subject, each * 3 / 4), text(&own, subject + 7, each / 4))
    };
    subjects.map(one).collect()
}

#[test]
fn ranges_hold_where_samples_are_of_other_subjects_than_what_was_trained_on() {
    let corpora: [(&str, &[&str]); 3] = [("rust", &RUST), ("prose", &PROSE), ("german", &GERMAN)];
    let (mut held, mut all, mut narrow) = (0, 0, 0);
    for (seed, mixture) in
        (0..6).zip([[60, 30, 10], [10, 20, 70], [30, 30, 40], [5, 50, 45], [80, 15, 5], [20, 70, 10]])
    {
        let subjects = 10_000 * seed..10_000 * seed + 10;
        let kinds = || corpora.iter().zip((0..).map(|kind| 1000 * kind));
        let of = |by: u64, bytes: usize| {
            let subjects = subjects.start + by..subjects.end + by;
            move |words: &[&str]| of_subjects(words, subjects.clone(), bytes)
        };
        let trained: Vec<String> =
            kinds().zip(mixture).map(|(((_, words), kind), percent)| of(kind, percent * 1500)(words)).collect();
        let total: usize = trained.iter().map(String::len).sum();
        let merges = train(&trained.iter().map(String::as_str).collect::<Vec<_>>(), 60);
        let mut samples = Samples::default();
        kinds().for_each(|((name, words), kind)| samples.add(name, &[of(kind + 500, 60_000)(words)], &merges.split));
        let found = infer(&merges, &samples, Settings { merges: 60, trials: 8, seed: 1 }).unwrap();
        for ((name, _), trained) in corpora.iter().zip(&trained) {
            let truth = trained.len() as f64 / total as f64;
            let share = found.shares.iter().find(|share| share.corpus == *name).unwrap();
            let Some((low, high)) = share.low.zip(share.high) else { continue };
            held += usize::from((low..=high).contains(&truth));
            narrow += usize::from(high - low < 0.3);
            all += 1;
        }
    }
    assert!(all >= 12 && held * 100 >= all * 80, "{held} of {all}");
    assert!(narrow * 2 > all, "a range that says nothing holds anything: {narrow} of {all}");
}

#[test]
fn the_same_seed_gives_the_same_answer_and_nothing_is_made_up() {
    let corpora = [("rust", RUST.to_vec()), ("prose", PROSE.to_vec())];
    let one = || audit(&corpora, &[(&RUST, 50_000), (&PROSE, 50_000)], 6);
    assert_eq!(one(), one());
    let merges = train(&["a b a b"], 3);
    let mut samples = Samples::default();
    let settings = Settings { merges: 3, trials: 0, seed: 0 };
    let said = |samples: &Samples| infer(&merges, samples, settings).unwrap_err().to_string();
    assert_eq!(said(&samples), "a mixture needs samples of two corpora or more; there are none");
    samples.add("x", &["xyz".to_owned()], &merges.split);
    assert_eq!(said(&samples), "a mixture needs samples of two corpora or more; there is 1");
    samples.add("y", &[String::new()], &merges.split);
    assert_eq!(said(&samples), "the samples of 'y' have no text");
    samples.corpora.pop();
    samples.add("y", &["zzz".to_owned()], &merges.split);
    assert_eq!(said(&samples), "none of the merges occurs in the samples");
}
