//! Messages by mail.

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use serde_json::Value;

use super::{Message, SendError, chain};
use crate::connector::Email;

pub(super) async fn send(email: &Email, message: &Message<'_>) -> Result<(), SendError> {
    let mail = mail(email, message)?;
    let tls = || TlsParameters::new(email.host.clone()).map_err(|error| SendError::passing(chain(&error)));
    let tls = match (email.secure, &email.login) {
        (true, _) => Tls::Wrapper(tls()?),
        // A password is not sent in the clear.
        (false, Some(_)) => Tls::Required(tls()?),
        (false, None) => Tls::Opportunistic(tls()?),
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&email.host)
        .port(email.port)
        .tls(tls)
        .timeout(Some(message.timeout));
    if let Some((user, password)) = &email.login {
        transport =
            transport.credentials(Credentials::new(user.reveal().to_owned(), password.reveal().to_owned()));
    }
    match transport.build().send(mail).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => Err(SendError::Final(chain(&error))),
        Err(error) => Err(SendError::passing(chain(&error))),
    }
}

fn mail(email: &Email, message: &Message<'_>) -> Result<lettre::Message, SendError> {
    let wrong = |what: &str, why: String| SendError::Final(format!("{what}: {why}"));
    let mailbox = |what: &str, text: &str| -> Result<Mailbox, SendError> {
        text.parse().map_err(|_| wrong(what, format!("`{text}` is no address of mail")))
    };
    let subject: String = message
        .text("subject")
        .unwrap_or("Alert")
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect();
    let mut mail = lettre::Message::builder()
        .from(mailbox("the connector's `from`", &email.from)?)
        .subject(subject)
        .message_id(Some(format!("<{}@watchfire>", message.delivery.id)))
        .date(
            std::time::UNIX_EPOCH
                + std::time::Duration::from_millis(message.now.millis().max(0).unsigned_abs()),
        );
    let mut receivers = 0;
    for name in ["to", "cc", "bcc"] {
        for address in message.delivery.body.get(name).and_then(Value::as_array).into_iter().flatten() {
            let what = format!("`params.{name}`");
            let address = mailbox(&what, address.as_str().unwrap_or_default())?;
            receivers += 1;
            mail = match name {
                "to" => mail.to(address),
                "cc" => mail.cc(address),
                _ => mail.bcc(address),
            };
        }
    }
    if receivers == 0 {
        return Err(SendError::Final("the action names no receiver (`params.to`, `.cc`, `.bcc`)".to_owned()));
    }
    let text = message.required("message")?.to_owned();
    let html = message.text("messageHTML").filter(|html| !html.is_empty());
    let built = match html {
        Some(html) => mail.multipart(MultiPart::alternative_plain_html(text, html.to_owned())),
        None => mail.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text)),
    };
    built.map_err(|error| SendError::Final(chain(&error)))
}
