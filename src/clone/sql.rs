//! SQL files that build "production": for demos, examples and open-source projects.

use std::path::PathBuf;

use super::{BoxFuture, CloneError, Fetched, Inspected, Payload, Source};
use crate::context::Context;
use crate::postgres::tools::Tools;

pub(super) struct SqlSource {
    pub files: Vec<PathBuf>,
}

impl Source for SqlSource {
    fn describe(&self) -> String {
        let names: Vec<String> = self
            .files
            .iter()
            .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
            .collect();
        format!("SQL `{}`", names.join("`, `"))
    }

    fn inspect<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Inspected, CloneError>> {
        Box::pin(async {
            Ok(Inspected {
                data_as_of: Some(context.started),
                ..Inspected::default()
            })
        })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a Context,
        _: &'a Inspected,
        _: &'a Tools,
    ) -> BoxFuture<'a, Result<Fetched, CloneError>> {
        Box::pin(async { Ok(Payload::Sql(self.files.clone()).into()) })
    }
}
