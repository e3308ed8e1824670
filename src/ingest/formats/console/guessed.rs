//! What lines of no program in particular say, one after another: their steps, and where those that state none belong.
//!
//! The rules: a step within an epoch becomes the run's ([`Epochs`]); where a log has no steps, its epochs are; an evaluation
//! without a step belongs to the step before it. Before its first metrics, a program announces facts ([`super::announced`]).

use super::evaluations::Blocks;
use super::names::{give, says_held_out};
use super::stdout::{self, MetricLine};
use super::{announced, hf_start};
use crate::ingest::facts::withdrawal;
use crate::ingest::formats::Sink;
use crate::ingest::formats::epochs::Epochs;
use crate::ingest::formats::lines::Line;
use crate::ingest::formats::saved::{self, Reader};
use crate::vocab::{FactName, FactValue};

/// The state of reading such lines.
#[derive(Debug, Default)]
pub(super) struct Guess {
    epochs: Epochs,
    /// Newest step; `None` before the first line of metrics.
    last: Option<i64>,
    /// Evaluations and steps that are printed over several lines.
    blocks: Blocks,
    /// Whether any line has stated a step.
    steps: bool,
    /// The length of the run that was said last, and on which line; 0 where none was.
    planned: (i64, u64),
    /// The epoch that a line of its own has announced, of the bars that follow.
    announced: Option<(i64, Option<i64>)>,
    /// The batch that lines of metrics say, once it was noted.
    batch: bool,
}

impl Guess {
    /// Reads one line. `alone`: no program that knows its own announcements reads along.
    pub fn line(&mut self, line: Line<'_>, alone: bool, sink: &mut Sink) {
        let points = sink.points.len();
        let taken = self.blocks.takes(line.text, sink);
        if let Some(point) = sink.points[points..].last() {
            (self.last, self.steps) = (Some(point.step), true);
        }
        if taken {
            return;
        }
        let Some(mut found) = stdout::metric_line(line.text) else {
            self.announced = stdout::announced_epoch(line.text).or(self.announced);
            hf_start::facts(line, sink);
            if alone && self.last.is_none() {
                announced::facts(line, sink);
            }
            self.blocks.opens(line.text, self.last, alone, sink);
            return;
        };
        if found.step.is_none() && found.epoch.is_some() && self.steps {
            // The means of an epoch were said step by step; what is held out was not.
            found.values.retain(|(name, _)| found.held_out.is_some() || says_held_out(name));
        }
        if !alone && found.step.is_none() {
            // Who reads along knows which step it belongs to.
            return;
        }
        let Some(step) = self.step(&found, line.number, sink) else { return };
        self.last = Some(step);
        for (name, value) in &found.values {
            give(&found, name, step, *value, sink);
            let batch = match *name {
                b"global_batch_size" => Some(FactName::BatchSequences),
                b"est_global_batch_tokens" => Some(FactName::BatchTokens),
                _ => None,
            };
            if let Some(batch) = batch.filter(|_| !self.batch && *value > 0.0) {
                self.batch = true;
                sink.fact(batch, FactValue::Number(*value), format!("line {}", line.number));
            }
        }
    }

    /// The step of the run that a line belongs to; `None` where it says the same as the lines before, of a whole epoch.
    fn step(&mut self, found: &MetricLine<'_>, line: u64, sink: &mut Sink) -> Option<i64> {
        let Some(step) = found.step else {
            return match found.epoch {
                Some((epoch, _)) if !self.steps => Some(epoch),
                Some(_) if !found.values.is_empty() => Some(self.last.unwrap_or(0)),
                _ if found.held_out.is_some() => Some(self.last.unwrap_or(0)),
                _ => found.count.filter(|_| !self.steps),
            };
        };
        self.steps = true;
        let epochs = found.epoch.and_then(|(_, epochs)| epochs);
        // Bars that no line says the epoch of are all of one.
        let epoch = if found.bar { found.epoch.or(self.announced).or(Some((0, None))) } else { found.epoch };
        let global = self.epochs.step(epoch, step, found.bar);
        if let (Some(of), false) = (step.1, found.bar) {
            self.plan(self.epochs.planned(epochs, of), line, sink);
        }
        Some(global)
    }

