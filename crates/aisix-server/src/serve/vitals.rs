//! What happens on one connection, noted so cheaply that every request can afford it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::Limits;

/// How long a connection without requests may take to say goodbye once it was asked to.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

/// The time of the last sweep. It never is 0, so that 0 can stand for "not".
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    now_ms: AtomicU64,
}

/// What the sweep decided about a connection. Verdicts only ever get harsher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Live,
    /// Finish what runs, take nothing new.
    Drain,
    /// The headers of a request took too long.
    Late,
    Close,
}

/// The notes on one connection. Written by its task, read by the sweep of the same listener.
#[derive(Debug)]
pub(crate) struct Vitals {
    clock: Arc<Clock>,
    in_flight: AtomicU32,
    /// Since when a request's headers are arriving; 0: they are not.
    reading_since: AtomicU64,
    /// Since when there is no request: from accepting, or from the end of the last one.
    idle_since: AtomicU64,
    /// Since when the client takes nothing; 0: it does.
    write_blocked_since: AtomicU64,
    served: AtomicBool,
    multiplexed: AtomicBool,
    draining_since: AtomicU64,
    verdict: AtomicU8,
    task: AtomicWaker,
}

/// A request in progress, from its headers to the end of its answer.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Vitals>);

// === impl Clock ===

impl Clock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), now_ms: AtomicU64::new(1) })
    }

    pub(crate) fn advance(&self) {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.now_ms.store(elapsed_ms + 1, Relaxed);
    }

    fn now(&self) -> u64 {
        self.now_ms.load(Relaxed)
    }

    fn since(&self, moment_ms: u64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(moment_ms))
    }
}

// === impl Verdict ===

impl Verdict {
    fn from_u8(value: u8) -> Self {
        [Self::Live, Self::Drain, Self::Late].get(usize::from(value)).copied().unwrap_or(Self::Close)
    }
}

// === impl Vitals ===

impl Vitals {
    pub(crate) fn new(clock: Arc<Clock>) -> Arc<Self> {
        let now = clock.now();
        Arc::new(Self {
            clock,
            in_flight: AtomicU32::new(0),
            reading_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(now),
            write_blocked_since: AtomicU64::new(0),
            served: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            draining_since: AtomicU64::new(0),
            verdict: AtomicU8::new(Verdict::Live as u8),
            task: AtomicWaker::new(),
        })
    }

    /// HTTP/2 frames arrive without a request, so bytes say nothing about headers there.
    pub(crate) fn multiplexed(&self) {
        self.multiplexed.store(true, Relaxed);
    }

    pub(crate) fn bytes_read(&self) {
        if self.in_flight.load(Relaxed) == 0 && self.reading_since.load(Relaxed) == 0 {
            self.reading_since.store(self.clock.now(), Relaxed);
        }
    }

    pub(crate) fn write_polled(&self, blocked: bool) {
        let noted = self.write_blocked_since.load(Relaxed) != 0;
        if blocked != noted {
            let since = if blocked { self.clock.now() } else { 0 };
            self.write_blocked_since.store(since, Relaxed);
        }
    }

    pub(crate) fn request_began(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.reading_since.store(0, Relaxed);
        self.served.store(true, Relaxed);
        InFlight(self.clone())
    }

    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::from_u8(self.verdict.load(Relaxed))
    }

    /// Whom to wake when the verdict changes.
    pub(crate) fn on_verdict(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Gives a verdict, unless a harsher one stands.
    pub(crate) fn judge(&self, verdict: Verdict) {
        if self.verdict.fetch_max(verdict as u8, Relaxed) >= verdict as u8 {
            return;
        }
        if verdict == Verdict::Drain {
            self.draining_since.store(self.clock.now(), Relaxed);
        }
        self.task.wake();
    }

    /// What a connection deserves now. `slack` is how much older a noted moment may be than the real one.
    pub(crate) fn overdue(&self, limits: &Limits, slack: Duration) -> Verdict {
        let over = |since: &AtomicU64, limit: Duration| self.clock.since(since.load(Relaxed)) > limit + slack;
        if self.write_blocked_since.load(Relaxed) != 0 {
            let stalled = over(&self.write_blocked_since, limits.write_timeout);
            return if stalled { Verdict::Close } else { Verdict::Live };
        }
        if self.in_flight.load(Relaxed) != 0 {
            return Verdict::Live;
        }
        if self.reading_since.load(Relaxed) != 0 && !self.multiplexed.load(Relaxed) {
            let late = over(&self.reading_since, limits.header_timeout);
            return if late { Verdict::Late } else { Verdict::Live };
        }
        if self.verdict() == Verdict::Drain {
            let stays = over(&self.draining_since, GOODBYE_MAX) && over(&self.idle_since, GOODBYE_MAX);
            return if stays { Verdict::Close } else { Verdict::Drain };
        }
        self.overdue_idle(
            over(&self.idle_since, limits.header_timeout),
            over(&self.idle_since, limits.idle_timeout),
        )
    }

    /// A connection that never sent a request has the time of its headers only.
    fn overdue_idle(&self, header_time_over: bool, idle_time_over: bool) -> Verdict {
        match self.served.load(Relaxed) {
            false if header_time_over => Verdict::Close,
            true if idle_time_over => Verdict::Drain,
            _ => Verdict::Live,
        }
    }
}

