//! A small tree of an XML text: all that Windows events and the task definitions inside them need.
//!
//! Names are local names: namespaces are not told apart, because every element that is read here has one meaning in
//! whatever namespace it stands. Entities beyond XML's own five are kept as written: nothing is ever expanded or fetched.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Elements nested deeper than this are refused.
pub const MAX_DEPTH: usize = 64;
/// A text with more elements than this is refused; the largest events of Windows have a few hundred.
pub const MAX_ELEMENTS: usize = 100_000;

/// Why a text is no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well formed.
    #[error("not well formed at byte {offset}: {message}")]
    Malformed {
        /// Where in the text.
        offset: u64,
        /// What the parser says.
        message: String,
    },
    /// Beyond [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} elements")]
    TooDeep,
    /// Beyond [`MAX_ELEMENTS`].
    #[error("more than {MAX_ELEMENTS} elements")]
    TooManyElements,
    /// There is no element at all, or the text ends inside one.
    #[error("the text ends too early")]
    Truncated,
}

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Attributes by local name, in the order of the text, without namespace declarations.
    pub attributes: Vec<(String, String)>,
    /// Child elements.
    pub children: Vec<Element>,
    /// The element's own text, the pieces between children joined; line ends are `\n`.
    pub text: String,
}

impl Element {
    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name, without blanks around it; nothing if empty.
    pub fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the first element of a text.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|error| XmlError::Malformed {
            offset: reader.error_position(),
            message: error.to_string(),
        })?;
        let closed = match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                open.push(element(&start));
                None
            }
            Event::Empty(start) => {
                elements += 1;
                Some(element(&start))
            }
            Event::End(_) => Some(open.pop().ok_or(XmlError::Truncated)?),
            Event::Text(piece) => {
                append(&mut open, &piece.xml10_content());
                None
            }
            Event::CData(piece) => {
                append(&mut open, &piece.xml10_content());
                None
            }
            Event::GeneralRef(reference) => {
                match (reference.resolve_char_ref(), reference.as_ref()) {
                    (Ok(Some(character)), _) => append(&mut open, character.encode_utf8(&mut [0; 4])),
                    (_, "amp") => append(&mut open, "&"),
                    (_, "lt") => append(&mut open, "<"),
                    (_, "gt") => append(&mut open, ">"),
                    (_, "quot") => append(&mut open, "\""),
                    (_, "apos") => append(&mut open, "'"),
                    (_, other) => {
                        append(&mut open, "&");
                        append(&mut open, other);
                        append(&mut open, ";");
                    }
                }
                None
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            Event::Eof => return Err(XmlError::Truncated),
        };
        if elements > MAX_ELEMENTS {
            return Err(XmlError::TooManyElements);
        }
        if let Some(closed) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Ok(closed),
            }
        }
    }
}

fn append(open: &mut [Element], piece: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(piece);
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    let mut attributes = Vec::new();
    for attribute in start.attributes().with_checks(false).flatten() {
        let key = attribute.key.into_inner();
        if key == "xmlns" || key.starts_with("xmlns:") {
            continue;
        }
        let local = key.rsplit_once(':').map_or(key, |(_, local)| local);
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or(attribute.value);
        attributes.push((local.to_owned(), value.into_owned()));
    }
    Element { name: start.local_name().into_inner().to_owned(), attributes, ..Element::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_text_attributes_and_entities() {
        let tree = parse(
            "<?xml version='1.0'?>\n<e:Event xmlns:e='x' a=\"1 &lt; 2\"><b>x &amp; y&#13;&bad;\r\nz</b><c d='é'/></e:Event>",
        )
        .unwrap();
        assert_eq!(tree.name, "Event");
        assert_eq!(tree.attribute("a"), Some("1 < 2"));
        assert_eq!(tree.child("b").unwrap().text, "x & y\r&bad;\nz");
        assert_eq!(tree.child("c").unwrap().attribute("d"), Some("é"));
        assert_eq!(tree.child_text("c"), None);
    }

    #[test]
    fn refuses_what_is_no_tree() {
        assert_eq!(parse(""), Err(XmlError::Truncated));
        assert_eq!(parse("<a><b></b>"), Err(XmlError::Truncated));
        assert!(matches!(parse("<a></b>"), Err(XmlError::Malformed { .. })));
        assert_eq!(parse(&"<a>".repeat(MAX_DEPTH + 1)), Err(XmlError::TooDeep));
        let many = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert_eq!(parse(&many), Err(XmlError::TooManyElements));
    }
}
