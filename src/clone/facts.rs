//! What became of the clones that a provider made, when the run gave them back.

/// What the end of a run saw.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub left: Vec<Left>,
}

/// A clone that is still there, for all that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its name.
    pub clone: String,
    /// Where: ``Neon project `shop` ``.
    pub place: String,
    /// Why it could not be removed.
    pub because: String,
    /// The id of the run that made it.
    pub run: String,
}

impl Left {
    /// For people: one sentence, without what helps.
    pub fn describe(&self) -> String {
        let Self {
            clone,
            place,
            because,
            ..
        } = self;
        format!("the clone `{clone}` in {place} may still be there: {because}")
    }

    /// What helps.
    pub fn cure(&self) -> String {
        format!(
            "delete it with `pgrehearse sweep --run-id {} --delete`",
            self.run
        )
    }
}
