//! Grants as the catalogue keeps them, and as people write them.

use crate::text::Ident;

/// One privilege of one grantee.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    /// `None` is everyone.
    pub grantee: Option<String>,
    pub privilege: &'static str,
    pub option: GrantOption,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GrantOption {
    Without,
    With,
}

/// How the owner is written where grants are compared: a change of owner is a fact of its own.
const OWNER: &str = "the owner";

/// The grants of `items` (`grantee=arwd*/grantor`) as sorted texts: `select to app`.
pub(super) fn describe(items: &[String], owner: Option<&str>) -> Vec<String> {
    let mut texts: Vec<String> = items
        .iter()
        .flat_map(|item| parse(item))
        .map(|grant| {
            let grantee = match &grant.grantee {
                None => "public".to_owned(),
                Some(name) if Some(name.as_str()) == owner => OWNER.to_owned(),
                Some(name) => Ident(name).to_string(),
            };
            let option = match grant.option {
                GrantOption::With => " with grant option",
                GrantOption::Without => "",
            };
            format!("{} to {grantee}{option}", grant.privilege)
        })
        .collect();
    texts.sort();
    texts.dedup();
    texts
}

/// Reads one `aclitem` as it is written out.
fn parse(item: &str) -> Vec<Grant> {
    let (grantee, rest) = match item.strip_prefix('"') {
        // A quote in a role's name is doubled.
        Some(quoted) => match quoted.rfind("\"=") {
            Some(end) => (quoted[..end].replace("\"\"", "\""), &quoted[end + 2..]),
            None => return Vec::new(),
        },
        None => match item.split_once('=') {
            Some((name, rest)) => (name.to_owned(), rest),
            None => return Vec::new(),
        },
    };
    let letters = rest.split('/').next().unwrap_or_default();
    let mut grants: Vec<Grant> = Vec::new();
    for letter in letters.chars() {
        if letter == '*' {
            if let Some(last) = grants.last_mut() {
                last.option = GrantOption::With;
            }
        } else if let Some(privilege) = privilege(letter) {
            grants.push(Grant {
                grantee: (!grantee.is_empty()).then(|| grantee.clone()),
                privilege,
                option: GrantOption::Without,
            });
        }
    }
    grants
}

fn privilege(letter: char) -> Option<&'static str> {
    Some(match letter {
        'r' => "select",
        'a' => "insert",
        'w' => "update",
        'd' => "delete",
        'D' => "truncate",
        'x' => "references",
        't' => "trigger",
        'm' => "maintain",
        'X' => "execute",
        'U' => "usage",
        'C' => "create",
        'c' => "connect",
        'T' => "temporary",
        's' => "set",
        'A' => "alter system",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn grants_are_told_apart() {
        let items = [
            "shop=arw/shop".to_owned(),
            "=r/shop".to_owned(),
            "\"Odd=\"\"Name\"=r*w/shop".to_owned(),
        ];
        assert_eq!(
            describe(&items, Some("shop")),
            [
                "insert to the owner",
                "select to \"Odd=\"\"Name\" with grant option",
                "select to public",
                "select to the owner",
                "update to \"Odd=\"\"Name\"",
                "update to the owner",
            ]
        );
    }
}
