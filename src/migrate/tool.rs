//! Migration tools by name: what a policy need not say when it names one.
//!
//! Each entry is what the tool's own source or documentation says of its files, its history table
//! and its command line. A tool that reads `.env` by itself is told not to: that file may name
//! another database.

/// How a migration file is named in the tool's history table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The file's name without its endings: `0001_init`.
    Stem,
    /// The file's whole name: `20240101_init.js`.
    FileName,
    /// The number that the name begins with: `20240101120000`.
    LeadingNumber,
    /// The text before the first `_`: Atlas versions need not be numbers.
    BeforeUnderscore,
    /// The directory the file is in: `20240101120000_init/migration.sql`.
    Directory,
    /// The number that the directory begins with, dashes removed: Diesel's `2024-01-01-120000_init`.
    DirectoryNumber,
    /// Flyway's `V1_2__init.sql`, recorded as `1.2`.
    Flyway,
    /// Django's `shop/migrations/0001_initial.py`, recorded as `shop` and `0001_initial`.
    Django,
    /// The `revision` in the file, and everything it builds on.
    Alembic,
    /// The `when` of the entry in `meta/_journal.json`.
    DrizzleJournal,
    /// The history can't be matched with files: Liquibase records change sets, not files.
    Unmatched,
}

/// What a history table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// One row a migration.
    Each,
    /// Only the newest version: everything up to it is applied.
    NewestVersion,
}

/// Whether a tool puts a transaction of its own around each file of SQL that does not ask for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wraps {
    EachFile,
    /// The file is sent as it is, or taken apart.
    No,
}

/// A migration tool.
pub struct Tool {
    pub name: &'static str,
    /// Files that show that a repository uses it, most telling first.
    pub detect: &'static [&'static str],
    pub command: &'static str,
    /// The variable that carries the clone's URL.
    pub url_env: &'static str,
    /// Further variables; `{clone_url}` and its kin are replaced.
    pub env: &'static [(&'static str, &'static str)],
    pub files: &'static [&'static str],
    pub history: &'static str,
    /// Returns the applied migrations as text, one row each.
    pub applied: &'static str,
    pub identity: Identity,
    pub records: Records,
    pub wraps: Wraps,
    /// Further tables of the tool's own, which no schema comparison needs.
    pub own_tables: &'static [&'static str],
}

/// What most tools share.
const COMMON: Tool = Tool {
    name: "",
    detect: &[],
    command: "",
    url_env: "DATABASE_URL",
    env: &[],
    files: &["migrations/*.sql"],
    history: "public.schema_migrations",
    applied: "select version::text from public.schema_migrations",
    identity: Identity::LeadingNumber,
    records: Records::Each,
    wraps: Wraps::No,
    own_tables: &[],
};

