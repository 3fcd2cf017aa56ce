//! Old TLS served: the host chose SSL 2, SSL 3, TLS 1.0 or TLS 1.1 (RFC 8996 forbids them) as a server.
//!
//! A server chooses by what the client offers, so one modern session proves little: TLS 1.2 or later must be seen on the same
//! port over a day with no old one between. Silence proves nothing: the server would still agree to the old version.

use super::clinical::LOOK_FIRST;
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
        "เครื่องนี้ยังรับการเชื่อมต่อที่เข้ารหัสด้วยรุ่นเก่า ซึ่งเลิกถือว่าปลอดภัยแล้ว และมีเครื่องอื่นเพิ่งใช้รุ่นนั้น",
        "This machine still accepts connections with an outdated encryption that no longer counts as safe, and another machine has just used it.",
    ),
    why: Text::new(
        "คนที่ดักอยู่ระหว่างทางมีทางอ่านหรือแก้ข้อมูลที่ส่ง เช่น รหัสผ่านและข้อมูลผู้ป่วย และเบราว์เซอร์รุ่นใหม่จะเปิดหน้าเว็บของเครื่องนี้ไม่ได้",
        "Somebody who listens on the way has a chance to read or change what is sent, such as passwords and patients' data, and new browsers refuse to open this machine's pages.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ดูว่าบริการที่พอร์ตนี้คือโปรแกรมอะไร (พอร์ตอยู่ในรายละเอียดด้านล่าง): Windows ใช้ `Get-Process -Id (Get-NetTCPConnection -State Listen -LocalPort 443).OwningProcess` · Linux ใช้ `ss -ltnp` ถ้าเป็นโปรแกรมของผู้ขาย (HIS, PACS, LIS) ให้ส่งหน้านี้ให้ผู้ขายทำ",
            "See which program serves this port (the port is in the details below): Windows: `Get-Process -Id (Get-NetTCPConnection -State Listen -LocalPort 443).OwningProcess` · Linux: `ss -ltnp`. If it is a vendor's program (HIS, PACS, LIS), hand this page to the vendor.",
        ),
        Text::new(
            "ดูว่าเครื่องที่มาใช้ยังเป็นรุ่นเก่าหรือไม่ (Windows 7 ที่ไม่ได้อัปเดต, Windows XP, โปรแกรม .NET รุ่นเก่า, เครื่องพิมพ์เก่า) อัปเดตเครื่องเหล่านั้นก่อน เพราะเมื่อปิดแล้วจะต่อไม่ได้",
            "See whether the machines that use it are old (Windows 7 without updates, Windows XP, old .NET programs, old printers). Update those first: once it is off they cannot connect.",
        ),
        Text::new(
            "เว็บเซิร์ฟเวอร์บน Linux: nginx ใส่ `ssl_protocols TLSv1.2 TLSv1.3;` · Apache ใส่ `SSLProtocol -all +TLSv1.2 +TLSv1.3` ตรวจด้วย `nginx -t` หรือ `apachectl configtest` ให้ผ่านก่อน แล้ว `systemctl reload nginx` (หรือ apache2 / httpd) ผู้ใช้ไม่สะดุด",
            "Web server on Linux: nginx: `ssl_protocols TLSv1.2 TLSv1.3;` · Apache: `SSLProtocol -all +TLSv1.2 +TLSv1.3`. Check with `nginx -t` or `apachectl configtest` first, then `systemctl reload nginx` (or apache2 / httpd); users notice nothing.",
        ),
        Text::new(
            "Windows Server (IIS, Remote Desktop, SQL Server): ติดตั้งอัปเดต Windows ให้ครบ สำรองรีจิสทรีด้วย `reg export HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL C:\\schannel-before.reg` แล้วพิมพ์ทีละบรรทัด `reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /t REG_DWORD /d 0 /f` และเปลี่ยน TLS 1.0 เป็น TLS 1.1 อีกครั้ง จากนั้นเริ่มเครื่องใหม่นอกเวลาบริการ",
            "Windows Server (IIS, Remote Desktop, SQL Server): install all Windows updates, save the registry with `reg export HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL C:\\schannel-before.reg`, then type `reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /t REG_DWORD /d 0 /f` and the same once more with TLS 1.1. Restart outside service hours.",
        ),
        Text::new(
            "Windows Server 2008 R2 หรือเก่ากว่า ต้องเปิดรุ่นใหม่ (TLS 1.2) ก่อนปิดรุ่นเก่า และ SQL Server รุ่นก่อน 2016 ต้องมีอัปเดตที่รองรับ ถ้าไม่แน่ใจ อย่าทำ ให้กด “ต้องการความช่วยเหลือ”",
            "Windows Server 2008 R2 and older must have the new version (TLS 1.2) turned on before the old one goes, and SQL Server before 2016 needs an update that supports it. If you are not sure, stop and press “I need help”.",
        ),
        Text::new(
            "NAS เครื่องพิมพ์ และกล้อง: อัปเดตเฟิร์มแวร์ แล้วเลือกรุ่น TLS 1.2 ขึ้นไปในหน้าตั้งค่า (Synology: Control Panel › Security › Advanced › TLS / SSL Profile Level เลือก Intermediate หรือ Modern) ถ้าไม่มีให้เลือก ให้เปิดหน้าตั้งค่าได้เฉพาะจากเครื่องของผู้ดูแล แล้วกด “ทำไม่ได้ เพราะ…”",
            "NAS, printers and cameras: update the firmware and choose TLS 1.2 or later in the settings (Synology: Control Panel › Security › Advanced › TLS / SSL Profile Level, Intermediate or Modern). If there is no choice, allow its settings page only from the administrator's computer, and press “Cannot, because…”.",
        ),
        Text::new(
            "ลองเปิดใช้งานจากเครื่องที่ใช้ประจำ แล้วกด “ทำแล้ว”",
            "Try it from the machines that usually use it, then press “Done”.",
        ),
    ],
    risk: Text::new(
        "โปรแกรมเก่าและเครื่องเก่าจะต่อเครื่องนี้ไม่ได้ เช่น Windows 7 ที่ไม่ได้อัปเดต, โปรแกรมที่ต่อ SQL Server ด้วยไดรเวอร์เก่า, Remote Desktop จากเครื่องเก่า บน Windows ค่านี้มีผลกับทุกโปรแกรมในเครื่อง ไม่ใช่แค่เว็บ",
        "Old programs and machines can no longer connect: Windows 7 without updates, programs that reach SQL Server with old drivers, Remote Desktop from old machines. On Windows the setting touches every program on the machine, not only the web server.",
    ),
    undo: Text::new(
        "nginx/Apache: ใส่ค่าเดิมกลับแล้ว reload · Windows: พิมพ์ `reg delete \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /f` และเช่นเดียวกันกับ TLS 1.1 หรือนำไฟล์ที่ export ไว้กลับเข้าด้วย `reg import` แล้วเริ่มเครื่องใหม่",
        "nginx/Apache: put the old line back and reload · Windows: `reg delete \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\SecurityProviders\\SCHANNEL\\Protocols\\TLS 1.0\\Server\" /v Enabled /f` and the same for TLS 1.1, or `reg import` the saved file, then restart.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์ หรือผู้ขายโปรแกรม ใช้เวลาประมาณ 30 นาที ถ้าเป็น Windows ต้องเริ่มเครื่องใหม่นอกเวลาบริการ ถ้าเป็น Linux ไม่ต้อง",
        "The IT officer or the program's vendor, about 30 minutes. Windows must be restarted outside service hours; Linux need not.",
    ),
    minutes: 30,
    proof: Text::new(
        "ระบบดูเอง: เมื่อเห็นเครื่องนี้ใช้การเข้ารหัสรุ่นใหม่ที่พอร์ตเดิมครบ 1 วันโดยไม่มีรุ่นเก่าอีก จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้าไม่มีใครมาใช้เครื่องนี้ ระบบจะยังบอกไม่ได้",
        "The system watches: when this machine has used new encryption on the same port for a day and the old one did not come back, this turns to “verified”. If nobody uses the machine, the system cannot tell yet.",
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
