use super::*;
use proptest::prelude::*;

fn mixture(weights: &[(&str, f64)]) -> Mixture {
    Mixture(weights.iter().map(|(domain, weight)| ((*domain).to_owned(), *weight)).collect())
}

fn edit(text: &str, format: Format, key: &str, weights: &[(&str, f64)]) -> Result<String, ProjectError> {
    write(Path::new("train"), text, format, key, &mixture(weights)).map(|e| e.text)
}

#[test]
fn yaml_keeps_its_comments_order_and_quotes() {
    let text = "# the big run\nseed: 1 # keep\ndata:\n  - path: /x\n    mixture:   # sums to 1\n      rust: 0.20   # was .1\n      \
                \"prose\": .8\n  # end\nlr: 3e-4\n";
    let new = edit(text, Format::Yaml, "data.0.mixture", &[("prose", 0.35), ("rust", 0.65)]).unwrap();
    assert_eq!(new, text.replace("0.20 ", "0.65 ").replace("\"prose\": .8", "\"prose\": 0.35"));
    let flow = "mix: {prose: 0.8, rust: 0.2} # here\r\nähnlich: 1\r\n";
    let new = edit(flow, Format::Yaml, "mix", &[("prose", 0.8), ("rust", 0.2)]).unwrap();
    assert_eq!(new, flow, "what says the same stays as it is");
    let new = edit(flow, Format::Yaml, "mix", &[("prose", 1.0), ("rust", 0.0)]).unwrap();
    assert_eq!(new, "mix: {prose: 1.0, rust: 0.0} # here\r\nähnlich: 1\r\n");
    let wide = "\u{feff}ä: \"ü\"\nmix: {\"é\": 80, b: 20}\n";
    assert_eq!(
        edit(wide, Format::Yaml, "mix", &[("é", 0.123_456_7), ("b", 0.876_543_3)]).unwrap(),
        "\u{feff}ä: \"ü\"\nmix: {\"é\": 12.3457, b: 87.6543}\n"
    );
}

#[test]
fn json_keeps_its_order_and_indentation() {
    let text =
        "{\n\t\"z\": [1,2],\n\t\"data\": {\"mixture\": { \"rust\" : 2e-1, \"prose\": 0.8 }},\n \"a\": \"\\u00e4\"}\n";
    let new = edit(text, Format::Json, "data.mixture", &[("prose", 0.5), ("rust", 0.5)]).unwrap();
    assert_eq!(new, text.replace("2e-1", "0.5").replace("0.8", "0.5"));
    let list = "[{\"w\": {\"a\": 0.5, \"b\": 0.5}}]";
    assert_eq!(
        edit(list, Format::Json, "0.w", &[("a", 1.0 / 3.0), ("b", 2.0 / 3.0)]).unwrap(),
        "[{\"w\": {\"a\": 0.333333, \"b\": 0.666667}}]"
    );
}

#[test]
fn what_cannot_be_edited_safely_is_refused_with_its_place() {
    let both = [("prose", 0.5), ("rust", 0.5)];
    for (text, key, says) in [
        ("mix: &m {prose: 0.8, rust: 0.2}\n", "mix", "train:1:6: a value with an anchor"),
        ("a: &m {prose: 0.8}\nmix: *m\n", "mix", "train:2:6: an alias"),
        ("mix:\n  <<: 1\n  prose: 0.8\n", "mix", "train:2:3: this is not the name of a domain"),
        ("mix: {prose: !!float 0.8, rust: 0.2}\n", "mix", "cannot be edited safely"),
        ("mix: {prose: '0.8', rust: 0.2}\n", "mix", "the weight of `prose` is not a number"),
        ("mix: {prose: [0.8], rust: 0.2}\n", "mix", "the weight of `prose` is not a number"),
        ("mix: 3\n", "mix", "`mix` is not a mapping"),
        ("mix: {}\n", "mix", "`mix` has no weights"),
        ("mix: 3\n", "mix.deep", "`mix` has no `deep`"),
        ("mix: 3\n", "data", "this file has no `data`"),
        ("mix: {prose: 0.8, rust: 0.2}\nmix: {prose: 0.8, rust: 0.2}\n", "mix", "twice"),
        ("mix: {prose: 0.8, prose: 0.2}\n", "mix", "twice"),
        ("mix: {prose: 0.8, web: 0.2}\n", "mix", "`mix` has `web`, which is no domain of the advice"),
        ("mix: {prose: 1, web: 0}\n", "mix", "`mix` has no `rust`, which the advice gives a weight"),
        ("mix: {prose: 3, rust: 4}\n", "mix", "sum to 7, neither to 1 nor to 100"),
        ("mix: {prose: -1, rust: 2}\n", "mix", "the weight of `prose` is -1"),
        ("a: 1\n---\nmix: {prose: 0.8, rust: 0.2}\n", "mix", "a second YAML document"),
        ("", "mix", "no content"),
        ("mix: {prose: 0.8\n", "mix", "not closed"),
    ] {
        let said = edit(text, Format::Yaml, key, &both).expect_err(text).report();
        assert!(said.contains(says), "{text}: {said}");
        assert!(said.contains("\nhelp: "), "{text}: {said}");
    }
    for (text, key, says) in [
        ("{\"mix\": {\"prose\": 0.8, // no\n \"rust\": 0.2}}", "mix", "train:1:24: this is not JSON"),
        ("{\"mix\": {\"prose\": \"0.8\", \"rust\": 0.2}}", "mix", "train:1:19: the weight of `prose` is not a number"),
        ("{\"mix\": [1]}", "mix", "train:1:9: `mix` is not a mapping"),
        ("{\"mix\": [1]}", "mix.x", "`mix` has no `x`"),
        ("{\"mix\": 1, \"mix\": 2}", "mix", "twice"),
        ("{\"mix\": {\"prose\": 1, \"prose\": 0}}", "mix", "twice"),
        ("", "mix", "not JSON"),
    ] {
        let said = edit(text, Format::Json, key, &both).expect_err(text).report();
        assert!(said.contains(says), "{text}: {said}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_written_is_read_back(text in "[ -~\n]{0,80}", rust in 0.0..1.0_f64) {
        let weights = mixture(&[("prose", 1.0 - rust), ("rust", rust)]);
        for (format, text) in [
            (Format::Yaml, text.clone()),
            (Format::Json, text.clone()),
            (Format::Yaml, format!("mix: {{prose: 0.8, rust: 0.2}}\n{text}")),
        ] {
            if let Ok(edited) = write(Path::new("f"), &text, format, "mix", &weights) {
                let read = read(Path::new("f"), &edited.text, format, "mix").unwrap();
                prop_assert!((read.weight("rust") - rust).abs() < 2e-6);
                prop_assert_eq!(edited.mixture.0.values().map(|w| (w * UNITS).round() as u64).sum::<u64>(), UNITS as u64);
            }
        }
    }
}
