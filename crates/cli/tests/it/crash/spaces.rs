//! Network namespaces: each process has a machine's network of its own, and packets are dropped silently where they arrive, one way or both.
//!
//! ```text
//!  hall 127.77.0.2 … .5 ─┐                       the test itself: senders, balancer, PostgreSQL, S3, procedure
//!  0: 127.77.1.2 ────────┤ switch                where they arrive: ip rule from … to … blackhole
//!  1: 127.77.2.2 ────────┘
//! ```
//!
//! A line can be bad, too ([`Line`]): packets late, lost and in another order as by `netem`, or, where the kernel has none, late and lost in a queue that is too short.
//!
//! Addresses of loopback, since those may be called without TLS; inside a namespace they are as good as any. Needs root. The test runs itself anew in the hall.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::told;

/// Who is in the hall, by the last number of the address.
pub(crate) const BALANCER: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 2);
pub(crate) const DATABASE: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 3);
pub(crate) const BUCKET: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 4);
pub(crate) const PROCEDURE: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 5);

const PREFIX: &str = "amtsbote-";
/// How often this process has made some.
static MADE: AtomicUsize = AtomicUsize::new(0);
/// Rules that drop packets come before the one that takes what is for us.
const BEFORE: u32 = 50;
const AFTER: u32 = 100;

/// The namespaces, seen from the hall.
#[derive(Debug, Clone)]
pub(crate) struct Spaces {
    prefix: String,
}

/// Removes them in the end.
pub(crate) struct Made {
    spaces: Spaces,
    nodes: usize,
}

/// What a bad line does to the packets that leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// 20 to 60 ms late, one in fifty lost, one in ten before others.
    Rough,
    /// Two megabits a second with a queue of 16 KB: up to 65 ms late, and lost when it is full. Their order stays.
    Narrow,
}

impl Line {
    fn discipline(self) -> &'static str {
        match self {
            Self::Rough => "netem delay 40ms 20ms loss 2% reorder 10% 50%",
            Self::Narrow => "tbf rate 2mbit burst 8kb limit 16kb",
        }
    }
}

/// Runs this test anew where network namespaces with so many nodes can be made. Whether that is done; if not, it goes on here, and why was said.
pub(crate) fn in_hall(test: &str, nodes: usize) -> bool {
    if Spaces::around().is_some() {
        return false;
    }
    match Made::new(nodes) {
        Ok(made) => {
            let status = made.in_hall(test).status().unwrap();
            assert!(status.success(), "{status}");
            true
        }
        Err(reason) => {
            println!(
                "NOT RUN: packets that are dropped: {reason}. Connections are held up instead."
            );
            false
        }
    }
}

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split_whitespace()).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {words}: {}", said.trim()))
}

impl Made {
    /// Or why there are none here.
    pub(crate) fn new(nodes: usize) -> Result<Self, String> {
        sweep();
        // Tests of one process make some side by side.
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let spaces = Spaces {
            prefix: format!("{PREFIX}{}-{number}-", std::process::id()),
        };
        // Dropped halfway, it removes what is there.
        let made = Self { spaces, nodes };
        let switch = made.spaces.name("switch");
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link add switch type bridge"))?;
        ip(&format!("-n {switch} link set switch up"))?;
        made.node("hall", 0, &switch)?;
        for node in 0..nodes {
            made.node(&node.to_string(), node + 1, &switch)?;
        }
        let hall = made.spaces.name("hall");
        for address in [DATABASE, BUCKET, PROCEDURE] {
            ip(&format!("-n {hall} addr add {address}/16 dev way"))?;
        }
        Ok(made)
    }

