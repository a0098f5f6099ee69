//! The throwaway server: it starts on every version, and nothing of it is left. What happens when the
//! gate is killed is in `faults`.

mod harness;

use harness::{Server, installed_majors};
use pgrehearse::postgres::Session;
use pgrehearse::postgres::settings::{self, Profile};
use pgrehearse::text::Secret;

#[tokio::test]
async fn starts_answers_and_leaves_nothing_on_every_version() {
    for binaries in installed_majors() {
        let mut server = Server::start(&binaries).await;
        let directory = server.throwaway.directory().to_owned();
        let endpoint = server
            .database_with("create role owner login password 'owner-password'")
            .await;

        let over_tcp =
            server
                .throwaway
                .role("owner", &Secret::new("owner-password"), &endpoint.database);
        let row = Session::open(&over_tcp, &[("lock_timeout", "2 s")])
            .await
            .expect("a role gets in over TCP")
            .query_one(
                "select current_setting('server_version_num')::int / 10000, current_setting('lock_timeout'), current_setting('fsync')",
                &[],
            )
            .await
            .expect("the server answers");
        assert_eq!(
            row.get::<_, i32>(0),
            i32::try_from(binaries.major.0).expect("small")
        );
        assert_eq!(
            (row.get::<_, &str>(1), row.get::<_, &str>(2)),
            ("2s", "off")
        );

        server
            .throwaway
            .restart(&settings::of(
                Profile::ProductionLike,
                &[("work_mem".into(), "7MB".into())],
                &[],
            ))
            .await
            .expect("the server restarts");
        let row = Session::open(&over_tcp, &[])
            .await
            .expect("the same endpoint works after the restart")
            .query_one(
                "select current_setting('fsync'), current_setting('work_mem')",
                &[],
            )
            .await
            .expect("the server answers");
        assert_eq!(
            (row.get::<_, &str>(0), row.get::<_, &str>(1)),
            ("on", "7MB")
        );

        drop(server);
        assert!(!directory.exists(), "{} is left", directory.display());
    }
}
