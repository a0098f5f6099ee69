//! Errors, each with its cause and what helps.

use pgrehearse::cloud::Provider as _;
use pgrehearse::cloud::aws::{Access, Snapshot};
use pgrehearse::verdict::Explained as _;

use crate::harness::aws::{ACCOUNT, Aws, Fault, PACE, REGION, test_keys};
use crate::scene::{Scene, snapshot, wanted};

/// Status, code and message of a refusal, and what its hint says.
const REFUSALS: &[(u16, &str, &str, &str)] = &[
    (
        403,
        "AccessDenied",
        "User: arn:aws:iam::1:user/ci is not authorized to perform: rds:RestoreDBInstanceFromDBSnapshot on resource: x",
        "allow `rds:RestoreDBInstanceFromDBSnapshot`",
    ),
    (
        400,
        "InstanceQuotaExceeded",
        "Cannot create more than 40 instances",
        "sweep",
    ),
    (
        400,
        "InsufficientDBInstanceCapacity",
        "none",
        "instance_class",
    ),
    (
        404,
        "DBSubnetGroupNotFoundFault",
        "Subnet group rehearsal not found",
        "subnet_group",
    ),
    (
        400,
        "InvalidVPCNetworkStateFault",
        "DB instance and EC2 security group are in different VPCs",
        "subnet_group",
    ),
    (
        400,
        "KMSKeyNotAccessibleFault",
        "The specified KMS key does not exist",
        "kms:CreateGrant",
    ),
    (
        400,
        "InvalidParameterCombination",
        "Cannot find version 12.3 for postgres",
        "engine version",
    ),
    (
        404,
        "DBSnapshotNotFound",
        "DBSnapshot not found",
        "fresh: true",
    ),
    (404, "DBParameterGroupNotFound", "none", "parameter_group"),
];

#[tokio::test]
async fn refusals_name_cause_and_cure() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    for (status, code, message, hint) in REFUSALS {
        aws.trap(
            "RestoreDBInstanceFromDBSnapshot",
            1,
            Fault::Error {
                status: *status,
                code,
                message,
            },
        );
        let error = Scene::new()
            .make(&snapshot(&aws, wanted()))
            .await
            .expect_err(code);
        assert_eq!(
            error.to_string(),
            format!("AWS refused to restore the snapshot ({status}): {message}")
        );
        let said = error.hint().unwrap_or_default();
        assert!(said.contains(hint), "{code}: {said}");
    }
}

#[tokio::test]
async fn credentials_that_will_not_do_are_told() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    // A refusal may have no code.
    aws.trap("DescribeDBInstances", 1, Fault::Status(403));
    let error = snapshot(&aws, wanted()).look().await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "AWS refused to read an instance (403): it did not say why"
    );
    assert!(error.hint().unwrap_or_default().contains("may not do that"));

    for (code, hint) in [
        ("ExpiredToken", "has expired"),
        ("InvalidClientTokenId", "not known"),
        ("SignatureDoesNotMatch", "clock"),
    ] {
        aws.trap(
            "GetCallerIdentity",
            1,
            Fault::Error {
                status: 403,
                code,
                message: "no",
            },
        );
        let error = snapshot(&aws, wanted()).look().await.expect_err("refused");
        assert_eq!(
            error.to_string(),
            "AWS refused to read whose the credentials are (403): no"
        );
        let said = error.hint().unwrap_or_default();
        assert!(said.contains(hint), "{code}: {said}");
    }
    let mut wanted = wanted();
    wanted.instance = "nowhere".to_owned();
    let error = snapshot(&aws, wanted)
        .look()
        .await
        .expect_err("no instance");
    assert_eq!(
        error.to_string(),
        "there is no instance `nowhere` in AWS account `123456789012` in `eu-central-1`"
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told() {
    let access = Access {
        sts_url: Some("http://127.0.0.1:9".to_owned()),
        keys: Some(test_keys()),
        ..Access::new(ACCOUNT, REGION)
    };
    let provider = Snapshot::paced(&access, wanted(), PACE);
    let error = provider.look().await.expect_err("nobody there");
    assert!(
        error
            .to_string()
            .starts_with("AWS could not be reached to read whose the credentials are: "),
        "{error}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

/// A region that is newer than we are.
#[tokio::test]
async fn a_region_whose_authorities_are_unknown_needs_a_file() {
    let Some(aws) = Aws::with_instance().await else {
        return;
    };
    let access = Access {
        region: "mx-central-1".to_owned(),
        ..aws.access()
    };
    let source = |wanted| Snapshot::paced(&access, wanted, PACE);
    let refused = source(wanted()).look().await.expect_err("refused");
    let said = refused.explain().to_string();
    assert!(
        said.contains("in `mx-central-1` is not known here"),
        "{said}"
    );
    assert!(said.contains("set `ca_file`"), "{said}");
    assert_eq!(aws.actions(), [""; 0]);

    let mut with_file = wanted();
    with_file.reach.ca_file = Some(std::env::current_exe().expect("a file"));
    let refused = source(with_file)
        .look()
        .await
        .expect_err("no instance there");
    let said = refused.explain().to_string();
    assert!(said.contains("there is no instance"), "{said}");
}
