//! Hospitals and how each stands.
//!
//! A facility's counters are kept by the writes that change them ([`crate::recount`]), so that lists and the overview read rows
//! and never count alerts, stories or findings.
//!
//! **Standing**, most urgent first:
//! - *call*: a high or critical story has alerts here that nobody at the centre has looked at yet;
//! - *blind*: no sensor here has been heard since the silence limit, or there never was one;
//! - *act*: a finding or a warning is open, or a story of medium severity or more is not closed for what arrived here;
//! - *calm*: none of these.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    page::{Page, PageAsk, holds_part},
    provinces,
    rows::{facility as row, finding, story_facility},
    scope::Scope,
};
use phitak_model::{FacilityCode, HealthRegion, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

/// Most facilities of one import.
pub const IMPORT_FACILITIES_MAX: usize = 20_000;
/// Longest name, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// How a facility stands, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Call,
    Blind,
    Act,
    Calm,
}

/// A facility as it is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFacility {
    pub code: FacilityCode,
    pub name_th: String,
    pub name_en: String,
    /// Decides the health region, too.
    pub province_code: String,
}

/// A facility with its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facility {
    pub code: FacilityCode,
    pub name_th: String,
    pub name_en: String,
    pub province_code: String,
    pub region: HealthRegion,
    /// When any of its sensors was heard last.
    pub heard_at: Option<Timestamp>,
    /// Open and reopened.
    pub findings_open: u64,
    pub findings_claimed: u64,
    pub findings_verified: u64,
    /// Not closed for what arrived here.
    pub stories_open: u64,
    pub stories_act: u64,
    pub stories_call: u64,
    pub hosts: u64,
    pub bulletins_open: u64,
}

/// What a list of facilities is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct FacilityFilter {
    pub region: Option<HealthRegion>,
    pub province_code: Option<String>,
    pub standing: Option<Standing>,
    /// Part of the code or a name.
    pub part: Option<String>,
}

impl Facility {
    /// How it stands when sensors not heard since `silent_before` are silent.
    #[must_use]
    pub fn standing(&self, silent_before: Timestamp) -> Standing {
        if self.stories_call > 0 {
            Standing::Call
        } else if self.heard_at.is_none_or(|at| at < silent_before) {
            Standing::Blind
        } else if self.stories_act > 0 || self.findings_open > 0 || self.bulletins_open > 0 {
            Standing::Act
        } else {
            Standing::Calm
        }
    }
}

impl Standing {
    /// [`Facility::standing`] as a condition.
    fn condition(self, silent_before: Timestamp) -> Condition {
        let call = row::Column::StoriesCall.gt(0);
        let seen = row::Column::HeardAt.gte(silent_before.micros());
        let act = Condition::any()
            .add(row::Column::StoriesAct.gt(0))
            .add(row::Column::FindingsOpen.gt(0))
            .add(row::Column::BulletinsOpen.gt(0));
        let not_call = row::Column::StoriesCall.lte(0);
        match self {
            Self::Call => Condition::all().add(call),
            Self::Blind => Condition::all().add(not_call).add(
                Condition::any()
                    .add(row::Column::HeardAt.is_null())
                    .add(row::Column::HeardAt.lt(silent_before.micros())),
            ),
            Self::Act => Condition::all().add(not_call).add(seen).add(act),
            Self::Calm => Condition::all().add(not_call).add(seen).add(act.not()),
        }
    }
}

impl TryFrom<row::Model> for Facility {
    type Error = StoreError;

    fn try_from(row: row::Model) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged { table: "facilities", what };
        let count = |number: i32| u64::try_from(number).unwrap_or(0);
        Ok(Self {
            code: FacilityCode::new(&row.code).map_err(|error| damaged(error.to_string()))?,
            name_th: row.name_th,
            name_en: row.name_en,
            province_code: row.province_code,
            region: region_of(row.region).map_err(damaged)?,
            heard_at: row.heard_at.map(Timestamp::from_micros),
            findings_open: count(row.findings_open),
            findings_claimed: count(row.findings_claimed),
            findings_verified: count(row.findings_verified),
            stories_open: count(row.stories_open),
            stories_act: count(row.stories_act),
            stories_call: count(row.stories_call),
            hosts: count(row.hosts),
            bulletins_open: count(row.bulletins_open),
        })
    }
}

pub(crate) fn region_of(number: i32) -> Result<HealthRegion, String> {
    u8::try_from(number)
        .map_err(|error| error.to_string())
        .and_then(|number| HealthRegion::new(number).map_err(|error| error.to_string()))
}

impl Store {
    /// Adds facilities, or updates the names and places of those that exist. Gives the number of both.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the first entry that breaks a rule; nothing is stored then.
    pub async fn import_facilities(&self, facilities: &[NewFacility], audit: AuditLine) -> Result<usize, StoreError> {
        if facilities.len() > IMPORT_FACILITIES_MAX {
            return Err(StoreError::invalid(format!("an import has at most {IMPORT_FACILITIES_MAX} facilities")));
        }
        let tx = self.write().await?;
        for facility in facilities {
            upsert(&tx, facility, audit.at).await?;
        }
        audit.about("facilities", None).saying(format!("{} imported", facilities.len())).store(&tx).await?;
        tx.commit().await?;
        Ok(facilities.len())
    }

