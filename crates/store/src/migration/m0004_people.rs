//! The audit becomes a chain: lines that are there are hashed in their order. Accounts get a second factor and API tokens.

use super::tables::{Column, Table as Columns, create};
use crate::{
    audit_chain::{self, BEGINNING, Fields},
    rows::audit_chain as mark,
};
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, EntityTrait, ExprTrait},
};

pub(super) struct People;

impl MigrationName for People {
    fn name(&self) -> &str {
        "m0004_people"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for People {
    #[allow(elided_lifetimes_in_paths, reason = "the trait is written so")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let hash = ColumnDef::new("hash").text().not_null().default("").to_owned();
        manager.alter_table(Table::alter().table("audit").add_column(hash).to_owned()).await?;
        let since = ColumnDef::new("second_factor_at").big_integer().null().to_owned();
        manager.alter_table(Table::alter().table("users").add_column(since).to_owned()).await?;
        for table in TABLES {
            create(manager, table).await?;
        }
        chain_up(manager.get_connection()).await
    }
}

/// Lines that are hashed at a time.
const LINES_PER_STEP: u64 = 1_000;

async fn chain_up(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    mark::Entity::insert_many(audit_chain::first_marks()).exec_without_returning(db).await?;
    let (mut last, mut hash) = (0_i64, BEGINNING.to_owned());
    loop {
        let mut select = Query::select();
        select
            .columns(["id", "at", "user_id", "who", "action", "object", "facility", "detail"])
            .from("audit")
            .cond_where(Expr::col("id").gt(last))
            .order_by("id", Order::Asc)
            .limit(LINES_PER_STEP);
        let lines = db.query_all(&select).await?;
        if lines.is_empty() {
            break;
        }
        for line in &lines {
            let text = |name: &str| line.try_get::<String>("", name);
            let facility: Option<String> = line.try_get("", "facility")?;
            last = line.try_get("", "id")?;
            hash = audit_chain::hash(
                &hash,
                &Fields {
                    at: line.try_get("", "at")?,
                    user_id: line.try_get("", "user_id")?,
                    who: &text("who")?,
                    action: &text("action")?,
                    object: &text("object")?,
                    facility: facility.as_deref(),
                    detail: &text("detail")?,
                },
            );
            let mut update = Query::update();
            update.table("audit").value("hash", hash.clone()).cond_where(Expr::col("id").eq(last));
            db.execute(&update).await?;
        }
    }
    audit_chain::set_head(db, last, hash).await.map_err(|error| DbErr::Custom(error.to_string()))
}

use Column::{Id, IntOrNull, Long, LongOrNull, Text, TextKey, TextOrNull};

const TABLES: &[Columns] = &[
    Columns {
        name: "audit_chain",
        columns: &[("name", TextKey), ("line", Long), ("hash", Text)],
        key: &[],
        unique: &[],
        indices: &[],
    },
    // What was looked at within the hour.
    Columns {
        name: "audit_views",
        columns: &[("who", Text), ("action", Text), ("place", Text), ("at", Long)],
        key: &["who", "action", "place"],
        unique: &[],
        indices: &[&["at"]],
    },
    // `secret` is in use, `pending` waits for its proof; both are sealed by the centre.
    Columns {
        name: "second_factors",
        columns: &[("user_id", Long), ("secret", TextOrNull), ("pending", TextOrNull), ("last_step", Long)],
        key: &["user_id"],
        unique: &[],
        indices: &[],
    },
    Columns {
        name: "api_tokens",
        columns: &[
            ("id", Id),
            ("digest", Text),
            ("user_id", Long),
            ("name", Text),
            ("role", Text),
            ("region", IntOrNull),
            ("facility", TextOrNull),
            ("created_at", Long),
            ("expires_at", Long),
            ("last_used_at", LongOrNull),
            ("revoked_at", LongOrNull),
        ],
        key: &[],
        unique: &[&["digest"]],
        indices: &[&["user_id"]],
    },
    Columns {
        name: "recovery_codes",
        columns: &[("digest", TextKey), ("user_id", Long), ("used_at", LongOrNull)],
        key: &[],
        unique: &[],
        indices: &[&["user_id"]],
    },
];
