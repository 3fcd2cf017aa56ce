//! Where each person can be told outside the pages, in the order of their own choice, and when they want to sleep.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    ids::UserId,
    notify_rows::{contact as row, quiet_hours},
    words::model_words::{severity_of, severity_rank},
};
use phitak_model::{Severity, Timestamp, thai::BANGKOK_OFFSET_SECS};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::{BTreeMap, BTreeSet};

/// Addresses of one person: one a channel.
pub const CONTACTS_MAX: usize = 8;
/// Longest address, in characters.
pub const ADDRESS_CHARS_MAX: usize = 254;
const MINUTES_PER_DAY: u32 = 24 * 60;
const MINUTE_MICROS: i64 = 60_000_000;

/// One way to reach a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub channel: String,
    pub address: String,
}

/// When a person is left in peace: minutes of the day in Thailand, from one (inclusive) to the other (exclusive), past
/// midnight when the first is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    pub from_minute: u32,
    pub until_minute: u32,
    /// From this severity on a person is woken; for the critical ones everybody is.
    pub passes: Severity,
}

/// All that is known of how to reach a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactBook {
    /// The first is tried first.
    pub contacts: Vec<Contact>,
    pub quiet: Option<QuietHours>,
}

impl QuietHours {
    /// When something of this severity may be told: now, or when the quiet hours end.
    #[must_use]
    pub fn telling_at(&self, severity: Severity, now: Timestamp) -> Timestamp {
        if severity == Severity::Critical || severity_rank(severity) >= severity_rank(self.passes) {
            return now;
        }
        let minutes_since_epoch = now.plus_secs(BANGKOK_OFFSET_SECS).micros().div_euclid(MINUTE_MICROS);
        let minute = u32::try_from(minutes_since_epoch.rem_euclid(i64::from(MINUTES_PER_DAY))).unwrap_or(0);
        let since_begin = (minute + MINUTES_PER_DAY - self.from_minute) % MINUTES_PER_DAY;
        let length = (self.until_minute + MINUTES_PER_DAY - self.from_minute) % MINUTES_PER_DAY;
        if since_begin >= length {
            return now;
        }
        let end = minutes_since_epoch.saturating_add(i64::from(length - since_begin)).saturating_mul(MINUTE_MICROS);
        Timestamp::from_micros(end).plus_secs(-BANGKOK_OFFSET_SECS)
    }

    fn check(&self) -> Result<(), StoreError> {
        let fits = |minute: u32| minute < MINUTES_PER_DAY;
        if !fits(self.from_minute) || !fits(self.until_minute) || self.from_minute == self.until_minute {
            return Err(StoreError::invalid(
                "quiet hours begin and end at two different minutes of the day, 0 to 1439",
            ));
        }
        Ok(())
    }
}

