//! What the rule detects, in terms of an attack framework.

use super::table::table_type;

/// The order in which ATT&CK for enterprises shows its tactics, which is that of an intrusion.
const TACTIC_ORDER: [&str; 14] = [
    "TA0043", "TA0042", "TA0001", "TA0002", "TA0003", "TA0004", "TA0005", "TA0006", "TA0007", "TA0008",
    "TA0009", "TA0011", "TA0010", "TA0040",
];

/// The place of a tactic among the others, by its id; those that are not known come last.
pub fn tactic_place(id: &str) -> usize {
    TACTIC_ORDER.iter().position(|known| *known == id).unwrap_or(TACTIC_ORDER.len())
}

table_type! {
    /// One tactic of a framework, with the techniques that serve it.
    ThreatEntry {
        /// The framework, normally `MITRE ATT&CK`.
        text "framework" => framework: String,
        /// The tactic.
        required "tactic" => tactic: Tactic,
        /// The techniques; may be empty.
        list "technique" => techniques: Technique,
    }
}

table_type! {
    /// What the attacker wants.
    Tactic {
        /// Such as `TA0002`.
        text "id" => id: String,
        /// Its name.
        text "name" => name: String,
        /// The page that describes it.
        text "reference" => reference: String,
    }
}

table_type! {
    /// How the attacker does it.
    Technique {
        /// Such as `T1059`.
        text "id" => id: String,
        /// Its name.
        text "name" => name: String,
        /// The page that describes it.
        text "reference" => reference: String,
        /// Narrower techniques.
        list "subtechnique" => subtechniques: Subtechnique,
    }
}

table_type! {
    /// How exactly.
    Subtechnique {
        /// Such as `T1059.001`.
        text "id" => id: String,
        /// Its name.
        text "name" => name: String,
        /// The page that describes it.
        text "reference" => reference: String,
    }
}
