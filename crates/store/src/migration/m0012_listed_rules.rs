//! Rules that all sensors get, and what each sensor says of them. They stand in the same signed list as indicators.

use super::tables::{Column, Table, create};
use sea_orm_migration::prelude::*;

pub(super) struct ListedRules;

impl MigrationName for ListedRules {
    fn name(&self) -> &str {
        "m0012_listed_rules"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for ListedRules {
    /// Cut off between two tables it must leave what was there.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            create(manager, table).await?;
        }
        Ok(())
    }
}

use Column::{Int, Long, LongOrNull, Text, TextKey, TextOrNull};

const TABLES: &[Table] = &[
    // A number is given once, so that an old alert never gets another rule's words.
    Table {
        name: "listed_rules",
        columns: &[
            ("sid", Long),
            ("rule", Text),
            ("tlp", Text),
            // Why it is looked for: for the sector's team alone.
            ("reason", Text),
            // What hospitals read, in Thai and English.
            ("title_th", Text),
            ("title_en", Text),
            ("what_th", Text),
            ("what_en", Text),
            ("why_th", Text),
            ("why_en", Text),
            ("bulletin_id", LongOrNull),
            ("created_at", Long),
            ("created_by", Text),
            ("expires_at", Long),
            ("ended_at", LongOrNull),
            ("ended_by", TextOrNull),
            ("end_reason", TextOrNull),
            // As of indicators: 0 waits for the list, 1 stands in it, 2 is out of it.
            ("listing", Int),
            // The part of the list by which it last came or went.
            ("listed_generation", LongOrNull),
            ("listed_part", LongOrNull),
        ],
        key: &["sid"],
        unique: &[],
        indices: &[&["listing", "expires_at"]],
    },
    Table {
        name: "sensor_rules",
        columns: &[
            ("sensor", TextKey),
            ("facility", Text),
            ("entries", Long),
            ("refused_count", Long),
            // The first of them with their reasons, as JSON.
            ("refused", Text),
            ("at", Long),
        ],
        key: &[],
        unique: &[],
        indices: &[&["facility"]],
    },
];
