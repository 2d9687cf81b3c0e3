//! What HTML pages share: a frame without anything from outside, and text made safe.

use std::io::{self, Write};

use watchfire_diagnostics::is_hidden;

/// The look of all pages: that of the reader's system, in light or dark.
const STYLE: &str = "\
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; padding: 0 1rem; max-width: 80rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8885; border-radius: 4px }
a { color: inherit }";

/// The text as it stands between tags, or in the quotes of an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // No reader of HTML may meet these, and those that turn the direction of writing could hide something.
            '\n' | '\t' => escaped.push(character),
            other if is_hidden(other) => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A link to a page of the web; the text alone if the address is none.
pub(crate) fn link(text: &str, address: &str) -> String {
    let is_page = ["https://", "http://"].iter().any(|scheme| address.starts_with(scheme));
    if is_page && address.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!("<a href=\"{}\">{}</a>", escape(address), escape(text))
    } else {
        escape(text)
    }
}

/// All before the content. The policy keeps a browser from loading or running anything, whatever the content says.
pub(crate) fn page_start(title: &str, style: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}\n{style}\n</style>\n</head>\n<body>",
        escape(title)
    )
}

/// All behind it.
pub(crate) fn page_end(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</body>\n</html>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(
            escape("<b a=\"c\">'&\u{202e}\u{1b}"),
            "&lt;b a=&quot;c&quot;&gt;&#39;&amp;\u{fffd}\u{fffd}"
        );
        assert_eq!(link("<x>", "javascript:alert(1)"), "&lt;x&gt;");
        assert_eq!(link("x", "https://a.example/\" b"), "x");
        assert_eq!(link("x", "https://a.example/?a&b"), "<a href=\"https://a.example/?a&amp;b\">x</a>");
    }
}
