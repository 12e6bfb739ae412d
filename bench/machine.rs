//! The measured machine and programs.

use selvedge::values::Time;
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether the module is a fast build, which is large and slow.
pub fn fast_build() -> bool {
    std::env::var("SELVEDGE_MODULE").is_ok_and(|value| value == "fast")
}

/// One line per factor that the figures depend on.
pub fn lines() -> Vec<(&'static str, String)> {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = processors.lines().filter_map(|line| field(line, "model name")).collect();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = memory.lines().find_map(|line| field(line, "MemTotal")?.split(' ').next()?.parse::<f64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Time::from_millis(u64::try_from(since.as_millis()).unwrap()).rfc3339();
    let build = if fast_build() { "fast (SELVEDGE_MODULE=fast): not the one that deploys" } else { "as it deploys" };
    vec![
        ("processor", format!("{} × {}", models.len(), models.first().unwrap_or(&"unknown"))),
        ("memory", format!("{:.0} GiB", kibibytes.unwrap_or(0.0) / 1024.0 / 1024.0)),
        ("kernel", format!("Linux {}", kernel.trim())),
        ("workerd", workerd()),
        ("module", build.to_owned()),
        ("commit", commit()),
        ("date", now.split('T').next().unwrap_or_default().to_owned()),
    ]
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = line.split_once(':')?;
    (key.trim() == name).then_some(value.trim())
}

fn workerd() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules/workerd/package.json");
    let package: Value = serde_json::from_str(&fs::read_to_string(file).unwrap_or_default()).unwrap_or_default();
    package["version"].as_str().unwrap_or("unknown").to_owned()
}

/// The commit, and whether the sources have changes.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--", "src", "cli", "bench", "tests", "Cargo.toml", "Cargo.lock"]);
    if changed.is_some_and(|changed| !changed.is_empty()) { format!("{commit} with changes") } else { commit }
}
