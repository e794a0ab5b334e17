"""All of it under load: PostgreSQL, a broker, three gateways, a central node, twenty endpoints; one dies each round.

Everything is a real process on loopback, killed with SIGKILL and started again as systemd would. The endpoints live
five to a process: twenty interpreters would need most of the machine for themselves.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from gateway.central.bodies import Query, write
from gateway.central.documents import DATABASE
from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url
from gateway.crypto.grants import sign_grants
from gateway.crypto.keys import generate
from gateway.crypto.receipt import verify_receipt
from gateway.domain.directory import Authority, Edition, Grant, Grants
from gateway.domain.receipt import Record
from gateway.endpoint.client import Post
from gateway.settings.central import central_toml
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.verify import verify_shared
from tests.federation import DAY_MS, NETWORK, now_ms
from tests.links.broker import DEPLOY, GATEWAY, Broker
from tests.links.mqtt_house import behind, settings
from tests.postgres import fresh_schema
from tests.scale.cluster import Cluster
from tests.scale.crowd import Crowd, Known, Opened
from tests.system.house import changed
from tools.postgres import PostgresServer

GATEWAYS = 3
PAIRS = 9
# Of the pairs, so many know no other way than the broker.
BEHIND_BROKER = 3
PROCESSES = 4
CENTRAL, ASKER = "interpol-gs", "caricc"
UP_WITHIN_S = 60.0
# Between two kills everybody works for so long.
PEACE_S = (0.5, 1.5)
FORM = {"affected.kz": True, "attest.neutrality": True, "ordinary-law": True}


class Bench:
    """Every process of the bench, and what is done to them."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        """Write every file and fork the endpoints; nothing is started yet."""
        self.folder = folder
        self.server = server
        self.schema = fresh_schema()
        self.broker = Broker(folder, acl=broker_rules(GATEWAYS), logged=False)
        self._grants_key = generate("grants")
        others = ((CENTRAL, "INTERPOL"), (ASKER, "CARICC"))
        self.cluster = Cluster(
            folder / "cluster", GATEWAYS, PAIRS, server.dsn, self.schema, others=others, change=self._with_grants
        )
        for gateway in self.cluster.gateways:
            overlay = gateway.folder / "conf.d"
            (overlay / "broker.toml").write_text(settings(self.broker, name=f"gateway-{gateway.number}"))
            pinned = f'[directory]\ngrants_key = "{encode_base64url(self._grants_key.public)}"\n'
            (overlay / "grants.toml").write_text(pinned)
        self.central_file = self._write_central()
        self._central: subprocess.Popen[bytes] | None = None
        opened = self._opened()
        self.crowds = [Crowd(opened[number::PROCESSES]) for number in range(PROCESSES)]
        self.killed: Counter[str] = Counter()
        self.ended_by_itself: Counter[str] = Counter()

    def start(self) -> None:
        """Start broker, gateways and central node; the database runs already."""
        self.broker.start()
        self.cluster.start()
        self._start_central()

    def _start_central(self) -> None:
        with (self.folder / "central.log").open("ab") as log:
            command = [sys.executable, "-m", "gateway", "central", "run", "--config", str(self.central_file)]
            self._central = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """End whatever still runs."""
        for crowd in self.crowds:
            crowd.kill()
        if self._central is not None and self._central.poll() is None:
            self._central.terminate()
            self._central.wait(20)
        self.cluster.stop()
        self.broker.kill()

    def kill(self, what: str, number: int) -> None:
        """Kill one thing with SIGKILL, and start it again a moment later."""
        self.killed[what] += 1
        if what == "database":
            self.server.kill()
            time.sleep(0.3)
            self.server.start()
        elif what == "broker":
            self.broker.kill()
            time.sleep(0.3)
            self.broker.start()
        else:
            gateway = self.cluster.gateways[number % GATEWAYS]
            gateway.kill()
            time.sleep(0.3)
            gateway.start()

    def wait_until_up(self) -> None:
        """Wait until every gateway is ready; start again what ended by itself, as systemd does."""
        deadline_s = time.monotonic() + UP_WITHIN_S
        code = None if self._central is None else self._central.poll()
        if code is not None:
            self.ended_by_itself[f"central {code}"] += 1
            self._start_central()
        while not all(gateway.ready() for gateway in self.cluster.gateways):
            for gateway in self.cluster.gateways:
                code = gateway.process.process.poll()
                if code is not None:
                    assert code in (74, 75), f"{gateway.origin} ended with {code}: {gateway.process.output()}"
                    self.ended_by_itself[f"{gateway.origin.split('.')[0]} {code}"] += 1
                    gateway.start()
            assert time.monotonic() < deadline_s, [
                gateway.process.output()[-2_000:] for gateway in self.cluster.gateways
            ]
            time.sleep(0.05)

    def work(self, at_least: int) -> int:
        """Wait until so many more receipts are there than before; return how many there are."""
        deadline_s = time.monotonic() + UP_WITHIN_S
        before = self.progress()
        while self.progress() < before + at_least:
            assert time.monotonic() < deadline_s, "nothing is accepted any more"
            time.sleep(0.1)
        return self.progress()

    def progress(self) -> int:
        """Return how many receipts all endpoints have."""
        return sum(crowd.progress() for crowd in self.crowds)

    def settle(self) -> list[Known]:
        """End the load and return what everybody knows."""
        for crowd in self.crowds:
            crowd.stop()
        return [known for crowd in self.crowds for known in crowd.known()]

    def _opened(self) -> list[Opened]:
        cluster = self.cluster
        asker = next(member for member in cluster.others if member.name == ASKER)
        opened: list[Opened] = [(partial(cluster.endpoint, asker, 0), self._query)]
        for number, (sender, recipient) in enumerate(zip(cluster.senders, cluster.recipients, strict=True)):
            post = partial(self._message, sender.name, recipient.name)
            broker = self.broker if number < BEHIND_BROKER else None
            opened.append((partial(cluster.endpoint, sender, number % GATEWAYS, broker), post))
            opened.append((partial(cluster.endpoint, recipient, (number + 1) % GATEWAYS, broker), None))
        return opened

    def _message(self, sender: str, recipient: str) -> Post:
        return Post(self.cluster.federation.draft(sender), b'{"text":"synthetic"}', (recipient,))

    def _query(self) -> Post:
        draft = self.cluster.federation.draft(
            ASKER,
            kind="query",
            agreement="caricc-2012",
            purposes=("suppression",),
            subjects=("narcotic-drugs",),
            database=DATABASE,
            form=FORM,
        )
        return Post(draft, write(Query("CZ999999")), (CENTRAL,))

    def _with_grants(self, edition: Edition) -> Edition:
        until_ms = now_ms() + DAY_MS
        grant = Grant(ASKER, DATABASE, "restricted", ("prevention", "suppression"), until_ms)
        grants = Grants(1, NETWORK, 1, CENTRAL, now_ms(), until_ms, (grant,))
        accepted = ("annex-1", "control-of-information", "rpd")
        adherences = tuple(
            replace(one, accepted=accepted) if one.party == "CARICC" else one for one in edition.adherences
        )
        granted = replace(edition, grants=sign_grants(grants, self._grants_key), adherences=adherences)
        return changed(behind(self.broker)(granted), ASKER, _may_search)

    def _write_central(self) -> Path:
        home = self.folder / "central"
        member = next(member for member in self.cluster.others if member.name == CENTRAL)
        self.cluster.write_endpoint(member, 1, home / "endpoint")
        (home / "central.toml").write_text(central_toml(grants_key=encode_base64url(self._grants_key.public)))
        return home / "central.toml"


@pytest.fixture
def bench(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Bench]:
    """A bench that is ready and at work."""
    made = Bench(tmp_path, postgres_server)
    try:
        made.start()
        made.work(50)
        yield made
    finally:
        made.stop()


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("rounds", [10, pytest.param(100, marks=pytest.mark.soak, id="soak")])
def test_kills_of_everything_under_load_lose_nothing_and_double_nothing(bench: Bench, rounds: int) -> None:
    """P-02, P-03, P-10: what an endpoint saw acknowledged is in a ledger, delivered and ended once, whatever died.

    The seed is printed, so that the order of the kills can be played again.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    victims = ("gateway", "broker", "database")
    for number in range(rounds):
        bench.kill(victims[number % len(victims)], number // len(victims))
        bench.wait_until_up()
        bench.work(20)
        time.sleep(chance.uniform(*PEACE_S))
    known = bench.settle()
    print(f"{rounds} rounds, killed {dict(bench.killed)}, ended by themselves {dict(bench.ended_by_itself)}")
    print(_check(bench, known))
    print(asyncio.run(_check_ledgers(bench)))
    print(_verify(bench))


def _check(bench: Bench, known: Sequence[Known]) -> str:
    """Hold the gateways to what the endpoints saw; return what was counted."""
    handed: Counter[bytes] = Counter()
    replies: Counter[bytes] = Counter()
    for each in known:
        assert each.alarms == [], (each.authority, each.alarms)
        handed.update(each.handed)
        replies.update(each.replies)
    origins: Counter[str] = Counter()
    sent = lost = doubled = asked = 0
    for each in known:
        assert each.refused == [], (each.authority, each.refused[0])
        assert each.unsettled == 0, (each.authority, each.via)
        assert set(each.receipts) == set(each.sent), f"{each.authority} has no receipt for what it sent"
        for digest, raw in each.receipts.items():
            receipt = verify_receipt(raw, object_sha256=digest, gateways=bench.cluster.publics, network=NETWORK)
            origins[receipt.record.origin] += 1
        for digest in each.sent:
            # The node destroys what it has answered, and says so too.
            outcomes = Counter(each.outcomes[digest])
            assert outcomes - Counter(["destroyed"]) == Counter(["consigned"]), (each.authority, outcomes)
            if each.authority == ASKER:
                asked += 1
                assert replies[digest] == 1, f"a query has {replies[digest]} answers"
            else:
                sent += 1
                lost += handed[digest] == 0
                doubled += handed[digest] > 1
    assert (lost, doubled) == (0, 0)
    assert len(origins) == GATEWAYS
    split = ", ".join(f"{origin.split('.')[0]} {count}" for origin, count in sorted(origins.items()))
    through = sum(len(each.sent) for each in known if each.via == "mqtts")
    assert through
    return (
        f"{sent} messages ({through} through the broker) and {asked} queries acknowledged ({split}):"
        f" {lost} lost, {doubled} second effects"
    )


def _verify(bench: Bench) -> str:
    """Verify every ledger by its public key alone, as an auditor would; return what was counted."""
    access = PostgresSettings(dsn=bench.server.dsn, schema=bench.schema)
    reports = [
        verify_shared(access, None, network=NETWORK, origin=origin, public=public)
        for origin, public in bench.cluster.publics.items()
    ]
    return f"{len(reports)} ledgers verified, {sum(report.checkpoints for report in reports)} checkpoints"


def _may_search(authority: Authority) -> Authority:
    """Return the authority as an entity whose connection is attested to the profile that CARICC must meet (CA-29)."""
    today = datetime.now(UTC).date().isoformat()
    attested = tuple(
        replace(each, security_profile="general-secretariat", attested_on=today) for each in authority.endpoints
    )
    return replace(authority, entity="authorized-international-entity", endpoints=attested)


def broker_rules(gateways: int) -> str:
    """Return the access rules of `deploy/`, with the lines of a gateway for each of `gateway-0` and so on."""
    lines = (DEPLOY / "acl").read_text().splitlines()
    begin = lines.index(f"user {GATEWAY}")
    rules = lines[begin + 1 : begin + 5]
    ours = [line for number in range(gateways) for line in (f"user gateway-{number}", *rules)]
    return "\n".join([*ours, *lines[begin + 5 :]]) + "\n"


async def _check_ledgers(bench: Bench) -> str:
    """Read every ledger: no object is accepted twice, in whatever ledger; return what was counted."""
    connection = await asyncpg.connect(bench.server.dsn, server_settings={"search_path": bench.schema})
    try:
        rows = await connection.fetch("SELECT record FROM entry")
        owed = await connection.fetchval("SELECT count(*) FROM delivery WHERE outcome IS NULL")
    finally:
        await connection.close()
    accepted: Counter[str] = Counter()
    for row in rows:
        record = decode(row["record"], Record)
        if record.event == "submission-acceptance":
            accepted[record.object_sha256] += 1
    assert max(accepted.values()) == 1
    assert owed == 0
    return f"{len(rows)} entries in {GATEWAYS} ledgers, {len(accepted)} acceptances, each once; nothing is owed"