    fn node(&self, name: &str, net: usize, switch: &str) -> Result<(), String> {
        let name = self.spaces.name(name);
        ip(&format!("netns add {name}"))?;
        // Without early demultiplexing each packet is looked at by the rules, those of open connections too.
        ip(&format!(
            "netns exec {name} sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.ip_early_demux=0"
        ))?;
        for end in [
            format!("-n {switch} link add to{net} type veth peer name way netns {name}"),
            format!("-n {switch} link set to{net} master switch up"),
            format!("-n {name} link set lo up"),
            format!("-n {name} addr del 127.0.0.1/8 dev lo"),
            format!("-n {name} addr add 127.0.0.1/32 dev lo"),
            format!("-n {name} addr add 127.77.{net}.2/16 dev way"),
            format!("-n {name} link set way up"),
            format!("-n {name} rule add pref {AFTER} lookup local"),
            format!("-n {name} rule del pref 0"),
        ] {
            ip(&end)?;
        }
        Ok(())
    }

    /// This program in the hall.
    pub(crate) fn in_hall(&self, test: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.spaces.name("hall")])
            .arg(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--include-ignored"])
            .env("AMTSBOTE_CRASH_SPACES", &self.spaces.prefix);
        command
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let nodes = (0..self.nodes).map(|node| node.to_string());
        for name in ["switch".to_owned(), "hall".to_owned()]
            .into_iter()
            .chain(nodes)
        {
            // It may not be there.
            drop(ip(&format!("netns del {}", self.spaces.name(&name))));
        }
    }
}

impl Spaces {
    /// Where this process runs in the hall of some.
    pub(crate) fn around() -> Option<Self> {
        told("SPACES").map(|prefix| Self { prefix })
    }

    fn name(&self, of: &str) -> String {
        format!("{}{of}", self.prefix)
    }

    /// The address of a process.
    pub(crate) fn address(node: usize) -> Ipv4Addr {
        Ipv4Addr::new(127, 77, u8::try_from(node + 1).unwrap(), 2)
    }

    /// The same command, at its place.
    pub(crate) fn at(&self, node: usize, command: &Command) -> Command {
        let mut there = Command::new("ip");
        there
            .args(["netns", "exec", &self.name(&node.to_string())])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(std::process::Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there
    }

    /// From now on packets of one do not reach the other.
    pub(crate) fn drop_packets(&self, from: Ipv4Addr, to: Ipv4Addr) {
        self.rule("add", from, to);
    }

    pub(crate) fn let_through(&self, from: Ipv4Addr, to: Ipv4Addr) {
        self.rule("del", from, to);
    }

    /// The worst line that can be made here; what cannot be is said.
    pub(crate) fn bad_line(&self) -> Option<Line> {
        match self.worsen(0, Line::Rough) {
            Ok(()) => {
                self.mend(0);
                return Some(Line::Rough);
            }
            Err(reason) => println!("NOT RUN: packets in another order (netem): {reason}"),
        }
        match self.worsen(0, Line::Narrow) {
            Ok(()) => {
                self.mend(0);
                Some(Line::Narrow)
            }
            Err(reason) => {
                println!("NOT RUN: packets that are late (tbf): {reason}");
                None
            }
        }
    }

    /// From now on what a node sends goes over a bad line.
    pub(crate) fn worsen(&self, node: usize, line: Line) -> Result<(), String> {
        let (there, discipline) = (self.name(&node.to_string()), line.discipline());
        ip(&format!(
            "netns exec {there} tc qdisc replace dev way root {discipline}"
        ))
    }

    pub(crate) fn mend(&self, node: usize) {
        let there = self.name(&node.to_string());
        ip(&format!("netns exec {there} tc qdisc del dev way root")).unwrap();
    }

    fn rule(&self, what: &str, from: Ipv4Addr, to: Ipv4Addr) {
        let [_, _, net, _] = to.octets();
        let there = match net.checked_sub(1) {
            None => self.name("hall"),
            Some(node) => self.name(&node.to_string()),
        };
        ip(&format!(
            "-n {there} rule {what} pref {BEFORE} from {from} to {to} blackhole"
        ))
        .unwrap();
    }
}

/// Removes those of test processes that are gone.
fn sweep() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let owner = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // Another process may sweep it, too.
            drop(ip(&format!("netns del {name}")));
        }
    }
}
