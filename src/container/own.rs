//! Which container this process is in.

/// The id of the container that this process is in, if it is in one.
///
/// Docker mounts `/etc/hosts` and its kin from a directory that is named by it. The host's name is
/// no help: with the host's network it is the host's.
pub fn own_container() -> Option<String> {
    container_in(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

fn container_in(mounts: &str) -> Option<String> {
    mounts
        .split("containers/")
        .skip(1)
        .map(|rest| rest.split('/').next().unwrap_or_default())
        .find(|id| is_container(id))
        .map(str::to_owned)
}

/// Whether a text is a whole id, which is a part of a URL.
pub fn is_container(id: &str) -> bool {
    id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::container_in;

    #[test]
    fn a_container_is_found_by_its_mounts() {
        let id = "0123456789abcdef".repeat(4);
        let mounts = format!(
            "1 2 8:1 / / rw - overlay overlay rw\n\
             3 1 8:1 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw - ext4 x rw\n"
        );
        assert_eq!(container_in(&mounts), Some(id));
        assert_eq!(container_in("/var/lib/docker/containers/short/hosts"), None);
        assert_eq!(container_in(""), None);
    }
}
