//! Database log-in without TLS: a MySQL/MariaDB, PostgreSQL or SQL Server session began in clear text.
//!
//! What follows such a log-in (patients' data) is readable too. Proof: log-ins with TLS on the same port for a day with no clear
//! one between (all clients of a working day); or the port refused; or the host alive and busy for a week without a clear log-in.

use super::clinical::{CALLERS_TOO, LOOK_FIRST};
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
        "มีเครื่องอื่นต่อเข้าฐานข้อมูลในเครื่องนี้โดยไม่เข้ารหัส ข้อมูลที่รับส่งจึงถูกแอบอ่านระหว่างทางได้",
        "Another machine connected to the database on this machine without encryption, so what they exchange can be read on the way.",
    ),
    why: Text::new(
        "ข้อมูลผู้ป่วยที่เปิดจากห้องตรวจ ห้องยา และการเงินวิ่งไปตามสายโดยไม่มีอะไรปิดไว้ คนที่ดักในเครือข่าย หรือเครื่องที่ติดไวรัสแม้เครื่องเดียว ก็อ่านได้",
        "The patients' data that consultation rooms, pharmacy and cashier open runs uncovered over the wire. Somebody who listens on the network, or one infected computer, can read it.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ถามผู้ขายระบบ HIS (เช่น HOSxP) ก่อนเปลี่ยนอะไร: โปรแกรมรุ่นที่ใช้อยู่ต่อฐานข้อมูลแบบเข้ารหัส (TLS/SSL) ได้หรือไม่ ต้องตั้งค่าตรงไหน ขอคำตอบเป็นลายลักษณ์อักษร และสำรองฐานข้อมูลให้เสร็จก่อน",
            "Before changing anything ask the HIS vendor (such as HOSxP): can the version in use connect to the database with encryption (TLS/SSL), and where is that set? Ask for the answer in writing, and finish a backup of the database first.",
        ),
        Text::new(
            "จดให้ครบว่าเครื่องใดต่อฐานข้อมูลนี้บ้าง โดยดูหลายครั้งตลอดหนึ่งวันทำงาน (รวมเครื่องแล็บ โปรแกรมส่งข้อมูล และเครื่องสำรองข้อมูล): Windows พิมพ์ใน PowerShell (ผู้ดูแลระบบ) `Get-NetTCPConnection -State Established -LocalPort 3306 | Select-Object RemoteAddress -Unique` · Linux ใช้ `ss -tn state established '( sport = :3306 )'` (3306 คือ MySQL/MariaDB ถ้าเป็น SQL Server ใช้ 1433 ถ้าเป็น PostgreSQL ใช้ 5432)",
            "List every machine that connects to this database, looking several times over a working day (laboratory machines, data-exchange programs and backup too): Windows, in PowerShell (Admin): `Get-NetTCPConnection -State Established -LocalPort 3306 | Select-Object RemoteAddress -Unique` · Linux: `ss -tn state established '( sport = :3306 )'` (3306 is MySQL/MariaDB; SQL Server has 1433, PostgreSQL 5432).",
        ),
        CALLERS_TOO,
        Text::new(
            "จำกัดว่าเครื่องใดต่อฐานข้อมูลได้ (ไม่เสียเงิน ทำนอกเวลาบริการ แล้วลองเปิด HIS จากทุกแผนก): บนเซิร์ฟเวอร์ Windows กดปุ่ม Windows + R พิมพ์ `wf.msc` เลือกกฎขาเข้า (Inbound Rules) เปิดกฎของฐานข้อมูล แท็บขอบเขต (Scope) ที่ Remote IP address ใส่เฉพาะวงของเครื่องที่จดไว้ · เซิร์ฟเวอร์ Linux ให้ผู้ดูแลเซิร์ฟเวอร์จำกัดที่ไฟร์วอลล์ของเครื่อง",
            "Limit who may reach the database (free; outside service hours, then open the HIS from every department): on a Windows server press Windows + R, type `wf.msc`, choose Inbound Rules, open the database's rule, tab Scope, and under Remote IP address enter only the networks of the machines on your list · on a Linux server let its administrator limit it in the machine's firewall.",
        ),
        Text::new(
            "ดูว่าฐานข้อมูลพร้อมเข้ารหัสหรือยัง: MySQL/MariaDB พิมพ์ `SHOW VARIABLES LIKE '%ssl%';` (MySQL 5.7 ขึ้นไปและ MariaDB 11.4 ขึ้นไปมักพร้อมแล้ว รุ่นเก่ากว่านั้นต้องใส่ ssl_cert, ssl_key, ssl_ca ใน my.ini หรือ my.cnf แล้วรีสตาร์ตโปรแกรมฐานข้อมูลนอกเวลาบริการ) · PostgreSQL พิมพ์ `SHOW ssl;` · SQL Server ดูใน SQL Server Configuration Manager › SQL Server Network Configuration › คลิกขวาที่ Protocols › Properties › Certificate",
            "See whether the database is ready for encryption: MySQL/MariaDB: `SHOW VARIABLES LIKE '%ssl%';` (MySQL 5.7 and later and MariaDB 11.4 and later usually are; older ones need ssl_cert, ssl_key and ssl_ca in my.ini or my.cnf and a restart of the database program outside service hours) · PostgreSQL: `SHOW ssl;` · SQL Server: SQL Server Configuration Manager › SQL Server Network Configuration › right-click Protocols › Properties › Certificate.",
        ),
        Text::new(
            "ทดสอบกับเครื่องผู้ใช้เครื่องเดียว: ตั้งให้โปรแกรม HIS ต่อแบบเข้ารหัส (ตามที่ผู้ขายบอก) แล้วให้ผู้ใช้จริงลองหนึ่งวัน ระหว่างนั้นตรวจที่เซิร์ฟเวอร์ว่าเครื่องนั้นเข้ารหัสแล้ว: MySQL 5.7 ขึ้นไป พิมพ์ `SELECT t.processlist_host, s.ssl_cipher FROM sys.session_ssl_status s JOIN performance_schema.threads t USING (thread_id);` ช่อง ssl_cipher ต้องไม่ว่าง (MariaDB ให้ผู้ขายพิมพ์ `SHOW STATUS LIKE 'Ssl_cipher';` จากโปรแกรม HIS) · PostgreSQL พิมพ์ `SELECT a.client_addr, s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid);` · SQL Server พิมพ์ `SELECT client_net_address, encrypt_option FROM sys.dm_exec_connections;`",
            "Test with one computer: set the HIS program to connect with encryption (as the vendor says) and let a real user work with it for a day. Meanwhile check at the server that it is encrypted: MySQL 5.7 and later: `SELECT t.processlist_host, s.ssl_cipher FROM sys.session_ssl_status s JOIN performance_schema.threads t USING (thread_id);`, ssl_cipher must not be empty (MariaDB: let the vendor type `SHOW STATUS LIKE 'Ssl_cipher';` in the HIS program) · PostgreSQL: `SELECT a.client_addr, s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid);` · SQL Server: `SELECT client_net_address, encrypt_option FROM sys.dm_exec_connections;`",
        ),
        Text::new(
            "ขยายไปทีละแผนก แล้วค่อยบังคับนอกเวลาบริการโดยมีผู้ขายอยู่ด้วย ถ้าทุกเครื่องใช้บัญชีฐานข้อมูลเดียวกัน ให้ผู้ขายสร้างบัญชีใหม่สำหรับเครื่องที่ทดสอบแล้ว อย่าบังคับบัญชีรวม: MySQL/MariaDB พิมพ์ `ALTER USER 'ชื่อบัญชี'@'%' REQUIRE SSL;` · PostgreSQL เปลี่ยน host เป็น hostssl ในบรรทัดของเครื่องที่ทดสอบแล้วใน pg_hba.conf แล้วพิมพ์ `SELECT pg_reload_conf();` · SQL Server เปิด Force Encryption เป็นขั้นสุดท้าย (ต้องรีสตาร์ตโปรแกรมฐานข้อมูล)",
            "Go on department by department, and only then require it, outside service hours and with the vendor there. If all machines share one database account, let the vendor make a new one for those that are tested; never require it of the shared one: MySQL/MariaDB: `ALTER USER 'ACCOUNT'@'%' REQUIRE SSL;` · PostgreSQL: change host to hostssl in the lines of tested machines in pg_hba.conf, then `SELECT pg_reload_conf();` · SQL Server: Force Encryption as the last step (the database program must restart).",
        ),
        Text::new(
            "ถ้าผู้ขายตอบว่าทำไม่ได้ ให้คงข้อ 5 ไว้ แยกเซิร์ฟเวอร์กับเครื่องที่ใช้ HIS ไว้คนละวงกับ Wi-Fi และเครื่องของบุคคลภายนอก แล้วกด “ทำไม่ได้ เพราะ…” พร้อมคำตอบของผู้ขาย เราจะช่วยคุยกับผู้ขายแทนทุกโรงพยาบาล ถ้าทำได้ครบแล้ว กด “ทำแล้ว”",
            "If the vendor says that it cannot be done, keep step 5, keep server and HIS computers apart from Wi-Fi and visitors' machines, and press “Cannot, because…” with the vendor's answer: we will talk to them for all hospitals together. If all is done, press “Done”.",
        ),
    ],
    risk: Text::new(
        "ถ้าบังคับก่อนทดสอบ หรือใส่รายชื่อเครื่องในไฟร์วอลล์ไม่ครบ เครื่องผู้ใช้จะเปิด HIS ไม่ได้ทันที ห้องตรวจและห้องยาจะหยุด ห้ามทำในเวลาบริการ ห้ามทำโดยผู้ขายไม่รู้ และต้องมีคนอยู่จนลองเปิดครบทุกแผนกแล้ว เครื่องเก่ามากอาจช้าลงเล็กน้อย",
        "If it is required before testing, or the list in the firewall is not complete, computers lose the HIS at once, and consultation rooms and pharmacy stop. Never during service hours, never without the vendor's knowledge, and stay until every department has tried. Very old machines may become slightly slower.",
    ),
    undo: Text::new(
        "MySQL/MariaDB พิมพ์ `ALTER USER 'ชื่อบัญชี'@'%' REQUIRE NONE;` มีผลตั้งแต่การต่อครั้งถัดไป · PostgreSQL เปลี่ยน hostssl กลับเป็น host แล้ว `SELECT pg_reload_conf();` · SQL Server ปิด Force Encryption แล้วรีสตาร์ตโปรแกรมฐานข้อมูล · ไฟร์วอลล์ (ข้อ 5) ที่แท็บขอบเขต (Scope) เลือก Any IP address",
        "MySQL/MariaDB: `ALTER USER 'ACCOUNT'@'%' REQUIRE NONE;` works from the next connection on · PostgreSQL: change hostssl back to host, then `SELECT pg_reload_conf();` · SQL Server: turn Force Encryption off and restart the database program · firewall (step 5): in the tab Scope choose Any IP address.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ร่วมกับผู้ขายระบบ HIS ลงมือประมาณ 2 ชั่วโมง แบ่งทำอย่างน้อย 3 วัน นอกเวลาบริการ",
        "The IT officer together with the HIS vendor, about 2 hours of work over at least 3 days, outside service hours.",
    ),
    minutes: 120,
    days: 3,
    proof: Text::new(
        "เครื่องเฝ้าระวังเครือข่ายดูให้เอง: เมื่อเห็นทุกเครื่องต่อฐานข้อมูลแบบเข้ารหัสครบ 1 วัน หรือเครื่องทำงานอยู่ 7 วันโดยไม่มีใครต่อแบบไม่เข้ารหัส จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้ายังมีเครื่องใดต่อแบบไม่เข้ารหัส เรื่องนี้จะกลับมาอีก",
        "The sensor watches: when every machine has connected with encryption for a day, or this machine has worked for 7 days without an unencrypted connection, this turns to “verified”. If any machine still connects without encryption, it comes back.",
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
