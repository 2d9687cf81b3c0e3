//! Documents on tapes that get a field more.

use serde_json::Value;

use super::{Node, Tape, TapeValue};
use crate::Scalar;
use crate::document::has_too_many_parts;

impl Tape {
    /// The value of its document under a dotted name, as [`get_field`](crate::get_field) finds it in a tree.
    pub fn get_field(&self, name: &str) -> Option<TapeValue<'_>> {
        self.first().as_object()?.get_field(name)
    }

    /// Stores a value under a dotted name of its document, as [`set_field`](crate::set_field) does in a tree. A tape that
    /// holds no object stays as it is.
    pub fn set_field(&mut self, name: &str, value: Scalar<'_>) {
        self.set_with(name, &|tape| tape.add_scalar(value));
    }

    /// The same with any value.
    pub fn set_value(&mut self, name: &str, value: &Value) {
        self.set_with(name, &|tape| tape.add(value));
    }

    /// Whether arrays and objects are nested in more levels than these.
    pub fn is_deeper(&self, levels: usize) -> bool {
        let containers =
            self.nodes.iter().filter(|node| matches!(node, Node::Array { .. } | Node::Object { .. }));
        containers.count() > levels && super::reader::is_deeper(&self.nodes, levels)
    }

    /// Whether any text on it, key or value, ends so.
    pub fn has_text_ending(&self, end: &str) -> bool {
        self.nodes.iter().any(|node| match *node {
            Node::Text { start, length } => {
                self.text.as_bytes()[start as usize..][..length as usize].ends_with(end.as_bytes())
            }
            _ => false,
        })
    }

    fn set_with(&mut self, name: &str, add: &dyn Fn(&mut Self)) {
        if !matches!(self.nodes.first(), Some(Node::Object { .. })) {
            return;
        }
        let mut holders = vec![0];
        if has_too_many_parts(name) {
            return self.put(&holders, name, add);
        }
        let mut rest = name;
        while let Some((key, behind)) = rest.split_once('.') {
            let holder = holders[holders.len() - 1];
            match self.member(holder, key) {
                Some(at) if matches!(self.nodes[at], Node::Object { .. }) => {
                    holders.push(at);
                    rest = behind;
                }
                Some(_) => break,
                None => {
                    let nested: Vec<&str> = behind.split('.').collect();
                    return self.put(&holders, key, &|tape| tape.add_nested(&nested, add));
                }
            }
        }
        self.put(&holders, rest, add);
    }

    /// Objects within one another, the innermost with the value.
    fn add_nested(&mut self, keys: &[&str], add: &dyn Fn(&mut Self)) {
        let Some((key, rest)) = keys.split_first() else { return add(self) };
        let at = self.nodes.len();
        self.nodes.push(Node::Null);
        self.add_text(key);
        self.add_nested(rest, add);
        self.nodes[at] = Node::Object { nodes: (self.nodes.len() - at - 1) as u32 };
    }

    /// Gives the last of some objects within one another a member, in the place of the one of this name if there is one.
    fn put(&mut self, holders: &[usize], key: &str, add: &dyn Fn(&mut Self)) {
        let end = self.nodes.len();
        let holder = holders[holders.len() - 1];
        let known = self.member(holder, key);
        if known.is_none() {
            self.add_text(key);
        }
        add(self);
        let added = self.nodes.split_off(end);
        let Node::Object { nodes } = self.nodes[holder] else { return };
        let (at, gone) = match known {
            Some(at) => (at, self.size(at)),
            None => (holder + 1 + nodes as usize, 0),
        };
        let more = added.len() as u32;
        self.nodes.splice(at..at + gone, added);
        for &holder in holders {
            if let Node::Object { nodes } = &mut self.nodes[holder] {
                *nodes = *nodes + more - gone as u32;
            }
        }
    }

    /// Where the value of a member of the object at a node is.
    fn member(&self, holder: usize, key: &str) -> Option<usize> {
        let Node::Object { nodes } = self.nodes[holder] else { return None };
        let mut at = holder + 1;
        while at < holder + 1 + nodes as usize {
            if let Node::Text { start, length } = self.nodes[at]
                && &self.text.as_bytes()[start as usize..][..length as usize] == key.as_bytes()
            {
                return Some(at + 1);
            }
            at += 1 + self.size(at + 1);
        }
        None
    }

    fn size(&self, at: usize) -> usize {
        match self.nodes[at] {
            Node::Array { nodes } | Node::Object { nodes } => 1 + nodes as usize,
            _ => 1,
        }
    }

    pub(super) fn add_scalar(&mut self, value: Scalar<'_>) {
        match value {
            Scalar::Text(text) => self.add_text(text),
            Scalar::Integer(number) => self.nodes.push(Node::Integer(number)),
            Scalar::Unsigned(number) => self.nodes.push(Node::Unsigned(number)),
            Scalar::Double(number) => self.nodes.push(Node::Double(number)),
            Scalar::Boolean(value) => self.nodes.push(Node::Boolean(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::set_field;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(json!(null)), Just(json!(2.5))];
        let key = || prop_oneof![Just("a"), Just("b"), Just("a.b"), Just("c")].prop_map(str::to_owned);
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec((key(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_field_is_set_as_in_a_tree(
            document in json_value(),
            name in prop_oneof![Just("a"), Just("a.b"), Just("a.b.c"), Just("c.a"), Just("d.e.f")],
            value in json_value(),
        ) {
            let mut tape = Tape::of(&document);
            tape.set_value(name, &value);
            let mut tree = document;
            if let Value::Object(members) = &mut tree {
                set_field(members, name, value);
            }
            prop_assert_eq!(tape.first().to_value().to_string(), tree.to_string());
            prop_assert_eq!(serde_json::to_string(&tape.first()).unwrap(), tree.to_string());
        }
    }

    #[test]
    fn depth_counts_all_levels() {
        let tape = Tape::of(&json!({"a": [{"b": 1}], "c": {}, "d": []}));
        assert!(tape.is_deeper(2) && !tape.is_deeper(3));
        assert!(tape.has_text_ending("b") && !tape.has_text_ending("e"));
        let mut none = Tape::of(&Value::Object(Map::new()));
        none.set_field("a.b", Scalar::Integer(1));
        assert_eq!(none.first().to_value(), json!({"a": {"b": 1}}));
    }
}
