//! Cases: what is handled as one incident, whose it is, what the law wants by when, what is to be done, and its evidence.

use super::tables::{Column, Table, create};
use crate::{audit_chain::BEGINNING, custody::MARK, rows::audit_chain as mark};
use sea_orm::{ActiveValue::Set, EntityTrait};
use sea_orm_migration::prelude::*;

pub(super) struct Cases;

impl MigrationName for Cases {
    fn name(&self) -> &str {
        "m0007_cases"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Cases {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.iter().chain(WORK).chain(EVIDENCE) {
            create(manager, table).await?;
        }
        // The end of the custody log stands beside those of the audit.
        let end = mark::ActiveModel { name: Set(MARK.to_owned()), line: Set(0), hash: Set(BEGINNING.to_owned()) };
        mark::Entity::insert(end).exec_without_returning(manager.get_connection()).await?;
        Ok(())
    }
}

use Column::{Id, Int, Long, LongOrNull, Text, TextOrNull};

const TABLES: &[Table] = &[
    Table {
        name: "cases",
        columns: &[
            ("id", Id),
            // The Buddhist year in Bangkok, and the case's number in it: 2569-0001.
            ("year", Int),
            ("number", Long),
            // For the sector's own team.
            ("title", Text),
            // For the hospitals.
            ("told_th", Text),
            ("told_en", Text),
            ("status", Text),
            ("level", Text),
            ("categories", Text),
            ("assignee_id", LongOrNull),
            ("assignee_name", TextOrNull),
            ("source", Text),
            ("caller", TextOrNull),
            ("called_at", LongOrNull),
            ("opened_at", Long),
            ("opened_by", Text),
            ("changed_at", Long),
            ("closed_at", LongOrNull),
            ("close_reason", TextOrNull),
            ("merged_into", LongOrNull),
            ("legal_hold", Int),
            // The earliest of what is due, kept by each write that changes it; null when nothing is.
            ("next_due_at", LongOrNull),
        ],
        key: &[],
        unique: &[&["year", "number"]],
        indices: &[&["next_due_at", "id"], &["closed_at"], &["merged_into"]],
    },
    Table {
        name: "case_facilities",
        // The same, of what is due at this hospital alone.
        columns: &[("case_id", Long), ("facility", Text), ("added_at", Long), ("next_due_at", LongOrNull)],
        key: &["case_id", "facility"],
        unique: &[],
        indices: &[&["facility", "case_id"]],
    },
    Table {
        name: "case_stories",
        // What stood in the story when it was added: alerts and stories are forgotten earlier than cases.
        columns: &[
            ("case_id", Long),
            ("story_id", Long),
            ("signature_id", Long),
            ("signature", Text),
            ("severity", Int),
            ("first_at", Long),
            ("last_at", Long),
            ("added_at", Long),
        ],
        key: &["case_id", "story_id"],
        unique: &[],
        indices: &[&["story_id"]],
    },
    Table {
        name: "case_links",
        columns: &[("case_id", Long), ("other_id", Long), ("at", Long), ("who", Text), ("reason", Text)],
        key: &["case_id", "other_id"],
        unique: &[],
        indices: &[&["other_id"]],
    },
    Table {
        name: "case_entries",
        columns: &[
            ("id", Id),
            ("case_id", Long),
            ("facility", TextOrNull),
            // When it happened, and when it was written down.
            ("at", Long),
            ("noted_at", Long),
            ("kind", Text),
            ("action", Text),
            ("who", Text),
            ("source", TextOrNull),
            ("text", Text),
            // Whether the hospital may read it.
            ("shared", Int),
        ],
        key: &[],
        unique: &[],
        indices: &[&["case_id", "id"]],
    },
    Table {
        name: "case_hidden",
        columns: &[("case_id", Long), ("line", Text), ("at", Long), ("who", Text), ("reason", Text)],
        key: &["case_id", "line"],
        unique: &[],
        indices: &[],
    },
];

const WORK: &[Table] = &[
    Table {
        name: "case_moments",
        columns: &[
            ("id", Id),
            ("case_id", Long),
            ("facility", Text),
            ("event", Text),
            ("at", Long),
            ("noted_at", Long),
            ("noted_by", Text),
            ("reason", TextOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["case_id", "id"]],
    },
    Table {
        name: "case_clocks",
        columns: &[
            ("id", Id),
            ("case_id", Long),
            ("facility", Text),
            ("rule", Text),
            ("event", Text),
            // The rule that counts only when this one was not kept in time.
            ("unless_kept", TextOrNull),
            ("started_at", Long),
            ("due_at", Long),
            ("at_once", Int),
            ("state", Text),
            ("settled_at", LongOrNull),
            ("settled_by", TextOrNull),
            ("reference", TextOrNull),
            ("reason", TextOrNull),
        ],
        key: &[],
        unique: &[&["case_id", "facility", "rule"]],
        indices: &[],
    },
    Table {
        name: "case_tasks",
        columns: &[
            ("id", Id),
            ("case_id", Long),
            // Null: the centre's own.
            ("facility", TextOrNull),
            ("title_th", Text),
            ("title_en", Text),
            ("who", TextOrNull),
            ("due_at", LongOrNull),
            ("state", Text),
            ("playbook", TextOrNull),
            ("playbook_version", TextOrNull),
            ("step", TextOrNull),
            ("created_at", Long),
            ("created_by", Text),
            ("settled_at", LongOrNull),
            ("settled_by", TextOrNull),
            ("note", TextOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["case_id", "id"]],
    },
    Table {
        name: "case_observables",
        columns: &[
            ("id", Id),
            ("case_id", Long),
            ("kind", Text),
            ("value", Text),
            ("note", Text),
            ("added_at", Long),
            ("added_by", Text),
        ],
        key: &[],
        unique: &[&["case_id", "kind", "value"]],
        indices: &[&["kind", "value"]],
    },
];

const EVIDENCE: &[Table] = &[
    Table {
        name: "evidence",
        columns: &[
            ("id", Id),
            ("case_id", Long),
            // Null: only the sector's team sees it.
            ("facility", TextOrNull),
            ("sha256", Text),
            ("bytes", Long),
            ("name", Text),
            ("note", Text),
            ("stored_at", Long),
            ("stored_by", Text),
        ],
        key: &[],
        unique: &[],
        indices: &[&["case_id", "id"], &["sha256"]],
    },
    Table {
        name: "custody",
        columns: &[
            ("id", Id),
            ("evidence_id", Long),
            ("sha256", Text),
            ("at", Long),
            ("who", Text),
            ("action", Text),
            ("detail", Text),
            ("hash", Text),
        ],
        key: &[],
        unique: &[],
        indices: &[&["evidence_id", "id"]],
    },
];
