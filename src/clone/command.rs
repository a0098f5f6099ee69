//! Anything that writes a dump to its output: `aws s3 cp …`, `ssh … pg_dump`, `zcat`.

use std::process::Stdio;

use super::dump::payload;
use super::format::DumpFile;
use super::{BoxFuture, CloneError, Fetched, Inspected, Source};
use crate::context::Context;
use crate::postgres::tools::{Tools, complaint_of};
use crate::process::child::{Program, StartError, describe_status};
use crate::text::{Mask, Secret};

pub(super) struct CommandSource {
    pub line: String,
}

impl Source for CommandSource {
    fn describe(&self) -> String {
        // The rest may hold what `${…}` stood for.
        let program = self.line.split_whitespace().next().unwrap_or_default();
        let is_plain = program
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "_-./+".contains(character));
        if is_plain && self.line.trim() == program {
            format!("command `{program}`")
        } else if is_plain {
            format!("command `{program} …`")
        } else {
            "command".to_owned()
        }
    }

    /// Nothing can be known of a command's output before it has run.
    fn inspect<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Inspected, CloneError>> {
        Box::pin(async { Ok(Inspected::default()) })
    }

    fn fetch<'a>(
        &'a self,
        context: &'a Context,
        _: &'a Inspected,
        _: &'a Tools,
    ) -> BoxFuture<'a, Result<Fetched, CloneError>> {
        Box::pin(async {
            let path = context.workspace.file("source.dump");
            let output = std::fs::File::create(&path).map_err(|source| CloneError::Read {
                path: path.clone(),
                source,
            })?;
            let running = Program::shell(&self.line, &context.run)
                .directory(&context.policy.root)
                .stdout(output.into())
                .stderr(Stdio::piped())
                .start()?;
            let ended = running.output().await.map_err(|source| StartError {
                program: self.line.clone(),
                source,
            })?;
            if !ended.status.success() {
                let said = complaint_of(&String::from_utf8_lossy(&ended.stderr));
                return Err(CloneError::Command {
                    how: describe_status(ended.status),
                    said: context.mask.apply(&self.without_values(&said)),
                });
            }
            if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == 0) {
                return Err(CloneError::Empty);
            }
            let file = DumpFile::open(&path).await?;
            Ok(payload(context, file).await?.into())
        })
    }
}

impl CommandSource {
    /// `text` without the values that the environment gave to the command's line: a `${…}` there is
    /// as good as a secret.
    fn without_values(&self, text: &str) -> String {
        let mut mask = Mask::default();
        for (_, value) in std::env::vars() {
            if value.len() >= 6 && self.line.contains(&value) {
                mask.add(&Secret::new(value));
            }
        }
        mask.apply(text)
    }
}
