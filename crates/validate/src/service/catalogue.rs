//! Several services.

use amtsbote_model::ServiceId;
use amtsbote_problem::{Bilingual, Finding, Findings};

use super::Service;

/// All configured services. Schema addresses and names are unique; a service may have several versions.
#[derive(Debug, Default)]
pub struct Catalogue {
    services: Vec<Service>,
}

impl Catalogue {
    /// From services; refuses a schema address or a pair of name and version that comes twice.
    pub fn new(services: Vec<Service>) -> Result<Self, Findings> {
        let mut findings = Findings::new();
        for (index, service) in services.iter().enumerate() {
            let twice = services[..index].iter().any(|other| {
                other.schema_uri() == service.schema_uri()
                    || (other.name() == service.name() && other.version() == service.version())
            });
            if twice {
                findings.push(Finding::new(
                    service.name(),
                    "unique",
                    Bilingual::new(
                        "Schema-Adresse oder Name mit Version kommt mehrmals vor",
                        "the schema address, or the name with its version, comes more than once",
                    ),
                ));
            }
        }
        if findings.is_empty() {
            Ok(Self { services })
        } else {
            Err(findings)
        }
    }

    /// All, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }

    /// All versions of a service, in the order given.
    pub fn by_service<'c>(&'c self, id: &'c ServiceId) -> impl Iterator<Item = &'c Service> {
        self.services
            .iter()
            .filter(move |service| service.id() == id)
    }

    /// The service of a schema address.
    pub fn by_schema(&self, uri: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.schema_uri() == uri)
    }

    /// The first service of that name.
    pub fn by_name(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name() == name)
    }
}
