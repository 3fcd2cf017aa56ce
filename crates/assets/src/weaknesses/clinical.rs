//! The steps that come before all others: a machine that treats or measures a patient is not for the IT officer to change, and
//! what it relies on is not for the IT officer to turn off.

use crate::text::Text;

/// First step of every advice.
pub(super) const LOOK_FIRST: Text = Text::new(
    "ดูก่อนว่าเครื่องนี้คือเครื่องใด (ชื่อและเลข IP อยู่ใต้หัวเรื่อง) ถ้าเป็นเครื่องมือแพทย์ หรือคอมพิวเตอร์ที่ต่อกับเครื่องมือแพทย์ (เช่น เอกซเรย์ อัลตราซาวด์ เครื่องตรวจแล็บ ระบบภาพ PACS เครื่องติดตามสัญญาณชีพ) อย่าแก้เอง ให้ช่างเครื่องมือแพทย์ของโรงพยาบาล (ถ้าไม่มี ให้หัวหน้างานที่ใช้เครื่องนั้น) ติดต่อผู้ขายเครื่อง แล้วกด “ต้องการความช่วยเหลือ” ที่หน้านี้",
    "First see which machine this is (its name and IP address stand under the title). If it is a medical device, or a computer attached to one (X-ray, ultrasound, laboratory analyser, PACS, patient monitor), do not change it yourself: ask the hospital's biomedical engineering staff (or, if there are none, the head of the unit that uses it) to contact its vendor, and press “We need help” on this page.",
);

/// Before anything old is turned off: a medical device may be the one that still uses it.
pub(super) const CALLERS_TOO: Text = Text::new(
    "ดูเครื่องที่มาใช้เครื่องนี้ด้วย ถ้ามีเครื่องมือแพทย์ (หรือคอมพิวเตอร์ที่ต่อกับเครื่องมือแพทย์) ยังใช้วิธีเก่ากับเครื่องนี้ หรือไม่แน่ใจ อย่าเพิ่งปิดวิธีเก่า เพราะภาพหรือผลตรวจอาจหยุดส่ง ให้ช่างเครื่องมือแพทย์ถามผู้ขายเครื่องนั้นก่อน แล้วกด “ต้องการความช่วยเหลือ” เราจะช่วยหาทางอื่น",
    "Look at the machines that use this one too. If a medical device (or a computer attached to one) still uses the old way with it, or you are not sure, do not turn the old way off yet: images or results may stop coming. Have the biomedical engineering staff ask that device's vendor first, and press “We need help”: we will look for another way with you.",
);
