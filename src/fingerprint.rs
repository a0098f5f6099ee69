//! Takes the fingerprint of what is rehearsed, in seconds: of its files, and of production as far as it
//! tells of itself without being cloned.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clone::{newest_dump, read_only_session};
use crate::container::{self, ImageName, Site};
use crate::migrate::{Found, History, relative};
use crate::policy::{Policy, Source};
use crate::schema_diff;
use crate::text::sha256;
use crate::verdict::{Explained as _, Failure, Fingerprint};

/// A database whose catalogue takes longer is not asked further.
const LIMIT: Duration = Duration::from_secs(60);

/// Of a dump that is larger than two of these, its beginning and its end are read: the beginning has its
/// date and its contents, and whatever differs in between is of another length or another date.
const PART: u64 = 16 * 1024 * 1024;

/// Names the image that the gate runs in, by what it was built from; the image sets it.
const IMAGE: &str = "PGREHEARSE_IMAGE";

/// The fingerprint of what `policy` rehearses now; `site`: where its image runs, if it does.
pub async fn of(policy: &Policy, found: &Found, site: Option<&Site>) -> Fingerprint {
    let mut print = Fingerprint {
        program: program(),
        image: site.map(|site| site.image().identity.clone()),
        ..Fingerprint::default()
    };
    files(policy, found, &mut print);
    if let (Some(name), None) = (&policy.migrations.image, site) {
        image(name, &mut print).await;
    }
    match &policy.source {
        Source::Database { .. } => {
            let asked = tokio::time::timeout(LIMIT, database(policy, &mut print)).await;
            let failure = match asked {
                Ok(Ok(())) => return print,
                Ok(Err(failure)) => failure.one_line(),
                Err(_) => "it did not answer in time".to_owned(),
            };
            print.production.clear();
            print.unknown.push(format!("production: {failure}"));
        }
        Source::Dump(dump) => {
            match newest_dump(&dump.files, &policy.root).map(|path| of_dump(&path)) {
                Some(Ok(digest)) => {
                    print.production.insert("dump".to_owned(), digest);
                }
                Some(Err(error)) => print.unknown.push(format!("production: {error}")),
                None => print
                    .unknown
                    .push(format!("production: no dump fits `{}`", dump.files)),
            }
        }
        Source::Command(_) => print
            .unknown
            .push("production: only `source.command` could tell, by dumping it again".to_owned()),
        Source::Hosted(_) => print
            .unknown
            .push("production: only a new clone of it could tell".to_owned()),
        // Its files are production.
        Source::Sql(_) => {}
    }
    print
}

/// The image as it is now, without running it.
async fn image(name: &ImageName, print: &mut Fingerprint) {
    let asking = async { container::identify(&container::socket(variable)?, name).await };
    let failure = match tokio::time::timeout(LIMIT, asking).await {
        Ok(Ok(identity)) => {
            print.image = Some(identity);
            return;
        }
        Ok(Err(error)) => Failure::of(&error, None).one_line(),
        Err(_) => "Docker did not answer in time".to_owned(),
    };
    print
        .unknown
        .push(format!("the migration's image: {failure}"));
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn program() -> String {
    let version = concat!("pgrehearse ", env!("CARGO_PKG_VERSION"));
    match std::env::var(IMAGE) {
        Ok(image) if !image.is_empty() => format!("{version}, image {image}"),
        _ => version.to_owned(),
    }
}

fn files(policy: &Policy, found: &Found, print: &mut Fingerprint) {
    let name = policy.file.file_name().unwrap_or_default();
    print.files.insert(
        name.to_string_lossy().into_owned(),
        digest(policy.text.as_bytes()),
    );
    let held_back = found.held_back.iter().map(|held| &held.file);
    let migrations: Vec<&PathBuf> = found
        .files
        .iter()
        .chain(held_back)
        .map(|file| &file.path)
        .collect();
    if migrations.is_empty() {
        print
            .unknown
            .push("the migrations: the policy names no files of theirs".to_owned());
    }
    let of_source: &[PathBuf] = match &policy.source {
        Source::Sql(files) => files,
        _ => &[],
    };
    let named = policy.baseline_init.iter().chain(&policy.restore.mask);
    for path in migrations.into_iter().chain(named).chain(of_source) {
        let shown = relative(path, &policy.root);
        match std::fs::read(path) {
            Ok(bytes) => {
                print.files.insert(shown, digest(&bytes));
            }
            Err(error) => print.unknown.push(format!("`{shown}`: {error}")),
        }
    }
}

/// The catalogue, and what the migration tool has recorded.
async fn database(policy: &Policy, print: &mut Fingerprint) -> Result<(), Failure> {
    let Source::Database {
        endpoint,
        lock_timeout,
    } = &policy.source
    else {
        return Ok(());
    };
    let catalog = schema_diff::read_source(endpoint, *lock_timeout)
        .await
        .map_err(|error| Failure::of(&error, error.hint()))?;
    print
        .production
        .insert("schema".to_owned(), digest(catalog.canonical().as_bytes()));
    let session = read_only_session(endpoint, *lock_timeout)
        .await
        .map_err(|error| Failure::of(&error, error.hint()))?;
    let history = History::of(&policy.migrations);
    let applied = history
        .read(&session)
        .await
        .map_err(|error| error.explain())?;
    if let Some(applied) = applied {
        let ids: Vec<&str> = applied.ids.iter().map(String::as_str).collect();
        print
            .production
            .insert("history".to_owned(), digest(ids.join("\n").as_bytes()));
    }
    Ok(())
}

fn of_dump(path: &Path) -> std::io::Result<String> {
    // A directory's table of contents names every file in it, with its date.
    let path = if path.is_dir() {
        path.join("toc.dat")
    } else {
        path.to_owned()
    };
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut read = length.to_le_bytes().to_vec();
    if length <= 2 * PART {
        file.read_to_end(&mut read)?;
    } else {
        file.by_ref().take(PART).read_to_end(&mut read)?;
        file.seek(SeekFrom::End(-PART.cast_signed()))?;
        file.read_to_end(&mut read)?;
    }
    Ok(digest(&read))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}
