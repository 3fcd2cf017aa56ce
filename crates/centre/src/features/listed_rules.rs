//! Rules of the sector's team, which every sensor gets in the same list as indicators: checked as one types, added with words
//! for hospitals, withdrawn with a reason.

use crate::{
    ask::{Asked, Body, Named, page},
    centre::Centre,
    guard::Caller,
    indicator_feed,
    named::names_no_other,
    refusal::Refusal,
    route::{Reach, Route, SECTOR, Who},
    rule_texts::RuleText,
    wire::{Moment, Text, Tlp},
    wire_list::{ListState, Standing},
};
use axum::{Json, extract::State, http::StatusCode};
use phitak_engine::{Diagnostic, rule_list};
use phitak_model::{Timestamp, listed_rule::LISTED_RULE_BYTES_MAX};
use phitak_store::{
    BulletinId, IndicatorStanding, ListedRuleFilter, ListedRuleRecord, ListedRuleTerms, ListedRuleWords, NewListedRule,
    Role, RuleReach, listed_rules::RULES_AT_ONCE_MAX,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DAY_SECS: i64 = 86_400;
/// Most bytes of rules that are checked at a time: what an address holds.
const CHECKED_BYTES_MAX: usize = 4 * LISTED_RULE_BYTES_MAX;

/// Those who look after several hospitals.
const OVERSEERS: Who = Who::Roles(&[Role::Administrator, Role::Analyst, Role::RegionOfficer]);

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedRule {
    /// Stands as the signature's number in its alerts
    pub sid: u32,
    /// In Suricata's language
    pub rule: String,
    pub tlp: Tlp,
    pub title: Text,
    pub what: Text,
    pub why: Text,
    pub standing: Standing,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub ended_at: Option<Moment>,
    pub bulletin_id: Option<i64>,
    /// Of the team's own: why, who added and who withdrew it, and what sensors that refuse it say
    pub team: Option<ListedRuleTeamPart>,
    /// Alerts at the caller's hospitals, and how many of them
    pub hits: u64,
    pub hospitals: u64,
    /// The story of its alerts
    pub story_id: Option<i64>,
    /// The caller's sensors that use it, or have let it go when it is over; None as long as the list does not say so
    pub sensors_followed: Option<u64>,
    /// The caller's sensors that do not take it
    pub refused_by: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedRuleTeamPart {
    pub reason: String,
    pub created_by: String,
    pub ended_by: Option<String>,
    pub end_reason: Option<String>,
    /// The first refusing sensor's reason
    pub refused_why: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ListedRulePage {
    pub items: Vec<ListedRule>,
    pub total: u64,
    pub next_cursor: Option<String>,
    pub list: ListState,
    /// The number that the next rule may have
    pub next_sid: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListedRuleQuery {
    #[param(inline)]
    pub standing: Option<Standing>,
    /// Part of the rule or of its title
    pub q: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct RuleCheckQuery {
    /// One rule a line; empty lines and lines that begin with # are left out
    pub text: Option<String>,
}

/// What of some rules is fit to go to sensors.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RuleCheck {
    pub fit: Vec<FitRule>,
    pub faults: Vec<RuleFault>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FitRule {
    pub line: u32,
    pub sid: u32,
    /// Its msg
    pub message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RuleFault {
    pub line: u32,
    pub column: u32,
    pub reason: String,
    pub hint: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewListedRules {
    /// 1 to 50; all are added, or none
    pub rules: Vec<ListedRuleDraft>,
    /// Not amber_strict and not red: those stay with whoever got them
    pub tlp: Tlp,
    /// For the team; at most 1000 characters
    pub reason: String,
    /// 1 to 730
    pub days: u32,
    /// The early warning that it belongs to
    pub bulletin_id: Option<i64>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedRuleDraft {
    /// One line in Suricata's language, with a sid of 9700000 to 9799999 that was not given before
    pub rule: String,
    /// What hospitals read, in Thai and if one likes in English, without a hospital's name; at most 160 characters
    pub title: Text,
    /// What happens; at most 1000 characters
    pub what: Text,
    /// Why it matters; at most 1000 characters
    pub why: Text,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedRuleEnd {
    pub reason: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/rules")
            .summary(
                "Rules that all sensors get, the highest number first, with what they hit at the caller's hospitals",
            )
            .allow(OVERSEERS, Reach::Tenant)
            .query::<ListedRuleQuery>()
            .answers::<ListedRulePage>()
            .to(list),
        Route::get("/api/v1/rules/check")
            .summary("Whether rules are fit to go to sensors, with line, column and reason where they are not")
            .allow(SECTOR, Reach::Nothing)
            .query::<RuleCheckQuery>()
            .answers::<RuleCheck>()
            .to(check),
        Route::post("/api/v1/rules")
            .summary("Has every sensor use these rules")
            .allow(SECTOR, Reach::Sector)
            .audited("rule.add")
            .takes::<NewListedRules>()
            .answers_nothing()
            .to(add),
        Route::post("/api/v1/rules/{id}/withdraw")
            .summary("Withdraws a rule before its time, with a reason")
            .allow(SECTOR, Reach::Sector)
            .audited("rule.withdraw")
            .takes::<ListedRuleEnd>()
            .answers_nothing()
            .to(withdraw),
    ]
}

async fn list(
    State(centre): State<Centre>,
    caller: Caller,
    Asked(query): Asked<ListedRuleQuery>,
) -> Result<Json<ListedRulePage>, Refusal> {
    let (scope, now) = (caller.scope(), centre.clock.now());
    let filter = ListedRuleFilter { standing: query.standing.map(IndicatorStanding::from), part: query.q };
    let found = centre.store.listed_rules(scope, &filter, now, &page(query.cursor, query.limit)).await?;
    let reach = centre.store.rule_reach(scope, centre.silent_before(now)).await?;
    let (sensors, sensors_current) = indicator_feed::up_to_date(&centre, scope).await?;
    let head = centre.feed.head();
    let is_team = scope.is_whole_sector();
    Ok(Json(ListedRulePage {
        total: found.total,
        next_cursor: found.next_cursor,
        items: found.items.into_iter().map(|record| ListedRule::of(record, &reach, now, is_team)).collect(),
        list: ListState { generation: head.generation, part: head.part, sensors, sensors_current },
        next_sid: centre.store.next_listed_sid().await?,
    }))
}

async fn check(State(centre): State<Centre>, Asked(query): Asked<RuleCheckQuery>) -> Result<Json<RuleCheck>, Refusal> {
    let text = query.text.unwrap_or_default();
    if text.len() > CHECKED_BYTES_MAX {
        return Err(Refusal::invalid(format!("at most {CHECKED_BYTES_MAX} bytes of rules are checked at a time")));
    }
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<(u32, String)> =
        lines.map(|(index, line)| (u32::try_from(index + 1).unwrap_or(u32::MAX), line.to_owned())).collect();
    if lines.len() > RULES_AT_ONCE_MAX {
        return Err(Refusal::invalid(format!("at most {RULES_AT_ONCE_MAX} rules are checked at a time")));
    }
    let mut checked = RuleCheck::default();
    for (line, judged) in judge(&centre, lines).await? {
        match judged {
            Ok((sid, message)) => checked.fit.push(FitRule { line, sid, message }),
            Err(Diagnostic { column, reason, hint, .. }) => {
                checked.faults.push(RuleFault { line, column, reason, hint })
            }
        }
    }
    Ok(Json(checked))
}

async fn add(
    State(centre): State<Centre>,
    caller: Caller,
    Body(ask): Body<NewListedRules>,
) -> Result<StatusCode, Refusal> {
    let now = centre.clock.now();
    if ask.rules.is_empty() || ask.rules.len() > RULES_AT_ONCE_MAX {
        return Err(Refusal::invalid(format!("1 to {RULES_AT_ONCE_MAX} rules are added at a time")));
    }
    let facilities = centre.store.all_facilities(caller.scope()).await?;
    for ListedRuleDraft { rule, title, what, why } in &ask.rules {
        let texts = [rule, &title.th, &title.en, &what.th, &what.en, &why.th, &why.en];
        names_no_other(&facilities, None, &texts.map(String::as_str))?;
    }
    let lines = (1u32..).zip(ask.rules.iter().map(|draft| draft.rule.trim().to_owned())).collect();
    let mut new = Vec::new();
    for ((line, judged), draft) in judge(&centre, lines).await?.into_iter().zip(&ask.rules) {
        let (sid, _) = judged.map_err(|fault| refused(line, &fault))?;
        new.push(NewListedRule { sid, rule: draft.rule.trim().to_owned(), words: draft.words() });
    }
    let terms = ListedRuleTerms {
        tlp: ask.tlp.into(),
        reason: ask.reason,
        bulletin: ask.bulletin_id.map(BulletinId),
        expires_at: now.plus_secs(i64::from(ask.days) * DAY_SECS),
    };
    centre.store.add_listed_rules(&new, &terms, caller.audit(now)?).await?;
    centre.texts.learn(new.iter().map(|rule| RuleText::of_listed(rule.sid, &rule.words)));
    centre.feed.wake();
    Ok(StatusCode::NO_CONTENT)
}

async fn withdraw(
    State(centre): State<Centre>,
    caller: Caller,
    Named(sid): Named<i64>,
    Body(ask): Body<ListedRuleEnd>,
) -> Result<StatusCode, Refusal> {
    centre.store.withdraw_listed_rule(sid, &ask.reason, caller.audit(centre.clock.now())?).await?;
    centre.feed.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// The rule's number and name, or what is wrong with it.
type Judged = Result<(u32, String), Diagnostic>;

/// Compiles rules, each alone, where it keeps nobody waiting.
async fn judge(centre: &Centre, lines: Vec<(u32, String)>) -> Result<Vec<(u32, Judged)>, Refusal> {
    let centre = centre.clone();
    let work = move || {
        let judged =
            |text: &str| rule_list::check(&centre.rule_loader, text).map(|rule| (rule.meta.sid, rule.meta.message));
        lines.into_iter().map(|(line, text)| (line, judged(&text))).collect()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "rules could not be checked");
        Refusal::invalid("the rules could not be checked; the cause stands in the centre's log")
    })
}

fn refused(line: u32, fault: &Diagnostic) -> Refusal {
    let hint = fault.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Refusal::invalid(format!("line {line}, column {}: {}{hint}", fault.column, fault.reason))
}

impl ListedRuleDraft {
    fn words(&self) -> ListedRuleWords {
        ListedRuleWords { title: (&self.title).into(), what: (&self.what).into(), why: (&self.why).into() }
    }
}

impl ListedRule {
    fn of(record: ListedRuleRecord, reach: &RuleReach, now: Timestamp, is_team: bool) -> Self {
        let (sensors_followed, (refused_by, refused_why)) = (reach.followed(&record), reach.refused(record.sid));
        let is_active = record.ended_at.is_none() && record.expires_at > now;
        let team = ListedRuleTeamPart {
            reason: record.reason,
            created_by: record.created_by,
            ended_by: record.ended_by,
            end_reason: record.end_reason,
            refused_why: refused_why.map(str::to_owned),
        };
        Self {
            sid: record.sid,
            rule: record.rule,
            tlp: record.tlp.into(),
            title: (&record.words.title).into(),
            what: (&record.words.what).into(),
            why: (&record.words.why).into(),
            standing: if is_active { Standing::Active } else { Standing::Over },
            created_at: record.created_at.into(),
            expires_at: record.expires_at.into(),
            ended_at: record.ended_at.map(Moment),
            // Which warnings there are is told to those who got them.
            bulletin_id: record.bulletin.filter(|_| is_team).map(|id| id.0),
            team: is_team.then_some(team),
            hits: record.hits,
            hospitals: record.hospitals,
            story_id: record.story.map(|id| id.0),
            sensors_followed,
            refused_by,
        }
    }
}
