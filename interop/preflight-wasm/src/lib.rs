//! The check of data before it is sent, as WebAssembly with a plain C interface: no imports, no randomness, no clock.
//!
//! ```text
//!  p = preflight_alloc(n) ; write n bytes of JSON at p ; r = preflight_check(p, n)
//!  r >> 32 is the place, r & 0xFFFFFFFF the length of the answer, JSON ; preflight_free both
//! ```
//!
//! Question: `{"service": NAME or URN or schema URI, "data": TEXT}` for data in a built-in service's schema, with
//! `"files": {PATH: TEXT}` (a service's folder) for another one; `"language": "en"` for the text in English.
//! Answer: `{"valid": BOOL, "findings": [FINDING …], "text": TEXT}`, findings as `amtsbote validate --json` gives them; or
//! `{"error": TEXT}` if the question cannot be understood.

mod random;

use std::collections::BTreeMap;

use amtsbote_problem::{Language, report};
use amtsbote_validate::json::{Limits, parse};
use amtsbote_validate::service::Service;
use include_dir::{Dir, include_dir};
use serde_json::{Value, json};

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../schemas");

/// Space for `len` bytes; 0 bytes are one.
#[unsafe(no_mangle)]
pub extern "C" fn preflight_alloc(len: u32) -> *mut u8 {
    let bytes = vec![0_u8; (len as usize).max(1)].into_boxed_slice();
    Box::into_raw(bytes).cast()
}

/// Gives space back: `len` as it was asked for, or as the answer's length says.
///
/// # Safety
/// `place` and `len` are of one call of [`preflight_alloc`] or [`preflight_check`], and are given back once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn preflight_free(place: *mut u8, len: u32) {
    let bytes = core::ptr::slice_from_raw_parts_mut(place, (len as usize).max(1));
    // SAFETY: as the caller promises.
    drop(unsafe { Box::from_raw(bytes) });
}

/// Checks; see the top of this file for question and answer.
///
/// # Safety
/// `len` bytes at `place` are the caller's and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn preflight_check(place: *const u8, len: u32) -> u64 {
    // SAFETY: as the caller promises.
    let question = unsafe { core::slice::from_raw_parts(place, len as usize) };
    let answer = answer(question).to_string().into_bytes().into_boxed_slice();
    let len = answer.len() as u64;
    let place = Box::into_raw(answer).cast::<u8>() as usize as u64;
    place << 32 | len
}

fn answer(question: &[u8]) -> Value {
    let Ok(question) = serde_json::from_slice::<Value>(question) else {
        return json!({ "error": "the question is no JSON" });
    };
    let language = match question["language"].as_str() {
        Some("en") => Language::English,
        _ => Language::German,
    };
    let Some(data) = question["data"].as_str() else {
        return json!({ "error": "data is missing: the document as text" });
    };
    let service = match service(&question) {
        Ok(service) => service,
        Err(error) => return json!({ "error": error }),
    };
    let findings = match parse(data.as_bytes(), Limits::default()) {
        Ok(value) => service.check(&value),
        Err(findings) => findings,
    };
    let text = report::text(&findings, &service.schema().sections(), language);
    json!({ "valid": findings.is_empty(), "findings": findings, "text": text })
}

fn service(question: &Value) -> Result<Service, String> {
    if let Some(files) = question["files"].as_object() {
        let text = |(path, text): (&String, &Value)| {
            Some((path.clone(), text.as_str()?.as_bytes().to_vec()))
        };
        let files = files.iter().filter_map(text).collect();
        return Service::load(files).map_err(|findings| report::text(&findings, &[], Language::English));
    }
    let Some(name) = question["service"].as_str() else {
        return Err("service is missing".to_owned());
    };
    let loaded = SCHEMAS.dirs().filter_map(|dir| Service::load(files_of(dir)).ok());
    let mut names = Vec::new();
    for service in loaded {
        if service.name() == name || service.schema_uri() == name || service.id().to_string() == name {
            return Ok(service);
        }
        names.push(service.name().to_owned());
    }
    Err(format!("no service is called {name}; there are: {}", names.join(", ")))
}

fn files_of(dir: &Dir<'_>) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![dir];
    while let Some(inside) = open.pop() {
        open.extend(inside.dirs());
        for file in inside.files() {
            let path = file.path().strip_prefix(dir.path()).unwrap_or(file.path());
            files.insert(path.to_string_lossy().into_owned(), file.contents().to_vec());
        }
    }
    files
}
