//! Rules that all sensors get, as the sector's team keeps them: added with a reason, withdrawn with one, never changed in
//! between. Whether a rule is fit to go to hospitals is judged where rules are compiled.

use crate::{
    audit::AuditLine,
    bulletin_content::BulletinText,
    database::Store,
    error::StoreError,
    ids::{BulletinId, StoryId},
    indicator_list::{ListPlace, unsigned},
    indicators::{IndicatorStanding, LIFE_DAYS_MAX, LISTED, OUT, WAITS},
    page::{Page, PageAsk, holds_part},
    rows::{bulletin, listed_rule as row},
    scope::Scope,
    triage::REASON_CHARS_MAX,
    words::Tlp,
};
use phitak_model::{
    Timestamp,
    listed_rule::{LISTED_RULE_GID, LISTED_RULE_SIDS, LISTED_RULES_MAX},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

/// Most rules that are added at a time.
pub const RULES_AT_ONCE_MAX: usize = 50;
/// Longest title, in characters.
pub const RULE_TITLE_CHARS_MAX: usize = 160;
/// Longest words of what it is and why it matters, in characters.
pub const RULE_WORDS_CHARS_MAX: usize = 1_000;
const DAY_SECS: i64 = 86_400;

/// What people read of a rule, in Thai, and in English where somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRuleWords {
    pub title: BulletinText,
    pub what: BulletinText,
    pub why: BulletinText,
}

/// A rule as it is added. Its text was compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewListedRule {
    pub sid: u32,
    pub rule: String,
    pub words: ListedRuleWords,
}

/// What rules that are added together share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRuleTerms {
    pub tlp: Tlp,
    /// For the sector's team.
    pub reason: String,
    pub bulletin: Option<BulletinId>,
    pub expires_at: Timestamp,
}

/// A kept one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRuleRecord {
    pub sid: u32,
    pub rule: String,
    pub tlp: Tlp,
    pub reason: String,
    pub words: ListedRuleWords,
    pub bulletin: Option<BulletinId>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub ended_by: Option<String>,
    pub end_reason: Option<String>,
    /// Where the list says what holds now: that it is in force, or that it is over. None as long as that waits.
    pub place: Option<ListPlace>,
    /// Alerts in the caller's scope, and the hospitals that they are of.
    pub hits: u64,
    pub hospitals: u64,
    pub story: Option<StoryId>,
}

/// What a list is narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedRuleFilter {
    pub standing: Option<IndicatorStanding>,
    /// Part of the rule, or of its title.
    pub part: Option<String>,
}

impl ListedRuleTerms {
    fn check(&self, now: Timestamp) -> Result<(), StoreError> {
        checked_line("the reason", &self.reason, REASON_CHARS_MAX)?;
        if self.expires_at <= now || self.expires_at > now.plus_secs(LIFE_DAYS_MAX * DAY_SECS) {
            return Err(StoreError::invalid(format!("a rule lives up to {LIFE_DAYS_MAX} days from now")));
        }
        if matches!(self.tlp, Tlp::AmberStrict | Tlp::Red) {
            let why = "TLP:AMBER+STRICT and TLP:RED stay with those who got them: they cannot go to hospitals' sensors";
            return Err(StoreError::invalid(why));
        }
        Ok(())
    }
}

impl NewListedRule {
    fn check(&self) -> Result<(), StoreError> {
        let ListedRuleWords { title, what, why } = &self.words;
        for (name, text, chars_max) in [
            ("the title", title, RULE_TITLE_CHARS_MAX),
            ("what it is", what, RULE_WORDS_CHARS_MAX),
            ("why it matters", why, RULE_WORDS_CHARS_MAX),
        ] {
            checked_line(&format!("{name} in Thai"), &text.th, chars_max)?;
            if !text.en.trim().is_empty() {
                checked_line(&format!("{name} in English"), &text.en, chars_max)?;
            }
        }
        Ok(())
    }
}

fn checked_line(what: &str, text: &str, chars_max: usize) -> Result<(), StoreError> {
    let chars = text.trim().chars().count();
    if chars == 0 || chars > chars_max || text.chars().any(char::is_control) {
        return Err(StoreError::invalid(format!("{what} has 1 to {chars_max} characters on one line")));
    }
    Ok(())
}

