//! Each word of the XML sample, and each way a submission can fail it.

use amtsbote_problem::Whose;
use amtsbote_translate::{Ignored, Limits, Refusal, Sources, Trace};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{check, check_findings, codes, findings, sample, sources, translate, wrapped};

#[test]
fn a_bound_element_gets_its_value() {
    check(
        "<n b:from='.name'>Muster</n>",
        json!({"name": "Köhler"}),
        "<n>Köhler</n>",
    );
    check(
        "<n b:from='.a[1].b'/>",
        json!({"a": [0, {"b": 7}]}),
        "<n>7</n>",
    );
    check(
        "<n b:from='.\"a-b\"'/>",
        json!({"a-b": true}),
        "<n>true</n>",
    );
    check("<n b:from='$receiver.ags'/>", json!({}), "<n>06414000</n>");
    check(
        "<n b:from='$message.uuid'/>",
        json!({}),
        "<n>f81d4fae-7dec-11d0-a765-00a0c91e6bf6</n>",
    );
    check("<n b:from='.x'/>", json!({"x": 1234.50}), "<n>1234.5</n>");
    check("<n b:from='.x'/>", json!({"x": 3.0}), "<n>3</n>");
}

#[test]
fn text_without_binding_stays_and_is_listed() {
    check(
        "<!-- x --><v>1.2</v><?pi?><w><![CDATA[a<b]]></w>",
        json!({}),
        "<v>1.2</v><w>a&lt;b</w>",
    );
    let constants = sample(&wrapped(
        "<v art='x' b:attr-id='.id'>1.2</v><n b:from='.n'>weg</n>",
    ))
    .constants();
    let listed: Vec<_> = constants
        .iter()
        .map(|c| (c.at.as_str(), c.line, c.text.as_str()))
        .collect();
    assert_eq!(
        listed,
        [("/a/v/@art", Some(2), "x"), ("/a/v", Some(2), "1.2")]
    );
}

#[test]
fn prefixes_order_and_other_declarations_stay() {
    let template = "<?xml version='1.0'?>\n<x:a xmlns:x='urn:x' xmlns:q='https://amtsbote.example/ns/binding/1' xmlns='urn:y'>\n  <x:c q:from='.c'/>\n  <b z='1' q:attr-y='.y'/></x:a>";
    let translation = translate(template, &json!({"c": "1", "y": "2"})).unwrap();
    assert_eq!(
        String::from_utf8(translation.document.into_revealed()).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x:a xmlns:x=\"urn:x\" xmlns=\"urn:y\">\n  <x:c>1</x:c>\n  <b z=\"1\" y=\"2\"/>\n</x:a>\n"
    );
}

#[test]
fn values_are_escaped_by_construction() {
    check(
        "<n b:from='.t' b:attr-q='.t'/>",
        json!({"t": "<a b=\"1\">&'\r\n\t]]>"}),
        "<n q=\"&lt;a b=&quot;1&quot;&gt;&amp;&apos;&#13;&#10;&#9;]]&gt;\">&lt;a b=&quot;1&quot;&gt;&amp;&apos;&#13;]]&gt;</n>",
    );
    check_findings(
        "<n b:from='.t'/>",
        json!({"t": "a\u{1}b"}),
        &["translate-invalid-character /t 2"],
    );
    check_findings(
        "<n b:attr-x='.t'/>",
        json!({"t": "\u{FFFE}"}),
        &["translate-invalid-character /t 2"],
    );
}

#[test]
fn a_missing_value_is_reported_dropped_emptied_or_replaced() {
    for data in [
        json!({}),
        json!({"n": null}),
        json!({"n": ""}),
        json!({"n": "  "}),
        Value::Null,
    ] {
        check_findings(
            "<n b:from='.n'>x</n>",
            data.clone(),
            &["translate-missing /n 2"],
        );
        check(
            "<n b:from='.n' b:missing='drop'>x</n><m/>",
            data.clone(),
            "<m/>",
        );
        check(
            "<n b:from='.n' b:missing='empty'>x</n>",
            data.clone(),
            "<n/>",
        );
        check(
            "<n b:from='.n' b:missing='default:k. A.'>x</n>",
            data.clone(),
            "<n>k. A.</n>",
        );
        check("<n x='1' b:attr-x='.n' b:missing-x='drop'/>", data, "<n/>");
    }
}

#[test]
fn attributes_have_the_same_words() {
    check(
        "<n d='1' b:attr-d='.d' b:as-d='date:dd.MM.yyyy' b:attr-c='.c' b:codes-c='rechtsform'/>",
        json!({"d": "1980-02-29", "c": "ag"}),
        "<n d=\"29.02.1980\" c=\"120\"/>",
    );
}

