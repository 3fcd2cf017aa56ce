//! Rows of what the analysts set up for their queue.

row!(suppression, "suppressions", {
    #[sea_orm(primary_key)]
    id: i64,
    gid: i32,
    signature_id: i64,
    signature: String,
    severity: i32,
    region: Option<i32>,
    facility: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    reason: String,
    created_at: i64,
    created_by: String,
    expires_at: i64,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    end_reason: Option<String>,
});

row!(selection, "selections", {
    #[sea_orm(primary_key)]
    id: i64,
    user_id: i64,
    created_at: i64,
    up_to: i64,
    stories: i64,
    acted_at: Option<i64>,
    action: Option<String>,
    verdict: Option<String>,
    assignee_id: Option<i64>,
    changed: i64,
    undone_at: Option<i64>,
});

row!(selected_story, "selected_stories", {
    #[sea_orm(primary_key, auto_increment = false)]
    selection_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    story_id: i64,
    status: String,
    verdict: Option<String>,
    assignee_id: Option<i64>,
    assignee_name: Option<String>,
    acknowledged_up_to: Option<i64>,
    closed_up_to: Option<i64>,
    is_changed: i32,
});

row!(saved_view, "saved_views", {
    #[sea_orm(primary_key)]
    id: i64,
    user_id: i64,
    name: String,
    filter: String,
    is_shared: i32,
    created_at: i64,
});
