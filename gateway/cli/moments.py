"""Points in time as an operator types and reads them: ISO 8601, UTC."""

from datetime import UTC, datetime

import click


class Moment(click.ParamType[int]):
    """`2026-11-23`, `2026-11-23T10:00:00Z`: milliseconds since the epoch; without a zone, UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds, or explain the spelling."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"`{value}` is no time; write 2026-11-23T10:00:00Z", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def spelled(at_ms: int) -> str:
    """Return a time as people read it, to the second."""
    try:
        return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "no date"