#[test]
fn each_repeats_for_every_item() {
    let data = json!({"p": [{"n": "A", "k": [1, 2]}, {"n": "B", "k": []}]});
    check(
        "<p b:each='.p'><n b:from='.n'/><k b:each='.k' b:from='.'/></p>",
        data,
        "<p><n>A</n><k>1</k><k>2</k></p><p><n>B</n></p>",
    );
    check(
        "<p b:each='.p'><n b:from='.n'/></p>",
        json!({"p": {"n": "A"}}),
        "<p><n>A</n></p>",
    );
    check("<p b:each='.p'><n b:from='.n'/></p>", json!({}), "");
    check(
        "<p b:each='.p'><n b:from='$root.t'/></p>",
        json!({"p": [0, 0], "t": "x"}),
        "<p><n>x</n></p><p><n>x</n></p>",
    );
}

#[test]
fn if_keeps_or_leaves_out() {
    check("<p b:if='.x'>1</p>", json!({"x": true}), "<p>1</p>");
    check("<p b:if='.x'>1</p>", json!({"x": false}), "");
    check("<p b:if='.x'>1</p>", json!({}), "");
    check(
        "<p b:if='.x == \"ja\"'>1</p>",
        json!({"x": "ja"}),
        "<p>1</p>",
    );
    check(
        "<p b:each='.p' b:if='.ok' b:from='.n'/>",
        json!({"p": [{"ok": true, "n": 1}, {"ok": false, "n": 2}]}),
        "<p>1</p>",
    );
}

#[test]
fn an_empty_part_can_be_dropped_as_a_whole() {
    let part =
        "<p b:empty='drop'><art>1</art><o b:from='.o'/><s b:from='.s' b:missing='default:?'/></p>";
    check(part, json!({}), "");
    check_findings(part, json!({"s": "Weg"}), &["translate-missing /o 2"]);
    check(
        part,
        json!({"o": "Kassel"}),
        "<p><art>1</art><o>Kassel</o><s>?</s></p>",
    );
    check(
        "<p b:empty='drop'><q b:from='.q' b:missing='drop'/></p>",
        json!({}),
        "",
    );
    check(
        "<p b:empty='drop'><q b:each='.q' b:from='.'/></p>",
        json!({"q": []}),
        "",
    );
    check(
        "<p><q b:from='.q' b:missing='drop'/></p>",
        json!({}),
        "<p/>",
    );
    check_findings(
        "<p b:empty='drop'><q b:from='.q' b:as='date'/></p>",
        json!({"q": "x"}),
        &["translate-unconvertible /q 2"],
    );
}

/// Of an application that is valid for its schema, another value mends what is the sender's, only another template the rest.
#[test]
fn each_finding_says_whose_it_is() {
    let data =
        json!({ "kg": "kg", "list": [1, 2], "part": { "a": 1 }, "day": "heute", "bad": "\u{1}" });
    for (template, whose) in [
        ("<x b:from='.absent'/>", Whose::Sender),
        ("<x b:from='.day' b:as='date'/>", Whose::Sender),
        ("<x b:from='.bad'/>", Whose::Sender),
        ("<x b:from='.kg' b:codes='rechtsform'/>", Whose::Receiver),
        ("<x b:from='.list[]'/>", Whose::Receiver),
        ("<x b:from='.part'/>", Whose::Receiver),
        ("<x b:from='.kg[0]'/>", Whose::Receiver),
        ("<x b:from='$receiver.absent'/>", Whose::Receiver),
        ("<x b:from='$receiver.ags' b:as='date'/>", Whose::Receiver),
        ("<x b:from='$attachments[0].file'/>", Whose::Receiver),
        ("<x b:from='$attachments[0].filename'/>", Whose::Sender),
    ] {
        let Err(Refusal::Incomplete { findings, .. }) = translate(&wrapped(template), &data) else {
            panic!("{template} is translated");
        };
        let told: Vec<Whose> = findings
            .iter()
            .map(|finding| amtsbote_problem::Finding::from(finding).whose)
            .collect();
        assert_eq!(told, [whose], "{template}: {findings:?}");
    }
}

