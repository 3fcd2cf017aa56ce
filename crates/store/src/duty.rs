//! Who is on duty: for a hospital, a region or the sector, who is told first, who next, and after how long.

use crate::{
    audit::AuditLine,
    database::Store,
    error::StoreError,
    facilities::region_of,
    ids::UserId,
    notify_rows::duty as row,
    people::User,
    rows::user,
    scope::{Scope, ScopeReach},
    words::Role,
};
use phitak_model::FacilityCode;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::BTreeSet;

/// People on one roster.
pub const DUTIES_MAX: usize = 10;
/// Longest time until the next one is told.
pub const WAIT_MINUTES_MAX: u32 = 24 * 60;
/// How long a person is waited for who stands on no roster.
pub const WAIT_MINUTES_DEFAULT: u32 = 15;
/// People among whom a roster is chosen.
pub const CANDIDATES_MAX: u64 = 200;

/// One line of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duty {
    pub user: User,
    /// After so long without an answer the next one is told.
    pub wait_minutes: u32,
}

/// A roster with those who could stand on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    pub duties: Vec<Duty>,
    pub candidates: Vec<User>,
}

/// A place as it stands in the tables.
pub(crate) fn word_of(place: &ScopeReach) -> String {
    match place {
        ScopeReach::Sector => "sector".to_owned(),
        ScopeReach::Region(region) => format!("region/{}", region.number()),
        ScopeReach::Facility(code) => format!("facility/{code}"),
    }
}

pub(crate) fn place_of(word: &str) -> Result<ScopeReach, StoreError> {
    let damaged = |what: String| StoreError::Damaged { table: "duties", what };
    match word.split_once('/') {
        None if word == "sector" => Ok(ScopeReach::Sector),
        Some(("region", number)) => {
            let number = number.parse().map_err(|_| damaged(word.to_owned()))?;
            region_of(number).map(ScopeReach::Region).map_err(damaged)
        }
        Some(("facility", code)) => {
            FacilityCode::new(code).map(ScopeReach::Facility).map_err(|error| damaged(error.to_string()))
        }
        _ => Err(damaged(word.to_owned())),
    }
}

impl Store {
    /// A place's roster.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the place lies outside the scope.
    pub async fn roster(&self, scope: &Scope, place: &ScopeReach) -> Result<Roster, StoreError> {
        self.check_place(scope, place).await?;
        let duties = self.duties(place).await?;
        let candidates = people_of(place).limit(CANDIDATES_MAX).all(self.reader()).await?;
        let candidates = candidates.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Roster { duties, candidates })
    }

    /// Who stands on a place's roster and may still sign in, in order. For what no person asks for.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn duties(&self, place: &ScopeReach) -> Result<Vec<Duty>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::Place.eq(word_of(place)))
            .order_by_asc(row::Column::Position)
            .all(self.reader())
            .await?;
        let people = people_of(place)
            .filter(user::Column::Id.is_in(rows.iter().map(|row| row.user_id)))
            .all(self.reader())
            .await?;
        let mut duties = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(person) = people.iter().find(|person| person.id == row.user_id) else { continue };
            let wait_minutes = u32::try_from(row.wait_minutes).unwrap_or(WAIT_MINUTES_DEFAULT);
            duties.push(Duty { user: User::try_from(person.clone())?, wait_minutes });
        }
        Ok(duties)
    }

    /// The people of a place, by login: those who are told where nobody stands on the roster.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn people_of_place(&self, place: &ScopeReach) -> Result<Vec<User>, StoreError> {
        let people = people_of(place).limit(DUTIES_MAX as u64).all(self.reader()).await?;
        people.into_iter().map(User::try_from).collect()
    }

    /// Replaces a place's roster: logins in order, each with the minutes until the next one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the place lies outside the scope; [`StoreError::Invalid`] names the rule that is broken.
    pub async fn set_roster(
        &self,
        scope: &Scope,
        place: &ScopeReach,
        duties: &[(String, u32)],
        audit: AuditLine,
    ) -> Result<(), StoreError> {
        self.check_place(scope, place).await?;
        let logins: BTreeSet<&str> = duties.iter().map(|(login, _)| login.as_str()).collect();
        if duties.len() > DUTIES_MAX || logins.len() != duties.len() {
            return Err(StoreError::invalid(format!("a roster holds at most {DUTIES_MAX} people, each once")));
        }
        if !duties.iter().all(|(_, minutes)| (1..=WAIT_MINUTES_MAX).contains(minutes)) {
            return Err(StoreError::invalid(format!("the next one is told after 1 to {WAIT_MINUTES_MAX} minutes")));
        }
        let word = word_of(place);
        let tx = self.write().await?;
        let people = people_of(place).filter(user::Column::Login.is_in(logins.iter().copied())).all(&tx).await?;
        row::Entity::delete_many().filter(row::Column::Place.eq(word.as_str())).exec(&tx).await?;
        for (position, (login, minutes)) in (0_i32..).zip(duties) {
            let person = people.iter().find(|person| person.login == *login);
            let person = person.ok_or_else(|| StoreError::invalid(format!("{login} is nobody of this place")))?;
            let duty = row::ActiveModel {
                place: Set(word.clone()),
                position: Set(position),
                user_id: Set(person.id),
                wait_minutes: Set(i32::try_from(*minutes).unwrap_or(i32::MAX)),
            };
            row::Entity::insert(duty).exec_without_returning(&tx).await?;
        }
        let facility = match place {
            ScopeReach::Facility(code) => Some(code),
            _ => None,
        };
        let said =
            duties.iter().map(|(login, minutes)| format!("{login} {minutes} min")).collect::<Vec<_>>().join(", ");
        audit.about(format!("duty {word}"), facility).saying(said).store(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn check_place(&self, scope: &Scope, place: &ScopeReach) -> Result<(), StoreError> {
        match place {
            ScopeReach::Facility(code) => self.facility(scope, code.as_str()).await.map(|_| ()),
            ScopeReach::Sector | ScopeReach::Region(_) if scope.is_whole_sector() => Ok(()),
            ScopeReach::Sector | ScopeReach::Region(_) => Err(StoreError::NotFound),
        }
    }
}

/// Accounts that answer for a place and may sign in.
fn people_of(place: &ScopeReach) -> Select<user::Entity> {
    let find = user::Entity::find().filter(user::Column::DisabledAt.is_null()).order_by_asc(user::Column::Login);
    match place {
        ScopeReach::Sector => {
            find.filter(user::Column::Role.is_in([Role::Administrator.as_str(), Role::Analyst.as_str()]))
        }
        ScopeReach::Region(region) => find
            .filter(user::Column::Role.eq(Role::RegionOfficer.as_str()))
            .filter(user::Column::Region.eq(i32::from(region.number()))),
        ScopeReach::Facility(code) => {
            find.filter(user::Column::Role.eq(Role::Hospital.as_str())).filter(user::Column::Facility.eq(code.as_str()))
        }
    }
}

/// The account of a person who may sign in.
pub(crate) async fn live_user(db: &impl ConnectionTrait, id: UserId) -> Result<User, StoreError> {
    user::Entity::find_by_id(id.0)
        .filter(user::Column::DisabledAt.is_null())
        .one(db)
        .await?
        .ok_or(StoreError::NotFound)?
        .try_into()
}
