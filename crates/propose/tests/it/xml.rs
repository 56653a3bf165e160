//! Packages from XML samples.

use amtsbote_propose::Sample;

use crate::samples::{proposed, text};

/// The template, a line an element, without its comments.
fn template(sample: &str) -> Vec<String> {
    let sample = format!("<m xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{sample}</m>");
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Xml(sample.as_bytes(), None),
    );
    let lines = text(&proposal, "vorlage.xml").lines();
    let elements = lines
        .map(str::trim)
        .filter(|line| !line.starts_with("<!--"));
    elements.map(str::to_owned).collect()
}

fn check(sample: &str, expected: &[&str]) {
    let made = template(sample);
    for line in expected {
        assert!(made.iter().any(|made| made == line), "{line} in {made:#?}");
    }
}

#[test]
fn what_only_some_of_the_elements_have_is_in_the_template_where_it_belongs() {
    let made = template(
        "<Hund><Rufname>A</Rufname><Chip>276093400000001</Chip><Rasse>B</Rasse></Hund>\
         <Hund><Rufname>C</Rufname><OhneChip/><Rasse>D</Rasse><Farbe>rot</Farbe></Hund>",
    );
    let names: Vec<&str> = made
        .iter()
        .filter_map(|line| line.strip_prefix('<')?.split([' ', '>', '/']).next())
        .filter(|name| !name.is_empty() && !["?xml", "m", "Hund"].contains(name))
        .collect();
    assert_eq!(names, ["Rufname", "Chip", "OhneChip", "Rasse", "Farbe"]);
}

#[test]
fn an_element_that_is_nil_in_the_sample_and_has_a_source_is_not_nil() {
    check(
        "<Hund><Rufname>A</Rufname><Gefaehrlich xsi:nil=\"true\"/></Hund>",
        &["<Gefaehrlich b:from=\".hunde[0].istGefaehrlich\" b:as=\"boolean\"/>"],
    );
}

#[test]
fn elements_and_attributes_that_count_a_list_do() {
    check(
        "<Hunde anzahl=\"2\"><Zahl>2</Zahl><Nr>2</Nr><Hund><Rufname>A</Rufname></Hund><Hund><Rufname>B</Rufname></Hund></Hunde>",
        &[
            "<Hunde anzahl=\"2\" b:attr-anzahl=\".hunde | length\">",
            "<Zahl b:from=\".hunde | length\">2</Zahl>",
            "<Nr>2</Nr>",
        ],
    );
    // Without attachments the whole is left out, and its count with it.
    check(
        "<Dateien anzahl=\"1\"><Datei><Dateiname>a.pdf</Dateiname></Datei></Dateien>",
        &[
            "<Dateien anzahl=\"1\" b:empty=\"drop\" b:attr-anzahl=\"$attachments | length | select(. &gt; 0)\" b:missing-anzahl=\"drop\">",
            "<Datei b:each=\"$attachments\">",
            "<Dateiname b:from=\".file\">a.pdf</Dateiname>",
        ],
    );
}

#[test]
fn attributes_that_are_all_an_element_says_are_values_and_a_head_has_none() {
    let sample = "<e:Envelope xmlns:e=\"urn:e\"><e:Header><Kennung>7</Kennung><Nachname>Amt</Nachname></e:Header><e:Body>\
         <Inhaber lfd=\"1\" nachname=\"Muster\" anschrift=\"Lindenweg 5, 35390 Gie\u{df}en\"/>\
         <Inhaber lfd=\"2\" nachname=\"Beispiel\" anschrift=\"Lindenweg 5, 35390 Gie\u{df}en\"/>\
         <Summen inhaber=\"2\" anlagen=\"2\"/></e:Body></e:Envelope>";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Xml(sample.as_bytes(), None),
    );
    let template = text(&proposal, "vorlage.xml");
    for part in [
        "b:each=\".antragsteller\" b:attr-lfd=\"$nr\" b:attr-nachname=\".familienname\"",
        "b:attr-anschrift=\"[([.anschrift | .strasse, .hausnummer | values] | join(",
        "<Summen inhaber=\"2\" anlagen=\"2\" b:attr-inhaber=\".antragsteller | length | select(. &gt; 0)\" b:missing-inhaber=\"drop\"/>",
        "<Nachname>Amt</Nachname>",
    ] {
        assert!(template.contains(part), "{part} in {template}");
    }
}

#[test]
fn an_id_that_is_a_urn_stays_one() {
    check(
        "<MessageID>urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e</MessageID>",
        &[
            "<MessageID b:from=\"&quot;urn:uuid:\\($message.uuid)&quot;\">urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e</MessageID>",
        ],
    );
}
