//! What was seen of the intruder in a case: addresses, domains, hashes, accounts.

use crate::{
    audit::AuditLine,
    case_entries::{NewEntry, add_entry},
    case_rows::case_observable as row,
    case_words::ObservableKind,
    cases::{number_of, text_of, to_write, touched},
    database::Store,
    error::StoreError,
    ids::CaseId,
    scope::Scope,
};
use phitak_model::Timestamp;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};
use std::net::IpAddr;

/// Most observables of a case.
pub const OBSERVABLES_MAX: u64 = 1_000;
/// Longest value, in characters.
pub const VALUE_CHARS_MAX: usize = 253;
/// Longest note, in characters.
pub const NOTE_CHARS_MAX: usize = 400;

/// An observable that is being added.
#[derive(Clone, Debug)]
pub struct NewObservable {
    pub kind: ObservableKind,
    pub value: String,
    pub note: String,
}

/// An observable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observable {
    pub id: i64,
    pub kind: ObservableKind,
    pub value: String,
    pub note: String,
    pub added_at: Timestamp,
    pub added_by: String,
}

/// The value in the one form in which it is kept.
fn value_of(kind: ObservableKind, value: &str) -> Result<String, StoreError> {
    let value = text_of(value, "the value", VALUE_CHARS_MAX)?;
    let refused = |what: &str| StoreError::invalid(format!("{value:?} is {what}"));
    match kind {
        ObservableKind::Address => {
            let address: IpAddr = value.parse().map_err(|_| refused("no IP address"))?;
            Ok(address.to_string())
        }
        ObservableKind::Domain => {
            let name = value.trim_end_matches('.').to_lowercase();
            let label = |label: &str| {
                let inner = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
                !label.is_empty() && label.len() <= 63 && label.chars().all(inner)
            };
            let whole = name.contains('.') && name.split('.').all(label);
            if whole { Ok(name) } else { Err(refused("no domain name")) }
        }
        ObservableKind::Hash => {
            let hash = value.to_lowercase();
            let known = [32, 40, 64].contains(&hash.len()) && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
            if known { Ok(hash) } else { Err(refused("no MD5, SHA-1 or SHA-256")) }
        }
        ObservableKind::Account if value.contains('\n') => Err(refused("no account")),
        ObservableKind::Account => Ok(value),
    }
}

impl Store {
    /// Adds an observable; one that is there already is refused.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a value that is not of its kind; [`StoreError::Conflict`] when it is there, or too many.
    pub async fn add_observable(
        &self,
        scope: &Scope,
        id: CaseId,
        new: &NewObservable,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        let value = value_of(new.kind, &new.value)?;
        let note = match new.note.trim() {
            "" => String::new(),
            note => text_of(note, "a note", NOTE_CHARS_MAX)?,
        };
        let tx = self.write().await?;
        let case = to_write(&tx, scope, id).await?;
        let there = row::Entity::find().filter(row::Column::CaseId.eq(id.0));
        if there.clone().count(&tx).await? >= OBSERVABLES_MAX {
            return Err(StoreError::conflict(format!("a case has at most {OBSERVABLES_MAX} observables")));
        }
        let same = there.filter(row::Column::Kind.eq(new.kind.as_str())).filter(row::Column::Value.eq(value.as_str()));
        if same.count(&tx).await? > 0 {
            return Err(StoreError::conflict("it is there already"));
        }
        row::Entity::insert(row::ActiveModel {
            case_id: Set(id.0),
            kind: Set(new.kind.as_str().to_owned()),
            value: Set(value.clone()),
            note: Set(note),
            added_at: Set(audit.at.micros()),
            added_by: Set(audit.who.clone()),
            ..Default::default()
        })
        .exec_without_returning(&tx)
        .await?;
        let entry = NewEntry { action: "observable", source: Some(&value), ..NewEntry::event(&audit) };
        add_entry(&tx, id, entry).await?;
        touched(&tx, id, audit.at).await?;
        audit.about(format!("case {}", number_of(case.year, case.number)), None).saying(value).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The observables of a case, by kind and value. Only the sector may ask.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn observables(&self, id: CaseId) -> Result<Vec<Observable>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::CaseId.eq(id.0))
            .order_by_asc(row::Column::Kind)
            .order_by_asc(row::Column::Value)
            .all(self.reader())
            .await?;
        let observable = |row: row::Model| -> Result<Observable, StoreError> {
            let damaged = || StoreError::Damaged { table: "case_observables", what: row.kind.clone() };
            Ok(Observable {
                id: row.id,
                kind: ObservableKind::parse(&row.kind).ok_or_else(damaged)?,
                value: row.value,
                note: row.note,
                added_at: Timestamp::from_micros(row.added_at),
                added_by: row.added_by,
            })
        };
        rows.into_iter().map(observable).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_form_or_is_refused() {
        let value = |kind, text| value_of(kind, text).ok();
        use ObservableKind::{Account, Address, Domain, Hash};
        assert_eq!(value(Address, " 2001:DB8::1 ").as_deref(), Some("2001:db8::1"));
        assert_eq!(value(Domain, "Evil.Example.").as_deref(), Some("evil.example"));
        let hash = "A".repeat(64);
        assert_eq!(value(Hash, &hash), Some(hash.to_ascii_lowercase()));
        assert_eq!(value(Account, "HOSP\\สมชาย").as_deref(), Some("HOSP\\สมชาย"));
        for (kind, text) in [
            (Address, "10.0.0.256"),
            (Domain, "localhost"),
            (Domain, "a..b"),
            (Hash, "abc"),
            (Account, ""),
            (Account, "a\0b"),
        ] {
            assert_eq!(value(kind, text), None, "{kind:?} {text:?}");
        }
    }
}
