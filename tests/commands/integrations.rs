//! What integrations/ has for CI, as far as one machine can run it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::machine::{checkout, done, text};
use crate::venv::venv;

/// The test runner, and the client of the example.
const PYTEST: &str = "pytest==9.2.0\nacme==5.8.0\n";
const YAML: &str = "PyYAML==6.0.3\n";

/// A runner of GitHub's: folders and files that its steps share.
struct Runner(tempfile::TempDir);

impl Runner {
    fn new() -> Self {
        let runner = Self(tempfile::tempdir().unwrap());
        fs::create_dir(runner.0.path().join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_selvedge"), runner.0.path().join("bin/selvedge")).unwrap();
        runner
    }

    /// Runs the step of the action with these inputs, and the others at their defaults.
    fn act(&self, inputs: Value) -> Command {
        let action = yaml(&checkout().join("integrations/github-action/action.yml"));
        let step = &action["runs"]["steps"][0];
        let mut command = Command::new("bash");
        command.arg("-c").arg(step["run"].as_str().unwrap());
        for (name, expression) in step["env"].as_object().unwrap() {
            let input = expression.as_str().unwrap().trim_start_matches("${{ inputs.").trim_end_matches(" }}");
            let usual = &action["inputs"][input]["default"];
            command.env(name, inputs[input].as_str().or(usual.as_str()).unwrap());
        }
        let own = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{own}", self.0.path().join("bin").display()));
        command.env("GITHUB_ACTION_PATH", checkout().join("integrations/github-action"));
        for name in ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH"] {
            command.env(name, self.0.path().join(name));
        }
        command.env("RUNNER_TEMP", self.0.path()).env_remove("RUSTC_BOOTSTRAP");
        command
    }

    /// The value of a name in one of the files.
    fn value(&self, file: &str, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.0.path().join(file)).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }
}

impl Drop for Runner {
    /// As the runner does after a job.
    fn drop(&mut self) {
        let outputs = fs::read_to_string(self.0.path().join("GITHUB_OUTPUT")).unwrap_or_default();
        let pid = outputs.lines().find_map(|line| line.strip_prefix("pid=")?.parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

/// The content of a YAML file.
pub fn yaml(file: &Path) -> Value {
    let program = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let python = venv("yaml", YAML).join("bin/python");
    serde_json::from_str(&text(&done(Command::new(python).args(["-c", program]).arg(file)).stdout)).unwrap()
}

#[test]
fn action_starts_a_ca_and_passes_its_addresses_on() {
    let runner = Runner::new();
    let arguments = "--listen 127.0.0.1:0 --preauthorized --certificate-name ca.test";
    done(&mut runner.act(serde_json::json!({ "arguments": arguments })));
    let action = yaml(&checkout().join("integrations/github-action/action.yml"));
    for (name, output) in action["outputs"].as_object().unwrap() {
        assert_eq!(output["value"], format!("${{{{ steps.start.outputs.{name} }}}}"));
        assert!(runner.value("GITHUB_OUTPUT", name).is_some(), "{name}");
    }
    let directory = runner.value("GITHUB_ENV", "SELVEDGE_DIRECTORY").unwrap();
    let root = runner.value("GITHUB_OUTPUT", "root").unwrap();
    let shown = text(&done(Command::new("curl").args(["-sS", "--noproxy", "*", "--cacert", &root, &directory])).stdout);
    assert!(shown.contains("newOrder"), "{shown}");
    let pid: i32 = runner.value("GITHUB_OUTPUT", "pid").unwrap().parse().unwrap();
    assert!(test_kill_process(Pid::from_raw(pid).unwrap()).is_ok());
}

#[test]
fn action_puts_pebbles_programs_on_the_path() {
    let runner = Runner::new();
    done(&mut runner.act(serde_json::json!({ "server": "none" })));
    let bin = fs::read_to_string(runner.0.path().join("GITHUB_PATH")).unwrap();
    for name in ["pebble", "pebble-challtestsrv"] {
        let usage = text(&done(Command::new(Path::new(bin.trim()).join(name)).arg("-h")).stderr);
        assert!(usage.starts_with(&format!("Usage of {name}:")), "{usage}");
    }
    let refused = runner.act(serde_json::json!({ "server": "Pebble" })).output().unwrap();
    assert!(!refused.status.success() && text(&refused.stderr).contains("the input server is \"Pebble\""));
    let refused = runner.act(serde_json::json!({ "arguments": "--no-such-option" })).output().unwrap();
    assert!(!refused.status.success() && text(&refused.stderr).contains("--no-such-option"), "{refused:?}");
}

#[test]
fn pytest_fixtures_run_the_example() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["selvedge_pytest.py", "test_example.py"] {
        fs::copy(checkout().join("integrations/pytest").join(file), folder.path().join(file)).unwrap();
    }
    let mut command = Command::new(venv("pytest", PYTEST).join("bin/python"));
    command.args(["-m", "pytest", "-p", "selvedge_pytest", "-p", "no:cacheprovider", "--basetemp"]);
    command.arg(folder.path().join("temp")).args(["--selvedge", env!("CARGO_BIN_EXE_selvedge")]);
    command.current_dir(folder.path()).env_remove("RUSTC_BOOTSTRAP");
    let shown = text(&done(&mut command).stdout);
    assert!(shown.contains("3 passed"), "{shown}");
}

/// The services of the compose file and of the container class are run in `container`.
#[test]
fn compose_file_and_container_class_name_the_images_programs() {
    let services = yaml(&checkout().join("integrations/compose/compose.yaml"))["services"].clone();
    assert_eq!(services["pebble"]["entrypoint"][0], "pebble");
    assert_eq!(services["challtestsrv"]["entrypoint"][0], "pebble-challtestsrv");
    let class = checkout().join("integrations/testcontainers/selvedge_container.py");
    let python = venv("yaml", YAML).join("bin/python");
    let compile = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    done(Command::new(python).args(["-c", compile]).arg(&class));
    let source = fs::read_to_string(class).unwrap();
    assert!(source.contains("entrypoint=\"pebble\"") && source.contains("IMAGE = \"selvedge\""));
    let [anchor, fixture] = ["integrations/testcontainers/pebble.minica.pem", "tests/fixtures/pebble.minica.pem"]
        .map(|file| fs::read(checkout().join(file)).unwrap());
    assert_eq!(anchor, fixture);
}
