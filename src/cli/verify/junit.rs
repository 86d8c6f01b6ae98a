//! The answer as a JUnit report: a suite per environment, a case per image and
//! place.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::answer::{VerifiedAs, VerifiedImage, VerifyReport};
use crate::kubernetes::images::ManifestLocation;
use crate::oci::readable;

/// The longest name of an image that is written, in characters.
const MAX_IMAGE_NAME_CHARS: usize = 600;

type Xml = Writer<Vec<u8>>;

/// The document. All that comes from outside is readable, and quoted by the writer.
pub(super) fn document(verified: &VerifyReport) -> io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let tests = places(verified, |_| true);
    let failures = places(verified, |it| it == VerifiedAs::Denied);
    let errors = places(verified, |it| it == VerifiedAs::Undecided);
    let counted = [("tests", tests.as_str()), ("failures", &failures)];
    xml.create_element("testsuites")
        .with_attribute(("name", "sekisho verify"))
        .with_attributes(counted)
        .write_inner_content(|xml| {
            xml.create_element("testsuite")
                .with_attribute(("name", verified.environment.as_str()))
                .with_attributes(counted)
                .with_attribute(("errors", errors.as_str()))
                .write_inner_content(|xml| cases(xml, &verified.images))?;
            Ok(())
        })?;
    String::from_utf8(xml.into_inner()).map_err(io::Error::other)
}

/// The places of all images, and of those that are so.
fn places(verified: &VerifyReport, those: impl Fn(VerifiedAs) -> bool) -> String {
    let images = verified.images.iter();
    let those = images.filter(|it| those(it.verified_as()));
    those.map(|it| it.places.len()).sum::<usize>().to_string()
}

fn cases(xml: &mut Xml, images: &[VerifiedImage]) -> io::Result<()> {
    for judged in images {
        for place in &judged.places {
            case(xml, judged, place)?;
        }
    }
    Ok(())
}

fn case(xml: &mut Xml, judged: &VerifiedImage, place: &ManifestLocation) -> io::Result<()> {
    let (image, object) = (
        readable(&judged.image, MAX_IMAGE_NAME_CHARS),
        place.object(),
    );
    let case = xml
        .create_element("testcase")
        .with_attribute(("classname", object.as_str()))
        .with_attribute(("name", image.as_str()))
        .with_attribute(("file", place.file.as_str()));
    if judged.is_allowed() {
        case.write_empty()?;
    } else {
        case.write_inner_content(|xml| failure(xml, judged, place))?;
    }
    Ok(())
}

fn failure(xml: &mut Xml, judged: &VerifiedImage, place: &ManifestLocation) -> io::Result<()> {
    let (line, word) = (judged.line(), judged.word());
    let step = judged.next_step().map(|step| format!("\nnext: {step}"));
    let told = format!("{line}{}\nat {place}", step.unwrap_or_default());
    let element = match judged.verified_as() {
        VerifiedAs::Undecided => "error",
        VerifiedAs::Allowed | VerifiedAs::Denied => "failure",
    };
    xml.create_element(element)
        .with_attribute(("message", line.as_str()))
        .with_attribute(("type", word.as_str()))
        .write_text_content(BytesText::new(&told))?;
    Ok(())
}
