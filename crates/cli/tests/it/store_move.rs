//! `amtsbote store move`: from a file and a folder to a server and a bucket, and back, with everything that was open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_testkit::postgres::Server;
use serde_json::Value;

use crate::s3;
use crate::serve::{House, free_port};
use crate::stand::{Ended, Program, files_below, program, root, run};
use crate::starved::SmallDisk;

/// Other settings of the same house.
fn other(house: &House, name: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let path = house.dir().join(name);
    let text = std::fs::read_to_string(house.settings()).unwrap();
    std::fs::write(&path, change(&text)).unwrap();
    path
}

fn move_store(from: &Path, to: &Path, more: &[&str]) -> Ended {
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let args = ["--json", "store", "move", "--settings", from, "--to", to];
    run(&[&args, more].concat())
}

fn serve(part: &str, settings: &Path) -> Program {
    Program::start(program(&[part, "--settings", settings.to_str().unwrap()])).ready()
}

fn verified(settings: &Path) -> Value {
    let report = run(&["--json", "verify", "--settings", settings.to_str().unwrap()]).json();
    assert_eq!(report["ok"], true, "{report}");
    report
}

fn stopped(process: Program) {
    assert!(process.stop(Duration::from_secs(30)).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_moves_to_a_server_and_back_with_everything_it_had() {
    let Some(bucket) = s3::Server::running() else {
        return;
    };
    let Some(server) = Server::start() else {
        return;
    };
    let (house, port) = (House::new(), free_port());
    let destination = house.prepared(port).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    house.write_settings(port, &house.agent_settings(port, &destination, &packages));
    let old = house.settings();
    let (password, blobs) = (server.password(), bucket.settings("moved", house.dir()));
    std::fs::write(house.dir().join("database.password"), password).unwrap();
    let url = server.database().replace(&format!(":{password}@"), "@");
    let lines = format!(
        "[gateway.database]\nkind = \"postgres\"\nurl = \"{url}\"\npassword_file = \"database.password\"\n\n{blobs}"
    );
    let new = other(&house, "server.toml", |text| {
        text.replacen(
            "[[gateway.client]]",
            &format!("{lines}[[gateway.client]]"),
            1,
        )
    });
    let back = other(&house, "back.toml", |text| {
        text.replace("data_dir = \"gateway\"", "data_dir = \"back\"")
    });

    let process = serve("serve", &old);
    let done = house.send(port, "Vorherin");
    house.accepted(port, &done, &process).await;
    // Nothing is moved away under a gateway that runs.
    move_store(&old, &new, &[]).failed(&["is it stopped?"]);
    stopped(process);
    let process = serve("gateway", &old);
    let open = house.send(port, "Erstens");
    stopped(process);

    let looked = move_store(&old, &new, &["--dry-run"]).json();
    let moved = move_store(&old, &new, &[]).json();
    assert_eq!(moved["rows"], looked["rows"]);
    assert_eq!(moved["rows"]["submissions"], 2);
    assert_eq!(moved["attachments"], 2);
    move_store(&old, &new, &[]).failed(&["is not empty"]);
    let report = verified(&new);
    assert_eq!(report["attachments"], 2);
    assert!(report["sealedEvents"].as_u64().unwrap() > 0, "{report}");
    let process = serve("serve", &new);
    house.accepted(port, &open, &process).await;
    let late = house.send(port, "Zweitens");
    house.accepted(port, &late, &process).await;
    move_store(&new, &back, &[]).failed(&["a gateway runs over this database"]);
    stopped(process);

    let moved = move_store(&new, &back, &[]).json();
    assert_eq!(moved["rows"]["submissions"], 3);
    verified(&back);
    let process = serve("serve", &back);
    let last = house.send(port, "Drittens");
    house.accepted(port, &last, &process).await;
    stopped(process);
    let report = verified(&back);
    assert_eq!(report["attachments"], 4);
    move_store(&old, &back, &[]).failed(&["gateway.db"]);
}

/// A gateway with six submissions that nobody has fetched, stopped; its settings.
async fn stocked(house: &House, port: u16) -> PathBuf {
    let destination = house.prepared(port).await;
    let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
    house.write_settings(port, &house.agent_settings(port, &destination, &packages));
    let process = serve("gateway", &house.settings());
    for name in ["Anna", "Berta", "Clara", "Dora", "Emma", "Frieda"] {
        house.send(port, name);
    }
    stopped(process);
    house.settings()
}

/// Attachments in a folder.
fn attachments(dir: &Path) -> usize {
    let mut files = files_below(&dir.join("blobs"));
    files.retain(|path| path.to_str().unwrap().ends_with("-s"));
    files.len()
}

/// With `[gateway.database]` on the server and `[gateway.blobs]` in a folder of its own.
fn on_server(house: &House, server: &Server, data_dir: &Path) -> PathBuf {
    let password = server.password();
    std::fs::write(house.dir().join("database.password"), password).unwrap();
    let url = server.database().replace(&format!(":{password}@"), "@");
    let lines = format!(
        "[gateway.database]\nkind = \"postgres\"\nurl = \"{url}\"\npassword_file = \"database.password\"\n\n\
         [gateway.blobs]\nkind = \"folder\"\n\n"
    );
    other(house, "server.toml", |text| {
        let text = text.replace(
            "data_dir = \"gateway\"",
            &format!("data_dir = {data_dir:?}"),
        );
        text.replacen(
            "[[gateway.client]]",
            &format!("{lines}[[gateway.client]]"),
            1,
        )
    })
}

/// Killed once the first attachment is there; how many there were then.
fn broken_off(old: &Path, new: &Path, data_dir: &Path) -> usize {
    let (from, to) = (old.to_str().unwrap(), new.to_str().unwrap());
    let mut moving = Program::start(program(&["store", "move", "--settings", from, "--to", to]));
    while attachments(data_dir) == 0 {
        assert!(!moving.has_ended(), "{}", moving.talk());
    }
    moving.kill();
    attachments(data_dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_killed_leaves_the_old_store_whole_and_ends_when_it_is_repeated() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (house, port) = (House::new(), free_port());
    let old = stocked(&house, port).await;
    let there = house.dir().join("there");
    let new = on_server(&house, server, &there);
    let found = broken_off(&old, &new, &there);
    // Nothing of the rows is to be seen; the old one is as it was.
    assert_eq!(verified(&old)["attachments"], 6);
    assert_eq!(verified(&new)["attachments"], 0);
    let moved = move_store(&old, &new, &[]).json();
    assert_eq!(
        (&moved["attachments"], &moved["rows"]["submissions"]),
        (&6.into(), &6.into())
    );
    println!("killed with {found} of 6 attachments there");
    assert_eq!(verified(&new)["attachments"], 6);

    // And back, into a file.
    let back_dir = house.dir().join("back");
    let back = other(&house, "back.toml", |text| {
        text.replace("data_dir = \"gateway\"", "data_dir = \"back\"")
    });
    broken_off(&new, &back, &back_dir);
    // A gateway does not take half a store for an empty one.
    let mut refused = Program::start(program(&["gateway", "--settings", back.to_str().unwrap()]));
    assert_eq!(refused.ended().code(), Some(1), "{}", refused.talk());
    assert!(refused.talk().contains("store move"), "{}", refused.talk());
    assert_eq!(verified(&new)["attachments"], 6);
    assert_eq!(
        move_store(&new, &back, &[]).json()["rows"]["submissions"],
        6
    );
    assert_eq!(verified(&back)["attachments"], 6);
    let process = serve("serve", &back);
    let last = house.send(port, "Danach");
    house.accepted(port, &last, &process).await;
    stopped(process);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_a_full_disk_says_so_and_ends_when_there_is_room() {
    let Some(disk) = SmallDisk::mount("size=64k") else {
        return;
    };
    let (house, port) = (House::new(), free_port());
    let old = stocked(&house, port).await;
    let there = disk.path().join("there");
    let new = other(&house, "small.toml", |text| {
        text.replace("data_dir = \"gateway\"", &format!("data_dir = {there:?}"))
    });
    // Whichever write was the first without room: of a row, or of an attachment.
    let said = move_store(&old, &new, &[]).failed(&[]);
    assert!(
        said.contains("full") || said.contains("No space left"),
        "{said}"
    );
    assert_eq!(verified(&old)["attachments"], 6);
    disk.grow("size=64m");
    assert_eq!(move_store(&old, &new, &[]).json()["rows"]["submissions"], 6);
    assert_eq!(verified(&new)["attachments"], 6);
}
