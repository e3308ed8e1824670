use super::super::{FORMATS, starting_as};
use crate::ingest::formats::{Chosen, Sink};

/// What a log of any format says between its lines of metrics, and what must be read of it.
const PRINTED: [(&str, &[(&str, f64)]); 14] = [
    (
        "|    Tasks    |Version|     Filter     |n-shot|  Metric   |   |Value |   |Stderr|\n\
         |-------------|------:|----------------|-----:|-----------|---|-----:|---|-----:|\n\
         |arc_challenge|      1|none            |     0|acc        |↑  |0.2005|±  |0.0117|\n\
         |             |       |none            |     0|acc_norm   |↑  |0.2389|±  |0.0125|\n\
         |gsm8k        |      3|strict-match    |     5|exact_match|↑  |0.0125|±  |0.0031|\n",
        &[
            ("arc_challenge/acc", 0.2005),
            ("arc_challenge/acc_norm", 0.2389),
            ("gsm8k/exact_match,strict-match", 0.0125),
        ],
    ),
    (
        "***** eval metrics *****\n  epoch                   =       0.04\n  eval_accuracy           =     0.4012\n  eval_loss               =     2.3101\n\
         \x20 eval_runtime            = 0:00:01.23\n  eval_samples            =        100\n",
        &[("eval_accuracy", 0.4012), ("eval_loss", 2.3101)],
    ),
    ("***** Running Evaluation *****\n  Num examples = 1000\n  Batch size = 8\n", &[]),
    (
        "────────────────────────────────────────────────────\n     Validate metric           DataLoader 0\n────────────────────────────────────────────────────\n\
         \x20       val_acc             0.5125\n        val_loss            2.3101\n────────────────────────────────────────────────────\n",
        &[("val_acc", 0.5125), ("val_loss", 2.3101)],
    ),
    (
        "┏━━━━━━━━━━━┳━━━━━━━━━┓\n┃ Test metric ┃ DataLoader 0 ┃ DataLoader 1 ┃\n┡━━━━╇━━━━┩\n│  loss  │  2.5  │ 3.25 │\n└─────┴─────┘\n",
        &[("test/loss/dataloader_idx_0", 2.5), ("test/loss/dataloader_idx_1", 3.25)],
    ),
    (
        "Validation loss by domain:\n    web: 2.31\n    code: 1.5\n    average: 1.905\n",
        &[("validation/web/loss", 2.31), ("validation/code/loss", 1.5), ("validation/loss", 1.905)],
    ),
    (
        "=== Evaluation ===\n  loss        2.31\n  acc         0.43 ± 0.01\n",
        &[("evaluation/loss", 2.31), ("evaluation/acc", 0.43)],
    ),
    (
        "2025-01-02 03:04:05 INFO eval:\n2025-01-02 03:04:05 INFO   web = 2.31\n2025-01-02 03:04:05 INFO   code = 1.5\n",
        &[("eval/web", 2.31), ("eval/code", 1.5)],
    ),
    (
        "Validation\n| domain | loss | ppl |\n|--------|-----:|----:|\n| web    | 2.31 | 10.07 |\n| code   | 1.5  | 4.48 |\n",
        &[
            ("validation/web/loss", 2.31),
            ("validation/web/ppl", 10.07),
            ("validation/code/loss", 1.5),
            ("validation/code/ppl", 4.48),
        ],
    ),
    ("dataset   val_loss\nweb       2.31\ncode      1.5\n", &[("val_loss/web", 2.31), ("val_loss/code", 1.5)]),
    ("Validation loss: 2.31, perplexity: 10.07\n", &[("Validation loss", 2.31), ("Validation perplexity", 10.07)]),
    ("[eval] loss 2.31\n", &[("eval loss", 2.31)]),
    ("Evaluating the model on the validation set\nloss of connection\n", &[]),
    ("Loading dataset tasks:\n  web: 2.31\n  loss: 3\n", &[]),
];

fn read(format: &str, text: &str, pieces: bool) -> Vec<(String, i64, f64)> {
    let (mut parser, mut sink, mut used) = (starting_as(format, &[]), Sink::default(), 0);
    if pieces {
        for (end, _) in text.match_indices('\n') {
            used += parser.feed(&text.as_bytes()[used..=end], false, &mut sink).unwrap();
            let saved = parser.save();
            parser = starting_as(format, &[]);
            parser.resume(&saved).unwrap();
        }
    }
    parser.feed(&text.as_bytes()[used..], true, &mut sink).unwrap();
    sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect()
}

