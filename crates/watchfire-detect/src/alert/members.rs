//! The members of a JSON object, written one after the other: a document is written once and not built as a tree before.

use serde_json::Value;

/// An object that is being written.
pub(super) struct Members<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
    /// Where members were left out that are written elsewhere.
    left_out: Vec<usize>,
}

impl<'o> Members<'o> {
    pub(super) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true, left_out: Vec::new() }
    }

    /// Gives the places of what was left out of the whole.
    pub(super) fn end(self) -> Vec<usize> {
        self.out.push(b'}');
        self.left_out
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
    }

    fn key(&mut self, key: &str) {
        self.separate();
        write_text(key, self.out);
        self.out.push(b':');
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_text(text, self.out);
    }

    pub(super) fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        self.out.extend_from_slice(number.to_string().as_bytes());
    }

    pub(super) fn value(&mut self, key: &str, value: &Value) {
        self.key(key);
        serde_json::to_writer(&mut *self.out, value).expect("a value can be written as JSON");
    }

    /// Leaves out members, at least one, that are to be put in here.
    pub(super) fn leave_out(&mut self) {
        self.separate();
        self.left_out.push(self.out.len());
    }

    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Members<'_>)) {
        self.key(key);
        let mut members = Members::begin(self.out);
        write(&mut members);
        members.end();
    }

    /// An array of objects.
    pub(super) fn array<T>(&mut self, key: &str, items: &[T], write: impl Fn(&T, &mut Members<'_>)) {
        self.key(key);
        self.out.push(b'[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            let mut members = Members::begin(self.out);
            write(item, &mut members);
            members.end();
        }
        self.out.push(b']');
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text can be written as JSON");
}
