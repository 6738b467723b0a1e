//! FIX tag=value: frames, fields in place, conversions, building; dictionaries and validation.
//!
//! A connection's bytes go through [`frame`], which says where a message ends; [`Fields::read`] finds every field of it
//! without copying; [`Message`] looks fields up; [`Builder`] writes a message into the caller's buffer behind a header
//! that was laid out once ([`Header`]).
//!
//! Invariant: no bytes of any origin cause a panic, an allocation or work that is not linear in their number.

mod build;
pub mod dictionary;
mod fields;
mod frame;
pub mod measure;
mod scan;
mod values;
pub mod view;

pub use build::{Builder, Full, Header, Precision, seal};
pub use dictionary::{Dictionary, Draft, Reject, Validation, Version};
pub use fields::{DataFields, FIELDS_MAX_DEFAULT, Field, FieldError, FieldFault, Fields, Message};
pub use frame::{Framed, Garbled, frame};
pub use scan::checksum;
pub use values::{
    DayCache, boolean, character, decimal_nanos, integer, local_date_days, time_of_day_ns, unsigned, utc_date_days,
    utc_time_ns, write_integer, write_time,
};

pub use view::{Entry, Group, views};

/// Ends every field.
pub const SOH: u8 = 1;

/// The standard's session reject reasons (tag 373).
pub mod reject {
    /// Invalid tag number.
    pub const INVALID_TAG: u16 = 0;
    /// Required tag missing.
    pub const REQUIRED_MISSING: u16 = 1;
    /// Tag not defined for this message type.
    pub const NOT_FOR_MESSAGE: u16 = 2;
    /// Undefined tag.
    pub const UNDEFINED_TAG: u16 = 3;
    /// Tag specified without a value.
    pub const NO_VALUE: u16 = 4;
    /// Value is incorrect (out of range) for this tag.
    pub const VALUE_OUT_OF_RANGE: u16 = 5;
    /// Incorrect data format for value.
    pub const DATA_FORMAT: u16 = 6;
    /// Decryption problem.
    pub const DECRYPTION: u16 = 7;
    /// Signature problem.
    pub const SIGNATURE: u16 = 8;
    /// CompID problem.
    pub const COMP_ID: u16 = 9;
    /// SendingTime accuracy problem.
    pub const SENDING_TIME: u16 = 10;
    /// Invalid MsgType.
    pub const MESSAGE_TYPE: u16 = 11;
    /// XML validation error.
    pub const XML: u16 = 12;
    /// Tag appears more than once.
    pub const REPEATED_TAG: u16 = 13;
    /// Tag specified out of required order.
    pub const OUT_OF_ORDER: u16 = 14;
    /// Repeating group fields out of order.
    pub const GROUP_ORDER: u16 = 15;
    /// Incorrect NumInGroup count for repeating group.
    pub const GROUP_COUNT: u16 = 16;
    /// Non-data value includes the field delimiter.
    pub const EMBEDDED_DELIMITER: u16 = 17;
    /// Invalid or unsupported application version.
    pub const APPLICATION_VERSION: u16 = 18;
    /// Other.
    pub const OTHER: u16 = 99;

    /// The standard's words for a reason.
    pub const fn text(reason: u16) -> &'static str {
        match reason {
            INVALID_TAG => "Invalid tag number",
            REQUIRED_MISSING => "Required tag missing",
            NOT_FOR_MESSAGE => "Tag not defined for this message type",
            UNDEFINED_TAG => "Undefined tag",
            NO_VALUE => "Tag specified without a value",
            VALUE_OUT_OF_RANGE => "Value is incorrect (out of range) for this tag",
            DATA_FORMAT => "Incorrect data format for value",
            DECRYPTION => "Decryption problem",
            SIGNATURE => "Signature problem",
            COMP_ID => "CompID problem",
            SENDING_TIME => "SendingTime accuracy problem",
            MESSAGE_TYPE => "Invalid MsgType",
            XML => "XML validation error",
            REPEATED_TAG => "Tag appears more than once",
            OUT_OF_ORDER => "Tag specified out of required order",
            GROUP_ORDER => "Repeating group fields out of order",
            GROUP_COUNT => "Incorrect NumInGroup count for repeating group",
            EMBEDDED_DELIMITER => "Non-data value includes field delimiter",
            APPLICATION_VERSION => "Invalid/Unsupported Application Version",
            _ => "Other",
        }
    }
}
