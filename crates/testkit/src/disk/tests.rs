//! What the disk keeps and loses, by itself and mounted.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::{Disk, Platter, Promise};

/// Small, good enough, and the same on every machine (Marsaglia's xorshift).
fn dice(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |sides| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % sides
    }
}

/// Mounts a disk, lets something be done on it, cuts the power. Nothing where mounting is not possible.
fn cut_after(platter: Platter, work: impl FnOnce(&Path, &Disk)) -> Option<Platter> {
    let place = tempfile::tempdir().unwrap();
    let disk = match Disk::mount(place.path(), platter) {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("NOT RUN: no disk to cut the power of: {reason}");
            return None;
        }
    };
    work(place.path(), &disk);
    Some(disk.power_off().unwrap())
}

/// What each of many power cuts leaves.
fn outcomes(platter: &Platter) -> Vec<std::collections::BTreeMap<String, Vec<u8>>> {
    let left = (1..200).map(|seed| platter.after_power_cut(&mut dice(seed * 7919)).files());
    let mut left: Vec<_> = left.collect();
    left.sort();
    left.dedup();
    left
}

fn write_synced(path: &Path, content: &[u8]) {
    let mut file = File::create(path).unwrap();
    file.write_all(content).unwrap();
    file.sync_all().unwrap();
}

fn sync_folder(path: &Path) {
    File::open(path).unwrap().sync_all().unwrap();
}

#[test]
fn what_is_synced_is_there_whatever_the_dice_say() {
    let left = cut_after(Platter::default(), |at, _| {
        fs::create_dir(at.join("a")).unwrap();
        write_synced(&at.join("a/new"), b"content");
        fs::rename(at.join("a/new"), at.join("a/kept")).unwrap();
        sync_folder(&at.join("a"));
        sync_folder(at);
    });
    let Some(left) = left else { return };
    let outcomes = outcomes(&left);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    assert_eq!(outcomes[0]["/a/kept"], b"content");
}

#[test]
fn content_without_fsync_may_be_lost_or_torn_though_its_name_is_kept() {
    let left = cut_after(Platter::default(), |at, _| {
        let mut file = File::create(at.join("file")).unwrap();
        file.write_all(&[1; 2048]).unwrap();
        sync_folder(at);
    });
    let Some(left) = left else { return };
    let outcomes = outcomes(&left);
    let contents: Vec<_> = outcomes.iter().map(|files| &files["/file"][..]).collect();
    assert!(contents.contains(&&b""[..]));
    assert!(contents.contains(&&[1; 2048][..]));
    let is_torn = |content: &&[u8]| content.contains(&0) && content.contains(&1);
    assert!(contents.iter().any(is_torn));
}

#[test]
fn a_name_without_fsync_of_its_folder_may_be_lost_though_the_content_is_synced() {
    let left = cut_after(Platter::default(), |at, _| {
        write_synced(&at.join("old"), b"content");
        sync_folder(at);
        fs::rename(at.join("old"), at.join("new")).unwrap();
        write_synced(&at.join("other"), b"other");
    });
    let Some(left) = left else { return };
    let outcomes = outcomes(&left);
    let names = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        let names: Vec<_> = files.keys().cloned().collect();
        names.join(" ")
    };
    let names: Vec<_> = outcomes.iter().map(names).collect();
    assert_eq!(names, ["/new", "/new /other", "/old", "/old /other"]);
}

#[test]
fn a_move_is_made_durable_by_either_folder() {
    for synced in ["a", "b"] {
        let left = cut_after(Platter::default(), |at, _| {
            for folder in ["a", "b"] {
                fs::create_dir(at.join(folder)).unwrap();
            }
            sync_folder(at);
            write_synced(&at.join("a/file"), b"content");
            fs::rename(at.join("a/file"), at.join("b/file")).unwrap();
            sync_folder(&at.join(synced));
        });
        let Some(left) = left else { return };
        let outcomes = outcomes(&left);
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        assert_eq!(outcomes[0]["/b/file"], b"content");
    }
}

#[test]
fn a_disk_that_breaks_its_promise_loses_what_was_synced() {
    for promise in [Promise::NotForFiles, Promise::NotForFolders] {
        let left = cut_after(Platter::new(promise), |at, _| {
            write_synced(&at.join("file"), b"content");
            sync_folder(at);
        });
        let Some(left) = left else { return };
        assert!(outcomes(&left).len() > 1, "{promise:?}");
    }
}

#[test]
fn a_failed_fsync_is_told_once_and_what_it_should_have_kept_is_lost() {
    let left = cut_after(Platter::default(), |at, disk| {
        let mut file = File::create(at.join("x.db")).unwrap();
        sync_folder(at);
        file.write_all(b"content").unwrap();
        disk.with(|platter| platter.fail_syncs(".db", 1));
        let error = file.sync_all().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        file.sync_all().unwrap();
        assert_eq!(fs::read(at.join("x.db")).unwrap(), b"content");
    });
    let Some(left) = left else { return };
    assert!(
        outcomes(&left)
            .iter()
            .all(|files| files["/x.db"].is_empty())
    );
}

#[test]
fn a_full_disk_says_so_until_there_is_room() {
    let left = cut_after(Platter::default(), |at, disk| {
        let mut file = File::create(at.join("file")).unwrap();
        disk.with(|platter| platter.set_room(Some(1000)));
        let error = file.write_all(&[1; 5000]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        disk.with(|platter| platter.set_room(None));
        file.write_all(&[1; 5000]).unwrap();
    });
    drop(left);
}

#[test]
fn it_behaves_like_a_file_system() {
    let mut kept = None;
    let left = cut_after(Platter::default(), |at, _| {
        fs::create_dir_all(at.join("deep/er")).unwrap();
        fs::write(at.join("deep/er/one"), vec![7; 3_000_000]).unwrap();
        assert_eq!(
            fs::read(at.join("deep/er/one")).unwrap(),
            vec![7; 3_000_000]
        );
        fs::remove_dir(at.join("deep")).unwrap_err();
        fs::hard_link(at.join("deep/er/one"), at.join("two")).unwrap();
        fs::remove_dir_all(at.join("deep")).unwrap();
        assert_eq!(fs::metadata(at.join("two")).unwrap().len(), 3_000_000);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(at.join("two"))
            .unwrap();
        file.set_len(10).unwrap();
        file.seek(SeekFrom::Start(12)).unwrap();
        file.write_all(b"end").unwrap();
        fs::remove_file(at.join("two")).unwrap();
        let mut content = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut content).unwrap();
        kept = Some(content);
        for number in 0..2_000 {
            fs::write(at.join(format!("a-rather-long-name-{number}")), "x").unwrap();
        }
        assert_eq!(fs::read_dir(at).unwrap().count(), 2_000);
    });
    if left.is_some() {
        assert_eq!(
            kept.unwrap(),
            b"\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\0\0end"
        );
    }
}

#[test]
fn the_power_goes_instead_of_the_call_it_was_told() {
    let place = tempfile::tempdir().unwrap();
    let Ok(disk) = Disk::mount(place.path(), Platter::default()) else {
        return;
    };
    // Made, written, and the third call is the sync.
    disk.power_off_after(2);
    let path = place.path().join("file");
    let writing = std::thread::spawn(move || {
        let mut file = File::create(path).unwrap();
        file.write_all(b"content").unwrap();
        file.sync_all().unwrap_err();
    });
    while !disk.is_off() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let left = disk.power_off().unwrap();
    assert_eq!(left.files()["/file"], b"content");
    drop(disk);
    writing.join().unwrap();
}
