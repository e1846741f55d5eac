"""Takes a model off the platform: its shadow's Trigger, then its Service, and with that every revision."""

from __future__ import annotations

from functions.roll_out_model.deployer import Deployer, Unavailable
from functions.roll_out_model.logic import Wait


def withdraw(deployer: Deployer, model: str) -> Wait | None:
    """Take away what there is; return what there is to wait for. It may be repeated.

    The Trigger goes whatever is seen: of a Service that somebody has deleted, it may be left.

    Raises:
        Refused: the platform will not do it.
    """
    try:
        deployer.copy(model, 0, None)
        observed = deployer.observe(model)
        if observed.template is None:
            return None
        deployer.remove(model, observed.template, None)
        gone = deployer.observe(model).template is None
    except Unavailable as error:
        return Wait(str(error))
    return None if gone else Wait(f"the Service {model} has not gone yet")
