//! Detection of file systems that report changes, and of those that must be polled.

use std::path::Path;
#[cfg(feature = "daemon")]
use std::path::PathBuf;

/// What is known of the file system under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Its name.
    pub name: &'static str,
    /// Whether the kernel is told of every change: not so where other hosts write, or a process of the user serves.
    pub tells: bool,
}

const fn local(name: &'static str) -> FileSystem {
    FileSystem { name, tells: true }
}

const fn remote(name: &'static str) -> FileSystem {
    FileSystem { name, tells: false }
}

/// By the number that `statfs` gives (statfs(2), linux/magic.h).
const KNOWN: &[(u64, FileSystem)] = &[
    (0xef53, local("ext4")),
    (0x5846_5342, local("xfs")),
    (0x9123_683e, local("btrfs")),
    (0x0102_1994, local("tmpfs")),
    (0x2fc1_2fc1, local("zfs")),
    (0xf2f5_2010, local("f2fs")),
    (0x794c_7630, local("overlay")),
    (0xca45_1a4e, local("bcachefs")),
    (0x8584_58f6, local("ramfs")),
    (0x6969, remote("nfs")),
    (0x0bd0_0bd0, remote("lustre")),
    (0x4750_4653, remote("gpfs")),
    (0x6573_5546, remote("fuse")),
    (0x0102_1997, remote("9p")),
    (0x517b, remote("smb")),
    (0xff53_4d42, remote("cifs")),
    (0xfe53_4d42, remote("smb2")),
    (0x00c3_6400, remote("ceph")),
    (0x5346_414f, remote("afs")),
    (0x1983_0326, remote("beegfs")),
    (0xaad7_aaea, remote("panfs")),
    (0x2003_0528, remote("orangefs")),
    (0x0116_1970, remote("gfs2")),
    (0x7461_636f, remote("ocfs2")),
    (0x786f_4256, remote("vboxsf")),
];

/// The file system under a path that exists. One that is not known is taken to be remote: looking too often costs a
/// little, looking never costs the run.
#[must_use]
pub fn under(path: &Path) -> FileSystem {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::statfs(path).map_or(remote("unknown"), |stat| by_magic(stat.f_type as u64))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        local("local")
    }
}

/// Directories looked at below a root, and how deep: runs and what is in them, not the files of a checkpoint.
#[cfg(feature = "daemon")]
const MOST_BELOW: usize = 20_000;
#[cfg(feature = "daemon")]
const DEPTH: usize = 3;

/// The first directory below `root`, a mount or a link to elsewhere, whose file system does not tell of changes.
#[cfg(feature = "daemon")]
#[must_use]
pub fn silent_below(root: &Path) -> Option<(PathBuf, &'static str)> {
    let walk =
        || walkdir::WalkDir::new(root).follow_links(true).max_depth(DEPTH).into_iter().flatten().take(MOST_BELOW);
    silent(device(root)?, walk().filter(|entry| entry.file_type().is_dir()).map(walkdir::DirEntry::into_path), under)
}

#[cfg(feature = "daemon")]
fn device(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|m| std::os::unix::fs::MetadataExt::dev(&m))
}

/// The first of some directories on another device that is on a file system that does not tell.
#[cfg(feature = "daemon")]
fn silent(
    home: u64,
    directories: impl Iterator<Item = PathBuf>,
    under: impl Fn(&Path) -> FileSystem,
) -> Option<(PathBuf, &'static str)> {
    let mut known = std::collections::BTreeSet::from([home]);
    for directory in directories {
        let Some(device) = device(&directory) else { continue };
        if known.insert(device) {
            let system = under(&directory);
            if !system.tells {
                return Some((directory, system.name));
            }
        }
    }
    None
}

#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn by_magic(magic: u64) -> FileSystem {
    // The field is signed on some machines.
    let magic = magic & 0xffff_ffff;
    KNOWN.iter().find(|(number, _)| *number == magic).map_or(remote("unknown"), |(_, system)| *system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_looked_at() {
        assert_eq!(by_magic(0xef53), local("ext4"));
        assert_eq!(by_magic(0x6969), remote("nfs"));
        assert_eq!(by_magic(0xffff_ffff_ff53_4d42), remote("cifs"), "sign-extended");
        assert_eq!(by_magic(1), remote("unknown"));
        assert_ne!(under(Path::new("/")).name, "");
    }

    #[test]
    fn a_link_to_another_file_system_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("runs/here")).unwrap();
        assert_eq!(silent_below(dir.path()), None);
        // /proc is on another device everywhere; here it stands for a cluster's file system.
        let other = dir.path().join("runs/there");
        std::os::unix::fs::symlink("/proc/self", &other).unwrap();
        let home = device(dir.path()).unwrap();
        let listed = || [dir.path().join("runs/here"), other.clone()].into_iter();
        assert_eq!(silent(home, listed(), |_| remote("nfs")), Some((other.clone(), "nfs")));
        assert_eq!(silent(home, listed(), |_| local("xfs")), None);
    }
}
