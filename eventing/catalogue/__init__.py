"""The event catalogue: each type of event is one class, which says who emits it and what its payload has.

A new type is one new class in one of these modules; `python -m eventing.schemas` then writes its JSON Schema
and its place in docs/events.md.
"""

from eventing.catalogue.base import *
from eventing.catalogue.batches import *
from eventing.catalogue.data import *
from eventing.catalogue.decisions import *
from eventing.catalogue.features import *
from eventing.catalogue.foreign import *
from eventing.catalogue.gate import *
from eventing.catalogue.inference import *
from eventing.catalogue.objects import *
from eventing.catalogue.operations import *
from eventing.catalogue.rollouts import *
from eventing.catalogue.training import *

FROM_OUTSIDE = frozenset(type_ for type_, payload in PAYLOADS.items() if issubclass(payload, OutsidePayload))
"""What people and other systems may send. Their payloads are `OutsidePayload`s, read strictly."""
