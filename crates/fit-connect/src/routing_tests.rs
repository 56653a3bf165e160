use super::*;
use crate::fields::summary;

fn check(query: &[(&str, &str)], expected: &[&str]) {
    match RouteQuery::parse(query.iter().copied()) {
        Ok(parsed) => {
            assert!(expected.is_empty(), "{query:?}");
            let pairs = parsed.pairs();
            let again = RouteQuery::parse(pairs.iter().map(|(n, v)| (*n, v.as_str())));
            assert_eq!(again, Ok(parsed));
        }
        wrong => assert_eq!(summary(wrong), expected, "{query:?}"),
    }
}

#[test]
fn a_route_needs_a_service_and_one_place() {
    let key = ("leikaKey", "99012008001000");
    check(&[key, ("ars", "064140000000"), ("limit", "5")], &[]);
    check(&[key, ("ags", "06414000")], &[]);
    check(&[key, ("areaId", "1024")], &[]);
    check(&[key], &["oneOf ars"]);
    check(&[key, ("ars", "06"), ("ags", "06")], &["oneOf ars"]);
    check(
        &[("ars", "DE06"), ("limit", "0")],
        &["pattern ars", "maximum limit", "required leikaKey"],
    );
    check(
        &[("leikaKey", "12012008001000"), ("ags", "0641400")],
        &["pattern ags", "pattern leikaKey"],
    );
}

#[test]
fn areas_are_asked_for_by_one_to_ten_expressions() {
    let expression = ("areaSearchexpression", "Wies*");
    let parse = |n: usize| AreaQuery::parse(vec![expression; n]);
    assert_eq!(parse(10).unwrap().expressions.len(), 10);
    assert_eq!(summary(parse(0)), ["required areaSearchexpression"]);
    assert_eq!(summary(parse(11)), ["maxItems areaSearchexpression"]);
    assert_eq!(
        summary(AreaQuery::parse([("areaSearchexpression", "x")])),
        ["minLength areaSearchexpression"]
    );
}

/// The payload of the example in Routing API 2.0.0.
const ADDRESSING: &str = r#"{"submissionHost":"submission-api-dev.fit-connect.fitko.dev","iss":"https://portal.auth-dev.fit-connect.fitko.dev","services":[{"gebietIDs":["urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs:120645410"],"leistungIDs":["urn:de:fim:leika:leistung:99134005017000"]}],"destinationId":"ac715f34-333e-41f4-9bb5-186b309ea233","iat":1637863481,"jti":"2d1426f2-d673-46de-868e-d96844d24fe1"}"#;

#[test]
fn the_published_addressing_is_read_and_printed() {
    let addressing = Addressing::parse(ADDRESSING.as_bytes()).unwrap();
    assert_eq!(addressing.body().to_string(), ADDRESSING);
    let service = ServiceId::from_leika("99134005017000").unwrap();
    assert!(addressing.covers(&service, &"120645410001".parse().unwrap()));
    assert!(!addressing.covers(&service, &"120645411".parse().unwrap()));
    let other = ServiceId::from_leika("99134005017001").unwrap();
    assert!(!addressing.covers(&other, &"120645410".parse().unwrap()));
}

#[test]
fn routes_keep_what_they_do_not_know() {
    let body = r#"{"count":1,"offset":0,"totalCount":1,"routes":[{"destinationId":"ac715f34-333e-41f4-9bb5-186b309ea233","destinationSignature":"a.b.c","origin":"PVOG","customParameters":{"x":1}}]}"#;
    let routes = Routes::parse(body.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&routes).unwrap(), body);
    assert_eq!(
        summary(Routes::parse(br#"{"routes":[{}]}"#)),
        [
            "required /routes/0/destinationId",
            "required /routes/0/destinationSignature"
        ]
    );
    let areas = br#"{"count":1,"offset":0,"totalCount":1,"areas":[{"id":"1024","name":"Halle (Saale)","type":"Kreisfreie Stadt"}]}"#;
    assert_eq!(
        serde_json::to_vec(&Areas::parse(areas).unwrap()).unwrap(),
        areas
    );
}

#[test]
fn versions_are_read_back() {
    let version = VersionInfo {
        major: 1,
        minor: 1,
        patch: 3,
    };
    assert_eq!(
        VersionInfo::parse(version.body().to_string().as_bytes()),
        Ok(version)
    );
    assert_eq!(
        summary(VersionInfo::parse(
            br#"{"version":{"major":"1","minor":0}}"#
        )),
        ["type /version/major", "required /version/patch"]
    );
}
