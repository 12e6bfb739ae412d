//! Podman from Debian's packages, in namespaces of its own: it leaves nothing on the system.
//!
//! Its root is the folder of the packages, read-only; its images and containers are in a temporary folder. The first
//! process of the process namespace reads a pipe of the test, so the kernel ends all containers with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::packages::debian::{self, Unpacked};

/// Podman, and what a system has that runs the companion.
const PACKAGES: [&str; 12] = [
    "podman",
    "crun",
    "base-files",
    "base-passwd",
    "bash",
    "ca-certificates",
    "coreutils",
    "dash",
    "libgcc-s1",
    "mount",
    "passwd",
    "util-linux",
];
/// What these name for their set-up, for networks and for signatures.
const UNUSED: [&str; 15] = [
    "adduser",
    "aardvark-dns",
    "containernetworking-plugins",
    "debconf",
    "dpkg",
    "gnupg",
    "gpg",
    "iptables",
    "init-system-helpers",
    "libpam-modules",
    "libpam-runtime",
    "netavark",
    "netbase",
    "openssl",
    "perl",
];
/// Parts of the packages that the base image does not have.
const PODMAN_ONLY: [&str; 6] =
    ["usr/bin/podman", "usr/lib/podman", "usr/lib/cni", "usr/share/doc", "usr/share/man", "usr/share/locale"];

/// Makes `$1` the root, with what podman needs and the temporary folder `$2`.
///
/// It waits for the end of its input.
///
/// The root is changed by `pivot_root`, for with `chroot` a process that enters a container's mounts is outside of it.
/// An empty folder in place of the control groups, which the settings switch off, serves on all systems alike.
const SET_UP: &str = r#"set -e
mount --bind "$1" "$1"
cd "$1"
mount --bind "$2" mnt
mount --bind "$2/containers" var/lib/containers
mount --bind "$2/tmp" var/tmp
mount --rbind /dev dev
mount -t proc proc proc
mount --bind /sys sys
for folder in dev/shm run sys/fs/cgroup tmp; do mount -t tmpfs tmpfs "$folder"; done
mount -o remount,bind,ro "$1"
pivot_root . media
exec chroot . sh -c 'umount -l /media && echo ready && exec cat'
"#;

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

const SETTINGS: &str = r#"[containers]
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"
"#;

/// Podman with its images and containers; they end with the value.
pub struct Engine {
    init: Child,
    debian: Unpacked,
    folder: tempfile::TempDir,
}

impl Engine {
    /// Starts it; needs the rights of root.
    pub fn start() -> Self {
        let debian = debian::whole("podman", &PACKAGES, &UNUSED);
        set_up_as_packages_would(&debian.root);
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for part in ["containers", "tmp"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        fs::write(folder.path().join("containers.conf"), SETTINGS).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "sh", "-c", SET_UP, "sh"]).arg(&debian.root).arg(folder.path());
        // `pivot_root` moves it to the new root.
        command.current_dir("/").env("PATH", PATH).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut init = command.spawn().unwrap();
        let mut said = [0; 6];
        std::io::Read::read_exact(init.stdout.as_mut().unwrap(), &mut said).expect("the namespaces are set up");
        Self { init, debian, folder }
    }

    /// Podman's version.
    pub fn version(&self) -> &str {
        &self.debian.version
    }

    /// A file of the temporary folder, which is `/mnt` for podman.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The content of a volume.
    pub fn volume(&self, name: &str) -> PathBuf {
        self.path("containers/storage/volumes").join(name).join("_data")
    }

    /// Runs podman and returns how it ended.
    pub fn tried(&self, arguments: &[&str]) -> Output {
        let namespaces = format!("/proc/{}/ns/pid_for_children", self.init.id());
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.id().to_string(), "--mount", "--root", "--wd"]);
        command.arg(format!("--pid={namespaces}")).arg("podman").args(arguments);
        command.env_clear().env("PATH", PATH).env("HOME", "/run");
        // Without timers of systemd, health checks run when they are asked for.
        command.env("CONTAINERS_CONF", "/mnt/containers.conf").env("DISABLE_HC_SYSTEMD", "true");
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// Runs podman and returns its output.
    pub fn podman(&self, arguments: &[&str]) -> String {
        let output = self.tried(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "podman {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Makes the image `localhost/base`: the packages without podman.
    pub fn import_base(&self) {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(&self.debian.root).args(["--owner=0", "--group=0"]);
        tar.args(PODMAN_ONLY.map(|part| format!("--exclude=./{part}"))).arg("-cf").arg(self.path("base.tar")).arg(".");
        assert!(tar.status().unwrap().success());
        self.podman(&["import", "--quiet", "/mnt/base.tar", "localhost/base"]);
    }

    /// A command in the network of a running container.
    pub fn beside(&self, container: &str, program: &Path) -> Command {
        let process = self.podman(&["inspect", "--format", "{{.State.Pid}}", container]);
        let network = format!("/proc/{}/root/proc/{}/ns/net", self.init.id(), process.trim());
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={network}")).arg(program);
        command
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.init.stdin.take());
        let _ = self.init.wait();
    }
}

/// What the packages' scripts, which do not run, would make.
fn set_up_as_packages_would(root: &Path) {
    for folder in ["etc/ssl/certs", "media", "mnt", "opt", "usr/local/bin", "var/lib/containers"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for table in ["passwd", "group"] {
        let master = root.join("usr/share/base-passwd").join(format!("{table}.master"));
        fs::copy(master, root.join("etc").join(table)).unwrap();
    }
    let authorities = fs::read_dir(root.join("usr/share/ca-certificates/mozilla")).unwrap();
    let mut files: Vec<PathBuf> = authorities.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let bundle: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), bundle).unwrap();
}
