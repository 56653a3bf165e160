//! The packages of a destination: which is active now, and how to find the one a delivery began with.

use std::sync::{Arc, PoisonError, RwLock};

use amtsbote_model::ServiceId;
use amtsbote_store::DeliveryRow;

use crate::Activated;

/// Finds a version that is not active, by `name@version`.
pub type Older = Arc<dyn Fn(&str) -> Option<Activated> + Send + Sync>;

/// The packages of a destination, one per service and schema. Clones share them: who activates another version and the
/// agent that uses it hold the same.
#[derive(Clone, Default)]
pub struct Mappings {
    active: Arc<RwLock<Vec<Arc<Activated>>>>,
    older: Option<Older>,
}

impl Mappings {
    /// With a way to versions that are no longer active: deliveries that began with one keep it, also over a restart.
    #[must_use]
    pub fn with_older(mut self, older: Older) -> Self {
        self.older = Some(older);
        self
    }

    /// Makes these active, all at once. What is being translated goes on with what it has.
    pub fn replace(&self, active: Vec<Activated>) {
        let active = active.into_iter().map(Arc::new).collect();
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = active;
    }

    fn now(&self) -> Vec<Arc<Activated>> {
        self.active
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether any package takes this service's data.
    pub(crate) fn has_service(&self, service: &ServiceId) -> bool {
        self.now().iter().any(|one| one.service == *service)
    }

    /// The active package for this service and schema.
    pub(crate) fn of(&self, service: &ServiceId, schema_uri: &str) -> Option<Arc<Activated>> {
        self.now()
            .into_iter()
            .find(|one| one.service == *service && one.schema_uri == schema_uri)
    }

    /// The package this delivery began with, else the active one.
    pub(crate) fn for_delivery(
        &self,
        row: &DeliveryRow,
        service: &ServiceId,
        schema_uri: &str,
    ) -> Option<Arc<Activated>> {
        match row.delivery.package() {
            Some(name) => self.named(name),
            None => self.of(service, schema_uri),
        }
    }

    /// The package of that name and version, active or not.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<Activated>> {
        let active = self.now().into_iter().find(|one| one.name() == name);
        active.or_else(|| self.older.as_ref()?(name).map(Arc::new))
    }
}

impl From<Vec<Activated>> for Mappings {
    fn from(active: Vec<Activated>) -> Self {
        let mappings = Self::default();
        mappings.replace(active);
        mappings
    }
}
