//! Destinations (*Zustellpunkte*): who receives, for which services, where, in which formats.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Ars, ClientId, DestinationId, Region, Secret, ServiceId, Timestamp};

/// Life cycle of a destination (Submission API 1.1.3, `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationStatus {
    /// Made, not yet receiving.
    Created,
    /// Receives submissions.
    Active,
    /// Takes no new submissions; what is there can be fetched.
    Inactive,
    /// Final.
    Decommissioned,
}

impl DestinationStatus {
    /// All states, in the order of life.
    pub const ALL: [Self; 4] = [
        Self::Created,
        Self::Active,
        Self::Inactive,
        Self::Decommissioned,
    ];

    /// The stable name, as stored and sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Decommissioned => "decommissioned",
        }
    }

    /// Whether a destination may go from here to `next`: forwards at will, back between active and
    /// inactive, never back to created, never out of decommissioned.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Created => true,
            Self::Active | Self::Inactive => next != Self::Created,
            Self::Decommissioned => next == Self::Decommissioned,
        }
    }
}

impl FromStr for DestinationStatus {
    type Err = UnknownStatus;

    fn from_str(name: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == name)
            .ok_or(UnknownStatus)
    }
}

impl fmt::Display for DestinationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no destination status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a destination status: expected created, active, inactive or decommissioned")]
pub struct UnknownStatus;

/// A schema in which a service's data may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmissionSchema {
    /// The schema's URI.
    pub schema_uri: String,
    /// `application/json` or `application/xml`.
    pub mime_type: String,
}

/// One service that a destination offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOffer {
    /// Which service.
    pub identifier: ServiceId,
    /// Where; at least one.
    pub regions: Vec<Region>,
    /// In which schemas; at least one.
    pub submission_schemas: Vec<SubmissionSchema>,
}

impl ServiceOffer {
    /// How precisely this offer covers `service` in `ars`, or `None` if it does not.
    pub fn precision(&self, service: &ServiceId, ars: &Ars) -> Option<usize> {
        if self.identifier != *service {
            return None;
        }
        self.regions
            .iter()
            .filter(|region| region.covers(ars))
            .map(Region::precision)
            .max()
    }
}

/// Whom the operator reaches when submissions stay unfetched.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactInformation {
    /// The authority's legal name.
    pub legal_name: String,
    /// Postal address, free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Organisational unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl fmt::Debug for ContactInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactInformation")
            .field("legal_name", &self.legal_name)
            .finish_non_exhaustive()
    }
}

/// Where to call back, and the secret the call is authenticated with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// `https://…`
    pub url: String,
    /// HMAC key, 32–512 characters (Submission API 1.1.3).
    pub secret: Secret,
}

/// A destination as the gateway keeps it. Its keys are kept beside it, by `kid`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Identifier.
    pub id: DestinationId,
    /// The subscriber client it belongs to.
    pub owner: ClientId,
    /// Name for people.
    pub name: String,
    /// Life cycle.
    pub status: DestinationStatus,
    /// The key submissions are sealed for.
    pub encryption_kid: String,
    /// Accepted metadata versions, for example `2.1.0`.
    pub metadata_versions: Vec<String>,
    /// What it offers.
    pub services: Vec<ServiceOffer>,
    /// Who is responsible.
    pub contact: ContactInformation,
    /// Where the subscriber wants to be told of new submissions.
    pub callback: Option<Callback>,
    /// v1 `replyChannels`, kept as sent.
    pub reply_channels: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Destination {
    /// The best precision with which any offer covers `service` in `ars`.
    pub fn precision(&self, service: &ServiceId, ars: &Ars) -> Option<usize> {
        self.services
            .iter()
            .filter_map(|offer| offer.precision(service, ars))
            .max()
    }

    /// The offer for `service`, if there is one.
    pub fn offer(&self, service: &ServiceId) -> Option<&ServiceOffer> {
        self.services
            .iter()
            .find(|offer| offer.identifier == *service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DestinationStatus::{Active, Created, Decommissioned, Inactive};

    #[test]
    fn a_decommissioned_destination_stays_so() {
        for next in [Created, Active, Inactive] {
            assert!(!Decommissioned.may_become(next));
        }
        assert!(Active.may_become(Inactive) && Inactive.may_become(Active));
        assert!(!Active.may_become(Created));
    }

    #[test]
    fn the_most_precise_region_decides() {
        let offer = ServiceOffer {
            identifier: "urn:de:fim:leika:leistung:99012008001000".parse().unwrap(),
            regions: vec!["DE06".parse().unwrap(), "DE064140000000".parse().unwrap()],
            submission_schemas: vec![],
        };
        let here = "064140000000".parse().unwrap();
        assert_eq!(offer.precision(&offer.identifier, &here), Some(5));
        assert_eq!(
            offer.precision(&"urn:de:other".parse().unwrap(), &here),
            None
        );
    }
}
