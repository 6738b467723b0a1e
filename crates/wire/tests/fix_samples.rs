//! FIX dictionaries and messages of others, read where the sample data stands beside the tree.

#[path = "../../../tests/samples.rs"]
mod samples;

use samples::sample;
use wire::fix::{DataFields, Dictionary, Draft, Fields, Framed, Validation, frame};

fn text(part: &str) -> Option<String> {
    Some(std::fs::read_to_string(sample(part, "FIX dictionaries of others are read")?).unwrap())
}

#[test]
fn dictionaries_of_others_are_read_whole() {
    for (file, messages, version) in [("FIX42", 46, "FIX.4.2"), ("FIX44", 93, "FIX.4.4")] {
        let Some(text) = text(&format!("fix/spec/{file}.xml")) else { return };
        let dictionary = Dictionary::from_xml(&text).unwrap();
        assert_eq!((dictionary.messages().count(), dictionary.version()), (messages, version));
    }
    let (transport, application) = (text("fix/spec/FIXT11.xml"), text("fix/spec/FIX50SP2.xml"));
    let (Some(transport), Some(application)) = (transport, application) else { return };
    let drafts = (Draft::from_xml(&transport).unwrap(), Draft::from_xml(&application).unwrap());
    let dictionary = Dictionary::over_transport(drafts.0, drafts.1).unwrap();
    assert_eq!(dictionary.messages().count(), 156 + 8);
}

#[test]
fn messages_of_others_are_framed_read_and_sound() {
    let Some(text) = text("fix/spec/FIX44.xml") else { return };
    let dictionary = Dictionary::from_xml(&text).unwrap();
    for (file, length, count) in [("nos.fix", 185, 18), ("er.fix", 263, 25)] {
        let Some(path) = sample(&format!("fix/{file}"), "FIX messages of others are read") else { return };
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(frame(&bytes, 4096), Framed::Message { length });
        let mut fields = Fields::default();
        fields.read(&bytes, &DataFields::standard()).unwrap();
        assert_eq!(fields.as_slice().len(), count);
        assert_eq!(dictionary.validate(&fields.message(&bytes), &Validation::FULL), Ok(()), "{file}");
    }
}
