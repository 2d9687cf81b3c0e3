//! Every code that a diagnostic can have, from all crates; and the reference pages that are made from the program
//! itself.

pub(crate) mod examples;

use watchfire_diagnostics::{CodeInfo, closest};

/// What the codes of one letter group are about, and the group.
pub(crate) struct CodeGroup {
    /// The heading of its part of the page.
    pub(crate) title: &'static str,
    /// Its codes in order.
    pub(crate) codes: &'static [CodeInfo],
}

/// All groups, in the order in which a rule meets them.
pub(crate) const CODE_GROUPS: &[CodeGroup] = &[
    CodeGroup { title: "Rule files and their lint", codes: watchfire_rules::CODES },
    CodeGroup { title: "Reading EQL", codes: watchfire_eql::CODES },
    CodeGroup { title: "Fields and types in EQL", codes: watchfire_ir::codes::CODES },
    CodeGroup { title: "Reading KQL", codes: watchfire_kql::CODES },
    CodeGroup { title: "Reading Lucene queries", codes: watchfire_kql::lucene::CODES },
    CodeGroup {
        title: "Fields and types in KQL, Lucene queries and filters",
        codes: watchfire_ir::KQL_CODES,
    },
    CodeGroup { title: "Reading ES|QL", codes: watchfire_esql::CODES },
    CodeGroup { title: "Names and types in ES|QL", codes: watchfire_pipeline::CODES },
    CodeGroup { title: "The rule as a whole", codes: crate::check::CODES },
    CodeGroup { title: "Files of exceptions and value lists", codes: watchfire_rules::exceptions::CODES },
    CodeGroup { title: "What exceptions mean", codes: watchfire_detect::EXCEPTION_CODES },
    CodeGroup { title: "Tables of sources", codes: watchfire_sources::normalise::tables::CODES },
];

/// All codes.
pub(crate) fn all_codes() -> impl Iterator<Item = &'static CodeInfo> {
    CODE_GROUPS.iter().flat_map(|group| group.codes)
}

/// What is known of a code, in either case of letters, and the group it belongs to.
pub(crate) fn find_code(text: &str) -> Option<(&'static CodeGroup, &'static CodeInfo)> {
    let mut all = CODE_GROUPS.iter().flat_map(|group| group.codes.iter().map(move |info| (group, info)));
    all.find(|(_, info)| info.code.as_str().eq_ignore_ascii_case(text))
}