#[test]
fn codes_are_mapped_by_the_package() {
    check(
        "<r b:from='.r' b:codes='rechtsform'>1</r>",
        json!({"r": "gmbh"}),
        "<r>110</r>",
    );
    check(
        "<r listURI='urn:rechtsform' listVersionID='2' b:from='.r' b:codes='rechtsform'><code>1</code></r>",
        json!({"r": "ag"}),
        "<r listURI=\"urn:rechtsform\" listVersionID=\"2\"><code>120</code></r>",
    );
    check(
        "<r b:from='.r' b:missing='drop'><code>1</code></r>",
        json!({}),
        "",
    );
    check_findings(
        "<r b:from='.r' b:codes='rechtsform'/>",
        json!({"r": "kg"}),
        &["translate-unmapped-code /r 2"],
    );
    check(
        "<r b:from='.r' b:codes='or-keep'/>",
        json!({"r": "kg"}),
        "<r>kg</r>",
    );
    check("<r b:from='.r' b:codes='or-drop'/>", json!({"r": "kg"}), "");
    check(
        "<r b:from='.r' b:codes='or-999'/>",
        json!({"r": "kg"}),
        "<r>999</r>",
    );
}

#[test]
fn every_conversion_converts() {
    let cases = [
        ("text", json!(5), "5"),
        ("trim", json!(" a  b "), "a  b"),
        ("spaces", json!(" a \n b "), "a b"),
        ("upper", json!("straße"), "STRASSE"),
        ("lower", json!("ÄB"), "äb"),
        ("trim | upper", json!(" x "), "X"),
        ("date", json!("2026-01-31"), "2026-01-31"),
        ("date", json!("2026-07-01T22:30:00Z"), "2026-07-02"),
        ("date", json!("2026-01-31T23:30:00+01:00"), "2026-01-31"),
        ("date:dd.MM.yy", json!("2026-01-31"), "31.01.26"),
        ("time:HH:mm", json!("09:05"), "09:05"),
        ("time", json!("09:05:07"), "09:05:07"),
        ("time:HH:mm", json!("2026-12-01T09:05:00Z"), "10:05"),
        (
            "date-time",
            json!("2026-12-01T09:05:00.250Z"),
            "2026-12-01T09:05:00.250Z",
        ),
        (
            "date-time:local",
            json!("2026-07-01T09:05:00.250Z"),
            "2026-07-01T11:05:00.25+02:00",
        ),
        (
            "date-time:dd.MM.yyyy HH:mm:ss",
            json!("2026-03-29T01:00:00Z"),
            "29.03.2026 03:00:00",
        ),
        ("partial-date", json!({"jahr": 1980}), "1980"),
        (
            "partial-date",
            json!({"jahr": "1980", "monat": 2}),
            "1980-02",
        ),
        (
            "partial-date",
            json!({"jahr": 1980, "monat": 2, "tag": 29}),
            "1980-02-29",
        ),
        ("partial-date", json!("1980-02"), "1980-02"),
        ("partial-date", json!(1980), "1980"),
        (
            "partial-date:dd.MM.yyyy",
            json!({"jahr": 1980}),
            "00.00.1980",
        ),
        ("partial-date:yyyyMMdd", json!("1980-02"), "19800200"),
        ("number", json!(12.50), "12.5"),
        ("number:0,00", json!("1234.5"), "1234,50"),
        ("boolean", json!(true), "true"),
        ("boolean:ja/nein", json!(false), "nein"),
        ("boolean:1/0", json!("true"), "1"),
    ];
    for (conversion, value, expected) in cases {
        check(
            &format!("<x b:from='.x' b:as='{conversion}'/>"),
            json!({"x": value}),
            &format!("<x>{expected}</x>"),
        );
    }
}

#[test]
fn what_does_not_convert_is_a_finding() {
    let cases = [
        ("date", json!("31.02.2026")),
        ("date", json!("01.31.2026")),
        ("date", json!("1.1.26")),
        ("date", json!("31.01.2026.")),
        ("date", json!("2026-02-30")),
        ("date", json!("20260131")),
        ("date", json!("2026-01-31T25:00:00Z")),
        ("date", json!("ä026-01-3")),
        ("time", json!("9:05")),
        ("time", json!("25:00")),
        ("date-time", json!("2026-01-31")),
        ("date-time:local", json!("2026-01-31T10:00:00")),
        ("partial-date", json!({"monat": 2})),
        ("partial-date", json!({"jahr": 1980, "tag": 3})),
        ("partial-date", json!({"jahr": 1981, "monat": 2, "tag": 29})),
        ("partial-date", json!({"jahr": 1980, "monat": 13})),
        ("partial-date", json!("1980-00")),
        ("partial-date", json!("80")),
        ("number", json!("1.234,56")),
        ("number:0.00", json!(1.234)),
        ("boolean", json!("vielleicht")),
    ];
    for (conversion, value) in cases {
        let template = format!("<x b:from='.x' b:as='{conversion}'/>");
        check_findings(
            &template,
            json!({"x": value}),
            &["translate-unconvertible /x 2"],
        );
    }
    check_findings(
        "<x b:from='.x'/>",
        json!({"x": {"y": 1}}),
        &["translate-not-one-value /x 2"],
    );
    check_findings(
        "<x b:from='.x' b:as='upper'/>",
        json!({"x": [1]}),
        &["translate-not-one-value /x 2"],
    );
    check_findings(
        "<x b:from='.x[]'/>",
        json!({"x": [1, 2]}),
        &["translate-several-values /x/0 2"],
    );
    check_findings(
        "<x b:from='.x.y'/>",
        json!({"x": "text"}),
        &["translate-expression-failed  2"],
    );
}

