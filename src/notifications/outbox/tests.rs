use super::*;

const NONE: Duration = Duration::ZERO;

fn message(n: u32) -> Message {
    Message { key: format!("k{n}"), ..Message::test(f64::from(n)) }
}

fn opened(path: &Path, names: &[&str]) -> Outbox {
    let outbox = Outbox::open(path.to_owned());
    outbox.configure("p", names.iter().map(|name| (*name).to_owned()).collect(), NONE, 10.0);
    outbox
}

/// As it is when messages have been gathered.
fn gathered(outbox: &Outbox) {
    outbox.lock().came = None;
}

fn keys(batch: Option<Batch>) -> Vec<String> {
    batch.map(|batch| batch.messages.into_iter().map(|message| message.key).collect()).unwrap_or_default()
}

#[test]
fn what_was_taken_in_survives_and_is_sent_again_with_the_same_key_after_a_kill() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("outbox");
    let outbox = opened(&path, &["a", "b"]);
    outbox.add(vec![message(11), message(12), message(11)], None);
    assert!(outbox.next("a", 20.0).is_none(), "messages are gathered first");
    gathered(&outbox);
    let sent = outbox.next("a", 20.0).unwrap();
    assert_eq!(sent.messages.len(), 2);
    // Killed while it is sent; another message comes in.
    let outbox = opened(&path, &["a", "b"]);
    outbox.add(vec![message(12), message(13)], None);
    gathered(&outbox);
    assert_eq!(outbox.next("a", 30.0).unwrap(), sent, "the same batch with the same key");
    outbox.delivered("a", 30.0);
    assert_eq!(keys(outbox.next("a", 30.0)), ["k13"]);
    outbox.delivered("a", 30.0);
    let outbox = opened(&path, &["a", "b"]);
    assert_eq!(outbox.next("a", 40.0), None);
    assert_eq!(keys(outbox.next("b", 40.0)), ["k11", "k12", "k13"], "the other channel has had nothing");
    outbox.delivered("b", 40.0);
    assert_eq!(outbox.view().waiting, 0);
    assert!(!outbox.misses("k11", 11.0) && outbox.misses("k14", 14.0) && !outbox.misses("k9", 9.0));
}

#[test]
fn channels_that_are_gone_hold_nothing_back_and_without_any_nothing_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("outbox");
    let outbox = opened(&path, &["a", "b"]);
    outbox.add(vec![message(1)], None);
    let outbox = opened(&path, &["b"]);
    assert_eq!(outbox.view().waiting, 1);
    outbox.configure("p", Vec::new(), NONE, 50.0);
    assert!(!path.exists() && !outbox.misses("k2", 60.0));
    outbox.configure("p", vec!["b".to_owned()], NONE, 70.0);
    assert!(!outbox.misses("k2", 60.0) && outbox.misses("k2", 70.0), "what happened meanwhile is history");
}

#[test]
fn failures_are_tried_again_ever_later_and_a_pause_makes_a_digest() {
    let scratch = tempfile::tempdir().unwrap();
    let outbox = opened(&scratch.path().join("outbox"), &["a"]);
    outbox.configure("p", vec!["a".to_owned()], Duration::from_secs(60), 10.0);
    outbox.add(vec![message(1)], None);
    gathered(&outbox);
    assert!(outbox.next("a", 20.0).is_some());
    outbox.failed("a", "no answer", None, None, 0.0);
    assert!(outbox.next("a", 20.0).is_none() && outbox.notices().is_empty());
    for _ in 0..2 {
        outbox.failed("a", "no answer", None, None, 0.0);
    }
    assert!(outbox.notices()[0].text.contains("3 attempts: no answer"));
    outbox.lock().again.clear();
    assert!(outbox.next("a", 20.0).is_some());
    outbox.delivered("a", 20.0);
    assert!(outbox.notices().is_empty());
    outbox.add((2..8).map(message).collect(), None);
    gathered(&outbox);
    assert!(outbox.next("a", 70.0).is_none(), "too soon");
    assert_eq!(outbox.next("a", 80.0).unwrap().messages.len(), 6);
    let pauses: Vec<u64> = (1..13).map(|n| backoff(n, 0.0).as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
    assert_eq!(backoff(u32::MAX, 1.0).as_secs(), 1800);
}

#[test]
fn a_damaged_file_is_put_aside_and_a_full_disk_loses_nothing_that_is_in_memory() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("outbox");
    opened(&path, &["a"]).add(vec![message(1)], None);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let outbox = Outbox::open(path.clone());
    assert!(outbox.notices()[0].text.contains("is damaged") && path.with_extension("damaged").exists());
    // A directory in its place cannot be replaced by a file.
    std::fs::create_dir_all(path.join("x")).unwrap();
    outbox.configure("p", vec!["a".to_owned()], NONE, 10.0);
    outbox.add(vec![message(2)], None);
    assert!(outbox.notices()[0].text.contains("cannot be saved"));
    gathered(&outbox);
    assert_eq!(keys(outbox.next("a", 20.0)), ["k2"], "people are told all the same");
    std::fs::remove_dir_all(&path).unwrap();
    assert!(outbox.wait(Duration::from_millis(1), NONE) && outbox.notices().is_empty());
    assert_eq!(look(&path).unwrap().waiting, 1);
}

#[test]
fn the_queue_is_bounded() {
    let scratch = tempfile::tempdir().unwrap();
    let outbox = opened(&scratch.path().join("outbox"), &["a"]);
    outbox.add((0..6000).map(message).collect(), None);
    let view = outbox.view();
    assert_eq!((view.waiting, view.dropped), (MOST_WAITING, 5000));
    assert_eq!(outbox.lock().saved.known.len(), MOST_KNOWN);
    assert!(!outbox.misses("k0", 0.0) && !outbox.misses("k5999", 5999.0));
}
