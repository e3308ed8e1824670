use super::*;
use crate::vocab::{FactName, FactValue, Facts};
use proptest::prelude::*;

/// Points of `metrics` metrics at `lines` steps, as a trainer logs them, with odd values among them.
fn points(metrics: u32, lines: i64, timed: bool) -> Vec<RawPoint> {
    let value = |metric: u32, step: i64| match (metric + step as u32) % 97 {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => -0.0,
        n if n % 2 == 0 => f64::from(2.5f32 / (1.0 + step as f32)),
        _ => 3.0 / (1.0 + step as f64 + f64::from(metric)),
    };
    let line = |step: i64| {
        // Every tenth line is an evaluation.
        let (from, to) = if step % 10 == 9 { (metrics, metrics + 3) } else { (0, metrics) };
        let wall = if timed { 1.7e9 + step as f64 * 1.25 } else { f64::NAN };
        (from..to).map(move |metric| RawPoint { metric, step: step * 10, value: value(metric, step), wall })
    };
    (0..lines).flat_map(line).collect()
}

fn change(file: u32, points: Vec<RawPoint>) -> Change {
    let cursor = Cursor {
        offset: 900,
        unterminated: true,
        state: vec![0, 255, 3],
        identity: Identity { device: 1, inode: 2, head: 3, head_hash: u64::MAX, seam: 5, seam_hash: 6 },
        length: 901,
        modified: -7,
        damaged: 2,
        stuck: "header changed".to_owned(),
        displaced: file.is_multiple_of(2),
        origin: None,
    };
    let restarts = if points.is_empty() { vec![0] } else { vec![0, points.len() / 2, points.len()] };
    Change::Points(Box::new(FileChange {
        file,
        run: format!("runs/{file}"),
        path: "metrics.jsonl".to_owned(),
        format: "jsonl\u{1f}val".to_owned(),
        began: 1.7e9,
        part_of: (file == 3).then_some(0),
        replaces: vec![9, 4],
        start: 17,
        cursor,
        names: (0..200).map(|n| format!("train/layer_{n}/loss")).collect(),
        points,
        restarts,
        facts: (file == 1).then(|| vec![(FactName::Seed, FactValue::Number(3.0), "line 1".to_owned())]),
    }))
}

fn changes() -> Vec<Change> {
    let mut facts = Facts::default();
    facts.offer(FactName::Params, FactValue::Number(1e9), "config.json#n");
    vec![
        change(0, points(20, 100, true)),
        change(1, points(100, 1, true)),
        change(2, points(3, 7, false)),
        change(3, Vec::new()),
        Change::Facts { run: "runs/0".to_owned(), facts },
        Change::ForgetFile(u32::MAX),
        Change::ForgetRun("runs/é".to_owned()),
    ]
}

/// Everything that matters of a change, as text: names by name, floats by their bits.
fn told(change: &Change) -> String {
    let Change::Points(change) = change else { return format!("{change:?}") };
    let point = |p: &RawPoint| {
        let time = crate::store::column::to_millis(p.wall);
        format!("{} {} {:x} {time:?}", change.names[p.metric as usize], p.step, p.value.to_bits())
    };
    let points: Vec<String> = change.points.iter().map(point).collect();
    let rest = FileChange { names: Vec::new(), points: Vec::new(), ..(**change).clone() };
    format!("{rest:?} {points:?}")
}

#[test]
fn messages_come_back() {
    let changes = changes();
    let bytes = Message::encode("n1.cluster", u64::MAX >> 5, 7, &changes);
    let back = Message::decode(&bytes).unwrap();
    assert_eq!((back.node.as_str(), back.life, back.number), ("n1.cluster", u64::MAX >> 5, 7));
    let told = |changes: &[Change]| changes.iter().map(told).collect::<Vec<_>>();
    assert_eq!(told(&back.changes), told(&changes));
}

