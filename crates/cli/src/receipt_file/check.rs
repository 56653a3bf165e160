//! Checks a receipt file. Pure: the file, whom to believe and perhaps a newer head in, a [`Statement`] or findings out.
//!
//! 1. every token of the log: form, signature, case, issuer; for each submission and reply the order of events and their tags
//! 2. receipts beside the log: signature, and that they fit the log
//! 3. blocks: signature or link to a signed one; proofs: each sealed event leads to its block's root, in the order of the log
//! 4. each key that was used: pinned, or certified by somebody who is believed, at the time of its signatures

use std::collections::{BTreeMap, BTreeSet};

use amtsbote_client::verify::{self, Expected, ExpectedReply, VerifiedLog};
use amtsbote_fit_connect::event::{Claims, Issuer, SchemaRule, Subject};
use amtsbote_fit_connect::reply::ReplyRef;
use amtsbote_fit_connect::submission::SubmissionRef;
use amtsbote_jose::{Jws, KeySet, KeyUse, PublicKey, X5c};
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde_json::Value;

use super::form::{HeadFile, ReceiptFile};
use super::statement::{Happened, Replied, Statement, UsedKey};
use super::{Role, Trust, Vouched, chain, levels};

/// One token, at most.
pub(super) const TOKEN_MAX_BYTES: usize = 256 * 1024;
/// Findings shown, at most.
const FINDINGS_MAX: usize = 100;

/// A finding.
pub(super) fn finding(at: impl Into<String>, rule: &str, (de, en): (&str, &str)) -> Finding {
    Finding::new(at, rule, Bilingual::new(de, en))
}

/// First and last moment at which a key signed, in Unix seconds.
#[derive(Debug, Default)]
pub(super) struct Uses(BTreeMap<(Role, String), (i64, i64)>);

impl Uses {
    /// The key of that name signed at that moment.
    pub(super) fn note(&mut self, role: Role, kid: &str, at_s: i64) {
        let span = self.0.entry((role, kid.to_owned())).or_insert((at_s, at_s));
        *span = (span.0.min(at_s), span.1.max(at_s));
    }
}

/// Everything that hangs together while a file is checked.
pub(super) struct Checked<'a> {
    pub(super) file: &'a ReceiptFile,
    pub(super) keys: verify::Keys,
    pub(super) claims: Vec<Claims>,
    pub(super) lives: Vec<(Subject, VerifiedLog)>,
    pub(super) uses: Uses,
}

/// What the file shows, or all that is wrong with it.
pub(crate) fn check(
    file: &ReceiptFile,
    trust: &Trust,
    newer: Option<&HeadFile>,
) -> Result<Statement, Findings> {
    let mut findings = Findings::new();
    let keys = keys(file, &mut findings);
    let claims = claims(file, &mut findings);
    clean(&mut findings)?;
    let mut checked = Checked {
        file,
        keys,
        claims,
        lives: Vec::new(),
        uses: Uses::default(),
    };
    lives(&mut checked, &mut findings);
    clean(&mut findings)?;
    let submissions = levels::submissions(&mut checked, &mut findings);
    let sealed = chain::sealed(&mut checked, (trust, newer), &mut findings);
    let used = used(&checked, trust, &mut findings);
    clean(&mut findings)?;
    Ok(Statement {
        service: file.service.trim_end_matches('/').to_owned(),
        case_id: file.case_id,
        destination_id: file.destination_id,
        submissions,
        replies: replies(&checked),
        pending: sealed.places.iter().filter(|one| one.is_none()).count(),
        events: events(&checked, &sealed),
        keys: used,
        head: sealed.head,
        linked: sealed.linked,
        newer_head: sealed.newer,
    })
}

fn clean(findings: &mut Findings) -> Result<(), Findings> {
    if findings.is_empty() {
        return Ok(());
    }
    findings.truncate(FINDINGS_MAX);
    Err(std::mem::take(findings))
}

fn keys(file: &ReceiptFile, findings: &mut Findings) -> verify::Keys {
    let mut read = |list: &[Value], name: &str| {
        let mut found: Vec<PublicKey> = Vec::new();
        for (place, jwk) in list.iter().enumerate() {
            let at = format!("/keys/{name}/{place}");
            match PublicKey::from_json(jwk, KeyUse::Signature, X5c::Optional) {
                Ok(key) if found.iter().any(|known| known.kid() == key.kid()) => {
                    let text = (
                        "heißt wie ein anderer Schlüssel",
                        "has the name of another key",
                    );
                    findings.push(finding(at, "key", text));
                }
                Ok(key) => found.push(key),
                Err(_) => {
                    let text = (
                        "ist kein brauchbarer Signaturschlüssel",
                        "is not a usable signature key",
                    );
                    findings.push(finding(at, "key", text));
                }
            }
        }
        KeySet::new(found)
    };
    verify::Keys {
        service: read(&file.keys.service, "service"),
        destination: read(&file.keys.destination, "destination"),
    }
}

