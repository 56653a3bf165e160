//! What a token permits.

use std::fmt;
use std::str::FromStr;

use amtsbote_model::{DestinationId, Region, ServiceId};

const V2_PREFIX: &str = "https://schema.fitko.de/fit-connect/oauth/scopes/";

/// One right. The first five are those of Submission API 1.1.3, the others of v2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `send:region:DE…`: send to destinations of that region.
    SendRegion(Region),
    /// `send:region:DE…+send:service:…`: only for that service.
    SendRegionService(Region, ServiceId),
    /// `subscribe:destination:<id>`: list, fetch and acknowledge.
    Subscribe(DestinationId),
    /// `manage:destination:<id>`: administer it.
    Manage(DestinationId),
    /// `create:destination`
    CreateDestination,
    /// `…/oauth/scopes/send-submissions`: send anywhere.
    SendSubmissions,
    /// `…/oauth/scopes/subscribe-destinations`: all destinations of the client. The spelling is unconfirmed.
    SubscribeDestinations,
    /// `…/oauth/scopes/manage-destinations`: all destinations of the client, and make new ones. The spelling is unconfirmed.
    ManageDestinations,
}

/// The text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a scope of FIT-Connect")]
pub struct MalformedScope;

impl Scope {
    /// Whether this permits to send for `service` to a destination that offers it in `regions`:
    /// one of these must lie in the region of the scope.
    pub fn allows_sending(&self, service: &ServiceId, regions: &[Region]) -> bool {
        match self {
            Self::SendSubmissions => true,
            Self::SendRegion(scope) => regions.iter().any(|region| lies_in(region, scope)),
            Self::SendRegionService(scope, only) => {
                only == service && regions.iter().any(|region| lies_in(region, scope))
            }
            Self::Subscribe(_)
            | Self::Manage(_)
            | Self::CreateDestination
            | Self::SubscribeDestinations
            | Self::ManageDestinations => false,
        }
    }

    /// Whether this permits to list, fetch and acknowledge what `destination` received.
    /// Whether the client owns the destination is another question, to be asked as well.
    pub fn allows_subscribing(&self, destination: DestinationId) -> bool {
        match self {
            Self::SubscribeDestinations => true,
            Self::Subscribe(id) => *id == destination,
            Self::SendRegion(_)
            | Self::SendRegionService(..)
            | Self::Manage(_)
            | Self::CreateDestination
            | Self::SendSubmissions
            | Self::ManageDestinations => false,
        }
    }

    /// Whether this permits to administer `destination`, ownership aside.
    pub fn allows_managing(&self, destination: DestinationId) -> bool {
        match self {
            Self::ManageDestinations => true,
            Self::Manage(id) => *id == destination,
            Self::SendRegion(_)
            | Self::SendRegionService(..)
            | Self::Subscribe(_)
            | Self::CreateDestination
            | Self::SendSubmissions
            | Self::SubscribeDestinations => false,
        }
    }

    /// Whether this permits to make destinations.
    pub const fn allows_creating(&self) -> bool {
        matches!(self, Self::CreateDestination | Self::ManageDestinations)
    }

    /// Whether this permits to send anything at all.
    pub const fn is_for_senders(&self) -> bool {
        matches!(
            self,
            Self::SendRegion(_) | Self::SendRegionService(..) | Self::SendSubmissions
        )
    }
}

/// Padded keys of a Kreis end in seven zeros that say nothing.
fn significant(region: &Region) -> &str {
    &region.as_str()[..2 + region.precision()]
}

fn lies_in(region: &Region, scope: &Region) -> bool {
    significant(region).starts_with(significant(scope))
}

impl FromStr for Scope {
    type Err = MalformedScope;

    fn from_str(text: &str) -> Result<Self, MalformedScope> {
        if let Some(slug) = text.strip_prefix(V2_PREFIX) {
            return match slug {
                "send-submissions" => Ok(Self::SendSubmissions),
                "subscribe-destinations" => Ok(Self::SubscribeDestinations),
                "manage-destinations" => Ok(Self::ManageDestinations),
                _ => Err(MalformedScope),
            };
        }
        if text == "create:destination" {
            return Ok(Self::CreateDestination);
        }
        if let Some(id) = text.strip_prefix("subscribe:destination:") {
            return id.parse().map(Self::Subscribe).map_err(|_| MalformedScope);
        }
        if let Some(id) = text.strip_prefix("manage:destination:") {
            return id.parse().map(Self::Manage).map_err(|_| MalformedScope);
        }
        let send = text.strip_prefix("send:region:").ok_or(MalformedScope)?;
        match send.split_once("+send:service:") {
            None => send
                .parse()
                .map(Self::SendRegion)
                .map_err(|_| MalformedScope),
            Some((region, service)) => Ok(Self::SendRegionService(
                region.parse().map_err(|_| MalformedScope)?,
                service.parse().map_err(|_| MalformedScope)?,
            )),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SendRegion(region) => write!(f, "send:region:{}", region.as_str()),
            Self::SendRegionService(region, service) => {
                write!(f, "send:region:{}+send:service:{service}", region.as_str())
            }
            Self::Subscribe(id) => write!(f, "subscribe:destination:{id}"),
            Self::Manage(id) => write!(f, "manage:destination:{id}"),
            Self::CreateDestination => f.write_str("create:destination"),
            Self::SendSubmissions => write!(f, "{V2_PREFIX}send-submissions"),
            Self::SubscribeDestinations => write!(f, "{V2_PREFIX}subscribe-destinations"),
            Self::ManageDestinations => write!(f, "{V2_PREFIX}manage-destinations"),
        }
    }
}

/// The rights of one client or token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// From single rights.
    pub const fn new(scopes: Vec<Scope>) -> Self {
        Self(scopes)
    }

    /// The single rights.
    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }

    /// See [`Scope::allows_sending`].
    pub fn allows_sending(&self, service: &ServiceId, regions: &[Region]) -> bool {
        self.0
            .iter()
            .any(|scope| scope.allows_sending(service, regions))
    }

    /// See [`Scope::allows_subscribing`].
    pub fn allows_subscribing(&self, destination: DestinationId) -> bool {
        self.0
            .iter()
            .any(|scope| scope.allows_subscribing(destination))
    }

    /// See [`Scope::allows_managing`].
    pub fn allows_managing(&self, destination: DestinationId) -> bool {
        self.0
            .iter()
            .any(|scope| scope.allows_managing(destination))
    }

    /// See [`Scope::allows_creating`].
    pub fn allows_creating(&self) -> bool {
        self.0.iter().any(Scope::allows_creating)
    }

    /// See [`Scope::is_for_senders`].
    pub fn are_for_senders(&self) -> bool {
        self.0.iter().any(Scope::is_for_senders)
    }
}

impl FromStr for Scopes {
    type Err = MalformedScope;

    /// From the `scope` member: separated by blanks (RFC 6749 §3.3). One unknown scope refuses them all.
    fn from_str(text: &str) -> Result<Self, MalformedScope> {
        text.split_ascii_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            let blank = if place == 0 { "" } else { " " };
            write!(f, "{blank}{scope}")?;
        }
        Ok(())
    }
}
