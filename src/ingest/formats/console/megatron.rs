//! Megatron-LM and what descends from it: Megatron-DeepSpeed, GPT-NeoX, Megatron-Bridge, NeMo.
//!
//! ```text
//!  iteration      200/  148693 | consumed samples: 25600 | learning rate: 4.194E-05 | lm loss: 9.913251E+00 | … |
//!  validation loss at iteration 200 | lm loss value: 8.982337E+00 | lm loss PPL: 7.961216E+03 |
//! Training epoch 0, iteration 8/9 | lr: 0.0006 | global_step: 8 | reduced_train_loss: 7.113
//! ```
//!
//! Every fork adds segments, so every `name: number` between bars is a metric under its own name. Validation losses are
//! called as Megatron calls them in TensorBoard (`lm loss validation`), so that both sources agree.
//!
//! **A loss that is NaN is not printed**: Megatron prints a loss only `if avg > 0.0` (`>= 0.0` in later versions). An
//! iteration line without its loss is therefore a NaN, unless the line itself says that every iteration it covers was
//! skipped (the loss scale of fp16 being found): then there is no loss to speak of.

mod grammar;
mod start;

use super::signs::{ConsoleFormat, Sign};
use crate::ingest::facts::phases;
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{after_first, needles, number, point};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};
use grammar::{
    Evaluation, Marker, equations, evaluation, is_main_loss, marker, may_have_metrics, nemo_step, segment, segments,
};
use memchr::memmem::find;
use start::{Start, has_rank_parameters};

/// The format.
#[derive(Debug)]
pub struct Megatron;

impl ConsoleFormat for Megatron {
    fn called(&self) -> &'static str {
        "megatron"
    }

    fn what(&self) -> &'static str {
        "Megatron iteration lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "0: ------------------------ arguments ------------------------\n0:   data_path .... ['1', '/d/a', '3', '/d/b']\n0:   hidden_size .... 16\n0:   num_layers .... 2......updated\n0:   pipeline_model_parallel_size .... 2\n0: -------------------- end of arguments ---------------------\n > padded vocab (size: 7) with 1 dummy tokens (new size: 8)\n > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 5 > number of parameters on (tensor, pipeline) model parallel rank (0, 1): 6\n iteration        1/     100 | lm loss: 2.5E+00 |\n iteration        2/     100 | grad norm: nan | number of skipped iterations:   0 | number of nan iterations:   0 |\n",
            " [2026-01-01 00:00:00] iteration        1/     100 | consumed samples:           64 | elapsed time per iteration (ms): 10.5 | learning rate: 1.0E-04 | lm loss: 2.5E+00 | grad norm: 1.0 |\n validation loss at iteration 1 | lm loss value: 2.0E+00 | lm loss PPL: 7.4E+00 |\n  num_layers ...................................... 12\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!(" iteration {step:8}/     100 | consumed samples: 8 | lm loss: {loss} | loss scale: 1.0 |\n")
        })
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        if marker(line).is_some() || evaluation(line).is_some() {
            return Some(Sign::Metric);
        }
        let header = is_header(line) || has_rank_parameters(line) || WORLD.find(line).is_some();
        header.then_some(Sign::Header)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, MegatronParser::default()))
    }
}

needles! {
    ARGUMENTS = "- arguments -";
    WORLD = "using world size: ";
}

fn is_header(line: &[u8]) -> bool {
    ARGUMENTS.find(line).is_some()
}

#[derive(Debug, Default)]
struct MegatronParser {
    /// Name of the loss on the last line that had one.
    loss: Vec<u8>,
    last: Option<i64>,
    total: i64,
    batch_told: bool,
    start: Start,
    name: Vec<u8>,
}

