//! `watchfire rules docs`.

mod hunt_command;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use watchfire_diagnostics::SourceText;
use watchfire_diagnostics::render::one_line;
use watchfire_ir::{Catalogue, Resolution, Schema as _};
use watchfire_rules::format::RuleFile;
use watchfire_rules::load::{Fate, LoadedFile};
use watchfire_rules::page::{Additions, file_stem, index, published, to_html};
use watchfire_sources::normalise::catalogue;

use self::hunt_command::hunt_command;
use crate::check::Examination;
use crate::exit::Exit;
use crate::html::{page_end, page_start};
use crate::rule_paths::load_paths;

/// Writes the pages of rules: in the layout of Elastic's published pages, and behind it what those leave out.
///
/// Left out there and shown here: what makes an alert by the type of the rule, filters, the window that is covered, the
/// fields the query asks of, packages, false positives, and the guide's searches as commands. One rule goes to standard
/// output; several need a folder, which gets a page for each and an index by tactic.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire rules docs my_rule.toml
  watchfire rules docs my_rule.toml --format html > my_rule.html
  watchfire rules docs detection-rules/rules --output pages/ --format html

Exit codes:
  0  done
  1  done, but some file could not be used
  2  wrong usage, or a page exists already")]
pub(super) struct Docs {
    /// Rule files and folders of rules; `-` alone is standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How the pages are written.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    /// The folder that the pages are written to.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Overwrites pages that exist.
    #[arg(long, requires = "output")]
    clobber: bool,
}

/// How pages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown.
    Markdown,
    /// HTML files that need no others.
    Html,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
        }
    }

    /// A page of this title in this form.
    fn of(self, title: &str, markdown: String) -> io::Result<Vec<u8>> {
        let mut page = Vec::new();
        match self {
            Self::Markdown => page = markdown.into_bytes(),
            Self::Html => {
                page_start(title, STYLE, &mut page)?;
                page.write_all(to_html(&markdown).as_bytes())?;
                page_end(&mut page)?;
            }
        }
        Ok(page)
    }
}

const STYLE: &str = "\
body { max-width: 55rem }
table { border-collapse: collapse } td, th { border: 1px solid #8885; padding: .2rem .6rem; text-align: left }";

/// The name of the index, which no page of a rule may have.
const INDEX: &str = "index";

impl Docs {
    pub(super) fn docs(&self, out: &mut dyn Write, log: &mut dyn Write) -> io::Result<Exit> {
        let catalogue = catalogue();
        let mut examination = Examination::new(&catalogue);
        let (mut pages, mut failed) = (Vec::new(), 0);
        for LoadedFile { source, fate, content, diagnostics, .. } in load_paths(&self.paths)? {
            match (fate, content) {
                (Fate::Loaded, Some(content)) => {
                    let page = page_of(&content, &source, &catalogue, &mut examination);
                    pages.push((content, page));
                }
                (Fate::NotARule, _) => {}
                _ => {
                    failed += 1;
                    for diagnostic in diagnostics {
                        writeln!(log, "{}", one_line(&diagnostic, &source))?;
                    }
                }
            }
        }
        match (&self.output, pages.as_slice()) {
            (Some(folder), several) => self.write_folder(folder, several, log)?,
            (None, []) => {}
            (None, [(content, page)]) => {
                out.write_all(&self.format.of(&content.rule.name, page.clone())?)?;
                out.flush()?;
            }
            (None, several) => {
                let message = format!("there are {} rules; name a folder with `--output`", several.len());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
        Ok(if failed == 0 { Exit::Success } else { Exit::Problems })
    }

    /// Writes each page and the index; nothing if one of the files exists and must not be overwritten.
    fn write_folder(
        &self,
        folder: &Path,
        pages: &[(RuleFile, String)],
        log: &mut dyn Write,
    ) -> io::Result<()> {
        let extension = self.format.extension();
        let mut taken: BTreeMap<String, usize> = BTreeMap::from([(INDEX.to_owned(), 1)]);
        let names: Vec<String> = pages
            .iter()
            .map(|(content, _)| {
                let mut stem = file_stem(&content.rule);
                // Of rules with the same name, the second and further ones get a number.
                loop {
                    let number = taken.entry(stem.clone()).or_default();
                    *number += 1;
                    if *number == 1 {
                        return format!("{stem}.{extension}");
                    }
                    stem = format!("{stem}-{number}");
                }
            })
            .collect();
        let listed: Vec<(&RuleFile, String)> =
            pages.iter().zip(&names).map(|((content, _), name)| (content, name.clone())).collect();
        let mut files = vec![(format!("{INDEX}.{extension}"), self.format.of("Rules", index(&listed))?)];
        for ((content, page), name) in pages.iter().zip(&names) {
            files.push((name.clone(), self.format.of(&content.rule.name, page.clone())?));
        }
        fs::create_dir_all(folder)?;
        let there = files.iter().map(|(name, _)| folder.join(name)).find(|path| path.exists());
        if let Some(path) = there.filter(|_| !self.clobber) {
            let message = format!("`{}` exists already; `--clobber` overwrites it", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        for (name, content) in &files {
            fs::write(folder.join(name), content)?;
        }
        writeln!(log, "pages: {} of rules, and {INDEX}.{extension}, in {}", names.len(), folder.display())
    }
}

fn page_of(
    content: &RuleFile,
    source: &SourceText,
    catalogue: &Catalogue,
    examination: &mut Examination<'_>,
) -> String {
    let search = examination.search(content, source, &[]);
    let mut names: Vec<&str> =
        search.iter().flat_map(|search| &search.uses).map(|used| used.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let kind = |name: &str| match catalogue.resolve(name) {
        Resolution::Field(field) if catalogue.knows(name) => field.field_type.to_string(),
        Resolution::Field(_) | Resolution::Unmapped => "unknown".to_owned(),
        Resolution::Object => "object".to_owned(),
        Resolution::Nested(_) => "nested".to_owned(),
    };
    let fields = names.into_iter().map(|name| (name.to_owned(), kind(name))).collect();
    published(content, &Additions { fields, command: &hunt_command })
}
