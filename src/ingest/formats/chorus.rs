//! Copies of what another rank of a job has said already.
//!
//! The rule, for every format of lines or records that say which rank wrote them: a point that another rank has given, at
//! this step or a later one, is a copy. A rank that itself goes back has started again, and the first that does is heard again.
//! What only one rank gives (the loss, of the last stage of a pipeline) is kept whoever it is. Lines that say no rank are all
//! read: trainers also print the same evaluation twice.

use super::Sink;
use super::saved::{self, Reader};
use regex::bytes::Regex;
use std::sync::LazyLock;

/// How far somebody is: how often training started again, and the step.
type Reached = (u32, i64);

/// What has been said so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Chorus {
    /// By rank: how far it is.
    ranks: Vec<(u32, Reached)>,
    /// By metric of the sink: its name, how far it is, and by which rank.
    heard: Vec<Option<(Reached, u32)>>,
    names: Vec<String>,
    /// The same for metrics that the sink has not had in this process.
    before: Vec<(String, Reached, u32)>,
}

/// Ranks and metrics that are remembered.
const MOST: usize = 4_096;

impl Chorus {
    /// Removes the copies among the points of one line, from index `from` on.
    pub fn hear(&mut self, rank: Option<u32>, from: usize, sink: &mut Sink) {
        if let (Some(rank), Some(first)) = (rank, sink.points.get(from)) {
            self.of_rank(rank, first.step, from, sink);
        }
    }

    fn of_rank(&mut self, rank: u32, step: i64, from: usize, sink: &mut Sink) {
        let starts = self.ranks.iter().map(|(_, reached)| reached.0).max().unwrap_or(0);
        let reached = match self.ranks.iter().position(|(known, _)| *known == rank) {
            Some(known) => {
                let reached = &mut self.ranks[known].1;
                *reached = (reached.0 + u32::from(step < reached.1), step);
                *reached
            }
            None if self.ranks.len() >= MOST => return,
            None => {
                self.ranks.push((rank, (starts, step)));
                (starts, step)
            }
        };
        let mut kept = from;
        for at in from..sink.points.len() {
            let metric = sink.points[at].metric as usize;
            if self.heard.len() <= metric {
                self.heard.resize(metric + 1, None);
                self.names.resize(metric + 1, String::new());
            }
            if self.names[metric].is_empty() {
                self.names[metric].clone_from(&sink.metrics()[metric]);
                if let Some(known) = self.before.iter().position(|(name, _, _)| *name == self.names[metric]) {
                    let (_, reached, by) = self.before.swap_remove(known);
                    self.heard[metric] = Some((reached, by));
                }
            }
            let heard = &mut self.heard[metric];
            if heard.is_none_or(|(furthest, by)| by == rank || reached > furthest) {
                *heard = Some((reached, rank));
                sink.points.swap(kept, at);
                kept += 1;
            }
        }
        sink.points.truncate(kept);
    }

    /// Writes what must be known to go on.
    pub fn save(&self, to: &mut Vec<u8>) {
        saved::unsigned(to, self.ranks.len() as u64);
        for (rank, (starts, step)) in &self.ranks {
            saved::unsigned(to, u64::from(*rank));
            saved::unsigned(to, u64::from(*starts));
            saved::signed(to, *step);
        }
        let now = self.names.iter().zip(&self.heard).filter_map(|(name, heard)| heard.map(|(r, by)| (name, r, by)));
        let all: Vec<_> = now.chain(self.before.iter().map(|(name, reached, by)| (name, *reached, *by))).collect();
        saved::unsigned(to, all.len() as u64);
        for (name, (starts, step), by) in all {
            saved::bytes(to, name.as_bytes());
            saved::unsigned(to, u64::from(starts));
            saved::signed(to, step);
            saved::unsigned(to, u64::from(by));
        }
    }

    /// Takes up what [`Chorus::save`] wrote.
    pub fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let small = |from: &mut Reader<'_>| u32::try_from(from.unsigned()?).ok();
        let mut chorus = Self::default();
        for _ in 0..from.unsigned()? {
            chorus.ranks.push((small(from)?, (small(from)?, from.signed()?)));
        }
        for _ in 0..from.unsigned()? {
            let name = String::from_utf8(from.bytes()?.to_vec()).ok()?;
            chorus.before.push((name, (small(from)?, from.signed()?), small(from)?));
        }
        Some(chorus)
    }
}

/// The rank that a line says it is of, in what launchers and loggers put before it: `[rank3]:`, `[default3]:`, `3: ` (srun),
/// `[3] ` and `[1,3]<stdout>:` (mpirun), `(Worker pid=1234)` (Ray), `rank=3`, `(rank 3)`, `[GPU3]`, `Process 3:`, `worker-3 |`,
/// `node1:3: `.
pub(super) fn rank(line: &[u8]) -> Option<u32> {
    let head = &line[..line.len().min(96)];
    match head.first()? {
        b'0'..=b'9' | b' ' => {
            let text = head.trim_ascii_start();
            if head.len() - text.len() <= 6
                && let Some((rank, rest)) = number(text)
                && rest.starts_with(b": ")
            {
                return Some(rank);
            }
        }
        b'[' => {
            let launcher = [&b"[default"[..], b"[1,"].iter().find_map(|word| head.strip_prefix(*word));
            if let Some((rank, rest)) = launcher.or(head.strip_prefix(b"[")).and_then(number)
                && rest.first() == Some(&b']')
                // `[10] loss: 2.5` is a step.
                && (launcher.is_some() || rest.starts_with(b"]:") || names_a_step(&rest[1..]))
            {
                return Some(rank);
            }
        }
        b'(' => {
            let pid = memchr::memmem::find(head, b"pid=").map(|at| &head[at + 4..]);
            if let Some((pid, _)) = pid.and_then(number) {
                return Some(pid);
            }
        }
        _ => {}
    }
    of_a_word(head)
}

