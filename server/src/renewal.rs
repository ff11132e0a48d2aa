//! Registered for as long as the server runs, whatever becomes of rpcbind.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use oncrpc_client::Renewal;
use oncrpc_transport::Stopped;

/// Time between two checks, more or less: as long as a service may be missing from an rpcbind that was restarted.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(60);

/// How much more or less, in percent: services that were started together do not all come back together.
const JITTER: u64 = 20;

/// Registers again what rpcbind has forgotten, until `stop` ends.
///
/// It sets every mapping again from time to time, one after the other, by one connection: an rpcbind that has them
/// answers TRUE and changes nothing. What goes wrong is logged when it begins and when it ends.
pub(crate) async fn renew(renewal: Renewal, every: Duration, mut stop: Stopped) {
    let mut trouble: Option<String> = None;
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(jittered(every, random())) => {}
        }
        // Not ended half-way: it would leave behind what it is about to set.
        let renewed = renewal.renew().await;
        if stop.is_wanted() {
            return;
        }
        match renewed {
            Ok(added) => {
                if added > 0 {
                    log::info!("registered {added} addresses again");
                }
                trouble = None;
            }
            Err(error) => {
                let error = error.to_string();
                if trouble.as_ref() != Some(&error) {
                    log::warn!("not registered for the time being: {error}");
                }
                trouble = Some(error);
            }
        }
    }
}

/// `every`, less or more by up to [`JITTER`] percent, as `random` has it.
fn jittered(every: Duration, random: u64) -> Duration {
    // At the granularity of tenths of a percent.
    let permille = 1000 - 10 * JITTER + random % (20 * JITTER + 1);
    every.saturating_mul(u32::try_from(permille).unwrap_or(1000)) / 1000
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_keeps_its_span_and_uses_it() {
        let all: Vec<_> = (0..=400)
            .map(|random| jittered(RENEW_EVERY, random))
            .collect();
        assert_eq!(all.first(), Some(&Duration::from_secs(48)));
        assert_eq!(all.last(), Some(&Duration::from_secs(72)));
        assert!(all.is_sorted());
        assert_eq!(jittered(RENEW_EVERY, 401), all[0]);
    }
}
