//! Which statement of the schema's archive follows which table's rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::context::Context;
use crate::restore::RestoreError;
use crate::target::Target;
use crate::text::{QualifiedName, sql};

/// What is built on one table.
#[derive(Clone, Debug, Default)]
pub struct AfterRows {
    /// One after another: each takes the table for itself.
    pub keys: Vec<String>,
    /// All at once: `CREATE INDEX` shares.
    pub indexes: Vec<String>,
    /// Needs the indexes: `CLUSTER ON`, `REPLICA IDENTITY`, statistics of index columns.
    pub last: Vec<String>,
}

/// The order of the work.
pub struct Plan {
    pub by_table: BTreeMap<QualifiedName, AfterRows>,
    /// Indexes and keys of tables without rows of their own.
    pub after_data: Vec<String>,
    /// The list of everything else after the data.
    pub rest: String,
}

/// Sorts the statements of an archive's post-data part.
pub async fn read(
    context: &Context,
    target: &Target,
    archive: &Path,
    list: &str,
) -> Result<Plan, RestoreError> {
    let path = context.workspace.file("post-data.list");
    std::fs::write(&path, indexes_of(list)).map_err(|source| RestoreError::ReadDump {
        path: path.clone(),
        source,
    })?;
    let program = target
        .tools
        .program("pg_restore", None)
        .args(["--section=post-data", "--file=-", "--no-tablespaces"])
        .arg("--use-list")
        .arg(&path)
        .arg(archive);
    let script = target.tools.output_of(program).await?;
    let mut plan = sort(&String::from_utf8_lossy(&script));
    plan.rest = list
        .lines()
        .filter(|line| !is_index(line))
        .map(|line| format!("{line}\n"))
        .collect();
    Ok(plan)
}

fn indexes_of(list: &str) -> String {
    list.lines()
        .filter(|line| is_index(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// `3373; 1259 16591 INDEX public p_id_idx x`, and keys (`CONSTRAINT`), but not what attaches.
fn is_index(line: &str) -> bool {
    let described = line.splitn(4, ' ').nth(3).unwrap_or_default();
    described.starts_with("INDEX ") && !described.starts_with("INDEX ATTACH ")
        || described.starts_with("CONSTRAINT ")
}

fn sort(script: &str) -> Plan {
    static ON_TABLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?s)^(?:CREATE (?:UNIQUE )?INDEX (?:"(?:[^"]|"")+"|[^ ]+) ON|ALTER TABLE ONLY) ((?:"(?:[^"]|"")+"|[^ ."]+)\.(?:"(?:[^"]|"")+"|[^ ."]+))\s"#,
        )
        .expect("a constant pattern is valid")
    });
    let mut plan = Plan {
        by_table: BTreeMap::new(),
        after_data: Vec::new(),
        rest: String::new(),
    };
    for statement in sql::statements(script) {
        let text = statement.text;
        let head = sql::leading_words(text, 2).join(" ");
        if head.starts_with("set") || head.starts_with("select") {
            continue;
        }
        let table = ON_TABLE
            .captures(text)
            .and_then(|found| QualifiedName::parse(&found[1]));
        match table {
            Some(table) => {
                let after = plan.by_table.entry(table).or_default();
                if text.starts_with("CREATE ") {
                    after.indexes.push(text.to_owned());
                } else if text.contains("ADD CONSTRAINT") {
                    after.keys.push(text.to_owned());
                } else {
                    after.last.push(text.to_owned());
                }
            }
            // `CREATE INDEX … ON ONLY parent`, `ALTER INDEX … SET STATISTICS`.
            None => plan.after_data.push(text.to_owned()),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::{is_index, sort};
    use crate::text::QualifiedName;

    #[test]
    fn statements_follow_their_table() {
        let plan = sort(
            "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n\
             ALTER TABLE ONLY public.orders\n    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n\
             ALTER TABLE ONLY public.orders CLUSTER ON orders_pkey;\n\
             CREATE INDEX \"odd; name\" ON public.\"We ird\" USING btree (a);\n\
             CREATE UNIQUE INDEX u ON public.orders USING btree (lower(note));\n\
             CREATE INDEX p_idx ON ONLY public.p USING btree (id);\n",
        );
        let orders = &plan.by_table[&QualifiedName::new("public", "orders")];
        assert_eq!(
            (orders.keys.len(), orders.indexes.len(), orders.last.len()),
            (1, 1, 1)
        );
        assert!(
            plan.by_table
                .contains_key(&QualifiedName::new("public", "We ird"))
        );
        assert_eq!(plan.after_data.len(), 1);
    }

    #[test]
    fn indexes_are_told_from_what_attaches_them() {
        assert!(is_index("3373; 1259 16591 INDEX public p_id_idx x"));
        assert!(is_index(
            "3372; 2606 16584 CONSTRAINT public We ird We ird_pkey app"
        ));
        assert!(!is_index("3377; 0 0 INDEX ATTACH public p1_id_idx x"));
        assert!(!is_index(
            "3378; 2606 16608 FK CONSTRAINT public c c_w_fkey x"
        ));
        assert!(!is_index(
            "3379; 2606 16609 CHECK CONSTRAINT public c c_check x"
        ));
    }
}
