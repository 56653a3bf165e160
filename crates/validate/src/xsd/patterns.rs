//! Patterns, written so that the validator's regular expressions mean what XML Schema means (part 2, appendix F). As they stand, they would
//! not: of `a|b|c` the beginning of `a` and the end of `c` would hold only, `^` and `$` would be anchors, a difference of classes a union, and
//! letters of names or of newer versions of Unicode would be missing.

mod dialect;

use dialect::{is_open, written};

/// The schema's text with its patterns written like that; one with a construct XML Schema does not have stays as it is.
pub(super) fn in_schema(schema: &str) -> String {
    let (mut done, mut rest) = (String::with_capacity(schema.len()), schema);
    while let Some(value) = next_pattern(rest) {
        let (before, from) = rest.split_at(value.start);
        let (pattern, after) = from.split_at(value.end - value.start);
        done.push_str(before);
        let ours = unescaped(pattern).and_then(|plain| Some((written(&plain)?, plain)));
        match ours {
            Some((ours, plain)) if ours != plain => escape(&ours, &mut done),
            None if is_open(pattern) => done.extend(["(", pattern, ")"]),
            Some(_) | None => done.push_str(pattern),
        }
        rest = after;
    }
    done.push_str(rest);
    done
}

/// A pattern as the schema's author wrote it, for people to read.
pub(super) fn as_read(pattern: &str) -> String {
    let mut read = pattern.to_owned();
    for (ours, theirs) in dialect::SHORT {
        read = read.replace(ours, theirs);
    }
    read
}

/// The value of an attribute; none with entities that are not XML's own.
fn unescaped(value: &str) -> Option<String> {
    let blank = |c: char| if c.is_ascii_whitespace() { ' ' } else { c };
    let blanks: String = value.chars().map(blank).collect();
    let plain = quick_xml::escape::unescape(&blanks).ok()?;
    Some(plain.into_owned())
}

fn escape(plain: &str, out: &mut String) {
    for c in plain.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

/// Where the value of the next `pattern` element stands.
fn next_pattern(text: &str) -> Option<std::ops::Range<usize>> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('<')?;
        let name = open + 1;
        let tag = text.get(name..)?;
        let length = tag.find(|c: char| c.is_whitespace() || "/>".contains(c))?;
        let (_, local) = tag[..length]
            .rsplit_once(':')
            .unwrap_or(("", &tag[..length]));
        if local == "pattern"
            && let Some(value) = value_in(&tag[length..])
        {
            let at = name + length;
            return Some(at + value.start..at + value.end);
        }
        from = name + length;
    }
}

/// Where the value of the attribute `value` stands in the rest of a start tag.
fn value_in(tag: &str) -> Option<std::ops::Range<usize>> {
    let mut at = 0;
    loop {
        let equals = at + tag.get(at..)?.find('=')?;
        let name = tag[at..equals].trim();
        if name.contains('>') {
            return None;
        }
        let quote_at = equals + 1 + tag[equals + 1..].find(['"', '\''])?;
        let quote = tag[quote_at..].chars().next()?;
        let end = quote_at + 1 + tag[quote_at + 1..].find(quote)?;
        if name == "value" {
            return Some(quote_at + 1..end);
        }
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_whatever_their_prefix_and_quotes() {
        let schema = "<s><!-- a|b --><xs:pattern value=\"a|b\"/><pattern id='p=1' value = 'c|d' /><xs:patterns value=\"e|f\"/>\
            <xs:pattern/><xs:enumeration value=\"g|h\"/><x:pattern\nvalue=\"(i|j)\"></x:pattern></s>";
        let expected = schema.replace("a|b\"", "(a|b)\"").replace("c|d", "(c|d)");
        assert_eq!(in_schema(schema), expected);
    }

    #[test]
    fn what_is_escaped_in_the_schema_counts_and_stays_escaped() {
        for (value, expected) in [
            ("&#94;&lt;", "\\^&lt;"),
            ("a&quot;$", "a&quot;\\$"),
            ("[&amp;&amp;]$", "[\\&amp;&amp;]\\$"),
            ("&#9;$", "&#9;\\$"),
            ("a\nb$", "a b\\$"),
            ("&own;|$", "(&own;|$)"),
        ] {
            let schema = |value| format!("<xs:pattern value=\"{value}\"/>");
            assert_eq!(in_schema(&schema(value)), schema(expected));
        }
    }
}
