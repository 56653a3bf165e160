//! Answers from a folder on a real OpenSSH server.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use amtsbote_adapter::laws::inbound::Bench;
use amtsbote_adapter::laws::run;
use amtsbote_adapter::returned::{Habits, Together};
use amtsbote_adapter::{Fault, Inbound, Return, Settled};
use amtsbote_model::{Clock, Timestamp};
use amtsbote_transport_sftp::SftpInbound;
use bytes::Bytes;

use super::server::{Cut, Server};

const LIMIT: Duration = Duration::from_mins(1);

/// A clock that a test turns, in milliseconds.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }
}

struct Answers {
    server: Server,
    sent: AtomicU32,
    clock: Arc<Hand>,
}

impl Answers {
    fn start() -> Option<Self> {
        Some(Self {
            server: Server::start()?,
            sent: AtomicU32::new(0),
            clock: Arc::default(),
        })
    }

    fn path(&self) -> PathBuf {
        self.server.path()
    }

    fn opened(&self, quiet_s: u64) -> SftpInbound {
        self.together(quiet_s, Together::Folder)
    }

    fn together(&self, quiet_s: u64, together: Together) -> SftpInbound {
        let Server { port, user, .. } = &self.server;
        let (key, path) = (
            self.server.public_key("host_key"),
            self.path().display().to_string(),
        );
        // Files of this machine are below the base.
        let settings = format!(
            "host = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\nhost_keys = [\"{key}\"]\npath = \"{path}\"\nkey_file = \"client_key\"\nkey_passphrase_file = \"passphrase\""
        );
        let base = self.server.dir.path();
        let quiet = Duration::from_secs(quiet_s);
        let settings = toml::from_str(&settings).unwrap();
        let habits = Habits {
            quiet,
            together,
            message_within: Duration::from_hours(1),
        };
        SftpInbound::open(settings, base, habits, self.clock.clone()).unwrap()
    }
}

impl Bench for Answers {
    fn way(&self) -> Box<dyn Inbound> {
        Box::new(self.opened(0))
    }

    fn send(&self, files: &[(&str, Bytes)]) {
        let nr = self.sent.fetch_add(1, Ordering::SeqCst);
        let waiting = self.path().join(format!("{nr:04}.tmp"));
        fs::create_dir(&waiting).unwrap();
        for (at, (name, content)) in files.iter().enumerate() {
            fs::write(waiting.join(format!("{at}-{name}")), content).unwrap();
        }
        fs::rename(waiting, self.path().join(format!("{nr:04}"))).unwrap();
    }

    /// Whoever dies before the rename leaves an empty folder.
    fn set_aside(&self) -> usize {
        let shelf = self.path().join(".amtsbote-refused");
        let places = fs::read_dir(shelf).into_iter().flatten();
        let has_something = |place: &std::path::PathBuf| {
            let mut entries = fs::read_dir(place).unwrap();
            entries.next().is_some()
        };
        places
            .map(|place| place.unwrap().path())
            .filter(has_something)
            .count()
    }

    /// Each try is some four connections.
    fn stride(&self) -> u32 {
        7
    }
}

/// A server, or the end of the test.
macro_rules! start {
    () => {
        match Answers::start() {
            Some(answers) => answers,
            None => return,
        }
    };
}

amtsbote_adapter::inbound_laws!(start!());

async fn polled(way: &SftpInbound) -> Vec<Return> {
    way.poll(10, LIMIT).await.unwrap()
}

#[test]
fn an_answer_counts_when_nothing_of_it_changed_for_a_while() {
    let bench = start!();
    let way = bench.opened(10);
    let file = bench.path().join("antwort/bescheid.pdf");
    fs::create_dir(file.parent().unwrap()).unwrap();
    let mut counts = Vec::new();
    run(async {
        for (seconds, content) in [(0, "%PDF"), (9, "%PDF-1"), (18, "%PDF-1"), (19, "%PDF-1")] {
            bench.clock.0.store(seconds * 1000, Ordering::SeqCst);
            fs::write(&file, content).unwrap();
            let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            fs::File::open(&file).unwrap().set_modified(at).unwrap();
            counts.push(polled(&way).await.len());
        }
    });
    assert_eq!(counts, [0, 0, 0, 1]);
}

