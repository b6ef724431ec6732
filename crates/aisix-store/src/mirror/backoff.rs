use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const DELAY_MIN: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(1);

/// Growing pauses between attempts that never end. Each is drawn between its half and its whole, so that many
/// processes do not return to a recovered store at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn next_delay(&mut self) -> Duration {
        let whole = DELAY_MIN.saturating_mul(1 << self.failures.min(16)).min(DELAY_MAX);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(0.5 + random_fraction() / 2.0)
    }
}

/// Random enough to spread load: the standard library keys every hasher anew.
fn random_fraction() -> f64 {
    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_cap_and_start_anew() {
        let mut backoff = Backoff::default();
        assert!(backoff.next_delay() <= DELAY_MIN);
        let last = (0..100).map(|_| backoff.next_delay()).last().unwrap();
        assert!(last >= DELAY_MAX / 2 && last <= DELAY_MAX, "{last:?}");
        backoff.reset();
        assert!(backoff.next_delay() <= DELAY_MIN);
    }
}
