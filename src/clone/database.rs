//! A live database, read in one snapshot and never written to.
//!
//! Where the clone's server is of the same major version, nothing is dumped to disk: the schema goes
//! through `pg_dump`, the rows are streamed from server to server in COPY's binary format (0.36 of
//! the CPU of dump and restore by hand, 0.57 of pgcopydb's; half of it is the format). Otherwise a
//! parallel, uncompressed directory dump is made.

use tokio_postgres::Row;

use super::format::Format;
use super::live::{CopyFormat, Live, LiveRole, LiveSequence, LiveTable, Snapshot};
use super::{BoxFuture, CloneError, Fetched, Inspected, Payload, Source};
use crate::context::Context;
use crate::policy::LockTimeout;
use crate::postgres::archive::Contents;
use crate::postgres::session::{During as _, PLAIN_TEXT, QueryError};
use crate::postgres::surroundings::Surroundings;
use crate::postgres::tools::Tools;
use crate::postgres::{Endpoint, Major, Session, binaries};
use crate::text::{QualifiedName, count_of};
use crate::verdict::Stage;

pub(super) struct DatabaseSource {
    pub endpoint: Endpoint,
    pub lock_timeout: LockTimeout,
}

impl Source for DatabaseSource {
    fn describe(&self) -> String {
        format!("database `{}`", self.endpoint)
    }

    fn inspect<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Inspected, CloneError>> {
        Box::pin(async {
            let session = self.session().await?;
            let row = session
                .query_one(include_str!("sql/source.sql"), &[])
                .await
                .during("read what the source is")?;
            let version_number: i32 = row.get(0);
            let major = Major::from_version_num(version_number.unsigned_abs());
            if !binaries::SUPPORTED.contains(&major.0) {
                return Err(CloneError::Unsupported { found: row.get(1) });
            }
            self.check_readable(&session).await?;
            Ok(Inspected {
                major: Some(major),
                version: Some(row.get(1)),
                size: Some(row.get::<_, i64>(2).unsigned_abs()),
                data_as_of: Some(context.started),
                database: Some(self.endpoint.database.clone()),
                ..Inspected::default()
            })
        })
    }

    fn fetch<'a>(
        &'a self,
        context: &'a Context,
        inspected: &'a Inspected,
        tools: &'a Tools,
    ) -> BoxFuture<'a, Result<Fetched, CloneError>> {
        Box::pin(async {
            if inspected.major == Some(tools.binaries.major) {
                let live = self.hold(context, tools).await?;
                Ok(Payload::Live(Box::new(live)).into())
            } else {
                Ok(self.dump(context, tools).await?.into())
            }
        })
    }
}

impl DatabaseSource {
    /// A session that can't write and does not queue for locks.
    async fn session(&self) -> Result<Session, CloneError> {
        Ok(read_only_session(&self.endpoint, self.lock_timeout).await?)
    }

    /// Tables that can't be read would be missing from the clone; that is known now.
    ///
    /// `restore.exclude_data` is no way around it: `pg_dump` locks every table whose definition it
    /// writes, and may lock only what it may read.
    async fn check_readable(&self, session: &Session) -> Result<(), CloneError> {
        let role = || self.endpoint.user.clone();
        let (mut unreadable, mut hidden) = (Vec::new(), Vec::new());
        for row in session
            .query(include_str!("sql/unreadable.sql"), &[])
            .await
            .during("check what may be read")?
        {
            let name = QualifiedName::new(row.get::<_, String>(0), row.get::<_, String>(1));
            if row.get("is_hidden") {
                hidden.push(format!("`{name}`"));
            } else if row.get("is_sequence") {
                unreadable.push(format!("sequence `{name}`"));
            } else {
                unreadable.push(format!("`{name}`"));
            }
        }
        if !unreadable.is_empty() {
            return Err(CloneError::Unreadable {
                role: role(),
                tables: first_of(&unreadable),
            });
        }
        if !hidden.is_empty() {
            return Err(CloneError::HiddenRows {
                role: role(),
                tables: first_of(&hidden),
            });
        }
        let large_objects = session
            .query_one(include_str!("sql/large_objects.sql"), &[])
            .await
            .during("look for large objects")?;
        if large_objects.get("are_readable") {
            Ok(())
        } else {
            Err(CloneError::LargeObjects { role: role() })
        }
    }