/// The code that was probably meant.
pub(crate) fn similar_code(text: &str) -> Option<&'static str> {
    closest(text, all_codes().map(|info| info.code.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use std::path::Path;

    use clap::CommandFactory;
    use watchfire_sources::normalise::tables::conversions_page;
    use watchfire_sources::normalise::{SourceKind, page};

    use super::*;

    /// Holds a page of `docs/` to what it should be; with `WATCHFIRE_UPDATE=1` it is written instead.
    fn assert_page(name: &str, content: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        if std::env::var_os("WATCHFIRE_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&path, content).unwrap();
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        let hint = format!("docs/{name} is stale: run the tests with WATCHFIRE_UPDATE=1");
        assert!(page == content, "{hint}");
    }

    #[test]
    fn no_code_has_two_meanings() {
        let mut seen = BTreeSet::new();
        let twice: Vec<_> = all_codes().filter(|info| !seen.insert(info.code)).collect();
        assert!(twice.is_empty(), "{twice:?}");
        for info in all_codes() {
            let (letters, digits) = info.code.as_str().split_at(3);
            let well_formed = letters.bytes().all(|byte| byte.is_ascii_uppercase())
                && digits.len() == 3
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            assert!(well_formed, "{}", info.code);
            assert!(!info.title.is_empty() && info.explanation.ends_with('.'), "{}", info.code);
        }
    }

    #[test]
    fn the_page_of_diagnostics_is_current() {
        let mut page = String::from(
            "# Diagnostics\n\nWhat Watchfire says about rules and queries, by code. A code is never reused for another \
             meaning. `watchfire check --explain CODE` prints one entry, and `watchfire check --fix` makes the \
             edits.\n",
        );
        for group in CODE_GROUPS {
            write!(page, "\n## {}\n", group.title).unwrap();
            for info in group.codes {
                write!(page, "\n### {}: {}\n\n{}\n", info.code, info.title, info.explanation).unwrap();
                let example = examples::markdown(info.code);
                if !example.is_empty() {
                    write!(page, "\n{example}").unwrap();
                }
            }
        }
        assert_page("diagnostics.md", &page);
    }

    #[test]
    fn the_pages_of_sources_are_current() {
        let all = SourceKind::all(&[]);
        for source in &all {
            assert_page(&format!("sources/{source}.md"), &page(*source));
        }
        let mut list = String::from("| source | what it is |\n|---|---|\n");
        for source in &all {
            writeln!(list, "| [`{source}`]({source}.md) | {} |", source.title()).unwrap();
        }
        assert_part("sources/README.md", "sources", &list);
        assert_part("sources/README.md", "conversions", &conversions_page());
        // A page of a source that is gone would say what is true no more.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sources");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            let is_page = all.iter().any(|source| name == format!("{source}.md")) || name == "README.md";
            assert!(is_page, "docs/sources/{name} is of no source");
        }
    }

    /// Holds the part of a page between two marks to what it should be.
    fn assert_part(name: &str, mark: &str, content: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let page = std::fs::read_to_string(&path).unwrap();
        let (begin, end) = (format!("<!-- {mark}: generated -->\n"), format!("<!-- {mark}: end -->"));
        let start = page.find(&begin).expect("the mark is there") + begin.len();
        let stop = page.find(&end).expect("the mark is there");
        assert_page(name, &format!("{}{content}{}", &page[..start], &page[stop..]));
    }

    #[test]
    fn the_page_of_commands_is_current() {
        let mut command = crate::Command::command().term_width(100);
        // The lake and the server are there in some builds only, and have pages of their own.
        #[cfg(feature = "lake")]
        for below in command.get_subcommands_mut() {
            let taken = std::mem::take(below);
            *below = match taken.get_name() {
                "lake" | "serve" | "alerts" | "status" | "keys" | "config" => taken.hide(true),
                "scan" | "hunt" => taken.mut_arg("lake", |lake| lake.hide(true)),
                _ => taken,
            };
        }
        command.build();
        let mut page = String::from("# Commands\n\nThe help of each command, as `--help` prints it.\n");
        write_help(&mut command, &mut page);
        // With `--lake` no path has to be given.
        #[cfg(feature = "lake")]
        let page = {
            let section = |section: &str| {
                let reads = section.starts_with("watchfire scan`") || section.starts_with("watchfire hunt`");
                if reads { section.replace("[PATHS]...", "<PATHS>...") } else { section.to_owned() }
            };
            page.split("\n## `").map(section).collect::<Vec<_>>().join("\n## `")
        };
        assert_page("cli.md", &page);
    }

    #[cfg(feature = "lake")]
    #[test]
    fn the_page_of_the_lake_is_current() {
        let mut command = crate::Command::command().term_width(100);
        command.build();
        let lake = command.find_subcommand_mut("lake").expect("this build has it");
        let mut page = String::from(
            "# Commands of the lake\n\nThe help of `watchfire lake`, as `--help` prints it. The command is built with \
             `--features lake`.\n",
        );
        write_help(lake, &mut page);
        assert_page("cli-lake.md", &page);
    }

    #[cfg(feature = "serve")]
    #[test]
    fn the_page_of_the_server_is_current() {
        let mut command = crate::Command::command().term_width(100);
        command.build();
        let mut page = String::from(
            "# Commands of the server\n\nThe help of each, as `--help` prints it. They are built with `--features serve`.\n",
        );
        for name in ["serve", "alerts", "status", "keys", "config"] {
            let below = command.find_subcommand_mut(name).expect("this build has it");
            write_help(below, &mut page);
        }
        assert_page("cli-serve.md", &page);
    }

    fn write_help(command: &mut clap::Command, page: &mut String) {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n")).unwrap();
        for below in
            command.get_subcommands_mut().filter(|below| below.get_name() != "help" && !below.is_hide_set())
        {
            write_help(below, page);
        }
    }
}
