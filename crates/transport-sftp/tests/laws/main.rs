//! The laws of transports against a real OpenSSH server, each stop of the ledger, and a cut at each request.

#![expect(
    clippy::unwrap_used,
    reason = "tests; clippy spares only the functions marked so"
)]

mod answers;
mod server;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use amtsbote_adapter::laws::outbound::{Arrived, Bench, Trouble};
use amtsbote_adapter::{Arrival, Fault, Outbound, Parcel, ParcelFile, Piece, laws};
use amtsbote_model::Personal;
use amtsbote_transport_sftp::{Settings, SftpOutbound};
use bytes::Bytes;

use server::{Cut, Server};

const ID: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2";
const TRY: &str = "f39ab143-d91a-474a-b69f-b00f1a1873c2.6c9d62b1-9a53-4e0c-8b50-0c8d8b7f1a11";
const LIMIT: Duration = Duration::from_mins(1);
const KEY: &str = "key_file = \"client_key\"\nkey_passphrase_file = \"passphrase\"";

/// A server, and a procedure that reads its folder.
struct Sftp {
    server: Server,
    settings: &'static str,
}

impl Sftp {
    fn start(settings: &'static str) -> Option<Self> {
        Server::start().map(|server| Self { server, settings })
    }

    fn settings(&self, host_key: &str, proof: &str, path: &str) -> String {
        let Server {
            port, user, dir, ..
        } = &self.server;
        let proof = proof.replace("= \"", &format!("= \"{}/", dir.path().display()));
        let settings = self
            .settings
            .replace("WORK", &dir.path().join("work").display().to_string());
        format!(
            "host = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nhost_keys = [\"{host_key}\"]\n{proof}\npath = \"{path}\"\n{settings}"
        )
    }

    fn open_with(&self, host_key: &str, proof: &str, path: &str) -> SftpOutbound {
        let settings: Settings = toml::from_str(&self.settings(host_key, proof, path)).unwrap();
        SftpOutbound::open(settings).unwrap()
    }

    fn open(&self) -> SftpOutbound {
        let path = self.server.path().display().to_string();
        self.open_with(&self.server.public_key("host_key"), KEY, &path)
    }

