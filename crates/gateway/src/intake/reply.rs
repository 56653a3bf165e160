//! Whether the authority can answer on the channel the sender chose. Rules of metadata 2.1.0, `replyChannel`.

use amtsbote_fit_connect::metadata::{ReplyChannel, ReplyChannelKind};
use amtsbote_model::Destination;
use amtsbote_problem::{Bilingual, Finding, Findings};
use serde_json::Value;

use crate::public_keys::judge_reply_key;

/// Everything that is wrong with the channel.
pub(crate) fn judge_reply(channel: &ReplyChannel, destination: Option<&Destination>) -> Findings {
    let mut findings = judge_form(channel);
    let taken = destination.and_then(taken_by);
    if let Some(taken) = taken.filter(|taken| !taken.contains(&channel.kind())) {
        let text = Bilingual::new(
            "diesen Rückkanal bedient die Behörde nicht",
            "the authority does not answer on this channel",
        );
        let names = taken.iter().map(|kind| kind.name().to_owned()).collect();
        findings.push(Finding::new("/replyChannel", "enum", text).allowed(names));
    }
    findings
}

// What a destination says of its channels is kept as sent (v1 `replyChannels`): an object with one member for each.
fn taken_by(destination: &Destination) -> Option<Vec<ReplyChannelKind>> {
    let said: Value = serde_json::from_str(destination.reply_channels.as_deref()?).ok()?;
    let said = said.as_object()?;
    let kinds = ReplyChannelKind::ALL.into_iter();
    Some(
        kinds
            .filter(|kind| said.contains_key(kind.name()))
            .collect(),
    )
}

fn judge_form(channel: &ReplyChannel) -> Findings {
    let said = |at: &str, de: &str, en: &str| {
        let at = format!("/replyChannel/{at}");
        vec![Finding::new(at, "pattern", Bilingual::new(de, en))]
    };
    match channel {
        ReplyChannel::EMail {
            pgp_public_key: Some(key),
            ..
        } if !key.reveal().starts_with(PGP) => said(
            "eMail/pgpPublicKey",
            "muss mit der Kopfzeile eines PGP-Schlüssels und einer Leerzeile beginnen",
            "must begin with the armor line of a PGP key and an empty line",
        ),
        ReplyChannel::Fink {
            fink_postfach_ref, ..
        } if !is_mailbox(fink_postfach_ref.reveal()) => said(
            "fink/finkPostfachRef",
            "muss 1 bis 150 Zeichen aus a-z, 0-9 und -._~/ haben",
            "must have 1 to 150 characters of a-z, 0-9 and -._~/",
        ),
        ReplyChannel::Elster {
            geschaeftszeichen: Some(sign),
            ..
        } if sign.reveal().chars().count() > 60 => said(
            "elster/geschaeftszeichen",
            "ist länger als 60 Zeichen",
            "is longer than 60 characters",
        ),
        ReplyChannel::FitConnect {
            encryption_public_key,
            ..
        } => judge_reply_key(
            encryption_public_key,
            "/replyChannel/fitConnect/encryptionPublicKey",
        ),
        ReplyChannel::EMail { .. }
        | ReplyChannel::DeMail { .. }
        | ReplyChannel::Fink { .. }
        | ReplyChannel::Elster { .. }
        | ReplyChannel::IdBundDeMailbox { .. } => Findings::new(),
    }
}

const PGP: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n";

fn is_mailbox(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._~/".contains(&b);
    (1..=150).contains(&text.len()) && text.bytes().all(fits)
}
