use std::time::{Duration, Instant};

/// The longest any wait of this crate takes. Generous: a loaded machine must not fail a test.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Asks again and again until `probe` has an answer.
///
/// # Panics
/// When there is none within [`WAIT_MAX`]; `what` is what the message says was waited for.
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    match within(WAIT_MAX, probe).await {
        Some(answer) => answer,
        None => panic!("waited {} s in vain: {what}", WAIT_MAX.as_secs()),
    }
}

/// Asks again and again until `probe` has an answer, or `None` when the time is over.
pub async fn within<T>(time: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        let answer = probe().await;
        if answer.is_some() || Instant::now() >= deadline {
            return answer;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
