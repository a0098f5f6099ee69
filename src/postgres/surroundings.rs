//! What a script of `pg_dump` says beside its objects.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::tools::{ToolError, Tools};

/// What a script of `pg_dump` says beside its objects: roles that must exist, and how its database
/// was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub roles: BTreeSet<String>,
    /// Its name, where the script makes the database.
    pub database: Option<String>,
    /// `ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C'`, as in `CREATE DATABASE`.
    pub database_options: Option<String>,
    /// `search_path TO 'public', 'audit'`, as in `ALTER DATABASE … SET`.
    pub database_settings: Vec<String>,
    pub database_owner: Option<String>,
    /// What is granted on the database, and to whom: `CREATE`, `app`.
    pub database_grants: Vec<(String, String)>,
}

impl Surroundings {
    /// Reads the schema part of `archive`.
    pub async fn read(tools: &Tools, archive: &Path) -> Result<Self, ToolError> {
        let program = tools
            .program("pg_restore", None)
            .args(["--create", "--schema-only", "--no-tablespaces", "--file=-"])
            .arg(archive);
        let script = tools.output_of(program).await?;
        let mut surroundings = Self::default();
        for line in String::from_utf8_lossy(&script).lines() {
            surroundings.read_line(line);
        }
        Ok(surroundings)
    }

    /// Reads one line of a dump's script. `pg_dump` writes these statements in one form, each on a
    /// line of its own.
    pub fn read_line(&mut self, line: &str) {
        static OWNER: LazyLock<Regex> =
            LazyLock::new(|| pattern(r#"^ALTER .* OWNER TO ("(?:[^"]|"")+"|\w+);$"#));
        static GRANT: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r"^(?:GRANT|REVOKE) .* (?:TO|FROM) (.+?)(?: WITH GRANT OPTION)?;$")
        });
        static DEFAULTS: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r#"^ALTER DEFAULT PRIVILEGES FOR ROLE ("(?:[^"]|"")+"|\w+) .* (?:TO|FROM) (.+?)(?: WITH GRANT OPTION)?;$"#,
            )
        });
        static POLICY: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r"^CREATE POLICY .* TO ((?:\x22(?:[^\x22]|\x22\x22)+\x22|\w+)(?:, (?:\x22(?:[^\x22]|\x22\x22)+\x22|\w+))*)(?: USING| WITH CHECK|;)",
            )
        });
        static DATABASE: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r#"^CREATE DATABASE ("(?:[^"]|"")+"|\w+) WITH TEMPLATE = template0 (ENCODING = .*?)(?: TABLESPACE = [^ ]+)?;$"#,
            )
        });
        static SETTING: LazyLock<Regex> =
            LazyLock::new(|| pattern(r#"^ALTER DATABASE (?:"(?:[^"]|"")+"|\w+) SET (.+);$"#));
        static DATABASE_OWNER: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"^ALTER DATABASE (?:"(?:[^"]|"")+"|\w+) OWNER TO ("(?:[^"]|"")+"|\w+);$"#)
        });
        static DATABASE_GRANT: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"^GRANT (.+) ON DATABASE (?:"(?:[^"]|"")+"|\w+) TO (.+);$"#)
        });
        static SESSION: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"^SET SESSION AUTHORIZATION '(.+)';$"));
        if let Some(found) = SESSION.captures(line) {
            self.roles.insert(found[1].replace("''", "'"));
        }
        if let Some(found) = DATABASE_OWNER.captures(line) {
            self.database_owner = role_names(&found[1]).next();
        }
        if let Some(found) = DATABASE_GRANT.captures(line) {
            self.database_grants
                .push((found[1].to_owned(), found[2].to_owned()));
        }
        let mut role_lists = Vec::new();
        if let Some(found) = DATABASE.captures(line) {
            self.database = Some(unquoted(&found[1]));
            self.database_options = Some(found[2].to_owned());
        } else if let Some(found) = SETTING.captures(line) {
            self.database_settings.push(found[1].to_owned());
        } else if let Some(found) = DEFAULTS.captures(line) {
            role_lists.extend([found[1].to_owned(), found[2].to_owned()]);
        } else if let Some(found) = OWNER
            .captures(line)
            .or_else(|| GRANT.captures(line))
            .or_else(|| POLICY.captures(line))
        {
            role_lists.push(found[1].to_owned());
        }
        for list in role_lists {
            self.roles.extend(role_names(&list));
        }
    }
}

fn unquoted(name: &str) -> String {
    name.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .map_or_else(|| name.to_owned(), |inner| inner.replace("\"\"", "\""))
}

/// The roles of a list such as `app, "odd role", PUBLIC`, without those every server has.
fn role_names(list: &str) -> impl Iterator<Item = String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#""((?:[^"]|"")+)"|(\w+)"#));
    let names: Vec<String> = NAME
        .captures_iter(list)
        .filter_map(|found| match (found.get(1), found.get(2)) {
            (Some(quoted), _) => Some(quoted.as_str().replace("\"\"", "\"")),
            (None, Some(plain)) if plain.as_str() == "PUBLIC" => None,
            (None, plain) => plain.map(|plain| plain.as_str().to_owned()),
        })
        .filter(|name| !name.starts_with("pg_") && name != "public")
        .collect();
    names.into_iter()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::Surroundings;

    #[test]
    fn roles_and_the_database_are_read_from_a_script() {
        let mut surroundings = Surroundings::default();
        for line in [
            "CREATE DATABASE toc WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';",
            "ALTER DATABASE toc OWNER TO boss;",
            "GRANT CREATE ON DATABASE toc TO app;",
            "ALTER DATABASE toc SET search_path TO 'public', 'audit';",
            "ALTER TABLE public.\"We ird\" OWNER TO \"od\"\"d\";",
            "GRANT SELECT,INSERT ON TABLE public.c TO reader WITH GRANT OPTION;",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT SELECT ON TABLES  TO \"odd role\";",
            "CREATE POLICY pol ON public.c FOR SELECT TO p1, \"p 2\" USING (true);",
            "GRANT SELECT ON TABLE public.c TO pg_monitor;",
            "    RAISE 'GRANT x TO y;';",
        ] {
            surroundings.read_line(line);
        }
        assert_eq!(
            surroundings
                .roles
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            ["app", "boss", "od\"d", "odd role", "p 2", "p1", "reader"]
        );
        assert_eq!(surroundings.database.as_deref(), Some("toc"));
        assert_eq!(
            surroundings.database_options.as_deref(),
            Some("ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8'")
        );
        assert_eq!(
            surroundings.database_settings,
            ["search_path TO 'public', 'audit'"]
        );
        assert_eq!(surroundings.database_owner.as_deref(), Some("boss"));
        assert_eq!(
            surroundings.database_grants,
            [("CREATE".to_owned(), "app".to_owned())]
        );
    }
}
