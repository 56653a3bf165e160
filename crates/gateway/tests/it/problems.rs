//! What a problem's `type` leads to.

use amtsbote_problem::Code;

use crate::bench::{BASE, Bench};

#[tokio::test]
async fn every_type_resolves_in_both_languages() {
    let bench = Bench::new().await;
    for entry in Code::ALL.iter().map(|code| code.entry()) {
        let path = format!("/problems/{}", entry.code);
        for (language, lang, title) in [
            ("de-DE,de;q=0.9", "de", entry.title_de),
            ("en", "en", entry.title),
        ] {
            let page = bench
                .get(&path)
                .header("accept-language", language)
                .header("accept", "text/html,*/*")
                .await;
            assert_eq!(
                page.expect(200).header("content-type"),
                "text/html; charset=utf-8"
            );
            assert!(
                page.text().contains(&format!("<html lang=\"{lang}\">")),
                "{path}"
            );
            let title = title.replace('<', "&lt;").replace('>', "&gt;");
            assert!(page.text().contains(&format!("<h1>{title}</h1>")), "{path}");
            assert!(!page.text().contains("<script"));
        }
    }
}

#[tokio::test]
async fn the_type_of_a_real_problem_leads_to_its_page() {
    let bench = Bench::new().await;
    let refused = bench.post("/submission-api/v1/submissions").await;
    let kind = refused.refuses(401, "token-missing").json()["type"]
        .as_str()
        .unwrap()
        .to_owned();
    let page = bench.get(kind.strip_prefix(BASE).unwrap()).await;
    assert!(page.expect(200).text().contains("token-missing"));
}

#[tokio::test]
async fn programs_get_the_entry_as_json() {
    let bench = Bench::new().await;
    let one = bench
        .get("/problems/key-exists")
        .header("accept", "application/json")
        .await;
    assert_eq!(
        one.expect(200).json()["title"]["de"],
        "Ein anderer Schlüssel hat diese kid"
    );
    assert_eq!(one.json()["turn"], "sender");
    let all = bench
        .get("/problems")
        .header("accept", "application/json")
        .await;
    assert_eq!(
        all.expect(200).json()["problems"].as_array().unwrap().len(),
        Code::ALL.len()
    );
}

#[tokio::test]
async fn the_list_links_every_page_and_the_language_can_be_chosen() {
    let bench = Bench::new().await;
    let list = bench
        .get("/problems?lang=de")
        .header("accept-language", "en")
        .await;
    assert!(list.expect(200).text().contains("<h1>Alle Probleme</h1>"));
    for entry in Code::ALL.iter().map(|code| code.entry()) {
        assert!(
            list.text()
                .contains(&format!("href=\"problems/{}?lang=de\"", entry.code))
        );
    }
    bench
        .get("/problems/no-such-thing")
        .await
        .refuses(404, "no-such-path");
}
