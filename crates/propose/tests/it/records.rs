//! Packages from samples of several kinds of records: sections, segments, record types.

use amtsbote_propose::{NoteKind, Sample, SampleKind, recognise};

use crate::samples::{proposed, sources, text};

fn has(list: &str, parts: &[&str]) {
    for part in parts {
        assert!(list.contains(part), "{part}\n{list}");
    }
}

const INI: &[u8] = b"; Export\r\n[Halter]\r\nNachname=M\x81ller\r\nVorname=Erika\r\nPLZ=12345\r\nKasse=\r\n\r\n[Hund1]\r\nRufname=Bello\r\nRasse=Dackel\r\n\r\n[Hund2]\r\nRufname=Wilma\r\nRasse=Mops\r\nChipnummer=276000000000001\r\n\x1a";

#[test]
fn numbered_sections_are_one_kind_that_goes_over_a_list() {
    assert_eq!(kind(INI, None), Some(SampleKind::Keys));
    let proposal = proposed("hundesteuer", "familie", Sample::Keys(INI));
    has(
        text(&proposal, "package.toml"),
        &[
            "kind = \"keys\"",
            "separator = \"=\"",
            "gap_lines = 1",
            "encoding = \"cp850\"",
            "end_of_file = \"1A\"",
        ],
    );
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "section = \"Halter\"",
            "section = \"Hund{nr}\"\neach = \".hunde\"",
            "from = \".rufname\"",
            "from = \".antragsteller[0].familienname\"",
            "key = \"\"",
            "text = \"; Export\"",
            "missing = \"drop\"",
        ],
    );
    assert_eq!(list.matches("[[record]]").count(), 3, "{list}");
    assert_eq!(sources(&proposal)["Rasse"], "/hunde/*/rasse");
}

#[test]
fn keys_with_a_number_are_a_kind_and_aligned_separators_are_known() {
    let sample = "Nachname          : Mustermann\nVorname           : Erika\nhund.0.rufname    : Bello\nhund.0.rasse      : Dackel\nhund.1.rufname    : Wilma\nhund.1.rasse      : Mops\nOrt               : Kassel\n";
    assert_eq!(kind(sample.as_bytes(), None), Some(SampleKind::Keys));
    let proposal = proposed("hundesteuer", "familie", Sample::Keys(sample.as_bytes()));
    has(
        text(&proposal, "package.toml"),
        &["separator = \": \"", "key_width = 18", "gap_lines = 0"],
    );
    has(
        text(&proposal, "saetze.toml"),
        &[
            "key = \"hund.{nr0}.rufname\"",
            "each = \".hunde\"",
            "from = \".antragsteller[0].anschrift.ort\"",
        ],
    );
}

fn kind(sample: &[u8], ending: Option<&str>) -> Option<SampleKind> {
    Some(recognise(sample, ending).ok()?.kind)
}

