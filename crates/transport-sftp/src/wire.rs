//! The ledger's notes as text, and the names of what is ours on the server. Pure.

use amtsbote_adapter::placement::Layout;
use amtsbote_model::ParcelId;
use uuid::Uuid;

/// Longest note.
pub(crate) const NOTE_MAX_BYTES: u32 = 1_000;

/// How a parcel was or will be brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) layout: Layout,
    /// Its name in the procedure's folder.
    pub(crate) name: String,
    /// The try whose files those are.
    pub(crate) attempt: Attempt,
}

/// One try: names its folder among the unfinished, so that two tries never write the same files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) parcel: ParcelId,
    number: Uuid,
}

impl Attempt {
    pub(crate) fn new(parcel: ParcelId) -> Self {
        Self {
            parcel,
            number: Uuid::new_v4(),
        }
    }

    /// `<parcel>.<number>`.
    pub(crate) fn folder(&self) -> String {
        format!("{}.{}", self.parcel, self.number)
    }

    pub(crate) fn parse(folder: &str) -> Option<Self> {
        let (parcel, number) = folder.split_once('.')?;
        let attempt = Self {
            parcel: parcel.parse().ok()?,
            number: number.parse().ok()?,
        };
        (attempt.folder() == folder).then_some(attempt)
    }
}

impl Note {
    pub(crate) fn text(&self) -> String {
        let layout = match self.layout {
            Layout::Folder => "folder",
            Layout::Flat => "flat",
        };
        format!(
            "amtsbote 1\n{layout}\n{}\n{}\n",
            self.name,
            self.attempt.folder()
        )
    }

    /// What [`Self::text`] wrote, whole.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let layout = match (lines.next()?, lines.next()?) {
            ("amtsbote 1", "folder") => Layout::Folder,
            ("amtsbote 1", "flat") => Layout::Flat,
            _ => return None,
        };
        let name = lines.next()?.to_owned();
        let attempt = Attempt::parse(lines.next()?)?;
        let whole = lines.next().is_none() && !name.is_empty() && !name.contains('/');
        whole.then_some(Self {
            layout,
            name,
            attempt,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_back_whole_or_not_at_all() {
        let parcel = "f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap();
        for layout in [Layout::Folder, Layout::Flat] {
            let note = Note {
                layout,
                name: "zul-1".to_owned(),
                attempt: Attempt::new(parcel),
            };
            let text = note.text();
            assert_eq!(Note::parse(text.as_bytes()), Some(note));
            for end in 0..text.len() {
                assert_eq!(Note::parse(&text.as_bytes()[..end]), None, "{end}");
            }
            assert_eq!(Note::parse(format!("{text}x\n").as_bytes()), None);
        }
        for bad in [
            "",
            "amtsbote 2\nfolder\na\nb\n",
            "amtsbote 1\nfolder\na/b\nx\n",
        ] {
            assert_eq!(Note::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn folders_of_tries_are_told_from_foreign_ones() {
        let attempt = Attempt::new("f39ab143-d91a-474a-b69f-b00f1a1873c2".parse().unwrap());
        assert_eq!(Attempt::parse(&attempt.folder()), Some(attempt));
        for foreign in ["", "a.b", "f39ab143-d91a-474a-b69f-b00f1a1873c2", "x.txt"] {
            assert_eq!(Attempt::parse(foreign), None, "{foreign}");
        }
    }
}
