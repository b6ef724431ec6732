//! From the first SIGTERM to the last answer.
//!
//! [`channel`] makes both ends: the [`Drain`] walks through the phases, and every [`Shutdown`] sees them.
//! First the flag of [`Shutdown::draining_flag`] is set, so that readiness answers tell load balancers to
//! stay away while requests are still accepted; then listeners close and running requests finish; at last
//! whatever still runs is cut off.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

/// How far the end has come. Phases only ever advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Running,
    /// Still accepting, but no longer ready.
    Draining,
    /// Nothing new is accepted; running requests finish.
    Closing,
    /// What still runs is cut off.
    Aborting,
}

/// How long each phase may last.
#[derive(Clone, Copy, Debug)]
pub struct DrainLimits {
    /// How long to accept requests after the first signal.
    pub min: Duration,
    /// From the first signal until running requests are cut off.
    pub max: Duration,
}

/// The end that decides. Dropping it does not end anything.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
    draining: Arc<AtomicBool>,
}

/// The end that listens. Cheap to clone, and usable on any runtime.
#[derive(Clone, Debug)]
pub struct Shutdown {
    phase: watch::Receiver<Phase>,
    draining: Arc<AtomicBool>,
}

/// SIGTERM and SIGINT, as a stream of requests to end.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Both ends of a new shutdown.
pub fn channel() -> (Drain, Shutdown) {
    let (sender, receiver) = watch::channel(Phase::Running);
    let draining = Arc::new(AtomicBool::new(false));
    (Drain { phase: sender, draining: draining.clone() }, Shutdown { phase: receiver, draining })
}

// === impl Drain ===

impl Drain {
    /// Waits for the first trigger, then walks through the phases. A second trigger cuts everything off at
    /// once. Returns when nothing is left to decide.
    pub async fn run(self, limits: DrainLimits, triggers: impl Stream<Item = ()>) {
        let mut triggers = pin!(triggers.fuse());
        if triggers.next().await.is_none() {
            return;
        }
        self.draining.store(true, Ordering::Relaxed);
        self.enter(Phase::Draining);
        let min = limits.min.min(limits.max);
        let triggered_again = timeout(min, again(triggers.as_mut())).await.is_ok();
        if !triggered_again {
            self.enter(Phase::Closing);
            let _ = timeout(limits.max - min, again(triggers)).await;
        }
        self.enter(Phase::Aborting);
    }

    fn enter(&self, phase: Phase) {
        tracing::info!(?phase, "shutting down");
        self.phase.send_replace(phase);
    }
}

/// Pends for ever when the triggers have run out.
async fn again(mut triggers: Pin<&mut impl Stream<Item = ()>>) {
    if triggers.next().await.is_none() {
        std::future::pending::<()>().await;
    }
}

// === impl Shutdown ===

impl Shutdown {
    /// One that does not come: for what stays until the process ends.
    pub fn never() -> Self {
        channel().1
    }

    /// Waits until the phase is there or past.
    pub async fn reached(mut self, phase: Phase) {
        if self.phase.wait_for(|current| *current >= phase).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Set from the first signal on: what `/readyz` looks at.
    pub fn draining_flag(&self) -> Arc<AtomicBool> {
        self.draining.clone()
    }
}

// === impl Signals ===

impl Signals {
    /// Takes over both signals; from now on they no longer kill the process.
    ///
    /// # Errors
    /// When the system refuses the handler. Must be called on a tokio runtime.
    pub fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
}

impl Stream for Signals {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if self.terminate.poll_recv(cx).is_ready() || self.interrupt.poll_recv(cx).is_ready() {
            return Poll::Ready(Some(()));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{pending, repeat};
    use tokio::time::Instant;

    use super::*;

    const LIMITS: DrainLimits = DrainLimits { min: Duration::from_secs(5), max: Duration::from_secs(60) };

    async fn seconds_until(shutdown: &Shutdown, phase: Phase, start: Instant) -> u64 {
        shutdown.clone().reached(phase).await;
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_phases_follow_each_other_in_time() {
        let (drain, shutdown) = channel();
        let start = Instant::now();
        tokio::spawn(drain.run(LIMITS, repeat(()).take(1).chain(pending())));
        assert_eq!(seconds_until(&shutdown, Phase::Draining, start).await, 0);
        assert!(shutdown.draining_flag().load(Ordering::Relaxed));
        assert_eq!(seconds_until(&shutdown, Phase::Closing, start).await, 5);
        assert_eq!(seconds_until(&shutdown, Phase::Aborting, start).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_trigger_ends_at_once() {
        let (drain, shutdown) = channel();
        let start = Instant::now();
        tokio::spawn(drain.run(LIMITS, repeat(()).take(2).chain(pending())));
        assert_eq!(seconds_until(&shutdown, Phase::Aborting, start).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_trigger_nothing_ends() {
        let (drain, shutdown) = channel();
        tokio::spawn(drain.run(LIMITS, pending()));
        let day = Duration::from_secs(86_400);
        assert!(timeout(day, shutdown.clone().reached(Phase::Draining)).await.is_err());
        assert!(!shutdown.draining_flag().load(Ordering::Relaxed));
    }
}
