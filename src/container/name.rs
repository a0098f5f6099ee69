//! The name of an image, as people write it: `node:22`, `example.org/o/tool@sha256:…`.

use std::fmt;

/// The name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// `example.org/o/tool`.
    repository: String,
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    Tag(String),
    /// With the tag that stands before it, which says nothing beside it.
    Digest {
        tag: Option<String>,
        digest: String,
    },
}

/// What is said of a text that is no name.
const EXPECTED: &str = "expected an image such as `node:22` or `example.org/o/tool@sha256:…`";

impl ImageName {
    /// Reads a name; without a tag it is `latest`, as it is for Docker.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| EXPECTED.to_owned())
    }

    fn read(text: &str) -> Option<Self> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A registry's port has a colon too, and a slash after it.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        let is_good = is_repository(repository)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest)
            && text.len() <= 512;
        let tag = tag.map(str::to_owned);
        is_good.then(|| Self {
            repository: repository.to_owned(),
            version: match digest {
                Some(digest) => Version::Digest {
                    tag,
                    digest: digest.to_owned(),
                },
                None => Version::Tag(tag.unwrap_or_else(|| "latest".to_owned())),
            },
        })
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, or the digest where there is one.
    pub fn version(&self) -> &str {
        match &self.version {
            Version::Tag(tag) => tag,
            Version::Digest { digest, .. } => digest,
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.repository)?;
        match &self.version {
            Version::Tag(tag) => write!(formatter, ":{tag}"),
            Version::Digest { tag, digest } => {
                if let Some(tag) = tag {
                    write!(formatter, ":{tag}")?;
                }
                write!(formatter, "@{digest}")
            }
        }
    }
}

/// Small letters, digits and what may stand between them; the first part may be a registry.
fn is_repository(text: &str) -> bool {
    let mut parts = text.split('/').peekable();
    let is_part = |part: &str| {
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        is_end(part.as_bytes().first())
            && is_end(part.as_bytes().last())
            && part
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
    };
    let Some(first) = parts.next() else {
        return false;
    };
    let has_registry = parts.peek().is_some()
        && (first.contains(['.', ':'])
            || first == "localhost"
            || first.contains(char::is_uppercase));
    let is_first = if has_registry {
        let (host, port) = first.split_once(':').unwrap_or((first, "0"));
        is_part(&host.to_ascii_lowercase()) && port.parse::<u16>().is_ok()
    } else {
        is_part(first)
    };
    is_first && parts.all(is_part)
}

fn is_tag(text: &str) -> bool {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.len() <= 128
        && text.starts_with(is_word)
        && text
            .chars()
            .all(|character| is_word(character) || matches!(character, '.' | '-'))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digest| {
        digest.len() == 64
            && digest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::ImageName;

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, repository, version) in [
            ("node", "node", "latest"),
            ("node:22", "node", "22"),
            ("localhost:5000/a/b", "localhost:5000/a/b", "latest"),
            (
                "example.org/o/tool:v1_2-x.y",
                "example.org/o/tool",
                "v1_2-x.y",
            ),
        ] {
            let name = ImageName::parse(text).expect(text);
            assert_eq!((name.repository(), name.version()), (repository, version));
        }
        let pinned = format!("node:22@{digest}");
        let name = ImageName::parse(&pinned).expect("a name");
        assert_eq!((name.repository(), name.version()), ("node", &*digest));
        assert_eq!(name.to_string(), pinned);
    }

    #[test]
    fn what_docker_would_take_for_something_else_is_no_name() {
        for text in [
            "",
            "-v",
            "Node",
            "node:",
            "node 22",
            "node:22\n",
            "a//b",
            "/a",
            "a/",
            "..",
            "a/../b",
            "node@sha256:12",
            "https://example.org/o/tool",
            "node?x=1",
            "node#x",
            "host:port/a",
            ":22",
        ] {
            assert!(ImageName::parse(text).is_err(), "{text}");
        }
    }
}