/// Every tool we know, in the order in which `init` looks for them.
pub static ALL: &[Tool] = &[
    Tool {
        name: "prisma",
        detect: &[
            "prisma/migrations/migration_lock.toml",
            "prisma/schema.prisma",
        ],
        command: "npx prisma migrate deploy",
        files: &["prisma/migrations/*/migration.sql"],
        history: "public._prisma_migrations",
        applied: "select migration_name from public._prisma_migrations where finished_at is not null and rolled_back_at is null",
        identity: Identity::Directory,
        ..COMMON
    },
    Tool {
        name: "drizzle",
        detect: &[
            "drizzle/meta/_journal.json",
            "drizzle.config.ts",
            "drizzle.config.js",
        ],
        command: "npx drizzle-kit migrate",
        files: &["drizzle/*.sql"],
        history: "drizzle.__drizzle_migrations",
        applied: "select created_at::text from drizzle.__drizzle_migrations",
        identity: Identity::DrizzleJournal,
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "rails",
        detect: &["bin/rails", "db/migrate"],
        command: "bin/rails db:migrate",
        // The schema dump belongs to the developer's own run.
        env: &[("SCHEMA", "/dev/null"), ("RAILS_ENV", "production")],
        files: &["db/migrate/*.rb"],
        own_tables: &["public.ar_internal_metadata"],
        ..COMMON
    },
    Tool {
        name: "django",
        detect: &["manage.py"],
        command: "python manage.py migrate --noinput",
        files: &["*/migrations/[0-9]*.py", "*/*/migrations/[0-9]*.py"],
        history: "public.django_migrations",
        applied: "select app || '.' || name from public.django_migrations",
        identity: Identity::Django,
        ..COMMON
    },
    Tool {
        name: "alembic",
        detect: &["alembic.ini"],
        command: "alembic upgrade head",
        files: &["alembic/versions/*.py", "migrations/versions/*.py"],
        history: "public.alembic_version",
        applied: "select version_num from public.alembic_version",
        identity: Identity::Alembic,
        ..COMMON
    },
    Tool {
        name: "sqitch",
        detect: &["sqitch.plan"],
        command: "sqitch deploy --verify",
        env: &[("SQITCH_TARGET", "db:{clone_url}")],
        files: &["deploy/*.sql"],
        history: "sqitch.changes",
        applied: "select change from sqitch.changes",
        identity: Identity::Stem,
        own_tables: &["sqitch.*"],
        ..COMMON
    },
    Tool {
        name: "flyway",
        detect: &[
            "flyway.conf",
            "flyway.toml",
            "src/main/resources/db/migration",
            "sql/V1__*.sql",
        ],
        command: "flyway migrate",
        url_env: "PGREHEARSE_URL",
        env: &[
            ("FLYWAY_URL", "{jdbc_url}"),
            ("FLYWAY_USER", "{user}"),
            ("FLYWAY_PASSWORD", "{password}"),
            // Flyway's own lock transaction would wait for ever for CREATE INDEX CONCURRENTLY.
            ("FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK", "false"),
        ],
        files: &[
            "src/main/resources/db/migration/V*.sql",
            "sql/V*.sql",
            "migrations/V*.sql",
        ],
        history: "public.flyway_schema_history",
        applied: "select version from public.flyway_schema_history where success and version is not null",
        identity: Identity::Flyway,
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "liquibase",
        detect: &["liquibase.properties"],
        command: "liquibase update",
        url_env: "PGREHEARSE_URL",
        env: &[
            ("LIQUIBASE_COMMAND_URL", "{jdbc_url}"),
            ("LIQUIBASE_COMMAND_USERNAME", "{user}"),
            ("LIQUIBASE_COMMAND_PASSWORD", "{password}"),
        ],
        files: &["db/changelog/**/*.*", "changelog/**/*.*"],
        history: "public.databasechangelog",
        applied: "select id || ' ' || author || ' ' || filename from public.databasechangelog",
        identity: Identity::Unmatched,
        own_tables: &["public.databasechangeloglock"],
        ..COMMON
    },
    Tool {
        name: "diesel",
        detect: &["diesel.toml"],
        command: "diesel migration run",
        files: &["migrations/*/up.sql"],
        history: "public.__diesel_schema_migrations",
        applied: "select version from public.__diesel_schema_migrations",
        identity: Identity::DirectoryNumber,
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "sqlx",
        detect: &["sqlx.toml", ".sqlx"],
        command: "sqlx migrate run --source migrations --no-dotenv",
        history: "public._sqlx_migrations",
        applied: "select version::text from public._sqlx_migrations where success",
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "refinery",
        detect: &["refinery.toml"],
        command: "refinery migrate -e DATABASE_URL -p ./migrations",
        files: &["migrations/[UV]*__*.sql"],
        history: "public.refinery_schema_history",
        applied: "select version::text from public.refinery_schema_history",
        identity: Identity::Flyway,
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "goose",
        detect: &["goose.yaml"],
        command: "goose -env=none -dir migrations up",
        url_env: "GOOSE_DBSTRING",
        env: &[("GOOSE_DRIVER", "postgres")],
        history: "public.goose_db_version",
        applied: "select version_id::text from (select distinct on (version_id) version_id, is_applied from public.goose_db_version order by version_id, id desc) newest where is_applied and version_id > 0",
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "dbmate",
        detect: &["db/migrations", ".dbmate"],
        command: "dbmate --no-dump-schema migrate",
        files: &["db/migrations/*.sql"],
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "golang-migrate",
        detect: &["migrations/*.up.sql"],
        command: "migrate -path migrations -database \"$DATABASE_URL\" up",
        files: &["migrations/*.up.sql"],
        applied: "select version::text from public.schema_migrations where not dirty",
        records: Records::NewestVersion,
        ..COMMON
    },
    Tool {
        name: "node-pg-migrate",
        detect: &["node_modules/node-pg-migrate"],
        command: "npx node-pg-migrate up",
        files: &["migrations/*"],
        history: "public.pgmigrations",
        applied: "select name from public.pgmigrations",
        identity: Identity::Stem,
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "knex",
        detect: &["knexfile.js", "knexfile.ts"],
        command: "npx knex migrate:latest",
        files: &["migrations/*"],
        history: "public.knex_migrations",
        applied: "select name from public.knex_migrations",
        identity: Identity::FileName,
        own_tables: &["public.knex_migrations_lock"],
        ..COMMON
    },
    Tool {
        name: "typeorm",
        detect: &["ormconfig.json"],
        command: "npx typeorm migration:run -d data-source.js",
        files: &["src/migrations/*", "migrations/*"],
        history: "public.migrations",
        applied: "select \"timestamp\"::text from public.migrations",
        ..COMMON
    },
    Tool {
        name: "atlas",
        detect: &["atlas.hcl", "migrations/atlas.sum"],
        command: "atlas migrate apply --url \"$DATABASE_URL\" --dir file://migrations",
        history: "atlas_schema_revisions.atlas_schema_revisions",
        applied: "select version from atlas_schema_revisions.atlas_schema_revisions where error is null or error = ''",
        identity: Identity::BeforeUnderscore,
        own_tables: &["atlas_schema_revisions.*"],
        wraps: Wraps::EachFile,
        ..COMMON
    },
    Tool {
        name: "migratus",
        detect: &["migratus.clj", "resources/migrations"],
        command: "clojure -M:migrate migrate",
        url_env: "PGREHEARSE_URL",
        env: &[(
            "JDBC_DATABASE_URL",
            "{jdbc_url}?user={user}&password={password}",
        )],
        files: &["resources/migrations/*.up.sql"],
        applied: "select id::text from public.schema_migrations",
        wraps: Wraps::EachFile,
        ..COMMON
    },
];

/// The tool of that name.
pub fn by_name(name: &str) -> Option<&'static Tool> {
    ALL.iter().find(|tool| tool.name == name)
}
