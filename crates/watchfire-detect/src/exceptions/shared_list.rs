//! A value list in the forms in which items ask for it, each made once for all of them.

use std::cell::{Cell, OnceCell};

use watchfire_ir::{Fold, ListForms, ListedValues, Pattern};
use watchfire_rules::exceptions::{ValueList, ValueListType, parse_range};

use super::ValueListUse;

/// A list with the forms that were asked for so far.
#[derive(Debug)]
pub(super) struct SharedList {
    pub(super) list: ValueList,
    exact: OnceCell<ListedValues>,
    folded: OnceCell<ListedValues>,
    addresses: OnceCell<ListedValues>,
    not_addresses: OnceCell<usize>,
    is_used: Cell<bool>,
}

impl SharedList {
    pub(super) fn new(list: ValueList) -> Self {
        Self {
            list,
            exact: OnceCell::new(),
            folded: OnceCell::new(),
            addresses: OnceCell::new(),
            not_addresses: OnceCell::new(),
            is_used: Cell::new(false),
        }
    }

    /// The list as an entry asks for it that takes its values to be of this type.
    pub(super) fn asked_as(&self, list_type: &str) -> AskedList<'_> {
        self.is_used.set(true);
        AskedList { shared: self, list_type: self.list.type_for(list_type) }
    }

    /// What is told of it at the end; its values are given up.
    pub(super) fn into_use(self) -> ValueListUse {
        ValueListUse {
            is_used: self.is_used.get(),
            values: self.list.values,
            duplicates: self.list.duplicates,
            blank_lines: self.list.blank_lines,
            bad_values: self.list.bad_values,
            id: self.list.id,
        }
    }

    fn of_texts(&self, fold: Fold) -> ListedValues {
        let is_pattern = |value: &&str| self.list.wildcards && value.contains(['*', '?']);
        let texts = self.list.values().filter(|value| !is_pattern(value));
        let patterns = self.list.values().filter(is_pattern).map(Pattern::from_eql);
        ListedValues::of_texts(&self.list.id, fold, texts, patterns)
    }
}

/// A list for an entry.
#[derive(Clone, Copy)]
pub(super) struct AskedList<'l> {
    shared: &'l SharedList,
    pub(super) list_type: ValueListType,
}

impl AskedList<'_> {
    /// How many of its values are no addresses.
    pub(super) fn not_addresses(&self) -> usize {
        let count = || self.shared.list.values().filter(|value| parse_range(value).is_none()).count();
        *self.shared.not_addresses.get_or_init(count)
    }

    /// How many of its values do not fit the type that its file states.
    pub(super) fn bad_values(&self) -> usize {
        self.shared.list.bad_values
    }

    /// Whether it is a list of addresses.
    pub(super) fn is_of_addresses(&self) -> bool {
        matches!(self.list_type, ValueListType::Ip | ValueListType::IpRange)
    }
}

impl ListForms for AskedList<'_> {
    fn texts(&self, fold: Fold) -> ListedValues {
        let shared = self.shared;
        let fold = if shared.list.case_insensitive { Fold::Lowercase } else { fold };
        match fold {
            Fold::None => shared.exact.get_or_init(|| shared.of_texts(fold)).clone(),
            // No entry folds letters of ASCII alone.
            Fold::Ascii | Fold::Lowercase => {
                shared.folded.get_or_init(|| shared.of_texts(Fold::Lowercase)).clone()
            }
        }
    }

    fn addresses(&self) -> ListedValues {
        let shared = self.shared;
        let make =
            || ListedValues::of_addresses(&shared.list.id, shared.list.values().filter_map(parse_range));
        shared.addresses.get_or_init(make).clone()
    }

    fn is_of_ranges(&self) -> bool {
        self.list_type == ValueListType::IpRange
    }
}
