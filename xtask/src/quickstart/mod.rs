//! `cargo xtask quickstart`: from an empty machine to a streamed answer.

mod guide;
mod services;
mod shell;

use aisix_testkit::Upstream;
use anyhow::{Context, Result, bail, ensure};
use tokio::signal::unix::{SignalKind, signal};

use self::guide::Subject;
use self::services::Services;
use self::shell::Shell;
use crate::requirements::{self, CURL, PROTOC};
use crate::test;

/// What `cargo xtask quickstart` takes on its command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End after the requests instead of staying up.
    #[arg(long)]
    once: bool,
    /// Use the real OpenAI with the key in `OPENAI_API_KEY` instead of a local demonstration upstream.
    #[arg(long)]
    openai: bool,
    /// Keep the directory with the configuration, the database (the credential is in it) and the logs.
    #[arg(long)]
    keep_dir: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    requirements::ensure(&[&PROTOC, &CURL])?;
    // Unoptimised on purpose: on a fresh machine this is the difference between a minute and many.
    test::build_services()?;
    tokio::runtime::Runtime::new().context("the runtime cannot be started")?.block_on(perform(args))
}

/// Both services are asked to end however the guide went. Their owner is here: should this panic, they are
/// killed when it is dropped.
async fn perform(args: &Args) -> Result<()> {
    let (upstream, subject) = subject(args).await?;
    let mut services = Services::prepare(&subject)?;
    let outcome = tokio::select! {
        outcome = present(args, &mut services, &subject) => outcome,
        signalled = interruption() => signalled.and_then(|()| leave(args)),
    };
    services.stop(args.keep_dir, outcome.is_err()).await?;
    drop(upstream);
    outcome
}

async fn present(args: &Args, services: &mut Services, subject: &Subject) -> Result<()> {
    services.start().await?;
    let mut shell = Shell::new(services.environment());
    guide::introduce(services, subject);
    guide::follow(&mut shell, services, subject).await?;
    if args.once {
        println!("every step succeeded");
        return Ok(());
    }
    println!("Everything stays up until Ctrl-C. With the exports above, the curl lines work by hand.");
    services.watch().await
}

async fn subject(args: &Args) -> Result<(Option<Upstream>, Subject)> {
    if args.openai {
        let key = std::env::var("OPENAI_API_KEY").unwrap_or_default();
        ensure!(!key.is_empty(), "--openai needs OPENAI_API_KEY in the environment");
        return Ok((None, Subject::openai(key)));
    }
    let upstream = Upstream::start().await;
    let subject = Subject::demonstration(upstream.api_base());
    Ok((Some(upstream), subject))
}

/// Ctrl-C, a closed terminal, or a polite request to end.
async fn interruption() -> Result<()> {
    let watch = |kind| signal(kind).context("signals cannot be watched");
    let mut interrupt = watch(SignalKind::interrupt())?;
    let mut hang_up = watch(SignalKind::hangup())?;
    let mut terminate = watch(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn leave(args: &Args) -> Result<()> {
    if args.once {
        bail!("interrupted before the guide was through");
    }
    println!("\nending both services");
    Ok(())
}
