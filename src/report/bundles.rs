//! Many findings of one rule, read as one: a year of dropped columns is one thing to think about.
//! What programs read, `report.json` and `junit.xml`, has each for itself.

use crate::text::count_of;
use crate::verdict::{Finding, Judged, Level};

/// So many findings of one rule can be read one by one.
const ALONE: usize = 3;

/// What a reader is shown at once.
pub enum Item<'r> {
    One(&'r Judged),
    Bundle(Bundle<'r>),
}

/// The findings of one rule, at one level, that do not stand for themselves.
pub struct Bundle<'r> {
    pub rule: &'static str,
    pub level: Level,
    pub findings: Vec<&'r Judged>,
    /// How many stand for themselves before it.
    before: usize,
}

/// What each of a level's findings weighs to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The first ones of a rule are read in full, however many there are.
    Heavy,
    Light,
}

/// The findings in their order, with those of a rule that has many put together.
pub fn of<'r>(findings: impl Iterator<Item = &'r Judged>, weight: Weight) -> Vec<Item<'r>> {
    let findings: Vec<&Judged> = findings.collect();
    let mut items: Vec<Item<'r>> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for judged in &findings {
        let rule = judged.finding.rule;
        if told.contains(&rule) {
            continue;
        }
        told.push(rule);
        let of_rule: Vec<&Judged> = (findings.iter().copied())
            .filter(|judged| judged.finding.rule == rule)
            .collect();
        let before = match weight {
            _ if of_rule.len() <= ALONE => of_rule.len(),
            Weight::Heavy => ALONE,
            Weight::Light => 0,
        };
        let (alone, together) = of_rule.split_at(before);
        items.extend(alone.iter().copied().map(Item::One));
        if !together.is_empty() {
            items.push(Item::Bundle(Bundle {
                rule,
                level: judged.level,
                findings: together.to_vec(),
                before,
            }));
        }
    }
    items
}

impl<'r> Bundle<'r> {
    /// `27 more findings`.
    pub fn count(&self) -> String {
        let number = self.findings.len() as u64;
        match self.before {
            0 => count_of(number, "finding"),
            _ => count_of(number, "more finding"),
        }
    }

    /// What every finding of it says alike.
    pub fn shared(&self, part: fn(&Finding) -> Option<&str>) -> Option<&'r str> {
        let mut each = self.findings.iter().map(|judged| part(&judged.finding));
        let said = each.next()??;
        each.all(|other| other == Some(said)).then_some(said)
    }
}
