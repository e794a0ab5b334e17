"""`make bench`: every benchmark, one after the other; nothing else should run on the machine meanwhile."""

import subprocess
import sys

QUESTIONS = (
    "benchmarks.switching",
    "benchmarks.mqtt",
    "benchmarks.store",
    "benchmarks.postgres",
    "benchmarks.gateways",
    "benchmarks.policy",
)


def main() -> int:
    """Run each in a process of its own; return the worst exit code."""
    worst = 0
    for question in QUESTIONS:
        print(f"== {question}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", question], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
