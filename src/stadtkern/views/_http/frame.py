"""What all pages for people have in common: plain HTML and CSS made here, without any other host.

A page may bring its own style and one script of its own; both stand in it, and the Content-Security-Policy names their
hashes: nothing else is loaded or run, whatever gets into a page.
"""

from __future__ import annotations

import base64
import hashlib
import html
from typing import Final
from urllib.parse import quote

from stadtkern.views._http.description import Text
from stadtkern.views._http.language import LANGUAGES, NAMES, Language, say
from stadtkern.views._http.message import Response

_STYLE: Final = """
:root{color-scheme:light dark;--text:#1b1b1f;--back:#fff;--line:#767680;--soft:#f1f1f6;--link:#0b4a8f}
@media(prefers-color-scheme:dark){:root{--text:#ececf1;--back:#17171b;--line:#8e8e99;--soft:#25252b;--link:#9cc7ff}}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.55 system-ui,sans-serif;color:var(--text);background:var(--back);overflow-wrap:anywhere}
header,main,footer{max-width:62rem;margin:0 auto;padding:0 1rem}
header{display:flex;flex-wrap:wrap;gap:.5rem 2rem;justify-content:space-between;border-bottom:1px solid var(--line)}
header p{margin:.75rem 0}
a{color:var(--link)}
a:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--back);padding:.5rem}
h1{line-height:1.2}
h2{margin-top:3rem;border-bottom:1px solid var(--line)}
h3{margin:2.5rem 0 .25rem}
code,pre{font:.92em/1.5 ui-monospace,monospace}
pre{background:var(--soft);border-left:4px solid var(--link);padding:.75rem;overflow-x:auto;white-space:pre-wrap}
.address{background:var(--soft);padding:.25rem .5rem;margin:.25rem 0}
table{border-collapse:collapse;width:100%}
caption{text-align:left}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
dt{font-weight:600;margin-top:.5rem}
dd{margin:0 0 .25rem}
"""
_SKIP: Final = Text("Skip to the content", "Zum Inhalt springen")
_LANGUAGES: Final = Text("Language", "Sprache")
SHOWN: Final = "-._~:/@!$()*,;="
"""Characters of an address that need no escape in a path or a link."""


def render_frame(
    language: Language, title: str, base_path: str, here: str, content: str, *, style: str = "", script: str = ""
) -> bytes:
    """Put a page's content between what all pages have.

    here: the address of the page below base_path. style, script: what this page has beside that.
    """
    switch = " ".join(
        f'<b lang="{one}" aria-current="true">{NAMES[one]}</b>'
        if one == language
        else f'<a href="{link(base_path + here)}?lang={one}" hreflang="{one}" lang="{one}">{NAMES[one]}</a>'
        for one in LANGUAGES
    )
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#content">{html.escape(say(language, _SKIP))}</a>\n<header>\n'
        f'<p><a href="{link(base_path)}/?lang={language}">Stadtkern</a></p>\n'
        f'<nav aria-label="{html.escape(say(language, _LANGUAGES))}"><p>{switch}</p></nav>\n</header>\n'
        f'<main id="content">\n<h1>{html.escape(title)}</h1>\n{content}</main>\n'
        f"{f'<script>{script}</script>' if script else ''}</body>\n</html>\n"
    ).encode()


def page_response(language: Language, body: bytes, *, style: str = "", script: str = "") -> Response:
    """Answer with a page. style, script: as they were given to ``render_frame``."""
    headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-language", language),
        ("vary", "Accept-Language"),
        ("content-security-policy", _policy(style, script)),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ]
    return Response(200, body, headers)


def link(address: str) -> str:
    """Write an address of this server into an attribute."""
    return html.escape(quote(address, safe=SHOWN + "%"))


def _policy(style: str, script: str) -> str:
    """Allow what stands in the page; a script may ask this very server, and put nothing but text into the page."""
    own = f" script-src {_hash(script)}; connect-src 'self'; require-trusted-types-for 'script';" if script else ""
    return (
        f"default-src 'none'; style-src {_hash(_STYLE + style)};{own}"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
