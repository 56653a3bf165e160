//! The blocks of ways in `docs/tutorial/formate.md` are opened as they stand there.

use std::path::Path;
use std::sync::Arc;

use amtsbote_settings::Inbound;

use crate::registry::{self, Registry};

/// The TOML blocks of the page, without the key they stand below.
fn blocks(key: &str) -> Vec<toml::Table> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial/formate.md");
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .filter_map(|block| block.strip_prefix(&format!("[agent.destination.{key}]\n")))
        .map(|block| block.replace(&format!("[agent.destination.{key}."), "["))
        .map(|block| block.parse().unwrap())
        .collect()
}

#[test]
fn every_way_on_the_page_opens() {
    let ways = blocks("outbound");
    assert_eq!(ways.len(), 4);
    for way in &ways {
        let opened = registry::outbound(way, Path::new("/nowhere"));
        assert!(opened.is_ok(), "{way}: {:?}", opened.err());
    }
    let back = blocks("inbound");
    assert_eq!(back.len(), 2);
    let registry = Arc::new(Registry::new(&[]));
    for way in back {
        let settings: Inbound = way.try_into().unwrap();
        let opened = registry::way_in(&settings, Path::new("/nowhere"), &registry);
        assert!(opened.is_ok(), "{:?}", opened.err());
    }
}
