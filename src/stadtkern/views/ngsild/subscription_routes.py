"""``/subscriptions``: to be told of changes. Spec: CIM 009 6.10, 6.11 with 5.8.1 to 5.8.5."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from stadtkern.broker.subscriptions import owns
from stadtkern.errors import BadRequestData, Conflict, LdContextNotAvailable
from stadtkern.jsonld.context import Context
from stadtkern.jsonld.core import is_core_address
from stadtkern.model.instant import now
from stadtkern.model.subscription import Delivery, Subscription, SubscriptionId
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.routing import Handler, Route, Table
from stadtkern.views.ngsild.consumption_answer import Answer, open_answer
from stadtkern.views.ngsild.consumption_query import MAX_OFFSET, parse_limit, parse_number
from stadtkern.views.ngsild.negotiation import COMMON
from stadtkern.views.ngsild.paging import page_links
from stadtkern.views.ngsild.parameters import Parameters, read_flag, read_options, read_parameters
from stadtkern.views.ngsild.parse import read_object
from stadtkern.views.ngsild.parse_subscription import (
    apply_changes,
    parse_changes,
    parse_subscription,
    parse_subscription_id,
)
from stadtkern.views.ngsild.render_subscription import SubscriptionRenderer
from stadtkern.views.ngsild.request_context import resolve_body, resolve_linked
from stadtkern.views.ngsild.results import created, no_content
from stadtkern.views.ngsild.services import SubscriptionServices

PATH: Final = "/ngsi-ld/v1/subscriptions/"
_LOCAL: Final = frozenset({"local"})
_ONE: Final = frozenset({"local", "options", "sysAttrs"})
_MANY: Final = frozenset({*_ONE, "limit", "offset", "count"})
_OPTIONS: Final = frozenset({"sysAttrs"})
SubscriptionRoute = Callable[[Request, SubscriptionServices], Awaitable[Response]]


async def create_subscription(request: Request, services: SubscriptionServices) -> Response:
    """POST /subscriptions. Spec: CIM 009 6.10.3.1, 5.8.1."""
    read_parameters(request, _LOCAL)
    node = read_object(request.body)
    context = await resolve_body(services.contexts, request, node)
    made = parse_subscription(node.tree, context, await _address(request, services, context))
    await _check_context(request, services, made.jsonld_context)
    stored = await services.subscriptions.create(request.grant, made)
    return created(request, stored.id, PATH)


async def list_subscriptions(request: Request, services: SubscriptionServices) -> Response:
    """GET /subscriptions. Spec: CIM 009 6.10.3.2, 5.8.4."""
    parameters = read_parameters(request, _MANY)
    limit, count = parse_limit(parameters)
    offset = parse_number(parameters, "offset", 0, least=0, most=MAX_OFFSET)
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    page = await services.subscriptions.list(request.grant, limit, offset, count=count)
    renderer = _renderer(parameters, context)
    bodies = [await _render(request, services, renderer, *told) for told in page.subscriptions]
    response = answer.many(bodies)
    if page.count is not None:
        response.headers.append(("NGSILD-Results-Count", str(page.count)))
    following = offset + limit if page.more else None
    links = page_links(request, limit, offset, next_offset=following, media_type=answer.media_type)
    response.headers += [("Link", link) for link in links]
    return _preferred(response, answer)


async def retrieve_subscription(request: Request, services: SubscriptionServices) -> Response:
    """GET /subscriptions/{id}. Spec: CIM 009 6.11.3.1, 5.8.3."""
    parameters = read_parameters(request, _ONE)
    id = _id(request)
    context = await resolve_linked(services.contexts, request)
    answer = await open_answer(request, services.contexts, context, COMMON)
    told = await services.subscriptions.retrieve(request.grant, id)
    return _preferred(answer.one(await _render(request, services, _renderer(parameters, context), *told)), answer)


async def update_subscription(request: Request, services: SubscriptionServices) -> Response:
    """PATCH /subscriptions/{id}. Spec: CIM 009 6.11.3.2, 5.8.2."""
    read_parameters(request, _LOCAL)
    id = _id(request)
    node = read_object(request.body)
    new = await resolve_body(services.contexts, request, node, patch=True)
    tree = cast("dict[str, Any]", node.tree)
    if tree.get("id", id) != id:
        raise BadRequestData(f"The id {str(tree['id'])[:80]!r} in the body differs from {id}", pointer="/id")
    changes = parse_changes(tree, new)
    if changes.get("jsonld_context") is not None:
        await _check_context(request, services, changes["jsonld_context"])
    seen = (await services.subscriptions.retrieve(request.grant, id)).subscription
    old = await services.subscriptions.compiled_context(seen, request.grant)
    address = await _address(request, services, new)

    def edit(present: Subscription) -> Subscription:
        if present.context != seen.context:
            raise Conflict(f"The subscription {id} was changed meanwhile; try again")
        return apply_changes(present, changes, old, new, address)

    await services.subscriptions.update(request.grant, id, edit)
    return no_content()


async def delete_subscription(request: Request, services: SubscriptionServices) -> Response:
    """DELETE /subscriptions/{id}. Spec: CIM 009 6.11.3.3, 5.8.5."""
    read_parameters(request, _LOCAL)
    await services.subscriptions.delete(request.grant, _id(request))
    return no_content()


SUBSCRIPTION_ROUTES: Final[dict[tuple[str, ...], dict[str, SubscriptionRoute]]] = {
    ("subscriptions",): {"GET": list_subscriptions, "POST": create_subscription},
    ("subscriptions", "*"): {
        "GET": retrieve_subscription,
        "PATCH": update_subscription,
        "DELETE": delete_subscription,
    },
}


def subscription_table(services: SubscriptionServices) -> Table:
    """Bind the routes to their services. Reading needs the right to write, too: subscriptions are no open data."""
    return {
        pattern: {method: Route("write", _bind(route, services)) for method, route in routes.items()}
        for pattern, routes in SUBSCRIPTION_ROUTES.items()
    }


def _bind(route: SubscriptionRoute, services: SubscriptionServices) -> Handler:
    async def handle(request: Request) -> Response:
        return await route(request, services)

    return handle


def _id(request: Request) -> SubscriptionId:
    return parse_subscription_id(request.segments[-1])


def _renderer(parameters: Parameters, context: Context) -> SubscriptionRenderer:
    options: Sequence[str] | frozenset[str] = read_options(parameters, _OPTIONS)
    return SubscriptionRenderer(context, now(), sys_attrs=read_flag(parameters, "sysAttrs") or "sysAttrs" in options)


async def _render(
    request: Request,
    services: SubscriptionServices,
    renderer: SubscriptionRenderer,
    subscription: Subscription,
    delivery: Delivery,
) -> bytes:
    """Write a subscription; one whose context cannot be read now is shown all the same."""
    try:
        own = await services.subscriptions.compiled_context(subscription, request.grant)
    except (LdContextNotAvailable, BadRequestData):
        own = None
    return renderer.render(subscription, delivery, own, open=owns(request.grant, subscription))


async def _address(request: Request, services: SubscriptionServices, context: Context) -> str:
    """Give the address at which a context can be found again; terms that came inline are hosted here for that.

    Spec: CIM 009 5.13.1 (ImplicitlyCreated).
    """
    if context.is_core:
        return ""
    address = await services.contexts.link_url(context, request.grant, request.base_url)
    return "" if is_core_address(address) else address


async def _check_context(request: Request, services: SubscriptionServices, address: str | None) -> None:
    """Make sure that notifications can be written in the context that they shall have.

    Raises: BadRequestData, LdContextNotAvailable. Spec: CIM 009 5.8.1.4.
    """
    if address is not None:
        await services.contexts.resolve(address, request.grant)


def _preferred(response: Response, answer: Answer) -> Response:
    """Keep to an earlier version: subscriptions look the same in all of them. Spec: CIM 009 6.3.18."""
    if answer.version is not None:
        response.headers.append(("Preference-Applied", f"ngsi-ld=1.{answer.version}"))
    return response
