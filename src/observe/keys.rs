//! Recognition of a domain's validation loss among metric keys: `eval/rust/loss`, `val/rust_loss`, `rust_val_loss`, …

/// Words that mark a metric as measured on held-out data.
const HELD_OUT: [&str; 9] = ["eval", "evaluation", "val", "valid", "validation", "test", "dev", "heldout", "holdout"];
/// Words that mark a metric as a cross-entropy.
const LOSS: [&str; 7] = ["loss", "ce", "nll", "xent", "crossentropy", "celoss", "lmloss"];
/// Words that mark a metric as something else, whatever else its key says.
const OTHER: [&str; 8] = ["train", "training", "ppl", "perplexity", "acc", "accuracy", "bpb", "bits"];
/// Words that mark what is added to a cross-entropy and is none: balance and z losses of routers (Megatron-LM's
/// `load_balancing_loss`, `z_loss`; OLMo-core's `router Z loss`; Megatron-DeepSpeed's `moe loss`, and its losses of distillation,
/// `mos loss` and `kd loss`; TRL's and ms-swift's `aux_loss`), and spreads.
const ADDED: [&str; 10] = ["aux", "z", "balance", "balancing", "imbalance", "lbl", "moez", "router", "std", "stderr"];
/// Words that mark the same where they stand right before it: elsewhere they may be a run's name.
const ADDED_BEFORE: [&str; 3] = ["moe", "mos", "kd"];

/// Whether a loss is one that is added to a cross-entropy.
fn is_added(words: &[String]) -> bool {
    let before = |pair: &[String]| ADDED_BEFORE.contains(&pair[0].as_str()) && LOSS.contains(&pair[1].as_str());
    words.iter().any(|word| ADDED.contains(&word.as_str())) || words.windows(2).any(before)
}

/// How well a key suits; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fitness {
    /// It does not say that it is held out.
    pub(super) unmarked: bool,
    /// Words that explain neither domain nor loss.
    strangers: usize,
    length: usize,
}

/// The words of a name.
pub(super) fn words_of(name: &str) -> Vec<String> {
    words(name)
}

/// A key in words: `eval_loss/stackExchange-v2` is eval, loss, stack, exchange, v2. What it is drawn against is no part of its
/// name: Megatron's `lm loss validation vs samples` is lm, loss, validation.
fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in key.chars() {
        if c.is_alphanumeric() {
            let begins = !before.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase());
            if begins || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    if let Some(against) = words.iter().position(|word| word == "vs").filter(|at| *at > 0) {
        words.truncate(against);
    }
    words
}

/// Names that say of what a loss is, and not that it is one: build-nanogpt's `train` and `val`, llm.c's `trl` and `tel`.
const SPLITS: [(&str, &[&str]); 6] = [
    ("train", &["train", "loss"]),
    ("training", &["training", "loss"]),
    ("trl", &["train", "loss"]),
    ("val", &["val", "loss"]),
    ("validation", &["validation", "loss"]),
    ("tel", &["val", "loss"]),
];

/// What a metric's name says, in words: those of the key, or what a name of a split alone stands for.
fn said(key: &str) -> Vec<String> {
    let words = words(key);
    let split = SPLITS.iter().find(|(name, _)| matches!(&*words, [only] if only == name));
    split.map_or(words, |(_, said)| said.iter().map(|word| (*word).to_owned()).collect())
}

/// Whether a metric is a learning rate: `lr`, `train/learning_rate`, `optim/learning-rate-group0`.
pub(super) fn is_learning_rate(key: &str) -> bool {
    let last = key.rsplit('/').next().unwrap_or(key).to_lowercase().replace([' ', '-'], "_");
    last == "lr" || last.starts_with("learning_rate") || last.starts_with("lr_group") || last.starts_with("lr_adam")
}

/// Whether a name has a word for held-out data.
pub(super) fn says_held_out(name: &str) -> bool {
    words(name).iter().any(|word| HELD_OUT.contains(&word.as_str()))
}

/// How well `key` suits as the validation loss of `domain`; `None` where it is something else.
pub(super) fn fitness(key: &str, domain: &str) -> Option<Fitness> {
    let domain = words(domain).concat();
    let rest = without(&said(key), &domain)?;
    judge(&rest, key)
}

