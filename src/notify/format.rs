//! A message as CloudEvents, Slack and Teams take it.

use serde_json::{Value, json};

use super::message::{Message, line, next_step};
use super::target::MessageFormat;

/// Takes no room, and parts what would be read together.
const BREAK: char = '\u{200b}';

/// The body, and its media type.
pub(super) fn written(message: &Message, format: MessageFormat) -> (Value, &'static str) {
    match format {
        MessageFormat::CloudEvents => (cloud_event(message), "application/cloudevents+json"),
        MessageFormat::Slack => (slack(message), "application/json"),
        MessageFormat::Teams => (teams(message), "application/json"),
    }
}

/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>
fn cloud_event(message: &Message) -> Value {
    let source = match message.public_url.as_str() {
        "" => "sekisho",
        url => url,
    };
    let things: Vec<Value> = message
        .samples
        .iter()
        .map(|sample| {
            let mut thing = json!(sample);
            if let Some(thing) = thing.as_object_mut() {
                thing.remove("path");
                let link = message.link(sample);
                thing.extend(link.map(|link| ("link".to_owned(), link.into())));
            }
            thing
        })
        .collect();
    let mut event = json!({
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": format!("sekisho.{}.v1", message.kind.as_str()),
        "time": message.time.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "title": message.title(),
            "environment": message.environment,
            "count": message.count,
            "things": things,
        },
    });
    if !message.environment.is_empty() {
        event["subject"] = json!(message.environment);
    }
    event
}

fn slack(message: &Message) -> Value {
    let mut lines = vec![format!("*{}*", slack_text(&message.title()))];
    for sample in &message.samples {
        let told = slack_text(&line(sample));
        let next = slack_text(&next_step(sample));
        let link = message.link(sample);
        let link = link.map(|link| format!(" (<{link}|more>)"));
        lines.push(format!(
            "• {told}{}\n   next: {next}",
            link.unwrap_or_default()
        ));
    }
    if message.others() > 0 {
        lines.push(format!("… and {} more", message.others()));
    }
    json!({ "text": lines.join("\n") })
}

/// What Slack reads as a mention or a link is none here; nor what Mattermost and
/// Rocket.Chat do, which take the same messages and read Markdown in them.
fn slack_text(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    let mut harmless = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in without_addresses(&text).chars() {
        if before == ']' && matches!(letter, '(' | '[') {
            harmless.push(BREAK);
        }
        harmless.push(letter);
        // Behind a letter or a digit it is a part of a name, as in app@sha256:….
        if matches!(letter, '@' | '#' | '~') && !before.is_ascii_alphanumeric() {
            harmless.push(BREAK);
        }
        before = letter;
    }
    harmless
}

/// Text in which no chat finds an address to link by itself.
fn without_addresses(text: &str) -> String {
    let apart = text.replace("://", &format!(":{BREAK}//"));
    ["www.", "WWW.", "mailto:"]
        .into_iter()
        .fold(apart, |text, start| {
            let (word, sign) = start.split_at(start.len() - 1);
            text.replace(start, &format!("{word}{BREAK}{sign}"))
        })
}

fn teams(message: &Message) -> Value {
    let block = |text: String, weight: &str| json!({"type": "TextBlock", "text": text, "wrap": true, "weight": weight});
    let mut body = vec![block(teams_text(&message.title()), "Bolder")];
    let mut actions = Vec::new();
    for sample in &message.samples {
        let told = teams_text(&line(sample));
        let next = teams_text(&next_step(sample));
        body.push(block(format!("{told}  \nnext: {next}"), "Default"));
        if let Some(link) = message.link(sample).filter(|_| actions.is_empty()) {
            actions.push(json!({"type": "Action.OpenUrl", "title": "Open", "url": link}));
        }
    }
    if message.others() > 0 {
        body.push(block(format!("… and {} more", message.others()), "Default"));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": actions,
            },
        }],
    })
}

