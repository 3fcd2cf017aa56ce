//! The step that comes before all others: a machine that treats or measures a patient is not for the IT officer to change.

use crate::text::Text;

/// First step of every advice.
pub(super) const LOOK_FIRST: Text = Text::new(
    "ดูก่อนว่าเครื่องนี้คืออะไร ถ้าเป็นเครื่องมือแพทย์หรือคอมพิวเตอร์ที่ต่อกับเครื่องมือแพทย์ (เช่น เอกซเรย์ อัลตราซาวด์ เครื่องตรวจแล็บ PACS เครื่องเฝ้าติดตามผู้ป่วย) อย่าแก้เอง ให้ช่างเครื่องมือแพทย์ของโรงพยาบาลติดต่อผู้ขายเครื่อง แล้วกด “ต้องการความช่วยเหลือ” ที่หน้านี้",
    "First see what this machine is. If it is a medical device, or a computer attached to one (X-ray, ultrasound, laboratory analyser, PACS, patient monitor), do not change it yourself: ask the hospital's biomedical engineering staff to contact its vendor, and press “I need help” on this page.",
);
