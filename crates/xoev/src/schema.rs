//! What an operator added: official schemas and code lists, handed in read and compiled. This crate reads no files.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use amtsbote_validate::xsd::XmlSchema;

use crate::CodeLists;

/// Schemas and code lists that are installed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    /// Schemas.
    pub schemas: SchemaSets,
    /// Code lists.
    pub lists: CodeLists,
}

/// The sets installed, by target namespace. Cheap to clone.
#[derive(Clone, Default)]
pub struct SchemaSets(BTreeMap<String, Arc<dyn XmlSchema>>);

impl SchemaSets {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a set for one namespace; the last one given counts.
    #[must_use]
    pub fn with(mut self, namespace: impl Into<String>, set: Arc<dyn XmlSchema>) -> Self {
        self.0.insert(namespace.into(), set);
        self
    }

    /// The set for `namespace`, if it is installed.
    pub fn set(&self, namespace: &str) -> Option<&Arc<dyn XmlSchema>> {
        self.0.get(namespace)
    }
}

impl std::fmt::Debug for SchemaSets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