/// The domain that a validation loss names, if it names one: `rust` of `eval/rust/loss`, and the empty string of
/// `eval/loss`. `None` for any other metric.
pub(super) fn domain_of(key: &str) -> Option<String> {
    let words = said(key);
    if judge(&words, key)?.unmarked {
        return None;
    }
    // Megatron's 'lm loss validation' is of no corpus called 'lm'.
    let says_nothing = |word: &str| HELD_OUT.contains(&word) || LOSS.contains(&word) || word == "lm";
    let named = words.into_iter().filter(|w| !says_nothing(w));
    Some(named.collect::<Vec<_>>().join("_"))
}

/// Words that a plain training loss may have beside it.
const TRAINING: [&str; 9] = ["train", "training", "lm", "step", "global", "avg", "mean", "metrics", "cross"];
/// Words that mark what has a loss in its name and is none, or only a part of one.
const NO_LOSS: [&str; 14] = [
    "ppl",
    "perplexity",
    "acc",
    "accuracy",
    "scale",
    "max",
    "bits",
    "actor",
    "critic",
    "policy",
    "value",
    "reward",
    "kl",
    "pg",
];

/// Strangers among the words of a training loss; `None` where it is something else.
pub(super) fn training_loss(key: &str) -> Option<usize> {
    let words = said(key);
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    if has(&HELD_OUT) || has(&NO_LOSS) || is_added(&words) || !(has(&LOSS) || words.concat().contains("crossentropy")) {
        return None;
    }
    let known = |w: &&String| TRAINING.contains(&w.as_str()) || LOSS.contains(&w.as_str());
    Some(words.len() - words.iter().filter(known).count())
}

/// Words that mark a score or a compression rate.
const SCORE: [&str; 9] = ["bpb", "bpc", "bits", "acc", "accuracy", "ppl", "perplexity", "em", "f1"];

/// Words that say nothing of what a score is of.
const VAGUE: [&str; 8] = ["token", "tokens", "batch", "mean", "avg", "average", "step", "micro"];

/// What a key says of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evaluation {
    /// `mmlu` of `eval/downstream_bpb/mmlu_bpb`.
    pub(super) name: String,
    /// It neither says that it is held out nor what it is a score of: `token_acc`. Beside a training loss that is one of
    /// training.
    pub(super) vague: bool,
}

/// What a key says, where it is an evaluation: it says that it is held out, or is a score, and is no part of training.
pub(super) fn evaluation(key: &str) -> Option<Evaluation> {
    let words = said(key);
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    let training = ["train", "training"];
    let measured = has(&LOSS) || words.concat().contains("crossentropy");
    if has(&training) || is_added(&words) || !((has(&HELD_OUT) && measured) || has(&SCORE)) {
        return None;
    }
    let last = key.rsplit('/').next().unwrap_or(key);
    let plain = |text: &str| -> Vec<String> {
        let said = |w: &String| {
            HELD_OUT.contains(&w.as_str()) || LOSS.contains(&w.as_str()) || SCORE.contains(&w.as_str()) || w == "lm"
        };
        self::words(text).into_iter().filter(|w| !said(w)).collect()
    };
    let mut name = plain(last);
    if name.is_empty() {
        name = plain(key);
    }
    let vague = !has(&HELD_OUT) && name.iter().all(|word| VAGUE.contains(&word.as_str()));
    Some(Evaluation { name: if name.is_empty() { "validation".to_owned() } else { name.join("_") }, vague })
}

fn judge(words: &[String], key: &str) -> Option<Fitness> {
    let has = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    if has(&OTHER) || is_added(words) || !(has(&LOSS) || words.concat().contains("crossentropy")) {
        return None;
    }
    let explained = |w: &&String| HELD_OUT.contains(&w.as_str()) || LOSS.contains(&w.as_str());
    let strangers = words.len() - words.iter().filter(explained).count();
    Some(Fitness { unmarked: !has(&HELD_OUT), strangers, length: key.len() })
}

