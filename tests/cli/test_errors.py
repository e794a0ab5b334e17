"""`accord errors`: every code that a gateway answers with can be looked up."""

import re

import pytest

from gateway.policy.reasons import REASONS
from gateway.wire.problems import PROBLEMS
from tests.cli.demo_folder import call, said


@pytest.mark.parametrize("code", sorted({*PROBLEMS, *REASONS}))
def test_every_code_is_explained(code: str) -> None:
    """No code reaches anybody that the command does not know."""
    result = call("errors", code)

    assert result.exit_code == 0
    assert said(result).startswith(f"{code}: ")


@pytest.mark.parametrize("code", sorted({*PROBLEMS, *REASONS}))
def test_every_code_is_explained_in_russian(code: str) -> None:
    """The same codes in the other language: nothing falls back to English."""
    first, *rest = said(call("errors", code, "--language", "ru")).splitlines()

    assert re.search(r"[\u0430-\u044f]", first)
    assert rest != said(call("errors", code)).splitlines()[1:]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_list_is_complete(language: str) -> None:
    """Without a code, all of them."""
    listed = {line.split()[0] for line in said(call("errors", "--language", language)).splitlines()}

    assert listed == {*PROBLEMS, *REASONS}


def test_language_that_we_do_not_speak_is_told() -> None:
    """A wrong option is a usage error, and the choices are named."""
    result = call("errors", "busy", "--language", "kk")

    assert result.exit_code == 2
    assert "'en', 'ru'" in said(result)


def test_unknown_code_names_the_nearest() -> None:
    """A typing error is helped."""
    result = call("errors", "signature-invalit")

    assert result.exit_code == 66
    assert "did you mean `signature-invalid`?" in said(result)
