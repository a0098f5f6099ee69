//! The environment of the user's own commands: the clone's address in every form, and no other
//! database's.
//!
//! A migration tool reads whatever variable it was configured with, and loads `.env` files. If one
//! of them leads to production, the rehearsal is the accident. So every variable that holds a
//! PostgreSQL address, and every variable that the policy names, stays behind.

use std::collections::BTreeSet;

use super::child::Program;
use crate::postgres::Endpoint;
use crate::postgres::endpoint::Host;
use crate::text::Secret;

/// The clone as commands see it.
#[derive(Clone, Debug)]
pub struct Address<'a> {
    pub endpoint: &'a Endpoint,
    /// The application's own port, where there is one.
    pub port: Option<u16>,
}

impl Address<'_> {
    /// `template` with `{clone_url}`, `{jdbc_url}`, `{host}`, `{port_of_clone}`, `{database}`,
    /// `{user}`, `{password}` and `{port}` replaced.
    pub fn fill(&self, template: &str) -> String {
        let password = self
            .endpoint
            .password
            .as_ref()
            .map_or("", |password| password.expose());
        let mut filled = template
            .replace("{clone_url}", self.endpoint.url().expose())
            .replace("{jdbc_url}", &self.endpoint.jdbc_url())
            .replace("{host}", &self.host())
            .replace("{port_of_clone}", &self.endpoint.port.to_string())
            .replace("{database}", &self.endpoint.database)
            .replace("{user}", &self.endpoint.user)
            .replace("{password}", password);
        if let Some(port) = self.port {
            filled = filled.replace("{port}", &port.to_string());
        }
        filled
    }

    fn host(&self) -> String {
        match &self.endpoint.host {
            Host::Tcp(host) => match self.endpoint.address {
                Some(address) => address.to_string(),
                None => host.clone(),
            },
            Host::Socket(path) => path.to_string_lossy().into_owned(),
        }
    }

    /// The libpq variables and the JDBC ones that Java tools know from hosting providers.
    fn variables(&self) -> Vec<(&'static str, Secret)> {
        let mut variables = self.endpoint.libpq_variables();
        variables.push(("JDBC_DATABASE_URL", Secret::new(self.endpoint.jdbc_url())));
        variables.push((
            "JDBC_DATABASE_USERNAME",
            Secret::new(self.endpoint.user.clone()),
        ));
        if let Some(password) = &self.endpoint.password {
            variables.push(("JDBC_DATABASE_PASSWORD", password.clone()));
        }
        variables
    }
}

/// Gives `program` the clone's address and takes every other database's from it.
///
/// `named` are the variables that the policy names; `own` are its settings for this command, in
/// which placeholders are filled.
pub fn prepare(
    mut program: Program,
    address: &Address<'_>,
    named: &BTreeSet<String>,
    own: &[(String, String)],
) -> Program {
    let is_action = std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let leads_elsewhere = is_address(&value.to_string_lossy())
            || named.contains(name.as_ref())
            || (name.starts_with("PG") && !name.starts_with("PGREHEARSE_"))
            || (is_action && is_the_action_s(&name));
        if leads_elsewhere {
            program = program.without_env(name.as_ref());
        }
    }
    for (name, value) in told(address, own) {
        program = program.secret_env(&name, &value);
    }
    program
}

/// The variables that lead a command to the clone, whatever starts it. Of one name, the last counts.
pub fn told(address: &Address<'_>, own: &[(String, String)]) -> Vec<(String, Secret)> {
    let usual = address
        .variables()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let own = own
        .iter()
        .map(|(name, value)| (name.clone(), Secret::new(address.fill(value))));
    usual.chain(own).collect()
}

/// What a runner gives to an action and not to a `run` step: the inputs, the token among them; the
/// runner's own tokens; the files by which an action answers. The commands are the pull request's.
fn is_the_action_s(name: &str) -> bool {
    // A comment that says go is made with the first.
    const OTHERS: [&str; 6] = [
        "GITHUB_TOKEN",
        "GITHUB_ENV",
        "GITHUB_OUTPUT",
        "GITHUB_PATH",
        "GITHUB_STATE",
        "GITHUB_STEP_SUMMARY",
    ];
    ["INPUT_", "ACTIONS_"]
        .iter()
        .any(|start| name.starts_with(start))
        || OTHERS.contains(&name)
}

fn is_address(value: &str) -> bool {
    [
        "postgres://",
        "postgresql://",
        "jdbc:postgresql:",
        "postgresql+",
    ]
    .iter()
    .any(|scheme| value.contains(scheme))
}

#[cfg(test)]
mod tests {
    use super::{Address, is_address, is_the_action_s};
    use crate::postgres::Endpoint;

    #[test]
    fn placeholders_are_filled() {
        let endpoint = Endpoint::parse("postgres://app:pw@127.0.0.1:5433/shop").expect("valid");
        let address = Address {
            endpoint: &endpoint,
            port: Some(8080),
        };
        assert_eq!(
            address.fill("{jdbc_url}?user={user} {host}:{port_of_clone}/{database} {port} {other}"),
            "jdbc:postgresql://127.0.0.1:5433/shop?user=app 127.0.0.1:5433/shop 8080 {other}"
        );
    }

    #[test]
    fn the_action_s_own_variables_stay_behind() {
        for name in [
            "INPUT_GITHUB-TOKEN",
            "GITHUB_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "GITHUB_OUTPUT",
        ] {
            assert!(is_the_action_s(name), "{name}");
        }
        for name in ["GITHUB_SHA", "CI", "HOME"] {
            assert!(!is_the_action_s(name), "{name}");
        }
    }

    #[test]
    fn addresses_of_databases_are_recognised() {
        for value in [
            "postgres://u@h/d",
            "postgresql+asyncpg://u@h/d",
            "jdbc:postgresql://h/d",
            "{\"db\":\"postgresql://u@h/d\"}",
        ] {
            assert!(is_address(value), "{value}");
        }
        assert!(!is_address("redis://h"));
    }
}
