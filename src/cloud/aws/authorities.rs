//! Who signs the certificates of RDS's servers: no machine trusts them by itself, and each region has its
//! own. `authorities.pem` is what `scripts/rds-authorities.sh` writes.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const ALL: &str = include_str!("authorities.pem");

const NAME: &str = "rds-authorities.pem";

/// The region's authorities as PEM. `None`: they are not known here.
pub(super) fn of(region: &str) -> Option<&'static str> {
    ALL.split("# ")
        .filter_map(|part| part.split_once('\n'))
        .find_map(|(of, certificates)| (of == region).then_some(certificates))
}

/// Writes them to a file of their own in `directory`, for clients that read files alone.
pub(super) fn write(certificates: &str, directory: &Path) -> std::io::Result<PathBuf> {
    let path = directory.join(NAME);
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&path)?
        .write_all(certificates.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::{ALL, of, write};

    #[test]
    fn every_region_has_three_that_can_be_trusted() {
        let regions: Vec<&str> = (ALL.lines())
            .filter_map(|line| line.strip_prefix("# "))
            .collect();
        assert!(regions.contains(&"eu-central-1") && regions.len() > 25);
        for region in regions {
            let mut store = RootCertStore::empty();
            let certificates = of(region).expect("it is there");
            for certificate in CertificateDer::pem_slice_iter(certificates.as_bytes()) {
                store.add(certificate.expect("PEM")).expect("an authority");
            }
            assert_eq!(store.len(), 3, "{region}");
        }
    }

    #[test]
    fn a_region_is_its_whole_name() {
        for unknown in ["eu-central", "eu-central-11", "", "moon-1"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_is_written_is_the_regions() {
        let directory = tempfile::tempdir().expect("a directory");
        let certificates = of("us-east-1").expect("known");
        let path = write(certificates, directory.path()).expect("written");
        let read = std::fs::read_to_string(path).expect("read");
        assert_eq!(read, certificates);
    }
}
