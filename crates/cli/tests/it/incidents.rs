//! Incidents: what an operator sees and changes beside a running agent.

use std::path::Path;
use std::time::Instant;

use amtsbote_model::delivery::Cause;
use amtsbote_model::{CaseId, DestinationId, SubmissionId, Timestamp};
use amtsbote_store::{AnswerMove, AnswerState, Failing, NewAnswer, WayBack, WaysBack as _};
use amtsbote_store_sql::SqliteDeliveries;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serve::{House, REGION, free_port};
use crate::stand::{Ended, Facts, LOOK, Program, SOON, files_below, root, run};
use crate::wire::Application;
use amtsbote_testkit::postgres::Server;

/// A municipality whose folder is not one, and the process that runs there.
struct Office {
    house: House,
    port: u16,
    serve: Program,
}

impl Office {
    async fn with(agent: &str) -> Self {
        Self::within(House::new(), agent).await
    }

    async fn within(house: House, agent: &str) -> Self {
        let port = free_port();
        house.write_settings(port, "");
        let gateway = Program::start(house.command("gateway")).ready();
        let destination = house.create_destination(port).await;
        assert!(gateway.stop(SOON).success());
        let packages = root().join("deploy/hessen/rheingau-taunus-kreis/packages");
        let settings = house.agent_settings(port, &destination, &packages);
        let settings = settings.replacen("[agent]\n", &format!("[agent]\n{agent}\n"), 1);
        house.write_settings(port, &settings);
        let mut serve = house.command("serve");
        serve.args(["--log", "info"]);
        let serve = Program::start(serve).ready();
        let office = Self { house, port, serve };
        // Past the last thing an agent does before it works.
        office.says("agent for own");
        let eingang = office.house.dir().join("eingang");
        std::fs::remove_dir_all(&eingang).unwrap();
        std::fs::write(&eingang, "not a folder").unwrap();
        office
    }

    fn mend(&self) {
        let eingang = self.house.dir().join("eingang");
        std::fs::remove_file(&eingang).unwrap();
        std::fs::create_dir(eingang).unwrap();
    }

    fn portal(&self, args: &[&str]) -> Ended {
        let url = format!("http://127.0.0.1:{}", self.port);
        let secret = self.house.dir().join("clients/portal.secret");
        let access = ["--url", &url, "--client-id", "portal"];
        let secret = ["--client-secret-file", secret.to_str().unwrap()];
        run(&[&["--json"], args, &access[..], &secret[..]].concat())
    }

    fn submit(&self, name: &str) -> String {
        let application = Application::new(name, vec![b"%PDF plan".to_vec()]);
        let request = self.house.dir().join("antrag.json");
        let facts = Facts(json!({ "region": REGION, "x": null }));
        std::fs::write(&request, application.intake(&facts)).unwrap();
        let sent = self.portal(&["submit", request.to_str().unwrap()]).json();
        sent["submissionId"].as_str().unwrap().to_owned()
    }

    fn incident(&self, args: &[&str]) -> Ended {
        let settings = self.house.settings();
        let settings = ["--settings", settings.to_str().unwrap()];
        run(&[&["--json", "incident"], args, &settings[..]].concat())
    }

    /// Waits until the list of incidents is as wanted.
    #[track_caller]
    fn listed(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let end = Instant::now() + SOON;
        loop {
            let list = self.incident(&["list"]).json();
            let found = list["incidents"].as_array().unwrap();
            if wanted(found) {
                return found.clone();
            }
            assert!(Instant::now() < end, "{list:#}\n{}", self.serve.talk());
            std::thread::sleep(LOOK);
        }
    }

    #[track_caller]
    fn accepted(&self, id: &str) {
        self.becomes("accepted", id);
    }

    #[track_caller]
    fn becomes(&self, state: &str, id: &str) -> Value {
        let end = Instant::now() + SOON;
        loop {
            let status = self.portal(&["status", id]).json();
            if status["state"] == state {
                return status;
            }
            assert!(Instant::now() < end, "{status:#}\n{}", self.serve.talk());
            std::thread::sleep(LOOK);
        }
    }

    fn delivered(&self, id: &str) -> bool {
        let brought = files_below(&self.house.dir().join("eingang").join(id));
        !brought.is_empty()
    }