#[test]
fn all_findings_come_at_once_with_their_places() {
    check_findings(
        "<p b:each='.p'>\n<n b:from='.n'/>\n<d b:from='.d' b:as='date'/></p>",
        json!({"p": [{"n": "A", "d": "x"}, {"d": "2026-01-01"}, {"n": "C"}]}),
        &[
            "translate-unconvertible /p/0/d 4",
            "translate-missing /p/1/n 3",
            "translate-missing /p/2/d 4",
        ],
    );
    check_findings(
        "<n b:from='$sender.name'/>",
        json!({}),
        &["translate-missing $sender/name 2"],
    );
    check_findings(
        "<p b:each='.p'><n b:from='.n as $n | first($attachments[]? | select(.filename == $n)).size_bytes'/></p>",
        json!({"p": [{"n": "fehlt.pdf"}]}),
        &["translate-unattached /p/0 2"],
    );
}

#[test]
fn findings_never_hold_values() {
    let secret = "Geheimnis";
    let found = findings(
        "<a b:from='.a' b:as='date'/><c b:from='.c' b:codes='rechtsform'/><d b:from='.d[]'/><e b:from='.a | .x'/><f b:from='.a | tonumber'/>",
        json!({"a": secret, "c": secret, "d": [secret, secret]}),
    );
    assert_eq!(found.len(), 5);
    for finding in &found {
        assert!(!format!("{finding:?}").contains(secret));
        let problem = amtsbote_problem::Finding::from(finding);
        assert!(!format!("{problem:?}").contains(secret));
        assert_eq!(problem.at, finding.at);
    }
}

#[test]
fn lineage_says_where_each_output_came_from() {
    let template = wrapped(
        "<p b:each='.p'>\n<n b:from='.n' b:as='upper'/></p>\n<v b:from='\"\\(.p[0].n) x\"' b:attr-k='$receiver.ags'/>\n<w b:from='.w' b:missing='default:0'/>",
    );
    let translation = translate(&template, &json!({"p": [{"n": "a"}, {"n": "b"}]})).unwrap();
    let lines: Vec<String> = translation
        .lineage
        .iter()
        .map(|line| {
            let sources: Vec<String> = line.sources.iter().map(ToString::to_string).collect();
            let conversion = line.conversion.clone().unwrap_or_default();
            format!(
                "{} <- {} {:?} {} {conversion}",
                line.output,
                sources.join(","),
                line.trace,
                line.template_line.unwrap()
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "/a/p[1]/n <- /p/0/n Exact 3 upper",
            "/a/p[2]/n <- /p/1/n Exact 3 upper",
            "/a/v/@k <- $receiver/ags Exact 4 ",
            "/a/v <- /p/0/n Computed 4 ",
            "/a/w <- /w Default 5 ",
        ]
    );
}

fn losses(inner: &str, data: &Value, ignored: &Ignored) -> Vec<String> {
    let sample = sample(&wrapped(inner));
    let translation = sample
        .translate(&sources(data), &Limits::default(), ignored)
        .unwrap();
    translation.losses.iter().map(ToString::to_string).collect()
}

#[test]
fn losses_are_the_inputs_nobody_used() {
    let data = json!({"a": "1", "b": {"c": "2", "d/e": 3}, "f": [true, {"g": "4"}], "leer": "", "nichts": null, "jahr": {"jahr": 1980}});
    let none = Ignored::default();
    assert_eq!(
        losses("<x b:from='.a'/>", &data, &none),
        ["/b/c", "/b/d~1e", "/f/0", "/f/1/g", "/jahr/jahr"]
    );
    assert_eq!(
        losses(
            "<x b:from='.jahr' b:as='partial-date'/><y b:if='.b'><z b:if='.f[0]'/></y>",
            &data,
            &none
        ),
        ["/a", "/b/c", "/b/d~1e", "/f/1/g"]
    );
    assert_eq!(
        losses(
            "<x b:each='.f'/>",
            &data,
            &Ignored::new(["/a", "/b/*", "/jahr"])
        ),
        ["/f/0", "/f/1/g"]
    );
    assert_eq!(
        losses(
            "<x b:from='.p[] | select(.r == \"v\") | .n'/>",
            &json!({"p": [{"r": "m", "n": "M"}, {"r": "v", "n": "V"}]}),
            &none
        ),
        ["/p/0/n"]
    );
    assert_eq!(
        losses(
            "<x b:from='[.p[].n] | join(\" \")'/>",
            &json!({"p": [{"r": "m", "n": "M"}, {"r": "v", "n": "V"}]}),
            &none
        ),
        ["/p/0/r", "/p/1/r"]
    );
}

#[test]
fn a_filtered_value_keeps_its_exact_place() {
    let template = wrapped(
        "<x b:from='.p[] | select(.r == \"v\") | .n'/><p b:each='.p[] | select(.r == \"m\")'><n b:from='.n'/></p>",
    );
    let translation = translate(
        &template,
        &json!({"p": [{"r": "m", "n": "M"}, {"r": "v", "n": "V"}]}),
    )
    .unwrap();
    let exact: Vec<_> = translation
        .lineage
        .iter()
        .filter(|line| line.trace != Trace::Decides)
        .map(|line| (line.sources[0].to_string(), line.trace))
        .collect();
    assert_eq!(
        exact,
        [
            ("/p/1/n".to_owned(), Trace::Exact),
            ("/p/0/n".to_owned(), Trace::Exact)
        ]
    );
    assert!(translation.losses.is_empty());
}

#[test]
fn the_output_is_bounded() {
    let data = json!({"p": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]});
    let sample = crate::sample(&wrapped(
        "<p b:each='.p'><q b:each='$root.p'><r b:from='.'/></q></p>",
    ));
    let few = Limits {
        nodes_max: 50,
        ..Limits::default()
    };
    let small = Limits {
        document_max_bytes: 500,
        ..Limits::default()
    };
    let none = Ignored::default();
    assert!(matches!(
        sample.translate(&sources(&data), &few, &none),
        Err(Refusal::TooManyNodes { max: 50 })
    ));
    assert!(matches!(
        sample.translate(&sources(&data), &small, &none),
        Err(Refusal::TooLarge { max_bytes: 500 })
    ));
    assert!(
        sample
            .translate(&sources(&data), &Limits::default(), &none)
            .is_ok()
    );
}

