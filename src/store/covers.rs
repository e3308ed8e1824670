//! What of each file of a run is in another, too, from the store.

use super::compared::{Compared, Known, Pair};
use super::echo::{COMPARED, Covers, LEAST, Names, Relation, compare, counts, cover, gives_way, is_loss};
use super::state::{FileState, RunState, State};
use super::stats::Column;
use super::{FileId, SledStore, StoreError};
use std::sync::PoisonError;

/// Points of the sparser of two series that are enough to compare.
const ENOUGH: usize = 3 * LEAST;
/// Most points of a series that are looked at for that.
const MOST_COMPARED: usize = 4_096;
/// Pairs of losses of two files that are compared though they have different names.
const MOST_PAIRS: usize = 64;
/// Files of a run that are compared; those of a run with more stand for themselves.
const MOST: usize = 64;

/// What a comparison has found so far.
struct Found {
    relation: Relation,
    /// Whether it stays so, whatever the files come to say.
    sure: bool,
}

/// The series of a file whose values tell runs apart.
fn losses<'a>(state: &State, file: &'a FileState) -> Vec<&'a Column> {
    let is_one = |column: &&Column| state.metrics.get(column.metric.0 as usize).is_some_and(|name| is_loss(name));
    file.columns.iter().filter(is_one).collect()
}

impl SledStore {
    /// What of each file of a run is in another, too; and its files in an order in which what goes on comes last.
    pub(super) fn covers(&self, state: &State, run: &RunState) -> Result<(Covers, Vec<FileId>), StoreError> {
        if run.files.len() < 2 || run.files.len() > MOST {
            return Ok((Covers::new(), run.files.clone()));
        }
        let files: Vec<(FileId, &FileState)> =
            run.files.iter().filter_map(|id| Some((*id, state.files.get(id)?))).collect();
        let now: Vec<(FileId, u64)> = files.iter().map(|(id, file)| (*id, file.record.rows)).collect();
        let Some(of) = files.first().map(|(_, file)| file.record.run) else {
            return Ok((Covers::new(), run.files.clone()));
        };
        let mut known = self.relations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = known.runs.get(&of).filter(|before| before.files == now) {
            return Ok((before.covers.clone(), before.order.clone()));
        }
        let mut covers = Covers::new();
        for (at, (id, file)) in files.iter().enumerate() {
            for (other_at, (other_id, other)) in files.iter().enumerate() {
                if at == other_at || covers.keys().any(|(covered, _)| covered == other_id) {
                    continue;
                }
                let (relation, names) = self.relation(state, &mut known, (*id, file), (*other_id, other))?;
                let gives_way = match relation {
                    Relation::Other => false,
                    Relation::Counts => true,
                    Relation::Same => gives_way((file, at), (other, other_at)),
                };
                if gives_way {
                    cover(&mut covers, *id, file, other, relation, &names);
                    break;
                }
            }
        }
        let mut order = run.files.clone();
        order.sort_by_cached_key(|id| covers.keys().any(|(covered, _)| covered == id));
        let compared = Compared { files: now, covers: covers.clone(), order: order.clone() };
        known.runs.insert(of, compared);
        Ok((covers, order))
    }

    /// How the first file relates to the second, by the losses that both have; and the losses that they call differently.
    fn relation(
        &self,
        state: &State,
        known: &mut Known,
        (id, file): (FileId, &FileState),
        (other_id, other): (FileId, &FileState),
    ) -> Result<(Relation, Names), StoreError> {
        let rows = (file.record.rows, other.record.rows);
        if let Some(pair) = known.pairs.get(&(id, other_id))
            && pair.at.is_none_or(|at| at == rows)
        {
            return Ok((pair.relation, pair.names.clone()));
        }
        #[cfg(test)]
        {
            known.compared += 1;
        }
        let mut found = Found { relation: Relation::Other, sure: true };
        let (first, second) = (losses(state, file), losses(state, other));
        let mut names = Names::new();
        for column in &first {
            let Some(same) = other.find(column.metric) else { continue };
            if !self.compared(&mut found, (id, file, column), (other_id, other, same))? {
                break;
            }
        }
        let shared = first.iter().any(|column| other.find(column.metric).is_some());
        if !shared || found.relation != Relation::Other {
            let alone = |columns: &[&Column], in_other: &FileState| -> Vec<Column> {
                columns.iter().filter(|column| in_other.find(column.metric).is_none()).map(|column| **column).collect()
            };
            let (first, mut second) = (alone(&first, other), alone(&second, file));
            let few = first.len() * second.len() <= MOST_PAIRS;
            for column in first.iter().filter(|_| few) {
                for at in 0..second.len() {
                    let mut alike = Found { relation: Relation::Other, sure: true };
                    self.compared(&mut alike, (id, file, column), (other_id, other, &second[at]))?;
                    found.sure &= alike.sure;
                    if alike.relation != Relation::Other
                        && (found.relation == Relation::Other || found.relation == alike.relation)
                    {
                        found.relation = alike.relation;
                        names.push((column.metric, second.remove(at).metric));
                        break;
                    }
                }
            }
        }
        let pair = Pair { relation: found.relation, names: names.clone(), at: (!found.sure).then_some(rows) };
        known.pairs.insert((id, other_id), pair);
        Ok((found.relation, names))
    }

