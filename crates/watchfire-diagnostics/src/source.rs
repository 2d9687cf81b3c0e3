//! A named text and its lines.

/// A text with the name under which a reader knows it (a path, `<query>`), able to tell line and column of an offset.
#[derive(Clone, Debug)]
pub struct SourceText {
    name: String,
    text: String,
    line_starts: Vec<u32>,
    first_line: usize,
}

/// A place for people: both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl SourceText {
    /// A source text; `name` is printed before line and column.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at as u32 + 1));
        let line_starts = starts.collect();
        Self { name: name.into(), text, line_starts, first_line: 1 }
    }

    /// The same text as a part of the one that has the name: there its first line has this number, from 1.
    #[must_use]
    pub fn starting_at_line(mut self, number: usize) -> Self {
        self.first_line = number.max(1);
        self
    }

    /// The number of its first line in the text that has the name; 1 unless it is only a part.
    pub fn first_line(&self) -> usize {
        self.first_line
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset; an offset beyond the end counts as the end, one inside a character as its
    /// start.
    pub fn line_column(&self, offset: u32) -> LineColumn {
        let mut offset = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|&start| start as usize <= offset);
        let start = self.line_starts[line - 1] as usize;
        let line = line + self.first_line - 1;
        LineColumn { line, column: self.text[start..offset].chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_from_one() {
        let source = SourceText::new("x", "a\näb\n");
        assert_eq!(source.line_column(0), LineColumn { line: 1, column: 1 });
        assert_eq!(source.line_column(4), LineColumn { line: 2, column: 2 });
        assert_eq!(source.line_column(99), LineColumn { line: 3, column: 1 });
    }

    #[test]
    fn a_part_counts_as_the_whole_does() {
        let source = SourceText::new("x", "a\näb\n").starting_at_line(7);
        assert_eq!(source.line_column(4), LineColumn { line: 8, column: 2 });
    }
}
