//! What is erased leaves no trace in the files.

use std::fs;
use std::path::Path;

use amtsbote_store::laws::Bench;
use amtsbote_store::laws::samples::{announced_one, done, of};
use amtsbote_store::{Change, Content, Ledger};
use amtsbote_store_sql::SqliteStore;

use crate::benches::InFolder;

const MARK: &str = "marked-ciphertext-0123456789";

fn traces(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap();
    let found = |bytes: &[u8]| {
        let windows = bytes.windows(MARK.len());
        windows.filter(|window| *window == MARK.as_bytes()).count()
    };
    files
        .map(|file| found(&fs::read(file.unwrap().path()).unwrap()))
        .sum()
}

#[tokio::test]
async fn erased_content_is_gone_from_database_and_log() {
    let bench = InFolder::<SqliteStore>::new();
    let store = bench.subject();
    announced_one(store).await;
    let subject = of(1);
    let content = Content {
        metadata: MARK.into(),
        data: Some(MARK.repeat(1000)),
    };
    let fill = Change::Fill { subject, content };
    done(store, vec![fill]).await;
    assert!(store.content(subject).await.unwrap().is_some());
    assert!(traces(bench.folder.path()) > 100);

    done(store, vec![Change::Erase { subject }]).await;
    // The log is emptied before the next batch is begun.
    done(store, vec![]).await;
    assert_eq!(traces(bench.folder.path()), 0);
}
