//! A process that is killed at any moment has everything it has ever answered.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use amtsbote_model::submission::State;
use amtsbote_model::{AttachmentId, CaseId, EventId, SubmissionId};
use amtsbote_store::laws::samples::{
    announced, attachment, content, destination, done, event, found, id, moved, open_case,
};
use amtsbote_store::{
    Attachment, BlobId, Blobs, Case, Change, Directory, Event, Ledger, LogOf, Page, Submission,
};
use amtsbote_store_sql::{FolderBlobs, SqliteStore};
use bytes::Bytes;
use uuid::Uuid;

const FOLDER: &str = "AMTSBOTE_KILLED_TEST_FOLDER";
const THIS_TEST: &str = "killed::every_answered_batch_survives_a_kill";
const KILLS: usize = 20;
const SENDERS: usize = 8;

#[tokio::test]
async fn every_answered_batch_survives_a_kill() {
    #[expect(
        clippy::disallowed_methods,
        reason = "tells the process to be killed from the one that kills"
    )]
    let folder = std::env::var_os(FOLDER);
    if let Some(folder) = folder {
        return commit_until_killed(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut answered = Vec::new();
    for round in 0..KILLS {
        let before = answered.len();
        answered.extend(killed_after(folder.path(), 1 + round));
        assert!(answered.len() > before + round);
        let store = SqliteStore::open(folder.path()).unwrap();
        let blobs = FolderBlobs::open(&folder.path().join("blobs")).unwrap();
        for (submission, blob) in &answered {
            assert_whole(&store, &blobs, *submission, blob).await;
        }
        assert_nothing_is_half_there(&store).await;
    }
}

/// Lets a process work until it has answered `lines` times, kills it, and tells all that it had answered.
fn killed_after(folder: &Path, lines: usize) -> Vec<(SubmissionId, BlobId)> {
    let mut child = spawn(folder);
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    for line in output {
        let line = line.unwrap();
        let Some((_, pair)) = line.split_once("answered ") else {
            continue;
        };
        // The last line may be cut off.
        let Some((submission, blob)) = pair.strip_suffix('.').and_then(|pair| pair.split_once(' '))
        else {
            continue;
        };
        answered.push((submission.parse().unwrap(), blob.parse().unwrap()));
        if answered.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    answered
}

fn spawn(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn commit_until_killed(folder: &Path) {
    let store = SqliteStore::open(folder).unwrap();
    let blobs = FolderBlobs::open(&folder.join("blobs")).unwrap();
    if store.destination(id(1)).await.unwrap().is_none() {
        done(&store, vec![found(destination(1))]).await;
    }
    let (store, blobs) = (std::sync::Arc::new(store), std::sync::Arc::new(blobs));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let (store, blobs) = (std::sync::Arc::clone(&store), std::sync::Arc::clone(&blobs));
        senders.spawn(async move {
            loop {
                commit_one(&store, &blobs).await;
            }
        });
    }
    senders.join_all().await;
}

async fn commit_one(store: &SqliteStore, blobs: &FolderBlobs) {
    let mut writer = blobs.begin().await.unwrap();
    writer.write(Bytes::from(vec![5; 10_000])).await.unwrap();
    let blob = writer.keep().await.unwrap().id;
    let uuid = Uuid::new_v4();
    let submission = new_submission(uuid, &blob);
    let submission_id = submission.id;
    let changes = vec![
        Change::OpenCase(Case {
            id: submission.case_id,
            destination_id: submission.destination_id,
            sender: submission.sender.clone(),
            opened_at: submission.created_at,
        }),
        Change::Announce(Box::new(submission)),
        Change::Fill {
            subject: submission_id.into(),
            content: content(),
        },
        Change::Append(Event {
            id: EventId::from_uuid(uuid),
            subject: submission_id.into(),
            case_id: CaseId::from_uuid(uuid),
            ..event(1, 1, 1)
        }),
    ];
    done(store, changes).await;
    let mut output = std::io::stdout().lock();
    writeln!(output, "answered {submission_id} {blob}.").unwrap();
    output.flush().unwrap();
}

fn new_submission(uuid: Uuid, blob: &BlobId) -> Submission {
    let attachment_id = AttachmentId::from_uuid(uuid);
    Submission {
        id: SubmissionId::from_uuid(uuid),
        case_id: CaseId::from_uuid(uuid),
        announced: vec![attachment_id],
        attachments: vec![Attachment {
            id: attachment_id,
            blob: blob.clone(),
            ..attachment(1, 1)
        }],
        state: State::Submitted,
        ..amtsbote_store::laws::samples::submission(1, 1, 1)
    }
}

async fn assert_whole(store: &SqliteStore, blobs: &FolderBlobs, id: SubmissionId, blob: &BlobId) {
    let stored = store.submission(id).await.unwrap();
    assert_eq!(stored, Some(new_submission(id.uuid(), blob)));
    assert_eq!(store.content(id.into()).await.unwrap(), Some(content()));
    let page = Page {
        offset: 0,
        limit: 9,
    };
    let log = store.events(LogOf::Subject(id.into()), page).await.unwrap();
    assert_eq!(log.total, 1);
    let reader = blobs.open(blob).await.unwrap().expect("the blob is there");
    assert_eq!(reader.size_bytes(), 10_000);
}

/// Also what was not answered is there as a whole or not at all.
async fn assert_nothing_is_half_there(store: &SqliteStore) {
    let filter = amtsbote_store::SubmissionFilter::ForPickup(vec![id(1)]);
    let page = Page {
        offset: 0,
        limit: 100_000,
    };
    let listed = store.submissions(&filter, page).await.unwrap();
    for entry in listed.entries {
        assert!(store.content(entry.id.into()).await.unwrap().is_some());
        let log = store.events(LogOf::Case(entry.case_id), page).await;
        assert_eq!(log.unwrap().total, 1);
    }
    // And the store goes on.
    let (case, number) = (7, 7);
    if store.submission(id(number)).await.unwrap().is_none() {
        let changes = vec![open_case(case, 1), announced(number, case, 1)];
        done(store, changes).await;
        done(
            store,
            vec![moved(number, State::Created, State::Deleted, 1)],
        )
        .await;
    }
}
