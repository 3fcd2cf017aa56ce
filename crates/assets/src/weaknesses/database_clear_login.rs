//! Database log-in without TLS: a MySQL/MariaDB, PostgreSQL or SQL Server session began in clear text.
//!
//! What follows such a log-in (patients' data) is readable too. Proof: log-ins with TLS on the same port for a day with no clear
//! one between (all clients of a working day); or the port refused; or the host alive and busy for a week without a clear log-in.

use super::clinical::LOOK_FIRST;
use crate::{
    label::Label,
    text::Text,
    weakness::{DAY_SECS, HOUR_SECS, Judgement, Proof, Samples, Weakness},
};
use phitak_model::{Confidence, Database, Fact, Observation, Severity};

pub(super) static DATABASE_CLEAR_LOGIN: Weakness = Weakness {
    id: "database_clear_login",
    severity: Severity::High,
    title: Text::new("ทำให้การต่อฐานข้อมูลของเครื่องนี้เข้ารหัส", "Encrypt connections to this machine's database"),
    what: Text::new(
        "มีเครื่องอื่นต่อเข้าฐานข้อมูลในเครื่องนี้โดยไม่เข้ารหัส ข้อมูลที่รับส่งจึงมีคนอ่านได้ระหว่างทาง",
        "Another machine connected to the database on this machine without encryption, so what they exchange can be read on the way.",
    ),
    why: Text::new(
        "ข้อมูลผู้ป่วยที่เปิดจากห้องตรวจ ห้องยา และการเงินวิ่งผ่านสายโดยไม่มีอะไรปิดไว้ คนที่ดักในเครือข่าย หรือเครื่องที่ติดมัลแวร์เครื่องเดียว อ่านได้ทั้งหมด",
        "The patients' data that consultation rooms, pharmacy and cashier open runs uncovered over the wire. Somebody who listens on the network, or one infected computer, can read it all.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ถามผู้ขายหรือผู้ดูแลระบบ HIS (เช่น HOSxP) ก่อนเปลี่ยนอะไร: โปรแกรมรุ่นที่ใช้อยู่ต่อฐานข้อมูลแบบเข้ารหัส (TLS/SSL) ได้หรือไม่ ต้องตั้งค่าตรงไหน ขอคำตอบเป็นลายลักษณ์อักษร และสำรองฐานข้อมูลให้เสร็จก่อน",
            "Before changing anything ask the vendor or keeper of the HIS (such as HOSxP): can the version in use connect to the database with encryption (TLS/SSL), and where is that set? Ask for the answer in writing, and finish a backup of the database first.",
        ),
        Text::new(
            "ทำได้ทันทีโดยไม่กระทบใคร: จำกัดว่าเครื่องใดต่อฐานข้อมูลได้ ใน Windows Defender Firewall ของเซิร์ฟเวอร์ กฎขาเข้าพอร์ต 3306 (MySQL/MariaDB), 1433 (SQL Server) หรือ 5432 (PostgreSQL) › แท็บ Scope › Remote IP address ใส่เฉพาะวงของเครื่องที่ใช้ HIS (ตรวจรายชื่อเครื่องให้ครบก่อน)",
            "You can do this at once: limit who may reach the database. In the server's Windows Defender Firewall, inbound rule for port 3306 (MySQL/MariaDB), 1433 (SQL Server) or 5432 (PostgreSQL) › Scope › Remote IP address: only the network of the HIS computers (check that the list is complete first).",
        ),
        Text::new(
            "ดูว่าฐานข้อมูลพร้อมเข้ารหัสหรือยัง: MySQL/MariaDB พิมพ์ `SHOW VARIABLES LIKE '%ssl%';` (MySQL 5.7 ขึ้นไปและ MariaDB 11.4 ขึ้นไปมักพร้อมแล้ว รุ่นเก่ากว่านั้นต้องใส่ ssl_cert, ssl_key, ssl_ca ใน my.ini หรือ my.cnf แล้วเริ่มบริการฐานข้อมูลใหม่นอกเวลาบริการ) · PostgreSQL พิมพ์ `SHOW ssl;` · SQL Server ดูใน SQL Server Configuration Manager › Protocols › Certificate",
            "See whether the database is ready for encryption: MySQL/MariaDB: `SHOW VARIABLES LIKE '%ssl%';` (MySQL 5.7 and later and MariaDB 11.4 and later usually are; older ones need ssl_cert, ssl_key and ssl_ca in my.ini or my.cnf and a restart of the database service outside service hours) · PostgreSQL: `SHOW ssl;` · SQL Server: SQL Server Configuration Manager › Protocols › Certificate.",
        ),
        Text::new(
            "ทดสอบกับเครื่องผู้ใช้เครื่องเดียว: ตั้งให้โปรแกรม HIS ต่อแบบเข้ารหัส (ตามที่ผู้ขายบอก) แล้วให้ผู้ใช้จริงลองหนึ่งวัน ระหว่างต่ออยู่ ตรวจที่เซิร์ฟเวอร์: MySQL/MariaDB พิมพ์ในหน้าต่างที่ต่ออยู่ `SHOW STATUS LIKE 'Ssl_cipher';` ต้องไม่ว่าง · PostgreSQL ดู `SELECT * FROM pg_stat_ssl;` · SQL Server ดู encrypt_option ใน sys.dm_exec_connections",
            "Test with one computer: set the HIS program to connect with encryption (as the vendor says) and let a real user work with it for a day. While it is connected, check at the server: MySQL/MariaDB, in that session: `SHOW STATUS LIKE 'Ssl_cipher';` must not be empty · PostgreSQL: `SELECT * FROM pg_stat_ssl;` · SQL Server: encrypt_option in sys.dm_exec_connections.",
        ),
        Text::new(
            "ขยายไปทีละแผนก แล้วบังคับทีละบัญชี ไม่บังคับทั้งระบบในครั้งเดียว: MySQL/MariaDB พิมพ์ `ALTER USER 'ชื่อบัญชี'@'%' REQUIRE SSL;` · PostgreSQL เปลี่ยน host เป็น hostssl ใน pg_hba.conf แล้ว `SELECT pg_reload_conf();` · SQL Server เปิด Force Encryption เป็นขั้นสุดท้าย (ต้องเริ่มบริการใหม่)",
            "Go on department by department, then require it account by account, never everything at once: MySQL/MariaDB: `ALTER USER 'ACCOUNT'@'%' REQUIRE SSL;` · PostgreSQL: change host to hostssl in pg_hba.conf, then `SELECT pg_reload_conf();` · SQL Server: Force Encryption as the last step (the service must restart).",
        ),
        Text::new(
            "ถ้าผู้ขายตอบว่าทำไม่ได้ ให้คงข้อ 3 ไว้ แยกเครื่องเซิร์ฟเวอร์กับเครื่องผู้ใช้ HIS ไว้คนละวงกับ Wi-Fi และเครื่องของบุคคลภายนอก แล้วกด “ทำไม่ได้ เพราะ…” พร้อมคำตอบของผู้ขาย เราจะช่วยคุยให้ทุกโรงพยาบาลพร้อมกัน ถ้าทำได้ครบแล้วกด “ทำแล้ว”",
            "If the vendor says that it cannot be done, keep step 3, keep server and HIS computers apart from Wi-Fi and visitors' machines, and press “Cannot, because…” with the vendor's answer: we will talk to them for all hospitals together. If all is done, press “Done”.",
        ),
    ],
    risk: Text::new(
        "ถ้าบังคับก่อนทดสอบ เครื่องผู้ใช้ที่ไม่รองรับจะเปิด HIS ไม่ได้ทันที ห้องตรวจและห้องยาจะหยุด ห้ามทำในเวลาบริการ ห้ามทำโดยไม่มีผู้ขายรับรู้ และต้องมีคนอยู่จนลองเปิดทุกแผนกแล้ว เครื่องเก่ามากอาจช้าลงเล็กน้อย",
        "If it is required before testing, computers that cannot do it lose the HIS at once, and consultation rooms and pharmacy stop. Never during service hours, never without the vendor's knowledge, and stay until every department has tried. Very old machines may become slightly slower.",
    ),
    undo: Text::new(
        "MySQL/MariaDB พิมพ์ `ALTER USER 'ชื่อบัญชี'@'%' REQUIRE NONE;` มีผลกับการต่อครั้งถัดไปทันที · PostgreSQL เปลี่ยน hostssl กลับเป็น host แล้ว `SELECT pg_reload_conf();` · SQL Server ปิด Force Encryption แล้วเริ่มบริการใหม่ · ไฟร์วอลล์ ลบรายการใน Scope แล้วเลือก Any IP address",
        "MySQL/MariaDB: `ALTER USER 'ACCOUNT'@'%' REQUIRE NONE;` works from the next connection on · PostgreSQL: change hostssl back to host, then `SELECT pg_reload_conf();` · SQL Server: turn Force Encryption off and restart the service · firewall: clear the Scope list and choose Any IP address.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ร่วมกับผู้ขายระบบ HIS ใช้เวลาประมาณ 2 ชั่วโมง แบ่งทำหลายวัน นอกเวลาบริการ",
        "The IT officer together with the HIS vendor, about 2 hours spread over days, outside service hours.",
    ),
    minutes: 120,
    proof: Text::new(
        "ระบบดูเอง: เมื่อเห็นทุกเครื่องต่อฐานข้อมูลแบบเข้ารหัสครบ 1 วัน หรือเครื่องทำงานอยู่ 7 วันโดยไม่มีใครต่อแบบเดิม จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้ายังมีเครื่องใดต่อแบบเดิม เรื่องนี้จะกลับมาเปิดใหม่",
        "The system watches: when every machine has connected with encryption for a day, or this machine has worked for 7 days without an old connection, this turns to “verified”. If any machine still connects the old way, it opens again.",
    ),
    safe_until_morning: true,
    due_days: 30,
    judge,
    mended: Proof {
        healthy_span_secs: DAY_SECS,
        gone_span_secs: HOUR_SECS,
        unused_span_secs: Some(7 * DAY_SECS),
        quiet_factor: 7,
    },
    samples: Samples {
        hits: &[
            r#"{"kind":"database_login","port":3306,"database":"mysql","tls":false}"#,
            r#"{"kind":"database_login","port":1433,"database":"mssql","tls":false}"#,
            r#"{"kind":"database_login","port":5432,"database":"postgresql","tls":false}"#,
        ],
        healthy: &[r#"{"kind":"database_login","port":3306,"database":"mysql","tls":true}"#],
        gone: &[r#"{"kind":"refused","port":3306}"#],
        quiet: &[r#"{"kind":"serves","port":3306,"protocol":"mysql"}"#, r#"{"kind":"uses","protocol":"mysql"}"#],
    },
};

fn judge(observation: &Observation) -> Option<Judgement> {
    match &observation.fact {
        Fact::DatabaseLogin { port, database, tls: false } => Some(Judgement::Weak {
            port: *port,
            evidence: vec![(Label::Database, name(*database).to_owned()), (Label::Port, port.to_string())],
            confidence: Confidence::High,
        }),
        Fact::DatabaseLogin { port, database, tls: true } => Some(Judgement::Healthy {
            port: Some(*port),
            evidence: vec![(Label::SafeUse, format!("{} + TLS ({port})", name(*database)))],
        }),
        Fact::Refused { port } => Some(Judgement::Gone { port: *port }),
        _ => None,
    }
}

fn name(database: Database) -> &'static str {
    match database {
        Database::Mysql => "MySQL / MariaDB",
        Database::Postgresql => "PostgreSQL",
        Database::Mssql => "SQL Server",
    }
}
