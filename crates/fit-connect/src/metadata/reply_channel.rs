//! How the receiver can answer.

use amtsbote_model::Personal;
use serde::Serialize;
use serde_json::Value;

use crate::fields::{Form, Node};

/// The one channel the sender chose. Only `fitConnect` leads back through FIT-Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ReplyChannel {
    /// Mail.
    EMail {
        /// Mail address.
        address: Personal<String>,
        /// ASCII-armoured key.
        #[serde(skip_serializing_if = "Option::is_none")]
        pgp_public_key: Option<Personal<String>>,
    },
    /// De-Mail.
    DeMail {
        /// De-Mail address.
        address: Personal<String>,
    },
    /// Mailbox of an interoperable service account; deprecated since 2.x.
    Fink {
        /// Reference of the mailbox.
        fink_postfach_ref: Personal<String>,
        /// Its host.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
    },
    /// ELSTER transfer.
    Elster {
        /// Account.
        account_id: Personal<String>,
        /// Ticket of the delivery.
        #[serde(skip_serializing_if = "Option::is_none")]
        liefer_ticket: Option<Personal<String>>,
        /// File number.
        #[serde(skip_serializing_if = "Option::is_none")]
        geschaeftszeichen: Option<Personal<String>>,
    },
    /// A reply inside the case.
    FitConnect {
        /// URIs of the exchange standards, with version.
        process_standards: Vec<String>,
        /// A JWK without `x5c`; whether it is one of the profile is `jose`'s to judge.
        encryption_public_key: Value,
    },
    /// Mailbox of `BundID`.
    IdBundDeMailbox {
        /// Handle of the mailbox.
        mailbox_uuid: Personal<String>,
    },
}

/// Which channel, without the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyChannelKind {
    /// `eMail`
    EMail,
    /// `deMail`
    DeMail,
    /// `fink`
    Fink,
    /// `elster`
    Elster,
    /// `fitConnect`
    FitConnect,
    /// `idBundDeMailbox`
    IdBundDeMailbox,
}

impl ReplyChannelKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::EMail,
        Self::DeMail,
        Self::Fink,
        Self::Elster,
        Self::FitConnect,
        Self::IdBundDeMailbox,
    ];

    /// The member name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EMail => "eMail",
            Self::DeMail => "deMail",
            Self::Fink => "fink",
            Self::Elster => "elster",
            Self::FitConnect => "fitConnect",
            Self::IdBundDeMailbox => "idBundDeMailbox",
        }
    }
}

impl ReplyChannel {
    /// Which channel.
    pub const fn kind(&self) -> ReplyChannelKind {
        match self {
            Self::EMail { .. } => ReplyChannelKind::EMail,
            Self::DeMail { .. } => ReplyChannelKind::DeMail,
            Self::Fink { .. } => ReplyChannelKind::Fink,
            Self::Elster { .. } => ReplyChannelKind::Elster,
            Self::FitConnect { .. } => ReplyChannelKind::FitConnect,
            Self::IdBundDeMailbox { .. } => ReplyChannelKind::IdBundDeMailbox,
        }
    }

    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let mut members = fields.members();
        let (Some((name, channel)), None) = (members.next(), members.next()) else {
            let text = (
                "muss genau einen Kanal nennen",
                "must name exactly one channel",
            );
            node.say("maxProperties", text);
            return None;
        };
        let Some(kind) = ReplyChannelKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
        else {
            node.say(
                "unknown-channel",
                ("nennt einen unbekannten Kanal", "names an unknown channel"),
            );
            return None;
        };
        Self::read_kind(kind, &channel)
    }

    fn read_kind(kind: ReplyChannelKind, node: &Node<'_>) -> Option<Self> {
        let fields = node.object()?;
        let required = |name| fields.required(name, Node::string).map(Personal::new);
        let optional = |name| fields.optional(name, Node::string).map(Personal::new);
        match kind {
            ReplyChannelKind::EMail => {
                let pgp_public_key = optional("pgpPublicKey");
                let address = fields.required("address", address)?;
                Some(Self::EMail {
                    address,
                    pgp_public_key,
                })
            }
            ReplyChannelKind::DeMail => {
                let address = fields.required("address", address)?;
                Some(Self::DeMail { address })
            }
            ReplyChannelKind::Fink => {
                let host = fields.optional("host", Node::string);
                let fink_postfach_ref = required("finkPostfachRef")?;
                Some(Self::Fink {
                    fink_postfach_ref,
                    host,
                })
            }
            ReplyChannelKind::Elster => {
                let liefer_ticket = optional("lieferTicket");
                let geschaeftszeichen = optional("geschaeftszeichen");
                let account_id = required("accountId")?;
                Some(Self::Elster {
                    account_id,
                    liefer_ticket,
                    geschaeftszeichen,
                })
            }
            ReplyChannelKind::FitConnect => {
                let standards = fields.required("processStandards", |n| n.some_list(Node::uri));
                let key = fields.required("encryptionPublicKey", |n| {
                    n.object()?;
                    Some(n.value().clone())
                });
                Some(Self::FitConnect {
                    process_standards: standards?,
                    encryption_public_key: key?,
                })
            }
            ReplyChannelKind::IdBundDeMailbox => {
                let mailbox: amtsbote_model::ParcelId = fields.required("mailboxUuid", Node::id)?;
                let mailbox_uuid = Personal::new(mailbox.to_string());
                Some(Self::IdBundDeMailbox { mailbox_uuid })
            }
        }
    }
}

fn address(node: &Node<'_>) -> Option<Personal<String>> {
    let looks_like_one = |text: &str| {
        text.split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    };
    let form = Form {
        rule: "format",
        text: ("ist keine Mailadresse", "is not a mail address"),
    };
    node.matching(looks_like_one, &form).map(Personal::new)
}
