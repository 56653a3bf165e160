//! Why a database does not open, is not copied or not filled, in German. What a server or the system says stays in parentheses as it is.

use std::error::Error;

use amtsbote_store_postgres::{CopyError, OpenError as ServerError, Unfit};
use amtsbote_store_sql::{OpenError as FileError, SnapshotError};

pub(super) fn german(error: &(dyn Error + 'static)) -> Option<String> {
    let file = error.downcast_ref::<FileError>().map(of_file);
    let server = || error.downcast_ref::<ServerError>().map(of_server);
    let copy = || error.downcast_ref::<CopyError>().and_then(of_copy);
    let snapshot = || error.downcast_ref::<SnapshotError>().map(of_snapshot);
    let frame = || of_frame(&error.to_string()).map(str::to_owned);
    file.or_else(server)
        .or_else(copy)
        .or_else(snapshot)
        .or_else(frame)
}

/// What was being done, around one of the others.
fn of_frame(english: &str) -> Option<&'static str> {
    Some(match english {
        "the gateway's database cannot be opened" => {
            "die Datenbank des Gateways lässt sich nicht öffnen"
        }
        "the gateway's database cannot be opened; is it stopped?" => {
            "die Datenbank des Gateways lässt sich nicht öffnen; ist es angehalten?"
        }
        "the agent's database cannot be opened" => {
            "die Datenbank des Agenten lässt sich nicht öffnen"
        }
        "the agents' database cannot be opened" => {
            "die Datenbank der Agenten lässt sich nicht öffnen"
        }
        "the database of the uplinks cannot be opened" => {
            "die Datenbank der Uplinks lässt sich nicht öffnen"
        }
        "the folder of attachments cannot be opened" => {
            "der Ordner der Anlagen lässt sich nicht öffnen"
        }
        _ => return None,
    })
}

fn of_file(error: &FileError) -> String {
    match error {
        FileError::Folder { path, .. } => format!(
            "{} ist nicht zu gebrauchen: es muss ein Ordner sein, in den dieses Konto schreiben darf",
            path.display()
        ),
        FileError::Locked { path } => format!(
            "{} hält ein laufender Prozess: erst diesen anhalten, oder jedem einen eigenen Ordner geben",
            path.display()
        ),
        FileError::HalfRestored { path } => format!(
            "{} sagt, dass ein Zurücklegen (oder Umzug) nicht zu Ende kam: `amtsbote restore` (oder `store move`) noch einmal ausführen",
            path.display()
        ),
        FileError::Occupied { path } => format!(
            "{} ist schon da: nur in leere Ordner zurücklegen",
            path.display()
        ),
        FileError::Database { path, .. } => format!(
            "die Datenbank {} lässt sich nicht öffnen: die Platte prüfen, oder die Datei aus einer Sicherung zurücklegen",
            path.display()
        ),
        FileError::Foreign { path } => format!(
            "{} ist keine Datenbank dieser Art: den Ordner in den Einstellungen prüfen",
            path.display()
        ),
        FileError::Newer { path, found, known } => format!(
            "{} hat die Version {found}, dieses Programm kennt bis {known}: das neuere Programm wieder einspielen",
            path.display()
        ),
        FileError::Absent { path } => format!(
            "es gibt keine Datenbank {}: data_dir in den Einstellungen prüfen, oder den Prozess einmal starten",
            path.display()
        ),
        FileError::Older { path, found, known } => format!(
            "{} hat die Version {found}, dieses Programm arbeitet mit {known}: das Programm benutzen, das läuft, oder dieses starten",
            path.display()
        ),
        FileError::NotDurable { path, what } => format!(
            "{} hält nicht, was es bestätigt ({what}): den Ordner auf ein lokales Dateisystem legen",
            path.display()
        ),
        FileError::Thread(_) => {
            "ein Thread lässt sich nicht starten: die Grenze für Threads erhöhen".to_owned()
        }
    }
}

