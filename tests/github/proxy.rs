//! A runner behind a proxy: GitHub is spoken to as the environment says.

use crate::gate::{command, ended, project};
use crate::harness::github::GitHub;
use crate::harness::proxy::Proxy;

/// What only the proxy finds.
const FAR: &str = "github.invalid";

#[test]
fn what_the_environment_names_is_used() {
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let github = GitHub::start();
        let proxy = Proxy::before(github.address());
        let project = project("");
        let event = GitHub::event_of(&project);
        let mut command = command(&github, &project, &event);
        command
            .env("GITHUB_API_URL", format!("http://{FAR}/api/v3"))
            .env("GITHUB_GRAPHQL_URL", format!("http://{FAR}/api/graphql"))
            .env(name, proxy.url());
        let run = ended(&project, &mut command);
        run.expect(3, "undecided", &[]);
        assert!(!run.stderr.contains("warning"), "{name}: {}", run.stderr);
        assert!(github.bodies()[0].contains("UNDECIDED"), "{name}");
        let comment =
            format!("POST http://{FAR}/api/v3/repos/octo/shop/issues/34/comments HTTP/1.1");
        assert!(
            proxy.requests().contains(&comment),
            "{:?}",
            proxy.requests()
        );
    }
}

/// That it is refused takes the attempts of a beginning and an end.
#[track_caller]
fn expect_a_tunnel(name: &str) {
    let github = GitHub::start();
    let proxy = Proxy::before(github.address());
    let project = project("");
    let event = GitHub::event_of(&project);
    let mut command = command(&github, &project, &event);
    command
        .env("GITHUB_API_URL", format!("https://{FAR}"))
        .env("GITHUB_GRAPHQL_URL", format!("https://{FAR}/graphql"))
        .env(name, proxy.url().replace("://", "://me:leakpassword@"));
    let run = ended(&project, &mut command);
    run.expect(3, "undecided", &[]);
    assert!(run.stderr.contains("was not begun"), "{}", run.stderr);
    assert!(!run.everything().contains("leakpassword"));
    let tunnel = format!("CONNECT {FAR}:443 HTTP/1.1");
    assert!(proxy.requests().contains(&tunnel), "{:?}", proxy.requests());
}

#[test]
fn a_tunnel_is_asked_for_where_it_is_https() {
    expect_a_tunnel("HTTPS_PROXY");
}

#[test]
fn a_tunnel_is_asked_for_in_small_letters_too() {
    expect_a_tunnel("https_proxy");
}

#[test]
fn a_host_that_is_named_as_none_for_it_is_asked_itself() {
    for name in ["NO_PROXY", "no_proxy"] {
        let github = GitHub::start();
        let proxy = Proxy::before(github.address());
        let project = project("");
        let event = GitHub::event_of(&project);
        let mut command = command(&github, &project, &event);
        command
            .env("HTTP_PROXY", proxy.url())
            .env("HTTPS_PROXY", proxy.url())
            .env(name, "example.org,127.0.0.1");
        let run = ended(&project, &mut command);
        assert!(!run.stderr.contains("warning"), "{name}: {}", run.stderr);
        assert!(github.bodies()[0].contains("UNDECIDED"), "{name}");
        assert_eq!(proxy.requests(), Vec::<String>::new(), "{name}");
    }
}
