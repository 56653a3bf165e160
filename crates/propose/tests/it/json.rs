//! Packages from JSON samples.

use amtsbote_propose::{NoteKind, Sample};
use serde_json::{Value, json};

use crate::samples::{proposed, text};

fn template(sample: &Value) -> (Value, String, Vec<String>) {
    let bytes = sample.to_string();
    let proposal = proposed("wohngeld", "miete", Sample::Json(bytes.as_bytes()));
    let constants = proposal
        .notes
        .iter()
        .filter(|note| note.kind == NoteKind::Constant);
    let constants = constants.map(|note| note.at.clone()).collect();
    let manifest = text(&proposal, "package.toml").to_owned();
    let sample = serde_json::from_str(text(&proposal, "vorlage.json")).unwrap();
    (sample, manifest, constants)
}

#[test]
fn a_name_means_more_with_the_one_above_it() {
    let (made, ..) = template(&json!({
        "person": { "name": "Muster", "geburt": { "datum": "1980-12-24", "ort": "Ulm" } },
        "wohnung": { "miete": "612,50" },
        "konto": { "iban": "DE02120300000000202051", "inhaber": "Erika Muster" },
    }));
    for (place, from) in [
        ("/person/geburt/datum", ".antragsteller[0].geburtsdatum"),
        ("/person/geburt/ort", ".antragsteller[0].geburtsort"),
        (
            "/wohnung/miete",
            ".miete.gesamtMonatlichCent | values / 100",
        ),
        ("/konto/inhaber", ".bankverbindung.kontoinhaber"),
    ] {
        let bound = made.pointer(place).and_then(|value| value.get("$from"));
        assert_eq!(bound, Some(&Value::from(from)), "{place}: {made:#}");
    }
}

#[test]
fn items_of_a_list_are_one_that_has_what_any_of_them_has() {
    let (made, ..) = template(&json!({ "mitglieder": [
        { "nachname": "Muster", "einkuenfte": [] },
        { "nachname": "Muster", "vorname": "Otto", "einkuenfte": [{ "kz": "LOHN" }, { "betrag": 1 }] },
    ] }));
    let items = made["mitglieder"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["vorname"]["$from"], ".vornamen");
    assert_eq!(
        items[0]["einkuenfte"],
        json!([{ "kz": "LOHN", "betrag": 1 }])
    );
    let order: Vec<&String> = items[0].as_object().unwrap().keys().collect();
    assert_eq!(order, ["$each", "nachname", "einkuenfte", "vorname"]);
}

#[test]
fn attachments_are_named_as_they_lie_and_sums_are_known_by_their_length() {
    let sum = "9f".repeat(32);
    let (made, ..) = template(&json!({ "dokumente": [
        { "dateiname": "x.pdf", "titel": "Mietvertrag", "pruefsumme": { "verfahren": "SHA-256", "wert": sum } },
    ] }));
    let file = &made["dokumente"][0];
    assert_eq!(file["dateiname"], json!({ "$from": ".file" }));
    assert_eq!(file["titel"]["$from"], ".filename");
    assert_eq!(file["pruefsumme"]["wert"], json!({ "$from": ".sha256" }));
    assert_eq!(file["pruefsumme"]["verfahren"], "SHA-256");
}

#[test]
fn each_value_of_the_sample_that_would_go_out_is_marked() {
    let (_, manifest, constants) = template(&json!({
        "art": "M",
        "person": { "nachname": "Muster", "adresse": "Heideweg 17" },
        "dokumente": [{ "dateiname": "x.pdf", "klasse": "A" }],
    }));
    assert_eq!(constants, ["/person/adresse", "/dokumente/0/klasse"]);
    let marks: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("# offen: "))
        .map(|mark| mark.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(marks, constants);
}

#[test]
fn a_number_of_items_is_counted() {
    let sample = json!({ "haushalt": { "anzahl": 2, "personen": { "anzahlText": "2", "liste": [
        { "nachname": "Muster", "vorname": "Max", "anzahl": 7 }, { "nachname": "Muster" },
    ] } } });
    let (made, _, constants) = template(&sample);
    let list = ".antragsteller | length";
    assert_eq!(made["haushalt"]["anzahl"], json!({ "$from": list }));
    let inside = &made["haushalt"]["personen"];
    assert_eq!(
        inside["anzahlText"],
        json!({ "$from": list, "$as": "text" })
    );
    assert_eq!(inside["liste"][0]["anzahl"], 7);
    assert_eq!(constants, ["/haushalt/personen/liste/0/anzahl"]);
}

#[test]
fn what_stands_together_in_the_sample_is_put_together() {
    let (made, ..) = template(&json!({ "person": {
        "name": "Muster, Erika",
        "adresse": "Heidestra\u{df}e 17, 51147 K\u{f6}ln",
        "plzOrt": "51147 K\u{f6}ln",
    } }));
    let of = ".antragsteller[0].anschrift";
    let street = format!("[{of} | .strasse, .hausnummer | values] | join(\" \")");
    let town = format!("[{of} | .plz, .ort | values] | join(\" \")");
    for (name, from) in [
        (
            "name",
            "[.antragsteller[0] | .familienname, .vornamen | values] | join(\", \")".to_owned(),
        ),
        ("adresse", format!("[({street}), ({town})] | join(\", \")")),
        ("plzOrt", town.clone()),
    ] {
        assert_eq!(made["person"][name]["$from"], from, "{name}: {made:#}");
    }
}
