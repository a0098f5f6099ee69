//! What we send to GitHub, held against GitHub's own description of its API.
//!
//! `make test-contract` installs what answers here and runs this file. Comments go through `prism` to
//! `emulate`, which keeps them; check runs and statuses go to `prism` alone, because `emulate` answers
//! them otherwise than GitHub does, or not at all. What the description leaves out (the length of a
//! comment and of a status, and all that goes wrong) is in `tests/github.rs`.

#[allow(dead_code, reason = "made for the reports")]
#[path = "report/sample.rs"]
mod sample;
#[path = "harness/tools.rs"]
mod tools;
#[allow(dead_code, reason = "made for the reports")]
#[path = "report/traces.rs"]
mod traces;

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use octocrab::Octocrab;
use pgrehearse::github::event::Context;
use pgrehearse::github::{Announcement, End};
use pgrehearse::policy::{CommentWhen, Told};
use pgrehearse::report::markdown::{self, marker};
use pgrehearse::text::Secret;
use pgrehearse::verdict::{Place, RunReport};
use serde_json::{Value, json};
use tools::tools;

const TOKEN: &str = "ghs_0123456789abcdef";
const HEAD: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";

const COMMENT: Told = Told {
    comment: CommentWhen::Always,
    check: false,
    status: false,
};