    fn deliver(&self, parcel: &Parcel) -> Result<Arrival, Fault> {
        deliver(&self.open(), parcel)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.server.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.server.path().join(folder))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn deliver(way: &SftpOutbound, parcel: &Parcel) -> Result<Arrival, Fault> {
    let mut outcome = None;
    laws::run(async { outcome = Some(way.deliver(parcel, LIMIT).await) });
    outcome.unwrap().map(|receipt| receipt.arrival)
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

impl Bench for Sftp {
    /// Each delivery begins an `sshd` and a session; the cut at each request is below.
    fn stride(&self) -> u32 {
        7
    }

    /// The whole ledger goes; the name is there.
    fn lose_last_note(&self, parcel: &Parcel) -> bool {
        let inside = self.server.path().join(".amtsbote-done");
        let elsewhere = self.server.dir.path().join("work/done");
        let done = [inside, elsewhere].map(|done| done.join(parcel.id.to_string()));
        done.iter().any(|note| fs::remove_file(note).is_ok())
    }

    fn way(&self) -> Box<dyn Outbound> {
        Box::new(self.open())
    }

    fn troubled(&self, trouble: Trouble) -> Option<Box<dyn Outbound>> {
        let path = self.server.path().display().to_string();
        let host_key = self.server.public_key("host_key");
        self.server.cut(Cut::Never);
        let way = match trouble {
            // An SFTP server does not refuse parcels or name a time.
            Trouble::Refusing | Trouble::Busy => return None,
            Trouble::Cut => {
                self.server.cut(Cut::Before(20));
                self.open()
            }
            Trouble::WrongPlace => self.open_with(&host_key, KEY, &format!("{path}/not-there")),
            Trouble::NoRight => self.open_with(&host_key, "key_file = \"stranger_key\"", &path),
        };
        Some(Box::new(way))
    }

    fn arrived(&self) -> Vec<Arrived> {
        let mut parcels = BTreeMap::<String, Arrived>::new();
        for name in self.visible() {
            let path = self.server.path().join(&name);
            let mut files = Arrived::new();
            if path.is_dir() {
                below(&path, &path, &mut files);
                parcels.insert(name, files);
            } else {
                // "zul-" and the id: what the files of one parcel have in common.
                let key = name.chars().take(40).collect();
                let bytes = fs::read(path).unwrap();
                parcels.entry(key).or_default().insert(name, bytes);
            }
        }
        parcels.into_values().collect()
    }

    fn visible(&self) -> Vec<String> {
        let mut names = self.names("");
        names.retain(|name| !name.starts_with(".amtsbote-"));
        names
    }

    fn consume(&self) {
        for name in self.visible() {
            let path = self.server.path().join(name);
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

/// A server with these settings, or the end of the test.
macro_rules! start {
    ($settings:expr) => {
        match crate::Sftp::start($settings) {
            Some(sftp) => sftp,
            None => return,
        }
    };
}

mod folder_layout {
    amtsbote_adapter::outbound_laws!(start!(super::FOLDER));
}

mod flat_layout {
    amtsbote_adapter::outbound_laws!(start!(super::FLAT));
}

mod work_elsewhere {
    amtsbote_adapter::outbound_laws!(start!(super::ELSEWHERE));
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
    format!("amtsbote 1\n{layout}\nzul-{ID}\n{TRY}\n")
}

/// Delivers onto the constructed state, twice; `expected` is the first answer, and the files that are visible then.
fn recovers(sftp: &Sftp, expected: Arrival, visible: &[&str]) {
    assert_eq!(sftp.deliver(&parcel()), Ok(expected));
    let mut files = Arrived::new();
    for name in sftp.visible() {
        let path = sftp.server.path().join(&name);
        if path.is_dir() {
            below(&sftp.server.path(), &path, &mut files);
        } else {
            files.insert(name, fs::read(path).unwrap());
        }
    }
    let names: Vec<String> = files.keys().map(|name| name.replace(ID, "ID")).collect();
    assert_eq!(names, visible);
    assert_eq!(sftp.deliver(&parcel()), Ok(Arrival::Repeated));
    sftp.consume();
    assert_eq!(sftp.deliver(&parcel()), Ok(Arrival::Repeated));
    assert!(sftp.visible().is_empty());
}

const WHOLE: [&str; 3] = [
    "zul-ID/.fertig",
    "zul-ID/anlagen/01.txt",
    "zul-ID/antrag.json",
];

#[test]
fn stopped_while_writing_the_next_try_writes_anew() {
    let sftp = start!(FOLDER);
    sftp.write(&format!(".amtsbote-tmp/{TRY}/antrag.json"), "{\"ha");
    recovers(&sftp, Arrival::New, &WHOLE);
}

#[test]
fn stopped_while_noting_the_next_try_writes_anew() {
    let sftp = start!(FOLDER);
    sftp.write(&format!(".amtsbote-tmp/{TRY}/antrag.json"), "{}");
    sftp.write(&format!(".amtsbote-done/{TRY}.new"), "amts");
    recovers(&sftp, Arrival::New, &WHOLE);
}

#[test]
fn stopped_between_note_and_rename_the_next_try_renames() {
    let sftp = start!(FOLDER);
    // Another content shows that what was noted is what becomes visible.
    sftp.write(
        &format!(".amtsbote-tmp/{TRY}/antrag.json"),
        "{\"noted\":true}",
    );
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("folder"));
    recovers(&sftp, Arrival::New, &["zul-ID/antrag.json"]);
    assert!(sftp.names(".amtsbote-tmp").is_empty());
}

#[test]
fn stopped_after_the_rename_a_repeat_has_no_effect() {
    let sftp = start!(FOLDER);
    sftp.write(&format!("zul-{ID}/antrag.json"), "{}");
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("folder"));
    recovers(&sftp, Arrival::Repeated, &["zul-ID/antrag.json"]);
}

#[test]
fn stopped_after_the_rename_and_taken_away_since_a_repeat_has_no_effect() {
    let sftp = start!(FOLDER);
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("folder"));
    recovers(&sftp, Arrival::Repeated, &[]);
}

#[test]
fn a_note_is_kept_to_even_if_the_settings_changed_since() {
    let sftp = start!(FLAT);
    sftp.write(&format!(".amtsbote-tmp/{TRY}/antrag.json"), "{}");
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("folder"));
    recovers(&sftp, Arrival::New, &["zul-ID/antrag.json"]);
}

#[test]
fn flat_files_still_waiting_become_visible_the_others_not_twice() {
    let sftp = start!(FLAT);
    let waiting = format!(".amtsbote-tmp/{TRY}");
    sftp.write(&format!("{waiting}/0002-zul-{ID}_antrag.json"), "{}");
    sftp.write(&format!("{waiting}/0003-zul-{ID}.fertig"), "");
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("flat"));
    recovers(
        &sftp,
        Arrival::New,
        &["zul-ID.fertig", "zul-ID_antrag.json"],
    );
}

