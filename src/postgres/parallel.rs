//! The same work on many tables, by several sessions at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::endpoint::Endpoint;
use super::session::{ConnectError, QueryError, Session};

type Work<'a, R> = Pin<Box<dyn Future<Output = Result<R, QueryError>> + Send + 'a>>;

#[derive(Debug, thiserror::Error)]
pub enum ParallelError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("a worker ended before its work was done")]
    Worker,
}

/// Runs `work` on every item, by up to `jobs` sessions that take the next item as they come free.
/// Give the largest first. Results are in the items' order.
pub async fn for_each<T, R>(
    endpoint: &Endpoint,
    settings: &[(&str, &str)],
    jobs: usize,
    items: Vec<T>,
    work: impl for<'a> Fn(&'a Session, &'a T) -> Work<'a, R> + Send + Sync + 'static,
) -> Result<Vec<R>, ParallelError>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    let workers = jobs.clamp(1, items.len().max(1));
    let total = items.len();
    let shared = Arc::new((items, AtomicUsize::new(0), work));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let session = Session::open(endpoint, settings).await?;
        let shared = shared.clone();
        running.spawn(async move {
            let (items, next, work) = &*shared;
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else {
                    return Ok::<_, QueryError>(done);
                };
                done.push((index, work(&session, item).await?));
            }
        });
    }
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(total, || None);
    while let Some(ended) = running.join_next().await {
        // The set is dropped, and every other worker with it, when the first one fails.
        for (index, result) in ended.map_err(|_| ParallelError::Worker)?? {
            results[index] = Some(result);
        }
    }
    results
        .into_iter()
        .collect::<Option<Vec<R>>>()
        .ok_or(ParallelError::Worker)
}
