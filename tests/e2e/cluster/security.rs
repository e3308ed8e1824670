//! Who may read and write a stream: passwords, nkeys, credentials files, certificates, permissions, each with a real server; and what is
//! said where one is wrong, in one error that says what to type and never what is secret.

use super::nats::{Nats, Node, count, exported, reader};
use crate::common::{World, stderr, stdout};
use std::path::{Path, PathBuf};

/// A file for tests, made by `make.py` beside it.
fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nats").join(name).display().to_string()
}

/// One who sends: what was said, and whether everything was sent.
struct Sender<'a> {
    world: &'a World,
    node: Node,
    address: String,
}

impl<'a> Sender<'a> {
    fn new(world: &'a World, address: String) -> Self {
        let node = Node::new(world, "n1");
        if !node.directory.join("runs/a").exists() {
            node.log("a", 0..5, 1);
        }
        Self { world, node, address }
    }

    fn send(&self, secrets: &[(&str, &str)]) -> (bool, String) {
        let mut command = self.node.command(self.world, &self.address, &["--once", "--again"]);
        let output = command.envs(secrets.iter().copied()).output().unwrap();
        (output.status.success(), stdout(&output) + &stderr(&output))
    }

    fn works(&self, secrets: &[(&str, &str)]) {
        let (done, said) = self.send(secrets);
        assert!(done, "{secrets:?}: {said}");
        let project = reader(self.world, &self.address, "reader").display().to_string();
        let mut command = self.world.mixlaw(&["export", &project]);
        let output = command.envs(secrets.iter().copied()).output().unwrap();
        assert_eq!(stdout(&output).lines().count(), 10, "{secrets:?}: {}", stderr(&output));
    }

    /// It fails with one error and one line of help, which say these words; neither says what is secret.
    fn fails(&self, secrets: &[(&str, &str)], words: &[&str]) {
        let (done, said) = self.send(secrets);
        assert!(!done, "{secrets:?}: {said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{word}: {said}"));
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
        assert_eq!(said.matches("help: ").count(), 1, "{said}");
        for (_, value) in secrets {
            let secret = std::fs::read_to_string(value).unwrap_or_else(|_| (*value).to_owned());
            let secrets = secret.lines().filter(|line| line.len() > 6 && !line.starts_with('-'));
            secrets.for_each(|secret| assert!(!said.contains(secret), "{said}"));
        }
        // A daemon and the doctor say the same.
        let project = reader(self.world, &self.address, "reader").display().to_string();
        let ask = |args: &[&str]| {
            let output = self.world.mixlaw(args).envs(secrets.iter().copied()).output().unwrap();
            stdout(&output) + &stderr(&output)
        };
        let doctor = ask(&["doctor", &project]);
        assert!(words.iter().all(|word| doctor.contains(word)), "{words:?}: {doctor}");
        let check = ask(&["check", &project]);
        assert!(words.iter().all(|word| check.contains(word)), "{words:?}: {check}");
    }
}

#[test]
fn a_user_and_a_password() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &["--user", "me", "--pass", "hunter2x"]) else { return };
    let sender = Sender::new(&world, nats.address());
    sender.works(&[("MIXLAW_NATS_USER", "me"), ("MIXLAW_NATS_PASSWORD", "hunter2x")]);
    sender.fails(&[], &["the server asks who you are", "MIXLAW_NATS_CREDS"]);
    let wrong = [("MIXLAW_NATS_USER", "me"), ("MIXLAW_NATS_PASSWORD", "hunter3x")];
    sender.fails(
        &wrong,
        &["the server refuses this user or password", "check MIXLAW_NATS_USER and MIXLAW_NATS_PASSWORD"],
    );
    let creds = fixture("user.creds");
    sender
        .fails(&[("MIXLAW_NATS_CREDS", &creds)], &["the server refuses these credentials", "check MIXLAW_NATS_CREDS"]);
    let nkey = fixture("user.nkey");
    sender.fails(&[("MIXLAW_NATS_NKEY", &nkey)], &["the server refuses this nkey", "nk -inkey"]);
}

#[test]
fn an_nkey() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &["-c", &fixture("nkey.conf")]) else { return };
    let sender = Sender::new(&world, nats.address());
    sender.works(&[("MIXLAW_NATS_NKEY", &fixture("user.nkey"))]);
    sender.fails(&[("MIXLAW_NATS_NKEY", &fixture("server.key"))], &["is no seed of an nkey", "begins with SU"]);
}

#[test]
fn a_credentials_file() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &["-c", &fixture("operator.conf")]) else { return };
    let sender = Sender::new(&world, nats.address());
    sender.works(&[("MIXLAW_NATS_CREDS", &fixture("user.creds"))]);
    sender.fails(
        &[("MIXLAW_NATS_CREDS", &fixture("expired.creds"))],
        &["the server refuses these credentials", "expired"],
    );
    sender
        .fails(&[("MIXLAW_NATS_CREDS", &fixture("server.key"))], &["is no credentials file of NATS", "NATS USER JWT"]);
    sender.fails(&[], &["the server asks who you are"]);
}

