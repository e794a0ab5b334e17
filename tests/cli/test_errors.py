"""`accord errors`: every code that a gateway answers with can be looked up."""

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


def test_list_is_complete() -> None:
    """Without a code, all of them."""
    listed = {line.split()[0] for line in said(call("errors")).splitlines()}

    assert listed == {*PROBLEMS, *REASONS}


def test_unknown_code_names_the_nearest() -> None:
    """A typing error is helped."""
    result = call("errors", "signature-invalit")

    assert result.exit_code == 66
    assert "did you mean `signature-invalid`?" in said(result)
