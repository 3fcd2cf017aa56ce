//! Expired certificate: the host handed out, as a TLS server, a certificate whose time was over when it was seen.
//!
//! Judged by the moment of the observation, never by today. Within a day of the end the confidence is medium, because a sensor's
//! clock may be off. Proof: on the same port, certificates that are valid when seen, over an hour with no expired one between
//! (a server may hand out several by name). Certificates of TLS 1.3 are encrypted and cannot be seen: a server that moves
//! to TLS 1.3 at the same time stays "cannot tell".

use super::clinical::LOOK_FIRST;
use crate::{
    label::Label,
    text::Text,
    weakness::{DAY_SECS, HOUR_SECS, Judgement, Proof, Samples, Weakness},
};
use phitak_model::{Confidence, Fact, Observation, Severity, thai};

pub(super) static EXPIRED_CERTIFICATE: Weakness = Weakness {
    id: "expired_certificate",
    severity: Severity::Medium,
    title: Text::new("ต่ออายุใบรับรองดิจิทัลของเครื่องนี้", "Renew this machine's certificate"),
    what: Text::new(
        "ใบรับรองดิจิทัล (certificate) ที่เครื่องนี้ใช้ยืนยันว่าเป็นตัวจริงหมดอายุแล้ว คนที่เปิดใช้จะเห็นคำเตือนว่าไม่ปลอดภัย",
        "The certificate with which this machine proves who it is has expired. People who open it see a warning.",
    ),
    why: Text::new(
        "เมื่อเจ้าหน้าที่ชินกับการกดข้ามคำเตือน วันที่มีคนปลอมเป็นเครื่องนี้จริง ๆ ก็จะไม่มีใครสังเกต และบางโปรแกรมจะหยุดเชื่อมต่อไปเลย เช่น โปรแกรมส่งข้อมูลหรือเบิกจ่าย",
        "When staff are used to clicking the warning away, nobody notices the day that somebody really pretends to be this machine. Some programs stop connecting at all, such as data exchange or claims.",
    ),
    steps: &[
        LOOK_FIRST,
        Text::new(
            "ดูว่าใบรับรองออกให้ชื่ออะไร และใครเป็นผู้ออก (อยู่ใน “รายละเอียดทางเทคนิค” ด้านล่าง) ถ้าเครื่องนี้เป็นของผู้ขายหรืออยู่บนคลาวด์ ให้แจ้งผู้ขายต่ออายุ",
            "See which name the certificate is for and who issued it (under “Technical details” below). If the machine is a vendor's or in the cloud, tell the vendor to renew it.",
        ),
        Text::new(
            "ตรวจวันที่และนาฬิกาของเครื่องนี้และเครื่องผู้ใช้ว่าตรงหรือไม่ นาฬิกาที่ผิดทำให้ใบรับรองใหม่ใช้ไม่ได้ (Windows: `w32tm /query /status` · Linux: `timedatectl`)",
            "Check that date and clock of this machine and of its users are right: a wrong clock makes a new certificate useless (Windows: `w32tm /query /status` · Linux: `timedatectl`).",
        ),
        Text::new(
            "เว็บที่เปิดจากอินเทอร์เน็ตได้ (ต้องเปิดพอร์ต 80 ได้ด้วย): ใช้ใบรับรองฟรีของ Let's Encrypt ที่ต่ออายุเอง Linux (Debian, Ubuntu) ใช้ `apt install certbot python3-certbot-nginx` แล้ว `certbot --nginx -d ชื่อเว็บ` (Apache ใช้ `certbot --apache -d ชื่อเว็บ` และแพ็กเกจ python3-certbot-apache) · Windows (IIS) ใช้โปรแกรม win-acme (ฟรี) คลิกขวาที่ wacs.exe เลือกเรียกใช้ในฐานะผู้ดูแลระบบ (Run as administrator) แล้วทำตามหน้าจอ",
            "A site that can be reached from the internet (port 80 too): use a free Let's Encrypt certificate that renews itself. Linux (Debian, Ubuntu): `apt install certbot python3-certbot-nginx` then `certbot --nginx -d SITE` (Apache: `certbot --apache -d SITE` and the package python3-certbot-apache) · Windows (IIS): the free program win-acme: right-click wacs.exe, choose Run as administrator and follow the screen.",
        ),
        Text::new(
            "ถ้าโรงพยาบาลหรือกระทรวงซื้อใบรับรองไว้แล้ว (เช่น *.moph.go.th) ขอไฟล์ใหม่จากผู้ดูแล เก็บไฟล์เดิมไว้ แล้วติดตั้ง: IIS ไปที่ Server Certificates › Import แล้วที่เว็บไซต์เลือก Bindings › https › Edit เลือกใบใหม่ · nginx แก้ ssl_certificate กับ ssl_certificate_key ตรวจด้วย `nginx -t` แล้ว `systemctl reload nginx` · Apache แก้ SSLCertificateFile กับ SSLCertificateKeyFile ตรวจด้วย `apachectl configtest` แล้ว reload",
            "If the hospital or the ministry already has a bought certificate (such as *.moph.go.th), ask its keeper for the new file, keep the old one, and install it: IIS: Server Certificates › Import, then at the site Bindings › https › Edit, choose the new one · nginx: change ssl_certificate and ssl_certificate_key, check with `nginx -t`, then `systemctl reload nginx` · Apache: change SSLCertificateFile and SSLCertificateKeyFile, check with `apachectl configtest`, then reload.",
        ),
        Text::new(
            "เครื่องภายใน เช่น NAS หรือเครื่องพิมพ์: สร้างใบใหม่ในหน้าตั้งค่า (Synology: Control Panel › Security › Certificate · QNAP: Control Panel › System › Security › SSL Certificate & Private Key) ใบที่เครื่องสร้างเอง เบราว์เซอร์จะยังเตือนอยู่ ให้ดูแค่ว่าวันหมดอายุเป็นวันใหม่ ถ้ามี Active Directory จะใช้ใบรับรองจาก AD CS ได้โดยไม่เสียเงินเพิ่ม",
            "Internal machines such as NAS or printers: make a new one in the settings (Synology: Control Panel › Security › Certificate · QNAP: Control Panel › System › Security › SSL Certificate & Private Key). Browsers still warn of a certificate that the machine made itself: just see that it ends on a new date. With Active Directory, AD CS issues certificates at no extra cost.",
        ),
        Text::new(
            "เปิดหน้าเว็บ กดที่รูปกุญแจหรือคำเตือนหน้าชื่อเว็บ ดูว่าวันหมดอายุเป็นวันใหม่ จดวันหมดอายุครั้งต่อไปลงปฏิทินล่วงหน้า 30 วัน แล้วกด “ทำแล้ว”",
            "Open the page, click the padlock or the warning before the address and see that it ends on a new date, put the next expiry in the calendar 30 days ahead, then press “Done”.",
        ),
    ],
    risk: Text::new(
        "ถ้าไฟล์ใบรับรองกับไฟล์กุญแจไม่ใช่คู่กัน เว็บจะเปิดไม่ขึ้น ให้ตรวจก่อน reload ทุกครั้ง โปรแกรมหรือเครื่องมือแพทย์ที่จำใบเดิมไว้ (เช่น โปรแกรมเชื่อมข้อมูลบางตัว) ต้องใส่ใบใหม่ให้ด้วย ถามผู้ขายก่อน",
        "If certificate and key do not belong together the site does not start: check before every reload. Programs or medical devices that remember the old certificate (some data-exchange programs) need the new one too: ask their vendor first.",
    ),
    undo: Text::new(
        "เก็บไฟล์ใบเดิมไว้ ถ้าใบใหม่มีปัญหาให้ตั้งกลับไปที่ใบเดิมแล้ว reload (IIS: Bindings › https › Edit เลือกใบเดิม) คำเตือนจะกลับมา แต่ใช้งานได้เหมือนก่อนแก้",
        "Keep the old file. If the new one gives trouble, set the old one again and reload (IIS: Bindings › https › Edit, choose the old one). The warning returns, and it works as before.",
    ),
    who: Text::new(
        "ผู้ดูแลคอมพิวเตอร์หรือผู้ดูแลเว็บ ใช้เวลาประมาณ 30 นาที ไม่ต้องรีสตาร์ตเครื่อง เว็บสะดุดไม่ถึงหนึ่งนาที",
        "The IT officer or webmaster, about 30 minutes, no restart; the site is away for less than a minute.",
    ),
    minutes: 30,
    days: 1,
    proof: Text::new(
        "เครื่องเฝ้าระวังเครือข่ายดูให้เอง: เมื่อเห็นเครื่องนี้ใช้ใบรับรองที่ยังไม่หมดอายุที่พอร์ตเดิมครบ 1 ชั่วโมง จะเปลี่ยนเป็น “ยืนยันแล้ว” ถ้าใบรับรองเป็นใบใหม่แล้ว แต่ผ่านไป 3 วันยังไม่ยืนยัน ให้กด “ต้องการความช่วยเหลือ” เราจะดูให้",
        "The sensor watches: when this machine has shown a valid certificate on the same port for an hour, this turns to “verified”. If the certificate is new but nothing is verified after 3 days, press “We need help” and we will look.",
    ),
    safe_until_morning: true,
    due_days: 14,
    judge,
    mended: Proof { healthy_span_secs: HOUR_SECS, gone_span_secs: HOUR_SECS, unused_span_secs: None, quiet_factor: 24 },
    samples: Samples {
        hits: &[
            r#"{"kind":"certificate","port":443,"subject":"CN=his.example","issuer":"CN=Example CA","not_after":"2026-01-31T00:00:00Z","fingerprint_sha256":"aa11"}"#,
        ],
        healthy: &[
            r#"{"kind":"certificate","port":443,"subject":"CN=his.example","issuer":"CN=Example CA","not_after":"2027-01-31T00:00:00Z","fingerprint_sha256":"bb22"}"#,
        ],
        gone: &[r#"{"kind":"refused","port":443}"#],
        quiet: &[
            r#"{"kind":"tls_served","port":443,"version":"TLS 1.3"}"#,
            r#"{"kind":"serves","port":443,"protocol":"tls"}"#,
        ],
    },
};

fn judge(observation: &Observation) -> Option<Judgement> {
    match &observation.fact {
        Fact::Certificate { port, subject, issuer, not_after, fingerprint_sha256 } => {
            let past_micros = observation.last_at.micros_since(*not_after);
            let ends = format!("{} ({})", not_after.iso().get(..10).unwrap_or_default(), thai::date(*not_after));
            let evidence = vec![
                (Label::CertificateEnds, ends),
                (Label::CertificateSubject, subject.clone()),
                (Label::CertificateIssuer, issuer.clone()),
                (Label::CertificateFingerprint, fingerprint_sha256.clone()),
                (Label::Port, port.to_string()),
            ];
            if past_micros <= 0 {
                return Some(Judgement::Healthy { port: Some(*port), evidence });
            }
            let clock_doubt = past_micros < DAY_SECS.saturating_mul(1_000_000);
            let confidence = if clock_doubt { Confidence::Medium } else { Confidence::High };
            Some(Judgement::Weak { port: *port, evidence, confidence })
        }
        Fact::Refused { port } => Some(Judgement::Gone { port: *port }),
        _ => None,
    }
}
