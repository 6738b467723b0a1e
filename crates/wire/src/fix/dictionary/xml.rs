//! As much of XML as data dictionaries use: elements and attributes; comments, declarations and text are passed over.
//!
//! Invariant: one pass, memory in proportion to the text, nesting bounded; what is no such XML is an error with its line.

/// Elements inside one another.
const DEPTH_MAX: usize = 32;

/// An element with its attributes and what it holds.
#[derive(Debug, Default)]
pub(super) struct Element<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    attributes: Vec<(&'a str, String)>,
    pub(super) children: Vec<Element<'a>>,
}

impl Element<'_> {
    /// An attribute's value.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.0 == name).map(|attribute| attribute.1.as_str())
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

/// The outermost element.
pub(super) fn read(text: &str) -> Result<Element<'_>, String> {
    let mut reader = Reader { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0, line: 1 };
    let mut open: Vec<Element<'_>> = vec![Element::default()];
    while reader.next_tag() {
        if reader.skip_other()? {
            continue;
        }
        if reader.take("</") {
            let name = reader.name()?;
            reader.blank();
            let closed = open.pop().filter(|element| !open.is_empty() && element.name == name);
            let (Some(closed), true) = (closed, reader.take(">")) else {
                return Err(format!("line {}: </{name}> closes no element that is open", reader.line));
            };
            open.last_mut().expect("the document is open").children.push(closed);
            continue;
        }
        let (element, empty) = reader.element()?;
        if empty {
            open.last_mut().expect("the document is open").children.push(element);
        } else if open.len() == DEPTH_MAX {
            return Err(format!("line {}: more than {DEPTH_MAX} elements inside one another", reader.line));
        } else {
            open.push(element);
        }
    }
    if let [_, .., element] = &open[..] {
        return Err(format!("line {}: <{}> is never closed", element.line, element.name));
    }
    let mut roots = open.remove(0).children;
    match roots.len() {
        1 => Ok(roots.remove(0)),
        0 => Err("line 1: there is no element; a dictionary is one <fix> element".to_owned()),
        _ => Err(format!("line {}: a second outermost element <{}>", roots[1].line, roots[1].name)),
    }
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.rest().as_bytes()[..bytes].iter().filter(|byte| **byte == b'\n').count();
        self.at += bytes;
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.advance(word.len());
        }
        there
    }

    fn blank(&mut self) -> bool {
        let rest = self.rest();
        let bytes = rest.len() - rest.trim_start().len();
        self.advance(bytes);
        bytes > 0
    }

    /// To the next `<`; false at the end.
    fn next_tag(&mut self) -> bool {
        let text = self.rest();
        let bytes = text.find('<').unwrap_or(text.len());
        self.advance(bytes);
        bytes < text.len()
    }

    /// Passes over a comment, a declaration, a processing instruction or character data.
    fn skip_other(&mut self) -> Result<bool, String> {
        for (from, to) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")] {
            if self.rest().starts_with(from) {
                let Some(end) = self.rest()[from.len()..].find(to) else {
                    return Err(format!("line {}: {from} is never closed by {to}", self.line));
                };
                self.advance(from.len() + end + to.len());
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let letters = rest.find(|letter: char| !letter.is_alphanumeric() && !"_-.:".contains(letter));
        let name = &rest[..letters.unwrap_or(rest.len())];
        if name.is_empty() {
            return Err(format!("line {}: a name is missing", self.line));
        }
        self.advance(name.len());
        Ok(name)
    }

    fn element(&mut self) -> Result<(Element<'a>, bool), String> {
        let line = self.line;
        self.take("<");
        let mut element = Element { name: self.name()?, line, ..Element::default() };
        loop {
            let apart = self.blank();
            if self.take("/>") {
                return Ok((element, true));
            }
            if self.take(">") {
                return Ok((element, false));
            }
            if !apart {
                return Err(format!("line {}: <{}> is not closed", self.line, element.name));
            }
            let attribute = self.attribute()?;
            if element.attribute(attribute.0).is_some() {
                return Err(format!("line {}: <{}> has {} twice", self.line, element.name, attribute.0));
            }
            element.attributes.push(attribute);
        }
    }

    fn attribute(&mut self) -> Result<(&'a str, String), String> {
        let name = self.name()?;
        self.blank();
        let line = self.line;
        let wrong = || format!("line {line}: {name} needs a value in quotes");
        if !self.take("=") {
            return Err(wrong());
        }
        self.blank();
        let quote = if self.take("\"") {
            '"'
        } else if self.take("'") {
            '\''
        } else {
            return Err(wrong());
        };
        let end = self.rest().find(quote).ok_or_else(wrong)?;
        let value = self.unescaped(&self.rest()[..end])?;
        self.advance(end + 1);
        Ok((name, value))
    }

    fn unescaped(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split('&');
        let mut value = parts.next().unwrap_or("").to_owned();
        for part in parts {
            let known = part.split_once(';').and_then(|(entity, rest)| {
                let letter = match entity {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    other => {
                        let number = other.strip_prefix('#')?;
                        let code = match number.strip_prefix('x') {
                            Some(digits) => u32::from_str_radix(digits, 16),
                            None => number.parse(),
                        };
                        char::from_u32(code.ok()?)?
                    }
                };
                Some((letter, rest))
            });
            let Some((letter, rest)) = known else {
                return Err(format!("line {}: &{part:.12} is no character", self.line));
            };
            value.push(letter);
            value.push_str(rest);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_attributes_and_lines_are_read_and_the_rest_passed_over() {
        let text = "<?xml version='1.0'?>\n<!DOCTYPE fix>\n<!-- <a> -->\n<fix type='FIX' major=\"4\">\n <a x='1 &lt; &#50;&amp;&#x33;'/>text<b ></b>\n</fix>\n";
        let root = read(text).unwrap();
        assert_eq!((root.name, root.line, root.attribute("major")), ("fix", 4, Some("4")));
        assert_eq!(root.children.len(), 2);
        assert_eq!((root.children[0].name, root.children[0].attribute("x")), ("a", Some("1 < 2&3")));
        assert_eq!((root.children[1].name, root.children[1].line), ("b", 5));
    }

    #[test]
    fn what_is_no_xml_is_an_error_with_its_line() {
        for (text, words) in [
            ("", "no element"),
            ("<a>", "never closed"),
            ("<a></b>", "closes no element"),
            ("</a>", "closes no element"),
            ("<a/>\n<b/>", "line 2: a second"),
            ("<a x/>", "needs a value"),
            ("<a x=1/>", "needs a value"),
            ("<a x='1/>", "needs a value"),
            ("<a x='1' x='2'/>", "x twice"),
            ("<a x='1'y='2'/>", "is not closed"),
            ("<a x='&nope;'/>", "is no character"),
            ("<a x='&#xd800;'/>", "is no character"),
            ("<!-- a", "never closed by -->"),
            ("< a/>", "a name is missing"),
            ("<a", "is not closed"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        assert!(read(&deep).unwrap_err().contains("inside one another"));
    }
}
