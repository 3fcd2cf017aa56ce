//! The first tables. Moments are microseconds since 1970 (UTC); ranks and words are those of `words.rs`.

use super::tables::{Column, Table, create};
use crate::provinces::PROVINCES;
use sea_orm_migration::prelude::*;

pub(super) struct FirstTables;

impl MigrationName for FirstTables {
    fn name(&self) -> &str {
        "m0001_first_tables"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for FirstTables {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in PLACES.iter().chain(SIGHTINGS).chain(PEOPLE) {
            create(manager, table).await?;
        }
        let mut insert = Query::insert();
        insert.into_table("provinces").columns(["code", "name_th", "name_en", "region"]);
        for province in &PROVINCES {
            insert
                .values([
                    province.code.into(),
                    province.name_th.into(),
                    province.name_en.into(),
                    i32::from(province.region).into(),
                ])
                .map_err(|error| DbErr::Custom(error.to_string()))?;
        }
        manager.execute(insert).await
    }
}

use Column::{Id, Int, IntOrNull, Long, LongOrNull, Text, TextKey, TextOrNull};

const PLACES: &[Table] = &[
    Table {
        name: "provinces",
        columns: &[("code", TextKey), ("name_th", Text), ("name_en", Text), ("region", Int)],
        key: &[],
        unique: &[],
        indices: &[],
    },
    Table {
        name: "facilities",
        columns: &[
            ("code", TextKey),
            ("name_th", Text),
            ("name_en", Text),
            ("province_code", Text),
            ("region", Int),
            ("created_at", Long),
            // Kept by each write that changes them, so that no page counts.
            ("heard_at", LongOrNull),
            ("findings_open", Int),
            ("findings_claimed", Int),
            ("findings_verified", Int),
            ("stories_open", Int),
            ("stories_act", Int),
            ("stories_call", Int),
            ("hosts", Int),
        ],
        key: &[],
        unique: &[],
        indices: &[&["region"], &["province_code"]],
    },
    Table {
        name: "sensors",
        columns: &[
            ("id", TextKey),
            ("facility", Text),
            ("enrolled_at", Long),
            ("revoked_at", LongOrNull),
            ("last_seen_at", LongOrNull),
            ("watching_since_at", LongOrNull),
            ("health_at", LongOrNull),
            ("version", TextOrNull),
            ("packets", Long),
            ("bytes", Long),
            ("flows", Long),
            ("rules_loaded", Int),
            ("rules_failed", Int),
            ("spool_bytes", Long),
        ],
        key: &[],
        unique: &[],
        indices: &[&["facility"], &["last_seen_at"]],
    },
    Table {
        name: "certificates",
        columns: &[("serial", TextKey), ("sensor", Text), ("issued_at", Long), ("not_after", Long)],
        key: &[],
        unique: &[],
        indices: &[&["sensor"]],
    },
    Table {
        name: "spools",
        columns: &[("id", Id), ("sensor", Text), ("spool", Text), ("last_seq", Long), ("begun_at", Long)],
        key: &[],
        unique: &[&["sensor", "spool"]],
        indices: &[],
    },
    Table {
        name: "losses",
        columns: &[
            ("id", Id),
            ("sensor", Text),
            ("facility", Text),
            ("cause", Text),
            ("count", Long),
            ("from_at", Long),
            ("until_at", Long),
        ],
        key: &[],
        unique: &[&["sensor", "cause", "from_at"]],
        indices: &[&["facility", "until_at"]],
    },
    Table {
        name: "enrolment_codes",
        columns: &[
            ("id", Id),
            ("digest", Text),
            ("facility", Text),
            ("created_at", Long),
            ("expires_at", Long),
            ("used_at", LongOrNull),
            ("key_digest", TextOrNull),
            ("sensor", TextOrNull),
        ],
        key: &[],
        unique: &[&["digest"]],
        indices: &[],
    },
];

const SIGHTINGS: &[Table] = &[
    Table {
        name: "stories",
        columns: &[
            ("id", Id),
            ("gid", Int),
            ("signature_id", Long),
            ("rev", Long),
            ("signature", Text),
            ("category", Text),
            ("severity", Int),
            ("attack", Text),
            ("status", Text),
            ("verdict", TextOrNull),
            ("assignee_id", LongOrNull),
            ("assignee_name", TextOrNull),
            ("alerts", Long),
            ("first_at", Long),
            ("last_at", Long),
            ("arrived_at", Long),
            // What an analyst had seen when acknowledging and when closing, by arrival.
            ("acknowledged_up_to", LongOrNull),
            ("closed_up_to", LongOrNull),
        ],
        key: &[],
        unique: &[&["gid", "signature_id"]],
        indices: &[&["arrived_at"], &["status", "arrived_at"]],
    },
    Table {
        name: "story_facilities",
        columns: &[
            ("story_id", Long),
            ("facility", Text),
            ("region", Int),
            ("alerts", Long),
            ("first_at", Long),
            ("last_at", Long),
            ("first_arrived_at", Long),
            ("arrived_at", Long),
        ],
        key: &["story_id", "facility"],
        unique: &[],
        indices: &[&["facility", "arrived_at"], &["region", "arrived_at"]],
    },
    Table {
        name: "story_events",
        columns: &[
            ("id", Id),
            ("story_id", Long),
            ("at", Long),
            ("who", TextOrNull),
            ("action", Text),
            ("verdict", TextOrNull),
            ("reason", TextOrNull),
            ("up_to", LongOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["story_id"]],
    },
    Table {
        name: "alerts",
        columns: &[
            ("id", Id),
            ("spool_id", Long),
            ("seq", Long),
            ("sensor", Text),
            ("facility", Text),
            ("story_id", Long),
            ("at", Long),
            ("arrived_at", Long),
            ("src_ip", Text),
            ("src_port", IntOrNull),
            ("dest_ip", Text),
            ("dest_port", IntOrNull),
            ("proto", Text),
            ("app_proto", TextOrNull),
            ("body", Text),
        ],
        key: &[],
        unique: &[&["spool_id", "seq"]],
        indices: &[
            &["story_id", "id"],
            &["story_id", "facility", "id"],
            &["facility", "src_ip", "at"],
            &["facility", "dest_ip", "at"],
        ],
    },
    Table {
        name: "alert_hours",
        columns: &[("facility", Text), ("hour", Long), ("alerts", Long)],
        key: &["facility", "hour"],
        unique: &[],
        indices: &[&["hour"]],
    },
    Table {
        name: "hosts",
        columns: &[
            ("id", Id),
            ("facility", Text),
            ("address", Text),
            ("name", TextOrNull),
            ("mac", TextOrNull),
            ("first_seen_at", Long),
            ("last_seen_at", Long),
            ("body", Text),
        ],
        key: &[],
        unique: &[&["facility", "address"]],
        indices: &[],
    },
    Table {
        name: "findings",
        columns: &[
            ("id", Id),
            ("facility", Text),
            ("region", Int),
            ("host", Text),
            ("kind", Text),
            ("severity", Int),
            ("confidence", Int),
            ("state", Text),
            ("response", TextOrNull),
            ("first_seen_at", Long),
            ("last_seen_at", Long),
            ("claimed_at", LongOrNull),
            ("verified_at", LongOrNull),
            ("changed_at", Long),
            ("body", Text),
        ],
        key: &[],
        unique: &[&["facility", "host", "kind"]],
        indices: &[&["facility", "state"], &["last_seen_at"], &["kind", "state"], &["state", "verified_at"]],
    },
    Table {
        name: "finding_events",
        columns: &[
            ("id", Id),
            ("finding_id", Long),
            ("at", Long),
            ("who", TextOrNull),
            ("from_state", TextOrNull),
            ("to_state", Text),
            ("response", TextOrNull),
            ("reason", TextOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["finding_id"]],
    },
];

const PEOPLE: &[Table] = &[
    Table {
        name: "users",
        columns: &[
            ("id", Id),
            ("login", Text),
            ("name", Text),
            ("role", Text),
            ("region", IntOrNull),
            ("facility", TextOrNull),
            ("password_hash", TextOrNull),
            ("created_at", Long),
            ("last_sign_in_at", LongOrNull),
            ("disabled_at", LongOrNull),
        ],
        key: &[],
        unique: &[&["login"]],
        indices: &[],
    },
    Table {
        name: "sessions",
        columns: &[
            ("digest", TextKey),
            ("user_id", Long),
            ("csrf", Text),
            ("created_at", Long),
            ("used_at", Long),
            ("expires_at", Long),
        ],
        key: &[],
        unique: &[],
        indices: &[&["user_id"], &["expires_at"]],
    },
    Table {
        name: "first_links",
        columns: &[
            ("digest", TextKey),
            ("user_id", Long),
            ("created_at", Long),
            ("expires_at", Long),
            ("used_at", LongOrNull),
        ],
        key: &[],
        unique: &[],
        indices: &[&["user_id"]],
    },
    Table {
        name: "audit",
        columns: &[
            ("id", Id),
            ("at", Long),
            ("user_id", LongOrNull),
            ("who", Text),
            ("action", Text),
            ("object", Text),
            ("facility", TextOrNull),
            ("detail", Text),
        ],
        key: &[],
        unique: &[],
        indices: &[&["action", "id"]],
    },
];
