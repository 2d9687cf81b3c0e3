//! Where an address is, and whose network it is in, from databases in MaxMind's format that the user names.
//!
//! What a record says itself counts more: a holder of an address that has a field of its place or network gets none.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use maxminddb::{MaxMindDbError, Reader};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::tables::intern;
use crate::fields::FieldValue;

/// The fields whose `.ip` is looked up.
pub(crate) const HOLDERS: [&str; 4] = ["source", "destination", "client", "server"];

/// What is said of a place, below `.geo`, and of a network, below `.as`.
pub(crate) const PLACE_FIELDS: [&str; 12] = [
    "geo.continent_code",
    "geo.continent_name",
    "geo.country_iso_code",
    "geo.country_name",
    "geo.region_iso_code",
    "geo.region_name",
    "geo.city_name",
    "geo.postal_code",
    "geo.timezone",
    "geo.location.lat",
    "geo.location.lon",
    "geo.name",
];
pub(crate) const NETWORK_FIELDS: [&str; 2] = ["as.number", "as.organization.name"];

/// Fields of a document, by their full names.
pub(crate) type PlaceFields = Vec<(&'static str, FieldValue<'static>)>;

/// Databases of places and networks.
pub struct GeoDatabases {
    readers: Vec<Reader<Vec<u8>>>,
    /// What was found for holders' addresses before: the same ones come over and over.
    known: Mutex<FxHashMap<(&'static str, IpAddr), Arc<PlaceFields>>>,
}

impl fmt::Debug for GeoDatabases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeoDatabases").field("number", &self.readers.len()).finish_non_exhaustive()
    }
}

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` cannot be used as a database of places: {source}")]
pub struct GeoError {
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub source: MaxMindDbError,
}

/// What an entry says; databases of networks and of places have different parts of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry<'d> {
    #[serde(borrow)]
    continent: Part<'d>,
    #[serde(borrow)]
    country: Part<'d>,
    #[serde(borrow)]
    subdivisions: Vec<Part<'d>>,
    #[serde(borrow)]
    city: Part<'d>,
    #[serde(borrow)]
    postal: Part<'d>,
    #[serde(borrow)]
    location: Location<'d>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'d str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Part<'d> {
    code: Option<&'d str>,
    iso_code: Option<&'d str>,
    #[serde(borrow)]
    names: BTreeMap<&'d str, &'d str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Location<'d> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: Option<&'d str>,
}

impl GeoDatabases {
    /// Addresses that are remembered. More are forgotten all at once: an attacker can make up any number of them.
    const MOST_KNOWN: usize = 1 << 16;

    /// Reads databases into memory. Of two that say the same, the later one counts.
    ///
    /// # Errors
    /// If a file cannot be read, or is none of this format.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, GeoError> {
        let open = |path: &P| {
            let path = path.as_ref();
            Reader::open_readfile(path)
                .map_err(|source| GeoError { path: path.display().to_string(), source })
        };
        let readers = paths.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { readers, known: Mutex::default() })
    }

    /// What is known of the address of one of [`HOLDERS`].
    pub(crate) fn look_up(&self, holder: &'static str, address: IpAddr) -> Arc<PlaceFields> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&(holder, address)) {
            return Arc::clone(found);
        }
        if known.len() >= Self::MOST_KNOWN {
            known.clear();
        }
        let found = self.find(address).into_iter();
        let found = found.map(|(name, value)| (intern(&format!("{holder}.{name}")), value));
        let found = Arc::new(found.collect());
        known.insert((holder, address), Arc::clone(&found));
        found
    }

    /// What all databases say, under the names that are below a holder.
    fn find(&self, address: IpAddr) -> PlaceFields {
        let mut found = PlaceFields::new();
        for reader in &self.readers {
            // An entry that is damaged says nothing; the file as a whole was found to be good.
            if let Ok(result) = reader.lookup(address)
                && let Ok(Some(entry)) = result.decode::<Entry<'_>>()
            {
                entry.add_to(&mut found);
            }
        }
        found
    }
}

impl Entry<'_> {
    fn add_to(&self, found: &mut PlaceFields) {
        let mut add = |name: &'static str, value: Option<FieldValue<'static>>| {
            if let Some(value) = value {
                found.retain(|(known, _)| *known != name);
                found.push((name, value));
            }
        };
        let text = |text: Option<&str>| text.map(|text| FieldValue::from(text.to_owned()));
        let name = |part: &Part<'_>| text(part.names.get("en").copied());
        add("geo.continent_code", text(self.continent.code));
        add("geo.continent_name", name(&self.continent));
        add("geo.country_iso_code", text(self.country.iso_code));
        add("geo.country_name", name(&self.country));
        if let Some(region) = self.subdivisions.first() {
            let code = self.country.iso_code.zip(region.iso_code);
            add("geo.region_iso_code", code.map(|(country, region)| format!("{country}-{region}").into()));
            add("geo.region_name", name(region));
        }
        add("geo.city_name", name(&self.city));
        add("geo.postal_code", text(self.postal.code));
        add("geo.timezone", text(self.location.time_zone));
        if let (Some(latitude), Some(longitude)) = (self.location.latitude, self.location.longitude) {
            add("geo.location.lat", Some(latitude.into()));
            add("geo.location.lon", Some(longitude.into()));
        }
        add("as.number", self.autonomous_system_number.map(|number| i64::from(number).into()));
        add("as.organization.name", text(self.autonomous_system_organization));
    }
}