impl MegatronParser {
    fn iteration(&mut self, marker: &Marker<'_>, line: u64, sink: &mut Sink) {
        let nemo = find(marker.before, b"poch ").is_some();
        let step = if nemo { nemo_step(marker).unwrap_or(marker.iteration) } else { marker.iteration };

        let (mut has_loss, mut skipped, mut nan, mut bad_norm, mut batch) = (false, 0.0, 0.0, false, 0.0);
        // GPT-NeoX says this first.
        if let Some((value, _)) = after_first(marker.before, b"samples/sec: ").and_then(number) {
            point(b"samples/sec", step, value, sink);
        }
        for part in segments(marker.segments) {
            let Some((name, value)) = segment(part) else { continue };
            point(name, step, value, sink);
            match name {
                b"number of skipped iterations" => skipped = value,
                b"number of nan iterations" => nan = value,
                b"grad norm" => bad_norm = !value.is_finite(),
                b"global batch size" => batch = value,
                _ if !has_loss && is_main_loss(name) => {
                    has_loss = true;
                    if self.loss != name {
                        self.loss = name.to_vec();
                    }
                }
                _ => {}
            }
        }
        if !has_loss && !nemo {
            let covered = self.last.map_or(1, |last| step - last).max(1) as f64;
            let all_skipped = skipped >= covered && nan == 0.0 || self.last.is_none() && skipped > 0.0 && nan == 0.0;
            // Where no loss was ever seen, only a line that itself speaks of NaN is taken to hide one.
            if self.loss.is_empty() && (bad_norm || nan > 0.0) {
                self.loss = b"lm loss".to_vec();
            }
            if !all_skipped && !self.loss.is_empty() {
                point(&self.loss, step, f64::NAN, sink);
            }
        }
        self.last = Some(step);
        if !nemo && marker.total != self.total {
            self.total = marker.total;
            sink.fact(FactName::PlannedSteps, FactValue::Number(marker.total as f64), format!("line {line}"));
        }
        if batch > 0.0 && !self.batch_told {
            // The arguments know better where they are printed: the batch may grow.
            self.batch_told = true;
            sink.fact(FactName::BatchSequences, FactValue::Number(batch), format!("line {line}"));
        }
        if !self.start.over {
            if step > 1 && self.start.stated {
                sink.fact(FactName::Phases, phases::goes_on(step - 1), format!("line {line}"));
            }
            self.start.finish(line, sink);
        }
    }

    fn evaluated(&mut self, evaluation: &Evaluation<'_>, sink: &mut Sink) {
        let step = evaluation.step.or(self.last).unwrap_or(0);
        let mut result = |name: &[u8], value| {
            let (name, suffix) = match (name.strip_suffix(b" value"), name.strip_suffix(b" PPL")) {
                (Some(name), _) => (name, &b""[..]),
                (_, Some(name)) => (name, &b" ppl"[..]),
                _ => (name, &b""[..]),
            };
            let set = match evaluation.set {
                b"valid" => &b"validation"[..],
                set if set.starts_with(b"validation") || set == b"test" => set,
                set => &[b"validation/", set].concat(),
            };
            self.name.clear();
            for part in [name, b" ", set, suffix] {
                self.name.extend_from_slice(part);
            }
            point(&self.name, step, value, sink);
        };
        for part in segments(evaluation.segments) {
            match segment(part) {
                Some((name, value)) => result(name, value),
                None => equations(part, &mut result),
            }
        }
    }
}