#[test]
fn what_is_still_being_written_is_not_taken_and_what_no_answer_may_hold_is_for_a_person() {
    let bench = start!();
    for name in [".versteckt", "a.tmp", "B.PART"] {
        fs::write(bench.path().join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", bench.path().join("link")).unwrap();
    fs::create_dir(bench.path().join("leer")).unwrap();
    let way = bench.opened(0);
    run(async { assert!(polled(&way).await.is_empty()) });
    fs::create_dir_all(bench.path().join("antwort/innen")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", bench.path().join("antwort/link.xml")).unwrap();
    run(async {
        let answers = polled(&way).await;
        let [answer] = &answers[..] else {
            panic!("one answer was expected")
        };
        for file in &answer.files {
            let read = file.read().next().await;
            assert!(matches!(read, Err(Fault::Misconfigured { .. })), "{read:?}");
        }
        assert_eq!(answer.files.len(), 2);
    });
}

#[test]
fn ids_in_names_are_facts_and_the_message_comes_first() {
    let bench = start!();
    let folder = bench
        .path()
        .join("zu-5B5F7A0E-1111-4111-8111-0123456789AB_Ada");
    fs::create_dir(&folder).unwrap();
    for name in ["bescheid.pdf", "nachricht.xml"] {
        fs::write(folder.join(name), name).unwrap();
    }
    run(async {
        let answer = polled(&bench.opened(0)).await.remove(0);
        let reference = "5b5f7a0e-1111-4111-8111-0123456789ab".to_owned();
        assert_eq!(answer.facts, [("reference", reference)]);
        assert_eq!(answer.files[0].path.as_str(), "nachricht.xml");
        assert!(!answer.id.as_str().contains("Ada"));
    });
}

#[test]
fn wherever_the_connection_is_cut_an_answer_is_kept_once_and_never_lost() {
    let bench = start!();
    let mut cuts = 0;
    for at in (0..).step_by(4) {
        let before = cuts;
        for cut in [Cut::Before(at), Cut::After(at)] {
            let name = format!("{at:04}-{cut:?}.xml");
            fs::write(bench.path().join(&name), &name).unwrap();
            run(async {
                let way = bench.opened(0);
                let id = polled(&way).await.remove(0).id;
                let way = bench.opened(0);
                bench.server.cut(cut);
                let first = way.settle(&id, Settled::Kept, LIMIT).await;
                cuts += usize::from(bench.server.was_cut());
                bench.server.cut(Cut::Never);
                assert!(
                    matches!(first, Ok(()) | Err(Fault::Unavailable { .. })),
                    "{cut:?}: {first:?}"
                );
                way.settle(&id, Settled::Kept, LIMIT).await.unwrap();
                assert!(polled(&way).await.is_empty(), "{cut:?}");
            });
            let places = fs::read_dir(bench.path().join(".amtsbote-answered")).unwrap();
            let kept = places.filter(|place| place.as_ref().unwrap().path().join(&name).exists());
            assert_eq!(kept.count(), 1, "{cut:?}");
        }
        if cuts == before {
            assert!(cuts > 5, "{cuts}");
            return;
        }
    }
}

#[test]
fn a_connection_that_broke_between_two_looks_is_made_anew() {
    let bench = start!();
    let way = bench.opened(0);
    run(async {
        assert!(polled(&way).await.is_empty());
        let before = bench.server.connections();
        assert!(polled(&way).await.is_empty());
        assert_eq!(bench.server.connections(), before);
    });
    // Another runtime: what carried the connection is gone.
    run(async {
        bench.send(&[("a.xml", Bytes::from_static(b"<a/>"))]);
        assert_eq!(polled(&way).await.len(), 1);
    });
}

#[test]
fn a_missing_folder_is_misconfigured() {
    let bench = start!();
    fs::remove_dir(bench.path()).unwrap();
    run(async {
        let polled = bench.opened(0).poll(10, LIMIT).await;
        assert!(
            matches!(polled, Err(Fault::Misconfigured { .. })),
            "{polled:?}"
        );
        let probed = bench.opened(0).probe(LIMIT).await;
        assert!(
            matches!(probed, Err(Fault::Misconfigured { .. })),
            "{probed:?}"
        );
    });
}

#[test]
fn files_of_one_name_are_one_answer_and_go_together() {
    let bench = start!();
    let way = bench.together(0, Together::Name);
    for name in ["4711.pdf", "4712.pdf"] {
        fs::write(bench.path().join(name), "%PDF").unwrap();
    }
    run(async {
        assert!(polled(&way).await.is_empty(), "no message yet");
        fs::write(bench.path().join("4711.xml"), "<a/>").unwrap();
        let answers = polled(&way).await;
        assert_eq!(answers.len(), 1);
        let files = answers[0].files.iter();
        let names: Vec<_> = files.map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["4711.xml", "4711.pdf"]);
        // What comes meanwhile makes it another answer: nothing is moved away that nobody has read.
        fs::write(bench.path().join("4711.txt"), "x").unwrap();
        way.settle(&answers[0].id, Settled::Kept, LIMIT)
            .await
            .unwrap();
        assert!(bench.path().join("4711.txt").exists());
        let answers = polled(&way).await;
        assert_eq!(answers[0].files.len(), 3);
        way.settle(&answers[0].id, Settled::Kept, LIMIT)
            .await
            .unwrap();
        assert!(polled(&way).await.is_empty());
    });
    let shelf = bench.path().join(".amtsbote-answered");
    let place = fs::read_dir(shelf).unwrap().next().unwrap().unwrap();
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
    assert!(bench.path().join("4712.pdf").exists());
}

#[test]
fn a_document_without_its_message_is_told_after_an_hour_and_taken_when_it_comes() {
    let bench = start!();
    let way = bench.together(0, Together::Name);
    for name in ["4711.pdf", "4711.txt", "4712.pdf"] {
        fs::write(bench.path().join(name), "%PDF").unwrap();
    }
    let look = async |answers: usize, without: usize| {
        assert_eq!(polled(&way).await.len(), answers);
        assert_eq!(way.without_message(), without);
    };
    run(async {
        look(0, 0).await;
        bench.clock.0.store(59 * 60_000, Ordering::SeqCst);
        look(0, 0).await;
        bench.clock.0.store(60 * 60_000, Ordering::SeqCst);
        look(0, 2).await;
        fs::write(bench.path().join("4711.xml"), "<a/>").unwrap();
        look(1, 1).await;
        fs::remove_file(bench.path().join("4712.pdf")).unwrap();
        look(1, 0).await;
    });
    assert!(bench.path().join("4711.txt").exists());
}
