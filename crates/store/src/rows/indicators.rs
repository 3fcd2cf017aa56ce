//! Rows of indicators and of the list that sensors get.

row!(indicator, "indicators", {
    #[sea_orm(primary_key)]
    id: i64,
    kind: String,
    value: String,
    severity: i32,
    tlp: String,
    source: String,
    reason: String,
    words: String,
    bulletin_id: Option<i64>,
    created_at: i64,
    created_by: String,
    expires_at: i64,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    end_reason: Option<String>,
    listing: i32,
});

row!(indicator_part, "indicator_parts", {
    #[sea_orm(primary_key, auto_increment = false)]
    generation: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    part: i64,
    at: i64,
    hash: String,
    signature: String,
    body: String,
});

row!(sensor_indicators, "sensor_indicators", {
    #[sea_orm(primary_key, auto_increment = false)]
    sensor: String,
    facility: String,
    generation: i64,
    part: i64,
    entries: i64,
    at: i64,
});

row!(listed_bulletin, "listed_bulletins", {
    #[sea_orm(primary_key, auto_increment = false)]
    bulletin_id: i64,
    at: i64,
});

row!(listed_rule, "listed_rules", {
    #[sea_orm(primary_key, auto_increment = false)]
    sid: i64,
    rule: String,
    tlp: String,
    reason: String,
    title_th: String,
    title_en: String,
    what_th: String,
    what_en: String,
    why_th: String,
    why_en: String,
    bulletin_id: Option<i64>,
    created_at: i64,
    created_by: String,
    expires_at: i64,
    ended_at: Option<i64>,
    ended_by: Option<String>,
    end_reason: Option<String>,
    listing: i32,
    listed_generation: Option<i64>,
    listed_part: Option<i64>,
});

row!(sensor_rules, "sensor_rules", {
    #[sea_orm(primary_key, auto_increment = false)]
    sensor: String,
    facility: String,
    entries: i64,
    refused_count: i64,
    refused: String,
    at: i64,
});