    #[track_caller]
    fn says(&self, line: &str) -> usize {
        let end = Instant::now() + SOON;
        loop {
            let count = self.serve.talk().matches(line).count();
            if count > 0 {
                return count;
            }
            assert!(Instant::now() < end, "{line:?}: {}", self.serve.talk());
            std::thread::sleep(LOOK);
        }
    }
}

fn outcomes(ended: &Value) -> Vec<String> {
    let rows = ended["rows"].as_array().unwrap().iter();
    rows.map(|row| row["outcome"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_one_incident_and_after_the_release_everything_is_delivered_once() {
    released_and_delivered_once(&Office::with(HASTY).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_beside_a_gateway_on_postgresql() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (house, _) = House::on(server);
    released_and_delivered_once(&Office::within(house, HASTY).await);
}

const HASTY: &str = "tries_max = 1\npoll = \"200ms\"";

fn released_and_delivered_once(office: &Office) {
    let ids: Vec<String> = ["Eins", "Zwei", "Drei"]
        .iter()
        .map(|name| office.submit(name))
        .collect();
    let found = office.listed(|found| found.len() == 1 && found[0]["parked"] == 3);
    let incident = &found[0];
    assert_eq!(incident["count"], 3);
    assert_eq!(incident["cause"], "procedure-misconfigured");
    assert_eq!(incident["serious"], true);
    assert_eq!(incident["oldest"]["submissionId"], ids[0].as_str());
    for language in ["de", "en"] {
        let step = incident["nextStep"][language].as_str().unwrap();
        assert!(step.contains("incident release"), "{step}");
    }
    let number = incident["number"].as_str().unwrap();
    // One alert for all three.
    let alert = format!("incident {number}: ");
    office.says(&alert);

    let shown = office.incident(&["show", number, "--limit", "2"]).json();
    let rows = shown["submissions"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["state"], "parked");
    let rest = office.incident(&["show", number, "--offset", "2"]).json();
    assert_eq!(rest["submissions"].as_array().unwrap().len(), 1);

    // Looked at, and not yet meant.
    let planned = office.incident(&["release", number, "--dry-run"]).json();
    assert_eq!(outcomes(&planned), ["planned"; 3]);
    assert_eq!(planned["dryRun"], true);
    let refused = office.incident(&["release", number]);
    assert_eq!(refused.code(), Some(3), "{}", refused.stderr());
    assert!(refused.stderr().contains("--yes"), "{}", refused.stderr());
    office.listed(|found| found.len() == 1 && found[0]["parked"] == 3);
    assert_eq!(office.incident(&["audit"]).json()["changes"], json!([]));

    office.mend();
    let args = ["release", number, "--yes", "--reason", "share mended"];
    let changed = office.incident(&args).json();
    assert_eq!(outcomes(&changed), ["changed"; 3]);
    for id in &ids {
        office.accepted(id);
        assert!(office.delivered(id));
    }
    office.listed(<[Value]>::is_empty);
    office.says(&format!("incident {number} is over"));
    assert_eq!(office.says(&alert), 1);
    let names = std::fs::read_dir(office.house.dir().join("eingang")).unwrap();
    let visible = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        !name.to_string_lossy().starts_with('.')
    });
    assert_eq!(visible.count(), 3);

    let audit = office.incident(&["audit"]).json();
    let changes = audit["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 3);
    for change in changes {
        assert_eq!(change["command"], "incident release");
        assert_eq!(change["reason"], "share mended");
        assert!(change["before"].as_str().unwrap().starts_with("parked"));
        assert!(change["after"].as_str().unwrap().starts_with("waiting"));
        assert!(!change["who"].as_str().unwrap().is_empty());
    }
    let shown = office.incident(&["show", &ids[0]]).json();
    assert_eq!(shown["rows"][0]["state"], "done");
    assert_eq!(shown["changes"].as_array().unwrap().len(), 1);

    // What is accepted cannot be fetched any more, and it says so.
    for step in ["fetch", "translate", "hand-over", "acknowledge"] {
        let again = office.incident(&["replay", "--from", step, "--submission", &ids[0], "--yes"]);
        assert_eq!(again.code(), Some(1));
        let said: Value = serde_json::from_str(&again.stdout()).unwrap();
        assert_eq!(outcomes(&said), ["not-possible"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_mend_is_rejected_with_the_words_of_a_person() {
    const WORDS: &str = "Diese Anlage nehmen wir nur im Amt entgegen: Zimmer 12, mittwochs.";
    let office = Office::with(HASTY).await;
    let (bad, good) = (office.submit("Eins"), office.submit("Zwei"));
    office.listed(|found| found.len() == 1 && found[0]["parked"] == 2);
    let reject = |more: &[&str]| {
        let base = ["reject", "--submission", &bad, "--to-sender"];
        office.incident(&[&base[..], more].concat())
    };
    reject(&["\n"]).failed(&["--to-sender", "1 to 500"]);
    // Final, so never without a word.
    let refused = reject(&[WORDS]);
    assert_eq!(refused.code(), Some(3));
    assert!(refused.stderr().contains("final"), "{}", refused.stderr());
    assert_eq!(outcomes(&reject(&[WORDS, "--dry-run"]).json()), ["planned"]);
    let changed = reject(&[WORDS, "--yes", "--reason", "office only"]).json();
    assert_eq!(outcomes(&changed), ["changed"]);

    let status = office.becomes("rejected", &bad);
    assert!(status.to_string().contains(WORDS), "{status:#}");
    office.mend();
    office.incident(&["release", "--submission", &good]).ok();
    office.accepted(&good);
    assert!(office.delivered(&good) && !office.delivered(&bad));
    let audit = office.incident(&["audit", "--submission", &bad]).json();
    assert_eq!(audit["changes"][0]["command"], "incident reject");
    let again: Value = serde_json::from_str(&reject(&[WORDS, "--yes"]).stdout()).unwrap();
    assert_eq!(outcomes(&again), ["not-possible"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_parks_stays_until_it_is_released_also_over_a_restart() {
    let mut office = Office::with("poll = \"200ms\"").await;
    let (kept, other) = (office.submit("Eins"), office.submit("Zwei"));
    office.listed(|found| found.len() == 1 && found[0]["count"] == 2);
    // It may be in the agent's hands just now.
    let end = Instant::now() + SOON;
    while office.incident(&["park", "--submission", &kept]).code() != Some(0) {
        assert!(Instant::now() < end, "{}", office.serve.talk());
        std::thread::sleep(LOOK);
    }
    let found = office.listed(|found| found.len() == 2);
    let by_hand = found.iter().find(|one| one["cause"] == "operator").unwrap();
    assert_eq!(
        (&by_hand["count"], &by_hand["parked"]),
        (&json!(1), &json!(1))
    );

    office.mend();
    // Released at a start is what other settings may mend, not what a person stopped.
    assert!(office.serve.stop(SOON).success());
    office.serve = Program::start(office.house.command("serve")).ready();
    let retried = office.incident(&["retry", "--submission", &other]);
    assert!(
        matches!(retried.code(), Some(0 | 1)),
        "{}",
        retried.stderr()
    );
    office.accepted(&other);
    assert!(!office.delivered(&kept));
    let shown = office.incident(&["show", &kept]).json();
    assert_eq!(shown["rows"][0]["state"], "parked");

    // Translated with a version that is named; it must be there.
    let replay = |package: &str, more: &str| {
        let args = ["replay", "--from", "translate", "--package", package, more];
        office.incident(&[&args[..], &["--submission", &kept]].concat())
    };
    replay("bauantrag-ordner@9.9.9", "--dry-run").failed(&["no package"]);
    replay("../bauantrag-ordner@1.0.0", "--dry-run").failed(&["no package"]);
    let planned = replay("bauantrag-ordner@1.0.0", "--dry-run").json();
    assert_eq!(outcomes(&planned), ["planned"]);
    let after = planned["rows"][0]["after"].as_str().unwrap();
    assert!(after.contains("bauantrag-ordner@1.0.0"), "{after}");
    replay("bauantrag-ordner@1.0.0", "--yes").ok();
    let audit = office.incident(&["audit", "--limit", "1"]).json();
    let command = audit["changes"][0]["command"].as_str().unwrap();
    assert!(
        command.ends_with("with bauantrag-ordner@1.0.0"),
        "{command}"
    );
    office.accepted(&kept);
    assert!(office.delivered(&kept));
    office.listed(<[Value]>::is_empty);
}

fn incident_in(dir: &Path, args: &[&str]) -> Ended {
    let state = ["--agent-dir", dir.to_str().unwrap()];
    run(&[&["--json", "incident"], args, &state[..]].concat())
}

#[tokio::test]
async fn a_reply_that_is_refused_for_ever_can_be_parked_and_released() {
    let folder = tempfile::tempdir().unwrap();
    let submission: SubmissionId = SubmissionId::from_uuid(Uuid::from_u128(1));
    let at = Timestamp::from_seconds(1_790_000_000);
    let store = SqliteDeliveries::open(folder.path()).unwrap();
    let way = WayBack {
        submission_id: submission,
        case_id: CaseId::from_uuid(Uuid::from_u128(2)),
        destination_id: DestinationId::from_uuid(Uuid::from_u128(3)),
        package: "hund@1.0.0".into(),
        channel: Some("{}".into()),
        at,
    };
    store.note_way(way, vec![]).await.unwrap();
    let answer = NewAnswer {
        key: "k".repeat(64),
        submission_id: submission,
        what: "status 05".into(),
        sealed: Some("{}".into()),
        at,
    };
    store.keep_answer(answer).await.unwrap();
    let failing = Failing {
        cause: Cause::ServiceRefused,
        since: at,
    };
    let failed = AnswerMove {
        state: AnswerState::Sealed,
        tries: 50,
        failing: Some(failing),
        at,
    };
    store.move_answer("k".repeat(64), 1, failed).await.unwrap();

    let list = incident_in(folder.path(), &["list"]).json();
    let incident = &list["incidents"][0];
    assert_eq!(
        (&incident["kind"], &incident["cause"]),
        (&json!("reply"), &json!("service-refused"))
    );
    assert_eq!(incident["deadline"], Value::Null);
    let number = incident["number"].as_str().unwrap();
    let refused = incident_in(folder.path(), &["replay", number, "--from", "fetch"]);
    assert_eq!(refused.code(), Some(1));
    incident_in(folder.path(), &["park", number]).ok();
    let due = store.due_answers(Timestamp::from_millis(i64::MAX), 9).await;
    assert_eq!(due.unwrap(), []);
    let list = incident_in(folder.path(), &["list"]).json();
    let parked = &list["incidents"][0];
    assert_eq!(
        (&parked["cause"], &parked["parked"]),
        (&json!("operator"), &json!(1))
    );
    incident_in(folder.path(), &["release", "--cause", "operator"]).ok();
    let due = store.due_answers(Timestamp::from_millis(i64::MAX), 9).await;
    assert_eq!(due.unwrap().len(), 1);
    let audit = incident_in(folder.path(), &["audit"]).json();
    assert_eq!(audit["changes"].as_array().unwrap().len(), 2);
    assert_eq!(audit["changes"][0]["reply"], "k".repeat(64));
}

#[test]
fn what_cannot_be_meant_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    incident_in(folder.path(), &["list"]).failed(&["there is no database", "data_dir"]);
    drop(SqliteDeliveries::open(folder.path()).unwrap_or_else(|error| panic!("{error}")));
    let list = incident_in(folder.path(), &["list"]).json();
    assert_eq!(list["incidents"], json!([]));
    incident_in(folder.path(), &["retry"]).failed(&["which?", "--submission"]);
    incident_in(folder.path(), &["retry", "i-3f9a2c41"]).failed(&["nothing is stuck"]);
    incident_in(folder.path(), &["show", "i-3f9a2c41"]).failed(&["no incident"]);
    incident_in(folder.path(), &["show", "seven"]).failed(&["neither"]);
    let unknown = Uuid::from_u128(7).to_string();
    incident_in(folder.path(), &["show", &unknown]).failed(&["amtsbote status"]);
    let wrong = [
        "replay",
        "--from",
        "hand-over",
        "--newest",
        "--cause",
        "silence",
    ];
    incident_in(folder.path(), &wrong).failed(&["--newest goes with --from translate"]);
}
