//! `amtsbote`: the one program. Wires stores, adapters and shells; alone reads clock, environment and settings files.
//!
//! ```text
//!  args ─► commands/… ─► gateway::open (store, keys, clients, services) ─► server
//!                     └► agents::prepare (packages, formats, transports)  ─► agent
//! ```
//!
//! stdout is data, stderr is talk. Start reading at [`args`], then `sandbox.rs`.

mod access;
mod agents;
mod areas;
mod args;
mod backup;
mod blobs;
mod callbacks;
mod clock;
mod commands;
mod database;
mod demo;
mod destinations;
mod folder;
mod gateway;
mod hessen;
mod identity;
mod integrity;
mod lines;
mod membership;
mod operator;
mod packages;
#[cfg(test)]
mod pages;
mod patience;
mod postman;
mod receipt_file;
mod registry;
mod reload;
mod sandbox;
mod sandbox_agent;
mod schema_files;
mod services;
mod state;
mod stop;
mod talk;
mod tls;
mod unread;
mod upkeep;
mod uplinks;
mod xsd;
mod xta;

use std::process::ExitCode;

use anyhow::{Context, Result};

use args::{Cli, Command};
use commands::destination::Pending;
use commands::incident::Unconfirmed;
use commands::receipt::Unproven;
use commands::serve::Part;
use commands::validate::{Found, Unusable};
use talk::{Form, Talk, Tongue};

/// Exit code of a plan with something to do, and of a proof with something open.
const PENDING: u8 = 3;
/// Exit code when nobody reads stdout any more: 128 and the number of SIGPIPE.
const CLOSED: u8 = 141;
/// Exit code of a check that could not be made.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = command_line();
    hush_panics();
    #[cfg(debug_assertions)]
    arm_fail_point();
    let form = if cli.json { Form::Json } else { Form::Text };
    let usual = if matches!(cli.command, Command::Validate(_) | Command::Receipt(_)) {
        Tongue::De
    } else {
        Tongue::En
    };
    let talk = Talk::new(cli.lang.unwrap_or(usual), form);
    match start(cli, talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk.progress_done();
            // Whoever read us has seen enough: no word, and the code that shells give for it.
            if talk::is_closed(&error) {
                return ExitCode::from(CLOSED);
            }
            if let Some(pending) = error.downcast_ref::<Pending>() {
                talk.say(pending);
                return ExitCode::from(PENDING);
            }
            if let Some(unconfirmed) = error.downcast_ref::<Unconfirmed>() {
                talk.say(unconfirmed);
                return ExitCode::from(PENDING);
            }
            if error.is::<Unproven>() {
                return ExitCode::from(PENDING);
            }
            if error.is::<Found>() {
                return ExitCode::FAILURE;
            }
            let told = unread::told(&error, talk);
            talk.say(format_args!("{} {told}", talk.pick("Fehler:", "error:")));
            if error.is::<Unusable>() {
                return ExitCode::from(UNUSABLE);
            }
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the binary reads the environment; clap reads this variable, too, when it is too late for help"
)]
fn command_line() -> Cli {
    let language = std::env::var("AMTSBOTE_LANG").ok();
    Cli::of_process(std::env::args_os().collect(), language.as_deref())
}

/// A panic's text may hold content of a submission: only its place is told.
fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!("a panic at {place}; please report this place");
    }));
}

/// `AMTSBOTE_FAIL_POINT=Name[:N]`, for tests: only in builds with debug assertions (ADR 19).
#[cfg(debug_assertions)]
#[expect(
    clippy::disallowed_methods,
    reason = "the binary reads the environment, here for tests alone"
)]
fn arm_fail_point() {
    let Ok(text) = std::env::var("AMTSBOTE_FAIL_POINT") else {
        return;
    };
    // Nothing would be tested by a point that is not there.
    assert!(
        amtsbote_names::fail_points::FailPoint::arm(&text),
        "no such fail point"
    );
}

fn start(cli: Cli, talk: Talk) -> Result<()> {
    log_to_stderr(&cli.log, talk.form())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no async runtime")?;
    runtime.block_on(dispatch(cli.command, talk))
}

fn log_to_stderr(filter: &str, form: Form) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .context("--log is not a filter such as `info`")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // It would print about a closed stderr, to stderr, and panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match form {
        Form::Text => lines.init(),
        Form::Json => lines.json().init(),
    }
    Ok(())
}

async fn dispatch(command: Command, talk: Talk) -> Result<()> {
    match command {
        Command::Serve(file) => commands::serve::run(Part::Both, &file, talk).await,
        Command::Gateway(file) => commands::serve::run(Part::Gateway, &file, talk).await,
        Command::Agent(file) => commands::serve::run(Part::Agent, &file, talk).await,
        Command::Sandbox(args) => sandbox::run(&args, talk).await,
        Command::Demo(args) => demo::run(&args, talk).await,
        Command::Submit(args) => commands::submit::run(&args, talk).await,
        Command::Validate(args) => commands::validate::run(&args, talk),
        Command::Status(args) => commands::status::run(&args, talk).await,
        Command::Reply(args) => commands::reply::run(&args, talk).await,
        Command::Package(args) => commands::package::run(&args, talk),
        Command::Service(args) => commands::service::run(&args, talk),
        Command::Destination(args) => commands::destination::run(&args, talk).await,
        Command::Connect(args) => commands::connect::run(&args, talk).await,
        Command::Schema(args) => commands::schema::run(&args, talk),
        Command::Backup(args) => commands::backup::run(&args, talk),
        Command::Restore(args) => commands::restore::run(&args, talk),
        Command::Store(args) => commands::store::run(&args, talk).await,
        Command::Verify(args) => commands::verify::run(&args, talk),
        Command::Receipt(args) => commands::receipt::run(&args, talk).await,
        Command::Keys(args) => commands::keys::run(&args, talk),
        Command::Settings(args) => commands::settings::run(&args, talk),
        Command::Uplink(args) => commands::uplink::run(&args, talk).await,
        Command::Incident(args) => commands::incident::run(&args, talk).await,
    }
}
