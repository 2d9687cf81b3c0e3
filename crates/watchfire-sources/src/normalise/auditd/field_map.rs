//! Fields of an audit event in the order in which they came, each name once.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

/// Fields by their names. Whoever writes a log decides how many there are, so none is searched for from the front.
#[derive(Debug, Default)]
pub(super) struct FieldMap<'t> {
    /// What was taken out leaves its place empty.
    fields: Vec<Option<(Cow<'t, str>, Cow<'t, str>)>>,
    at: FxHashMap<Cow<'t, str>, usize>,
}

impl<'t> FieldMap<'t> {
    pub(super) fn get(&self, name: &str) -> Option<&Cow<'t, str>> {
        self.fields[*self.at.get(name)?].as_ref().map(|(_, value)| value)
    }

    /// Writes a field, over one of the same name.
    pub(super) fn set(&mut self, name: Cow<'t, str>, value: Cow<'t, str>) {
        match self.at.get(&name) {
            Some(&at) => self.fields[at] = Some((name, value)),
            None => {
                self.at.insert(name.clone(), self.fields.len());
                self.fields.push(Some((name, value)));
            }
        }
    }

    /// Writes a field, unless there is one of the same name.
    pub(super) fn set_absent(&mut self, name: Cow<'t, str>, value: Cow<'t, str>) {
        if self.get(&name).is_none() {
            self.set(name, value);
        }
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'t, str>> {
        let at = self.at.remove(name)?;
        self.fields[at].take().map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Cow<'t, str>, &Cow<'t, str>)> {
        self.fields.iter().flatten().map(|(name, value)| (name, value))
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Cow<'t, str>, Cow<'t, str>)> {
        self.fields.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_there_once_and_in_its_order() {
        let mut fields = FieldMap::default();
        for (name, value) in [("b", "1"), ("a", "2"), ("b", "3")] {
            fields.set(name.into(), value.into());
        }
        fields.set_absent("a".into(), "4".into());
        assert_eq!(fields.take("b").as_deref(), Some("3"));
        assert_eq!((fields.take("b"), fields.get("b")), (None, None));
        fields.set_absent("b".into(), "5".into());
        let all: Vec<_> = fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(all, ["a=2", "b=5"]);
    }
}
