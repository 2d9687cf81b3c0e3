//! Where the keys and values of a rule stand in its text.

use watchfire_diagnostics::Span;

use crate::document::{Node, Syntax, Value};

/// The document of a rule, asked for places only. Values are named by JSON pointers from the rule's own table, such as
/// `/threat/0/tactic/id`.
pub struct Places {
    syntax: Syntax,
    document: Option<Node>,
}

impl Places {
    /// Reads a rule's text; one that cannot be read has no places.
    pub fn of(text: &str) -> Self {
        let (syntax, document) = crate::document::parse(text);
        Self { syntax, document }
    }

    /// The value at `pointer`, counted from the rule's table.
    pub fn value(&self, pointer: &str) -> Option<Span> {
        self.rule_table().and_then(|rule| find(rule, pointer)).map(|node| node.span)
    }

    /// The value at `pointer`, counted from the top of the document.
    pub fn top_value(&self, pointer: &str) -> Option<Span> {
        self.document.as_ref().and_then(|document| find(document, pointer)).map(|node| node.span)
    }

    /// What stands for the rule as a whole: the word `rule` of its table, or in JSON its name.
    pub fn rule(&self) -> Span {
        let place = match self.syntax {
            Syntax::Toml => {
                let top = self.document.as_ref().and_then(Node::as_table);
                top.and_then(|top| top.entry("rule")).map(|entry| entry.key_span)
            }
            Syntax::Json => self.value("/name"),
        };
        place.unwrap_or_default()
    }

    fn rule_table(&self) -> Option<&Node> {
        let document = self.document.as_ref()?;
        match self.syntax {
            Syntax::Toml => find(document, "/rule"),
            Syntax::Json => Some(crate::format::json::rule_object(document).0),
        }
    }
}

fn find<'n>(root: &'n Node, pointer: &str) -> Option<&'n Node> {
    pointer.split('/').skip(1).try_fold(root, |node, step| match &node.value {
        Value::Table(table) => table.get(step),
        Value::List(nodes) => nodes.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}
