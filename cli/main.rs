//! The companion: the native program around the wasm module. It makes sure of the tools, builds the wasm
//! and (with `dev`) runs the whole authority on this machine.
// The companion is a native program: it may look at clocks. The library is passed the time instead.
#![allow(clippy::disallowed_methods)]

#[cfg(not(unix))]
compile_error!("The companion runs on Linux and macOS; on Windows use it inside WSL.");

mod ceremony;
mod common;
mod deploy;
mod dev;
mod operator;
mod status;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use common::host::say;
use tools::{Built, Toolbox};

/// Selvedge, an ACME certificate authority that runs at the edge: the companion for one's own machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole authority on this machine: the same wasm module, on the same runtime.
    Dev(dev::Options),
    /// Make a CA that is kept: a root, its key encrypted, and an issuer below it; set wrangler.toml to it.
    Init(ceremony::InitOptions),
    /// The issuers of a CA that is kept: the next one, or one below a company's root.
    Issuer {
        #[command(subcommand)]
        command: ceremony::IssuerCommand,
    },
    /// Check a CA, store its secrets and deploy the Worker to Cloudflare.
    Deploy(deploy::Options),
    /// Store an issuer's key at Cloudflare as a key that signs and that nobody can read, not even the Worker.
    SecretKey(deploy::SecretKeyOptions),
    /// Ask an authority how it stands, and say what has to be renewed when.
    Status(status::Options),
    #[command(flatten)]
    Operations(operator::Command),
    /// Fetch and compile every tool that the project needs, now instead of at first use.
    Setup,
    /// Build the wasm module into ./build (what `wrangler deploy` uploads).
    Build,
    /// Run cargo for the wasm target, e.g. `wasm clippy --lib -- -D warnings`.
    Wasm {
        /// A cargo command and its arguments; `--target wasm32-unknown-unknown` is added.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Hold the dependencies against deny.toml with cargo-deny: licences, sources, duplicates, bans.
    Deny {
        /// Other arguments of cargo-deny than `check licenses bans sources`.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            default_values = ["check", "licenses", "bans", "sources"]
        )]
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
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            say(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match &command {
        Command::Init(options) => return ceremony::init(options).map(|()| ExitCode::SUCCESS),
        Command::Issuer { command } => return ceremony::issuer(command).map(|()| ExitCode::SUCCESS),
        Command::SecretKey(options) => return deploy::store_key(options).map(|()| ExitCode::SUCCESS),
        Command::Status(options) => return Ok(status::run(options)),
        Command::Operations(command) => return Ok(operator::run(command)),
        _ => {}
    }
    let toolbox = Toolbox::locate()?;
    match command {
        // Done above: they need none of the tools.
        Command::Init(_)
        | Command::Issuer { .. }
        | Command::SecretKey(_)
        | Command::Status(_)
        | Command::Operations(_) => {}
        Command::Dev(options) => dev::run(&options, || dev::Program::build(&toolbox))?,
        Command::Deploy(options) => return deploy::run(&options, &toolbox),
        Command::Setup => {
            toolbox.ensure_npm_runtime()?;
            toolbox.ensure_wasm_std()?;
            toolbox.ensure_build_tools()?;
            toolbox.ensure_npm_deploy()?;
            say("every tool is there");
        }
        Command::Build => {
            say(describe(&toolbox, &toolbox.build_wasm()?));
        }
        Command::Wasm { args } => return toolbox.wasm_cargo(&args),
        Command::Deny { args } => return toolbox.cargo_deny(&args),
        Command::Tool { name, args } => return toolbox.run_npm_tool(name, &args),
    }
    Ok(ExitCode::SUCCESS)
}

/// What was built, with its sizes.
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
