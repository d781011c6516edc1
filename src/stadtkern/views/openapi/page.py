"""The pages that describe this server to people; they need no script."""

from __future__ import annotations

import html
import shlex
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from stadtkern.views._http.description import Example, Operation, Parameter, Tag
from stadtkern.views._http.frame import SHOWN, link, render_frame
from stadtkern.views._http.language import Language, say
from stadtkern.views.openapi.document import DescribedRoute
from stadtkern.views.openapi.words import WORDS


def render_reference(
    language: Language, base_url: str, base_path: str, tags: Iterable[Tag], routes: list[DescribedRoute]
) -> bytes:
    """Render the page of all operations. base_url: for examples, such as ``https://city.example/prefix``."""
    groups = [(tag, [route for route in routes if route.operation.tag == tag.name]) for tag in tags]
    contents = "".join(
        f'<li><a href="#{tag.name}">{_text(say(language, tag.title))}</a></li>\n' for tag, found in groups if found
    )
    sections = "".join(_render_group(language, base_url, tag, found) for tag, found in groups if found)
    document = link(base_path + "/openapi.json")
    content = (
        f'<p>{_word(language, "intro")} <a href="{document}">OpenAPI 3.1</a>.</p>\n'
        f"<p>{_word(language, 'access')}</p>\n"
        f'<nav aria-labelledby="contents"><h2 id="contents">{_word(language, "contents")}</h2>\n'
        f'<ul>\n{contents}<li><a href="#parameters">{_word(language, "parameters")}</a></li>\n</ul></nav>\n'
        f"{sections}{_render_parameters(language, routes)}"
    )
    return render_frame(language, say(language, WORDS["reference"]), base_path, "/openapi", content)


def render_start(
    language: Language, base_url: str, base_path: str, tags: Iterable[Tag], example: DescribedRoute
) -> bytes:
    """Render the page at the root: what this is, and which addresses to try. example: what creates something."""
    groups = "".join(
        f'<li><a href="{link(base_path)}/openapi?lang={language}#{tag.name}">{_text(say(language, tag.title))}</a>'
        f" – {_text(say(language, tag.text))}</li>\n"
        for tag in tags
    )
    entity: dict[str, object] = example.operation.example.body
    read = f"{base_url}/ngsi-ld/v1/entities/{quote(str(entity.get('id', '')), safe=SHOWN)}"
    content = (
        f"<p>{_word(language, 'home_intro')}</p>\n"
        f'<p><a href="{link(base_path)}/openapi?lang={language}">{_word(language, "reference")}</a> · '
        f'<a href="{link(base_path + "/openapi.json")}">OpenAPI 3.1</a> · '
        f'<a href="{link(base_path + "/notifications")}?lang={language}">{_word(language, "notifications")}</a></p>\n'
        f"<h2>{_word(language, 'doors')}</h2>\n<ul>\n{groups}</ul>\n"
        f"<h2>{_word(language, 'reading')}</h2>\n<ul>\n"
        f"{_try(base_path, '/ngsi-ld/v1/types')}"
        f"{_try(base_path, '/ngsi-ld/v1/entities?local=true&limit=10&count=true')}"
        f"{_try(base_path, '/sta/v1.1')}"
        f"{_try(base_path, '/sta/v1.1/Datastreams?$expand=Thing,Observations($top=1;$orderby=phenomenonTime%20desc)')}"
        f"{_try(base_path, '/livez')}{_try(base_path, '/readyz')}{_try(base_path, '/metrics')}</ul>\n"
        f"<h2>{_word(language, 'try')}</h2>\n<p>{_word(language, 'try_intro')}</p>\n"
        f"{_pre(language, render_curl(base_url, example))}{_pre(language, f'curl {shlex.quote(read)}')}"
    )
    return render_frame(language, "Stadtkern", base_path, "/", content)


def _try(base_path: str, address: str) -> str:
    return f'<li><a href="{html.escape(base_path + address)}"><code>{_text(address)}</code></a></li>\n'


def _render_group(language: Language, base_url: str, tag: Tag, routes: list[DescribedRoute]) -> str:
    operations = "".join(_render_operation(language, base_url, route) for route in routes)
    return (
        f'<section aria-labelledby="{tag.name}">\n<h2 id="{tag.name}">{_text(say(language, tag.title))}</h2>\n'
        f"<p>{_text(say(language, tag.text))}</p>\n{operations}</section>\n"
    )


