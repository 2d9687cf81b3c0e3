//! From the written table of a source to the one that runs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::RwLock;

use rustc_hash::{FxHashMap, FxHashSet};
use toml::Spanned;
use watchfire_diagnostics::{Diagnostic, Span, did_you_mean};
use watchfire_events::FieldType;

use super::conversion::{CONVERSIONS, Conversion, ConversionProblem};
use super::date::DateForm;
use super::format::{self, Document, Row as WrittenRow, Texts};
use super::keys::Needed;
use super::naming::Naming;
use super::paths::Paths;
use super::pattern::Pattern;
use super::rest::Rest;
use super::step::{Condition, FieldTest, Lookup, Row, Step};
use super::{Dataset, Source, TableSource, Test, codes, intern};
use crate::fields::FieldValue;

/// Reads and checks a table.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn compile(text: &str) -> Result<Source, Vec<Diagnostic>> {
    let document: Document = match toml::from_str(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or(Span::empty(0), |span| Span::new(span.start, span.end));
            return Err(vec![Diagnostic::error(codes::UNREADABLE, error.message().to_owned()).at(at, "")]);
        }
    };
    let mut compiler = Compiler { paths: Paths::default(), problems: Vec::new() };
    let source = compiler.source(document);
    if compiler.problems.is_empty() { Ok(source) } else { Err(compiler.problems) }
}

struct Compiler {
    paths: Paths,
    problems: Vec<Diagnostic>,
}

fn span(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

/// Whether a name can be that of a source or dataset.
pub(super) fn is_name(text: &str) -> bool {
    let parts = text.split('.');
    !text.is_empty()
        && parts.clone().all(|part| !part.is_empty())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte))
}

impl Compiler {
    fn problem(&mut self, code: watchfire_diagnostics::Code, message: String, at: Range<usize>, label: &str) {
        self.problems.push(Diagnostic::error(code, message).at(span(at), label));
    }

    fn source(&mut self, document: Document) -> Source {
        let Document { source, recognise, time, step, words, rest, written } = document;
        let name = source.name.get_ref().as_str();
        if !is_name(name) {
            self.problem(
                codes::NAME,
                format!("`{name}` cannot be the name of a source"),
                source.name.span(),
                "lower-case letters, digits, `_` and `.`",
            );
        }
        let dataset = match &source.dataset {
            None => Dataset { parts: Vec::new(), last: intern(name) },
            Some(written) => self.dataset(written),
        };
        let tests: Vec<Test> = recognise.iter().map(|test| self.test(test)).collect();
        self.slots(&source.function_reads);
        let words: FxHashMap<_, FxHashMap<_, _>> = words
            .into_iter()
            .map(|(name, table)| {
                let table = table.iter().map(|(key, value)| (intern(key), value_of_toml(value)));
                (intern(&name), table.collect())
            })
            .collect();
        let known_words: FxHashSet<&'static str> = words.keys().copied().collect();
        let time = time.map(|time| self.time(&time)).unwrap_or_default();
        let mut steps: Vec<Step> = step.into_iter().map(|step| self.step(step, &known_words)).collect();
        for (number, step) in steps.iter_mut().enumerate() {
            step.number = number;
        }
        for (number, row) in steps.iter_mut().flat_map(|step| &mut step.rows).enumerate() {
            row.number = number;
        }
        let inside = source.inside.as_deref().map(intern);
        let rest = rest.map(|rest| self.rest(&rest, inside));
        let written = written
            .into_iter()
            .filter_map(|(name, kind)| {
                let found = FieldType::from_mapping_name(kind.get_ref());
                if found.is_none() {
                    self.problem(
                        codes::UNREADABLE,
                        format!("there is no type `{}`", kind.get_ref()),
                        kind.span(),
                        "",
                    );
                }
                Some((intern(&name), found?))
            })
            .collect();
        let module = source.module.unwrap_or_else(|| name.split('.').next().unwrap_or_default().to_owned());
        Source {
            table: TableSource {
                name: intern(name),
                title: source.title,
                about: source.about,
                module,
                index: source.index,
                dataset,
                written,
            },
            inside,
            wrappers: source.wrappers.iter().map(|path| intern(path)).collect(),
            nothing: source.nothing.iter().map(|text| intern(text)).collect(),
            tests,
            paths: std::mem::take(&mut self.paths),
            time,
            steps,
            words,
            rest,
        }
    }

