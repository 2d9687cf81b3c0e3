//! What the rule detects, in terms of an attack framework.

use super::table::table_type;

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
