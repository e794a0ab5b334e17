"""The annotated `directory.toml` that `accord init` writes: every table that may stand in one, with an example."""

from datetime import UTC, datetime

_TEXT = """\
# The source of the directory: who may do what. `accord directory build` makes a signed edition of it.
# Whoever changes this file changes nothing yet: an edition counts once k of n directory keys have signed it.
# Keys, endpoints and revocations stand at the end; tools append there and rewrite nothing of yours.

[federation]
# Stands in every signed object. It never changes.
network = "{network}"
# An edition expires after so many days, so that nobody can keep an old one alive.
valid_days = 30

# The public directory keys (base64url; `accord keys generate --role directory` shows one) and how many must sign.
# Later changes go through `accord directory rotate`: k of the old keys and k of the new ones.
[key_set]
threshold = {threshold}
keys = [{keys}]

# The edition lists the digest of every agreement in this folder; gateways judge by files with these digests only.
[law]
agreements_folder = "{agreements}"

# What the central node granted, under its own key (`accord directory grants`). Take the table out if there is none.
# [grants]
# signed_file = "grants.json"

# Every gateway: the origin of its ledger, its checkpoint key, the digest of the public key of its TLS certificate.
[[gateways]]
origin = "{origin}"
checkpoint_public = "{checkpoint_public}"
spki_sha256 = "{spki_sha256}"

# --- Parties: States and organisations ----------------------------------------------------------------------
# kind: state, un-body, global, regional, national-authority, private

[[parties]]
id = "CZ"
kind = "state"
title = "Czech Republic"

[[parties]]
id = "KZ"
kind = "state"
title = "Republic of Kazakhstan"

[[parties]]
id = "INTERPOL"
kind = "global"
title = "International Criminal Police Organization"
# A designated office, never a person (CA-16).
focal_point = {{ office = "Secretary General", expires_on = 2030-12-31 }}

# --- Authorities: competent bodies of the parties -----------------------------------------------------------
# clearance: open, restricted, confidential, secret, top-secret. unit: core, non-core, specialised, organisation

[[authorities]]
id = "cz-police"
party = "CZ"
title = "Police of the Czech Republic"
clearance = "secret"
unit = "core"
# In INTERPOL's terms: ncb, national-entity, authorized-international-entity, private (CA-28).
entity = "ncb"
languages = ["cs", "en"]
# The weakest suite it accepts: 2 is ML-KEM-768 + X25519, 1 is X25519 alone.
suite_min = 2
# What is left out is left to the agreements.
# mandate = {{ purposes = ["prevention", "detection"], subjects = ["narcotic-drugs"], kinds = ["request", "reply"] }}

[[authorities]]
id = "kz-mvd"
party = "KZ"
title = "Ministry of Internal Affairs of Kazakhstan"
clearance = "secret"
languages = ["en", "kk", "ru"]

# --- Agreements: signed is not notified, notified is not in force -------------------------------------------
# Leave `in_force_on` out where the instrument computes it from the notifications.
# The dates here are made up: take yours from the depositary. What comes of them:
# `accord agreements status --directory directory.toml`. What contradicts an agreement is not built.
# registers/ holds the status of the agreement of 2001 as printed.

[[adherences]]
agreement = "cz-kz"
party = "CZ"
signed_on = 2019-09-10
notified_on = 2020-02-20
# suspensions = [{{ delivered_on = 2024-03-01, kinds = ["request"] }}]
# exit = {{ received_on = 2024-03-01 }}
# reservations = ["5-e"]
# accepted = ["annex-1"]     # terms and rule sets it accepted (CA-13, CA-27)
# pending = true             # its deposit says that internal procedures go on: nothing is in force (C1-27)
# consented = [{{ party = "AM", received_on = 2024-03-01 }}]   # to its accession, one by one (C1-24)

[[adherences]]
agreement = "cz-kz"
party = "KZ"
signed_on = 2019-09-10
notified_on = 2020-03-10

# A channel basis between two authorities or two parties, where an agreement asks for one (C8-15).
# [[channels]]
# agreement = "cis-2018"
# between = ["AM", "KZ"]
# basis = "protocol between the ministries, Article 2"

# What a party's own law, or another of its treaties, forbids to send or receive (CZ-46). Every list that stands
# here must match; a list left empty matches everything.
# [[blocks]]
# party = "KZ"
# law = "Criminal Procedure Code, Article 201"
# directions = ["send"]      # send, receive
# kinds = []
# subjects = ["economic-crime"]
# purposes = []
# categories = ["health"]
# parties = []

# --- Keys and endpoints: appended by `accord directory add` -------------------------------------------------
# [[keys]]
# authority = "cz-police"
# role = "message"
# kid = "..."
# public = "..."
# not_before = {moment}
# not_after = ...
#
# [[endpoints]]
# authority = "cz-police"
# spki_sha256 = "..."
# link = "endpoint"          # endpoint, broker
# clearance = "restricted"   # the most that may travel on this link; left out: the authority's own
# security_profile = "general-secretariat"   # what it was attested to meet, and when (CA-29)
# attested_on = 2026-01-31
#
# As what a key of role `signatory` signs: head, deputy, head-of-specialised, authorised, expert (C8-07, C8-17, C1-09).
# [[signatories]]
# authority = "cz-police"
# key = "..."
# office = "head"
# agreement = "cis-2018"     # left out: under every agreement
# towards = ["kz-mvd"]       # left out: towards everybody
#
# --- Revocations: appended by `accord directory revoke` -----------------------------------------------------
# [[revocations]]
# key = "..."                # or certificate = "...", or authority = "..."
# status = "compromised"     # or superseded: replaced in good order, queued mail still goes
# invalid_from = {moment}
"""


def directory_toml(
    *,
    network: str,
    origin: str,
    checkpoint_public: str,
    spki_sha256: str,
    at_ms: int,
    keys: tuple[str, ...] = (),
    threshold: int = 2,
    agreements: str = "../agreements",
) -> str:
    """Return the template; without `keys` it is refused by every tool until the keepers put theirs in."""
    return _TEXT.format(
        network=network,
        threshold=threshold,
        keys=", ".join(f'"{key}"' for key in keys),
        agreements=agreements,
        origin=origin,
        checkpoint_public=checkpoint_public,
        spki_sha256=spki_sha256,
        moment=datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT00:00:00Z"),
    )