def _render_operation(language: Language, base_url: str, route: DescribedRoute) -> str:
    operation = route.operation
    clause = f" <small>({_text(operation.clause)})</small>" if operation.clause else ""
    example = ""
    if operation.answers:
        example = f"<p>{_word(language, 'example')}:</p>\n{_pre(language, render_curl(base_url, route))}"
    return (
        f'<h3 id="{operation.id}">{_text(say(language, operation.title))}</h3>\n'
        f'<p class="address"><code><b>{route.method}</b> {_text(route.path)}</code></p>\n'
        f"<p>{_text(say(language, operation.text))}{clause}</p>\n"
        f"<dl>\n{_render_facts(language, operation)}</dl>\n{example}"
    )


def _render_facts(language: Language, operation: Operation) -> str:
    facts: list[tuple[str, str]] = []
    if operation.parameters:
        links = (f'<a href="#{_anchor(one)}"><code>{_text(one.name)}</code></a>' for one in operation.parameters)
        facts.append(("parameters", ", ".join(links)))
    if operation.body is not None:
        facts.append(("body", ", ".join(f"<code>{_text(name)}</code>" for name in operation.body.media_types)))
    if operation.answers:
        answers = (f"<b>{one.status}</b> {_text(say(language, one.text))}" for one in operation.answers)
        facts.append(("answers", "<br>".join(answers)))
    problems = (f"{status} <span lang='en'>{HTTPStatus(status).phrase}</span>" for status in (400, *operation.problems))
    facts.append(("problems", ", ".join(problems)))
    return "".join(f"<dt>{_word(language, name)}</dt><dd>{value}</dd>\n" for name, value in facts)


def _render_parameters(language: Language, routes: list[DescribedRoute]) -> str:
    every = {_anchor(one): one for route in routes for one in route.operation.parameters}
    rows = "".join(
        f'<tr><th scope="row" id="{anchor}"><code>{_text(one.name)}</code></th><td>{_word(language, one.place)}</td>'
        f"<td>{_text(say(language, one.text))}</td></tr>\n"
        for anchor, one in sorted(every.items())
    )
    head = "".join(f'<th scope="col">{_word(language, name)}</th>' for name in ("name", "place", "meaning"))
    return (
        f'<section aria-labelledby="parameters">\n<h2 id="parameters">{_word(language, "parameters")}</h2>\n'
        f"<table>\n<caption>{_word(language, 'parameters_intro')}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
    )


def render_curl(base_url: str, route: DescribedRoute) -> str:
    """Write an example as a command of the shell; query parameters go through curl's own escaping."""
    example = route.operation.example
    parts = ["curl"]
    if route.method != "GET":
        parts += ["-X", route.method]
    elif example.query:
        parts += ["-G"]
    parts.append(shlex.quote(base_url + _fill(route, example)))
    lines = [" ".join(parts)]
    if route.method == "GET":
        lines += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in example.query.items()]
    if example.body is not None:
        body = msgspec.json.format(msgspec.json.encode(example.body), indent=2).decode()
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(lines)


def _fill(route: DescribedRoute, example: Example) -> str:
    """Put the example's values into the path template, and its query behind it where curl does not."""
    address = route.path
    for name, value in example.path.items():
        shown = f"<{name}>" if value.startswith("$") else quote(value, safe=SHOWN)
        address = address.replace(f"{{{name}}}", shown)
    if route.method == "GET" or not example.query:
        return address
    return address + "?" + "&".join(f"{name}={quote(value, safe=SHOWN)}" for name, value in example.query.items())


def _pre(language: Language, text: str) -> str:
    label = _word(language, "example")
    return f'<pre tabindex="0" role="region" aria-label="{label}"><code>{_text(text)}</code></pre>\n'


def _anchor(parameter: Parameter) -> str:
    return f"{parameter.place}-{parameter.name}"


def _word(language: Language, name: str) -> str:
    return _text(say(language, WORDS[name]))


def _text(text: str) -> str:
    return html.escape(text)