#[test]
fn flat_files_all_renamed_before_the_stop_are_not_brought_twice() {
    let sftp = start!(FLAT);
    fs::create_dir_all(sftp.server.path().join(format!(".amtsbote-tmp/{TRY}"))).unwrap();
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("flat"));
    recovers(&sftp, Arrival::Repeated, &[]);
}

#[test]
fn a_damaged_note_is_a_persons_matter() {
    let sftp = start!(FOLDER);
    for damaged in ["", "amtsbote 1\nfolder\n", &note("folder")[..60]] {
        sftp.write(&format!(".amtsbote-done/{ID}"), damaged);
        assert!(matches!(
            sftp.deliver(&parcel()),
            Err(Fault::Misconfigured { .. })
        ));
        assert!(sftp.visible().is_empty());
    }
}

#[test]
fn a_lost_ledger_is_no_reason_to_bring_a_parcel_twice() {
    for settings in [FOLDER, FLAT] {
        let sftp = start!(settings);
        sftp.deliver(&parcel()).unwrap();
        fs::remove_dir_all(sftp.server.path().join(".amtsbote-done")).unwrap();
        assert_eq!(sftp.deliver(&parcel()), Ok(Arrival::Repeated));
        assert_eq!(sftp.arrived().len(), 1);
    }
}

#[test]
fn a_lost_ledger_can_be_made_a_persons_matter() {
    let sftp = start!("collision = \"refuse\"");
    sftp.write(&format!("{ID}/something.txt"), "else");
    assert!(matches!(
        sftp.deliver(&parcel()),
        Err(Fault::Misconfigured { .. })
    ));
    assert_eq!(sftp.visible(), [ID]);
}

#[test]
fn a_foreign_file_of_a_noted_name_is_never_replaced() {
    let sftp = start!(FLAT);
    let waiting = format!(".amtsbote-tmp/{TRY}");
    sftp.write(&format!("{waiting}/0001-zul-{ID}_a.txt"), "a");
    sftp.write(&format!("{waiting}/0002-zul-{ID}_antrag.json"), "{}");
    sftp.write(&format!(".amtsbote-done/{ID}"), &note("flat"));
    let taken = format!("zul-{ID}_antrag.json");
    sftp.write(&taken, "foreign");
    assert!(matches!(
        sftp.deliver(&parcel()),
        Err(Fault::Misconfigured { .. })
    ));
    let taken = sftp.server.path().join(taken);
    assert_eq!(fs::read(&taken).unwrap(), b"foreign");
    // The administrator moves it away, and the parcel goes on.
    fs::remove_file(&taken).unwrap();
    assert_eq!(sftp.deliver(&parcel()), Ok(Arrival::New));
}

/// Cuts the connection at everything the client sends, once before and once after the server has it, and delivers again:
/// from another process, and from the same.
fn one_effect_wherever_it_is_cut(settings: &'static str, ways: &[fn(usize) -> Cut]) {
    let sftp = start!(settings);
    let mut cuts = 0;
    for lost in ways {
        for position in 0.. {
            sftp.consume();
            for ours in [".amtsbote-tmp", ".amtsbote-done"] {
                let _ = fs::remove_dir_all(sftp.server.path().join(ours));
            }
            let way = sftp.open();
            sftp.server.cut(lost(position));
            let first = deliver(&way, &parcel());
            let was_cut = sftp.server.was_cut();
            sftp.server.cut(Cut::Never);
            match &first {
                Ok(arrival) => assert_eq!(*arrival, Arrival::New, "{:?}", lost(position)),
                Err(Fault::Unavailable { .. }) => {}
                Err(other) => panic!("{:?}: {other:?}", lost(position)),
            }
            let another = sftp.open();
            let again = if position % 2 == 0 { &way } else { &another };
            deliver(again, &parcel()).unwrap();
            assert_eq!(sftp.arrived().len(), 1, "{:?}", lost(position));
            assert_eq!(sftp.arrived()[0].len(), 3, "{:?}", lost(position));
            sftp.consume();
            assert_eq!(deliver(again, &parcel()), Ok(Arrival::Repeated));
            assert!(sftp.arrived().is_empty(), "{:?}", lost(position));
            if !was_cut {
                break;
            }
            cuts += 1;
        }
    }
    // Key exchange, login and the steps of the ledger are at least that many.
    assert!(cuts > 25 * ways.len(), "{cuts}");
}

