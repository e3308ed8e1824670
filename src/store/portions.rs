//! Changes in portions: what an outlet is given at once is bounded, however much is written together.
//!
//! A file that is read whole (packed, rewritten at every save) is one commit, of whatever size. Its points then go in several
//! portions. Until the last of them, the file's cursor says that it was begun and no more ([`Cursor::begun`]): whoever finds it so,
//! after a crash in between, reads the file anew, in place of what was sent of it.

use super::file::Cursor;
use super::outlet::{Change, FileChange};

/// Most points of a portion: with 32 bytes each, 8 MiB for whoever reads it.
/// In tests few, so that what is cut is cut often.
pub const MOST: usize = if cfg!(test) { 50 } else { 1 << 18 };

/// The same changes in the same order, in portions of at most `most` points.
pub fn portions(changes: Vec<Change>, most: usize) -> Vec<Vec<Change>> {
    let mut filling = Filling { most, all: Vec::new(), now: Vec::new(), room: most };
    let mut changes = changes.into_iter().peekable();
    while let Some(change) = changes.next() {
        let Change::Points(whole) = change else {
            filling.put(change);
            continue;
        };
        // The parts of a file are in the store with it or not at all.
        let mut parts = Vec::new();
        while let Some(Change::Points(part)) =
            changes.next_if(|next| matches!(next, Change::Points(next) if next.part_of == Some(whole.file)))
        {
            parts.push(*part);
        }
        filling.file(*whole, parts);
    }
    if !filling.now.is_empty() {
        filling.all.push(filling.now);
    }
    filling.all
}

struct Filling {
    most: usize,
    all: Vec<Vec<Change>>,
    now: Vec<Change>,
    room: usize,
}

impl Filling {
    fn put(&mut self, change: Change) {
        if let Change::Points(change) = &change {
            self.room = self.room.saturating_sub(change.points.len());
        }
        self.now.push(change);
    }

    fn next(&mut self) {
        if !self.now.is_empty() {
            self.all.push(std::mem::take(&mut self.now));
        }
        self.room = self.most;
    }

    fn file(&mut self, whole: FileChange, parts: Vec<FileChange>) {
        let count = whole.points.len() + parts.iter().map(|part| part.points.len()).sum::<usize>();
        if count > self.room {
            self.next();
        }
        if count <= self.room {
            let all = std::iter::once(whole).chain(parts);
            all.for_each(|change| self.put(Change::Points(Box::new(change))));
            return;
        }
        let last = FileChange {
            points: Vec::new(),
            restarts: Vec::new(),
            names: Vec::new(),
            replaces: Vec::new(),
            ..whole.clone()
        };
        let begun = FileChange { cursor: Cursor::begun(&whole.cursor), facts: None, ..whole };
        for change in std::iter::once(begun).chain(parts) {
            self.slices(change);
        }
        // No file is twice in a portion.
        self.next();
        self.put(Change::Points(Box::new(last)));
    }

    fn slices(&mut self, change: FileChange) {
        let (count, mut from) = (change.points.len(), 0);
        loop {
            let to = count.min(from + self.room);
            let mine = |at: &&usize| (from..to).contains(*at) || to == count && **at == count;
            self.put(Change::Points(Box::new(FileChange {
                replaces: if from == 0 { change.replaces.clone() } else { Vec::new() },
                points: change.points[from..to].to_vec(),
                restarts: change.restarts.iter().filter(mine).map(|at| at - from).collect(),
                facts: change.facts.clone().filter(|_| to == count),
                names: change.names.clone(),
                run: change.run.clone(),
                path: change.path.clone(),
                format: change.format.clone(),
                cursor: change.cursor.clone(),
                ..change
            })));
            if self.room == 0 {
                self.next();
            }
            if to == count {
                return;
            }
            from = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::RawPoint;

    fn file(number: u32, count: usize, part_of: Option<u32>) -> Change {
        let point = |at: usize| RawPoint { metric: 0, step: at as i64, value: at as f64, wall: f64::NAN };
        Change::Points(Box::new(FileChange {
            file: number,
            run: format!("runs/{number}"),
            path: "m.jsonl.gz".to_owned(),
            format: "jsonl".to_owned(),
            began: 1.0,
            part_of,
            replaces: vec![99],
            start: 0,
            cursor: Cursor { offset: 1000, length: 1000, modified: 7, ..Cursor::default() },
            names: vec!["loss".to_owned()],
            points: (0..count).map(point).collect(),
            restarts: vec![0, count / 2, count],
            facts: Some(Vec::new()),
        }))
    }

    fn files(portion: &[Change]) -> Vec<&FileChange> {
        portion
            .iter()
            .filter_map(|change| if let Change::Points(file) = change { Some(&**file) } else { None })
            .collect()
    }

    #[test]
    fn nothing_is_cut_that_fits() {
        let all = portions(vec![file(1, 6, None), file(2, 5, None), Change::ForgetFile(3), file(4, 3, None)], 10);
        let told: Vec<Vec<u32>> = all.iter().map(|one| files(one).iter().map(|file| file.file).collect()).collect();
        assert_eq!(told, [vec![1], vec![2, 4]]);
        assert_eq!(all[1].len(), 3);
        assert!(all.iter().flat_map(|one| files(one)).all(|file| !file.cursor.is_begun()));
        assert!(portions(Vec::new(), 10).is_empty());
    }

    #[test]
    fn a_file_that_does_not_fit_is_begun_until_its_last_portion() {
        for count in [11, 20, 25, 30] {
            let all = portions(vec![file(1, 4, None), file(2, count, None), file(3, 5, Some(2)), file(5, 2, None)], 10);
            let of = |number: u32| -> Vec<&FileChange> {
                all.iter().flat_map(|one| files(one)).filter(|file| file.file == number).collect()
            };
            for portion in &all {
                let files = files(portion);
                assert!(files.iter().map(|file| file.points.len()).sum::<usize>() <= 10, "{count}");
                let numbers: std::collections::BTreeSet<u32> = files.iter().map(|file| file.file).collect();
                assert_eq!(numbers.len(), files.len(), "no file is twice in a message");
            }
            let Change::Points(whole) = file(2, count, None) else { unreachable!() };
            let sent = of(2);
            let steps: Vec<i64> = sent.iter().flat_map(|file| file.points.iter().map(|p| p.step)).collect();
            assert_eq!(steps, (0..count as i64).collect::<Vec<_>>());
            let mut before = 0;
            let mut restarts = Vec::new();
            for file in &sent {
                restarts.extend(file.restarts.iter().map(|at| at + before));
                before += file.points.len();
            }
            assert_eq!(restarts, whole.restarts);
            let (last, others) = sent.split_last().unwrap();
            assert_eq!((&last.cursor, last.points.len(), last.facts.is_some()), (&whole.cursor, 0, true));
            assert!(others.iter().all(|file| file.cursor.is_begun() && file.facts.is_none()));
            assert_eq!(sent.iter().filter(|file| file.replaces == [99]).count(), 1);
            assert_eq!(of(3).iter().map(|part| part.points.len()).sum::<usize>(), 5);
            assert!(of(3).iter().all(|part| part.part_of == Some(2)));
            // The part is there before the file is whole.
            let position = |wanted: &FileChange| {
                all.iter().position(|one| files(one).iter().any(|file| std::ptr::eq(*file, wanted)))
            };
            assert!(position(of(3).last().unwrap()) < position(last), "{count}");
        }
    }
}
