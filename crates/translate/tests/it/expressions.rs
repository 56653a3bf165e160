//! The closed set of jq: what it gives, what it refuses, and that it always ends.

use amtsbote_translate::xml::Sample;
use serde_json::{Value, json};

use crate::{check, check_findings, codes, wrapped};

fn escaped(expression: &str) -> String {
    quick_xml::escape::escape(expression).into_owned()
}

fn gives(expression: &str, data: Value, expected: &str) {
    let expected = quick_xml::escape::escape(expected);
    check(
        &format!("<x b:from=\"{}\"/>", escaped(expression)),
        data,
        &format!("<x>{expected}</x>"),
    );
}

#[test]
fn the_closed_set_computes() {
    let data = json!({
        "vor": "Erika", "nach": "Muster", "n": [3, 1, 2], "t": ["b", null, "a", "b"], "leer": [], "preis": "12.5", "iban": "DE 12 34",
        "p": [{"r": "v", "n": "V", "alt": 40}, {"r": "m", "n": "M", "alt": 38}], "ok": false
    });
    let cases = [
        (".vor + \" \" + .nach", "Erika Muster"),
        ("\"\\(.nach), \\(.vor)\"", "Muster, Erika"),
        (".fehlt // .vor", "Erika"),
        (
            "[.vor, .fehlt, .nach] | map(values) | join(\" \")",
            "Erika Muster",
        ),
        ("[.vor, .fehlt] | join(\"-\")", "Erika-"),
        (".leer | join(\",\") | length", "0"),
        (".n | add", "6"),
        (".n | length", "3"),
        (".n | sort | first", "1"),
        (".n | max", "3"),
        (".n | min", "1"),
        (".n | reverse | .[0]", "2"),
        (".n[-1]", "2"),
        (".t | map(values) | unique | join(\"\")", "ab"),
        (".t | map(tostring) | .[1]", "null"),
        (".p | map(.alt) | add / 2", "39"),
        (".p | sort_by(.alt) | .[0].n", "M"),
        (".p | unique_by(.r) | length", "2"),
        (".p | any(.r == \"m\")", "true"),
        (".p | all(.alt > 39)", "false"),
        ("first(.p[] | select(.alt < 40)) | .n", "M"),
        ("last(.n[])", "2"),
        ("(.preis | tonumber) * 2", "25"),
        ("(.preis | tonumber) | floor", "12"),
        ("(.preis | tonumber) | round", "13"),
        ("(.preis | tonumber) | ceil", "13"),
        ("-3 | abs", "3"),
        ("7 % 4 - 1", "2"),
        (
            "if .ok then \"ja\" elif .vor == \"Erika\" then \"E\" else \"nein\" end",
            "E",
        ),
        (".ok | not", "true"),
        (
            ".ok or (.vor | startswith(\"Er\")) and (.nach | endswith(\"er\"))",
            "true",
        ),
        (".iban | split(\" \") | join(\"\")", "DE1234"),
        (".iban | gsub(\"[^0-9]\"; \"\")", "1234"),
        (
            ".iban | gsub(\"(?<z>[0-9])\"; \"<\\(.z)>\")",
            "DE <1><2> <3><4>",
        ),
        (".iban | test(\"^DE( \\\\d{2}){2}$\")", "true"),
        (".iban | ltrimstr(\"DE \")", "12 34"),
        (".iban | rtrimstr(\" 34\")", "DE 12"),
        (".vor | ascii_upcase", "ERIKA"),
        (".vor | ascii_downcase | contains(\"rik\")", "true"),
        ("\" x \" | trim", "x"),
        ("\" x \" | ltrim | rtrim", "x"),
        (".vor[0:2]", "Er"),
        (".p[0] | keys | join(\",\")", "alt,n,r"),
        (".p[0] | has(\"r\")", "true"),
        (".vor as $v | .p[0].n + $v", "VErika"),
        ("$receiver.ags[0:2]", "06"),
        (".vor.x? // \"kein\"", "kein"),
        ("(.vor.x)? // \"kein\"", "kein"),
        ("null // true", "true"),
        ("$root | .vor", "Erika"),
        (".p[1][\"n\"]", "M"),
        ("\"a\\u00e4\\\"\\\\\"", "aä\"\\"),
    ];
    for (expression, expected) in cases {
        gives(expression, data.clone(), expected);
    }
    check(
        "<x b:from='.t[1] | values' b:missing='drop'/>",
        data.clone(),
        "",
    );
    check("<x b:from='empty' b:missing='drop'/>", data, "");
}

