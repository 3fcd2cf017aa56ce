//! What conversations tell about hosts.

use phitak_model::{Database, Direction, Direction::ToClient, Direction::ToServer, Fact, TlsVersion};
use phitak_protocols::{Context, Outcome, REGISTRY, Settings};

/// Plays turns to a protocol's session; answers the facts and whether the stream went on as another protocol.
fn play(name: &str, port: u16, turns: &[(Direction, &[u8])]) -> (Vec<(Direction, Fact)>, Option<&'static str>) {
    let protocol = REGISTRY.iter().find(|protocol| protocol.decl.name == name).expect("a registered protocol");
    let mut session = (protocol.open)(protocol.transports[0], &Settings::default());
    let mut context = Context { server_port: port, ..Context::default() };
    let mut upgrade = None;
    for (direction, bytes) in turns {
        if let Outcome::Upgrade { protocol, .. } = session.feed(*direction, bytes, &mut context) {
            upgrade = protocol;
            break;
        }
    }
    (context.facts, upgrade)
}

fn sample(name: &str) -> &'static [(Direction, &'static [u8])] {
    REGISTRY.iter().find(|protocol| protocol.decl.name == name).expect("a registered protocol").sample
}

fn check(name: &str, port: u16, turns: &[(Direction, &[u8])], facts: &[Fact], upgrade: Option<&str>) {
    let (seen, goes_on) = play(name, port, turns);
    let seen: Vec<Fact> = seen.into_iter().map(|(_, fact)| fact).collect();
    assert_eq!(seen, facts, "{name}");
    assert_eq!(goes_on, upgrade, "{name}");
}

fn database(port: u16, database: Database, tls: bool) -> Fact {
    Fact::DatabaseLogin { port, database, tls }
}

#[test]
fn log_ins_in_clear_are_told() {
    check("mysql", 3306, sample("mysql"), &[database(3306, Database::Mysql, false)], None);
    check("pgsql", 5432, sample("pgsql"), &[database(5432, Database::Postgresql, false)], None);
    check("mssql", 1433, sample("mssql"), &[database(1433, Database::Mssql, false)], None);
    check("ftp", 21, sample("ftp"), &[Fact::FtpLogin { port: 21, tls: false }], None);
    check("telnet", 23, sample("telnet"), &[Fact::TelnetLogin { port: 23 }], None);
}

#[test]
fn log_ins_behind_tls_are_told_and_the_stream_goes_on_as_tls() {
    let mysql: &[(Direction, &[u8])] = &[
        sample("mysql")[0],
        (
            ToServer,
            b"\x20\x00\x00\x01\x05\xae\x3a\x00\x00\x00\x00\x01\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x16\x03",
        ),
    ];
    check("mysql", 3306, mysql, &[database(3306, Database::Mysql, true)], Some("tls"));
    let pgsql: &[(Direction, &[u8])] = &[sample("pgsql")[0], (ToClient, b"S")];
    check("pgsql", 5432, pgsql, &[database(5432, Database::Postgresql, true)], Some("tls"));
    let mssql: &[(Direction, &[u8])] =
        &[sample("mssql")[0], sample("mssql")[1], (ToServer, b"\x12\x01\x00\x0d\x00\x00\x01\x00\x16\x03\x01\x00\x00")];
    check("mssql", 1433, mssql, &[database(1433, Database::Mssql, true)], None);
    let ftp: &[(Direction, &[u8])] =
        &[(ToClient, b"220 (x)\r\n"), (ToServer, b"AUTH TLS\r\n"), (ToClient, b"234 Proceed\r\n")];
    check("ftp", 21, ftp, &[Fact::FtpLogin { port: 21, tls: true }], Some("tls"));
}

#[test]
fn refused_log_ins_tell_nothing() {
    let mysql: &[(Direction, &[u8])] =
        &[sample("mysql")[0], sample("mysql")[1], (ToClient, b"\x09\x00\x00\x02\xff\x15\x04#28000x")];
    check("mysql", 3306, mysql, &[], None);
    let telnet: &[(Direction, &[u8])] = &[
        (ToClient, b"login: "),
        (ToServer, b"a\r\n"),
        (ToClient, b"Password: "),
        (ToServer, b"b\r\n"),
        (ToClient, b"\r\nLogin incorrect\r\nlogin: "),
    ];
    check("telnet", 23, telnet, &[], None);
    let ftp: &[(Direction, &[u8])] = &[
        (ToClient, b"220 (x)\r\n"),
        (ToServer, b"USER a\r\nPASS b\r\n"),
        (ToClient, b"331 now the password\r\n530 Login incorrect.\r\n"),
    ];
    check("ftp", 21, ftp, &[], None);
}

#[test]
fn dialects_versions_and_names_are_told() {
    let smb1 = Fact::SmbDialect { port: 445, dialect: "NT LM 0.12".to_owned() };
    check("smb", 445, sample("smb"), &[smb1], None);
    let mut smb2 = b"\x00\x00\x00\x46\xfeSMB\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00\x00".to_vec();
    smb2.resize(4 + 64, 0);
    smb2.extend_from_slice(b"\x41\x00\x01\x00\x11\x03");
    let dialect = Fact::SmbDialect { port: 445, dialect: "3.1.1".to_owned() };
    check("smb", 445, &[sample("smb")[2], (ToClient, &smb2)], &[dialect], None);
    check("tls", 443, sample("tls"), &[Fact::TlsServed { port: 443, version: TlsVersion::Tls12 }], None);
    let name = Fact::Named { name: "ward3".to_owned(), source: "dhcp".to_owned() };
    check("dhcp", 67, sample("dhcp"), &[name], None);
    let name = Fact::Named { name: "ward3".to_owned(), source: "mdns".to_owned() };
    check("mdns", 5353, sample("mdns"), &[name], None);
    let (facts, _) = play("nbns", 137, sample("nbns"));
    assert!(matches!(facts.as_slice(), [(ToServer, Fact::Named { .. })]), "{facts:?}");
}
