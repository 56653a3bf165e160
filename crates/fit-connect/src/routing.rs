//! The routing service (Routing API 2.0.0): which destination receives a service in an area.

use std::str::FromStr;

use amtsbote_model::{Ars, DestinationId, ServiceId, Timestamp};
use amtsbote_problem::Findings;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::event::{JWS, is_compact_jws};
use crate::fields::{self, Fields, Log, Node, finding};
use crate::{Page, Paging};

/// One way to a destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Where to send.
    pub destination_id: DestinationId,
    /// Compact JWS of the portal over [`Addressing`].
    pub destination_signature: String,
    /// Full name of the authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_name: Option<String>,
    /// All other members, as sent (addresses, URLs, texts per language, `processingDuration`, `customParameters`, `origin` …).
    #[serde(flatten)]
    pub further: Map<String, Value>,
}

impl Route {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let destination_id = fields.required("destinationId", Node::id);
        let destination_signature =
            fields.required("destinationSignature", |n| n.matching(is_compact_jws, &JWS));
        let destination_name = fields.optional("destinationName", Node::string);
        let named = ["destinationId", "destinationSignature", "destinationName"];
        let further = fields
            .members()
            .filter(|(name, _)| !named.contains(name))
            .map(|(name, node)| (name.to_owned(), node.value().clone()))
            .collect();
        Some(Self {
            destination_id: destination_id?,
            destination_signature: destination_signature?,
            destination_name,
            further,
        })
    }
}

/// Answer to `GET /routes`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routes {
    /// Where this page lies.
    #[serde(flatten)]
    pub page: Page,
    /// At most 500.
    pub routes: Vec<Route>,
}

impl Routes {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let routes = fields.required("routes", |n| n.list(Route::read))?;
            Some(Self {
                page: Page::read(&fields, routes.len()),
                routes,
            })
        })
    }
}

/// An area of the routing service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Area {
    /// Digits.
    pub id: String,
    /// Name, for example `Wiesbaden`.
    pub name: String,
    /// Kind, for example `Kreisfreie Stadt`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Area {
    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let id = fields.required("id", Node::string);
        let name = fields.required("name", Node::string);
        let kind = fields.required("type", Node::string);
        Some(Self {
            id: id?,
            name: name?,
            kind: kind?,
        })
    }
}

/// Answer to `GET /areas`, sent as `application/json` (the document's `application/problem+json` is a slip).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Areas {
    /// Where this page lies.
    #[serde(flatten)]
    pub page: Page,
    /// At most 500.
    pub areas: Vec<Area>,
}

impl Areas {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            let fields = node.object()?;
            let areas = fields.required("areas", |n| n.list(Area::read))?;
            Some(Self {
                page: Page::read(&fields, areas.len()),
                areas,
            })
        })
    }
}

/// The place a route is asked for; exactly one of three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Regional key.
    Ars(Ars),
    /// Municipality key of 2, 3, 5 or 8 digits, kept as sent.
    Ags(String),
    /// Id from [`Areas`].
    AreaId(String),
}

impl Place {
    /// The regional key, where it follows from the place ([`Ars::from_ags`]).
    pub fn ars(&self) -> Option<Ars> {
        match self {
            Self::Ars(ars) => Some(ars.clone()),
            Self::Ags(ags) => Ars::from_ags(ags).ok(),
            Self::AreaId(_) => None,
        }
    }
}

/// Query of `GET /routes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteQuery {
    /// The service, by its LeiKa key (`^99\d{12}$`).
    pub service: ServiceId,
    /// Where.
    pub place: Place,
    /// Which part of the list.
    pub paging: Paging,
}

impl RouteQuery {
    /// From the decoded pairs of a query; the place of each finding is the parameter.
    pub fn parse<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Self, Findings> {
        let log = Log::default();
        let mut paging = Paging::default();
        let mut service = None;
        let mut has_key = false;
        let mut places = Vec::new();
        for (name, value) in pairs {
            match name {
                "leikaKey" => {
                    has_key = true;
                    service = ServiceId::from_leika(value).ok();
                }
                "ars" | "ags" | "areaId" => places.push(place(name, value, &log)),
                _ => paging.take(name, value, &log),
            }
        }
        if !has_key {
            log.add(finding("leikaKey", "required", ("fehlt", "is missing")));
        } else if service.is_none() {
            let text = (
                "muss 99 und zwölf Ziffern sein",
                "must be 99 and twelve digits",
            );
            log.add(finding("leikaKey", "pattern", text));
        }
        if places.len() != 1 {
            let text = (
                "genau einer von ars, ags und areaId muss angegeben sein",
                "exactly one of ars, ags and areaId must be given",
            );
            log.add(finding("ars", "oneOf", text));
        }
        let query = service
            .zip(places.pop().flatten())
            .map(|(service, place)| Self {
                service,
                place,
                paging,
            });
        log.close(query)
    }

    /// As the pairs of a query.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let place = match &self.place {
            Place::Ars(ars) => ("ars", ars.digits().to_owned()),
            Place::Ags(ags) => ("ags", ags.clone()),
            Place::AreaId(id) => ("areaId", id.clone()),
        };
        let key = self.service.leika().unwrap_or_default().to_owned();
        let mut pairs = vec![("leikaKey", key), place];
        pairs.extend(self.paging.pairs());
        pairs
    }
}

fn place(name: &str, value: &str, log: &Log) -> Option<Place> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let read = match name {
        _ if !digits => None,
        "ars" => Ars::from_str(value).ok().map(Place::Ars),
        "ags" => Ars::from_ags(value)
            .ok()
            .map(|_| Place::Ags(value.to_owned())),
        _ => (value.len() <= 32).then(|| Place::AreaId(value.to_owned())),
    };
    if read.is_none() {
        let text = (
            "hat nicht die verlangte Zahl von Ziffern",
            "does not have the number of digits asked for",
        );
        log.add(finding(name, "pattern", text));
    }
    read
}

