//! Notification: channels, people's addresses and quiet hours, who is on duty, what has to be told, and the outbox.

use super::tables::{Column, Table, create};
use sea_orm_migration::prelude::*;

pub(super) struct Notification;

impl MigrationName for Notification {
    fn name(&self) -> &str {
        "m0006_notification"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Notification {
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
        name: "notify_channels",
        columns: &[
            ("kind", TextKey),
            ("enabled", Int),
            // Names and values as JSON; what is secret is sealed by the centre, apart.
            ("settings", Text),
            ("secret", TextOrNull),
            ("changed_at", Long),
            ("changed_by", Text),
            // Failures since the last success, and since when.
            ("failures", Int),
            ("failing_since", LongOrNull),
            ("last_error", TextOrNull),
            ("last_sent_at", LongOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[],
    },
    // `begun`: since when something is told; `stories`: up to which arrival stories were looked at.
    Table { name: "notify_marks", columns: &[("name", TextKey), ("at", Long)], key: &[], unique: &[], indices: &[] },
    Table {
        name: "contacts",
        columns: &[("user_id", Long), ("channel", Text), ("place", Int), ("address", Text)],
        key: &["user_id", "channel"],
        unique: &[],
        indices: &[],
    },
    Table {
        name: "quiet_hours",
        columns: &[("user_id", Long), ("from_minute", Int), ("until_minute", Int), ("passes", Int)],
        key: &["user_id"],
        unique: &[],
        indices: &[],
    },
    // `place` is `sector`, `region/4` or `facility/10665`.
    Table {
        name: "duties",
        columns: &[("place", Text), ("position", Int), ("user_id", Long), ("wait_minutes", Int)],
        key: &["place", "position"],
        unique: &[&["place", "user_id"]],
        indices: &[&["user_id"]],
    },
    Table {
        name: "matters",
        columns: &[
            ("id", Id),
            // What it is about, in words that are the same however often it is found.
            ("subject", Text),
            ("kind", Text),
            ("place", Text),
            ("facility", TextOrNull),
            ("story_id", LongOrNull),
            ("bulletin_id", LongOrNull),
            ("sensor", TextOrNull),
            ("severity", Int),
            ("caused_at", Long),
            ("created_at", Long),
            ("state", Text),
            // How many have been told, and when the next one is.
            ("step", Int),
            ("next_at", LongOrNull),
            ("ended_at", LongOrNull),
            ("answered_by", TextOrNull),
        ],
        key: &[],
        unique: &[&["subject"]],
        indices: &[&["state", "next_at"], &["facility", "id"], &["created_at"]],
    },
    Table {
        name: "deliveries",
        columns: &[
            ("id", Id),
            ("matter_id", Long),
            ("step", Int),
            ("user_id", Long),
            // Of whoever is told as one of a hospital's own people.
            ("facility", TextOrNull),
            ("channel", Text),
            ("address", Text),
            // The same at each attempt.
            ("idempotency_key", Text),
            ("state", Text),
            // Whether it waits to be told together with others.
            ("gathers", Int),
            // Whether it stands in for another channel that failed.
            ("stands_in", Int),
            ("created_at", Long),
            ("due_at", Long),
            ("attempts", Int),
            ("sent_at", LongOrNull),
            ("last_error", TextOrNull),
            ("gathered_in", LongOrNull),
            ("link_used_at", LongOrNull),
        ],
        key: &[],
        unique: &[&["idempotency_key"]],
        indices: &[
            &["channel", "state", "due_at"],
            &["matter_id"],
            &["facility", "id"],
            &["user_id", "created_at"],
            &["gathered_in"],
            &["created_at"],
        ],
    },
];