    fn dataset(&mut self, written: &Spanned<String>) -> Dataset {
        let text = written.get_ref();
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((path, after)) = behind.split_once('}') else {
                self.problem(
                    codes::NAME,
                    format!("`{text}` has a `{{` without its `}}`"),
                    written.span(),
                    "",
                );
                break;
            };
            parts.push((intern(before), self.paths.slot(intern(path))));
            rest = after;
        }
        let fixed: String = parts.iter().map(|(before, _)| *before).chain([rest]).collect();
        if parts.is_empty() && !is_name(&fixed) {
            self.problem(
                codes::NAME,
                format!("`{text}` cannot be the name of a dataset"),
                written.span(),
                "",
            );
        }
        Dataset { parts, last: intern(rest) }
    }

    fn test(&mut self, test: &Spanned<format::Test>) -> Test {
        let format::Test { has, only, lacks, is } = test.get_ref();
        if has.is_empty() && only.is_empty() && is.is_empty() {
            self.problem(
                codes::RECOGNITION,
                "the test asks for nothing that a record has".to_owned(),
                test.span(),
                "`has` or `is` is needed",
            );
        }
        Test {
            has: has.iter().map(|path| intern(path)).collect(),
            only: only.iter().map(|path| intern(path)).collect(),
            lacks: lacks.iter().map(|path| intern(path)).collect(),
            is: is.iter().map(|(path, texts)| (intern(path), patterns(texts))).collect(),
            needed: has.iter().chain(only).chain(is.keys()).map(|path| Needed::of(path)).collect(),
        }
    }

    fn time(&mut self, time: &format::Time) -> Vec<(usize, DateForm)> {
        let form = match &time.format {
            None => DateForm::Any,
            Some(written) => DateForm::parse(written.get_ref()).unwrap_or_else(|| {
                self.problem(
                    codes::FORM,
                    format!("there is no form of times `{}`", written.get_ref()),
                    written.span(),
                    "",
                );
                DateForm::Any
            }),
        };
        time.fields.iter().map(|path| (self.paths.slot(intern(path)), form)).collect()
    }

    fn slots(&mut self, paths: &[String]) -> Vec<usize> {
        paths.iter().map(|path| self.paths.slot(intern(path))).collect()
    }

    fn raw_tests(&mut self, tests: &BTreeMap<String, Texts>) -> Vec<(usize, Vec<Pattern>)> {
        tests.iter().map(|(path, texts)| (self.paths.slot(intern(path)), patterns(texts))).collect()
    }

    fn step(&mut self, step: format::Step, words: &FxHashSet<&'static str>) -> Step {
        let condition = Condition {
            when: self.raw_tests(&step.when),
            unless: self.raw_tests(&step.unless),
            has: self.slots(&step.has),
            lacks: self.slots(&step.lacks),
            fields: step
                .when_field
                .iter()
                .map(|(field, texts)| FieldTest { field: intern(field), texts: patterns(texts) })
                .collect(),
            lacks_field: step.lacks_field.iter().map(|field| intern(field)).collect(),
        };
        let mut set = Vec::new();
        for (field, value) in &step.set {
            set.push((intern(field), value_of_toml(value)));
        }
        let add = step.add.iter().map(|(field, texts)| {
            (intern(field), texts.as_slice().iter().map(|text| intern(text)).collect())
        });
        let add = add.collect();
        let lookup = step.lookup.map(|lookup| self.lookup(&lookup));
        let rows = step.fields.iter().filter_map(|row| self.row(row, words)).collect();
        let rename = step.rename.iter().filter_map(|pair| self.pair(pair)).collect();
        let copy = step.copy.iter().filter_map(|pair| self.pair(pair)).collect();
        let remove = step.remove.iter().map(|field| intern(field)).collect();
        Step { number: 0, note: step.note, condition, set, add, lookup, rows, rename, copy, remove }
    }

    fn pair(&mut self, pair: &Spanned<Vec<String>>) -> Option<(&'static str, &'static str)> {
        if let [from, to] = &pair.get_ref()[..] {
            return Some((intern(from), intern(to)));
        }
        self.problem(codes::ROW, "a field and its other name are needed".to_owned(), pair.span(), "");
        None
    }

    fn lookup(&mut self, lookup: &format::Lookup) -> Lookup {
        let by = self.slots(lookup.by.as_slice());
        let columns: Vec<&'static str> = lookup.columns.iter().map(|field| intern(field)).collect();
        let mut exact = FxHashMap::default();
        let mut patterns = Vec::new();
        let mut rows = Vec::new();
        for row in &lookup.rows {
            let Some((keys, values)) = row.get_ref().split_first() else { continue };
            if values.len() != columns.len() {
                self.problem(
                    codes::ROW,
                    format!("the row has {} values for {} columns", values.len(), columns.len()),
                    row.span(),
                    "",
                );
                continue;
            }
            let keys: Vec<String> = match keys {
                toml::Value::Array(keys) => keys.iter().map(text_of_toml).collect(),
                key => vec![text_of_toml(key)],
            };
            for key in keys {
                let at = rows.len();
                if key.contains('*') {
                    patterns.push((Pattern::new(&key), at));
                } else {
                    exact.entry(intern(&key.to_lowercase())).or_insert(at);
                }
            }
            rows.push(values.iter().map(value_of_toml).collect());
        }
        let otherwise: Option<Vec<_>> = lookup.otherwise.as_ref().map(|values| {
            if values.get_ref().len() != columns.len() {
                self.problem(
                    codes::ROW,
                    format!("there are {} values for {} columns", values.get_ref().len(), columns.len()),
                    values.span(),
                    "",
                );
            }
            values.get_ref().iter().map(value_of_toml).collect()
        });
        Lookup { by, columns, exact, patterns, rows, otherwise }
    }

    fn row(&mut self, row: &Spanned<WrittenRow>, words: &FxHashSet<&'static str>) -> Option<Row> {
        let (from, to, conversion, join, if_absent, add) = match row.get_ref() {
            WrittenRow::Short(parts) => match &parts[..] {
                [from, to] => (vec![from.clone()], vec![to.clone()], None, None, false, false),
                [from, to, conversion] => {
                    (vec![from.clone()], vec![to.clone()], Some(conversion), None, false, false)
                }
                _ => {
                    self.problem(
                        codes::ROW,
                        format!("a row has two or three parts, and this one {}", parts.len()),
                        row.span(),
                        "",
                    );
                    return None;
                }
            },
            WrittenRow::Long(row) => (
                row.from.as_slice().to_vec(),
                row.to.as_slice().to_vec(),
                row.conversion.as_ref(),
                row.join.as_deref(),
                row.if_absent,
                row.add,
            ),
        };
        let written = conversion.map_or("text", |text| intern(text));
        let conversion = match conversion {
            None => Conversion::Text,
            Some(text) => match Conversion::parse(text) {
                Ok(conversion) => conversion,
                Err(problem) => {
                    self.conversion_problem(text, &problem, row.span());
                    return None;
                }
            },
        };
        if add && (conversion != Conversion::Text || join.is_some() || if_absent) {
            self.problem(
                codes::ROW,
                "`add` goes with texts, without `as`, `join` and `if_absent`".to_owned(),
                row.span(),
                "",
            );
        }
        let table = match &conversion {
            Conversion::Words(table) => Some(*table),
            Conversion::Pairs(pairs) => pairs.fields,
            _ => None,
        };
        if let Some(table) = table
            && !words.contains(table)
        {
            let help = did_you_mean(table, words.iter().copied());
            let mut problem = Diagnostic::error(codes::WORDS, format!("there is no table `[words.{table}]`"))
                .at(span(row.span()), "");
            if let Some(help) = help {
                problem = problem.with_help(help);
            }
            self.problems.push(problem);
        }
        Some(Row {
            number: 0,
            from: self.slots(&from),
            to: to
                .iter()
                .map(|field| (intern(field), intern(&format!("{field}{}", conversion.main_part()))))
                .collect(),
            conversion,
            written,
            join: join.map(intern),
            if_absent,
            add,
        })
    }

    fn conversion_problem(&mut self, text: &str, problem: &ConversionProblem, at: Range<usize>) {
        let name = text.split(':').next().unwrap_or_default();
        let diagnostic = match problem {
            ConversionProblem::Unknown => {
                let names = CONVERSIONS.iter().map(|(name, _, _)| *name);
                let diagnostic =
                    Diagnostic::error(codes::CONVERSION, format!("there is no conversion `{name}`"))
                        .at(span(at), "");
                match did_you_mean(name, names) {
                    Some(help) => diagnostic.with_help(help),
                    None => diagnostic,
                }
            }
            ConversionProblem::Argument("") => {
                Diagnostic::error(codes::CONVERSION, format!("`{name}` takes nothing behind a colon"))
                    .at(span(at), "")
            }
            ConversionProblem::Argument(takes) => {
                Diagnostic::error(codes::CONVERSION, format!("`{text}` is not `{name}:{takes}`"))
                    .at(span(at), "")
            }
        };
        self.problems.push(diagnostic);
    }

    fn rest(&mut self, rest: &format::Rest, inside: Option<&'static str>) -> Rest {
        let naming = match &rest.names {
            None => Naming::Same,
            Some(written) => Naming::parse(written.get_ref()).unwrap_or_else(|| {
                self.problem(
                    codes::UNREADABLE,
                    format!("names are `same` or `snake`, not `{}`", written.get_ref()),
                    written.span(),
                    "",
                );
                Naming::Same
            }),
        };
        let (prefixes, whole): (Vec<_>, Vec<_>) = rest
            .rename
            .iter()
            .map(|(from, to)| (intern(from), intern(to)))
            .partition(|(from, _)| from.ends_with('*'));
        let mut prefixes: Vec<_> =
            prefixes.into_iter().map(|(from, to)| (from.trim_end_matches('*'), to)).collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Rest {
            under: intern(&rest.under),
            naming,
            rename: whole.into_iter().collect(),
            prefixes,
            parts: rest.parts.iter().map(|(from, to)| (intern(from), intern(to))).collect(),
            without: rest.without.iter().map(|path| intern(path)).collect(),
            of: rest.of.as_deref().map(intern),
            inside,
            known: RwLock::default(),
        }
    }
}

