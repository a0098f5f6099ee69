//! The whole gate on an instance that AWS restores: moto is the API, and a server with RDS's roles and a
//! certificate of AWS's name is the instance. It starts when the password has been set anew.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pgrehearse::postgres::{Session, binaries};

use crate::harness::Server;
use crate::harness::aws::{ACCOUNT, Aws, PASSWORD, REGION};
use crate::harness::fault::{Ended, Scene};
use crate::harness::gate::Project;
use crate::harness::killed::{Sweep, Who, is_gone_from_here, kill_now};
use crate::tunnels::forwarder;

/// Who is who on RDS: the master is no superuser.
const ROLES: &str = "create role rdsadmin superuser login;
    create role rds_superuser createdb createrole;
    create role master login createdb createrole in role rds_superuser;
    alter database orcha owner to master;";

const ORCHA: &str = "set role master;
    create table recipes (id int primary key, name text not null);
    insert into recipes select i, 'a recipe' from generate_series(1, 1000) i;";

const GOOD: &str = "set lock_timeout = '2s'; alter table recipes add column rating int;";

/// An authority, and a certificate for the instances of an account.
fn certificates(directory: &Path) {
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(directory)
            .output()
            .expect("openssl starts");
        assert!(done.status.success(), "{done:?}");
    };
    let names = format!("subjectAltName=DNS:*.aaaaaaaaaa.{REGION}.rds.amazonaws.com");
    std::fs::write(directory.join("names"), names).expect("written");
    let new = ["req", "-newkey", "rsa:2048", "-nodes"];
    let of = |more: &[&'static str]| [&new[..], more].concat();
    openssl(&of(&[
        "-x509",
        "-days",
        "2",
        "-subj",
        "/CN=authority",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ]));
    openssl(&of(&[
        "-subj",
        "/CN=instance",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ]));
    openssl(&[
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "names",
        "-out",
        "server.crt",
    ]);
}

/// The instance, as it is once its password is what AWS was asked to make it.
async fn instance(directory: &Path, password: &str) -> Server {
    let server = Server::newest().await;
    server.make_database("orcha").await;
    let session = |database: &str| {
        let endpoint = server.throwaway.superuser(database);
        async move {
            Session::open(&endpoint, &[])
                .await
                .expect("the server answers")
        }
    };
    let admin = session("postgres").await;
    admin.batch_execute(ROLES).await.expect("roles");
    let row = admin
        .query_one("show data_directory", &[])
        .await
        .expect("a row");
    let data = PathBuf::from(row.get::<_, String>(0));
    let owner = std::fs::metadata(&data).expect("a directory");
    for (file, mode) in [("server.crt", 0o644), ("server.key", 0o600)] {
        let to = data.join(file);
        std::fs::copy(directory.join(file), &to).expect("copied");
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode)).expect("set");
        std::os::unix::fs::chown(&to, Some(owner.uid()), Some(owner.gid())).expect("given");
    }
    admin
        .batch_execute("alter system set ssl = on")
        .await
        .expect("set");
    admin
        .batch_execute("select pg_reload_conf()")
        .await
        .expect("read again");
    let set = format!("alter role master password '{password}'");
    admin.batch_execute(&set).await.expect("a password");
    session("orcha")
        .await
        .batch_execute(ORCHA)
        .await
        .expect("production");
    server
}

async fn rehearse(target: &str, migration: &str) -> Option<(Ended, Aws, String)> {
    rehearse_and(target, migration, Scene::run).await
}

/// What was done with the gate, AWS, and the clone's password.
async fn rehearse_and<T: Send + 'static>(
    target: &str,
    migration: &str,
    drive: impl FnOnce(&Scene) -> T + Send + 'static,
) -> Option<(T, Aws, String)> {
    let newest = binaries::newest(None).expect("a PostgreSQL server is installed");
    let aws = Aws::start().await?;
    aws.show_resets();
    aws.make_instance_of(&format!("{}.4", newest.major)).await;
    let project = Project::new();
    let directory = project.path().to_owned();
    certificates(&directory);
    project.file("migrations/1.sql", migration);
    let port = directory.join("port");
    let tunnel = format!(
        ": {{host}} {{port}}; until [ -s '{0}' ]; do sleep 0.1; done; to=$(cat '{0}'); {1}",
        port.display(),
        forwarder("{local_port}", "$to")
    );
    project.policy(&format!(
        "version: 1\nname: orcha\nsource:\n  rds_snapshot:\n    instance: orcha-prod\n    account: \"{ACCOUNT}\"\n    \
         region: {REGION}\n    max_age: 24h\n    ca_file: ca.pem\n    connect:\n      command: |\n        {tunnel}\n\
         migrations: {{ files: migrations/*.sql }}\n\
         rules: {{ schema-drift: off, fresh-install-broken: off }}\n{target}\n"
    ));
    let scene = Scene::of(project)
        .env("AWS_ENDPOINT_URL", &aws.url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    let running = tokio::task::spawn_blocking(move || drive(&scene));
    let mut running = std::pin::pin!(running);
    // The instance is there when its password is set; before, the tunnel leads nowhere.
    let (server, password) = loop {
        tokio::select! {
            ended = &mut running => return Some((ended.expect("no panic"), aws, String::new())),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        if aws
            .actions()
            .iter()
            .any(|action| action == "ModifyDBInstance")
        {
            let call = aws.call("ModifyDBInstance");
            let password = call
                .get("MasterUserPassword")
                .expect("a new password")
                .to_owned();
            let server = instance(&directory, &password).await;
            let at = server.throwaway.superuser("orcha").port;
            std::fs::write(&port, at.to_string()).expect("written");
            break (server, password);
        }
    };
    let ended = running.await.expect("no panic");
    drop(server);
    Some((ended, aws, password))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_instance_is_streamed_and_deleted() {
    let Some((ended, aws, password)) = rehearse("", GOOD).await else {
        return;
    };
    ended.run.expect_besides_lint(0, "go", &[]);
    ended.nothing_is_left();
    let said = ended.run.everything();
    assert!(said.contains("every row of the source is there"), "{said}");
    for secret in [PASSWORD, &password] {
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(
        aws.everything().await,
        ["DBInstance orcha-prod", "DBSnapshot automatic"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_instance_is_used_where_it_is() {
    let Some((ended, aws, _)) =
        rehearse("target: in_place", "delete from recipes where id > 10;").await
    else {
        return;
    };
    ended.run.expect_besides_lint(1, "no-go", &["rows-lost"]);
    assert!(
        ended
            .run
            .everything()
            .contains("durations are those of cold storage"),
        "{}",
        ended.run.stdout
    );
    assert_eq!(
        aws.everything().await,
        ["DBInstance orcha-prod", "DBSnapshot automatic"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_after_the_clone_is_swept() {
    for stage in ["restore", "migrate", "verify"] {
        let kill_and_sweep = move |scene: &Scene| {
            let mut gate = scene.start();
            gate.until_says(&format!("{stage}: started"));
            let (run, _) = kill_now(gate, Who::GateAndGuard);
            let swept = Sweep::everything_of(scene, &run).run();
            swept.expect(1, &["deleted DB instance"]);
            is_gone_from_here(&run, scene);
        };
        let Some(((), aws, _)) = rehearse_and("target: in_place", GOOD, kill_and_sweep).await
        else {
            return;
        };
        assert_eq!(
            aws.everything().await,
            ["DBInstance orcha-prod", "DBSnapshot automatic"]
        );
    }
}
