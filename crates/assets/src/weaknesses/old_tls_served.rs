//! Old TLS served: the host chose SSL 2, SSL 3, TLS 1.0 or TLS 1.1 (RFC 8996 forbids them) as a server.
//!
//! A server chooses by what the client offers, so one modern session proves little: TLS 1.2 or later must be seen on the same
//! port over a day with no old one between. Silence proves nothing: the server would still agree to the old version.

use super::clinical::{CALLERS_TOO, LOOK_FIRST};
use crate::{
    label::Label,
    text::Text,
    weakness::{DAY_SECS, HOUR_SECS, Judgement, Proof, Samples, Weakness},
};
use phitak_model::{Confidence, Fact, Observation, Severity, TlsVersion};

pub(super) static OLD_TLS_SERVED: Weakness = Weakness {
    id: "old_tls_served",
    severity: Severity::Medium,
    title: Text::new("ปิดการเข้ารหัสรุ่นเก่าของเครื่องนี้", "Turn off this machine's outdated encryption"),
    what: Text::new(
        "เครื่องนี้ยังยอมให้เชื่อมต่อด้วยการเข้ารหัสรุ่นเก่าที่ไม่ปลอดภัยแล้ว และเพิ่งมีเครื่องอื่นใช้รุ่นเก่านั้น",
        "This machine still accepts connections with an outdated encryption that no longer counts as safe, and another machine has just used it.",
    ),
    why: Text::new(
        "คนที่ดักข้อมูลระหว่างทางอาจอ่านหรือแก้สิ่งที่ส่ง เช่น รหัสผ่านและข้อมูลผู้ป่วย และเบราว์เซอร์รุ่นใหม่จะเปิดหน้าเว็บของเครื่องที่มีแต่รุ่นเก่าไม่ได้",
        "Somebody who listens on the way may read or change what is sent, such as passwords and patients' data, and new browsers refuse to open pages of a machine that has only the old one.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ดูว่าโปรแกรมใดใช้พอร์ตนี้ (เลขพอร์ตอยู่ใน “รายละเอียดทางเทคนิค” ด้านล่าง ใส่แทนเลข 443): Windows พิมพ์ใน PowerShell (ผู้ดูแลระบบ) `Get-Process -Id (Get-NetTCPConnection -State Listen -LocalPort 443).OwningProcess` (ถ้าได้คำว่า System มักเป็น IIS ถ้าเป็นพอร์ต 3389 คือ Remote Desktop) · Linux ใช้ `ss -ltnp` ถ้าเป็นโปรแกรมของผู้ขาย (HIS, PACS, LIS) ให้ส่งหน้านี้ให้ผู้ขายทำ",
            "See which program serves this port (the port is under “Technical details” below; put it in place of 443): Windows, in PowerShell (Admin): `Get-Process -Id (Get-NetTCPConnection -State Listen -LocalPort 443).OwningProcess` (System mostly means IIS; port 3389 is Remote Desktop) · Linux: `ss -ltnp`. If it is a vendor's program (HIS, PACS, LIS), hand this page to the vendor.",
        ),
        CALLERS_TOO,
        Text::new(
            "ดูว่าเครื่องที่มาใช้ยังเป็นรุ่นเก่าหรือไม่ (Windows 7 ที่ไม่ได้อัปเดต, Windows XP, โปรแกรมเก่า, เครื่องพิมพ์เก่า) อัปเดตหรือเปลี่ยนเครื่องเหล่านั้นก่อน เพราะเมื่อปิดรุ่นเก่าแล้วจะเชื่อมต่อไม่ได้",
            "See whether the machines that use it are old (Windows 7 without updates, Windows XP, old programs, old printers). Update or replace those first: once the old version is off they cannot connect.",
        ),
        Text::new(
            "เว็บเซิร์ฟเวอร์บน Linux: คัดลอกไฟล์ตั้งค่าเก็บไว้ก่อน แล้วแก้ทุกบรรทัดที่มีคำนี้ nginx เป็น `ssl_protocols TLSv1.2 TLSv1.3;` · Apache เป็น `SSLProtocol -all +TLSv1.2 +TLSv1.3` ตรวจด้วย `nginx -t` หรือ `apachectl configtest` ให้ผ่านก่อน (ถ้าไม่รู้จัก TLSv1.3 ให้ตัดคำนั้นออก เหลือ TLSv1.2) แล้ว `systemctl reload nginx` (หรือ apache2, httpd) ผู้ใช้ไม่สะดุด",
            "Web server on Linux: keep a copy of the configuration, then change every line that has this word: nginx: `ssl_protocols TLSv1.2 TLSv1.3;` · Apache: `SSLProtocol -all +TLSv1.2 +TLSv1.3`. Check with `nginx -t` or `apachectl configtest` first (if TLSv1.3 is unknown, leave it out and keep TLSv1.2), then `systemctl reload nginx` (or apache2, httpd); users notice nothing.",
        ),
        Text::new(
            "Windows Server 2012 ขึ้นไป (IIS, Remote Desktop, SQL Server): ติดตั้งอัปเดต Windows ให้ครบ เปิดพร้อมท์คำสั่ง (Command Prompt) แบบผู้ดูแลระบบ สำรองค่าเดิมด้วย `reg export \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\" C:\\schannel-before.reg` แล้วพิมพ์ `reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /t REG_DWORD /d 0 /f` และพิมพ์อีกครั้งโดยเปลี่ยน TLS 1.0 เป็น TLS 1.1 (ถ้ารายละเอียดบอกว่าเป็น SSL 3.0 ให้พิมพ์กับ SSL 3.0 ด้วย) จากนั้นรีสตาร์ตนอกเวลาบริการ",
            "Windows Server 2012 and later (IIS, Remote Desktop, SQL Server): install all Windows updates, open a Command Prompt as administrator, save the present values with `reg export \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\" C:\\schannel-before.reg`, then type `reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /t REG_DWORD /d 0 /f` and the same once more with TLS 1.1 (with SSL 3.0 too, if the details name it). Restart outside service hours.",
        ),
        Text::new(
            "Windows Server 2008 R2 หรือเก่ากว่า ต้องเปิดรุ่นใหม่ (TLS 1.2) ก่อนปิดรุ่นเก่า และ SQL Server รุ่นก่อน 2016 ต้องติดตั้งอัปเดตที่รองรับก่อน ถ้าไม่แน่ใจ อย่าทำ ให้กด “ต้องการความช่วยเหลือ”",
            "Windows Server 2008 R2 and older must have the new version (TLS 1.2) turned on before the old one goes, and SQL Server before 2016 needs an update that supports it. If you are not sure, stop and press “We need help”.",
        ),
        Text::new(
            "NAS เครื่องพิมพ์ และกล้อง: อัปเดตเฟิร์มแวร์ (โปรแกรมในตัวเครื่อง) นอกเวลาบริการ แล้วเลือก TLS 1.2 ขึ้นไปในหน้าตั้งค่า (Synology: Control Panel › Security › Advanced › TLS / SSL Profile Level เลือก Intermediate compatibility หรือ Modern compatibility) ถ้าไม่มีให้เลือก ให้ตั้งให้เปิดหน้าตั้งค่าได้เฉพาะจากเครื่องของผู้ดูแลคอมพิวเตอร์ แล้วกด “ทำไม่ได้ เพราะ…”",
            "NAS, printers and cameras: update the firmware outside service hours and choose TLS 1.2 or later in the settings (Synology: Control Panel › Security › Advanced › TLS / SSL Profile Level, Intermediate compatibility or Modern compatibility). If there is no choice, allow its settings page only from the IT officer's computer, and press “Cannot, because…”.",
        ),
        Text::new(
            "ลองใช้งานจากเครื่องที่ใช้ประจำทุกแบบ แล้วกด “ทำแล้ว”",
            "Try it from every kind of machine that usually uses it, then press “Done”.",
        ),
    ],
    risk: Text::new(
        "โปรแกรมเก่าและเครื่องเก่าจะเชื่อมต่อเครื่องนี้ไม่ได้ เช่น Windows 7 ที่ไม่ได้อัปเดต โปรแกรมที่ต่อ SQL Server ด้วยไดรเวอร์เก่า และ Remote Desktop จากเครื่องเก่า บน Windows ค่านี้มีผลกับทุกโปรแกรมที่ใช้การเข้ารหัสของ Windows ไม่ใช่แค่เว็บ ห้ามรีสตาร์ตเซิร์ฟเวอร์ HIS ในเวลาบริการ",
        "Old programs and machines can no longer connect: Windows 7 without updates, programs that reach SQL Server with old drivers, Remote Desktop from old machines. On Windows the setting touches every program that uses Windows' encryption, not only the web server. Never restart the HIS server during service hours.",
    ),
    undo: Text::new(
        "nginx, Apache: ใส่ค่าเดิมกลับ ตรวจ แล้ว reload · Windows: พิมพ์ `reg delete \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /f` และพิมพ์อีกครั้งกับ TLS 1.1 จากนั้นนำค่าเดิมกลับเข้าด้วย `reg import C:\\schannel-before.reg` แล้วรีสตาร์ตนอกเวลาบริการ · NAS และเครื่องพิมพ์ เลือกค่าเดิมในหน้าตั้งค่า",
        "nginx, Apache: put the old line back, check and reload · Windows: `reg delete \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /f` and the same for TLS 1.1, then put the former values back with `reg import C:\\schannel-before.reg` and restart outside service hours · NAS and printers: choose the former value in the settings.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ หรือผู้ขายโปรแกรม ใช้เวลาประมาณ 30 นาที ถ้าเป็น Windows ต้องรีสตาร์ตนอกเวลาบริการ ถ้าเป็น Linux ไม่ต้อง",
        "The IT officer or the program's vendor, about 30 minutes. Windows must be restarted outside service hours; Linux need not.",
    ),
    minutes: 30,
    days: 1,
    proof: Text::new(
        "เครื่องเฝ้าระวังเครือข่ายดูให้เอง: เมื่อเห็นเครื่องนี้ใช้การเข้ารหัสรุ่นใหม่ที่พอร์ตเดิมครบ 1 วันโดยไม่มีรุ่นเก่าอีก จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้ายังไม่มีใครมาใช้เครื่องนี้ เครื่องเฝ้าระวังเครือข่ายจะรอดูต่อไป",
        "The sensor watches: when this machine has used new encryption on the same port for a day and the old one did not come back, this turns to “verified”. As long as nobody uses the machine, the sensor keeps waiting.",
    ),
    safe_until_morning: true,
    due_days: 30,
    judge,
    mended: Proof { healthy_span_secs: DAY_SECS, gone_span_secs: HOUR_SECS, unused_span_secs: None, quiet_factor: 7 },
    samples: Samples {
        hits: &[
            r#"{"kind":"tls_served","port":443,"version":"TLS 1.0"}"#,
            r#"{"kind":"tls_served","port":3389,"version":"TLS 1.1"}"#,
            r#"{"kind":"tls_served","port":443,"version":"SSLv3"}"#,
        ],
        healthy: &[
            r#"{"kind":"tls_served","port":443,"version":"TLS 1.2"}"#,
            r#"{"kind":"tls_served","port":443,"version":"TLS 1.3"}"#,
        ],
        gone: &[r#"{"kind":"refused","port":443}"#],
        quiet: &[r#"{"kind":"serves","port":443,"protocol":"tls"}"#, r#"{"kind":"uses","protocol":"tls"}"#],
    },
};

fn judge(observation: &Observation) -> Option<Judgement> {
    match &observation.fact {
        Fact::TlsServed { port, version } => {
            let evidence = vec![(Label::TlsVersion, name(*version).to_owned()), (Label::Port, port.to_string())];
            Some(if *version < TlsVersion::Tls12 {
                Judgement::Weak { port: *port, evidence, confidence: Confidence::High }
            } else {
                Judgement::Healthy { port: Some(*port), evidence }
            })
        }
        Fact::Refused { port } => Some(Judgement::Gone { port: *port }),
        _ => None,
    }
}

fn name(version: TlsVersion) -> &'static str {
    match version {
        TlsVersion::Ssl2 => "SSL 2.0",
        TlsVersion::Ssl3 => "SSL 3.0",
        TlsVersion::Tls10 => "TLS 1.0",
        TlsVersion::Tls11 => "TLS 1.1",
        TlsVersion::Tls12 => "TLS 1.2",
        TlsVersion::Tls13 => "TLS 1.3",
    }
}
