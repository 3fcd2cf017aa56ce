//! One row of each table, as sea-orm reads and writes it. Columns are explained where they are created, in
//! `migration`.

/// A table's entity without relations: joins are written out in the queries.
macro_rules! row {
    ($module:ident, $table:literal, { $($(#[$attr:meta])* $field:ident: $kind:ty),+ $(,)? }) => {
        pub(crate) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model { $($(#[$attr])* pub $field: $kind),+ }

            #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}
pub(crate) use row;

row!(facility, "facilities", {
    #[sea_orm(primary_key, auto_increment = false)]
    code: String,
    name_th: String,
    name_en: String,
    province_code: String,
    region: i32,
    created_at: i64,
    heard_at: Option<i64>,
    findings_open: i32,
    findings_claimed: i32,
    findings_verified: i32,
    stories_open: i32,
    stories_act: i32,
    stories_call: i32,
    hosts: i32,
    bulletins_open: i32,
});

row!(sensor, "sensors", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    facility: String,
    enrolled_at: i64,
    revoked_at: Option<i64>,
    last_seen_at: Option<i64>,
    watching_since_at: Option<i64>,
    health_at: Option<i64>,
    version: Option<String>,
    packets: i64,
    bytes: i64,
    flows: i64,
    rules_loaded: i32,
    rules_failed: i32,
    spool_bytes: i64,
});

row!(certificate, "certificates", {
    #[sea_orm(primary_key, auto_increment = false)]
    serial: String,
    sensor: String,
    issued_at: i64,
    not_after: i64,
});

row!(spool, "spools", {
    #[sea_orm(primary_key)]
    id: i64,
    sensor: String,
    spool: String,
    last_seq: i64,
    begun_at: i64,
});

row!(loss, "losses", {
    #[sea_orm(primary_key)]
    id: i64,
    sensor: String,
    facility: String,
    cause: String,
    count: i64,
    from_at: i64,
    until_at: i64,
});

row!(enrolment, "enrolment_codes", {
    #[sea_orm(primary_key)]
    id: i64,
    digest: String,
    facility: String,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
    key_digest: Option<String>,
    sensor: Option<String>,
});

row!(story, "stories", {
    #[sea_orm(primary_key)]
    id: i64,
    gid: i32,
    signature_id: i64,
    rev: i64,
    signature: String,
    category: String,
    severity: i32,
    attack: String,
    status: String,
    verdict: Option<String>,
    assignee_id: Option<i64>,
    assignee_name: Option<String>,
    alerts: i64,
    first_at: i64,
    last_at: i64,
    arrived_at: i64,
    acknowledged_up_to: Option<i64>,
    closed_up_to: Option<i64>,
    suppression_id: i64,
});

row!(story_facility, "story_facilities", {
    #[sea_orm(primary_key, auto_increment = false)]
    story_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    facility: String,
    region: i32,
    alerts: i64,
    first_at: i64,
    last_at: i64,
    first_arrived_at: i64,
    arrived_at: i64,
});

row!(story_event, "story_events", {
    #[sea_orm(primary_key)]
    id: i64,
    story_id: i64,
    at: i64,
    who: Option<String>,
    action: String,
    verdict: Option<String>,
    reason: Option<String>,
    up_to: Option<i64>,
    assignee_name: Option<String>,
});

row!(alert, "alerts", {
    #[sea_orm(primary_key)]
    id: i64,
    spool_id: i64,
    seq: i64,
    story_id: i64,
    facility: String,
    at: i64,
    arrived_at: i64,
    src_ip: crate::address::Address,
    src_port: Option<i32>,
    dest_ip: crate::address::Address,
    dest_port: Option<i32>,
    proto: String,
    app_proto: Option<String>,
    body: Vec<u8>,
});

row!(story_hour, "story_hours", {
    #[sea_orm(primary_key, auto_increment = false)]
    hour: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    story_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    facility: String,
    alerts: i64,
    first_at: i64,
    last_at: i64,
});

row!(story_day, "story_days", {
    #[sea_orm(primary_key, auto_increment = false)]
    day: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    story_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    facility: String,
    alerts: i64,
    first_at: i64,
    last_at: i64,
});

row!(alert_hour, "alert_hours", {
    #[sea_orm(primary_key, auto_increment = false)]
    facility: String,
    #[sea_orm(primary_key, auto_increment = false)]
    hour: i64,
    alerts: i64,
});

row!(host, "hosts", {
    #[sea_orm(primary_key)]
    id: i64,
    facility: String,
    address: String,
    name: Option<String>,
    mac: Option<String>,
    first_seen_at: i64,
    last_seen_at: i64,
    body: String,
});

row!(finding, "findings", {
    #[sea_orm(primary_key)]
    id: i64,
    facility: String,
    region: i32,
    host: String,
    kind: String,
    severity: i32,
    confidence: i32,
    state: String,
    response: Option<String>,
    first_seen_at: i64,
    last_seen_at: i64,
    claimed_at: Option<i64>,
    verified_at: Option<i64>,
    changed_at: i64,
    body: String,
});

row!(finding_event, "finding_events", {
    #[sea_orm(primary_key)]
    id: i64,
    finding_id: i64,
    at: i64,
    who: Option<String>,
    from_state: Option<String>,
    to_state: String,
    response: Option<String>,
    reason: Option<String>,
});

row!(user, "users", {
    #[sea_orm(primary_key)]
    id: i64,
    login: String,
    name: String,
    role: String,
    region: Option<i32>,
    facility: Option<String>,
    password_hash: Option<String>,
    created_at: i64,
    last_sign_in_at: Option<i64>,
    disabled_at: Option<i64>,
    second_factor_at: Option<i64>,
});

row!(session, "sessions", {
    #[sea_orm(primary_key, auto_increment = false)]
    digest: String,
    user_id: i64,
    csrf: String,
    created_at: i64,
    used_at: i64,
    expires_at: i64,
});

row!(first_link, "first_links", {
    #[sea_orm(primary_key, auto_increment = false)]
    digest: String,
    user_id: i64,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
});

row!(second_factor, "second_factors", {
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: i64,
    secret: Option<String>,
    pending: Option<String>,
    last_step: i64,
});

row!(recovery_code, "recovery_codes", {
    #[sea_orm(primary_key, auto_increment = false)]
    digest: String,
    user_id: i64,
    used_at: Option<i64>,
});

row!(token, "api_tokens", {
    #[sea_orm(primary_key)]
    id: i64,
    digest: String,
    user_id: i64,
    name: String,
    role: String,
    region: Option<i32>,
    facility: Option<String>,
    created_at: i64,
    expires_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
});

row!(audit, "audit", {
    #[sea_orm(primary_key)]
    id: i64,
    at: i64,
    user_id: Option<i64>,
    who: String,
    action: String,
    object: String,
    facility: Option<String>,
    detail: String,
    hash: String,
});

row!(audit_chain, "audit_chain", {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    line: i64,
    hash: String,
});

row!(audit_view, "audit_views", {
    #[sea_orm(primary_key, auto_increment = false)]
    who: String,
    #[sea_orm(primary_key, auto_increment = false)]
    action: String,
    #[sea_orm(primary_key, auto_increment = false)]
    place: String,
    at: i64,
});

row!(bulletin, "bulletins", {
    #[sea_orm(primary_key)]
    id: i64,
    state: String,
    severity: i32,
    body: String,
    story_id: Option<i64>,
    created_at: i64,
    created_by: String,
    changed_at: i64,
    published_at: Option<i64>,
    published_by: Option<String>,
    closed_at: Option<i64>,
    closed_by: Option<String>,
    close_reason: Option<String>,
});

row!(bulletin_recipient, "bulletin_recipients", {
    #[sea_orm(primary_key, auto_increment = false)]
    bulletin_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    facility: String,
    source: String,
    reasons: String,
    hand_reason: Option<String>,
    state: String,
    sent_at: i64,
    acknowledged_at: Option<i64>,
    answer: Option<String>,
    answer_reason: Option<String>,
    answered_at: Option<i64>,
    done_at: Option<i64>,
    verified_at: Option<i64>,
    chase_level: i32,
    check_outcome: Option<String>,
    found_again: Option<String>,
    useful: Option<i32>,
    useful_words: Option<String>,
});

row!(bulletin_event, "bulletin_events", {
    #[sea_orm(primary_key)]
    id: i64,
    bulletin_id: i64,
    facility: Option<String>,
    at: i64,
    who: Option<String>,
    action: String,
    level: Option<i32>,
    detail: Option<String>,
});

mod indicators;
pub(crate) use indicators::{indicator, indicator_part, listed_bulletin, listed_rule, sensor_indicators, sensor_rules};

mod triage;
pub(crate) use triage::{saved_view, selected_story, selection, suppression};
