//! A page as HTML.

use pulldown_cmark::{Event, Parser, html};

use super::markdown::OPTIONS;

/// The HTML of a page that was made here, without a frame around it. What would be HTML of the rule's own is text.
pub fn to_html(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, OPTIONS).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    });
    let mut out = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut out, events);
    out
}

#[cfg(test)]
mod tests {
    use super::to_html;

    #[test]
    fn no_html_but_our_own() {
        assert_eq!(
            to_html("# a <b>\n\n<script>c</script>"),
            "<h1>a &lt;b&gt;</h1>\n&lt;script&gt;c&lt;/script&gt;"
        );
    }
}