#[test]
fn what_is_not_in_the_closed_set_is_refused_with_its_line() {
    let refused = [
        "def f: f; f",
        "repeat(1)",
        "range(9)",
        "recurse",
        "..",
        "input",
        "inputs",
        "env",
        "$ENV",
        "$__prog_args",
        "now",
        "debug",
        "stderr",
        "halt",
        "halt_error",
        "input_filename",
        "input_line_number",
        "getpath([\"a\"])",
        "reduce .[] as $x (0; .+$x)",
        "foreach .[] as $x (0; .)",
        "label $x | .",
        ".a = 1",
        ".a |= 1",
        ".a += 1",
        "{a: 1}",
        "@base64",
        "@sh \"x\"",
        "try error catch .",
        "while(true; .)",
        "until(false; .)",
        "limit(3; .)",
        "walk(.)",
        "env.PATH",
        "$unbekannt",
        ".[.a]",
        ".a[1:.b]",
        "import \"x\" as y; .",
        "include \"x\"; .",
        "one_step",
        "fits",
        "path_value(.)",
        ". as [$a] | $a",
        ". as $root | .",
        "test(.a)",
        "test(\"a{100}{100}\")",
        "test(\"(\")",
        "error",
        "tojson",
        "fromjson",
        "splits(\"a\")",
        "",
        "(",
        "\"",
        ".a.",
        "1 +",
        "\u{1F600}",
        "a b",
        "[",
        "\"\\(",
        "ltrimstr",
    ];
    for expression in refused {
        let template = wrapped(&format!("<ok/>\n<x b:from=\"{}\"/>", escaped(expression)));
        let faults = Sample::parse("s.xml", template.as_bytes(), &codes()).err();
        let faults = faults
            .unwrap_or_else(|| panic!("accepted: {expression}"))
            .to_string();
        assert!(
            faults.starts_with("s.xml:3 (/a/x): expression refused: "),
            "{expression}: {faults}"
        );
    }
}

#[test]
fn nested_and_long_expressions_are_refused_without_harm() {
    let deep = [
        "(".repeat(400) + "." + &")".repeat(400),
        "[".repeat(999),
        "-".repeat(999),
        ".|".repeat(499) + ".",
        "if . then ".repeat(90),
        "\"\\(".repeat(300),
        ".".repeat(5000),
        "\u{e4}".repeat(700),
    ];
    for expression in deep {
        let template = wrapped(&format!("<x b:from=\"{}\"/>", escaped(&expression)));
        assert!(
            Sample::parse("s.xml", template.as_bytes(), &codes()).is_err(),
            "{expression}"
        );
    }
}

#[test]
fn a_runaway_expression_is_stopped() {
    let many: Vec<Value> = (0..2000).map(Value::from).collect();
    let data = json!({"n": many, "t": "x".repeat(60_000), "f": "9.5"});
    let doubling = |start: &str, step: &str| format!("{start}{}", step.repeat(40));
    let runaways = [
        "[.n[] as $a | .n[] as $b | .n[] as $c | 1] | length".to_owned(),
        "[.n[] | [$root.n[] | [$root.n[]] ] ] | length".to_owned(),
        "[(.n[]?, .n[]?) as $a | (.n[] | .n?)?, .n[]] | length".to_owned(),
        doubling("\"aaaaaaaaaa\"", "|.+."),
        doubling("[1]", "|[.,.]"),
        doubling("[1]", "|.+."),
        doubling("99999", "|.*."),
        doubling("(.f|tonumber)", "|.*."),
        format!("[{}(1,2)] | length", "(1,2)+".repeat(30)),
        format!("[{}1] | length", "(1,1) as $x | ".repeat(40)),
        ".t | gsub(\"x\"; \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\")".to_owned(),
        "[.n[] as $a | $root.t | test(\"(a|x)*y$\")] | length".to_owned(),
        ".n | map($root.n | map($root.n | length) | add) | add".to_owned(),
        "[.n[] as $x | [$root.n[] == $root.n[]]] | length".to_owned(),
        ".t + .t + .t".to_owned(),
    ];
    for expression in runaways {
        // Without the stop these would not come back in anybody's lifetime.
        let found = crate::findings(
            &format!("<x b:from=\"{}\"/>", escaped(&expression)),
            data.clone(),
        );
        let rule = found[0].rule.name();
        assert!(
            rule.starts_with("translate-expression-"),
            "{expression}: {rule}"
        );
    }
}

#[test]
fn suppressing_the_stop_does_not_go_on() {
    let many: Vec<Value> = (0..3000).map(Value::from).collect();
    let expression = "([.n[] as $a | .n[] | 1] | length)? // \"weiter\"";
    let template = format!("<x b:from=\"{}\"/>", escaped(expression));
    check_findings(
        &template,
        json!({"n": many}),
        &["translate-expression-too-long  2"],
    );
}

#[test]
fn a_failing_expression_is_a_finding() {
    check_findings(
        "<x b:from='.a * 2'/>",
        json!({"a": "x"}),
        &["translate-expression-failed  2"],
    );
    check_findings(
        "<x b:from='.a | tonumber'/>",
        json!({"a": "1 2"}),
        &["translate-expression-failed  2"],
    );
    check_findings(
        "<x b:if='.a | .b'/>",
        json!({"a": "x"}),
        &["translate-expression-failed  2"],
    );
    check_findings(
        "<x b:each='.a | .b'/>",
        json!({"a": "x"}),
        &["translate-expression-failed  2"],
    );
}