#[test]
fn every_format_of_the_console_reads_what_anybody_prints_of_an_evaluation() {
    for format in FORMATS.iter().filter(|format| !format.reads_evaluations()) {
        let line = format.dialect().line;
        for (printed, expected) in &PRINTED {
            for pieces in [false, true] {
                let text = [line(10, "3.5"), line(20, "2.5"), (*printed).to_owned(), line(30, "2.25")].concat();
                let without = read(format.called(), &text.replace(printed, ""), pieces);
                let step = without.iter().find(|(_, _, value)| *value == 2.5).unwrap().1;
                let mut found = read(format.called(), &text, pieces);
                for point in &without {
                    let at = found.iter().position(|other| other == point);
                    found.remove(at.unwrap_or_else(|| panic!("{}: lost {point:?} to {printed}", format.called())));
                }
                let mut expected: Vec<_> =
                    expected.iter().map(|(name, value)| ((*name).to_owned(), step, *value)).collect();
                // What the format itself has said at this step.
                expected.retain(|(name, step, _)| !without.iter().any(|own| own.0 == *name && own.1 == *step));
                assert_eq!(found, expected, "{}, in pieces: {pieces}\n{printed}", format.called());
            }
        }
    }
}

#[test]
fn so_do_logs_of_no_program_in_particular() {
    for (printed, expected) in &PRINTED {
        let text = format!("torch CUDA\nstep 10 loss 3.5\nstep 20 loss 2.5\n{printed}step 30 loss 2.25\n");
        let (chosen, _) = Chosen::recognise(&[], "train.log", text.as_bytes()).unwrap();
        assert_eq!(chosen.identity(), "console");
        let found: Vec<_> = read("", &text, true).into_iter().filter(|(name, _, _)| name != "loss").collect();
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), 20, *value)).collect();
        assert_eq!(found, expected, "{printed}");
    }
}

#[test]
fn a_step_may_be_a_heading() {
    for (heading, separator) in [
        ("step: 10", ": "),
        ("Step 10:", " = "),
        ("--- step 10 ---", "="),
        ("[step 10]", "  "),
        ("Iteration 10/100", ": "),
        ("== step 10 of 100 ==", ": "),
        ("2025-01-02 03:04:05 INFO Step 10", ": "),
    ] {
        let text = format!("torch CUDA\n{}{}", heading_at(heading, separator, 10), heading_at(heading, separator, 20));
        let (chosen, _) =
            Chosen::recognise(&[], "train.log", text.as_bytes()).unwrap_or_else(|e| panic!("{heading}: {e}"));
        assert_eq!(chosen.identity(), "console", "{heading}");
        let expected = [("lr", 10, 1e-4), ("loss", 10, 2.5), ("lr", 20, 1e-4), ("loss", 20, 2.5)];
        let expected: Vec<_> = expected.iter().map(|(name, step, value)| ((*name).to_owned(), *step, *value)).collect();
        assert_eq!(read("", &text, true), expected, "{heading}");
    }
}

fn heading_at(heading: &str, separator: &str, step: u32) -> String {
    let words: Vec<String> = heading
        .split_inclusive(' ')
        .map(|word| {
            if word.trim_matches([' ', ':', ']']) == "10" || word.starts_with("10/") {
                word.replacen("10", &step.to_string(), 1)
            } else {
                word.to_owned()
            }
        })
        .collect();
    format!("{}\n  lr{separator}0.0001\n  loss{separator}2.5\n", words.concat())
}

#[test]
fn what_the_format_itself_has_given_is_not_read_twice() {
    let text = "{'loss': 2.5, 'epoch': 0.1}\n{'eval_loss': 2.31014, 'epoch': 0.1}\n***** eval metrics *****\n  eval_loss = 2.3101\n  perplexity = 10.07\n";
    for pieces in [false, true] {
        let found: Vec<_> = read("hf-dict", text, pieces).into_iter().filter(|p| p.0 != "epoch").collect();
        let expected = [("loss", 1, 2.5), ("eval_loss", 1, 2.31014), ("eval/perplexity", 1, 10.07)];
        assert_eq!(found, expected.map(|(name, step, value)| (name.to_owned(), step, value)), "{pieces}");
    }
}

#[test]
fn one_rank_is_listened_to() {
    let block = |rank: u32| {
        format!("[rank{rank}]: Validation loss by domain:\n[rank{rank}]:   web: 2.31\n[rank{rank}]:   code: 1.5\n")
    };
    let text = format!("[rank0]: step 10 loss 3.5\n[rank0]: step 20 loss 2.5\n{}{}", block(0), block(1));
    assert_eq!(read("", &text, true).len(), 4);
}
