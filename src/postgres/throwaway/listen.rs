//! Where a server of ours listens: on the loopback interface, and in one network more if it is told.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::{Network, SUPERUSER, ThrowawayError};

/// How long this machine may take to reach itself.
const AT_ONCE: Duration = Duration::from_secs(2);

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A port, the same on every address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub port: u16,
    addresses: Vec<IpAddr>,
}

impl Address {
    /// A port that is free on the loopback interface and in `network`.
    pub fn free(network: Option<&Network>) -> io::Result<Self> {
        let addresses: Vec<IpAddr> = [LOOPBACK]
            .into_iter()
            .chain(network.map(|network| network.address))
            .collect();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let first = TcpListener::bind((LOOPBACK, 0))?;
            let port = first.local_addr()?.port();
            let others: io::Result<Vec<TcpListener>> = addresses[1..]
                .iter()
                .map(|&address| TcpListener::bind((address, port)))
                .collect();
            match others {
                Ok(_) => return Ok(Self { port, addresses }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < 20 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// `listen_addresses`, as the server's `-c` has it.
    pub fn setting(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        format!("listen_addresses={}", addresses.join(","))
    }

    /// Whether the server is reached at each address; the first at which it is not.
    pub fn is_answered(&self) -> Result<(), IpAddr> {
        // With one address the server says itself that it could not have it.
        for &address in self.addresses.iter().filter(|_| self.addresses.len() > 1) {
            let place = SocketAddr::new(address, self.port);
            TcpStream::connect_timeout(&place, AT_ONCE).map_err(|_| address)?;
        }
        Ok(())
    }
}

/// Lets the network's clients log in.
pub fn allow(network: &Network, directory: &Path) -> Result<(), ThrowawayError> {
    let path = directory.join("data/pg_hba.conf");
    let subnet = &network.subnet;
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| {
            write!(
                file,
                "\nhost all {SUPERUSER} {subnet} reject\nhost all all {subnet} scram-sha-256\n"
            )
        })
        .map_err(|source| ThrowawayError::Directory { path, source })
}

#[cfg(test)]
mod tests {
    use super::{Address, Network};

    #[test]
    fn a_port_is_free_on_every_address() {
        let network = Network {
            address: [127, 0, 0, 2].into(),
            subnet: "127.0.0.0/8".to_owned(),
        };
        let at = Address::free(Some(&network)).expect("a port");
        assert_eq!(at.setting(), "listen_addresses=127.0.0.1,127.0.0.2");
        assert_eq!(at.is_answered(), Err([127, 0, 0, 1].into()));
        assert_eq!(
            Address::free(None).expect("a port").setting(),
            "listen_addresses=127.0.0.1"
        );
    }
}