    /// What is open is over: somebody else reads on.
    pub fn end(&mut self, sink: &mut Sink) {
        self.blocks.close(sink);
    }

    fn plan(&mut self, planned: Option<i64>, line: u64, sink: &mut Sink) {
        let (known, said) = self.planned;
        if planned.is_none() && known > 0 && self.epochs.start_again() {
            // It was the length of an epoch.
            sink.facts.push(withdrawal(format!("line {said}")));
            self.planned = (0, 0);
        }
        if let Some(planned) = planned.filter(|planned| *planned != known) {
            self.planned = (planned, line);
            sink.fact(FactName::PlannedSteps, FactValue::Number(planned as f64), format!("line {line}"));
        }
    }

    /// Writes what must be known to go on.
    pub fn save(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.last.is_some()) | u8::from(self.steps) << 1 | u8::from(self.batch) << 2);
        saved::signed(to, self.last.unwrap_or(0));
        saved::signed(to, self.planned.0);
        saved::unsigned(to, self.planned.1);
        self.epochs.save(to);
        let (epoch, of) = self.announced.unwrap_or((-1, None));
        saved::signed(to, epoch);
        saved::signed(to, of.unwrap_or(0));
        self.blocks.save(to);
    }

    /// Takes up what [`Guess::save`] wrote.
    pub fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let flags = from.byte()?;
        let last = Some(from.signed()?).filter(|_| flags & 1 != 0);
        let planned = (from.signed()?, from.unsigned()?);
        let epochs = Epochs::resume(from)?;
        let (epoch, of) = (from.signed()?, from.signed()?);
        let announced = (epoch >= 0).then_some((epoch, Some(of)));
        let blocks = Blocks::resume(from)?;
        Some(Self { epochs, last, announced, blocks, steps: flags & 2 != 0, planned, batch: flags & 4 != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, i64, f64)>, Sink) {
        let (mut guess, mut sink) = (Guess::default(), Sink::default());
        for (number, text) in text.lines().enumerate() {
            let mut saved = Vec::new();
            guess.save(&mut saved);
            guess = Guess::resume(&mut Reader::new(&saved)).unwrap();
            guess.line(Line { text: text.as_bytes(), number: number as u64 + 1, start: 0 }, true, &mut sink);
        }
        (sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect(), sink)
    }

    fn expect(text: &str, expected: &[(&str, i64, f64)]) {
        let expected: Vec<_> = expected.iter().map(|(name, step, value)| ((*name).to_owned(), *step, *value)).collect();
        assert_eq!(read(text).0, expected, "{text}");
    }

    #[test]
    fn an_evaluation_without_a_step_belongs_to_the_step_before() {
        for (line, points) in [
            (
                "Validation loss: 3.5, perplexity: 35.5",
                &[("Validation loss", 3.5), ("Validation perplexity", 35.5)][..],
            ),
            ("INFO:root:val_loss=3.5", &[("val_loss", 3.5)]),
            ("2025-01-02 03:04:05 INFO Eval: loss 3.5 acc 0.5", &[("Eval loss", 3.5), ("Eval acc", 0.5)]),
            ("Test set: Average loss: 0.5", &[("Test loss", 0.5)]),
            ("[Validation] bpb: 0.9", &[("Validation bpb", 0.9)]),
            ("Saved checkpoint with validation loss 3.5", &[]),
            ("Best validation loss: 3.5", &[]),
            ("08/28 11:00:12 - mmengine - INFO - Iter(val) [10/10]    accuracy: 0.5", &[("val accuracy", 0.5)]),
        ] {
            let mut expected = vec![("loss", 10, 2.5)];
            expected.extend(points.iter().map(|(name, value)| (*name, 10, *value)));
            expect(&format!("step 10 loss 2.5\n{line}"), &expected);
        }
    }

    #[test]
    fn epochs_beside_steps_of_the_run_leave_these_alone() {
        // InternLM/xtuner, xtuner/v1/train/trainer.py (_log_step).
        let line = |epoch: u32, step: u32| {
            format!(
                "[XTuner][RANK 0][2025-09-01 10:00:01][INFO] Epoch {epoch} Step {step}/100 data_time: 0.5 lr: 1.0e-05 text_tokens: 32768 \
                 reduced_llm_loss: 2.5, grad_norm: 1.5 max_memory: 45.5 GB est_global_batch_tokens: 262144 eta: 0:02:03 \n"
            )
        };
        let (points, sink) = read(&(line(0, 40) + &line(1, 41)));
        let losses: Vec<_> =
            points.into_iter().filter(|(name, _, _)| name == "reduced_llm_loss").map(|p| p.1).collect();
        assert_eq!(losses, [40, 41]);
        let facts: Vec<_> = sink.facts.iter().map(|f| (f.0, f.1.clone())).collect();
        let expected = [(FactName::PlannedSteps, 100.0), (FactName::BatchTokens, 262_144.0)];
        assert_eq!(facts, expected.map(|(name, value)| (name, FactValue::Number(value))));
    }

    #[test]
    fn a_step_before_a_dictionary_is_that_of_what_is_in_it() {
        // THUDM/slime, slime/backends/megatron_utils/model.py; Ray puts the actor in front.
        expect(
            "(MegatronTrainRayActor pid=12) [2025-09-01 10:00:00] model.py:700 - step 7: {'train/loss': -0.01, 'train/grad_norm': 0.5, 'train/step': 7}\n",
            &[("train/loss", 7, -0.01), ("train/grad_norm", 7, 0.5)],
        );
    }

    #[test]
    fn a_line_of_evaluation_gives_its_word_to_names_that_lack_it() {
        // AI-Hypercomputer/maxtext, src/MaxText/metric_logger.py.
        expect(
            "I0811 09:00:55.531340 1 metric_logger.py:226] completed step: 9, seconds: 4.2, loss: 8.5\n\
             I0811 09:00:55.531340 1 metric_logger.py:260] eval metrics after step: 9, loss=2.5, total_weights=26",
            &[("seconds", 9, 4.2), ("loss", 9, 8.5), ("eval loss", 9, 2.5), ("eval total_weights", 9, 26.0)],
        );
        expect("step 9 | val loss 3.5 | lr 1e-4", &[("val loss", 9, 3.5), ("lr", 9, 1e-4)]);
        expect("step 9 | loss (train) 3.5 | loss(val): 2.5", &[("loss (train)", 9, 3.5), ("loss(val)", 9, 2.5)]);
        expect("Step 00300 | CORE metric: 0.125", &[("CORE metric", 300, 0.125)]);
    }

    #[test]
    fn steps_in_brackets_and_steps_of_epochs() {
        expect("[   10/3000] train_loss=7.5 val_code=7.25", &[("train_loss", 10, 7.5), ("val_code", 10, 7.25)]);
        // open-mmlab/mmengine, mmengine/runner/log_processor.py.
        expect(
            "08/28 11:00:12 - mmengine - INFO - Iter(train) [  10/3000]  lr: 1e-04  eta: 0:12:34  loss: 7.5",
            &[("lr", 10, 1e-4), ("loss", 10, 7.5)],
        );
        expect("Epoch(train) [2][ 10/300]  loss: 7.5", &[("loss", 10, 7.5)]);
        // pytorch/examples, imagenet/main.py.
        expect("Epoch: [0][  10/5005]\tLoss 6.5 (7.0)", &[("Loss", 10, 6.5)]);
        let text = "Epoch [1/3], Step [100/200], Loss: 3\nEpoch [1/3], Step [200/200], Loss: 2\nEpoch [2/3], Step [100/200], Loss: 1";
        expect(text, &[("Loss", 100, 3.0), ("Loss", 200, 2.0), ("Loss", 300, 1.0)]);
        let planned = |text| read(text).1.facts.iter().map(|f| f.1.clone()).collect::<Vec<_>>();
        assert_eq!(planned(text), [FactValue::Number(600.0)]);
        expect("Epoch 1 loss: 3\nEpoch 2 loss: 2", &[("loss", 1, 3.0), ("loss", 2, 2.0)]);
        expect("step 10 loss: 3\nEpoch 1 mean loss: 2", &[("loss", 10, 3.0)]);
        let bar = |e, n| format!("Epoch {e}:  12%|#  | {n}/1000 [00:10<01:10, 12.0it/s, loss=3.5]\n");
        expect(&(bar(0, 10) + &bar(2, 120)), &[("loss", 10, 3.5), ("loss", 2120, 3.5)]);
    }

    #[test]
    fn bars_of_keras_are_taken_at_their_end() {
        let text = "Epoch 1/2\n 1/100 [....] - ETA: 5s - loss: 9.0\n100/100 [====] - 5s 50ms/step - loss: 3.5 - val_loss: 4\n\
                    Epoch 2/2\n100/100 ━━━━ 5s 50ms/step - loss: 2.5 - val_loss: 3";
        expect(text, &[("loss", 100, 3.5), ("val_loss", 100, 4.0), ("loss", 200, 2.5), ("val_loss", 200, 3.0)]);
        expect("Epoch 1/2\n100/100 - 5s - 50ms/step - loss: 3.5", &[("loss", 100, 3.5)]);
    }

    #[test]
    fn tokens_are_the_axis_where_there_are_no_steps() {
        let tokens = "[00:01] tokens=1,000 loss=3.5\n[00:02] tokens=2,000 loss=2.5";
        expect(tokens, &[("tokens", 1000, 1e3), ("loss", 1000, 3.5), ("tokens", 2000, 2e3), ("loss", 2000, 2.5)]);
        expect("step 10 loss 3.5\ntokens: 500 loss: 2.5", &[("loss", 10, 3.5)]);
    }

    #[test]
    fn evaluations_say_their_domain_and_epochs_their_validation() {
        expect(
            "step 10 | train loss 3.5\nstep 10 | eval on code | loss 2.5\nvalidation (web): loss 3",
            &[("train loss", 10, 3.5), ("eval/code/loss", 10, 2.5), ("validation/web/loss", 10, 3.0)],
        );
        expect(
            "Epoch [1/3], Step [100/200], Loss: 3\nEpoch [1/3] done, val loss: 2",
            &[("Loss", 100, 3.0), ("val loss", 100, 2.0)],
        );
        expect("initial validation loss: 9\nstep 10 loss 3.5", &[("validation loss", 0, 9.0), ("loss", 10, 3.5)]);
        expect(
            "step 10 loss 3.5\neval: {'val_loss': 2.5, 'acc': 0.5}",
            &[("loss", 10, 3.5), ("val_loss", 10, 2.5), ("eval acc", 10, 0.5)],
        );
    }

    #[test]
    fn names_between_bars_need_no_sign() {
        expect(
            "2026-04-01 14:00:36 | INFO | step 00000010/00003000 | cross-entropy-loss 7.5 | gradient-norm 1.25 | peak-gpu-memory 63.5 GB",
            &[("cross-entropy-loss", 10, 7.5), ("gradient-norm", 10, 1.25), ("peak-gpu-memory", 10, 63.5)],
        );
    }

    #[test]
    fn what_is_announced_counts_until_the_first_metrics() {
        let (_, sink) = read("Number of parameters: 30M\nstep 10 loss 2.5\nNumber of parameters: 60M");
        assert_eq!(sink.facts, [(FactName::TotalParams, FactValue::Number(30e6), "line 1".to_owned())]);
    }
}
