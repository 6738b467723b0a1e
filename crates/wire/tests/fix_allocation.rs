//! After start the FIX codec takes no memory: framing, reading, viewing, validating and building, of sound bytes and of others.

#[path = "../../../tests/counting.rs"]
mod counting;

use wire::fix::measure::{Parser, Sample, Writer};
use wire::fix::views::NewOrderSingle;
use wire::fix::{DataFields, Fields, Group, Validation, Version, frame};

#[test]
fn nothing_is_allocated_after_start() {
    let dictionary = Version::Fix44.dictionary();
    let data = DataFields::standard();
    let mut fields = Fields::default();
    let (mut order, mut report) = (Writer::new(Sample::Order), Writer::new(Sample::Report));
    let mut parser = Parser::new(Version::Fix44.dictionary(), true);
    let mut bytes = order.build(10_000).to_vec();
    let length = bytes.len();
    let (mut sound, mut refused) = (0, 0);
    let ((), calls) = counting::counted(|| {
        for round in 0..20_000_u64 {
            assert!(parser.fold(round, report.build(round)).is_some());
            bytes.copy_from_slice(order.build(10_000 + round));
            // Every other message has a byte changed; its fields are read and judged whatever its frame says.
            if round % 2 == 1 {
                bytes[(round as usize * 7) % length] ^= 1 << (round % 7);
            }
            let framed = frame(&bytes, 4_096);
            let read = fields.read(&bytes, &data);
            let message = fields.message(&bytes);
            let judged = dictionary.validate(&message, &Validation::FULL);
            let view = NewOrderSingle::new(message);
            assert!(Group::new(message, 453).count() == 0 && (view.price().is_some() || round % 2 == 1));
            let fine = matches!(framed, wire::fix::Framed::Message { .. }) && read.is_ok() && judged.is_ok();
            (sound, refused) = (sound + u32::from(fine), refused + u32::from(!fine));
        }
    });
    assert!(sound >= 10_000 && refused > 9_000, "{sound} sound, {refused} refused");
    assert_eq!(calls, 0, "calls of the allocator after start");
}
