"""``stadtkern tenant``, ``key``, ``context``, ``config``, ``migrate`` and ``doctor``: alone, and beside a server."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stadtkern.cli.target import open_target
from stadtkern.errors import AlreadyExists
from stadtkern.model.change import Outcome
from stadtkern.model.operation import Operation
from tests.cli.commands import Place, ask, free_port, serving
from tests.cli.town import TREE, make, patch


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, str]]:
    """A server on an embedded store, and its address; its folder's path is longer than a socket's may be."""
    folder = tmp_path_factory.mktemp("served") / ("long" * 30)
    place = Place(folder / "data", more={"STADTKERN_ANONYMOUS": "none"})
    with serving(place) as address:
        yield place, address


def test_tenants_are_created_listed_and_deleted(place: Place) -> None:
    place.succeed("tenant", "create", "Forest", "--host", "forest.example.org", "--title", "The forest")
    found = json.loads(place.succeed("tenant", "list", "--json"))
    assert [(one["name"], one["host"], one["title"]) for one in found] == [
        ("default", None, ""),
        ("forest", "forest.example.org", "The forest"),
    ]
    assert "forest.example.org" in place.succeed("tenant", "list")
    place.succeed("tenant", "delete", "forest", "--yes")
    assert len(json.loads(place.succeed("tenant", "list", "--json"))) == 1


@pytest.mark.parametrize(("typed", "left"), [("forest\n", 1), ("yes\n", 2), ("", 2)])
def test_tenant_delete_asks_for_the_name(embedded: Place, typed: str, left: int) -> None:
    embedded.succeed("tenant", "create", "forest")
    assert embedded.run("tenant", "delete", "forest", input=typed).exit_code == (0 if left == 1 else 4)
    assert len(json.loads(embedded.succeed("tenant", "list", "--json"))) == left


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tenant", "create", "default"], "exists already"),
        (["tenant", "create", "../etc"], "not allowed"),
        (["tenant", "delete", "nowhere", "--yes"], "does not exist"),
        (["tenant", "delete", "default", "--yes"], "cannot be deleted"),
        (["key", "create", "k", "--tenant", "nowhere"], "does not exist"),
        (["key", "create", "k", "--kind", "source"], "names the entity types"),
        (["key", "create", "k", "--kind", "source", "--type", "Tree"], "no full IRI"),
        (["key", "create", "k", "--expires", "2001-01-01T00:00:00Z"], "expired already"),
        (["key", "create", "k", "--expires", "soon"], "not a date-time"),
        (["key", "revoke", "nothing"], "has no key"),
        (["context", "delete", "nothing"], "does not exist"),
        (["context", "add", "-"], "not valid JSON"),
    ],
)
def test_command_says_in_a_sentence_what_cannot_be_done(embedded: Place, arguments: list[str], sentence: str) -> None:
    done = embedded.run(*arguments, input="{")
    assert (done.exit_code, sentence in done.stderr, "Traceback" in done.stderr) == (4, True, False)


def test_keys_are_shown_once_listed_and_revoked(place: Place) -> None:
    made = json.loads(
        place.succeed("key", "create", "probe", "--kind", "source", "--type", TREE, "--expires", "90d", "--json")
    )
    assert (made["kind"], made["types"], made["key"].split("_")[1]) == ("source", [TREE], made["id"])
    listed = place.succeed("key", "list")
    assert ("probe" in listed, made["key"].split("_")[2] in listed) == (True, False)
    place.succeed("key", "revoke", made["id"])
    assert json.loads(place.succeed("key", "list", "--json"))[0]["revokedAt"] is not None


def test_contexts_are_added_listed_and_deleted(place: Place, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text('{"@context": {"Tree": "https://example.org/Tree"}}')
    id_ = json.loads(place.succeed("context", "add", tmp_path / "context.json", "--json"))["id"]
    found = json.loads(place.succeed("context", "list", "--json"))
    assert [one["kind"] for one in found if one["id"] == id_] == ["Hosted"]
    place.succeed("context", "delete", id_)
    assert id_ not in place.succeed("context", "list")


def test_commands_work_through_a_running_server(served: tuple[Place, str]) -> None:
    place, address = served
    place.succeed("tenant", "create", "lake")
    key = place.succeed("key", "create", "reader", "--tenant", "lake").strip()
    path = place.succeed("context", "add", "-", "--tenant", "lake", input='{"@context": {"Oak": "https://e.org/Oak"}}')
    assert ask(address + path.strip(), **{"X-API-Key": key, "NGSILD-Tenant": "lake"}) == 200
    assert ask(address + "/ngsi-ld/v1/types", **{"X-API-Key": key, "NGSILD-Tenant": "lake"}) == 200
    place.succeed("tenant", "delete", "lake", "--yes")
    assert ask(address + "/ngsi-ld/v1/types", **{"X-API-Key": key, "NGSILD-Tenant": "lake"}) in (401, 404)


def test_socket_is_for_the_owner_alone(served: tuple[Place, str]) -> None:
    mode = (served[0].data / "control.sock").stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)


@pytest.mark.parametrize(
    "text", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}", b"\0\0\0\5hello", b"\xff" * 8, b"\0\0\0\x0a[1,2"]
)
def test_server_outlives_nonsense_on_its_socket(served: tuple[Place, str], text: bytes) -> None:
    place, _ = served
    from stadtkern.control import address

    connected: socket.socket = address.connect(place.data)
    connected.setblocking(True)
    connected.settimeout(5)
    connected.sendall(text)
    connected.shutdown(socket.SHUT_WR)
    while connected.recv(4096):
        pass
    connected.close()
    place.succeed("tenant", "list")


def _trees(start: int, count: int) -> list[Operation]:
    return [make(f"urn:tree:{number}", [TREE], height=patch(f"{number}.50")) for number in range(start, start + count)]


async def _write(place: Place, operations: list[Operation]) -> tuple[bool, list[object]]:
    async with open_target(place.settings, "default") as target:
        return target.remote, list(await target.write(operations))


def test_target_writes_through_the_server_and_tells_what_failed(served: tuple[Place, str]) -> None:
    place, address = served
    key = place.succeed("key", "create", "reader").strip()
    remote, results = asyncio.run(_write(place, [*_trees(0, 2500), *_trees(7, 1)]))
    assert (remote, len(results)) == (True, 2501)
    assert all(isinstance(one, Outcome) and one.created for one in results[:-1])
    assert isinstance(results[-1], AlreadyExists)
    assert "urn:tree:7" in str(results[-1])
    assert ask(f"{address}/ngsi-ld/v1/entities/urn:tree:2499", **{"X-API-Key": key}) == 200


def test_target_writes_into_the_store_where_no_server_runs(place: Place) -> None:
    remote, results = asyncio.run(_write(place, _trees(0, 3)))
    assert (remote, [isinstance(one, Outcome) for one in results]) == (False, [True] * 3)


def test_target_keeps_values_to_the_letter_on_their_way(served: tuple[Place, str]) -> None:
    place, _ = served
    value = '{ "n": 1.10,\n "t": "\\u00e4" }'
    asyncio.run(_write(place, [make("urn:exact", [TREE], value=patch(value))]))
    line = next(line for line in place.succeed("export").splitlines() if '"id":"urn:exact"' in line)
    assert value in json.loads(line)["doc"]


def test_config_shows_settings_and_hides_secrets(embedded: Place) -> None:
    place = Place(embedded.data, more={"STADTKERN_ADMIN_TOKEN": "secret"})
    assert f"STADTKERN_DATA={embedded.data}" in place.succeed("config")
    assert json.loads(place.succeed("config", "--json"))["STADTKERN_ADMIN_TOKEN"] == "(set)"


@pytest.mark.parametrize("command", ["config", "serve", "tenant list", "export", "doctor"])
def test_unknown_setting_ends_with_a_sentence(embedded: Place, command: str) -> None:
    done = Place(embedded.data, more={"STADTKERN_PROT": "1"}).run(*command.split())
    assert (done.exit_code, "STADTKERN_PROT is unknown" in done.output) == (1 if command == "doctor" else 3, True)


def test_migrate_check_tells_what_is_to_do_and_migrate_does_it(town: Place) -> None:
    assert town.run("migrate", "--check").exit_code == 0
    asyncio.run(_forget_last_step(town))
    done = town.run("migrate", "--check", "--json")
    assert (done.exit_code, list(json.loads(done.stdout)["pending"])) == (1, ["forest"])
    assert town.run("export").exit_code == 3


async def _forget_last_step(place: Place) -> None:
    from stadtkern.app import make_engine

    engine = make_engine(place.settings)
    database = await engine.open("forest")
    assert database is not None
    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM migration WHERE number = (SELECT max(number) FROM migration)")
    await database.close()
    await engine.stop()


def test_newer_store_is_left_untouched(town: Place) -> None:
    asyncio.run(_note_newer_step(town))
    for command in (["migrate"], ["export"], ["doctor"]):
        done = town.run(*command)
        assert done.exit_code in (1, 3)
        assert "newer version" in done.output


async def _note_newer_step(place: Place) -> None:
    from stadtkern.app import make_engine

    engine = make_engine(place.settings)
    database = await engine.open("system")
    assert database is not None
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO migration (number, name, checksum) VALUES (9999, 'later', '')")
    await database.close()
    await engine.stop()


def test_doctor_finds_nothing_wrong_with_a_good_store(town: Place) -> None:
    found = json.loads(town.succeed("doctor", "--deep", "--json"))
    assert {one["subject"] for one in found} >= {"settings", "schema", "versions", "clock", "port"}
    assert [one for one in found if one["level"] == "fault"] == []


def test_doctor_sees_a_running_server(served: tuple[Place, str]) -> None:
    done = served[0].succeed("doctor")
    assert "ok  server: process" in done


def test_doctor_finds_damage_with_deep(embedded_town: Place) -> None:
    path = embedded_town.data / "tenants" / "forest.sqlite"
    damaged = bytearray(path.read_bytes())
    damaged[8192:20000] = b"\xff" * (20000 - 8192)
    path.write_bytes(damaged)
    done = embedded_town.run("doctor", "--deep")
    assert (done.exit_code, "restore the latest backup" in done.stdout) == (1, True)


def test_doctor_tells_that_the_port_is_taken(embedded: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = Place(embedded.data, port=taken.getsockname()[1]).run("doctor")
    assert "cannot be used" in done.stdout


def test_doctor_tells_that_the_database_is_away(tmp_path: Path) -> None:
    done = Place(tmp_path, f"postgresql://stadtkern@127.0.0.1:{free_port()}/none").run("doctor")
    assert (done.exit_code, "STADTKERN_DATABASE_URL" in done.stdout) == (1, True)


def test_data_folder_that_is_a_file_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for command in (["tenant", "list"], ["export"], ["migrate"]):
        done = Place(tmp_path / "data").run(*command)
        assert (done.exit_code, done.stderr.startswith("Error: ")) == (3, True), done.output


def test_no_thread_of_a_command_stays_behind(embedded: Place) -> None:
    before = threading.active_count()
    embedded.succeed("tenant", "list")
    assert threading.active_count() <= before
