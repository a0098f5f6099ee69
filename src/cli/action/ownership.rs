//! The reports belong to the workspace's owner: the container writes as root, and the job's next
//! steps, which read and delete them, do not run as root.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

#[derive(Debug, thiserror::Error)]
#[error("could not give `{}` to the owner of the workspace", path.display())]
pub struct OwnershipError {
    path: PathBuf,
    source: io::Error,
}

/// Gives `directory`, all that is in it, and the directories above it that were made with it to the
/// owner of `workspace`. Does nothing for a process that is not root.
pub fn give_to_owner_of(workspace: &Path, directory: &Path) -> Result<(), OwnershipError> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let owner = std::fs::metadata(workspace).map_err(at(workspace))?;
    let owner = (owner.uid(), owner.gid());
    let directory = std::path::absolute(directory).map_err(at(directory))?;
    give(&directory, owner)?;
    let above = directory
        .ancestors()
        .skip(1)
        .take_while(|above| above.starts_with(workspace) && *above != workspace);
    for above in above {
        let is_root_s = std::fs::symlink_metadata(above).is_ok_and(|found| found.uid() == 0);
        if is_root_s {
            lchown(above, Some(owner.0), Some(owner.1)).map_err(at(above))?;
        }
    }
    Ok(())
}

/// Follows no link: what it leads to is not ours to give.
fn give(path: &Path, owner: (u32, u32)) -> Result<(), OwnershipError> {
    let found = std::fs::symlink_metadata(path).map_err(at(path))?;
    lchown(path, Some(owner.0), Some(owner.1)).map_err(at(path))?;
    if found.is_dir() {
        set_mode(path, 0o755)?;
        for entry in std::fs::read_dir(path).map_err(at(path))? {
            give(&entry.map_err(at(path))?.path(), owner)?;
        }
    } else if found.is_file() {
        set_mode(path, 0o644)?;
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), OwnershipError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> OwnershipError {
    let path = path.to_owned();
    move |source| OwnershipError { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_report_is_given_away() {
        if !Uid::effective().is_root() {
            return;
        }
        let workspace = tempfile::tempdir().expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        lchown(workspace.path(), Some(1001), Some(121)).expect("root may");
        let report = workspace.path().join("build/report");
        std::fs::create_dir_all(report.join("logs")).expect("made");
        let file = report.join("logs/a.log");
        std::fs::write(&file, "").expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("set");
        std::os::unix::fs::symlink(elsewhere.path(), report.join("link")).expect("linked");
        give_to_owner_of(workspace.path(), &report).expect("given");
        for path in [&workspace.path().join("build"), &report, &file] {
            let found = std::fs::metadata(path).expect("there");
            assert_eq!(
                (found.uid(), found.gid()),
                (1001, 121),
                "{}",
                path.display()
            );
        }
        let mode = std::fs::metadata(&file).expect("there").mode();
        assert_eq!(mode & 0o777, 0o644);
        let not_ours = std::fs::metadata(elsewhere.path()).expect("there");
        assert_eq!(not_ours.uid(), 0);
    }
}