#[test]
fn a_sample_is_what_its_content_says_and_the_ending_only_decides_where_that_is_open() {
    for (sample, ending, expected) in [
        ("NAME;VORNAME\nA;B\n", "txt", SampleKind::Csv),
        ("NAME\tVORNAME\nA\tB\n", "txt", SampleKind::Csv),
        ("Name\tA\nVorname\tB\n", "cfg", SampleKind::Keys),
        ("A,B,C\n1,2,3\n", "dat", SampleKind::Csv),
        ("BETRAG;TEXT\n1,50;x\n2,50;y\n", "txt", SampleKind::Csv),
        ("Name=A\nVorname=B\n", "csv", SampleKind::Keys),
        ("Name: A\nOrt: B, C; D\n", "txt", SampleKind::Keys),
        ("0101=A\n0102=B\n", "txt", SampleKind::Keys),
        ("$NAME=A\n@ORT=B\n", "cfg", SampleKind::Keys),
        ("Name: A;B: C\nName: D;B: E\n", "csv", SampleKind::Csv),
        ("UNB+UNOC:3+A+B'UNZ+0+1'", "csv", SampleKind::Segments),
        ("{\"a\": 1}", "txt", SampleKind::Json),
        ("[1, 2]", "", SampleKind::Json),
        ("[Halter]\nName=A\n", "json", SampleKind::Keys),
        ("<?xml version=\"1.0\"?><a/>", "txt", SampleKind::Xml),
        (
            "<!-- x --><xs:schema xmlns:xs=\"…\"/>",
            "xml",
            SampleKind::Xsd,
        ),
        (
            "Mustermann          Erika          29021980\n",
            "txt",
            SampleKind::Fixed,
        ),
        (
            "Muster   Erika 12,50\nMeier    Bo    13,50\n",
            "txt",
            SampleKind::Fixed,
        ),
        (
            "Ein Satz, und noch einer.\nKein Schl\u{fc}ssel.\n",
            "",
            SampleKind::Fixed,
        ),
        ("NAME\n", "csv", SampleKind::Csv),
    ] {
        let found = kind(sample.as_bytes(), Some(ending));
        assert_eq!(found, Some(expected), "{sample:?} .{ending}");
    }
}

#[test]
fn why_a_sample_is_of_its_kind_is_told_in_both_languages_and_files_without_text_are_refused() {
    let keys = recognise(b"Name: A\nOrt: B\n", Some("txt")).unwrap().why;
    assert_eq!(keys.de, "2 von 2 Zeilen haben die Form Schl\u{fc}ssel:Wert");
    assert_eq!(keys.en, "2 of 2 lines have the form key:value");
    let columns = recognise(b"Name;A\nOrt;B\n", Some("txt")).unwrap().why;
    assert!(columns.de.ends_with("--kind keys"), "{}", columns.de);
    for (bytes, hint) in [
        (b"PK\x03\x04\x14\0".as_slice(), "CSV"),
        (b"\x03\x7e\x01\x01\x02\0\0\0", "dBase"),
        (b"%PDF-1.7", "PDF"),
    ] {
        let refused = recognise(bytes, Some("csv")).unwrap_err();
        assert!(refused.text.de.contains(hint), "{}", refused.text.de);
    }
}

#[test]
fn segments_are_kinds_by_tag_and_qualifier_with_positions_and_counters() {
    let sample = "UNA:+.? '\r\nUNH+1+HUNDAN:D:96A'\r\nNAD+HA+++O?'Neil:Erika'\r\nNAD+ZA++Stadt'\r\nLIN+1++Bello'\r\nLIN+2++Wilma'\r\nUNT+6+1'\r\n";
    assert_eq!(kind(sample.as_bytes(), None), Some(SampleKind::Segments));
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Segments(sample.as_bytes()),
    );
    has(
        text(&proposal, "package.toml"),
        &[
            "kind = \"segments\"",
            "line_end = \"crlf\"",
            "service_advice = true",
            "release = \"?\"",
        ],
    );
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "name = \"nadha\"\ntag = \"NAD\"",
            "name = \"nadza\"",
            "text = \"O'Neil\"",
            "at = \"4.2\"",
            "name = \"lin\"\ntag = \"LIN\"",
            "count = \"rows\"",
        ],
    );
    assert!(
        proposal
            .notes
            .iter()
            .any(|note| { note.kind == NoteKind::Unmapped && note.at == "lin/each" })
    );
}

#[test]
fn what_the_sample_has_of_the_example_is_matched_without_names() {
    let sample = "MSH|^~\\&|KASSE|AMT\rPID|1||||Müller-Weiß^Änne Sophie|28.02.1987\rPID|2||||Mustermann^Jürgen Max|12.08.1964\r";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Segments(sample.as_bytes()),
    );
    has(
        text(&proposal, "package.toml"),
        &["terminator = \"\\r\"", "escape = \"hl7\"", "part = \"&\""],
    );
    has(
        text(&proposal, "saetze.toml"),
        &[
            "tag = \"MSH|^~\\\\&\"",
            "at = \"5.2\"",
            "each = \".antragsteller\"",
            "from = \".familienname\"",
            "from = \"$nr\"",
            "as = \"partial-date:dd.MM.yyyy\"",
        ],
    );
}

