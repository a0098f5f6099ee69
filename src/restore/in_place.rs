//! A clone that is used where its provider made it: nothing is loaded, all else is as with the others.

use std::collections::BTreeMap;

use super::settle::{analyze, appoint, caveats, mask};
use super::{Analyzed, Facts, Fidelity, Restoration, RestoreError, Restored, disarm, warm};
use crate::clone::InPlace;
use crate::cloud::Blocks;
use crate::context::Context;
use crate::target::Target;
use crate::verdict::{Provenance, Stage};
use crate::verify::Observation;

/// Settles the clone. That it is one was shown when it was made.
pub(super) async fn run(
    context: &Context,
    target: Target,
    clone: InPlace,
    mut provenance: Provenance,
) -> Result<Restoration, RestoreError> {
    let database = target.whole(&clone.endpoint);
    let session = database.session().await?;
    let into = &database.admin;
    let warmed = match clone.blocks {
        Blocks::There => None,
        Blocks::Lazy => Some(warm::run(context, into, &session).await?),
    };
    context.progress.doing(Stage::Restore, "counting every row");
    let none = BTreeMap::new();
    let counted = warmed.as_ref().map_or(&none, |warmed| &warmed.counted);
    let mut before = Observation::take(into, context.jobs(), counted).await?;
    let fidelity = Fidelity {
        tables: before.tables.len(),
        rows: before.rows.values().sum(),
        rows_not_compared: Some("the clone is the provider's, whole".to_owned()),
        ..Fidelity::default()
    };
    let mut disarmed = disarm::run(&session).await?;
    disarmed.extend(clone.disarmed);
    if !context.policy.restore.mask.is_empty() {
        mask(context, &target, into, &session).await?;
        analyze(context, into, &session, &before, Analyzed::No).await?;
        before = Observation::take(into, context.jobs(), &none).await?;
    }
    drop(session);
    let migrator = appoint(context, &target, &database, None).await?;
    provenance
        .caveats
        .extend(caveats(context, &target, &[], &[], &disarmed, &fidelity));
    let cold = warmed.map(|warmed| warmed.cold);
    let caveat = (cold.as_ref()).map(|cold| warm::caveat(cold.as_ref()));
    provenance.caveats.extend(caveat);
    Ok(Restoration {
        facts: Facts {
            fidelity,
            cold: cold.flatten(),
            errors: Vec::new(),
        },
        provenance: provenance.clone(),
        restored: Some(Restored {
            target,
            database,
            migrator,
            provenance,
            before,
            disarmed,
            left_out: Vec::new(),
            without: Vec::new(),
            production_settings: Vec::new(),
            database_options: String::new(),
        }),
    })
}
