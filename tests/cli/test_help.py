"""The help of the commands, and the page that is made of it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from stadtkern.cli import main
from tests.command_page import PAGE, render_command_page

_NAMES = {
    "serve",
    "demo",
    "import",
    "export",
    "backup",
    "restore",
    "migrate",
    "tenant",
    "key",
    "context",
    "config",
    "doctor",
}


def _paths(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = command.commands.items() if isinstance(command, click.Group) else ()
    return [path, *(deeper for name, one in below for deeper in _paths(one, (*path, name)))]


def test_command_page_equals_the_help() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_command_page(), "run ./do docs"


def test_all_commands_are_there() -> None:
    assert set(main.commands) >= _NAMES


@pytest.mark.parametrize("path", _paths(main), ids=" ".join)
def test_help_says_what_each_command_and_option_is_for(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert len((command.help or "").split()) > 2
    assert [one.name for one in command.params if isinstance(one, click.Option) and not one.help] == []


@pytest.mark.parametrize(
    "arguments", [["dance"], ["tenant", "create"], ["export", "--colour"], ["key", "create", "k", "--kind", "king"]]
)
def test_wrong_command_line_ends_with_2_and_the_usage(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, "Usage:" in done.stderr) == (2, True)


@pytest.mark.parametrize("path", _paths(main))
def test_sentences_of_help_have_no_runs_of_blanks(path: tuple[str, ...]) -> None:
    text = CliRunner().invoke(main, [*path, "--help"]).output
    sentences = [line.strip() for line in text.partition("Options:")[0].splitlines()]
    assert not [line for line in sentences if "     " in line and ":  " not in line]
