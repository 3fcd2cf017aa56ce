//! One row of each table of notification. Columns are explained where they are created, in `migration`.

use crate::rows::row;

row!(channel, "notify_channels", {
    #[sea_orm(primary_key, auto_increment = false)]
    kind: String,
    enabled: i32,
    settings: String,
    secret: Option<String>,
    changed_at: i64,
    changed_by: String,
    failures: i32,
    failing_since: Option<i64>,
    last_error: Option<String>,
    last_sent_at: Option<i64>,
});

row!(mark, "notify_marks", {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    at: i64,
});

row!(contact, "contacts", {
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    channel: String,
    place: i32,
    address: String,
});

row!(quiet_hours, "quiet_hours", {
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: i64,
    from_minute: i32,
    until_minute: i32,
    passes: i32,
});

row!(duty, "duties", {
    #[sea_orm(primary_key, auto_increment = false)]
    place: String,
    #[sea_orm(primary_key, auto_increment = false)]
    position: i32,
    user_id: i64,
    wait_minutes: i32,
});

row!(matter, "matters", {
    #[sea_orm(primary_key)]
    id: i64,
    subject: String,
    kind: String,
    place: String,
    facility: Option<String>,
    story_id: Option<i64>,
    bulletin_id: Option<i64>,
    sensor: Option<String>,
    severity: i32,
    caused_at: i64,
    created_at: i64,
    state: String,
    step: i32,
    next_at: Option<i64>,
    ended_at: Option<i64>,
    answered_by: Option<String>,
});

row!(delivery, "deliveries", {
    #[sea_orm(primary_key)]
    id: i64,
    matter_id: i64,
    step: i32,
    user_id: i64,
    facility: Option<String>,
    channel: String,
    address: String,
    idempotency_key: String,
    state: String,
    gathers: i32,
    stands_in: i32,
    created_at: i64,
    due_at: i64,
    attempts: i32,
    sent_at: Option<i64>,
    last_error: Option<String>,
    gathered_in: Option<i64>,
    link_used_at: Option<i64>,
});
