//! A clone that is reached through a tunnel: a real server stands for it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pgrehearse::cloud::tunnel::Destination;
use pgrehearse::cloud::{Connect, prove};
use pgrehearse::postgres::Session;
use pgrehearse::postgres::endpoint::{Tls, TlsMode};
use pgrehearse::process::RunId;
use tokio::time::Instant;

use crate::harness::Server;
use crate::harness::aws::Aws;
use crate::scene::{Scene, snapshot, wanted};

/// A shell line that forwards a port, as `ssh -N -L` does.
pub fn forwarder(local_port: &str, to: impl std::fmt::Display) -> String {
    let program = std::env::current_exe().expect("a test is a file");
    format!(
        "FORWARD_FROM={local_port} FORWARD_TO={to} exec '{}' --exact tunnels::forwards --ignored",
        program.display()
    )
}

#[tokio::test]
#[ignore = "other tests run it, as the tunnel's process"]
async fn forwards() {
    let port = |name| -> u16 {
        let text = std::env::var(name).expect("set");
        text.parse().expect("a port")
    };
    let (from, to) = (port("FORWARD_FROM"), port("FORWARD_TO"));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", from))
        .await
        .expect("a free port");
    while let Ok((mut near, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut far) = tokio::net::TcpStream::connect(("127.0.0.1", to)).await {
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}

#[tokio::test]
async fn a_clone_is_reached_and_proven_through_a_command() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let asked = Instant::now();
    let server = Server::newest().await;
    let database = server.database().await;
    let scene = Scene::new();
    let mut wanted = wanted();
    wanted.database = Some(database.database.clone());
    wanted.reach.connect = Connect::Command {
        line: format!(
            ": {{host}} {{port}}; {}",
            forwarder("{local_port}", database.port)
        ),
    };
    let mut made = scene.make(&snapshot(&aws, wanted)).await.expect("a clone");
    assert!(
        made.endpoint
            .address
            .is_some_and(|address| address.is_loopback())
    );
    assert_ne!(made.endpoint.port, 5432);
    let password = made.endpoint.password.clone().expect("a password");
    let admin = Session::open(&database, &[])
        .await
        .expect("the server answers");
    admin
        .batch_execute(&format!(
            "create role master login password '{}'",
            password.expose()
        ))
        .await
        .expect("a role");

    // The name is AWS's, and this server has no certificate for it.
    assert!(Session::open(&made.endpoint, &[]).await.is_err());
    made.endpoint.tls = Tls {
        mode: TlsMode::Disable,
        ..Tls::default()
    };
    let session = prove(&scene.name, &made, asked).await.expect("the clone");
    drop(session);
    // One that was there before the clone was asked for is another server.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = prove(&scene.name, &made, Instant::now()).await.map(|_| ());
    let error = error.expect_err("too old").to_string();
    assert!(error.contains("has been up for"), "{error}");

    // It ends with the clone's use.
    let endpoint = made.endpoint.clone();
    drop(made);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(Session::open(&endpoint, &[]).await.is_err());
}

#[tokio::test]
#[ignore = "another test runs it, with programs of its own"]
async fn with_the_programs() {
    let connect = Connect::Ssm {
        target: "i-0bastion".to_owned(),
    };
    let to = Destination {
        host: "clone.example",
        port: 5432,
        region: "eu-central-1",
    };
    let by = Instant::now() + Duration::from_secs(20);
    match connect.open(to, &RunId::new(), by).await {
        Ok(tunnel) => println!("open {}", tunnel.is_some()),
        Err(error) => println!("error: {error}\nhint: {}", error.hint().unwrap_or_default()),
    }
}

pub fn program(directory: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
}

async fn with_path(directory: &Path) -> String {
    let mut child = Command::new(std::env::current_exe().expect("a test is a file"));
    child
        .args([
            "--exact",
            "tunnels::with_the_programs",
            "--ignored",
            "--nocapture",
        ])
        .env("PATH", directory);
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .expect("not cancelled")
        .expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_session_is_opened_by_the_cli() {
    let server = Server::newest().await;
    let port = server.throwaway.superuser("postgres").port;
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let said = with_path(at).await;
    assert!(
        said.contains("`aws` is needed for the tunnel and was not found"),
        "{said}"
    );
    program(at, "aws", "exit 0");
    let said = with_path(at).await;
    assert!(
        said.contains("`session-manager-plugin` is needed"),
        "{said}"
    );

    program(at, "session-manager-plugin", "exit 0");
    program(
        at,
        "aws",
        "echo 'An error occurred (TargetNotConnected) when calling the StartSession operation: i-0bastion is not connected.' >&2; exit 254",
    );
    let said = with_path(at).await;
    assert!(
        said.contains("exit code 254): An error occurred (TargetNotConnected)"),
        "{said}"
    );
    assert!(
        said.contains("hint: the instance is not connected"),
        "{said}"
    );

    let arguments = at.join("arguments");
    program(
        at,
        "aws",
        &format!(
            "printf '%s\\n' \"$@\" >'{}'\nshift 9\nlocal=${{1#*localPortNumber\\\":[\\\"}}\nlocal=${{local%%\\\"*}}\n{}",
            arguments.display(),
            forwarder("$local", port)
        ),
    );
    let said = with_path(at).await;
    let text = std::fs::read_to_string(&arguments).unwrap_or_default();
    assert!(said.contains("open true"), "{said}\n{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..9],
        [
            "ssm",
            "start-session",
            "--region",
            "eu-central-1",
            "--target",
            "i-0bastion",
            "--document-name",
            "AWS-StartPortForwardingSessionToRemoteHost",
            "--parameters",
        ]
    );
    let parameters: serde_json::Value = serde_json::from_str(lines[9]).expect("JSON");
    assert_eq!(parameters["host"][0], "clone.example");
    assert_eq!(parameters["portNumber"][0], "5432");
}
