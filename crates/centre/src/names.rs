//! Names of facilities for answers that mention them.

use crate::{
    refusal::Refusal,
    wire::{FacilityName, FacilityPlace, Text},
};
use phitak_store::{Facility, Scope, Store};
use std::collections::BTreeMap;

/// The facilities of one answer, as far as the caller may see them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_code: BTreeMap<String, Facility>,
}

impl Names {
    /// # Errors
    /// When the store cannot answer.
    pub async fn load(store: &Store, scope: &Scope, codes: impl IntoIterator<Item = String>) -> Result<Self, Refusal> {
        let mut codes: Vec<String> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        let facilities = store.facilities_named(scope, &codes).await?;
        Ok(Self { by_code: facilities.into_iter().map(|facility| (facility.code.to_string(), facility)).collect() })
    }

    /// The code alone when the facility is gone.
    #[must_use]
    pub fn name(&self, code: &str) -> FacilityName {
        let name = self.by_code.get(code).map_or_else(|| Text::same(code), text);
        FacilityName { code: code.to_owned(), name }
    }

    /// With the region in which it lies.
    #[must_use]
    pub fn place(&self, code: &str, region: u8) -> FacilityPlace {
        let FacilityName { code, name } = self.name(code);
        FacilityPlace { code, name, region }
    }
}

/// A facility's name.
#[must_use]
pub fn text(facility: &Facility) -> Text {
    Text::new(&facility.name_th, &facility.name_en)
}
