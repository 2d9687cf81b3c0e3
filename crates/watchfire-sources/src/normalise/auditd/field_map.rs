//! Fields of an audit event in the order in which they came, each name once.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

/// Fields up to this number are searched for from the front, which costs less than a hash.
const FEW: usize = 40;

/// Fields by their names. Whoever writes a log decides how many there are, so of many none is searched for from the front.
#[derive(Debug, Default)]
pub(super) struct FieldMap<'t> {
    /// What was taken out leaves its place empty.
    fields: Vec<Option<(Cow<'t, str>, Cow<'t, str>)>>,
    /// Where the fields are, once there are many.
    at: FxHashMap<Cow<'t, str>, usize>,
}

impl<'t> FieldMap<'t> {
    fn find(&self, name: &str) -> Option<usize> {
        if self.fields.len() > FEW {
            return self.at.get(name).copied();
        }
        self.fields.iter().position(|field| field.as_ref().is_some_and(|(known, _)| known == name))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Cow<'t, str>> {
        self.fields[self.find(name)?].as_ref().map(|(_, value)| value)
    }

    /// Writes a field, over one of the same name.
    pub(super) fn set(&mut self, name: Cow<'t, str>, value: Cow<'t, str>) {
        match self.find(&name) {
            Some(at) => self.fields[at] = Some((name, value)),
            None => {
                self.fields.push(Some((name, value)));
                let known = if self.fields.len() == FEW + 1 { 0 } else { self.fields.len() - 1 };
                if self.fields.len() > FEW {
                    let numbered = self.fields.iter().enumerate().skip(known);
                    let names = numbered.filter_map(|(at, field)| Some((field.as_ref()?.0.clone(), at)));
                    self.at.extend(names);
                }
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
        let at = self.find(name)?;
        self.at.remove(name);
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

    #[test]
    fn many_fields_are_as_few() {
        let mut fields = FieldMap::default();
        for number in 0..3 * FEW {
            fields.set(format!("f{number}").into(), number.to_string().into());
            fields.set_absent("f1".into(), "again".into());
            if number == 2 {
                assert_eq!(fields.take("f1").as_deref(), Some("1"));
            }
        }
        fields.set("f7".into(), "other".into());
        assert_eq!(fields.take("f5").as_deref(), Some("5"));
        assert_eq!((fields.get("f5"), fields.get("f7").map(|value| &**value)), (None, Some("other")));
        assert_eq!(fields.get("f1").map(|value| &**value), Some("again"));
        assert_eq!(fields.into_iter().count(), 3 * FEW - 1);
    }
}
