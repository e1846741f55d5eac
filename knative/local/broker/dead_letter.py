"""What a dead letter event says about its failure. knative/eventing pkg/kncloudevents/attributes.

Unlike Knative, a timeout, a malformed reply and an answer without body say it too, and a long error body
is cut, not fatal (check 67 of the broker's contract).
"""

from __future__ import annotations

import base64

from eventing.attributes import encode_header
from knative.local.broker.outcomes import Failed

_MOST_BYTES = 768  # 1024 characters of base64


def error_headers(failure: Failed, destination: str) -> dict[str, str]:
    """Return the three extensions as headers.

    Args:
        failure: the last failure.
        destination: the URL that was posted to.
    """
    return {
        "ce-knativeerrordest": encode_header(failure.destination or destination),
        "ce-knativeerrorcode": str(failure.status),
        "ce-knativeerrordata": base64.b64encode(failure.body[:_MOST_BYTES]).decode("ascii"),
    }
