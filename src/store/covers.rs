//! What of each file of a run is in another, too, from the store.

use super::echo::{COMPARED, Covers, LEAST, Relation, compare, counts, cover, is_loss, rank};
use super::state::{FileState, RunState, State};
use super::stats::Column;
use super::{FileId, SledStore, StoreError};

impl SledStore {
    /// What of each file of a run is in another, too; and its files in an order in which what goes on comes last.
    pub(super) fn covers(&self, state: &State, run: &RunState) -> Result<(Covers, Vec<FileId>), StoreError> {
        let mut covers = Covers::new();
        let mut order = run.files.clone();
        if run.files.len() < 2 || run.files.len() > 64 {
            return Ok((covers, order));
        }
        let files: Vec<(FileId, &FileState)> =
            run.files.iter().filter_map(|id| Some((*id, state.files.get(id)?))).collect();
        for (at, (id, file)) in files.iter().enumerate() {
            for (other_at, (other_id, other)) in files.iter().enumerate() {
                if at == other_at || covers.keys().any(|(covered, _)| covered == other_id) {
                    continue;
                }
                let relation = self.relation(state, (*id, file), (*other_id, other))?;
                let gives_way = match relation {
                    Relation::Other => false,
                    Relation::Counts => true,
                    Relation::Same => rank(file, at) < rank(other, other_at),
                };
                if gives_way {
                    cover(&mut covers, *id, file, other, relation);
                    break;
                }
            }
        }
        order.sort_by_key(|id| covers.keys().any(|(covered, _)| covered == id));
        Ok((covers, order))
    }

    /// How the first file relates to the second, by the losses that both have.
    fn relation(
        &self,
        state: &State,
        (id, file): (FileId, &FileState),
        (other_id, other): (FileId, &FileState),
    ) -> Result<Relation, StoreError> {
        if let Some(known) = self.relations.lock().ok().and_then(|known| known.get(&(id, other_id)).copied()) {
            return Ok(known);
        }
        let mut relation = Relation::Other;
        let mut sure = true;
        for column in &file.columns {
            let Some(second) = other.find(column.metric) else { continue };
            let is_loss = state.metrics.get(column.metric.0 as usize).is_some_and(|name| is_loss(name));
            let may_be = column.first_step == second.first_step || counts(column) && !counts(second);
            if !is_loss {
                continue;
            }
            if column.points < LEAST as u64 || second.points < LEAST as u64 {
                sure = false;
                continue;
            }
            if !may_be {
                continue;
            }
            sure &= column.points.min(second.points) >= COMPARED as u64;
            let (a, b) = (self.first_points(id, file, column)?, self.first_points(other_id, other, second)?);
            relation = compare(&a, &b);
            if relation == Relation::Other {
                break;
            }
        }
        // What the first points say does not change.
        if sure && let Ok(mut known) = self.relations.lock() {
            known.insert((id, other_id), relation);
        }
        Ok(relation)
    }

    fn first_points(&self, id: FileId, file: &FileState, column: &Column) -> Result<Vec<(i64, f64)>, StoreError> {
        let mut points = Vec::with_capacity(COMPARED);
        for sequence in 0..column.sealed() {
            if points.len() >= COMPARED {
                break;
            }
            let (axis, values) = self.block(file, id, column, sequence)?;
            points.extend(axis.steps.iter().copied().zip(values));
        }
        if points.len() < COMPARED && column.tail > 0 {
            let tail = self.tail(id, file)?;
            points.extend(tail.iter().filter(|p| p.metric == column.metric).map(|p| (p.step, p.value)));
        }
        points.truncate(COMPARED);
        Ok(points)
    }
}
