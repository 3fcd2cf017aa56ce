//! What analysts set up for their queue: suppressions, stories that are handled as one, and filters
//! with a name. What a suppression hides goes into a story of its own, beside the one
//! that it would have gone to, so that hiding costs nothing where alerts are stored.

use super::tables::{Column, Table, create};
use sea_orm_migration::prelude::*;

pub(super) struct Triage;

impl MigrationName for Triage {
    fn name(&self) -> &str {
        "m0011_triage"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Triage {
    /// Cut off between two tables it must leave what was there.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            create(manager, table).await?;
        }
        // 0: nothing hides it.
        let mut by = ColumnDef::new("suppression_id");
        by.big_integer().not_null().default(0);
        let stories = || sea_orm_migration::prelude::Table::alter().table("stories").to_owned();
        manager.alter_table(stories().add_column(by).to_owned()).await?;
        // To whom a story was given.
        let mut assignee = ColumnDef::new("assignee_name");
        assignee.text().null();
        let mut events = sea_orm_migration::prelude::Table::alter();
        events.table("story_events").add_column(assignee);
        manager.alter_table(events).await?;
        let old = "stories_gid_signature_id_severity_signature";
        manager.drop_index(Index::drop().name(old).table("stories").to_owned()).await?;
        let mut index = Index::create();
        index.name("stories_gid_signature_id_severity_signature_suppression_id").table("stories").unique();
        for column in ["gid", "signature_id", "severity", "signature", "suppression_id"] {
            index.col(column);
        }
        manager.create_index(index).await?;
        let mut hidden = Index::create();
        hidden.name("stories_suppression_id").table("stories").col("suppression_id");
        manager.create_index(hidden).await
    }
}

use Column::{Id, Int, IntOrNull, Long, LongOrNull, Text, TextOrNull};

const TABLES: &[Table] = &[
    Table {
        name: "suppressions",
        columns: &[
            ("id", Id),
            ("gid", Int),
            ("signature_id", Long),
            // As the story said it from which it was set; what is more severe is not meant.
            ("signature", Text),
            ("severity", Int),
            // Where: one facility, or one region, or everywhere.
            ("region", IntOrNull),
            ("facility", TextOrNull),
            // Networks; any address without.
            ("source", TextOrNull),
            ("destination", TextOrNull),
            ("reason", Text),
            ("created_at", Long),
            ("created_by", Text),
            ("expires_at", Long),
            ("ended_at", LongOrNull),
            ("ended_by", TextOrNull),
            ("end_reason", TextOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["expires_at"]],
    },
    // Stories that a person froze to handle them as one, and what was done with them.
    Table {
        name: "selections",
        columns: &[
            ("id", Id),
            ("user_id", Long),
            ("created_at", Long),
            ("up_to", Long),
            ("stories", Long),
            ("acted_at", LongOrNull),
            ("action", TextOrNull),
            ("verdict", TextOrNull),
            ("assignee_id", LongOrNull),
            ("changed", Long),
            ("undone_at", LongOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["user_id", "id"], &["created_at"]],
    },
    // Each as it stood when it was frozen: what an undo goes back to.
    Table {
        name: "selected_stories",
        columns: &[
            ("selection_id", Long),
            ("story_id", Long),
            ("status", Text),
            ("verdict", TextOrNull),
            ("assignee_id", LongOrNull),
            ("assignee_name", TextOrNull),
            ("acknowledged_up_to", LongOrNull),
            ("closed_up_to", LongOrNull),
            ("is_changed", Int),
        ],
        key: &["selection_id", "story_id"],
        unique: &[],
        indices: &[],
    },
    // Filters of the queue with a name.
    Table {
        name: "saved_views",
        columns: &[
            ("id", Id),
            ("user_id", Long),
            ("name", Text),
            // The filter, as JSON.
            ("filter", Text),
            ("is_shared", Int),
            ("created_at", Long),
        ],
        key: &[],
        unique: &[],
        indices: &[&["user_id"], &["is_shared"]],
    },
];
