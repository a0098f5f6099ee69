//! Where a script installs what only some tests need.

use std::path::PathBuf;

/// What `how` installs at this path below `target`.
pub fn tools(path: &str, how: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let target = test
        .ancestors()
        .nth(3)
        .expect("tests are in `<target>/<profile>/deps`");
    let tools = target.join(path);
    // A directory is whole when its last file is there.
    let last = if tools.is_dir() {
        tools.join("installed")
    } else {
        tools.clone()
    };
    assert!(
        last.is_file(),
        "`{}` is missing: run {how}",
        tools.display()
    );
    tools
}