/// The words that are left when the ones that make up `domain` are taken out; `None` where it is not among them.
fn without(words: &[String], domain: &str) -> Option<Vec<String>> {
    if domain.is_empty() {
        return None;
    }
    for from in 0..words.len() {
        for to in from + 1..=words.len() {
            if words[from..to].concat() == domain {
                return Some(words[..from].iter().chain(&words[to..]).cloned().collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_of_writing_a_validation_loss_are_known() {
        for key in [
            "eval/rust/loss",
            "eval/rust_loss",
            "val/rust/loss",
            "eval_rust_loss",
            "rust_val_loss",
            "validation/loss/rust",
            "val_loss_rust",
            "Rust/valid_loss",
            "eval/rust/CrossEntropy",
            "eval/rust/ce_loss",
            "metric/rust_val_loss",
        ] {
            assert!(fitness(key, "rust").is_some_and(|f| !f.unmarked), "{key}");
        }
        for key in
            ["train/rust/loss", "eval/rust/ppl", "eval/prose/loss", "eval/rust/accuracy", "lr", "eval/trust/loss"]
        {
            assert_eq!(fitness(key, "rust"), None, "{key}");
        }
        assert!(fitness("rust_loss", "rust").is_some_and(|f| f.unmarked));
        assert!(fitness("eval/stackExchange/loss", "stack-exchange").is_some());
        assert!(fitness("eval/github/loss", "github") < fitness("eval/github_code/loss", "github"));
    }

    #[test]
    fn training_losses_are_known_and_the_whole_one_comes_first() {
        for key in
            ["loss", "train", "trl", "train/loss", "lm loss", "train/CrossEntropyLoss", "loss_metrics/global_avg_loss"]
        {
            assert!(training_loss(key).is_some_and(|strangers| strangers <= 1), "{key}");
        }
        assert!(training_loss("train/rust/loss") > training_loss("train/loss"));
        for key in [
            "eval/loss",
            "lr",
            "loss scale",
            "train/aux_loss",
            "loss_metrics/global_max_loss",
            "train/ppl",
            "actor_loss",
        ] {
            assert_eq!(training_loss(key), None, "{key}");
        }
    }

    #[test]
    fn what_is_added_to_a_cross_entropy_is_none() {
        for key in [
            // Megatron-LM, moe_logging.py.
            "load_balancing_loss",
            "seq_load_balancing_loss",
            "global_load_balancing_loss",
            "z_loss",
            "moe/load_balancing_loss_layer_3",
            "moe/z_loss_layer_0",
            // OLMo-core, nn/moe/router.py.
            "train/load balancing loss",
            "train/block 03/load balancing loss unscaled",
            "train/block 03/router Z loss",
            "train/Z loss",
            // OLMo, train.py.
            "train/LoadBalancingLoss",
            "train/MoEZLoss",
            // Megatron-DeepSpeed, pretrain_gpt.py.
            "moe loss",
            "mos loss",
            "kd loss",
            "lm-loss-training/moe loss",
            // NeMo Automodel, load_balance_metrics.py.
            "moe/layer_3/aux_loss",
            "moe/aux_loss_mean",
            // TRL and ms-swift.
            "aux_loss",
            "train/aux_loss",
        ] {
            assert_eq!(training_loss(key), None, "{key}");
            assert_eq!(evaluation(key), None, "{key}");
            assert_eq!(evaluation(&format!("eval/{key}")), None, "eval/{key}");
            assert_eq!(domain_of(&format!("validation {key}")), None, "{key}");
        }
        // A corpus may be called so.
        assert!(fitness("eval/moe/loss", "moe").is_some());
        assert!(training_loss("lm loss").is_some() && training_loss("moe-small/train/loss").is_some());
    }

    #[test]
    fn the_domain_of_a_key_is_read_where_there_is_one() {
        for (key, domain) in [
            ("eval/rust/loss", Some("rust")),
            ("val_loss", Some("")),
            ("val", Some("")),
            ("tel", Some("")),
            ("train", None),
            ("train/val", None),
            ("evaluation_loss_vs_iterations", Some("")),
            ("lm loss validation vs samples", Some("")),
            ("eval/stack_exchange/loss", Some("stack_exchange")),
            ("train/loss", None),
            ("grad_norm", None),
            ("loss", None),
        ] {
            assert_eq!(domain_of(key).as_deref(), domain, "{key}");
        }
    }
}