#[test]
fn lines_that_begin_with_their_kind_are_records_inside_of_each_other() {
    let sample = "01;20260131;KASSE\r\n10;Müller-Weiß;Änne Sophie;28.02.1987;Wiesbaden\r\n10;Mustermann;Jürgen Max;12.08.1964;Wiesbaden\r\n20;001;Bärli;Labrador Retriever\r\n99;5\r\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(sample.as_bytes()));
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "name = \"satz10\"\neach = \".antragsteller\"",
            "name = \"satz20\"\neach = \".hunde\"",
            "from = \".familienname\"",
            "from = \".anschrift.ort\"",
            "from = \".rufname\"",
            "from = \"$nr\"\nas = \"number:000\"",
            "name = \"FELD2\"\ncount = \"rows\"",
        ],
    );
    assert!(!list.contains("[[column]]"), "{list}");
}

#[test]
fn fixed_lines_of_several_kinds_are_cut_apart_and_described_ones_have_names() {
    let sample = "FS01 KASSE     31012026\nFS10 Mustermann Jürgen Max 12081964\nFS10 Müller     Änne       28021987\nFS99 000004\n";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Fixed(sample.as_bytes(), None),
    );
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "text = \"FS10\"",
            "width = 4",
            "count = \"rows\"\nas = \"number:000000\"",
        ],
    );
    assert_eq!(list.matches("[[record]]").count(), 3, "{list}");
    let columns = amtsbote_propose::Column::list(
        "[10]\nSATZART;2\nNACHNAME;10\nVORNAME;8\n[20]\nSATZART;2\nRUFNAME;8\nRASSE;10",
    )
    .unwrap();
    let sample = "10Mustermann Erika  \n20Bello   Dackel    \n20Wilma   Mops      \n";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Fixed(sample.as_bytes(), Some(&columns)),
    );
    has(
        text(&proposal, "saetze.toml"),
        &[
            "from = \".antragsteller[0].familienname\"",
            "name = \"satz20\"\neach = \".hunde\"",
            "from = \".rufname\"",
            "width = 10",
        ],
    );
}

#[test]
fn rows_with_running_numbers_are_no_kinds() {
    let sample = "1;Bello;Dackel\n2;Wilma;Mops\n3;Rex;Pudel\nS;3\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(sample.as_bytes()));
    assert!(text(&proposal, "spalten.toml").contains("[[column]]"));
}

#[test]
fn blocks_without_titles_that_begin_alike_are_one_kind_and_counts_count() {
    let sample = "Nachname: Mustermann\nAnzahl: 2\n\nHund: Bello\nRasse: Dackel\n\nHund: Wilma\nRasse: Mops\n-----\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Keys(sample.as_bytes()));
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "name = \"hund\"\nsection = \"\"\neach = \".hunde\"",
            "name = \"Anzahl\"\ncount = \"rows\"\nof = \"hund\"",
        ],
    );
    // The last line is no line of each dog.
    assert!(list.contains("name = \"schluss\""), "{list}");
    assert_eq!(list.matches("[[record]]").count(), 3, "{list}");
    // The same title again is the same kind again.
    let sample = "[Hund]\nRufname=Bello\nRasse=Dackel\n[Hund]\nRufname=Wilma\nRasse=Mops\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Keys(sample.as_bytes()));
    has(
        text(&proposal, "saetze.toml"),
        &["section = \"Hund\"\neach = \".hunde\""],
    );
}

