//! Clones that providers make: used in place or streamed, shown to be clones, and given back.

mod harness;

use axum::http::Method;
use harness::disk::Disk;
use harness::fault::Scene;
use harness::gate::Project;
use harness::github::Fault;
use harness::provider::{KEY, Kind, Lie, PASSWORD, Provider, Size};
use harness::told::{Told, segments};
use nix::sys::signal::Signal;

const REST: &str = "version: 1\nname: shop\nmigrations: { files: migrations/*.sql }\n\
     rules: { schema-drift: off, fresh-install-broken: off }\n";

/// A project of which the provider has production.
fn shop(provider: &Provider, migration: &str, more: &str) -> Scene {
    let project = Project::new();
    project.file("migrations/1.sql", migration);
    project.policy(&format!("{REST}{}\n{more}", provider.source("")));
    Scene::of(project).env("KEY", KEY)
}

const GOOD: &str = "set lock_timeout = '2s'; alter table orders add column paid_at timestamptz;";

fn each(test: impl Fn(Provider)) {
    for kind in [Kind::Neon, Kind::Dblab] {
        test(Provider::start(kind));
    }
}

#[test]
fn a_clone_is_used_where_it_is() {
    each(|provider| {
        let ended = shop(&provider, GOOD, "").run();
        ended.run.expect_besides_lint(0, "go", &[]);
        ended.nothing_is_left();
        provider.nothing_is_left();
        let state = provider.state();
        assert_eq!(state.deleted.len(), 1, "{:?}", state.requests);
        let name = state.deleted[0].clone();
        assert!(name.starts_with("pgrehearse-shop-"), "{name}");
        drop(state);
        let said = ended.run.everything();
        for secret in [KEY, PASSWORD, "reset-"] {
            assert!(!said.contains(secret), "{secret}\n{said}");
        }
        let told = [
            "the clone is the provider's, whole".to_owned(),
            format!("the clone `{name}` in"),
            "is deleted".to_owned(),
            "the log of the clone's server is out of reach".to_owned(),
        ];
        for text in told {
            assert!(said.contains(&text), "no `{text}` in\n{said}");
        }
    });
}

#[test]
fn what_is_lost_in_a_clone_is_a_no_go() {
    each(|provider| {
        let ended = shop(&provider, "delete from orders where id > 10;", "").run();
        ended.run.expect_besides_lint(1, "no-go", &["rows-lost"]);
        provider.nothing_is_left();
        assert_eq!(
            provider.in_production("select count(*)::text from orders"),
            "1000"
        );
    });
}

#[test]
fn a_clone_is_streamed_to_a_server_of_ours() {
    each(|provider| {
        let ended = shop(&provider, GOOD, "target: { throwaway: {} }").run();
        ended.run.expect_besides_lint(0, "go", &[]);
        assert!(
            ended
                .run
                .everything()
                .contains("every row of the source is there"),
            "{}",
            ended.run.stdout
        );
        ended.nothing_is_left();
        provider.nothing_is_left();
    });
}

#[test]
fn what_is_not_the_clone_is_not_written_to() {
    for (kind, lie, because) in [
        (
            Kind::Neon,
            Lie::ProductionItself,
            "its server has been up for",
        ),
        (
            Kind::Neon,
            Lie::ProductionsAddress,
            "is the source's own host",
        ),
        (
            Kind::Dblab,
            Lie::ProductionItself,
            "its server has been up for",
        ),
    ] {
        let provider = Provider::start(kind);
        provider.state().lie = lie;
        let ended = shop(&provider, GOOD, "").run();
        assert_eq!(ended.run.code, Some(3), "{}", ended.run.stdout);
        assert_eq!(ended.run.verdict(), "undecided");
        assert!(ended.run.stdout.contains(because), "{}", ended.run.stdout);
        let columns = "select string_agg(attname, ' ' order by attnum) from pg_attribute \
             where attrelid = 'orders'::regclass and attnum > 0";
        assert_eq!(provider.in_production(columns), "id note");
        provider.nothing_is_left();
    }
}

