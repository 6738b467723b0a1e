//! Dictionaries read, overlaid and asked.

use super::*;
use crate::fix::{Fields, SOH, reject};

const SMALL: &str = "<fix type='FIX' major='4' minor='4'>
 <header>
  <field name='BeginString' required='Y'/><field name='BodyLength' required='Y'/><field name='MsgType' required='Y'/>
  <field name='SenderCompID' required='Y'/><field name='OnBehalfOfCompID' required='N'/>
  <group name='NoHops' required='N'><field name='HopCompID' required='N'/></group>
 </header>
 <messages>
  <message name='NewOrderSingle' msgtype='D' msgcat='app'>
   <field name='ClOrdID' required='Y'/><component name='Instrument' required='Y'/><component name='Parties' required='N'/>
   <field name='Side' required='Y'/><field name='OrderQty' required='N'/><field name='ExecInst' required='N'/>
   <field name='TransactTime' required='N'/><field name='EncodedTextLen' required='N'/><field name='EncodedText' required='N'/>
  </message>
  <message name='AllocationReport' msgtype='AS' msgcat='app'><field name='Side' required='N'/></message>
  <message name='Heartbeat' msgtype='0' msgcat='admin'/>
 </messages>
 <trailer><field name='Signature' required='N'/><field name='CheckSum' required='Y'/></trailer>
 <components>
  <component name='Instrument'><field name='Symbol' required='Y'/><field name='MaturityMonthYear' required='N'/></component>
  <component name='Parties'>
   <group name='NoPartyIDs' required='N'>
    <field name='PartyID' required='N'/><field name='PartyRole' required='Y'/><component name='Subs' required='N'/>
   </group>
  </component>
  <component name='Subs'>
   <group name='NoPartySubIDs' required='N'><field name='PartySubID' required='N'/><field name='PartySubIDType' required='N'/></group>
  </component>
 </components>
 <fields>
  <field number='8' name='BeginString' type='STRING'/><field number='9' name='BodyLength' type='LENGTH'/>
  <field number='35' name='MsgType' type='STRING'/><field number='49' name='SenderCompID' type='STRING'/>
  <field number='115' name='OnBehalfOfCompID' type='STRING'/><field number='10' name='CheckSum' type='STRING'/>
  <field number='89' name='Signature' type='DATA'/><field number='93' name='SignatureLength' type='LENGTH'/>
  <field number='627' name='NoHops' type='NUMINGROUP'/><field number='628' name='HopCompID' type='STRING'/>
  <field number='11' name='ClOrdID' type='STRING'/><field number='55' name='Symbol' type='STRING'/>
  <field number='200' name='MaturityMonthYear' type='MONTHYEAR'/><field number='453' name='NoPartyIDs' type='NUMINGROUP'/>
  <field number='448' name='PartyID' type='STRING'/><field number='452' name='PartyRole' type='INT'/>
  <field number='802' name='NoPartySubIDs' type='NUMINGROUP'/><field number='523' name='PartySubID' type='STRING'/>
  <field number='803' name='PartySubIDType' type='INT'/><field number='58' name='Text' type='STRING'/>
  <field number='54' name='Side' type='CHAR'><value enum='1' description='BUY'/><value enum='2' description='SELL'/></field>
  <field number='38' name='OrderQty' type='QTY'/><field number='60' name='TransactTime' type='UTCTIMESTAMP'/>
  <field number='18' name='ExecInst' type='MULTIPLEVALUESTRING'><value enum='1' description='A'/><value enum='AB' description='B'/></field>
  <field number='354' name='EncodedTextLen' type='LENGTH'/><field number='355' name='EncodedText' type='DATA'/>
  <field number='6000' name='House' type='INT'/>
 </fields>
</fix>";

fn checked(dictionary: &Dictionary, rules: &Validation, text: &str) -> Option<(u16, u32)> {
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'|' { SOH } else { byte }).collect();
    let mut fields = Fields::default();
    fields.read(&bytes, dictionary.data_fields()).unwrap();
    dictionary.validate(&fields.message(&bytes), rules).err().map(|reject| (reject.reason, reject.tag))
}

/// An order with `more` behind its ClOrdID.
fn order(more: &str) -> String {
    format!("8=FIX.4.4|9=5|35=D|49=A|11=ID|55=X|54=1|{more}10=000|")
}

