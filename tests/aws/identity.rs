//! Whose the credentials are, and where they come from.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use pgrehearse::cloud::aws::{Access, Home, Renewal};
use pgrehearse::cloud::{self, Account as _, Patience, Provider as _};
use pgrehearse::verdict::Explained as _;

use crate::harness::aws::{ACCOUNT, Aws, PACE, REGION};
use crate::scene::{Scene, home, snapshot, wanted};

#[tokio::test]
async fn another_account_is_asked_nothing() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let access = Access {
        account: "999999999999".to_owned(),
        ..aws.access()
    };
    let home = Home::paced(&access, PACE);
    let provider = cloud::aws::Snapshot::paced(&access, wanted(), PACE);
    let scene = Scene::new();
    let errors = [
        provider.look().await.map(|_| ()).expect_err("refused"),
        scene
            .make(&provider)
            .await
            .map(|_| ())
            .expect_err("refused"),
        home.list().await.map(|_| ()).expect_err("refused"),
        home.access().await.map(|_| ()).expect_err("refused"),
        (home.remove(&scene.name, Patience::Accepted).await).expect_err("refused"),
    ];
    for error in errors {
        assert_eq!(
            error.to_string(),
            "the AWS credentials are of account `123456789012`, not of `999999999999`"
        );
    }
    let actions = aws.actions();
    assert!(
        actions.iter().all(|one| one == "GetCallerIdentity"),
        "{actions:?}"
    );
}

#[tokio::test]
async fn the_guard_can_remove_with_what_it_is_told() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let before = aws.everything().await;
    let scene = Scene::new();
    scene
        .make(&snapshot(&aws, wanted()))
        .await
        .expect("a clone");
    let told = home(&aws).access().await.expect("an access");
    assert_eq!(home(&aws).access().await.expect("the same"), told);
    let line = serde_json::to_string(&told).expect("a line");
    let read: cloud::Access = serde_json::from_str(&line).expect("an access");
    assert_eq!(read, told);
    assert!(!format!("{read:?}").contains("secret: "), "{read:?}");
    let account = read.account().expect("an account");
    account
        .remove(&scene.name, Patience::Accepted)
        .await
        .expect("removed");
    assert_eq!(aws.everything().await, before);
}

