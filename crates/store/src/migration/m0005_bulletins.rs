//! Early warnings: what is said, to whom and why, what each hospital answered, and how often it was asked.

use super::tables::{Column, Table, create};
use sea_orm_migration::prelude::*;

pub(super) struct Bulletins;

impl MigrationName for Bulletins {
    fn name(&self) -> &str {
        "m0005_bulletins"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Bulletins {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            create(manager, table).await?;
        }
        // Kept by each write that changes it, like the facility's other counters: warnings that wait for its answer or work.
        let mut open = ColumnDef::new("bulletins_open");
        open.integer().not_null().default(0);
        manager
            .alter_table(sea_orm_migration::prelude::Table::alter().table("facilities").add_column(open).to_owned())
            .await
    }
}

use Column::{Id, Int, IntOrNull, Long, LongOrNull, Text, TextOrNull};

const TABLES: &[Table] = &[
    Table {
        name: "bulletins",
        columns: &[
            ("id", Id),
            ("state", Text),
            ("severity", Int),
            // What stands in it, and its check, as JSON.
            ("body", Text),
            // The campaign from which it was drafted.
            ("story_id", LongOrNull),
            ("created_at", Long),
            ("created_by", Text),
            ("changed_at", Long),
            ("published_at", LongOrNull),
            ("published_by", TextOrNull),
            ("closed_at", LongOrNull),
            ("closed_by", TextOrNull),
            ("close_reason", TextOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["state", "id"]],
    },
    Table {
        name: "bulletin_recipients",
        columns: &[
            ("bulletin_id", Long),
            ("facility", Text),
            ("source", Text),
            // Frozen when it was sent, as JSON.
            ("reasons", Text),
            ("hand_reason", TextOrNull),
            ("state", Text),
            ("sent_at", Long),
            ("acknowledged_at", LongOrNull),
            ("answer", TextOrNull),
            ("answer_reason", TextOrNull),
            ("answered_at", LongOrNull),
            ("done_at", LongOrNull),
            ("verified_at", LongOrNull),
            // The level that the chase has reached.
            ("chase_level", Int),
            ("check_outcome", TextOrNull),
            // What the check still found, as JSON.
            ("found_again", TextOrNull),
            ("useful", IntOrNull),
            ("useful_words", TextOrNull),
        ],
        key: &["bulletin_id", "facility"],
        unique: &[],
        indices: &[&["facility", "state"], &["state", "chase_level", "sent_at"]],
    },
    Table {
        name: "bulletin_events",
        columns: &[
            ("id", Id),
            ("bulletin_id", Long),
            ("facility", TextOrNull),
            ("at", Long),
            ("who", TextOrNull),
            ("action", Text),
            ("level", IntOrNull),
            ("detail", TextOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["bulletin_id", "id"]],
    },
];
