//! Which facilities a caller may see: the one place where tenants are kept apart.
//!
//! Every query that can reach a tenant's rows takes a [`Scope`] and asks [`Scope::admits`] for its condition. A scope is
//! made from the account of a live session inside this crate; nothing else can make one, except the program itself for
//! work that no person asks for ([`Scope::of_the_centre_itself`]).

use crate::rows::facility;
use phitak_model::{FacilityCode, HealthRegion};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, IntoColumnRef},
};

/// The facilities that may be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    reach: ScopeReach,
}

/// How far a scope reaches, to show and to store; seeing it does not make a [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeReach {
    Sector,
    Region(HealthRegion),
    Facility(FacilityCode),
}

impl Scope {
    /// For what the centre does by itself or its operator at the command line: no person's request.
    #[must_use]
    pub fn of_the_centre_itself() -> Self {
        Self { reach: ScopeReach::Sector }
    }

    pub(crate) fn of_account(reach: ScopeReach) -> Self {
        Self { reach }
    }

    #[must_use]
    pub fn reach(&self) -> &ScopeReach {
        &self.reach
    }

    /// Whether everything may be seen.
    #[must_use]
    pub fn is_whole_sector(&self) -> bool {
        self.reach == ScopeReach::Sector
    }

    /// Whether a facility in this region may be seen.
    #[must_use]
    pub fn includes(&self, facility: &FacilityCode, region: HealthRegion) -> bool {
        match &self.reach {
            ScopeReach::Sector => true,
            ScopeReach::Region(own) => *own == region,
            ScopeReach::Facility(own) => own == facility,
        }
    }

    /// The condition on a column that holds facility codes.
    pub(crate) fn admits<C: IntoColumnRef>(&self, facility_column: C) -> Condition {
        let column = Expr::col(facility_column);
        match &self.reach {
            ScopeReach::Sector => Condition::all(),
            ScopeReach::Region(region) => Condition::all().add(column.in_subquery(codes_of_region(*region))),
            ScopeReach::Facility(code) => Condition::all().add(column.eq(code.as_str())),
        }
    }

    /// The condition for tables that hold the region beside the facility's code.
    pub(crate) fn admits_in<C: IntoColumnRef, R: IntoColumnRef>(
        &self,
        facility_column: C,
        region_column: R,
    ) -> Condition {
        match &self.reach {
            ScopeReach::Region(region) => Condition::all().add(Expr::col(region_column).eq(i32::from(region.number()))),
            ScopeReach::Sector | ScopeReach::Facility(_) => self.admits(facility_column),
        }
    }
}

/// The codes of a region's facilities, as a subquery.
pub(crate) fn codes_of_region(region: HealthRegion) -> sea_orm::sea_query::SelectStatement {
    facility::Entity::find()
        .select_only()
        .column(facility::Column::Code)
        .filter(facility::Column::Region.eq(i32::from(region.number())))
        .into_query()
}
