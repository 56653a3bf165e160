//! Stands in until `amtsbote_translate::Lineage` is there.

/// One output and its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// Where in the output.
    pub output: String,
}
