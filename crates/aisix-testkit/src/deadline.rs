use std::time::{Duration, Instant};

/// The longest any wait of this crate takes. Generous: a loaded machine must not fail a test.
pub const WAIT_MAX: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Asks again and again until `probe` has an answer.
///
/// # Panics
/// When there is none within [`WAIT_MAX`]; `what` is what the message says was waited for.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT_MAX;
    while Instant::now() < deadline {
        if let Some(answer) = probe().await {
            return answer;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    panic!("waited {} s in vain: {what}", WAIT_MAX.as_secs())
}
