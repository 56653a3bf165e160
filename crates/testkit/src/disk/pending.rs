//! Changes that are not durable yet, and which of them a power cut keeps.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Ino, Name};

/// Chance, for what a power cut does.
pub(super) type Dice<'a> = &'a mut dyn FnMut(u64) -> u64;

const SECTOR_BYTES: usize = 512;

/// A change to a file's content.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Bytes { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }

    /// Some sectors of it, as a disk that lost its power while it wrote.
    fn torn(&self, content: &mut Vec<u8>, dice: Dice<'_>) {
        let Self::Bytes { at, bytes } = self else {
            return;
        };
        // The length may have come further than the content.
        let end = at + bytes.len();
        if content.len() < end && dice(2) == 0 {
            content.resize(end, 0);
        }
        for (number, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
            if dice(2) == 0 {
                let (at, bytes) = (at + number * SECTOR_BYTES, sector.to_vec());
                Self::Bytes { at, bytes }.apply(content);
            }
        }
    }
}

/// What a power cut leaves of a file.
pub(super) fn content_after_cut(safe: &mut Vec<u8>, pending: &[Change], dice: Dice<'_>) {
    match dice(4) {
        0 => {}
        1 => pending.iter().for_each(|change| change.apply(safe)),
        2 => {
            let kept = usize::try_from(dice(pending.len() as u64 + 1)).unwrap_or(0);
            pending[..kept].iter().for_each(|change| change.apply(safe));
            if let Some(last) = pending.get(kept) {
                last.torn(safe, dice);
            }
        }
        _ => {
            for change in pending {
                match dice(3) {
                    0 => change.apply(safe),
                    1 => change.torn(safe, dice),
                    _ => {}
                }
            }
        }
    }
}

/// The durable names in all folders.
pub(super) type Names = BTreeMap<Ino, BTreeMap<Name, Ino>>;

/// A name in a folder.
type Place = (Ino, Name);

/// A change to names; all of it happens or nothing.
#[derive(Debug, Clone)]
pub(super) struct Renaming {
    /// What each name stands for afterwards.
    pub(super) places: Vec<(Place, Option<Ino>)>,
}

impl Renaming {
    fn touches(&self, folder: Ino) -> bool {
        self.places.iter().any(|((at, _), _)| *at == folder)
    }

    fn apply(&self, names: &mut Names) {
        for ((folder, name), ino) in &self.places {
            let folder = names.entry(*folder).or_default();
            match ino {
                Some(ino) => folder.insert(name.clone(), *ino),
                None => folder.remove(name),
            };
        }
    }
}

/// Makes a folder's names durable, with what they cannot be without: the other half of a move, and what was done before to a name
/// that moved. What happened in other folders stays pending.
pub(super) fn sync_folder(folder: Ino, pending: &mut Vec<Renaming>, names: &mut Names) {
    let mut needed: BTreeSet<Place> = BTreeSet::new();
    let mut is_needed = vec![false; pending.len()];
    for (at, change) in pending.iter().enumerate().rev() {
        let depends = change
            .places
            .iter()
            .any(|(place, _)| needed.contains(place));
        if change.touches(folder) || depends {
            is_needed[at] = true;
            needed.extend(change.places.iter().map(|(place, _)| place.clone()));
        }
    }
    let mut at = 0;
    pending.retain(|change| {
        if is_needed[at] {
            change.apply(names);
        }
        at += 1;
        !is_needed[at - 1]
    });
}

/// What a power cut leaves of names.
pub(super) fn names_after_cut(names: &mut Names, pending: &[Renaming], dice: Dice<'_>) {
    match dice(4) {
        0 => {}
        1 => pending.iter().for_each(|change| change.apply(names)),
        2 => {
            let kept = usize::try_from(dice(pending.len() as u64 + 1)).unwrap_or(0);
            pending[..kept]
                .iter()
                .for_each(|change| change.apply(names));
        }
        _ => {
            let mut lost: BTreeSet<Place> = BTreeSet::new();
            for change in pending {
                let depends = change.places.iter().any(|(place, _)| lost.contains(place));
                if depends || dice(2) == 0 {
                    lost.extend(change.places.iter().map(|(place, _)| place.clone()));
                } else {
                    change.apply(names);
                }
            }
        }
    }
}
