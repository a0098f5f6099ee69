//! What each statement came to in all its executions: `pg_stat_statements` counts every one, also those
//! that are too short for the log, and the rows of each.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::assemble::{duration, shown};
use super::facts::{Statement, Total};
use crate::postgres::Session;
use crate::postgres::session::{During as _, QueryError};

/// Whether the server has the library loaded.
pub async fn is_loaded(session: &Session) -> Result<bool, QueryError> {
    let row = session
        .query_one(
            "select current_setting('pg_stat_statements.track', true) is not null",
            &[],
        )
        .await
        .during("look for pg_stat_statements")?;
    Ok(row.get(0))
}

/// What `role` has run in this database, the longest in total first. Makes the extension in the
/// trace's own schema where the clone has none of its own.
pub async fn read(session: &Session, role: &str) -> Result<Vec<Total>, QueryError> {
    let doing = "read pg_stat_statements";
    session
        .run(include_str!("sql/make_totals.sql"), doing)
        .await?;
    let row = session
        .query_one(include_str!("sql/schema_of_totals.sql"), &[])
        .await
        .during(doing)?;
    let rows = session
        .query(
            &include_str!("sql/totals.sql").replace("{schema}", row.get(0)),
            &[&role],
        )
        .await
        .during(doing)?;
    // Texts that differ in their values alone are one statement, utility commands too.
    let mut totals: BTreeMap<String, Total> = BTreeMap::new();
    for row in rows {
        let text = plain(row.get("query"));
        let total = totals.entry(text.clone()).or_insert_with(|| Total {
            text,
            calls: 0,
            rows: 0,
            took: Duration::ZERO,
        });
        total.calls += row.get::<_, i64>("calls").unsigned_abs();
        total.rows += row.get::<_, i64>("rows").unsigned_abs();
        total.took += duration(row.get("seconds"));
    }
    let mut totals: Vec<Total> = totals.into_values().collect();
    totals.sort_by(|a, b| b.took.cmp(&a.took).then_with(|| a.text.cmp(&b.text)));
    Ok(totals)
}

/// Gives each statement its rows, where all that ran of its text is known one by one.
pub fn give_rows(statements: &mut [Statement], totals: &[Total]) {
    let known: BTreeMap<&str, &Total> = totals
        .iter()
        .filter(|total| total.calls == 1)
        .map(|total| (total.text.as_str(), total))
        .collect();
    for statement in statements {
        if let Some(total) = known.get(plain(&statement.text).as_str()) {
            statement.rows = Some(total.rows);
        }
    }
}

/// A text in which every value, and every `$1` in place of one, is `?`. Truth and NULL are values to
/// `pg_stat_statements`.
fn plain(text: &str) -> String {
    static VALUE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\$[0-9]+|\b(?:true|false|null)\b").expect("a constant pattern is valid")
    });
    VALUE.replace_all(&shown(text), "?").into_owned()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_statement_is_known_by_both_of_its_texts() {
        assert_eq!(
            plain("update t set a = true, b = 'x' where c is not null and d > 5"),
            plain("update t set a = $1, b = $2 where c is not null and d > $3"),
        );
    }
}
