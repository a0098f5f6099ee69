//! Docker, where it is: an image with a migration tool, and what a run made there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use bollard::models::{ContainerInspectResponse, NetworkInspect};
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, TagImageOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker as Client};
use futures_util::StreamExt as _;
use pgrehearse::container::SOCKET;
use pgrehearse::postgres::binaries;

/// `psql` and a few programs of this machine, with their libraries.
pub const TOOL: &str = "pgrehearse-test-tool:1";

const PROGRAMS: [&str; 9] = [
    "bash", "cat", "env", "grep", "id", "ls", "sleep", "timeout", "touch",
];

/// A daemon that answers.
pub struct Docker {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Docker {
    /// The daemon, with [`TOOL`]; `None`, and a line that says so, where none answers.
    #[allow(clippy::print_stderr, reason = "a test that does nothing must say so")]
    pub fn here() -> Option<Self> {
        let docker = Self::connect();
        if docker.is_none() {
            eprintln!("skipped: no Docker daemon answers at {SOCKET}");
        }
        docker
    }

    fn connect() -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let client = Client::connect_with_unix(SOCKET, 60, API_DEFAULT_VERSION).ok()?;
        runtime.block_on(client.ping()).ok()?;
        let docker = Self { runtime, client };
        if docker.image_id(TOOL).is_none() {
            docker.import(TOOL, tool());
        }
        Some(docker)
    }

    pub fn image_id(&self, image: &str) -> Option<String> {
        let inspected = self.runtime.block_on(self.client.inspect_image(image));
        inspected.ok()?.id
    }

    /// Gives an image a second name.
    pub fn tag(&self, image: &str, repository: &str, tag: &str) {
        let options = TagImageOptionsBuilder::new().repo(repository).tag(tag);
        self.runtime
            .block_on(self.client.tag_image(image, Some(options.build())))
            .expect("tagged");
    }

    /// Takes a name from an image, and the image with its last.
    pub fn untag(&self, image: &str) {
        let removing = self.client.remove_image(
            image,
            None::<bollard::query_parameters::RemoveImageOptions>,
            None,
        );
        let _ = self.runtime.block_on(removing);
    }

    /// An image of these files and nothing else.
    pub fn import(&self, name: &str, files: Vec<u8>) {
        let (repository, tag) = name.rsplit_once(':').expect("a tag");
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(repository)
            .tag(tag)
            .build();
        let body = bollard::body_full(files.into());
        let importing = async {
            let mut answers =
                std::pin::pin!(self.client.create_image(Some(options), Some(body), None));
            while let Some(answer) = answers.next().await {
                answer.expect("the image is imported");
            }
        };
        self.runtime.block_on(importing);
    }

    /// Everything of a run, by its label: the kind, and the name.
    pub fn left_of(&self, run: &str) -> Vec<(&'static str, String)> {
        let filters: HashMap<String, Vec<String>> =
            [("label".to_owned(), vec![format!("run-id={run}")])].into();
        self.runtime.block_on(async {
            let options = ListContainersOptionsBuilder::new().all(true);
            let containers = self
                .client
                .list_containers(Some(options.filters(&filters).build()))
                .await
                .expect("containers are listed");
            let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
            let networks = self
                .client
                .list_networks(Some(options))
                .await
                .expect("networks are listed");
            let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
            let volumes = self
                .client
                .list_volumes(Some(options))
                .await
                .expect("volumes are listed")
                .volumes
                .unwrap_or_default();
            let containers = containers
                .into_iter()
                .map(|it| ("container", it.id.unwrap_or_default()));
            let networks = networks
                .into_iter()
                .map(|it| ("network", it.name.unwrap_or_default()));
            let volumes = volumes.into_iter().map(|it| ("volume", it.name));
            containers.chain(networks).chain(volumes).collect()
        })
    }

    pub fn container(&self, id: &str) -> ContainerInspectResponse {
        self.runtime
            .block_on(self.client.inspect_container(id, None))
            .expect("it is there")
    }

    /// Makes a network that says to be of a run.
    pub fn make_network(&self, name: &str, run: &str) {
        let labels = [("managed-by", "pgrehearse"), ("run-id", run)];
        let request = bollard::models::NetworkCreateRequest {
            name: name.to_owned(),
            labels: Some(
                labels
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            ),
            ..bollard::models::NetworkCreateRequest::default()
        };
        self.runtime
            .block_on(self.client.create_network(request))
            .expect("a network is made");
    }

    pub fn remove_network(&self, name: &str) {
        self.runtime
            .block_on(self.client.remove_network(name))
            .expect("it is there");
    }

    pub fn network(&self, name: &str) -> NetworkInspect {
        self.runtime
            .block_on(self.client.inspect_network(name, None))
            .expect("it is there")
    }

    /// Starts [`TOOL`] on Docker's usual network until the handle goes; its address there.
    pub fn neighbour(&self) -> (Neighbour<'_>, String) {
        use bollard::models::ContainerCreateBody;
        let body = ContainerCreateBody {
            image: Some(TOOL.to_owned()),
            entrypoint: Some(vec!["/bin/sleep".to_owned(), "600".to_owned()]),
            ..ContainerCreateBody::default()
        };
        let id = self
            .runtime
            .block_on(async {
                let made = self
                    .client
                    .create_container(
                        None::<bollard::query_parameters::CreateContainerOptions>,
                        body,
                    )
                    .await?;
                self.client.start_container(&made.id, None).await?;
                Ok::<_, bollard::errors::Error>(made.id)
            })
            .expect("it starts");
        let address = self
            .container(&id)
            .network_settings
            .and_then(|settings| settings.networks?.into_values().next()?.ip_address)
            .expect("it has an address");
        (Neighbour { docker: self, id }, address)
    }
}

/// A container that has nothing to do with a run.
pub struct Neighbour<'d> {
    docker: &'d Docker,
    id: String,
}

impl Drop for Neighbour<'_> {
    fn drop(&mut self) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let removing = self.docker.client.remove_container(&self.id, Some(options));
        let _ = self.docker.runtime.block_on(removing);
    }
}

/// The files of [`TOOL`]. No registry is needed for programs that this machine has.
pub fn tool() -> Vec<u8> {
    let psql = binaries::newest(None)
        .expect("a PostgreSQL server is installed")
        .program("psql");
    let path = std::env::var_os("PATH").expect("a PATH");
    let on_path = |name: &str| {
        std::env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| file.is_file())
            .unwrap_or_else(|| panic!("`{name}` is not installed"))
    };
    let mut archive = tar::Builder::new(Vec::new());
    let mut libraries = Vec::new();
    let mut add = |from: &Path, to: &str| {
        let from = from.canonicalize().expect("it is there");
        archive
            .append_path_with_name(&from, to.trim_start_matches('/'))
            .expect("packed");
    };
    let mut programs: Vec<(PathBuf, String)> = PROGRAMS
        .iter()
        .map(|&name| (on_path(name), format!("bin/{name}")))
        .collect();
    programs.push((on_path("bash"), "bin/sh".to_owned()));
    programs.push((psql, "bin/psql".to_owned()));
    for (from, to) in &programs {
        add(from, to);
        let output = Command::new("ldd").arg(from).output().expect("ldd starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        libraries.extend(
            text.split_whitespace()
                .filter(|word| word.starts_with('/'))
                .map(str::to_owned),
        );
    }
    libraries.sort();
    libraries.dedup();
    for library in &libraries {
        add(Path::new(library), library);
    }
    archive.into_inner().expect("packed")
}
