//! The day in the indices of addresses is a number of four bytes: with the address's text behind it, an entry is eight bytes
//! shorter in PostgreSQL, which puts numbers of eight bytes at multiples of eight.

use sea_orm_migration::prelude::*;

pub(super) struct ShortDays;

impl MigrationName for ShortDays {
    fn name(&self) -> &str {
        "m0013_short_days"
    }
}

/// Names and what they are made of; the day is `crate::alert_days::seen_on`.
const INDICES: [(&str, &str); 2] = [
    ("alerts_seen_on_src_ip", r#"(CAST("at" / 86400000000 AS INTEGER)), "src_ip", "facility", "at", "story_id""#),
    ("alerts_seen_on_dest_ip", r#"(CAST("at" / 86400000000 AS INTEGER)), "dest_ip", "facility", "at", "story_id""#),
];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for ShortDays {
    /// Over many alerts this takes minutes: one that is cut off must leave what was there.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for (name, of) in INDICES {
            db.execute_unprepared(&format!("DROP INDEX {name}")).await?;
            db.execute_unprepared(&format!("CREATE INDEX {name} ON alerts ({of})")).await?;
        }
        Ok(())
    }
}
