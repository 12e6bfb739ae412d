//! Wrangler as a program: its commands and their output.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::common::invocation::companion;
use crate::common::secret::Secret;
use crate::tools::{NpmTool, Toolbox};

/// Longest excerpt of unexpected output, in characters.
const MAX_EXCERPT: usize = 2000;

/// Wrangler, for one Worker.
pub struct WranglerCli<'a> {
    toolbox: &'a Toolbox,
    program: Option<&'a Path>,
    settings: PathBuf,
    folder: PathBuf,
    account: Option<&'a str>,
}

/// A secret of a Worker, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedSecret {
    /// Its name.
    pub name: String,
    /// `secret_text`, or [`KEY_KIND`].
    #[serde(rename = "type")]
    pub kind: String,
}

/// Cloudflare's kind of a non-extractable key.
pub const KEY_KIND: &str = "secret_key";

impl ListedSecret {
    /// Whether it is a key that the module cannot read.
    pub fn is_key(&self) -> bool {
        self.kind == KEY_KIND
    }
}

impl<'a> WranglerCli<'a> {
    /// The pinned wrangler, or another program in its place, for the Worker of this `wrangler.toml`.
    ///
    /// `account` is the Cloudflare account, if one was named.
    ///
    /// # Errors
    /// When that file does not exist.
    pub fn new(
        toolbox: &'a Toolbox,
        program: Option<&'a Path>,
        settings: &Path,
        account: Option<&'a str>,
    ) -> Result<Self> {
        let settings =
            settings.canonicalize().with_context(|| format!("cannot find the file {}", settings.display()))?;
        let folder = settings.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(Self { toolbox, program, settings, folder, account })
    }

    /// Runs a command with its output on the terminal.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn run(&self, args: &[&str]) -> Result<()> {
        let status = self.command(args)?.stdin(Stdio::null()).status().with_context(|| started(args))?;
        succeeded(args, status)
    }

    /// Runs a command that reads a file of secrets, with its output on the terminal.
    ///
    /// The file, a JSON object, is wrangler's standard input: no secret is on a command line or on the disk.
    ///
    /// # Errors
    /// When it cannot be started, or fails.
    pub fn run_with_secrets(&self, args: &[&str], secrets: &Secret) -> Result<()> {
        let all = [args, &["--secrets-file", "/dev/stdin"]].concat();
        let mut child = self.command(&all)?.stdin(Stdio::piped()).spawn().with_context(|| started(args))?;
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(secrets.reveal().as_bytes()));
        let status = child.wait().with_context(|| started(args))?;
        succeeded(args, status)?;
        written.with_context(|| format!("`wrangler {}` succeeded without reading the secrets", args.join(" ")))
    }

    /// The token of wrangler's login; `None` without a login.
    ///
    /// # Errors
    /// When wrangler cannot be started.
    pub fn token(&self) -> Result<Option<Secret>> {
        #[derive(Deserialize)]
        struct Login {
            token: String,
        }
        let args = ["auth", "token", "--json"];
        let output = self.command(&args)?.stdin(Stdio::null()).output().with_context(|| started(&args))?;
        if !output.status.success() {
            return Ok(None);
        }
        // An API key with an email has no token, and a notice may precede the object.
        let start = output.stdout.iter().position(|byte| *byte == b'{');
        let login = start.and_then(|at| serde_json::from_slice::<Login>(output.stdout.get(at..)?).ok());
        Ok(login.map(|login| Secret::new(login.token)))
    }

    /// The Worker's secrets; `None` when the Worker does not exist yet.
    ///
    /// # Errors
    /// When it cannot be started, fails, or prints no list.
    pub fn secrets(&self, worker: &str) -> Result<Option<Vec<ListedSecret>>> {
        let args = ["secret", "list"];
        let mut command = self.command(&args)?;
        let output = command
            .env("FORCE_COLOR", "0")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .with_context(|| started(&args))?;
        read_list(worker, &output)
    }

    fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = match self.program {
            Some(program) => Command::new(program),
            None => self.toolbox.npm_tool(NpmTool::Wrangler)?,
        };
        command.args(args).arg("--config").arg(&self.settings).current_dir(&self.folder);
        // No prompts: wrangler uses its defaults for scripts.
        command.env("CI", "true").env("WRANGLER_SEND_METRICS", "false");
        if let Some(account) = self.account {
            command.env("CLOUDFLARE_ACCOUNT_ID", account);
        }
        Ok(command)
    }
}

fn started(args: &[&str]) -> String {
    format!("cannot run `wrangler {}`", args.join(" "))
}

fn succeeded(args: &[&str], status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`wrangler {}` failed ({status}); its output is above", args.join(" "));
    }
    Ok(())
}

fn read_list(worker: &str, output: &Output) -> Result<Option<Vec<ListedSecret>>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    if !output.status.success() {
        let all = format!("{out}\n{err}");
        if all.contains(&format!("Worker \"{worker}\"")) && all.contains("not found") {
            return Ok(None);
        }
        let shown: String = all.trim().chars().take(MAX_EXCERPT).collect();
        bail!(
            "`wrangler secret list` failed ({}): {shown}\nLog in with `{} tool wrangler login`, or set \
             CLOUDFLARE_API_TOKEN; with more than one account, set account_id in wrangler.toml",
            output.status,
            companion()
        );
    }
    // A notice about a newer version may precede the list.
    let list = out.find('[').and_then(|at| serde_json::from_str(out.get(at..)?).ok());
    let shown: String = out.chars().take(MAX_EXCERPT).collect();
    list.map(Some).with_context(|| format!("`wrangler secret list` printed no list of secrets: {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn listed(code: i32, out: &str, err: &str) -> Result<Option<Vec<ListedSecret>>> {
        let status = ExitStatus::from_raw(code << 8);
        read_list("ca", &Output { status, stdout: out.into(), stderr: err.into() })
    }

    #[test]
    fn list_is_parsed_and_missing_worker_is_recognized() {
        let key = |name: &str, kind: &str| ListedSecret { name: name.into(), kind: kind.into() };
        let list = "[{\"name\":\"A\",\"type\":\"secret_text\"},\n{\"name\":\"B\",\"type\":\"secret_key\"}]\n";
        let wanted = Some(vec![key("A", "secret_text"), key("B", "secret_key")]);
        assert_eq!(listed(0, list, "").unwrap(), wanted);
        assert_eq!(listed(0, &format!("a note\n{list}"), "").unwrap(), wanted);
        assert_eq!(listed(0, "[]", "").unwrap(), Some(vec![]));
        assert_eq!(listed(1, "", "ERROR Worker \"ca\" not found.\n\nIf this is a new Worker").unwrap(), None);
    }

    #[test]
    fn unexpected_output_is_shown_with_what_to_do() {
        let said = listed(1, "", "ERROR it's necessary to set a CLOUDFLARE_API_TOKEN").unwrap_err().to_string();
        assert!(said.contains("necessary to set") && said.contains("wrangler login"), "{said}");
        assert!(listed(1, "", "ERROR Worker \"other\" not found.").is_err());
        assert!(listed(0, "nothing", "").unwrap_err().to_string().contains("no list of secrets: \"nothing\""));
    }
}
