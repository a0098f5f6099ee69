//! Production's own planner statistics, carried to the clone: its plans without the cost of ANALYZE.
//!
//! ANALYZE was 18 % of a clone's CPU. What can't be carried is analyzed: tables that production has
//! not analyzed, those with a type that has no binary form, those with statistics objects; and every
//! table where the role may not read `pg_statistic`, where rows are masked (the statistics are
//! samples of them), and on a server that is not ours.

use std::collections::{BTreeMap, BTreeSet};

use super::{copy, noise, run_all};
use crate::clone::{CloneError, CopyFormat, Live};
use crate::context::Context;
use crate::postgres::Session;
use crate::postgres::session::{During as _, QueryError};
use crate::restore::Analyzed;
use crate::target::Target;
use crate::text::QualifiedName;

/// The tables of `live` whose statistics the clone can take.
pub async fn to_carry(
    context: &Context,
    target: &Target,
    live: &Live,
) -> Result<BTreeSet<u32>, QueryError> {
    let doing = "read what the source has statistics of";
    let readable: bool = live
        .holder
        .query_one(
            "select has_table_privilege('pg_catalog.pg_statistic', 'select')",
            &[],
        )
        .await
        .during(doing)?
        .get(0);
    if !readable || !target.is_ours() || !context.policy.restore.mask.is_empty() {
        return Ok(BTreeSet::new());
    }
    let tables: Vec<u32> = live
        .tables
        .iter()
        .filter(|table| table.format == CopyFormat::Binary)
        .map(|table| table.oid)
        .collect();
    let rows = live
        .holder
        .query(
            "select distinct starelid from pg_statistic where starelid = any ($1)",
            &[&tables],
        )
        .await
        .during(doing)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What the planner knows of the clone, and what was counted on the way.
#[derive(Default)]
pub struct Planned {
    pub analyzed: Analyzed,
    /// The rows of tables that the clone's server has counted since they were written.
    pub counted: BTreeMap<QualifiedName, u64>,
    pub errors: Vec<noise::RestoreError>,
}

/// Carries the statistics of `tables` over, and analyzes what has statistics objects.
///
/// Values that the clone can't read are no reason to fail: then all of it is analyzed.
pub async fn carry(
    live: &Live,
    tables: &BTreeSet<u32>,
    copied: &BTreeMap<QualifiedName, u64>,
    session: &Session,
) -> Result<Planned, CloneError> {
    let mut planned = Planned::default();
    if !tables.is_empty() {
        let carried: BTreeMap<QualifiedName, u64> = live
            .tables
            .iter()
            .filter(|table| tables.contains(&table.oid))
            .filter_map(|table| Some((table.name.clone(), *copied.get(&table.name)?)))
            .collect();
        planned.counted = counted(session, &carried).await?;
        // A session of its own: an error would end the holder's transaction, and with it the snapshot.
        let source = live.snapshot.session().await?;
        if let Err(error) = take(&source, tables, &carried, session).await {
            tracing::debug!(%error, cause = %error.source, "statistics were not carried over");
            return Ok(planned);
        }
    }
    let objects = session
        .query(include_str!("../sql/extended_statistics.sql"), &[])
        .await
        .during("list the statistics objects")?;
    let statements = objects
        .iter()
        .map(|row| format!("analyze {}", row.get::<_, &str>(0)))
        .collect();
    planned.analyzed = Analyzed::Yes;
    planned.errors = run_all(session, statements).await;
    Ok(planned)
}

/// Of `copied`, the tables in which an index's build has found as many rows as were written: it reads
/// each of them, and the server keeps its count, so that nobody has to read them again. A table that
/// was analyzed has an estimate there instead; none of those may be among `copied`.
async fn counted(
    session: &Session,
    copied: &BTreeMap<QualifiedName, u64>,
) -> Result<BTreeMap<QualifiedName, u64>, QueryError> {
    let names: Vec<String> = copied.keys().map(QualifiedName::to_string).collect();
    let rows = session
        .query(
            "select c.reltuples from unnest($1::text[]) with ordinality as asked (name, place) \
             left join pg_class c on c.oid = to_regclass(asked.name) order by asked.place",
            &[&names],
        )
        .await
        .during("read how many rows the indexes were built of")?;
    Ok(copied
        .iter()
        .zip(&rows)
        .filter(|((_, written), row)| row.get::<_, Option<f32>>(0) == Some(as_reltuples(**written)))
        .map(|((name, written), _)| (name.clone(), *written))
        .collect())
}

/// A count as the catalogue has it: exact up to 16 million, then to the seventh digit.
#[allow(
    clippy::cast_precision_loss,
    reason = "the catalogue has it as a float4"
)]
fn as_reltuples(rows: u64) -> f32 {
    rows as f32
}

async fn take(
    source: &Session,
    tables: &BTreeSet<u32>,
    copied: &BTreeMap<QualifiedName, u64>,
    session: &Session,
) -> Result<(), QueryError> {
    let doing = "take over the source's statistics";
    let oids: Vec<String> = tables.iter().map(u32::to_string).collect();
    let list = format!("{{{}}}", oids.join(","));
    session
        .run(include_str!("../sql/statistics_table.sql"), doing)
        .await?;
    let read = include_str!("../sql/source_statistics.sql").replace("{tables}", &list);
    copy::relay(
        source,
        &format!("copy ({read}) to stdout"),
        session,
        "copy pg_temp.pgrehearse_statistics from stdin",
    )
    .await?;
    let names: Vec<String> = copied.keys().map(QualifiedName::to_string).collect();
    let rows: Vec<f32> = copied.values().map(|rows| as_reltuples(*rows)).collect();
    // The one setting of `PLAIN_TEXT` that reading, too, goes by.
    session
        .run(
            "set allow_system_table_mods = on; set lc_monetary = 'C'",
            doing,
        )
        .await?;
    let taken = session
        .execute(include_str!("../sql/take_statistics.sql"), &[])
        .await
        .during(doing);
    let sized = session
        .execute(include_str!("../sql/take_sizes.sql"), &[&names, &rows])
        .await
        .during(doing);
    session
        .run(
            "reset allow_system_table_mods; reset lc_monetary; drop table pg_temp.pgrehearse_statistics",
            doing,
        )
        .await?;
    taken.and(sized).map(|_| ())
}
