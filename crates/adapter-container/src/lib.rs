//! The format `container`: data, attachments and a manifest, as a folder or as one XML file.
//!
//! ```text
//!  layout = "folder"                     layout = "one-file"
//!    antrag.json    as sent                <container>
//!    antrag.xml     template or generic      <manifest>…</manifest>
//!    anlagen/01-lageplan.pdf                 <data>…</data>
//!    manifest.json / manifest.xml            <attachment nr="1" …>base64, streamed</attachment>
//! ```
//!
//! For procedures that import a transfer folder, and for those without any message format of their own. The shapes are
//! Amtsbote's own and stand in the README; they are not FITKO's xFall container.
//!
//! It must never read an attachment into memory: it only names where its bytes go.
//!
//! Start reading at [`Container`], then `mapping.rs`.

mod generic;
mod lineage;
mod manifest;
mod mapping;
mod settings;

pub use mapping::Container;
