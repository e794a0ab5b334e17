"""`accord errors`: what a problem code or a reason code means, and who has to do what, in English or Russian."""

import difflib

import click

from gateway.cli.failures import INPUT_MISSING, CommandError
from gateway.cli.languages import LANGUAGE

# What stands around the registries' own words: HTTP status and close code, who must act, what to do, a reason.
_WORDS = {
    "en": (
        "HTTP status {}, WebSocket close code {}",
        "who must act: {}",
        "remedy: {}",
        "a reason of policy: the receipt names rule and article; `accord policy explain` shows them offline",
    ),
    "ru": (
        "статус HTTP {}, код закрытия WebSocket {}",
        "кто должен действовать: {}",
        "что делать: {}",
        "основание отказа: правило и статья названы в квитанции; `accord policy explain` показывает их без сети",
    ),
}
_ACTORS_RU = {
    "sender": "отправитель",
    "everybody-later": "любой, позже",
    "directory": "тот, кто ведёт каталог",
    "operator": "оператор",
}


@click.command()
@click.argument("code", required=False)
@LANGUAGE
def errors(code: str | None, language: str) -> None:
    """Explain CODE, or list every code that a gateway answers with."""
    from gateway.policy.reasons import REASONS
    from gateway.wire.problems import PROBLEMS, told

    if code is None:
        for problem in PROBLEMS.values():
            click.echo(f"{problem.code:<28} {told(problem, language)[0]}")
        for name, sentence in REASONS.items():
            click.echo(f"{name:<28} {sentence.in_language(language)}")
        return
    numbers, actor, remedy, reason = _WORDS[language]
    if code in PROBLEMS:
        problem = PROBLEMS[code]
        title, what_to_do = told(problem, language)
        who = _ACTORS_RU[problem.actor] if language == "ru" else problem.actor
        click.echo(f"{code}: {title}")
        click.echo(numbers.format(problem.status, problem.close_code))
        click.echo(f"{actor.format(who)}\n{remedy.format(what_to_do)}")
    elif code in REASONS:
        click.echo(f"{code}: {REASONS[code].in_language(language)}")
        click.echo(reason)
    else:
        near = difflib.get_close_matches(code, [*PROBLEMS, *REASONS], 1, 0.5)
        advice = f"did you mean `{near[0]}`?" if near else "run `accord errors` for the list"
        raise CommandError(f"there is no code `{code}`", advice, INPUT_MISSING)
