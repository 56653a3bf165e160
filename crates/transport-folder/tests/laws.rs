//! The laws of transports for both layouts, and each crash point of the ledger.

#![expect(
    clippy::unwrap_used,
    reason = "tests; clippy spares only the functions marked so"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_adapter::laws::outbound::{Arrived, Bench, Trouble};
use amtsbote_adapter::{Arrival, Fault, Outbound, Parcel, ParcelFile, Piece, laws};
use amtsbote_model::Personal;
use amtsbote_transport_folder::{FolderOutbound, Settings};
use bytes::Bytes;
use tempfile::TempDir;

const ID: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";
const LIMIT: Duration = Duration::from_secs(20);

/// A folder, and a procedure that reads it.
struct Folder {
    dir: TempDir,
    settings: &'static str,
}

impl Folder {
    fn new(settings: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir, settings }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    fn open(&self) -> FolderOutbound {
        self.open_at(&self.path())
    }

    fn open_at(&self, path: &Path) -> FolderOutbound {
        let settings = self
            .settings
            .replace("WORK", &self.dir.path().join("work").display().to_string());
        let settings: Settings =
            toml::from_str(&format!("path = '{}'\n{settings}", path.display())).unwrap();
        FolderOutbound::open(settings).unwrap()
    }

    fn deliver(&self, parcel: &Parcel) -> Result<Arrival, Fault> {
        let mut outcome = None;
        laws::run(async { outcome = Some(self.open().deliver(parcel, LIMIT).await) });
        outcome.unwrap().map(|receipt| receipt.arrival)
    }

    fn flat(&self) -> bool {
        self.settings.contains("flat")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn below(root: &Path, at: &Path, files: &mut Arrived) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, fs::read(path).unwrap());
        }
    }
}

impl Bench for Folder {
    /// The whole ledger goes; the name is there.
    fn lose_last_note(&self, parcel: &Parcel) -> bool {
        let inside = self.path().join(".amtsbote-done");
        let elsewhere = self.dir.path().join("work/done");
        let done = [inside, elsewhere].map(|done| done.join(parcel.id.to_string()));
        done.iter().any(|note| fs::remove_file(note).is_ok())
    }

    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.open())
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        match trouble {
            // A file system does not refuse parcels, break off connections or name a time.
            Trouble::Refusing | Trouble::Cut | Trouble::Busy => None,
            Trouble::WrongPlace => Some(Box::new(self.open_at(&self.path().join("not-there")))),
            Trouble::NoRight if rustix::process::geteuid().is_root() => {
                // Root may write everywhere but here.
                Some(Box::new(self.open_at(Path::new("/proc"))))
            }
            Trouble::NoRight => {
                let locked = self.dir.path().join("locked");
                fs::create_dir_all(&locked).unwrap();
                fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
                Some(Box::new(self.open_at(&locked)))
            }
        }
    }

    fn arrived(&self) -> Vec<Arrived> {
        let mut parcels = std::collections::BTreeMap::<String, Arrived>::new();
        for name in self.visible() {
            let path = self.path().join(&name);
            let mut files = Arrived::new();
            if path.is_dir() {
                below(&path, &path, &mut files);
                parcels.insert(name, files);
            } else {
                // "zul-" and the id: what the files of one parcel have in common.
                let key = name.chars().take(40).collect();
                parcels
                    .entry(key)
                    .or_default()
                    .insert(name, fs::read(path).unwrap());
            }
        }
        parcels.into_values().collect()
    }

    fn visible(&self) -> Vec<String> {
        let names = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| !name.starts_with(".amtsbote-"))
            .collect();
        names.sort();
        names
    }

    fn consume(&self) {
        for name in self.visible() {
            let path = self.path().join(name);
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

const FOLDER: &str = "name = \"zul-{parcel}\"\nmarker = \".fertig\"";
const FLAT: &str =
    "name = \"zul-{parcel}\"\nlayout = \"flat\"\ntrigger = \"antrag.json\"\nmarker = \".fertig\"";
const ELSEWHERE: &str = "work_path = \"WORK\"\ndir_mode = \"inherit\"\nfile_mode = \"inherit\"";

mod folder_layout {
    amtsbote_adapter::outbound_laws!(super::Folder::new(super::FOLDER));
}

mod flat_layout {
    amtsbote_adapter::outbound_laws!(super::Folder::new(super::FLAT));
}

mod work_elsewhere {
    amtsbote_adapter::outbound_laws!(super::Folder::new(super::ELSEWHERE));
}

fn parcel() -> Parcel {
    let file = |path: &str, text: &'static str| ParcelFile {
        path: path.parse().unwrap(),
        media_type: "text/plain".into(),
        pieces: vec![Piece::Bytes(Personal::new(Bytes::from_static(
            text.as_bytes(),
        )))],
    };
    Parcel {
        id: ID.parse().unwrap(),
        files: vec![file("antrag.json", "{}"), file("anlagen/01.txt", "eins")],
    }
}

fn note(layout: &str) -> String {
    format!("amtsbote 1\n{layout}\nzul-{ID}\n")
}

/// Delivers onto the constructed state, twice; `expected` is the first answer, and the files that are visible then.
fn recovers(folder: &Folder, expected: Arrival, visible: &[&str]) {
    assert_eq!(folder.deliver(&parcel()), Ok(expected));
    let mut files = Arrived::new();
    for name in folder.visible() {
        let path = folder.path().join(&name);
        if path.is_dir() {
            below(&folder.path(), &path, &mut files);
        } else {
            files.insert(name, fs::read(path).unwrap());
        }
    }
    let names: Vec<String> = files.keys().map(|name| name.replace(ID, "ID")).collect();
    assert_eq!(names, visible);
    assert_eq!(folder.deliver(&parcel()), Ok(Arrival::Repeated));
    folder.consume();
    assert_eq!(folder.deliver(&parcel()), Ok(Arrival::Repeated));
    assert!(folder.visible().is_empty());
    let left: Vec<_> = fs::read_dir(folder.path().join(".amtsbote-tmp"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(
        !folder
            .path()
            .join(format!(".amtsbote-done/{ID}.intent"))
            .exists()
    );
}

const WHOLE: [&str; 3] = [
    "zul-ID/.fertig",
    "zul-ID/anlagen/01.txt",
    "zul-ID/antrag.json",
];

#[test]
fn stopped_while_writing_the_next_try_writes_anew() {
    let folder = Folder::new(FOLDER);
    folder.write(&format!(".amtsbote-tmp/{ID}/antrag.json"), "{\"ha");
    folder.write(&format!(".amtsbote-tmp/{ID}/left/over.txt"), "x");
    folder.write(&format!(".amtsbote-tmp/{ID}.lock"), "");
    recovers(&folder, Arrival::New, &WHOLE);
}

#[test]
fn stopped_while_writing_the_intent_the_next_try_writes_anew() {
    let folder = Folder::new(FOLDER);
    folder.write(&format!(".amtsbote-tmp/{ID}/antrag.json"), "{}");
    folder.write(&format!(".amtsbote-done/{ID}.new"), "amts");
    recovers(&folder, Arrival::New, &WHOLE);
}

#[test]
fn stopped_between_intent_and_rename_the_next_try_renames() {
    let folder = Folder::new(FOLDER);
    // Another content shows that what was intended is what becomes visible.
    folder.write(
        &format!(".amtsbote-tmp/{ID}/antrag.json"),
        "{\"intended\":true}",
    );
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("folder"));
    recovers(&folder, Arrival::New, &["zul-ID/antrag.json"]);
}

#[test]
fn stopped_after_the_rename_a_repeat_has_no_effect() {
    let folder = Folder::new(FOLDER);
    folder.write(&format!("zul-{ID}/antrag.json"), "{}");
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("folder"));
    recovers(&folder, Arrival::Repeated, &["zul-ID/antrag.json"]);
}

#[test]
fn stopped_after_the_rename_and_taken_away_since_a_repeat_has_no_effect() {
    let folder = Folder::new(FOLDER);
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("folder"));
    recovers(&folder, Arrival::Repeated, &[]);
}

