//! Pages of lists: every list has a limit, and a cursor leads to the next page.

use crate::error::StoreError;
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoColumnRef, LikeExpr};

/// Rows of a page when nobody says otherwise.
pub const PAGE_ROWS_DEFAULT: u64 = 50;
/// Most rows of a page.
pub const PAGE_ROWS_MAX: u64 = 200;
/// Where counting stops for lists that can be very long.
pub const COUNT_MAX: u64 = 10_000;
/// Longest cursor that is looked at.
const CURSOR_CHARS_MAX: usize = 120;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageAsk {
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// All that match.
    pub total: u64,
    pub next_cursor: Option<String>,
}

impl PageAsk {
    /// Between 1 and [`PAGE_ROWS_MAX`].
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.limit.map_or(PAGE_ROWS_DEFAULT, u64::from).clamp(1, PAGE_ROWS_MAX)
    }

    /// The text after which the page begins.
    pub(crate) fn after(&self) -> Result<Option<&str>, StoreError> {
        match self.cursor.as_deref() {
            None | Some("") => Ok(None),
            Some(cursor) if cursor.chars().count() <= CURSOR_CHARS_MAX => Ok(Some(cursor)),
            Some(_) => Err(unreadable()),
        }
    }

    /// The number after which the page begins.
    pub(crate) fn after_number(&self) -> Result<Option<i64>, StoreError> {
        self.after()?.map(|text| text.parse().map_err(|_| unreadable())).transpose()
    }

    /// The pair of numbers after which the page begins: a moment and a row.
    pub(crate) fn after_pair(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let Some(text) = self.after()? else { return Ok(None) };
        let (first, second) = text.split_once('_').ok_or_else(unreadable)?;
        let number = |part: &str| part.parse::<i64>().map_err(|_| unreadable());
        Ok(Some((number(first)?, number(second)?)))
    }
}

fn unreadable() -> StoreError {
    StoreError::invalid("the cursor is not one that this list gave out")
}

impl<T> Page<T> {
    /// From one row more than the page holds: the surplus row tells that there is a next page.
    pub(crate) fn of(mut rows: Vec<T>, limit: u64, total: u64, cursor: impl FnOnce(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more { rows.last().map(cursor) } else { None };
        Self { items: rows, total, next_cursor }
    }

    /// The same page of other things.
    pub fn map<U>(self, to: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(to).collect(), total: self.total, next_cursor: self.next_cursor }
    }
}

/// Whether a text column holds `part` anywhere, in large letters or small.
pub(crate) fn holds_part<C: IntoColumnRef>(column: C, part: &str) -> Expr {
    let pattern = LikeExpr::new(anywhere(&part.to_lowercase())).escape('\\');
    Expr::from(Func::lower(Expr::col(column))).like(pattern)
}

/// The pattern for `LIKE … ESCAPE '\'` that finds `part` anywhere.
fn anywhere(part: &str) -> String {
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_at_least_one_row_and_at_most_its_limit() {
        let rows = |limit| PageAsk { cursor: None, limit }.rows();
        assert_eq!(rows(None), PAGE_ROWS_DEFAULT);
        assert_eq!(rows(Some(0)), 1);
        assert_eq!(rows(Some(u32::MAX)), PAGE_ROWS_MAX);
    }

    #[test]
    fn a_strange_cursor_is_refused_and_a_good_one_read() {
        let ask = |cursor: &str| PageAsk { cursor: Some(cursor.to_owned()), limit: None };
        assert_eq!(ask("12_-3").after_pair().expect("good"), Some((12, -3)));
        for bad in ["12", "a_b", "1_2_3", "99999999999999999999_1"] {
            assert!(ask(bad).after_pair().is_err(), "{bad}");
        }
        assert!(ask(&"9".repeat(500)).after().is_err());
        assert_eq!(ask("").after_pair().expect("none"), None);
    }

    #[test]
    fn a_search_for_a_wildcard_finds_the_letter_itself() {
        assert_eq!(anywhere("50%_\\"), "%50\\%\\_\\\\%");
    }
}
