"""The page of notifications: a frame that its script fills from the management API."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Final

import msgspec

from stadtkern.views._http.frame import link, render_frame
from stadtkern.views._http.language import Language, say
from stadtkern.views.notifications.words import COLUMNS, PAGE_WORDS, SCRIPT_WORDS

HERE: Final = "/notifications"
STYLE: Final = Path(__file__).with_name("page.css").read_text("utf-8")
SCRIPT: Final = Path(__file__).with_name("page.js").read_text("utf-8")


def render_page(language: Language, base_path: str, tenant: str) -> bytes:
    """Render the page. base_path: of this server's addresses from outside, with the tenant's prefix if it has one."""
    prefix = f"/t/{tenant}"
    named = base_path.endswith(prefix)
    root = base_path.removesuffix(prefix) if named else base_path
    reference = f"{link(base_path)}/openapi?lang={language}#notifications"
    content = (
        f'<p>{_word(language, "intro")} <a href="{reference}"><code>/v1/notifications</code></a>.</p>\n'
        f"<noscript><p>{_word(language, 'noscript')}</p></noscript>\n"
        f'<div id="notifications" data-base="{link(root)}" data-words="{_script_words(language)}">\n'
        f"{_render_access(language, tenant if named else '')}"
        '<p id="problem" role="alert" hidden></p>\n<p id="summary" role="status"></p>\n'
        f'<div id="shown" hidden>\n{_render_bar(language)}{_render_table(language)}{_render_pages(language)}</div>\n'
        "</div>\n"
    )
    return render_frame(
        language, say(language, PAGE_WORDS["title"]), base_path, HERE, content, style=STYLE, script=SCRIPT
    )


def _render_access(language: Language, tenant: str) -> str:
    named = f'type="text" maxlength="48" list="tenants" value="{html.escape(tenant)}"'
    return (
        '<form id="access" hidden>\n'
        f"{_input(language, 'tenant', named)}"
        f"{_input(language, 'token', 'type=password maxlength=4096')}"
        f'<datalist id="tenants"></datalist>\n<button type="submit">{_word(language, "show")}</button>\n'
        f'<button type="button" id="forget">{_word(language, "forget")}</button>\n</form>\n'
    )


def _input(language: Language, name: str, attributes: str) -> str:
    return (
        f"<label>{_word(language, name)} <small>({_word(language, f'{name}_note')})</small>"
        f'<input id="{name}" {attributes} autocomplete="off" autocapitalize="none" spellcheck="false"></label>\n'
    )


def _render_bar(language: Language) -> str:
    return (
        f'<p class="bar"><label><input type="checkbox" id="refresh" checked> {_word(language, "refresh")}</label>'
        ' <span id="at"></span></p>\n'
    )


def _render_table(language: Language) -> str:
    columns = "".join(
        f'<th scope="col" role="columnheader">{html.escape(say(language, text))}</th>' for text in COLUMNS.values()
    )
    # the roles say what it is where the style makes blocks of it, on narrow screens
    return (
        f'<div class="wide"><table id="list" role="table">\n<caption>{_word(language, "caption")}</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{columns}</tr></thead>\n<tbody id="rows" role="rowgroup"></tbody>\n'
        "</table></div>\n"
    )


def _render_pages(language: Language) -> str:
    buttons = "\n".join(
        f'<button type="button" id="{name}">{_word(language, name)}</button>' for name in ("previous", "next")
    )
    return f'<nav id="pages" class="bar" aria-label="{_word(language, "pages")}" hidden>\n{buttons}\n</nav>\n'


def _script_words(language: Language) -> str:
    words = {name: say(language, text) for name, text in SCRIPT_WORDS.items()}
    columns = {f"column_{name}": say(language, text) for name, text in COLUMNS.items()}
    return html.escape(msgspec.json.encode({**words, **columns}).decode())


def _word(language: Language, name: str) -> str:
    return html.escape(say(language, PAGE_WORDS[name]))
