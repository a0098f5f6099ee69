//! A proxy on a port of its own: it passes requests on to one server, whatever host they name, and makes
//! no tunnels.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub struct Proxy {
    address: SocketAddr,
    /// The first line of every request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Its threads end with the process.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = seen.clone();
                std::thread::spawn(move || {
                    // Who hangs up has nothing to be told.
                    let _ = serve(&client, server, &seen);
                });
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

/// One request of a connection: its head, with the path alone in its first line, and its body.
fn serve(
    mut client: &TcpStream,
    server: SocketAddr,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let first = first.trim_end();
    seen.lock().expect("not poisoned").push(first.to_owned());
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        head.push_str(&format!("{line}\r\n"));
    }
    let path = first
        .split_once("://")
        .and_then(|(_, rest)| Some(&rest[rest.find('/')?..]));
    let Some(path) = path else {
        return client.write_all(b"HTTP/1.1 502 No Tunnel\r\ncontent-length: 0\r\n\r\n");
    };
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let method = first.split(' ').next().unwrap_or_default();
    let mut upstream = TcpStream::connect(server)?;
    write!(
        upstream,
        "{method} {path}\r\nconnection: close\r\n{head}\r\n"
    )?;
    upstream.write_all(&body)?;
    std::io::copy(&mut upstream, &mut client)?;
    client.shutdown(Shutdown::Both)
}
