//! The pages of rules.

use std::path::Path;

use proptest::prelude::*;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use watchfire_rules::format::{self, RuleFile};
use watchfire_rules::load::load;
use watchfire_rules::page::{self, Additions};

use crate::cases::{assert_snapshot, cases};

/// The sections of a page, in order, behind those of attack frameworks.
const SECTIONS: [&str; 7] = [
    "False positives",
    "Investigation guide",
    "Setup",
    "Query",
    "Related integrations",
    "Required fields",
    "References",
];

/// What holds for the page of any rule, as a Markdown parser sees it: no raw HTML, links to pages only, one title, the
/// known sections in order and none besides, and a table of facts in two columns.
fn assert_well_formed(page: &str, file: &RuleFile, name: &str) {
    assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{name}");
    let hidden = |one: char| one.is_control() && !matches!(one, '\n' | '\t');
    assert!(!page.contains(hidden), "{name}");
    let mut sections = Vec::new();
    let (mut titles, mut cells, mut rows) = (0, 0, 0);
    let mut heading: Option<String> = None;
    let mut tables = 0;
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => panic!("{name}: {html}"),
            Event::Start(Tag::Image { dest_url, .. }) => panic!("{name}: an image of {dest_url}"),
            Event::Start(Tag::Link { dest_url, .. }) => {
                let scheme = dest_url.split_once(':').map(|(scheme, _)| scheme.to_lowercase());
                let allowed = ["http", "https", "mailto"];
                assert!(scheme.is_none_or(|scheme| allowed.contains(&scheme.as_str())), "{name}: {dest_url}");
            }
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => titles += 1,
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => sections.extend(heading.take()),
            Event::Start(Tag::Table(_)) => tables += 1,
            Event::Start(Tag::TableRow) if tables == 1 => rows += 1,
            Event::Start(Tag::TableCell) if tables == 1 => cells += 1,
            _ => {}
        }
    }
    assert_eq!(titles, 1, "{name}");
    // The head of the table has two cells as well.
    assert_eq!(cells, 2 * rows + 2, "{name}");
    let frameworks: Vec<&str> = file.rule.threat().iter().map(|entry| entry.framework.as_str()).collect();
    let own: Vec<&String> =
        sections.iter().filter(|section| !frameworks.contains(&section.as_str())).collect();
    let expected = SECTIONS.iter().filter(|title| own.iter().any(|section| section == *title));
    assert_eq!(own, expected.collect::<Vec<_>>(), "{name}");
    assert_eq!(own.iter().filter(|section| **section == "Query").count(), 1, "{name}");
}

fn page_of(file: &RuleFile, name: &str) -> String {
    let page = page::markdown(file);
    assert_well_formed(&page, file, name);
    page
}

/// The page in the layout of the published ones, as a Markdown parser sees it: no raw HTML, no image, one title.
fn published_page_of(file: &RuleFile, name: &str) -> String {
    let additions = Additions {
        fields: vec![("a|b`<i>".to_owned(), "keyword".to_owned())],
        command: &|search| Some(format!("hunt '{}'", search.label)),
    };
    let page = page::published(file, &additions);
    assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{name}");
    let mut titles = 0;
    for event in Parser::new_ext(&page, Options::ENABLE_TABLES) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => panic!("{name}: {html}"),
            Event::Start(Tag::Image { dest_url, .. }) => panic!("{name}: an image of {dest_url}"),
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => titles += 1,
            _ => {}
        }
    }
    assert_eq!(titles, 1, "{name}");
    for section in ["## What makes an alert", "## Schedule and alerts", "**Maximum alerts per execution**: "]
    {
        assert!(page.contains(section), "{name}: {section}");
    }
    let html = page::to_html(&page);
    assert!(!html.contains("<script") && !html.contains("<img"), "{name}");
    page
}

#[test]
fn each_case_has_its_page() {
    for case in cases("page") {
        let parsed = format::parse(&case.text());
        let file = parsed.file.unwrap_or_else(|| panic!("{} gives {:?}", case.name, parsed.diagnostics));
        assert_snapshot("page", &case.name, &page_of(&file, &case.name));
    }
}

#[test]
fn our_own_rules_have_pages() {
    const SHOWN: [&str; 3] = [
        "command_and_control_netsupport_client_in_writable_folder",
        "defense_evasion_windows_event_log_cleared",
        "lateral_movement_remote_desktop_enabled_in_registry",
    ];
    let mut shown = 0;
    for file in load(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")]) {
        let name = Path::new(file.source.name()).file_stem().unwrap().to_str().unwrap().to_owned();
        let page = page_of(file.content.as_ref().unwrap(), &name);
        if SHOWN.contains(&name.as_str()) {
            shown += 1;
            assert_snapshot("page_of_own_rule", &name, &page);
        }
    }
    assert_eq!(shown, SHOWN.len());
}

/// Every line of every query stands on its rule's page, and no page is broken by what a rule says.
#[test]
fn shared_rules_have_pages() {
    let Some(shared) = watchfire_test_support::shared_folder() else { return };
    for file in load(&[shared.join("corpus/detection-rules")]) {
        let content = file.content.expect("loaded");
        let page = page_of(&content, file.source.name());
        let query = content.rule.kind.query().map(|query| query.text.trim()).unwrap_or_default();
        for line in query.lines() {
            assert!(page.contains(line.trim_end()), "{}: {line}", file.source.name());
        }
        let page = published_page_of(&content, file.source.name());
        for line in query.lines() {
            assert!(page.contains(line.trim_end()), "{}: {line}", file.source.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pieces of markup in any order, in the guide and in the section on setup.
    #[test]
    fn no_guide_breaks_its_page(note in markup(), setup in markup(), name in markup()) {
        let rule = serde_json::json!({
            "name": format!("n{name}"), "description": format!("d\n\n{name}"), "severity": "low", "risk_score": 21, "type": "query",
            "query": name, "note": note, "setup": setup, "tags": [name], "references": [name],
            "false_positives": [name],
        });
        let file = format::parse(&rule.to_string()).file.expect("a rule");
        page_of(&file, &rule.to_string());
        published_page_of(&file, &rule.to_string());
    }
}

fn markup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 44] = [
        "a",
        " ",
        "\n",
        "\n\n",
        "`",
        "``",
        "```",
        "````",
        "~~~",
        "    ",
        "\t",
        "- ",
        "1. ",
        "> ",
        "# ",
        "## ",
        "\n===\n",
        "\n---\n",
        "<b>",
        "</b>",
        "<div>\n",
        "<!--",
        "-->",
        "<?",
        "<![CDATA[",
        "<script>",
        "<pre>",
        "<",
        ">",
        "[a]",
        "[a]: data:b\n",
        "](data:b)",
        "![",
        "[",
        "<data:b>",
        "<https://b.example>",
        "\\",
        "|",
        "|-|-|\n",
        "&lt;",
        "*",
        "$investigate_0",
        "!{osquery{\"label\":\"`<b>\",\"query\":\"```\"}}",
        "\u{202e}",
    ];
    prop::collection::vec(prop::sample::select(&PIECES), 0..14).prop_map(|pieces| pieces.concat())
}
