"""Names for what a history is about."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container
from typing import Any


def _split(text: str) -> list[str]:
    return text.split()


_ROOTS = _split("accounts billing catalog delivery events files groups hiring inbox jobs")
_KINDS = _split("core api audit sync stats admin_tools feed legacy partner mobile archive")

MODELS = _split("""
    Account Address Agent Alert Answer Asset Badge Batch Booking Branch Budget Campaign Card Cart
    Category Channel Charge Claim Client Comment Contact Contract Coupon Course Credit Customer
    Device Discount Document Draft Employee Entry Event Export Feature Feedback Folder Form Gateway
    Goal Grade Intake Invite Invoice Issue Item Label Lead Ledger Lesson License Line Location
    Member Message Metric Milestone Note Notice Offer Option Organisation Package Page Parcel
    Partner Payment Person Photo Plan Policy Post Price Product Profile Project Question Quota Quote
    Rating Receipt Record Refund Region Release Report Request Review Role Room Route Rule Schedule
    Section Segment Seller Server Session Shift Site Skill Slot Source Stage Stock Store Survey
    Task Team Template Ticket Topic Trail Transfer Trip Unit Vendor Visit Voucher Wallet Webhook Zone
""")

FIELDS = _split("""
    title name slug summary body kind status code reference note email phone street city country
    amount balance quantity weight height score priority position version language currency
    is_active is_public is_archived is_locked is_default started finished published created changed
    expires seen token digest payload settings extra source medium label colour icon avatar website
    comment reason outcome attempts limit_reached retries depth size_in_bytes checksum locale
    time_zone first_name last_name company department vat_number iban opened closed verified
""")


def app_names(number: int) -> list[str]:
    """That many names of apps."""
    pairs = (f"{root}_{kind}" for kind, root in itertools.product(_KINDS, _ROOTS))
    return list(itertools.islice(itertools.chain(_ROOTS, pairs), number))


def numbered(name: str, taken: Container[str]) -> str:
    """The name, with a number where it is taken: "title", "title_2"; of a class "Title2"."""
    glue = "" if name[0].isupper() else "_"
    numbers = itertools.count(2)
    free = name
    while free in taken:
        free = f"{name}{glue}{next(numbers)}"
    return free


def key_name(model: str) -> str:
    """What a foreign key to a model is called."""
    return re.sub(r"(\d+)$", r"_\1", model).lower()


def title(operation: Any) -> str:
    """What a migration that begins with this operation is called."""
    model = (getattr(operation, "after", None) or operation.before).name.lower()
    verb = re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__).lower()
    name = getattr(operation, "name", "") or getattr(operation, "new", "")
    return "_".join(part for part in (verb, model, name) if part)
