//! A server as AWS sets it up: extensions that exist nowhere else, a superuser with things of its own in the
//! user's database, roles and settings that a server of ours does not know.
//!
//! The extensions need a directory of their own. PostgreSQL finds its files from where its program is, so a
//! copy of the programs beside links to all else is a server with other extensions.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use pgrehearse::postgres::binaries::{self, Binaries};

/// Who and what AWS adds. It is run by a superuser who is not `rdsadmin`, after the roles are there.
pub const AWS: &str = "
    create role rds_password; create role rds_replication; create role rds_iam; create role rds_ad;
    create role rdsrepladmin replication;
    grant rds_password, rds_replication to rds_superuser with admin option;
    grant rds_iam to master;
    alter role rdsadmin set \"rds.internal_databases\" = 'rdsadmin,template0';
    alter role master set log_min_duration_statement = '500ms';
    alter database orcha set \"rds.logical_replication\" = 'on';
    alter database orcha set log_statement = 'ddl';

    set session authorization rdsadmin;
    create schema rds_internal;
    revoke all on schema rds_internal from public;
    create table rds_internal.heartbeat (id int primary key, at timestamptz);
    insert into rds_internal.heartbeat values (1, now());
    create function rds_internal.note_ddl() returns event_trigger language plpgsql as 'begin end';
    create event trigger rds_ddl on ddl_command_end execute function rds_internal.note_ddl();
    create publication rds_blue_green for all tables;
    reset session authorization;
    create extension rds_tools;

    set role master;
    create table recipes (id int primary key, name text not null);
    insert into recipes select i, 'a recipe' from generate_series(1, 1000) i;
    grant select on recipes to rds_replication, rds_iam;
    alter default privileges grant select on tables to rds_replication;
    create view names as select name from recipes;
    grant select on names to rds_iam with grant option;
    reset role;
";

/// Extensions as a control file and a script have them, with the schema that each makes for itself.
const EXTENSIONS: &[(&str, Option<&str>, &str)] = &[
    (
        "rds_tools",
        Some("rds_tools"),
        "create function rds_tools.role_password_encryption_type() returns text language sql as $$ select 'scram' $$;",
    ),
    (
        "aws_commons",
        Some("aws_commons"),
        "create type aws_commons._s3_uri_1 as (bucket text, file_path text, region text);
         create function aws_commons.create_s3_uri(b text, f text, r text) returns aws_commons._s3_uri_1
             language sql as $$ select row(b, f, r)::aws_commons._s3_uri_1 $$;",
    ),
    // A server of ours could have it, and does not.
    (
        "pg_hint_plan",
        Some("hint_plan"),
        "create table hint_plan.hints (id int);",
    ),
];

/// The newest programs that are installed, with the provider's extensions beside the others.
pub fn binaries(into: &Path) -> Binaries {
    let newest = binaries::newest(None).expect("a PostgreSQL server is installed");
    let asked = |what: &str| -> PathBuf {
        let output = Command::new(newest.program("pg_config"))
            .arg(what)
            .output()
            .expect("pg_config starts");
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    };
    let (bin, share, library) = (asked("--bindir"), asked("--sharedir"), asked("--pkglibdir"));
    let root = bin
        .ancestors()
        .find(|above| share.starts_with(above) && library.starts_with(above))
        .expect("a directory above all of them");
    let there = |path: &Path| into.join(path.strip_prefix(root).expect("below the root"));
    std::fs::set_permissions(into, std::fs::Permissions::from_mode(0o755)).expect("set");
    let directory = there(&bin);
    std::fs::create_dir_all(&directory).expect("made");
    for entry in std::fs::read_dir(&bin).expect("programs").flatten() {
        std::fs::copy(entry.path(), directory.join(entry.file_name())).expect("copied");
    }
    symlink(&library, there(&library)).expect("linked");
    links(&share, &there(&share));
    let extensions = there(&share).join("extension");
    std::fs::remove_file(&extensions).expect("a link");
    links(&share.join("extension"), &extensions);
    for (name, schema, script) in EXTENSIONS {
        let mut control = "default_version = '1.0'\nrelocatable = false\n".to_owned();
        if let Some(schema) = schema {
            control.push_str(&format!("schema = '{schema}'\n"));
        }
        std::fs::write(extensions.join(format!("{name}.control")), control).expect("written");
        std::fs::write(extensions.join(format!("{name}--1.0.sql")), script).expect("written");
    }
    Binaries {
        directory,
        ..newest
    }
}

/// A directory with links to all that is in another.
fn links(of: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(of).expect("a directory").flatten() {
        symlink(entry.path(), to.join(entry.file_name())).expect("linked");
    }
}