#[test]
fn an_intent_is_kept_to_even_if_the_settings_changed_since() {
    let folder = Folder::new(FLAT);
    folder.write(&format!(".amtsbote-tmp/{ID}/antrag.json"), "{}");
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("folder"));
    recovers(&folder, Arrival::New, &["zul-ID/antrag.json"]);
}

#[test]
fn flat_files_still_waiting_become_visible_the_others_not_twice() {
    let folder = Folder::new(FLAT);
    folder.write(
        &format!(".amtsbote-tmp/{ID}/0002-zul-{ID}_antrag.json"),
        "{}",
    );
    folder.write(&format!(".amtsbote-tmp/{ID}/0003-zul-{ID}.fertig"), "");
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("flat"));
    recovers(
        &folder,
        Arrival::New,
        &["zul-ID.fertig", "zul-ID_antrag.json"],
    );
}

#[test]
fn flat_files_all_renamed_before_the_stop_are_not_brought_twice() {
    let folder = Folder::new(FLAT);
    fs::create_dir_all(folder.path().join(format!(".amtsbote-tmp/{ID}"))).unwrap();
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("flat"));
    recovers(&folder, Arrival::Repeated, &[]);
}

#[test]
fn a_lost_ledger_is_no_reason_to_bring_a_parcel_twice() {
    for settings in [FOLDER, FLAT] {
        let folder = Folder::new(settings);
        folder.deliver(&parcel()).unwrap();
        fs::remove_dir_all(folder.path().join(".amtsbote-done")).unwrap();
        assert_eq!(folder.deliver(&parcel()), Ok(Arrival::Repeated));
        assert_eq!(folder.arrived().len(), 1);
    }
}

