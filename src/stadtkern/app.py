"""The only assembly: settings in, application out. Tests call the same function as the server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from stadtkern.broker.broker import Broker
from stadtkern.broker.changes import Changes
from stadtkern.broker.contexts import ContextService
from stadtkern.broker.health import Health
from stadtkern.broker.keys import Keys
from stadtkern.broker.maintenance import Maintenance
from stadtkern.broker.owners import Owners
from stadtkern.broker.sensorthings.bulk import SensorThingsBulk
from stadtkern.broker.sensorthings.reading import SensorThingsReader
from stadtkern.broker.sensorthings.writing import SensorThingsWriter
from stadtkern.broker.stored_contexts import StoredContexts
from stadtkern.broker.subscriptions import Subscriptions
from stadtkern.broker.tail import Tail
from stadtkern.broker.tenants import Tenants
from stadtkern.broker.wake import Wake
from stadtkern.control.controller import Controller
from stadtkern.control.controller import Services as ControlServices
from stadtkern.errors import SetupError, Unavailable
from stadtkern.metrics import Load, Metrics
from stadtkern.model.ids import DEFAULT_TENANT, TenantId
from stadtkern.notify.deliver.http import HttpDeliverer
from stadtkern.notify.deliver.mqtt import MqttDeliverer
from stadtkern.notify.post import Post
from stadtkern.notify.reader import Services as NotificationServices
from stadtkern.notify.service import NotificationService
from stadtkern.notify.single import SingleMatching
from stadtkern.settings import Settings
from stadtkern.store.engine.base import Engine
from stadtkern.store.engine.leadership import DELIVERY, Alone, Leadership, PostgresLeadership
from stadtkern.store.engine.postgres import PostgresEngine
from stadtkern.store.engine.sqlite import SqliteEngine
from stadtkern.store.migrate import migrate
from stadtkern.store.system import SystemStore
from stadtkern.views._http.door import Door
from stadtkern.views._http.following import Followed
from stadtkern.views._http.gateway import Gateway, Receive, Scope, Send
from stadtkern.views._http.routing import View
from stadtkern.views._http.streaming import Streams
from stadtkern.views.changes.view import ChangesView
from stadtkern.views.health.view import HealthView
from stadtkern.views.manage.view import ManageView
from stadtkern.views.ngsild.extension_view import ExtensionView
from stadtkern.views.ngsild.render_notification import NotificationRenderer
from stadtkern.views.ngsild.subscription_stream import StreamServices
from stadtkern.views.ngsild.view import NgsiLdView
from stadtkern.views.notifications.view import NotificationsView
from stadtkern.views.openapi.view import OpenApiView
from stadtkern.views.sensorthings.addresses import MOUNT as SENSORTHINGS
from stadtkern.views.sensorthings.batch import Batches
from stadtkern.views.sensorthings.routes import Reading
from stadtkern.views.sensorthings.view import SensorThingsView
from stadtkern.views.sensorthings.writing import Writing


@dataclass(frozen=True, slots=True)
class Services:
    """What the NGSI-LD routes work with."""

    broker: Broker
    contexts: ContextService
    temporal_instances: int
    subscriptions: Subscriptions


class Application:
    """A running Stadtkern: an ASGI application whose lifespan owns the store and the background work."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._gateway: Gateway | None = None
        self._controller: Controller | None = None
        self._services: Services | None = None
        self._stack = contextlib.AsyncExitStack()
        self.streams = Streams(settings.open_streams)

    async def start(self) -> None:
        """Open the store, bring it to the present schema, start background work. Raises: SetupError, Unavailable."""
        settings, private = self.settings, self.settings.allow_private_addresses
        engine = make_engine(settings)
        await engine.start()
        self._stack.push_async_callback(engine.stop)
        system = await open_system(engine)
        self._stack.push_async_callback(system.database.close)
        tenants = Tenants(
            engine,
            system,
            write_queue=settings.write_queue,
            limit=settings.open_tenants,
            max_answer=settings.max_answer,
        )
        self._stack.push_async_callback(tenants.close)
        await tenants.ensure_default()
        await tenants.get(DEFAULT_TENANT)
        keys = Keys(system, settings.admin_token)
        self._stack.push_async_callback(keys.flush)
        contexts = await self._stack.enter_async_context(
            ContextService(
                StoredContexts(tenants),
                folder=settings.contexts,
                allow_private=private,
                max_bytes=settings.context_max_size,
            )
        )
        wake = await self._stack.enter_async_context(Wake(engine))
        tenants.when_committed = wake.committed
        changes = Changes(tenants)
        tail = Tail(tenants, changes)
        followed = Followed(tail, wake, self.streams)

        def forget(tenant: TenantId) -> None:
            contexts.forget(tenant)
            tail.forget(tenant)

        tenants.when_gone = forget
        await self._stack.enter_async_context(Maintenance(tenants, keys))
        broker = Broker(tenants)
        subscriptions = Subscriptions(tenants, contexts, allow_private=private, most=settings.subscriptions)
        notifications = await self._notify(engine, tenants, keys, broker, contexts, subscriptions, wake)
        metrics = await self._stack.enter_async_context(Metrics(lambda: read_load(tenants, notifications)))
        self._controller = Controller(ControlServices(broker, tenants, keys, contexts))
        self._services = Services(broker, contexts, settings.temporal_instances, subscriptions)
        ngsild = NgsiLdView(self._services, contexts)
        renderer = NotificationRenderer(contexts, broker, settings.base_url)
        streams = StreamServices(followed, subscriptions, SingleMatching(subscriptions, changes, broker), renderer)
        mounts: dict[tuple[str, ...], View] = {
            ("ngsi-ld", "v1"): ngsild,
            ("ngsi-ld", "ex"): ExtensionView(streams),
            ("v1",): ManageView(tenants, keys, subscriptions, notifications),
            ("v1", "changes"): ChangesView(followed),
            SENSORTHINGS: _sensorthings(tenants, settings.max_answer),
        }
        health = Health(system, None if settings.database_url else settings.data)
        roots: list[View] = [HealthView(health, metrics.render), NotificationsView()]
        roots.append(OpenApiView(mounts, tuple(roots)))
        self._gateway = Gateway(settings, Door(keys, tenants, settings), mounts, roots)

    async def _notify(
        self,
        engine: Engine,
        tenants: Tenants,
        keys: Keys,
        broker: Broker,
        contexts: ContextService,
        subscriptions: Subscriptions,
        wake: Wake,
    ) -> NotificationService:
        """Start to tell subscribers."""
        settings = self.settings
        http = await self._stack.enter_async_context(HttpDeliverer(allow_private=settings.allow_private_addresses))
        mqtt = MqttDeliverer(allow_private=settings.allow_private_addresses)
        self._stack.push_async_callback(mqtt.close)
        renderer = NotificationRenderer(contexts, broker, settings.base_url)
        shared = NotificationServices(
            tenants=tenants,
            subscriptions=subscriptions,
            changes=Changes(tenants),
            grants=Owners(keys, settings.anonymous),
            post=Post(renderer, {"http": http, "https": http, "mqtt": mqtt, "mqtts": mqtt}, broker),
            backlog=settings.notification_backlog,
        )
        service = NotificationService(shared, wake, lambda: lead(engine), alone=engine.name == "sqlite")
        subscriptions.when_changed = service.changed
        subscriptions.live_delivery = service.delivery
        return await self._stack.enter_async_context(service)

    @property
    def controller(self) -> Controller:
        """What commands ask; there once the application was started."""
        if self._controller is None:
            raise RuntimeError("the application was not started")
        return self._controller

    @property
    def services(self) -> Services:
        """What works beside the views in this process uses; there once the application was started."""
        if self._services is None:
            raise RuntimeError("the application was not started")
        return self._services

    async def stop(self) -> None:
        """Finish what was accepted and close the store."""
        self.streams.end()
        await self._stack.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI event stream."""
        if scope["type"] == "http":
            if self._gateway is None:
                raise RuntimeError("the application was not started")
            await self._gateway(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except (SetupError, Unavailable) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(settings: Settings) -> Application:
    """Make the application; nothing is opened before it is started."""
    return Application(settings)


def _sensorthings(tenants: Tenants, max_answer: int) -> SensorThingsView:
    reader, writer = SensorThingsReader(tenants), SensorThingsWriter(tenants)
    batches = Batches(reader, writer.together, max_answer)
    writing = Writing(reader, writer, SensorThingsBulk(tenants, writer))
    return SensorThingsView(Reading(reader, max_answer), writing, batches)


def lead(engine: Engine) -> Leadership:
    """Take part in the choice of the process that tells subscribers."""
    return PostgresLeadership(engine.url, DELIVERY) if isinstance(engine, PostgresEngine) else Alone()


def read_load(tenants: Tenants, notifications: NotificationService) -> Load:
    """Tell what is open and what waits to be stored, for the metrics."""
    opened = tenants.opened()
    waiting = [tenant.writer.waiting for tenant in opened]
    requests, size = sum(requests for requests, _ in waiting), sum(size for _, size in waiting)
    return Load(len(opened), requests, size, *notifications.load())


def make_engine(settings: Settings) -> Engine:
    """Choose the engine by the settings."""
    if settings.database_url:
        return PostgresEngine(settings.database_url, settings.query_timeout_s, settings.database_pool)
    return SqliteEngine(settings.data, settings.query_timeout_s)


async def open_system(engine: Engine) -> SystemStore:
    """Open the system store, making it where it is missing. Raises: NewerStore, Unavailable."""
    database = await engine.open("system", create=True)
    if database is None:
        raise Unavailable("The system store cannot be opened")
    await migrate(database, "system")
    return SystemStore(database)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[Application]:
    """Run the application inside this event loop, without a server: for tests and for commands."""
    application = create_app(settings)
    await application.start()
    try:
        yield application
    finally:
        await application.stop()