#[test]
fn records_without_line_ends_are_cut_by_their_description() {
    let columns = amtsbote_propose::Column::list("RUFNAME:8,RASSE:10").unwrap();
    let sample = "Bello   Dackel    Wilma   Mops      ";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Fixed(sample.as_bytes(), Some(&columns)),
    );
    has(text(&proposal, "package.toml"), &["line_end = \"none\""]);
    has(text(&proposal, "saetze.toml"), &["each = \".hunde\""]);
}

#[test]
fn of_equal_values_the_one_whose_object_serves_the_record_goes_in() {
    // Both are called Größer, and the mother was born where the father lives.
    let edi =
        "UNH+1'NAD+AS+Größer:Anne-Sophie+Wiesbaden+65185'NAD+KV+Größer:Tim+Gießen+35392'UNT+4+1'";
    let proposal = proposed(
        "unterhaltsvorschuss",
        "getrennt",
        Sample::Segments(edi.as_bytes()),
    );
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "from = \".antragsteller[0].familienname\"",
            "from = \".andererElternteil.familienname\"",
            "from = \".andererElternteil.anschrift.ort\"",
        ],
    );
    assert!(!list.contains("geburtsort"), "{list}");
}

#[test]
fn fields_of_a_record_come_from_one_object_and_only_what_closes_the_file_counts() {
    let mut lines = vec!["EDI_DC401002026010200".to_owned()];
    for (sign, number, street, house) in [
        ("E1BETRIE", "0000010201", "Bleichstraße", "12b"),
        ("E1INHABE", "0000020302", "", ""),
        ("E1ADRESS", "0000030304", "Wellritzstraße", "41"),
    ] {
        lines.push(format!(
            "{sign}100{number}{street:<15}{house:<4}65183Wiesbaden"
        ));
    }
    lines.push("E1ENDE  1000000040102004".to_owned());
    let address = "SEG;8\nMANDT;3\nSEGNUM;6\nEBENE;4\nSTRASSE;15\nHAUSNR;4\nPLZ;5\nORT;9\n";
    let columns = amtsbote_propose::Column::list(&format!(
        "[EDI_DC40]\nSEG;8\nMANDT;3\nDAT;10\n[E1BETRIE]\n{address}[E1INHABE]\nSEG;8\n[E1ADRESS]\n{address}[E1ENDE]\nSEG;8\nMANDT;3\nSEGNUM;6\nEBENE;4\nANZAHL;3\n"
    ))
    .unwrap();
    let sample = lines.join("\n");
    let proposal = proposed(
        "gewerbeanmeldung",
        "einzelunternehmen",
        Sample::Fixed(sample.as_bytes(), Some(&columns)),
    );
    let list = text(&proposal, "saetze.toml");
    let records: Vec<&str> = list.split("\n[[record]]\n").collect();
    let from = |record: usize, object: &str| {
        let own = records[record]
            .lines()
            .filter(|line| line.starts_with("from ="));
        let own: Vec<&str> = own.collect();
        assert_eq!(own.len(), 4, "{}", records[record]);
        assert!(own.iter().all(|line| line.contains(object)), "{own:?}");
    };
    from(2, ".betriebsstaette.");
    from(4, ".antragsteller[0].anschrift.");
    let counts = |record: &&str| record.contains("count = ");
    assert!(!records[..5].iter().any(counts), "{list}");
    has(records[5], &["count = \"rows\"\nof = [\"satze1betrie\", "]);
}

