//! Chromium from Debian's packages, driven through chromedriver by the W3C's WebDriver.
//!
//! Nothing is installed and nothing of this machine is read: programs, libraries and fonts are below the target folder,
//! home and profile are a temporary folder. It reaches 127.0.0.1 and no other host. The private root that a page is
//! served under is verified as any other, by Chromium's own verifier: it is in the NSS database of that home, which
//! Debian's certutil makes; so a page whose certificate is not right is refused, as with a user.

pub mod axe;
mod processes;
mod tests;
mod webdriver;

pub use webdriver::Message;

use crate::common::packages::debian;
use processes::Process;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;
use webdriver::Wire;

/// certutil is among libnss3-tools. Without a font Chromium ends at its first page.
const PACKAGES: [&str; 4] = ["chromium", "chromium-driver", "libnss3-tools", "fonts-dejavu-core"];

/// What is not fetched. The C library has to be the one that the system's loader belongs to. The others are what
/// Chromium in a window would use (dialogs, OpenGL and its compiler LLVM) and what their packages want for being
/// configured: nearly half of the download.
const THERE: [&str; 6] =
    ["libc6", "xdg-desktop-portal-backend", "libgl1-mesa-dri", "xdg-utils", "x11-utils", "debconf"];

/// LLVM by its versions, of which each Debian has another.
const LLVM: std::ops::Range<u8> = 15..40;

/// Timeout of a start and of every wait for a page, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const STEP: Duration = Duration::from_millis(50);

/// Chromium and chromedriver. Both end when it is dropped, on a panic too, and their folders go.
pub struct Browser {
    driver: Child,
    wire: Wire,
    home: TempDir,
}

impl Browser {
    /// Starts a browser with its own profile that trusts only these private roots (PEM files).
    pub fn start(trusted: &[&Path]) -> Self {
        let place = Place::new();
        let home = tempfile::Builder::new().prefix("selvedge-browser-").tempdir().unwrap();
        fs::create_dir(home.path().join("tmp")).unwrap();
        fs::write(home.path().join("fonts.conf"), place.fonts(home.path())).unwrap();
        place.trust(home.path(), trusted);
        let log = File::create(home.path().join("driver.log")).unwrap();
        let driver = place
            .command("usr/bin/chromedriver", home.path())
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        // From here on a panic ends it.
        let mut browser = Self { driver, wire: Wire::default(), home };
        let port = browser.port();
        browser.wire.start(port, &capabilities(&place, browser.home.path())).unwrap_or_else(|error| {
            panic!("Chromium does not start: {error}\n{}", browser.driver_log());
        });
        browser
    }

    /// Where chromedriver listens: it takes a free port and says which.
    fn port(&mut self) -> u16 {
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            let log = self.driver_log();
            let said = log.split_once("started successfully on port ").and_then(|(_, rest)| rest.split_once('.'));
            if let Some((port, _)) = said {
                return port.parse().unwrap();
            }
            if let Some(status) = self.driver.try_wait().unwrap() {
                panic!("chromedriver ended with {status}:\n{log}");
            }
            sleep(STEP);
        }
        panic!("chromedriver does not say where it listens:\n{}", self.driver_log());
    }

    fn driver_log(&self) -> String {
        fs::read_to_string(self.home.path().join("driver.log")).unwrap_or_default()
    }

    /// All its processes.
    pub fn processes(&self) -> Vec<Process> {
        [processes::tree(self.driver.id()), processes::naming(self.home.path())].concat()
    }

    /// Its home, with the profile.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Browser {
    /// Asks Chromium to end cleanly, then ends all remaining processes.
    fn drop(&mut self) {
        let processes = self.processes();
        self.wire.end();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        processes::end(&processes);
    }
}

/// The unpacked packages.
struct Place {
    root: PathBuf,
    /// For the loader.
    libraries: String,
}

