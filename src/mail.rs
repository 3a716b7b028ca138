//! Outgoing e-mail over SMTP; the only home of `lettre`.

use std::{fmt, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType},
};

use crate::{clock::Instant, secret::Secret};

/// How e-mail leaves the house.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// `smtps://user:password@host:465`, `smtp://host:25?tls=required` or, for a relay on this machine, `smtp://127.0.0.1:25`.
    pub url: Secret,
    /// The sender: `Name <address>` or an address.
    pub from: String,
    /// The longest that one step of sending may take.
    pub timeout: Duration,
}

/// Why e-mail cannot be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailProblem {
    /// The address of the mail server is none.
    #[error("the mail server's address must be like smtps://user:password@host:465 or smtp://host:25?tls=required")]
    Url,
    /// The sender is none.
    #[error("the sender must be like Name <address@example.com>")]
    From,
}

/// Why an e-mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be sent as it is: the recipient's address is none, or the mail server refused it for good.
    #[error("the e-mail was refused for good")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The mail server was not reached, or put it off.
    #[error("the mail server did not take the e-mail")]
    Later(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An e-mail.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Names it; the same for each attempt, so that a mail program shows it once.
    pub id: String,
    /// When it was written.
    pub date: Instant,
    /// The recipient's name.
    pub name: String,
    /// The recipient's address.
    pub address: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// A PDF file by its name.
    pub pdf: Option<(String, Vec<u8>)>,
}

/// Sends e-mail.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailer")
    }
}

impl Mailer {
    /// A mailer that connects when there is something to send.
    pub fn new(settings: &MailSettings) -> Result<Self, MailProblem> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.url.expose()).map_err(|_| MailProblem::Url)?;
        Ok(Self {
            transport: transport.timeout(Some(settings.timeout)).build(),
            from: settings.from.parse().map_err(|_| MailProblem::From)?,
        })
    }

    /// Hands `letter` to the mail server.
    pub async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let message = self.message(letter).map_err(MailError::Refused)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::Refused(Box::new(error))),
            Err(error) => Err(MailError::Later(Box::new(error))),
        }
    }

    fn message(&self, letter: Letter) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
        let to = Mailbox::new(Some(letter.name), letter.address.parse::<Address>()?);
        let builder = Message::builder()
            .from(self.from.clone())
            .to(to)
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .date(letter.date.into())
            .subject(letter.subject);
        let text = SinglePart::plain(letter.text);
        Ok(match letter.pdf {
            None => builder.singlepart(text)?,
            Some((name, bytes)) => {
                let pdf = Attachment::new(name).body(bytes, ContentType::parse("application/pdf")?);
                builder.multipart(MultiPart::mixed().singlepart(text).singlepart(pdf))?
            }
        })
    }
}