#[test]
fn nothing_personal_is_printed() {
    let translation = translate(&wrapped("<n b:from='.n'/>"), &json!({"n": "Geheimnis"})).unwrap();
    assert!(!format!("{translation:?}").contains("Geheimnis"));
    assert!(!format!("{:?}", Sources::new(&json!("Geheimnis"))).contains("Geheimnis"));
}

#[test]
fn a_sample_can_be_shared_between_threads() {
    const fn shared<T: Send + Sync>() {}
    shared::<amtsbote_translate::xml::Sample>();
    shared::<amtsbote_translate::json::Sample>();
    shared::<amtsbote_translate::columns::Layout>();
    shared::<Sources>();
    shared::<amtsbote_translate::Translation>();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("1980-02-29")),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[abn]", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    /// `translate` asserts that every text is explained; nothing panics, whatever the submission is.
    #[test]
    fn every_output_is_explained_for_any_submission(data in any_json()) {
        let template = wrapped(
            "<p b:each='.a' c='1' b:attr-d='.b' b:missing-d='drop'><n b:from='.n' b:missing='empty'/><q b:empty='drop'><d b:from='.b' b:as='partial-date'/></q></p>\
             <r b:each='.b?' b:from='.n? // \"x\"' b:as='upper'/>",
        );
        match translate(&template, &data) {
            Ok(_) | Err(Refusal::Incomplete { .. }) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn any_text_comes_back_as_it_was(text in "[\\PC\\n\\r\\t]{1,40}") {
        prop_assume!(!text.trim().is_empty());
        let translation = translate(&wrapped("<n b:from='.t' b:attr-q='.t'/>"), &json!({"t": text.clone()}));
        let document = match translation {
            Ok(translation) => String::from_utf8(translation.document.into_revealed()).unwrap(),
            Err(Refusal::Incomplete { .. }) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        let texts = crate::texts(&document);
        prop_assert_eq!(&texts["/a/n"], &text);
        prop_assert_eq!(&texts["/a/n/@q"], &text);
    }

    #[test]
    fn any_bytes_as_sample_end_in_faults_or_a_sample(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = amtsbote_translate::xml::Sample::parse("s", &bytes, &codes());
        let _ = amtsbote_translate::json::Sample::parse("s", &bytes, &codes());
    }
}