impl Place {
    fn new() -> Self {
        let llvm: Vec<String> = LLVM.map(|version| format!("libllvm{version}")).collect();
        let there: Vec<&str> = THERE.into_iter().chain(llvm.iter().map(String::as_str)).collect();
        let root = debian::whole("chromium", &PACKAGES, &there).root;
        let mut folders = Vec::new();
        // Before Debian merged them, some libraries were in /lib.
        for lib in ["usr/lib", "lib"] {
            for folder in subfolders(&root.join(lib)) {
                if folder.to_string_lossy().contains("-linux-gnu") {
                    library_folders(&folder, &mut folders);
                }
            }
        }
        let libraries: Vec<&str> = folders.iter().map(|folder| folder.to_str().unwrap()).collect();
        Self { libraries: libraries.join(":"), root }
    }

    /// A program of the packages, isolated from this user and this system's libraries.
    fn command(&self, program: &str, home: &Path) -> Command {
        let mut command = Command::new(self.root.join(program));
        command.env_clear().env("LD_LIBRARY_PATH", &self.libraries).env("LANG", "C.UTF-8");
        // The machine's D-Bus is no business of a test.
        command.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}/none", home.display()));
        command.env("HOME", home).env("TMPDIR", home.join("tmp")).env("FONTCONFIG_FILE", home.join("fonts.conf"));
        command
    }

    /// The configuration of fontconfig: only the packages' fonts, so that screenshots look alike everywhere.
    fn fonts(&self, home: &Path) -> String {
        let alias = |generic: &str, font: &str| {
            format!("<alias><family>{generic}</family><prefer><family>{font}</family></prefer></alias>\n")
        };
        format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n\
             <dir>{}</dir>\n<cachedir>{}</cachedir>\n{}{}{}</fontconfig>\n",
            self.root.join("usr/share/fonts").display(),
            home.join("fonts").display(),
            alias("sans-serif", "DejaVu Sans"),
            alias("serif", "DejaVu Serif"),
            alias("monospace", "DejaVu Sans Mono"),
        )
    }

    /// Makes the NSS database that Chromium looks for private roots in.
    fn trust(&self, home: &Path, roots: &[&Path]) {
        let folder = home.join(".pki/nssdb");
        fs::create_dir_all(&folder).unwrap();
        let run = |arguments: &[&str]| {
            let mut certutil = self.command("usr/bin/certutil", home);
            let output = certutil.args(arguments).arg("-d").arg(format!("sql:{}", folder.display())).output().unwrap();
            assert!(output.status.success(), "{certutil:?}\n{output:?}");
        };
        run(&["-N", "--empty-password"]);
        for (n, root) in roots.iter().enumerate() {
            // C: a root for servers.
            run(&["-A", "-t", "C,,", "-n", &format!("root {n}"), "-i", root.to_str().unwrap()]);
        }
    }
}

/// What chromedriver is asked for.
fn capabilities(place: &Place, home: &Path) -> Value {
    let arguments = [
        "--headless=new",
        // A sandbox wants rights that containers do not give, /dev/shm is small there, and there is no GPU.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--lang=en",
        // Nothing leaves this machine: no other name is resolved, and no proxy is asked.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let mut arguments = arguments.map(str::to_owned).to_vec();
    arguments.push(format!("--user-data-dir={}", home.join("profile").display()));
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "acceptInsecureCerts": false,
        "timeouts": { "pageLoad": PATIENCE.as_millis() as u64, "script": PATIENCE.as_millis() as u64 },
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": {
            "binary": place.root.join("usr/lib/chromium/chromium"),
            "args": arguments,
            // It would ask whether to keep what is typed into a field of a password.
            "prefs": { "credentials_enable_service": false, "profile.password_manager_enabled": false },
        },
    } } })
}

/// The library folders of this tree: some programs load theirs from subfolders.
fn library_folders(folder: &Path, found: &mut Vec<PathBuf>) {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    if names.into_iter().any(|name| name.to_string_lossy().contains(".so")) {
        found.push(folder.to_owned());
    }
    subfolders(folder).iter().for_each(|folder| library_folders(folder, found));
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir() && !path.is_symlink()).collect();
    folders.sort();
    folders
}

/// The folder where tests keep files for later inspection.
pub fn artifacts() -> PathBuf {
    let named = std::env::var_os("SELVEDGE_ARTIFACTS").filter(|folder| !folder.is_empty());
    named.map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("artifacts"), PathBuf::from)
}