/// Query of `GET /areas`: all expressions must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaQuery {
    /// 1–10 names or postal codes of at least 2 characters; `*` stands for anything at either end.
    pub expressions: Vec<String>,
    /// Which part of the list.
    pub paging: Paging,
}

impl AreaQuery {
    const PARAMETER: &'static str = "areaSearchexpression";

    /// From the decoded pairs of a query.
    pub fn parse<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Self, Findings> {
        let log = Log::default();
        let mut paging = Paging::default();
        let mut expressions = Vec::new();
        for (name, value) in pairs {
            if name != Self::PARAMETER {
                paging.take(name, value, &log);
                continue;
            }
            if value.chars().count() < 2 {
                let text = (
                    "ist kürzer als zwei Zeichen",
                    "is shorter than two characters",
                );
                log.add(finding(name, "minLength", text));
            }
            expressions.push(value.to_owned());
        }
        match expressions.len() {
            0 => log.add(finding(
                Self::PARAMETER,
                "required",
                ("fehlt", "is missing"),
            )),
            1..=10 => {}
            _ => log.add(finding(
                Self::PARAMETER,
                "maxItems",
                ("steht mehr als zehnmal da", "is there more than ten times"),
            )),
        }
        log.close(Some(Self {
            expressions,
            paging,
        }))
    }

    /// As the pairs of a query.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let expressions = self.expressions.iter().cloned();
        let mut pairs: Vec<_> = expressions.map(|e| (Self::PARAMETER, e)).collect();
        pairs.extend(self.paging.pairs());
        pairs
    }
}

/// What the portal signs about a destination: the payload of [`Route::destination_signature`].
/// Check it against the query before sending to [`Addressing::submission_host`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressing {
    /// Host name of the delivery service, without scheme.
    pub submission_host: String,
    /// URL of the portal.
    pub issuer: String,
    /// What it receives.
    pub services: Vec<AddressedServices>,
    /// Which destination.
    pub destination_id: DestinationId,
    /// When it was signed, whole seconds.
    pub issued_at: Timestamp,
    /// Unique id of the statement; a UUID so far.
    pub id: String,
}

/// Services in areas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressedServices {
    /// `urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs:<ARS>`
    #[serde(rename = "gebietIDs")]
    pub areas: Vec<String>,
    /// `urn:de:fim:leika:leistung:<key>`
    #[serde(rename = "leistungIDs")]
    pub services: Vec<String>,
}

impl AddressedServices {
    /// The prefix of areas that are regional keys.
    pub const AREA_PREFIX: &'static str =
        "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs:";

    fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let areas = fields.required("gebietIDs", |n| n.list(Node::string));
        let services = fields.required("leistungIDs", |n| n.list(Node::string));
        Some(Self {
            areas: areas?,
            services: services?,
        })
    }
}

impl Addressing {
    /// From the (verified) payload of a signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| Self::read(&node.object()?))
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        let submission_host = fields.required("submissionHost", Node::string);
        let issuer = fields.required("iss", Node::uri);
        let services = fields.required("services", |n| n.list(AddressedServices::read));
        let destination_id = fields.required("destinationId", Node::id);
        let issued_at = fields.required("iat", |n| n.integer(0));
        let id = fields.required("jti", Node::string);
        Some(Self {
            submission_host: submission_host?,
            issuer: issuer?,
            services: services?,
            destination_id: destination_id?,
            issued_at: Timestamp::from_seconds(issued_at?),
            id: id?,
        })
    }

    /// As the payload of a signature.
    pub fn body(&self) -> Value {
        json!({
            "submissionHost": self.submission_host,
            "iss": self.issuer,
            "services": self.services,
            "destinationId": self.destination_id,
            "iat": self.issued_at.as_seconds(),
            "jti": self.id,
        })
    }

    /// Whether the statement names `service`, and an area whose key `ars` begins with
    /// (the trailing zeros of padded keys stand for all of a Kreis).
    pub fn covers(&self, service: &ServiceId, ars: &Ars) -> bool {
        self.services.iter().any(|group| {
            let offered = group.services.iter().any(|urn| urn == service.as_str());
            let here = |urn: &String| {
                let key = urn.strip_prefix(AddressedServices::AREA_PREFIX);
                let region = key.and_then(|key| format!("DE{key}").parse().ok());
                region.is_some_and(|region: amtsbote_model::Region| region.covers(ars))
            };
            offered && group.areas.iter().any(here)
        })
    }
}

/// Answer to `GET /info`: `{"version":{"major":1,"minor":1,"patch":3}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionInfo {
    /// Breaking changes.
    pub major: u32,
    /// Additions.
    pub minor: u32,
    /// Corrections.
    pub patch: u32,
}

impl VersionInfo {
    /// From an answer.
    pub fn parse(bytes: &[u8]) -> Result<Self, Findings> {
        fields::parse(bytes, |node| {
            node.object()?.required("version", |node| {
                let fields = node.object()?;
                let number = |name| fields.required(name, |n| n.integer(0));
                let [major, minor, patch] = ["major", "minor", "patch"].map(number);
                let narrow = |n: Option<i64>| u32::try_from(n?).ok();
                Some(Self {
                    major: narrow(major)?,
                    minor: narrow(minor)?,
                    patch: narrow(patch)?,
                })
            })
        })
    }

    /// As an answer.
    pub fn body(self) -> Value {
        let Self {
            major,
            minor,
            patch,
        } = self;
        json!({"version": {"major": major, "minor": minor, "patch": patch}})
    }
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
