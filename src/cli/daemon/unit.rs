//! `mixlaw daemon unit`: units of systemd for the user's service manager, with socket activation and hardening.

use crate::cli::output::print;
use crate::daemon::{StateDir, lifecycle};
use crate::ingest::discover;
use crate::ipc::protocol::Failure;
use crate::project::Project;
use crate::vocab::text::printable;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What of the system the daemon needs none of. Each works in a user's service manager.
const HARDENING: &str = "NoNewPrivileges=yes
PrivateUsers=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
LimitNOFILE=4096
TasksMax=1024
";

/// Prints the units of a project, or writes them.
///
/// # Errors
/// Where they cannot be written.
pub(super) fn run(project: &Project, write: bool) -> Result<(), Failure> {
    let place = StateDir::of(project)?;
    let exe = std::env::current_exe().map_err(|e| Failure::new(format!("cannot find this program: {e}"), None))?;
    let name = name(&place);
    let units = [
        (format!("{name}.socket"), socket(project, &place)),
        (format!("{name}.service"), service(project, &place, &exe)),
    ];
    if !write {
        let text = units.map(|(name, text)| format!("# ~/.config/systemd/user/{name}\n{text}"));
        return print(&text.join("\n"));
    }
    let directory = directory()?;
    place.create()?;
    for (name, text) in &units {
        let path = directory.join(name);
        let failed = |e| Failure::new(format!("cannot write {}: {e}", path.display()), None);
        std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, text)).map_err(failed)?;
    }
    print(&format!(
        "wrote {name}.socket and {name}.service to {}\nnow type: mixlaw daemon stop; systemctl --user daemon-reload; \
         systemctl --user enable --now {name}.socket {name}.service\nto keep it when you log out: loginctl enable-linger\n",
        directory.display()
    ))
}

fn directory() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let config = config.ok_or_else(|| Failure::new("no home directory is known: HOME is not set", None))?;
    Ok(config.join("systemd/user"))
}

/// The units' name: that of the state directory, which two projects do not share.
fn name(place: &StateDir) -> String {
    let directory = place.directory.file_name().map(|name| name.to_string_lossy().into_owned());
    format!("mixlaw-{}", directory.unwrap_or_default())
}

fn socket(project: &Project, place: &StateDir) -> String {
    format!(
        "[Unit]\nDescription=mixlaw: socket of {}\n\n[Socket]\nListenStream={}\nSocketMode=0600\nDirectoryMode=0700\n\
         RemoveOnStop=yes\n\n[Install]\nWantedBy=sockets.target\n",
        described(project),
        percent(&place.socket().display().to_string()),
    )
}

fn service(project: &Project, place: &StateDir, exe: &Path) -> String {
    let what = project.file.as_ref().unwrap_or(&project.root);
    let mut text = format!(
        "[Unit]\nDescription=mixlaw: {}\nStartLimitIntervalSec=300\nStartLimitBurst=5\n\n[Service]\nExecStart={} daemon run {}\n\
         Restart=on-failure\nRestartSec=10\nTimeoutStopSec=30\nNice=5\n",
        described(project),
        word(&exe.display().to_string()),
        word(&what.display().to_string()),
    );
    for (name, value) in lifecycle::ALLOCATOR {
        let _ = writeln!(text, "Environment={name}={value}");
    }
    if let Some(base) = std::env::var_os("MIXLAW_STATE").filter(|base| !base.is_empty()) {
        let _ = writeln!(text, "Environment={}", word(&format!("MIXLAW_STATE={}", Path::new(&base).display())));
    }
    if project.notify.is_on() {
        text.push_str("# Addresses of webhooks (url_env), NAME=VALUE a line; chmod 600.\nEnvironmentFile=-%h/.config/mixlaw/environment\n");
    }
    text.push_str(HARDENING);
    let _ = writeln!(text, "ReadWritePaths={}", word(&place.directory.display().to_string()));
    // Whoever is told is reached by the network or a program of the user's; without, there is no network at all.
    let families = if project.notify.is_on() { "AF_UNIX AF_INET AF_INET6 AF_NETLINK" } else { "AF_UNIX" };
    let _ = writeln!(text, "RestrictAddressFamilies={families}");
    // A /tmp of its own would hide runs, or the socket, that lie in it.
    let paths = discover::bases(&project.root, &project.runs);
    let temporary = |path: &Path| path.starts_with("/tmp") || path.starts_with("/var/tmp");
    if !paths.iter().map(PathBuf::as_path).chain([place.socket(), exe, what.as_path()]).any(temporary) {
        text.push_str("PrivateTmp=yes\n");
    }
    text.push_str("\n[Install]\nWantedBy=default.target\n");
    text
}

fn described(project: &Project) -> String {
    percent(&printable(&project.name))
}

/// Text in which nothing is a specifier of systemd.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word of a command line, in quotes: spaces, specifiers, variables and escapes are what they are.
fn word(text: &str) -> String {
    format!("\"{}\"", percent(text).replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn paths_are_one_word_each() {
        assert_eq!(word("/a b/50%/$HOME\"x"), "\"/a b/50%%/$$HOME\\\"x\"");
    }
}
