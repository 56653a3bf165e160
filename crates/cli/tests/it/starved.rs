//! A disk that is full, or that may not be written to: 503, nothing half-stored, and work goes on once there is room.

use std::process::Command;

use serde_json::Value;

use crate::stand::{Facts, Program, program};
use crate::wire::{Application, token};

struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: Value,
}

async fn submit(facts: &Facts, token: &str, (application, key): (&Application, &str)) -> Answer {
    let http = reqwest::Client::new();
    let call = http
        .post(format!("{}/v1/submissions", facts.text("/intakeUrl")))
        .bearer_auth(token);
    let call = call
        .header("idempotency-key", key)
        .header("content-type", "application/json");
    let answer = call.body(application.intake(facts)).send().await.unwrap();
    let header = answer.headers().get("retry-after");
    Answer {
        status: answer.status().as_u16(),
        retry_after: header.map(|value| value.to_str().unwrap().to_owned()),
        body: answer.json().await.unwrap(),
    }
}

/// A disk of its own, if this user may have one; the test says so if not.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn mount(options: &str) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(disk.0.path())
            .stderr(std::process::Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(disk);
        }
        println!("skipped: this user may not mount a tmpfs");
        None
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// With other options from now on.
    pub(crate) fn grow(&self, options: &str) {
        let options = format!("remount,{options}");
        let mut command = Command::new("mount");
        let status = command.args(["-o", &options]).arg(self.path()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the process that used it may still be ending.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_keeps_what_was_accepted() {
    let Some(disk) = SmallDisk::mount("size=12m") else {
        return;
    };
    let dir = disk.0.path().join("sandbox");
    crate::stand::copy(crate::stand::keys(), &dir.join("keys"));
    let text = dir.to_str().unwrap().to_owned();
    let sandbox = Program::start(program(&["sandbox", "--dir", &text])).ready();
    let file = dir.join("sandbox.json");
    let facts = Facts(serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap());
    let token = token(&reqwest::Client::new(), &facts, "sender")
        .await
        .unwrap();
    let application = Application::new("Musterfrau", vec![vec![7; 500_000]]);
    let mut accepted = Vec::new();
    let refused = loop {
        let key = format!("k{}", accepted.len());
        let answer = submit(&facts, &token, (&application, &key)).await;
        match answer.status {
            201 => accepted.push(answer.body["submissionId"].as_str().unwrap().to_owned()),
            _ => break answer,
        }
        assert!(accepted.len() < 100, "the disk does not run full");
    };
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.retry_after.is_some());
    assert!(!accepted.is_empty());
    // On the full disk it starts again, and knows everything it said yes to.
    sandbox.kill();
    let _again = Program::start(program(&["sandbox", "--dir", &text])).ready();
    for id in &accepted {
        let told =
            crate::stand::run(&["--json", "status", id, "--sandbox", file.to_str().unwrap()])
                .json();
        assert_eq!(told["state"], "submitted");
    }
    println!("{} accepted before the disk was full", accepted.len());
}
