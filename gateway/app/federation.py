"""The federation of `accord init --demo`: who is in it, and its `directory.toml`.

Example data, no statement of law: where a text prints a date it stands here, every other date was made up.
"""

from msgspec import Struct

from gateway.domain.directory import EntityClass

NETWORK = "accord-demo"
ORIGIN = "gateway.accord-demo.example"
CENTRAL = "interpol-gs"
DATABASE = "travel-documents"


class Member(Struct, frozen=True):
    """An authority of the demo."""

    id: str
    party: str
    title: str
    clearance: str
    unit: str
    languages: tuple[str, ...]
    entity: EntityClass = "ncb"
    security_profile: str | None = None


# md-police is cleared low on purpose: what is confidential does not reach it.
MEMBERS = (
    Member("cz-police", "CZ", "Police of the Czech Republic", "secret", "core", ("cs", "en")),
    Member("kz-mvd", "KZ", "Ministry of Internal Affairs of Kazakhstan", "secret", "core", ("en", "kk", "ru")),
    Member("am-police", "AM", "Police of Armenia", "confidential", "core", ("en", "hy", "ru")),
    Member("md-police", "MD", "Police of Moldova", "restricted", "core", ("en", "ro", "ru")),
    Member(
        "caricc",
        "CARICC",
        "CARICC",
        "confidential",
        "organisation",
        ("en", "ru"),
        "authorized-international-entity",
        "general-secretariat",
    ),
    Member(
        CENTRAL,
        "INTERPOL",
        "INTERPOL General Secretariat",
        "secret",
        "organisation",
        ("ar", "en", "es", "fr"),
        "unclassified",
    ),
)

STATES = {
    "AM": "Republic of Armenia",
    "AZ": "Republic of Azerbaijan",
    "BY": "Republic of Belarus",
    "CZ": "Czech Republic",
    "KG": "Kyrgyz Republic",
    "KZ": "Republic of Kazakhstan",
    "MD": "Republic of Moldova",
    "RU": "Russian Federation",
    "TJ": "Republic of Tajikistan",
    "TM": "Turkmenistan",
    "UA": "Ukraine",
    "UZ": "Republic of Uzbekistan",
}

# CIS2001 "as at 15 January 2008" (rules.md 1.5): State, deposit, in force for it.
CIS_2001_IN_FORCE = (
    ("BY", "2001-09-18", "2002-03-14"),
    ("TJ", "2002-02-20", "2002-03-14"),
    ("AM", "2002-03-14", "2002-03-14"),
    ("MD", "2002-04-03", "2002-04-03"),
    ("KZ", "2002-09-18", "2002-09-18"),
    ("AZ", "2004-05-14", "2004-05-14"),
)
# Signed, and nothing more that the list would call in force (C1-27).
CIS_2001_SIGNED = ("KG", "UZ")

_HEAD = """\
# The directory of the demo federation: who may do what. Example data, no statement of law.
# After a change:  accord directory build --source {source} --key ... --key ...
# Keys, endpoints and revocations stand at the end; tools append there and change nothing above.

[federation]
network = "{network}"
valid_days = 30

# {threshold} of these must sign an edition. The set is changed by `accord directory rotate` only.
[key_set]
threshold = {threshold}
keys = [{keys}]

[law]
agreements_folder = "../agreements"

# What the central node grants is signed by its own key (CA-12); nobody here can raise an access level.
[grants]
signed_file = "grants.json"

[[gateways]]
origin = "{origin}"
checkpoint_public = "{checkpoint_public}"
spki_sha256 = "{spki_sha256}"
"""

_ORGANISATIONS = """
[[parties]]
id = "INTERPOL"
kind = "global"
title = "International Criminal Police Organization"
focal_point = { office = "Secretary General" }

[[parties]]
id = "CARICC"
kind = "regional"
title = "Central Asian Regional Information and Coordination Centre"
focal_point = { office = "Director" }
"""

