//! `amtsbote backup` of processes that run, `amtsbote restore` to another place, and what a restored system does.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use amtsbote_testkit::postgres::Server;
use serde_json::Value;

use crate::killed::has;
use crate::serve::{House, free_port};
use crate::stand::{Ended, LOOK, Program, SOON, copy, files_below, root, run};

const BEFORE: &str = "Vorherin";
const OPEN: [&str; 4] = ["Erstens", "Zweitens", "Drittens", "Viertens"];

/// Files of parcels: content, and when it was written.
type Brought = BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)>;

impl House {
    fn backup(&self, dir: &Path) -> Ended {
        let settings = self.settings();
        let settings = settings.to_str().unwrap();
        let dir = dir.to_str().unwrap();
        run(&["--json", "backup", dir, "--settings", settings])
    }

    fn restore(&self, dir: &Path, settings: &Path) -> Ended {
        let (dir, settings) = (dir.to_str().unwrap(), settings.to_str().unwrap());
        assert!(self.dir().exists());
        run(&["restore", dir, "--settings", settings])
    }

    /// What the portal is told of a submission.
    fn status(&self, port: u16, id: &str) -> Ended {
        let secret = self.dir().join("clients/portal.secret");
        let url = format!("http://127.0.0.1:{port}");
        let access = [
            "--url",
            &url,
            "--client-id",
            "portal",
            "--client-secret-file",
        ];
        run(&[&["status", id], &access[..], &[secret.to_str().unwrap()]].concat())
    }

    /// The same settings with data folders elsewhere.
    fn moved(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.settings()).unwrap();
        let text = text
            .replace("data_dir = \"gateway\"", "data_dir = \"new/gateway\"")
            .replace("data_dir = \"agent\"", "data_dir = \"new/agent\"");
        let path = self.dir().join("moved.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The same in another database, too.
    fn moved_to(&self, old: &str, new: &str) -> PathBuf {
        let path = self.moved();
        let database = |url: &str| format!("/{}\"", url.rsplit_once('/').unwrap().1);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&database(old)), "{text}");
        std::fs::write(&path, text.replace(&database(old), &database(new))).unwrap();
        path
    }

    /// Parcels in the procedure's folder: file → (content, when it was written).
    fn brought(&self) -> Brought {
        let inbox = self.dir().join("eingang");
        let is_parcel = |path: &PathBuf| {
            let below = path.strip_prefix(&inbox).unwrap();
            !below.to_str().unwrap().starts_with('.')
        };
        let parcels = files_below(&inbox).into_iter().filter(is_parcel);
        let read = |path: PathBuf| {
            let written = std::fs::metadata(&path).ok()?.modified().ok()?;
            Some((path.clone(), (std::fs::read(&path).ok()?, written)))
        };
        parcels.filter_map(read).collect()
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(LOOK);
    }
}

/// A house with a gateway that runs, one application brought and four open.
async fn half_way(house: &House, port: u16) -> (Program, Vec<String>) {
    half_way_with(house, port, "").await
}

