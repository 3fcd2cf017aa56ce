//! Indicators: what is looked for, the signed list of them, and how far each sensor has come with it.

use super::tables::{Column, Table, create};
use sea_orm_migration::prelude::*;

pub(super) struct Indicators;

impl MigrationName for Indicators {
    fn name(&self) -> &str {
        "m0008_indicators"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Indicators {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            create(manager, table).await?;
        }
        Ok(())
    }
}

use Column::{Id, Int, Long, LongOrNull, Text, TextKey, TextOrNull};

const TABLES: &[Table] = &[
    Table {
        name: "indicators",
        columns: &[
            ("id", Id),
            ("kind", Text),
            ("value", Text),
            ("severity", Int),
            ("tlp", Text),
            ("source", Text),
            // Why it is looked for: for the sector's team alone.
            ("reason", Text),
            // What hospitals read.
            ("words", Text),
            ("bulletin_id", LongOrNull),
            ("created_at", Long),
            ("created_by", Text),
            ("expires_at", Long),
            ("ended_at", LongOrNull),
            ("ended_by", TextOrNull),
            ("end_reason", TextOrNull),
            // 0 waits for the list, 1 stands in it, 2 is out of it.
            ("listing", Int),
        ],
        key: &[],
        unique: &[],
        indices: &[&["listing", "expires_at"], &["kind", "value"], &["bulletin_id"]],
    },
    // Never changed: sensors hold the same bytes, and the signature is over them.
    Table {
        name: "indicator_parts",
        columns: &[
            ("generation", Long),
            ("part", Long),
            ("at", Long),
            ("hash", Text),
            ("signature", Text),
            ("body", Text),
        ],
        key: &["generation", "part"],
        unique: &[],
        indices: &[],
    },
    Table {
        name: "sensor_indicators",
        columns: &[
            ("sensor", TextKey),
            ("facility", Text),
            ("generation", Long),
            ("part", Long),
            ("entries", Long),
            // Since when it has this one.
            ("at", Long),
        ],
        key: &[],
        unique: &[],
        indices: &[&["facility"]],
    },
    // Early warnings whose addresses were taken over.
    Table {
        name: "listed_bulletins",
        columns: &[("bulletin_id", Long), ("at", Long)],
        key: &["bulletin_id"],
        unique: &[],
        indices: &[],
    },
];
