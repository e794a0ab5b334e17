"""`accord errors`: what a problem code or a reason code means, and who has to do what."""

import difflib

import click

from gateway.cli.failures import INPUT_MISSING, CommandError


@click.command()
@click.argument("code", required=False)
def errors(code: str | None) -> None:
    """Explain CODE, or list every code that a gateway answers with."""
    from gateway.policy.reasons import REASONS
    from gateway.wire.problems import PROBLEMS

    if code is None:
        for problem in PROBLEMS.values():
            click.echo(f"{problem.code:<28} {problem.title}")
        for name, sentence in REASONS.items():
            click.echo(f"{name:<28} {sentence.en}")
        return
    if code in PROBLEMS:
        problem = PROBLEMS[code]
        click.echo(f"{code}: {problem.title}")
        click.echo(f"HTTP status {problem.status}, WebSocket close code {problem.close_code}")
        click.echo(f"who must act: {problem.actor}\nremedy: {problem.remedy}")
    elif code in REASONS:
        click.echo(f"{code}: {REASONS[code].en}")
        click.echo("a reason of policy: the receipt names rule and article; `accord policy explain` shows them offline")
    else:
        near = difflib.get_close_matches(code, [*PROBLEMS, *REASONS], 1, 0.5)
        remedy = f"did you mean `{near[0]}`?" if near else "run `accord errors` for the list"
        raise CommandError(f"there is no code `{code}`", remedy, INPUT_MISSING)
