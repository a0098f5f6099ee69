//! The proof, on the connection itself, that what answers is the clone and not production.
//!
//! A provider's answer names a host; a host proves nothing. A server tells by its own clock how long it
//! has been up, and the clone's can't have been up for longer than the clone exists.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use tokio::time::Instant;

use super::{CloneName, CloudError, Made};
use crate::postgres::Session;
use crate::postgres::session::During as _;
use crate::text::human_seconds;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(2);

/// So often it is tried again.
const AGAIN: usize = 10;

/// Shows that `made` is the clone that was asked for at `asked`; nothing is written. The session is
/// one that can be written with.
pub async fn prove(name: &CloneName, made: &Made, asked: Instant) -> Result<Session, CloudError> {
    let not_it = |why: String| CloudError::NotTheClone {
        name: name.clone(),
        why,
    };
    if let Some(host) = (made.source_hosts.iter()).find(|host| made.endpoint.is_at(host)) {
        return Err(not_it(format!("`{host}` is the source's own host")));
    }
    // A name of a minute ago may not be known yet, nor a password.
    let open = || Session::open(&made.endpoint, &[]);
    let again = ConstantBuilder::default().with_delay(PAUSE);
    let session =
        (open.retry(again.with_max_times(AGAIN)).await).map_err(|source| CloudError::Connect {
            name: name.clone(),
            source,
        })?;
    let row = session
        .query_one(include_str!("proof.sql"), &[])
        .await
        .during("read how long the clone's server has been up")?;
    let exists = asked.elapsed();
    let up = Duration::try_from_secs_f64(row.get("up")).unwrap_or(Duration::MAX);
    if up > exists {
        return Err(not_it(format!(
            "its server has been up for {}, and the clone was asked for {} ago",
            human_seconds(up),
            human_seconds(exists)
        )));
    }
    if row.get("is_in_recovery") {
        return Err(not_it("its server is a replica".to_owned()));
    }
    Ok(session)
}
