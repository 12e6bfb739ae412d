//! The companion as a package, without its checkout, cargo or programs on the PATH.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::dev::Dev;

/// A package that was unpacked into a temporary folder.
struct Package(tempfile::TempDir);

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The runtime's program below `node_modules`.
fn workerd() -> PathBuf {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
    Path::new("node_modules/@cloudflare").join(format!("workerd-{system}-{machine}/bin/workerd"))
}

impl Package {
    fn unpack() -> Self {
        // Module and runtime, unless they are there.
        let built = Command::new(env!("CARGO_BIN_EXE_selvedge")).arg("build").env_remove("RUSTC_BOOTSTRAP").output();
        let built = built.unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let package = Self(tempfile::tempdir().unwrap());
        package.put(Path::new(env!("CARGO_BIN_EXE_selvedge")), "bin/selvedge");
        let files =
            ["build/index.js", "build/index_bg.wasm", "tools/deploy/package.json", "tools/deploy/package-lock.json"];
        for file in files.map(PathBuf::from).into_iter().chain([workerd()]) {
            package.put(&checkout().join(&file), Path::new("lib/selvedge").join(&file));
        }
        for folder in ["nothing", "home"] {
            fs::create_dir(package.path(folder)).unwrap();
        }
        package
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Copies a file; links it where the system can.
    fn put(&self, from: &Path, to: impl AsRef<Path>) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if fs::hard_link(from, &to).is_err() {
            fs::copy(from, &to).unwrap();
        }
    }

    /// The companion with an empty PATH and HOME.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/selvedge"));
        command.args(arguments).env_clear().env("PATH", self.path("nothing")).env("HOME", self.path("home"));
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts `dev` in a folder and waits until it is up.
    fn dev(&self, folder: &str) -> Dev {
        Dev::start(self.command(&[]), &self.path(folder), &self.path("dev.log"), &[])
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn package_serves_a_new_folder_without_a_checkout() {
    let package = Package::unpack();
    let made = package.run(&["new", "mine"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("  cd mine\n  selvedge dev\n"), "{}", text(&made.stdout));
    assert!(fs::read_to_string(package.path("mine/.gitignore")).unwrap().contains("/ca/\n"));
    let settings = package.path("mine/wrangler.toml");
    let edited = fs::read_to_string(&settings).unwrap().replace(
        "# TERMS_OF_SERVICE = \"https://example.org/terms\"",
        "TERMS_OF_SERVICE = \"https://mine.test/terms\"",
    );
    fs::write(&settings, edited).unwrap();
    let dev = package.dev("mine");
    let directory = dev.get(dev.running["directory"].as_str().unwrap());
    assert_eq!(directory["meta"]["termsOfService"], "https://mine.test/terms", "the folder's settings are in force");
    if cfg!(target_os = "linux") {
        let program = fs::read_link(format!("/proc/{}/exe", dev.running["workerd_pid"])).unwrap();
        assert_eq!(program, package.path("lib/selvedge").canonicalize().unwrap().join(workerd()));
    }
    dev.stop();
    // Its own settings, where the folder has those of another Worker.
    fs::create_dir(package.path("foreign")).unwrap();
    fs::write(package.path("foreign/wrangler.toml"), "name = 'shop'\nmain = 'shop.js'\n").unwrap();
    let dev = package.dev("foreign");
    assert!(dev.get(dev.running["directory"].as_str().unwrap())["meta"]["termsOfService"].is_null());
    dev.stop();
    assert!(text(&fs::read(package.path("dev.log")).unwrap()).contains("wrangler.toml in this folder is not a CA's"));
}

#[test]
fn settings_of_a_checkout_are_not_deployed_from_a_package() {
    let package = Package::unpack();
    fs::copy(checkout().join("wrangler.toml"), package.path("wrangler.toml")).unwrap();
    fs::write(package.path("passphrase"), "correct horse battery staple").unwrap();
    fs::set_permissions(package.path("passphrase"), PermissionsExt::from_mode(0o600)).unwrap();
    let base = ["init", "--base-url", "https://ca.corp.test", "--passphrase-file", "passphrase"];
    let made = package.run(&base);
    assert!(made.status.success() && text(&made.stdout).contains("\n  selvedge deploy\n"), "{made:?}");
    let refused = package.run(&["deploy", "--dry-run"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("has a [build], which needs a checkout"), "{}", text(&refused.stderr));
}

#[test]
fn version_names_commit_and_build() {
    let package = Package::unpack();
    let shown = package.run(&["--version"]);
    assert!(shown.status.success(), "{shown:?}");
    let shown = text(&shown.stdout);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert_eq!(lines[0], concat!("selvedge ", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("commit "), "{shown}");
    assert!(lines[2].contains("module sha256:") && lines[2].contains("lib/selvedge/build/index_bg.wasm"), "{shown}");
    // In the checkout, where no program on the PATH could tell the commit.
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    let shown = command.arg("-V").env_clear().env("PATH", package.path("nothing")).output().unwrap();
    let shown = text(&shown.stdout);
    assert!(option_env!("SELVEDGE_COMMIT").is_some() || shown.contains("\ncommit unknown: "), "{shown}");
}

/// A minimal image is such a system.
#[test]
#[cfg(target_os = "linux")]
fn dev_serves_on_a_system_without_ca_certificates() {
    let package = Package::unpack();
    let mut command = package.command(&[]);
    command.env("SSL_CERT_FILE", package.path("nothing/roots.pem")).env("SSL_CERT_DIR", package.path("nothing/roots"));
    let dev = Dev::start(command, &package.path("."), &package.path("dev.log"), &[]);
    assert!(dev.get(dev.running["directory"].as_str().unwrap())["newOrder"].is_string());
    dev.stop();
    let said = text(&fs::read(package.path("dev.log")).unwrap());
    assert!(said.contains("has no CA certificates") && said.contains("install ca-certificates"), "{said}");
}

#[test]
fn new_refuses_a_folder_with_files() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(["new", name]).current_dir(folder.path()).output().unwrap()
    };
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(run("empty").status.success());
    let again = run("empty");
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("empty has files already") && text(&again.stderr).contains("is empty or"));
    fs::write(folder.path().join("file"), "x").unwrap();
    assert!(text(&run("file").stderr).contains("file is a file"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn package_without_its_parts_says_what_is_missing() {
    let package = Package::unpack();
    let refused = |mut command: Command| {
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        text(&ended.stderr)
    };
    let mut named = package.command(&["dev"]);
    named.env("SELVEDGE_HOME", package.path("nothing"));
    let said = refused(named);
    assert!(said.contains("SELVEDGE_HOME is") && said.contains("has no build/index.js"), "{said}");
    let said = refused(package.command(&["build"]));
    assert!(said.contains("works in a checkout of the sources") && said.contains("selvedge dev"), "{said}");
    fs::remove_file(package.path("lib/selvedge").join(workerd())).unwrap();
    let said = refused(package.command(&["dev", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("has no runtime for this machine") && said.contains("install the package again"), "{said}");
    let said = refused(package.command(&["tool", "wrangler", "whoami"]));
    assert!(said.contains("npm is missing"), "{said}");
    assert!(package.path("home/.cache/selvedge/deploy/package.json").is_file(), "the user's cache is the place for it");
}
