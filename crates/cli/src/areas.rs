//! Areas the routing service knows by name: the six pilots (keys: Destatis list of regional keys of 2026-06-30).

use amtsbote_gateway::Area;

const PILOTS: [(&str, &str, &str, &[&str]); 6] = [
    (
        "064140000000",
        "Wiesbaden, Landeshauptstadt",
        "Kreisfreie Stadt",
        &["65183", "65185", "65187", "65189"],
    ),
    (
        "066110000000",
        "Kassel, documenta-Stadt",
        "Kreisfreie Stadt",
        &["34117", "34119", "34121"],
    ),
    (
        "064360005005",
        "Hattersheim am Main, Stadt",
        "Stadt",
        &["65795"],
    ),
    (
        "065310007007",
        "Heuchelheim a. d. Lahn",
        "Gemeinde",
        &["35452"],
    ),
    ("064390000000", "Rheingau-Taunus-Kreis", "Landkreis", &[]),
    ("064400000000", "Wetteraukreis", "Landkreis", &[]),
];

/// The six pilots.
pub(crate) fn pilots() -> Vec<Area> {
    let area = |(ars, name, kind, codes): (&str, &str, &str, &[&str])| Area {
        ars: ars.parse().expect("our own regional keys are well-formed"),
        name: name.to_owned(),
        kind: kind.to_owned(),
        postal_codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    PILOTS.map(area).to_vec()
}
