//! Answers from a folder.

#![expect(
    clippy::unwrap_used,
    reason = "tests; clippy spares only the functions marked so"
)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amtsbote_adapter::laws::inbound::Bench;
use amtsbote_adapter::returned::{Habits, Together};
use amtsbote_adapter::{Fault, Inbound, Settled, laws};
use amtsbote_model::{Clock, Timestamp};
use amtsbote_transport_folder::{FolderInbound, InboundSettings};
use bytes::Bytes;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(30);

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }
}

/// So many minutes later.
#[derive(Default)]
struct LaterClock(AtomicU32);

impl Clock for LaterClock {
    fn now(&self) -> Timestamp {
        let minutes = u64::from(self.0.load(Ordering::Relaxed));
        WallClock.now().plus(Duration::from_mins(minutes))
    }
}

struct Answers(TempDir, AtomicU32);

impl Answers {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), AtomicU32::new(0))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn opened(&self, quiet_s: u64) -> FolderInbound {
        self.with(quiet_s, Together::Folder)
    }

    fn by_name(&self) -> FolderInbound {
        self.with(0, Together::Name)
    }

    fn with(&self, quiet_s: u64, together: Together) -> FolderInbound {
        let settings = InboundSettings {
            path: self.path().to_owned(),
            habits: habits(quiet_s, together),
        };
        FolderInbound::open(settings, Arc::new(WallClock)).unwrap()
    }
}

fn habits(quiet_s: u64, together: Together) -> Habits {
    Habits {
        quiet: Duration::from_secs(quiet_s),
        together,
        message_within: Duration::from_hours(1),
    }
}

impl Bench for Answers {
    fn way(&self) -> Box<dyn Inbound> {
        Box::new(self.opened(0))
    }

    fn send(&self, files: &[(&str, Bytes)]) {
        let nr = self.1.fetch_add(1, Ordering::SeqCst);
        let (waiting, shown) = (format!("{nr:04}.tmp"), format!("{nr:04}"));
        let waiting = self.path().join(waiting);
        fs::create_dir(&waiting).unwrap();
        // The laws want the files in the order they were sent in; here, the message comes first and the rest by name.
        for (at, (name, content)) in files.iter().enumerate() {
            fs::write(waiting.join(format!("{at}-{name}")), content).unwrap();
        }
        fs::rename(waiting, self.path().join(shown)).unwrap();
    }

    fn set_aside(&self) -> usize {
        fs::read_dir(self.path().join(".amtsbote-refused")).map_or(0, Iterator::count)
    }
}

amtsbote_adapter::inbound_laws!(Answers::new());

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

#[test]
fn what_is_still_being_written_is_not_taken() {
    let bench = Answers::new();
    for name in [".versteckt", "a.tmp", "B.PART"] {
        fs::write(bench.path().join(name), "x").unwrap();
    }
    fs::create_dir(bench.path().join("leer")).unwrap();
    assert!(run(bench.opened(0).poll(10, LIMIT)).unwrap().is_empty());
    fs::write(bench.path().join("neu.xml"), "<a/>").unwrap();
    assert!(run(bench.opened(3600).poll(10, LIMIT)).unwrap().is_empty());
    assert_eq!(run(bench.opened(0).poll(10, LIMIT)).unwrap().len(), 1);
}

#[test]
fn ids_in_names_are_facts_and_the_message_comes_first() {
    let bench = Answers::new();
    let folder = bench
        .path()
        .join("zu-5B5F7A0E-1111-4111-8111-0123456789AB_Ada");
    fs::create_dir(&folder).unwrap();
    for name in ["bescheid.pdf", "nachricht.xml"] {
        fs::write(folder.join(name), name).unwrap();
    }
    let answers = run(bench.opened(0).poll(10, LIMIT)).unwrap();
    let reference = "5b5f7a0e-1111-4111-8111-0123456789ab".to_owned();
    assert_eq!(answers[0].facts, [("reference", reference)]);
    let files: Vec<_> = answers[0]
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.media_type.as_str()))
        .collect();
    let expected = [
        ("nachricht.xml", "application/xml"),
        ("bescheid.pdf", "application/pdf"),
    ];
    assert_eq!(files, expected);
}