#[test]
fn a_cut_at_any_request_and_a_repeat_have_one_effect() {
    one_effect_wherever_it_is_cut(FOLDER, &[Cut::Before, Cut::After]);
}

#[test]
fn a_cut_at_any_request_and_a_repeat_have_one_effect_with_flat_files() {
    one_effect_wherever_it_is_cut(FLAT, &[Cut::After]);
}

#[test]
fn a_procedure_that_takes_files_between_cut_and_repeat_gets_them_once() {
    let sftp = start!(FOLDER);
    for position in 0.. {
        for ours in [".amtsbote-tmp", ".amtsbote-done"] {
            let _ = fs::remove_dir_all(sftp.server.path().join(ours));
        }
        sftp.server.cut(Cut::After(position));
        let _ = sftp.deliver(&parcel());
        let was_cut = sftp.server.was_cut();
        sftp.server.cut(Cut::Never);
        let taken = sftp.arrived().len();
        sftp.consume();
        sftp.deliver(&parcel()).unwrap();
        assert_eq!(taken + sftp.arrived().len(), 1, "{position}");
        sftp.consume();
        if !was_cut {
            assert_eq!(taken, 1);
            break;
        }
    }
}

#[test]
fn a_server_with_another_key_is_never_trusted() {
    let sftp = start!(FOLDER);
    let path = sftp.server.path().display().to_string();
    let other = sftp.server.public_key("other_host_key");
    let way = sftp.open_with(&other, KEY, &path);
    for _ in 0..2 {
        let Err(Fault::Misconfigured { what }) = deliver(&way, &parcel()) else {
            panic!("trusted")
        };
        assert!(what.en.contains("host_keys"), "{what:?}");
    }
    assert!(sftp.names(".amtsbote-tmp").is_empty() && sftp.visible().is_empty());
}

#[test]
fn a_server_is_known_by_the_fingerprint_ssh_keygen_prints() {
    let sftp = start!(FOLDER);
    let printed = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(sftp.server.dir.path().join("host_key.pub"))
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let fingerprint = printed.split_whitespace().nth(1).unwrap();
    let path = sftp.server.path().display().to_string();
    let way = sftp.open_with(fingerprint, KEY, &path);
    assert_eq!(deliver(&way, &parcel()), Ok(Arrival::New));
}

#[test]
fn wrong_proofs_are_misconfigured_and_never_printed() {
    let sftp = start!(FOLDER);
    let path = sftp.server.path().display().to_string();
    let host_key = sftp.server.public_key("host_key");
    for (proof, calls) in [
        ("password_file = \"password\"", 1),
        ("key_file = \"stranger_key\"", 1),
        ("key_file = \"client_key\"", 0),
        (
            "key_file = \"client_key\"\nkey_passphrase_file = \"password\"",
            0,
        ),
        ("key_file = \"not-there\"", 0),
        ("key_file = \"sshd_config\"", 0),
    ] {
        let before = sftp.server.connections();
        let outcome = deliver(&sftp.open_with(&host_key, proof, &path), &parcel());
        assert!(
            matches!(&outcome, Err(Fault::Misconfigured { .. })),
            "{proof}"
        );
        laws::is_told_in_two_languages(&outcome.clone().unwrap_err());
        assert!(!format!("{outcome:?}").contains("surely-wrong"));
        assert_eq!(sftp.server.connections() - before, calls, "{proof}");
    }
}

