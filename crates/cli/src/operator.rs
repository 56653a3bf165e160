//! Who runs a command, by the operating system.

use std::fs;

/// The account's name; with `sudo`, also whose it was before.
pub(crate) fn name() -> String {
    let account = account(rustix::process::getuid().as_raw());
    #[expect(
        clippy::disallowed_methods,
        reason = "cli is the place that reads the environment"
    )]
    let before = std::env::var("SUDO_USER").ok();
    match before.filter(|before| is_name(before) && *before != account) {
        Some(before) => format!("{account} (sudo: {before})"),
        None => account,
    }
}

fn account(uid: u32) -> String {
    // Accounts of directories are not listed there; their number says as much.
    let listed = fs::read_to_string("/etc/passwd").unwrap_or_default();
    account_in(&listed, uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn account_in(passwd: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let line = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid))?;
    let name = line.split(':').next()?;
    is_name(name).then(|| name.to_owned())
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@$+".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\namtsbote:x:990:990::/var/lib/amtsbote:/bin/false\nodd name:x:7:7::/:\n";
        assert_eq!(account_in(passwd, 990).as_deref(), Some("amtsbote"));
        assert_eq!(account_in(passwd, 7), None);
        assert_eq!(account_in(passwd, 1), None);
        assert!(!name().is_empty());
    }
}
