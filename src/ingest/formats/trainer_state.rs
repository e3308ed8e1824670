//! Hugging Face's `trainer_state.json`: written whole with each checkpoint, always with the full history. The newest
//! one stands; those of older checkpoints are its beginnings.
//!
//! Each record of `log_history` has a `step`; its other numbers are points. LLaMA-Factory, TRL and ms-swift write the
//! same file.

use super::python_json::{Broken, Reader, Token};
use super::scan::{ODD_STEP, whole_step};
use super::{Format, FormatError, Growth, Parser, Recognition, Sink};
use crate::vocab::{FactName, FactValue};

/// The format.
pub struct TrainerState;

impl Format for TrainerState {
    fn name(&self) -> &'static str {
        "trainer_state"
    }

    fn growth(&self) -> Growth {
        Growth::Rewritten
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        if head.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let has = |key: &[u8]| memchr::memmem::find(head, key).is_some();
        let keys = has(b"\"log_history\"") && (has(b"\"global_step\"") || has(b"\"best_metric\""));
        // A line of ms-swift's log has these keys too, and others before them.
        let lines = has(b"\"model_parameter_info\"") || head.starts_with(b"{\"loss\"");
        (keys && !lines).then(|| Recognition {
            confidence: if path.ends_with("trainer_state.json") { 100 } else { 90 },
            why: "the state of a Hugging Face trainer, with its history".into(),
        })
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            r#"{"epoch": 1.0, "global_step": 20, "log_history": [{"loss": NaN, "step": 10}, {"eval": {"a": 1}, "step": 20}], "max_steps": 40}"#,
        ]
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        Box::new(State)
    }
}

struct State;

impl Parser for State {
    /// All or nothing: a file that is being written does not parse, and waits.
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        if input.is_empty() {
            return Ok(0);
        }
        let (points, facts) = (sink.points.len(), sink.facts.len());
        match state(input, sink) {
            Ok(()) => Ok(input.len()),
            Err(Broken(at)) => {
                sink.points.truncate(points);
                sink.facts.truncate(facts);
                match last {
                    false => Ok(0),
                    true if at >= input.len() => {
                        Err(FormatError::Stuck("truncated: still being written, or the writer stopped".into()))
                    }
                    true => Err(FormatError::Stuck(format!("not JSON at byte {at}"))),
                }
            }
        }
    }
}

fn state(text: &[u8], sink: &mut Sink) -> Result<(), Broken> {
    let mut reader = Reader::new(text);
    if reader.event()? != Some(Token::Object) {
        return Err(Broken(0));
    }
    while let Some(event) = reader.event()? {
        let Token::Key(key) = event else { continue };
        match key.as_ref() {
            "log_history" => history(&mut reader, sink)?,
            "max_steps" => {
                if let Some(Token::Number(steps)) = reader.event()?.filter(|e| matches!(e, Token::Number(_)))
                    && steps > 0.0
                {
                    sink.fact(FactName::PlannedSteps, FactValue::Number(steps), "max_steps");
                }
            }
            _ => reader.skip()?,
        }
    }
    Ok(())
}

fn history(reader: &mut Reader<'_>, sink: &mut Sink) -> Result<(), Broken> {
    if reader.event()? != Some(Token::Array) {
        return Ok(());
    }
    let mut newest = 0;
    while let Some(Token::Object) = reader.event()? {
        let from = sink.points.len();
        let mut step = None;
        // Objects inside a record: their numbers have the outer key before their own.
        let mut outer: Vec<String> = Vec::new();
        let mut key = String::new();
        loop {
            match reader.event()? {
                Some(Token::Key(name)) => {
                    key = if let Some(outer) = outer.last() { format!("{outer}/{name}") } else { name.into_owned() };
                }
                Some(Token::Number(value)) if key == "step" => step = Some(whole_step(value)),
                Some(Token::Number(value)) => {
                    let metric = sink.metric(&key);
                    sink.point(metric, 0, value, f64::NAN);
                }
                Some(Token::Object) => outer.push(key.clone()),
                Some(Token::Array) => reader.leave()?,
                Some(Token::End) if outer.pop().is_none() => break,
                Some(_) => {}
                None => return Ok(()),
            }
        }
        newest = match step {
            Some(Some(step)) => step,
            Some(None) => {
                sink.points.truncate(from);
                sink.damaged(0, ODD_STEP);
                continue;
            }
            None => newest,
        };
        for point in &mut sink.points[from..] {
            point.step = newest;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = r#"{
      "best_metric": null, "epoch": 1.0, "global_step": 20, "log_history": [
        {"epoch": 0.5, "loss": NaN, "step": 10},
        {"eval_loss": 2.5, "eval": {"a": 1.5, "skip": [1, 2]}, "note": "x", "step": 20}
      ], "max_steps": 40, "stateful_callbacks": {"A": {"args": {"loss": 3}}}
    }"#;

    #[test]
    fn the_history_is_points() {
        let mut sink = Sink::default();
        assert!(TrainerState.recognise("checkpoint-20/trainer_state.json", STATE.as_bytes()).is_some());
        assert_eq!(TrainerState.parser("").feed(STATE.as_bytes(), true, &mut sink), Ok(STATE.len()));
        let points: Vec<_> = sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step)).collect();
        assert_eq!(points, [("epoch", 10), ("loss", 10), ("eval_loss", 20), ("eval/a", 20)]);
        assert!(sink.points[1].value.is_nan());
        assert_eq!(sink.facts, [(FactName::PlannedSteps, FactValue::Number(40.0), "max_steps".to_owned())]);
    }

    #[test]
    fn a_step_that_is_no_whole_number_is_no_step() {
        let mut sink = Sink::default();
        let state = STATE.replace(r#""step": 10"#, r#""step": 10.5"#);
        assert_eq!(TrainerState.parser("").feed(state.as_bytes(), true, &mut sink), Ok(state.len()));
        assert_eq!((sink.points.len(), sink.damage.len()), (2, 1), "the record is left out and said to be");
    }

    #[test]
    fn half_a_file_waits_and_a_damaged_one_is_said_to_be() {
        let mut sink = Sink::default();
        for cut in 0..STATE.len() {
            let half = &STATE.as_bytes()[..cut];
            assert_eq!(TrainerState.parser("").feed(half, false, &mut sink), Ok(0), "cut at {cut}");
            // The version before stands until this one is whole.
            assert!(cut == 0 || TrainerState.parser("").feed(half, true, &mut sink).is_err(), "cut at {cut}");
        }
        assert_eq!((sink.points.len(), sink.facts.len()), (0, 0));
        assert!(TrainerState.parser("").feed(b"{\"log_history\": [}, ]", true, &mut sink).is_err());
    }
}