#[test]
fn a_closed_port_is_unavailable() {
    let sftp = start!(FOLDER);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let path = sftp.server.path().display().to_string();
    let settings = sftp.settings(&sftp.server.public_key("host_key"), KEY, &path);
    let settings = settings.replace(
        &format!("port = {}", sftp.server.port),
        &format!("port = {port}"),
    );
    let way = SftpOutbound::open(toml::from_str(&settings).unwrap()).unwrap();
    let fault = deliver(&way, &parcel()).unwrap_err();
    assert!(matches!(fault, Fault::Unavailable { .. }), "{fault:?}");
    laws::is_told_in_two_languages(&fault);
}

#[test]
fn a_full_disk_is_unavailable_and_leaves_nothing_visible() {
    let sftp = start!(FOLDER);
    sftp.server.limit_file_bytes(1_000);
    let big = Parcel {
        id: ID.parse().unwrap(),
        files: vec![ParcelFile {
            path: "antrag.bin".parse().unwrap(),
            media_type: "application/octet-stream".into(),
            pieces: vec![Piece::Bytes(Personal::new(Bytes::from(vec![7; 200_000])))],
        }],
    };
    let outcome = sftp.deliver(&big);
    assert!(
        matches!(outcome, Err(Fault::Unavailable { .. })),
        "{outcome:?}"
    );
    assert!(sftp.visible().is_empty());
    sftp.server.limit_file_bytes(u64::MAX);
    assert_eq!(sftp.deliver(&big), Ok(Arrival::New));
}

#[test]
fn files_and_folders_get_the_rights_of_the_settings() {
    let sftp = start!("file_mode = \"0660\"\ndir_mode = \"0770\"");
    sftp.deliver(&parcel()).unwrap();
    let mode = |path: &str| {
        let path = sftp.server.path().join(path);
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!(
        [
            mode(ID),
            mode(&format!("{ID}/anlagen")),
            mode(&format!("{ID}/antrag.json")),
            mode(".amtsbote-tmp"),
            mode(".amtsbote-done"),
            mode(&format!(".amtsbote-done/{ID}")),
        ],
        [0o770, 0o770, 0o660, 0o700, 0o700, 0o600]
    );
}

#[test]
fn what_dead_processes_left_is_removed_after_a_day_but_nothing_noted_and_nothing_foreign() {
    let sftp = start!(FOLDER);
    let [old, young, noted] = [1, 2, 3].map(|nr| {
        format!("00000000-0000-4000-8000-00000000000{nr}.6c9d62b1-9a53-4e0c-8b50-0c8d8b7f1a11")
    });
    for attempt in [&old, &young, &noted] {
        sftp.write(&format!(".amtsbote-tmp/{attempt}/anlagen/01.txt"), "x");
    }
    let id = "00000000-0000-4000-8000-000000000003";
    let text = format!("amtsbote 1\nfolder\n{id}\n{noted}\n");
    sftp.write(&format!(".amtsbote-done/{id}"), &text);
    sftp.write(".amtsbote-tmp/of-the-administrator/x.txt", "x");
    // The server's clock is this machine's: two days before a folder made just now.
    let made = fs::metadata(sftp.server.path().join(".amtsbote-tmp")).unwrap();
    let two_days_ago = made.modified().unwrap() - Duration::from_hours(48);
    for folder in [&*old, &*noted, "of-the-administrator"] {
        let folder = sftp.server.path().join(".amtsbote-tmp").join(folder);
        let folder = fs::File::open(folder).unwrap();
        folder.set_modified(two_days_ago).unwrap();
    }
    assert_eq!(sftp.deliver(&parcel()), Ok(Arrival::New));
    let mut left = vec![young, noted, "of-the-administrator".to_owned()];
    left.sort();
    assert_eq!(sftp.names(".amtsbote-tmp"), left);
}

#[test]
fn a_process_removes_what_its_own_failed_tries_left() {
    let sftp = start!(FOLDER);
    let way = sftp.open();
    let mut stalls = parcel();
    let source = laws::sources::Scripted::new(10_000, 1_000, laws::sources::Script::Fails);
    stalls.files[1].pieces = vec![Piece::Attachment(source)];
    assert!(matches!(
        deliver(&way, &stalls),
        Err(Fault::Unavailable { .. })
    ));
    assert_eq!(sftp.names(".amtsbote-tmp").len(), 1);
    assert_eq!(deliver(&way, &parcel()), Ok(Arrival::New));
    assert!(sftp.names(".amtsbote-tmp").is_empty());
}