impl Store {
    /// How to reach one account.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn contact_book(&self, user: UserId) -> Result<ContactBook, StoreError> {
        Ok(books_of(self.reader(), &[user]).await?.remove(&user).unwrap_or_default())
    }

    /// How to reach these accounts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn contact_books(&self, users: &[UserId]) -> Result<BTreeMap<UserId, ContactBook>, StoreError> {
        books_of(self.reader(), users).await
    }

    /// Replaces all that is known of how to reach an account. Addresses are checked by their channels before.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the rule that is broken.
    pub async fn set_contact_book(&self, user: UserId, book: &ContactBook, audit: AuditLine) -> Result<(), StoreError> {
        let channels: BTreeSet<&str> = book.contacts.iter().map(|contact| contact.channel.as_str()).collect();
        if book.contacts.len() > CONTACTS_MAX || channels.len() != book.contacts.len() {
            return Err(StoreError::invalid(format!("at most {CONTACTS_MAX} addresses, one of each channel")));
        }
        let good =
            |text: &str| (1..=ADDRESS_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control);
        if !book.contacts.iter().all(|contact| good(&contact.address)) {
            return Err(StoreError::invalid(format!("an address has 1 to {ADDRESS_CHARS_MAX} characters on one line")));
        }
        book.quiet.as_ref().map_or(Ok(()), QuietHours::check)?;
        let tx = self.write().await?;
        row::Entity::delete_many().filter(row::Column::UserId.eq(user.0)).exec(&tx).await?;
        quiet_hours::Entity::delete_many().filter(quiet_hours::Column::UserId.eq(user.0)).exec(&tx).await?;
        for (place, contact) in (0_i32..).zip(&book.contacts) {
            let contact = row::ActiveModel {
                user_id: Set(user.0),
                channel: Set(contact.channel.clone()),
                place: Set(place),
                address: Set(contact.address.clone()),
            };
            row::Entity::insert(contact).exec_without_returning(&tx).await?;
        }
        if let Some(quiet) = &book.quiet {
            let quiet = quiet_hours::ActiveModel {
                user_id: Set(user.0),
                from_minute: Set(i32::try_from(quiet.from_minute).unwrap_or(0)),
                until_minute: Set(i32::try_from(quiet.until_minute).unwrap_or(0)),
                passes: Set(severity_rank(quiet.passes)),
            };
            quiet_hours::Entity::insert(quiet).exec_without_returning(&tx).await?;
        }
        // Which channels, never the addresses: the audit is kept longer than they may be.
        let said = book.contacts.iter().map(|contact| contact.channel.as_str()).collect::<Vec<_>>().join(", ");
        audit.about(format!("user {}", audit.who), None).saying(said).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn books_of(db: &impl ConnectionTrait, users: &[UserId]) -> Result<BTreeMap<UserId, ContactBook>, StoreError> {
    const USERS_PER_SELECT: usize = 500;
    let mut books: BTreeMap<UserId, ContactBook> = BTreeMap::new();
    for part in users.chunks(USERS_PER_SELECT) {
        let ids = || part.iter().map(|user| user.0);
        let contacts = row::Entity::find()
            .filter(row::Column::UserId.is_in(ids()))
            .order_by_asc(row::Column::UserId)
            .order_by_asc(row::Column::Place)
            .all(db)
            .await?;
        for contact in contacts {
            let book = books.entry(UserId(contact.user_id)).or_default();
            book.contacts.push(Contact { channel: contact.channel, address: contact.address });
        }
        let quiet = quiet_hours::Entity::find().filter(quiet_hours::Column::UserId.is_in(ids())).all(db).await?;
        for quiet in quiet {
            let minute = |minute: i32| u32::try_from(minute).unwrap_or(0).min(MINUTES_PER_DAY - 1);
            books.entry(UserId(quiet.user_id)).or_default().quiet = Some(QuietHours {
                from_minute: minute(quiet.from_minute),
                until_minute: minute(quiet.until_minute),
                passes: severity_of(quiet.passes),
            });
        }
    }
    Ok(books)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a moment")
    }

    #[test]
    fn quiet_hours_hold_back_until_they_end_but_nothing_that_passes_them() {
        // 22:00 to 06:00 in Thailand.
        let night = QuietHours { from_minute: 22 * 60, until_minute: 6 * 60, passes: Severity::High };
        for (now, severity, told) in [
            ("2026-11-24T14:59:30Z", Severity::Low, "2026-11-24T14:59:30Z"),
            ("2026-11-24T15:00:00Z", Severity::Low, "2026-11-24T23:00:00Z"),
            ("2026-11-24T22:59:59Z", Severity::Medium, "2026-11-24T23:00:00Z"),
            ("2026-11-24T23:00:00Z", Severity::Low, "2026-11-24T23:00:00Z"),
            ("2026-11-24T18:00:00Z", Severity::High, "2026-11-24T18:00:00Z"),
            ("2026-11-24T18:00:00Z", Severity::Critical, "2026-11-24T18:00:00Z"),
        ] {
            assert_eq!(night.telling_at(severity, at(now)), at(told), "{now} {severity:?}");
        }
        let noon = QuietHours { from_minute: 12 * 60, until_minute: 13 * 60, passes: Severity::Critical };
        assert_eq!(noon.telling_at(Severity::High, at("2026-11-24T05:30:00Z")), at("2026-11-24T06:00:00Z"));
        assert_eq!(noon.telling_at(Severity::Critical, at("2026-11-24T05:30:00Z")), at("2026-11-24T05:30:00Z"));
    }
}