    /// Compares two series of two files. Returns whether to go on: the files do not differ in them.
    fn compared(
        &self,
        found: &mut Found,
        (id, file, column): (FileId, &FileState, &Column),
        (other_id, other, second): (FileId, &FileState, &Column),
    ) -> Result<bool, StoreError> {
        let apart = |column: &Column| (column.last_step - column.first_step) as f64 / (column.points.max(2) - 1) as f64;
        let near = (column.first_step - second.first_step).abs() as f64 <= 2.0 * apart(column).max(apart(second));
        let surely = column.first_step == second.first_step || counts(column) && !counts(second);
        if column.points < LEAST as u64 || second.points < LEAST as u64 {
            found.sure = false;
            return Ok(true);
        }
        if !near && !surely {
            return Ok(true);
        }
        found.sure &= column.points.min(second.points) >= COMPARED as u64;
        let mut a = self.first_points(id, file, column, i64::MIN)?;
        let mut b = self.first_points(other_id, other, second, i64::MIN)?;
        // The steps that the sparser one has.
        let until = |points: &[(i64, f64)]| points.get(ENOUGH - 1).or(points.last()).map_or(i64::MIN, |p| p.0);
        if a.last().is_some_and(|last| last.0 < until(&b)) {
            a = self.first_points(id, file, column, until(&b))?;
        } else if b.last().is_some_and(|last| last.0 < until(&a)) {
            b = self.first_points(other_id, other, second, until(&a))?;
        }
        let relation = compare(&a, &b);
        if relation == Relation::Other && !surely {
            return Ok(true);
        }
        found.relation = relation;
        Ok(relation != Relation::Other)
    }

    /// The first points of a series, and those up to a step, within reason.
    fn first_points(
        &self,
        id: FileId,
        file: &FileState,
        column: &Column,
        until: i64,
    ) -> Result<Vec<(i64, f64)>, StoreError> {
        let mut points: Vec<(i64, f64)> = Vec::with_capacity(COMPARED);
        let enough = |points: &[(i64, f64)]| {
            points.len() >= MOST_COMPARED
                || points.len() >= COMPARED && points.last().is_some_and(|last| last.0 >= until)
        };
        for sequence in 0..column.sealed() {
            if enough(&points) {
                break;
            }
            let (axis, values) = self.block(file, id, column, sequence)?;
            points.extend(axis.steps.iter().copied().zip(values));
        }
        if !enough(&points) && column.tail > 0 {
            let tail = self.tail(id, file)?;
            points.extend(tail.iter().filter(|p| p.metric == column.metric).map(|p| (p.step, p.value)));
        }
        let length = points.iter().take(MOST_COMPARED).position(|p| p.0 > until).unwrap_or(MOST_COMPARED);
        points.truncate(length.max(COMPARED));
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use super::super::commit::{Commit, Target};
    use super::super::file::Cursor;
    use super::*;
    use crate::store::ReadStore;
    use crate::vocab::RawPoint;

    fn write(store: &SledStore, target: Target<'_>, path: &str, steps: std::ops::Range<i64>, level: f64) -> FileId {
        let value = |step: i64| level + 1.0 / (1 + step) as f64;
        let points: Vec<RawPoint> =
            steps.map(|step| RawPoint { metric: 0, step, value: value(step), wall: f64::NAN }).collect();
        let names = ["loss".to_owned()];
        let cursor = Cursor::default();
        store
            .commit(&Commit { target, path, names: &names, points: &points, restarts: &[], facts: None, cursor })
            .unwrap()
    }

    #[test]
    fn files_are_compared_again_only_when_one_of_them_grows() {
        let store = SledStore::temporary().unwrap();
        let run = store.run("a").unwrap();
        let new = Target::New { run, format: "jsonl", began: 0.0, replaces: &[] };
        let files: Vec<FileId> = (0..8).map(|n| write(&store, new, &format!("{n}"), 0..5, f64::from(n))).collect();
        let compared = || store.relations.lock().unwrap().compared;
        let points = || store.metrics(run).unwrap()[0].1.points;
        assert_eq!(points(), 40);
        let first = compared();
        assert!(first > 0);
        for _ in 0..3 {
            points();
            store.series(run, "loss").unwrap();
        }
        assert_eq!(compared(), first, "nothing has grown");
        write(&store, Target::Known(files[3]), "3", 5..9, 3.0);
        assert_eq!(points(), 44);
        assert!(compared() > first && compared() <= first + 2 * 7, "{} after {first}", compared());
        // A file that turns out to be a copy once it says enough counts no more.
        let copy = write(&store, new, "copy", 0..2, 3.0);
        assert_eq!(points(), 46);
        write(&store, Target::Known(copy), "copy", 2..9, 3.0);
        assert_eq!(points(), 44);
    }
}