_ADHERENCES = """
# --- Agreements: signed is not notified, notified is not in force -------------------------------------------

# The copy of the Czech-Kazakh agreement shows no date (CZ-49): these are made up.
[[adherences]]
agreement = "cz-kz"
party = "CZ"
signed_on = 2019-09-10
notified_on = 2020-02-20
in_force_on = 2020-05-01

[[adherences]]
agreement = "cz-kz"
party = "KZ"
signed_on = 2019-09-10
notified_on = 2020-03-10
in_force_on = 2020-05-01

# The notifications are on record; the text gives no date of entry into force, the operator states it (CA-21).
[[adherences]]
agreement = "caricc-2012"
party = "INTERPOL"
signed_on = 2012-03-22
notified_on = 2012-09-03
in_force_on = 2012-10-01

[[adherences]]
agreement = "caricc-2012"
party = "CARICC"
signed_on = 2012-04-25
notified_on = 2012-09-17
in_force_on = 2012-10-01
# The Annex, and the rule sets in effect, version by version: without them no direct access (CA-13, CA-27).
accepted = ["annex-1", "control-of-information", "rpd"]

# Armenia alone is a party of 2018 here, so that between Armenia and Moldova the agreement of 2001 governs (C8-36).
[[adherences]]
agreement = "cis-2018"
party = "AM"
signed_on = 2018-09-28
notified_on = 2020-01-15
in_force_on = 2020-03-12

[[adherences]]
agreement = "cis-2001"
party = "UA"
signed_on = 2001-06-01
reservations = ["5-e"]

# Deposited, "internal procedures are being carried out": not in force (C1-27).
[[adherences]]
agreement = "cis-2001"
party = "RU"
signed_on = 2001-06-01
notified_on = 2004-12-31
pending = true
"""

# Requests and their results go electronically between authorities, or their parties, that agreed on it (C8-15).
_CHANNELS = """
[[channels]]
agreement = "cis-2018"
between = ["AM", "KZ"]
basis = "protocol on electronic exchange"

[[channels]]
agreement = "cis-2001"
between = ["am-police", "md-police"]
basis = "procedure under Art. 6(6)"
"""


def directory_toml(
    source: str,
    keys: tuple[str, ...],
    threshold: int,
    checkpoint_public: str,
    spki_sha256: str,
) -> str:
    """Return the demo's directory source, before any authority has registered its keys.

    `keys` are public directory keys, `checkpoint_public` and `spki_sha256` the gateway's (base64url).
    """
    head = _HEAD.format(
        source=source,
        network=NETWORK,
        threshold=threshold,
        keys=", ".join(f'"{key}"' for key in keys),
        origin=ORIGIN,
        checkpoint_public=checkpoint_public,
        spki_sha256=spki_sha256,
    )
    states = "".join(
        f'\n[[parties]]\nid = "{id_}"\nkind = "state"\ntitle = "{title}"\n' for id_, title in STATES.items()
    )
    return head + states + _ORGANISATIONS + "".join(map(_authority, MEMBERS)) + _ADHERENCES + _CHANNELS + _cis_2001()


def _authority(member: Member) -> str:
    languages = ", ".join(f'"{language}"' for language in member.languages)
    return (
        f'\n[[authorities]]\nid = "{member.id}"\nparty = "{member.party}"\ntitle = "{member.title}"\n'
        f'unit = "{member.unit}"\nentity = "{member.entity}"\nclearance = "{member.clearance}"\n'
        f"languages = [{languages}]\n"
    )


def _cis_2001() -> str:
    lines = ["\n# As printed with the text, as at 15 January 2008."]
    for party, deposited, in_force in CIS_2001_IN_FORCE:
        lines.append(
            f'[[adherences]]\nagreement = "cis-2001"\nparty = "{party}"\nsigned_on = 2001-06-01\n'
            f"notified_on = {deposited}\nin_force_on = {in_force}\n"
        )
    for party in CIS_2001_SIGNED:
        lines.append(f'[[adherences]]\nagreement = "cis-2001"\nparty = "{party}"\nsigned_on = 2001-06-01\n')
    return "\n".join(lines)
