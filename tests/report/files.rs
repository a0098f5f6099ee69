//! Files: all of them or an error, and never an older run's.

use pgrehearse::report::{self, WriteError};

use crate::reports::REPORTS;
use crate::sample;

#[test]
fn five_files_are_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("a/b");
    let written = report::write(&sample::go(), &inner).expect("written");
    let names: Vec<String> = written
        .files
        .iter()
        .map(|path| {
            path.strip_prefix(&inner)
                .expect("inside")
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(names, REPORTS);
    let found = std::fs::read_dir(&inner).expect("readable").count();
    assert_eq!(found, 5, "no temporary file stays");
    report::write(&sample::no_go(), &inner).expect("written over");
    let json = std::fs::read_to_string(inner.join("report.json")).expect("readable");
    assert!(json.contains("\"verdict\": \"no-go\""));
}

#[test]
fn one_failure_is_told_and_does_not_keep_back_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    report::write(&sample::go(), path).expect("written");
    std::fs::remove_file(path.join("report.json")).expect("removed");
    std::fs::create_dir_all(path.join("report.json/full")).expect("in the way");
    let error = report::write(&sample::no_go(), path).expect_err("not whole");
    assert!(matches!(&error, WriteError::Remove { path, .. } if path.ends_with("report.json")));
    for name in REPORTS.into_iter().filter(|name| *name != "report.json") {
        let text = std::fs::read_to_string(path.join(name)).expect("readable");
        assert!(
            text.contains("locked against reads"),
            "{name} is of the new run"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_next_step_of_a_job_may_read_them() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    report::write(&sample::go(), directory.path()).expect("written");
    let file = directory.path().join("junit.xml");
    let mode = std::fs::metadata(file).expect("there").permissions().mode();
    assert_eq!(mode & 0o444, 0o444);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
    let error = report::write(&sample::go(), &file).expect_err("a file is in the way");
    assert_eq!(
        error.to_string(),
        format!("cannot make the directory `{}`", file.display())
    );
}