/// What a card reads as Markdown is plain text here.
fn teams_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in without_addresses(text).chars() {
        if matches!(
            letter,
            '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '`' | '~'
        ) {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::event::{NoticeKind, NoticeSample};
    use super::*;

    fn message(what: &str) -> Message {
        Message {
            id: "1".to_owned(),
            kind: NoticeKind::FirstDenial,
            environment: "production".to_owned(),
            time: jiff::Timestamp::UNIX_EPOCH,
            count: 12,
            samples: vec![NoticeSample {
                what: what.to_owned(),
                reason: Some("not-scanned".to_owned()),
                detail: "nobody scanned it".to_owned(),
                next_step: "hand in a scan".to_owned(),
                path: Some("/d/1".to_owned()),
                ..NoticeSample::default()
            }],
            public_url: "https://sekisho.example/".to_owned(),
        }
    }

    #[test]
    fn a_cloud_event_has_what_the_specification_asks_for() {
        let (event, media_type) = written(&message("app"), MessageFormat::CloudEvents);
        assert_eq!(media_type, "application/cloudevents+json");
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "sekisho.first-denial.v1");
        assert_eq!(event["source"], "https://sekisho.example/");
        assert_eq!(event["subject"], "production");
        assert_eq!(event["data"]["count"], 12);
        let thing = &event["data"]["things"][0];
        assert_eq!(thing["link"], "https://sekisho.example/d/1");
        assert!(thing.get("path").is_none(), "{thing}");
    }

    #[test]
    fn names_that_others_choose_mention_nobody_and_link_nowhere() {
        let hostile = message("<!channel> [x](https://evil.example) *b*");
        let (slack, _) = written(&hostile, MessageFormat::Slack);
        let text = slack["text"].as_str().unwrap();
        assert!(
            !text.contains("<!") && text.contains("&lt;!channel&gt;"),
            "{text}"
        );
        assert!(
            text.contains("12 images") && text.contains("… and 11 more"),
            "{text}"
        );
        assert!(text.contains("next: hand in a scan"), "{text}");
        let (teams, _) = written(&hostile, MessageFormat::Teams);
        let card = &teams["attachments"][0]["content"];
        let told = card["body"][1]["text"].as_str().unwrap();
        assert!(told.contains("\\[x\\]\\(https"), "{told}");
        assert_eq!(card["actions"][0]["url"], "https://sekisho.example/d/1");
    }

    /// Mattermost and Rocket.Chat take the messages of Slack, and read Markdown.
    #[test]
    fn no_chat_that_takes_messages_of_slack_finds_a_mention_or_a_link_in_a_name() {
        let image = "registry.example/team/app@sha256:ab [not-scanned]: 1.2~rc1";
        for what in [
            "[Reset your token](https://evil.example) @channel",
            "![x](http://evil.example/x.png)",
            "[x][y] ~town-square #general",
            "@here",
            "x.@all _@all -@all",
            "www.evil.example mailto:eve@evil.example",
        ] {
            let (slack, _) = written(&message(what), MessageFormat::Slack);
            let text = slack["text"].as_str().unwrap();
            let told = text.lines().nth(1).unwrap();
            let (told, _) = told.split_once(" (<").unwrap();
            for link in ["](", "][", "://", "www.", "mailto:"] {
                assert!(!told.contains(link), "{link} in {told}");
            }
            for mention in ["@channel", "@here", "@all", "~town", "#general"] {
                assert!(!told.contains(mention), "{mention} in {told}");
            }
            assert!(text.contains("(<https://sekisho.example/d/1|more>)"));
            let (teams, _) = written(&message(what), MessageFormat::Teams);
            assert!(
                !teams["attachments"][0]["content"]["body"]
                    .to_string()
                    .contains("://")
            );
        }
        let (slack, _) = written(&message(image), MessageFormat::Slack);
        let text = slack["text"].as_str().unwrap();
        assert!(text.contains(image), "a name can be copied: {text}");
    }
}