fn of_server(error: &ServerError) -> String {
    match error {
        ServerError::Address => {
            "die URL der Datenbank ist nicht zu gebrauchen: postgres://nutzer@rechner:5432/name, das Passwort in einer eigenen Datei".to_owned()
        }
        ServerError::Plain => {
            "die Datenbank liegt auf einem anderen Rechner, und ihre URL sagt sslmode=disable: das weglassen, damit der Weg verschlüsselt ist".to_owned()
        }
        ServerError::Tls(_) => {
            "TLS zur Datenbank kommt nicht zustande: die Datei ihrer Zertifizierungsstelle prüfen".to_owned()
        }
        ServerError::Unreachable { place, reason } => format!(
            "kein Server, der Schreiben annimmt, ist erreichbar unter {place} ({reason}): Rechner, Port, Zertifikat prüfen, und ob er läuft"
        ),
        ServerError::Untrusted { place } => format!(
            "der Server unter {place} hat kein Zertifikat, dem hier vertraut wird: ca_file, den Rechnernamen in der URL und das Zertifikat des Servers prüfen"
        ),
        ServerError::Refused { place, reason } => format!(
            "der Server unter {place} weist diesen Nutzer ab ({reason}): Nutzer, Passwortdatei, Datenbank und pg_hba.conf prüfen"
        ),
        ServerError::Unfit(unfit) => of_unfit(unfit),
        ServerError::NotAllowed { schema } => format!(
            "der Nutzer der Datenbank darf das Schema {schema} nicht anlegen oder benutzen: ihm die Datenbank geben, oder CREATE SCHEMA {schema} AUTHORIZATION für ihn ausführen"
        ),
        ServerError::OtherVersion { schema, found, known } => format!(
            "die Tabellen in {schema} haben die Version {found} (0: es gibt keine), und dieser Befehl ist für {known}: das Programm benutzen, das dort läuft"
        ),
        ServerError::Migration { schema, version, reason } => format!(
            "die Tabellen in {schema} lassen sich nicht auf die Version {version} bringen ({reason})"
        ),
        ServerError::Failed { reason } => format!(
            "die Datenbank fiel beim Öffnen aus ({reason}): noch einmal versuchen"
        ),
    }
}

fn of_unfit(unfit: &Unfit) -> String {
    match unfit {
        Unfit::Setting {
            setting,
            value,
            wanted,
        } => format!(
            "der Server der Datenbank hat {setting} = {value}: was er bestätigt, kann bei Stromausfall verloren gehen; dort {setting} = {wanted} setzen"
        ),
        Unfit::TooOld { found } => format!(
            "der Server der Datenbank hat die Version {found}, nötig ist mindestens 15: auf den neuesten Stand bringen"
        ),
        Unfit::Newer {
            schema,
            found,
            known,
        } => format!(
            "die Tabellen in {schema} haben die Version {found}, die dieses Programm (bis {known}) nicht benutzen darf: das neuere Programm einspielen"
        ),
    }
}

fn of_copy(error: &CopyError) -> Option<String> {
    Some(match error {
        CopyError::Open(error) => of_server(error),
        CopyError::Store(_) => return None,
        CopyError::File(_) => {
            "die Kopie einer Datenbank lässt sich nicht schreiben oder lesen: die Platte prüfen, und ob Platz ist".to_owned()
        }
        CopyError::Damaged(what) => format!(
            "die Kopie einer Datenbank ist nicht ganz ({what}): eine andere Sicherung nehmen"
        ),
        CopyError::Occupied(schema) => format!(
            "die Datenbank hat schon Tabellen in {schema}: in eine leere zurücklegen (DROP SCHEMA {schema} CASCADE, wenn nichts darin gebraucht wird)"
        ),
        CopyError::Newer { schema, found, known } => format!(
            "die Kopie hat die Version {found} von {schema}, dieses Programm kennt {known}: ein neueres benutzen"
        ),
    })
}

fn of_snapshot(error: &SnapshotError) -> String {
    match error {
        SnapshotError::Open(error) => of_file(error),
        SnapshotError::Database { path, .. } => format!(
            "die Datenbank {} lässt sich nicht kopieren oder lesen: die Platte prüfen, und ob Platz ist",
            path.display()
        ),
        SnapshotError::Copy { path, .. } => format!(
            "die Kopie {} lässt sich nicht schreiben: die Platte prüfen, und ob Platz ist",
            path.display()
        ),
        SnapshotError::Damaged { path, found } => format!(
            "die Datenbank {} ist beschädigt ({found}): eine andere Kopie nehmen",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_occupied_or_away_is_told_in_german() {
        let occupied = CopyError::Occupied("amtsbote_agent");
        assert_eq!(
            german(&occupied).unwrap(),
            "die Datenbank hat schon Tabellen in amtsbote_agent: in eine leere zurücklegen (DROP SCHEMA amtsbote_agent CASCADE, wenn nichts darin gebraucht wird)"
        );
        let away = CopyError::Open(ServerError::Unreachable {
            place: "db/amtsbote".into(),
            reason: "no answer in time".into(),
        });
        assert!(german(&away).unwrap().starts_with("kein Server"));
        let frame = anyhow::Error::from(away).context("the agents' database cannot be opened");
        let told: Vec<_> = frame.chain().map(|cause| german(cause).unwrap()).collect();
        assert_eq!(told[0], "die Datenbank der Agenten lässt sich nicht öffnen");
        assert!(told[1].starts_with("kein Server"));
        let locked = FileError::Locked {
            path: "/data/gateway.lock".into(),
        };
        assert!(german(&locked).unwrap().contains("laufender Prozess"));
    }
}