    /// Facilities by code.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a strange cursor, [`StoreError::Database`].
    pub async fn facilities(
        &self,
        scope: &Scope,
        filter: &FacilityFilter,
        silent_before: Timestamp,
        ask: &PageAsk,
    ) -> Result<Page<Facility>, StoreError> {
        let mut find = row::Entity::find().filter(scope.admits(row::Column::Code));
        if let Some(region) = filter.region {
            find = find.filter(row::Column::Region.eq(i32::from(region.number())));
        }
        if let Some(province) = &filter.province_code {
            find = find.filter(row::Column::ProvinceCode.eq(province.as_str()));
        }
        if let Some(standing) = filter.standing {
            find = find.filter(standing.condition(silent_before));
        }
        if let Some(part) = filter.part.as_deref().map(str::trim).filter(|part| !part.is_empty()) {
            find = find.filter(
                Condition::any()
                    .add(holds_part(row::Column::Code, part))
                    .add(holds_part(row::Column::NameTh, part))
                    .add(holds_part(row::Column::NameEn, part)),
            );
        }
        let total = find.clone().count(self.reader()).await?;
        if let Some(after) = ask.after()? {
            find = find.filter(row::Column::Code.gt(after));
        }
        let rows = find.order_by_asc(row::Column::Code).limit(ask.rows() + 1).all(self.reader()).await?;
        let facilities = rows.into_iter().map(Facility::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(facilities, ask.rows(), total, |facility| facility.code.to_string()))
    }

    /// All facilities in scope, by code: for the overview.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn all_facilities(&self, scope: &Scope) -> Result<Vec<Facility>, StoreError> {
        let rows = row::Entity::find()
            .filter(scope.admits(row::Column::Code))
            .order_by_asc(row::Column::Code)
            .limit(IMPORT_FACILITIES_MAX as u64)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Facility::try_from).collect()
    }

    /// One facility.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it does not exist or lies outside the scope.
    pub async fn facility(&self, scope: &Scope, code: &str) -> Result<Facility, StoreError> {
        row::Entity::find()
            .filter(row::Column::Code.eq(code))
            .filter(scope.admits(row::Column::Code))
            .one(self.reader())
            .await?
            .ok_or(StoreError::NotFound)?
            .try_into()
    }

    /// The names of these facilities, as far as they lie in the scope.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn facilities_named(&self, scope: &Scope, codes: &[String]) -> Result<Vec<Facility>, StoreError> {
        if codes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = row::Entity::find()
            .filter(scope.admits(row::Column::Code))
            .filter(row::Column::Code.is_in(codes.iter().map(String::as_str)))
            .order_by_asc(row::Column::Code)
            .all(self.reader())
            .await?;
        rows.into_iter().map(Facility::try_from).collect()
    }
}

async fn upsert(db: &impl ConnectionTrait, facility: &NewFacility, now: Timestamp) -> Result<(), StoreError> {
    let code = facility.code.as_str();
    let province = provinces::by_code(&facility.province_code).ok_or_else(|| {
        StoreError::invalid(format!("facility {code}: there is no province {:?}", facility.province_code))
    })?;
    for name in [&facility.name_th, &facility.name_en] {
        if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
            return Err(StoreError::invalid(format!(
                "facility {code}: a name has 1 to {NAME_CHARS_MAX} characters, in Thai and in English"
            )));
        }
    }
    let region = i32::from(province.region);
    row::Entity::insert(row::ActiveModel {
        code: Set(code.to_owned()),
        name_th: Set(facility.name_th.trim().to_owned()),
        name_en: Set(facility.name_en.trim().to_owned()),
        province_code: Set(province.code.to_owned()),
        region: Set(region),
        created_at: Set(now.micros()),
        heard_at: Set(None),
        findings_open: Set(0),
        findings_claimed: Set(0),
        findings_verified: Set(0),
        stories_open: Set(0),
        stories_act: Set(0),
        stories_call: Set(0),
        hosts: Set(0),
        bulletins_open: Set(0),
    })
    .on_conflict(
        OnConflict::column(row::Column::Code)
            .update_columns([row::Column::NameTh, row::Column::NameEn, row::Column::ProvinceCode, row::Column::Region])
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    // The region stands beside the facility in what is listed by region.
    finding::Entity::update_many()
        .col_expr(finding::Column::Region, Expr::value(region))
        .filter(finding::Column::Facility.eq(code))
        .filter(finding::Column::Region.ne(region))
        .exec(db)
        .await?;
    story_facility::Entity::update_many()
        .col_expr(story_facility::Column::Region, Expr::value(region))
        .filter(story_facility::Column::Facility.eq(code))
        .filter(story_facility::Column::Region.ne(region))
        .exec(db)
        .await?;
    Ok(())
}

/// The facility, for a write.
pub(crate) async fn of_code(db: &impl ConnectionTrait, code: &FacilityCode) -> Result<row::Model, StoreError> {
    row::Entity::find_by_id(code.as_str()).one(db).await?.ok_or(StoreError::NotFound)
}
