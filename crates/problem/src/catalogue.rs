//! The catalogue: one entry per thing that can go wrong for a client.

use serde::{Deserialize, Serialize};

/// Whose turn it is after a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// The sender must change something.
    Sender,
    /// The sender sends the same again, later.
    SenderLater,
    /// An operator must act.
    Operator,
}

/// What the catalogue says of one code. Wording after PostgreSQL's error style guide.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Stable, last part of the type URI.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whose turn it is.
    pub turn: Turn,
    /// Short and factual, English.
    pub title: &'static str,
    /// Short and factual, German.
    pub title_de: &'static str,
    /// What to do, English.
    pub hint: &'static str,
    /// What to do, German.
    pub hint_de: &'static str,
}

macro_rules! catalogue {
    ($($name:ident = $entry:expr,)+) => {
        /// Names an entry of the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {$(
            #[doc = concat!("See [`Code::entry`] of `", stringify!($name), "`.")]
            $name,
        )+}

        impl Code {
            /// All codes, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The entry: the only place for these facts.
            pub const fn entry(self) -> &'static Entry {
                match self {$(Self::$name => &$entry,)+}
            }
        }
    };
}

catalogue! {
    MalformedJson = Entry {
        code: "malformed-json",
        status: 400,
        turn: Turn::Sender,
        title: "the body is not the JSON expected here",
        title_de: "Der Inhalt ist nicht das hier erwartete JSON",
        hint: "correct the place named in detail or findings and send again",
        hint_de: "Die genannte Stelle berichtigen und erneut senden",
    },
    MalformedParameter = Entry {
        code: "malformed-parameter",
        status: 400,
        turn: Turn::Sender,
        title: "a path or query parameter is malformed",
        title_de: "Ein Pfad- oder Abfrageparameter ist fehlerhaft",
        hint: "correct the parameter named in detail",
        hint_de: "Den genannten Parameter berichtigen",
    },
    MalformedRequest = Entry {
        code: "malformed-request",
        status: 400,
        turn: Turn::Sender,
        title: "the request is malformed",
        title_de: "Die Anfrage ist fehlerhaft",
        hint: "correct what detail names and send again",
        hint_de: "Das Genannte berichtigen und erneut senden",
    },
    DestinationStepIllegal = Entry {
        code: "destination-step-illegal",
        status: 400,
        turn: Turn::Sender,
        title: "the destination cannot change to that state",
        title_de: "Der Zustellpunkt kann nicht in diesen Zustand wechseln",
        hint: "decommissioned is final, and nothing returns to created",
        hint_de: "decommissioned ist endgültig, und nichts wird wieder created",
    },
    DestinationInUse = Entry {
        code: "destination-in-use",
        status: 400,
        turn: Turn::Sender,
        title: "submissions refer to the destination",
        title_de: "Einreichungen verweisen auf den Zustellpunkt",
        hint: "set its status to decommissioned instead of deleting it",
        hint_de: "Statt zu löschen den Status auf decommissioned setzen",
    },
    KeyExists = Entry {
        code: "key-exists",
        status: 400,
        turn: Turn::Sender,
        title: "another key has this kid",
        title_de: "Ein anderer Schlüssel hat diese kid",
        hint: "choose a new kid for a new key",
        hint_de: "Für einen neuen Schlüssel eine neue kid wählen",
    },
    TokenMissing = Entry {
        code: "token-missing",
        status: 401,
        turn: Turn::Sender,
        title: "no bearer token was sent",
        title_de: "Es wurde kein Zugriffstoken gesendet",
        hint: "get a token at the token endpoint and send it as `Authorization: Bearer`",
        hint_de: "Token am Token-Endpunkt holen und als `Authorization: Bearer` senden",
    },
    TokenRefused = Entry {
        code: "token-refused",
        status: 401,
        turn: Turn::Sender,
        title: "the bearer token is not valid",
        title_de: "Das Zugriffstoken ist ungültig",
        hint: "get a new token; the old one may have expired",
        hint_de: "Neues Token holen; das alte ist vielleicht abgelaufen",
    },
    CallerUnproven = Entry {
        code: "caller-unproven",
        status: 401,
        turn: Turn::Sender,
        title: "it is not proven who calls",
        title_de: "Es ist nicht nachgewiesen, wer anruft",
        hint: "send what detail names, as agreed with the authority",
        hint_de: "Das in detail Genannte senden, wie mit der Behörde vereinbart",
    },
    NotPermitted = Entry {
        code: "not-permitted",
        status: 403,
        turn: Turn::Sender,
        title: "this client may not do that",
        title_de: "Dieser Client darf das nicht",
        hint: "use a client with the right named in detail, or ask the operator for it",
        hint_de: "Einen Client mit dem genannten Recht verwenden oder den Betreiber darum bitten",
    },
    SubmissionNotYours = Entry {
        code: "submission-not-yours",
        status: 403,
        turn: Turn::Sender,
        title: "this client has no such submission",
        title_de: "Dieser Client hat keine solche Einreichung",
        hint: "check the id, and use the client that announced the submission",
        hint_de: "Die Kennung prüfen und den Client verwenden, der die Einreichung angekündigt hat",
    },
    SubmissionNotFound = Entry {
        code: "submission-not-found",
        status: 404,
        turn: Turn::Sender,
        title: "there is no such submission",
        title_de: "Diese Einreichung gibt es nicht",
        hint: "check the id; contents are deleted some days after pick-up",
        hint_de: "Die Kennung prüfen; Inhalte werden einige Tage nach Abholung gelöscht",
    },
    ReplyNotFound = Entry {
        code: "reply-not-found",
        status: 404,
        turn: Turn::Sender,
        title: "there is no such reply",
        title_de: "Diese Antwort gibt es nicht",
        hint: "check the id; contents are deleted some days after pick-up",
        hint_de: "Die Kennung prüfen; Inhalte werden einige Tage nach Abholung gelöscht",
    },
    CaseNotFound = Entry {
        code: "case-not-found",
        status: 404,
        turn: Turn::Sender,
        title: "there is no such case",
        title_de: "Diesen Vorgang gibt es nicht",
        hint: "check the id",
        hint_de: "Die Kennung prüfen",
    },
    AnswerUnmatched = Entry {
        code: "answer-unmatched",
        status: 404,
        turn: Turn::Sender,
        title: "the answer fits no submission that was handed over here",
        title_de: "Die Antwort passt zu keiner hier übergebenen Einreichung",
        hint: "name the submission by the id it was handed over with, by its reference or by a file number told before",
        hint_de: "Die Einreichung mit der Kennung nennen, mit der sie übergeben wurde, mit ihrem Bezug oder einem schon gemeldeten Aktenzeichen",
    },
    DestinationNotFound = Entry {
        code: "destination-not-found",
        status: 404,
        turn: Turn::Sender,
        title: "there is no such destination",
        title_de: "Diesen Zustellpunkt gibt es nicht",
        hint: "check the id or ask the routing service",
        hint_de: "Die Kennung prüfen oder den Routingdienst fragen",
    },
    KeyNotFound = Entry {
        code: "key-not-found",
        status: 404,
        turn: Turn::Sender,
        title: "there is no such key",
        title_de: "Diesen Schlüssel gibt es nicht",
        hint: "read the destination again: its encryptionKid may have changed",
        hint_de: "Den Zustellpunkt neu lesen: seine encryptionKid kann sich geändert haben",
    },
    AttachmentNotFound = Entry {
        code: "attachment-not-found",
        status: 404,
        turn: Turn::Sender,
        title: "there is no such attachment",
        title_de: "Diese Anlage gibt es nicht",
        hint: "check the id against the list in the submission",
        hint_de: "Die Kennung mit der Liste in der Einreichung vergleichen",
    },
    NoSuchPath = Entry {
        code: "no-such-path",
        status: 404,
        turn: Turn::Sender,
        title: "there is nothing at this path",
        title_de: "Unter diesem Pfad gibt es nichts",
        hint: "check path and API version (/v1 or /v2)",
        hint_de: "Pfad und API-Version (/v1 oder /v2) prüfen",
    },
    MethodNotAllowed = Entry {
        code: "method-not-allowed",
        status: 405,
        turn: Turn::Sender,
        title: "this path does not take this method",
        title_de: "Dieser Pfad kennt diese Methode nicht",
        hint: "use a method named in the Allow header",
        hint_de: "Eine Methode aus dem Allow-Header verwenden",
    },
    TooSlow = Entry {
        code: "too-slow",
        status: 408,
        turn: Turn::Sender,
        title: "the request did not arrive in time",
        title_de: "Die Anfrage kam nicht rechtzeitig an",
        hint: "send again over a faster connection",
        hint_de: "Über eine schnellere Verbindung erneut senden",
    },
    IllegalStep = Entry {
        code: "illegal-step",
        status: 409,
        turn: Turn::Sender,
        title: "the event does not fit the present state",
        title_de: "Das Ereignis passt nicht zum jetzigen Zustand",
        hint: "read the event log: the submission may already be accepted, rejected or deleted",
        hint_de: "Das Ereignisprotokoll lesen: die Einreichung ist vielleicht schon angenommen, abgelehnt oder gelöscht",
    },
    EventExists = Entry {
        code: "event-exists",
        status: 409,
        turn: Turn::Sender,
        title: "the event log has an event with this jti",
        title_de: "Das Ereignisprotokoll enthält schon ein Ereignis mit dieser jti",
        hint: "read the event log: if the event is there, nothing is left to do; else sign a new one with a new jti",
        hint_de: "Das Ereignisprotokoll lesen: steht das Ereignis darin, ist nichts zu tun; sonst ein neues mit neuer jti signieren",
    },
    InProgress = Entry {
        code: "in-progress",
        status: 409,
        turn: Turn::SenderLater,
        title: "the same request is being worked on",
        title_de: "Dieselbe Anfrage wird gerade bearbeitet",
        hint: "wait for the first answer, or repeat with the same Idempotency-Key a little later",
        hint_de: "Die erste Antwort abwarten oder mit demselben Idempotency-Key etwas später wiederholen",
    },
    AnswerAmbiguous = Entry {
        code: "answer-ambiguous",
        status: 409,
        turn: Turn::Sender,
        title: "the answer fits several submissions",
        title_de: "Die Antwort passt zu mehreren Einreichungen",
        hint: "name the submission by the id it was handed over with",
        hint_de: "Die Einreichung mit der Kennung nennen, mit der sie übergeben wurde",
    },
    BodyTooLarge = Entry {
        code: "body-too-large",
        status: 413,
        turn: Turn::Sender,
        title: "the body is too large",
        title_de: "Der Inhalt ist zu groß",
        hint: "send less, or as attachments; the limit stands in detail",
        hint_de: "Weniger oder als Anlagen senden; die Grenze steht in detail",
    },
    AttachmentTooLarge = Entry {
        code: "attachment-too-large",
        status: 413,
        turn: Turn::Sender,
        title: "the attachment is too large",
        title_de: "Die Anlage ist zu groß",
        hint: "split it into fragments; the limit stands in detail",
        hint_de: "In Fragmente teilen; die Grenze steht in detail",
    },
    SubmissionTooLarge = Entry {
        code: "submission-too-large",
        status: 413,
        turn: Turn::Sender,
        title: "the submission or reply is too large in all",
        title_de: "Die Einreichung oder Antwort ist insgesamt zu groß",
        hint: "send less; the limit stands in detail",
        hint_de: "Weniger senden; die Grenze steht in detail",
    },
    MediaTypeUnsupported = Entry {
        code: "media-type-unsupported",
        status: 415,
        turn: Turn::Sender,
        title: "this media type is not taken here",
        title_de: "Dieser Medientyp wird hier nicht angenommen",
        hint: "send the Content-Type named in detail",
        hint_de: "Den in detail genannten Content-Type senden",
    },
    SchemaViolated = Entry {
        code: "schema-violated",
        status: 422,
        turn: Turn::Sender,
        title: "the data breaks its schema",
        title_de: "Die Daten verletzen ihr Schema",
        hint: "correct every finding and send again",
        hint_de: "Alle Befunde berichtigen und erneut senden",
    },
    ServiceUnknown = Entry {
        code: "service-unknown",
        status: 422,
        turn: Turn::Sender,
        title: "this service is not known here",
        title_de: "Diese Leistung ist hier nicht bekannt",
        hint: "check the service URN (urn:de:fim:leika:leistung:<14 digits>)",
        hint_de: "Die Leistungs-URN prüfen (urn:de:fim:leika:leistung:<14 Ziffern>)",
    },
    NoRoute = Entry {
        code: "no-route",
        status: 422,
        turn: Turn::Sender,
        title: "nobody receives this service in this region",
        title_de: "In dieser Region nimmt niemand diese Leistung an",
        hint: "check service and region, or name a destinationId",
        hint_de: "Leistung und Region prüfen oder eine destinationId angeben",
    },
    RouteAmbiguous = Entry {
        code: "route-ambiguous",
        status: 422,
        turn: Turn::Operator,
        title: "several destinations receive this service in this region",
        title_de: "Mehrere Zustellpunkte nehmen diese Leistung in dieser Region an",
        hint: "name a destinationId; the operator should make the regions distinct",
        hint_de: "Eine destinationId angeben; der Betreiber sollte die Regionen unterscheidbar machen",
    },
    DestinationStateInvalid = Entry {
        code: "destination-state-invalid",
        status: 422,
        turn: Turn::Sender,
        title: "the destination is not active",
        title_de: "Der Zustellpunkt ist nicht aktiv",
        hint: "read the destination's status; ask its authority",
        hint_de: "Den Status des Zustellpunkts lesen; die Behörde fragen",
    },
    ServiceNotOffered = Entry {
        code: "service-not-offered",
        status: 422,
        turn: Turn::Sender,
        title: "the destination does not offer this service",
        title_de: "Der Zustellpunkt bietet diese Leistung nicht an",
        hint: "compare with the services in the destination",
        hint_de: "Mit den Leistungen im Zustellpunkt vergleichen",
    },
    SchemaNotOffered = Entry {
        code: "schema-not-offered",
        status: 422,
        turn: Turn::Operator,
        title: "the destination does not take the service's schema",
        title_de: "Der Zustellpunkt nimmt das Schema der Leistung nicht an",
        hint: "the authority must add the schema URI named in detail",
        hint_de: "Die Behörde muss die genannte Schema-URI ergänzen",
    },
    CaseMismatch = Entry {
        code: "case-mismatch",
        status: 422,
        turn: Turn::Sender,
        title: "the case belongs to another destination",
        title_de: "Der Vorgang gehört zu einem anderen Zustellpunkt",
        hint: "leave caseId out to open a new case",
        hint_de: "caseId weglassen, um einen neuen Vorgang zu öffnen",
    },
    AttachmentsMissing = Entry {
        code: "attachments-missing",
        status: 422,
        turn: Turn::Sender,
        title: "announced attachments have not arrived",
        title_de: "Angekündigte Anlagen fehlen",
        hint: "upload the attachments named in findings, then submit again",
        hint_de: "Die in den Befunden genannten Anlagen hochladen, dann erneut einreichen",
    },
    AttachmentsRepeated = Entry {
        code: "attachments-repeated",
        status: 422,
        turn: Turn::Sender,
        title: "an attachment is announced twice",
        title_de: "Eine Anlage ist doppelt angekündigt",
        hint: "give every attachment an id of its own",
        hint_de: "Jeder Anlage eine eigene Kennung geben",
    },
    AttachmentNotAnnounced = Entry {
        code: "attachment-not-announced",
        status: 422,
        turn: Turn::Sender,
        title: "the attachment was not announced",
        title_de: "Die Anlage war nicht angekündigt",
        hint: "announce a new submission, or a new reply, that lists it",
        hint_de: "Eine neue Einreichung oder Antwort ankündigen, die sie aufführt",
    },
    TooManyAttachments = Entry {
        code: "too-many-attachments",
        status: 422,
        turn: Turn::Sender,
        title: "the submission or reply has too many attachments",
        title_de: "Die Einreichung oder Antwort hat zu viele Anlagen",
        hint: "send fewer at a time; the limit stands in detail",
        hint_de: "Auf einmal weniger senden; die Grenze steht in detail",
    },
    SubmissionClosed = Entry {
        code: "submission-closed",
        status: 422,
        turn: Turn::Sender,
        title: "the submission takes nothing more",
        title_de: "Die Einreichung nimmt nichts mehr an",
        hint: "it was submitted with other content, or deleted: announce a new submission",
        hint_de: "Sie wurde mit anderem Inhalt eingereicht oder gelöscht: eine neue Einreichung ankündigen",
    },
    ReplyClosed = Entry {
        code: "reply-closed",
        status: 422,
        turn: Turn::Sender,
        title: "the reply takes nothing more",
        title_de: "Die Antwort nimmt nichts mehr an",
        hint: "it was submitted with other content, or deleted: announce a new reply",
        hint_de: "Sie wurde mit anderem Inhalt eingereicht oder gelöscht: eine neue Antwort ankündigen",
    },
    TagsDiffer = Entry {
        code: "tags-differ",
        status: 422,
        turn: Turn::Sender,
        title: "the authentication tags are not those of the reply",
        title_de: "Die Authentifizierungs-Tags sind nicht die der Antwort",
        hint: "send the tags of the parts you have opened, as in the submit-reply event",
        hint_de: "Die Tags der geöffneten Teile senden, wie im Ereignis submit-reply",
    },
    AttachmentMalformed = Entry {
        code: "attachment-malformed",
        status: 422,
        turn: Turn::Sender,
        title: "an attachment cannot be read",
        title_de: "Eine Anlage ist nicht lesbar",
        hint: "correct what the findings name",
        hint_de: "Das in den Befunden Genannte berichtigen",
    },
    JweMalformed = Entry {
        code: "jwe-malformed",
        status: 422,
        turn: Turn::Sender,
        title: "an encrypted part is not a JWE of the profile",
        title_de: "Ein verschlüsselter Teil ist kein JWE des Profils",
        hint: "encrypt as compact JWE with RSA-OAEP-256 and A256GCM; findings say which part",
        hint_de: "Als kompaktes JWE mit RSA-OAEP-256 und A256GCM verschlüsseln; die Befunde nennen den Teil",
    },
    KeyUnsuitable = Entry {
        code: "key-unsuitable",
        status: 422,
        turn: Turn::Sender,
        title: "a key breaks the key policy",
        title_de: "Ein Schlüssel verletzt die Schlüsselvorgaben",
        hint: "make an RSA key of 4096 bit with exactly one key operation; findings say what is wrong",
        hint_de: "Einen RSA-Schlüssel mit 4096 Bit und genau einer Schlüsseloperation erzeugen; die Befunde nennen den Fehler",
    },
    EventMalformed = Entry {
        code: "event-malformed",
        status: 422,
        turn: Turn::Sender,
        title: "the security event token is not valid",
        title_de: "Das Security-Event-Token ist ungültig",
        hint: "correct every finding and sign again",
        hint_de: "Alle Befunde berichtigen und neu signieren",
    },
    AnswerNotUnderstood = Entry {
        code: "answer-not-understood",
        status: 422,
        turn: Turn::Sender,
        title: "the answer was not understood",
        title_de: "Die Antwort wurde nicht verstanden",
        hint: "correct every finding and send again; which member says what stands in the settings of the authority",
        hint_de: "Alle Befunde berichtigen und erneut senden; welches Feld was sagt, steht in den Einstellungen der Behörde",
    },
    CallbackRefused = Entry {
        code: "callback-refused",
        status: 422,
        turn: Turn::Sender,
        title: "the callback target is not allowed",
        title_de: "Das Callback-Ziel ist nicht erlaubt",
        hint: "name an https URL on a public address",
        hint_de: "Eine https-URL mit öffentlicher Adresse angeben",
    },
    IdempotencyKeyReused = Entry {
        code: "idempotency-key-reused",
        status: 422,
        turn: Turn::Sender,
        title: "the Idempotency-Key was used for another request",
        title_de: "Der Idempotency-Key wurde für eine andere Anfrage verwendet",
        hint: "use a new key for a new request",
        hint_de: "Für eine neue Anfrage einen neuen Schlüssel verwenden",
    },
    TooManyRequests = Entry {
        code: "too-many-requests",
        status: 429,
        turn: Turn::SenderLater,
        title: "too many requests",
        title_de: "Zu viele Anfragen",
        hint: "wait as long as Retry-After says",
        hint_de: "So lange warten, wie Retry-After sagt",
    },
    Internal = Entry {
        code: "internal",
        status: 500,
        turn: Turn::Operator,
        title: "something failed on our side",
        title_de: "Bei uns ist etwas fehlgeschlagen",
        hint: "send again later; if it stays, report the request id",
        hint_de: "Später erneut senden; bleibt es so, die request_id melden",
    },
    StoreUnavailable = Entry {
        code: "store-unavailable",
        status: 503,
        turn: Turn::SenderLater,
        title: "it could not be stored durably",
        title_de: "Es konnte nicht dauerhaft gespeichert werden",
        hint: "nothing was accepted: send again after Retry-After",
        hint_de: "Nichts wurde angenommen: nach Retry-After erneut senden",
    },
    UplinkUnavailable = Entry {
        code: "uplink-unavailable",
        status: 503,
        turn: Turn::SenderLater,
        title: "the delivery service of this destination cannot be asked now",
        title_de: "Der Zustelldienst dieses Zustellpunkts kann gerade nicht befragt werden",
        hint: "nothing was accepted: send again after Retry-After",
        hint_de: "Nichts wurde angenommen: nach Retry-After erneut senden",
    },
    Overloaded = Entry {
        code: "overloaded",
        status: 503,
        turn: Turn::SenderLater,
        title: "there is too much to do just now",
        title_de: "Gerade ist zu viel zu tun",
        hint: "nothing was accepted: send again after Retry-After",
        hint_de: "Nichts wurde angenommen: nach Retry-After erneut senden",
    },
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            let entry = code.entry();
            assert!(seen.insert(entry.code), "{} twice", entry.code);
            assert!(
                entry
                    .code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{}",
                entry.code
            );
            assert!((400..600).contains(&entry.status), "{}", entry.code);
            for text in [entry.title, entry.title_de, entry.hint, entry.hint_de] {
                assert!(
                    !text.is_empty() && !text.ends_with('.'),
                    "{}: {text}",
                    entry.code
                );
            }
        }
    }

    #[test]
    fn only_what_passes_by_itself_is_for_later() {
        for code in Code::ALL {
            let entry = code.entry();
            let later = matches!(entry.status, 408 | 429 | 503) || entry.code == "in-progress";
            assert_eq!(
                entry.turn == Turn::SenderLater,
                later && entry.status != 408,
                "{}",
                entry.code
            );
        }
    }
}
