//! The series of a file with their statistics. Most files of a month are written to no more: theirs are kept packed, in a tenth of the
//! room, and unpacked for whoever looks at them.

use super::MetricId;
use super::stats::{self, Column};
use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

/// Series in order of first appearance.
#[derive(Clone, Default)]
pub struct Columns {
    /// Of each [`stats::CHUNK`], as stored; what is unpacked counts where there is any.
    packed: Box<[Box<[u8]>]>,
    /// Points of each that are in a tail, which are not stored with it; nothing where none has any.
    tails: Box<[u32]>,
    /// Points of what is packed: asked for with every look at the files.
    points: u64,
    unpacked: OnceLock<Unpacked>,
}

#[derive(Debug, Clone, Default)]
struct Unpacked {
    columns: Vec<Column>,
    places: HashMap<MetricId, u32>,
}

impl Unpacked {
    fn of(columns: Vec<Column>) -> Self {
        let places = columns.iter().zip(0..).map(|(column, place)| (column.metric, place)).collect();
        Self { columns, places }
    }
}

impl Columns {
    fn unpacked(&self) -> &Unpacked {
        self.unpacked.get_or_init(|| {
            let chunks = self.packed.iter().map(|chunk| stats::decode(chunk).expect("what was packed here"));
            let mut columns = chunks.collect::<Vec<_>>().concat();
            columns.iter_mut().zip(&self.tails).for_each(|(column, tail)| column.tail = *tail);
            Unpacked::of(columns)
        })
    }

    fn unpacked_mut(&mut self) -> &mut Unpacked {
        self.unpacked();
        self.packed = Box::default();
        self.unpacked.get_mut().expect("unpacked just now")
    }

    /// Place of a metric's series, where there is one.
    #[must_use]
    pub fn place(&self, metric: MetricId) -> Option<usize> {
        self.unpacked().places.get(&metric).map(|place| *place as usize)
    }

    /// Place of a metric's series, which is new where there is none.
    pub fn place_or_new(&mut self, metric: MetricId) -> usize {
        let Unpacked { columns, places } = self.unpacked_mut();
        *places.entry(metric).or_insert_with(|| {
            columns.push(Column::new(metric));
            columns.len() as u32 - 1
        }) as usize
    }

    /// Points of all of them. Nothing is unpacked for it.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.unpacked.get().map_or(self.points, |unpacked| count(&unpacked.columns))
    }

    /// Packs them.
    pub fn pack(&mut self) {
        let Some(unpacked) = self.unpacked.get() else { return };
        if self.packed.is_empty() {
            let tails = || unpacked.columns.iter().map(|column| column.tail);
            self.tails = if tails().any(|tail| tail > 0) { tails().collect() } else { Box::default() };
            self.packed =
                unpacked.columns.chunks(stats::CHUNK).map(|chunk| stats::encode(chunk).into_boxed_slice()).collect();
            self.points = count(&unpacked.columns);
        }
        self.unpacked = OnceLock::new();
    }
}

fn count(columns: &[Column]) -> u64 {
    columns.iter().map(|column| column.points).sum()
}

impl Deref for Columns {
    type Target = [Column];

    fn deref(&self) -> &[Column] {
        &self.unpacked().columns
    }
}

impl DerefMut for Columns {
    fn deref_mut(&mut self) -> &mut [Column] {
        &mut self.unpacked_mut().columns
    }
}

/// The series, packed or not.
impl fmt::Debug for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn column(metric: u32, points: Vec<(i64, f64, Option<i64>, u32)>) -> Column {
        let mut column = Column::new(MetricId(metric));
        points.iter().for_each(|(step, value, time, restarts)| column.add(*step, *value, *time, *restarts));
        (column.blocks, column.open, column.open_axis) = (metric % 7, metric % 3, metric % 5);
        column
    }

    fn points() -> impl Strategy<Value = Vec<(i64, f64, Option<i64>, u32)>> {
        let value = prop_oneof![any::<f64>(), Just(f64::NAN), Just(-0.0), Just(f64::NEG_INFINITY)];
        let time = prop::option::of(-4_000_000_000_000_i64..4_000_000_000_000);
        prop::collection::vec((any::<i64>(), value, time, 0_u32..4), 0..4)
    }

    proptest! {
        #[test]
        fn what_is_packed_is_the_same_and_goes_on(
            all in prop::collection::vec(points(), 0..200),
            more in prop::collection::vec((0_u32..300, any::<bool>()), 0..20),
        ) {
            let series: Vec<Column> = all.into_iter().zip(0..).map(|(points, at)| column(at * 37 % 211, points)).collect();
            let mut columns = Columns::default();
            for one in &series {
                let place = columns.place_or_new(one.metric);
                columns[place] = *one;
            }
            let mut never_packed = columns.clone();
            for (metric, pack) in more {
                if pack {
                    columns.pack();
                    prop_assert_eq!(columns.points(), never_packed.points());
                    prop_assert!(columns.unpacked.get().is_none());
                }
                let metric = MetricId(metric);
                prop_assert_eq!(columns.place(metric), never_packed.place(metric));
                for columns in [&mut columns, &mut never_packed] {
                    let place = columns.place_or_new(metric);
                    columns[place].add(1, 2.0, Some(3), 0);
                }
                prop_assert_eq!(format!("{:?}", &*columns), format!("{:?}", &*never_packed));
            }
            // Points in a tail are counted nowhere else.
            if let Some(last) = never_packed.last_mut() {
                last.tail = 7;
                let before = format!("{:?}", &*never_packed);
                never_packed.pack();
                prop_assert!(never_packed.unpacked.get().is_none());
                prop_assert_eq!(format!("{:?}", &*never_packed), before);
                never_packed.last_mut().unwrap().tail = 0;
                never_packed.pack();
                prop_assert_eq!(never_packed.last().unwrap().tail, 0);
            }
        }
    }
}