/// What the tokens say, before anything of it is believed.
fn claims(file: &ReceiptFile, findings: &mut Findings) -> Vec<Claims> {
    if file.events.is_empty() {
        let text = ("das Ereignisprotokoll ist leer", "the event log is empty");
        findings.push(finding("/events", "set-missing", text));
    }
    let mut read = Vec::new();
    for (place, event) in file.events.iter().enumerate() {
        let claims = Jws::parse(&event.token, TOKEN_MAX_BYTES)
            .ok()
            .and_then(|jws| Claims::parse(jws.unverified_payload(), SchemaRule::OptionalAny).ok());
        if let Some(claims) = claims {
            read.push(claims);
        } else {
            let text = ("ist kein signiertes Ereignis", "is not a signed event");
            findings.push(finding(format!("/events/{place}"), "set-form", text));
        }
    }
    read
}

/// The life of each submission and reply, verified.
fn lives(checked: &mut Checked<'_>, findings: &mut Findings) {
    let tokens: Vec<String> = checked
        .file
        .events
        .iter()
        .map(|e| e.token.clone())
        .collect();
    let subjects: BTreeSet<Subject> = checked.claims.iter().map(|c| c.subject).collect();
    for subject in subjects {
        match life(checked, subject, &tokens) {
            Ok(life) => checked.lives.push((subject, life)),
            Err(found) => findings.extend(found.into_iter().map(|mut one| {
                one.at = one.at.replacen("/eventLog", "/events", 1);
                one
            })),
        }
    }
    let mut seen = BTreeSet::new();
    findings.retain(|one| seen.insert((one.at.clone(), one.rule.clone())));
    // Each token's signature was checked with the key of this name above.
    for (event, claims) in checked.file.events.iter().zip(&checked.claims) {
        if let Ok(jws) = Jws::parse(&event.token, TOKEN_MAX_BYTES) {
            let at_s = claims.issued_at.as_seconds();
            checked
                .uses
                .note(role(&claims.issuer), jws.header().kid(), at_s);
        }
    }
}

fn life(
    checked: &Checked<'_>,
    subject: Subject,
    tokens: &[String],
) -> Result<VerifiedLog, Findings> {
    let file = checked.file;
    match subject {
        Subject::Submission(submission_id) => {
            let expected = Expected {
                service: &file.service,
                ids: SubmissionRef {
                    destination_id: file.destination_id,
                    submission_id,
                    case_id: file.case_id,
                },
            };
            verify::log(tokens, &expected, &checked.keys)
        }
        Subject::Reply(reply_id) => {
            let expected = ExpectedReply {
                service: &file.service,
                ids: ReplyRef {
                    reply_id,
                    case_id: file.case_id,
                },
                destination_id: file.destination_id,
            };
            verify::reply_log(tokens, &expected, &checked.keys)
        }
    }
}

pub(super) const fn role(issuer: &Issuer) -> Role {
    match issuer {
        Issuer::Service(_) => Role::Service,
        Issuer::Destination(_) => Role::Destination,
    }
}

/// Each key that signed anything, and why it is believed.
fn used(checked: &Checked<'_>, trust: &Trust, findings: &mut Findings) -> Vec<UsedKey> {
    let mut used = Vec::new();
    for ((role, kid), span) in &checked.uses.0 {
        let set = match role {
            Role::Service => &checked.keys.service,
            Role::Destination => &checked.keys.destination,
        };
        // A newer head may be signed by a key that only its reader knows.
        let key = set.find(kid).or_else(|| trust.service_key(kid));
        let vouched = key.and_then(|key| Some((key, trust.vouches(key, *role, *span)?)));
        let Some((key, vouched)) = vouched else {
            let (list, de, en) = match role {
                Role::Service => (
                    "service",
                    "kein Schlüssel und kein Zertifikat von --trust steht für diesen Schlüssel des Zustelldienstes ein",
                    "no key and no certificate of --trust vouches for this key of the delivery service",
                ),
                Role::Destination => (
                    "destination",
                    "kein Schlüssel und kein Zertifikat von --trust steht für diesen Schlüssel des Zustellpunkts ein",
                    "no key and no certificate of --trust vouches for this key of the destination",
                ),
            };
            findings.push(finding(format!("/keys/{list}/{kid}"), "trust", (de, en)));
            continue;
        };
        used.push(UsedKey {
            role: *role,
            kid: kid.clone(),
            thumbprint: key.thumbprint(),
            vouched,
            certified_name: match vouched {
                Vouched::Certified => key.certified_name(),
                Vouched::Pinned => None,
            },
        });
    }
    used
}

fn replies(checked: &Checked<'_>) -> Vec<Replied> {
    let replies = checked.lives.iter();
    replies
        .filter_map(|(subject, life)| match subject {
            Subject::Reply(reply_id) => Some(Replied {
                reply_id: *reply_id,
                state: life.state().name(),
            }),
            Subject::Submission(_) => None,
        })
        .collect()
}

fn events(checked: &Checked<'_>, sealed: &chain::Sealed) -> Vec<Happened> {
    let claims = checked.claims.iter().zip(&sealed.places);
    claims
        .map(|(claims, sealed)| Happened {
            event_id: claims.id,
            name: claims.kind.slug(),
            about: claims.subject.claim(),
            by: role(&claims.issuer),
            at: claims.issued_at,
            sealed: *sealed,
        })
        .collect()
}
