//! The catalogue as pages for people: Markdown for `docs/problems/`. The gateway's own pages say the same in HTML.

use std::fmt::Write as _;

use crate::{Code, Entry, Turn};

/// What a turn means, German and English.
pub const fn turn_text(turn: Turn) -> (&'static str, &'static str) {
    match turn {
        Turn::Sender => (
            "Die sendende Seite muss etwas ändern.",
            "The sender must change something.",
        ),
        Turn::SenderLater => (
            "Die sendende Seite sendet dasselbe später noch einmal.",
            "The sender sends the same again, later.",
        ),
        Turn::Operator => ("Der Betreiber muss etwas tun.", "An operator must act."),
    }
}

/// All pages: file name and content, the list first.
pub fn to_markdown() -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), list())];
    let entries = Code::ALL.iter().map(|code| code.entry());
    pages.extend(entries.map(|entry| (format!("{}.md", entry.code), page(entry))));
    pages
}

fn list() -> String {
    let mut text = String::from(
        "# Problems\n\n\
         Everything that the gateway, and the agent to procedures that call it, answer that is not success (RFC 9457), by status. The last part of a problem's `type` is its code.\n\n\
         | status | code | English | Deutsch |\n|---|---|---|---|\n",
    );
    for entry in Code::ALL.iter().map(|code| code.entry()) {
        let Entry {
            code,
            status,
            title,
            title_de,
            ..
        } = entry;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {status} | [`{code}`]({code}.md) | {title} | {title_de} |"
        );
    }
    text.push_str(FOOT);
    text
}

fn page(entry: &Entry) -> String {
    let Entry {
        code,
        status,
        turn,
        title,
        title_de,
        hint,
        hint_de,
    } = entry;
    let (turn_de, turn_en) = turn_text(*turn);
    format!(
        "# `{code}`\n\nHTTP status {status}.\n\n\
         ## English\n\n**{title}**\n\nWhose turn: {turn_en}\n\nWhat to do: {hint}.\n\n\
         ## Deutsch\n\n**{title_de}**\n\nWer ist dran: {turn_de}\n\nWas tun: {hint_de}.\n{FOOT}"
    )
}

const FOOT: &str =
    "\n<!-- Generated from the catalogue in crates/problem; see CONTRIBUTING.md. -->\n";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/problems")
    }

    #[expect(clippy::disallowed_methods, reason = "a switch for who runs the test")]
    fn is_blessing() -> bool {
        std::env::var("AMTSBOTE_BLESS").is_ok_and(|value| value == "1")
    }

    /// `AMTSBOTE_BLESS=1` writes the pages instead.
    #[test]
    fn the_committed_pages_are_those_of_the_catalogue() {
        let pages = to_markdown();
        if is_blessing() {
            fs::create_dir_all(folder()).unwrap();
            for (name, text) in &pages {
                fs::write(folder().join(name), text).unwrap();
            }
        }
        for (name, text) in &pages {
            let committed = fs::read_to_string(folder().join(name)).unwrap_or_default();
            assert_eq!(
                &committed, text,
                "docs/problems/{name} is stale: run with AMTSBOTE_BLESS=1"
            );
        }
        let known: BTreeSet<_> = pages.into_iter().map(|(name, _)| name).collect();
        for file in fs::read_dir(folder()).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(
                known.contains(&name),
                "docs/problems/{name} describes nothing in the catalogue"
            );
        }
    }
}
