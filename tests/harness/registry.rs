//! A registry of images on the loopback interface, which Docker takes without TLS. It has one image.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Whom the registry lets in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    Closed,
}

/// A registry that serves until the handle goes.
pub struct Registry {
    _runtime: tokio::runtime::Runtime,
    /// `127.0.0.1:5000/o/tool`.
    pub repository: String,
    /// Of the image, as the registry names it.
    pub digest: String,
}

struct Served {
    door: Door,
    /// By the last part of their paths: the type, and the content.
    files: HashMap<String, (&'static str, Vec<u8>)>,
}

impl Registry {
    /// One that has an image of these files, as `o/tool:1`.
    pub fn of(files: &[u8], door: Door) -> Self {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(files).expect("packed");
        let layer = packed.finish().expect("packed");
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "amd64",
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": [digest(files)] },
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(), "digest": digest(&config),
            },
            "layers": [{
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": layer.len(), "digest": digest(&layer),
            }],
        });
        let manifest = manifest.to_string().into_bytes();
        let own = digest(&manifest);
        let files = [
            (digest(&config), ("application/octet-stream", config)),
            (digest(&layer), ("application/octet-stream", layer)),
            (own.clone(), (MANIFEST, manifest.clone())),
            ("1".to_owned(), (MANIFEST, manifest)),
        ]
        .into();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let served = Router::new()
            .fallback(serve)
            .with_state(Arc::new(Served { door, files }));
        runtime.spawn(async move { axum::serve(listener, served).await });
        Self {
            _runtime: runtime,
            repository: format!("127.0.0.1:{port}/o/tool"),
            digest: own,
        }
    }
}

async fn serve(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    if served.door == Door::Closed {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"tools\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    if uri.path() == "/v2/" {
        return StatusCode::OK.into_response();
    }
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    match served.files.get(name) {
        Some((kind, content)) => {
            let digest = digest(content);
            let headers = [
                (header::CONTENT_TYPE, (*kind).to_owned()),
                (
                    header::HeaderName::from_static("docker-content-digest"),
                    digest,
                ),
            ];
            (headers, content.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    hash.iter().fold("sha256:".to_owned(), |text, byte| {
        format!("{text}{byte:02x}")
    })
}
