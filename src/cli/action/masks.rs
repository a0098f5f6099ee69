//! What the runner must not show in its log: the policy's passwords, in every form they take.
//!
//! A runner masks a value letter by letter, so a URL does not cover the password inside it and a
//! password does not cover its percent-encoded form.

use std::collections::BTreeSet;

use crate::policy::{Policy, Source, Target};
use crate::postgres::Endpoint;
use crate::report::annotations::data;
use crate::text::redact::{forms, is_maskable};

/// The secrets of `policy`, and the addresses of databases in the environment that it may name.
pub fn secrets(
    policy: Option<&Policy>,
    environment: impl Iterator<Item = (String, String)>,
) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Some(policy) = policy {
        if let Source::Database { endpoint, .. } = &policy.source {
            add_endpoint(&mut found, endpoint);
        }
        if let Source::Hosted(hosted) = &policy.source {
            found.insert(hosted.secret().expose().to_owned());
        }
        if let Target::Server(endpoint) = &policy.target {
            add_endpoint(&mut found, endpoint);
        }
    }
    for (_, value) in environment {
        if let Ok(endpoint) = Endpoint::parse(&value)
            && endpoint.password.is_some()
        {
            add_endpoint(&mut found, &endpoint);
            if let Some(typed) = typed_password(&value) {
                found.insert(typed.to_owned());
            }
            found.insert(value);
        }
    }
    found.retain(|secret| is_maskable(secret));
    found
}

/// The commands that make the runner mask `secrets`, one a line.
pub fn commands(secrets: &BTreeSet<String>) -> String {
    secrets
        .iter()
        // Each line of a value is masked by itself.
        .flat_map(|secret| secret.lines())
        .filter(|line| is_maskable(line))
        .map(|line| format!("::add-mask::{}\n", data(line)))
        .collect()
}

fn add_endpoint(found: &mut BTreeSet<String>, endpoint: &Endpoint) {
    let Some(password) = &endpoint.password else {
        return;
    };
    found.extend(forms(password.expose()));
    found.insert(endpoint.url().expose().to_owned());
}

/// The password as it stands in a URL, however its writer encoded it.
fn typed_password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (user, _) = authority.rsplit_once('@')?;
    Some(user.split_once(':')?.1)
}

#[cfg(test)]
mod tests {
    use super::{commands, secrets};

    fn masked(value: &str) -> String {
        let environment = [("DATABASE_URL".to_owned(), value.to_owned())];
        commands(&secrets(None, environment.into_iter()))
    }

    #[test]
    fn every_form_of_a_password_is_masked() {
        let text = masked("postgres://app:p%40ss-word@db:5432/shop?sslmode=require");
        let lines: Vec<&str> = text.lines().collect();
        for expected in [
            "::add-mask::p@ss-word",
            "::add-mask::p%2540ss-word",
            "::add-mask::p%2540ss%252Dword",
            "::add-mask::postgres://app:p%2540ss-word@db:5432/shop?sslmode=require",
        ] {
            assert!(lines.contains(&expected), "{expected} in {lines:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_not_masked() {
        for value in ["postgres://app@db/shop", "postgres://app:pw@", "hello"] {
            assert_eq!(masked(value), "", "{value}");
        }
        assert!(!masked("postgres://app:pw@db/shop").contains("::add-mask::pw\n"));
    }
}