#[test]
fn one_message_of_several_is_proposed_and_repetitions_and_breaks_are_told() {
    let sample = "MSH|^~\\&|A|B\rPID|1||17^^^X~18^^^Y|Muster^Erika\rNTE|1||eins\\.br\\zwei\rMSH|^~\\&|A|B\rPID|1||19|Meier^Bo\r";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Segments(sample.as_bytes()),
    );
    assert!(text(&proposal, "package.toml").contains("line_breaks = \"escape\""));
    let list = text(&proposal, "saetze.toml");
    assert_eq!(list.matches("tag = \"PID\"").count(), 1, "{list}");
    assert!(!list.contains("each ="), "{list}");
    let layout = |note: &&amtsbote_propose::Note| note.kind == NoteKind::Layout;
    let told: Vec<(&str, &str)> = proposal
        .notes
        .iter()
        .filter(layout)
        .map(|note| (note.at.as_str(), note.text.en.as_str()))
        .collect();
    assert_eq!(told[0].0, "record");
    assert!(
        told[0].1.starts_with("the sample holds 2 messages"),
        "{told:?}"
    );
    assert_eq!(told[1].0, "PID/3");
    assert!(told[1].1.starts_with("the element repeats (~)"), "{told:?}");
    let again = "name = \"3[2]\"\ntext = \"18\"\nat = \"3[2]\"";
    has(list, &[again, "text = \"Y\"\nat = \"3[2].4\""]);

    let sample = "UNB+UNOC:3+A+B'UNH+1+X'NAD+HA+1'UNT+3+1'UNH+2+X'NAD+HA+2'UNT+3+2'UNZ+2+1'";
    let proposal = proposed(
        "hundesteuer",
        "familie",
        Sample::Segments(sample.as_bytes()),
    );
    let list = text(&proposal, "saetze.toml");
    for tag in ["UNB", "UNH", "NAD", "UNT", "UNZ"] {
        let tag = format!("tag = \"{tag}\"");
        assert_eq!(list.matches(&tag).count(), 1, "{list}");
    }
}

#[test]
fn repetitions_of_edifact_are_told_by_the_syntax_version() {
    let list = |version: &str| {
        let sample = format!("UNB+UNOC:{version}+A+B'UNH+1+X'NAD+HA+a*b?*c'UNT+3+1'UNZ+1+1'");
        let sample = Sample::Segments(sample.as_bytes());
        let proposal = proposed("hundesteuer", "familie", sample);
        text(&proposal, "saetze.toml").to_owned()
    };
    has(
        &list("4"),
        &["text = \"a\"", "text = \"b*c\"\nat = \"2[2]\""],
    );
    has(&list("3"), &["text = \"a*b*c\""]);
}

#[test]
fn characters_in_hexadecimal_digits_are_read() {
    let sample =
        b"MSH|^~\\&|A|B\rPID|1||M\\XC3BC\\ller\\X2c\\X|x\\X0D0A\\y|k\\XZZ\\e|\\H\\l\\N\\\r";
    let proposal = proposed("hundesteuer", "familie", Sample::Segments(sample));
    let list = text(&proposal, "saetze.toml");
    has(
        list,
        &[
            "text = \"M\u{fc}ller,X\"",
            "text = \"x\\ny\"",
            "text = \"ke\"",
            "text = \"l\"",
        ],
    );
    assert!(text(&proposal, "package.toml").contains("line_breaks = \"escape\""));
}

#[test]
fn numbers_of_the_record_above_are_counted() {
    let sample = "10;0001;0000;Müller-Weiß;Änne Sophie;28.02.1987\r\n11;0002;0001;Friedrichstraße;9;65185;Wiesbaden\r\n10;0003;0000;Mustermann;Jürgen Max;12.08.1964\r\n11;0004;0003;Friedrichstraße;9;65185;Wiesbaden\r\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(sample.as_bytes()));
    has(
        text(&proposal, "saetze.toml"),
        &[
            "[[record]]\nname = \"satz10\"\neach = \".antragsteller\"",
            "[[record.record]]\nname = \"satz11\"\n",
            "[[record.record.field]]\nname = \"FELD2\"\ncount = \"row\"\nas = \"number:0000\"",
            "[[record.record.field]]\nname = \"FELD3\"\ncount = \"parent\"\nas = \"number:0000\"",
        ],
    );
}

