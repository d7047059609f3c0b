"""The e-mail as bytes. Pure.

    multipart/related
      multipart/alternative
        text/plain     camera, place, time, rule, table of every label and score, link
        text/html      the same, with the picture by its Content-ID
      image/jpeg       Content-Disposition: attachment with a file name, and a Content-ID

One copy of the picture serves both ways of reading: a reader that knows multipart/related shows it in place (RFC 2387 §4: inside
related the reference wins over the disposition), all others list it as an attachment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from redshank.alert.base import Message
from redshank.alert.message import TEXTS, percent, plain

_POLICY = SMTP.clone(cte_type="7bit")  # 8BITMIME is not everywhere, base64 and quoted-printable are
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CELL = "padding:4px 12px 4px 0;text-align:left;vertical-align:top"


def message_id(notification_id: str, sender: Address) -> str:
    """The same on every retry, so that a repeated delivery is recognised."""
    return f"<{notification_id}@{sender.domain}>"


def letter(
    message: Message, sender: Address, receivers: Sequence[str], previous: str, texts: Mapping[str, str] = TEXTS
) -> bytes:
    """A whole message with CRLF. `previous` is the Message-ID it answers, empty for the first of a thread.

    Date is the time of what it tells (stable on retries), so a mailbox sorts by what happened.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["MIME-Version"] = "1.0"
    mail["From"] = sender
    mail["To"] = [Address(addr_spec=receiver) for receiver in receivers]
    mail["Subject"] = plain(message.title)
    mail["Date"] = _EPOCH + timedelta(seconds=message.time // 1_000_000)
    mail["Message-ID"] = message_id(message.id, sender)
    if previous:
        mail["In-Reply-To"] = previous
        mail["References"] = previous
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    cid = f"picture.{message.id}@{sender.domain}"
    body = EmailMessage(policy=_POLICY)
    body.set_content(text_body(message, texts), cte="quoted-printable")
    body.add_alternative(html_body(message, cid, texts), subtype="html", cte="quoted-printable")
    del body["MIME-Version"]  # belongs to the whole message only
    mail.make_related()
    mail.attach(body)
    if message.picture is not None:
        picture = message.picture
        mail.add_related(
            picture.jpeg, "image", "jpeg", cid=f"<{cid}>", filename=plain(picture.name), disposition="attachment"
        )
    return mail.as_bytes()


def rows(message: Message, texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """What stands beside the picture, as (name, value)."""
    found = [
        (texts["row.camera"], message.camera_name),
        (texts["row.place"], message.place),
        (texts["row.time"], message.time_text),
        (texts["row.rule"], message.alert.rule),
    ]
    return [(name, plain(value)) for name, value in found if value]


def text_body(message: Message, texts: Mapping[str, str] = TEXTS) -> str:
    parts = [message.text, "\n".join(f"{name}: {value}" for name, value in rows(message, texts))]
    if message.detections:
        seen = [f"  {plain(d.label)}  {percent(d.score)}" for d in message.detections]
        parts.append("\n".join([f"{texts['table.label']}, {texts['table.score']}:", *seen]))
    if message.no_picture:
        parts.append(texts["no_picture"].format(reason=message.no_picture))
    if message.link:
        parts.append(texts["link"].format(link=message.link))
    return "\n\n".join([*parts, texts["footer"]]) + "\n"


def html_body(message: Message, cid: str, texts: Mapping[str, str] = TEXTS) -> str:
    """Every value is escaped; no script, no remote content."""
    picture = message.picture
    image = (
        f'<p><img src="cid:{escape(cid)}" alt="{escape(message.title)}" style="max-width:100%"></p>' if picture else ""
    )
    if message.no_picture:
        image = f"<p><em>{escape(texts['no_picture'].format(reason=message.no_picture))}</em></p>"
    link = ""
    if message.link:
        href = escape(message.link)
        link = f'<p><a href="{href}">{href}</a></p>'
    facts = "".join(
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in rows(message, texts)
    )
    return (
        '<!DOCTYPE html><html><body style="font-family:sans-serif">'
        f"<h2>{escape(message.title)}</h2><p>{escape(message.text)}</p>{image}"
        f"<table>{facts}</table>{_table(message, texts)}{link}"
        f'<p style="color:#777">{escape(texts["footer"])}</p></body></html>\n'
    )


def _table(message: Message, texts: Mapping[str, str]) -> str:
    if not message.detections:
        return ""
    head = "".join(f'<th style="{_CELL}">{escape(texts[key])}</th>' for key in ("table.label", "table.score"))
    lines = "".join(
        f'<tr><td style="{_CELL}">{escape(plain(d.label))}</td><td style="{_CELL}">{percent(d.score)}</td></tr>'
        for d in message.detections
    )
    return f"<table><tr>{head}</tr>{lines}</table>"