pub(crate) fn is_in_force(now: Timestamp) -> Condition {
    Condition::all().add(row::Column::EndedAt.is_null()).add(row::Column::ExpiresAt.gt(now.micros()))
}

impl Store {
    /// Adds rules: all of them, or none.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names what is broken; [`StoreError::Conflict`] for a number that was given before, or when there
    /// is no room.
    pub async fn add_listed_rules(
        &self,
        new: &[NewListedRule],
        terms: &ListedRuleTerms,
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        if new.is_empty() || new.len() > RULES_AT_ONCE_MAX {
            return Err(StoreError::invalid(format!("1 to {RULES_AT_ONCE_MAX} rules are added at a time")));
        }
        terms.check(audit.at)?;
        new.iter().try_for_each(NewListedRule::check)?;
        let tx = self.write().await?;
        check_room(&tx, new, terms, audit.at).await?;
        for rule in new {
            row::Entity::insert(fresh(rule, terms, &audit)).exec_without_returning(&tx).await?;
        }
        let sids: Vec<String> = new.iter().map(|rule| rule.sid.to_string()).collect();
        let told = format!("sid {} (TLP {}): {}", sids.join(", "), terms.tlp.as_str(), terms.reason.trim());
        audit.about("listed rules", None).saying(told).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Withdraws a rule before its time.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when it is over, [`StoreError::Invalid`] without a reason.
    pub async fn withdraw_listed_rule(&self, sid: i64, reason: &str, audit: AuditLine) -> Result<(), StoreError> {
        checked_line("the reason", reason, REASON_CHARS_MAX)?;
        let tx = self.write().await?;
        let kept = row::Entity::find_by_id(sid).one(&tx).await?.ok_or(StoreError::NotFound)?;
        if kept.ended_at.is_some() || kept.expires_at <= audit.at.micros() {
            return Err(StoreError::conflict("it is over already"));
        }
        let mut ended = kept.into_active_model();
        ended.ended_at = Set(Some(audit.at.micros()));
        ended.ended_by = Set(Some(audit.who.clone()));
        ended.end_reason = Set(Some(reason.trim().to_owned()));
        row::Entity::update(ended).exec(&tx).await?;
        audit.about(format!("listed rule {sid}"), None).saying(reason.trim().to_owned()).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Rules, the highest number first, with the hits in the caller's scope.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn listed_rules(
        &self,
        scope: &Scope,
        filter: &ListedRuleFilter,
        now: Timestamp,
        ask: &PageAsk,
    ) -> Result<Page<ListedRuleRecord>, StoreError> {
        let mut find = row::Entity::find();
        match filter.standing {
            Some(IndicatorStanding::Active) => find = find.filter(is_in_force(now)),
            Some(IndicatorStanding::Over) => find = find.filter(is_in_force(now).not()),
            None => {}
        }
        if let Some(part) = filter.part.as_deref().map(str::trim).filter(|part| !part.is_empty()) {
            let columns = [row::Column::Rule, row::Column::TitleTh, row::Column::TitleEn];
            let holds = columns.into_iter().fold(Condition::any(), |any, column| any.add(holds_part(column, part)));
            find = find.filter(holds);
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(before) = ask.after_number()? {
            find = find.filter(row::Column::Sid.lt(before));
        }
        let rows = find.order_by_desc(row::Column::Sid).limit(ask.rows() + 1).all(self.reader()).await?;
        let sids: Vec<i64> = rows.iter().map(|row| row.sid).collect();
        let mut hits = self.hits_of(scope, LISTED_RULE_GID, &sids).await?;
        let records = rows
            .into_iter()
            .map(|row| {
                let own = hits.remove(&row.sid).unwrap_or_default();
                let mut record = record(row, now)?;
                (record.hits, record.hospitals, record.story) = (own.alerts, own.hospitals, own.story);
                Ok(record)
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Page::of(records, ask.rows(), total, |record| record.sid.to_string()))
    }

    /// The number that the next rule may have; none when all were given.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn next_listed_sid(&self) -> Result<Option<u32>, StoreError> {
        let last = row::Entity::find().order_by_desc(row::Column::Sid).one(self.reader()).await?;
        let next = last.map_or(i64::from(*LISTED_RULE_SIDS.start()), |row| row.sid.saturating_add(1));
        Ok(u32::try_from(next).ok().filter(|sid| LISTED_RULE_SIDS.contains(sid)))
    }

    /// What people read of every rule that ever was, by its number: old alerts keep their words.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listed_rule_words(&self) -> Result<Vec<(u32, ListedRuleWords)>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::Sid).all(self.reader()).await?;
        rows.into_iter().map(|row| Ok((sid_of(&row)?, words_of(row)))).collect()
    }
}

async fn check_room(
    db: &impl ConnectionTrait,
    new: &[NewListedRule],
    terms: &ListedRuleTerms,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sids: Vec<i64> = new.iter().map(|rule| rule.sid.into()).collect();
    let mut distinct = sids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != sids.len() {
        return Err(StoreError::invalid("two of the rules have the same sid"));
    }
    if let Some(known) = row::Entity::find().filter(row::Column::Sid.is_in(sids)).one(db).await? {
        return Err(StoreError::conflict(format!("sid {} was given before: each is given once", known.sid)));
    }
    let in_force = row::Entity::find().filter(is_in_force(now)).count(db).await?;
    if in_force.saturating_add(new.len() as u64) > LISTED_RULES_MAX as u64 {
        return Err(StoreError::conflict(format!("at most {LISTED_RULES_MAX} rules are in force at a time")));
    }
    if let Some(id) = terms.bulletin
        && bulletin::Entity::find_by_id(id.0).one(db).await?.is_none()
    {
        return Err(StoreError::invalid("there is no such warning"));
    }
    Ok(())
}

fn fresh(new: &NewListedRule, terms: &ListedRuleTerms, audit: &AuditLine) -> row::ActiveModel {
    let ListedRuleWords { title, what, why } = &new.words;
    let text = |text: &str| Set(text.trim().to_owned());
    row::ActiveModel {
        sid: Set(new.sid.into()),
        rule: text(&new.rule),
        tlp: Set(terms.tlp.as_str().to_owned()),
        reason: text(&terms.reason),
        title_th: text(&title.th),
        title_en: text(&title.en),
        what_th: text(&what.th),
        what_en: text(&what.en),
        why_th: text(&why.th),
        why_en: text(&why.en),
        bulletin_id: Set(terms.bulletin.map(|id| id.0)),
        created_at: Set(audit.at.micros()),
        created_by: Set(audit.who.clone()),
        expires_at: Set(terms.expires_at.micros()),
        ended_at: Set(None),
        ended_by: Set(None),
        end_reason: Set(None),
        listing: Set(WAITS),
        listed_generation: Set(None),
        listed_part: Set(None),
    }
}

fn damaged(what: String) -> StoreError {
    StoreError::Damaged { table: "listed_rules", what }
}

fn sid_of(row: &row::Model) -> Result<u32, StoreError> {
    u32::try_from(row.sid).map_err(|error| damaged(error.to_string()))
}

fn words_of(row: row::Model) -> ListedRuleWords {
    ListedRuleWords {
        title: BulletinText { th: row.title_th, en: row.title_en },
        what: BulletinText { th: row.what_th, en: row.what_en },
        why: BulletinText { th: row.why_th, en: row.why_en },
    }
}

fn place_of(row: &row::Model, now: Timestamp) -> Option<ListPlace> {
    let is_over = row.ended_at.is_some() || row.expires_at <= now.micros();
    let is_told = row.listing == if is_over { OUT } else { LISTED };
    let place = row.listed_generation.zip(row.listed_part).filter(|_| is_told);
    place.map(|(generation, part)| ListPlace { generation: unsigned(generation), part: unsigned(part) })
}

fn record(row: row::Model, now: Timestamp) -> Result<ListedRuleRecord, StoreError> {
    Ok(ListedRuleRecord {
        sid: sid_of(&row)?,
        tlp: Tlp::parse(&row.tlp).ok_or_else(|| damaged(row.tlp.clone()))?,
        rule: row.rule.clone(),
        reason: row.reason.clone(),
        place: place_of(&row, now),
        bulletin: row.bulletin_id.map(BulletinId),
        created_at: Timestamp::from_micros(row.created_at),
        created_by: row.created_by.clone(),
        expires_at: Timestamp::from_micros(row.expires_at),
        ended_at: row.ended_at.map(Timestamp::from_micros),
        ended_by: row.ended_by.clone(),
        end_reason: row.end_reason.clone(),
        hits: 0,
        hospitals: 0,
        story: None,
        words: words_of(row),
    })
}
