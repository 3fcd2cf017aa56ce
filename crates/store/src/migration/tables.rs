//! Tables as plain data, and how they are created on either database.

use sea_orm_migration::prelude::*;

/// A column's kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// The row's own number, given by the database, rising.
    Id,
    TextKey,
    Text,
    TextOrNull,
    Int,
    IntOrNull,
    Long,
    LongOrNull,
    Bytes,
}

/// A table with its keys and indices, each a list of columns.
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Column)],
    /// The primary key, when it is not one column of kind `Id` or `TextKey`.
    pub key: &'static [&'static str],
    pub unique: &'static [&'static [&'static str]],
    pub indices: &'static [&'static [&'static str]],
}

pub(super) async fn create(manager: &SchemaManager<'_>, table: &Table) -> Result<(), DbErr> {
    let mut statement = sea_orm_migration::prelude::Table::create();
    statement.table(table.name);
    for (name, kind) in table.columns {
        statement.col(definition(name, *kind));
    }
    if !table.key.is_empty() {
        let mut key = Index::create();
        for column in table.key {
            key.col(*column);
        }
        statement.primary_key(&mut key);
    }
    manager.create_table(statement).await?;
    for columns in table.unique {
        manager.create_index(index(table.name, columns).unique().to_owned()).await?;
    }
    for columns in table.indices {
        manager.create_index(index(table.name, columns)).await?;
    }
    Ok(())
}

fn definition(name: &'static str, kind: Column) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match kind {
        Column::Id => column.big_integer().not_null().auto_increment().primary_key(),
        Column::TextKey => column.text().not_null().primary_key(),
        Column::Text => column.text().not_null(),
        Column::TextOrNull => column.text().null(),
        Column::Int => column.integer().not_null(),
        Column::IntOrNull => column.integer().null(),
        Column::Long => column.big_integer().not_null(),
        Column::LongOrNull => column.big_integer().null(),
        Column::Bytes => column.blob().not_null(),
    };
    column
}

fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}
