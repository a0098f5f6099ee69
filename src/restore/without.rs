//! Objects of production that the clone does without, since they need an extension that only the provider
//! has. What fails for want of them says nothing of the migration.

use super::{Fidelity, RestoreError, noise};

/// SQLSTATEs of something that is not there: a table, a function, a type.
const NOT_THERE: [&str; 3] = ["42P01", "42883", "42704"];

/// An object that was not restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// In the words of its restore: `CREATE FUNCTION public.uri`.
    pub object: String,
    pub extension: &'static str,
}

impl Without {
    /// Whether it is what a server that says this did not find.
    pub fn is_missed(&self, sqlstate: &str, message: &str) -> bool {
        NOT_THERE.contains(&sqlstate) && self.is_missing_in(message)
    }

    fn is_missing_in(&self, message: &str) -> bool {
        let quoted = message.split('"').nth(1);
        let called = (message.strip_prefix("function "))
            .or(message.strip_prefix("procedure "))
            .and_then(|rest| rest.split('(').next());
        message.ends_with("does not exist")
            && called.or(quoted).is_some_and(|name| self.is_called(name))
    }

    /// Its kind and its name, where it is something that would have been made.
    fn made(&self) -> Option<&str> {
        let made = self.object.strip_prefix("CREATE ")?;
        let end = [" ON ", " USING", " AS "]
            .iter()
            .filter_map(|word| made.find(word))
            .min();
        Some(&made[..end.unwrap_or(made.len())])
    }

    /// Whether it bears that name; a schema before it is in what we know of the object too.
    fn is_called(&self, name: &str) -> bool {
        let words = |text: &str| -> Vec<String> {
            let is_end = |character: char| !character.is_alphanumeric() && character != '_';
            let all = text.split(is_end).filter(|word| !word.is_empty());
            all.map(str::to_owned).collect()
        };
        let Some(known) = self.made().map(words) else {
            return false;
        };
        let name = words(name);
        !name.is_empty() && name.iter().all(|word| known.contains(word))
    }
}

/// Takes from the errors of a restore those that come of an extension that only the provider has: of objects
/// that need it, and of all that needs such an object. Each object becomes a caveat.
pub(super) fn sort_out(
    errors: Vec<noise::RestoreError>,
    caveats: &mut Vec<String>,
) -> (Vec<Without>, Vec<noise::RestoreError>) {
    let (mut without, mut left) = (Vec::<Without>::new(), Vec::new());
    // Errors come in the order of the restore: what is needed comes before what needs it.
    for error in errors {
        let needed = without.iter().find(|one| one.is_missing_in(&error.message));
        let extension =
            noise::provider_part(&error.message).or_else(|| needed.map(|needed| needed.extension));
        let Some(extension) = extension else {
            left.push(error);
            continue;
        };
        let object = error.describe().to_owned();
        let goes_with_it = needed.is_some_and(|needed| goes_with(&error, needed));
        let caveat = format!(
            "left out: `{object}`, which needs the extension `{extension}`; that exists only at the provider"
        );
        if !goes_with_it && !caveats.contains(&caveat) {
            caveats.push(caveat);
        }
        without.push(Without { object, extension });
    }
    (without, left)
}

/// Whether what failed is of the missing object alone: its owner, its grants, its comments. What was to be
/// changed of another object is something that the clone does without.
fn goes_with(error: &noise::RestoreError, missing: &Without) -> bool {
    let is_of_any = ["grant ", "revoke ", "comment "]
        .iter()
        .any(|word| error.statement.starts_with(word));
    let altered = error.describe().strip_prefix("ALTER ");
    is_of_any
        || altered
            .zip(missing.made())
            .is_some_and(|(altered, made)| altered.starts_with(made))
}

/// Why tables are missing, where each of them needs what only the provider has.
pub(super) fn tables(without: &[Without], fidelity: &Fidelity) -> Option<RestoreError> {
    let missing = &fidelity.missing_tables;
    let first = missing.first()?;
    let extension = of_table(without, first)?.extension;
    let are_all = missing
        .iter()
        .all(|table| of_table(without, table).is_some());
    are_all.then(|| RestoreError::ProvidersAlone {
        tables: missing.clone(),
        extension,
    })
}

/// The same, before rows are streamed into `tables`: by the errors that making them ended with.
pub(super) fn before_the_rows(
    errors: &[noise::RestoreError],
    tables: impl Iterator<Item = String>,
) -> Option<RestoreError> {
    let (without, _) = sort_out(errors.to_vec(), &mut Vec::new());
    let missing: Vec<String> = tables
        .filter(|table| of_table(&without, table).is_some())
        .collect();
    Some(RestoreError::ProvidersAlone {
        extension: of_table(&without, missing.first()?)?.extension,
        tables: missing,
    })
}

fn of_table<'w>(without: &'w [Without], table: &str) -> Option<&'w Without> {
    let is_it = |one: &&Without| one.object.contains("TABLE ") && one.is_called(table);
    without.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(object: &str) -> Without {
        Without {
            object: object.to_owned(),
            extension: "aws_commons",
        }
    }

    #[test]
    fn a_failure_for_want_of_it_is_known() {
        let uri = without("CREATE FUNCTION public.uri");
        for (sqlstate, message, expected) in [
            ("42883", "function public.uri(integer) does not exist", true),
            ("42883", "function uri(integer) does not exist", true),
            ("42883", "function urn(integer) does not exist", false),
            ("42P01", "relation \"orders\" does not exist", false),
            ("42501", "permission denied for function uri", false),
        ] {
            assert_eq!(uri.is_missed(sqlstate, message), expected, "{message}");
        }
    }

    #[test]
    fn what_needs_it_goes_with_it() {
        let error = |statement: &str, about: &str, message: &str| noise::RestoreError {
            about: about.to_owned(),
            message: message.to_owned(),
            statement: statement.to_owned(),
        };
        let missing = "function public.uri(text) does not exist";
        let errors = vec![
            error(
                "create function public",
                "CREATE FUNCTION public.uri",
                "schema \"aws_commons\" does not exist",
            ),
            error(
                "alter function public",
                "ALTER FUNCTION public.uri",
                missing,
            ),
            error("create view public", "CREATE VIEW public.uris", missing),
            error(
                "alter table public",
                "ALTER TABLE public.orders ADD",
                missing,
            ),
            error(
                "create view public",
                "CREATE VIEW public.urns",
                "function public.urn(text) does not exist",
            ),
        ];
        let mut caveats = Vec::new();
        let (without, left) = sort_out(errors, &mut caveats);
        assert_eq!((without.len(), left.len(), caveats.len()), (4, 1, 3));
        assert!(
            caveats[2].contains("`ALTER TABLE public.orders ADD`, which needs"),
            "{caveats:?}"
        );
        let renamed = "relation \"orders\" does not exist";
        assert!(!without.iter().any(|one| one.is_missed("42P01", renamed)));
        assert!(of_table(&without, "public.orders").is_none());
        assert!(
            caveats[1].contains("`CREATE VIEW public.uris`, which needs"),
            "{caveats:?}"
        );
    }

    #[test]
    fn a_table_that_is_missing_for_another_reason_is_not_explained() {
        let uploads = [without("CREATE TABLE public.uploads")];
        let missing = |tables: &[&str]| Fidelity {
            missing_tables: tables.iter().map(|&table| table.to_owned()).collect(),
            ..Fidelity::default()
        };
        assert!(tables(&uploads, &missing(&["public.uploads"])).is_some());
        assert!(tables(&uploads, &missing(&["public.uploads", "public.orders"])).is_none());
        assert!(tables(&uploads, &missing(&[])).is_none());
    }
}
