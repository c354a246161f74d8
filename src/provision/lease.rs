//! One at a time works on a trunk: two who looked at the same moment would make everything twice.

use std::future::Future;
use std::time::Duration;

use crate::db::leases;
use crate::ids::{self, TrunkId};

use super::error::{Error, Result};
use super::means::Means;

/// How long one who was cut off keeps others out, and how often one who works says that it still does.
const LASTS: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(4);

/// Does it, unless another one is at work on the trunk. Who is cut off keeps it for a few seconds more.
pub(super) async fn alone<T>(
    means: &Means,
    trunk: &TrunkId,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let (name, holder) = (format!("provision/{trunk}"), ids::new("prov", means.clock.now()));
    if !take(means, &name, &holder).await? {
        return Err(Error::Busy(LASTS));
    }
    let mut work = std::pin::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = means.clock.sleep(RENEW) => {
                // Another one has taken it while this one could not say that it works.
                if !take(means, &name, &holder).await? {
                    return Err(Error::Busy(LASTS));
                }
            }
        }
    };
    let given_back = means.db.write(move |tx| leases::give_back(tx, &name, &holder)).await;
    if let Err(error) = given_back {
        tracing::debug!(%error, "the lease of a trunk runs out by itself");
    }
    done
}

async fn take(means: &Means, name: &str, holder: &str) -> Result<bool> {
    let (name, holder, now) = (name.to_owned(), holder.to_owned(), means.clock.now());
    Ok(means.db.write(move |tx| leases::take(tx, &name, &holder, now, LASTS)).await?)
}
