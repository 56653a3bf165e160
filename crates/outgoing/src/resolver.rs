//! The guard: what may be called, and the resolver behind every name.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::address::is_public;
use crate::{PlainHttp, Reach, Refusal};

/// Addresses of a name, in the future.
pub(crate) type Looked = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where names are looked up. The system's resolver, or a scripted one in tests.
pub(crate) trait Names: Send + Sync {
    fn look_up(&self, name: &str) -> Looked;
}

/// The system's resolver.
pub(crate) struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: &str) -> Looked {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Decides about every target; shared by the URL check and the resolver.
#[derive(Clone)]
pub(crate) struct Guard {
    reach: Arc<Reach>,
    plain_http: PlainHttp,
}

impl Guard {
    pub(crate) fn new(reach: Reach, plain_http: PlainHttp) -> Self {
        Self {
            reach: Arc::new(reach),
            plain_http,
        }
    }

    /// Checks all that can be seen without looking names up. IP literals never come to the resolver: they are judged here.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Refusal> {
        let plain_allowed =
            self.plain_http == PlainHttp::DangerAllowed && *self.reach == Reach::Trusted;
        match url.scheme() {
            "https" => {}
            "http" if plain_allowed => {}
            _ => return Err(Refusal::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let address = match url.host().ok_or(Refusal::Host)? {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if self.admits(address) {
            Ok(())
        } else {
            Err(Refusal::PrivateAddress)
        }
    }

    fn admits(&self, address: IpAddr) -> bool {
        match &*self.reach {
            Reach::Trusted => true,
            Reach::Public { allow } => {
                is_public(address) || allow.iter().any(|network| network.contains(address))
            }
        }
    }
}

/// Resolves names and hands out checked addresses only; the connection is made to one of exactly these.
pub(crate) struct GuardedResolver {
    pub(crate) guard: Guard,
    pub(crate) names: Arc<dyn Names>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looked = self.names.look_up(name.as_str());
        let guard = self.guard.clone();
        Box::pin(async move {
            let found = looked.await?;
            let known = !found.is_empty();
            let admitted: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| guard.admits(*address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if known && admitted.is_empty() {
                return Err(Refusal::PrivateAddress.into());
            }
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}
