//! A network of one run, with no way out, and the address in it at which this process can listen.

use std::net::{IpAddr, TcpListener};

use bollard::Docker;
use bollard::models::{
    EndpointSettings, Ipam, NetworkConnectRequest, NetworkCreateRequest, NetworkInspect,
};

use super::error::ContainerError;
use super::leftover::Labels;
use super::place::Seat;
use crate::process::RunId;

/// What this process is called in the network, for whoever looks at it.
const ALIAS: &str = "pgrehearse-clone";

/// Where an image's container is put, and how it reaches this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// A network with no way out.
    Closed {
        network: String,
        address: IpAddr,
        subnet: String,
    },
    /// This container's own network, since it can be in no other: `container:<id>`.
    Shared { mode: String },
}

/// What a server has to do to be reached from a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    pub address: IpAddr,
    /// Who may come, as `172.18.0.0/16`.
    pub subnet: String,
}

impl Link {
    /// Makes the run's network, and takes a place in it.
    pub async fn make(
        docker: &Docker,
        run: &RunId,
        labels: Labels,
        seat: &Seat,
    ) -> Result<Self, ContainerError> {
        let name = run.directory_prefix();
        let is_host = *seat == Seat::Host;
        let mut options = std::collections::HashMap::new();
        if !is_host {
            // The bridge needs no address then: the host's own services can't be reached by it.
            options.insert(
                "com.docker.network.bridge.inhibit_ipv4".to_owned(),
                "true".to_owned(),
            );
        }
        docker
            .create_network(NetworkCreateRequest {
                name: name.clone(),
                internal: Some(true),
                labels: Some(labels),
                options: Some(options),
                ..NetworkCreateRequest::default()
            })
            .await
            .map_err(ContainerError::of("make a network for the image"))?;
        if let Seat::Container { id, own } = seat {
            let request = NetworkConnectRequest {
                container: id.clone(),
                endpoint_config: Some(EndpointSettings {
                    aliases: Some(vec![ALIAS.to_owned()]),
                    ..EndpointSettings::default()
                }),
            };
            if let Err(error) = docker.connect_network(&name, request).await {
                tracing::debug!(%error, "this container can't be connected to a network");
                return Ok(Self::Shared {
                    mode: format!("container:{own}"),
                });
            }
        }
        let inspected = docker
            .inspect_network(&name, None)
            .await
            .map_err(ContainerError::of("look at the image's network"))?;
        let lacks = || ContainerError::Refused {
            doing: "find this machine's address in the image's network",
            said: "none".to_owned(),
        };
        let (subnet, gateway) = configured(inspected.ipam.as_ref()).ok_or_else(lacks)?;
        let address = match seat {
            Seat::Host => gateway,
            Seat::Container { id, .. } => address_of(&inspected, id),
        }
        .ok_or_else(lacks)?;
        // A server that can't listen here would still start, on its other addresses.
        TcpListener::bind((address, 0)).map_err(|error| {
            tracing::debug!(%error, %address, "the network's address can't be listened on");
            ContainerError::OtherMachine {
                address: address.to_string(),
            }
        })?;
        Ok(Self::Closed {
            network: name,
            address,
            subnet,
        })
    }

    /// What the server has to do; nothing where loopback is shared.
    pub fn listening(&self) -> Option<Listening> {
        match self {
            Self::Closed {
                address, subnet, ..
            } => Some(Listening {
                address: *address,
                subnet: subnet.clone(),
            }),
            Self::Shared { .. } => None,
        }
    }

    /// `HostConfig.NetworkMode`.
    pub fn mode(&self) -> &str {
        match self {
            Self::Closed { network, .. } => network,
            Self::Shared { mode } => mode,
        }
    }
}

/// The network's IPv4 subnet, and the address of its bridge.
fn configured(ipam: Option<&Ipam>) -> Option<(String, Option<IpAddr>)> {
    ipam?.config.as_ref()?.iter().find_map(|config| {
        let subnet = config.subnet.as_ref()?;
        let address: IpAddr = subnet.split('/').next()?.parse().ok()?;
        let gateway = config.gateway.as_deref().and_then(without_length);
        address.is_ipv4().then(|| (subnet.clone(), gateway))
    })
}

fn address_of(network: &NetworkInspect, container: &str) -> Option<IpAddr> {
    let inside = network.containers.as_ref()?.get(container)?;
    without_length(inside.ipv4_address.as_deref()?)
}

/// `172.18.0.2/16` as an address.
fn without_length(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}
