//! `amtsbote store move`: from a file and a folder to a server and a bucket, and back, with everything that was open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use amtsbote_testkit::postgres::Server;
use serde_json::Value;

use crate::s3;
use crate::serve::{House, free_port};
use crate::stand::{Ended, Program, program, root, run};

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
