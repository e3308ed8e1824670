//! What a client may ask of a daemon: work for the cores there are, for as long as the client waits for it.

use crate::common::{World, eventually, kill, stderr};
use mixlaw::ipc::frame;
use mixlaw::ipc::protocol::{FitQuery, Hello, Query, Request, Response};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The example with a law that is fitted in no time, and a daemon on it that has nothing to do any more.
fn idle_daemon() -> (World, i32) {
    let world = World::new();
    world.example("p");
    let path = world.path().join("p/mixlaw.yaml");
    let yaml = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, yaml.replace("laws: auto", "laws: [additive]\nfit: { starts: 1, bootstraps: 0 }")).unwrap();
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let pid = world.owner().unwrap();
    eventually("the daemon is idle", || share_of_a_core(pid) < 0.05);
    (world, pid)
}

/// Processor time of a process so far, seconds.
fn processor_time(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold spaces; it ends with the last parenthesis, and the third field follows.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: f64 = fields[11..=12].iter().map(|f| f.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn share_of_a_core(pid: i32) -> f64 {
    let (before, began) = (processor_time(pid), Instant::now());
    std::thread::sleep(Duration::from_millis(500));
    (processor_time(pid) - before) / began.elapsed().as_secs_f64()
}

fn threads(pid: i32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|l| l.strip_prefix("Threads:")).unwrap().trim().parse().unwrap()
}

fn most_threads(pid: i32) -> usize {
    let until = Instant::now() + Duration::from_millis(1500);
    let mut most = 0;
    while Instant::now() < until {
        most = most.max(threads(pid));
        std::thread::sleep(Duration::from_millis(10));
    }
    most
}

/// Looks at the daemon while a fit of minutes is under way, has whoever asked for it leave, and waits until that is felt.
fn bounded_and_given_up(pid: i32, leave: impl FnOnce()) {
    let cores = std::thread::available_parallelism().unwrap().get();
    let before = threads(pid);
    eventually("the fit is under way", || share_of_a_core(pid) > 0.3);
    let most = most_threads(pid);
    leave();
    let left = Instant::now();
    eventually("the daemon is idle again", || share_of_a_core(pid) < 0.05);
    let seconds = left.elapsed().as_secs_f64();
    println!("{before} threads before, at most {most} during the fit; idle {seconds:.1} s after the client had left");
    assert!(most <= before + cores + 1, "{most} threads, {before} before, on {cores} cores");
    // Two seconds are promised; half a second is looked at at a time, and this machine may be busy with other tests.
    assert!(seconds < 8.0, "it went on for {seconds} s");
}

fn fit(threads: usize, starts: usize) -> Request {
    let query =
        FitQuery { starts: Some(starts), threads: Some(threads), laws: vec!["dcpt".to_owned()], ..FitQuery::default() };
    Request::Query(Query::Fit(query))
}

fn greeted(world: &World) -> UnixStream {
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    let mut stream = UnixStream::connect(state.join("socket")).unwrap();
    frame::write(&mut stream, &Hello::own()).unwrap();
    assert!(frame::read::<Hello>(&mut stream, frame::MAX_RESPONSE).unwrap().is_some());
    stream
}

#[test]
fn a_request_for_ten_thousand_threads_gets_the_cores_and_ends_with_its_client() {
    let (world, pid) = idle_daemon();
    // The greeting is a thread, too: it is there before and after.
    let mut stream = greeted(&world);
    frame::write(&mut stream, &fit(10_000, 20_000)).unwrap();
    bounded_and_given_up(pid, || drop(stream));
}

#[test]
fn a_fit_of_the_command_line_ends_with_it() {
    let (world, pid) = idle_daemon();
    let mut client = world.spawn(&["fit", "p", "--law", "dcpt", "--starts", "20000", "--threads", "1024"]);
    let id = i32::try_from(client.id()).unwrap();
    bounded_and_given_up(pid, move || {
        assert!(kill(id, "-INT"));
        client.wait().unwrap();
    });
}

#[test]
fn more_starts_than_anyone_needs_are_refused_with_the_most() {
    let (world, _) = idle_daemon();
    let mut stream = greeted(&world);
    frame::write(&mut stream, &fit(1, 200_000)).unwrap();
    let refused = match frame::read::<Response>(&mut stream, frame::MAX_RESPONSE).unwrap() {
        Some(Response::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused.status, 2);
    assert!(refused.help.as_deref().is_some_and(|h| h.contains("--starts 20000")), "{refused:?}");
    let typed = world.run(&["fit", "p", "--starts", "200000"]);
    assert_eq!(typed.status.code(), Some(2));
    assert!(stderr(&typed).contains("20000"), "{}", stderr(&typed));
}