#[test]
fn a_point_costs_a_few_bytes() {
    // As trainers print: four digits behind the point.
    let rounded = |mut points: Vec<RawPoint>| {
        points.iter_mut().for_each(|p| p.value = (1.0 + f64::from(p.metric) * 0.37 + p.step as f64 * 1e-3).sin());
        points.iter_mut().for_each(|p| p.value = (p.value * 1e4).round() / 1e4);
        points
    };
    let live: Vec<Change> = (0..10).map(|file| change(file, rounded(points(100, 1, true)))).collect();
    let bytes = Message::encode("n1", 1, 1, &live).len() as f64 / 1000.0;
    assert!(bytes < 9.0, "{bytes:.1} bytes a point, live");
    let past = [change(0, rounded(points(100, 900, true)))];
    let Change::Points(file) = &past[0] else { panic!() };
    let bytes = Message::encode("n1", 1, 1, &past).len() as f64 / file.points.len() as f64;
    assert!(bytes < 2.5, "{bytes:.1} bytes a point, catching up");
}

#[test]
fn damaged_messages_are_refused() {
    let bytes = Message::encode("n1", 1, 1, &changes());
    for length in 0..bytes.len() {
        Message::decode(&bytes[..length]).unwrap_err();
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[at] ^= 1 << bit;
            // Only how it is packed is outside of the checksum.
            assert!(Message::decode(&other).is_err(), "byte {at}, bit {bit}");
        }
    }
    let newer = [b"MXL\x02".as_slice(), &bytes[4..]].concat();
    assert!(Message::decode(&newer).unwrap_err().to_string().contains("version 2"));
    assert!(Message::decode(b"GET / HTTP/1.1").unwrap_err().to_string().contains("not from mixlaw"));
}

#[test]
fn hostile_messages_are_refused_before_they_cost_memory() {
    let refused = |changes: &[Change], why: &str| {
        let error = Message::decode(&Message::encode("n1", 1, 1, changes)).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    refused(&[Change::ForgetRun("../other".to_owned())], "outside of the project");
    refused(&[Change::ForgetRun("/etc".to_owned())], "outside of the project");
    refused(&[Change::ForgetRun(String::new())], "without a name");
    refused(&[change(1, Vec::new()), change(1, Vec::new())], "twice");
    let error = Message::decode(&Message::encode("n1", 1 << 60, 1, &[])).unwrap_err();
    assert!(error.to_string().contains("life"), "{error}");
    let of_n1 = Message::encode("n1", 1, 1, &[]);
    assert!(Message::decode_of(&of_n1, "s", "mixlaw.s.n1").is_ok());
    for subject in ["mixlaw.s.n2", "mixlaw.t.n1", "mixlaw.s.n1.x"] {
        let error = Message::decode_of(&of_n1, "s", subject).unwrap_err();
        assert!(error.to_string().contains("of node n1"), "{error}");
    }
    let error = Message::decode(&Message::encode("", 1, 1, &[])).unwrap_err();
    assert!(error.to_string().contains("node"), "{error}");
    // Some megabytes of nothing, packed into some kilobytes, again and again.
    let bomb = frame(&vec![0u8; (256 << 20) + 1]);
    assert!(bomb.len() < 1 << 20);
    assert!(Message::decode(&bomb).unwrap_err().to_string().contains("unpacks to more"));
    // More points than there may be, in a few bytes each.
    let same = vec![RawPoint { metric: 0, step: 1, value: 1.0, wall: f64::NAN }; 3 << 20];
    refused(&[change(1, same.clone()), change(2, same.clone()), change(3, same)], "points where");
}

proptest! {
    #[test]
    fn bytes_with_a_good_checksum_and_any_content_never_panic(body: Vec<u8>) {
        let _ = Message::decode(&frame(&body));
    }

    #[test]
    fn messages_changed_before_the_checksum_never_panic(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut body = unframe(&Message::encode("n1", 1, 1, &changes())).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = Message::decode(&frame(&body));
        body.truncate(cut.index(body.len()));
        let _ = Message::decode(&frame(&body));
    }

    #[test]
    fn points_in_any_order_come_back(raw in prop::collection::vec((0u32..5, -3i64..3, any::<u64>(), 0u8..3), 0..40)) {
        let points: Vec<RawPoint> = raw.iter().map(|(metric, step, bits, time)| {
            let wall = if *time == 0 { f64::NAN } else { 1.7e9 + f64::from(*time) };
            RawPoint { metric: *metric, step: *step, value: f64::from_bits(*bits), wall }
        }).collect();
        let sent = change(0, points);
        let back = Message::decode(&Message::encode("n1", 1, 1, std::slice::from_ref(&sent))).unwrap();
        prop_assert_eq!(told(&back.changes[0]), told(&sent));
    }
}
