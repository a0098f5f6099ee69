//! The files of a report.

pub const REPORTS: [&str; 5] = [
    "junit.xml",
    "report.json",
    "comment.md",
    "report.html",
    "report.sarif",
];