impl LineParser for MegatronParser {
    fn tag(&self) -> u8 {
        b'M'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        if may_have_metrics(line.text) {
            if let Some(marker) = marker(line.text) {
                self.iteration(&marker, line.number, sink);
                return;
            }
            if let Some(evaluation) = evaluation(line.text) {
                self.evaluated(&evaluation, sink);
                return;
            }
        }
        if is_header(line.text) && find(line.text, b"end of arguments").is_none() {
            self.start = Start::default();
        } else if !self.start.over {
            self.start.line(line, &mut self.batch_told, sink);
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::bytes(to, &self.loss);
        to.push(u8::from(self.last.is_some()) | u8::from(self.batch_told) << 1);
        saved::signed(to, self.last.unwrap_or(0));
        saved::signed(to, self.total);
        self.start.save(to);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.loss = from.bytes()?.to_vec();
        let flags = from.byte()?;
        let last = from.signed()?;
        self.last = (flags & 1 == 1).then_some(last);
        self.batch_told = flags & 2 == 2;
        self.total = from.signed()?;
        self.start = Start::resume(from)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    fn read(text: &str) -> Sink {
        let mut sink = Sink::default();
        Megatron.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        sink
    }

    fn series(sink: &Sink, key: &str) -> Vec<(i64, f64)> {
        let wanted = |p: &&crate::ingest::formats::RawPoint| sink.metrics()[p.metric as usize] == key;
        sink.points.iter().filter(wanted).map(|p| (p.step, p.value)).collect()
    }

    #[test]
    fn a_line_without_its_loss_is_a_nan_unless_all_was_skipped() {
        let sink = read(
            " iteration        1/     100 | learning rate: 0.0 | loss scale: 4096.0 | number of skipped iterations:   1 | number of nan iterations:   0 |\n\
             0: iteration        2/     100 | lm loss: 1.05E+01 | seq_load_balancing_loss: 1.2 | loss scale: 4096.0 | grad norm: 2.0 | number of skipped iterations:   0 |\n\
             [default7]: iteration        3/     100 | seq_load_balancing_loss: 1.2 | loss scale: 2048.0 | grad norm: nan | number of skipped iterations:   0 | number of nan iterations:   0 |\n\
             iteration        4/     100 | loss scale: 1024.0 | number of skipped iterations:   1 | number of nan iterations:   0 |\n\
             iteration       14/     100 | moe loss: 1.0E-01 | loss scale: 1024.0 | number of skipped iterations:   1 | number of nan iterations:   0 |\n\
             iteration       15/     100 | loss scale: 1024.0 | number of skipped iterations:   1 | number of nan iterations:   1 |\n",
        );
        let losses = series(&sink, "lm loss");
        let steps: Vec<(i64, bool)> = losses.iter().map(|(s, v)| (*s, v.is_nan())).collect();
        assert_eq!(steps, [(2, false), (3, true), (14, true), (15, true)]);
        assert_eq!(series(&sink, "loss scale").len(), 6);
        assert_eq!(sink.facts.iter().filter(|f| f.0 == FactName::PlannedSteps).count(), 1);
    }

    #[test]
    fn a_run_that_is_nan_from_its_first_line_says_so() {
        let sink = read(
            " iteration     5426/  250000 | global batch size:     8 | loss scale: 1.0 | grad norm: nan | number of skipped iterations:   0 |\n",
        );
        assert!(matches!(series(&sink, "lm loss")[..], [(5426, v)] if v.is_nan()));
        assert!(read(" iteration 1/ 9 | loss scale: 1.0 |\n").points.len() == 1, "no word of a loss, no word of NaN");
    }

    #[test]
    fn evaluations_are_named_as_in_tensorboard() {
        let sink = read(
            " iteration      200/     400 | lm loss: 9.0E+00 |\n\
             0:  valid loss at iteration 200 | lm loss value: 8.9E+00 | lm loss PPL: 7.9E+03 | \n\
             validation-1 loss at iteration 200 on validation set | lm loss value: 8.8E+00 | lm loss PPL: 1.0E+00 | \n\
             validation loss at the end of training for val data | lm loss value: 8.5E+00 | lm loss PPL: 1.0E+00 | \n\
             validation loss at iteration 200 on test set | lm loss value: 8.4E+00 | lm loss PPL: 1.0E+00 | \n\
             code loss at iteration 200 | lm loss value: NAN | lm loss PPL: 1.0E+00 | \n\
             validation results at iteration 300 | lm_loss value: 4.0E+00 | lm_loss_ppl value: 6.1E+01 |\n",
        );
        for (key, expected) in [
            ("lm loss validation", &[(200, 8.9), (200, 8.5)][..]),
            ("lm loss validation-1", &[(200, 8.8)]),
            ("lm loss test", &[(200, 8.4)]),
            ("lm loss validation ppl", &[(200, 7.9e3), (200, 1.0)]),
            ("lm_loss validation", &[(300, 4.0)]),
            ("lm_loss_ppl validation", &[(300, 61.0)]),
        ] {
            assert_eq!(series(&sink, key), expected, "{key}");
        }
        assert!(series(&sink, "lm loss validation/code")[0].1.is_nan());
    }

    #[test]
    fn lines_of_forks_are_read() {
        type Points = &'static [(&'static str, i64, f64)];
        let cases: [(&str, &str, Points); 7] = [
            (
                "Primus",
                "[0001][rank-7/8][INFO ] [--trainer.py:2045] : iteration       10/      50 | elapsed time per iteration (ms): 2345.6/2400.1 | hip mem usage/free/total/usage_ratio: 227.35GB/28.63GB/255.98GB/88.81% | lm loss: 2.352391E+00 |\n",
                &[("elapsed time per iteration (ms)", 10, 2345.6), ("lm loss", 10, 2.352391)],
            ),
            (
                "NeMo 2 without the global step",
                "(pretraining, pid=4112) Training epoch 2, iteration 5/999 | lr: 3.014e-06 | reduced_train_loss: 11.28\n",
                &[("lr", 2005, 3.014e-6), ("reduced_train_loss", 2005, 11.28)],
            ),
            (
                "Megatron-LM v0.1, GLM",
                " iteration       50/  100000 | elapsed time per iteration (ms): 512.3 | learning rate 1.500E-05 | lm loss 9.123456E+00 | loss scale 65536.0 |\n",
                &[
                    ("elapsed time per iteration (ms)", 50, 512.3),
                    ("learning rate", 50, 1.5e-5),
                    ("lm loss", 50, 9.123456),
                    ("loss scale", 50, 65536.0),
                ],
            ),
            (
                "SwissArmyTransformer",
                " iteration       50/  1000 | elapsed time per iteration (ms): 5.3 | learning rate 1.5E-05 | total loss 9.5E+00 | loss scale N/A (FSDP2) |speed 30.50 samples/(min*GPU)\n",
                &[("elapsed time per iteration (ms)", 50, 5.3), ("learning rate", 50, 1.5e-5), ("total loss", 50, 9.5)],
            ),
            (
                "GPT-NeoX",
                "10.0.0.1:  samples/sec: 12.340 | iteration      200/  143000 | learning rate: 6.000E-05 | approx flops per GPU: 120.5TFLOPS | lm_loss: NAN | number of skipped iterations:   0 |\n",
                &[
                    ("samples/sec", 200, 12.34),
                    ("learning rate", 200, 6e-5),
                    ("lm_loss", 200, f64::NAN),
                    ("number of skipped iterations", 200, 0.0),
                ],
            ),
            (
                "Megatron-LLM (epfLLM)",
                " validation loss at iteration 200 | lm loss value=8.982337lm loss PPL=7961.216000\n",
                &[("lm loss validation", 200, 8.982337), ("lm loss validation ppl", 200, 7961.216)],
            ),
            (
                "NeMo 2.0",
                "Training epoch 0, iteration 10/100: | lr: 0.0003 | global_step: 9.0 | reduced_train_loss: 10.95\n",
                &[("lr", 9, 0.0003), ("global_step", 9, 9.0), ("reduced_train_loss", 9, 10.95)],
            ),
        ];
        for (stack, text, expected) in cases {
            assert!(Megatron.recognise("train.log", text.as_bytes()).is_some(), "{stack}");
            let sink = read(text);
            let seen: Vec<(&str, i64, u64)> = sink
                .points
                .iter()
                .map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value.to_bits()))
                .collect();
            let expected: Vec<(&str, i64, u64)> = expected.iter().map(|(k, s, v)| (*k, *s, v.to_bits())).collect();
            assert_eq!(seen, expected, "{stack}");
        }
    }

    #[test]
    fn nemo_counts_by_its_global_step() {
        let sink = read(
            "Training epoch 0, iteration 8/9 | lr: 0.0006 | consumed_samples: 288 | global_step: 8 | reduced_train_loss: 7.113\n\
             Training epoch 1, iteration 0/9 | lr: 0.0006 | global_step: 10 | reduced_train_loss: 7.0\n\
             Validation epoch 1, iteration 0/9 | val_loss: 7.0\n",
        );
        assert_eq!(series(&sink, "reduced_train_loss"), [(8, 7.113), (10, 7.0)]);
        assert_eq!(series(&sink, "val_loss"), []);
    }

    #[test]
    fn the_start_of_a_job_tells_facts() {
        let sink = read(
            "0: ------------------------ arguments ------------------------\n\
             0:   data_path ....................................... ['0.25', '/d/code_text_document', '0.75', '/d/web_text_document']\n\
             0:   hidden_size ..................................... 10\n\
             0:   num_layers ...................................... 2......................updated\n\
             0:   pipeline_model_parallel_size .................... 2\n\
             0:   global_batch_size ............................... 64\n\
             0: -------------------- end of arguments ---------------------\n\
              > padded vocab (size: 7) with 1 dummy tokens (new size: 8)\n\
              > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 200 > number of parameters on (tensor, pipeline) model parallel rank (0, 1): 300\n\
              iteration        1/     100 | global batch size:    16 | lm loss: 1.0E+01 |\n",
        );
        let fact = |name| sink.facts.iter().find(|f| f.0 == name).map(|f| (f.1.clone(), f.2.as_str()));
        assert_eq!(fact(FactName::BatchSequences), Some((FactValue::Number(64.0), "line 6 (global_batch_size)")));
        assert_eq!(fact(FactName::TotalParams).map(|f| f.0), Some(FactValue::Number(420.0)), "one embedding of two");
        let Some((FactValue::Mixture(mixture), _)) = fact(FactName::Mixture) else { panic!() };
        assert_eq!(mixture.weight("web"), 0.75);
        assert_eq!(sink.facts.iter().filter(|f| f.0 == FactName::BatchSequences).count(), 1);
    }

    #[test]
    fn a_job_that_goes_on_says_from_which_step_its_blend_holds() {
        let job = |blend: &str, step: u32| {
            format!(
                "------------------------ arguments ------------------------\n  data_path ... {blend}\n  hidden_size ... 10\n\
                 -------------------- end of arguments ---------------------\n iteration {step:8}/     100 | lm loss: 1.0E+01 |\n"
            )
        };
        let text = job("['1', '/d/code', '3', '/d/web']", 1) + &job("['3', '/d/code', '1', '/d/web']", 81);
        let sink = read(&text);
        let phases = phases::of_logs([sink.facts.as_slice()].into_iter(), |_| None).unwrap();
        assert_eq!(phases.iter().map(|p| p.mixture.weight("code")).collect::<Vec<_>>(), [0.25, 0.75]);
        assert_eq!(phases[0].until, Some(crate::vocab::PhaseEnd::Steps(80.0)));
        let again = job("['1', '/d/code', '3', '/d/web']", 1) + &job("['1', '/d/code', '3', '/d/web']", 81);
        assert_eq!(phases::of_logs([read(&again).facts.as_slice()].into_iter(), |_| None), None, "the same blend");
    }

    #[test]
    fn it_is_recognised_by_iterations_or_by_its_arguments() {
        let of = |text: &str| Megatron.recognise("train.log", text.as_bytes()).map(|r| r.confidence);
        assert_eq!(of(" iteration 1/ 2 | lm loss: 1.0 |\n"), Some(91));
        assert_eq!(of("0: ------------------------ arguments ------------------------\n"), Some(80));
        assert_eq!(of("Grad overflow on iteration 691\n (after 20 iterations) memory (MB) | allocated: 2.0\n"), None);
        assert_eq!(Megatron.recognise("notes.md", b" iteration 1/ 2 | lm loss: 1.0 |\n"), None);
    }
}
