//! What a person reads when AWS refuses: the exact words of the command, its exit code, and that nothing is
//! left.

use std::path::Path;
use std::process::Output;

use crate::harness::aws::{ACCOUNT, Aws, Fault, PRODUCTION, REGION};
use crate::harness::gate::Project;
use crate::plan::{command, nameless, project, rds, version};

const RESTORE: &str = "RestoreDBInstanceFromDBSnapshot";

const CLONE: &str = "RestoreDBClusterToPointInTime";

/// A case: what it is, the call that is refused, status, code and message.
type Refused = (&'static str, &'static str, u16, &'static str, &'static str);

/// What `plan` is refused, which only looks.
const OF_PLAN: &[Refused] = &[
    (
        "an expired session",
        "GetCallerIdentity",
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    ),
    (
        "a missing permission to look",
        "DescribeDBSnapshots",
        403,
        "AccessDenied",
        "User: arn:aws:sts::123456789012:assumed-role/gate/ci is not authorized to perform: rds:DescribeDBSnapshots on resource: arn:aws:rds:eu-central-1:123456789012:snapshot:*",
    ),
];

/// What a run of an instance is refused.
const OF_AN_INSTANCE: &[Refused] = &[
    (
        "a missing permission to make",
        RESTORE,
        403,
        "AccessDenied",
        "User: arn:aws:sts::123456789012:assumed-role/gate/ci is not authorized to perform: rds:RestoreDBInstanceFromDBSnapshot on resource: arn:aws:rds:eu-central-1:123456789012:pg:like-production",
    ),
    (
        "the quota of instances",
        RESTORE,
        400,
        "InstanceQuotaExceeded",
        "Instance quota exceeded: 40",
    ),
    (
        "the quota of storage",
        RESTORE,
        400,
        "StorageQuotaExceeded",
        "Storage quota exceeded: 100000",
    ),
    (
        "a subnet group that is not there",
        RESTORE,
        404,
        "DBSubnetGroupNotFoundFault",
        "DBSubnetGroup not found: rehearsal",
    ),
    (
        "a subnet group of one zone",
        RESTORE,
        400,
        "DBSubnetGroupDoesNotCoverEnoughAZs",
        "DB Subnet Group doesn't meet availability zone coverage requirement.",
    ),
    (
        "two VPCs",
        RESTORE,
        400,
        "InvalidVPCNetworkStateFault",
        "The DB instance and EC2 security group are in different VPCs.",
    ),
    (
        "a key that is disabled",
        RESTORE,
        400,
        "KMSKeyNotAccessibleFault",
        "The specified KMS key arn:aws:kms:eu-central-1:123456789012:key/1 is not accessible",
    ),
    (
        "a key without a permission",
        RESTORE,
        403,
        "AccessDenied",
        "User: arn:aws:sts::123456789012:assumed-role/gate/ci is not authorized to perform: kms:CreateGrant on resource: arn:aws:kms:eu-central-1:123456789012:key/1",
    ),
    (
        "an engine version that is gone",
        RESTORE,
        400,
        "InvalidParameterCombination",
        "Cannot find version 11.5 for postgres",
    ),
];

const OF_A_CLUSTER: &[Refused] = &[(
    "the quota of clusters",
    CLONE,
    403,
    "DBClusterQuotaExceededFault",
    "DB Cluster quota exceeded",
)];

/// The errors that a command has told, with its exit code.
fn said(what: &str, output: &Output) -> String {
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let of_a_run: Vec<&str> = (stdout.lines())
        .skip_while(|line| !line.starts_with("error "))
        .take_while(|line| !line.is_empty())
        .collect();
    let told = if of_a_run.is_empty() {
        stderr.trim().to_owned()
    } else {
        of_a_run.join("\n")
    };
    let code = output.status.code().unwrap_or(-1);
    format!("# {what}: exit code {code}\n{}\n", nameless(&told))
}

fn refuse(aws: &Aws, (_, call, status, code, message): &Refused) {
    aws.no_more_traps();
    aws.trap(
        call,
        1,
        Fault::Error {
            status: *status,
            code,
            message,
        },
    );
}

fn status(status: &str) -> Fault {
    Fault::Rewrite(
        "<DBInstanceStatus>[^<]*</DBInstanceStatus>",
        format!("<DBInstanceStatus>{status}</DBInstanceStatus>"),
    )
}

