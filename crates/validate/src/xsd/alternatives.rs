//! Alternatives at the outermost level of a pattern, put into parentheses: of `a|b|c` the validator would look at the beginning of `a` and at
//! the end of `c` only, and so take `ax` or `xc`. The meaning stays (XML Schema part 2, appendix F: a regular expression is one or more
//! branches, and a parenthesised regular expression is an atom).

/// The schema's text with such patterns in parentheses.
pub(super) fn in_parentheses(schema: &str) -> String {
    let (mut done, mut rest) = (String::with_capacity(schema.len()), schema);
    while let Some(value) = next_pattern(rest) {
        let (before, from) = rest.split_at(value.start);
        let (pattern, after) = from.split_at(value.end - value.start);
        done.push_str(before);
        if is_open(pattern) {
            done.extend(["(", pattern, ")"]);
        } else {
            done.push_str(pattern);
        }
        rest = after;
    }
    done.push_str(rest);
    done
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

/// Whether a `|` stands outside of all parentheses and classes.
fn is_open(pattern: &str) -> bool {
    let (mut groups, mut classes, mut is_escaped) = (0_u32, 0_u32, false);
    for c in pattern.chars() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match c {
            '\\' => is_escaped = true,
            '[' => classes += 1,
            ']' => classes = classes.saturating_sub(1),
            '(' if classes == 0 => groups += 1,
            ')' if classes == 0 => groups = groups.saturating_sub(1),
            '|' if classes == 0 && groups == 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alternatives_that_stand_open_are_put_into_parentheses() {
        for (pattern, open) in [
            ("a|b", true),
            ("[A-Z]|x", true),
            ("(a|b)", false),
            ("(a|b)|c", true),
            ("[|]", false),
            (r"a\|b", false),
            (r"\(a|b", true),
            ("[a-z-[|]]", false),
            ("[(]|b", true),
            ("", false),
        ] {
            assert_eq!(is_open(pattern), open, "{pattern}");
        }
    }

    #[test]
    fn patterns_are_found_whatever_their_prefix_and_quotes() {
        let schema = "<s><!-- a|b --><xs:pattern value=\"a|b\"/><pattern id='p=1' value = 'c|d' /><xs:patterns value=\"e|f\"/>\
            <xs:pattern/><xs:enumeration value=\"g|h\"/><x:pattern\nvalue=\"(i|j)\"></x:pattern></s>";
        let expected = schema.replace("a|b\"", "(a|b)\"").replace("c|d", "(c|d)");
        assert_eq!(in_parentheses(schema), expected);
    }
}
