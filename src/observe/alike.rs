//! Pairs of domains and validation losses whose names begin alike: `general_zh` and `general_val`, `med_books` and `med_val`.

use std::collections::BTreeMap;

/// By domain, the loss whose name shares the most first words with it. A pair counts only where it is unambiguous: no other loss
/// shares as many with the domain, and no other domain with the loss.
///
/// Names come as their words, without those that only say that it is a held-out loss.
pub(super) fn pairs<'a>(
    domains: &BTreeMap<&'a str, Vec<String>>,
    losses: &BTreeMap<&'a str, Vec<String>>,
) -> BTreeMap<&'a str, &'a str> {
    let alike = |domain: &[String], loss: &[String]| domain.iter().zip(loss).take_while(|(a, b)| a == b).count();
    let of = |domain: (&&'a str, &Vec<String>)| {
        let (loss, words) = only_best(losses, |words| alike(domain.1, words))?;
        let (back, _) = only_best(domains, |other| alike(other, words))?;
        (back == *domain.0).then_some((*domain.0, loss))
    };
    domains.iter().filter_map(of).collect()
}

/// The name that has the most of something; `None` where two have as much, or all have nothing.
fn only_best<'a, 'b>(
    of: &'b BTreeMap<&'a str, Vec<String>>,
    score: impl Fn(&[String]) -> usize,
) -> Option<(&'a str, &'b Vec<String>)> {
    let best = of.values().map(|words| score(words)).max().filter(|best| *best > 0)?;
    let mut found = of.iter().filter(|(_, words)| score(words) == best);
    let first = found.next()?;
    found.next().is_none().then_some((*first.0, first.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(domains: &[&'static str], losses: &[&'static str]) -> Vec<(&'static str, &'static str)> {
        let words = |names: &[&'static str]| -> BTreeMap<&'static str, Vec<String>> {
            names.iter().map(|name| (*name, name.split('_').map(str::to_owned).collect())).collect()
        };
        pairs(&words(domains), &words(losses)).into_iter().collect()
    }

    #[test]
    fn names_pair_by_their_first_words_where_that_is_unambiguous() {
        assert_eq!(
            found(&["general_zh", "med_books"], &["general", "med"]),
            [("general_zh", "general"), ("med_books", "med")]
        );
        assert_eq!(found(&["code_python", "code_rust"], &["code", "text"]), [], "two domains for one loss");
        assert_eq!(found(&["code"], &["code_python", "code_rust"]), [], "two losses for one domain");
        assert_eq!(
            found(&["web_en_new", "web_de"], &["web_en", "web_de_small"]),
            [("web_de", "web_de_small"), ("web_en_new", "web_en")]
        );
        assert_eq!(found(&["prose"], &["quiz"]), []);
    }
}
