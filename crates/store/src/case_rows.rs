//! One row of each table of cases, as sea-orm reads and writes it. Columns are explained where they are created, in
//! `migration`.

use crate::rows::row;

row!(case, "cases", {
    #[sea_orm(primary_key)]
    id: i64,
    year: i32,
    number: i64,
    title: String,
    told_th: String,
    told_en: String,
    status: String,
    level: String,
    categories: String,
    assignee_id: Option<i64>,
    assignee_name: Option<String>,
    source: String,
    caller: Option<String>,
    called_at: Option<i64>,
    opened_at: i64,
    opened_by: String,
    changed_at: i64,
    closed_at: Option<i64>,
    close_reason: Option<String>,
    merged_into: Option<i64>,
    legal_hold: i32,
    next_due_at: Option<i64>,
});

row!(case_facility, "case_facilities", {
    #[sea_orm(primary_key, auto_increment = false)]
    case_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    facility: String,
    added_at: i64,
    next_due_at: Option<i64>,
});

row!(case_story, "case_stories", {
    #[sea_orm(primary_key, auto_increment = false)]
    case_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    story_id: i64,
    signature_id: i64,
    signature: String,
    severity: i32,
    first_at: i64,
    last_at: i64,
    added_at: i64,
});

row!(case_link, "case_links", {
    #[sea_orm(primary_key, auto_increment = false)]
    case_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    other_id: i64,
    at: i64,
    who: String,
    reason: String,
});

row!(case_entry, "case_entries", {
    #[sea_orm(primary_key)]
    id: i64,
    case_id: i64,
    facility: Option<String>,
    at: i64,
    noted_at: i64,
    kind: String,
    action: String,
    who: String,
    source: Option<String>,
    text: String,
    shared: i32,
});

row!(case_hidden, "case_hidden", {
    #[sea_orm(primary_key, auto_increment = false)]
    case_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    line: String,
    at: i64,
    who: String,
    reason: String,
});

row!(case_moment, "case_moments", {
    #[sea_orm(primary_key)]
    id: i64,
    case_id: i64,
    facility: String,
    event: String,
    at: i64,
    noted_at: i64,
    noted_by: String,
    reason: Option<String>,
});

row!(case_clock, "case_clocks", {
    #[sea_orm(primary_key)]
    id: i64,
    case_id: i64,
    facility: String,
    rule: String,
    event: String,
    unless_kept: Option<String>,
    started_at: i64,
    due_at: i64,
    at_once: i32,
    state: String,
    settled_at: Option<i64>,
    settled_by: Option<String>,
    reference: Option<String>,
    reason: Option<String>,
});

row!(case_task, "case_tasks", {
    #[sea_orm(primary_key)]
    id: i64,
    case_id: i64,
    facility: Option<String>,
    title_th: String,
    title_en: String,
    who: Option<String>,
    due_at: Option<i64>,
    state: String,
    playbook: Option<String>,
    playbook_version: Option<String>,
    step: Option<String>,
    created_at: i64,
    created_by: String,
    settled_at: Option<i64>,
    settled_by: Option<String>,
    note: Option<String>,
});

row!(case_observable, "case_observables", {
    #[sea_orm(primary_key)]
    id: i64,
    case_id: i64,
    kind: String,
    value: String,
    note: String,
    added_at: i64,
    added_by: String,
});

row!(evidence, "evidence", {
    #[sea_orm(primary_key)]
    id: i64,
    case_id: i64,
    facility: Option<String>,
    sha256: String,
    bytes: i64,
    name: String,
    note: String,
    stored_at: i64,
    stored_by: String,
});

row!(custody, "custody", {
    #[sea_orm(primary_key)]
    id: i64,
    evidence_id: i64,
    sha256: String,
    at: i64,
    who: String,
    action: String,
    detail: String,
    hash: String,
});
