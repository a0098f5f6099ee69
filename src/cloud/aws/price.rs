//! Roughly what things cost: list prices on demand in one zone of `us-east-1`, as of 2026. Other regions
//! are up to half as dear again; an estimate is for seeing what a leak costs, not for a bill.

/// Hours of a month.
const HOURS: f64 = 730.0;

/// What Aurora asks for the same class, as a factor.
const AURORA: f64 = 1.16;

/// An Aurora capacity unit, an hour.
const UNIT: f64 = 0.12;

/// A GiB of a snapshot, a month. What changed since the last one is billed, which is less.
const SNAPSHOT: f64 = 0.095;

/// Dollars an hour of the size `large`, by family. Other sizes of a family follow from it.
const LARGE: &[(&str, f64)] = &[
    ("t3", 0.145),
    ("t4g", 0.129),
    ("m5", 0.178),
    ("m5d", 0.210),
    ("m6g", 0.159),
    ("m6gd", 0.189),
    ("m6i", 0.178),
    ("m7g", 0.168),
    ("m7i", 0.187),
    ("m8g", 0.176),
    ("r5", 0.250),
    ("r5b", 0.300),
    ("r5d", 0.292),
    ("r6g", 0.225),
    ("r6gd", 0.270),
    ("r6i", 0.250),
    ("r7g", 0.239),
    ("r7i", 0.263),
    ("r8g", 0.251),
    ("x2g", 0.377),
];

/// Sizes, in `large`.
const SIZES: &[(&str, f64)] = &[
    ("micro", 0.125),
    ("small", 0.25),
    ("medium", 0.5),
    ("large", 1.0),
    ("xlarge", 2.0),
    ("2xlarge", 4.0),
    ("4xlarge", 8.0),
    ("8xlarge", 16.0),
    ("12xlarge", 24.0),
    ("16xlarge", 32.0),
    ("24xlarge", 48.0),
    ("32xlarge", 64.0),
];

/// An instance's own storage.
pub(super) struct Storage<'a> {
    pub kind: &'a str,
    pub gibibytes: i32,
    pub iops: i32,
}

impl Storage<'_> {
    /// Dollars a month.
    fn month(&self) -> f64 {
        let gibibytes = f64::from(self.gibibytes);
        match self.kind {
            "io1" | "io2" => gibibytes * 0.125 + f64::from(self.iops) * 0.10,
            "standard" => gibibytes * 0.10,
            _ => gibibytes * 0.115,
        }
    }

    /// Dollars an hour.
    pub fn hour(&self) -> f64 {
        self.month() / HOURS
    }
}

/// Dollars a month. `None`: the class is not known here.
pub(super) fn instance(class: &str, engine: &str, storage: &Storage<'_>) -> Option<f64> {
    if engine.starts_with("aurora") {
        return Some(aurora_hour(class)? * HOURS);
    }
    Some(hour(class)? * HOURS + storage.month())
}

/// Dollars an hour of an Aurora cluster's instance. `None`: the class is not known here.
pub(super) fn aurora_hour(class: &str) -> Option<f64> {
    Some(hour(class)? * AURORA)
}

/// Dollars an hour of a serverless instance of so many capacity units.
pub(super) fn serverless_hour(units: f64) -> f64 {
    units * UNIT
}

/// Dollars a month.
pub(super) fn snapshot(gibibytes: i32) -> f64 {
    f64::from(gibibytes) * SNAPSHOT
}

/// Dollars an hour of a snapshot, if all of it is billed.
pub(super) fn snapshot_hour(gibibytes: i32) -> f64 {
    snapshot(gibibytes) / HOURS
}

/// Dollars an hour of an RDS class such as `db.r6g.large`. `None`: it is not known here.
pub fn hour(class: &str) -> Option<f64> {
    let (family, size) = class.strip_prefix("db.")?.split_once('.')?;
    let of = |table: &[(&str, f64)], wanted: &str| {
        (table.iter())
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    };
    Some(of(LARGE, family)? * of(SIZES, size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_near_the_price_list() {
        let storage = Storage {
            kind: "gp3",
            gibibytes: 100,
            iops: 3000,
        };
        let month = instance("db.r6g.large", "postgres", &storage).expect("known");
        assert!((170.0..180.0).contains(&month), "{month}");
        let micro = hour("db.t4g.micro").expect("known");
        assert!((0.015..0.017).contains(&micro), "{micro}");
        assert_eq!(instance("db.z9.large", "postgres", &storage), None);
    }
}
