//! The companion, a native program.
//! It gets the tools, builds the wasm module and runs the commands.
// Native programs may read clocks; the library is passed the time.
#![allow(clippy::disallowed_methods)]

#[cfg(not(unix))]
compile_error!("The companion runs on Linux and macOS; on Windows use it inside WSL.");

mod ceremony;
mod challtestsrv;
mod common;
mod deploy;
mod dev;
mod log;
mod manual;
mod operator;
mod pebble;
mod runtime;
mod serve;
mod status;
mod tools;
mod witness;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use common::host::{print, say};
use tools::{Built, Toolbox};

/// Selvedge, an ACME certificate authority that runs at the edge: the companion for your machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole authority on this machine, with the wasm module and runtime of deployments.
    Dev(dev::Options),
    /// Create a folder with a commented wrangler.toml to start from.
    New(deploy::NewOptions),
    /// Create a persistent CA: a root (encrypted key), an issuer below it, and its settings in wrangler.toml.
    Init(ceremony::InitOptions),
    /// Create, import and revoke a persistent CA's issuers, below its own root or a company's.
    Issuer {
        #[command(subcommand)]
        command: ceremony::IssuerCommand,
    },
    /// Run a CA in production on this machine's workerd.
    Serve(serve::Options),
    /// Check a CA, store its secrets and deploy the Worker to Cloudflare.
    Deploy(deploy::Options),
    /// Store an issuer's key at Cloudflare as a non-extractable key. The Worker signs with it and cannot read it.
    SecretKey(deploy::SecretKeyOptions),
    /// Show the state of an authority, and what has to be renewed when.
    Status(status::Options),
    /// Make, deploy and run a witness of other transparency logs.
    Witness {
        #[command(subcommand)]
        command: witness::Command,
    },
    /// Check a transparency log: that it only grows, what is in it, one certificate.
    Log {
        #[command(subcommand)]
        command: log::Command,
    },
    #[command(flatten)]
    Operations(operator::Command),
    /// Print the completions of a shell, for its start file.
    #[command(after_help = "Example: source <(selvedge completions bash)")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Fetch and compile every tool that the project needs, ahead of its first use.
    Setup,
    /// Build the wasm module into ./build (what `wrangler deploy` uploads).
    Build,
    /// Build the npm packages and the tarball of the present commit.
    Package(tools::PackageOptions),
    /// Write the reference of all commands in docs/COMMANDS.md.
    Documents(manual::Options),
    /// Run cargo for the wasm target, e.g. `wasm clippy --lib -- -D warnings`.
    Wasm {
        /// A cargo command and its arguments; `--target wasm32-unknown-unknown` is added.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check the dependencies against deny.toml with cargo-deny: licences, sources, duplicates, bans.
    Deny {
        /// Arguments of cargo-deny in place of `check licenses bans sources`.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            default_values = ["check", "licenses", "bans", "sources"]
        )]
        args: Vec<String>,
    },
    /// Run the authority with the flags, files and addresses of Pebble, for its suites.
    #[command(disable_help_flag = true)]
    Pebble {
        /// Its flags, as `-config FILE -dnsserver HOST:PORT`; `-h` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the responders of all challenges, with the flags and calls of Pebble's program.
    #[command(disable_help_flag = true)]
    PebbleChalltestsrv {
        /// Its flags, as `-management :8055`; `-h` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run one of the npm tools at its pinned version: `wrangler` or `workerd`.
    Tool {
        /// Its name.
        name: tools::NpmTool,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    if let Some(ended) = as_another_program() {
        return exit_code(ended);
    }
    let mut arguments = std::env::args_os().skip(1);
    // Asks git and hashes the module, which other commands need not wait for.
    if let (Some(first), None) = (arguments.next(), arguments.next())
        && (first == "--version" || first == "-V")
    {
        print(&tools::version());
        return ExitCode::SUCCESS;
    }
    exit_code(run(Cli::parse().command))
}

/// The exit code of a command, whose error is printed.
fn exit_code(ended: anyhow::Result<ExitCode>) -> ExitCode {
    ended.unwrap_or_else(|error| {
        say(format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Runs the program whose name this file has, as by a link: `pebble` or `pebble-challtestsrv`.
fn as_another_program() -> Option<anyhow::Result<ExitCode>> {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let name = arguments.next()?;
    match Path::new(&name).file_name()?.to_str()? {
        pebble::PROGRAM => Some(pebble::run(&arguments.collect::<Vec<_>>())),
        challtestsrv::PROGRAM => Some(challtestsrv::run(&arguments.collect::<Vec<_>>())),
        _ => None,
    }
}

/// Runs a command that needs no tools; `None` for any other.
fn run_without_tools(command: &Command) -> Option<anyhow::Result<ExitCode>> {
    let success = |()| ExitCode::SUCCESS;
    Some(match command {
        Command::New(options) => deploy::new_folder(options).map(success),
        Command::Init(options) => ceremony::init(options).map(success),
        Command::Issuer { command } => ceremony::issuer(command).map(success),
        Command::SecretKey(options) => deploy::store_key(options).map(success),
        Command::Status(options) => Ok(status::run(options)),
        Command::Witness { command: witness::Command::New(options) } => witness::create(options).map(success),
        Command::Log { command } => Ok(log::run(command)),
        Command::Pebble { args } => pebble::run(args),
        Command::PebbleChalltestsrv { args } => challtestsrv::run(args),
        Command::Operations(command) => Ok(operator::run(command)),
        Command::Completions { shell } => {
            print(&String::from_utf8_lossy(&manual::completions(&Cli::command(), *shell)));
            Ok(ExitCode::SUCCESS)
        }
        _ => return None,
    })
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    if let Some(ended) = run_without_tools(&command) {
        return ended;
    }
    let toolbox = Toolbox::locate()?;
    match command {
        // These commands need no tools.
        Command::New(_)
        | Command::Init(_)
        | Command::Issuer { .. }
        | Command::SecretKey(_)
        | Command::Status(_)
        | Command::Log { .. }
        | Command::Pebble { .. }
        | Command::PebbleChalltestsrv { .. }
        | Command::Operations(_)
        | Command::Completions { .. } => {}
        Command::Dev(options) => dev::run(&options, || dev::Program::build(&toolbox, options.wrangler.as_deref()))?,
        Command::Serve(options) => return serve::run(&options, &toolbox),
        Command::Deploy(options) => return deploy::run(&options, &toolbox),
        Command::Witness { command } => witness::run(&command, &toolbox)?,
        Command::Setup => {
            toolbox.needs_checkout("setup")?;
            toolbox.ensure_npm_runtime()?;
            toolbox.ensure_wasm_std()?;
            toolbox.ensure_bindgen()?;
            toolbox.ensure_npm_deploy()?;
            say("every tool is installed");
        }
        Command::Build => {
            toolbox.needs_checkout("build")?;
            say(describe(&toolbox, &toolbox.build_wasm()?));
        }
        Command::Package(options) => tools::package(&options, &toolbox, &manual::files(&Cli::command())?)?,
        Command::Documents(options) => {
            toolbox.needs_checkout("documents")?;
            manual::run(&options, toolbox.root(), &Cli::command())?;
        }
        Command::Wasm { args } => {
            toolbox.needs_checkout("wasm")?;
            return toolbox.wasm_cargo(&args);
        }
        Command::Deny { args } => {
            toolbox.needs_checkout("deny")?;
            return toolbox.cargo_deny(&args);
        }
        Command::Tool { name, args } => return toolbox.run_npm_tool(name, &args),
    }
    Ok(ExitCode::SUCCESS)
}

/// The built files with their sizes.
fn describe(toolbox: &Toolbox, built: &Built) -> String {
    let name = |file: &Path| file.strip_prefix(toolbox.root()).unwrap_or(file).display().to_string();
    format!(
        "{} ({} KiB) and {} ({} KiB) are up to date",
        name(&built.wasm),
        built.wasm_bytes.div_ceil(1024),
        name(&built.js),
        built.js_bytes.div_ceil(1024)
    )
}