/// Whether a line says its step itself.
fn names_a_step(rest: &[u8]) -> bool {
    let rest = &rest[..rest.len().min(48)].to_ascii_lowercase();
    [&b"step"[..], b"iter"].iter().any(|word| memchr::memmem::find(rest, word).is_some())
}

/// The number behind a word for a process.
fn of_a_word(head: &[u8]) -> Option<u32> {
    static OPENING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let word = r"^[\[(<]?(?i:gpu|cuda|device|process|proc|worker|replica)[ :_#-]?([0-9]+)[\])>:| ]";
        Regex::new(&format!(r"{word}|^([A-Za-z][A-Za-z0-9.-]*:[0-9]+): ")).ok()
    });
    if head.iter().take(2).any(u8::is_ascii_alphabetic)
        && let Some(found) = OPENING.as_ref()?.captures(head)
    {
        if let Some(digits) = found.get(1) {
            return number(digits.as_bytes()).map(|(rank, _)| rank);
        }
        // Ranks of several nodes have the same numbers.
        let place = found.get(2)?.as_bytes();
        return Some(place.iter().fold(17, |hash: u32, b| hash.wrapping_mul(31).wrapping_add(u32::from(*b))));
    }
    let at = [&b"ank"[..], b"ANK"].iter().find_map(|word| memchr::memmem::find(head, word))?;
    if !matches!(head.get(at.checked_sub(1)?), Some(b'r' | b'R')) || at > 1 && head[at - 2].is_ascii_alphabetic() {
        return None;
    }
    let rest = &head[at + 3..];
    let sign = usize::from(matches!(rest.first(), Some(b' ' | b'=' | b':' | b'_')));
    number(&rest[sign..]).map(|(rank, _)| rank)
}

/// The number at the front, and what follows it.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines (rank, step, metric, value), and the points that are left, however the reading is cut.
    fn left(lines: &[(Option<u32>, i64, &str, f64)]) -> Vec<(i64, f64)> {
        let (mut chorus, mut sink) = (Chorus::default(), Sink::default());
        for (rank, step, metric, value) in lines {
            let mut saved = Vec::new();
            chorus.save(&mut saved);
            chorus = Chorus::resume(&mut Reader::new(&saved)).unwrap();
            let (from, metric) = (sink.points.len(), sink.metric(metric));
            sink.point(metric, *step, *value, f64::NAN);
            chorus.hear(*rank, from, &mut sink);
        }
        sink.points.iter().map(|p| (p.step, p.value)).collect()
    }

    #[test]
    fn what_every_rank_says_is_said_once() {
        let said = |rank, step| (Some(rank), step, "loss", f64::from(rank) + step as f64);
        assert_eq!(left(&[said(0, 10), said(1, 10), said(1, 20), said(0, 20)]), [(10, 10.0), (20, 21.0)]);
        // All of rank 0, then all of rank 1.
        assert_eq!(left(&[said(0, 10), said(0, 20), said(1, 10), said(1, 20)]).len(), 2);
        // Started again from step 10, by all; a third rank joins.
        let again =
            [said(0, 10), said(1, 10), said(0, 20), said(1, 20), said(1, 10), said(0, 10), said(2, 10), said(2, 20)];
        assert_eq!(left(&again), [(10, 10.0), (20, 20.0), (10, 11.0), (20, 22.0)]);
        assert_eq!(left(&[said(0, 10), said(0, 10)]).len(), 2, "one rank alone is not judged");
        assert_eq!(left(&[said(0, 10), (Some(7), 10, "lm loss", 2.5)]).len(), 2, "the last stage of a pipeline");
    }

    #[test]
    fn ranks_are_found_in_what_stands_before_a_line() {
        for (line, expected) in [
            ("[rank3]:[titan] 2026-02-24 step: 10", Some(3)),
            ("[default12]:10/17/2025 [INFO|DP=0]: x", Some(12)),
            (" 3: step 10", Some(3)),
            ("12: step 10", Some(12)),
            ("[1,5]<stdout>:step 10", Some(5)),
            ("(TaskRunner pid=4711) step:1", Some(4711)),
            ("2025-01-02 INFO [olmo.train:1, rank=0] step", Some(0)),
            ("[Rank 7] step 10", Some(7)),
            ("(rank 3) iter 10 loss 2.5", Some(3)),
            ("[3] step 10 loss 2.5", Some(3)),
            ("[10] loss 2.5", None),
            ("[GPU3] step 10", Some(3)),
            ("Process 3: step 10", Some(3)),
            ("worker-3 | step 10", Some(3)),
            ("Process 3 of 8 is ready", Some(3)),
            ("step 10 loss 2.5", None),
            ("[2025-01-02 12:00:00] iteration 10/20", None),
            ("frank 3 step 10", None),
            ("10/20 loss", None),
        ] {
            assert_eq!(rank(line.as_bytes()), expected, "{line}");
        }
    }
}
