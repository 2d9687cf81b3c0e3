//! A section of the report: Markdown, and what is not as expected.

use std::fmt;

/// A part of the report under one heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    heading: String,
    blocks: Vec<String>,
    failures: Vec<String>,
}

impl Section {
    /// A section without content.
    pub(crate) fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// Adds a paragraph.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.blocks.push(text.into());
    }

    /// Adds a table, unless it has no rows.
    pub(crate) fn table(&mut self, table: &Table) {
        if !table.rows.is_empty() {
            self.blocks.push(table.to_string());
        }
    }

    /// Adds a list under a line of introduction, unless it is empty.
    pub(crate) fn list(&mut self, introduction: &str, items: impl IntoIterator<Item = String>) {
        let items: Vec<String> = items.into_iter().map(|item| format!("- {item}\n")).collect();
        if !items.is_empty() {
            self.blocks.push(format!("{introduction}\n\n{}", items.concat().trim_end()));
        }
    }

    /// Adds something that is not as expected.
    pub(crate) fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(what.into());
    }

    /// Fails if there is less of something than the data must have: a suite over nothing would pass.
    pub(crate) fn require(&mut self, found: usize, least: usize, what: &str) {
        if found < least {
            self.fail(format!("only {found} {what}, where at least {least} are expected"));
        }
    }

    /// What is not as expected.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}", self.heading)?;
        for block in &self.blocks {
            writeln!(f, "\n{block}")?;
        }
        if !self.failures.is_empty() {
            writeln!(f, "\n**Not as expected: {}**\n", self.failures.len())?;
            self.failures.iter().try_for_each(|failure| writeln!(f, "- {failure}"))?;
        }
        Ok(())
    }
}

/// A Markdown table. Cells that look like numbers stand to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// A last row with the sums of all columns but the first `labels`.
    pub(crate) fn sums(&mut self, labels: usize) {
        let sum = |column: usize| {
            let numbers = self.rows.iter().filter_map(|row| row[column].parse::<usize>().ok());
            numbers.sum::<usize>().to_string()
        };
        let columns = self.header.len();
        let label = |column| if column == 0 { "all".to_owned() } else { String::new() };
        let row = (0..columns).map(|column| if column < labels { label(column) } else { sum(column) });
        let row = row.collect();
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_number = |cell: &String| {
            let digits = cell.trim_end_matches([' ', '%']);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        };
        let column =
            |at: usize| std::iter::once(&self.header[at]).chain(self.rows.iter().map(move |row| &row[at]));
        let columns: Vec<(usize, bool)> = (0..self.header.len())
            .map(|at| {
                let width = column(at).map(|cell| cell.chars().count()).max().unwrap_or_default();
                (width, self.rows.iter().any(|row| is_number(&row[at])))
            })
            .collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            f.write_str("|")?;
            for (cell, &(width, right)) in cells.iter().zip(&columns) {
                if right { write!(f, " {cell:>width$} |")? } else { write!(f, " {cell:width$} |")? }
            }
            Ok(())
        };
        line(f, &self.header)?;
        f.write_str("\n|")?;
        for &(width, right) in &columns {
            write!(f, "{}{}|", "-".repeat(width + 1), if right { ':' } else { '-' })?;
        }
        for row in &self.rows {
            f.write_str("\n")?;
            line(f, row)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_markdown_with_numbers_to_the_right() {
        let mut table = Table::new(["type", "rules", "share"]);
        table.row(["eql".into(), "7".into(), "99.50 %".into()]);
        table.row(["query".into(), "12".into(), String::new()]);
        table.sums(1);
        let expected = "| type  | rules |   share |\n|-------|------:|--------:|\n| eql   |     7 | 99.50 % |\n\
                        | query |    12 |         |\n| all   |    19 |       0 |";
        assert_eq!(table.to_string(), expected);
    }
}