#[test]
fn a_lost_answer_makes_no_second_clone() {
    for fault in [Fault::LostAfterwards, Fault::DoneAnd(502)] {
        each(|provider| {
            let made = match provider.kind {
                Kind::Neon => "/projects/shop/branches",
                Kind::Dblab => "/clone",
            };
            provider.fail(Method::POST, made, 1, fault.clone());
            let ended = shop(&provider, GOOD, "").run();
            ended.run.expect_besides_lint(0, "go", &[]);
            assert_eq!(provider.state().deleted.len(), 1);
            provider.nothing_is_left();
        });
    }
}

#[test]
fn a_provider_that_is_busy_is_asked_again() {
    each(|provider| {
        provider
            .fail(Method::POST, "", 1, Fault::status(423, "locked"))
            .fail(Method::GET, "", 1, Fault::status(503, "later"))
            .fail(Method::DELETE, "", 1, Fault::status(429, "too many"));
        let ended = shop(&provider, GOOD, "").run();
        ended.run.expect_besides_lint(0, "go", &[]);
        provider.nothing_is_left();
    });
}

#[test]
fn a_clone_that_never_is_ready_is_given_up() {
    each(|provider| {
        provider.state().not_yet = usize::MAX;
        let project = Project::new();
        project.file("migrations/1.sql", GOOD);
        project.policy(&format!(
            "{REST}{}\n",
            provider.source(", ready_within: 5s")
        ));
        let ended = Scene::of(project).env("KEY", KEY).run();
        ended.run.expect(3, "undecided", &[]);
        assert!(
            ended.run.stdout.contains("was not ready within"),
            "{}",
            ended.run.stdout
        );
        provider.nothing_is_left();
    });
}

#[test]
fn a_key_that_is_refused_is_told_without_it() {
    each(|provider| {
        let scene = shop(&provider, GOOD, "").env("KEY", "napi_another-key");
        let ended = scene.run();
        ended.run.expect(3, "undecided", &[]);
        let said = ended.run.everything();
        assert!(said.contains("the key is not known there"), "{said}");
        assert!(!said.contains("napi_another-key"), "{said}");
        provider.nothing_is_left();
    });
}

#[test]
fn a_clone_goes_with_its_run() {
    each(|provider| {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let scene = shop(&provider, "select pg_sleep(60);", "");
            let mut gate = scene.start();
            gate.until_says("migrate");
            let ended = gate.tell(signal);
            ended.nothing_is_left();
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while provider.state().deleted.len() < 2 && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        provider.nothing_is_left();
    });
}

#[test]
fn a_clone_that_can_not_be_deleted_is_a_warning() {
    each(|provider| {
        let refused = || Fault::Answer {
            status: 403,
            headers: Vec::new(),
            message: "this key may not delete",
        };
        provider.fail(Method::DELETE, "", 99, refused());
        let ended = shop(&provider, GOOD, "").run();
        ended.run.expect_besides_lint(0, "go", &["clone-left"]);
        let found = ended.run.besides_lint();
        let name = found[0]["object"].as_str().expect("a name").to_owned();
        assert!(name.starts_with("pgrehearse-shop-"), "{name}");
        let text = found[0].to_string();
        for word in ["this key may not delete", "pgrehearse sweep --run-id"] {
            assert!(text.contains(word), "no `{word}` in {text}");
        }
        assert!(ended.run.stderr.contains(&name), "{}", ended.run.stderr);
        assert_eq!(provider.state().clones.len(), 1);
    });
}

#[test]
fn a_clone_that_a_cancelled_run_may_leave_is_told() {
    let provider = Provider::start(Kind::Neon);
    let scene = shop(&provider, "select pg_sleep(60);", "");
    let mut gate = scene.start();
    gate.until_says("migrate");
    provider.fail(Method::DELETE, "", 1, Fault::Hang);
    let ended = gate.tell(Signal::SIGTERM);
    let said = &ended.run.stderr;
    assert!(
        said.contains("may still be there: its removal was not accepted in time"),
        "{said}"
    );
    let found = ended.run.besides_lint();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["rule"], "clone-left");
    // The guard has asked once more.
    provider.nothing_is_left();
}

