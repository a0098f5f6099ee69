//! A disk with little room.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk. `None` where this test may not mount one.
pub struct Disk(PathBuf);

impl Disk {
    #[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .status()
            .is_ok_and(|status| status.success());
        if mounted {
            Some(Self(at.to_owned()))
        } else {
            println!("skipped: no disk can be mounted here (needs root)");
            None
        }
    }

    /// Leaves no room.
    pub fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("ballast")).expect("there is room");
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