    /// Opens a snapshot, takes the share locks that `pg_dump` would take, and reads what there is.
    async fn hold(&self, context: &Context, tools: &Tools) -> Result<Live, CloneError> {
        let holder = self.session().await?;
        holder
            .run(
                "begin isolation level repeatable read read only",
                "open a snapshot of the source",
            )
            .await?;
        let snapshot: String = holder
            .query_one("select pg_export_snapshot()", &[])
            .await
            .during("export a snapshot of the source")?
            .get(0);
        let tables = read_tables(context, &holder).await?;
        lock_tables(&holder, &tables).await?;
        context.progress.doing(
            Stage::Clone,
            format!(
                "reading the schema of {}",
                count_of(tables.len() as u64, "table")
            ),
        );
        let providers_schemas = providers_schemas(&holder).await?;
        let schema = context.workspace.file("schema.dump");
        let dump = tools
            .program("pg_dump", Some(&self.endpoint))
            .args([
                "--format=custom",
                "--schema-only",
                "--compress=0",
                "--no-password",
            ])
            .args(without_schemas(&providers_schemas))
            .arg(format!("--snapshot={snapshot}"))
            .arg(format!(
                "--lock-wait-timeout={}",
                self.lock_timeout.0.as_millis()
            ))
            .arg("--file")
            .arg(&schema);
        tools.output_of(dump).await?;
        Ok(Live {
            contents: Contents::read(tools, &schema).await?,
            surroundings: Surroundings::read(tools, &schema).await?,
            sequences: read_sequences(&holder).await?,
            roles: read_roles(&holder).await?,
            extensions: pairs(&holder, include_str!("sql/extensions.sql")).await?,
            settings: pairs(&holder, include_str!("sql/settings.sql")).await?,
            has_large_objects: holder
                .query_one(include_str!("sql/large_objects.sql"), &[])
                .await
                .during("look for large objects")?
                .get("are_there"),
            holder,
            snapshot: Snapshot {
                endpoint: self.endpoint.clone(),
                lock_timeout: self.lock_timeout,
                name: snapshot,
            },
            schema,
            tables,
            providers_schemas,
        })
    }

    /// The way for servers of another major version.
    async fn dump(&self, context: &Context, tools: &Tools) -> Result<Payload, CloneError> {
        let session = self.session().await?;
        let mut excluded = without_rows(context, &session).await?;
        excluded.extend(without_schemas(&providers_schemas(&session).await?));
        drop(session);
        let path = context.workspace.file("source.dir");
        let dump = tools
            .program("pg_dump", Some(&self.endpoint))
            // On one machine compressing costs more than it saves: 152 against 95 to 120 CPU s.
            .args([
                "--format=directory",
                "--compress=0",
                "--no-sync",
                "--no-password",
            ])
            .arg(format!("--jobs={}", context.jobs()))
            .arg(format!(
                "--lock-wait-timeout={}",
                self.lock_timeout.0.as_millis()
            ))
            .args(excluded)
            .arg("--file")
            .arg(&path);
        tools.output_of(dump).await?;
        Ok(Payload::Archive {
            contents: Contents::read(tools, &path).await?,
            format: Format::Directory,
            path,
            tools: Some(tools.clone()),
        })
    }
}