/// What another process has for credentials, and what came of them.
async fn in_another_process(variables: &[(&str, &str)]) -> String {
    let mut child = Command::new(std::env::current_exe().expect("a test is a file"));
    child
        .args([
            "--exact",
            "identity::with_the_variables",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .expect("not cancelled")
        .expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
#[ignore = "another test runs it, with an environment of its own"]
async fn with_the_variables() {
    let home = Home::paced(&Access::new(ACCOUNT, REGION), PACE);
    match home.list().await {
        Ok(found) => println!("found {}", found.len()),
        Err(error) => {
            println!("error: {error}\nhint: {}", error.hint().unwrap_or_default());
            return;
        }
    }
    let cloud::Access::Aws(access) = home.access().await.expect("an access") else {
        return;
    };
    println!("url {:?}", access.rds_url);
    let keys = access.keys.as_ref().expect("keys");
    println!("token {}", keys.token.is_some());
    let line = serde_json::to_string(&access).expect("a line");
    println!("access {line}");
    match &access.renewal {
        Some(Renewal::WebIdentity { role, .. }) => println!("renewed as {role}"),
        Some(Renewal::Profile { name, .. }) => println!("renewed by {name}"),
        Some(Renewal::Container { .. }) => println!("renewed by its container"),
        Some(Renewal::Instance { .. }) => println!("renewed by its machine"),
        None => println!("not renewed"),
    }
    // When these are over, the guard gets others.
    let mut later = (*access).clone();
    if let Some(keys) = &mut later.keys {
        keys.expires = Some(jiff::Timestamp::UNIX_EPOCH);
    }
    if later.renewal.is_some() {
        let again = Home::paced(&later, PACE).list().await;
        println!("again {}", again.is_ok());
    }
}

fn written(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[tokio::test]
async fn variables_profiles_and_tokens_are_found() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let url = ("AWS_ENDPOINT_URL", aws.url.as_str());
    let said = in_another_process(&[
        url,
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ])
    .await;
    assert!(said.contains("found 0"), "{said}");
    assert!(said.contains(&format!("url Some({:?})", aws.url)), "{said}");
    assert!(said.contains("not renewed"), "{said}");

    let config = written(
        directory.path(),
        "config",
        "[profile ci]\naws_access_key_id = test\naws_secret_access_key = test\n\
         [profile people]\nsso_start_url = https://sso.example/start\nsso_region = eu-central-1\nsso_account_id = 123456789012\nsso_role_name = gate\n",
    );
    let profile = |name| {
        [
            url,
            ("AWS_CONFIG_FILE", config.as_str()),
            ("AWS_PROFILE", name),
        ]
    };
    let said = in_another_process(&profile("ci")).await;
    assert!(said.contains("found 0"), "{said}");
    assert!(
        said.contains("renewed by ci") && said.contains("again true"),
        "{said}"
    );
    let said = in_another_process(&profile("people")).await;
    assert!(
        said.contains("error: there are no AWS credentials: "),
        "{said}"
    );
    assert!(said.contains("aws configure export-credentials"), "{said}");

    let token = written(directory.path(), "token", "a.b.c");
    let role = "arn:aws:iam::123456789012:role/gate";
    let said = in_another_process(&[
        url,
        // By its own variable too.
        ("AWS_ENDPOINT_URL_RDS", aws.url.as_str()),
        ("AWS_ROLE_ARN", role),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &token),
        ("AWS_ROLE_SESSION_NAME", "ci"),
    ])
    .await;
    assert!(
        said.contains("found 0") && said.contains("token true"),
        "{said}"
    );
    assert!(said.contains(&format!("renewed as {role}")), "{said}");
    assert!(
        aws.actions()
            .contains(&"AssumeRoleWithWebIdentity".to_owned())
    );

    aws.take_calls();
    let said = in_another_process(&[url]).await;
    assert!(
        said.contains("error: there are no AWS credentials"),
        "{said}"
    );
    assert!(said.contains("AWS_PROFILE"), "{said}");
    assert!(aws.actions().is_empty());
}

/// What gives keys to a container or to a machine.
struct Role {
    /// Their name, and how many seconds they are good for.
    keys: (&'static str, u64),
    /// What was shown, each time that keys were asked for.
    shown: Vec<String>,
}

async fn role() -> (String, Arc<Mutex<Role>>) {
    // Such that are over too soon to begin anything with.
    let role = Arc::new(Mutex::new(Role {
        keys: ("old", 50),
        shown: Vec::new(),
    }));
    let served = role.clone();
    let answer = move |uri: Uri, headers: HeaderMap| {
        let mut role = served.lock().expect("not poisoned");
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let text = match uri.path() {
            "/latest/api/token" => "a-token".to_owned(),
            path if path.ends_with("/security-credentials/")
                || path.ends_with("/security-credentials-extended/") =>
            {
                "gate".to_owned()
            }
            _ => {
                role.shown.push(format!(
                    "{}{}",
                    header("authorization"),
                    header("x-aws-ec2-metadata-token")
                ));
                let (id, seconds) = role.keys;
                let until = jiff::Timestamp::now() + Duration::from_secs(seconds);
                serde_json::json!({
                    "Code": "Success",
                    "Type": "AWS-HMAC",
                    "AccountId": ACCOUNT,
                    "LastUpdated": "2026-01-01T00:00:00Z",
                    "AccessKeyId": id,
                    "SecretAccessKey": "secret",
                    "Token": "token",
                    "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                })
                .to_string()
            }
        };
        let head = [("x-aws-ec2-metadata-token-ttl-seconds", "600")];
        async move { (head, text) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let _ = axum::serve(listener, axum::Router::new().fallback(answer)).await;
    });
    (format!("http://{address}"), role)
}

/// Another process has the variables, and this one is what the guard is: it has only what it is told.
async fn renewed(aws: &Aws, variables: &[(&str, &str)], between: impl FnOnce()) -> String {
    let url = ("AWS_ENDPOINT_URL", aws.url.as_str());
    let said = in_another_process(&[&[url][..], variables].concat()).await;
    assert!(said.contains("found 0"), "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("access "));
    let access: Access = serde_json::from_str(line.expect("told")).expect("an access");
    assert!(!format!("{access:?}").contains("the-token"), "{access:?}");
    assert_eq!(
        access.keys.as_ref().map(|keys| keys.id.as_str()),
        Some("old")
    );
    between();
    let home = Home::paced(&access, PACE);
    home.list().await.expect("with new keys");
    let cloud::Access::Aws(again) = home.access().await.expect("an access") else {
        panic!("AWS");
    };
    again.keys.expect("keys").id
}

#[tokio::test]
async fn the_keys_of_a_container_and_of_a_machine_are_renewed() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let token = written(directory.path(), "token", "the-token-1");
    for (variable, value, shown) in [
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "the-token",
            "the-token",
        ),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            &token,
            "the-token-2",
        ),
    ] {
        let (url, role) = role().await;
        let url = format!("{url}/role");
        let key = renewed(
            &aws,
            &[
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
                (variable, value),
            ],
            || {
                written(directory.path(), "token", "the-token-2");
                role.lock().expect("not poisoned").keys = ("new", 3600);
            },
        )
        .await;
        assert_eq!(key, "new");
        let role = role.lock().expect("not poisoned");
        assert_eq!(role.shown.last().map(String::as_str), Some(shown));
    }
    let (url, role) = role().await;
    let key = renewed(
        &aws,
        &[
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url),
        ],
        || role.lock().expect("not poisoned").keys = ("new", 3600),
    )
    .await;
    assert_eq!(key, "new");
    let role = role.lock().expect("not poisoned");
    assert_eq!(role.shown.last().map(String::as_str), Some("a-token"));
}
