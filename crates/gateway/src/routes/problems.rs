//! `/problems`: what a problem's `type` leads to. A page for people, German or English; the entry as JSON for programs.
//!
//! No script, no foreign parts, readable without styles. The text is the catalogue's; nothing of a request comes into it.

use std::fmt::Write as _;

use amtsbote_problem::page::turn_text;
use amtsbote_problem::{Code, Entry, Language};
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::Context;
use crate::access::pairs_of;
use crate::answer::Refused;

/// The routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/problems", get(list))
        .route("/problems/{code}", get(one))
}

async fn list(headers: HeaderMap, query: RawQuery) -> Response {
    let entries = Code::ALL.iter().map(|code| code.entry());
    if wants_json(&headers) {
        return kept(Json(
            json!({ "problems": entries.map(body).collect::<Vec<_>>() }),
        ));
    }
    kept(Html(list_page(&Words::of(language(&headers, &query)))))
}

async fn one(
    Path(code): Path<String>,
    headers: HeaderMap,
    query: RawQuery,
) -> Result<Response, Refused> {
    let mut entries = Code::ALL.iter().map(|known| known.entry());
    let entry = entries
        .find(|entry| entry.code == code)
        .ok_or(Code::NoSuchPath)?;
    if wants_json(&headers) {
        return Ok(kept(Json(body(entry))));
    }
    Ok(kept(Html(page(
        entry,
        &Words::of(language(&headers, &query)),
    ))))
}

/// With the headers all answers share. Pages change with the program only.
fn kept(answer: impl IntoResponse) -> Response {
    let headers = [
        (CACHE_CONTROL, "public, max-age=3600"),
        (VARY, "accept, accept-language"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ];
    (headers, answer).into_response()
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut ranges = accept
        .split(',')
        .map(|range| range.split(';').next().unwrap_or_default().trim());
    ranges
        .find_map(|range| match range {
            "application/json" | "application/problem+json" => Some(true),
            "text/html" | "application/xhtml+xml" => Some(false),
            _ => None,
        })
        .unwrap_or(false)
}

/// `?lang=de` or `?lang=en`, else what the browser prefers.
fn language(headers: &HeaderMap, query: &RawQuery) -> Language {
    let asked = pairs_of(query)
        .find(|(name, _)| name == "lang")
        .map(|(_, value)| value.into_owned());
    let preferred = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    Language::from_accept(asked.as_deref().or(preferred).unwrap_or_default())
}

fn body(entry: &Entry) -> Value {
    json!({
        "code": entry.code,
        "status": entry.status,
        "turn": entry.turn,
        "title": { "de": entry.title_de, "en": entry.title },
        "hint": { "de": entry.hint_de, "en": entry.hint },
    })
}

/// The words of the pages themselves.
struct Words {
    language: Language,
    code: &'static str,
    problems: &'static str,
    meaning: &'static str,
    turn: &'static str,
    advice: &'static str,
    other: (&'static str, &'static str),
}

impl Words {
    const fn of(language: Language) -> Self {
        match language {
            Language::German => Self {
                language,
                code: "de",
                problems: "Alle Probleme",
                meaning: "Bedeutung",
                turn: "Wer ist dran?",
                advice: "Was tun?",
                other: ("en", "English"),
            },
            Language::English => Self {
                language,
                code: "en",
                problems: "All problems",
                meaning: "Meaning",
                turn: "Whose turn is it?",
                advice: "What to do?",
                other: ("de", "Deutsch"),
            },
        }
    }

    const fn title<'e>(&self, entry: &'e Entry) -> &'e str {
        match self.language {
            Language::German => entry.title_de,
            Language::English => entry.title,
        }
    }

    const fn hint<'e>(&self, entry: &'e Entry) -> &'e str {
        match self.language {
            Language::German => entry.hint_de,
            Language::English => entry.hint,
        }
    }

    const fn turn_of(&self, entry: &Entry) -> &'static str {
        let (german, english) = turn_text(entry.turn);
        match self.language {
            Language::German => german,
            Language::English => english,
        }
    }
}

fn list_page(words: &Words) -> String {
    let mut rows = String::new();
    for entry in Code::ALL.iter().map(|code| code.entry()) {
        let (code, title) = (entry.code, escaped(words.title(entry)));
        // Writing to a String cannot fail.
        let _ = write!(
            rows,
            "<tr><td>{}</td><th scope=\"row\"><a href=\"problems/{code}?lang={}\"><code>{code}</code></a></th><td>{title}</td></tr>",
            entry.status, words.code,
        );
    }
    let head = format!(
        "<tr><th scope=\"col\">HTTP</th><th scope=\"col\">Code</th><th scope=\"col\">{}</th></tr>",
        words.meaning
    );
    let main = format!(
        "<h1>{}</h1><table><thead>{head}</thead><tbody>{rows}</tbody></table>",
        words.problems
    );
    document(words, words.problems, &main)
}

fn page(entry: &Entry, words: &Words) -> String {
    let (title, hint) = (escaped(words.title(entry)), escaped(words.hint(entry)));
    let main = format!(
        "<p><a href=\"../problems?lang={}\">{}</a></p><h1>{title}</h1><p>HTTP {} · <code>{}</code></p>\
         <h2>{}</h2><p>{}</p><h2>{}</h2><p>{hint}.</p>",
        words.code,
        words.problems,
        entry.status,
        entry.code,
        words.turn,
        words.turn_of(entry),
        words.advice,
    );
    document(words, &title, &main)
}

fn document(words: &Words, title: &str, main: &str) -> String {
    let (code, name) = words.other;
    format!(
        "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} – Amtsbote</title>\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}\
         th,td{{text-align:left;padding:.25rem .75rem .25rem 0;vertical-align:top}}</style></head>\
         <body><main>{main}</main><footer><p><a href=\"?lang={code}\" lang=\"{code}\" hreflang=\"{code}\">{name}</a></p></footer></body></html>",
        words.code,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