// === impl InFlight ===

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.clock.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLACK: Duration = Duration::from_millis(10);

    fn limits() -> Limits {
        Limits {
            connections_max: 1,
            header_bytes_max: 1024,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            streams_max: 1,
        }
    }

    fn vitals() -> Arc<Vitals> {
        Vitals::new(Clock::new())
    }

    async fn pass(vitals: &Vitals, time: Duration) {
        tokio::time::advance(time).await;
        vitals.clock.advance();
    }

    /// The verdict stays as it is up to the limit, and is the expected one after it.
    async fn check(vitals: &Vitals, limit_secs: u64, expected: Verdict) {
        let before = vitals.verdict();
        pass(vitals, Duration::from_secs(limit_secs)).await;
        assert_eq!(vitals.overdue(&limits(), SLACK), before);
        pass(vitals, SLACK + Duration::from_millis(2)).await;
        assert_eq!(vitals.overdue(&limits(), SLACK), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fresh_connection_has_the_time_of_headers() {
        check(&vitals(), 10, Verdict::Close).await;
    }

    #[tokio::test(start_paused = true)]
    async fn headers_are_timed_from_their_first_byte() {
        let vitals = vitals();
        drop(vitals.request_began());
        pass(&vitals, Duration::from_secs(50)).await;
        vitals.bytes_read();
        check(&vitals, 10, Verdict::Late).await;
    }

    #[tokio::test(start_paused = true)]
    async fn more_bytes_gain_no_time_for_headers() {
        let vitals = vitals();
        vitals.bytes_read();
        pass(&vitals, Duration::from_secs(9)).await;
        vitals.bytes_read();
        check(&vitals, 1, Verdict::Late).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_connection_has_the_time_of_idleness_from_its_last_answer() {
        let vitals = vitals();
        let request = vitals.request_began();
        pass(&vitals, Duration::from_secs(1000)).await;
        assert_eq!(vitals.overdue(&limits(), SLACK), Verdict::Live);
        drop(request);
        check(&vitals, 60, Verdict::Drain).await;
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_a_multiplexed_connection_are_no_headers() {
        let vitals = vitals();
        vitals.multiplexed();
        drop(vitals.request_began());
        vitals.bytes_read();
        check(&vitals, 60, Verdict::Drain).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_closed_even_in_a_request() {
        let vitals = vitals();
        let _request = vitals.request_began();
        vitals.write_polled(true);
        pass(&vitals, Duration::from_secs(29)).await;
        vitals.write_polled(false);
        vitals.write_polled(true);
        check(&vitals, 30, Verdict::Close).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_drained_connection_without_requests_is_not_waited_for() {
        let vitals = vitals();
        drop(vitals.request_began());
        vitals.judge(Verdict::Drain);
        check(&vitals, 5, Verdict::Close).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_drained_connection_with_a_request_is_waited_for() {
        let vitals = vitals();
        let _request = vitals.request_began();
        vitals.judge(Verdict::Drain);
        pass(&vitals, Duration::from_secs(1000)).await;
        assert_eq!(vitals.overdue(&limits(), SLACK), Verdict::Live);
    }

    #[test]
    fn a_verdict_is_never_softened() {
        let vitals = vitals();
        for (given, expected) in [
            (Verdict::Drain, Verdict::Drain),
            (Verdict::Live, Verdict::Drain),
            (Verdict::Close, Verdict::Close),
            (Verdict::Late, Verdict::Close),
        ] {
            vitals.judge(given);
            assert_eq!(vitals.verdict(), expected);
        }
    }
}
