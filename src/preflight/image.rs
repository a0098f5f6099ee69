//! The policy's image: Docker answers, the workspace can be mounted, the image is here or is pulled.

use std::path::PathBuf;
use std::sync::Arc;

use crate::container::{self, ContainerError, Found, Site, Wanted};
use crate::context::Context;
use crate::git;
use crate::policy::Policy;
use crate::verdict::Stage;

/// Looks for all that the policy's image needs, and makes nothing; `None`: there is no image.
pub async fn look(policy: &Policy) -> Result<Option<Found>, ContainerError> {
    let Some(image) = &policy.migrations.image else {
        return Ok(None);
    };
    let workspace = workspace(policy).await;
    let wanted = Wanted {
        socket: container::socket(variable)?,
        image,
        workspace: &workspace,
        directory: &policy.migrations.working_directory,
    };
    Found::look(wanted).await.map(Some)
}

/// Pulls the image if need be, and makes what the run needs at Docker's.
pub async fn prepare(context: &Context, found: Found) -> Result<Arc<Site>, ContainerError> {
    let tell = |text: &str| context.progress.doing(Stage::Preflight, text);
    found
        .prepare(&context.run, &context.guard, tell)
        .await
        .map(Arc::new)
}

/// What the image sees: the runner's workspace, the repository, or the policy's directory.
///
/// The first of them that holds the policy: a tool finds its packages and its settings above the
/// directory that it runs in.
async fn workspace(policy: &Policy) -> PathBuf {
    let root = policy
        .root
        .canonicalize()
        .unwrap_or_else(|_| policy.root.clone());
    let of_runner = variable("GITHUB_WORKSPACE")
        .and_then(|path| PathBuf::from(path).canonicalize().ok())
        .filter(|workspace| root.starts_with(workspace));
    match of_runner {
        Some(workspace) => workspace,
        None => git::top(&root).await.unwrap_or(root),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