async fn told(aws: &Aws, project: &Project, what: &str, arguments: &[&str]) -> String {
    said(what, &command(aws, project, arguments, None).await)
}

#[tokio::test]
async fn what_only_looks_is_refused_in_plain_words() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.make_instance_of(&version()).await;
    let before = aws.everything().await;
    let ours = project(&rds(""), "");
    let mut all = String::new();
    for refused in OF_PLAN {
        refuse(&aws, refused);
        all.push_str(&told(&aws, &ours, refused.0, &["plan"]).await);
    }
    // The policy that is asked for is printed all the same, and only where it would help.
    refuse(&aws, &OF_PLAN[0]);
    let output = command(&aws, &ours, &["plan"], None).await;
    assert!(output.stdout.is_empty(), "{output:?}");
    refuse(&aws, &OF_PLAN[1]);
    let output = command(&aws, &ours, &["plan"], None).await;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("\"rds:DescribeDBSnapshots\""), "{printed}");
    aws.no_more_traps();
    let other = rds("").replace(ACCOUNT, "999999999999");
    all.push_str(&told(&aws, &project(&other, ""), "another account", &["plan"]).await);
    let other = rds("").replace(PRODUCTION, "orcha-prd");
    all.push_str(&told(&aws, &project(&other, ""), "no such instance", &["plan"]).await);
    aws.trap("DescribeDBInstances", 99, status("stopped"));
    let old = project(&rds(", max_age: 1ms"), "");
    all.push_str(&told(&aws, &old, "no snapshot, and none can be taken", &["plan"]).await);
    insta::assert_snapshot!("looking", all);
    assert_eq!(aws.everything().await, before);
}

#[tokio::test]
async fn what_makes_a_clone_is_refused_in_plain_words() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.make_instance_of(&version()).await;
    aws.make_cluster_of(&version()).await;
    let before = aws.everything().await;
    let mut all = String::new();
    let instance = project(&rds(""), "");
    for refused in OF_AN_INSTANCE {
        refuse(&aws, refused);
        all.push_str(&told(&aws, &instance, refused.0, &["run"]).await);
    }
    let refused = (
        "the quota of snapshots",
        "CreateDBSnapshot",
        400,
        "SnapshotQuotaExceeded",
        "Snapshot quota exceeded: 100",
    );
    refuse(&aws, &refused);
    let fresh = project(&rds(", fresh: true"), "");
    all.push_str(&told(&aws, &fresh, refused.0, &["run"]).await);
    let cluster = format!(
        "aurora_clone: {{ cluster: {PRODUCTION}, account: \"{ACCOUNT}\", region: {REGION} }}"
    );
    let cluster = project(&cluster, "");
    for refused in OF_A_CLUSTER {
        refuse(&aws, refused);
        all.push_str(&told(&aws, &cluster, refused.0, &["run"]).await);
    }
    // The source is read twice, and then the clone once.
    aws.no_more_traps();
    aws.trap("DescribeDBInstances", 2, Fault::Pass);
    aws.trap(
        "DescribeDBInstances",
        1,
        status("inaccessible-encryption-credentials"),
    );
    all.push_str(
        &told(
            &aws,
            &instance,
            "a key that was disabled meanwhile",
            &["run"],
        )
        .await,
    );
    insta::assert_snapshot!("making", all);
    assert_eq!(aws.everything().await, before);
}

#[tokio::test]
async fn a_tunnel_whose_target_is_gone_is_told() {
    let Some(aws) = Aws::start().await else {
        return;
    };
    aws.make_instance_of(&version()).await;
    let before = aws.everything().await;
    let directory = tempfile::tempdir().expect("a directory");
    programs(directory.path());
    let project = project(&rds(", connect: { ssm: i-0bastion }"), "");
    let output = command(&aws, &project, &["run"], Some(directory.path())).await;
    insta::assert_snapshot!("tunnel", said("a target that is not connected", &output));
    assert_eq!(aws.everything().await, before);
}

/// The CLI as it is where Systems Manager does not know the instance.
fn programs(directory: &Path) {
    let program = crate::tunnels::program;
    program(directory, "session-manager-plugin", "exit 0");
    program(
        directory,
        "aws",
        "echo 'An error occurred (TargetNotConnected) when calling the StartSession operation: i-0bastion is not connected.' >&2; exit 254",
    );
}
