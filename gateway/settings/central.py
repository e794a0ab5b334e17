"""`central.toml`: the endpoint that the central node speaks through, its records, and how it marks what it sends."""

from msgspec import Struct

from gateway.central.outgoing import Handling
from gateway.domain.names import Digest
from gateway.store.limits import WriterLimits

_TEMPLATE = """\
# The central node. Paths count from the folder of this file.

# Its connection, its identity and its trust: an endpoint like any other.
endpoint_file = "{endpoint_file}"

# Where the records lie; not the endpoint's own data folder.
data_folder = "{data_folder}"

# 32 random bytes under which document numbers are stored; made at the first start if neither this file nor any
# record exists. Without it the records cannot be searched: keep a copy, apart from the copies of the records.
lookup_key_file = "{lookup_key_file}"

# The public key of the grants that this node signed (base64url). Grants under another key count for nothing (CA-12).
grants_key = "{grants_key}"

[handling]
# The least that an answer is marked with. It is the same for a hit and for a search that found nothing.
level = "restricted"
# An answer that nobody fetched expires after a day; whoever received it destroys it after thirty.
lifetime_s = 86400
destroy_after_s = 2592000
"""


class CentralSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    endpoint_file: str
    data_folder: str
    lookup_key_file: str
    grants_key: Digest
    handling: Handling = Handling()
    writer: WriterLimits = WriterLimits()


def central_toml(
    *,
    grants_key: str,
    endpoint_file: str = "endpoint/endpoint.toml",
    data_folder: str = "data",
    lookup_key_file: str = "lookup.key",
) -> str:
    """Return an annotated `central.toml`; `grants_key` is the public one, base64url."""
    return _TEMPLATE.format(
        endpoint_file=endpoint_file, data_folder=data_folder, lookup_key_file=lookup_key_file, grants_key=grants_key
    )