/// A request as a plan tells it: without its query, and without what its provider names.
fn told_of(request: &str) -> String {
    let path = request.split('?').next().unwrap_or_default();
    [
        ("pgrehearse-shop-[0-9]{14}-[0-9a-f]{8}", "<clone>"),
        ("(%2D|-)", "-"),
        ("br-clone-[0-9]+", "<branch>"),
        ("operation-<branch>", "<operation>"),
        ("operation-br-main-000001", "<operation>"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (pattern, with)| {
        let pattern = regex::Regex::new(pattern).expect("a pattern");
        pattern.replace_all(&path, *with).into_owned()
    })
}

#[test]
fn a_plan_is_what_a_run_calls_and_calls_nothing_of_it() {
    for (kind, target) in [
        (Kind::Neon, ""),
        (Kind::Neon, "target: { throwaway: {} }"),
        (Kind::Dblab, ""),
    ] {
        let provider = Provider::start(kind);
        provider.state().not_yet = 1;
        let scene = shop(&provider, GOOD, target);
        let mut plan = scene.project.command(&["plan"]);
        let output = plan.env("KEY", KEY).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        assert!(!text.contains(KEY), "{text}");
        let is_look = |request: &str| request.starts_with("GET ");
        let asked = std::mem::take(&mut provider.state().requests);
        assert!(asked.iter().all(|request| is_look(request)), "{asked:?}");
        let told = Told::read(&text);
        assert_eq!(
            told.asked,
            asked.iter().map(|request| told_of(request)).collect()
        );

        scene.run().run.expect_besides_lint(0, "go", &[]);
        let requests = provider.state().requests.clone();
        let made = segments(requests.iter().map(|request| told_of(request)), is_look);
        let shown: Vec<_> = (told.segments.iter())
            .map(|(looks, change)| {
                let looks = looks.iter().map(|look| told_of(look)).collect();
                (looks, change.as_deref().map(told_of))
            })
            .collect();
        assert_eq!(made, shown, "{}", told.text);
        provider.nothing_is_left();
        if target.is_empty() {
            let address = regex::escape(&provider.address().to_string());
            insta::with_settings!({ filters => vec![
                (address.as_str(), "<address>"),
                ("pgrehearse-shop-[0-9]{14}-[0-9a-f]{8}", "pgrehearse-shop-<run>"),
                ("[0-9-]{10} [0-9:]{5} UTC", "<time>"),
            ] }, {
                insta::assert_snapshot!(format!("plan_{kind:?}").to_lowercase(), told.text);
            });
        }
    }
}

/// A streamed clone whose provider does not say how large it is.
fn of_untold_size(provider: &Provider, more: &str) -> harness::fault::Ended {
    provider.state().size = Size::Untold;
    shop(provider, GOOD, more).run()
}

#[test]
fn a_size_that_is_known_late_is_held_against_the_limit() {
    each(|provider| {
        for target in ["in_place", "{ throwaway: {} }"] {
            let more = format!("target: {target}\nrestore: {{ max_size: 1MB }}");
            let ended = of_untold_size(&provider, &more);
            ended.run.expect(3, "undecided", &[]);
            let said = ended.run.everything();
            assert!(
                said.contains("more than `restore.max_size` (1.0 MB) allows"),
                "{said}"
            );
            provider.nothing_is_left();
        }
    });
}

#[test]
fn a_clone_that_does_not_fit_is_not_read() {
    let provider = Provider::start(Kind::Dblab);
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path().join("small");
    let Some(_disk) = Disk::mount(&at, "6m") else {
        return;
    };
    let more = format!("target: {{ throwaway: {{ directory: {} }} }}", at.display());
    let ended = of_untold_size(&provider, &more);
    ended.run.expect(3, "undecided", &[]);
    let said = ended.run.everything();
    assert!(said.contains("free, and the clone needs about"), "{said}");
    assert!(
        said.contains("give `target.throwaway.directory` a larger disk"),
        "{said}"
    );
    provider.nothing_is_left();
}