fn patterns(texts: &Texts) -> Vec<Pattern> {
    texts.as_slice().iter().map(|text| Pattern::new(text)).collect()
}

/// Lists of tables live as long as the tables do: to the end.
fn words_of(words: Vec<&'static str>) -> FieldValue<'static> {
    FieldValue::Words(Vec::leak(words))
}

fn value_of_toml(value: &toml::Value) -> FieldValue<'static> {
    match value {
        toml::Value::String(text) => intern(text).into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(truth) => (*truth).into(),
        toml::Value::Array(items) => words_of(items.iter().map(|item| intern(&text_of_toml(item))).collect()),
        other => intern(&other.to_string()).into(),
    }
}

fn text_of_toml(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_are_added() {
        let table = |row: &str| {
            format!(
                "[source]\nname = \"a\"\ntitle = \"a\"\n[[step]]\nfields = [{{ from = \"x\", to = \"y\", add = true{row} }}]\n"
            )
        };
        assert!(compile(&table("")).is_ok());
        for row in [", as = \"long\"", ", join = \"-\"", ", if_absent = true"] {
            let problems = compile(&table(row)).expect_err(row);
            assert_eq!(
                problems.iter().map(|problem| problem.code).collect::<Vec<_>>(),
                [codes::ROW],
                "{row}"
            );
        }
    }
}