#[test]
fn a_sound_message_passes_with_groups_inside_groups() {
    let dictionary = Dictionary::from_xml(SMALL).unwrap();
    let full = |text: &str| checked(&dictionary, &Validation::FULL, text);
    for more in [
        "",
        "453=0|",
        "453=1|448=P|452=3|",
        "453=2|448=P|452=3|802=2|523=S|803=1|523=T|448=Q|452=4|38=100|",
        "18=1 AB 1|38=-5.5|60=20260115-14:30:00|200=202601|",
        "354=3|355=a|b|",
        "93=1|89=x|",
    ] {
        // The signature stands in the trailer; its length does not in this dictionary.
        let text = order(more);
        let expected = more.contains("93=").then_some((reject::NOT_FOR_MESSAGE, 93));
        assert_eq!(full(&text), expected, "{more}");
    }
    assert_eq!(full("8=FIX.4.4|9=5|35=D|49=A|627=2|628=H|628=I|115=B|11=ID|55=X|54=1|89=x|10=000|"), None);
    assert_eq!(full("8=FIX.4.4|9=5|35=AS|49=A|54=1|10=000|"), None);
}

#[test]
fn each_fault_has_the_standard_s_reason_and_its_tag() {
    let dictionary = Dictionary::from_xml(SMALL).unwrap();
    for (text, reason, tag) in [
        ("8=FIX.4.4|9=5|35=ZZ|49=A|10=000|".to_owned(), reject::MESSAGE_TYPE, 35),
        ("8=FIX.4.4|9=5|35=Z|49=A|10=000|".to_owned(), reject::MESSAGE_TYPE, 35),
        ("8=FIX.4.4|9=5|49=A|10=000|".to_owned(), reject::MESSAGE_TYPE, 35),
        (order("999=HI|"), reject::INVALID_TAG, 999),
        (order("6001=HI|"), reject::INVALID_TAG, 6001),
        (order("6000=1|"), reject::NOT_FOR_MESSAGE, 6000),
        (order("58=HI|"), reject::NOT_FOR_MESSAGE, 58),
        (order("38=|"), reject::NO_VALUE, 38),
        (order("38=+200|"), reject::DATA_FORMAT, 38),
        (order("60=now|"), reject::DATA_FORMAT, 60),
        (order("18=1 C|"), reject::VALUE_OUT_OF_RANGE, 18),
        (order("54=1|"), reject::REPEATED_TAG, 54),
        (order("115=B|"), reject::OUT_OF_ORDER, 115),
        (order("10=000|38=5|"), reject::OUT_OF_ORDER, 38),
        (order("453=2|448=P|452=3|"), reject::GROUP_COUNT, 453),
        (order("453=1|448=P|452=3|448=Q|452=4|"), reject::GROUP_COUNT, 453),
        (order("453=99999999999999999999|448=P|452=3|"), reject::GROUP_COUNT, 453),
        (order("453=-1|448=P|452=3|"), reject::DATA_FORMAT, 453),
        (order("453=1|452=3|448=P|"), reject::GROUP_ORDER, 452),
        (order("453=1|448=P|802=1|523=S|452=3|"), reject::GROUP_ORDER, 452),
        (order("453=1|448=P|452=3|452=3|"), reject::REPEATED_TAG, 452),
        (order("453=1|448=P|"), reject::REQUIRED_MISSING, 452),
        (order("802=1|523=S|"), reject::NOT_FOR_MESSAGE, 802),
        (order("448=P|"), reject::NOT_FOR_MESSAGE, 448),
        ("8=FIX.4.4|9=5|35=D|49=A|11=ID|55=X|54=3|10=000|".to_owned(), reject::VALUE_OUT_OF_RANGE, 54),
        ("8=FIX.4.4|9=5|35=D|49=A|11=ID|55=X|54=12|10=000|".to_owned(), reject::DATA_FORMAT, 54),
        ("8=FIX.4.4|9=5|35=D|49=A|11=ID|54=1|10=000|".to_owned(), reject::REQUIRED_MISSING, 55),
        ("8=FIX.4.4|9=5|35=D|11=ID|55=X|54=1|10=000|".to_owned(), reject::REQUIRED_MISSING, 49),
        ("8=FIX.4.4|9=5|35=D|49=A|11=ID|55=X|54=1|".to_owned(), reject::REQUIRED_MISSING, 10),
        // Of several faults, what is missing comes first.
        ("8=FIX.4.4|9=5|35=D|49=A|11=ID|54=9|58=x|10=000|".to_owned(), reject::REQUIRED_MISSING, 55),
    ] {
        let found = checked(&dictionary, &Validation::FULL, &text);
        assert_eq!(found, Some((reason, tag)), "{text}");
    }
}

