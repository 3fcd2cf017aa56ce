//! A database that takes log-ins without TLS; mended, its clients log in inside TLS.

use super::{Kind, Weakness};
use crate::{
    hospital::{Host, Role},
    scene::Scene,
    service::{mssql, mysql, postgresql},
};

pub const WEAKNESS: Weakness =
    Weakness { kind: Kind::Database, places: &[("his-db", 3306), ("lis-db", 5432), ("stock-sql", 1433)], play };

fn play(scene: &mut Scene<'_>, at: i64, host: &Host) {
    match host.role {
        Role::Laboratory => postgresql::play(scene, at),
        Role::Stock => mssql::play(scene, at),
        _ => mysql::play(scene, at),
    }
}
