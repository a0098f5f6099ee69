//! What AWS answers that is no success, and what helps.

use std::error::Error;
use std::sync::LazyLock;

use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use regex::Regex;

use crate::cloud::{CloudError, Lacks, Refusal, Speaker};
use crate::text::one_line;

pub(super) const AWS: &str = "AWS";

/// More of an error's text is not shown.
const SAID: usize = 300;

/// A call that failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// AWS's name for it, without the `Fault` that only some have.
    code: String,
    /// `None`: no answer.
    status: Option<u16>,
    doing: String,
    said: String,
    /// The credentials could not be had, so nothing was sent.
    unsent: bool,
}

impl Failure {
    /// Makes a failure of what the SDK says, for `map_err`.
    pub fn during<E>(doing: &str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        move |error| Self::of(doing, &error)
    }

    fn of<E>(doing: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let raw = error.raw_response();
        let status = raw.map(|raw| raw.status().as_u16());
        let body = raw
            .and_then(|raw| raw.body().bytes())
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = metadata
            .and_then(|metadata| metadata.code())
            .map(str::to_owned)
            // A refusal may come in another service's shape, which the SDK does not read.
            .or_else(|| between(&body, "<Code>", "</Code>"))
            .unwrap_or_default();
        let message = metadata
            .and_then(|metadata| metadata.message())
            .map(str::to_owned)
            .or_else(|| between(&body, "<Message>", "</Message>"));
        let cause = chain(error);
        let said = match (message, status) {
            (Some(message), _) => message,
            (None, Some(_)) if !code.is_empty() => code.clone(),
            (None, Some(_)) => "it did not say why".to_owned(),
            (None, None) if matches!(error, SdkError::TimeoutError(_)) => {
                "no answer in time".to_owned()
            }
            (None, None) => cause.clone(),
        };
        Self {
            code: code.trim_end_matches("Fault").to_owned(),
            status,
            doing: doing.to_owned(),
            said: one_line(&said, SAID),
            unsent: status.is_none() && cause.contains("credentials"),
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.code.ends_with("NotFound")
    }

    pub fn is_already_there(&self) -> bool {
        self.code.ends_with("AlreadyExists")
    }

    /// Whether it can be done when what is being done now is over.
    pub fn is_invalid_state(&self) -> bool {
        self.code.starts_with("InvalidDB") && self.code.ends_with("State")
    }

    /// Whether the same may be answered a little later.
    pub fn may_pass(&self) -> bool {
        match self.status {
            None => !self.unsent,
            Some(status) => status >= 500 || self.is_throttling(),
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub fn is_unsure(&self) -> bool {
        self.may_pass() && !self.is_throttling()
    }

    fn lacks(&self) -> Lacks {
        match self.code.as_str() {
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Lacks::Permission,
            "" if self.status == Some(403) => Lacks::Permission,
            _ => Lacks::Other,
        }
    }

    fn is_throttling(&self) -> bool {
        self.status == Some(429)
            || matches!(
                self.code.as_str(),
                "Throttling" | "ThrottlingException" | "RequestLimitExceeded"
            )
    }

    fn hint(&self) -> Option<String> {
        static ACTION: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"not authorized to perform:? ?`?([\w-]+:\w+)").ok());
        let action = (ACTION.as_ref())
            .and_then(|action| action.captures(&self.said))
            .and_then(|found| found.get(1));
        if let Some(action) = action {
            return Some(format!(
                "allow `{}`: `pgrehearse plan` prints the policy that is needed",
                action.as_str()
            ));
        }
        hint_of(&self.code, &self.said)
            .or_else(|| {
                (self.status == Some(403)).then_some(
                    "the credentials may not do that: `pgrehearse plan` prints the policy that is needed",
                )
            })
            .map(str::to_owned)
    }
}

fn hint_of(code: &str, said: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "the session has expired: log in again; in a job, let the role's sessions be longer than the job"
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure" => {
            "the access key is not known, or it belongs to a session whose token is missing"
        }
        "SignatureDoesNotMatch" => {
            "the secret key does not fit the access key, or this machine's clock is wrong"
        }
        "DBInstanceNotFound" => "correct the source's `instance`, `region` or `account`",
        "DBClusterNotFound" => "correct the source's `cluster`, `region` or `account`",
        "DBSnapshotNotFound" | "InvalidDBSnapshotState" => {
            "the snapshot was removed meanwhile: try again, or set `fresh: true`"
        }
        "InstanceQuotaExceeded" => {
            "the region has as many instances as the quota `DB instances` allows: look for what runs have left with `pgrehearse sweep`, or ask AWS for more in Service Quotas"
        }
        "StorageQuotaExceeded" => {
            "the region has as much storage as the quota `Total storage for all DB instances` allows: look for what runs have left with `pgrehearse sweep`, or ask AWS for more in Service Quotas"
        }
        "DBClusterQuotaExceeded" => {
            "the region has as many clusters as the quota `DB clusters` allows: look for what runs have left with `pgrehearse sweep`, or ask AWS for more in Service Quotas"
        }
        "SnapshotQuotaExceeded" => {
            "the region has as many snapshots as the quota `Manual DB instance snapshots` allows: delete some, ask AWS for more, or raise `max_age` so that no temporary one is needed"
        }
        "InsufficientDBInstanceCapacity" => {
            "AWS has none of that class now: set another `instance_class`, or try again later"
        }
        "InsufficientDBClusterCapacity" | "InsufficientStorageClusterCapacity" => {
            "AWS has no room for the cluster now: try again later"
        }
        "DBSubnetGroupNotFound" => {
            "the source's `subnet_group` is not in this account and region: correct it, or leave it out for production's own"
        }
        "DBSubnetGroupDoesNotCoverEnoughAZs" => {
            "the source's `subnet_group` needs subnets in at least two availability zones: give it another, or name another group"
        }
        "InvalidSubnet" | "InvalidVPCNetworkState" => {
            "the source's `subnet_group` and `security_groups` must be of one VPC, and its subnets there and with free addresses: name others"
        }
        "DBSecurityGroupNotFound" | "InvalidSecurityGroup" => {
            "set the source's `security_groups` to groups of its subnet group's VPC"
        }
        "KMSKeyNotAccessible" => {
            "the key that the snapshot is encrypted with is disabled, gone, or not for these credentials: enable it, and allow `kms:DescribeKey` and `kms:CreateGrant` in their policy and in the key's own"
        }
        "DBParameterGroupNotFound" | "DBClusterParameterGroupNotFound" => {
            "set the source's `parameter_group` to one that is there"
        }
        "StorageTypeNotSupported" => "set a storage type that the class supports",
        "InvalidRestore" => {
            "the snapshot can't be restored here: try a newer one with `fresh: true`"
        }
        "DBInstanceAlreadyExists" | "DBClusterAlreadyExists" => "start the run anew",
        "InvalidParameterCombination" | "InvalidParameterValue" | "DBEngineVersionNotFound"
            if said.contains("version") =>
        {
            "AWS no longer offers that engine version: set `extended_support: paid`, or upgrade production"
        }
        "InvalidParameterCombination" | "InvalidParameterValue"
            if said.contains("VPC") || said.contains("security group") =>
        {
            "set the source's `subnet_group` and `security_groups` to ones of the same VPC"
        }
        "InvalidParameterCombination" if said.contains("class") => {
            "set an `instance_class` that AWS offers for this engine version"
        }
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => {
            "the account's calls are limited: try again when less is going on"
        }
        _ => return None,
    })
}

impl From<Failure> for CloudError {
    fn from(failure: Failure) -> Self {
        match failure.status {
            Some(status) => Self::Refused {
                provider: AWS,
                refusal: Refusal {
                    status,
                    hint: failure.hint(),
                    lacks: failure.lacks(),
                    by: Speaker::Service,
                    doing: failure.doing,
                    said: failure.said,
                },
            },
            None => Self::Unreachable {
                provider: AWS,
                doing: failure.doing,
                why: failure.said,
            },
        }
    }
}

/// The causes of an error, the outermost left out: the SDK's says only that there was one.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|known| known.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    if parts.is_empty() {
        parts.push(error.to_string());
    }
    one_line(&parts.join(": "), SAID)
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    let (found, _) = rest.split_once(end)?;
    Some(found.to_owned())
}