#[test]
fn each_switch_lets_its_faults_pass() {
    let dictionary = Dictionary::from_xml(SMALL).unwrap();
    let full = Validation::FULL;
    for (rules, text) in [
        (Validation { order: false, ..full }, order("115=B|")),
        (Validation { order: false, ..full }, order("10=000|38=5|").replace("38=5|10=000|", "38=5|")),
        (Validation { have_values: false, ..full }, order("38=|")),
        (Validation { group_order: false, ..full }, order("453=1|448=P|802=1|523=S|452=3|")),
        (Validation { user_defined: false, ..full }, order("6001=HI|")),
        (Validation { unknown: false, ..full }, order("58=HI|999=HO|")),
        (Validation { required: false, ..full }, "8=FIX.4.4|9=5|35=D|54=1|10=000|".to_owned()),
        (Validation { formats: false, ..full }, order("38=+200|")),
        (Validation { values: false, ..full }, order("18=1 C|")),
        (Validation::NONE, order("0000=x|").replace("0000", "7") + "junk=1|".replace("junk", "8").as_str()),
    ] {
        assert!(checked(&dictionary, &full, &text).is_some(), "{text}");
        assert_eq!(checked(&dictionary, &rules, &text), None, "{text}");
    }
    assert!(checked(&dictionary, &Validation::NONE, "8=FIX.4.4|9=5|35=Z|10=000|").is_some());
}

#[test]
fn an_overlay_adds_changes_and_takes_out() {
    let overlay = "<fix type='FIX' major='4' minor='4'>
      <messages>
       <message name='NewOrderSingle' msgtype='D'>
        <field name='House' required='Y'/><field name='Symbol' required='N'/><field name='OrderQty' remove='Y'/>
        <component name='Parties' remove='Y'/>
       </message>
       <message name='Own' msgtype='U1'><field name='Text' required='N'/></message>
      </messages>
      <fields>
       <field number='54' name='Side' type='CHAR' extend='Y'><value enum='5' description='SELL_SHORT'/></field>
       <field number='7000' name='OwnData' type='DATA'/><field number='7001' name='OwnDataLen' type='LENGTH'/>
      </fields></fix>";
    let draft = Draft::from_xml(SMALL).unwrap().overlaid(Draft::from_xml(overlay).unwrap());
    let dictionary = Dictionary::new(draft).unwrap();
    let full = |text: &str| checked(&dictionary, &Validation::FULL, text);
    assert_eq!(full("8=FIX.4.4|9=5|35=D|49=A|11=ID|54=5|6000=1|10=000|"), None);
    assert_eq!(full("8=FIX.4.4|9=5|35=D|49=A|11=ID|54=1|10=000|"), Some((reject::REQUIRED_MISSING, 6000)));
    assert_eq!(full("8=FIX.4.4|9=5|35=D|49=A|11=ID|54=5|6000=1|38=1|10=000|"), Some((reject::NOT_FOR_MESSAGE, 38)));
    assert_eq!(full("8=FIX.4.4|9=5|35=D|49=A|11=ID|54=5|6000=1|453=0|10=000|"), Some((reject::NOT_FOR_MESSAGE, 453)));
    assert_eq!(full("8=FIX.4.4|9=5|35=U1|49=A|58=x|10=000|"), None);
    assert!(dictionary.data_fields().pairs().contains(&(7001, 7000)));
    assert_eq!(dictionary.message_name(b"U1"), Some("Own"));
    assert_eq!((dictionary.is_session(b"0"), dictionary.is_session(b"D")), (Some(true), Some(false)));
    assert_eq!((dictionary.tag("House"), dictionary.tag("Nothing")), (Some(6000), None));
    assert_eq!((dictionary.version(), dictionary.begin_string()), ("FIX.4.4", "FIX.4.4"));
}

#[test]
fn a_transport_lends_its_header_and_session_messages() {
    let transport = SMALL.replace("type='FIX' major='4' minor='4'", "type='FIXT' major='1' minor='1'");
    let application = "<fix type='FIX' major='5' minor='0' servicepack='2'><header/><trailer/>
      <messages><message name='News' msgtype='B' msgcat='app'><field name='Headline' required='Y'/></message></messages>
      <fields><field number='148' name='Headline' type='STRING'/></fields></fix>";
    let drafts = (Draft::from_xml(&transport).unwrap(), Draft::from_xml(application).unwrap());
    let dictionary = Dictionary::over_transport(drafts.0, drafts.1).unwrap();
    assert_eq!((dictionary.version(), dictionary.begin_string()), ("FIX.5.0SP2", "FIXT.1.1"));
    assert_eq!(checked(&dictionary, &Validation::FULL, "8=FIXT.1.1|9=5|35=B|49=A|148=x|10=000|"), None);
    assert_eq!(checked(&dictionary, &Validation::FULL, "8=FIXT.1.1|9=5|35=0|49=A|10=000|"), None);
}