#[test]
fn the_same_name_used_again_is_another_answer() {
    let bench = Answers::new();
    let path = bench.path().join("antwort.xml");
    let mut ids = Vec::new();
    for content in ["<a/>", "<b/>"] {
        fs::write(&path, content).unwrap();
        let way = bench.opened(0);
        let id = run(way.poll(10, LIMIT)).unwrap().remove(0).id;
        run(way.settle(&id, Settled::Kept, LIMIT)).unwrap();
        let kept = bench.path().join(".amtsbote-answered").join(id.as_str());
        assert_eq!(
            fs::read_to_string(kept.join("antwort.xml")).unwrap(),
            content
        );
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_folder_in_an_answer_is_for_a_person() {
    let bench = Answers::new();
    fs::create_dir_all(bench.path().join("a/b")).unwrap();
    fs::write(bench.path().join("a/x.xml"), "<a/>").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", bench.path().join("link")).unwrap();
    let answers = run(bench.opened(0).poll(10, LIMIT)).unwrap();
    assert_eq!(answers.len(), 1);
    let mut faults = 0;
    for file in &answers[0].files {
        faults += usize::from(matches!(
            run(async { file.read().next().await }),
            Err(Fault::Misconfigured { .. })
        ));
    }
    assert_eq!(faults, 1);
}

#[test]
fn a_missing_folder_is_misconfigured() {
    let path = Path::new("/nowhere/at/all").to_owned();
    let settings = InboundSettings {
        path,
        habits: habits(0, Together::Folder),
    };
    let way = FolderInbound::open(settings, Arc::new(WallClock)).unwrap();
    let polled = run(way.poll(10, LIMIT));
    assert!(matches!(polled, Err(Fault::Misconfigured { .. })));
    laws::is_told_in_two_languages(&polled.unwrap_err());
}

#[test]
fn files_of_one_name_are_one_answer_and_go_together() {
    let bench = Answers::new();
    let way = bench.by_name();
    fs::write(bench.path().join("4711.pdf"), "%PDF").unwrap();
    fs::write(bench.path().join("4712.pdf"), "%PDF").unwrap();
    assert!(
        run(way.poll(10, LIMIT)).unwrap().is_empty(),
        "no message yet"
    );
    fs::write(bench.path().join("4711.xml"), "<a/>").unwrap();
    let answers = run(way.poll(10, LIMIT)).unwrap();
    assert_eq!(answers.len(), 1);
    let names: Vec<_> = answers[0]
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(names, ["4711.xml", "4711.pdf"]);
    // What comes meanwhile makes it another answer: nothing is moved away that nobody has read.
    fs::write(bench.path().join("4711.txt"), "x").unwrap();
    run(way.settle(&answers[0].id, Settled::Kept, LIMIT)).unwrap();
    assert!(bench.path().join("4711.txt").exists());
    let answers = run(way.poll(10, LIMIT)).unwrap();
    assert_eq!(answers[0].files.len(), 3);
    run(way.settle(&answers[0].id, Settled::Kept, LIMIT)).unwrap();
    let kept = bench
        .path()
        .join(".amtsbote-answered")
        .join(answers[0].id.as_str());
    assert_eq!(fs::read_dir(kept).unwrap().count(), 3);
    assert!(bench.path().join("4712.pdf").exists());
    assert!(run(way.poll(10, LIMIT)).unwrap().is_empty());
}

#[test]
fn a_document_without_its_message_is_told_after_an_hour_and_taken_when_it_comes() {
    let bench = Answers::new();
    let clock = Arc::new(LaterClock::default());
    let settings = InboundSettings {
        path: bench.path().to_owned(),
        habits: habits(0, Together::Name),
    };
    let way = FolderInbound::open(settings, clock.clone()).unwrap();
    let look = |answers: usize, without: usize| {
        assert_eq!(run(way.poll(10, LIMIT)).unwrap().len(), answers);
        assert_eq!(way.without_message(), without);
    };
    for name in ["4711.pdf", "4711.txt", "4712.pdf"] {
        fs::write(bench.path().join(name), "%PDF").unwrap();
    }
    look(0, 0);
    clock.0.store(59, Ordering::Relaxed);
    look(0, 0);
    clock.0.store(61, Ordering::Relaxed);
    look(0, 2);
    assert_eq!(fs::read_dir(bench.path()).unwrap().count(), 3);
    fs::write(bench.path().join("4711.xml"), "<a/>").unwrap();
    look(1, 1);
    fs::remove_file(bench.path().join("4712.pdf")).unwrap();
    look(1, 0);
}