#[test]
fn a_lost_ledger_can_be_made_a_persons_matter() {
    let folder = Folder::new("collision = \"refuse\"");
    folder.write(&format!("{ID}/something.txt"), "else");
    let fault = folder.deliver(&parcel()).unwrap_err();
    assert!(matches!(fault, Fault::Misconfigured { .. }), "{fault:?}");
    laws::is_told_in_two_languages(&fault);
    assert_eq!(folder.visible(), [ID]);
}

#[test]
fn opening_removes_what_stopped_tries_left_but_nothing_intended_and_nothing_foreign() {
    let folder = Folder::new(FOLDER);
    let intended = "00000000-0000-4000-8000-000000000001";
    folder.write(&format!(".amtsbote-tmp/{ID}/anlagen/01.txt"), "x");
    folder.write(&format!(".amtsbote-tmp/{ID}.lock"), "");
    folder.write(&format!(".amtsbote-tmp/{intended}/antrag.json"), "{}");
    folder.write(
        &format!(".amtsbote-done/{intended}.intent"),
        &note("folder"),
    );
    folder.write(".amtsbote-tmp/note.txt", "of the administrator");
    folder.open();
    let mut left: Vec<String> = fs::read_dir(folder.path().join(".amtsbote-tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [intended, "note.txt"]);
}

#[test]
fn files_and_folders_get_the_rights_of_the_settings() {
    let folder = Folder::new("file_mode = \"0660\"\ndir_mode = \"0770\"");
    folder.deliver(&parcel()).unwrap();
    let mode = |path: &str| {
        fs::metadata(folder.path().join(ID).join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        [
            mode(""),
            mode("anlagen"),
            mode("antrag.json"),
            mode("anlagen/01.txt")
        ],
        [0o770, 0o770, 0o660, 0o660]
    );
    let standard = Folder::new("");
    standard.deliver(&parcel()).unwrap();
    let mode = |path: &str| {
        fs::metadata(standard.path().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        [
            mode(ID),
            mode(&format!("{ID}/antrag.json")),
            mode(".amtsbote-tmp"),
            mode(".amtsbote-done")
        ],
        [0o750, 0o640, 0o700, 0o700]
    );
}

#[test]
fn symlinks_inside_the_folder_are_not_followed() {
    let folder = Folder::new(FOLDER);
    let outside = folder.dir.path().join("work");
    symlink(&outside, folder.path().join(".amtsbote-tmp")).unwrap();
    assert!(matches!(
        folder.deliver(&parcel()),
        Err(Fault::Misconfigured { .. })
    ));
    fs::remove_file(folder.path().join(".amtsbote-tmp")).unwrap();

    // A stopped try's folder replaced by a link: the link goes, what it points to stays.
    fs::write(outside.join("kept.txt"), "kept").unwrap();
    folder.write(&format!(".amtsbote-tmp/{ID}/antrag.json"), "{}");
    symlink(
        &outside,
        folder.path().join(format!(".amtsbote-tmp/{ID}/anlagen")),
    )
    .unwrap();
    assert_eq!(folder.deliver(&parcel()), Ok(Arrival::New));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn the_flat_trigger_is_the_last_to_become_visible() {
    let folder = Folder::new(FLAT);
    assert!(folder.flat());
    // The trigger's name is taken by a foreign file: everything else is there, the trigger's content is not.
    folder.write(&format!(".amtsbote-tmp/{ID}/0001-zul-{ID}_a.txt"), "a");
    folder.write(
        &format!(".amtsbote-tmp/{ID}/0002-zul-{ID}_antrag.json"),
        "{}",
    );
    folder.write(&format!(".amtsbote-done/{ID}.intent"), &note("flat"));
    folder.write(&format!("zul-{ID}_antrag.json"), "foreign");
    assert!(matches!(
        folder.deliver(&parcel()),
        Err(Fault::Misconfigured { .. })
    ));
    assert_eq!(
        fs::read(folder.path().join(format!("zul-{ID}_antrag.json"))).unwrap(),
        b"foreign"
    );
    assert!(folder.path().join(format!("zul-{ID}_a.txt")).exists());
    // The administrator moves it away, and the parcel goes on.
    fs::remove_file(folder.path().join(format!("zul-{ID}_antrag.json"))).unwrap();
    assert_eq!(folder.deliver(&parcel()), Ok(Arrival::New));
}

#[test]
fn faulty_settings_are_refused() {
    for settings in [
        "path = \"relative\"",
        "path = \"/x\"\nwork_path = \"y\"",
        "path = \"/x\"\ntrigger = \"a.xml\"",
    ] {
        let settings: Settings = toml::from_str(settings).unwrap();
        assert!(matches!(
            FolderOutbound::open(settings),
            Err(Fault::Misconfigured { .. })
        ));
    }
    for unread in [
        "",
        "path = \"/x\"\nunknown = 1",
        "path = \"/x\"\nname = \"x\"",
        "path = \"/x\"\nfile_mode = \"0777\"",
    ] {
        assert!(toml::from_str::<Settings>(unread).is_err(), "{unread}");
    }
}
