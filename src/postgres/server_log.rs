//! The JSON log of a server of ours, read as it grows.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;

use super::server_error::ServerError;
use super::session::Session;

/// How long the server's log writer may lag behind what was said to it.
const LAG: Duration = Duration::from_secs(5);

/// One record of `jsonlog` (PostgreSQL 15 and newer), as far as we read it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Record {
    pub timestamp: String,
    pub pid: u32,
    pub user: Option<String>,
    pub dbname: Option<String>,
    pub application_name: Option<String>,
    pub error_severity: String,
    pub state_code: Option<String>,
    pub message: String,
    /// Holds values: only the names in it are read.
    pub detail: Option<String>,
    /// May hold a row's values: never to be printed.
    pub statement: Option<String>,
    pub func_name: Option<String>,
    /// Which functions and statements were under way. Holds values: only ever read.
    pub context: Option<String>,
}

impl Record {
    pub fn is_error(&self) -> bool {
        matches!(self.error_severity.as_str(), "ERROR" | "FATAL" | "PANIC")
    }

    /// The statement whose duration it tells, as `log_min_duration_statement` asks for it. Parsing and
    /// binding are none.
    pub fn logged(&self) -> Option<Logged<'_>> {
        static DURATION: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?s)^duration: ([0-9.]+) ms  (?:statement|execute [^:]*): (.*)$")
                .expect("a constant pattern is valid")
        });
        let found = DURATION.captures(&self.message)?;
        Some(Logged {
            took: found[1].parse::<f64>().ok()? / 1000.0,
            text: found.get(2)?.as_str(),
        })
    }

    /// The error without its values.
    pub fn server_error(&self) -> ServerError {
        ServerError::from_log(
            self.state_code.as_deref().unwrap_or_default(),
            &self.message,
            self.detail.as_deref(),
            self.func_name.as_deref(),
        )
    }
}

/// A statement that a record tells the duration of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged<'r> {
    /// Seconds.
    pub took: f64,
    /// Holds values.
    pub text: &'r str,
}

/// Reads the records that were written since the last look.
pub struct LogReader {
    path: PathBuf,
    offset: u64,
}

impl LogReader {
    /// Starts at the log's present end.
    pub fn at_end(log_directory: &Path) -> Self {
        let path = log_directory.join("server.json");
        let offset = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        Self { path, offset }
    }

    /// The records since the last call, up to this moment for sure: a process of its own writes the
    /// log, so a mark is sent after the records and waited for. Needs a superuser's session. Without
    /// the mark nothing is taken, since more may be missing than the mark.
    pub async fn records_until_now(&mut self, session: &Session) -> std::io::Result<Vec<Record>> {
        let mark = format!("pgrehearse mark {:016x}", rand::random::<u64>());
        let began = self.offset;
        session
            .batch_execute(&format!("do $$ begin raise log '{mark}'; end $$"))
            .await
            .map_err(std::io::Error::other)?;
        let deadline = tokio::time::Instant::now() + LAG;
        let mut records = self.new_records()?;
        loop {
            if let Some(end) = records.iter().position(|record| record.message == mark) {
                records.remove(end);
                return Ok(records);
            }
            if tokio::time::Instant::now() >= deadline {
                self.offset = began;
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            records.extend(self.new_records()?);
        }
    }

    /// The records since the last call. A line that is still being written waits for the next.
    pub fn new_records(&mut self) -> std::io::Result<Vec<Record>> {
        let mut file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        self.offset += complete as u64;
        Ok(bytes[..complete]
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect())
    }
}
