//! A machine without Rust, on which the packages are installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

/// The version that tests/clients has.
pub const CERTBOT: &str = "certbot==5.8.0\n";

/// A machine without Rust.
///
/// A folder with an empty HOME, and a PATH with node, npm and the system's programs.
pub struct Machine(tempfile::TempDir);

pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = || format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} ({}): {}", output.status, said());
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn platform() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    format!("{system}-{}", if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" })
}

/// All packages of the companion under test, made once for the tests of this binary.
pub fn packages() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        let _ = fs::remove_dir_all(&folder);
        package(&folder, &[]);
        folder
    })
}

/// Runs `package` with the companion under test, whose build for a release takes minutes.
pub fn package(folder: &Path, options: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.arg("package").arg(folder).args(["--companion", env!("CARGO_BIN_EXE_selvedge")]).args(options);
    eprintln!("{}", text(&done(command.env_remove("RUSTC_BOOTSTRAP")).stderr));
}

impl Machine {
    pub fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in ["home", "app", "path"] {
            fs::create_dir(machine.path(folder)).unwrap();
        }
        for program in ["node", "npm", "npx", "sh", "tar", "gzip"] {
            machine.link(program);
        }
        machine
    }

    /// Puts a program of this system on the machine's PATH.
    pub fn link(&self, program: &str) {
        let search = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&search).map(|folder| folder.join(program)).find(|file| file.is_file());
        let found = found.unwrap_or_else(|| panic!("{program} is not installed"));
        std::os::unix::fs::symlink(found, self.path("path").join(program)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).env_clear().env("PATH", self.path("path")).env("HOME", self.path("home"));
        command.current_dir(self.path("app"));
        command
    }

    /// Installs the packages without a network: the runtime is the checkout's.
    pub fn install(&self, packages: &Path) {
        let version = env!("CARGO_PKG_VERSION");
        let file = |path: PathBuf| json!(format!("file:{}", path.display()));
        let modules = checkout().join("node_modules");
        let runtimes = fs::read_dir(modules.join("@cloudflare")).unwrap();
        let mut dependencies: serde_json::Map<String, Value> = runtimes
            .map(|runtime| format!("@cloudflare/{}", runtime.unwrap().file_name().to_str().unwrap()))
            .chain(["workerd".to_owned()])
            .map(|name| (name.clone(), file(modules.join(name))))
            .collect();
        dependencies.insert("selvedge".to_owned(), file(packages.join(format!("selvedge-{version}.tgz"))));
        let companion = packages.join(format!("selvedge-{}-{version}.tgz", platform()));
        dependencies.insert(format!("@selvedge/{}", platform()), file(companion));
        let manifest = json!({ "private": true, "dependencies": dependencies });
        fs::write(self.path("app/package.json"), manifest.to_string()).unwrap();
        done(&mut self.command("npm", &["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts"]));
    }
}