#[test]
fn certificates() {
    let world = World::new();
    let ours = fixture("authority.pem");
    let trusting = [("MIXLAW_NATS_CA", ours.as_str())];
    let with = |name: &str| -> Option<(Nats, Sender<'_>)> {
        let (certificate, key) = (fixture(&format!("{name}.pem")), fixture(&format!("{name}.key")));
        let nats = Nats::new(&world, &["--tls", "--tlscert", &certificate, "--tlskey", &key])?;
        let address = nats.address().replace("nats://", "tls://");
        let sender = Sender::new(&world, address);
        Some((nats, sender))
    };
    let Some((good, sender)) = with("server") else { return };
    sender.works(&trusting);
    sender.fails(&[], &["of an authority that is not trusted here", "MIXLAW_NATS_CA=FILE"]);
    let no_certificate = fixture("nkey.conf");
    sender.fails(&[("MIXLAW_NATS_CA", &no_certificate)], &["MIXLAW_NATS_CA", "no certificate"]);
    drop(good);
    let (expired, sender) = with("expired").unwrap();
    sender.fails(&trusting, &["certificate has expired", "date"]);
    drop(expired);
    let (elsewhere, sender) = with("elsewhere").unwrap();
    sender.fails(&trusting, &["certificate is for a machine of another name"]);
    drop(elsewhere);
    let plain = Nats::new(&world, &[]).unwrap();
    let sender = Sender::new(&world, plain.address().replace("nats://", "tls://"));
    sender.fails(&trusting, &["the server does not encrypt", "nats://"]);
}

/// A server with two users, as `docs/cluster.md` says: one may send, one may read.
fn configured(world: &World) -> PathBuf {
    world.write(
        "nats.conf",
        r#"authorization { users = [
            { user: sends, password: "secret-1", permissions: {
                publish: ["mixlaw.sweeps.*", "$JS.API.>"], subscribe: "_INBOX.>" } }
            { user: reads, password: "secret-2", permissions: { publish: "$JS.API.>", subscribe: "_INBOX.>" } }
            { user: other, password: "secret-3", permissions: { publish: "other.>", subscribe: "_INBOX.>" } }
        ] }"#,
    )
}

#[test]
fn permissions_are_those_that_are_documented_and_what_is_not_allowed_is_said() {
    let world = World::new();
    let file = configured(&world).display().to_string();
    let Some(nats) = Nats::new(&world, &["-c", &file]) else { return };
    let sender = Sender::new(&world, nats.address());
    let who = |user, password| [("MIXLAW_NATS_USER", user), ("MIXLAW_NATS_PASSWORD", password)];
    let (done, said) = sender.send(&who("sends", "secret-1"));
    assert!(done, "{said}");
    let project = reader(&world, &nats.address(), "reader");
    let path = project.display().to_string();
    let output = world.mixlaw(&["export", &path]).envs(who("reads", "secret-2")).output().unwrap();
    assert_eq!(stdout(&output).lines().count(), 10, "{}", stderr(&output));
    let (done, said) = sender.send(&who("reads", "secret-2"));
    assert!(!done && said.contains("does not let this user") && said.contains("mixlaw.sweeps.n1"), "{said}");
    let (done, said) = sender.send(&who("other", "secret-3"));
    assert!(!done && said.contains("does not let this user") && said.contains("$JS.API"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    // Without permission, nothing was changed.
    let points = {
        let output = world.mixlaw(&["export", &path]).envs(who("reads", "secret-2")).output().unwrap();
        stdout(&output).lines().count()
    };
    assert_eq!(points, 10);
}

#[test]
fn a_collector_goes_on_when_the_server_that_it_knows_refuses_it_for_a_while() {
    let world = World::new();
    let users = |name: &str| {
        let text = format!("authorization {{ users = [ {{ user: {name}, password: \"secret-1\" }} ] }}");
        world.write("nats.conf", text).display().to_string()
    };
    let file = users("me");
    let Some(mut nats) = Nats::new(&world, &["-c", &file]) else { return };
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    let address = nats.address();
    let secrets = [("MIXLAW_NATS_USER", "me"), ("MIXLAW_NATS_PASSWORD", "secret-1")];
    let mut command = node.command(&world, &address, &[]);
    node.collector = Some(super::nats::Running(command.envs(secrets).spawn().unwrap()));
    let status = || stdout(&node.command(&world, &address, &["--status"]).output().unwrap());
    crate::common::eventually("it is sent", || status().contains("all that is logged was sent"));
    nats.kill();
    users("somebody");
    nats.start();
    node.log("a", 5..9, 1);
    crate::common::eventually("it is said", || status().contains("refuses this user or password"));
    nats.kill();
    users("me");
    nats.start();
    let project = reader(&world, &address, "reader");
    crate::common::eventually("everything is there", || {
        let mut command = world.mixlaw(&["export", &project.display().to_string()]);
        stdout(&command.envs(secrets).output().unwrap()).lines().count() == 18
    });
}

#[test]
fn nothing_secret_is_written_down() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &["--user", "me", "--pass", "hunter2x"]) else { return };
    let node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    let secrets = [("MIXLAW_NATS_USER", "me"), ("MIXLAW_NATS_PASSWORD", "hunter2x")];
    let address = nats.address();
    assert!(node.command(&world, &address, &["--once"]).envs(secrets).output().unwrap().status.success());
    let project = reader(&world, &address, "reader");
    let path = project.display().to_string();
    assert!(world.mixlaw(&["daemon", "start", &path]).envs(secrets).output().unwrap().status.success());
    crate::common::eventually("points are there", || count(&exported(&world, &project, "state")) == 10);
    assert!(world.run(&["daemon", "stop", &path]).status.success());
    let mut looked = 0;
    for entry in walkdir::WalkDir::new(world.path()).into_iter().flatten() {
        if entry.file_type().is_file() && !entry.path().starts_with(&nats.directory) {
            looked += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(8).any(|window| window == b"hunter2x"), "{}", entry.path().display());
        }
    }
    assert!(looked > 5);
}