#[test]
fn every_fault_of_a_file_is_told() {
    let errors = Dictionary::from_xml(
        "<fix type='FAX' major='4' minor='x'>
         <header><thing/></header>
         <messages><message name='A' msgtype='A' msgcat='app'><field name='F' required='maybe'/></message>
          <message name='B' msgtype='A'/><message msgtype='C'/><message name='D' msgtype='FARTOOLONG'/></messages>
         <fields><field number='0' name='Zero' type='INT'/><field number='5' name='F' type='NOTYPE'/>
          <field number='5' name='G' type='INT'/><value/></fields>
         <more/></fix>",
    )
    .unwrap_err();
    let text = errors.join("\n");
    for words in [
        "minor=\"x\": a number",
        "type=\"FAX\": allowed are FIX and FIXT",
        "line 2: <thing> here; allowed: field, component, group",
        "line 3: required=\"maybe\": allowed are Y and N",
        "msgtype A is given a second time",
        "<message> has no name",
        "more than eight letters",
        "number=\"0\": 1 to 999999999",
        "type=\"NOTYPE\": allowed are STRING, CHAR",
        "field number 5 is given a second time; F has it already",
        "<value> among the fields",
        "<more> is unknown; allowed: header",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    assert_eq!(errors.len(), 12, "{text}");
}

#[test]
fn names_that_resolve_to_nothing_and_circles_are_told() {
    let errors = Dictionary::from_xml(
        "<fix type='FIX' major='4' minor='4'><header/><trailer/>
         <messages><message name='A' msgtype='A'><field name='X'/><component name='C'/><component name='None'/>
          <group name='G'/></message></messages>
         <components><component name='C'><group name='G'><component name='C'/></group></component></components>
         <fields><field number='1' name='G' type='NUMINGROUP'/><field number='2' name='G' type='INT'/></fields></fix>",
    )
    .unwrap_err();
    let text = errors.join("\n");
    for words in [
        "message A: field X is not defined",
        "message A: component None is not defined",
        "contains itself",
        "group G has no fields",
        "numbers 1 and 2 have the same name",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

#[test]
fn components_that_double_end_in_an_error_and_not_in_hours() {
    let mut text = String::from("<fix type='FIX' major='4' minor='4'><messages/><components>");
    for level in 0..23 {
        let next = level + 1;
        text += &format!("<component name='C{level}'>");
        text += &format!("<component name='C{next}'/>").repeat(4);
        text += "</component>";
    }
    text += "<component name='C23'/></components><fields/></fix>";
    assert!(Dictionary::from_xml(&text).unwrap_err().iter().any(|error| error.contains("members when components")));
}

#[test]
fn any_fields_are_judged_without_a_panic_seed_1() {
    let dictionary = Dictionary::from_xml(SMALL).unwrap();
    let tags =
        [8, 9, 35, 49, 115, 627, 628, 10, 89, 11, 55, 200, 453, 448, 452, 802, 523, 803, 58, 54, 38, 18, 999, 6001];
    let mut state = 1_u64;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut reasons = std::collections::BTreeMap::new();
    for _ in 0..20_000 {
        let mut text = String::from("8=FIX.4.4|9=5|35=D|49=A|11=ID|55=X|54=1|");
        for _ in 0..next(12) {
            let value = ["", "1", "2", "x", "202601", "AB 1"][next(6)];
            text += &format!("{}={value}|", tags[next(tags.len())]);
        }
        text += "10=000|";
        let rules = Validation { order: next(2) == 0, group_order: next(2) == 0, ..Validation::FULL };
        *reasons.entry(checked(&dictionary, &rules, &text).map(|found| found.0)).or_insert(0) += 1;
    }
    for reason in [None, Some(0), Some(1), Some(2), Some(4), Some(13), Some(14), Some(16)] {
        assert!(reasons.get(&reason).is_some_and(|count| *count > 5), "{reason:?} was hardly reached: {reasons:?}");
    }
}