/// Each test has two servers at most; they take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A program that answers on a port of the loopback, for as long as it is held.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Of `node` with these arguments; `{port}` is its port.
    fn start(arguments: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let child = Command::new("node")
            .args(
                arguments
                    .iter()
                    .map(|argument| argument.replace("{port}", &port.to_string())),
            )
            .current_dir(tools("contract-tools", "`make test-contract`"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let mut server = Self { child, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("ours");
            assert!(ended.is_none(), "{arguments:?} ended: {ended:?}");
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{arguments:?} does not answer"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn emulate() -> Self {
        Self::start(&["emulate.mjs", "{port}"])
    }

    /// Refuses what the description does not allow, and passes the rest on.
    fn proxy(to: &Self) -> Self {
        let to = format!("http://127.0.0.1:{}", to.port);
        Self::prism(&["proxy", "--errors", "github.json", &to])
    }

    /// Refuses what the description does not allow, and answers with its examples.
    fn mock() -> Self {
        Self::prism(&["mock", "github.json"])
    }

    fn prism(what: &[&str]) -> Self {
        let command = "node_modules/@stoplight/prism-cli/dist/index.js";
        let mut arguments = vec![command];
        arguments.extend(what);
        arguments.extend(["--host", "127.0.0.1", "--port", "{port}"]);
        Self::start(&arguments)
    }

    fn context(&self, run: u64) -> Context {
        let repository = json!({ "id": 7 });
        let event = json!({ "pull_request": {
            "number": 1,
            "head": { "sha": HEAD, "repo": repository },
            "base": { "sha": HEAD, "ref": "main", "repo": repository },
        }});
        let lookup = |name: &str| {
            Some(match name {
                "GITHUB_EVENT_NAME" => "pull_request".to_owned(),
                "GITHUB_REPOSITORY" => "octo-ci/shop".to_owned(),
                "GITHUB_RUN_ID" => run.to_string(),
                "GITHUB_RUN_ATTEMPT" => "1".to_owned(),
                "GITHUB_WORKFLOW" => "database".to_owned(),
                "GITHUB_ACTOR" => "octocat".to_owned(),
                "GITHUB_SERVER_URL" => "https://github.com".to_owned(),
                "GITHUB_API_URL" => format!("http://127.0.0.1:{}", self.port),
                _ => return None,
            })
        };
        Context::read(lookup, &event.to_string()).expect("a job")
    }

    /// A run from its beginning to its end.
    fn run(&self, number: u64, told: Told, report: &RunReport) {
        let started =
            jiff::Timestamp::from_second(1_795_000_000 + i64::try_from(number).expect("few"))
                .expect("in range");
        let token = Secret::new(TOKEN);
        let mut announcement = Announcement::begin(
            self.context(number),
            told,
            &report.name,
            started,
            &token,
            pgrehearse::github::Limits::default(),
        )
        .expect("it begins");
        let mut problems = announcement.begun(End::Whole, std::future::pending());
        let text = markdown::render(report);
        problems.extend(announcement.conclude(report, &text, End::Whole, std::future::pending()));
        assert_eq!(problems, Vec::<String>::new());
    }

    /// A request of the test's own, and the status of its answer.
    fn ask(&self, method: &str, route: &str, body: &Value) -> (u16, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = reqwest::Client::builder().no_proxy().build();
        runtime.block_on(async {
            let octocrab = Octocrab::builder()
                .base_uri(format!("http://127.0.0.1:{}", self.port))
                .expect("an address")
                .personal_token(TOKEN.to_owned())
                .build_with_reqwest(transport.expect("a transport"))
                .expect("a client");
            let response = match method {
                "GET" => octocrab._get(route).await,
                _ => octocrab._post(route, Some(body)).await,
            }
            .expect("an answer");
            let status = response.status().as_u16();
            let text = octocrab.body_to_string(response).await.expect("a text");
            (status, serde_json::from_str(&text).expect("JSON"))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/install-contract-tools.sh` puts them: beside the build.
#[test]
#[ignore = "needs node: run `make test-contract`"]
fn comments() {
    let _turn = turn();
    let emulate = Server::emulate();
    let github = Server::proxy(&emulate);
    let issues = "/repos/octo-ci/shop/issues";
    let (status, made) = github.ask("POST", issues, &json!({ "title": "faster" }));
    assert_eq!((status, &made["number"]), (201, &json!(1)));
    let comments = format!("{issues}/1/comments");
    for number in 0..120 {
        let body = json!({ "body": format!("what about {number}?") });
        assert_eq!(github.ask("POST", &comments, &body).0, 201);
    }
    let ours = || {
        let (status, page) = github.ask(
            "GET",
            &format!("{comments}?per_page=100&page=2"),
            &Value::Null,
        );
        assert_eq!(status, 200);
        let page: Vec<Value> = page.as_array().expect("a list").clone();
        page.into_iter()
            .filter_map(|comment| comment["body"].as_str().map(str::to_owned))
            .filter(|body| body.starts_with(&marker("shop")))
            .collect::<Vec<String>>()
    };
    github.run(1, COMMENT, &sample::no_go());
    assert!(ours()[0].contains("NO-GO"));
    github.run(3, COMMENT, &sample::go());
    // Older: left alone.
    github.run(2, COMMENT, &sample::undecided());
    assert_eq!(ours().len(), 1);
    assert!(ours()[0].contains("✅ GO"));
    github.run(4, COMMENT, &sample::hostile());
}

#[test]
#[ignore = "needs node: run `make test-contract`"]
fn check_runs_and_statuses() {
    let _turn = turn();
    let github = Server::mock();
    let told = Told {
        comment: CommentWhen::Never,
        check: true,
        status: true,
    };
    let mut many = sample::no_go();
    many.findings = (1..=120)
        .map(|line| {
            let mut judged = many.findings[0].clone();
            judged.accepted = None;
            judged.finding.place = Some(Place {
                file: "migrations/1.sql".to_owned(),
                line: Some(line),
            });
            judged
        })
        .collect();
    for report in [sample::go(), many, sample::undecided(), sample::hostile()] {
        github.run(1, told, &report);
    }
}

/// What answers here can say no, or the rest says nothing.
#[test]
#[ignore = "needs node: run `make test-contract`"]
fn the_description_is_held() {
    let _turn = turn();
    let github = Server::mock();
    let repository = "/repos/octo-ci/shop";
    let output = |summary: &str, annotations: usize| {
        let one = json!({ "path": "a.sql", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "x" });
        json!({
            "name": "x", "head_sha": HEAD,
            "output": { "title": "x", "summary": summary, "annotations": vec![one; annotations] },
        })
    };
    for (status, route, body) in [
        (201, "check-runs", output("x", 50)),
        (422, "check-runs", output("x", 51)),
        (422, "check-runs", output(&"x".repeat(70_000), 0)),
        (422, "check-runs", json!({ "name": "x" })),
        (
            422,
            &format!("statuses/{HEAD}"),
            json!({ "state": "passed" }),
        ),
        (422, "issues/1/comments", json!({ "text": "x" })),
    ] {
        let (answered, text) = github.ask("POST", &format!("{repository}/{route}"), &body);
        assert_eq!(answered, status, "{route}: {text}");
    }
}