async fn providers_schemas(session: &Session) -> Result<Vec<String>, QueryError> {
    let rows = session
        .query(include_str!("sql/providers_schemas.sql"), &[])
        .await
        .during("look for what the provider keeps for itself")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What makes `pg_dump` leave out schemas; it would lock their tables.
fn without_schemas(schemas: &[String]) -> Vec<String> {
    let quoted = |schema: &String| schema.replace('"', "\"\"");
    (schemas.iter())
        .map(|schema| format!("--exclude-schema=\"{}\"", quoted(schema)))
        .collect()
}

/// What makes `pg_dump` leave out the rows that the policy leaves out.
pub(super) async fn without_rows(
    context: &Context,
    session: &Session,
) -> Result<Vec<String>, QueryError> {
    let part = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let tables = every_table(session).await?.into_iter();
    Ok(tables
        .filter(|table| is_excluded(context, &table.name))
        .map(|LiveTable { name, .. }| {
            format!(
                "--exclude-table-data={}.{}",
                part(&name.schema),
                part(&name.name)
            )
        })
        .collect())
}

/// A session with the source. What protects production here is the transaction's mode; what
/// protects its traffic is that we give up a lock before others queue behind us.
pub async fn read_only_session(
    endpoint: &Endpoint,
    lock_timeout: LockTimeout,
) -> Result<Session, crate::postgres::session::ConnectError> {
    let timeout = lock_timeout.as_setting();
    let mut settings = vec![
        ("default_transaction_read_only", "on"),
        ("lock_timeout", timeout.as_str()),
        ("search_path", ""),
        // Rows that a policy hides must be an error, not a hole.
        ("row_security", "off"),
    ];
    settings.extend(PLAIN_TEXT);
    Session::open(endpoint, &settings).await
}

/// Whether the policy leaves this table's rows out.
pub fn is_excluded(context: &Context, table: &QualifiedName) -> bool {
    context
        .policy
        .restore
        .exclude_data
        .iter()
        .any(|pattern| pattern.matches(table))
}

/// The first few of many, in words.
fn first_of(names: &[String]) -> String {
    let shown = names[..names.len().min(3)].join(", ");
    match names.len() {
        0..=3 => shown,
        all => format!("{shown} and {} more", all - 3),
    }
}

async fn read_tables(context: &Context, holder: &Session) -> Result<Vec<LiveTable>, QueryError> {
    let mut tables = every_table(holder).await?;
    tables.retain(|table| !is_excluded(context, &table.name));
    Ok(tables)
}

async fn every_table(holder: &Session) -> Result<Vec<LiveTable>, QueryError> {
    let rows = holder
        .query(include_str!("sql/tables.sql"), &[])
        .await
        .during("list the source's tables")?;
    Ok(rows
        .iter()
        .map(|row| LiveTable {
            oid: row.get("oid"),
            name: name_of(row),
            bytes: row.get("bytes"),
            columns: row.get("columns"),
            format: if row.get("has_binary_form") {
                CopyFormat::Binary
            } else {
                CopyFormat::Text
            },
        })
        .collect())
}

/// Without these, a table could be rewritten between the schema's dump and its rows' copy.
async fn lock_tables(holder: &Session, tables: &[LiveTable]) -> Result<(), QueryError> {
    for some in tables.chunks(200) {
        let names: Vec<String> = some.iter().map(|table| table.name.to_string()).collect();
        holder
            .run(
                &format!(
                    "lock table only {} in access share mode",
                    names.join(", only ")
                ),
                "lock the source's tables against changes of their schema",
            )
            .await?;
    }
    Ok(())
}

async fn read_sequences(holder: &Session) -> Result<Vec<LiveSequence>, QueryError> {
    let names: Vec<QualifiedName> = holder
        .query(include_str!("sql/sequences.sql"), &[])
        .await
        .during("list the source's sequences")?
        .iter()
        .map(name_of)
        .collect();
    let mut sequences = Vec::new();
    for some in names.chunks(200) {
        let reads: Vec<String> = some
            .iter()
            .enumerate()
            .map(|(index, name)| format!("select {index}, last_value, is_called from {name}"))
            .collect();
        let rows = holder
            .query(&reads.join(" union all "), &[])
            .await
            .during("read where the source's sequences stand")?;
        sequences.extend(rows.iter().filter_map(|row| {
            let name = some.get(usize::try_from(row.get::<_, i32>(0)).ok()?)?;
            Some(LiveSequence {
                name: name.clone(),
                last_value: row.get(1),
                is_called: row.get(2),
            })
        }));
    }
    Ok(sequences)
}

async fn read_roles(holder: &Session) -> Result<Vec<LiveRole>, QueryError> {
    let rows = holder
        .query(include_str!("sql/roles.sql"), &[])
        .await
        .during("read the source's roles")?;
    Ok(rows
        .iter()
        .map(|row| LiveRole {
            name: row.get("name"),
            attributes: row.get("attributes"),
            settings: row.get("settings"),
            member_of: row.get("member_of"),
        })
        .collect())
}

async fn pairs(holder: &Session, sql: &str) -> Result<Vec<(String, String)>, QueryError> {
    let rows = holder
        .query(sql, &[])
        .await
        .during("read the source's settings and extensions")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn name_of(row: &Row) -> QualifiedName {
    QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name"))
}
