//! Where what a call says around the parcel's files comes from: URL, headers, and what the body says of the files. Pure.

use amtsbote_adapter::Lineage;
use amtsbote_adapter::transport::{name_of, parcel_id, said as way};

use crate::settings::{Auth, Body, Settings};
use crate::step_settings::{Step, StepUrl, Steps};

/// Headers are `header/name` in lower case, parts of a form `part[n]`, members of JSON and attributes of XML by their path.
pub(crate) fn said(settings: &Settings, files: usize) -> Vec<Lineage> {
    let url = if settings.url.names_parcel() {
        way("url", &[parcel_id()], "outbound.url, with {parcel}")
    } else {
        way("url", &[], "outbound.url")
    };
    let method = way("method", &[], "outbound.method");
    let mut all = vec![url, method];
    all.extend(headers(settings, "", "the parcel's id"));
    let all_files: Vec<usize> = (1..=files).collect();
    let Some(steps) = &settings.steps else {
        all.extend(body("", &settings.body, &all_files));
        return all;
    };
    let parted = match steps.attachment {
        Some(_) => 1.min(files),
        None => files,
    };
    let (first, others) = all_files.split_at(parted);
    all.extend(body("", &settings.body, first));
    all.extend(of_steps(settings, steps, others));
    all
}

/// The calls after the first: `attachment[n]/…` and `close/…`.
fn of_steps(settings: &Settings, steps: &Steps, others: &[usize]) -> Vec<Lineage> {
    let mut all = Vec::new();
    for (index, file) in others.iter().enumerate() {
        if let Some(step) = &steps.attachment {
            let at = format!("attachment[{}]/", index + 1);
            all.extend(of_step(settings, step, &at));
            let sent = step.body.as_ref().unwrap_or(&Body::File);
            all.extend(body(&at, sent, &[*file]));
        }
    }
    if let Some(step) = &steps.close {
        all.extend(of_step(settings, step, "close/"));
        if step.content.is_some() {
            all.push(way("close/body", &[], "outbound.steps.close.content"));
        }
    }
    all
}

fn of_step(settings: &Settings, step: &Step, at: &str) -> Vec<Lineage> {
    let setting = if at == "close/" {
        "close"
    } else {
        "attachment"
    };
    let filled = |url: &StepUrl| {
        let known = [
            ("{parcel}", "the parcel's id"),
            ("{id}", "the id of the procedure's answer (steps.id)"),
            ("{name}", "the file's name"),
            ("{nr}", "the file's number"),
        ];
        let used = known.iter().filter(|(name, _)| url.as_str().contains(name));
        let told: Vec<String> = used.map(|(name, is)| format!("{name} is {is}")).collect();
        format!("outbound.steps.{setting}.url; {}", told.join(", "))
    };
    let mut all = vec![
        way(format!("{at}url"), &[parcel_id()], &filled(&step.url)),
        way(
            format!("{at}method"),
            &[],
            &format!("outbound.steps.{setting}.method"),
        ),
    ];
    let key = "UUID of version 5 of the parcel's id and the step";
    all.extend(headers(settings, at, key));
    all
}

/// `at` is the call, `key` how the repeat is known again.
fn headers(settings: &Settings, at: &str, key: &str) -> Vec<Lineage> {
    let header = |name: &str| format!("{at}header/{}", name.to_lowercase());
    let mut all: Vec<Lineage> = settings
        .headers
        .keys()
        .map(|name| way(header(name), &[], "outbound.headers"))
        .collect();
    all.push(way(
        header(&settings.id_header),
        &[parcel_id()],
        &format!("outbound.id_header: {key}"),
    ));
    match settings.auth {
        Auth::None => {}
        Auth::Basic { .. } | Auth::Bearer { .. } | Auth::Oauth2 { .. } => {
            all.push(way(header("authorization"), &[], "outbound.auth"));
        }
    }
    let protocol = [
        "content-type",
        "content-length",
        "host",
        "user-agent",
        "accept",
    ];
    all.extend(protocol.map(|name| way(header(name), &[], "HTTP (RFC 9110), outbound.body")));
    all
}

/// Of the parcel's files `files` (from 1).
fn body(at: &str, body: &Body, files: &[usize]) -> Vec<Lineage> {
    let numbered = files.iter().enumerate();
    let name_of = |nr: usize| name_in(at, nr);
    let media_type = |nr: usize| format!("file[{nr}]/@media_type, or application/octet-stream");
    match body {
        Body::File => Vec::new(),
        Body::Json => {
            let of_file = |(index, nr): (usize, &usize)| {
                let at = |member: &str| format!("{at}body/files/{index}/{member}");
                [
                    way(at("path"), &[], &name_of(*nr)),
                    way(at("media_type"), &[], &media_type(*nr)),
                    way(at("content"), &[], &format!("file[{nr}] in base64")),
                ]
            };
            let place = format!("{at}body/parcel");
            let id = way(place, &[parcel_id()], "JSON of this way");
            std::iter::once(id)
                .chain(numbered.flat_map(of_file))
                .collect()
        }
        Body::Xml => {
            let of_file = |(index, nr): (usize, &usize)| {
                let at = |name: &str| format!("{at}body/parcel/file[{}]{name}", index + 1);
                [
                    way(at("/@path"), &[], &name_of(*nr)),
                    way(at("/@mediaType"), &[], &media_type(*nr)),
                    way(at(""), &[], &format!("file[{nr}] in base64")),
                ]
            };
            let place = format!("{at}body/parcel/@id");
            let id = way(place, &[parcel_id()], "XML of this way");
            std::iter::once(id)
                .chain(numbered.flat_map(of_file))
                .collect()
        }
        Body::Multipart { .. } => parts(at, body, files),
    }
}

/// A file that has a call of its own goes without its folder.
fn name_in(at: &str, nr: usize) -> String {
    let name = name_of(nr);
    if at.is_empty() {
        name
    } else {
        format!("{name}, the last part of it")
    }
}

/// In the order in which `wire.rs` writes them.
fn parts(at: &str, body: &Body, files: &[usize]) -> Vec<Lineage> {
    let Body::Multipart {
        id_part, fields, ..
    } = body
    else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let mut nr = 0;
    for _ in fields {
        nr += 1;
        all.push(way(
            format!("{at}part[{nr}]/@name"),
            &[],
            "outbound.body.fields",
        ));
        all.push(way(format!("{at}part[{nr}]"), &[], "outbound.body.fields"));
    }
    if id_part.is_some() {
        nr += 1;
        all.push(way(
            format!("{at}part[{nr}]/@name"),
            &[],
            "outbound.body.id_part",
        ));
        all.push(way(
            format!("{at}part[{nr}]"),
            &[parcel_id()],
            "outbound.body.id_part",
        ));
    }
    for (index, file) in files.iter().enumerate() {
        nr += 1;
        let setting = if index == 0 {
            "first_part"
        } else {
            "other_parts"
        };
        let setting = format!("outbound.body.{setting}");
        let name = format!("{}, / becomes _", name_in(at, *file));
        let media_type = format!("file[{file}]/@media_type, or application/octet-stream");
        all.push(way(format!("{at}part[{nr}]/@name"), &[], &setting));
        all.push(way(format!("{at}part[{nr}]/@filename"), &[], &name));
        all.push(way(format!("{at}part[{nr}]/@media_type"), &[], &media_type));
        all.push(way(
            format!("{at}part[{nr}]"),
            &[],
            &format!("file[{file}]"),
        ));
    }
    all
}