/// The same; `more` are settings of its agent.
async fn half_way_with(house: &House, port: u16, more: &str) -> (Program, Vec<String>) {
    let destination = house.prepared(port).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    let agent = house.agent_settings(port, &destination, &packages);
    // One at a time: it can be killed between two.
    let agent = agent.replacen("[agent]\n", "[agent]\nconcurrency = 1\n", 1);
    house.write_settings(port, &format!("{agent}\n{more}"));
    let gateway = Program::start(house.command("gateway")).ready();
    let agent = Program::start(house.command("agent"));
    let mut ids = vec![house.send(port, BEFORE)];
    house.accepted(port, &ids[0], &gateway).await;
    agent.kill();
    ids.extend(OPEN.iter().map(|name| house.send(port, name)));
    (gateway, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_system_brings_what_was_open_and_nothing_twice() {
    let (house, port) = (House::new(), free_port());
    let (gateway, ids) = half_way(&house, port).await;
    let dir = house.dir().join("backup");
    let taken = house.backup(&dir).json();
    assert_eq!(rows(&taken, "gateway/gateway.db", "submissions"), 5);
    assert_eq!(rows(&taken, "agent/own/agent.db", "deliveries"), 1);
    assert_eq!(taken["manifest"]["attachments"]["count"], 5);
    assert_private(&house, &dir, &taken);

    // Life goes on after the backup: some of what was open is brought, and something new comes.
    let later = house.send(port, "Spaeterin");
    let before = one_more(&house);
    gateway.kill();

    let moved = house.moved();
    house.restore(&dir, &moved).ok();
    std::fs::rename(house.dir().join("gateway"), house.dir().join("lost")).unwrap();
    let serve = crate::stand::program(&["serve", "--settings", moved.to_str().unwrap()]);
    let serve = Program::start(serve).ready();
    brought_once(&house, (port, &ids), (&before, &serve)).await;
    // What came after the backup is gone with it, and the system does not pretend otherwise.
    let unknown = house.status(port, &later);
    assert_eq!(unknown.code(), Some(1), "{}", unknown.stdout());
    // And it goes on.
    let next = house.send(port, "Danach");
    house.accepted(port, &next, &serve).await;
    assert!(serve.stop(Duration::from_secs(5)).success());
}

/// What a backup says of a table.
fn rows(taken: &Value, file: &str, table: &str) -> u64 {
    let databases = taken["manifest"]["databases"].as_array().unwrap();
    let found = databases.iter().find(|copy| copy["file"] == file).unwrap();
    found["rows"][table].as_u64().unwrap()
}

/// Lets the agent bring one more; what is in the procedure's folder then.
fn one_more(house: &House) -> Brought {
    let agent = Program::start(house.command("agent"));
    until("one more was brought", || house.brought().len() >= 4);
    agent.kill();
    house.brought()
}

/// All that was open is accepted, each is in one parcel, and parcels of before were not touched.
async fn brought_once(
    house: &House,
    (port, ids): (u16, &[String]),
    (before, serve): (&Brought, &Program),
) {
    for id in ids {
        house.accepted(port, id, serve).await;
    }
    let after = house.brought();
    for (path, file) in before {
        assert_eq!(
            after.get(path),
            Some(file),
            "{} was touched",
            path.display()
        );
    }
    for (id, name) in ids.iter().zip([&[BEFORE], &OPEN[..]].concat()) {
        let holding = after.iter().filter(|(_, (bytes, _))| {
            has(bytes, format!("\"{name}\"").as_bytes())
                || has(bytes, format!(">{name}<").as_bytes())
        });
        let holding: Vec<_> = holding.map(|(path, _)| path).collect();
        assert_eq!(holding.len(), 1, "{name}: {holding:?}");
        assert!(holding[0].to_str().unwrap().contains(id.as_str()));
    }
}

/// Gateway and agents, all rows on a server.
#[tokio::test(flavor = "multi_thread")]
async fn so_does_one_on_postgresql() {
    let Some(server) = Server::shared() else {
        return;
    };
    let ((house, url), port) = (House::on(server), free_port());
    let agents = house.database.replace("gateway.database", "agent.database");
    let agents = agents.split("[gateway.blobs]").next().unwrap().to_owned();
    let (gateway, ids) = half_way_with(&house, port, &agents).await;
    let dir = house.dir().join("backup");
    let taken = house.backup(&dir).json();
    assert_eq!(rows(&taken, "gateway/gateway.tables", "submissions"), 5);
    assert_eq!(rows(&taken, "agent/agents.tables", "deliveries"), 1);
    assert_eq!(taken["manifest"]["attachments"]["count"], 5);
    assert_private(&house, &dir, &taken);

    let later = house.send(port, "Spaeterin");
    let before = one_more(&house);
    house
        .restore(&dir, &house.settings())
        .failed(&["amtsbote_agent", "already"]);
    gateway.kill();

    let empty = server.database();
    let moved = house.moved_to(&url, &empty);
    assert_table_harm_is_found(&house, &dir, &moved);
    assert!(!server.has_tables(&empty), "nothing is half there");
    house.restore(&dir, &moved).ok();
    house
        .restore(&dir, &moved)
        .failed(&["already", "DROP SCHEMA"]);
    let settings = moved.to_str().unwrap();
    let verified = run(&["--json", "verify", "--settings", settings]).json();
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["attachments"], 5);
    assert_eq!(verified["rowsWithoutSum"], 0, "{verified}");
    let serve = Program::start(crate::stand::program(&["serve", "--settings", settings])).ready();
    brought_once(&house, (port, &ids), (&before, &serve)).await;
    let status = house.status(port, &later);
    assert_eq!(status.code(), Some(1), "{}", status.stdout());
    let next = house.send(port, "Danach");
    house.accepted(port, &next, &serve).await;
    assert!(serve.stop(SOON).success());
    let verified = run(&["--json", "verify", "--settings", settings]).json();
    assert_eq!(verified["ok"], true, "{verified}");
}

/// A copy of tables that ends early, also with sums that say it is so.
fn assert_table_harm_is_found(house: &House, dir: &Path, moved: &Path) {
    let harmed = house.dir().join("harmed");
    copy(dir, &harmed);
    let file = harmed.join("gateway/gateway.tables");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    house
        .restore(&harmed, moved)
        .failed(&["gateway/gateway.tables", "was changed"]);
    let sum = |path: &Path| {
        let output = std::process::Command::new("sha256sum").arg(path).output();
        String::from_utf8(output.unwrap().stdout).unwrap()[..64].to_owned()
    };
    let replace = |name: &str, old: &str, new: &str| {
        let path = harmed.join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{name}");
        std::fs::write(&path, text.replace(old, new)).unwrap();
        sum(&path)
    };
    let old_sums = sum(&harmed.join("SHA256SUMS"));
    let (old, new) = (sum(&dir.join("gateway/gateway.tables")), sum(&file));
    let new_sums = replace("SHA256SUMS", &old, &new);
    replace("manifest.json", &old, &new);
    replace("manifest.json", &old_sums, &new_sums);
    house
        .restore(&harmed, moved)
        .failed(&["not whole", "ends too early"]);
    std::fs::remove_dir_all(house.dir().join("new/gateway/blobs")).unwrap();
}

/// As docs/operate says it: the agent's own backup, then the database's dump, then a copy of the attachments.
#[tokio::test(flavor = "multi_thread")]
async fn so_does_one_whose_gateway_is_on_postgresql_from_its_dump() {
    let Some(server) = Server::shared() else {
        return;
    };
    let ((house, url), port) = (House::on(server), free_port());
    let (gateway, ids) = half_way(&house, port).await;
    let dir = house.dir().join("backup");
    let agent_alone = |settings: &Path, name: &str| {
        let text = std::fs::read_to_string(settings).unwrap();
        let from = text.find("[agent]\n").unwrap();
        let path = house.dir().join(name);
        std::fs::write(&path, &text[from..]).unwrap();
        path
    };
    let agent = agent_alone(&house.settings(), "agent.toml");
    let (agent, shown) = (agent.to_str().unwrap(), dir.to_str().unwrap());
    run(&["backup", shown, "--settings", agent]).ok();
    let dumped = server.dumped_and_restored(&url);
    let blobs = house.dir().join("gateway/blobs");
    copy(&blobs, &house.dir().join("new/gateway/blobs"));

    let later = house.send(port, "Spaeterin");
    let before = one_more(&house);
    gateway.kill();

    let moved = house.moved_to(&url, &dumped);
    let agent = agent_alone(&moved, "moved-agent.toml");
    house.restore(&dir, &agent).ok();
    let moved = moved.to_str().unwrap();
    let verified = run(&["--json", "verify", "--settings", moved]).json();
    assert_eq!(
        (&verified["ok"], &verified["attachments"]),
        (&true.into(), &5.into())
    );
    assert_eq!(verified["rowsWithoutSum"], 0, "{verified}");
    let serve = Program::start(crate::stand::program(&["serve", "--settings", moved])).ready();
    brought_once(&house, (port, &ids), (&before, &serve)).await;
    let status = house.status(port, &later);
    assert_eq!(status.code(), Some(1), "{}", status.stdout());
    let next = house.send(port, "Danach");
    house.accepted(port, &next, &serve).await;
    assert!(serve.stop(SOON).success());
    let verified = run(&["--json", "verify", "--settings", moved]).json();
    assert_eq!(verified["ok"], true, "{verified}");
}

/// Whatever is changed in a backup is found before anything is written.
fn assert_harm_is_found(house: &House, dir: &Path, (moved, new): (&Path, &Path)) {
    let blob = files_below(&dir.join("blobs")).remove(0);
    let database = dir.join("gateway/gateway.db");
    let broken = house.dir().join("broken");
    let check = |what: &str, harm: &dyn Fn(&Path), said: &str| {
        if broken.exists() {
            std::fs::remove_dir_all(&broken).unwrap();
        }
        copy(dir, &broken);
        harm(&broken);
        house.restore(&broken, moved).failed(&[said]);
        assert!(files_below(new).is_empty(), "{what} left something");
    };
    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let below = |path: &Path| path.strip_prefix(dir).unwrap().to_owned();
    let (blob, database) = (below(&blob), below(&database));
    check(
        "a bit in an attachment",
        &|at| flip(&at.join(&blob)),
        "damaged",
    );
    check(
        "a bit in a database",
        &|at| flip(&at.join(&database)),
        "damaged",
    );
    check(
        "an attachment less",
        &|at| std::fs::remove_file(at.join(&blob)).unwrap(),
        "missing",
    );
    check(
        "a bit in the sums",
        &|at| flip(&at.join("SHA256SUMS")),
        "SHA256SUMS",
    );
    check(
        "no manifest",
        &|at| std::fs::remove_file(at.join("manifest.json")).unwrap(),
        "no backup",
    );
    check(
        "another count",
        &|at| {
            let path = at.join("manifest.json");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(
                &path,
                text.replace("\"submissions\": 5", "\"submissions\": 6"),
            )
            .unwrap();
        },
        "other rows",
    );
}

/// For the owner alone, no key or secret in it, and the manifest says which to keep.
fn assert_private(house: &House, dir: &Path, taken: &Value) {
    let secrets: Vec<Vec<u8>> = files_below(&house.dir().join("clients"))
        .into_iter()
        .map(|path| std::fs::read(path).unwrap().trim_ascii().to_vec())
        .collect();
    for path in files_below(dir) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            assert!(!has(&bytes, secret), "a secret in {}", path.display());
        }
        for name in [&[BEFORE], &OPEN[..]].concat() {
            assert!(
                !has(&bytes, name.as_bytes()),
                "content in {}",
                path.display()
            );
        }
        assert!(!has(&bytes, b"\"d\":"), "a key in {}", path.display());
    }
    let kept = taken["manifest"]["keepBesides"].to_string();
    for part in ["keys/gateway", "portal.secret", "decryption.jwk", "eingang"] {
        assert!(kept.contains(part), "{part} is not in {kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_move_between_folder_and_bucket_by_backup_and_restore() {
    let Some(server) = crate::s3::Server::running() else {
        return;
    };
    let (house, port) = (House::new(), free_port());
    let (gateway, mut ids) = half_way(&house, port).await;
    let folders = house.dir().join("from-folders");
    house.backup(&folders).json();
    assert!(gateway.stop(Duration::from_secs(5)).success());

    // The same system with its attachments in a bucket: it goes on where it was.
    let moved = house.moved();
    let text = std::fs::read_to_string(&moved).unwrap();
    let lines = server.settings(port.to_string().as_str(), house.dir());
    let text = text.replacen(
        "[[gateway.client]]",
        &format!("{lines}[[gateway.client]]"),
        1,
    );
    std::fs::write(&moved, text).unwrap();
    house.restore(&folders, &moved).ok();
    assert!(files_below(&house.dir().join("new/gateway/blobs")).is_empty());
    let mut gateway = crate::stand::program(&["gateway", "--settings", moved.to_str().unwrap()]);
    gateway.args(["--log", "info"]);
    let gateway = Program::start(gateway).ready();
    ids.push(house.send(port, "Fuenftens"));

    // A backup of it while it runs holds the same files as one of a folder, and goes into a folder again.
    let bucket = house.dir().join("from-bucket");
    let (at, settings) = (bucket.to_str().unwrap(), moved.to_str().unwrap());
    let taken = run(&["--json", "backup", at, "--settings", settings]).json();
    assert_eq!(taken["manifest"]["attachments"]["count"], 6);
    for path in files_below(&folders.join("blobs")) {
        let same = bucket.join(path.strip_prefix(&folders).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(same).unwrap());
    }
    gateway.kill();
    std::fs::rename(house.dir().join("new"), house.dir().join("second")).unwrap();
    house
        .restore(&bucket, &moved)
        .failed(&["has attachments under this prefix already"]);
    std::fs::remove_dir_all(house.dir().join("new")).unwrap();
    let back = house.moved();
    house.restore(&bucket, &back).ok();
    let serve = crate::stand::program(&["serve", "--settings", back.to_str().unwrap()]);
    let serve = Program::start(serve).ready();
    for id in &ids {
        house.accepted(port, id, &serve).await;
    }
    assert!(serve.stop(Duration::from_secs(5)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_whole_into_empty_folders_or_not_at_all() {
    let (house, port) = (House::new(), free_port());
    let (gateway, _) = half_way(&house, port).await;
    let dir = house.dir().join("backup");
    house.backup(&dir).json();
    house.backup(&dir).failed(&["not empty"]);

    // The running gateway's own folder, and the same when it is stopped.
    std::fs::rename(house.dir().join("agent"), house.dir().join("aside")).unwrap();
    house
        .restore(&dir, &house.settings())
        .failed(&["held by a running process"]);
    assert!(gateway.stop(Duration::from_secs(5)).success());
    house
        .restore(&dir, &house.settings())
        .failed(&["is there already"]);

    let moved = house.moved();
    let new = house.dir().join("new");
    assert_harm_is_found(&house, &dir, (&moved, &new));

    // Settings that have no place for all of it.
    let text = std::fs::read_to_string(&moved).unwrap();
    let alone = house.dir().join("alone.toml");
    std::fs::write(&alone, &text[..text.find("[agent]").unwrap()]).unwrap();
    house.restore(&dir, &alone).failed(&["no place"]);

    // Killed half-way: it does not start, and the restore can be repeated.
    house.restore(&dir, &moved).ok();
    std::fs::write(new.join("gateway/gateway.restoring"), "").unwrap();
    let serve = run(&["gateway", "--settings", moved.to_str().unwrap()]);
    serve.failed(&["restore (or move) did not come to its end"]);
    std::fs::remove_dir_all(new.join("agent")).unwrap();
    let german = run(&[
        "--lang",
        "de",
        "restore",
        dir.to_str().unwrap(),
        "--settings",
        moved.to_str().unwrap(),
    ]);
    assert!(
        german.ok().starts_with("zurückgelegt: 2 Datenbanken"),
        "{}",
        german.stdout()
    );
}