#[test]
fn what_a_trailer_sums_up_is_a_sum() {
    let of_kinds = |rows: [&str; 3]| {
        let [one, two, sum] = rows;
        let sample =
            format!("01;20260131;KASSE;X;Y\r\n20;1;{one}\r\n20;2;{two}\r\n99;4;{sum};E\r\n");
        let proposal = proposed("wohngeld", "lasten", Sample::Csv(sample.as_bytes()));
        text(&proposal, "saetze.toml").to_owned()
    };
    has(
        &of_kinds(["118034", "25000", "0000143034"]),
        &[
            "each = \".einkommen\"",
            "# Vorschlag / proposal: Summe von / sum of: satz20/FELD3\n[[record.field]]\nname = \"FELD3\"\nfrom = \"[.einkommen[]? | .bruttoMonatlichCent] | add // 0\"\nas = \"number:0000000000\"\n",
        ],
    );
    has(
        &of_kinds(["118034", "25000", "143035"]),
        &["name = \"FELD3\"\ntext = \"143035\""],
    );
}

#[test]
fn a_sum_below_the_rows_is_written_as_the_sample_writes_it() {
    let sample = "Art;Brutto monatlich\r\nrente;1.180,34\r\nminijob;250,00\r\n1.430,34\r\n";
    let proposal = proposed("wohngeld", "lasten", Sample::Csv(sample.as_bytes()));
    has(
        text(&proposal, "spalten.toml"),
        &[
            "each = \".einkommen\"",
            "[[after]]\nname = \"FELD1\"\nfrom = \"[.einkommen[]? | .bruttoMonatlichCent | values / 100] | add // 0 | . * 100 | round | . / 100\"\nas = \"number:0.000,00\"\n",
        ],
    );
}

#[test]
fn a_sum_of_what_has_no_source_is_told() {
    let sample = "20;1;77.777,01\r\n20;2;11.111,00\r\n99;2;88.888,01;E\r\n";
    let proposal = proposed("hundesteuer", "familie", Sample::Csv(sample.as_bytes()));
    let note = proposal.notes.iter().find(|note| note.at == "satz99/FELD3");
    let note = note.unwrap();
    assert_eq!(note.kind, NoteKind::Unmapped);
    assert!(
        note.text
            .en
            .starts_with("in the sample the sum of satz20/FELD3")
    );
}

#[test]
fn zeros_in_front_of_a_number_are_kept() {
    let amounts = |one: &str, two: &str| {
        let sample = format!("Art;Brutto monatlich Cent\r\nrente;{one}\r\nminijob;{two}\r\n");
        let proposal = proposed("wohngeld", "lasten", Sample::Csv(sample.as_bytes()));
        text(&proposal, "spalten.toml").to_owned()
    };
    has(
        &amounts("00118034", "00025000"),
        &["from = \".bruttoMonatlichCent\"\nas = \"number:00000000\"\n"],
    );
    has(
        &amounts("118034", "025000"),
        &["from = \".bruttoMonatlichCent\"\nas = \"number:000000\"\n"],
    );
    has(
        &amounts("118034", "25000"),
        &["from = \".bruttoMonatlichCent\"\nas = \"number\"\n"],
    );
}

#[test]
fn an_iban_is_written_as_the_sample_writes_it() {
    let list = |iban: &str| {
        let sample = format!("Name;IBAN\r\nMuster;{iban}\r\n");
        let proposal = proposed("wohngeld", "lasten", Sample::Csv(sample.as_bytes()));
        text(&proposal, "spalten.toml").to_owned()
    };
    has(
        &list("DE02 1203 0000 0000 2020 51"),
        &[
            r#"from = ".bankverbindung.iban | values | gsub(\"(?<four>.{4})\"; \"\\(.four) \") | rtrimstr(\" \")""#,
        ],
    );
    has(
        &list("DE02120300000000202051"),
        &["from = \".bankverbindung.iban\"\n"],
    );
}
