"""``stadtkern backup`` and ``stadtkern restore``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import Place, rows, serving


@pytest.fixture
def other(tmp_path: Path, place: Place, request: pytest.FixtureRequest) -> Place:
    """One more store on the same engine."""
    if not place.database_url:
        return Place(tmp_path / "other")
    server = request.getfixturevalue("postgres_server")
    return Place(tmp_path / "other", server.database_url(server.create_database()))


def test_backup_and_restore_make_an_equal_system(town: Place, other: Place, tmp_path: Path) -> None:
    before = rows(town.succeed("export"))
    town.succeed("backup", tmp_path / "backup")
    assert "a sound backup" in town.succeed("restore", "--check", tmp_path / "backup")
    other.succeed("restore", tmp_path / "backup")
    assert rows(other.succeed("export")) == before


def test_restore_refuses_a_store_that_has_data_unless_forced(town: Place, tmp_path: Path) -> None:
    before = rows(town.succeed("export"))
    town.succeed("backup", tmp_path / "backup")
    town.succeed("tenant", "create", "later")
    done = town.run("restore", tmp_path / "backup")
    assert (done.exit_code, "not empty" in done.stderr) == (4, True)
    assert len(json.loads(town.succeed("tenant", "list", "--json"))) == 3
    town.succeed("restore", "--force", tmp_path / "backup")
    assert rows(town.succeed("export")) == before


def test_backup_is_not_for_others_and_never_written_over(embedded_town: Place, tmp_path: Path) -> None:
    shown = json.loads(embedded_town.succeed("backup", "--json", tmp_path / "backup"))
    assert shown["tenants"] == ["default", "forest"]
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert embedded_town.run("backup", tmp_path / "backup").exit_code == 4


@pytest.mark.parametrize("file", ["system.sqlite", "tenants/forest.sqlite", "manifest.json"])
def test_restore_of_a_damaged_backup_changes_nothing(embedded_town: Place, tmp_path: Path, file: str) -> None:
    before = rows(embedded_town.succeed("export"))
    embedded_town.succeed("backup", tmp_path / "backup")
    path = tmp_path / "backup" / file
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    for arguments in (["--check"], ["--force"]):
        done = embedded_town.run("restore", *arguments, tmp_path / "backup")
        assert (done.exit_code, done.stderr.startswith("Error: ")) == (4, True)
    assert rows(embedded_town.succeed("export")) == before


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "tenants/x/../../y.sqlite"])
def test_restore_follows_no_path_out_of_the_backup(embedded_town: Place, tmp_path: Path, path: str) -> None:
    embedded_town.succeed("backup", tmp_path / "backup")
    manifest = tmp_path / "backup" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("tenants/forest.sqlite", path))
    assert embedded_town.run("restore", "--force", tmp_path / "backup").exit_code == 4


def test_restore_lacks_a_file(embedded_town: Place, tmp_path: Path) -> None:
    embedded_town.succeed("backup", tmp_path / "backup")
    (tmp_path / "backup" / "tenants" / "forest.sqlite").unlink()
    done = embedded_town.run("restore", "--force", tmp_path / "backup")
    assert (done.exit_code, "lacks its file tenants/forest.sqlite" in done.stderr) == (4, True)


def test_restore_of_another_folder_ends_with_a_sentence(embedded: Place, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    done = embedded.run("restore", tmp_path / "photos")
    assert (done.exit_code, "is no complete backup" in done.stderr) == (4, True)


def test_restore_does_not_change_the_engine(embedded_town: Place, tmp_path: Path, postgres_database_url: str) -> None:
    embedded_town.succeed("backup", tmp_path / "backup")
    done = Place(tmp_path / "other", postgres_database_url).run("restore", tmp_path / "backup")
    assert (done.exit_code, "stadtkern export" in done.stderr) == (3, True)


def test_restore_asks_to_stop_the_server_first(town: Place, tmp_path: Path) -> None:
    town.succeed("backup", tmp_path / "backup")
    with serving(town):
        done = town.run("restore", "--force", tmp_path / "backup")
    assert (done.exit_code, "in use" in done.stderr) == (3, True)
